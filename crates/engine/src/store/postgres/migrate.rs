//! Has the database the tables this program was written for, and may this program use them?

use super::session::{Gate, Purpose, Session};
use crate::error::OpenError;
use crate::store::address::{PostgresAddress, PostgresSettings};
use crate::store::row::Row;
use crate::store::value::{Value, values};
use crate::store::{keys, refuse};
use domain::change::SealedKey;
use domain::seal::MasterKeyId;
use domain::token::Digest;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_postgres::error::SqlState;

/// The oldest server whose SQL is known to do: PostgreSQL 13.
const OLDEST: i32 = 130_000;
/// How long a node waits for another that brings the tables up to date.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what the other node does.
const PAUSE: Duration = Duration::from_millis(200);
/// Of all who use advisory locks in this database only those who use this number wait for each other: `CSGN`.
const LOCK: i64 = 0x4353_474e;

/// One step; its number is its place in the list, from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    /// For messages.
    pub name: &'static str,
    /// What is run, in one transaction. Never changed once released.
    pub sql: &'static str,
    /// The oldest program that can still work with the tables after this step, by the number of steps it knows. Steps
    /// only add at first and take away one release later, so that nodes of two releases work side by side (REL-39).
    pub needs: i64,
}

macro_rules! migration {
    ($name:literal, needs $needs:literal) => {
        Migration {
            name: $name,
            sql: include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
            needs: $needs,
        }
    };
}

/// All steps, in order.
pub(super) const MIGRATIONS: &[Migration] = &[
    migration!("0001_schema", needs 1),
    migration!("0002_keys", needs 1),
    migration!("0003_phases", needs 1),
];

const CREATE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    -- Number of the step, from 1.
    version    BIGINT PRIMARY KEY,
    -- Its name, for people.
    name       TEXT NOT NULL,
    -- SHA-256 of its text, hexadecimal.
    checksum   TEXT NOT NULL,
    -- How many steps a program must know to work with the tables.
    needs      BIGINT NOT NULL,
    -- When it was run.
    applied_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
)";
const APPLIED: &str = "SELECT version, checksum, needs FROM schema_migrations ORDER BY version";
const THERE: &str =
    "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1";
const MAY: &str = "SELECT has_table_privilege($1, 'SELECT') AND has_table_privilege($1, 'INSERT') \
     AND has_table_privilege($1, 'UPDATE') AND has_table_privilege($1, 'DELETE')";
const BIND: &str = "INSERT INTO master_key (id, check_value) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
const BOUND: &str = "SELECT check_value FROM master_key";

/// Refuses with the name of the database.
pub(super) struct Teller<'a>(pub &'a str);

impl Teller<'_> {
    /// One line for the operator.
    pub fn say(&self, what: impl std::fmt::Display) -> OpenError {
        refuse(format!("PostgreSQL {}: {what}", self.0))
    }

    /// What the server said, and what helps against it.
    pub fn failed(&self, error: &tokio_postgres::Error) -> OpenError {
        if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return self.say(format!(
                "{}: the role needs the right to create tables here (GRANT USAGE, CREATE ON SCHEMA public TO …), or \
                 tables that another role made with SELECT, INSERT, UPDATE and DELETE on all of them",
                super::fault::told(error)
            ));
        }
        self.say(super::fault::told(error))
    }
}

/// Checks the server, brings the tables up to date and binds them to the master key. Refused, with nothing changed: see
/// [`super::Postgres::open`].
pub(super) async fn prepare(gate: &Gate, steps: &[Migration], master: MasterKeyId) -> Result<(), OpenError> {
    let teller = Teller(&gate.hosts);
    let session =
        gate.connect(Purpose::Schema, &Arc::new(Notify::new())).await.map_err(|why| teller.say(why))?;
    check_server(&session, &teller, true).await?;
    bring_up_to_date(&session, &teller, steps).await?;
    super::copy::check_finished(&session, &teller).await?;
    bind(&session, &teller, master).await
}

