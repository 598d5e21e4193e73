//! Which node does the work in the background at this moment?
//!
//! A lease is a row with an end by the clock of the database. Whoever holds it renews it; when it has ended, whoever
//! asks first has it.

use super::clock::millis;
use super::readers::Readers;
use crate::error::Fault;
use crate::store::value::values;

/// How long a node that has died keeps its work from others.
const MILLIS: i64 = 10_000;
const HOLD: &str = concat!(
    "INSERT INTO leases (name, holder, expires_at) VALUES ($1, $2, ",
    millis!(),
    " + CAST($3 AS BIGINT)) \
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at \
     WHERE leases.holder = excluded.holder OR leases.expires_at < ",
    millis!(),
    " RETURNING holder"
);
const LET_GO: &str = "DELETE FROM leases WHERE holder = $1";

/// Takes or renews a lease for ten seconds. False: another holds it.
pub(super) async fn hold(readers: &Readers, name: &str, holder: i64) -> Result<bool, Fault> {
    Ok(!readers.query(HOLD, &values![name, holder, MILLIS]).await?.is_empty())
}

/// Lets go of all that this node holds, so that another can go on at once.
pub(super) async fn let_go(readers: &Readers, holder: i64) -> Result<(), Fault> {
    readers.query(LET_GO, &values![holder]).await.map(drop)
}
