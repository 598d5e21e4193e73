//! How does a test run two real nodes on one PostgreSQL, and do to them what befalls processes?

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const MASTER: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const START_LIMIT: Duration = Duration::from_secs(60);

/// A folder, a port and a process of the real binary.
pub struct Node {
    folder: PathBuf,
    database: String,
    /// The same after each start.
    pub address: SocketAddr,
    child: Option<Child>,
}

impl Node {
    /// A node that is not started yet.
    pub fn new(number: usize, database: &str, configuration: &str) -> Node {
        let name = format!("history-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("countersign.toml"), configuration).unwrap();
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        Node { folder, database: database.to_owned(), address, child: None }
    }

    /// The binary with this node's configuration.
    pub fn countersign(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).current_dir(&self.folder);
        command.env("COUNTERSIGN_DATABASE", &self.database).env("COUNTERSIGN_MASTER_KEY", MASTER);
        command
    }

    /// Runs a command to its end; the error is what it said.
    pub fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output: Output = self.countersign(arguments).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Starts the process. It listens when this returns; that the database is away is no reason not to try again.
    pub fn start(&mut self) {
        let began = Instant::now();
        loop {
            let mut options = OpenOptions::new();
            let log = options.create(true).append(true).mode(0o600).open(self.folder.join("log")).unwrap();
            let mut child = self
                .countersign(&["serve", "--listen", &self.address.to_string()])
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap();
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(self.address).is_ok() {
                    self.child = Some(child);
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(began.elapsed() < START_LIMIT, "no start in {START_LIMIT:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// SIGSTOP, or SIGCONT.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// What all processes of this node said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("kept for a look: {}", self.folder.display());
        } else {
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}
