//! What is known of a session?

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
    /// An exchanged refresh token came back.
    RefreshReuse,
    /// The account was switched off, banned or deleted.
    AccountClosed,
    /// The user has more sessions than allowed; the oldest went.
    TooMany,
    /// Ended by an operator.
    Operator,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [EndReason; 7] = [
        EndReason::SignOut,
        EndReason::SignOutEverywhere,
        EndReason::PasswordChange,
        EndReason::RefreshReuse,
        EndReason::AccountClosed,
        EndReason::TooMany,
        EndReason::Operator,
    ];

    /// The word in the store and in events.
    pub const fn name(self) -> &'static str {
        match self {
            EndReason::SignOut => "sign_out",
            EndReason::SignOutEverywhere => "sign_out_everywhere",
            EndReason::PasswordChange => "password_change",
            EndReason::RefreshReuse => "refresh_reuse",
            EndReason::AccountClosed => "account_closed",
            EndReason::TooMany => "too_many",
            EndReason::Operator => "operator",
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
    /// When the user last proved who it is, with all that the account asks for; 1970 = never in this session.
    pub authenticated_at: Moment,
    /// Set once it ended.
    pub ended: Option<(Moment, EndReason)>,
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
    /// When the user proved who it is; 1970 = never in this session.
    pub authenticated_at: Moment,
    /// Client address as text.
    pub address: String,
    /// Client software, at most 256 bytes.
    pub user_agent: String,
}
