//! How does everything that one database holds get into another?
//!
//! Page by page in order of the keys: what the target has is compared with what the source has, and only what differs
//! is written. So the first run writes everything, a second one what has changed since, and one that was cut off is
//! simply begun again. What the source had at one moment is what the target has in the end; both are read and
//! compared before the target may be used.

mod page;
mod side;
mod tables;
mod words;

#[cfg(test)]
mod tests;

pub(in crate::store) use page::{Difference, Line, Page, Sum};
pub(in crate::store) use side::Numbers;
pub(in crate::store) use tables::{Kind, TABLES, Table};
pub(in crate::store) use words::Tongue;

#[cfg(test)]
pub(in crate::store) use tables::LEFT_OUT;

use super::Place;
use super::keys::TABLE as KEYS;
use super::sql::Sql;
use super::value::Value;
use crate::error::{Fault, OpenError};
use domain::event::{Actor, Detail, Event, EventKind};
use domain::seal::{MasterKey, MasterKeyId};
use domain::secret::SecretBytes;
use domain::time::Moment;
use domain::trail::TrailKey;
use side::Side;
use std::sync::Arc;

/// Makes the mark of a target that is not finished, in a database of our own schema.
pub(in crate::store) static MARK: Sql = Sql::each(
    "CREATE TABLE copy_progress (id INTEGER PRIMARY KEY CHECK (id = 1), run BLOB NOT NULL, source TEXT NOT NULL, \
     begun_at INTEGER NOT NULL, changes INTEGER NOT NULL DEFAULT 0) STRICT",
    "CREATE TABLE copy_progress (id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1), run BYTEA NOT NULL, \
     source TEXT NOT NULL, begun_at BIGINT NOT NULL, changes BIGINT NOT NULL DEFAULT 0)",
);
/// The table's name.
pub(in crate::store) const MARK_TABLE: &str = "copy_progress";
/// Takes the mark for a run: an earlier one that still works fails at its next page.
pub(in crate::store) static TAKE: Sql = Sql::same(
    "INSERT INTO copy_progress (id, run, source, begun_at) VALUES (1, $1, $2, $3) \
     ON CONFLICT (id) DO UPDATE SET run = excluded.run, source = excluded.source, begun_at = excluded.begun_at",
);
/// With each page; touches no row once another run has the mark.
pub(in crate::store) static ADVANCE: Sql =
    Sql::same("UPDATE copy_progress SET changes = changes + $1 WHERE run = $2");
pub(in crate::store) const UNMARK: &str = "DROP TABLE copy_progress";
/// What the mark says about where its rows come from.
pub(in crate::store) const MARKED: &str = "SELECT source FROM copy_progress";

/// What is said of a database that holds a copy which is not finished.
pub(in crate::store) fn unfinished(source: &str) -> String {
    format!(
        "this is an unfinished copy of {source}: run `countersign database copy` again until it says that the copy is \
         finished, or make the database anew"
    )
}

/// What is said of a target that holds something.
pub(in crate::store) fn not_empty(table: &Table, rows: u64) -> String {
    format!(
        "the target is not empty ({} has {rows} rows) and is no unfinished copy: copy into a new database",
        table.name
    )
}

/// Another run has begun meanwhile.
pub(in crate::store) fn taken_over() -> Fault {
    Fault::Database("another run of the copy has begun and goes on with this target".to_owned())
}

/// The values of a statement of [`Tongue::page`].
pub(in crate::store) fn with_range(after: Option<Line>, through: Option<Line>, limit: i64) -> Line {
    let limit = through.is_none().then_some(Value::Int(limit));
    after.into_iter().chain(through).flatten().chain(limit).collect()
}

