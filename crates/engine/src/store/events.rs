//! How is an event written?

use domain::event::Event;
use domain::id::UserId;
use rusqlite::{Connection, params};

const ADD: &str = "INSERT INTO events (kind, at, user_id, session_id, contract, address, result, request) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Adds an event about a user, who may have been added in the same list.
pub(super) fn add(conn: &Connection, event: &Event, user: Option<UserId>) -> rusqlite::Result<()> {
    let values = params![
        event.kind.name(),
        event.at.millis(),
        user.map(|id| id.0),
        event.session.map(|id| id.0),
        event.contract,
        event.address,
        event.result,
        event.request,
    ];
    conn.prepare_cached(ADD)?.execute(values).map(drop)
}
