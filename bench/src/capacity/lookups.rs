//! Does it matter for a look-up how many users there are?

use std::fmt::Write as _;
use std::path::PathBuf;

use super::Filled;
use super::fill::SESSIONS;
use crate::bench::Bench;
use crate::postgres::{self, Pgbench, pgbench};
use crate::table::short;
use crate::tally::median;
use crate::{Outcome, wrong};

/// What the product reads of an account at every look.
const ACCOUNT: &str = "u.id, u.uuid, u.username, u.email, u.email_verified, u.first_name, u.last_name, \
    u.phone_number, u.avatar, u.role, u.permissions, u.status, u.attributes, u.password_hash, u.last_login_at, \
    u.created_at, u.epoch, u.valid_after, u.second_factor";
/// And of a session.
const SESSION: &str = "s.id, s.user_id, s.contract, s.counter, s.digest, s.rotated_at, s.refresh_expires_at, \
    s.expires_at, s.created_at, s.ended_at, s.end_reason, s.authenticated_at, s.seen_at, s.with_factor";

/// The script of pgbench for a database.
type Look = fn(&Filled) -> String;

/// The looks of a sign-in and of a profile or refresh, at users and sessions drawn evenly: each round goes through all
/// databases, so that what disturbs one disturbs the others.
///
/// # Errors
/// pgbench fails, or the look-ups find nothing.
pub fn measure(bench: &Bench, all: &[Filled]) -> Outcome<String> {
    let mut text = String::from(
        "| look-up | users | one at a time | times the first | 10 connections | times the first |\n\
         |---|---|---|---|---|---|\n",
    );
    let looks: [(&str, Look, &[&str]); 2] = [
        ("user by e-mail address (sign-in)", by_email, &["users", "users_email_key"]),
        (
            "session with its user (profile, refresh)",
            by_session,
            &["sessions", "users", "users_id", "sessions_id"],
        ),
    ];
    for (title, script, relations) in looks {
        let files: Vec<PathBuf> = all
            .iter()
            .map(|filled| {
                let file = bench.directory.join(format!("look{}.sql", filled.users));
                std::fs::write(&file, script(filled)).map(|()| file)
            })
            .collect::<Result<_, _>>()?;
        for (filled, file) in all.iter().zip(&files) {
            warm(filled, relations)?;
            finds(filled, file)?;
            run(bench, filled, file, postgres::CONNECTIONS)?;
        }
        let (mut single, mut many) = (vec![Vec::new(); all.len()], vec![Vec::new(); all.len()]);
        for _ in 0..bench.rounds() {
            for (at, (filled, file)) in all.iter().zip(&files).enumerate() {
                single[at].push(run(bench, filled, file, 1)?.latency * 1e3);
                many[at].push(run(bench, filled, file, postgres::CONNECTIONS)?.rate);
            }
        }
        for (at, filled) in all.iter().enumerate() {
            let (micros, rate) = (median(single[at].clone()), median(many[at].clone()));
            // Each round is compared with itself.
            let times = |one: &[f64], first: &[f64]| {
                short(median(one.iter().zip(first).map(|(one, first)| one / first)))
            };
            let _ = writeln!(
                text,
                "| {title} | {} | {} µs | {} | {}/s | {} |",
                short(filled.users as f64),
                short(micros),
                times(&single[at], &single[0]),
                short(rate),
                times(&many[0], &many[at]),
            );
        }
    }
    Ok(text)
}

/// Reads all of some relations into memory, as a server that has run for a day has them: otherwise it is the disk that
/// is measured. What does not fit into PostgreSQL's own memory stays in the system's.
fn warm(filled: &Filled, relations: &[&str]) -> Outcome<()> {
    let mut sql = String::from("CREATE EXTENSION IF NOT EXISTS pg_prewarm;\n");
    for relation in relations {
        let _ = writeln!(sql, "SELECT pg_prewarm('{relation}');");
    }
    filled.database.access().try_psql(&sql).map_err(wrong)?;
    Ok(())
}

fn run(bench: &Bench, filled: &Filled, file: &std::path::Path, connections: usize) -> Outcome<Pgbench> {
    let file = file.to_str().ok_or_else(|| wrong("the directory's name is not Unicode"))?;
    pgbench(filled.database.access(), &["-f", file], connections, bench.span())
}

fn by_email(filled: &Filled) -> String {
    format!(
        "\\set n random(0, {} - 1)\nSELECT {ACCOUNT} FROM users u WHERE u.email_key = 'user' || :n || '@example.com';\n",
        filled.users
    )
}

fn by_session(filled: &Filled) -> String {
    let id = filled.numbers.id(":n");
    format!(
        "\\set n random(0, {} - 1)\n\\set id {id}\n\
         SELECT {SESSION}, {ACCOUNT} FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = :id;\n",
        filled.users * SESSIONS
    )
}

/// A script that finds nobody would be fast.
fn finds(filled: &Filled, file: &std::path::Path) -> Outcome<()> {
    let text = std::fs::read_to_string(file)?;
    let (_, select) = text.rsplit_once("\nSELECT").ok_or_else(|| wrong("a script without a look"))?;
    for n in [0, filled.users / 3, filled.users - 1] {
        let id = filled.numbers.id(&format!("{n}::bigint"));
        let look = select.replace(":id", &format!("({id})")).replace(":n", &n.to_string());
        let look = look.trim_end().trim_end_matches(';');
        let found = postgres::number(
            filled.database.access(),
            &format!("SELECT count(*) FROM (SELECT{look}) found"),
        )?;
        if found < 1.0 {
            return Err(wrong(format!("nothing is found for {n} of {} users", filled.users)));
        }
    }
    Ok(())
}
