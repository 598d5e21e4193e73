//! How is the audit trail read?

use super::events::{COLUMNS, read};
use crate::error::Fault;
use crate::trail::{EventQuery, Noted};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

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
