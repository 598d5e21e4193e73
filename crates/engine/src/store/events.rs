//! How is an event written, sealed to the one before it?
//!
//! The trail has strands: whoever writes alone has strand 0; of several writers each has a strand of its own, so that
//! none waits for the seal of another.

use super::postgres::clock::millis;
use super::row::Row;
use super::sql::Sql;
use super::step::{Expect, Step};
use super::value::{Value, values};
use crate::error::Fault;
use domain::change::Conflict;
use domain::event::{Actor, Detail, Event, EventKind};
use domain::id::UserId;
use domain::time::Moment;
use domain::trail::{Entry, Seal, TrailKey};
use std::borrow::Cow;

pub(super) static ADD: Sql = Sql::same(
    "INSERT INTO events (strand, place, kind, at, user_id, session_id, contract, address, result, request, \
     actor, actor_id, verb, details, hash) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
);
/// The columns of an event in the order of [`read`].
pub(super) const COLUMNS: &str = "id, strand, coalesce(place, id), kind, at, user_id, session_id, contract, address, \
     result, request, actor, actor_id, verb, details, hash";
/// The last row of a strand and the head of the strand; for [`Left::read`].
pub(super) static END_OF_STRAND: Sql = Sql::each(
    "SELECT coalesce(place, id), hash, 1 AS kind FROM events \
     WHERE id = (SELECT max(id) FROM events WHERE strand = $1) \
     UNION ALL SELECT place, seal, 2 FROM trail_heads WHERE strand = $1 ORDER BY kind",
    "(SELECT place, hash, CAST(1 AS BIGINT) AS kind FROM events WHERE strand = $1 ORDER BY place DESC LIMIT 1) \
     UNION ALL SELECT place, seal, 2 FROM trail_heads WHERE strand = $1 ORDER BY kind",
);
static PUT_HEAD: Sql = Sql::same(
    "INSERT INTO trail_heads (strand, place, seal) VALUES ($1, $2, $3) \
     ON CONFLICT (strand) DO UPDATE SET place = excluded.place, seal = excluded.seal",
);
/// Only for whoever knows the end as it is.
pub(super) static MOVE_HEAD: Sql = Sql::same(concat!(
    "UPDATE trail_heads SET place = $1, seal = $2, used_at = ",
    millis!(),
    " WHERE strand = $3 AND place = $4"
));
/// How many rows a strand has.
static COUNT: Sql = Sql::same("SELECT count(*) FROM events WHERE strand = $1");

/// The last row of a strand: its place and its seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub place: i64,
    pub seal: Seal,
}

/// What the database says about the end of a strand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    /// The last row, with its seal if it has one.
    pub last: Option<(i64, Option<Seal>)>,
    /// What the head says.
    pub head: Option<(i64, Seal)>,
}

impl Left {
    /// Takes in one row of [`END_OF_STRAND`].
    pub fn read(&mut self, row: &Row<'_>) -> Result<(), Fault> {
        let (place, seal) = (row.int(0)?, row.maybe_bytes(1)?.map(Seal::from_bytes));
        match (row.int(2)?, seal) {
            (1, seal) => self.last = Some((place, seal)),
            (_, Some(seal)) => self.head = Some((place, seal)),
            (_, None) => return Err(Fault::Corrupt("trail_heads.seal".to_owned())),
        }
        Ok(())
    }
}

/// The end of one strand, as it grows.
#[derive(Clone, Copy)]
pub(super) struct Trail<'k> {
    key: &'k TrailKey,
    strand: i64,
    head: Head,
    written: i64,
}

impl<'k> Trail<'k> {
    /// Goes on where a strand was left. The event is the first to be written when it is not as it was left, or when
    /// the rows before have no seals.
    pub fn begin(key: &'k TrailKey, strand: i64, left: &Left, at: Moment) -> (Trail<'k>, Option<Event>) {
        let (head, event) = match (left.last, left.head) {
            (None, None) => (Head { place: 0, seal: Seal::NONE }, None),
            (Some((place, Some(seal))), Some((said, said_seal)))
                if said == place && key.seal_head(strand, place, &seal).is(&said_seal) =>
            {
                (Head { place, seal }, None)
            }
            (Some((place, None)), None) => {
                let event = Event::inside(EventKind::TrailBegun, at, Actor::System, "");
                (Head { place, seal: Seal::NONE }, Some(event))
            }
            (last, head) => {
                let place = last.map_or(0, |(place, _)| place).max(head.map_or(0, |(place, _)| place));
                let seal = last.and_then(|(_, seal)| seal).unwrap_or(Seal::NONE);
                (Head { place, seal }, Some(broken(strand, place, at)))
            }
        };
        // A head that is to be moved is found where the database has it.
        let written = left.head.map_or(0, |(place, _)| place);
        (Trail { key, strand, head, written }, event)
    }

