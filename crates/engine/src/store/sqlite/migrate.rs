//! Has the database the tables this program was written for?

use crate::error::OpenError;
use crate::store::refuse;
use domain::token::Digest;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// One step; its number is its place in the list, from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    /// For messages.
    pub name: &'static str,
    /// What is run, in one transaction. Never changed once released.
    pub sql: &'static str,
}

macro_rules! migration {
    ($name:literal) => {
        Migration { name: $name, sql: include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")) }
    };
}

/// All steps, in order.
pub(super) const MIGRATIONS: &[Migration] = &[
    migration!("0001_users"),
    migration!("0002_sessions"),
    migration!("0003_events"),
    migration!("0004_avatars"),
    migration!("0005_hash_schemes"),
    migration!("0006_outbox"),
    migration!("0007_sessions_seen"),
    migration!("0008_audit"),
    migration!("0009_master_key"),
    migration!("0010_limits"),
    migration!("0011_links"),
    migration!("0012_admin"),
    migration!("0013_factors"),
    migration!("0014_strands"),
    migration!("0015_keys"),
    migration!("0016_phases"),
];

const CREATE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    -- Number of the step, from 1.
    version    INTEGER PRIMARY KEY,
    -- Its name, for people.
    name       TEXT NOT NULL,
    -- SHA-256 of its text, hexadecimal.
    checksum   TEXT NOT NULL,
    -- When it was run, UTC.
    applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT";

/// Brings the tables up to date, each step in a transaction of its own (REL-40).
///
/// Refused, with nothing changed: a step that is not the one that was run; steps this program does not know.
/// Before the first step on a database that has some already, a copy is written beside it.
pub(super) fn migrate(conn: &mut Connection, path: &Path, steps: &[Migration]) -> Result<(), OpenError> {
    let done = applied(conn).map_err(|error| failed(path, "its list of migrations", &error))?;
    check(path, &done, steps)?;
    if done.len() == steps.len() {
        return Ok(());
    }
    if !done.is_empty() {
        back_up(conn, path, done.len())?;
    }
    conn.execute_batch(CREATE).map_err(|error| failed(path, "its list of migrations", &error))?;
    for (version, step) in (1_i64..).zip(steps).skip(done.len()) {
        run(conn, version, step).map_err(|error| failed(path, step.name, &error))?;
    }
    Ok(())
}

/// Refused: a schema that is not the one of these steps.
pub(super) fn check_current(conn: &Connection, path: &Path, steps: &[Migration]) -> Result<(), OpenError> {
    let done = applied(conn).map_err(|error| failed(path, "its list of migrations", &error))?;
    check(path, &done, steps)?;
    if done.len() == steps.len() {
        return Ok(());
    }
    Err(refuse(format!(
        "{} has schema {}, this program has {}: start the server of this program on it once",
        path.display(),
        done.len(),
        steps.len()
    )))
}

fn failed(path: &Path, what: &str, error: &rusqlite::Error) -> OpenError {
    refuse(format!("{}: {what}: {error}", path.display()))
}

/// Versions and checksums in order.
fn applied(conn: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    let there = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'";
    if conn.query_row(there, [], |_| Ok(())).optional()?.is_none() {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare("SELECT version, checksum FROM schema_migrations ORDER BY version")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn check(path: &Path, done: &[(i64, String)], steps: &[Migration]) -> Result<(), OpenError> {
    let path = path.display();
    let newest = done.last().map_or(0, |(version, _)| *version);
    let known = steps.len();
    if usize::try_from(newest).unwrap_or(usize::MAX) > known {
        return Err(refuse(format!(
            "{path} has schema {newest}, this program knows schemas up to {known}: use the newer program"
        )));
    }
    for ((expected, step), (version, found)) in (1_i64..).zip(steps).zip(done) {
        if *version != expected {
            return Err(refuse(format!(
                "{path}: migration {} was never run, but a later one was",
                step.name
            )));
        }
        if *found != checksum(step) {
            return Err(refuse(format!(
                "{path}: migration {} is not the one this database was made with: use the program that made it",
                step.name
            )));
        }
    }
    Ok(())
}

fn checksum(step: &Migration) -> String {
    Digest::of(step.sql).bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn run(conn: &mut Connection, version: i64, step: &Migration) -> rusqlite::Result<()> {
    let transaction = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch(step.sql)?;
    transaction.execute(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
        params![version, step.name, checksum(step)],
    )?;
    transaction.commit()
}

/// Writes `<database>.before-<next step>`, replacing what an interrupted start left there.
fn back_up(conn: &Connection, path: &Path, done: usize) -> Result<(), OpenError> {
    let copy = super::file::beside(path, &format!(".before-{:04}", done + 1));
    super::file::create_private(&copy)?;
    let text = copy.to_str().ok_or_else(|| refuse(format!("{} is not UTF-8", copy.display())))?;
    conn.execute("VACUUM INTO $1", [text]).map_err(|error| failed(&copy, "copy before migration", &error))?;
    super::file::sync(&copy)
}
