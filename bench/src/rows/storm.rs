//! Do token checks feel a flood of sign-ins, and does the flood feel them?

use std::time::Duration;

use crate::bench::{Bench, Pairs, USERS, alternate};
use crate::people::{Chain, Same, SignIn, profile_request};
use crate::process::Process;
use crate::table::{Row, Target, ms, short};
use crate::tally::{Tally, median};
use crate::{Outcome, load, wrong};

const FLOOD: usize = 64;
const PROFILES_PER_SECOND: f64 = 500.0;
const PROFILE_LANES: usize = 8;
const REFRESHES_PER_SECOND: f64 = 20.0;
const REFRESH_LANES: usize = 4;

/// Profiles at a fixed rate beside a closed loop of sign-ins, and the same loop alone.
///
/// # Errors
/// The server does not start or an answer is wrong.
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let server = bench.home()?.serve()?;
    let mut chains = bench.chains(&server, REFRESH_LANES, USERS)?;
    let profile = profile_request(&chains[0].access);
    let (mut sign_ins, mut p50, mut p99, mut refresh_p99) =
        (Pairs::default(), Vec::new(), Vec::new(), Vec::new());
    flood(bench, &server, bench.span() / 2, 0)?;
    for round in 0..bench.rounds() {
        let now = std::mem::take(&mut chains);
        let span = bench.span() * 2;
        let (alone, beside) = alternate(
            round,
            || flood(bench, &server, span, 2 * round + 1),
            || mixed(bench, &server, &profile, now, 2 * round + 2),
        )?;
        chains = beside.chains;
        sign_ins.add(beside.flood.rate(), alone.rate());
        p50.push(ms(beside.profiles.good_within(0.5)));
        p99.push(ms(beside.profiles.good_within(0.99)));
        refresh_p99.push(ms(beside.refreshes.good_within(0.99)));
    }
    server.stop()?;
    let beside = format!("beside a flood of sign-ins on {FLOOD} connections");
    Ok(vec![
        Row::bounded(format!("profile at 500/s {beside}, p50"), median(p50), 0.5, "ms"),
        Row::bounded("the same, p99", median(p99), 10.0, "ms"),
        Row::bounded(format!("refresh at 20/s {beside}, p99"), median(refresh_p99), 150.0, "ms"),
        Row::new(
            "sign-ins meanwhile",
            format!("{}/s", short(sign_ins.figure())),
            format!("{}/s: the flood alone", short(sign_ins.limit())),
            sign_ins.ratio(),
            Target::AtLeast(0.9),
        ),
    ])
}

struct Mixed {
    flood: Tally,
    profiles: Tally,
    refreshes: Tally,
    chains: Vec<Chain>,
}

fn flood(bench: &Bench, server: &Process, span: Duration, run: usize) -> Outcome<Tally> {
    let (tally, _) = bench.wait(load::closed(server.address, SignIn::lanes(FLOOD, USERS, run), span))?;
    Ok(tally)
}

fn mixed(bench: &Bench, server: &Process, profile: &[u8], chains: Vec<Chain>, run: usize) -> Outcome<Mixed> {
    let (address, span) = (server.address, bench.span() * 2);
    std::thread::scope(|scope| {
        let profiles = scope
            .spawn(|| load::paced(address, Same::lanes(PROFILE_LANES, profile), PROFILES_PER_SECOND, span));
        let refreshes = scope.spawn(|| load::paced(address, chains, REFRESHES_PER_SECOND, span));
        let flood = flood(bench, server, span, run);
        let joined = (profiles.join(), refreshes.join());
        let (Ok(profiles), Ok(refreshes)) = joined else {
            return Err(wrong("a load thread panicked"));
        };
        let ((profiles, _), (refreshes, chains)) = (profiles?, refreshes?);
        Ok(Mixed { flood: flood?, profiles, refreshes, chains })
    })
}