    /// Goes on behind a row that was written here and is durable.
    pub fn go_on(key: &'k TrailKey, strand: i64, head: Head) -> Trail<'k> {
        Trail { key, strand, head, written: head.place }
    }

    /// Where it ends.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Adds an event about a user.
    pub fn add<'a>(&mut self, event: &'a Event, user: Option<UserId>) -> Step<'a> {
        let entry = Entry {
            id: 0,
            strand: self.strand,
            place: self.head.place + 1,
            at: event.at.millis(),
            kind: event.kind.name().into(),
            actor: event.actor.name().into(),
            actor_id: event.actor.id(),
            user: user.map(|id| id.0),
            session: event.session.map(|id| id.0),
            contract: Cow::Borrowed(&event.contract),
            verb: event.verb.into(),
            address: Cow::Borrowed(&event.address),
            result: event.result.into(),
            request: Cow::Borrowed(&event.request),
            details: Cow::Owned(event.details_text()),
        };
        let seal = self.key.seal(&self.head.seal, &entry);
        self.head = Head { place: entry.place, seal };
        Step::any(&ADD, columns(entry, &seal))
    }

    /// Says where the trail ends, for the one writer of a database; the last thing before a commit.
    pub fn put_head(&mut self) -> Option<Step<'static>> {
        let seal = self.sealed_head()?;
        self.written = self.head.place;
        let values = values![self.strand, self.head.place, Value::owned(seal.bytes())];
        Some(Step::any(&PUT_HEAD, values))
    }

    /// Says where the strand ends, if it still ends where it did when this began; otherwise stale.
    pub fn move_head(&mut self) -> Option<Step<'static>> {
        let seal = self.sealed_head()?;
        let before = std::mem::replace(&mut self.written, self.head.place);
        let values = values![self.head.place, Value::owned(seal.bytes()), self.strand, before];
        Some(Step { sql: &MOVE_HEAD, values: values.into(), expect: Expect::Row(Conflict::Stale) })
    }

    fn sealed_head(&self) -> Option<Seal> {
        (self.written != self.head.place)
            .then(|| self.key.seal_head(self.strand, self.head.place, &self.head.seal))
    }
}

/// The statement that counts the rows of a strand, for the event that begins its seals.
pub(super) fn count(strand: i64) -> (&'static Sql, [Value<'static>; 1]) {
    (&COUNT, values![strand])
}

/// The event that begins the seals of a strand which had rows without them.
pub(super) fn with_count(event: Event, rows: i64) -> Event {
    if event.kind == EventKind::TrailBegun { event.with(Detail::Count(rows.unsigned_abs())) } else { event }
}

fn broken(strand: i64, place: i64, at: Moment) -> Event {
    tracing::error!(
        strand,
        row = place,
        "the audit trail does not end as it was left; `countersign audit verify` tells more"
    );
    Event::inside(EventKind::TrailBroken, at, Actor::System, "")
}

fn columns<'a>(entry: Entry<'a>, seal: &Seal) -> Vec<Value<'a>> {
    let text = Value::Text;
    vec![
        entry.strand.into(),
        entry.place.into(),
        text(entry.kind),
        entry.at.into(),
        entry.user.into(),
        entry.session.into(),
        text(entry.contract),
        text(entry.address),
        text(entry.result),
        text(entry.request),
        text(entry.actor),
        entry.actor_id.into(),
        text(entry.verb),
        text(entry.details),
        Value::owned(seal.bytes()),
    ]
}

/// An event as it is stored, with its seal if it has one.
pub(super) fn read(row: &Row<'_>) -> Result<(Entry<'static>, Option<Seal>), Fault> {
    let text = |at: usize| row.string(at).map(Cow::Owned);
    let entry = Entry {
        id: row.int(0)?,
        strand: row.int(1)?,
        place: row.int(2)?,
        kind: text(3)?,
        at: row.int(4)?,
        user: row.maybe_int(5)?,
        session: row.maybe_int(6)?,
        contract: text(7)?,
        address: text(8)?,
        result: text(9)?,
        request: text(10)?,
        actor: text(11)?,
        actor_id: row.maybe_int(12)?,
        verb: text(13)?,
        details: text(14)?,
    };
    Ok((entry, row.maybe_bytes(15)?.map(Seal::from_bytes)))
}
