//! Which verbs are for administrators?

use super::Scope;
use crate::permit::Permit;
use crate::secret::Secret;
use crate::user::Status;
use uuid::Uuid;

/// The closed list of verbs that only a contract for administrators may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AdminVerb {
    /// Make the first administrator.
    Bootstrap,
    /// Search users.
    ListUsers,
    /// Show one user.
    ShowUser,
    /// Add a user without a password.
    CreateUser,
    /// Change fields of a user.
    EditUser,
    /// Give a role and permissions.
    SetRole,
    /// Suspend, switch off or restore an account.
    SetStatus,
    /// Delete a user for good.
    DeleteUser,
    /// List the live sessions of a user.
    ListSessions,
    /// End one session of a user.
    EndSession,
    /// End all sessions of a user.
    EndSessions,
    /// Lift the limits of a user's password.
    ClearLimits,
    /// Send a user a letter to set a new password.
    StartReset,
    /// Switch the second factor of a user off.
    FactorsOff,
    /// List what happened to a user.
    ListEvents,
    /// List the keys that the caller may manage.
    ListKeys,
    /// Make a key.
    CreateKey,
    /// Revoke a key.
    RevokeKey,
}

impl AdminVerb {
    /// Every verb, in the order of the documentation.
    pub const ALL: [AdminVerb; 18] = [
        AdminVerb::Bootstrap,
        AdminVerb::ListUsers,
        AdminVerb::ShowUser,
        AdminVerb::CreateUser,
        AdminVerb::EditUser,
        AdminVerb::SetRole,
        AdminVerb::SetStatus,
        AdminVerb::DeleteUser,
        AdminVerb::ListSessions,
        AdminVerb::EndSession,
        AdminVerb::EndSessions,
        AdminVerb::ClearLimits,
        AdminVerb::StartReset,
        AdminVerb::FactorsOff,
        AdminVerb::ListEvents,
        AdminVerb::ListKeys,
        AdminVerb::CreateKey,
        AdminVerb::RevokeKey,
    ];

    /// The word used everywhere: files, events, metrics, transcripts.
    pub const fn name(self) -> &'static str {
        match self {
            AdminVerb::Bootstrap => "admin_bootstrap",
            AdminVerb::ListUsers => "admin_list_users",
            AdminVerb::ShowUser => "admin_show_user",
            AdminVerb::CreateUser => "admin_create_user",
            AdminVerb::EditUser => "admin_edit_user",
            AdminVerb::SetRole => "admin_set_role",
            AdminVerb::SetStatus => "admin_set_status",
            AdminVerb::DeleteUser => "admin_delete_user",
            AdminVerb::ListSessions => "admin_list_sessions",
            AdminVerb::EndSession => "admin_end_session",
            AdminVerb::EndSessions => "admin_end_sessions",
            AdminVerb::ClearLimits => "admin_clear_limits",
            AdminVerb::StartReset => "admin_start_reset",
            AdminVerb::FactorsOff => "admin_factors_off",
            AdminVerb::ListEvents => "admin_list_events",
            AdminVerb::ListKeys => "admin_list_keys",
            AdminVerb::CreateKey => "admin_create_key",
            AdminVerb::RevokeKey => "admin_revoke_key",
        }
    }

    /// What the door asks for.
    pub const fn permit(self) -> Permit {
        match self {
            AdminVerb::Bootstrap => Permit::Token,
            AdminVerb::ListUsers | AdminVerb::ShowUser | AdminVerb::ListSessions => {
                Permit::Admin(Scope::UsersRead)
            }
            AdminVerb::CreateUser | AdminVerb::EditUser | AdminVerb::SetStatus => {
                Permit::Admin(Scope::UsersWrite)
            }
            AdminVerb::SetRole => Permit::Admin(Scope::RolesGrant),
            AdminVerb::DeleteUser => Permit::Admin(Scope::UsersDelete),
            AdminVerb::EndSession | AdminVerb::EndSessions => Permit::Admin(Scope::SessionsEnd),
            AdminVerb::ClearLimits => Permit::Admin(Scope::LimitsClear),
            AdminVerb::StartReset => Permit::Admin(Scope::ResetsStart),
            AdminVerb::FactorsOff => Permit::Admin(Scope::FactorsOff),
            AdminVerb::ListEvents => Permit::Admin(Scope::AuditRead),
            AdminVerb::ListKeys | AdminVerb::CreateKey | AdminVerb::RevokeKey => {
                Permit::Admin(Scope::KeysManage)
            }
        }
    }
}

/// What is asked of a search, as it was heard.
#[derive(Clone, Debug, Default)]
pub struct UserQuery {
    /// First letters of the address or user name.
    pub search: Option<String>,
    /// Exactly this role.
    pub role: Option<String>,
    /// Exactly this status.
    pub status: Option<String>,
    /// Users of one page, 1 to 200.
    pub limit: Option<i64>,
    /// Where the page begins, as the page before said it.
    pub cursor: Option<String>,
}

