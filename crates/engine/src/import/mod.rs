//! How do users of another application come in?
//!
//! All or nothing: the whole source is read for faults before anything is written, and read again to be added.

mod check;
mod collide;
mod spool;
mod wrap;

use crate::Engine;
use crate::operator::OperatorError;
use crate::store::{Broken, ImportSum};
use check::Checked;
use domain::event::{Actor, Event, EventKind};
use domain::password::weak::Layout;
use domain::record::RecordFactor;
use domain::record::{Entry, Place};
use domain::time::Moment;
use domain::user::{NewUser, StoredHash};
use spool::{Spool, Tags};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// More faults than this are counted and not kept.
const MOST_FAULTS: usize = 100_000;

/// The users of a source in its order. An error ends it: the source itself can not be read on.
pub type Entries = Box<dyn Iterator<Item = Result<Entry, String>> + Send>;
/// Starts a source from its beginning. It must give the same users each time.
pub type OpenEntries = Arc<dyn Fn() -> Result<Entries, String> + Send + Sync>;

/// What is wrong with one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFault {
    /// Where it stands.
    pub place: Place,
    /// One sentence.
    pub what: String,
}

/// Everything that is wrong with the records of a source, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFaults {
    /// At most 100,000 of them.
    pub listed: Vec<RecordFault>,
    /// How many there are.
    pub count: u64,
}

impl RecordFaults {
    /// One more.
    pub fn add(&mut self, place: &Place, what: impl Into<String>) {
        self.count += 1;
        if self.listed.len() < MOST_FAULTS {
            self.listed.push(RecordFault { place: place.clone(), what: what.into() });
        }
    }
}

/// How an import ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Users of the source.
    pub users: u64,
    /// Users added (or that would have been, in a dry run).
    pub added: u64,
    /// Users that were here already, and were left as they are.
    pub unchanged: u64,
    /// Users by the scheme of their password hash, `no password` among them.
    pub schemes: BTreeMap<&'static str, u64>,
    /// Users by the kind of weak digest that was wrapped, or would be (SEC-115).
    pub weak: BTreeMap<&'static str, u64>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportFault {
    /// Records have faults; every one is listed.
    #[error("{} faults; nothing was imported", .0.count)]
    Records(RecordFaults),
    /// The source could not be read.
    #[error("{0}; nothing was imported")]
    Source(String),
    /// The engine did not carry it out.
    #[error(transparent)]
    Operator(#[from] OperatorError),
}

/// What an import is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportStage {
    /// Reading everything for faults. How much there is, is not known yet.
    Checking,
    /// Looking who would be in the way. Only where digests have to be wrapped: that takes long, and must not be in vain.
    Rehearsing,
    /// Wrapping weak digests in argon2id.
    Wrapping,
    /// Adding the users.
    Adding,
}

/// How far an import is. For whoever watches it.
#[derive(Debug, Default)]
pub struct ImportWatch {
    stage: AtomicU8,
    done: AtomicU64,
    of: AtomicU64,
}

impl ImportWatch {
    /// What is done, how many users of it are done, and of how many; zero = nobody knows.
    pub fn now(&self) -> (ImportStage, u64, u64) {
        let stage = match self.stage.load(Ordering::Relaxed) {
            0 => ImportStage::Checking,
            1 => ImportStage::Rehearsing,
            2 => ImportStage::Wrapping,
            _ => ImportStage::Adding,
        };
        (stage, self.done.load(Ordering::Relaxed), self.of.load(Ordering::Relaxed))
    }

    fn begin(&self, stage: ImportStage, of: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.of.store(of, Ordering::Relaxed);
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// An import as it is asked for.
#[derive(Clone)]
pub struct ImportOrder {
    /// The users.
    pub open: OpenEntries,
    /// Check everything, keep nothing.
    pub dry_run: bool,
    /// Where the salt of a weak digest stands, if its text does not tell.
    pub layout: Layout,
    /// A file that keeps what was wrapped until it is added. None: a weak digest is refused.
    pub spool: Option<PathBuf>,
    /// Who looks on.
    pub watch: Arc<ImportWatch>,
}

impl ImportOrder {
    /// Of these users, for good, with nobody looking on.
    pub fn new(open: OpenEntries) -> ImportOrder {
        ImportOrder { open, dry_run: false, layout: Layout::default(), spool: None, watch: Arc::default() }
    }
}

impl std::fmt::Debug for ImportOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportOrder").field("dry_run", &self.dry_run).finish_non_exhaustive()
    }
}

