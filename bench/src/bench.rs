//! What do all measurements share? The program, the directory, the pace, and the rounds.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::load;
use crate::people::{Chain, Same, profile_request};
use crate::postgres::Postgres;
use crate::process::{Home, Process, serve_bare};
use crate::tally::{Tally, median};
use crate::wire::Script;
use crate::{Outcome, bare, people, wrong};

/// Users in the table when nothing else is said.
pub const USERS: u64 = 1_000;
const BARE_SECRET: &str = "only the bare server of a benchmark signs with this";

/// One benchmark run.
pub struct Bench {
    /// The release binary under test.
    pub program: PathBuf,
    /// Where data directories are made; removed at the end.
    pub directory: PathBuf,
    /// Short rounds, no large table.
    pub quick: bool,
    /// Hash threads that the server has: one per processor.
    pub cores: usize,
    runtime: Runtime,
    home: OnceCell<Home>,
    postgres: OnceCell<Postgres>,
    shared_home: OnceCell<Home>,
}

impl Bench {
    /// A run in a directory that exists.
    ///
    /// # Errors
    /// No runtime can be made.
    pub fn new(program: PathBuf, directory: PathBuf, quick: bool) -> Outcome<Bench> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let cores = crate::machine::cores();
        let (home, postgres, shared_home) = Default::default();
        Ok(Bench { program, directory, quick, cores, runtime, home, postgres, shared_home })
    }

    /// How many rounds each pair is measured.
    pub fn rounds(&self) -> usize {
        if self.quick { 3 } else { 7 }
    }

    /// How long one side of one round lasts.
    pub fn span(&self) -> Duration {
        Duration::from_millis(if self.quick { 1_000 } else { 3_000 })
    }

    /// Waits for a load.
    ///
    /// # Errors
    /// Those of the load.
    pub fn wait<T>(&self, load: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        self.runtime.block_on(load)
    }

    /// The home with [`USERS`] users, made when it is first asked for.
    ///
    /// # Errors
    /// The server does not start, or the import fails.
    pub fn home(&self) -> Outcome<&Home> {
        if let Some(home) = self.home.get() {
            return Ok(home);
        }
        let home = self.new_home("small", USERS)?;
        Ok(self.home.get_or_init(|| home))
    }

    /// The PostgreSQL, started when it is first asked for.
    ///
    /// # Errors
    /// It can not be made in this directory.
    pub fn postgres(&self) -> Outcome<&Postgres> {
        if let Some(postgres) = self.postgres.get() {
            return Ok(postgres);
        }
        let postgres = Postgres::start(&self.directory, &[])?;
        Ok(self.postgres.get_or_init(|| postgres))
    }

    /// As [`Bench::home`], with a database on the PostgreSQL.
    ///
    /// # Errors
    /// The server does not start, or the import fails.
    pub fn shared_home(&self) -> Outcome<&Home> {
        if let Some(home) = self.shared_home.get() {
            return Ok(home);
        }
        let url = self.postgres()?.database().owner().url();
        let home = self.new_home_on("shared", USERS, Some(url))?;
        Ok(self.shared_home.get_or_init(|| home))
    }

    /// A new home with `users` imported users.
    ///
    /// # Errors
    /// The server does not start, or the import fails.
    pub fn new_home(&self, name: &str, users: u64) -> Outcome<Home> {
        self.new_home_on(name, users, None)
    }

    /// As [`Bench::new_home`], on the PostgreSQL with this URL, or with the embedded database.
    ///
    /// # Errors
    /// The server does not start, or the import fails.
    pub fn new_home_on(&self, name: &str, users: u64, url: Option<String>) -> Outcome<Home> {
        let home = Home::create(&self.program, self.directory.join(name), url)?;
        // The first start makes the database and the secrets.
        home.serve()?.stop()?;
        let file = home.directory.join("users.jsonl");
        people::write_import(&file, users)?;
        let path = file.to_str().ok_or_else(|| wrong("the directory's name is not Unicode"))?;
        home.run(&["user", "import", path])?;
        std::fs::remove_file(&file)?;
        Ok(home)
    }

    /// Signs users in, one after another.
    ///
    /// # Errors
    /// A sign-in fails.
    pub fn chains(&self, server: &Process, count: usize, users: u64) -> Outcome<Vec<Chain>> {
        self.wait(Chain::start(server.address, count, users))
    }

    /// Signs in so many users, spread over all.
    ///
    /// # Errors
    /// A sign-in fails.
    pub fn spread_chains(&self, server: &Process, count: u64, users: u64) -> Outcome<Vec<Chain>> {
        let spread = (0..count).map(|at| at * users / count);
        self.wait(Chain::of(server.address, spread))
    }

    /// A closed loop, with the server's processor microseconds per answer.
    ///
    /// # Errors
    /// The load fails.
    pub fn closed<S: Script>(&self, server: &Process, scripts: Vec<S>) -> Outcome<(Tally, Vec<S>, f64)> {
        server.cost(|| self.wait(load::closed(server.address, scripts, self.span())))
    }

    /// The bare server, and the request that it admits: the same token as the server's own, signed again, and
    /// the same body in its answer.
    ///
    /// # Errors
    /// A sign-in or the profile fails, or the bare server does not start.
    pub fn bare(&self, server: &Process) -> Outcome<Bare> {
        let chain = self.chains(server, 1, USERS)?.pop().ok_or_else(|| wrong("nobody signed in"))?;
        let own = profile_request(&chain.access);
        let (status, body) = self.wait(load::once(server.address, &own))?;
        if status != 200 {
            return Err(wrong(format!("profile was answered with {status}")));
        }
        let file = self.directory.join("profile.json");
        std::fs::write(&file, body)?;
        let process = serve_bare(BARE_SECRET, &file)?;
        let request = profile_request(&bare::sign_again(&chain.access, BARE_SECRET)?);
        Ok(Bare { process, request, own })
    }
}

