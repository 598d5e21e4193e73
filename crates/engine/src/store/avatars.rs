//! How are pictures kept?

use super::row::Row;
use super::sql::Sql;
use super::step::Step;
use super::value::values;
use crate::error::Fault;
use domain::time::Moment;

/// Media type and bytes of a picture.
pub(super) static BY_NAME: Sql = Sql::same("SELECT media_type, bytes FROM avatars WHERE name = $1");
static PUT: Sql =
    Sql::same("INSERT INTO avatars (name, media_type, bytes, created_at) VALUES ($1, $2, $3, $4)");
static DROP: Sql = Sql::same("DELETE FROM avatars WHERE name = $1");

/// Reads media type and bytes.
pub(super) fn read(row: &Row<'_>) -> Result<(String, Vec<u8>), Fault> {
    Ok((row.string(0)?, row.blob(1)?.to_vec()))
}

/// Stores a picture.
pub(super) fn put<'a>(name: &'a str, media_type: &'static str, bytes: &'a [u8], at: Moment) -> Step<'a> {
    Step::fresh(&PUT, values![name, media_type, bytes, at.millis()])
}

/// Takes a picture away, if it is there.
pub(super) fn remove(name: &str) -> Step<'_> {
    Step::any(&DROP, values![name])
}
