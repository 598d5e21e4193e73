//! How many people sign in, or sign up, for each hash that the processors could compute?

use crate::bench::{Bench, Pairs, USERS, alternate};
use crate::people::{SignIn, SignUp};
use crate::process::Home;
use crate::table::{Row, Target, ms, short};
use crate::tally::median;
use crate::wire::Script;
use crate::{Outcome, limits, load};

/// Enough to keep every hash thread busy, few enough that nothing is sent away.
pub const PER_CORE: usize = 8;

/// Sign-ins of argon2id users beside raw hashes.
///
/// # Errors
/// The server does not start or an answer is wrong.
pub fn sign_in(bench: &Bench) -> Outcome<Vec<Row>> {
    let lanes = SignIn::lanes(bench.cores * PER_CORE, USERS, 0);
    beside_hashes(bench, bench.home()?, "sign-in", lanes, Target::AtLeast(0.95))
}

/// Sign-ups beside raw hashes: told only.
///
/// # Errors
/// The server does not start or an answer is wrong.
pub fn sign_up(bench: &Bench) -> Outcome<Vec<Row>> {
    beside_hashes(bench, bench.home()?, "sign-up", SignUp::lanes(bench.cores * PER_CORE), Target::Told)
}

/// What a server of this home does beside raw hashes.
///
/// # Errors
/// The server does not start or an answer is wrong.
pub fn beside_hashes<S: Script>(
    bench: &Bench,
    home: &Home,
    what: &str,
    scripts: Vec<S>,
    target: Target,
) -> Outcome<Vec<Row>> {
    let server = home.serve()?;
    let count = scripts.len();
    let (_, mut scripts) = bench.wait(load::closed(server.address, scripts, bench.span() / 2))?;
    let (mut pairs, mut latencies, mut costs) = (Pairs::default(), Vec::new(), Pairs::default());
    for round in 0..bench.rounds() {
        let now = std::mem::take(&mut scripts);
        let (raw, (tally, back, cpu)) =
            alternate(round, || limits::hashing(bench.cores, bench.span()), || bench.closed(&server, now))?;
        scripts = back;
        pairs.add(tally.rate(), raw.rate);
        latencies.push(ms(tally.good_within(0.99)));
        // Turned round, so that both rows say how much of the raw speed is reached.
        costs.add(1e3 / cpu, 1.0 / raw.cpu_ms);
    }
    server.stop()?;
    Ok(vec![
        Row::new(
            format!("{what}, {count} connections"),
            format!("{}/s, p99 {} ms", short(pairs.figure()), short(median(latencies))),
            format!("{}/s raw argon2id on {} threads", short(pairs.limit()), bench.cores),
            pairs.ratio(),
            target,
        ),
        Row::new(
            format!("{what}, by server CPU"),
            format!("{} ms each", short(1.0 / costs.figure())),
            format!("{} ms a raw hash", short(1.0 / costs.limit())),
            costs.ratio(),
            Target::Told,
        ),
    ])
}
