//! What does each verb cost the node, PostgreSQL and the disk?

use std::fmt::Write as _;

use super::Filled;
use crate::Outcome;
use crate::bench::Bench;
use crate::load::{self, Until};
use crate::people::{Same, SignIn, SignOut, SignUp, Turns, profile_request};
use crate::postgres::Postgres;
use crate::rows::refresh::CONNECTIONS;
use crate::rows::sign_in::PER_CORE;
use crate::table::{ms, short};
use crate::wire::Script;

/// The head of the table.
pub const HEAD: &str = "| users | verb | rate | p50 | p99 | node CPU | PostgreSQL CPU | log | of it whole pages | \
    log syncs | data pages written | node's memory |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n";
/// Sessions that sign out.
const SIGN_OUTS: u64 = 640;
const SIGN_OUT_LANES: usize = 16;

/// One line for each verb.
///
/// # Errors
/// A server does not start or an answer is wrong.
pub fn measure(bench: &Bench, postgres: &Postgres, filled: &mut Filled) -> Outcome<String> {
    let mut costs = Costs { bench, postgres, filled, text: String::new() };
    let users = costs.filled.users;
    let requests = costs.filled.chains.iter().map(|chain| profile_request(&chain.access));
    let profiles = Turns::lanes(CONNECTIONS, requests.map(Same::of));
    let span = Until::Span(bench.span() * 2);
    costs.verb("profile", profiles, span)?;
    let chains = Turns::lanes(CONNECTIONS, costs.filled.chains.drain(..));
    let chains = costs.verb("refresh", chains, span)?;
    costs.filled.chains = chains.into_iter().flat_map(Turns::into_scripts).collect();
    let hashing = bench.cores * PER_CORE;
    costs.verb("sign-in", SignIn::lanes(hashing, users, 0), span)?;
    costs.verb("sign-up", SignUp::lanes(hashing), span)?;
    let sign_outs = costs.sessions_to_end()?.lanes(SIGN_OUT_LANES);
    costs.verb("sign-out", sign_outs, Until::Count(SIGN_OUTS / SIGN_OUT_LANES as u64 * 4 / 5))?;
    Ok(costs.text)
}

struct Costs<'a> {
    bench: &'a Bench,
    postgres: &'a Postgres,
    filled: &'a mut Filled,
    text: String,
}

/// What the server counts by itself; a connection tells it when it ends.
#[derive(Clone, Copy)]
struct Counts {
    syncs: f64,
    images: f64,
    pages: f64,
}

impl Costs<'_> {
    /// A run of a verb right after a checkpoint, when every page that is changed for the first time is logged as a whole.
    fn verb<S: Script>(&mut self, verb: &str, scripts: Vec<S>, until: Until) -> Outcome<Vec<S>> {
        let before = self.counts()?;
        let node = self.filled.home.serve()?;
        let used = self.postgres.usage()?;
        let run = |scripts, until| self.bench.wait(load::closed_until(node.address, scripts, until));
        // A new node prepares its statements, and PostgreSQL reads its catalogue for each new connection.
        let (first, scripts) = run(scripts, until.a_quarter())?;
        let cpu = self.postgres.cpu()?;
        let (tally, scripts, own) = node.cost(|| run(scripts, until))?;
        let spent = self.postgres.usage()?;
        let memory = node.peak_mib()?;
        node.stop()?;
        let counts = self.counts()?;
        let cpu = spent.cpu.saturating_sub(cpu).as_secs_f64() * 1e6 / tally.total().max(1) as f64;
        let all = (first.total() + tally.total()).max(1) as f64;
        let each = |much: f64| short(much / all);
        let _ = writeln!(
            self.text,
            "| {} | {verb} | {}/s | {} ms | {} ms | {} µs | {} µs | {} B | {} | {} | {} | {} MiB |",
            short(self.filled.users as f64),
            short(tally.rate()),
            short(ms(tally.good_within(0.5))),
            short(ms(tally.good_within(0.99))),
            short(own),
            short(cpu),
            each((spent.wal - used.wal) as f64),
            each(counts.images - before.images),
            each(counts.syncs - before.syncs),
            each(counts.pages - before.pages),
            short(memory),
        );
        Ok(scripts)
    }

    fn sessions_to_end(&self) -> Outcome<SignOut> {
        let node = self.filled.home.serve()?;
        let sessions = self.bench.wait(SignOut::prepare(node.address, SIGN_OUTS, self.filled.users))?;
        node.stop()?;
        Ok(sessions)
    }

    fn counts(&self) -> Outcome<Counts> {
        self.postgres.number("CHECKPOINT;\nSELECT 0")?;
        let figure = |sql: &str| self.postgres.number(sql);
        Ok(Counts {
            syncs: figure("SELECT wal_sync FROM pg_stat_wal")?,
            images: figure("SELECT wal_fpi FROM pg_stat_wal")?,
            pages: figure(
                "SELECT buffers_checkpoint + buffers_clean + buffers_backend FROM pg_stat_bgwriter",
            )?,
        })
    }
}
