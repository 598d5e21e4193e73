//! How are sessions written and found?

use super::fault::Halt;
use super::users::{account_columns, read_account};
use crate::error::Fault;
use domain::change::Conflict;
use domain::id::{SessionId, UserId};
use domain::session::{EndReason, ListedSession, NewSession, Session};
use domain::time::Moment;
use domain::token::Digest;
use domain::user::Account;
use rusqlite::{Connection, Params, Row, params};

/// How many columns stand before those of the account.
const SESSION_COLUMNS: usize = 14;
const WITH_ACCOUNT: &str = concat!(
    "SELECT s.id, s.user_id, s.contract, s.counter, s.digest, s.rotated_at, s.refresh_expires_at, \
     s.expires_at, s.created_at, s.ended_at, s.end_reason, \
     s.authenticated_at, s.seen_at, s.with_factor, ",
    account_columns!(),
    " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1"
);

/// Nothing is inserted unless the user is as it was when it was judged.
const OPEN: &str = "INSERT INTO sessions (id, user_id, contract, digest, rotated_at, refresh_expires_at, \
     expires_at, created_at, address, user_agent, authenticated_at, seen_at, with_factor) \
     SELECT $1, u.id, $2, $3, $4, $5, $6, $4, $7, $8, $9, $4, $10 FROM users u \
     WHERE u.id = $11 AND u.epoch = $12 AND u.status = 'active'";
const ROTATE: &str = "UPDATE sessions SET digest = $1, counter = counter + 1, rotated_at = $2, seen_at = $2, \
     refresh_expires_at = $3 WHERE id = $4 AND digest = $5 AND ended_at IS NULL";
const LIVE: &str = "SELECT id, contract, address, user_agent, created_at, seen_at, expires_at FROM sessions \
     WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND refresh_expires_at > $2 \
     ORDER BY id DESC LIMIT $3";
const NOTE_SEEN: &str =
    "UPDATE sessions SET seen_at = $1 WHERE id = $2 AND ended_at IS NULL AND seen_at < $1";
const MARK_FRESH: &str = "UPDATE sessions SET authenticated_at = $1 WHERE id = $2 AND ended_at IS NULL \
     AND EXISTS (SELECT 1 FROM users u WHERE u.id = sessions.user_id AND u.epoch = $3 AND u.status = 'active')";
/// Says of each session that it ends whether it was still of use.
const END: &str = "UPDATE sessions SET ended_at = $1, end_reason = $2 \
     WHERE id = $3 AND ended_at IS NULL RETURNING expires_at > $1";
const END_ALL: &str = "UPDATE sessions SET ended_at = $1, end_reason = $2 \
     WHERE user_id = $3 AND ended_at IS NULL AND id IS DISTINCT FROM $4 RETURNING expires_at > $1";
/// The newest stay. The limit is the largest integer because SQLite knows no OFFSET without one.
const CAP: &str = "UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE id IN ( \
     SELECT id FROM sessions WHERE user_id = $3 AND ended_at IS NULL AND expires_at > $1 \
     ORDER BY id IS DISTINCT FROM $4, id DESC LIMIT 9223372036854775807 OFFSET $5) RETURNING TRUE";

/// A session with its user.
pub(super) fn by_id(conn: &Connection, id: SessionId) -> Result<Option<(Session, Account)>, Fault> {
    let mut statement = conn.prepare_cached(WITH_ACCOUNT)?;
    let mut rows = statement.query([id.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some((read_session(row)?, read_account(row, SESSION_COLUMNS)?)))
}

/// The live sessions of a user, newest first.
pub(super) fn live(
    conn: &Connection,
    user: UserId,
    now: Moment,
    most: u32,
) -> Result<Vec<ListedSession>, Fault> {
    let mut statement = conn.prepare_cached(LIVE)?;
    let mut rows = statement.query(params![user.0, now.millis(), most])?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        sessions.push(ListedSession {
            id: SessionId(row.get(0)?),
            contract: row.get(1)?,
            address: row.get(2)?,
            user_agent: row.get(3)?,
            created_at: Moment::from_millis(row.get(4)?),
            seen_at: Moment::from_millis(row.get(5)?),
            expires_at: Moment::from_millis(row.get(6)?),
        });
    }
    Ok(sessions)
}

/// Notes that a session was used.
pub(super) fn note_seen(conn: &Connection, session: SessionId, at: Moment) -> rusqlite::Result<()> {
    conn.prepare_cached(NOTE_SEEN)?.execute([at.millis(), session.0]).map(drop)
}

