//! How is the audit trail read, and what is old enough to go?

use super::events::{COLUMNS, Trail, read};
use crate::error::Fault;
use crate::trail::{EventQuery, Noted, Row as Ended};
use domain::event::{Actor, Detail, Event, EventKind};
use domain::id::{SessionId, UserId};
use domain::session::EndReason;
use domain::time::Moment;
use domain::trail::Seal;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

/// A page of events. Every value is bound; the text depends only on which parts of the query are given.
pub(super) fn page(conn: &Connection, query: &EventQuery, limit: u32) -> Result<Vec<Noted>, Fault> {
    let (beyond, order) = if query.newest_first { ("<", "DESC") } else { (">", "ASC") };
    let mut sql = format!("SELECT {COLUMNS} FROM events WHERE TRUE");
    let mut values: Vec<Value> = Vec::new();
    let parts = [
        ("user_id =", query.user.map(|user| Value::Integer(user.0))),
        ("kind =", query.kind.map(|kind| Value::Text(kind.name().to_owned()))),
        ("at >=", query.since.map(|since| Value::Integer(since.millis()))),
    ];
    let beyond = (format!("id {beyond}"), query.after.map(Value::Integer));
    for (part, value) in parts.into_iter().map(|(part, value)| (part.to_owned(), value)).chain([beyond]) {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {part} ${}", values.len()));
        }
    }
    values.push(Value::Integer(i64::from(limit)));
    sql.push_str(&format!(" ORDER BY id {order} LIMIT ${}", values.len()));
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        let (entry, seal) = read(row)?;
        Ok(Noted { entry, seal })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

const NEWEST: &str = "SELECT id, contract, created_at, address, user_agent, refresh_expires_at, expires_at, ended_at, \
     end_reason FROM sessions WHERE user_id = $1 ORDER BY id DESC LIMIT $2";
/// One statement, so that both come from the same moment.
const END: &str = "SELECT (SELECT coalesce(max(id), 0) FROM events), (SELECT row FROM trail_head), \
     (SELECT seal FROM trail_head)";
/// A session opened for a token that the application made is kept: without the row that token would open another one.
/// Such a session has the number of its token's moment, not of its own (`SessionId::at`).
const FORGET: &str = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions \
     WHERE id < (($1 & 2199023255551) << 22) AND coalesce(ended_at, expires_at) < $1 AND expires_at < $2 \
     AND id >> 22 = created_at & 2199023255551 ORDER BY id LIMIT 500)";
/// The row before the first one that is young enough or beyond the most that go at once.
const BOUNDARY: &str = "SELECT id, hash FROM events WHERE id < coalesce( \
     (SELECT id FROM (SELECT id, at FROM events ORDER BY id LIMIT 5000) WHERE at >= $1 ORDER BY id LIMIT 1), \
     (SELECT id + 1 FROM (SELECT id FROM events ORDER BY id LIMIT 5000) ORDER BY id DESC LIMIT 1)) \
     ORDER BY id DESC LIMIT 1";

/// The newest sessions of a user.
pub(super) fn newest_sessions(conn: &Connection, user: UserId, limit: u32) -> Result<Vec<Ended>, Fault> {
    let mut statement = conn.prepare_cached(NEWEST)?;
    let mut rows = statement.query(rusqlite::params![user.0, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let moment = |at: usize| row.get::<_, i64>(at).map(Moment::from_millis);
        let ended = match row.get::<_, Option<i64>>(7)? {
            Some(at) => {
                let reason = row.get::<_, Option<String>>(8)?.and_then(|name| EndReason::parse(&name));
                let reason = reason.ok_or_else(|| Fault::Corrupt("sessions.end_reason".to_owned()))?;
                Some((Moment::from_millis(at), reason))
            }
            None => None,
        };
        found.push(Ended {
            id: SessionId(row.get(0)?),
            contract: row.get(1)?,
            created_at: moment(2)?,
            address: row.get(3)?,
            user_agent: row.get(4)?,
            refresh_expires_at: moment(5)?,
            expires_at: moment(6)?,
            ended,
        });
    }
    Ok(found)
}

/// The number of the last event, and the sealed head.
pub(super) fn end(conn: &Connection) -> Result<(i64, Option<(i64, Seal)>), Fault> {
    let read = |row: &rusqlite::Row<'_>| {
        let head = row.get::<_, Option<i64>>(1)?.zip(row.get::<_, Option<[u8; 32]>>(2)?);
        Ok((row.get(0)?, head.map(|(row, seal)| (row, Seal::from_bytes(seal)))))
    };
    Ok(conn.prepare_cached(END)?.query_row([], read)?)
}

/// Deletes sessions that ended before `before` and whose tokens have all ended; says how many.
pub(super) fn forget_sessions(conn: &Connection, before: Moment, now: Moment) -> rusqlite::Result<u64> {
    let removed = conn.prepare_cached(FORGET)?.execute([before.millis(), now.millis()])?;
    Ok(removed as u64)
}

/// Deletes the oldest events, up to the first that is younger than `before`; the trail says up to where and with which
/// hash, so that the rest can still be checked. Says how many.
pub(super) fn prune(
    conn: &Connection,
    trail: &mut Trail<'_>,
    before: Moment,
    at: Moment,
) -> rusqlite::Result<u64> {
    let boundary = conn
        .prepare_cached(BOUNDARY)?
        .query_row([before.millis()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<[u8; 32]>>(1)?.map(Seal::from_bytes)))
        })
        .optional()?;
    let Some((through, seal)) = boundary else { return Ok(0) };
    let mut event =
        Event::inside(EventKind::TrailPruned, at, Actor::System, "").with(Detail::Through(through));
    if let Some(seal) = seal {
        event = event.with(Detail::Hash(seal.hex()));
    }
    // First the note: an empty trail would begin anew.
    trail.add(conn, &event, None)?;
    Ok(conn.prepare_cached("DELETE FROM events WHERE id <= $1")?.execute([through])? as u64)
}
