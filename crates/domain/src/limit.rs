//! How often may something be tried? The numbers, and the arithmetic of waiting. (SEC-17, SEC-23…27; security.md 3.5)

/// A second, in the microseconds that budgets are counted in.
pub const SECOND: u64 = 1_000_000;
/// The most failures in a row that can be told apart.
pub const MOST_FAILURES: u32 = 4000;
/// The most pairs of account and password that are remembered of one client.
pub const MOST_PAIRS: u32 = 32;

/// All limits. `Default` is what a server has that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Off only for load tests: a named weakening.
    pub enabled: bool,
    /// Passwords of one account, from clients that it does not know.
    pub account: Backoff,
    /// Whether a password that is off is off for the account's known devices, too (the strict reading of NIST).
    pub off_for_devices: bool,
    /// Failures of one known device on its account.
    pub device_failures: Rate,
    /// For how many days a device stays known after a sign-in; 0 = devices are not remembered.
    pub device_days: u32,
    /// Failures of one client address, for a short time and for a long one.
    pub client_failures: [Rate; 2],
    /// How many times that a network of 48 bits (IPv6) may have.
    pub wide_factor: u32,
    /// Requests of one client address that check a password or ask about accounts.
    pub client_requests: Rate,
    /// Failed pairs of account and password from one client address.
    pub pairs: Pairs,
    /// Sign-ups of one client address.
    pub sign_ups: Rate,
    /// Exchanges within one family of refresh tokens.
    pub refreshes: Rate,
    /// When the whole server looks attacked.
    pub alarm: Alarm,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

impl Limits {
    /// The defaults of security.md 3.5.
    pub const DEFAULT: Limits = Limits {
        enabled: true,
        account: Backoff { free: 5, longest_wait_seconds: 900, most: 100 },
        off_for_devices: false,
        device_failures: Rate::new(10, 600),
        device_days: 90,
        client_failures: [Rate::new(30, 600), Rate::new(100, 3600)],
        wide_factor: 10,
        client_requests: Rate { count: 60, seconds: 60, burst: 30 },
        pairs: Pairs { most: 15, window_seconds: 3 * 3600, block_seconds: 24 * 3600 },
        sign_ups: Rate::new(10, 3600),
        refreshes: Rate::new(30, 60),
        alarm: Alarm { percent: 50, least: 50, window_seconds: 300 },
    };

    /// Nothing is counted. For load tests and for conversations whose clock stands still.
    pub const OFF: Limits = Limits { enabled: false, ..Limits::DEFAULT };
}

/// A budget that fills up again evenly: `count` tries come back in `seconds`, at most `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many come back. At least 1.
    pub count: u32,
    /// In this time. At least 1.
    pub seconds: u32,
    /// How many there are when it is full. At least 1.
    pub burst: u32,
}

impl Rate {
    /// `count` at once, and `count` more in every `seconds`.
    pub const fn new(count: u32, seconds: u32) -> Rate {
        Rate { count, seconds, burst: count }
    }

    /// The budget of many who share one.
    #[must_use]
    pub const fn times(self, factor: u32) -> Rate {
        let (count, burst) = (self.count.saturating_mul(factor), self.burst.saturating_mul(factor));
        Rate { count, burst, seconds: self.seconds }
    }

    /// What one try costs, in microseconds.
    pub const fn each(self) -> u64 {
        let count = if self.count == 0 { 1 } else { self.count as u64 };
        (self.seconds as u64 * SECOND).div_ceil(count)
    }

    /// All that may be used up at once, in microseconds.
    pub const fn room(self) -> u64 {
        let burst = if self.burst == 0 { 1 } else { self.burst as u64 };
        self.each().saturating_mul(burst)
    }

    /// Takes one try. The budget is held as the moment at which it is full again; gives the new one.
    ///
    /// Refused: the budget is empty. Gives the microseconds until one try is there.
    pub fn take(self, full_at: u64, now: u64) -> Result<u64, u64> {
        let next = full_at.max(now).saturating_add(self.each());
        let most = now.saturating_add(self.room());
        if next > most { Err(next - most) } else { Ok(next) }
    }

    /// Gives one try back that was taken.
    pub fn give_back(self, full_at: u64) -> u64 {
        full_at.saturating_sub(self.each())
    }
}

/// Waits that double with every failure in a row, and an end. (SEC-17)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Failures in a row without any wait.
    pub free: u32,
    /// No wait is longer.
    pub longest_wait_seconds: u32,
    /// After so many in a row the password is off until it is reset; at most [`MOST_FAILURES`].
    pub most: u32,
}

/// Whether the next try is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Open,
    /// Not for so many microseconds.
    Wait(u64),
    /// Not until the password is reset or an operator lifts it.
    Off,
}

impl Backoff {
    /// Seconds that have to lie between the last failure and the next try: 0 while they are free, then 1, 2, 4 …
    pub const fn wait_seconds(self, failures: u32) -> u32 {
        if failures < self.free {
            return 0;
        }
        let doublings = failures - self.free;
        let wait = if doublings < 31 { 1 << doublings } else { u32::MAX };
        if wait < self.longest_wait_seconds { wait } else { self.longest_wait_seconds }
    }

