//! On which PostgreSQL is it measured, and what does a load cost that server?

use std::cell::OnceCell;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testbed::{Access, Cluster, Database};

use crate::{Outcome, process, wrong};

/// The connections of one node: `postgres.writers` and `postgres.readers` by default.
pub const CONNECTIONS: usize = 8 + 2;
/// Rows of pgbench's tables, in 100,000.
const SCALE: &str = "10";
/// Everything else is as PostgreSQL ships it: durable commits, above all.
const SETTINGS: [(&str, &str); 3] =
    [("shared_buffers", "1GB"), ("max_wal_size", "4GB"), ("checkpoint_timeout", "15min")];

/// A private PostgreSQL that keeps what it acknowledges. It goes with the value.
pub struct Postgres {
    cluster: Cluster,
    data: PathBuf,
    pgbench: OnceCell<Database>,
}

/// What a load has cost the server.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Processor time of all its processes.
    pub cpu: Duration,
    /// Bytes that were written to the write-ahead log.
    pub wal: u64,
}

impl Postgres {
    /// A new one within a directory, on the disk that is to be measured. The last of two equal settings counts.
    ///
    /// # Errors
    /// Nothing can be made in that directory.
    pub fn start(within: &Path, settings: &[(&str, &str)]) -> Outcome<Postgres> {
        let place = within.join("pg");
        std::fs::create_dir_all(&place)?;
        // Its owner is somebody unprivileged where this process is root's.
        std::fs::set_permissions(&place, Permissions::from_mode(0o1777))?;
        let setup = Cluster::setup().within(&place);
        let all = SETTINGS.iter().chain(settings);
        let cluster = all.fold(setup, |setup, (name, value)| setup.set(name, value)).start();
        let data = PathBuf::from(cluster.psql("SHOW data_directory"));
        Ok(Postgres { cluster, data, pgbench: OnceCell::new() })
    }

    /// A fresh empty database.
    pub fn database(&self) -> Database {
        self.cluster.database()
    }

    /// The server itself.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What it has used until now.
    ///
    /// # Errors
    /// It is gone.
    pub fn usage(&self) -> Outcome<Usage> {
        let wal = self.number("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")?;
        Ok(Usage { cpu: self.cpu()?, wal: wal as u64 })
    }

    /// Processor time of all its processes until now.
    ///
    /// # Errors
    /// It is gone.
    pub fn cpu(&self) -> Outcome<Duration> {
        let said = std::fs::read_to_string(self.data.join("postmaster.pid"))?;
        let number = said.lines().next().and_then(|line| line.trim().parse().ok());
        process::family_cpu(number.ok_or_else(|| wrong("PostgreSQL does not run"))?)
    }

    /// One figure that a statement gives, from the server's own database.
    ///
    /// # Errors
    /// It is refused, or gives no figure.
    pub fn number(&self, sql: &str) -> Outcome<f64> {
        number(self.cluster.access(), sql)
    }

    /// pgbench's simple update, which writes two rows in five statements: transactions a second.
    ///
    /// # Errors
    /// pgbench fails.
    pub fn simple_updates(&self, connections: usize, span: Duration) -> Outcome<f64> {
        if self.pgbench.get().is_none() {
            let database = self.database();
            run(database.access(), &["-i", "-q", "-s", SCALE])?;
            let _ = self.pgbench.set(database);
        }
        let database = self.pgbench.get().ok_or_else(|| wrong("pgbench has no database"))?;
        Ok(pgbench(database.access(), &["-N"], connections, span)?.rate)
    }
}

/// One figure that a statement gives.
///
/// # Errors
/// It is refused, or gives no figure.
pub fn number(access: &Access, sql: &str) -> Outcome<f64> {
    let said = access.try_psql(sql).map_err(wrong)?;
    said.trim().parse().map_err(|_| wrong(format!("{sql} gave {said:?}")))
}

/// What pgbench says of a run.
#[derive(Debug, Clone, Copy)]
pub struct Pgbench {
    /// Transactions a second.
    pub rate: f64,
    /// Milliseconds of one, on the average.
    pub latency: f64,
}

/// A run of pgbench with prepared statements; `which` names its script.
///
/// # Errors
/// It fails, or some of its transactions do.
pub fn pgbench(access: &Access, which: &[&str], connections: usize, span: Duration) -> Outcome<Pgbench> {
    let threads = crate::machine::cores().min(connections).to_string();
    let connections = connections.to_string();
    let seconds = span.as_secs().max(1).to_string();
    let mut arguments = vec!["-n", "-M", "prepared", "-c", &connections, "-j", &threads, "-T", &seconds];
    arguments.extend(which);
    let said = run(access, &arguments)?;
    let figure = |name: &str| -> Outcome<f64> {
        let line = said.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        let figure = line.and_then(|figure| figure.parse().ok());
        figure.ok_or_else(|| wrong(format!("pgbench says nothing of {name}\n{said}")))
    };
    if figure("number of failed transactions: ")? > 0.0 {
        return Err(wrong(format!("transactions of pgbench failed:\n{said}")));
    }
    Ok(Pgbench { rate: figure("tps = ")?, latency: figure("latency average = ")? })
}

fn run(access: &Access, arguments: &[&str]) -> Outcome<String> {
    let output = access.command("pgbench").args(arguments).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(wrong(format!("pgbench: {}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr))))
}
