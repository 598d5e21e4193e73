//! How is a server started, watched and stopped?

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use crate::tally::Tally;
use crate::wire::frame;
use crate::{Outcome, wrong};

const START_PATIENCE: Duration = Duration::from_secs(30);
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// Everything as it is by default, but nothing is counted: the load comes from one address.
const CONFIGURATION: &str = "[limits]\nenabled = false\n";

/// A running server process. Dropped, it is killed.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start of the process to its first "ready".
    pub ready_after: Duration,
}

/// A Countersign program and one data directory.
#[derive(Debug, Clone)]
pub struct Home {
    /// The release binary.
    pub program: PathBuf,
    /// The directory that holds `data`, the configuration and the logs.
    pub directory: PathBuf,
    /// The URL of its PostgreSQL; none with the embedded database. Any number of servers can run on it then.
    pub database: Option<String>,
}

impl Home {
    /// A home in a new directory.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn create(program: &Path, directory: PathBuf, database: Option<String>) -> Outcome<Home> {
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join("countersign.toml"), CONFIGURATION)?;
        Ok(Home { program: program.to_owned(), directory, database })
    }

    /// Adds lines to the configuration of servers that are started later.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn configure(&self, lines: &str) -> Outcome<()> {
        std::fs::write(self.directory.join("countersign.toml"), format!("{CONFIGURATION}{lines}"))?;
        Ok(())
    }

    fn command(&self, listen: &str) -> Outcome<Command> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.directory)
            .env("COUNTERSIGN_LISTEN", listen)
            .env("COUNTERSIGN_DATA", self.directory.join("data"))
            .env("COUNTERSIGN_CONFIG", self.directory.join("countersign.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .envs(self.database.iter().map(|url| ("COUNTERSIGN_DATABASE", url)));
        Ok(command)
    }

    fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Runs a subcommand to its end.
    ///
    /// # Errors
    /// It did not end with success; the end of its output is told.
    pub fn run(&self, arguments: &[&str]) -> Outcome<()> {
        let status = self.command("127.0.0.1:0")?.args(arguments).status()?;
        if status.success() {
            return Ok(());
        }
        Err(wrong(format!("`countersign {}` ended with {status}:\n{}", arguments.join(" "), self.log_tail())))
    }

    /// Starts the server on a free loopback port and waits until it says that it is ready.
    ///
    /// # Errors
    /// It ends, or is not ready in time; the end of its log is told.
    pub fn serve(&self) -> Outcome<Process> {
        self.serve_with(&[])
    }

    /// As [`Home::serve`], with these environment variables.
    ///
    /// # Errors
    /// It ends, or is not ready in time; the end of its log is told.
    pub fn serve_with(&self, environment: &[(&str, &str)]) -> Outcome<Process> {
        let address = free_address()?;
        let mut command = self.command(&address.to_string())?;
        command.arg("serve").envs(environment.iter().copied());
        let start = Instant::now();
        let child = command.spawn().map_err(|fault| wrong(format!("{}: {fault}", self.program.display())))?;
        let mut process = Process { child, address, ready_after: Duration::ZERO };
        loop {
            if is_ready(address) {
                process.ready_after = start.elapsed();
                return Ok(process);
            }
            if let Some(status) = process.child.try_wait()? {
                return Err(wrong(format!("the server ended with {status}:\n{}", self.log_tail())));
            }
            if start.elapsed() > START_PATIENCE {
                return Err(wrong(format!("the server did not get ready:\n{}", self.log_tail())));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Starts this same program as the bare server.
///
/// # Errors
/// It does not start or does not tell its address.
pub fn serve_bare(secret: &str, body_file: &Path) -> Outcome<Process> {
    let start = Instant::now();
    let mut child = Command::new(std::env::current_exe()?)
        .args(["bare", "--secret", secret, "--body"])
        .arg(body_file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout.take(100)).read_line(&mut line)?;
    }
    let address = line.trim().parse().map_err(|_| wrong("the bare server told no address"))?;
    Ok(Process { child, address, ready_after: start.elapsed() })
}

impl Process {
    /// Processor time of all threads so far, user and system, those that have ended included.
    ///
    /// # Errors
    /// The process is gone.
    pub fn cpu(&self) -> Outcome<Duration> {
        cpu_of(&self.child.id().to_string())
    }

    /// Resident memory now, in MiB.
    ///
    /// # Errors
    /// The process is gone.
    pub fn resident_mib(&self) -> Outcome<f64> {
        self.status_mib("VmRSS:")
    }

    /// The most memory that was ever resident, in MiB.
    ///
    /// # Errors
    /// The process is gone.
    pub fn peak_mib(&self) -> Outcome<f64> {
        self.status_mib("VmHWM:")
    }

    fn status_mib(&self, key: &str) -> Outcome<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB")?.parse::<f64>().ok())
            .map(|kib| kib / 1024.0)
            .ok_or_else(|| wrong(format!("/proc/…/status has no {key}")))
    }

    /// Runs a load and tells the server's processor microseconds per answer beside its result.
    ///
    /// # Errors
    /// The load fails.
    pub fn cost<T>(&self, load: impl FnOnce() -> Outcome<(Tally, T)>) -> Outcome<(Tally, T, f64)> {
        let before = self.cpu()?;
        let (tally, rest) = load()?;
        let spent = self.cpu()?.saturating_sub(before);
        let each = spent.as_secs_f64() * 1e6 / tally.total().max(1) as f64;
        Ok((tally, rest, each))
    }

    /// Asks it to stop and waits.
    ///
    /// # Errors
    /// It does not stop in time, or not with success.
    pub fn stop(mut self) -> Outcome<()> {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            kill_process(pid, Signal::TERM)?;
        }
        let start = Instant::now();
        while start.elapsed() < STOP_PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() {
                    Ok(())
                } else {
                    Err(wrong(format!("the server stopped with {status}")))
                };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(wrong("the server did not stop"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Processor time that the load generator itself has used so far.
///
/// # Errors
/// `/proc` is not there.
pub fn own_cpu() -> Outcome<Duration> {
    cpu_of("self")
}

fn cpu_of(process: &str) -> Outcome<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let times = Times::read(&text).ok_or_else(|| wrong("/proc/…/stat cannot be read"))?;
    Ok(ticks(times.own))
}

/// Processor time of a process and of all that it started, those that have ended included; of these only what their
/// parent, the process itself, has heard of.
///
/// # Errors
/// It is gone, or `/proc` is not there.
pub fn family_cpu(process: u32) -> Outcome<Duration> {
    let mut sum = 0;
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // One that has just ended is in its parent's sum.
        let Ok(text) = std::fs::read_to_string(format!("/proc/{number}/stat")) else { continue };
        let Some(times) = Times::read(&text) else { continue };
        if number == process {
            sum += times.own + times.ended;
        } else if times.parent == process {
            sum += times.own;
        }
    }
    Ok(ticks(sum))
}

/// What `/proc/<pid>/stat` says of a process; see proc(5).
struct Times {
    parent: u32,
    /// Ticks of its own threads, user and system.
    own: u64,
    /// The same of children that have ended.
    ended: u64,
}

impl Times {
    fn read(text: &str) -> Option<Times> {
        // The name before the last parenthesis may hold spaces. After it the third field, the state, comes first.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Times {
            parent: u32::try_from(number(4)?).ok()?,
            own: number(14)? + number(15)?,
            ended: number(16)? + number(17)?,
        })
    }
}

fn ticks(count: u64) -> Duration {
    Duration::from_secs_f64(count as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn is_ready(address: SocketAddr) -> bool {
    ask_ready(address).unwrap_or(false)
}

fn ask_ready(address: SocketAddr) -> Outcome<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(&crate::wire::request("GET", "/health/ready", "Connection: close\r\n", ""))?;
    let (mut read, mut part) = (Vec::new(), [0_u8; 2048]);
    loop {
        let count = stream.read(&mut part)?;
        read.extend_from_slice(&part[..count]);
        if let Some(found) = frame(&read)? {
            return Ok(found.status == 200);
        }
        if count == 0 {
            return Ok(false);
        }
    }
}

/// Lifts the limit on open files to what the system allows, for this process and those it starts: a thousand
/// connections at once need more than the usual 1,024 at the generator's end.
///
/// # Errors
/// The system refuses.
pub fn lift_file_limit() -> Outcome<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Times;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_times() {
        let line = "7 (a) b (c) S 3 7 7 0 -1 0 1 2 0 0 11 12 13 14 20 0 1 0 5";
        let times = Times::read(line).unwrap();
        assert_eq!((times.parent, times.own, times.ended), (3, 23, 27));
    }
}
