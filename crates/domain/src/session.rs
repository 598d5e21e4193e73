//! What is known of a session?

use crate::contract::{Contract, RefreshPlan};
use crate::id::{SessionId, UserId};
use crate::time::Moment;
use crate::token::Digest;

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user signed out.
    SignOut,
    /// The user signed out everywhere.
    SignOutEverywhere,
    /// The password was changed.
    PasswordChange,
    /// A new password was set by a link, or an address was given back.
    PasswordReset,
    /// An exchanged refresh token came back.
    RefreshReuse,
    /// The account was switched off, banned or deleted.
    AccountClosed,
    /// The user has more sessions than allowed; the oldest went.
    TooMany,
    /// Ended by an operator.
    Operator,
    /// A second factor was put in force.
    FactorChange,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [EndReason; 9] = [
        EndReason::SignOut,
        EndReason::SignOutEverywhere,
        EndReason::PasswordChange,
        EndReason::PasswordReset,
        EndReason::RefreshReuse,
        EndReason::AccountClosed,
        EndReason::TooMany,
        EndReason::Operator,
        EndReason::FactorChange,
    ];

    /// The word in the store and in events.
    pub const fn name(self) -> &'static str {
        match self {
            EndReason::SignOut => "sign_out",
            EndReason::SignOutEverywhere => "sign_out_everywhere",
            EndReason::PasswordChange => "password_change",
            EndReason::PasswordReset => "password_reset",
            EndReason::RefreshReuse => "refresh_reuse",
            EndReason::AccountClosed => "account_closed",
            EndReason::TooMany => "too_many",
            EndReason::Operator => "operator",
            EndReason::FactorChange => "factor_change",
        }
    }

    /// What happened, for "it ended because …".
    pub const fn cause(self) -> &'static str {
        match self {
            EndReason::SignOut => "the user signed out",
            EndReason::SignOutEverywhere => "the user signed out everywhere",
            EndReason::PasswordChange => "the password was changed",
            EndReason::PasswordReset => {
                "a new password was set by a link, or a former address was taken back"
            }
            EndReason::RefreshReuse => {
                "a refresh token that had been exchanged already came back, which happens when somebody has copied it"
            }
            EndReason::AccountClosed => "the account was switched off or deleted",
            EndReason::TooMany => {
                "the user signed in more often than sessions are allowed, and the oldest goes"
            }
            EndReason::Operator => "somebody who runs this server ended it",
            EndReason::FactorChange => {
                "a second factor was put in force, and this session had never shown it"
            }
        }
    }

    /// Reads a word of the store.
    pub fn parse(name: &str) -> Option<EndReason> {
        EndReason::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// A session: one sign-in and the family of refresh tokens that follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// Name of the contract it was opened through; no other contract may use it.
    pub contract: String,
    /// Number of the refresh token in force, from 0.
    pub counter: u32,
    /// Digest of the refresh token in force; absent where the contract has none.
    pub digest: Option<Digest>,
    /// When the refresh token in force was made.
    pub rotated_at: Moment,
    /// When the refresh token in force ends.
    pub refresh_expires_at: Moment,
    /// When the session ends whatever happens.
    pub expires_at: Moment,
    /// The sign-in.
    pub created_at: Moment,
    /// Whether it was opened with a second factor.
    pub with_factor: bool,
    /// When the user last proved who it is, with all that the account asks for; 1970 = never in this session.
    pub authenticated_at: Moment,
    /// When it was last used, to some minutes.
    pub seen_at: Moment,
    /// Set once it ended.
    pub ended: Option<(Moment, EndReason)>,
}

impl Session {
    /// The session under the limits of today: one that was opened under wider ones ends with them (SEC-65).
    pub fn within(mut self, plan: &RefreshPlan) -> Session {
        let absolute = plan.absolute_seconds.max(plan.lifetime_seconds);
        self.expires_at = self.expires_at.min(self.created_at.plus_seconds(absolute));
        let idle = self.rotated_at.plus_seconds(plan.lifetime_seconds);
        self.refresh_expires_at = self.refresh_expires_at.min(idle).min(self.expires_at);
        self
    }

    /// Whether it has not been used for longer than the contract lets it rest.
    pub fn rests_too_long(&self, contract: &Contract, now: Moment) -> bool {
        contract.idle_seconds.is_some_and(|seconds| self.seen_at.plus_seconds(seconds) <= now)
    }

    /// Whether its use is worth a note. Where every exchange of a refresh token is written anyway nothing else is.
    pub fn is_due(&self, contract: &Contract, now: Moment) -> bool {
        !contract.rotates() && self.seen_at.plus_seconds(SEEN_SECONDS) <= now
    }
}

/// How exactly the last use is kept where nothing is exchanged, in seconds.
pub const SEEN_SECONDS: i64 = 300;
/// Most sessions that are shown at once.
pub const MOST_SHOWN: u32 = 50;

/// A live session as the store lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSession {
    /// Its number.
    pub id: SessionId,
    /// Name of the contract it was opened through.
    pub contract: String,
    /// Client address at the sign-in.
    pub address: String,
    /// Client software at the sign-in, at most 256 bytes; whatever the client said.
    pub user_agent: String,
    /// The sign-in.
    pub created_at: Moment,
    /// When it was last used, to some minutes.
    pub seen_at: Moment,
    /// When it ends whatever happens.
    pub expires_at: Moment,
}

/// A live session as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownSession {
    /// What names it outside: a UUID that only this server can open.
    pub public_id: String,
    /// Whether it is the one that asks.
    pub is_current: bool,
    /// The rest.
    pub listed: ListedSession,
}

/// A session to be opened.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its number.
    pub id: SessionId,
    /// Name of the contract.
    pub contract: String,
    /// Digest of the first refresh token.
    pub digest: Option<Digest>,
    /// When the first refresh token ends.
    pub refresh_expires_at: Moment,
    /// When the session ends whatever happens.
    pub expires_at: Moment,
    /// The sign-in.
    pub created_at: Moment,
    /// Whether it is opened with a second factor.
    pub with_factor: bool,
    /// When the user proved who it is; 1970 = never in this session.
    pub authenticated_at: Moment,
    /// Client address as text.
    pub address: String,
    /// Client software, at most 256 bytes.
    pub user_agent: String,
}
