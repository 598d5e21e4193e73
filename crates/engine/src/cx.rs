//! Where do time and chance come from?

use crate::error::Fault;
use domain::time::Moment;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// The clock. Tests freeze it.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's.
    System,
    /// Stands still until it is moved; milliseconds.
    Frozen(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `moment`.
    pub fn frozen(moment: Moment) -> Clock {
        Clock::Frozen(Arc::new(AtomicI64::new(moment.millis())))
    }

    /// The present moment. Read once per command.
    pub fn now(&self) -> Moment {
        match self {
            Clock::System => Moment::from_millis(system_millis()),
            Clock::Frozen(at) => Moment::from_millis(at.load(Ordering::Acquire)),
        }
    }

    /// Microseconds that only go forward, whatever becomes of the time of day; from an origin of their own.
    pub fn steady_micros(&self) -> u64 {
        match self {
            Clock::System => steady_micros(),
            Clock::Frozen(at) => u64::try_from(at.load(Ordering::Acquire)).unwrap_or(0) * 1000,
        }
    }

    /// Microseconds since 1970 of a frozen clock. None: nodes that share counters go by the clock of their database.
    pub(crate) fn frozen_micros(&self) -> Option<i64> {
        match self {
            Clock::System => None,
            Clock::Frozen(at) => Some(at.load(Ordering::Acquire).saturating_mul(1000)),
        }
    }

    /// Moves a frozen clock; the machine's clock stays as it is.
    pub fn advance_seconds(&self, seconds: i64) {
        if let Clock::Frozen(at) = self {
            at.fetch_add(seconds * 1000, Ordering::AcqRel);
        }
    }
}

/// Since a year before the first call, so that what was a while ago has a moment, too.
fn steady_micros() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    const YEAR: u64 = 366 * 86_400 * 1_000_000;
    let since = START.get_or_init(Instant::now).elapsed();
    YEAR.saturating_add(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn system_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The source of chance. Tests seed it.
#[derive(Clone, Debug)]
pub enum Chance {
    /// The operating system's.
    System,
    /// A seed and a count of draws: the same seed gives the same bytes in the same order. For tests only; not secret.
    Seeded(u64, Arc<AtomicU64>),
}

impl Chance {
    /// Chance that repeats itself, for tests.
    pub fn seeded(seed: u64) -> Chance {
        Chance::Seeded(seed, Arc::new(AtomicU64::new(0)))
    }

    /// Draws `N` bytes. Fails when the operating system has none.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], Fault> {
        let mut out = [0; N];
        match self {
            Chance::System => draw(&mut out)?,
            Chance::Seeded(seed, count) => {
                let mut state = seed ^ (count.fetch_add(1, Ordering::Relaxed) << 32);
                out.fill_with(|| next_byte(&mut state));
            }
        }
        Ok(out)
    }

    /// Draws a number.
    pub fn number(&self) -> Result<u32, Fault> {
        Ok(u32::from_le_bytes(self.bytes::<4>()?))
    }

    /// Draws a random UUID (version 4).
    pub fn uuid(&self) -> Result<uuid::Uuid, Fault> {
        Ok(uuid::Builder::from_random_bytes(self.bytes::<16>()?).into_uuid())
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that draws from the operating system")]
fn draw(out: &mut [u8]) -> Result<(), Fault> {
    getrandom::fill(out).map_err(|error| Fault::Crypto(error.to_string()))
}

/// SplitMix64; good enough to spread a seed, not to keep a secret.
fn next_byte(state: &mut u64) -> u8 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)).to_le_bytes()[0]
}
