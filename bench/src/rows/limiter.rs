//! What does counting tries cost where no password is checked?

use crate::Outcome;
use crate::bench::{Bench, Pairs, USERS, alternate};
use crate::people::{Same, profile_request};
use crate::table::{Row, Target, short};
use crate::wrong;

const CONNECTIONS: usize = 64;
/// Everything is counted, and nothing is refused.
const COUNTING: [(&str, &str); 4] = [
    ("COUNTERSIGN_LIMITS__ENABLED", "true"),
    ("COUNTERSIGN_LIMITS__REFRESHES", "10000000"),
    ("COUNTERSIGN_LIMITS__CLIENT_REQUESTS", "1000000"),
    ("COUNTERSIGN_LIMITS__CLIENT_BURST", "1000000"),
];

/// Profile and refresh with the limiter on beside the same with it off: by the clock and by processor time.
///
/// # Errors
/// A server does not start or an answer is wrong.
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let off = bench.home()?.serve()?;
    let on = bench.new_home("limited", USERS)?.serve_with(&COUNTING)?;
    let (mut profiles, mut refreshes) = (Pairs::default(), Pairs::default());
    let (mut profile_costs, mut refresh_costs) = (Pairs::default(), Pairs::default());
    let mut chains_on = bench.chains(&on, CONNECTIONS, USERS)?;
    let mut chains_off = bench.chains(&off, CONNECTIONS, USERS)?;
    let access = |chains: &[crate::people::Chain]| {
        chains.first().map(|chain| profile_request(&chain.access)).ok_or_else(|| wrong("nobody signed in"))
    };
    let (ask_on, ask_off) = (access(&chains_on)?, access(&chains_off)?);
    for round in 0..bench.rounds() {
        let ((counted, _, cpu_on), (free, _, cpu_off)) = alternate(
            round,
            || bench.closed(&on, Same::lanes(CONNECTIONS, &ask_on)),
            || bench.closed(&off, Same::lanes(CONNECTIONS, &ask_off)),
        )?;
        profiles.add(counted.rate(), free.rate());
        profile_costs.add(1.0 / cpu_on, 1.0 / cpu_off);
        let (now_on, now_off) = (std::mem::take(&mut chains_on), std::mem::take(&mut chains_off));
        let ((counted, back_on, cpu_on), (free, back_off, cpu_off)) =
            alternate(round, || bench.closed(&on, now_on), || bench.closed(&off, now_off))?;
        (chains_on, chains_off) = (back_on, back_off);
        refreshes.add(counted.rate(), free.rate());
        refresh_costs.add(1.0 / cpu_on, 1.0 / cpu_off);
    }
    on.stop()?;
    off.stop()?;
    let row = |what: &str, rates: &Pairs, costs: &Pairs| {
        let by_clock = Row::new(
            format!("{what} with the limiter on"),
            format!("{}/s", short(rates.figure())),
            format!("{}/s with it off", short(rates.limit())),
            rates.ratio(),
            Target::AtLeast(0.97),
        );
        let by_cpu = Row::new(
            format!("{what} with the limiter on, by server CPU"),
            format!("{} µs each", short(1.0 / costs.figure())),
            format!("{} µs each with it off", short(1.0 / costs.limit())),
            costs.ratio(),
            Target::Told,
        );
        [by_clock, by_cpu]
    };
    let mut rows = Vec::from(row("profile", &profiles, &profile_costs));
    rows.extend(row("refresh", &refreshes, &refresh_costs));
    Ok(rows)
}