/// The fields of a person that an administrator may write; no password, status, role or permission is among them.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// As typed; `Some(None)` clears.
    pub username: Option<Option<String>>,
    /// As typed; `Some(None)` clears.
    pub email: Option<Option<String>>,
    /// As typed.
    pub first_name: Option<String>,
    /// As typed.
    pub last_name: Option<String>,
    /// As typed; `Some(None)` clears.
    pub phone_number: Option<Option<String>>,
}

/// A user to be added.
#[derive(Clone, Debug, Default)]
pub struct NewPerson {
    /// The fields.
    pub person: Person,
    /// A role; to give one needs the scope for it.
    pub role: Option<String>,
}

/// What an administrator asks for.
#[derive(Clone, Debug)]
pub enum AdminCommand {
    /// Make the first administrator.
    Bootstrap {
        /// The one-time token.
        token: Secret,
        /// As typed.
        email: String,
        /// As typed.
        password: Secret,
    },
    /// Search users.
    ListUsers(UserQuery),
    /// Show one user.
    ShowUser {
        /// Whom.
        user: Uuid,
    },
    /// Add a user without a password.
    CreateUser(Box<NewPerson>),
    /// Change fields of a user.
    EditUser {
        /// Whom.
        user: Uuid,
        /// New values.
        person: Box<Person>,
    },
    /// Give a role and permissions; what is absent stays.
    SetRole {
        /// Whom.
        user: Uuid,
        /// By name; empty = none.
        role: Option<String>,
        /// The user's own ones, by name, as a whole.
        permissions: Option<Vec<String>>,
    },
    /// Suspend, switch off or restore an account.
    SetStatus {
        /// Whom.
        user: Uuid,
        /// From now on.
        status: Status,
    },
    /// Delete a user for good.
    DeleteUser {
        /// Whom.
        user: Uuid,
    },
    /// List the live sessions of a user.
    ListSessions {
        /// Whose.
        user: Uuid,
    },
    /// End one session of a user.
    EndSession {
        /// Whose.
        user: Uuid,
        /// Which, by its public id.
        session: String,
    },
    /// End all sessions of a user.
    EndSessions {
        /// Whose.
        user: Uuid,
    },
    /// Lift the limits of a user's password.
    ClearLimits {
        /// Whose.
        user: Uuid,
    },
    /// Send a user a letter to set a new password.
    StartReset {
        /// To whom.
        user: Uuid,
    },
    /// Switch the second factor of a user off.
    FactorsOff {
        /// Whose.
        user: Uuid,
    },
    /// List what happened to a user, the newest first.
    ListEvents {
        /// To whom.
        user: Uuid,
        /// Events of one page, 1 to 200.
        limit: Option<i64>,
        /// Where the page begins, as the page before said it.
        cursor: Option<String>,
    },
    /// List the keys that the caller may manage.
    ListKeys,
    /// Make a key.
    CreateKey {
        /// For people.
        name: String,
        /// Names of scopes.
        scopes: Vec<String>,
        /// Days until it ends, 1 to 365.
        days: i64,
    },
    /// Revoke a key.
    RevokeKey {
        /// Which, as the list names it.
        key: String,
    },
}

impl AdminCommand {
    /// Which verb it is.
    pub const fn verb(&self) -> AdminVerb {
        match self {
            AdminCommand::Bootstrap { .. } => AdminVerb::Bootstrap,
            AdminCommand::ListUsers(_) => AdminVerb::ListUsers,
            AdminCommand::ShowUser { .. } => AdminVerb::ShowUser,
            AdminCommand::CreateUser(_) => AdminVerb::CreateUser,
            AdminCommand::EditUser { .. } => AdminVerb::EditUser,
            AdminCommand::SetRole { .. } => AdminVerb::SetRole,
            AdminCommand::SetStatus { .. } => AdminVerb::SetStatus,
            AdminCommand::DeleteUser { .. } => AdminVerb::DeleteUser,
            AdminCommand::ListSessions { .. } => AdminVerb::ListSessions,
            AdminCommand::EndSession { .. } => AdminVerb::EndSession,
            AdminCommand::EndSessions { .. } => AdminVerb::EndSessions,
            AdminCommand::ClearLimits { .. } => AdminVerb::ClearLimits,
            AdminCommand::StartReset { .. } => AdminVerb::StartReset,
            AdminCommand::FactorsOff { .. } => AdminVerb::FactorsOff,
            AdminCommand::ListEvents { .. } => AdminVerb::ListEvents,
            AdminCommand::ListKeys => AdminVerb::ListKeys,
            AdminCommand::CreateKey { .. } => AdminVerb::CreateKey,
            AdminCommand::RevokeKey { .. } => AdminVerb::RevokeKey,
        }
    }
}
