//! Who waits for a hashing thread, who goes next, and who is sent away?

use domain::password::{Verdict, Workspace};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Work that may wait when the length of the queue follows the measured pace (security.md 3.1).
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Work that may wait until nobody else does.
const IDLE_PLACES: usize = 64;
const FEWEST_PLACES: usize = 8;
const MOST_PLACES: usize = 512;
/// Memory that heavy hashes may use together (SEC-114), in KiB.
const HEAVY_KIB: u32 = 256 * 1024;
/// A thread that had nothing to do for so long gives its memory back.
const REST_AFTER: Duration = Duration::from_secs(30);

/// Who goes before whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rank {
    /// Before those that are not (REL-10).
    First,
    /// In its turn.
    #[default]
    Next,
    /// When nobody else waits, on half of the threads; sent away while others have to wait.
    Idle,
}

/// What came of a piece of work.
pub enum Answer {
    /// How a password fared.
    Verdict(Verdict),
    /// A new hash.
    Written(String),
}

/// An answer, with what it took.
pub struct Done {
    pub answer: Answer,
    pub spent: Duration,
}

/// Computes; returns the answer and how many hashes it took.
pub type Work = Box<dyn FnOnce(&mut Workspace) -> (Answer, u32) + Send>;

/// One piece of work.
pub struct Job {
    /// Whose share of the queue it takes; empty: nobody's.
    pub client: Arc<str>,
    /// When its turn comes.
    pub rank: Rank,
    /// Under which label its time is noted.
    pub label: String,
    /// How many times as long as with a short password it may take.
    pub stretch: u32,
    /// How long it is expected to take.
    pub expected: Duration,
    /// The memory of a hash that costs more than our own, in KiB; such hashes have their own bounds.
    pub heavy_kib: Option<u32>,
    pub work: Work,
    /// Who waits. None: nobody, the time itself is wanted.
    pub answer: Option<oneshot::Sender<Done>>,
    /// Ends with the job, however it ends, and not before its time was noted.
    pub timing: Option<Timing>,
}

/// A timing under way.
pub struct Timing(Arc<watch::Sender<usize>>);

impl Timing {
    pub fn begin(under_way: &Arc<watch::Sender<usize>>) -> Timing {
        under_way.send_modify(|count| *count += 1);
        Timing(Arc::clone(under_way))
    }
}

impl Drop for Timing {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Job {
    fn is_abandoned(&self) -> bool {
        self.answer.as_ref().is_some_and(oneshot::Sender::is_closed)
    }
}

/// What a thread does next.
pub enum Next {
    /// Run this; the permit belongs to the work and is given back when dropped.
    Run(Job, Permit),
    /// Give the memory back.
    Rest,
    /// Nothing will come any more.
    End,
}

/// Why a job was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Too much waits already; it will be done in about this time.
    Full { drain: Duration, shed_before: u64 },
    /// The queue is closed.
    Closed,
}

/// How much may wait and run.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub workers: usize,
    /// Zero: as many as two seconds can do.
    pub places: usize,
    /// Zero: no share.
    pub per_client: usize,
}

/// What the queue holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub waiting: usize,
    pub running: usize,
    pub places: usize,
    pub shed: u64,
    pub done: u64,
    pub abandoned: u64,
    pub panicked: u64,
    pub hashes: u64,
}

/// The queue of the hashing threads.
pub struct Queue {
    bounds: Bounds,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Those whose turn comes when nobody waits.
    idle: VecDeque<Job>,
    idle_running: usize,
    /// What the waiting jobs are expected to take together.
    work: Duration,
    running: usize,
    heavy_running: usize,
    heavy_kib: u32,
    closed: bool,
    shed: u64,
    done: u64,
    abandoned: u64,
    panicked: u64,
    hashes: u64,
}

impl State {
    fn has_room(&self, job: &Job, heavy_at_once: usize) -> bool {
        job.heavy_kib.is_none_or(|kib| {
            let fits = self.heavy_kib.saturating_add(kib) <= HEAVY_KIB;
            self.heavy_running == 0 || self.heavy_running < heavy_at_once && fits
        })
    }

    /// How many go before the others.
    fn firsts(&self) -> usize {
        self.waiting.iter().take_while(|job| job.rank == Rank::First).count()
    }

    /// Drops what nobody waits for any more, unhashed (REL-09).
    fn drop_abandoned(&mut self) {
        let before = self.waiting.len();
        self.waiting.retain(|job| !job.is_abandoned());
        self.abandoned += (before - self.waiting.len()) as u64;
        self.work = self.waiting.iter().map(|job| job.expected).sum();
    }

    fn next(&mut self, heavy_at_once: usize) -> Option<Job> {
        while let Some(at) = self.waiting.iter().position(|job| self.has_room(job, heavy_at_once)) {
            let job = self.waiting.remove(at)?;
            self.work = self.work.saturating_sub(job.expected);
            if !job.is_abandoned() {
                return Some(job);
            }
            self.abandoned += 1;
        }
        None
    }

    fn next_idle(&mut self, at_once: usize) -> Option<Job> {
        while self.idle_running < at_once && self.idle.front().is_some_and(|job| self.has_room(job, at_once))
        {
            let job = self.idle.pop_front()?;
            if !job.is_abandoned() {
                return Some(job);
            }
            self.abandoned += 1;
        }
        None
    }
}

impl Queue {
    pub fn new(bounds: Bounds) -> Queue {
        Queue { bounds, state: Mutex::default(), wake: Condvar::new() }
    }

