//! Which letters are still to be sent?

use super::fault::Halt;
use crate::error::Fault;
use domain::change::Conflict;
use domain::id::UserId;
use domain::letter::{Letter, LetterId, LinkId, NewLetter};
use domain::time::Moment;
use rusqlite::{Connection, Row, params};

const ADD: &str = "INSERT INTO outbox \
     (letter, user_id, recipient, name, language, link, expires_at, created_at, due_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
const DUE: &str = "SELECT id, letter, user_id, recipient, name, language, link, expires_at, created_at, due_at, tries \
     FROM outbox WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2";
const WAITING: &str = "SELECT id, letter, user_id, recipient, name, language, link, expires_at, created_at, due_at, \
     tries FROM outbox WHERE id > $1 ORDER BY id LIMIT $2";
const CLAIM: &str = "UPDATE outbox SET due_at = $1, tries = tries + 1 WHERE id = $2 AND due_at = $3";
const POSTPONE: &str = "UPDATE outbox SET due_at = $1 WHERE id = $2";
const RELEASE: &str = "UPDATE outbox SET due_at = $1 WHERE due_at > $1 AND due_at <= $2";
const REMOVE: &str = "DELETE FROM outbox WHERE id = $1";
const NEXT: &str = "SELECT min(due_at) FROM outbox";
const COUNT: &str = "SELECT count(*), min(created_at) FROM outbox";

/// A letter that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: LetterId,
    pub letter: Letter,
    pub user: Option<UserId>,
    pub to: String,
    pub name: String,
    pub language: String,
    pub link: Option<LinkId>,
    pub expires_at: Moment,
    pub written_at: Moment,
    pub due_at: Moment,
    pub tries: u32,
}

/// Adds a letter about a user, who may have been added in the same list.
pub(super) fn add(conn: &Connection, letter: &NewLetter, user: Option<UserId>) -> rusqlite::Result<()> {
    let values = params![
        letter.letter.name(),
        user.map(|id| id.0),
        letter.to,
        letter.name,
        letter.language,
        letter.link.as_ref().map(|link| link.0.as_slice()),
        letter.expires_at.millis(),
        letter.at.millis(),
    ];
    conn.prepare_cached(ADD)?.execute(values).map(drop)
}

/// The letters that are due, the longest due first.
pub(super) fn due(conn: &Connection, now: Moment, limit: u32) -> Result<Vec<Waiting>, Fault> {
    read_all(conn, DUE, now.millis(), limit)
}

/// The letters after this one in order of arrival, due or not.
pub(super) fn after(conn: &Connection, letter: LetterId, limit: u32) -> Result<Vec<Waiting>, Fault> {
    read_all(conn, WAITING, letter.0, limit)
}

/// When the next letter is due.
pub(super) fn next(conn: &Connection) -> Result<Option<Moment>, Fault> {
    let at: Option<i64> = conn.prepare_cached(NEXT)?.query_row([], |row| row.get(0))?;
    Ok(at.map(Moment::from_millis))
}

/// How many letters wait, and since when the oldest does.
pub(super) fn count(conn: &Connection) -> Result<(u64, Option<Moment>), Fault> {
    let (count, oldest): (i64, Option<i64>) =
        conn.prepare_cached(COUNT)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((u64::try_from(count).unwrap_or_default(), oldest.map(Moment::from_millis)))
}

/// Takes a letter out for one try, if it is still due when it was.
pub(super) fn claim(conn: &Connection, letter: LetterId, due_at: Moment, until: Moment) -> Result<(), Halt> {
    let claimed = conn.prepare_cached(CLAIM)?.execute(params![until.millis(), letter.0, due_at.millis()])?;
    if claimed == 1 { Ok(()) } else { Err(Halt::Conflict(Conflict::Stale)) }
}

/// Makes letters due now that would be due until `until`.
pub(super) fn release(conn: &Connection, until: Moment, at: Moment) -> rusqlite::Result<()> {
    conn.prepare_cached(RELEASE)?.execute([at.millis(), until.millis()]).map(drop)
}

/// Sets when a letter is due.
pub(super) fn postpone(conn: &Connection, letter: LetterId, due_at: Moment) -> rusqlite::Result<()> {
    conn.prepare_cached(POSTPONE)?.execute(params![due_at.millis(), letter.0]).map(drop)
}

/// Takes a letter out for good.
pub(super) fn remove(conn: &Connection, letter: LetterId) -> rusqlite::Result<()> {
    conn.prepare_cached(REMOVE)?.execute([letter.0]).map(drop)
}

fn read_all(conn: &Connection, sql: &str, from: i64, limit: u32) -> Result<Vec<Waiting>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![from, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<Waiting, Fault> {
    let id: i64 = row.get(0)?;
    let corrupt = |column: &str| Fault::Corrupt(format!("outbox.{column} of letter {id}"));
    let name = row.get_ref(1)?.as_str().map_err(|_| corrupt("letter"))?;
    let link = match row.get_ref(6)?.as_blob_or_null().map_err(|_| corrupt("link"))? {
        Some(bytes) => Some(LinkId(bytes.try_into().map_err(|_| corrupt("link"))?)),
        None => None,
    };
    Ok(Waiting {
        id: LetterId(id),
        letter: Letter::parse(name).ok_or_else(|| corrupt("letter"))?,
        user: row.get::<_, Option<i64>>(2)?.map(UserId),
        to: row.get(3)?,
        name: row.get(4)?,
        language: row.get(5)?,
        link,
        expires_at: Moment::from_millis(row.get(7)?),
        written_at: Moment::from_millis(row.get(8)?),
        due_at: Moment::from_millis(row.get(9)?),
        tries: row.get(10)?,
    })
}
