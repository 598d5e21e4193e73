//! What is a connection doing, and for how long?

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Shared by the reader, the requests and the watch of one connection.
#[derive(Debug)]
pub struct Activity {
    began: Instant,
    /// Requests whose answers are not finished.
    in_flight: AtomicUsize,
    /// Milliseconds after `began`, plus one, when the head that is being read began; zero: none is.
    head_since: AtomicU64,
    /// Milliseconds after `began` when the last request ended.
    idle_since: AtomicU64,
    requests: AtomicU64,
    /// Answers on their way out that have to stay as they are.
    as_they_are: AtomicUsize,
}

impl Activity {
    /// Of a connection that begins now. It counts as reading a head until its first byte decides.
    pub fn new() -> Activity {
        Activity {
            began: Instant::now(),
            in_flight: AtomicUsize::new(0),
            head_since: AtomicU64::new(1),
            idle_since: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            as_they_are: AtomicUsize::new(0),
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// Bytes of a head have arrived.
    pub fn head_begins(&self) {
        if self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.millis() + 1, Ordering::Relaxed);
        }
    }

    /// A head is complete.
    pub fn head_ends(&self) {
        self.head_since.store(0, Ordering::Relaxed);
    }

    /// A request is handed over; it has its answer when the value goes, even if nobody waits for it any more.
    pub fn busy(&self) -> Busy<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        Busy(self)
    }

    /// An answer will be written that looks like one of the library and is none.
    pub fn leave_next(&self) {
        self.as_they_are.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether such an answer was announced and not written yet.
    pub fn leaves_next(&self) -> bool {
        self.as_they_are.load(Ordering::Acquire) > 0
    }

    /// Such an answer was written.
    pub fn left(&self) {
        self.as_they_are.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether no request was ever handed over.
    pub fn is_fresh(&self) -> bool {
        self.requests.load(Ordering::Relaxed) == 0
    }

    /// Whether the connection has had its time: a head that does not end, or nothing between requests.
    pub fn is_overdue(&self, header: Duration, keep_alive: Duration) -> bool {
        let now = self.millis();
        let over = |since: u64, limit: Duration| u128::from(now.saturating_sub(since)) >= limit.as_millis();
        if self.in_flight.load(Ordering::Acquire) > 0 {
            return false;
        }
        match self.head_since.load(Ordering::Relaxed) {
            0 => over(self.idle_since.load(Ordering::Relaxed), keep_alive),
            since => over(since - 1, header),
        }
    }
}

/// A request in flight.
#[derive(Debug)]
pub struct Busy<'a>(&'a Activity);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.millis(), Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}
