//! What does one node reach on a PostgreSQL, beside that server's own limit and beside the embedded database?

use std::time::Duration;

use super::refresh::CONNECTIONS;
use super::sign_in::{PER_CORE, beside_hashes};
use crate::Outcome;
use crate::bench::{Bench, Pairs, USERS, alternate};
use crate::people::{Same, SignIn, SignUp, profile_request};
use crate::postgres::{self, Postgres};
use crate::process::Process;
use crate::table::{Row, Target, ms, short};
use crate::tally::{Tally, median};
use crate::wire::Script;
use crate::{load, wrong};

/// Sign-in, sign-up, refresh and profile of one node.
///
/// # Errors
/// A server does not start or an answer is wrong.
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let home = bench.shared_home()?;
    let lanes = bench.cores * PER_CORE;
    let sign_ins = SignIn::lanes(lanes, USERS, 0);
    let mut rows = beside_hashes(bench, home, "sign-in on PostgreSQL", sign_ins, Target::AtLeast(0.9))?;
    rows.extend(beside_hashes(bench, home, "sign-up on PostgreSQL", SignUp::lanes(lanes), Target::Told)?);
    rows.extend(refreshes(bench)?);
    rows.extend(profiles(bench)?);
    Ok(rows)
}

/// A closed loop, with the processor microseconds per answer of the node and of PostgreSQL.
pub fn both<S: Script>(
    bench: &Bench,
    postgres: &Postgres,
    node: &Process,
    scripts: Vec<S>,
) -> Outcome<(Tally, Vec<S>, [f64; 2])> {
    let before = postgres.cpu()?;
    let (tally, scripts, cpu) = bench.closed(node, scripts)?;
    let spent = each(postgres.cpu()?.saturating_sub(before), tally.total() as f64);
    Ok((tally, scripts, [cpu, spent]))
}

fn each(spent: Duration, count: f64) -> f64 {
    spent.as_secs_f64() * 1e6 / count.max(1.0)
}

/// Refreshes beside pgbench on the same server, and beside the embedded database.
fn refreshes(bench: &Bench) -> Outcome<Vec<Row>> {
    let postgres = bench.postgres()?;
    let (node, embedded) = (bench.shared_home()?.serve()?, bench.home()?.serve()?);
    let mut chains = bench.chains(&node, CONNECTIONS, USERS)?;
    let mut embedded_chains = bench.chains(&embedded, CONNECTIONS, USERS)?;
    (_, chains) = bench.wait(load::closed(node.address, chains, bench.span() / 2))?;
    postgres.simple_updates(postgres::CONNECTIONS, bench.span() / 2)?;
    let (mut limits, mut others, mut waits) = (Pairs::default(), Pairs::default(), Vec::new());
    let (mut node_cpu, mut costs) = (Vec::new(), Pairs::default());
    for round in 0..bench.rounds() {
        let now = std::mem::take(&mut chains);
        let (updates, (tally, back, cpu)) = alternate(
            round,
            || {
                let before = postgres.cpu()?;
                let rate = postgres.simple_updates(postgres::CONNECTIONS, bench.span())?;
                let count = rate * bench.span().as_secs_f64();
                Ok((rate, each(postgres.cpu()?.saturating_sub(before), count)))
            },
            || both(bench, postgres, &node, now),
        )?;
        chains = back;
        let now = std::mem::take(&mut embedded_chains);
        let (other, back, _) = bench.closed(&embedded, now)?;
        embedded_chains = back;
        limits.add(tally.rate(), updates.0);
        others.add(tally.rate(), other.rate());
        waits.push(ms(tally.good_within(0.99)));
        node_cpu.push(cpu[0]);
        costs.add(cpu[1], updates.1);
    }
    node.stop()?;
    embedded.stop()?;
    let title = format!("refresh with rotation on PostgreSQL, durable, {CONNECTIONS} connections");
    let rate = format!("{}/s, p99 {} ms", short(limits.figure()), short(median(waits)));
    let limit = format!("{}/s: pgbench -N, {} connections", short(limits.limit()), postgres::CONNECTIONS);
    let embedded = format!("{}/s with the embedded database", short(others.limit()));
    Ok(vec![
        Row::new(&title, rate, limit, limits.ratio(), Target::AtLeast(0.6)),
        Row::new("the same", format!("{}/s", short(others.figure())), embedded, others.ratio(), Target::Told),
        Row::new(
            "the same, by PostgreSQL's CPU",
            format!("{} µs each, and {} µs of the node", short(costs.figure()), short(median(node_cpu))),
            format!("{} µs a transaction of pgbench", short(costs.limit())),
            costs.ratio(),
            Target::Told,
        ),
    ])
}

/// Profiles beside the embedded database.
fn profiles(bench: &Bench) -> Outcome<Vec<Row>> {
    let postgres = bench.postgres()?;
    let (node, embedded) = (bench.shared_home()?.serve()?, bench.home()?.serve()?);
    let request = |server: &Process| -> Outcome<Vec<u8>> {
        let chain = bench.chains(server, 1, USERS)?.pop().ok_or_else(|| wrong("nobody signed in"))?;
        Ok(profile_request(&chain.access))
    };
    let (own, other) = (request(&node)?, request(&embedded)?);
    let here = || both(bench, postgres, &node, Same::lanes(CONNECTIONS, &own));
    let there = || bench.closed(&embedded, Same::lanes(CONNECTIONS, &other));
    alternate(0, here, there)?;
    let (mut rates, mut costs) = (Pairs::default(), Pairs::default());
    let (mut waits, mut database) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds() {
        let ((tally, _, cpu), (limit, _, limit_cpu)) = alternate(round, here, there)?;
        rates.add(tally.rate(), limit.rate());
        waits.push(ms(tally.good_within(0.99)));
        costs.add(1.0 / cpu[0], 1.0 / limit_cpu);
        database.push(cpu[1]);
    }
    node.stop()?;
    embedded.stop()?;
    Ok(vec![
        Row::new(
            format!("profile on PostgreSQL, {CONNECTIONS} connections"),
            format!("{}/s, p99 {} ms", short(rates.figure()), short(median(waits))),
            format!("{}/s with the embedded database", short(rates.limit())),
            rates.ratio(),
            Target::AtLeast(0.5),
        ),
        Row::new(
            "profile on PostgreSQL, by the node's CPU",
            format!(
                "{} µs each, and {} µs of PostgreSQL",
                short(1.0 / costs.figure()),
                short(median(database))
            ),
            format!("{} µs each with the embedded database", short(1.0 / costs.limit())),
            costs.ratio(),
            Target::Told,
        ),
    ])
}
