//! What do millions of users cost, and does it matter how many there are?

mod costs;
mod fill;
mod lookups;
mod sizes;

use std::fmt::Write as _;
use std::time::Instant;

use testbed::{Database, Stop};

use crate::Outcome;
use crate::bench::{Bench, progress};
use crate::machine::Machine;
use crate::people::Chain;
use crate::postgres::Postgres;
use crate::process::Home;
use crate::table::short;
use fill::Numbers;

/// Real sessions, spread over all others, that refreshes and profiles go through.
const SAMPLE: u64 = 1_024;
/// While tables are filled: what is written to a table that was emptied in the same transaction is not logged.
const FILLING: [(&str, &str); 6] = [
    ("max_wal_size", "8GB"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("autovacuum", "off"),
    ("maintenance_work_mem", "1GB"),
    ("jit", "off"),
];
/// As a server in use has it.
const USED: [(&str, &str); 3] = [("wal_level", "replica"), ("max_wal_senders", "10"), ("autovacuum", "on")];

/// A database with so many users.
struct Filled {
    users: u64,
    database: Database,
    home: Home,
    numbers: Numbers,
    chains: Vec<Chain>,
}

/// Fills a database of each size and measures them beside each other; the tables, as Markdown.
///
/// # Errors
/// PostgreSQL refuses something, a server does not start or an answer is wrong.
pub fn measure(bench: &Bench, machine: &Machine, sizes: &[u64]) -> Outcome<String> {
    // A quarter of the machine, as PostgreSQL's own handbook has it.
    let buffers = format!("{:.0}MB", machine.memory_gib * 1024.0 / 4.0);
    let mut settings = FILLING.to_vec();
    settings.push(("shared_buffers", &buffers));
    let postgres = Postgres::start(&bench.directory, &settings)?;
    let mut all = Vec::new();
    for users in sizes {
        all.push(fill(bench, &postgres, *users)?);
    }
    for (name, value) in USED {
        postgres.cluster().set(name, value);
    }
    postgres.cluster().stop(Stop::Fast);
    postgres.cluster().start();
    let mut text = lookups::measure(bench, &all)?;
    progress(&text);
    for filled in &mut all {
        progress(&format!("  costs with {} users", short(filled.users as f64)));
        let costs = costs::measure(bench, &postgres, filled)?;
        progress(&costs);
        if text.contains(costs::HEAD) {
            text.push_str(&costs);
        } else {
            let _ = write!(text, "\n{}{costs}", costs::HEAD);
        }
    }
    text.push('\n');
    text.push_str(&sizes::table(&all)?);
    let pace = if bench.quick { " Quick run: short rounds." } else { "" };
    let _ = writeln!(text, "\n{}.{pace}", machine.line());
    Ok(text)
}

fn fill(bench: &Bench, postgres: &Postgres, users: u64) -> Outcome<Filled> {
    let (start, database) = (Instant::now(), postgres.database());
    let url = database.owner().url();
    let home = Home::create(&bench.program, bench.directory.join(format!("filled{users}")), Some(url))?;
    // The first start makes the tables and the secrets.
    home.serve()?.stop()?;
    fill::users(&database, users)?;
    // Without it PostgreSQL takes every table for a small one.
    database.access().try_psql("ANALYZE;\nCHECKPOINT").map_err(crate::wrong)?;
    let seconds = || short(start.elapsed().as_secs_f64());
    progress(&format!("  {users} users after {} s", seconds()));
    let node = home.serve()?;
    let chains = bench.spread_chains(&node, SAMPLE.min(users / 4), users)?;
    node.stop()?;
    let numbers = fill::sessions(&database, users)?;
    database.access().try_psql("VACUUM (ANALYZE)").map_err(crate::wrong)?;
    progress(&format!("  and their sessions after {} s", seconds()));
    Ok(Filled { users, database, home, numbers, chains })
}
