//! How are sessions written and found?

use super::row::Row;
use super::sql::{Sql, locking};
use super::step::{Expect, Step};
use super::users::{account_columns, read_account};
use super::value::{Value, values};
use crate::error::Fault;
use domain::change::Change;
use domain::id::{SessionId, UserId};
use domain::session::{EndReason, ListedSession, NewSession, Session};
use domain::time::Moment;
use domain::token::Digest;
use domain::user::Account;

/// How many columns stand before those of the account.
const SESSION_COLUMNS: usize = 14;
pub(super) static WITH_ACCOUNT: Sql = Sql::same(concat!(
    "SELECT s.id, s.user_id, s.contract, s.counter, s.digest, s.rotated_at, s.refresh_expires_at, \
     s.expires_at, s.created_at, s.ended_at, s.end_reason, \
     s.authenticated_at, s.seen_at, s.with_factor, ",
    account_columns!(),
    " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1"
));

/// Nothing is inserted unless the user is as it was when it was judged.
pub(super) static OPEN: Sql = locking!(
    "INSERT INTO sessions (id, user_id, contract, digest, rotated_at, refresh_expires_at, \
     expires_at, created_at, address, user_agent, authenticated_at, seen_at, with_factor) \
     SELECT $1, u.id, $2, $3, $4, $5, $6, $4, $7, $8, $9, $4, $10 FROM users u \
     WHERE u.id = $11 AND u.epoch = $12 AND u.status = 'active'",
    "FOR NO KEY UPDATE OF u"
);
pub(super) static ROTATE: Sql = Sql::same(
    "UPDATE sessions SET digest = $1, counter = counter + 1, rotated_at = $2, seen_at = $2, \
     refresh_expires_at = $3 WHERE id = $4 AND digest = $5 AND ended_at IS NULL",
);
pub(super) static LIVE: Sql = Sql::same(
    "SELECT id, contract, address, user_agent, created_at, seen_at, expires_at FROM sessions \
     WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND refresh_expires_at > $2 \
     ORDER BY id DESC LIMIT $3",
);
pub(super) static NOTE_SEEN: Sql =
    Sql::same("UPDATE sessions SET seen_at = $1 WHERE id = $2 AND ended_at IS NULL AND seen_at < $1");
pub(super) static MARK_FRESH: Sql = locking!(
    "UPDATE sessions SET authenticated_at = $1 WHERE id = $2 AND ended_at IS NULL \
     AND EXISTS (SELECT 1 FROM users u WHERE u.id = sessions.user_id AND u.epoch = $3 AND u.status = 'active'",
    "FOR SHARE",
    ")"
);
/// Says of each session that it ends whether it was still of use.
pub(super) static END: Sql = Sql::same(
    "UPDATE sessions SET ended_at = $1, end_reason = $2 \
     WHERE id = $3 AND ended_at IS NULL RETURNING expires_at > $1",
);
pub(super) static END_ALL: Sql = Sql::same(
    "UPDATE sessions SET ended_at = $1, end_reason = $2 \
     WHERE user_id = $3 AND ended_at IS NULL AND id IS DISTINCT FROM $4 RETURNING expires_at > $1",
);
/// The newest stay. The limit is the largest integer because SQLite knows no OFFSET without one.
pub(super) static CAP: Sql = Sql::same(
    "UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE id IN ( \
     SELECT id FROM sessions WHERE user_id = $3 AND ended_at IS NULL AND expires_at > $1 \
     ORDER BY id IS DISTINCT FROM $4, id DESC LIMIT 9223372036854775807 OFFSET $5) RETURNING TRUE",
);

/// Whether this is the refresh token in force. A write that changes nothing, so that what it says is durable.
static IN_FORCE: Sql =
    Sql::same("UPDATE sessions SET seen_at = seen_at WHERE id = $1 AND digest = $2 RETURNING 1");
static ENDED_ONE: Sql = Sql::same(
    "SELECT count(*) FROM sessions WHERE id = $1 AND ended_at = $2 AND end_reason = $3 AND expires_at > $2",
);
static ENDED_OF_USER: Sql = Sql::same(
    "SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at = $2 AND end_reason = $3 AND expires_at > $2",
);

/// Finds a row if this is the refresh token in force.
pub(super) fn in_force(session: SessionId, digest: &Digest) -> (&'static Sql, [Value<'_>; 2]) {
    (&IN_FORCE, values![session.0, digest.bytes()])
}