/// What is to be copied, and how far.
#[derive(Debug)]
pub struct CopyOrder {
    /// Where everything comes from. Nothing is changed there.
    pub from: Place,
    /// Where it goes: a database that is empty, or that an earlier copy did not finish. A file is made where there is
    /// none.
    pub to: Place,
    /// What the source is called, for people; without a password.
    pub source: String,
    /// At least 32 random bytes; seals the audit trail.
    pub trail_secret: SecretBytes,
    /// At least 32 random bytes; the key that secrets in the source are sealed under.
    pub master_key: SecretBytes,
    /// The source is in use. What it had at one moment is copied, and the target is not finished: it waits for another
    /// run.
    pub ahead: bool,
    /// The source's keys are files, and what lies in its database is older: the target gets none.
    pub without_keys: bool,
    /// Tells runs apart; 16 random bytes.
    pub run: [u8; 16],
    /// The time of the event in the target's trail.
    pub now: Moment,
}

/// What a copy has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStep {
    /// So many rows will be read.
    Begun(u64),
    /// A table is being compared and written.
    Table(&'static str),
    /// So many further rows are as they are at the source.
    Rows(u64),
    /// What was written is being read again.
    Comparing,
}

/// What became of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub name: &'static str,
    /// Rows at the source.
    pub rows: u64,
    /// Rows that were new at the target or had changed.
    pub written: u64,
    /// Rows that the target had and the source has not.
    pub removed: u64,
    /// SHA-256 of all rows at the source, hexadecimal.
    pub checksum: String,
    /// Rows at the target, read after everything was written.
    pub target_rows: u64,
    /// SHA-256 of these.
    pub target_checksum: String,
}

impl CopiedTable {
    /// Whether the target has what the source has.
    pub fn is_equal(&self) -> bool {
        self.rows == self.target_rows && self.checksum == self.target_checksum
    }
}

/// What a copy has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// Every table, in the order in which they were copied.
    pub tables: Vec<CopiedTable>,
    /// Whether the source was written to after the moment that was copied.
    pub moved_on: bool,
    /// Whether the target may be used: everything is equal, and nothing is missing.
    pub finished: bool,
}

impl CopyReport {
    /// Whether every table is equal.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(CopiedTable::is_equal)
    }

    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// Why a copy did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum CopyFault {
    /// The order is wrong or one of the databases can not be used; nothing was written.
    #[error(transparent)]
    Refused(#[from] OpenError),
    /// It broke off. What was written stays; the same order goes on with it.
    #[error(transparent)]
    Broken(#[from] Fault),
}

/// What both sides have to fit.
#[derive(Clone)]
pub(in crate::store) struct Bond {
    /// The master key of the order.
    pub master: MasterKeyId,
    /// Seals the event in the target's trail.
    pub trail: Arc<TrailKey>,
    /// The number of this run.
    pub run: [u8; 16],
}

/// Copies everything, compares it, and finishes the target unless it goes ahead.
///
/// Refused, with nothing written: a database that can not be reached or used; a source or target with another schema
/// than this program's; a target that holds anything and is no unfinished copy; secrets sealed under another master
/// key; a source that is itself an unfinished copy; nodes that use a PostgreSQL while it is not copied ahead.
pub async fn copy(
    order: &CopyOrder,
    tell: &(dyn Fn(CopyStep) + Send + Sync),
) -> Result<CopyReport, CopyFault> {
    let bond = bond(order)?;
    let mut source = Side::source(&order.from, &bond, order.ahead).await?;
    let total = source.total().await?;
    let mut target = Side::target(&order.to, &bond, (&order.source, order.now)).await?;
    tell(CopyStep::Begun(total));
    let fresh = target.total().await? == 0;
    let mut report = CopyReport::default();
    for table in TABLES {
        tell(CopyStep::Table(table.name));
        let first = if order.without_keys && table.name == KEYS {
            Page { is_last: true, ..Page::default() }
        } else {
            source.page(table, None).await?
        };
        report.tables.push(bring(table, first, (&mut source, &mut target), fresh, tell).await?);
    }
    target.count_on(source.numbers().await?).await?;
    tell(CopyStep::Comparing);
    target.hold().await?;
    for (table, copied) in TABLES.iter().zip(&mut report.tables) {
        let sum = read_all(table, &mut target, tell).await?;
        (copied.target_rows, copied.target_checksum) = (sum.rows, sum.hex());
    }
    target.release().await?;
    report.moved_on = source.has_moved_on().await?;
    if report.is_equal() && !order.ahead && !report.moved_on {
        let event = Event::inside(EventKind::DatabaseCopied, order.now, Actor::Operator, "database copy");
        target.finish(event.with(Detail::Count(report.rows()))).await?;
        report.finished = true;
    }
    source.close().await;
    target.close().await;
    Ok(report)
}

/// What [`copy`] would do: the rows of each table at the source. Checks everything that it checks and writes nothing.
pub async fn rehearse(order: &CopyOrder) -> Result<Vec<(&'static str, u64)>, CopyFault> {
    let bond = bond(order)?;
    let mut source = Side::source(&order.from, &bond, order.ahead).await?;
    Side::look_at_target(&order.to, &bond).await?;
    let mut rows = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        rows.push((table.name, source.count(table).await?));
    }
    source.close().await;
    Ok(rows)
}

