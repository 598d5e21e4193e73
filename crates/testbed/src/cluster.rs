//! How does a test get a PostgreSQL server of its own, and do to it what befalls servers?

mod home;
mod processes;
mod setup;
mod supervisor;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock};

use rustix::process::Signal;

use crate::machine::{digits, free_port, variable, wait_for};
use crate::programs::program;
use crate::{Access, Database, SHARED_VARIABLE};
pub(crate) use home::Home;
use processes::Process;
pub use setup::Setup;
use supervisor::Supervisor;

/// The superuser that every cluster has.
const SUPERUSER: &str = "postgres";
/// How often a start is tried again because somebody else took the port.
const PORT_TRIES: u32 = 5;

/// How a server is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Waits until every client has left.
    Smart,
    /// Ends the clients' transactions and connections, and writes everything out.
    Fast,
    /// Writes nothing out; the next start recovers.
    Immediate,
}

/// A private PostgreSQL cluster: on a free port of 127.0.0.1, with passwords, in a temporary folder.
///
/// It ends with the value, and with this process whatever becomes of it.
#[derive(Debug)]
pub struct Cluster {
    running: Mutex<Running>,
    home: Home,
    setup: Setup,
    access: Access,
}

#[derive(Debug)]
struct Running {
    supervisor: Supervisor,
    server: Option<Process>,
}

impl Cluster {
    /// Chooses what the cluster is like before it starts; as chosen by nobody, it keeps what it acknowledged.
    pub fn setup() -> Setup {
        Setup::default()
    }

    /// Access to the one cluster that all tests of a run share; it forgets everything when its machine fails.
    ///
    /// It is the one that `COUNTERSIGN_TEST_POSTGRES` names, else one that this process starts once. Panics where the
    /// variable holds no `postgres://user:password@host:port/database`.
    pub fn shared() -> &'static Access {
        static SHARED: OnceLock<(Access, Option<Cluster>)> = OnceLock::new();
        let (access, _) = SHARED.get_or_init(|| match variable(SHARED_VARIABLE) {
            Some(url) => (Access::parse(&url).unwrap_or_else(|| panic!("{SHARED_VARIABLE}={url}")), None),
            None => {
                let cluster = Cluster::setup().fast().start();
                (cluster.access.clone(), Some(cluster))
            }
        });
        access
    }

    /// Starts with what the folder [`Home::data`] holds when the command has run that `fill` gives.
    pub(crate) fn raise(setup: Setup, password: &str, fill: impl FnOnce(&Home) -> Command) -> Cluster {
        let home = Home::new(&setup.place());
        let mut server = program("postgres");
        server.arg("-D").arg(home.data());
        // From here on the folder is removed, whatever happens.
        let mut supervisor = Supervisor::new(home.owner(), home.folder(), &server);
        assert!(supervisor.run(&fill(&home)), "no cluster was made:\n{}", home.log());
        if !setup.names().is_empty() {
            home.certify(setup.names());
        }
        let running = Mutex::new(Running { supervisor, server: None });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let access = Access::new(address, SUPERUSER, password, "postgres");
        let mut cluster = Cluster { running, home, setup, access };
        for _ in 0..PORT_TRIES {
            cluster.home.configure(&cluster.setup, cluster.access.address().port());
            match cluster.try_start() {
                Ok(()) => return cluster,
                Err(log) if log.contains("could not bind") => {
                    cluster.access = cluster.access.at(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
                }
                Err(log) => panic!("PostgreSQL did not start:\n{log}"),
            }
        }
        panic!("PostgreSQL found no free port:\n{}", cluster.log());
    }

    pub(crate) fn chosen(&self) -> &Setup {
        &self.setup
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn server(&self) -> Process {
        self.running().server.expect("the server is running")
    }

    /// The superuser's access to the database `postgres`.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// `postgres://user:password@127.0.0.1:port/postgres`, as the superuser.
    pub fn url(&self) -> String {
        self.access.url()
    }

    /// Where it listens; the same after every start.
    pub fn address(&self) -> SocketAddr {
        self.access.address()
    }

    /// Runs statements as the superuser, as [`Access::psql`].
    pub fn psql(&self, sql: &str) -> String {
        self.access.psql(sql)
    }

    /// A fresh empty database. It stays until the cluster goes.
    pub fn database(&self) -> Database {
        Database::fresh(&self.access, false)
    }

    /// The certificate, as PEM, of the authority that signed the server's. Only with [`Setup::tls`].
    pub fn authority(&self) -> PathBuf {
        assert!(!self.setup.names().is_empty(), "a cluster without TLS has no certificate");
        self.home.authority()
    }

    /// What the server and its programs said so far.
    pub fn log(&self) -> String {
        self.home.log()
    }

    /// Starts a server that was stopped or killed; it accepts connections when this returns.
    pub fn start(&self) {
        self.try_start().unwrap_or_else(|log| panic!("PostgreSQL did not start:\n{log}"));
    }

    /// The error is what the server said.
    fn try_start(&self) -> Result<(), String> {
        let mut running = self.running();
        assert!(running.server.is_none_or(|server| !server.lives()), "the server is running");
        let said_before = self.log().len();
        let server = running.supervisor.start();
        running.server = Some(server);
        drop(running);
        let accepts = wait_for("PostgreSQL to start", || {
            let ready = self.home.is_ready(server.number());
            (ready || !server.lives()).then_some(ready)
        });
        if accepts { Ok(()) } else { Err(self.log().split_off(said_before)) }
    }

    /// Stops the server; it has ended when this returns. One that is paused hears nothing.
    pub fn stop(&self, how: Stop) {
        let server = self.server();
        server.signal(match how {
            Stop::Smart => Signal::TERM,
            Stop::Fast => Signal::INT,
            Stop::Immediate => Signal::QUIT,
        });
        wait_for("PostgreSQL to stop", || (!server.lives()).then_some(()));
    }

    /// Stops fast and starts again.
    pub fn restart(&self) {
        self.stop(Stop::Fast);
        self.start();
    }

    /// Kills all processes of the server at once, as if its machine had lost its power, but for what the system keeps of
    /// files. Paused or not.
    pub fn kill(&self) {
        self.server().kill();
    }

    /// Stops all processes in their tracks: connections come about and stay open, and nobody answers.
    pub fn pause(&self) {
        self.server().pause();
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.server().resume();
    }

    /// Changes a setting of the running server, for new sessions at once and for old ones when they next look. Some
    /// settings wait for [`Cluster::restart`].
    pub fn set(&self, name: &str, value: &str) {
        let loaded = self.psql("SELECT pg_conf_load_time()");
        let value = value.replace('\'', "''");
        self.psql(&format!("ALTER SYSTEM SET {name} = '{value}';\nSELECT pg_reload_conf();"));
        wait_for("the settings", || (self.psql("SELECT pg_conf_load_time()") != loaded).then_some(()));
    }
}

/// What makes an empty cluster with this password of the superuser.
fn initialize(home: &Home, password: &str) -> Command {
    let file = home.folder().join("password");
    home.owner().write(&file, format!("{password}\n"));
    let mut command = program("initdb");
    command.arg("-D").arg(home.data()).arg("--pwfile").arg(&file);
    command.args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]);
    command.args(["--username", SUPERUSER]);
    command
}

impl Setup {
    /// Starts a cluster that is like this; it accepts connections when this returns.
    pub fn start(self) -> Cluster {
        let password = digits();
        Cluster::raise(self, &password, |home| initialize(home, &password))
    }
}
