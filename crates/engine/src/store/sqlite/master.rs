//! Is this the master key that secrets here are sealed under, and what is sealed before anybody opens the database? (REL-33)

use super::{connection, transaction};
use crate::error::OpenError;
use crate::store::{keys, refuse};
use domain::change::SealedKey;
use domain::seal::MasterKeyId;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

const BIND: &str = "INSERT INTO master_key (id, check_value) VALUES (1, $1) ON CONFLICT DO NOTHING";
const BOUND: &str = "SELECT check_value FROM master_key";
const THERE: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1";

/// Binds a database that knows no master key to this one. Refused: it is bound to another.
pub(super) fn bind(conn: &Connection, path: &Path, key: MasterKeyId) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| refuse(format!("{}: {error}", path.display()));
    conn.execute(BIND, [key.0.as_slice()]).map_err(failed)?;
    let bound: [u8; 16] = conn.query_row(BOUND, [], |row| row.get(0)).map_err(failed)?;
    if bound == key.0 {
        return Ok(());
    }
    Err(refuse(format!(
        "{}: secrets in it are sealed with master key {}, and this is {key}: put the right one back from a backup",
        path.display(),
        MasterKeyId(bound)
    )))
}

/// Whether a database is there that is bound to a master key. Changes nothing.
pub(in crate::store) fn is_bound(path: &Path) -> Result<bool, OpenError> {
    let Some(conn) = look_into(path, "master_key")? else { return Ok(false) };
    let failed = |error: rusqlite::Error| refuse(format!("{}: {error}", path.display()));
    Ok(conn.query_row(BOUND, [], |_| Ok(())).optional().map_err(failed)?.is_some())
}

/// The documents of keys, if there is a database with a table for them. Changes nothing.
pub(in crate::store) fn sealed_keys(path: &Path) -> Result<Vec<SealedKey>, OpenError> {
    let Some(conn) = look_into(path, keys::TABLE)? else { return Ok(Vec::new()) };
    let found = transaction::all(&conn, keys::ALL.sqlite, &[], keys::read);
    found.map_err(|fault| refuse(format!("{}: {fault}", path.display())))
}

/// The database, if it is there and has this table.
fn look_into(path: &Path, table: &str) -> Result<Option<Connection>, OpenError> {
    if !path.exists() {
        return Ok(None);
    }
    let conn = connection::open_reader(path)?;
    let there = conn.query_row(THERE, [table], |_| Ok(())).optional();
    let there = there.map_err(|error| refuse(format!("{}: {error}", path.display())))?;
    Ok(there.map(|()| conn))
}
