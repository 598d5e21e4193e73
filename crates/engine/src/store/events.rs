//! How is an event written, sealed to the one before it?
//!
//! The end of the trail is looked up anew in each transaction: another process may have written meanwhile.

use domain::event::{Actor, Detail, Event, EventKind};
use domain::id::UserId;
use domain::time::Moment;
use domain::trail::{Entry, Seal, TrailKey};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::borrow::Cow;

const ADD: &str = "INSERT INTO events (id, kind, at, user_id, session_id, contract, address, result, request, \
     actor, actor_id, verb, details, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
/// The columns of an event in the order of [`read`].
pub(super) const COLUMNS: &str = "id, kind, at, user_id, session_id, contract, address, result, request, actor, \
     actor_id, verb, details, hash";
const LAST: &str = "SELECT id, hash FROM events ORDER BY id DESC LIMIT 1";
const HEAD: &str = "SELECT row, seal FROM trail_head";
const PUT_HEAD: &str = "INSERT INTO trail_head (one, row, seal) VALUES (1, $1, $2) \
     ON CONFLICT (one) DO UPDATE SET row = excluded.row, seal = excluded.seal";

/// A row and its seal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub row: i64,
    pub seal: Seal,
}

/// The trail as the open transaction sees it.
pub(super) struct Trail<'k> {
    key: &'k TrailKey,
    head: Option<Head>,
    written: Option<i64>,
}

impl<'k> Trail<'k> {
    /// For one transaction, which must be able to write.
    pub fn new(key: &'k TrailKey) -> Trail<'k> {
        Trail { key, head: None, written: None }
    }

    /// Where the trail ends now; for [`Trail::back_to`].
    pub fn mark(&self) -> Option<Head> {
        self.head
    }

    /// What was added since the mark has been rolled back.
    pub fn back_to(&mut self, mark: Option<Head>) {
        self.head = mark;
    }

    /// Adds an event about a user, who may have been added in the same list.
    pub fn add(&mut self, conn: &Connection, event: &Event, user: Option<UserId>) -> rusqlite::Result<()> {
        let end = match self.head {
            Some(head) => head,
            None => self.find_end(conn, event.at)?,
        };
        self.head = Some(insert(conn, self.key, end, event, user)?);
        Ok(())
    }

    /// Says where the trail ends; the last thing before a commit.
    pub fn finish(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let Some(head) = self.head.filter(|head| self.written != Some(head.row)) else { return Ok(()) };
        let seal = self.key.seal_head(head.row, &head.seal);
        conn.prepare_cached(PUT_HEAD)?.execute(params![head.row, seal.bytes()])?;
        self.written = Some(head.row);
        Ok(())
    }

    /// The end that an earlier transaction left, after a row that says so when it is not as it was left.
    fn find_end(&mut self, conn: &Connection, at: Moment) -> rusqlite::Result<Head> {
        let last: Option<(i64, Option<[u8; 32]>)> =
            conn.prepare_cached(LAST)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let head: Option<(i64, [u8; 32])> =
            conn.prepare_cached(HEAD)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let begin = Head { row: 0, seal: Seal::NONE };
        let end = match (last, head) {
            (None, None) => begin,
            (Some((row, Some(hash))), Some((said, seal))) => {
                let end = Head { row, seal: Seal::from_bytes(hash) };
                if said == row && self.key.seal_head(row, &end.seal).is(&Seal::from_bytes(seal)) {
                    end
                } else {
                    self.broken(conn, at, Head { row: row.max(said), ..end })?
                }
            }
            (Some((row, None)), None) => {
                let older = conn.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, i64>(0))?;
                let event = Event::inside(EventKind::TrailBegun, at, Actor::System, "")
                    .with(Detail::Count(older.unsigned_abs()));
                insert(conn, self.key, Head { row, ..begin }, &event, None)?
            }
            (last, head) => {
                let row = last.map_or(0, |(row, _)| row).max(head.map_or(0, |(row, _)| row));
                self.broken(conn, at, Head { row, ..begin })?
            }
        };
        Ok(end)
    }

    fn broken(&self, conn: &Connection, at: Moment, end: Head) -> rusqlite::Result<Head> {
        tracing::error!(
            row = end.row,
            "the audit trail does not end as it was left; `countersign audit verify` tells more"
        );
        let event = Event::inside(EventKind::TrailBroken, at, Actor::System, "");
        insert(conn, self.key, end, &event, None)
    }
}

fn insert(
    conn: &Connection,
    key: &TrailKey,
    end: Head,
    event: &Event,
    user: Option<UserId>,
) -> rusqlite::Result<Head> {
    let details = event.details_text();
    let entry = Entry {
        id: end.row + 1,
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
        details: Cow::Borrowed(&details),
    };
    let seal = key.seal(&end.seal, &entry);
    conn.prepare_cached(ADD)?.execute(params![
        entry.id,
        entry.kind,
        entry.at,
        entry.user,
        entry.session,
        entry.contract,
        entry.address,
        entry.result,
        entry.request,
        entry.actor,
        entry.actor_id,
        entry.verb,
        entry.details,
        seal.bytes(),
    ])?;
    Ok(Head { row: entry.id, seal })
}

/// An event as it is stored, with its seal if it has one.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(Entry<'static>, Option<Seal>)> {
    let text = |at: usize| row.get::<_, String>(at).map(Cow::Owned);
    let entry = Entry {
        id: row.get(0)?,
        kind: text(1)?,
        at: row.get(2)?,
        user: row.get(3)?,
        session: row.get(4)?,
        contract: text(5)?,
        address: text(6)?,
        result: text(7)?,
        request: text(8)?,
        actor: text(9)?,
        actor_id: row.get(10)?,
        verb: text(11)?,
        details: text(12)?,
    };
    Ok((entry, row.get::<_, Option<[u8; 32]>>(13)?.map(Seal::from_bytes)))
}
