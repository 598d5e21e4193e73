//! Which sessions did a user have, and what ended each of them?

use super::{EventQuery, Noted};
use crate::Engine;
use crate::error::Fault;
use domain::id::{SessionId, UserId};
use domain::session::EndReason;
use domain::time::Moment;

/// The most events that are looked through for those that ended a session.
const MOST_EVENTS: u32 = 1000;

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It lives.
    Lives,
    /// Something ended it.
    Ended(EndReason),
    /// Nobody used its refresh token in time.
    Unused,
    /// The longest life of a session was over.
    Over,
}

/// A session and how it ended.
#[derive(Clone, Debug)]
pub struct Closed {
    /// Its number.
    pub id: SessionId,
    /// The contract it was opened through.
    pub contract: String,
    /// The sign-in.
    pub created_at: Moment,
    /// Client address at the sign-in.
    pub address: String,
    /// Client software at the sign-in, as it called itself: text of a stranger.
    pub user_agent: String,
    /// When it was ended, or when it will end by itself.
    pub at: Moment,
    /// How.
    pub ending: Ending,
    /// The event of the command that ended it, if there is one.
    pub cause: Option<Noted>,
}

/// A session as the store has it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub id: SessionId,
    pub contract: String,
    pub created_at: Moment,
    pub address: String,
    pub user_agent: String,
    pub refresh_expires_at: Moment,
    pub expires_at: Moment,
    pub ended: Option<(Moment, EndReason)>,
}

impl Engine {
    /// The newest sessions of a user, ended or not, at most `limit` (1 to 100), the newest first.
    pub async fn sessions_and_ends(&self, user: UserId, limit: u32) -> Result<Vec<Closed>, Fault> {
        let rows = self.store().newest_sessions(user, limit.clamp(1, 100)).await?;
        let query = EventQuery { user: Some(user), newest_first: true, ..EventQuery::default() };
        let events = self.events(&query, MOST_EVENTS).await?;
        let now = self.clock().now();
        Ok(rows.into_iter().map(|row| close(row, &events, now)).collect())
    }
}

fn close(row: Row, events: &[Noted], now: Moment) -> Closed {
    let (at, ending) = match row.ended {
        Some((at, reason)) => (at, Ending::Ended(reason)),
        None if row.expires_at <= now => (row.expires_at, Ending::Over),
        None if row.refresh_expires_at <= now => (row.refresh_expires_at, Ending::Unused),
        None => (row.refresh_expires_at.min(row.expires_at), Ending::Lives),
    };
    // All that one command writes has the same moment.
    let of_command = |noted: &&Noted| noted.entry.at == at.millis();
    let same_session = |noted: &&Noted| noted.entry.session == Some(row.id.0);
    let cause = matches!(ending, Ending::Ended(_)).then(|| {
        let found = events.iter().filter(of_command).find(same_session);
        found.or_else(|| events.iter().find(of_command)).cloned()
    });
    Closed {
        id: row.id,
        contract: row.contract,
        created_at: row.created_at,
        address: row.address,
        user_agent: row.user_agent,
        at,
        ending,
        cause: cause.flatten(),
    }
}
