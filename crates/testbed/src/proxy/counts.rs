//! What has gone through the proxy?

use std::sync::atomic::{AtomicU64, Ordering};

/// What has gone through a proxy since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted, those that were refused included.
    pub connections: u64,
    /// COMMIT statements that clients sent, those that were cut included.
    pub commits: u64,
    /// Writes outside a transaction that clients sent, those that were cut included.
    pub writes: u64,
    /// Connections that were cut at a commit or a write.
    pub cuts: u64,
    /// Batches of statements that the server finished: its messages ReadyForQuery, without the one after sign-in.
    pub round_trips: u64,
    /// Times that a client sent something after it had everything it had asked for: what it waited for, in a row. Less
    /// than the round trips where batches are sent without waiting for each other; sign-in is left out.
    pub turns: u64,
}

impl Counts {
    /// What has gone through since an earlier look.
    #[must_use]
    pub fn since(&self, earlier: &Counts) -> Counts {
        Counts {
            connections: self.connections - earlier.connections,
            commits: self.commits - earlier.commits,
            writes: self.writes - earlier.writes,
            cuts: self.cuts - earlier.cuts,
            round_trips: self.round_trips - earlier.round_trips,
            turns: self.turns - earlier.turns,
        }
    }
}

/// The running counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) connections: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) cuts: AtomicU64,
    pub(super) round_trips: AtomicU64,
    pub(super) turns: AtomicU64,
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Tally {
    pub(super) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            connections: read(&self.connections),
            commits: read(&self.commits),
            writes: read(&self.writes),
            cuts: read(&self.cuts),
            round_trips: read(&self.round_trips),
            turns: read(&self.turns),
        }
    }
}
