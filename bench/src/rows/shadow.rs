//! What does a request wait longer when it goes through a mount in shadow?

use crate::Outcome;
use crate::bench::{Bench, USERS, alternate};
use crate::people::{Same, profile_request};
use crate::table::{Row, ms};
use crate::tally::median;
use crate::wrong;

/// Few enough that neither server has to queue: it is about the way, not about the load.
const CONNECTIONS: usize = 4;
/// The most that half of the requests may wait longer, in milliseconds.
const BOUND_MS: f64 = 5.0;

/// The profile at an application and through a mount that takes over from it, in the same run.
///
/// # Errors
/// A server does not start or an answer is wrong.
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let old = bench.new_home("old", USERS)?.serve()?;
    let home = bench.new_home("shadow", 1)?;
    home.configure(&format!("[[mount]]\ndialect = \"native\"\nupstream = \"http://{}\"\n", old.address))?;
    let shadow = home.serve()?;
    let chains = bench.chains(&old, CONNECTIONS, USERS)?;
    let chain = chains.first().ok_or_else(|| wrong("nobody signed in"))?;
    let ask = profile_request(&chain.access);
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds() {
        let ((by_way, _, _), (alone, _, _)) = alternate(
            round,
            || bench.closed(&shadow, Same::lanes(CONNECTIONS, &ask)),
            || bench.closed(&old, Same::lanes(CONNECTIONS, &ask)),
        )?;
        through.push(ms(by_way.good_within(0.5)));
        direct.push(ms(alone.good_within(0.5)));
    }
    shadow.stop()?;
    old.stop()?;
    let added = median(through) - median(direct);
    Ok(vec![Row::bounded("profile through a mount in shadow, added at p50", added, BOUND_MS, "ms")])
}