    /// Whether a try is looked at after so many failures in a row, the last of them so many microseconds ago.
    pub const fn standing(self, failures: u32, since: u64) -> Standing {
        if failures >= self.most {
            return Standing::Off;
        }
        let wait = self.wait_seconds(failures) as u64 * SECOND;
        if since < wait { Standing::Wait(wait - since) } else { Standing::Open }
    }
}

/// How many different pairs of account and password may fail from one client address. (SEC-26)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairs {
    /// One more is stuffing; at most [`MOST_PAIRS`].
    pub most: u32,
    /// Within this time.
    pub window_seconds: u32,
    /// The client is blocked for so long.
    pub block_seconds: u32,
}

/// When the share of failed sign-ins is an event. (SEC-26)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// More than so many of a hundred.
    pub percent: u32,
    /// Of at least so many.
    pub least: u32,
    /// Within this time.
    pub window_seconds: u32,
}

/// A budget that is used up, as it is told to the client. (SEC-25)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Name of the budget, as in `RateLimit-Policy`.
    pub policy: &'static str,
    /// Its size.
    pub quota: u32,
    /// Seconds in which it fills up; 0 = not told.
    pub window: u32,
    /// Whole seconds until the next try is looked at, never too few, at least 1.
    pub seconds: u32,
}

impl Throttle {
    /// The refusal by a budget that has nothing left for so many microseconds.
    pub fn of(policy: &'static str, rate: Rate, wait: u64) -> Throttle {
        Throttle { policy, quota: rate.count, window: rate.seconds, seconds: whole_seconds(wait) }
    }
}

/// Whole seconds that are surely over after so many microseconds; at least 1.
pub fn whole_seconds(micros: u64) -> u32 {
    u32::try_from(micros.div_ceil(SECOND)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Limits::DEFAULT.account;

    #[test]
    fn the_waits_double_from_the_fifth_failure_to_a_quarter_of_an_hour() {
        // SEC-17
        let waits: Vec<u32> = (0..=17).map(|failures| BACKOFF.wait_seconds(failures)).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        assert_eq!(BACKOFF.wait_seconds(u32::MAX), 900);
        let endless = Backoff { longest_wait_seconds: u32::MAX, ..BACKOFF };
        assert_eq!((endless.wait_seconds(35), endless.wait_seconds(36)), (1 << 30, u32::MAX));
    }

    #[test]
    fn a_try_waits_for_its_time_and_the_hundredth_failure_is_the_last() {
        // SEC-17, SEC-25
        let table = [
            (0, 0, Standing::Open),
            (4, 0, Standing::Open),
            (5, 0, Standing::Wait(SECOND)),
            (5, SECOND - 1, Standing::Wait(1)),
            (5, SECOND, Standing::Open),
            (7, SECOND, Standing::Wait(3 * SECOND)),
            (99, 899 * SECOND, Standing::Wait(SECOND)),
            (99, 900 * SECOND, Standing::Open),
            (100, u64::MAX, Standing::Off),
            (MOST_FAILURES, u64::MAX, Standing::Off),
        ];
        for (failures, since, standing) in table {
            assert_eq!(BACKOFF.standing(failures, since), standing, "{failures} {since}");
        }
    }

    #[test]
    fn a_budget_gives_its_burst_at_once_and_then_one_after_the_other() {
        let rate = Limits::DEFAULT.client_requests;
        let mut full_at = 0;
        for _ in 0..30 {
            full_at = rate.take(full_at, SECOND * 100).unwrap();
        }
        assert_eq!(rate.take(full_at, SECOND * 100), Err(SECOND));
        assert_eq!(rate.take(full_at, SECOND * 100 + 1), Err(SECOND - 1));
        full_at = rate.take(full_at, SECOND * 101).unwrap();
        assert!(rate.take(full_at, SECOND * 101).is_err());
        assert!(rate.take(rate.give_back(full_at), SECOND * 101).is_ok());
        // A budget that was left alone is full and no fuller.
        for _ in 0..30 {
            full_at = rate.take(full_at, SECOND * 1000).unwrap();
        }
        assert!(rate.take(full_at, SECOND * 1000).is_err());
    }

    #[test]
    fn no_more_than_burst_and_rate_is_ever_given() {
        let rate = Rate::new(30, 600);
        let mut full_at = 0;
        let given = (0..6000).filter(|tenth| {
            rate.take(full_at, tenth * SECOND / 10 + 1).is_ok_and(|next| {
                full_at = next;
                true
            })
        });
        assert_eq!(given.count(), 30 + 29);
    }

    #[test]
    fn a_wait_is_told_in_seconds_that_are_never_too_few() {
        // SEC-25
        for (micros, seconds) in [(0, 1), (1, 1), (SECOND, 1), (SECOND + 1, 2), (u64::MAX, u32::MAX)] {
            assert_eq!(whole_seconds(micros), seconds);
        }
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        let rate = Rate { count: 0, seconds: 0, burst: 0 };
        assert!(rate.take(u64::MAX, u64::MAX).is_ok());
        let never = Rate { count: 1, seconds: u32::MAX, burst: u32::MAX };
        assert!(never.take(0, u64::MAX).is_ok());
        assert_eq!(Rate::new(u32::MAX, 1).times(u32::MAX).count, u32::MAX);
    }
}
