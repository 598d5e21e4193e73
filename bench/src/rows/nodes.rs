//! What do two nodes on one PostgreSQL reach beside one?

use super::refresh::CONNECTIONS;
use super::sign_in::PER_CORE;
use crate::bench::{Bench, Pairs, USERS, alternate};
use crate::people::{Same, SignIn, profile_request};
use crate::process::Process;
use crate::table::{Row, Target, short};
use crate::tally::Tally;
use crate::wire::Script;
use crate::{Outcome, load, wrong};

/// Two that share what one has can not be faster; what a run's own noise hides is no worse.
const NO_WORSE: Target = Target::AtLeast(0.95);

/// Sign-ins, refreshes and profiles of two nodes beside one of them alone.
///
/// # Errors
/// A server does not start or an answer is wrong.
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let half = (bench.cores / 2).max(1).to_string();
    let halved = Pair::start(bench, &[("COUNTERSIGN_HASHING__WORKERS", &half)])?;
    // Where there is one processor, one hash thread has all of it.
    let target = if bench.cores > 1 { Target::AtLeast(1.6) } else { NO_WORSE };
    let title = format!("sign-in on two nodes with {half} hash threads each");
    let mut rows = vec![halved.sign_ins(bench, &title, target)?];
    halved.stop()?;
    let pair = Pair::start(bench, &[])?;
    let title = format!("sign-in on two nodes that share the same {} processors", bench.cores);
    rows.push(pair.sign_ins(bench, &title, NO_WORSE)?);
    rows.push(pair.refreshes(bench)?);
    rows.push(pair.profiles(bench)?);
    pair.stop()?;
    Ok(rows)
}

/// Two nodes on one database.
struct Pair(Process, Process);

impl Pair {
    fn start(bench: &Bench, environment: &[(&str, &str)]) -> Outcome<Pair> {
        let home = bench.shared_home()?;
        Ok(Pair(home.serve_with(environment)?, home.serve_with(environment)?))
    }

    fn stop(self) -> Outcome<()> {
        self.0.stop()?;
        self.1.stop()
    }

    /// One half of the connections to each.
    fn closed<S: Script>(&self, bench: &Bench, mut scripts: Vec<S>) -> Outcome<(Tally, Vec<S>)> {
        let rest = scripts.split_off(scripts.len() / 2);
        bench.wait(async {
            let (one, other) = tokio::join!(
                load::closed(self.0.address, scripts, bench.span()),
                load::closed(self.1.address, rest, bench.span()),
            );
            let ((mut sum, mut scripts), (tally, rest)) = (one?, other?);
            sum.merge(tally);
            scripts.extend(rest);
            Ok((sum, scripts))
        })
    }

    fn alone<S: Script>(&self, bench: &Bench, scripts: Vec<S>) -> Outcome<(Tally, Vec<S>)> {
        bench.wait(load::closed(self.0.address, scripts, bench.span()))
    }

    fn sign_ins(&self, bench: &Bench, title: &str, target: Target) -> Outcome<Row> {
        let mut rates = Pairs::default();
        let lanes = |run| SignIn::lanes(bench.cores * PER_CORE, USERS, run);
        for round in 0..bench.rounds() {
            let (two, one) = alternate(
                round,
                || self.closed(bench, lanes(2 * round)),
                || self.alone(bench, lanes(2 * round + 1)),
            )?;
            rates.add(two.0.rate(), one.0.rate());
        }
        Ok(row(title, &rates, target))
    }

    fn refreshes(&self, bench: &Bench) -> Outcome<Row> {
        let mut rates = Pairs::default();
        // Each side has sessions of its own.
        let mut shared = bench.chains(&self.0, CONNECTIONS, USERS)?;
        let mut single = bench.chains(&self.0, CONNECTIONS, USERS)?;
        (_, shared) = self.closed(bench, shared)?;
        for round in 0..bench.rounds() {
            let (ours, theirs) = (std::mem::take(&mut shared), std::mem::take(&mut single));
            let (two, one) = alternate(round, || self.closed(bench, ours), || self.alone(bench, theirs))?;
            rates.add(two.0.rate(), one.0.rate());
            (shared, single) = (two.1, one.1);
        }
        Ok(row(&format!("refresh on two nodes, {CONNECTIONS} connections"), &rates, NO_WORSE))
    }

    fn profiles(&self, bench: &Bench) -> Outcome<Row> {
        let chain = bench.chains(&self.0, 1, USERS)?.pop().ok_or_else(|| wrong("nobody signed in"))?;
        let request = profile_request(&chain.access);
        let lanes = || Same::lanes(CONNECTIONS, &request);
        let mut rates = Pairs::default();
        for round in 0..bench.rounds() {
            let (two, one) = alternate(round, || self.closed(bench, lanes()), || self.alone(bench, lanes()))?;
            rates.add(two.0.rate(), one.0.rate());
        }
        Ok(row(&format!("profile on two nodes, {CONNECTIONS} connections"), &rates, NO_WORSE))
    }
}

fn row(title: &str, rates: &Pairs, target: Target) -> Row {
    let (two, one) = (short(rates.figure()), short(rates.limit()));
    Row::new(title, format!("{two}/s"), format!("{one}/s on one of them"), rates.ratio(), target)
}
