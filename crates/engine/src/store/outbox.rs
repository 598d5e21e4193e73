//! Which letters are still to be sent?

use domain::id::UserId;
use domain::letter::NewLetter;
use rusqlite::{Connection, params};

const ADD: &str = "INSERT INTO outbox \
     (letter, user_id, recipient, name, language, link, expires_at, created_at, due_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";

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
