//! What is a second factor, and how often may somebody guess?
//!
//! Everything about the factors of one user is one value, stored as JSON and replaced as a whole: whoever replaces a
//! value that is not there any more has lost a race, and nothing was written.

pub mod base32;
pub mod half_way;
pub mod recovery;
pub mod totp;

use crate::limit::{Rate, Throttle};
use crate::seal::Sealed;
use crate::time::Moment;
use crate::token::Digest;
use serde::{Deserialize, Serialize};
use totp::Code;

/// Wrong answers in a row before each further one costs a pause, and its seconds.
const FREE: Rate = Rate::new(5, 30);
/// Wrong answers within an hour.
const HOUR: Rate = Rate::new(10, 3600);
/// Wrong answers in a row after which the factor is off until somebody recovers the account (SP 800-63B 3.2.2).
const MOST: u32 = 100;
/// Seconds for which an enrolment waits for its first code.
pub const ENROLMENT_SECONDS: i64 = 600;

/// The closed list of factors. Its state is JSON: another kind needs no migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Factor {
    /// Six digits of an authenticator app.
    Totp {
        /// 160 bits, under the master key.
        seed: Sealed,
        /// The step accepted last; only a greater one is accepted (SEC-80).
        last_step: i64,
    },
}

/// What the seed of every TOTP factor is sealed for.
pub const TOTP_PURPOSE: &str = "totp";

impl Factor {
    /// A new factor that has accepted nothing yet.
    pub fn totp(seed: Sealed) -> Factor {
        Factor::Totp { seed, last_step: 0 }
    }

    /// The secret to be opened before an answer can be judged.
    pub fn sealed(&self) -> &Sealed {
        let Factor::Totp { seed, .. } = self;
        seed
    }

    /// The factor after it has accepted a code; none for a code that is wrong or was used.
    fn after(&self, code: Code, seed: &[u8], now: Moment) -> Option<Factor> {
        let Factor::Totp { seed: sealed, last_step } = self;
        let step = totp::accepted_step(seed, code, now, *last_step)?;
        Some(Factor::Totp { seed: sealed.clone(), last_step: step })
    }
}

/// A factor that waits for its first code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    factor: Factor,
    until: i64,
}

/// A factor in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Active {
    factor: Factor,
    since: i64,
}

/// How often somebody has guessed. Moments in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Guesses {
    in_row: u32,
    recent: Vec<i64>,
}

/// Everything about the second factors of one user. `Default` has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Factors {
    active: Option<Active>,
    pending: Option<Pending>,
    recovery: Vec<String>,
    guesses: Guesses,
}

/// What somebody typed in answer to the question for the second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Six digits.
    Code(Code),
    /// The digest of a recovery code.
    Recovery(Digest),
}

impl Answer {
    /// Reads six digits or a recovery code. Refused: anything else.
    pub fn parse(text: &str) -> Option<Answer> {
        Code::parse(text).map(Answer::Code).or_else(|| recovery::digest(text).map(Answer::Recovery))
    }
}

/// How an answer was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// By a code.
    Code,
    /// By a recovery code, which is void now.
    Recovery,
}

/// What may be shown of somebody's factors: never a secret (SEC-86).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FactorState {
    /// Since when a factor is in force; absent = none is.
    pub since: Option<Moment>,
    /// Whether one waits for its first code.
    pub is_pending: bool,
    /// How many recovery codes are left.
    pub recovery_left: u32,
    /// Whether codes are not looked at any more, after a hundred wrong answers in a row.
    pub is_locked: bool,
}

/// Why an answer is not even looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCounted {
    /// Too many wrong ones, and how long until the next one is looked at.
    Wait(Throttle),
    /// Codes are not looked at any more; a recovery code is.
    Locked,
}

impl Factors {
    /// What may be shown.
    pub fn state(&self, now: Moment) -> FactorState {
        FactorState {
            since: self.active.as_ref().map(|active| Moment::from_millis(active.since)),
            is_pending: self.pending(now).is_some(),
            recovery_left: u32::try_from(self.recovery.len()).unwrap_or(u32::MAX),
            is_locked: self.guesses.in_row >= MOST,
        }
    }

    /// The factor in force.
    pub fn active(&self) -> Option<&Factor> {
        self.active.as_ref().map(|active| &active.factor)
    }

    /// The factor that waits for its first code.
    pub fn pending(&self, now: Moment) -> Option<&Factor> {
        self.pending.as_ref().filter(|pending| now.millis() < pending.until).map(|pending| &pending.factor)
    }

    /// With a new factor that waits for its first code. The one in force stays in force (SEC-85).
    #[must_use]
    pub fn enrolling(&self, factor: Factor, now: Moment) -> Factors {
        let until = now.plus_seconds(ENROLMENT_SECONDS).millis();
        Factors { pending: Some(Pending { factor, until }), ..self.clone() }
    }

