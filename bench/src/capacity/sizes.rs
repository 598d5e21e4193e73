//! How much room does each row take, with its indexes?

use std::fmt::Write as _;

use super::Filled;
use crate::table::short;
use crate::{Outcome, wrong};

/// Tables that grow with users and time, and their indexes.
const RELATIONS: &str = "SELECT t.relname, c.relname, c.relkind = 'i', pg_table_size(c.oid), \
    greatest(t.reltuples, 1)::bigint \
    FROM pg_class t JOIN pg_class c ON c.oid = t.oid OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = t.oid) \
    WHERE t.oid IN ('users'::regclass, 'sessions'::regclass, 'events'::regclass) \
    ORDER BY t.relname = 'events', t.relname = 'sessions', c.relkind = 'i', c.relname";

/// Bytes a row of each table and index at the largest size, and of the tables as a whole at each.
///
/// # Errors
/// The database refuses to say.
pub fn table(all: &[Filled]) -> Outcome<String> {
    let mut text =
        String::from("| users | table | what | rows | size | bytes a row |\n|---|---|---|---|---|---|\n");
    for filled in all {
        for line in filled.database.access().try_psql(RELATIONS).map_err(wrong)?.lines() {
            let fields: Vec<&str> = line.split('|').collect();
            let &[table, name, index, bytes, rows] = fields.as_slice() else {
                return Err(wrong(format!("psql: {line}")));
            };
            let figure = |text: &str| text.parse::<f64>().map_err(|_| wrong(format!("psql: {line}")));
            let (bytes, rows) = (figure(bytes)?, figure(rows)?);
            let what = if index == "t" { format!("index {name}") } else { "rows".to_owned() };
            let _ = writeln!(
                text,
                "| {} | {table} | {what} | {} | {} MB | {} |",
                short(filled.users as f64),
                short(rows),
                short(bytes / 1e6),
                short(bytes / rows),
            );
        }
    }
    Ok(text)
}
