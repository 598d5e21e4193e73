//! How many durable refreshes are there for each fsync of the disk, and what does one cost?

use std::time::Instant;

use crate::bench::{Bench, Pairs, USERS, alternate};
use crate::process::own_cpu;
use crate::table::{Row, Target, ms, short};
use crate::tally::median;
use crate::{Outcome, limits, load};

/// Connections, each with a session of its own.
pub const CONNECTIONS: usize = 64;

/// Refresh with rotation beside the disk and beside the bare server.
///
/// # Errors
/// The server does not start or an answer is wrong.
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let server = bench.home()?.serve()?;
    let bare = bench.bare(&server)?;
    let chains = bench.chains(&server, CONNECTIONS, USERS)?;
    let (_, mut chains) = bench.wait(load::closed(server.address, chains, bench.span() / 2))?;
    bare.run(bench, CONNECTIONS)?;
    let (mut rates, mut waits, mut costs) = (Pairs::default(), Pairs::default(), Pairs::default());
    let mut busy = Vec::new();
    for round in 0..bench.rounds() {
        let now = std::mem::take(&mut chains);
        let ((fsync, limit), (tally, back, cpu)) = alternate(
            round,
            || {
                let fsync = limits::fsync(&bench.directory, bench.span() / 3)?;
                Ok((fsync, bare.run(bench, CONNECTIONS)?.1))
            },
            || {
                let before = (server.cpu()? + own_cpu()?, Instant::now());
                let done = bench.closed(&server, now)?;
                let spent = (server.cpu()? + own_cpu()?).saturating_sub(before.0);
                busy.push(spent.as_secs_f64() / before.1.elapsed().as_secs_f64());
                Ok(done)
            },
        )?;
        chains = back;
        rates.add(tally.rate(), 1.0 / fsync.as_secs_f64());
        waits.add(ms(tally.good_within(0.99)), ms(fsync));
        costs.add(cpu, limit);
    }
    server.stop()?;
    let busy = median(busy);
    Ok(vec![
        Row::new(
            format!("refresh with rotation, durable, {CONNECTIONS} connections"),
            format!("{}/s", short(rates.figure())),
            format!("{}/s: 1 ÷ fsync", short(rates.limit())),
            rates.ratio(),
            Target::AtLeast(10.0),
        ),
        Row::new(
            "refresh, p99",
            format!("{} ms", short(waits.figure())),
            format!("{} ms: one fsync", short(waits.limit())),
            waits.ratio(),
            Target::AtMost(8.0),
        ),
        Row::new(
            "refresh, server CPU each",
            format!("{} µs", short(costs.figure())),
            format!("{} µs: bare server", short(costs.limit())),
            costs.ratio(),
            Target::AtMost(10.0),
        ),
        Row::new(
            "processors busy meanwhile, server and generator",
            short(busy),
            format!("{} processors", bench.cores),
            busy / bench.cores as f64,
            Target::Told,
        ),
    ])
}
