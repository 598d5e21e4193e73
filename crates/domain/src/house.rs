//! Which rules hold for the whole installation, whatever the contract?
//!
//! The operator's settings as the rules see them. What one contract demands stands in [`crate::contract::Contract`].

use crate::admin::AdminRules;
use crate::limit::Limits;
use crate::retention::Retention;
use crate::role::Roles;
use crate::user::User;

/// The rules of the house.
#[derive(Clone, Debug, Default)]
pub struct House {
    /// The roles and what they permit.
    pub roles: Roles,
    /// Whether the operator has written the roles: then there are no others, and user objects show what they permit.
    pub roles_configured: bool,
    /// Whether the strict preset is in force (docs/operating.md lists what it changes).
    pub strict: bool,
    /// Sessions of one user.
    pub sessions: SessionRules,
    /// Recovery and e-mail.
    pub recovery: RecoveryRules,
    /// How often things may be tried.
    pub limits: Limits,
    /// How long what is over is kept.
    pub retention: Retention,
    /// Administrators.
    pub admin: AdminRules,
    /// Second factors.
    pub factors: FactorRules,
}

/// What holds for second factors.
#[derive(Clone, Debug, Default)]
pub struct FactorRules {
    /// What authenticator apps call this server; empty = its public address without the scheme.
    pub name: String,
}

impl House {
    /// The permissions that user objects and claims show: those of the role and the user's own, each once. None where
    /// they are just the user's own.
    pub fn shown_permissions(&self, user: &User) -> Option<Vec<String>> {
        let of_role = self.roles.0.get(&user.role).filter(|role| !role.permissions.is_empty());
        of_role.filter(|_| self.roles_configured)?;
        Some(self.roles.permissions(&user.role, &user.permissions))
    }

    /// Whether a user may be given this role; with the roles there are, where not. No role at all is always fine.
    pub fn check_role(&self, role: &str) -> Result<(), Vec<&str>> {
        if !self.roles_configured || role.is_empty() || self.roles.0.contains_key(role) {
            return Ok(());
        }
        Err(self.roles.0.keys().map(String::as_str).collect())
    }
}

/// What holds for the sessions of every contract.
#[derive(Clone, Copy, Debug)]
pub struct SessionRules {
    /// How many live sessions a user may have; the oldest end above it (SEC-70).
    pub per_user: u32,
    /// Seconds for which a proof of identity counts as fresh, where an action needs a fresh one.
    pub fresh_seconds: i64,
}

impl SessionRules {
    /// What holds where the operator says nothing.
    pub const DEFAULT: SessionRules = SessionRules { per_user: 50, fresh_seconds: 300 };
}

impl Default for SessionRules {
    fn default() -> SessionRules {
        SessionRules::DEFAULT
    }
}

/// What holds for letters, links and addresses.
#[derive(Clone, Copy, Debug)]
pub struct RecoveryRules {
    /// Whether letters are delivered. Without it none is written, and what needs one is refused.
    pub mail: bool,
    /// Whether nobody gets a token before the address is verified (SEC-37).
    pub require_verified: bool,
    /// Most letters of one purpose to one address within a minute (SEC-27).
    pub letters_per_minute: u32,
    /// Most letters of one purpose to one address within an hour (SEC-27).
    pub letters_per_hour: u32,
}

impl RecoveryRules {
    /// security.md 3.5.
    pub const DEFAULT: RecoveryRules =
        RecoveryRules { mail: false, require_verified: false, letters_per_minute: 1, letters_per_hour: 5 };
}

impl Default for RecoveryRules {
    fn default() -> RecoveryRules {
        RecoveryRules::DEFAULT
    }
}