fn bond(order: &CopyOrder) -> Result<Bond, OpenError> {
    let trail = TrailKey::new(&order.trail_secret)
        .map_err(|fault| OpenError::Refused(format!("trail secret: {fault}")))?;
    let master = MasterKey::new(&order.master_key).map_err(|fault| OpenError::Refused(fault.to_string()))?;
    Ok(Bond { master: master.id(), trail: Arc::new(trail), run: order.run })
}

/// Makes one table of the target like that of the source, from its first page on. The next page is read while one is written.
async fn bring(
    table: &'static Table,
    mut page: Page,
    (source, target): (&mut Side, &mut Side),
    fresh: bool,
    tell: &(dyn Fn(CopyStep) + Send + Sync),
) -> Result<CopiedTable, Fault> {
    let mut sum = Sum::new(table);
    let (mut written, mut removed) = (0, 0);
    loop {
        sum.add(&page.lines);
        let end = page.end(table);
        let next = async { if page.is_last { Ok(None) } else { source.page(table, end).await.map(Some) } };
        let (next, changed) = tokio::join!(next, fit(table, &page, target, fresh));
        let (put, gone) = changed?;
        (written, removed) = (written + put, removed + gone);
        tell(CopyStep::Rows(page.lines.len() as u64));
        match next? {
            Some(next) => page = next,
            None => break,
        }
    }
    let checksum = sum.hex();
    Ok(CopiedTable {
        name: table.name,
        rows: sum.rows,
        written,
        removed,
        checksum,
        target_rows: 0,
        target_checksum: String::new(),
    })
}

/// Makes the target have the rows of a page and no others between them. Gives how many were written and removed.
async fn fit(
    table: &'static Table,
    page: &Page,
    target: &mut Side,
    fresh: bool,
) -> Result<(u64, u64), Fault> {
    let there = target.range(table, page).await?;
    let difference = Difference::between(table, &page.lines, there);
    let counts = (difference.put.len() as u64, difference.gone.len() as u64);
    if !difference.is_empty() {
        target.write(table, difference, fresh).await?;
    }
    Ok(counts)
}

async fn read_all(
    table: &'static Table,
    side: &mut Side,
    tell: &(dyn Fn(CopyStep) + Send + Sync),
) -> Result<Sum, Fault> {
    let mut sum = Sum::new(table);
    let mut page = side.page(table, None).await?;
    loop {
        let end = page.end(table);
        let is_last = page.is_last;
        let lines = std::mem::take(&mut page.lines);
        let add = async {
            sum.add(&lines);
        };
        if is_last {
            add.await;
            tell(CopyStep::Rows(lines.len() as u64));
            return Ok(sum);
        }
        let (next, ()) = tokio::join!(side.page(table, end), add);
        tell(CopyStep::Rows(lines.len() as u64));
        page = next?;
    }
}

/// The names of a row's key, for messages.
pub(in crate::store) fn key_text(table: &Table, line: &[Value<'_>]) -> String {
    let text = line[..table.key].iter().map(|value| match value {
        Value::Int(value) => value.to_string(),
        Value::Text(text) => format!("{text:?}"),
        Value::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Value::Null | Value::Bool(_) => String::new(),
    });
    text.collect::<Vec<_>>().join(", ")
}
