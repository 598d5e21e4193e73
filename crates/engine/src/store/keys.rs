//! How are documents of keys written and found?

use super::row::Row;
use super::sql::Sql;
use super::step::Step;
use super::value::values;
use super::{Place, postgres, sqlite};
use crate::error::{Fault, OpenError};
use domain::change::SealedKey;
use domain::seal::Sealed;
use domain::time::Moment;

/// The table, to look whether it is there.
pub(super) const TABLE: &str = "keys";
pub(super) static ALL: Sql =
    Sql::same("SELECT name, version, master, sealed, changed_at FROM keys ORDER BY name");
pub(super) static ADD: Sql = Sql::same(
    "INSERT INTO keys (name, version, master, sealed, changed_at) VALUES ($1, 1, $2, $3, $4) \
     ON CONFLICT (name) DO NOTHING",
);
pub(super) static PUT: Sql = Sql::same(
    "UPDATE keys SET master = $1, sealed = $2, changed_at = $3, version = version + 1 \
     WHERE name = $4 AND version = $5",
);

/// The documents of keys in a database that is not open; none where there is no database or no table for them. Changes
/// nothing.
pub async fn sealed_keys(place: &Place) -> Result<Vec<SealedKey>, OpenError> {
    match place {
        Place::File(path) => sqlite::sealed_keys(path),
        Place::Memory => Ok(Vec::new()),
        Place::Postgres(address, settings) => postgres::sealed_keys(address, settings).await,
    }
}

/// Reads one document.
pub(super) fn read(row: &Row<'_>) -> Result<SealedKey, Fault> {
    Ok(SealedKey {
        name: row.string(0)?,
        version: row.int(1)?,
        sealed: Sealed { key: row.string(2)?, text: row.string(3)? },
        at: Moment::from_millis(row.int(4)?),
    })
}

/// Writes one document in the place of the version before.
pub(super) fn put(key: &SealedKey) -> Step<'_> {
    let SealedKey { name, version, sealed, at } = key;
    if *version == 1 {
        Step::fresh(&ADD, values![name, &sealed.key, &sealed.text, at.millis()])
    } else {
        Step::fresh(&PUT, values![&sealed.key, &sealed.text, at.millis(), name, *version - 1])
    }
}
