//! Where and when are passwords hashed, so that neither memory, time nor fairness gets lost?
//!
//! Hashing has threads of its own, one kept buffer each, and a bounded queue in front of them (REL-06…11). What does
//! not fit is sent away at once. An unknown user costs what a known one costs (SEC-12): there is one path for both.

mod label;
mod pace;
mod queue;
mod worker;

#[cfg(test)]
mod tests;

pub use label::label;
pub use queue::Rank;

use crate::error::OpenError;
use domain::password::weak::WeakDigest;
use domain::password::{self, Backend, Candidates, Hash, Params, Stored, Verdict};
use domain::secret::Secret;
use domain::user::StoredHash;
use pace::Pace;
use queue::{Answer, Bounds, Done, Job, NotTaken, Queue, Timing, Work};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use worker::Bench;

/// No machine gets more hashing threads, whatever the settings say.
const MOST_WORKERS: usize = 256;
/// The longest queue that can be asked for.
const MOST_QUEUED: usize = 65_536;
/// Retry-After is spread over this many seconds, so that clients do not come back together.
const JITTER_SECONDS: u64 = 4;

/// How much hashing the machine is to do.
#[derive(Clone, Debug)]
pub struct HashSettings {
    /// Which implementation of argon2 computes.
    pub backend: Backend,
    /// The cost of new hashes.
    pub params: Params,
    /// Hashing threads; zero: as many as cores. At most 256.
    pub workers: usize,
    /// How many may wait; zero: what the threads do in two seconds, between 8 and 512. At most 65,536.
    pub queue: usize,
    /// How many one client may have waiting while more than half of the queue is taken; zero: any number (REL-10).
    pub per_client: usize,
}

impl Default for HashSettings {
    fn default() -> HashSettings {
        HashSettings { backend: Backend::Simd, params: Params::DEFAULT, workers: 0, queue: 0, per_client: 4 }
    }
}

/// How a password fared, and what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whether it is the password. Never true for an absent, unusable or unreadable hash.
    pub matches: bool,
    /// It matches and a new hash should be written: the stored one is weaker or another scheme, or was made of the
    /// password as typed (SEC-04, SEC-08).
    pub outdated: bool,
    /// What the hashing took, without the time in the queue.
    pub spent: Duration,
    /// Wait this long before a refusal, and only then: all refusals take as long as the slowest scheme (SEC-12).
    pub remaining_to_floor: Duration,
}

impl Verified {
    /// For what is no password by its length alone; decided before the account is looked at (SEC-02, SEC-03).
    const TOO_LONG: Verified = Verified {
        matches: false,
        outdated: false,
        spent: Duration::ZERO,
        remaining_to_floor: Duration::ZERO,
    };
}

/// Why nothing was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashRefused {
    /// Too much waits already (REL-07).
    #[error("too many passwords are waiting, try again in {retry_after_seconds} s")]
    Busy {
        /// When to come back.
        retry_after_seconds: u32,
    },
    /// The hashing threads are shutting down, or the one with this password panicked.
    #[error("the hashing threads do not answer")]
    Gone,
}

/// The numbers of the hashing threads at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashGauges {
    /// Waiting now.
    pub queued: usize,
    /// Being hashed now.
    pub running: usize,
    /// How many may wait.
    pub queue_limit: usize,
    /// Sent away since the start.
    pub shed_total: u64,
    /// Answered since the start, calibrations included.
    pub done_total: u64,
    /// Dropped unhashed since the start: nobody waited for them any more.
    pub abandoned_total: u64,
    /// Ended by a panic since the start.
    pub panicked_total: u64,
    /// Single hashes since the start: one password takes one or two.
    pub hashes_total: u64,
    /// What one of our own hashes takes lately; a guess until one was timed.
    pub native_hash: Duration,
    /// What a refusal takes for each hash tried; zero while only our own hashes are known.
    pub floor: Duration,
}

/// The door to the hashing threads. Dropping it ends them after the hashes they are at.
pub struct Hasher {
    bench: Arc<Bench>,
    decoy: Hash,
    /// The labels that were timed or are about to be.
    labels: Mutex<BTreeSet<String>>,
    /// How many timings are under way; a refusal waits for them.
    timings: Arc<watch::Sender<usize>>,
}

/// Who wants a password checked.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The key under which the queue is shared out; empty: no share.
    pub client: &'a str,
    /// When its turn comes. A device that the account knows goes before strangers (REL-10).
    pub rank: Rank,
}

impl<'a> From<&'a str> for Asker<'a> {
    fn from(client: &'a str) -> Asker<'a> {
        Asker { client, rank: Rank::Next }
    }
}

