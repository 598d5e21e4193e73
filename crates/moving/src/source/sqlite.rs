//! How is a SQLite file of another application read, without changing a byte of it?

use super::row::{Row, Rows};
use super::table::{Computed, MAX_ROW, Table};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a writer of the application is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// Rows that travel together, and how many such chunks are read ahead.
const CHUNK: usize = 256;
const AHEAD: usize = 4;

/// A file, open at one moment: the application may go on, and every reading sees the same users.
#[derive(Clone)]
pub(super) struct Sqlite {
    path: PathBuf,
    conn: Arc<Mutex<Connection>>,
}

/// Whether a file is a SQLite database.
pub(super) fn is_one(path: &Path) -> bool {
    let mut start = [0; 16];
    let read = fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut start));
    read.is_ok() && &start == b"SQLite format 3\0"
}

impl Sqlite {
    /// Opens the file read-only and holds the moment.
    pub fn open(path: &Path) -> Result<Sqlite, String> {
        if !is_one(path) {
            let why = fs::metadata(path)
                .err()
                .map_or_else(|| "this is no SQLite database".to_owned(), |error| error.to_string());
            return Err(format!("{}: {why}", path.display()));
        }
        let conn = connect(path, "mode=ro").or_else(|error| {
            // Where the folder can not be written, a database with a write-ahead log opens only as one that never
            // changes. That is true if the log holds nothing and nobody can write.
            if log_is_empty(path) { connect(path, "immutable=1") } else { Err(error) }
        });
        let conn = conn.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Sqlite { path: path.to_owned(), conn: Arc::new(Mutex::new(conn)) })
    }

    fn failed(&self, error: &rusqlite::Error) -> String {
        format!("{}: {error}", self.path.display())
    }

    /// Tables and views.
    pub fn names(&self) -> Result<Vec<(Option<String>, String)>, String> {
        let sql = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite~_%' ESCAPE '~'";
        let names = self.texts(sql, None)?;
        Ok(names.into_iter().map(|name| (None, name)).collect())
    }

    /// Columns of a table, and those of its primary key.
    pub fn columns(&self, table: &str) -> Result<(Vec<String>, Vec<String>), String> {
        let all =
            self.texts("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden IN (0, 2, 3)", Some(table))?;
        let key =
            self.texts("SELECT name FROM pragma_table_xinfo(?1) WHERE pk > 0 ORDER BY pk", Some(table))?;
        Ok((all, key))
    }

    fn texts(&self, sql: &str, value: Option<&str>) -> Result<Vec<String>, String> {
        let conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = conn.prepare(sql)?;
            let rows = statement.query_map(rusqlite::params_from_iter(value), |row| row.get(0))?;
            rows.collect()
        };
        read().map_err(|error| self.failed(&error))
    }

    /// The rows, read by a thread of their own.
    pub fn rows(&self, table: &Table, used: &[String], computed: &[Computed]) -> Rows {
        let sql = format!("SELECT {} FROM {} t{}", table.list(used, computed), table.quoted(), table.order());
        let (sender, receiver) = sync_channel(AHEAD);
        let (sqlite, table) = (self.clone(), table.clone());
        let started = std::thread::Builder::new().name("source".to_owned()).spawn(move || {
            let conn = sqlite.conn.lock().unwrap_or_else(PoisonError::into_inner);
            let last = match read_all(&conn, &sql, &table, &sender) {
                Ok(()) => Vec::new(),
                Err(error) => vec![Err(sqlite.failed(&error))],
            };
            // Nobody may be listening any more.
            drop(sender.send(last));
        });
        match started {
            Ok(_) => Box::new(Arriving { receiver, chunk: Vec::new().into_iter(), over: false }),
            Err(error) => Box::new(std::iter::once(Err(format!("no thread to read the users: {error}")))),
        }
    }
}

fn log_is_empty(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(log).map_or(true, |meta| meta.len() == 0)
}

fn connect(path: &Path, how: &str) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(format!("file:{}?{how}", escaped(path)), flags)?;
    conn.busy_timeout(BUSY)?;
    // What stands in the schema of a foreign file is not to be trusted with functions of its choice.
    conn.execute_batch(
        "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; BEGIN",
    )?;
    // The first look is the moment that all others see.
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(conn)
}

/// A path inside a URI.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

type Chunk = Vec<Result<Row, String>>;

fn read_all(conn: &Connection, sql: &str, table: &Table, sender: &SyncSender<Chunk>) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(sql)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    let (mut number, mut chunk) = (0, Vec::with_capacity(CHUNK));
    while let Some(row) = rows.next()? {
        number += 1;
        chunk.push(Ok(read_row(row, &names, table, number)?));
        if chunk.len() == CHUNK
            && sender.send(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK))).is_err()
        {
            return Ok(());
        }
    }
    // An empty chunk means the end.
    if !chunk.is_empty() {
        drop(sender.send(chunk));
    }
    Ok(())
}

fn read_row(row: &rusqlite::Row<'_>, names: &[String], table: &Table, number: u64) -> rusqlite::Result<Row> {
    let (mut fields, mut fault) = (Map::new(), None);
    for (at, name) in names.iter().enumerate() {
        match value(row.get_ref(at)?) {
            Ok(value) => drop(fields.insert(name.clone(), value)),
            Err(what) => fault = fault.or(Some(format!("{name}: {what}"))),
        }
    }
    let place = table.place(&mut fields, number);
    Ok(Row { place, fields: fault.map_or(Ok(fields), Err) })
}

/// Bytes become `\x` and hexadecimal digits, as PostgreSQL writes them.
fn value(value: ValueRef<'_>) -> Result<Value, String> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) if bytes.len() > MAX_ROW => {
            return Err(format!("the value is longer than {MAX_ROW} bytes"));
        }
        ValueRef::Text(bytes) => super::lines::utf8(bytes.to_vec())?.into(),
        ValueRef::Blob(bytes) => {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("\\x{}", digits.concat()).into()
        }
    })
}

/// Rows as they come from the thread.
struct Arriving {
    receiver: Receiver<Chunk>,
    chunk: std::vec::IntoIter<Result<Row, String>>,
    over: bool,
}

impl Iterator for Arriving {
    type Item = Result<Row, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        if let Some(row) = self.chunk.next() {
            return Some(row);
        }
        match self.receiver.recv() {
            Ok(chunk) => {
                self.over = chunk.is_empty();
                self.chunk = chunk.into_iter();
                self.chunk.next()
            }
            Err(_) => {
                self.over = true;
                Some(Err("the thread that reads the users broke off".to_owned()))
            }
        }
    }
}