    /// With a factor in force that was proved elsewhere.
    #[must_use]
    pub fn with_active(&self, factor: Factor, now: Moment) -> Factors {
        Factors { active: Some(Active { factor, since: now.millis() }), pending: None, ..self.clone() }
    }

    /// What is kept of the recovery codes: their SHA-256 in hexadecimal digits. For the operator's export alone.
    pub fn recovery_digests(&self) -> &[String] {
        &self.recovery
    }

    /// With other recovery codes; the old ones are void.
    #[must_use]
    pub fn with_recovery(&self, codes: &[Digest]) -> Factors {
        Factors { recovery: codes.iter().map(hex).collect(), ..self.clone() }
    }

    /// Counts an answer as wrong before anybody looks at it; a right one takes that back (SEC-82).
    ///
    /// Refused: five wrong ones in a row and less than 30 s since the last; ten wrong ones within an hour; for codes a
    /// hundred in a row. A recovery code of 120 bits can not be guessed, so it still opens then.
    pub fn counted(&self, answer: &Answer, now: Moment) -> Result<Factors, NotCounted> {
        let guesses = &self.guesses;
        if guesses.in_row >= MOST && matches!(answer, Answer::Code(_)) {
            return Err(NotCounted::Locked);
        }
        let left =
            |until: i64| u64::try_from(until.saturating_sub(now.millis())).ok().filter(|left| *left > 0);
        let mut recent = guesses.recent.clone();
        recent.retain(|at| left(at.saturating_add(millis(HOUR))).is_some());
        let of = |rate: Rate, left: u64| Throttle::of("factor", rate, left.saturating_mul(1000));
        let pause = recent.last().filter(|_| guesses.in_row >= FREE.count);
        let pause = pause.and_then(|last| left(last.saturating_add(millis(FREE)))).map(|left| of(FREE, left));
        let full = recent.first().filter(|_| recent.len() >= HOUR.count as usize);
        let full = full.and_then(|first| left(first.saturating_add(millis(HOUR)))).map(|left| of(HOUR, left));
        if let Some(throttle) = [pause, full].into_iter().flatten().max_by_key(|throttle| throttle.seconds) {
            return Err(NotCounted::Wait(throttle));
        }
        recent.push(now.millis());
        let guesses = Guesses { in_row: guesses.in_row.saturating_add(1), recent };
        Ok(Factors { guesses, ..self.clone() })
    }

    /// Whether the answer that was just counted is the one that switches codes off.
    pub fn has_just_locked(&self) -> bool {
        self.guesses.in_row == MOST
    }

    /// The state after a right answer, and how it was right; none for a wrong one. `seed` is that of the factor in force.
    pub fn answered(&self, answer: &Answer, seed: &[u8], now: Moment) -> Option<(Factors, Used)> {
        let active = self.active.as_ref()?;
        let (mut after, used) = match answer {
            Answer::Code(code) => {
                let factor = active.factor.after(*code, seed, now)?;
                (Factors { active: Some(Active { factor, ..active.clone() }), ..self.clone() }, Used::Code)
            }
            Answer::Recovery(digest) => {
                let kept: Vec<String> =
                    self.recovery.iter().filter(|known| !is(known, digest)).cloned().collect();
                if kept.len() == self.recovery.len() {
                    return None;
                }
                (Factors { recovery: kept, ..self.clone() }, Used::Recovery)
            }
        };
        after.guesses.forgive();
        Some((after, used))
    }

    /// The state once the factor that waits has shown its first code: it is in force, in place of any other, with these
    /// recovery codes. None for a wrong code.
    pub fn confirmed(&self, answer: &Answer, seed: &[u8], now: Moment, codes: &[Digest]) -> Option<Factors> {
        let Answer::Code(code) = answer else { return None };
        let factor = self.pending(now)?.after(*code, seed, now)?;
        let mut after = self.with_active(factor, now).with_recovery(codes);
        after.guesses.forgive();
        Some(after)
    }
}

fn millis(rate: Rate) -> i64 {
    i64::from(rate.seconds) * 1000
}

impl Guesses {
    fn forgive(&mut self) {
        self.in_row = 0;
        self.recent.pop();
    }
}

fn hex(digest: &Digest) -> String {
    digest.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compared in constant time.
fn is(known: &str, digest: &Digest) -> bool {
    use subtle::ConstantTimeEq as _;
    known.as_bytes().ct_eq(hex(digest).as_bytes()).into()
}

/// Splits what was typed into one field, `password,123456`, at the last comma. None where no code follows it.
pub fn split(typed: &str) -> Option<(&str, &str)> {
    let (password, answer) = typed.rsplit_once(',')?;
    let good = !password.is_empty() && Answer::parse(answer).is_some();
    good.then_some((password, answer))
}

#[cfg(test)]
mod tests;
