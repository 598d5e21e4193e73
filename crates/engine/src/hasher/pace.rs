//! How long does one hash take lately, by label, and how long must a refusal take?

use super::label;
use domain::password::{Params, Scheme};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most labels that are watched. When there are more, the quickest is forgotten: it does not set the floor.
pub const MOST_LABELS: usize = 32;
/// The latest hashes of one label that count.
const RECENT: usize = 64;
/// What a native hash is taken to cost until the first one was timed.
const NATIVE_GUESS: Duration = Duration::from_millis(20);
/// What any other hash is taken to cost until the first one was timed.
const FOREIGN_GUESS: Duration = Duration::from_millis(300);
/// No refusal waits longer, whatever was imported.
const LONGEST_FLOOR: Duration = Duration::from_secs(5);

/// Observed times of single hashes, by label.
pub struct Pace {
    native: String,
    labels: Mutex<Vec<Times>>,
}

struct Times {
    label: String,
    scheme: Option<Scheme>,
    recent: VecDeque<Duration>,
    usual: Duration,
    p95: Duration,
}

impl Times {
    fn new(label: &str, first: Duration) -> Times {
        let scheme = label.split_once(':').and_then(|(name, _)| Scheme::named(name));
        Times { label: label.to_owned(), scheme, recent: VecDeque::from([first]), usual: first, p95: first }
    }

    fn add(&mut self, spent: Duration) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(spent);
        let mut sorted: Vec<Duration> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        self.usual = sorted[sorted.len() / 2];
        self.p95 = sorted[(sorted.len() * 95).div_ceil(100) - 1];
    }
}

impl Pace {
    /// Nothing timed yet; `params` say what is native.
    pub fn new(params: &Params) -> Pace {
        Pace { native: label::native(params), labels: Mutex::new(Vec::new()) }
    }

    /// The label of what is written here.
    pub fn native_label(&self) -> &str {
        &self.native
    }

    /// Notes what one hash took, of a short password or as if it had been short.
    pub fn observe(&self, label: &str, spent: Duration) {
        let mut labels = self.lock();
        if let Some(times) = labels.iter_mut().find(|times| times.label == label) {
            times.add(spent);
        } else if labels.len() < MOST_LABELS {
            labels.push(Times::new(label, spent));
        } else if let Some(quickest) =
            labels.iter_mut().filter(|times| times.label != self.native).min_by_key(|times| times.p95)
            && quickest.p95 < spent
        {
            *quickest = Times::new(label, spent);
        }
    }

    /// What a native hash usually takes.
    pub fn native(&self) -> Duration {
        self.usual(&self.native).unwrap_or(NATIVE_GUESS)
    }

    /// What a hash with this label is expected to take.
    pub fn expected(&self, label: &str) -> Duration {
        if label == self.native { self.native() } else { self.usual(label).unwrap_or(FOREIGN_GUESS) }
    }

    /// What every refusal should take for each hash tried: the 95th percentile of the slowest label (SEC-12).
    ///
    /// Zero as long as only native hashes were seen: then a decoy costs what a real one costs, and waiting hides nothing.
    pub fn floor(&self) -> Duration {
        self.floor_for(b"")
    }

    /// The floor for this password: some schemes take longer for a long one, and then so must every refusal.
    pub fn floor_for(&self, password: &[u8]) -> Duration {
        let labels = self.lock();
        if labels.iter().all(|times| times.label == self.native) {
            return Duration::ZERO;
        }
        let stretch = |times: &Times| times.scheme.map_or(1, |scheme| scheme.stretch(password));
        let slowest = labels.iter().map(|times| times.p95.saturating_mul(stretch(times))).max();
        slowest.unwrap_or_default().min(LONGEST_FLOOR)
    }

    fn usual(&self, label: &str) -> Option<Duration> {
        self.lock().iter().find(|times| times.label == label).map(|times| times.usual)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Times>> {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn pace() -> Pace {
        Pace::new(&Params::DEFAULT)
    }

    #[test]
    fn only_native_hashes_need_no_floor() {
        let pace = pace();
        assert_eq!(pace.floor(), Duration::ZERO);
        let native = pace.native_label().to_owned();
        pace.observe(&native, MS(7));
        assert_eq!(pace.floor(), Duration::ZERO);
        assert_eq!(pace.native(), MS(7));
    }

    #[test]
    fn the_floor_is_the_95th_percentile_of_the_slowest_label() {
        let pace = pace();
        let native = pace.native_label().to_owned();
        pace.observe(&native, MS(7));
        for spent in 1..=20 {
            pace.observe("bcrypt:12", MS(200 + spent));
            pace.observe("django_pbkdf2_sha1:1000", MS(spent));
        }
        assert_eq!(pace.floor(), MS(219));
    }

    #[test]
    fn a_long_password_lifts_the_floor_where_its_length_costs() {
        let (pace, long) = (pace(), [b'x'; 511]);
        pace.observe("bcrypt:12", MS(200));
        assert_eq!(pace.floor_for(&long), MS(200));
        pace.observe("sha512_crypt:5000", MS(30));
        assert_eq!((pace.floor_for(b"short"), pace.floor_for(&long)), (MS(200), MS(480)));
        assert_eq!(pace.floor_for(&[b'x'; 512]), MS(200), "it is not hashed");
        pace.observe("phpass:8192", MS(150));
        assert_eq!(pace.floor_for(b" spaces "), MS(300));
        assert_eq!(pace.floor_for(&[b'x'; 4096]), LONGEST_FLOOR);
    }

    #[test]
    fn old_times_are_forgotten() {
        let pace = pace();
        pace.observe("bcrypt:12", MS(4000));
        for _ in 0..RECENT {
            pace.observe("bcrypt:12", MS(100));
        }
        assert_eq!(pace.floor(), MS(100));
    }

    #[test]
    fn an_absurd_hash_can_not_make_refusals_wait_for_ever() {
        let pace = pace();
        pace.observe("bcrypt:15", Duration::from_secs(60));
        assert_eq!(pace.floor(), LONGEST_FLOOR);
    }

    #[test]
    fn labels_are_bounded_and_the_slow_ones_stay() {
        let pace = pace();
        for rounds in 1..=100_u64 {
            pace.observe(&format!("django_pbkdf2_sha256:{rounds}"), MS(rounds));
        }
        assert_eq!(pace.lock().len(), MOST_LABELS);
        assert_eq!(pace.floor(), MS(100));
        pace.observe("django_pbkdf2_sha256:1", MS(1));
        assert_eq!(pace.expected("django_pbkdf2_sha256:1"), FOREIGN_GUESS);
    }
}
