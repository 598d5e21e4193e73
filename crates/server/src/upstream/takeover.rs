//! What does a mount know about the application that it takes over from?
//!
//! It outlives reloads and new keys: whoever failed is still left in peace afterwards, and the phase stays.

use super::client::Upstream;
use super::counts::Counts;
use super::shadow::Examiner;
use crate::config::{MountConfig, UpstreamConfig};
use crate::http::speak::Mount;
use crate::mounts::Loaded;
use domain::phase::{KeptPhase, Phase, Tally};
use engine::Engine;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One mount on its way from the old application to this server.
pub struct Takeover {
    key: String,
    config: UpstreamConfig,
    /// The old application.
    pub upstream: Arc<Upstream>,
    /// What looks at its answers in shadow.
    pub examiner: Examiner,
    phase: AtomicU8,
    /// When the mount left shadow, while what came before has still to be followed.
    leaving: Mutex<Option<Instant>>,
    counts: Arc<Counts>,
}

/// How long nobody is answered at most after shadow, so that nobody is told the state of before.
const SETTLING: Duration = Duration::from_secs(5);
/// How long another node may still be in shadow after this one has left it.
const OTHERS: Duration = Duration::from_millis(1500);
/// Between two looks whether it is settled.
const LOOK: Duration = Duration::from_millis(10);

impl Takeover {
    /// Who answers at this moment. Read once for a request, so that it ends in the phase in which it began.
    pub fn phase(&self) -> Phase {
        let place = usize::from(self.phase.load(Ordering::Acquire));
        Phase::ALL.get(place).copied().unwrap_or_default()
    }

    /// What names the mount.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Counts one of these.
    pub fn count(&self, what: Tally, detail: &str) {
        self.counts.add(&self.key, what, detail);
    }

    /// Waits until what was answered in shadow has been followed, for some seconds at most: whoever has signed up or set a
    /// password at the old application a moment ago is somebody here, too. Afterwards it costs nothing.
    pub async fn settled(&self, has_others: bool) {
        loop {
            let leaving = *self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(since) = leaving.map(|at| at.elapsed()) else { return };
            let early = has_others && since < OTHERS;
            if since >= SETTLING || (!early && self.examiner.is_idle()) {
                *self.leaving.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Puts a phase in force. `true`: it was another one before.
    fn set(&self, phase: Phase) -> bool {
        let place = Phase::ALL.iter().position(|one| *one == phase).unwrap_or_default();
        let place = u8::try_from(place).unwrap_or_default();
        if self.phase() == Phase::Shadow && phase != Phase::Shadow {
            *self.leaving.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        self.phase.swap(place, Ordering::AcqRel) != place
    }
}

impl std::fmt::Debug for Takeover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Takeover({}, {})", self.key, self.phase().name())
    }
}

/// All of them in this process.
#[derive(Debug, Default)]
pub struct Takeovers {
    all: Mutex<BTreeMap<String, Arc<Takeover>>>,
    kept: Mutex<BTreeMap<String, Phase>>,
    /// What happened since it was written down last.
    pub counts: Arc<Counts>,
}

impl Takeovers {
    /// Gives each mount the application that it takes over from; mounts and settings have the same order. The ones that
    /// are there stay, unless they are configured otherwise now. Refused: a URL that can not be asked.
    pub fn attach(&self, mounts: &mut [Mount], loaded: &[Loaded], https: bool) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        for (mount, one) in mounts.iter_mut().zip(loaded) {
            match self.of(&one.settings, https) {
                Ok(takeover) => mount.takeover = takeover,
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn of(&self, settings: &MountConfig, https: bool) -> Result<Option<Arc<Takeover>>, String> {
        let Some(config) = &settings.upstream else { return Ok(None) };
        let key = settings.key();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = all.get(&key).filter(|there| there.config == *config) {
            return Ok(Some(Arc::clone(there)));
        }
        let takeover = Arc::new(Takeover {
            upstream: Upstream::open(config, &settings.prefix, https)?,
            config: config.clone(),
            examiner: Examiner::default(),
            phase: AtomicU8::default(),
            leaving: Mutex::default(),
            counts: Arc::clone(&self.counts),
            key: key.clone(),
        });
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        takeover.set(kept.unwrap_or(config.phase));
        // Nothing came before.
        *takeover.leaving.lock().unwrap_or_else(PoisonError::into_inner) = None;
        all.insert(key, Arc::clone(&takeover));
        Ok(Some(takeover))
    }

    /// Puts the phases in force that were set at run time; the others are as configured.
    pub fn take(&self, kept: &[KeptPhase]) {
        let phases: BTreeMap<String, Phase> = kept.iter().map(|one| (one.mount.clone(), one.phase)).collect();
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, takeover) in &*all {
            let phase = phases.get(key).copied().unwrap_or(takeover.config.phase);
            if takeover.set(phase) {
                tracing::info!(mount = key, phase = phase.name(), "another phase of taking over is in force");
            }
        }
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = phases;
    }

    /// Lets what waits come to its end, for some seconds, and writes down what was counted. For the end of a process.
    pub async fn finish(&self, engine: &Engine) {
        let all: Vec<Arc<Takeover>> =
            self.all.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for takeover in all {
            takeover.examiner.finish().await;
        }
        self.counts.write(engine).await;
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}