/// Counts the sessions of use that a change has ended, afterwards. None: it ends none.
#[expect(clippy::wildcard_enum_match_arm, reason = "only these end sessions and say how many")]
pub(super) fn ended_by(change: &Change) -> Option<(&'static Sql, [Value<'static>; 3])> {
    Some(match change {
        Change::EndSession { session, reason, at } => {
            (&ENDED_ONE, values![session.0, at.millis(), reason.name()])
        }
        Change::EndSessions { user, reason, at, .. } => {
            (&ENDED_OF_USER, values![user.0, at.millis(), reason.name()])
        }
        Change::CapSessions { user, at, .. } => {
            (&ENDED_OF_USER, values![user.0, at.millis(), EndReason::TooMany.name()])
        }
        _ => return None,
    })
}

/// Reads a session with its user.
pub(super) fn read(row: &Row<'_>) -> Result<(Session, Account), Fault> {
    Ok((read_session(row)?, read_account(row, SESSION_COLUMNS)?))
}

/// Reads one of the live sessions of a user.
pub(super) fn read_listed(row: &Row<'_>) -> Result<ListedSession, Fault> {
    Ok(ListedSession {
        id: SessionId(row.int(0)?),
        contract: row.string(1)?,
        address: row.string(2)?,
        user_agent: row.string(3)?,
        created_at: Moment::from_millis(row.int(4)?),
        seen_at: Moment::from_millis(row.int(5)?),
        expires_at: Moment::from_millis(row.int(6)?),
    })
}

/// Notes that a session was used.
pub(super) fn note_seen(session: SessionId, at: Moment) -> Step<'static> {
    Step::any(&NOTE_SEEN, values![at.millis(), session.0])
}

/// Opens a session for a user who is active and of this epoch.
pub(super) fn open(user: UserId, epoch: i64, session: &NewSession) -> Step<'_> {
    let values = values![
        session.id.0,
        &session.contract,
        session.digest.as_ref().map(Digest::bytes),
        session.created_at.millis(),
        session.refresh_expires_at.millis(),
        session.expires_at.millis(),
        &session.address,
        &session.user_agent,
        session.authenticated_at.millis(),
        session.with_factor,
        user.0,
        epoch,
    ];
    Step::fresh(&OPEN, values)
}

/// Exchanges the refresh token in force, if it is `from`.
pub(super) fn rotate<'a>(
    session: SessionId,
    (from, to): (&'a Digest, &'a Digest),
    at: Moment,
    refresh_expires_at: Moment,
) -> Step<'a> {
    let values = values![to.bytes(), at.millis(), refresh_expires_at.millis(), session.0, from.bytes()];
    Step::fresh(&ROTATE, values)
}

/// Notes that the user has proved again who it is.
pub(super) fn mark_fresh(session: SessionId, epoch: i64, at: Moment) -> Step<'static> {
    Step::fresh(&MARK_FRESH, values![at.millis(), session.0, epoch])
}

/// Ends a session.
pub(super) fn end(session: SessionId, reason: EndReason, at: Moment) -> Step<'static> {
    ending(&END, values![at.millis(), reason.name(), session.0])
}

/// Ends the sessions of a user but one.
pub(super) fn end_all(
    user: UserId,
    except: Option<SessionId>,
    reason: EndReason,
    at: Moment,
) -> Step<'static> {
    ending(&END_ALL, values![at.millis(), reason.name(), user.0, except.map(|id| id.0)])
}

/// Ends the oldest live sessions above `keep`; `newest` counts as the newest whatever its number.
pub(super) fn cap(user: UserId, newest: Option<SessionId>, keep: u32, at: Moment) -> Step<'static> {
    let reason = EndReason::TooMany.name();
    ending(&CAP, values![at.millis(), reason, user.0, newest.map(|id| id.0), keep])
}

fn ending(sql: &'static Sql, values: impl Into<Vec<Value<'static>>>) -> Step<'static> {
    Step { sql, values: values.into(), expect: Expect::Ended }
}

fn read_session(row: &Row<'_>) -> Result<Session, Fault> {
    let id = row.int(0)?;
    let ended = match row.maybe_int(9)? {
        Some(at) => {
            let reason = row.maybe_str(10)?.and_then(EndReason::parse);
            let corrupt = || Fault::Corrupt(format!("sessions.end_reason of session {id}"));
            Some((Moment::from_millis(at), reason.ok_or_else(corrupt)?))
        }
        None => None,
    };
    Ok(Session {
        id: SessionId(id),
        user: UserId(row.int(1)?),
        contract: row.string(2)?,
        counter: row.count(3)?,
        digest: row.maybe_bytes(4)?.map(Digest::from_bytes),
        rotated_at: Moment::from_millis(row.int(5)?),
        refresh_expires_at: Moment::from_millis(row.int(6)?),
        expires_at: Moment::from_millis(row.int(7)?),
        created_at: Moment::from_millis(row.int(8)?),
        authenticated_at: Moment::from_millis(row.int(11)?),
        seen_at: Moment::from_millis(row.int(12)?),
        with_factor: row.bool(13)?,
        ended,
    })
}