/// The bare server beside the one under test.
pub struct Bare {
    /// Its process.
    pub process: Process,
    /// What it is asked.
    pub request: Vec<u8>,
    /// The same question to the server under test.
    pub own: Vec<u8>,
}

impl Bare {
    /// A closed loop of this many connections: requests a second, and processor microseconds each.
    ///
    /// # Errors
    /// The load fails.
    pub fn run(&self, bench: &Bench, connections: usize) -> Outcome<(f64, f64)> {
        let (tally, _, cpu) = bench.closed(&self.process, Same::lanes(connections, &self.request))?;
        Ok((tally.rate(), cpu))
    }
}

/// Pairs of (figure, limit) of the rounds of one row.
#[derive(Debug, Default)]
pub struct Pairs(Vec<(f64, f64)>);

impl Pairs {
    /// Adds a round.
    pub fn add(&mut self, figure: f64, limit: f64) {
        self.0.push((figure, limit));
    }

    /// The median figure.
    pub fn figure(&self) -> f64 {
        median(self.0.iter().map(|pair| pair.0))
    }

    /// The median limit.
    pub fn limit(&self) -> f64 {
        median(self.0.iter().map(|pair| pair.1))
    }

    /// The median of each round's own ratio: what disturbs both sides of a round cancels out.
    pub fn ratio(&self) -> f64 {
        median(self.0.iter().map(|pair| pair.0 / pair.1))
    }
}

/// Tells how far the run is.
pub fn progress(text: &str) {
    eprintln!("bench: {text}");
}

/// Measures two sides one after the other, each side first in every second round.
///
/// # Errors
/// Those of a side.
pub fn alternate<A, B>(
    round: usize,
    one: impl FnOnce() -> Outcome<A>,
    other: impl FnOnce() -> Outcome<B>,
) -> Outcome<(A, B)> {
    if round.is_multiple_of(2) {
        let first = one()?;
        Ok((first, other()?))
    } else {
        let second = other()?;
        Ok((one()?, second))
    }
}

/// Removes the directory at the end, whatever happens.
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// A new directory under `parent`.
    ///
    /// # Errors
    /// It is there already, or cannot be made.
    pub fn create(parent: &Path) -> Outcome<Scratch> {
        let path = parent.join(format!("countersign-bench-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|fault| wrong(format!("{}: {fault}", path.display())))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
