//! How often in a row was a password tried in vain?

use super::row::Row;
use super::sql::Sql;
use super::step::Step;
use super::value::values;
use crate::error::Fault;
use crate::limit::Stored;
use domain::id::UserId;
use domain::time::Moment;
use domain::token::Blind;

/// The most identifiers that nobody has. The ones with the fewest failures go first, so a flood frees none that was tried often.
const NOBODIES: i64 = 100_000;

pub(super) static BY_ACCOUNT: Sql =
    Sql::same("SELECT failures, last_at, cleared FROM failures WHERE account = $1");
/// A user who is gone by now has no row.
pub(super) static COUNT: Sql = Sql::same(
    "INSERT INTO failures (account, user_id, failures, last_at) SELECT $1, $2, 1, $3 \
     WHERE CAST($2 AS BIGINT) IS NULL OR EXISTS (SELECT 1 FROM users WHERE id = $2) \
     ON CONFLICT (account) DO UPDATE SET failures = failures.failures + 1, \
     last_at = CASE WHEN failures.last_at < $3 THEN $3 ELSE failures.last_at END",
);
pub(super) static CLEAR: Sql =
    Sql::same("UPDATE failures SET failures = 0, cleared = cleared + 1 WHERE user_id = $1");
pub(super) static PRUNE: Sql = Sql::each(
    "DELETE FROM failures WHERE account IN (SELECT account FROM failures WHERE user_id IS NULL \
     ORDER BY failures, last_at LIMIT max(0, (SELECT count(*) FROM failures WHERE user_id IS NULL) - $1))",
    "DELETE FROM failures WHERE account IN (SELECT account FROM failures WHERE user_id IS NULL \
     ORDER BY failures, last_at LIMIT GREATEST(0, (SELECT count(*) FROM failures WHERE user_id IS NULL) - $1))",
);

/// Reads the failures of an account, known or not.
pub(super) fn read(row: &Row<'_>) -> Result<Stored, Fault> {
    Ok(Stored {
        failures: row.count(0)?,
        last: Some(Moment::from_millis(row.int(1)?)),
        cleared: row.count(2)?,
    })
}

/// One more.
pub(super) fn count<'a>(steps: &mut Vec<Step<'a>>, account: &'a Blind, user: Option<UserId>, at: Moment) {
    steps.push(Step::any(&COUNT, values![&account.0, user.map(|id| id.0), at.millis()]));
    // Names are spread evenly: about one of 256 has this byte, and that often is enough.
    if user.is_none() && account.0[0] == 0 {
        steps.push(prune(NOBODIES));
    }
}

/// Forgets the identifiers that nobody has and that were tried least, until so many are left.
pub(super) fn prune(keep: i64) -> Step<'static> {
    Step::any(&PRUNE, values![keep])
}

/// Forgets the failures of a user.
pub(super) fn clear(user: UserId) -> Step<'static> {
    Step::any(&CLEAR, values![user.0])
}
