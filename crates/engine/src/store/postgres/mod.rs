//! How does one PostgreSQL hold everything, for many nodes?
//!
//! Only SQL that engines with its protocol share is used; docs/postgresql.md lists what is relied upon.

pub(super) mod clock;
mod copy;
mod fault;
mod fold;
mod hosts;
mod import;
mod leases;
mod list;
mod migrate;
mod readers;
mod session;
mod shares;
mod slot;
mod strand;
#[cfg(test)]
mod tests;
mod writers;

use super::address::{PostgresAddress, PostgresSettings};
use super::feed::Feed;
use super::row::Row;
use super::value::Value;
use super::{GONE, ImportSum, Outage, refuse, sessions};
use crate::error::{Fault, OpenError};
use crossbeam_channel::Receiver;
use domain::change::{Applied, Change, Conflict};
use domain::event::Event;
use domain::seal::MasterKeyId;
use domain::trail::TrailKey;
use list::{Mark, Proof, Run};
use readers::Readers;
use session::{Gate, Purpose, Session};
pub(crate) use shares::Shares;
use slot::Common;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use strand::Strand;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use writers::{Writer, Writers};

pub(super) use copy::CopySide;
pub(super) use migrate::{is_bound, sealed_keys};

/// The longest that one scan may take, in milliseconds.
const SCAN_MS: u64 = 10_000;
/// How long a step of the schema waits for a lock before it lets others through and tries again (REL-40).
const SCHEMA_LOCK_MS: u64 = 2000;
/// How long the first connections may take.
const OPENING: Duration = Duration::from_secs(5);
/// A database that goes again so soon was not back.
const SAME_OUTAGE: Duration = Duration::from_secs(10);
/// From the moment a list is asked for to its answer; a client is told after at most three seconds (REL-22).
const PATIENCE: Duration = Duration::from_millis(2500);
/// How often a list is tried that got in the way of another (REL-25).
const TRIES: u32 = 4;
/// Between two questions whether the database is there.
const PULSE: Duration = Duration::from_millis(250);
/// How long each of two connections has for the answer. Readiness tells the truth within two seconds (REL-21).
const BEAT: Duration = Duration::from_millis(700);
/// Before the next try, about, and twice as long before each further one.
const PAUSE: Duration = Duration::from_millis(10);

/// A connection to the database of another application. It ends with the value.
pub struct Elsewhere(Session);

impl AsRef<tokio_postgres::Client> for Elsewhere {
    fn as_ref(&self) -> &tokio_postgres::Client {
        self.0.client()
    }
}

impl std::fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Elsewhere(…)")
    }
}

/// Connects to the database of another application, with the same care for the way to it as for the way to our own.
///
/// Refused, with a sentence: certificates that can not be read, a server that can not be reached.
pub async fn connect_elsewhere(address: &PostgresAddress) -> Result<Elsewhere, OpenError> {
    let gate = Gate::new(address, &PostgresSettings::default())?;
    let session = gate.connect(Purpose::Copy, &Arc::default()).await;
    session.map(Elsewhere).map_err(|why| refuse(format!("{}: {why}", gate.hosts)))
}

/// A database on a PostgreSQL, open.
pub(super) struct Postgres {
    shared: Arc<Shared>,
    pulse: JoinHandle<()>,
}

/// What a list is answered with.
type Recorded = Result<Result<Applied, Conflict>, Fault>;

struct Shared {
    readers: Readers,
    scans: Readers,
    shares: Shares,
    /// Random number of this process, for leases.
    node: i64,
    writers: Writers,
    /// Whether the database answered the last time and takes writes.
    beats: AtomicBool,
    /// When it was away last: from, and until.
    away: Mutex<Option<(Instant, Option<Instant>)>>,
    /// For messages.
    hosts: String,
}

