//! What is written down for the operator?

use crate::change::Change;
use crate::id::{SessionId, UserId};
use crate::letter::Letter;
use crate::time::Moment;
use serde_json::{Map, Value};

/// The longest text in a detail, in bytes; the rest is cut off.
const MAX_DETAIL: usize = 512;

/// Makes the enum, the list of all kinds, their names and their meanings from one table.
macro_rules! kinds {
    ($(#[doc = $doc:literal] $kind:ident = $name:literal,)+) => {
        /// The closed list of events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventKind {
            $(#[doc = $doc] $kind,)+
        }

        impl EventKind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &[EventKind] = &[$(EventKind::$kind,)+];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(EventKind::$kind => $name,)+
                }
            }

            /// What it says, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(EventKind::$kind => $doc.trim_ascii(),)+
                }
            }
        }
    };
}

kinds! {
    /// An account was made.
    SignedUp = "signed_up",
    /// A session was opened.
    SignedIn = "signed_in",
    /// A sign-in was refused.
    SignInRefused = "sign_in_refused",
    /// A session was ended by its user.
    SignedOut = "signed_out",
    /// All sessions were ended by their user.
    SignedOutEverywhere = "signed_out_everywhere",
    /// An exchanged refresh token came back; the family ended.
    RefreshReuse = "refresh_reuse",
    /// The user proved again who it is.
    Reauthenticated = "reauthenticated",
    /// A proof in a session was refused.
    ReauthenticationRefused = "reauthentication_refused",
    /// One session was ended by its user, from the list.
    SessionEnded = "session_ended",
    /// All sessions but one were ended by their user.
    OtherSessionsEnded = "other_sessions_ended",
    /// The password was changed.
    PasswordChanged = "password_changed",
    /// A change of password was refused.
    PasswordChangeRefused = "password_change_refused",
    /// The user's fields were changed.
    ProfileUpdated = "profile_updated",
    /// A new password was taken without a look-up in breaches, because the service gave no answer.
    BreachLookUpFailed = "breach_lookup_failed",
    /// The account was deleted.
    AccountDeleted = "account_deleted",
    /// So many tries of a password failed in a row that the next one has to wait.
    PasswordThrottled = "password_throttled",
    /// So many tries of a password failed in a row that it is off until it is reset.
    PasswordOff = "password_off",
    /// A client tried too many pairs of account and password and is blocked.
    ClientBlocked = "client_blocked",
    /// The share of failed sign-ins of the whole server has become too large.
    SignInAlarm = "sign_in_alarm",
    /// The limits of a user's password were lifted.
    LimitsCleared = "limits_cleared",
    /// The password was right, and the second factor was asked for.
    FactorAsked = "factor_asked",
    /// A second factor began to be enrolled.
    FactorEnrolling = "factor_enrolling",
    /// A second factor is in force.
    FactorAdded = "factor_added",
    /// A second factor was switched off.
    FactorRemoved = "factor_removed",
    /// An answer with a second factor was refused.
    FactorRefused = "factor_refused",
    /// After a hundred wrong answers in a row codes are not looked at any more.
    FactorLocked = "factor_locked",
    /// A recovery code was used; it is void now.
    RecoveryCodeUsed = "recovery_code_used",
    /// New recovery codes were made; the old ones are void.
    RecoveryCodesMade = "recovery_codes_made",
    /// Users were imported.
    Imported = "imported",
    /// A sign-up named an address that has an account; its owner was told.
    SignUpRepeated = "sign_up_repeated",
    /// A letter to verify an address was asked for.
    VerificationAsked = "verification_asked",
    /// Control of the mailbox was proved.
    EmailVerified = "email_verified",
    /// A letter to set a new password was asked for.
    ResetAsked = "reset_asked",
    /// A new password was set by a link.
    PasswordReset = "password_reset",
    /// Another address was asked for.
    EmailChangeAsked = "email_change_asked",
    /// The address was changed.
    EmailChanged = "email_changed",
    /// The former address was given back.
    EmailChangeUndone = "email_change_undone",
    /// A link was not good, or who used it could not prove the account.
    LinkRefused = "link_refused",
    /// An administrator or key was refused what it may not do.
    AdminRefused = "admin_refused",
    /// The first administrator was made.
    AdminBootstrapped = "admin_bootstrapped",
    /// A token to make the first administrator was written.
    BootstrapOffered = "bootstrap_offered",
    /// An administrator added a user.
    UserCreated = "user_created",
    /// An administrator changed fields of a user.
    UserEdited = "user_edited",
    /// An administrator gave a role or permissions.
    RoleSet = "role_set",
    /// An administrator suspended, switched off or restored an account.
    StatusSet = "status_set",
    /// An administrator deleted a user.
    UserDeleted = "user_deleted",
    /// An administrator ended sessions of a user.
    SessionsEnded = "sessions_ended",
    /// An admin key was made.
    AdminKeyCreated = "admin_key_created",
    /// An admin key was revoked.
    AdminKeyRevoked = "admin_key_revoked",
    /// An operator changed a user.
    OperatorEdit = "operator_edit",
    /// A letter was never sent: its link or its time was over first.
    LetterDropped = "letter_dropped",
    /// Users were exported with password hashes or second factors.
    Exported = "exported",
    /// Everything was copied here from another database.
    DatabaseCopied = "database_copied",
    /// A server was started.
    Started = "started",
    /// A server was stopped.
    Stopped = "stopped",
    /// Weaker behaviour in force when a server started.
    Weakened = "weakened",
    /// A mount entered another phase of taking over from the old application.
    PhaseChanged = "phase_changed",
    /// A user of the old application was taken over.
    UserCarriedOver = "user_carried_over",
    /// The old application let somebody in who could not be taken over: an id, address or user name is somebody else's here.
    UserNotCarriedOver = "user_not_carried_over",
    /// The old application gave an answer that can not be true; it was not believed.
    UpstreamLied = "upstream_lied",
    /// The old application gave no answer for a sign-in.
    UpstreamUnavailable = "upstream_unavailable",
    /// What a user changed here could not be changed at the old application.
    OutOfStep = "out_of_step",
    /// A key got a successor.
    KeyRotated = "key_rotated",
    /// A key was taken out at once.
    KeyRevoked = "key_revoked",
    /// From here on the trail is chained; what is older is not.
    TrailBegun = "trail_begun",
    /// The end of the trail was not as the last writer left it, or its key is another one.
    TrailBroken = "trail_broken",
    /// Old events were deleted as the settings say.
    TrailPruned = "trail_pruned",
}

