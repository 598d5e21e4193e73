//! What is written to people?
//!
//! A letter is named here, put into the outbox with the change it tells of, and worded only when it is sent.

use crate::id::UserId;
use crate::time::Moment;

/// The closed list of letters. Each has a template for its subject, its text and its HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Letter {
    /// To a new address: open the link to prove that the mailbox is yours.
    VerifyEmail,
    /// Somebody wanted to sign up with an address that has an account (SEC-14).
    AlreadySignedUp,
    /// Open the link to set a new password.
    ResetPassword,
    /// To the new address: open the link to make it yours.
    ConfirmEmail,
    /// To the old address: a change was asked for; the link takes it back (SEC-45).
    EmailChangeAsked,
    /// To the old address: the change has happened; the link takes it back (SEC-45).
    EmailChanged,
    /// The password was changed or reset.
    PasswordChanged,
    /// A second factor was switched on.
    FactorAdded,
    /// The second factor was switched off.
    FactorRemoved,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// New recovery codes were made; the old ones are void.
    RecoveryCodesMade,
    /// The account was opened by an administrator; open the link to set a password.
    Invitation,
}

impl Letter {
    /// Every letter, in the order of the documentation.
    pub const ALL: [Letter; 12] = [
        Letter::VerifyEmail,
        Letter::AlreadySignedUp,
        Letter::ResetPassword,
        Letter::ConfirmEmail,
        Letter::EmailChangeAsked,
        Letter::EmailChanged,
        Letter::PasswordChanged,
        Letter::FactorAdded,
        Letter::FactorRemoved,
        Letter::RecoveryCodeUsed,
        Letter::RecoveryCodesMade,
        Letter::Invitation,
    ];

    /// The name in the store and of its templates.
    pub const fn name(self) -> &'static str {
        match self {
            Letter::VerifyEmail => "verify_email",
            Letter::AlreadySignedUp => "already_signed_up",
            Letter::ResetPassword => "reset_password",
            Letter::ConfirmEmail => "confirm_email",
            Letter::EmailChangeAsked => "email_change_asked",
            Letter::EmailChanged => "email_changed",
            Letter::PasswordChanged => "password_changed",
            Letter::FactorAdded => "factor_added",
            Letter::FactorRemoved => "factor_removed",
            Letter::RecoveryCodeUsed => "recovery_code_used",
            Letter::RecoveryCodesMade => "recovery_codes_made",
            Letter::Invitation => "invitation",
        }
    }

    /// Reads a name of the store. Refused: any other text.
    pub fn parse(name: &str) -> Option<Letter> {
        Letter::ALL.into_iter().find(|letter| letter.name() == name)
    }
}

/// The number of a one-time link. Not secret: the link's token is this number under a seal of the server's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkId(pub [u8; 16]);

/// A letter's place in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LetterId(pub i64);

/// A letter to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLetter {
    /// Which.
    pub letter: Letter,
    /// About whom; absent = the user added earlier in the same list.
    pub user: Option<UserId>,
    /// The stored address of the mailbox, never a spelling that was just typed (SEC-30).
    pub to: String,
    /// What the reader is called; empty when unknown.
    pub name: String,
    /// Language tags by preference, as `Accept-Language` has them; empty = the house's own.
    pub language: String,
    /// The link in the letter, if it has one.
    pub link: Option<LinkId>,
    /// After this moment it is dropped unsent (REL-44): its link has ended.
    pub expires_at: Moment,
    /// When it was written.
    pub at: Moment,
}
