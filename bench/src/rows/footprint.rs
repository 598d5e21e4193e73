//! How large is it, how much memory does it hold idle, and how soon is it ready?

use std::time::Duration;

use crate::Outcome;
use crate::bench::Bench;
use crate::table::{Row, ms};
use crate::tally::median;

const STARTS: usize = 10;

/// The binary, the idle memory and the start with an existing database.
///
/// # Errors
/// The server does not start or stop.
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let megabytes = std::fs::metadata(&bench.program)?.len() as f64 / 1e6;
    let home = bench.home()?;
    let (mut ready, mut idle) = (Vec::new(), Vec::new());
    for start in 0..STARTS {
        let server = home.serve()?;
        ready.push(ms(server.ready_after));
        if start < 3 {
            std::thread::sleep(Duration::from_secs(1));
            idle.push(server.resident_mib()?);
        }
        server.stop()?;
    }
    Ok(vec![
        Row::bounded("release binary", megabytes, 16.0, "MB"),
        Row::bounded("idle memory", median(idle), 15.0, "MiB"),
        Row::bounded("from start to ready, existing database", median(ready), 30.0, "ms"),
    ])
}
