//! How is a connection to SQLite set up, and is it really set up so?

use crate::error::OpenError;
use crate::store::refuse;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// First release without the WAL-reset corruption (fixed 2026-03-13).
const OLDEST_SQLITE: i32 = 3_051_003;
/// Stands in the file's header: `CSGN`. A file of another program is not ours to change.
const APPLICATION_ID: i32 = 0x4353_474e;
/// More than there are statements, so that none is ever prepared twice.
const STATEMENTS: usize = 64;

/// The only connection that writes.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set_up_writer(&conn).map_err(|error| refuse(format!("{}: {error}", path.display())))?;
    check(&conn, path)?;
    Ok(conn)
}

/// A connection that can not write.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    set_up(&conn).map_err(|error| refuse(format!("{}: {error}", path.display())))?;
    Ok(conn)
}

/// Refuses a SQLite that can damage its files.
pub(super) fn check_version() -> Result<(), OpenError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(refuse(format!(
            "SQLite {} can corrupt its database; 3.51.3 or newer is needed",
            rusqlite::version()
        )));
    }
    Ok(())
}

/// Marks a new file as ours.
pub(super) fn mark(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "application_id", APPLICATION_ID)
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, OpenError> {
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| refuse(format!("{} can not be opened: {error}", path.display())))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// security.md 3.7, the part that every connection needs.
fn set_up(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Otherwise each new value of a parameter may make SQLite plan a join again, which takes longer than the join.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "trusted_schema", "OFF")?;
    conn.pragma_update(None, "cell_size_check", "ON")?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(())).or_else(no_row)
}

/// A build without memory mapping answers the setting with no row.
fn no_row(error: rusqlite::Error) -> rusqlite::Result<()> {
    if matches!(error, rusqlite::Error::QueryReturnedNoRows) { Ok(()) } else { Err(error) }
}

fn set_up_writer(conn: &Connection) -> rusqlite::Result<()> {
    set_up(conn)?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", "ON")?;
    conn.pragma_update_and_check(None, "journal_size_limit", 64 * 1024 * 1024, |_| Ok(()))?;
    // The writer checkpoints by itself, because SQLite keeps a failed automatic checkpoint to itself.
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
}

/// Reads back what a durable answer rests on (REL-04).
fn check(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let number = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let mode = conn.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
    let found = (|| Ok((mode?, number("synchronous")?, number("foreign_keys")?)))();
    let (mode, synchronous, foreign_keys) =
        found.map_err(|error: rusqlite::Error| refuse(format!("{}: {error}", path.display())))?;
    let path = path.display();
    if mode != "wal" {
        return Err(refuse(format!("{path}: write-ahead logging can not be switched on (mode is {mode})")));
    }
    if synchronous < 2 {
        return Err(refuse(format!("{path}: synchronous=FULL can not be switched on (it is {synchronous})")));
    }
    if foreign_keys != 1 {
        return Err(refuse(format!("{path}: foreign keys can not be switched on")));
    }
    Ok(())
}

/// Refuses a database of another program.
pub(super) fn check_owner(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    match conn.pragma_query_value(None, "application_id", |row| row.get::<_, i32>(0)) {
        Ok(APPLICATION_ID) => Ok(()),
        Ok(_) => Err(refuse(format!("{} is a database of another program", path.display()))),
        Err(error) => Err(refuse(format!("{}: {error}", path.display()))),
    }
}
