//! Do so many sign-ins fail that somebody should look? (SEC-26)

use domain::limit::{Alarm, SECOND};
use std::sync::{Mutex, PoisonError};

/// Parts of the window; the oldest is forgotten as a whole.
const PARTS: usize = 5;

/// Successes and failures of the whole server, by parts of the window.
pub(super) struct Siren {
    rule: Alarm,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// Number of the newest part.
    newest: u64,
    good: [u32; PARTS],
    bad: [u32; PARTS],
    /// Whether it sounds; it falls silent when the share is small again.
    on: bool,
}

impl Siren {
    pub fn new(rule: Alarm) -> Siren {
        Siren { rule, state: Mutex::default() }
    }

    /// Notes a checked password. True: this moment the share of failures has become too large.
    pub fn note(&self, right: bool, now: u64) -> bool {
        let part = (u64::from(self.rule.window_seconds) * SECOND / PARTS as u64).max(1);
        let number = now / part;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = number.saturating_sub(state.newest).min(PARTS as u64);
        for step in 1..=stale {
            let at = place(state.newest + step);
            (state.good[at], state.bad[at]) = (0, 0);
        }
        if stale == PARTS as u64 {
            (state.good, state.bad) = ([0; PARTS], [0; PARTS]);
        }
        state.newest = state.newest.max(number);
        let at = place(state.newest);
        let count = if right { &mut state.good[at] } else { &mut state.bad[at] };
        *count = count.saturating_add(1);
        let sum = |parts: &[u32; PARTS]| parts.iter().map(|count| u64::from(*count)).sum::<u64>();
        let (good, bad) = (sum(&state.good), sum(&state.bad));
        let many = good + bad >= u64::from(self.rule.least);
        let loud = many && bad * 100 > (good + bad) * u64::from(self.rule.percent);
        let begins = loud && !state.on;
        state.on = loud;
        begins
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number % PARTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::limit::Limits;

    #[test]
    fn it_sounds_once_when_more_than_half_fail_and_again_after_it_was_calm() {
        // SEC-26
        let siren = Siren::new(Limits::DEFAULT.alarm);
        let now = 1_700_000_000 * SECOND;
        assert!((0..25).all(|_| !siren.note(true, now)));
        assert!((0..25).all(|_| !siren.note(false, now)));
        assert!(siren.note(false, now));
        assert!((0..100).all(|_| !siren.note(false, now)));
        let later = now + 301 * SECOND;
        assert!((0..60).all(|_| !siren.note(true, later)));
        assert!((0..60).all(|_| !siren.note(false, later)));
        assert!(siren.note(false, later));
    }

    #[test]
    fn a_few_failures_are_no_alarm_and_old_ones_are_forgotten() {
        let siren = Siren::new(Limits::DEFAULT.alarm);
        let now = 1_700_000_000 * SECOND;
        for minutes in 0..100 {
            // 8 a minute: never 50 in five minutes.
            assert!((0..8).all(|_| !siren.note(false, now + minutes * 60 * SECOND)), "{minutes}");
        }
    }
}
