//! How is a file of SQLite read and written when everything is copied?

use super::transaction::{Chain, all, run};
use super::{connection, file, migrate};
use crate::error::{Fault, OpenError};
use crate::store::copy::{
    ADVANCE, Bond, Difference, Kind, Line, MARK, MARK_TABLE, MARKED, Numbers, TABLES, TAKE, Table, Tongue,
    UNMARK, not_empty, taken_over, unfinished, with_range,
};
use crate::store::value::{Value, values};
use crate::store::{GONE, refuse};
use domain::event::Event;
use domain::seal::MasterKeyId;
use domain::time::Moment;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

const THERE: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1";
const BOUND: &str = "SELECT check_value FROM master_key";
const NUMBERS: &str = "SELECT \
     max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'users'), 0), \
         coalesce((SELECT max(id) FROM users), 0), coalesce((SELECT max(id) FROM gone_users), 0)), \
     max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0), \
         coalesce((SELECT max(id) FROM outbox), 0)), \
     coalesce((SELECT max(id) FROM events), 0)";

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A file, open on a thread of its own.
pub(in crate::store) struct CopySide {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
    bond: Bond,
    /// As it was at the moment that is copied.
    version: i64,
}

impl CopySide {
    /// Opens a source and holds the moment. Refused: see [`crate::store::copy::copy`].
    pub async fn source(path: &Path, bond: &Bond) -> Result<CopySide, OpenError> {
        if !path.exists() {
            return Err(refuse(format!("{}: there is no database to be copied", path.display())));
        }
        connection::check_version()?;
        let conn = connection::open_reader(path)?;
        let marked = check_there(&conn, path, bond)?;
        if let Some(source) = marked {
            return Err(refuse(format!("{}: {}", path.display(), unfinished(&source))));
        }
        let failed = |error: rusqlite::Error| refuse(format!("{}: {error}", path.display()));
        let version = hold(&conn).map_err(failed)?;
        CopySide::start(conn, bond, version)
    }

    /// Opens a target, made where there is none, and takes the mark. Refused: see [`crate::store::copy::copy`].
    pub async fn target(
        path: &Path,
        bond: &Bond,
        (source, now): (&str, Moment),
    ) -> Result<CopySide, OpenError> {
        connection::check_version()?;
        let home = file::Home::make(Some(path))?;
        let lock = home.lock()?;
        home.prepare()?;
        let mut conn = connection::open_writer(path)?;
        connection::check_owner(&conn, path)?;
        migrate::migrate(&mut conn, path, migrate::MIGRATIONS)?;
        let marked = check_there(&conn, path, bond)?;
        let failed = |error: rusqlite::Error| refuse(format!("{}: {error}", path.display()));
        if marked.is_none() {
            check_empty(&conn, path)?;
        }
        // Nobody is answered out of it yet, so SQLite may carry the log over by itself.
        conn.pragma_update_and_check(None, "wal_autocheckpoint", 4000, |_| Ok(())).map_err(failed)?;
        let mark = || {
            run(&conn, "BEGIN IMMEDIATE")?;
            if marked.is_none() {
                run(&conn, MARK.sqlite)?;
            }
            let values = values![&bond.run, source, now.millis()];
            conn.execute(TAKE.sqlite, params_from_iter(&values))?;
            run(&conn, "COMMIT")
        };
        mark().map_err(failed)?;
        drop(lock);
        CopySide::start(conn, bond, 0)
    }

    /// Whether it could be a target. Changes nothing.
    pub fn look_at_target(path: &Path, bond: &Bond) -> Result<(), OpenError> {
        if !path.exists() {
            return Ok(());
        }
        let conn = connection::open_reader(path)?;
        if check_there(&conn, path, bond)?.is_some() { Ok(()) } else { check_empty(&conn, path) }
    }

