//! How often in a row was a password tried in vain?

use crate::error::Fault;
use crate::limit::Stored;
use domain::id::UserId;
use domain::time::Moment;
use domain::token::Blind;
use rusqlite::{Connection, OptionalExtension, params};

/// The most identifiers that nobody has. The ones with the fewest failures go first, so a flood frees none that was tried often.
const NOBODIES: i64 = 100_000;

const BY_ACCOUNT: &str = "SELECT failures, last_at, cleared FROM failures WHERE account = $1";
/// A user who is gone by now has no row.
const COUNT: &str = "INSERT INTO failures (account, user_id, failures, last_at) SELECT $1, $2, 1, $3 \
     WHERE $2 IS NULL OR EXISTS (SELECT 1 FROM users WHERE id = $2) \
     ON CONFLICT (account) DO UPDATE SET failures = failures + 1, last_at = max(last_at, $3)";
const CLEAR: &str = "UPDATE failures SET failures = 0, cleared = cleared + 1 WHERE user_id = $1";
const PRUNE: &str = "DELETE FROM failures WHERE account IN (SELECT account FROM failures WHERE user_id IS NULL \
     ORDER BY failures, last_at LIMIT max(0, (SELECT count(*) FROM failures WHERE user_id IS NULL) - $1))";

/// The failures of an account, known or not.
pub(super) fn of(conn: &Connection, account: &Blind) -> Result<Stored, Fault> {
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found = conn.prepare_cached(BY_ACCOUNT)?.query_row([account.0.as_slice()], row).optional()?;
    Ok(found.map_or(Stored::default(), |(failures, last, cleared)| Stored {
        failures,
        last: Some(Moment::from_millis(last)),
        cleared,
    }))
}

/// One more.
pub(super) fn count(
    conn: &Connection,
    account: &Blind,
    user: Option<UserId>,
    at: Moment,
) -> rusqlite::Result<()> {
    conn.prepare_cached(COUNT)?.execute(params![account.0.as_slice(), user.map(|id| id.0), at.millis()])?;
    // Names are spread evenly: about one of 256 has this byte, and that often is enough.
    if user.is_none() && account.0[0] == 0 {
        prune(conn, NOBODIES)?;
    }
    Ok(())
}

/// Forgets the identifiers that nobody has and that were tried least, until so many are left.
pub(super) fn prune(conn: &Connection, keep: i64) -> rusqlite::Result<()> {
    conn.prepare_cached(PRUNE)?.execute([keep]).map(drop)
}

/// Forgets the failures of a user.
pub(super) fn clear(conn: &Connection, user: UserId) -> rusqlite::Result<()> {
    conn.prepare_cached(CLEAR)?.execute([user.0]).map(drop)
}