impl EventKind {
    /// Reads a stable name. Refused: any other text.
    pub fn parse(name: &str) -> Option<EventKind> {
        EventKind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// Who did it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who has proved nothing.
    Nobody,
    /// The user whom the event is about.
    User,
    /// Another user, as an administrator.
    Admin(UserId),
    /// Whoever holds this admin key, by its number.
    AdminKey(i64),
    /// Whoever holds the machine, on the console; the event's verb is the name of the command.
    Operator,
    /// The server itself.
    System,
}

impl Actor {
    /// The word in the trail.
    pub const fn name(self) -> &'static str {
        match self {
            Actor::Nobody => "nobody",
            Actor::User => "user",
            Actor::Admin(_) => "admin",
            Actor::AdminKey(_) => "admin_key",
            Actor::Operator => "operator",
            Actor::System => "system",
        }
    }

    /// The number of the administrator or of the key.
    pub const fn id(self) -> Option<i64> {
        match self {
            Actor::Admin(user) => Some(user.0),
            Actor::AdminKey(key) => Some(key),
            Actor::Nobody | Actor::User | Actor::Operator | Actor::System => None,
        }
    }
}

/// What else is worth knowing. A closed list; holds no secret and nothing that a stranger typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Why, in a word of a closed list.
    Reason(&'static str),
    /// How many.
    Count(u64),
    /// Which letter.
    Letter(Letter),
    /// Which role, as configured.
    Role(String),
    /// Which setting.
    Setting(&'static str),
    /// Which fields, in words of a closed list.
    Fields(Vec<&'static str>),
    /// Which key, by its public name.
    Key(String),
    /// With which algorithm; left out when empty.
    Algorithm(&'static str),
    /// Which weakenings, by name.
    Weaker(Vec<&'static str>),
    /// Which version of this program.
    Version(&'static str),
    /// Up to which row of the trail.
    Through(i64),
    /// In which strand of the trail.
    Strand(i64),
    /// The hash of that row, hexadecimal.
    Hash(String),
    /// For how many seconds.
    Seconds(i64),
    /// At which mount, by its key.
    Mount(String),
    /// Which phase.
    Phase(&'static str),
    /// What it was before, in a word of a closed list.
    Was(&'static str),
    /// In which format, in a word of a closed list.
    Format(&'static str),
    /// For whom it was sealed; `plain` = for nobody.
    Recipient(String),
}

impl Detail {
    /// Key and value in the trail.
    fn entry(&self) -> (&'static str, Value) {
        let list = |words: &[&str]| Value::from(cut(&words.join(" ")));
        match self {
            Detail::Reason(word) => ("reason", Value::from(*word)),
            Detail::Count(number) => ("count", Value::from(*number)),
            Detail::Letter(letter) => ("letter", Value::from(letter.name())),
            Detail::Role(role) => ("role", Value::from(cut(role))),
            Detail::Setting(name) => ("setting", Value::from(*name)),
            Detail::Fields(names) => ("fields", list(names)),
            Detail::Key(name) => ("key", Value::from(cut(name))),
            Detail::Algorithm(name) => ("algorithm", Value::from(*name)),
            Detail::Weaker(names) => ("weaker", list(names)),
            Detail::Version(version) => ("version", Value::from(*version)),
            Detail::Strand(strand) => ("strand", Value::from(*strand)),
            Detail::Through(row) => ("through", Value::from(*row)),
            Detail::Hash(hash) => ("hash", Value::from(cut(hash))),
            Detail::Seconds(seconds) => ("seconds", Value::from(*seconds)),
            Detail::Mount(key) => ("mount", Value::from(cut(key))),
            Detail::Phase(name) => ("phase", Value::from(*name)),
            Detail::Was(name) => ("was", Value::from(*name)),
            Detail::Format(name) => ("format", Value::from(*name)),
            Detail::Recipient(name) => ("recipient", Value::from(cut(name))),
        }
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_DETAIL);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// One thing that happened. Holds no secret and nothing the user typed.
#[derive(Clone, Debug)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: Moment,
    /// By whom.
    pub actor: Actor,
    /// About whom, if known.
    pub user: Option<UserId>,
    /// In which session, if any.
    pub session: Option<SessionId>,
    /// Through which contract; empty for the console.
    pub contract: String,
    /// The verb, or the command on the console (`user delete`).
    pub verb: &'static str,
    /// Client address; empty for the console.
    pub address: String,
    /// The refusal's code, or empty.
    pub result: &'static str,
    /// The id of the request, as in the log; empty for the console.
    pub request: String,
    /// More about it; a key that is given twice counts once.
    pub details: Vec<Detail>,
}

impl Event {
    /// An event that no request brought about.
    pub fn inside(kind: EventKind, at: Moment, actor: Actor, verb: &'static str) -> Event {
        Event {
            kind,
            at,
            actor,
            user: None,
            session: None,
            contract: String::new(),
            verb,
            address: String::new(),
            result: "",
            request: String::new(),
            details: Vec::new(),
        }
    }

    /// The same by somebody else.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Event {
        self.actor = actor;
        self
    }

    /// The same about a user.
    #[must_use]
    pub fn about(mut self, user: Option<UserId>) -> Event {
        self.user = user;
        self
    }

    /// The same through a contract.
    #[must_use]
    pub fn through(mut self, contract: &str) -> Event {
        contract.clone_into(&mut self.contract);
        self
    }

    /// The same with a detail more.
    #[must_use]
    pub fn with(mut self, detail: Detail) -> Event {
        self.details.push(detail);
        self
    }

    /// The change that writes it.
    pub fn noted(self) -> Change {
        Change::Note(Box::new(self))
    }

    /// The details as a JSON object on one line; empty when there are none.
    pub fn details_text(&self) -> String {
        if self.details.is_empty() {
            return String::new();
        }
        let entries = self.details.iter().map(Detail::entry).filter(|(_, value)| *value != "");
        let object: Map<String, Value> = entries.map(|(key, value)| (key.to_owned(), value)).collect();
        Value::Object(object).to_string()
    }
}
