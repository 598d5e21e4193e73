//! What can administrators ask for, and what are they told?

mod command;
pub mod key;
mod scope;

pub use command::{AdminCommand, AdminVerb, NewPerson, Person, UserQuery};
pub use key::{AdminKey, KeyId, NewAdminKey};
pub use scope::{EVERYTHING, Scope, Scopes};

use crate::id::UserId;
use crate::time::Moment;
use crate::token::Digest;
use crate::user::User;
use serde_json::{Map, Value};

/// The rules of the house for administrators.
#[derive(Clone, Copy, Debug)]
pub struct AdminRules {
    /// Whether an administrator's sign-in needs a second factor (SEC-99).
    pub require_factor: bool,
}

impl AdminRules {
    /// What holds where the operator says nothing.
    pub const DEFAULT: AdminRules = AdminRules { require_factor: true };
}

impl Default for AdminRules {
    fn default() -> AdminRules {
        AdminRules::DEFAULT
    }
}

/// What a list holds.
#[derive(Clone, Debug)]
pub enum Items {
    /// Users.
    Users(Vec<User>),
    /// Admin keys.
    Keys(Vec<AdminKey>),
    /// Events of the audit trail.
    Events(Vec<ShownEvent>),
}

/// An event of the audit trail, as administrators see it: no internal number of a user or session is in it (SEC-93).
#[derive(Clone, Debug)]
pub struct ShownEvent {
    /// Its number in the trail.
    pub number: i64,
    /// When.
    pub at: Moment,
    /// Name of the kind.
    pub kind: String,
    /// Who did it, in a word.
    pub actor: String,
    /// Public id of the administrator or admin key who did it; absent for others, and once that administrator is gone.
    pub by: Option<String>,
    /// Public id of the session.
    pub session: Option<String>,
    /// Through which contract; empty for the console.
    pub contract: String,
    /// The verb or command.
    pub verb: String,
    /// Client address.
    pub address: String,
    /// Code of the refusal; empty when granted.
    pub result: String,
    /// Id of the request, as in the log.
    pub request: String,
    /// More about it.
    pub details: Map<String, Value>,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The items.
    pub items: Items,
    /// How many there are on all pages; absent where nobody counts them.
    pub total: Option<u64>,
    /// Where the next page begins; absent on the last one.
    pub next: Option<String>,
}

/// One write of an administrator's that relies on what only administrators have.
#[derive(Clone, Debug)]
pub enum AdminChange {
    /// Nothing is written. Conflict: without the changes before it in the list there would be an active administrator,
    /// with them there is none (SEC-98). `roles` are those that permit everything.
    KeepAdministrator {
        /// Names of roles.
        roles: Vec<String>,
    },
    /// Adds a key.
    AddKey(Box<NewAdminKey>),
    /// Revokes a key; one that was revoked stays as it is.
    RevokeKey {
        /// Which.
        key: KeyId,
        /// When.
        at: Moment,
    },
    /// Notes a use.
    TouchKey {
        /// Which.
        key: KeyId,
        /// When.
        at: Moment,
    },
    /// Puts a new bootstrap token in the place of the old one. Conflict: there is an administrator.
    PutBootstrap {
        /// SHA-256 of the token.
        digest: Digest,
        /// When it ends.
        expires_at: Moment,
        /// Names of the roles that permit everything.
        roles: Vec<String>,
    },
    /// Takes the bootstrap token away. Conflict: another token or none, over, or there is an administrator (SEC-91).
    UseBootstrap {
        /// SHA-256 of the token presented.
        digest: Digest,
        /// When.
        at: Moment,
        /// Names of the roles that permit everything.
        roles: Vec<String>,
    },
}

/// What a search asks the store for. Names are canonical already; nothing in it is a pattern (SEC-95).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserSearch {
    /// First letters of the canonical address or of the canonical user name.
    pub prefix: Option<(String, String)>,
    /// Exactly this role.
    pub role: Option<String>,
    /// Exactly this status.
    pub status: Option<crate::user::Status>,
    /// From the user after this one.
    pub after: Option<UserId>,
    /// At most so many.
    pub limit: u32,
}