/// Runs the steps that are missing, and checks that the role may use the tables.
pub(super) async fn bring_up_to_date(
    session: &Session,
    teller: &Teller<'_>,
    steps: &[Migration],
) -> Result<(), OpenError> {
    let end = Instant::now() + PATIENCE;
    loop {
        let done = applied(session, teller).await?;
        check(teller, &done, steps)?;
        let Some((version, step)) = (1_i64..).zip(steps).nth(done.len()) else { break };
        if let Err(error) = run(session, version, step).await {
            // Another node runs it at this moment, or users are in the way for longer than a lock may be waited for.
            let wait = matches!(
                error.code(),
                Some(
                    &SqlState::LOCK_NOT_AVAILABLE
                        | &SqlState::UNIQUE_VIOLATION
                        | &SqlState::T_R_DEADLOCK_DETECTED
                )
            );
            if !wait || Instant::now() >= end {
                return Err(teller.failed(&error));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    for table in steps.iter().flat_map(tables) {
        let rows = session.query(MAY, &values![table]).await.map_err(|error| teller.failed(&error))?;
        if !rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or(false) {
            return Err(teller.say(format!(
                "the role may not use the table {table}: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \
                 public TO it, and USAGE, SELECT, UPDATE ON ALL SEQUENCES"
            )));
        }
    }
    Ok(())
}

/// The tables that a step makes.
fn tables(step: &Migration) -> impl Iterator<Item = &'static str> {
    let made = step.sql.lines().filter_map(|line| line.strip_prefix("CREATE TABLE "));
    made.filter_map(|rest| rest.split([' ', '(']).next())
}

/// Refused: a schema that is not the one of these steps.
pub(super) async fn check_current(
    session: &Session,
    teller: &Teller<'_>,
    steps: &[Migration],
) -> Result<(), OpenError> {
    let done = applied(session, teller).await?;
    check(teller, &done, steps)?;
    if done.len() == steps.len() {
        return Ok(());
    }
    Err(teller.say(format!(
        "the database has schema {}, this program has {}: start the server of this program on it once",
        done.len(),
        steps.len()
    )))
}

/// Refused: a server that is too old or has another encoding, and one that takes no writes where it has to.
pub(super) async fn check_server(
    session: &Session,
    teller: &Teller<'_>,
    writes: bool,
) -> Result<(), OpenError> {
    let show = async |name: &str| {
        let rows = session.query(name, &[]).await.map_err(|error| teller.failed(&error))?;
        let text: Option<String> = rows.first().and_then(|row| row.try_get(0).ok());
        text.ok_or_else(|| teller.say("the server does not say what it is"))
    };
    let version = show("SHOW server_version_num").await?;
    if version.parse().unwrap_or(0) < OLDEST {
        let name = show("SHOW server_version").await?;
        return Err(teller.say(format!("the server is PostgreSQL {name}; 13 or newer is needed")));
    }
    if writes && show("SHOW transaction_read_only").await? != "off" {
        return Err(teller.say("this server takes no writes; name the one that does, or all of them"));
    }
    let encoding = show("SHOW server_encoding").await?;
    if !encoding.eq_ignore_ascii_case("UTF8") {
        return Err(teller.say(format!("the encoding of the database is {encoding}; it has to be UTF8")));
    }
    Ok(())
}

/// Whether there is a table of this name.
pub(super) async fn is_there(session: &Session, teller: &Teller<'_>, table: &str) -> Result<bool, OpenError> {
    let rows = session.query(THERE, &values![table]).await.map_err(|error| teller.failed(&error))?;
    Ok(!rows.is_empty())
}

/// Versions, checksums and needs in order.
pub(super) async fn applied(
    session: &Session,
    teller: &Teller<'_>,
) -> Result<Vec<(i64, String, i64)>, OpenError> {
    if !is_there(session, teller, "schema_migrations").await? {
        if is_there(session, teller, "users").await? || is_there(session, teller, "events").await? {
            return Err(teller.say(
                "there are tables of another program; give Countersign a database of its own (CREATE DATABASE …)",
            ));
        }
        return Ok(Vec::new());
    }
    // One that is there only since another node began has no rows yet.
    let rows = session.query(APPLIED, &[]).await.map_err(|error| {
        if error.code() == Some(&SqlState::UNDEFINED_COLUMN) {
            teller.say(
                "schema_migrations is a table of another program; give Countersign a database of its own",
            )
        } else {
            teller.failed(&error)
        }
    })?;
    let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| teller.failed(&error))
}

fn check(teller: &Teller<'_>, done: &[(i64, String, i64)], steps: &[Migration]) -> Result<(), OpenError> {
    for ((expected, step), (version, found, _)) in (1_i64..).zip(steps).zip(done) {
        if *version != expected {
            return Err(teller.say(format!("migration {} was never run, but a later one was", step.name)));
        }
        if *found != checksum(step) {
            return Err(teller.say(format!(
                "migration {} is not the one this database was made with: use the program that made it",
                step.name
            )));
        }
    }
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let needs = done.iter().map(|(_, _, needs)| *needs).max().unwrap_or(0);
    if needs > known {
        let newest = done.last().map_or(0, |(version, ..)| *version);
        return Err(teller.say(format!(
            "its schema is {newest} and needs a program that knows {needs}; this one knows schemas up to {known}: use the \
             newer program"
        )));
    }
    Ok(())
}

fn checksum(step: &Migration) -> String {
    Digest::of(step.sql).bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs one step, whole or not at all. Whoever comes second finds it done, by the key of the list.
async fn run(session: &Session, version: i64, step: &Migration) -> Result<(), tokio_postgres::Error> {
    let client = session.client();
    let work = async {
        client.batch_execute("BEGIN").await?;
        client.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        client.batch_execute(CREATE).await?;
        let done = client.query("SELECT 1 FROM schema_migrations WHERE version = $1", &[&version]).await?;
        if done.is_empty() {
            client.batch_execute(step.sql).await?;
            client
                .execute(
                    "INSERT INTO schema_migrations (version, name, checksum, needs) VALUES ($1, $2, $3, $4)",
                    &[&version, &step.name, &checksum(step), &step.needs],
                )
                .await?;
        }
        client.batch_execute("COMMIT").await
    };
    let ran = work.await;
    if ran.is_err() {
        // On a connection that is gone there is nothing left to undo.
        drop(client.batch_execute("ROLLBACK").await);
    }
    ran
}

async fn bind(session: &Session, teller: &Teller<'_>, key: MasterKeyId) -> Result<(), OpenError> {
    session.query(BIND, &[Value::from(&key.0)]).await.map_err(|error| teller.failed(&error))?;
    match bound(session, teller).await? {
        Some(bound) if bound == key.0 => Ok(()),
        Some(bound) => Err(teller.say(format!(
            "secrets in it are sealed with master key {}, and this is {key}: give this node the key of the others",
            MasterKeyId(bound)
        ))),
        None => Err(teller.say("its master key can not be read")),
    }
}

/// What the database says about its master key.
pub(super) async fn bound(session: &Session, teller: &Teller<'_>) -> Result<Option<[u8; 16]>, OpenError> {
    let rows = session.query(BOUND, &[]).await.map_err(|error| teller.failed(&error))?;
    let Some(row) = rows.first() else { return Ok(None) };
    let bytes: &[u8] = row.try_get(0).map_err(|error| teller.failed(&error))?;
    bytes.try_into().map(Some).map_err(|_| teller.say("its master key can not be read"))
}

/// Whether a database is there that is bound to a master key. Changes nothing.
pub async fn is_bound(address: &PostgresAddress, settings: &PostgresSettings) -> Result<bool, OpenError> {
    let (session, hosts) = look(address, settings).await?;
    let teller = Teller(&hosts);
    Ok(is_there(&session, &teller, "master_key").await? && bound(&session, &teller).await?.is_some())
}

/// The documents of keys, if there is a table for them. Changes nothing.
pub async fn sealed_keys(
    address: &PostgresAddress,
    settings: &PostgresSettings,
) -> Result<Vec<SealedKey>, OpenError> {
    let (session, hosts) = look(address, settings).await?;
    let teller = Teller(&hosts);
    if !is_there(&session, &teller, keys::TABLE).await? {
        return Ok(Vec::new());
    }
    let rows = session.query(keys::ALL.postgres, &[]).await.map_err(|error| teller.failed(&error))?;
    let read = |row: &tokio_postgres::Row| keys::read(&Row::Postgres(row));
    rows.iter().map(read).collect::<Result<_, _>>().map_err(|fault| teller.say(fault))
}

/// A connection for one look, and the name of the database.
async fn look(
    address: &PostgresAddress,
    settings: &PostgresSettings,
) -> Result<(Session, String), OpenError> {
    let gate = Gate::new(address, settings)?;
    let session = gate.connect(Purpose::Schema, &Arc::new(Notify::new())).await;
    let session = session.map_err(|why| Teller(&gate.hosts).say(why))?;
    Ok((session, gate.hosts))
}
