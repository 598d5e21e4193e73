//! Does it matter how many users are in the table?

use std::time::Instant;

use super::refresh::CONNECTIONS;
use super::sign_in::PER_CORE;
use crate::bench::{Bench, Pairs, USERS, alternate, progress};
use crate::people::SignIn;
use crate::table::{Row, Target, short};
use crate::{Outcome, load};

const MANY: u64 = 1_000_000;
/// What their import may take, in seconds; the file is written in that time, too.
const LONGEST_IMPORT: f64 = 60.0;

/// How long a million users take to come in; sign-in and refresh with a thousand users and with a million, round about.
///
/// # Errors
/// The import fails, a server does not start, or an answer is wrong.
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let start = Instant::now();
    let many = bench.new_home("large", MANY)?;
    let imported = start.elapsed().as_secs_f64();
    progress(&format!("  {MANY} users imported in {imported:.0} s"));
    let (small, large) = (bench.home()?.serve()?, many.serve()?);
    let (mut sign_ins, mut refreshes, mut costs) = (Pairs::default(), Pairs::default(), Pairs::default());
    let mut few_chains = bench.chains(&small, CONNECTIONS, USERS)?;
    let mut many_chains = bench.chains(&large, CONNECTIONS, MANY)?;
    let lanes = bench.cores * PER_CORE;
    for round in 0..bench.rounds() {
        let (few, lots) = alternate(
            round,
            || bench.wait(load::closed(small.address, SignIn::lanes(lanes, USERS, round), bench.span())),
            || bench.wait(load::closed(large.address, SignIn::lanes(lanes, MANY, round), bench.span())),
        )?;
        sign_ins.add(few.0.rate(), lots.0.rate());
        let (now_few, now_many) = (std::mem::take(&mut few_chains), std::mem::take(&mut many_chains));
        let (few, lots) =
            alternate(round, || bench.closed(&small, now_few), || bench.closed(&large, now_many))?;
        refreshes.add(few.0.rate(), lots.0.rate());
        costs.add(few.2, lots.2);
        (few_chains, many_chains) = (few.1, lots.1);
    }
    small.stop()?;
    large.stop()?;
    Ok(vec![
        Row::bounded("import of 1,000,000 users", imported, LONGEST_IMPORT, "s"),
        row("sign-in with 1,000,000 users", &sign_ins, ""),
        row(
            "refresh with 1,000,000 users",
            &refreshes,
            &format!(", {} µs CPU against {}", short(costs.limit()), short(costs.figure())),
        ),
    ])
}

/// The figure with few users is divided by the figure with many: how many times slower the large table is.
fn row(title: &str, pairs: &Pairs, rest: &str) -> Row {
    Row::new(
        title,
        format!("{}/s{rest}", short(pairs.limit())),
        format!("{}/s with 1,000 users", short(pairs.figure())),
        pairs.ratio(),
        Target::AtMost(1.2),
    )
}
