//! How are pictures kept?

use crate::error::Fault;
use domain::time::Moment;
use rusqlite::{Connection, OptionalExtension, params};

const BY_NAME: &str = "SELECT media_type, bytes FROM avatars WHERE name = $1";
const PUT: &str = "INSERT INTO avatars (name, media_type, bytes, created_at) VALUES ($1, $2, $3, $4)";
const DROP: &str = "DELETE FROM avatars WHERE name = $1";

/// Media type and bytes of a picture.
pub(super) fn by_name(conn: &Connection, name: &str) -> Result<Option<(String, Vec<u8>)>, Fault> {
    let mut statement = conn.prepare_cached(BY_NAME)?;
    Ok(statement.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// Stores a picture.
pub(super) fn put(
    conn: &Connection,
    name: &str,
    media_type: &str,
    bytes: &[u8],
    at: Moment,
) -> rusqlite::Result<()> {
    conn.prepare_cached(PUT)?.execute(params![name, media_type, bytes, at.millis()]).map(drop)
}

/// Takes a picture away, if it is there.
pub(super) fn remove(conn: &Connection, name: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(DROP)?.execute([name]).map(drop)
}
