//! How does a database come to have millions of users, without millions of sign-ups?
//!
//! Rows are as long as real ones. They are written past the log and indexed afterwards, which is why the sizes of indexes
//! are those of fresh ones.

use testbed::Database;

use crate::people::PASSWORD;
use crate::{Outcome, limits, wrong};

/// Sessions of each user. The older half of all has ended, the newer one lives.
pub const SESSIONS: u64 = 1;
/// Real sessions are written between the others in so many places.
const PARTS: u64 = 1_000;
/// Over how many milliseconds the sign-ins are spread: 58 days, so that the newer half began within 30.
const SPREAD_MS: u64 = 58 * 86_400_000;
const CONTRACT: &str = "password-generator";
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/128.0.0.0 Safari/537.36";
/// A factor that has no divisor in common with numbers of users that are powers of ten, and spreads what is counted.
const SPREADING: u64 = 2_654_435_761;

/// How the filled sessions are numbered, so that a script can find the n-th.
#[derive(Debug, Clone, Copy)]
pub struct Numbers {
    /// The moment of the first sign-in, in milliseconds since 1970.
    pub base: u64,
    /// Milliseconds from one to the next.
    pub step: u64,
    /// How many there are.
    pub count: u64,
}

impl Numbers {
    /// The number of the n-th, in the words of pgbench and PostgreSQL.
    pub fn id(&self, n: &str) -> String {
        let Numbers { base, step, .. } = self;
        format!("((({base} + {n} * {step}) & 2199023255551) << 22) | (({n} * {SPREADING}) & 4194303)")
    }
}

/// Fills the users and one event for each.
///
/// # Errors
/// A statement is refused.
pub fn users(database: &Database, count: u64) -> Outcome<()> {
    let phc = limits::phc(PASSWORD)?;
    let now = "(extract(epoch FROM now()) * 1000)::bigint";
    let born = format!("{now} - 31536000000 + n * 31536000000 / {count}");
    let users = format!(
        "INSERT INTO users (id, uuid, username, username_key, email, email_key, email_verified, first_name, \
         last_name, role, permissions, status, attributes, password_hash, last_login_at, created_at, changed_at) \
         SELECT n + 1, uuid_send(gen_random_uuid()), name, name, name || '@example.com', name || '@example.com', \
         TRUE, 'Alexandra', 'Somebody', '', '[]', 'active', '{{}}', '{phc}', {now}, {born}, {born} \
         FROM (SELECT n, 'user' || n AS name FROM generate_series(0::bigint, {count} - 1) n) numbered"
    );
    let events = format!(
        "INSERT INTO events (id, strand, place, kind, at, user_id, session_id, contract, address, result, request, \
         actor, actor_id, verb, details, hash) \
         SELECT n + 1, 1000000, n + 1, 'signed_in', {born}, n * {SPREADING} % {count} + 1, n << 22, '{CONTRACT}', \
         '203.0.113.' || n % 250, '', md5(n::text), 'user', NULL, 'sign_in', '', sha256(n::text::bytea) \
         FROM generate_series(0::bigint, {count} - 1) n"
    );
    let rest = format!(
        "SELECT setval('user_ids', {count}), setval(pg_get_serial_sequence('events', 'id'), {count})"
    );
    let indexes = Indexes::of(database, &["users", "events"])?;
    let truncate = "TRUNCATE users, events, trail_heads CASCADE".to_owned();
    indexes.around(database, vec![truncate, users, events, rest])
}

/// Fills the sessions, with those that are there already in between.
///
/// # Errors
/// A statement is refused.
pub fn sessions(database: &Database, users: u64) -> Outcome<Numbers> {
    let count = users * SESSIONS;
    let now = crate::postgres::number(database.access(), "SELECT extract(epoch FROM now())::bigint * 1000")?;
    let base = now as u64 - SPREAD_MS;
    let numbers = Numbers { base, step: (SPREAD_MS / count).max(1), count };
    let real = crate::postgres::number(database.access(), "SELECT count(*) FROM sessions")? as u64;
    let mut statements = vec![
        "CREATE TEMP TABLE real ON COMMIT DROP AS SELECT * FROM sessions".to_owned(),
        "TRUNCATE sessions".to_owned(),
    ];
    for part in 0..PARTS {
        let (first, last) = (part * count / PARTS, (part + 1) * count / PARTS);
        if last > first {
            statements.push(filling(&numbers, users, first, last - 1));
        }
        let (first, last) = (part * real / PARTS, (part + 1) * real / PARTS);
        if last > first {
            let some = last - first;
            statements.push(format!(
                "INSERT INTO sessions SELECT * FROM real ORDER BY id OFFSET {first} LIMIT {some}"
            ));
        }
    }
    Indexes::of(database, &["sessions"])?.around(database, statements)?;
    Ok(numbers)
}

fn filling(numbers: &Numbers, users: u64, first: u64, last: u64) -> String {
    let Numbers { base, step, count } = numbers;
    let (id, day) = (numbers.id("n"), 86_400_000_u64);
    let ended = format!("n < {count} / 2");
    format!(
        "INSERT INTO sessions (id, user_id, contract, counter, digest, rotated_at, refresh_expires_at, expires_at, \
         created_at, address, user_agent, ended_at, end_reason, authenticated_at, seen_at) \
         SELECT {id}, n * {SPREADING} % {users} + 1, '{CONTRACT}', 12, sha256(n::text::bytea), at + {day}, \
         at + 30 * {day}::bigint, at + 30 * {day}::bigint, at, '203.0.113.' || n % 250, '{AGENT}', \
         CASE WHEN {ended} THEN at + {day} END, CASE WHEN {ended} THEN 'sign_out' END, at, at + {day} \
         FROM (SELECT n, {base} + n * {step} AS at FROM generate_series({first}::bigint, {last}) n) numbered"
    )
}

/// The indexes and constraints of some tables, as statements that take them away and bring them back.
struct Indexes {
    away: Vec<String>,
    back: Vec<String>,
}

impl Indexes {
    fn of(database: &Database, tables: &[&str]) -> Outcome<Indexes> {
        let list: Vec<String> = tables.iter().map(|table| format!("'{table}'::regclass")).collect();
        let list = list.join(", ");
        // References go first and come last: they rely on the key that they refer to.
        let constraints = format!(
            "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname), \
             format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) \
             FROM pg_constraint WHERE contype IN ('p', 'u', 'f') AND (conrelid IN ({list}) OR confrelid IN ({list})) \
             ORDER BY contype <> 'f', conname"
        );
        let indexes = format!(
            "SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid) FROM pg_index \
             WHERE indrelid IN ({list}) AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)"
        );
        let (mut away, mut back) = (Vec::new(), Vec::new());
        for sql in [constraints, indexes] {
            for line in database.access().try_psql(&sql).map_err(wrong)?.lines() {
                let (drop, create) = line.split_once('|').ok_or_else(|| wrong(format!("psql: {line}")))?;
                away.push(drop.to_owned());
                back.push(create.to_owned());
            }
        }
        back.reverse();
        Ok(Indexes { away, back })
    }

    /// Runs statements without the indexes, in one transaction: what is written to a table that was emptied in the same
    /// transaction does not go through the log.
    fn around(self, database: &Database, statements: Vec<String>) -> Outcome<()> {
        let mut script = String::from("BEGIN;\n");
        for statement in self.away.into_iter().chain(statements).chain(self.back) {
            script.push_str(&statement);
            script.push_str(";\n");
        }
        script.push_str("COMMIT;\n");
        database.access().try_psql(&script).map_err(wrong)?;
        Ok(())
    }
}
