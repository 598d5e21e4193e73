//! How is a place for a connection kept filled?

use super::session::{Gate, Purpose, Session};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Between the first two tries.
const FIRST: Duration = Duration::from_millis(50);
/// Between two tries later on; the database is back for at most so long before it is noticed.
const LONGEST: Duration = Duration::from_secs(1);

/// What all connections to one database have in common.
pub(super) struct Common {
    /// Where to connect.
    pub gate: Gate,
    /// Woken by notifications of the database.
    pub woken: Arc<Notify>,
    /// Whether the last try to connect has failed: it is told once, not each time.
    down: AtomicBool,
}

impl Common {
    /// Nothing is connected yet.
    pub fn new(gate: Gate, woken: Arc<Notify>) -> Common {
        Common { gate, woken, down: AtomicBool::new(false) }
    }

    /// Connects, however long it takes. Tries are spread, so that many nodes do not come back at the same moment.
    pub async fn connect(&self, purpose: Purpose) -> Session {
        let mut pause = FIRST;
        loop {
            match self.gate.connect(purpose, &self.woken).await {
                Ok(session) => {
                    if self.down.swap(false, Ordering::Relaxed) {
                        tracing::info!(database = self.gate.hosts, "the database is back");
                    }
                    return session;
                }
                Err(error) => {
                    if !self.down.swap(true, Ordering::Relaxed) {
                        tracing::error!(database = self.gate.hosts, error, "the database can not be reached");
                    }
                }
            }
            tokio::time::sleep(spread(pause)).await;
            pause = (pause * 2).min(LONGEST);
        }
    }
}

/// Between half of a time and all of it.
pub(super) fn spread(time: Duration) -> Duration {
    let mut byte = [0; 1];
    // Without chance all wait the full time, which harms nobody.
    let part = if super::draw(&mut byte) { u32::from(byte[0]) } else { u32::from(u8::MAX) };
    time / 2 + time / 2 * part / u32::from(u8::MAX)
}
