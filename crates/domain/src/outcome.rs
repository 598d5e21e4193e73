//! What can be answered?

use crate::admin::{AdminKey, Listed};
use crate::factor::FactorState;
use crate::secret::Secret;
use crate::session::ShownSession;
use crate::time::Moment;
use crate::user::User;
use serde_json::{Map, Value};

/// A token that was just made.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The token as the client gets it.
    pub token: Secret,
    /// When it was made.
    pub issued_at: Moment,
    /// When it ends.
    pub expires_at: Moment,
}

/// The tokens of one sign-in or refresh.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For each request.
    pub access: Minted,
    /// For the next access token; absent where the contract has none.
    pub refresh: Option<Minted>,
    /// What a page has to send back with its cookies; only where cookies are set (SEC-75).
    pub csrf: Option<Secret>,
    /// Makes the client a known device of the account; absent on a refresh and where devices are not remembered.
    pub device: Option<Minted>,
}

/// The normal "yes".
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An account was made; tokens where the contract gives them at once.
    SignedUp {
        /// The new user.
        user: User,
        /// Tokens of the first session.
        tokens: Option<Tokens>,
    },
    /// A session was opened.
    SignedIn {
        /// Whose.
        user: User,
        /// Its tokens.
        tokens: Tokens,
    },
    /// A refresh token was exchanged.
    Refreshed {
        /// Whose.
        user: User,
        /// The new tokens; `refresh` is the same one where the contract keeps it.
        tokens: Tokens,
    },
    /// The session has ended (or had before).
    SignedOut,
    /// All sessions have ended.
    SignedOutEverywhere {
        /// How many were live.
        ended: u64,
    },
    /// The user of the token.
    Profile {
        /// The user.
        user: User,
    },
    /// Fields were changed.
    ProfileUpdated {
        /// The user after the change.
        user: User,
    },
    /// The picture was replaced.
    AvatarSet {
        /// The user after the change.
        user: User,
    },
    /// The session counts as freshly opened from now on.
    Reauthenticated,
    /// The live sessions of the user, newest first.
    SessionsListed {
        /// At most [`crate::session::MOST_SHOWN`].
        sessions: Vec<ShownSession>,
    },
    /// A session of the user has ended.
    SessionEnded,
    /// All sessions but this one have ended.
    OtherSessionsEnded {
        /// How many were live.
        ended: u64,
    },
    /// A new password is in force; all other sessions have ended.
    PasswordChanged {
        /// The user.
        user: User,
    },
    /// The account is gone.
    AccountDeleted,
    /// Whether the address has an account.
    EmailChecked {
        /// As typed.
        email: String,
        /// The answer.
        exists: bool,
    },
    /// A sign-up was taken in; only a letter says what came of it (SEC-14).
    SignUpPending,
    /// A letter goes out if there is somebody to get it; nothing says whether (SEC-13).
    LetterAsked,
    /// The address was verified.
    EmailVerified,
    /// A new password is in force; every session has ended, and none was opened.
    PasswordReset,
    /// The new address is in force.
    EmailConfirmed,
    /// The former address is in force again; the password is void.
    EmailRestored,
    /// The token is good.
    TokenVerified {
        /// Its user.
        user: User,
        /// Its claims.
        claims: Map<String, Value>,
        /// When it ends.
        expires_at: Moment,
    },
    /// A page of a list.
    Listed(Listed),
    /// The user that an administrator asked about, as it is now.
    UserShown {
        /// The user.
        user: User,
    },
    /// What an administrator asked for has happened.
    Done {
        /// How many sessions were ended by it.
        ended: u64,
    },
    /// An admin key was made. Its text is shown this once.
    KeyMade {
        /// The key.
        key: AdminKey,
        /// Its text.
        secret: Secret,
    },
    /// The password was right; the second factor is still to come, or to be enrolled. No session was opened.
    FactorNeeded {
        /// What opens the next step, and nothing else.
        half_way: Minted,
        /// Whether the user has none yet and has to enrol one.
        enrol: bool,
    },
    /// A second factor waits for its first code. Shown once.
    FactorEnrolling(Box<Enrolment>),
    /// A second factor is in force. A new session was opened, every other one has ended.
    FactorConfirmed {
        /// Whose.
        user: User,
        /// Of the new session.
        tokens: Tokens,
        /// Shown once.
        recovery_codes: Vec<Secret>,
    },
    /// What may be shown of the second factor.
    FactorShown(FactorState),
    /// New recovery codes; the old ones are void. Shown once.
    RecoveryCodes(Vec<Secret>),
    /// No second factor is in force any more.
    FactorRemoved,
}

