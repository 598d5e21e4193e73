//! How is the audit trail read, and what is old enough to go?

use super::events::{COLUMNS, Trail};
use super::row::Row;
use super::sql::Sql;
use super::step::{Expect, Step};
use super::value::{Value, values};
use crate::error::Fault;
use crate::trail::{EventQuery, Row as Ended};
use domain::event::{Actor, Detail, Event, EventKind};
use domain::id::{SessionId, UserId};
use domain::session::EndReason;
use domain::time::Moment;
use domain::trail::Seal;

/// A page of events. Every value is bound; the text depends only on which parts of the query are given.
pub(super) fn page(query: &EventQuery, limit: u32) -> (String, Vec<Value<'static>>) {
    let (beyond, order) = if query.newest_first { ("id <", "DESC") } else { ("id >", "ASC") };
    let mut sql = format!("SELECT {COLUMNS} FROM events WHERE TRUE");
    let mut values: Vec<Value<'static>> = Vec::new();
    let parts = [
        ("user_id =", query.user.map(|user| Value::from(user.0))),
        ("kind =", query.kind.map(|kind| Value::from(kind.name()))),
        ("at >=", query.since.map(|since| Value::from(since.millis()))),
        (beyond, query.after.map(Value::from)),
    ];
    for (part, value) in parts {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {part} ${}", values.len()));
        }
    }
    values.push(Value::from(limit));
    sql.push_str(&format!(" ORDER BY id {order} LIMIT ${}", values.len()));
    (sql, values)
}

/// A page of one strand, from the row after a place.
pub(super) fn page_of_strand(strand: i64, after: i64, limit: u32) -> (String, Vec<Value<'static>>) {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE strand = $1 AND coalesce(place, id) > $2 ORDER BY id LIMIT $3"
    );
    (sql, values![strand, after, limit].into())
}

/// The newest sessions of a user.
pub(super) static NEWEST: Sql = Sql::same(
    "SELECT id, contract, created_at, address, user_agent, refresh_expires_at, expires_at, ended_at, \
     end_reason FROM sessions WHERE user_id = $1 ORDER BY id DESC LIMIT $2",
);
/// The number of the last event and all heads. One statement, so that both come from the same moment.
pub(super) static ENDS: Sql = Sql::same(
    "SELECT coalesce(max(id), 0) AS last, NULL AS place, NULL AS seal FROM events \
     UNION ALL SELECT strand, place, seal FROM trail_heads ORDER BY place, last",
);
/// The last row of each strand up to a row.
pub(super) static MARKS: Sql = Sql::same(
    "SELECT strand, coalesce(place, id), hash FROM events WHERE id IN \
     (SELECT max(id) FROM events WHERE id <= $1 GROUP BY strand) ORDER BY strand",
);
/// A session opened for a token that the application made is kept: without the row that token would open another one.
/// Such a session has the number of its token's moment, not of its own (`SessionId::at`).
static FORGET: Sql = Sql::same(
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions \
     WHERE id < (($1 & 2199023255551) << 22) AND coalesce(ended_at, expires_at) < $1 AND expires_at < $2 \
     AND id >> 22 = created_at & 2199023255551 ORDER BY id LIMIT 500)",
);
/// For each strand the last row that goes: all before the first one that is young enough or beyond the most that go at
/// once.
pub(super) static BOUNDARY: Sql = Sql::same(
    "SELECT id, strand, coalesce(place, id), hash FROM events WHERE id IN (SELECT max(id) FROM events \
     WHERE id < coalesce( \
     (SELECT id FROM (SELECT id, at FROM events ORDER BY id LIMIT 5000) AS oldest WHERE at >= $1 \
      ORDER BY id LIMIT 1), \
     (SELECT id + 1 FROM (SELECT id FROM events ORDER BY id LIMIT 5000) AS oldest ORDER BY id DESC LIMIT 1)) \
     GROUP BY strand) ORDER BY id DESC",
);
static PRUNE: Sql = Sql::same("DELETE FROM events WHERE id <= $1");

/// The last row of a strand that goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boundary {
    pub id: i64,
    pub strand: i64,
    pub place: i64,
    pub seal: Option<Seal>,
}

impl Boundary {
    /// Reads one row of [`BOUNDARY`].
    pub fn read(row: &Row<'_>) -> Result<Boundary, Fault> {
        Ok(Boundary {
            id: row.int(0)?,
            strand: row.int(1)?,
            place: row.int(2)?,
            seal: row.maybe_bytes(3)?.map(Seal::from_bytes),
        })
    }

    /// The note that lets the rest of the strand be checked.
    pub fn note(&self, at: Moment) -> Event {
        let mut event = Event::inside(EventKind::TrailPruned, at, Actor::System, "");
        if self.strand != 0 {
            event = event.with(Detail::Strand(self.strand));
        }
        event = event.with(Detail::Through(self.place));
        if let Some(seal) = self.seal {
            event = event.with(Detail::Hash(seal.hex()));
        }
        event
    }
}

/// Deletes the oldest events; `notes` say up to where and with which hash, so that the rest can still be checked.
pub(super) fn prune<'a>(
    steps: &mut Vec<Step<'a>>,
    trail: &mut Trail<'_>,
    (bounds, notes): (&[Boundary], &'a [Event]),
) {
    let Some(through) = bounds.iter().map(|bound| bound.id).max() else { return };
    // First the notes: an empty trail would begin anew.
    steps.extend(notes.iter().map(|note| trail.add(note, None)));
    steps.push(Step { sql: &PRUNE, values: values![through].into(), expect: Expect::Removed });
}

/// Deletes sessions that ended before `before` and whose tokens have all ended.
pub(super) fn forget_sessions(before: Moment, now: Moment) -> Step<'static> {
    Step { sql: &FORGET, values: values![before.millis(), now.millis()].into(), expect: Expect::Removed }
}

/// The parameters of [`NEWEST`].
pub(super) fn newest(user: UserId, limit: u32) -> [Value<'static>; 2] {
    values![user.0, limit]
}

/// Reads one of the newest sessions of a user.
pub(super) fn read_ended(row: &Row<'_>) -> Result<Ended, Fault> {
    let moment = |at: usize| row.int(at).map(Moment::from_millis);
    let ended = match row.maybe_int(7)? {
        Some(at) => {
            let reason = row.maybe_str(8)?.and_then(EndReason::parse);
            let reason = reason.ok_or_else(|| Fault::Corrupt("sessions.end_reason".to_owned()))?;
            Some((Moment::from_millis(at), reason))
        }
        None => None,
    };
    Ok(Ended {
        id: SessionId(row.int(0)?),
        contract: row.string(1)?,
        created_at: moment(2)?,
        address: row.string(3)?,
        user_agent: row.string(4)?,
        refresh_expires_at: moment(5)?,
        expires_at: moment(6)?,
        ended,
    })
}