    /// Queues a job, or sends it away at once. `native` is what a native hash takes.
    ///
    /// The decision depends on what waits and on who asks, never on what the job is: otherwise it would tell who exists.
    pub fn push(&self, job: Job, native: Duration) -> Result<(), NotTaken> {
        let mut state = self.lock();
        if state.closed {
            return Err(NotTaken::Closed);
        }
        let places = self.places(native);
        if job.rank == Rank::Idle {
            return self.push_idle(state, job, places);
        }
        if 2 * state.waiting.len() > places || self.is_full(&state, places) {
            state.drop_abandoned();
        }
        if self.is_full(&state, places) || self.share_is_used_up(&state, places, &job.client) {
            let drain = self.drain(&state);
            state.shed += 1;
            return Err(NotTaken::Full { drain, shed_before: state.shed - 1 });
        }
        state.work += job.expected;
        let at = if job.rank == Rank::First { state.firsts() } else { state.waiting.len() };
        state.waiting.insert(at, job);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Takes nobody's place, and being sent away counts for nothing: nobody waits for an answer.
    fn push_idle(&self, mut state: MutexGuard<'_, State>, job: Job, places: usize) -> Result<(), NotTaken> {
        if state.idle.len() >= IDLE_PLACES {
            state.idle.retain(|job| !job.is_abandoned());
        }
        if 2 * state.waiting.len() > places || state.idle.len() >= IDLE_PLACES {
            return Err(NotTaken::Full { drain: self.drain(&state), shed_before: state.shed });
        }
        state.idle.push_back(job);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Queues a job of our own before all others, whatever waits.
    pub fn push_urgent(&self, job: Job) {
        let mut state = self.lock();
        state.work += job.expected;
        state.waiting.push_front(job);
        drop(state);
        self.wake.notify_one();
    }

    /// Waits for the next job. `rested`: the thread has given its memory back and needs no further reminder.
    pub fn next(self: &Arc<Queue>, rested: bool) -> Next {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Next::End;
            }
            let at_once = self.heavy_at_once();
            if let Some(job) = state.next(at_once).or_else(|| state.next_idle(at_once)) {
                let permit = self.permit(&mut state, &job);
                return Next::Run(job, permit);
            }
            if rested {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (next, wait) =
                self.wake.wait_timeout(state, REST_AFTER).unwrap_or_else(PoisonError::into_inner);
            if wait.timed_out() {
                return Next::Rest;
            }
            state = next;
        }
    }

    /// Takes nothing any more and drops what waits; what runs is finished.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        state.idle.clear();
        drop(state);
        self.wake.notify_all();
    }

    /// Notes a finished job.
    pub fn count_done(&self, hashes: u32) {
        let mut state = self.lock();
        state.done += 1;
        state.hashes += u64::from(hashes);
    }

    /// Notes a job that panicked.
    pub fn count_panic(&self) {
        self.lock().panicked += 1;
    }

    /// The numbers of this moment.
    pub fn counts(&self, native: Duration) -> Counts {
        let state = self.lock();
        Counts {
            waiting: state.waiting.len(),
            running: state.running,
            places: self.places(native),
            shed: state.shed,
            done: state.done,
            abandoned: state.abandoned,
            panicked: state.panicked,
            hashes: state.hashes,
        }
    }

    fn places(&self, native: Duration) -> usize {
        if self.bounds.places > 0 {
            return self.bounds.places;
        }
        let each = native.max(Duration::from_micros(1)).as_micros();
        let places = LONGEST_WAIT.as_micros() * self.bounds.workers as u128 / each;
        usize::try_from(places).unwrap_or(MOST_PLACES).clamp(FEWEST_PLACES, MOST_PLACES)
    }

    fn is_full(&self, state: &State, places: usize) -> bool {
        let by_pace = self.bounds.places == 0;
        let slow = by_pace && state.waiting.len() >= FEWEST_PLACES && self.drain(state) >= LONGEST_WAIT;
        state.waiting.len() >= places || slow
    }

    /// REL-10: when more than half of the queue is taken, nobody may hold more than a share.
    fn share_is_used_up(&self, state: &State, places: usize, client: &str) -> bool {
        let most = self.bounds.per_client;
        most > 0
            && !client.is_empty()
            && 2 * state.waiting.len() > places
            && state.waiting.iter().filter(|job| &*job.client == client).count() >= most
    }

    fn drain(&self, state: &State) -> Duration {
        state.work / u32::try_from(self.bounds.workers).unwrap_or(u32::MAX).max(1)
    }

    fn heavy_at_once(&self) -> usize {
        (self.bounds.workers / 2).max(1)
    }

    fn permit(self: &Arc<Queue>, state: &mut State, job: &Job) -> Permit {
        state.running += 1;
        if let Some(kib) = job.heavy_kib {
            state.heavy_running += 1;
            state.heavy_kib += kib;
        }
        let idle = job.rank == Rank::Idle;
        state.idle_running += usize::from(idle);
        Permit { queue: Arc::clone(self), heavy_kib: job.heavy_kib, idle }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to run one job. Given back when the job has ended, however it ended.
pub struct Permit {
    queue: Arc<Queue>,
    heavy_kib: Option<u32>,
    idle: bool,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.running -= 1;
        state.idle_running -= usize::from(self.idle);
        if let Some(kib) = self.heavy_kib {
            state.heavy_running -= 1;
            state.heavy_kib -= kib;
            drop(state);
            // More than one waiting job may fit now.
            self.queue.wake.notify_all();
        }
    }
}
