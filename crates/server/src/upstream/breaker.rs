//! When is an old application that does not answer left in peace?
//!
//! Five failures in a row open the breaker: nobody asks for ten seconds. Then one may try; if it fails, too, the rest is
//! twice as long, up to a minute. An outage costs those who ask nothing but the first failures' time.

use super::client::UpstreamFault;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row after which nobody asks.
const FAILURES: u32 = 5;
/// The first rest.
const REST: Duration = Duration::from_secs(10);
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// The breaker of one old application.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        rest: Duration,
    },
    /// One asks; `since` is when it began.
    Probing {
        since: Instant,
        rest: Duration,
    },
}

impl Default for State {
    fn default() -> State {
        State::Closed { failures: 0 }
    }
}

/// Leave to ask once. Dropped without [`Pass::told`], nothing was learnt.
#[derive(Debug)]
pub struct Pass {
    breaker: Arc<Breaker>,
    probe: bool,
    told: bool,
}

impl Breaker {
    /// Leave to ask at this moment. Refused: with the time until somebody may try again.
    pub fn pass(self: &Arc<Breaker>, now: Instant) -> Result<Pass, UpstreamFault> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let probe = match *state {
            State::Closed { .. } => false,
            State::Open { until, .. } if now < until => return Err(UpstreamFault::Resting(until - now)),
            State::Open { rest, .. } => {
                *state = State::Probing { since: now, rest };
                true
            }
            State::Probing { .. } => return Err(UpstreamFault::Resting(Duration::from_secs(1))),
        };
        Ok(Pass { breaker: Arc::clone(self), probe, told: false })
    }

    /// The time until somebody may try again, while nobody may.
    pub fn rest(&self, now: Instant) -> Option<Duration> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Open { until, .. } => until.checked_duration_since(now).filter(|rest| !rest.is_zero()),
            State::Closed { .. } | State::Probing { .. } => None,
        }
    }
}

impl Pass {
    /// Tells whether the old application answered.
    pub fn told(mut self, answered: bool, now: Instant) {
        self.told = true;
        let mut state = self.breaker.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match (&*state, answered) {
            (State::Closed { .. }, true) => State::Closed { failures: 0 },
            (State::Closed { failures }, false) if failures + 1 < FAILURES => {
                State::Closed { failures: failures + 1 }
            }
            (State::Closed { .. }, false) => State::Open { until: now + REST, rest: REST },
            (State::Probing { .. }, true) if self.probe => State::Closed { failures: 0 },
            (State::Probing { rest, .. }, false) if self.probe => {
                let rest = (*rest * 2).min(LONGEST_REST);
                State::Open { until: now + rest, rest }
            }
            // Whoever asked before the breaker opened has nothing to say any more.
            (State::Open { .. } | State::Probing { .. }, _) => return,
        };
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.probe || self.told {
            return;
        }
        // Whoever probed went away: the next one may.
        let mut state = self.breaker.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Probing { since, rest } = *state {
            *state = State::Open { until: since, rest };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(breaker: &Arc<Breaker>, now: Instant) -> Option<Duration> {
        match breaker.pass(now) {
            Err(UpstreamFault::Resting(rest)) => Some(rest),
            _ => None,
        }
    }

    fn fail(breaker: &Arc<Breaker>, times: u32, now: Instant) {
        for _ in 0..times {
            breaker.pass(now).unwrap().told(false, now);
        }
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_an_answer_between_them_does_not_count() {
        let (breaker, now) = (Arc::new(Breaker::default()), Instant::now());
        fail(&breaker, 4, now);
        breaker.pass(now).unwrap().told(true, now);
        fail(&breaker, 4, now);
        assert_eq!(breaker.rest(now), None);
        fail(&breaker, 1, now);
        assert_eq!(breaker.rest(now), Some(REST));
        assert_eq!(refused(&breaker, now + REST / 2), Some(REST / 2));
    }

    #[test]
    fn one_probes_at_a_time_and_the_rest_doubles_up_to_a_minute() {
        let (breaker, mut now) = (Arc::new(Breaker::default()), Instant::now());
        fail(&breaker, FAILURES, now);
        for seconds in [10, 20, 40, 60, 60] {
            assert_eq!(breaker.rest(now), Some(Duration::from_secs(seconds)));
            now += Duration::from_secs(seconds);
            let probe = breaker.pass(now).unwrap();
            assert!(refused(&breaker, now).is_some(), "two probes at once");
            probe.told(false, now);
        }
        now += LONGEST_REST;
        breaker.pass(now).unwrap().told(true, now);
        // Closed again, and the first rest is short again.
        fail(&breaker, FAILURES, now);
        assert_eq!(breaker.rest(now), Some(REST));
    }

    #[test]
    fn a_probe_that_is_given_up_lets_the_next_one_try_and_late_answers_change_nothing() {
        let (breaker, mut now) = (Arc::new(Breaker::default()), Instant::now());
        let (late, later) = (breaker.pass(now).unwrap(), breaker.pass(now).unwrap());
        fail(&breaker, FAILURES, now);
        late.told(true, now);
        later.told(false, now);
        assert_eq!(breaker.rest(now), Some(REST));
        now += REST;
        drop(breaker.pass(now).unwrap());
        let probe = breaker.pass(now).unwrap();
        assert!(refused(&breaker, now).is_some());
        probe.told(true, now);
        assert!(breaker.pass(now).is_ok());
    }
}
