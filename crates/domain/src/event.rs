//! What is written down for the operator?

use crate::id::{SessionId, UserId};
use crate::time::Moment;

/// The closed list of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An account was made.
    SignedUp,
    /// A session was opened.
    SignedIn,
    /// A sign-in was refused.
    SignInRefused,
    /// A session was ended by its user.
    SignedOut,
    /// All sessions were ended by their user.
    SignedOutEverywhere,
    /// An exchanged refresh token came back; the family ended.
    RefreshReuse,
    /// The user proved again who it is.
    Reauthenticated,
    /// A proof in a session was refused.
    ReauthenticationRefused,
    /// All sessions but one were ended by their user.
    OtherSessionsEnded,
    /// The password was changed.
    PasswordChanged,
    /// A change of password was refused.
    PasswordChangeRefused,
    /// The user's fields were changed.
    ProfileUpdated,
    /// The account was deleted.
    AccountDeleted,
    /// Users were imported.
    Imported,
    /// An operator changed a user.
    OperatorEdit,
    /// A letter was never sent: its link or its time was over first.
    LetterDropped,
}

impl EventKind {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            EventKind::SignedUp => "signed_up",
            EventKind::SignedIn => "signed_in",
            EventKind::SignInRefused => "sign_in_refused",
            EventKind::SignedOut => "signed_out",
            EventKind::SignedOutEverywhere => "signed_out_everywhere",
            EventKind::RefreshReuse => "refresh_reuse",
            EventKind::Reauthenticated => "reauthenticated",
            EventKind::ReauthenticationRefused => "reauthentication_refused",
            EventKind::OtherSessionsEnded => "other_sessions_ended",
            EventKind::PasswordChanged => "password_changed",
            EventKind::PasswordChangeRefused => "password_change_refused",
            EventKind::ProfileUpdated => "profile_updated",
            EventKind::AccountDeleted => "account_deleted",
            EventKind::Imported => "imported",
            EventKind::OperatorEdit => "operator_edit",
            EventKind::LetterDropped => "letter_dropped",
        }
    }
}

/// One thing that happened. Holds no secret and nothing the user typed.
#[derive(Clone, Debug)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: Moment,
    /// About whom, if known.
    pub user: Option<UserId>,
    /// In which session, if any.
    pub session: Option<SessionId>,
    /// Through which contract; empty for the console.
    pub contract: String,
    /// Client address; empty for the console.
    pub address: String,
    /// The refusal's code, or empty.
    pub result: &'static str,
    /// The id of the request, as in the log.
    pub request: String,
}