    fn start(mut conn: Connection, bond: &Bond, version: i64) -> Result<CopySide, OpenError> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let work = move || {
            while let Ok(job) = waiting.recv() {
                job(&mut conn);
            }
            if let Err((_, error)) = conn.close() {
                tracing::error!(%error, "a database was not closed properly");
            }
        };
        let thread = std::thread::Builder::new().name("copy".to_owned()).spawn(work);
        let thread = thread.map_err(|error| refuse(format!("no thread to copy: {error}")))?;
        Ok(CopySide { jobs, thread, bond: bond.clone(), version })
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, answered) = oneshot::channel();
        // Whoever asked may have gone.
        let job: Job = Box::new(move |conn| drop(answer.send(work(conn))));
        self.jobs.send(job).map_err(|_| GONE)?;
        answered.await.map_err(|_| GONE)?
    }

    /// The rows of a table.
    pub async fn count(&mut self, table: &'static Table) -> Result<u64, Fault> {
        self.run(|conn| Ok(count(conn, table)?)).await
    }

    /// The rows after a key, as many as the table's page has.
    pub async fn page(&mut self, table: &'static Table, after: Option<Line>) -> Result<Vec<Line>, Fault> {
        self.run(move |conn| lines(conn, table, (after, None), i64::from(table.page))).await
    }

    /// The rows after a key and up to another, or to the end.
    pub async fn range(
        &mut self,
        table: &'static Table,
        after: Option<Line>,
        through: Option<Line>,
    ) -> Result<Vec<Line>, Fault> {
        self.run(move |conn| lines(conn, table, (after, through), i64::MAX)).await
    }

    /// Writes a difference in one transaction.
    pub async fn write(
        &mut self,
        table: &'static Table,
        difference: Difference,
        fresh: bool,
    ) -> Result<(), Fault> {
        let run = self.bond.run;
        self.run(move |conn| {
            transaction(conn, |conn| {
                let changes = (difference.put.len() + difference.gone.len()).try_into().unwrap_or(i64::MAX);
                advance(conn, run, changes)?;
                write(conn, table, &difference, fresh)
            })
        })
        .await
    }

    /// The highest numbers that were given.
    pub async fn numbers(&mut self) -> Result<Numbers, Fault> {
        self.run(|conn| {
            let read = |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?]);
            Ok(conn.query_row(NUMBERS, [], read)?)
        })
        .await
    }

    /// Numbers up to these are not given again. Events are counted by their rows.
    pub async fn count_on(&mut self, [users, letters, _]: Numbers) -> Result<(), Fault> {
        self.run(move |conn| {
            for (table, number) in [("users", users), ("outbox", letters)] {
                let known = "UPDATE sqlite_sequence SET seq = max(seq, $1) WHERE name = $2";
                if conn.execute(known, (number, table))? == 0 {
                    let new = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
                    conn.execute(new, (table, number))?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Everything is read as it is at this moment.
    pub async fn hold(&mut self) -> Result<(), Fault> {
        self.run(|conn| Ok(hold(conn).map(drop)?)).await
    }

    /// Everything is read as it is.
    pub async fn release(&mut self) -> Result<(), Fault> {
        self.run(|conn| Ok(run(conn, "COMMIT")?)).await
    }

    /// Whether anybody has written since the moment was held.
    pub async fn has_moved_on(&mut self) -> Result<bool, Fault> {
        let before = self.version;
        self.run(move |conn| {
            run(conn, "COMMIT")?;
            Ok(version(conn)? != before)
        })
        .await
    }

    /// Notes the event and takes the mark away.
    pub async fn finish(&mut self, event: Event) -> Result<(), Fault> {
        let bond = self.bond.clone();
        self.run(move |conn| {
            transaction(conn, |conn| {
                advance(conn, bond.run, 0)?;
                let mut chain = Chain::new(&bond.trail);
                chain.note(conn, &event)?;
                chain.finish(conn)?;
                Ok(run(conn, UNMARK)?)
            })?;
            Ok(conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
        })
        .await
    }

    /// Closes the file.
    pub async fn close(self) {
        let CopySide { jobs, thread, .. } = self;
        drop(jobs);
        if tokio::task::spawn_blocking(move || thread.join()).await.is_err() {
            tracing::error!("a database that was copied was not closed");
        }
    }
}

/// Refused: an unfinished copy, see [`unfinished`].
pub(super) fn check_finished(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let marked = marked(conn).map_err(|error| refuse(format!("{}: {error}", path.display())))?;
    match marked {
        Some(source) => Err(refuse(format!("{}: {}", path.display(), unfinished(&source)))),
        None => Ok(()),
    }
}

fn marked(conn: &Connection) -> rusqlite::Result<Option<String>> {
    if conn.query_row(THERE, [MARK_TABLE], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let source = conn.query_row(MARKED, [], |row| row.get(0)).optional()?;
    Ok(Some(source.unwrap_or_default()))
}

/// Checks owner, schema and master key. Gives what the mark says, if there is one.
fn check_there(conn: &Connection, path: &Path, bond: &Bond) -> Result<Option<String>, OpenError> {
    let failed = |error: rusqlite::Error| refuse(format!("{}: {error}", path.display()));
    connection::check_owner(conn, path)?;
    migrate::check_current(conn, path, migrate::MIGRATIONS)?;
    let bound: Option<[u8; 16]> = conn.query_row(BOUND, [], |row| row.get(0)).optional().map_err(failed)?;
    if let Some(bound) = bound.filter(|bound| *bound != bond.master.0) {
        return Err(refuse(format!(
            "{}: secrets in it are sealed with master key {}, and this is {}: copy with the master key of the source, \
             into a database that knows no other",
            path.display(),
            MasterKeyId(bound),
            bond.master
        )));
    }
    marked(conn).map_err(failed)
}

fn check_empty(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    for table in TABLES.iter().filter(|table| table.tells()) {
        let found = count(conn, table).map_err(|error| refuse(format!("{}: {error}", path.display())))?;
        if found > 0 {
            return Err(refuse(format!("{}: {}", path.display(), not_empty(table, found))));
        }
    }
    Ok(())
}

fn count(conn: &Connection, table: &Table) -> rusqlite::Result<u64> {
    let count: i64 = conn.query_row(&Tongue::Sqlite.count(table), [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Begins a transaction that sees what is there now; gives the version of that.
fn hold(conn: &Connection) -> rusqlite::Result<i64> {
    run(conn, "BEGIN")?;
    conn.query_row("SELECT count(*) FROM schema_migrations", [], |row| row.get::<_, i64>(0))?;
    version(conn)
}

/// Another number once another connection has written.
fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, "data_version", |row| row.get(0))
}

fn lines(
    conn: &Connection,
    table: &'static Table,
    (after, through): (Option<Line>, Option<Line>),
    limit: i64,
) -> Result<Vec<Line>, Fault> {
    let sql = Tongue::Sqlite.page(table, after.is_some(), through.is_some());
    let values = with_range(after, through, limit);
    let kinds: Vec<Kind> = table.kinds().collect();
    all(conn, &sql, &values, |row| match row {
        crate::store::row::Row::Sqlite(row) => line(table, row, &kinds),
        crate::store::row::Row::Postgres(_) => Err(GONE),
    })
}

fn line(table: &Table, row: &rusqlite::Row<'_>, kinds: &[Kind]) -> Result<Line, Fault> {
    let value = |(at, kind): (usize, &Kind)| {
        Ok(match (kind, row.get_ref(at)?) {
            (_, ValueRef::Null) => Value::Null,
            (Kind::Int, ValueRef::Integer(value)) => Value::Int(value),
            (Kind::Bool, ValueRef::Integer(value)) => Value::Bool(value != 0),
            (Kind::Text, ValueRef::Text(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => Value::from(text.to_owned()),
                Err(_) => return Err(Fault::Corrupt(format!("{}: a text that is not UTF-8", table.name))),
            },
            (Kind::Blob, ValueRef::Blob(bytes)) => Value::owned(bytes),
            _ => return Err(Fault::Corrupt(format!("{}: column {at} has another type", table.name))),
        })
    };
    kinds.iter().enumerate().map(value).collect()
}

fn transaction(conn: &Connection, work: impl FnOnce(&Connection) -> Result<(), Fault>) -> Result<(), Fault> {
    run(conn, "BEGIN IMMEDIATE")?;
    let worked = work(conn).and_then(|()| Ok(run(conn, "COMMIT")?));
    if worked.is_err() && !conn.is_autocommit() {
        run(conn, "ROLLBACK")?;
    }
    worked
}

fn advance(conn: &Connection, run: [u8; 16], changes: i64) -> Result<(), Fault> {
    let values = values![changes, &run];
    let mut statement = conn.prepare_cached(ADVANCE.sqlite)?;
    if statement.execute(params_from_iter(&values))? == 1 { Ok(()) } else { Err(taken_over()) }
}

fn write(conn: &Connection, table: &Table, difference: &Difference, fresh: bool) -> Result<(), Fault> {
    let mut remove = conn.prepare_cached(&Tongue::Sqlite.remove(table))?;
    for key in &difference.gone {
        remove.execute(params_from_iter(key))?;
    }
    for rival in table.rivals.iter().filter(|_| !fresh) {
        let mut release = conn.prepare_cached(&Tongue::Sqlite.release(table, rival))?;
        for line in &difference.put {
            release.execute(params_from_iter(rival.values(table, line)))?;
        }
    }
    let mut put = conn.prepare_cached(&Tongue::Sqlite.put(table))?;
    for line in &difference.put {
        let (values, times) = match (table.counted, line.split_last()) {
            (true, Some((Value::Int(times), values))) => (values, *times),
            _ => (line.as_slice(), 1),
        };
        for _ in 0..times {
            put.execute(params_from_iter(values))?;
        }
    }
    Ok(())
}
