//! What happens when a thousand wrong passwords come at once?

use std::time::Duration;

use crate::bench::Bench;
use crate::people::sign_in_request;
use crate::table::{Row, Target, ms, short};
use crate::tally::{Tally, median};
use crate::{Outcome, load, wrong};

const REQUESTS: u64 = 1_000;
/// The memory of one hash, in MiB.
const HASH_MIB: f64 = 19.0;
/// What the connections and everything else may take, in MiB.
const REST_MIB: f64 = 64.0;

/// A thousand sign-ins with a wrong password, sent at once to a fresh server.
///
/// # Errors
/// The server does not start, or answers with anything but a refused password or "busy".
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let (mut answered, mut shed, mut shed_p99, mut last) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut peaks, mut bounds) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds().min(5) {
        let server = bench.home()?.serve()?;
        std::thread::sleep(Duration::from_millis(500));
        let idle = server.resident_mib()?;
        let requests = (0..REQUESTS).map(|index| sign_in_request(index, "not the password")).collect();
        let tally = bench.wait(load::burst(server.address, requests))?;
        expected(&tally)?;
        answered.push(tally.total() as f64);
        shed.push(tally.count(503) as f64);
        shed_p99.push(ms(tally.status_within(503, 0.99)));
        last.push(tally.elapsed.as_secs_f64());
        peaks.push(server.peak_mib()?);
        bounds.push(idle + bench.cores as f64 * HASH_MIB + REST_MIB);
        server.stop()?;
    }
    let fewest = answered.iter().copied().fold(f64::INFINITY, f64::min);
    let (peak, bound) = (median(peaks), median(bounds));
    Ok(vec![
        Row::new(
            "1,000 wrong passwords at once, answered",
            format!("{}, the last after {} s", short(fewest), short(median(last))),
            format!("{REQUESTS}"),
            fewest / REQUESTS as f64,
            Target::AtLeast(1.0),
        ),
        Row::bounded(
            format!("the {} sent away with 503, p99", short(median(shed))),
            median(shed_p99),
            100.0,
            "ms",
        ),
        Row::new(
            "peak memory meanwhile",
            format!("{} MiB", short(peak)),
            format!("{} MiB: idle + {} × 19 + 64", short(bound), bench.cores),
            peak / bound,
            Target::AtMost(1.0),
        ),
    ])
}

fn expected(tally: &Tally) -> Outcome<()> {
    if tally.count(400) + tally.count(503) == tally.total() {
        return Ok(());
    }
    Err(wrong(format!("wrong passwords were answered with {}; {} good", tally.complaints(), tally.good())))
}
