//! Which letters are still to be sent?

use super::row::Row;
use super::sql::Sql;
use super::step::Step;
use super::value::values;
use crate::error::Fault;
use domain::id::UserId;
use domain::letter::{Letter, LetterId, LinkId, NewLetter};
use domain::time::Moment;

pub(super) static ADD: Sql = Sql::same(
    "INSERT INTO outbox \
     (letter, user_id, recipient, name, language, link, expires_at, created_at, due_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
);
pub(super) static DUE: Sql = Sql::same(
    "SELECT id, letter, user_id, recipient, name, language, link, expires_at, created_at, due_at, tries \
     FROM outbox WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2",
);
pub(super) static WAITING: Sql = Sql::same(
    "SELECT id, letter, user_id, recipient, name, language, link, expires_at, created_at, due_at, \
     tries FROM outbox WHERE id > $1 ORDER BY id LIMIT $2",
);
pub(super) static CLAIM: Sql =
    Sql::same("UPDATE outbox SET due_at = $1, tries = tries + 1 WHERE id = $2 AND due_at = $3");
pub(super) static POSTPONE: Sql = Sql::same("UPDATE outbox SET due_at = $1 WHERE id = $2");
pub(super) static RELEASE: Sql =
    Sql::same("UPDATE outbox SET due_at = $1 WHERE due_at > $1 AND due_at <= $2");
pub(super) static REMOVE: Sql = Sql::same("DELETE FROM outbox WHERE id = $1");
pub(super) static NEXT: Sql = Sql::same("SELECT min(due_at) FROM outbox");
pub(super) static COUNT: Sql = Sql::same("SELECT count(*), min(created_at) FROM outbox");

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

/// Adds a letter about a user.
pub(super) fn add(letter: &NewLetter, user: Option<UserId>) -> Step<'_> {
    let values = values![
        letter.letter.name(),
        user.map(|id| id.0),
        &letter.to,
        &letter.name,
        &letter.language,
        letter.link.as_ref().map(|link| &link.0),
        letter.expires_at.millis(),
        letter.at.millis(),
    ];
    Step::any(&ADD, values)
}

/// Takes a letter out for one try, if it is still due when it was.
pub(super) fn claim(letter: LetterId, due_at: Moment, until: Moment) -> Step<'static> {
    Step::fresh(&CLAIM, values![until.millis(), letter.0, due_at.millis()])
}

/// Makes letters due now that would be due until `until`.
pub(super) fn release(until: Moment, at: Moment) -> Step<'static> {
    Step::any(&RELEASE, values![at.millis(), until.millis()])
}

/// Sets when a letter is due.
pub(super) fn postpone(letter: LetterId, due_at: Moment) -> Step<'static> {
    Step::any(&POSTPONE, values![due_at.millis(), letter.0])
}

/// Takes a letter out for good.
pub(super) fn remove(letter: LetterId) -> Step<'static> {
    Step::any(&REMOVE, values![letter.0])
}

/// Reads a letter that waits.
pub(super) fn read(row: &Row<'_>) -> Result<Waiting, Fault> {
    let id = row.int(0)?;
    let letter = Letter::parse(row.str(1)?);
    Ok(Waiting {
        id: LetterId(id),
        letter: letter.ok_or_else(|| Fault::Corrupt(format!("outbox.letter of letter {id}")))?,
        user: row.maybe_int(2)?.map(UserId),
        to: row.string(3)?,
        name: row.string(4)?,
        language: row.string(5)?,
        link: row.maybe_bytes(6)?.map(LinkId),
        expires_at: Moment::from_millis(row.int(7)?),
        written_at: Moment::from_millis(row.int(8)?),
        due_at: Moment::from_millis(row.int(9)?),
        tries: row.count(10)?,
    })
}