/// Opens a session for a user who is active and of this epoch.
pub(super) fn open(conn: &Connection, user: UserId, epoch: i64, session: &NewSession) -> Result<(), Halt> {
    let opened = conn.prepare_cached(OPEN)?.execute(params![
        session.id.0,
        session.contract,
        session.digest.as_ref().map(|digest| digest.bytes().as_slice()),
        session.created_at.millis(),
        session.refresh_expires_at.millis(),
        session.expires_at.millis(),
        session.address,
        session.user_agent,
        session.authenticated_at.millis(),
        session.with_factor,
        user.0,
        epoch,
    ])?;
    if opened == 1 { Ok(()) } else { Err(Halt::Conflict(Conflict::Stale)) }
}

/// Exchanges the refresh token in force, if it is `from`.
pub(super) fn rotate(
    conn: &Connection,
    session: SessionId,
    (from, to): (&Digest, &Digest),
    at: Moment,
    refresh_expires_at: Moment,
) -> Result<(), Halt> {
    let rotated = conn.prepare_cached(ROTATE)?.execute(params![
        to.bytes().as_slice(),
        at.millis(),
        refresh_expires_at.millis(),
        session.0,
        from.bytes().as_slice(),
    ])?;
    if rotated == 1 { Ok(()) } else { Err(Halt::Conflict(Conflict::Stale)) }
}

/// Notes that the user has proved again who it is.
pub(super) fn mark_fresh(conn: &Connection, session: SessionId, epoch: i64, at: Moment) -> Result<(), Halt> {
    let marked = conn.prepare_cached(MARK_FRESH)?.execute(params![at.millis(), session.0, epoch])?;
    if marked == 1 { Ok(()) } else { Err(Halt::Conflict(Conflict::Stale)) }
}

/// Ends a session; says how many were live.
pub(super) fn end(
    conn: &Connection,
    session: SessionId,
    reason: EndReason,
    at: Moment,
) -> rusqlite::Result<u64> {
    count_live(conn, END, params![at.millis(), reason.name(), session.0])
}

/// Ends the sessions of a user but one; says how many were live.
pub(super) fn end_all(
    conn: &Connection,
    user: UserId,
    except: Option<SessionId>,
    reason: EndReason,
    at: Moment,
) -> rusqlite::Result<u64> {
    count_live(conn, END_ALL, params![at.millis(), reason.name(), user.0, except.map(|id| id.0)])
}

/// Ends the oldest live sessions above `keep`; `newest` counts as the newest whatever its number.
pub(super) fn cap(
    conn: &Connection,
    user: UserId,
    newest: Option<SessionId>,
    keep: u32,
    at: Moment,
) -> rusqlite::Result<u64> {
    let reason = EndReason::TooMany.name();
    count_live(conn, CAP, params![at.millis(), reason, user.0, newest.map(|id| id.0), keep])
}

fn count_live(conn: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<u64> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut live = 0;
    while let Some(row) = rows.next()? {
        live += u64::from(row.get::<_, bool>(0)?);
    }
    Ok(live)
}

fn read_session(row: &Row<'_>) -> Result<Session, Fault> {
    let id: i64 = row.get(0)?;
    let corrupt = |column: &str| Fault::Corrupt(format!("sessions.{column} of session {id}"));
    let digest = match row.get_ref(4)?.as_blob_or_null().map_err(|_| corrupt("digest"))? {
        Some(bytes) => Some(Digest::from_bytes(bytes.try_into().map_err(|_| corrupt("digest"))?)),
        None => None,
    };
    let ended = match row.get::<_, Option<i64>>(9)? {
        Some(at) => {
            let reason = row.get_ref(10)?.as_str().ok().and_then(EndReason::parse);
            Some((Moment::from_millis(at), reason.ok_or_else(|| corrupt("end_reason"))?))
        }
        None => None,
    };
    Ok(Session {
        id: SessionId(id),
        user: UserId(row.get(1)?),
        contract: row.get(2)?,
        counter: row.get(3)?,
        digest,
        rotated_at: Moment::from_millis(row.get(5)?),
        refresh_expires_at: Moment::from_millis(row.get(6)?),
        expires_at: Moment::from_millis(row.get(7)?),
        created_at: Moment::from_millis(row.get(8)?),
        authenticated_at: Moment::from_millis(row.get(11)?),
        seen_at: Moment::from_millis(row.get(12)?),
        with_factor: row.get(13)?,
        ended,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Place, Store};
    use rusqlite::StatementStatus;

    #[tokio::test]
    async fn looking_again_does_not_plan_again() {
        let store = Store::open(&Place::Memory).await.unwrap();
        for _ in 0..3 {
            let look = |conn: &Connection| {
                by_id(conn, SessionId(1))?;
                Ok(conn.prepare_cached(WITH_ACCOUNT)?.get_status(StatementStatus::RePrepare))
            };
            assert_eq!(store.look(look).unwrap(), 0);
        }
    }
}
