//! What does a profile cost beside a server that only verifies the token?

use crate::Outcome;
use crate::bench::{Bench, Pairs, alternate};
use crate::people::Same;
use crate::table::{Row, Target, short};

const CONNECTIONS: usize = 64;

/// The authenticated profile beside the bare server: by the clock, and by processor time.
///
/// # Errors
/// The server does not start or an answer is wrong.
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let server = bench.home()?.serve()?;
    let bare = bench.bare(&server)?;
    let own = || -> Outcome<(f64, f64)> {
        let (tally, _, cpu) = bench.closed(&server, Same::lanes(CONNECTIONS, &bare.own))?;
        Ok((tally.rate(), cpu))
    };
    let other = || bare.run(bench, CONNECTIONS);
    alternate(0, own, other)?;
    let (mut rates, mut costs) = (Pairs::default(), Pairs::default());
    for round in 0..bench.rounds() {
        let ((rate, cpu), (limit_rate, limit_cpu)) = alternate(round, own, other)?;
        rates.add(rate, limit_rate);
        // Turned round, so that both rows say how much of the bare server's speed is reached.
        costs.add(1.0 / cpu, 1.0 / limit_cpu);
    }
    server.stop()?;
    Ok(vec![
        Row::new(
            format!("authenticated profile, {CONNECTIONS} connections"),
            format!("{}/s", short(rates.figure())),
            format!("{}/s: bare server, same token", short(rates.limit())),
            rates.ratio(),
            Target::AtLeast(0.6),
        ),
        Row::new(
            "profile, by server CPU",
            format!("{} µs each", short(1.0 / costs.figure())),
            format!("{} µs each: bare server", short(1.0 / costs.limit())),
            costs.ratio(),
            Target::AtLeast(0.6),
        ),
    ])
}
