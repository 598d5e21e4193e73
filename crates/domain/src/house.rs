//! Which rules hold for the whole installation, whatever the contract?
//!
//! The operator's settings as the rules see them. What one contract demands stands in [`crate::contract::Contract`].

use crate::admin::AdminRules;
use crate::limit::Limits;
use crate::retention::Retention;
use crate::role::Roles;

/// The rules of the house.
#[derive(Clone, Debug, Default)]
pub struct House {
    /// The roles and what they permit.
    pub roles: Roles,
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
