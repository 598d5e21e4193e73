//! How often does each verb wait for PostgreSQL?

use testbed::Proxy;

use crate::bench::{Bench, USERS};
use crate::load::{self, Until};
use crate::people::{Same, SignIn, SignOut, SignUp, profile_request};
use crate::process::Process;
use crate::table::{Row, Target, short};
use crate::wire::Script;
use crate::{Outcome, wrong};

/// Requests of each verb, one after another.
const REQUESTS: u64 = 100;
/// Before them: each connection prepares its statements once.
const FIRST: u64 = 20;
/// A node also asks twice a second whether its database is there; that is in the counts.
const PULSE: f64 = 0.2;

/// What one request of a verb waits for in a row: this is what the way between node and server is paid for.
///
/// # Errors
/// A server does not start or an answer is wrong.
pub fn measure(bench: &Bench) -> Outcome<Vec<Row>> {
    let owner = bench.postgres()?.database().owner();
    let proxy = Proxy::start(owner.address());
    let home = bench.new_home_on("proxied", USERS, Some(owner.at(proxy.address()).url()))?;
    let node = home.serve()?;
    let counter = Counter { bench, proxy: &proxy, node: &node };
    let chain = bench.chains(&node, 1, USERS)?.pop().ok_or_else(|| wrong("nobody signed in"))?;
    let profile = Same::lanes(1, &profile_request(&chain.access)).remove(0);
    let sign_out = bench.wait(SignOut::prepare(node.address, FIRST + REQUESTS, USERS))?;
    let rows = vec![
        counter.row("profile", 1.0, profile)?,
        counter.row("refresh", 2.0, chain)?,
        counter.row("sign-out", 2.0, sign_out)?,
        counter.row("sign-in", 2.0, SignIn::lanes(1, USERS, 0).remove(0))?,
        counter.row("sign-up", 3.0, SignUp::lanes(1).remove(0))?,
    ];
    node.stop()?;
    Ok(rows)
}

struct Counter<'a> {
    bench: &'a Bench,
    proxy: &'a Proxy,
    node: &'a Process,
}

impl Counter<'_> {
    fn row<S: Script>(&self, verb: &str, most: f64, script: S) -> Outcome<Row> {
        let run = |scripts, count| {
            self.bench.wait(load::closed_until(self.node.address, scripts, Until::Count(count)))
        };
        let (_, scripts) = run(vec![script], FIRST)?;
        let before = self.proxy.counts();
        run(scripts, REQUESTS)?;
        let counts = self.proxy.counts().since(&before);
        let each = |count: u64| count as f64 / REQUESTS as f64;
        let batches = short(each(counts.round_trips));
        Ok(Row::new(
            format!("round trips to PostgreSQL of a {verb}"),
            format!("{}, with {batches} answers to wait for", short(each(counts.turns))),
            short(most),
            (each(counts.turns) - PULSE).max(0.0).ceil() / most,
            Target::AtMost(1.0),
        ))
    }
}