/// What an authenticator app needs to know. Shown once.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// The seed in base 32.
    pub secret: Secret,
    /// `otpauth://totp/…` with the seed.
    pub uri: Secret,
    /// The same as a QR code, an SVG picture.
    pub qr: Secret,
}

/// The user of an outcome, as it is borrowed; one list of the outcomes that have none.
macro_rules! user_of {
    ($outcome:expr) => {
        match $outcome {
            Outcome::SignedUp { user, .. }
            | Outcome::SignedIn { user, .. }
            | Outcome::Refreshed { user, .. }
            | Outcome::Profile { user }
            | Outcome::ProfileUpdated { user }
            | Outcome::AvatarSet { user }
            | Outcome::PasswordChanged { user }
            | Outcome::UserShown { user }
            | Outcome::FactorConfirmed { user, .. }
            | Outcome::TokenVerified { user, .. } => Some(user),
            Outcome::SignedOut
            | Outcome::SignedOutEverywhere { .. }
            | Outcome::Reauthenticated
            | Outcome::SessionsListed { .. }
            | Outcome::SessionEnded
            | Outcome::OtherSessionsEnded { .. }
            | Outcome::AccountDeleted
            | Outcome::SignUpPending
            | Outcome::LetterAsked
            | Outcome::EmailVerified
            | Outcome::PasswordReset
            | Outcome::EmailConfirmed
            | Outcome::EmailRestored => None,
            Outcome::Listed(_)
            | Outcome::Done { .. }
            | Outcome::KeyMade { .. }
            | Outcome::EmailChecked { .. }
            | Outcome::FactorNeeded { .. }
            | Outcome::FactorEnrolling(_)
            | Outcome::FactorShown(_)
            | Outcome::RecoveryCodes(_)
            | Outcome::FactorRemoved => None,
        }
    };
}

impl Outcome {
    /// The user shown, if the outcome has one.
    pub const fn user(&self) -> Option<&User> {
        user_of!(self)
    }

    /// The same, to be completed.
    pub const fn user_mut(&mut self) -> Option<&mut User> {
        user_of!(self)
    }

    /// The tokens given, if the outcome has some.
    pub const fn tokens(&self) -> Option<&Tokens> {
        match self {
            Outcome::SignedUp { tokens, .. } => tokens.as_ref(),
            Outcome::SignedIn { tokens, .. }
            | Outcome::Refreshed { tokens, .. }
            | Outcome::FactorConfirmed { tokens, .. } => Some(tokens),
            Outcome::SignedOut
            | Outcome::SignedOutEverywhere { .. }
            | Outcome::Reauthenticated
            | Outcome::SessionsListed { .. }
            | Outcome::SessionEnded
            | Outcome::OtherSessionsEnded { .. }
            | Outcome::Profile { .. }
            | Outcome::ProfileUpdated { .. }
            | Outcome::AvatarSet { .. }
            | Outcome::PasswordChanged { .. }
            | Outcome::AccountDeleted
            | Outcome::EmailChecked { .. }
            | Outcome::SignUpPending
            | Outcome::LetterAsked
            | Outcome::EmailVerified
            | Outcome::PasswordReset
            | Outcome::EmailConfirmed
            | Outcome::EmailRestored
            | Outcome::Listed(_)
            | Outcome::UserShown { .. }
            | Outcome::Done { .. }
            | Outcome::KeyMade { .. }
            | Outcome::TokenVerified { .. }
            | Outcome::FactorNeeded { .. }
            | Outcome::FactorEnrolling(_)
            | Outcome::FactorShown(_)
            | Outcome::RecoveryCodes(_)
            | Outcome::FactorRemoved => None,
        }
    }
}
