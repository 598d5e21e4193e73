//! Which kinds of password hash were ever stored?

use crate::error::Fault;
use crate::hasher::label;
use domain::user::StoredHash;
use rusqlite::Connection;

const ALL: &str = "SELECT label FROM hash_schemes ORDER BY label";
const ADD: &str = "INSERT INTO hash_schemes (label) VALUES ($1) ON CONFLICT DO NOTHING";

/// Every label, in order of the alphabet.
pub(super) fn all(conn: &Connection) -> Result<Vec<String>, Fault> {
    let mut statement = conn.prepare_cached(ALL)?;
    let labels = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(labels)
}

/// Remembers the label of a hash.
pub(super) fn remember(conn: &Connection, hash: &StoredHash) -> rusqlite::Result<()> {
    label(&hash.0).map_or(Ok(()), |label| add(conn, &label))
}

/// Remembers a label.
pub(super) fn add(conn: &Connection, label: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(ADD)?.execute([label]).map(drop)
}
