//! What can a link in a letter do, and for how long?
//!
//! A link is used once. Its row names the user, the address it was sent to and, where the link changes the address,
//! the address it leads to. Its token is made from its number and never stored ([`crate::token::LinkKey`]).

use crate::id::UserId;
use crate::identifier::EmailKey;
use crate::letter::{Letter, LinkId, NewLetter};
use crate::time::Moment;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The closed list of purposes. The token of one never opens as another (SEC-42).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinkKind {
    /// Proves that the mailbox of an account is its owner's.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
    /// Makes a new address the account's own.
    ConfirmEmail,
    /// Gives the account its former address back.
    UndoEmail,
    /// Sets the first password of an account that an administrator opened.
    Invitation,
}

impl LinkKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [LinkKind; 5] = [
        LinkKind::VerifyEmail,
        LinkKind::ResetPassword,
        LinkKind::ConfirmEmail,
        LinkKind::UndoEmail,
        LinkKind::Invitation,
    ];

    /// The name in the store and on pages.
    pub const fn name(self) -> &'static str {
        match self {
            LinkKind::VerifyEmail => "verify_email",
            LinkKind::ResetPassword => "reset_password",
            LinkKind::ConfirmEmail => "confirm_email",
            LinkKind::UndoEmail => "undo_email",
            LinkKind::Invitation => "invitation",
        }
    }

    /// Reads a name of the store. Refused: any other text.
    pub fn parse(name: &str) -> Option<LinkKind> {
        LinkKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How long a link of this kind can be used, in seconds (security.md 3.4).
    pub const fn lifetime_seconds(self) -> i64 {
        match self {
            LinkKind::VerifyEmail | LinkKind::ConfirmEmail => 24 * HOUR,
            LinkKind::ResetPassword => 30 * MINUTE,
            LinkKind::UndoEmail => 72 * HOUR,
            LinkKind::Invitation => 7 * DAY,
        }
    }

    /// The kind of link that a letter carries; none for letters without a link.
    pub const fn of(letter: Letter) -> Option<LinkKind> {
        match letter {
            Letter::VerifyEmail => Some(LinkKind::VerifyEmail),
            Letter::ResetPassword => Some(LinkKind::ResetPassword),
            Letter::ConfirmEmail => Some(LinkKind::ConfirmEmail),
            Letter::EmailChangeAsked | Letter::EmailChanged => Some(LinkKind::UndoEmail),
            Letter::Invitation => Some(LinkKind::Invitation),
            Letter::AlreadySignedUp
            | Letter::PasswordChanged
            | Letter::FactorAdded
            | Letter::FactorRemoved
            | Letter::RecoveryCodeUsed
            | Letter::RecoveryCodesMade => None,
        }
    }
}

/// A link to be opened. It relies on the user's address being `bound`, and remembers the user's epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    /// Drawn for it.
    pub id: LinkId,
    /// What it does. An older one of the same kind ends with it; undo links stand beside each other.
    pub kind: LinkKind,
    /// Whose; absent = the user added earlier in the same list.
    pub user: Option<UserId>,
    /// The address that the account has now, if it has one.
    pub bound: Option<EmailKey>,
    /// The address that it leads to: the new one, or the former one. Display form.
    pub address: Option<(String, EmailKey)>,
    /// When it ends.
    pub expires_at: Moment,
    /// When it was made.
    pub at: Moment,
}

/// A link as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub id: LinkId,
    /// What it does.
    pub kind: LinkKind,
    /// Whose.
    pub user: UserId,
    /// The address that the account had when it was made.
    pub bound: Option<EmailKey>,
    /// The user's epoch when it was made.
    pub epoch: i64,
    /// The address that it leads to, in display form.
    pub address: Option<(String, EmailKey)>,
    /// When it ends.
    pub expires_at: Moment,
    /// When it was used.
    pub used_at: Option<Moment>,
}

/// A letter that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The letter.
    pub letter: NewLetter,
    /// Whose mailbox it goes to; letters are counted by it, whatever the spelling.
    pub recipient: EmailKey,
    /// The link in it.
    pub link: Option<NewLink>,
}

/// Letters that one request asked for. They are written all or, above the bounds, none of them (SEC-27).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The first one is what was asked for; the others tell of it.
    pub letters: Vec<Offered>,
    /// Most of the first letter to one address within a minute.
    pub per_minute: u32,
    /// Most of each letter to one address within an hour.
    pub per_hour: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SEC-35, SEC-39: security.md 3.4.
    #[test]
    fn links_live_as_long_as_the_catalogue_says() {
        let hours = |kind: LinkKind| kind.lifetime_seconds() as f64 / 3600.0;
        assert_eq!(LinkKind::ALL.map(hours), [24.0, 0.5, 24.0, 72.0, 168.0]);
    }

    #[test]
    fn names_are_read_back() {
        for kind in LinkKind::ALL {
            assert_eq!(LinkKind::parse(kind.name()), Some(kind));
        }
        assert_eq!(LinkKind::parse("reset"), None);
    }
}
