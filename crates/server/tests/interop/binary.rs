//! How does a test run the real binary, in a folder and on a port of its own?

use crate::http::{self, Request};
use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a start may take before the test gives up on it.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Sixteen hexadecimal digits that differ from call to call.
pub fn chance() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// A folder with configuration and database; it goes with the value, except after a failed test.
pub struct Home {
    folder: PathBuf,
    /// Whether tries are counted; off at first, because most tests try more often than people do.
    pub limits: bool,
}

impl Home {
    /// An empty folder, on the disk that holds the build.
    pub fn new(name: &str) -> Home {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", chance()));
        fs::create_dir_all(&folder).unwrap();
        Home { folder, limits: false }
    }

    /// Where a file of this name lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file that only its owner may read.
    pub fn write(&self, name: &str, content: &str) {
        let mut options = OpenOptions::new();
        let mut file =
            options.create(true).write(true).truncate(true).mode(0o600).open(self.path(name)).unwrap();
        file.write_all(content.as_bytes()).unwrap();
    }

    /// The binary with this folder's configuration and database.
    pub fn countersign(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command
            .args(arguments)
            .env("COUNTERSIGN_CONFIG", self.path("countersign.toml"))
            .env("COUNTERSIGN_DATA", self.path("data"))
            .env("COUNTERSIGN_LIMITS__ENABLED", self.limits.to_string())
            .current_dir(&self.folder);
        command
    }

    /// Runs a command of the binary to its end. Panics with what it said unless it went well.
    pub fn run(&self, arguments: &[&str]) -> String {
        finish(&mut self.countersign(arguments), "")
    }

    /// What the servers of this folder wrote, all of them one after the other.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for a look: {}", self.folder.display());
        } else {
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}

/// A running server. When the value goes, it is killed as by `kill -9`, and is gone.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start of the process to the first "ready".
    pub ready_after: Duration,
}

impl Server {
    /// Starts the server and waits until it says that it is ready. Panics with its log when it does not.
    pub fn start(home: &Home) -> Server {
        let log = OpenOptions::new().create(true).append(true).open(home.path("server.log")).unwrap();
        let started = Instant::now();
        // Between our look and its bind somebody else may take the port; another one is free then.
        for _ in 0..5 {
            let address = free_address();
            let child = spawn(home, address, &log);
            let mut server = Server { child, address, ready_after: Duration::ZERO };
            if server.wait_ready(started) {
                server.ready_after = started.elapsed();
                return server;
            }
            assert!(home.log().contains("in use"), "the server did not start:\n{}", home.log());
        }
        panic!("no free port in five tries:\n{}", home.log());
    }

    /// True when it is ready, false when the process has ended.
    fn wait_ready(&mut self, started: Instant) -> bool {
        let question = Request::get("/health/ready");
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                eprintln!("the server ended with {status}");
                return false;
            }
            if http::send(self.address, &question).is_ok_and(|reply| reply.status == 200) {
                return true;
            }
            assert!(started.elapsed() < START_LIMIT, "the server is not ready after {START_LIMIT:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(home: &Home, address: SocketAddr, log: &File) -> Child {
    home.countersign(&["serve", "--listen", &address.to_string()])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log.try_clone().unwrap())
        .spawn()
        .unwrap()
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// Runs a program to its end with this standard input and gives its standard output. Panics unless it went well.
pub fn finish(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A program that does not read its input may close it early; its exit status tells.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}\n{said}\n{complained}");
    said.into_owned()
}