impl Engine {
    /// Imports users, all of them or none.
    ///
    /// Users who are here already are left as they are; who counts as the same is said at [`crate::ImportReport`]'s
    /// `unchanged` and in docs/importing.md. With `dry_run` everything is checked and nothing kept.
    /// Refused: any fault in any record, a source that gives other users the second time; then nothing is imported.
    pub async fn import(&self, order: ImportOrder) -> Result<ImportReport, ImportFault> {
        let now = self.clock().now();
        order.watch.begin(ImportStage::Checking, 0);
        let checked = check::check(&order, now).await?;
        let seed = self.chance().uuid().map_err(OperatorError::from)?;
        let Checked { users, schemes, weak } = checked;
        let run = Run { order: &order, users, seed, now };
        let count = weak.values().sum();
        let ImportSum { added, unchanged } = if order.dry_run || count == 0 {
            self.add(&run, order.dry_run, None).await?
        } else {
            self.add(&run, true, None).await?;
            let spool = Arc::new(self.wrap(&order, count, now).await?);
            let sum = self.add(&run, false, Some(Arc::clone(&spool))).await?;
            spool.remove();
            sum
        };
        Ok(ImportReport { users, added, unchanged, schemes, weak })
    }

    async fn add(
        &self,
        run: &Run<'_>,
        dry_run: bool,
        wrapped: Option<Arc<Spool>>,
    ) -> Result<ImportSum, ImportFault> {
        let Run { order, users: expected, seed, now } = *run;
        let rehearsal = dry_run && !order.dry_run;
        order.watch.begin(if rehearsal { ImportStage::Rehearsing } else { ImportStage::Adding }, expected);
        let broken = Arc::new(Mutex::new(None));
        let users = Again {
            engine: self.clone(),
            entries: (order.open)().map_err(ImportFault::Source)?,
            seed,
            now,
            layout: order.layout,
            wrapped: match wrapped {
                Some(spool) => Some((self.tags()?, spool)),
                None => None,
            },
            given: 0,
            expected,
            watch: Arc::clone(&order.watch),
            broken: Arc::clone(&broken),
        };
        let event = Event::inside(EventKind::Imported, now, Actor::Operator, "user import");
        let event = (!dry_run).then_some(event);
        let imported = self.store().import(users, event).await;
        if let Some(why) = broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(ImportFault::Source(why));
        }
        match imported.map_err(OperatorError::from)? {
            Ok(sum) => Ok(sum),
            Err(conflicts) => Err(ImportFault::Records(self.locate(order, conflicts).await?)),
        }
    }
}

/// What the readings of one import have in common.
#[derive(Clone, Copy)]
struct Run<'a> {
    order: &'a ImportOrder,
    users: u64,
    seed: Uuid,
    now: Moment,
}

/// The users of a source that was checked, read a second time.
struct Again {
    /// Seals what is sealed under the master key here.
    engine: Engine,
    entries: Entries,
    seed: Uuid,
    now: Moment,
    layout: Layout,
    wrapped: Option<(Tags, Arc<Spool>)>,
    given: u64,
    expected: u64,
    watch: Arc<ImportWatch>,
    broken: Arc<Mutex<Option<String>>>,
}

impl Again {
    fn user(&mut self, entry: Result<Entry, String>) -> Result<NewUser, String> {
        let changed = |place: &Place| format!("{place}: it was changed while it was read");
        let Entry { place, record } = entry?;
        let record = record.map_err(|_| changed(&place))?;
        self.given += 1;
        let uuid = nth_uuid(self.seed, u128::from(self.given));
        let factor = record.second_factor.as_ref().map(RecordFactor::read).transpose();
        let factor = factor.map_err(|_| changed(&place))?;
        let digest = self.wrapped.as_ref().and(record.password_hash.clone());
        let (mut user, weak) = record.read_with(uuid, self.now, self.layout).map_err(|_| changed(&place))?;
        if let (Some(_), Some((tags, spool)), Some(digest)) = (weak, &self.wrapped, digest) {
            // Whoever is not there was here already, and keeps the password that he has here.
            let text = spool.text(tags.of(&user, digest.expose()));
            user.password_hash = text.map_err(|error| format!("{place}: {error}"))?.map(StoredHash);
        }
        if let (Some(factor), Some(id)) = (factor, user.id) {
            let factors = self.engine.carried(id, &factor, self.now).map_err(|fault| fault.to_string())?;
            user.factors = Some(Box::new(factors));
        }
        Ok(user)
    }
}

impl Iterator for Again {
    type Item = Result<NewUser, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match self.entries.next() {
            Some(entry) => self.user(entry),
            None if self.given == self.expected => return None,
            None => Err("the source was changed while it was read".to_owned()),
        };
        self.watch.step();
        Some(next.map_err(|why| {
            *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            Broken
        }))
    }
}

/// UUIDs of one import: random at large, distinct within.
fn nth_uuid(seed: Uuid, place: u128) -> Uuid {
    let mixed = seed.as_u128() ^ (place.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    uuid::Builder::from_u128(mixed)
        .with_variant(uuid::Variant::RFC4122)
        .with_version(uuid::Version::Random)
        .into_uuid()
}