impl Hasher {
    /// Starts the threads. `schemes` are the labels of the stored hashes (see `label`); the foreign ones are timed before
    /// anything else is hashed. A text that is no label is logged and left out.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(settings: HashSettings, schemes: Vec<String>) -> Result<Hasher, OpenError> {
        let HashSettings { backend, params, workers, queue, per_client } = settings;
        let workers = if workers == 0 { cores() } else { workers.min(MOST_WORKERS) };
        let queue = Queue::new(Bounds { workers, places: queue.min(MOST_QUEUED), per_client });
        let bench = Arc::new(Bench { backend, params, pace: Pace::new(&params), queue: Arc::new(queue) });
        // Built first: if a thread is refused, dropping it ends the others.
        let hasher = Hasher {
            bench: Arc::clone(&bench),
            decoy: password::decoy(&params),
            labels: Mutex::default(),
            timings: Arc::new(watch::Sender::new(0)),
        };
        for number in 0..workers {
            let bench = Arc::clone(&bench);
            std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || worker::run(&bench))
                .map_err(|error| OpenError::Refused(format!("no thread for password hashing: {error}")))?;
        }
        hasher.learn(schemes);
        Ok(hasher)
    }

    /// Checks a typed password against what is stored. An absent, unusable or unreadable hash costs the same and never
    /// matches. `client` is the key under which the queue is shared out.
    ///
    /// Dropping the future takes the password out of the queue; a hash that has begun is finished. Before the first no it
    /// waits until every kind of hash that is stored was timed.
    ///
    /// # Errors
    /// `Busy` or `Gone`. Both are decided without regard to the account.
    pub async fn verify(
        &self,
        asker: impl Into<Asker<'_>>,
        stored: Option<&StoredHash>,
        password: &Secret,
    ) -> Result<Verified, HashRefused> {
        let Ok(candidates) = Candidates::new(password.expose()) else {
            return Ok(Verified::TOO_LONG);
        };
        let (hash, label) = self.readable(stored);
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let current = hash.is_current(&self.bench.params);
        let count = u32::try_from(candidates.count()).unwrap_or(u32::MAX);
        let (kib, stretch) = (hash.memory_kib(), hash.scheme().stretch(password.expose().as_bytes()));
        let work = Box::new(move |workspace: &mut _| {
            let verdict = candidates.check(&hash, workspace);
            let hashes = if verdict == Verdict::RightAsTyped { 1 } else { count };
            (Answer::Verdict(verdict), hashes)
        });
        let job = self.job(label, kib, count, work);
        let job = Job { stretch, expected: job.expected * stretch, ..job };
        let done = self.queue(asker.into(), job).await?;
        let Answer::Verdict(verdict) = done.answer else { return Err(HashRefused::Gone) };
        let matches = matches!(verdict, Verdict::Right | Verdict::RightAsTyped);
        if !matches {
            self.timed().await;
        }
        let floor = self.bench.pace.floor_for(password.expose().as_bytes()) * count;
        Ok(Verified {
            matches,
            outdated: verdict == Verdict::RightAsTyped || matches && !current,
            spent: done.spent,
            remaining_to_floor: floor.saturating_sub(done.spent),
        })
    }

    /// Makes a new hash with a fresh `salt`, of the prepared form of the password, or of the text as it is if it can not
    /// be prepared (`Candidates::to_write`). Whether it may become a password, the policy has decided before.
    ///
    /// # Errors
    /// `Busy` or `Gone`.
    pub async fn write(
        &self,
        asker: impl Into<Asker<'_>>,
        password: &Secret,
        salt: [u8; 16],
    ) -> Result<StoredHash, HashRefused> {
        let prepared = password::prepare(password.expose());
        let text = prepared.map_or_else(|_| password.clone(), |prepared| Secret::new(prepared.expose()));
        let params = self.bench.params;
        let label = self.bench.pace.native_label().to_owned();
        let work = Box::new(move |workspace: &mut _| {
            let hash = password::write(text.expose().as_bytes(), &salt, &params, workspace);
            (Answer::Written(hash), 1)
        });
        let job = self.job(label, params.memory_kib(), 1, work);
        let done = self.queue(asker.into(), job).await?;
        match done.answer {
            Answer::Written(text) => Ok(StoredHash(text)),
            Answer::Verdict(_) => Err(HashRefused::Gone),
        }
    }

    /// Wraps a weak digest with a fresh `salt` (SEC-115).
    ///
    /// # Errors
    /// `Busy` or `Gone`.
    pub async fn wrap(&self, digest: Arc<WeakDigest>, salt: [u8; 16]) -> Result<String, HashRefused> {
        let params = self.bench.params;
        let label = self.bench.pace.native_label().to_owned();
        let work =
            Box::new(move |workspace: &mut _| (Answer::Written(digest.wrap(&params, &salt, workspace)), 1));
        let done = self.queue("".into(), self.job(label, params.memory_kib(), 1, work)).await?;
        match done.answer {
            Answer::Written(text) => Ok(text),
            Answer::Verdict(_) => Err(HashRefused::Gone),
        }
    }

    /// The numbers of this moment.
    pub fn gauges(&self) -> HashGauges {
        let native_hash = self.bench.pace.native();
        let counts = self.bench.queue.counts(native_hash);
        HashGauges {
            queued: counts.waiting,
            running: counts.running,
            queue_limit: counts.places,
            shed_total: counts.shed,
            done_total: counts.done,
            abandoned_total: counts.abandoned,
            panicked_total: counts.panicked,
            hashes_total: counts.hashes,
            native_hash,
            floor: self.bench.pace.floor(),
        }
    }

    /// The hash, if one can be read, and the label of what will be computed in any case.
    fn readable(&self, stored: Option<&StoredHash>) -> (Option<Hash>, String) {
        let native = || self.bench.pace.native_label().to_owned();
        let Some(StoredHash(text)) = stored else { return (None, native()) };
        match Stored::parse(text) {
            Ok(Stored::Usable(hash)) => {
                let label = label::of(&hash);
                (Some(hash), label)
            }
            Ok(Stored::Unusable) => (None, native()),
            Err(fault) => {
                tracing::warn!(%fault, "a stored password hash can not be read and matches nothing");
                (None, native())
            }
        }
    }

    async fn queue(&self, asker: Asker<'_>, job: Job) -> Result<Done, HashRefused> {
        let (sender, receiver) = oneshot::channel();
        let job = Job { client: Arc::from(asker.client), rank: asker.rank, answer: Some(sender), ..job };
        match self.bench.queue.push(job, self.bench.pace.native()) {
            Ok(()) => receiver.await.map_err(|_| HashRefused::Gone),
            Err(NotTaken::Closed) => Err(HashRefused::Gone),
            Err(NotTaken::Full { drain, shed_before }) => Err(busy(drain, shed_before)),
        }
    }

    /// A job for which nobody waits.
    fn job(&self, label: String, kib: u32, hashes: u32, work: Work) -> Job {
        let pace = &self.bench.pace;
        let each = pace.expected(&label);
        // Our own hashes of other days are no burden: the bound is for what takes more memory or much more time.
        let heavy = kib > self.bench.params.memory_kib() || each > 2 * pace.native();
        Job {
            client: Arc::from(""),
            rank: Rank::Next,
            timing: None,
            label,
            stretch: 1,
            expected: each * hashes,
            heavy_kib: heavy.then_some(kib),
            work,
            answer: None,
        }
    }

    /// Has every label that is new timed once, before anything else is hashed, so that the floor is known before the next
    /// refusal (SEC-12). Only our own: no floor needed.
    pub fn learn(&self, schemes: Vec<String>) {
        let native = self.bench.pace.native_label();
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        let new = schemes.into_iter().filter(|scheme| scheme != native && !labels.contains(scheme));
        let mut foreign: Vec<(String, Hash)> = Vec::new();
        for scheme in new.collect::<BTreeSet<String>>() {
            labels.insert(scheme.clone());
            match label::sample(&scheme) {
                Some(hash) => foreign.push((scheme, hash)),
                None => tracing::warn!(scheme, "this is no label of a password hash"),
            }
        }
        if foreign.is_empty() {
            return;
        }
        foreign.truncate(pace::MOST_LABELS - 1);
        foreign.push((native.to_owned(), self.decoy.clone()));
        for (label, hash) in foreign {
            let kib = hash.memory_kib();
            let work = Box::new(move |workspace: &mut _| {
                let right = hash.verify(b"calibration", workspace);
                (Answer::Verdict(if right { Verdict::Right } else { Verdict::Wrong }), 1)
            });
            let timing = Some(Timing::begin(&self.timings));
            self.bench.queue.push_urgent(Job { timing, ..self.job(label, kib, 1, work) });
        }
    }

    /// Waits until every timing under way is done.
    async fn timed(&self) {
        // Fails only when the sender is gone, and that is ours.
        let _ = self.timings.subscribe().wait_for(|under_way| *under_way == 0).await;
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.bench.queue.close();
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hasher({:?})", self.gauges())
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS)
}

/// The time to drain the queue, and a spread of 0 to 3 seconds that follows the count of refusals.
fn busy(drain: Duration, shed_before: u64) -> HashRefused {
    let whole = drain.as_secs() + u64::from(drain.subsec_nanos() > 0);
    let seconds = whole.max(1) + shed_before % JITTER_SECONDS;
    HashRefused::Busy { retry_after_seconds: u32::try_from(seconds).unwrap_or(u32::MAX) }
}
