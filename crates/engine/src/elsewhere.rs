//! Who is asked for a user who is not here, and what is remembered of the noes?
//!
//! Whoever is asked is a stranger: it may be slow, away, or wrong. What it said no to is not asked again for a while, and
//! what it did wrong is told once a minute.

use crate::Chance;
use crate::error::Fault;
use crate::verb::Shown;
use domain::event::EventKind;
use domain::phase::Tally;
use domain::refusal::Refusal;
use domain::secret::{Secret, SecretBytes};
use domain::token::{Blind, DeviceKey};
use domain::user::Status;
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// How long the same wrong password is not asked about again, in microseconds.
const BACK_OFF: u64 = 600 * 1_000_000;
/// The most noes that are remembered. The oldest go first.
const MOST_NOES: usize = 16_384;
/// Between two events of one kind about one mount, in microseconds.
const QUIET: u64 = 60 * 1_000_000;
/// The most mounts whose last events are remembered.
const MOST_TOLD: usize = 1024;

/// What is said elsewhere to a sign-in of somebody who is not here. Closed.
#[derive(Clone, Debug)]
pub enum Found {
    /// The password is right, and this is whose it is.
    Right {
        /// The user, as far as it is said.
        shown: Box<Shown>,
        /// Whether the account may be used there.
        status: Status,
    },
    /// A normal no.
    Refused(Refusal),
    /// No answer that says anything.
    Unavailable {
        /// When to try again.
        retry_seconds: u32,
        /// Why, in a word.
        why: &'static str,
    },
    /// An answer that can not be true. Why, in a word.
    Lied(&'static str),
}

type Answer = Pin<Box<dyn Future<Output = Found> + Send>>;

/// How one sign-in is asked elsewhere.
#[derive(Clone)]
pub struct Elsewhere {
    mount: Arc<str>,
    ask: Arc<dyn Fn() -> Answer + Send + Sync>,
    count: Arc<dyn Fn(Tally, &'static str) + Send + Sync>,
}

impl Elsewhere {
    /// Asks with `ask` on behalf of a mount, and has what comes of it counted, with the reason in a word where there is
    /// one. `ask` keeps its own bounds of time and
    /// size; it is called at most once for a command.
    pub fn new<F, A>(
        mount: &str,
        ask: F,
        count: impl Fn(Tally, &'static str) + Send + Sync + 'static,
    ) -> Elsewhere
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Found> + Send + 'static,
    {
        Elsewhere { mount: mount.into(), ask: Arc::new(move || Box::pin(ask())), count: Arc::new(count) }
    }

    pub(crate) fn mount(&self) -> &str {
        &self.mount
    }

    pub(crate) fn count(&self, what: Tally, why: &'static str) {
        (self.count)(what, why);
    }

    pub(crate) async fn ask(&self) -> Found {
        (self.ask)().await
    }
}

impl std::fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Elsewhere({})", self.mount)
    }
}

/// What this process remembers of what was said elsewhere.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Drawn when something is remembered for the first time, and never written down.
    key: Option<DeviceKey>,
    noes: HashMap<Blind, (u64, Refusal)>,
    order: VecDeque<(Blind, u64)>,
    told: HashMap<(String, &'static str), u64>,
}

impl Memory {
    /// What stands for an identifier and a password at a mount. Nobody finds either from it without this process.
    pub fn digest(
        &self,
        mount: &str,
        typed: &str,
        password: &Secret,
        chance: &Chance,
    ) -> Result<Blind, Fault> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.key.is_none() {
            let secret: [u8; 32] = chance.bytes()?;
            kept.key = DeviceKey::new(&SecretBytes::new(secret)).ok();
        }
        let key = kept.key.as_ref().ok_or(Fault::Gone("the key of remembered noes"))?;
        let mut text = Vec::with_capacity(mount.len() + typed.len() + password.expose().len() + 16);
        for part in [mount, typed.trim(), password.expose()] {
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part.as_bytes());
        }
        let digest = key.blind("elsewhere", &text);
        zeroize::Zeroize::zeroize(&mut text);
        Ok(digest)
    }

    /// The no that was heard within the back-off. `now`: microseconds of the steady clock.
    pub fn heard(&self, digest: &Blind, now: u64) -> Option<Refusal> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.noes.get(digest).filter(|(until, _)| now < *until).map(|(_, refusal)| refusal.clone())
    }

    /// Remembers a no.
    pub fn remember(&self, digest: Blind, refusal: Refusal, now: u64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now.saturating_add(BACK_OFF);
        kept.noes.insert(digest, (until, refusal));
        kept.order.push_back((digest, until));
        while let Some((oldest, end)) = kept.order.front().copied() {
            if end > now && kept.order.len() <= MOST_NOES {
                break;
            }
            kept.order.pop_front();
            // It may have been remembered again meanwhile.
            if kept.noes.get(&oldest).is_some_and(|(until, _)| *until == end) {
                kept.noes.remove(&oldest);
            }
        }
    }

    /// Whether an event of this kind about this mount may be written: once a minute.
    pub fn may_tell(&self, mount: &str, kind: EventKind, now: u64) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.told.retain(|_, at| now < at.saturating_add(QUIET));
        let key = (mount.to_owned(), kind.name());
        if kept.told.contains_key(&key) || kept.told.len() >= MOST_TOLD {
            return false;
        }
        kept.told.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(memory: &Memory, mount: &str, typed: &str, password: &str) -> Blind {
        memory.digest(mount, typed, &Secret::new(password), &Chance::seeded(1)).unwrap()
    }

    #[test]
    fn a_no_is_remembered_for_its_mount_identifier_and_password_alone_and_for_ten_minutes() {
        let memory = Memory::default();
        let ann = digest(&memory, "m", "ann", "word");
        memory.remember(ann, Refusal::InvalidCredentials, 5);
        assert_eq!(digest(&memory, "m", " ann ", "word"), ann);
        for (mount, typed, password) in
            [("n", "ann", "word"), ("m", "anne", "word"), ("m", "ann", "words"), ("m", "annw", "ord")]
        {
            assert_eq!(memory.heard(&digest(&memory, mount, typed, password), 5), None);
        }
        assert_eq!(memory.heard(&ann, BACK_OFF + 4), Some(Refusal::InvalidCredentials));
        assert_eq!(memory.heard(&ann, BACK_OFF + 5), None);
    }

    #[test]
    fn so_many_are_remembered_and_the_oldest_go_first() {
        let memory = Memory::default();
        let all: Vec<Blind> =
            (0..MOST_NOES + 10).map(|number| digest(&memory, "m", &number.to_string(), "word")).collect();
        for (at, one) in all.iter().enumerate() {
            memory.remember(*one, Refusal::UnknownUser, at as u64);
        }
        assert_eq!(memory.0.lock().unwrap().noes.len(), MOST_NOES);
        assert_eq!(memory.heard(&all[9], 0), None);
        assert_eq!(memory.heard(&all[10], 0), Some(Refusal::UnknownUser));
        // What is over goes, too.
        memory.remember(all[0], Refusal::UnknownUser, 2 * BACK_OFF);
        let kept = memory.0.lock().unwrap();
        assert_eq!((kept.noes.len(), kept.order.len()), (1, 1));
    }

    #[test]
    fn what_goes_wrong_is_told_once_a_minute_for_each_mount_and_kind() {
        let memory = Memory::default();
        assert!(memory.may_tell("m", EventKind::UpstreamLied, 0));
        assert!(!memory.may_tell("m", EventKind::UpstreamLied, QUIET - 1));
        assert!(memory.may_tell("m", EventKind::UpstreamUnavailable, 1));
        assert!(memory.may_tell("n", EventKind::UpstreamLied, 1));
        assert!(memory.may_tell("m", EventKind::UpstreamLied, QUIET));
    }
}