impl Postgres {
    /// Opens the database; creates its tables if there are none, and brings them up to date.
    ///
    /// Refused, with nothing changed: a server that can not be reached, is too old or takes no writes; a wrong name or
    /// password; missing rights; tables of another program; a schema newer than this program (REL-40); secrets that are
    /// sealed under another master key (REL-33); a copy that is not finished.
    pub async fn open(
        address: &PostgresAddress,
        settings: &PostgresSettings,
        trail: Arc<TrailKey>,
        master: MasterKeyId,
        woken: Arc<Notify>,
    ) -> Result<Postgres, OpenError> {
        let gate = Gate::new(address, settings)?;
        gate.look_round().await;
        migrate::prepare(&gate, migrate::MIGRATIONS, master).await?;
        let hosts = gate.hosts.clone();
        let common = Arc::new(Common::new(gate, woken));
        let wait = Duration::from_millis(settings.pool_wait_ms);
        let shared = Shared {
            readers: Readers::keep(&common, settings.readers, wait, Purpose::Work),
            scans: Readers::keep(&common, 1, wait, Purpose::Scans),
            shares: Shares::new(Readers::keep(&common, 1, wait, Purpose::Counters)),
            node: node(),
            writers: Writers::keep(&common, settings.writers, wait, &trail),
            beats: AtomicBool::new(true),
            away: Mutex::default(),
            hosts,
        };
        shared.wait_until_there().await?;
        let shared = Arc::new(shared);
        let pulse = tokio::spawn(pulse(Arc::downgrade(&shared)));
        Ok(Postgres { shared, pulse })
    }

    /// Applies a list of changes; see [`super::Store::record`].
    pub async fn record(&self, changes: Vec<Change>) -> Result<Result<Applied, Conflict>, Fault> {
        let shared = Arc::clone(&self.shared);
        // A task of its own: it goes on when whoever asked is gone.
        tokio::spawn(async move { shared.record(&changes).await }).await.map_err(|_| GONE)?
    }

    /// Adds users; see [`super::Store::import`].
    pub async fn import(
        &self,
        feed: Receiver<Feed>,
        event: Option<Event>,
    ) -> Result<Result<ImportSum, Vec<(usize, Conflict)>>, Fault> {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let mut writer = shared.writers.take().await?;
            let imported = import::run(&mut writer, feed, event).await;
            shared.writers.give(writer);
            imported
        })
        .await
        .map_err(|_| GONE)?
    }

    /// The first row of a statement that finds few.
    pub async fn one<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let rows = self.shared.readers.query(sql, values).await?;
        rows.first().map(|row| read(&Row::Postgres(row))).transpose()
    }

    /// All rows of a statement that finds few.
    pub async fn all<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let rows = self.shared.readers.query(sql, values).await?;
        rows.iter().map(|row| read(&Row::Postgres(row))).collect()
    }

    /// All rows of a statement that may look at many; nobody else waits for it.
    pub async fn scan<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let rows = self.shared.scans.query(sql, values).await?;
        rows.iter().map(|row| read(&Row::Postgres(row))).collect()
    }

    /// What all nodes count together.
    pub fn shares(&self) -> &Shares {
        &self.shared.shares
    }

    /// Takes or renews a lease on work in the background. False: another node does it.
    pub async fn leads(&self, work: &str) -> Result<bool, Fault> {
        leases::hold(&self.shared.readers, work, self.shared.node).await
    }

    /// Lets other nodes take over the work in the background.
    pub async fn step_down(&self) -> Result<(), Fault> {
        leases::let_go(&self.shared.readers, self.shared.node).await
    }

    /// Wakes those on other nodes who wait for letters. They look by themselves now and then, too.
    pub fn wake_others(&self) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move { drop(shared.readers.query("NOTIFY countersign", &[]).await) });
    }

    /// When the database was away last; see [`super::Store::last_outage`].
    pub fn last_outage(&self) -> Option<Outage> {
        let away = *self.shared.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.map(|(began, ended)| Outage {
            began: began.elapsed(),
            ended: ended.map_or(Duration::ZERO, |ended| ended.elapsed()),
        })
    }

    /// Whether the database answers and takes writes at this moment.
    pub fn is_writable(&self) -> bool {
        let Shared { beats, readers, writers, .. } = &*self.shared;
        beats.load(Ordering::Relaxed) && readers.is_connected() && writers.is_connected()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.pulse.abort();
    }
}

