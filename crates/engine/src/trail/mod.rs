//! What has happened, and is what is written about it still as it was written?

mod check;
mod ended;
#[cfg(test)]
mod tests;

pub use check::{TrailFlaw, TrailReport};
pub(crate) use ended::Row;
pub use ended::{Closed, Ending};

use crate::Engine;
use crate::error::Fault;
use crate::operator::OperatorError;
use domain::change::Change;
use domain::event::{Event, EventKind};
use domain::id::UserId;
use domain::time::Moment;
use domain::trail::{Entry, Seal};

/// The most events on one page.
pub const MAX_EVENTS: u32 = 1000;

/// Which events are wanted. `Default` is everything, oldest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventQuery {
    /// About this user.
    pub user: Option<UserId>,
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// Not older than this.
    pub since: Option<Moment>,
    /// Beyond this row: above it, or below it when the newest come first.
    pub after: Option<i64>,
    /// The newest first.
    pub newest_first: bool,
}

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// What it says.
    pub entry: Entry<'static>,
    /// The seal upon it and all before it; absent in rows from before the trail was chained.
    pub seal: Option<Seal>,
}

impl Engine {
    /// A page of events, at most `limit` (1 to 1000). Reads many rows when the query finds few.
    pub async fn events(&self, query: &EventQuery, limit: u32) -> Result<Vec<Noted>, Fault> {
        self.store().events(query, limit.clamp(1, MAX_EVENTS)).await
    }

    /// The last event and its seal; none while there is no sealed event.
    pub async fn trail_head(&self) -> Result<Option<(i64, Seal)>, Fault> {
        let query = EventQuery { newest_first: true, ..EventQuery::default() };
        let last = self.events(&query, 1).await?;
        Ok(last.first().and_then(|noted| Some((noted.entry.id, noted.seal?))))
    }

    /// Writes an event that no request brought about. Answers once it is durable.
    pub async fn note(&self, event: Event) -> Result<(), OperatorError> {
        match self.store().record(vec![event.noted()]).await? {
            Ok(_) => Ok(()),
            Err(_) => Err(OperatorError::Refused("the event was not noted, try again".to_owned())),
        }
    }
}

/// What a round of tidying took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Sessions that ended long ago.
    pub sessions: u64,
    /// Events that are older than they are to be kept.
    pub events: u64,
}

impl Engine {
    /// Takes away what is older than the house keeps it: at most 500 sessions and 5000 events, so that nobody waits.
    pub async fn tidy_up(&self) -> Result<Tidied, Fault> {
        let now = self.clock().now();
        let keep = self.house().retention;
        let mut tidied = Tidied::default();
        let before = now.plus_seconds(-keep.sessions_seconds);
        if let Ok(applied) = self.store().record(vec![Change::ForgetSessions { before, now }]).await? {
            tidied.sessions = applied.removed;
        }
        if let Some(seconds) = keep.events_seconds {
            let before = now.plus_seconds(-seconds);
            if let Ok(applied) = self.store().record(vec![Change::PruneTrail { before, at: now }]).await? {
                tidied.events = applied.removed;
            }
        }
        if let Some(shares) = self.store().shares() {
            let window = self.house().limits.pairs.window_seconds;
            shares.sweep(self.clock().frozen_micros(), window).await?;
        }
        Ok(tidied)
    }
}
