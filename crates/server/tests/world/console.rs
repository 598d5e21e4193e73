//! How does a test run the program on a command line, and what does the program say?

use super::Home;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// How a command ended.
#[derive(Debug)]
pub struct Said {
    /// Exit code; -1 after a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Standard output of a command that must have gone well.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }
}

/// The program in a folder, with hashes that cost little.
pub fn command(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).current_dir(home.path("")).env("COUNTERSIGN_HASHING__MEMORY_KIB", "64");
    command
}

/// Runs a command to its end.
pub fn run(home: &Home, arguments: &[&str]) -> Said {
    run_with(home, arguments, "")
}

/// With more in its environment.
pub fn run_in(home: &Home, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    said(command(home, arguments).envs(environment.iter().copied()).output().unwrap())
}

/// With a text on its standard input.
pub fn run_with(home: &Home, arguments: &[&str], input: &str) -> Said {
    let mut command = command(home, arguments);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    said(child.wait_with_output().unwrap())
}

/// What a command said that has ended.
pub fn said(Output { status, stdout, stderr }: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}