/// Asks now and then whether the database still answers and takes writes. If not, every connection that waits for work
/// is cut: a request must not be the one that finds out, and another server may have taken over (REL-21, REL-28).
async fn pulse(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(PULSE).await;
        let Some(shared) = shared.upgrade() else { return };
        let beats = shared.readers.beats(BEAT).await;
        shared.note_beat(beats);
        if shared.beats.swap(beats, Ordering::Relaxed) && !beats {
            tracing::error!(database = shared.hosts, "the database does not answer, or takes no writes");
        }
        if !beats {
            shared.readers.cut();
            shared.scans.cut();
            shared.shares.cut();
            shared.writers.cut();
        }
    }
}

impl Shared {
    /// Notes when the database goes and comes back. What follows soon after is the same outage.
    fn note_beat(&self, beats: bool) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        *away = match (*away, beats) {
            (Some((began, Some(ended))), false) if now - ended < SAME_OUTAGE => Some((began, None)),
            (None | Some((_, Some(_))), false) => Some((now, None)),
            (Some((began, None)), true) => Some((began, Some(now))),
            (away, _) => away,
        };
    }

    /// Waits for the first connections. Refused: they do not come, though one came a moment ago.
    async fn wait_until_there(&self) -> Result<(), OpenError> {
        let end = Instant::now() + OPENING;
        loop {
            let reads = tokio::time::timeout_at(end, self.readers.query("SELECT 1", &[])).await;
            if matches!(reads, Ok(Ok(_))) && self.writers.is_connected() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(refuse(format!(
                    "PostgreSQL {}: no further connection is made; see its max_connections and its log",
                    self.hosts
                )));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn record(&self, changes: &[Change]) -> Recorded {
        let end = Instant::now() + PATIENCE;
        let mut pause = PAUSE;
        let mut tries = 0;
        loop {
            let Ok(writer) = tokio::time::timeout_at(end, self.writers.take()).await else {
                return Err(Fault::Database("no connection to the database is free".to_owned()));
            };
            let mut writer = writer?;
            let run = match tokio::time::timeout_at(end, list::run(&mut writer, changes)).await {
                Ok(run) => run,
                Err(_) => {
                    writer.abandon();
                    return Err(Fault::Database("the database took too long for a change".to_owned()));
                }
            };
            let why = match self.next(run, writer, changes, end).await {
                Next::Answer(recorded) => return recorded,
                Next::Again(why) => why,
            };
            tries += 1;
            if tries == TRIES || Instant::now() >= end {
                return Err(Fault::Database(why));
            }
            tokio::time::sleep(slot::spread(pause)).await;
            pause *= 2;
        }
    }

    /// What follows from a run, with the connection given back or ended.
    async fn next(&self, run: Run, mut writer: Writer, changes: &[Change], end: Instant) -> Next {
        let (answer, writer) = match run {
            Run::Done(applied) => (Next::Answer(Ok(Ok(applied))), writer),
            Run::Conflict(conflict) => (Next::Answer(Ok(Err(conflict))), writer),
            Run::Failed(fault) => (Next::Answer(Err(fault)), writer),
            Run::Again => (Next::Again("other changes were always in the way".to_owned()), writer),
            Run::Moved => {
                writer.strand = None;
                (Next::Again("the trail always had moved on".to_owned()), writer)
            }
            Run::Lost(why) => {
                writer.abandon();
                return Next::Again(why);
            }
            Run::Perhaps(proof, why) => {
                let strand = writer.abandon();
                let known = match proof {
                    Some(proof) => self.settle(changes, strand, proof, end).await,
                    None => None,
                };
                return match known {
                    Some(Known::Answer(recorded)) => Next::Answer(recorded),
                    Some(Known::NotApplied) => Next::Again(why),
                    None => Next::Answer(Err(Fault::Database(why))),
                };
            }
        };
        self.writers.give(writer);
        answer
    }

    /// Finds out what became of a list whose answer was lost (REL-24). None: it can not be known in time.
    ///
    /// The list is sent again for the same place in the same strand. Of the two only one can move the head from there:
    /// either this one does, or the lost one has, and then its last row stands in that place with its seal. Of two that
    /// exchange the same refresh token only one finds it in force.
    async fn settle(
        &self,
        changes: &[Change],
        strand: Option<Strand>,
        proof: Proof,
        end: Instant,
    ) -> Option<Known> {
        // One more for each time that it is sent in vain: a new user has another number each time, and so the row of
        // the event another seal.
        let mut proofs = vec![proof];
        let search = async {
            loop {
                let mut writer = self.writers.take().await.ok()?;
                writer.strand.clone_from(&strand);
                match settle_by(&mut writer, changes, &mut proofs).await {
                    Some(known) => {
                        self.writers.give(writer);
                        return Some(known);
                    }
                    None => drop(writer.abandon()),
                }
            }
        };
        tokio::time::timeout_at(end, search).await.ok().flatten()
    }
}

/// What follows from one try.
enum Next {
    /// This is the answer.
    Answer(Recorded),
    /// Nothing is written; another try may succeed.
    Again(String),
}

/// What was found out about a list whose answer was lost.
#[derive(Debug)]
enum Known {
    /// This is its answer.
    Answer(Recorded),
    /// It is not applied and never will be.
    NotApplied,
}

/// One try to find out. None: this connection could not tell.
async fn settle_by(writer: &mut Writer, changes: &[Change], proofs: &mut Vec<Proof>) -> Option<Known> {
    let conflict = match list::run(writer, changes).await {
        Run::Done(applied) => return Some(Known::Answer(Ok(Ok(applied)))),
        Run::Failed(fault) => return Some(Known::Answer(Err(fault))),
        // What stands in the way may be the lost list itself.
        Run::Conflict(conflict) => Some(conflict),
        Run::Moved => None,
        Run::Again | Run::Lost(_) => return None,
        Run::Perhaps(proof, _) => {
            proofs.extend(proof);
            return None;
        }
    };
    // Where the strand ends now is for the next list to look up.
    let strand = writer.strand.take();
    for proof in proofs {
        if is_there(&writer.session, strand.as_ref(), &proof.mark).await? {
            let mut applied = proof.applied;
            if proof.uncounted {
                applied.sessions_ended = ended_by(&writer.session, changes).await.ok()?;
            }
            return Some(Known::Answer(Ok(Ok(applied))));
        }
    }
    Some(conflict.map_or(Known::NotApplied, |conflict| Known::Answer(Ok(Err(conflict)))))
}

/// Whether the mark of a list is there, and durable. None: this connection could not tell.
async fn is_there(session: &Session, strand: Option<&Strand>, mark: &Mark) -> Option<bool> {
    match mark {
        Mark::Row(head) => strand?.has(session, *head).await.ok(),
        Mark::Successor(id, digest) => {
            let (sql, values) = sessions::in_force(*id, digest);
            session.query(sql.postgres, &values).await.ok().map(|rows| !rows.is_empty())
        }
    }
}

/// How many sessions a list has ended that is applied.
async fn ended_by(session: &Session, changes: &[Change]) -> Result<u64, tokio_postgres::Error> {
    let mut sum = 0;
    for (sql, values) in changes.iter().filter_map(sessions::ended_by) {
        let rows = session.query(sql.postgres, &values).await?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        sum += count.unsigned_abs();
    }
    Ok(sum)
}

/// The number of this process. Without chance it is the process id, which is as good on one machine.
fn node() -> i64 {
    let mut bytes = [0; 8];
    if draw(&mut bytes) { i64::from_le_bytes(bytes) } else { i64::from(std::process::id()) }
}

/// Draws from the operating system; false when it has no chance.
#[expect(clippy::disallowed_methods, reason = "spreads tries; nothing secret, nothing that an answer shows")]
fn draw(bytes: &mut [u8]) -> bool {
    getrandom::fill(bytes).is_ok()
}
