//! How does SQLite run the statements of a list, all or none?

use super::fault::Halt;
use crate::error::Fault;
use crate::store::apply::{Answer, List, Question, Sum, is_one_statement, moment, tells};
use crate::store::events::{self, Left, Trail};
use crate::store::links;
use crate::store::row::Row;
use crate::store::step::{Expect, Step};
use crate::store::trail::{BOUNDARY, Boundary};
use crate::store::value::{Value, values};
use domain::change::{Applied, Change, Conflict};
use domain::event::Event;
use domain::id::UserId;
use domain::time::Moment;
use domain::trail::TrailKey;
use rusqlite::{Connection, params_from_iter};

/// The strand of the one writer.
const STRAND: i64 = 0;

/// Applies a list inside the open transaction. When it halts nothing of it is left there.
pub(super) fn apply(conn: &Connection, chain: &mut Chain<'_>, changes: &[Change]) -> Result<Applied, Halt> {
    if tells(changes) {
        chain.begin(conn, moment(changes))?;
    }
    if let [change] = changes
        && is_one_statement(change)
    {
        return write_all(conn, chain, changes);
    }
    run(conn, "SAVEPOINT list")?;
    let mark = chain.trail;
    let applied = write_all(conn, chain, changes);
    // After some failures SQLite has rolled back the whole transaction, and the savepoint with it.
    if applied.is_err() && !conn.is_autocommit() {
        run(conn, "ROLLBACK TO list")?;
        chain.trail = mark;
    }
    if !conn.is_autocommit() {
        run(conn, "RELEASE list")?;
    }
    applied
}

/// Runs a statement without values or rows.
pub(super) fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

/// Runs a step; gives the id of a user that it added.
pub(super) fn step(conn: &Connection, step: &Step<'_>, sum: &mut Sum) -> Result<Option<UserId>, Halt> {
    let mut statement = conn.prepare_cached(step.sql.sqlite)?;
    let values = params_from_iter(&step.values);
    match step.expect {
        Expect::Anything => {
            if statement.column_count() == 0 {
                statement.execute(values)?;
            } else {
                let mut rows = statement.query(values)?;
                while rows.next()?.is_some() {}
            }
        }
        Expect::Row(conflict) => {
            let touched = if statement.column_count() == 0 {
                statement.execute(values)? > 0
            } else {
                statement.exists(values)?
            };
            if !touched {
                return Err(Halt::Conflict(conflict));
            }
        }
        Expect::User => {
            let mut rows = statement.query(values)?;
            let row = rows.next()?.ok_or(Halt::Conflict(Conflict::IdTaken))?;
            return Ok(Some(UserId(row.get(0)?)));
        }
        Expect::Ended => {
            let mut rows = statement.query(values)?;
            while let Some(row) = rows.next()? {
                sum.ended += u64::from(row.get::<_, bool>(0)?);
            }
        }
        Expect::Removed => sum.removed += statement.execute(values)? as u64,
    }
    Ok(None)
}

/// The first row of a statement.
pub(super) fn one<T>(
    conn: &Connection,
    sql: &str,
    values: &[Value<'_>],
    read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
}

/// All rows of a statement.
pub(super) fn all<T>(
    conn: &Connection,
    sql: &str,
    values: &[Value<'_>],
    mut read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&Row::Sqlite(row))?);
    }
    Ok(found)
}

fn write_all(conn: &Connection, chain: &mut Chain<'_>, changes: &[Change]) -> Result<Applied, Halt> {
    let answers: Vec<Answer> =
        changes.iter().map(|change| answer(conn, change)).collect::<Result<_, Fault>>()?;
    let mut list = List::default();
    for (change, answer) in changes.iter().zip(&answers) {
        for next in list.steps(change, answer, &mut chain.trail)? {
            if let Some(user) = step(conn, &next, &mut list.sum)? {
                list.added = Some(user);
            }
        }
    }
    Ok(list.applied())
}

fn answer(conn: &Connection, change: &Change) -> Result<Answer, Fault> {
    match Question::of(change) {
        None => Ok(Answer::Nothing),
        Some(Question::Boundary { before, at }) => {
            let bounds = all(conn, BOUNDARY.sqlite, &values![before.millis()], Boundary::read)?;
            Ok(Answer::bounds(bounds, at))
        }
        Some(Question::Counts(offer)) => {
            let mut counts = Vec::with_capacity(offer.letters.len());
            for offered in &offer.letters {
                let values = links::counted(offered, offered.letter.at);
                counts.extend(one(conn, links::COUNT.sqlite, &values, |row| Ok((row.int(0)?, row.int(1)?)))?);
            }
            Ok(Answer::counts(offer, counts))
        }
    }
}

/// The trail as the open transaction sees it.
pub(super) struct Chain<'k> {
    key: &'k TrailKey,
    /// Where it ends; of no meaning until it was looked up.
    trail: Trail<'k>,
    begun: bool,
}

impl<'k> Chain<'k> {
    /// For one transaction, which must be able to write.
    ///
    /// The end is looked up anew in each: another process may have written meanwhile.
    pub fn new(key: &'k TrailKey) -> Chain<'k> {
        let (trail, _) = Trail::begin(key, STRAND, &Left::default(), Moment::from_millis(0));
        Chain { key, trail, begun: false }
    }

    /// Adds an event that stands alone.
    pub fn note(&mut self, conn: &Connection, event: &Event) -> rusqlite::Result<()> {
        self.begin(conn, event.at)?;
        let add = self.trail.add(event, event.user);
        execute(conn, &add)
    }

    /// Says where the trail ends; the last thing before a commit.
    pub fn finish(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        self.trail.put_head().map_or(Ok(()), |step| execute(conn, &step))
    }

    /// Finds the end that an earlier transaction left, and notes it when it is not as it was left.
    fn begin(&mut self, conn: &Connection, at: Moment) -> rusqlite::Result<()> {
        if self.begun {
            return Ok(());
        }
        let mut left = Left::default();
        all(conn, events::END_OF_STRAND.sqlite, &values![STRAND], |row| left.read(row)).map_err(lost)?;
        let (trail, event) = Trail::begin(self.key, STRAND, &left, at);
        self.trail = trail;
        self.begun = true;
        if let Some(event) = event {
            let (sql, values) = events::count(STRAND);
            let rows = one(conn, sql.sqlite, &values, |row| row.int(0)).map_err(lost)?.unwrap_or(0);
            let add = events::with_count(event, rows);
            let add = self.trail.add(&add, None);
            execute(conn, &add)?;
        }
        Ok(())
    }
}

fn execute(conn: &Connection, step: &Step<'_>) -> rusqlite::Result<()> {
    conn.prepare_cached(step.sql.sqlite)?.execute(params_from_iter(&step.values)).map(drop)
}

fn lost(fault: Fault) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(fault.into())
}
