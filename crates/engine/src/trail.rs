//! What has happened, and is what is written about it still as it was written?

use crate::Engine;
use crate::error::Fault;
use crate::operator::OperatorError;
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
    pub fn events(&self, query: &EventQuery, limit: u32) -> Result<Vec<Noted>, Fault> {
        self.store().events(query, limit.clamp(1, MAX_EVENTS))
    }

    /// Writes an event that no request brought about. Answers once it is durable.
    pub async fn note(&self, event: Event) -> Result<(), OperatorError> {
        match self.store().record(vec![event.noted()]).await? {
            Ok(_) => Ok(()),
            Err(_) => Err(OperatorError::Refused("the event was not noted, try again".to_owned())),
        }
    }
}
