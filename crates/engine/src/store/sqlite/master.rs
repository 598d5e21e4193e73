//! Is this the master key that secrets here are sealed under? (REL-33)

use super::connection;
use crate::error::OpenError;
use crate::store::refuse;
use domain::seal::MasterKeyId;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

const BIND: &str = "INSERT INTO master_key (id, check_value) VALUES (1, $1) ON CONFLICT DO NOTHING";
const BOUND: &str = "SELECT check_value FROM master_key";
const THERE: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'master_key'";

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
    if !path.exists() {
        return Ok(false);
    }
    let conn = connection::open_reader(path)?;
    let failed = |error: rusqlite::Error| refuse(format!("{}: {error}", path.display()));
    if conn.query_row(THERE, [], |_| Ok(())).optional().map_err(failed)?.is_none() {
        return Ok(false);
    }
    Ok(conn.query_row(BOUND, [], |_| Ok(())).optional().map_err(failed)?.is_some())
}
