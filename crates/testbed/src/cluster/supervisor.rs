//! How does a server die with the process that started it, whatever becomes of that?
//!
//! A shell holds the reading end of a pipe whose writing end only the test process has: the kernel closes it however the
//! process ends, and the shell ends the server and removes the folder.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::processes::Process;
use crate::programs::Owner;

const SCRIPT: &str = include_str!("supervisor.sh");

/// The shell. Dropping it ends the server and removes the folder, and waits until both are gone.
#[derive(Debug)]
pub(super) struct Supervisor {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Supervisor {
    /// Makes a folder and takes charge of it. `server` is the command that will start its server; what that and others say
    /// goes to `log` there.
    pub(super) fn new(owner: Owner, folder: &Path, server: &Command) -> Supervisor {
        let mut command = Command::new("sh");
        command.arg("-c").arg(SCRIPT).arg("supervisor").arg(folder);
        command.arg(server.get_program()).args(server.get_args());
        for (name, value) in server.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        owner.runs(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Not in the test's process group: what ends that must not end the cleaning.
        command.process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("sh: {error}"));
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let mut supervisor = Supervisor { child, orders, answers };
        let made = supervisor.answer() == 0;
        assert!(
            made,
            "the user who runs PostgreSQL cannot make {}: set TMPDIR to a folder in which every user can",
            folder.display()
        );
        supervisor
    }

    /// Runs a command to its end, in the folder and as its owner. False where it fails.
    ///
    /// Only what the command sets in its environment is known to it, beside what the server's does.
    pub(super) fn run(&mut self, command: &Command) -> bool {
        self.order(&format!("run {}", line(command))) == 0
    }

    /// Starts the server. The one that was started before must have ended.
    pub(super) fn start(&mut self) -> Process {
        Process::of(self.order("start")).expect("a process id")
    }

    fn order(&mut self, order: &str) -> i32 {
        let ordered = self.orders.as_mut().map(|orders| writeln!(orders, "{order}"));
        assert!(matches!(ordered, Some(Ok(()))), "the server's supervisor has ended: {ordered:?}");
        self.answer()
    }

    fn answer(&mut self) -> i32 {
        let mut answer = String::new();
        let read = self.answers.read_line(&mut answer);
        answer.trim().parse().unwrap_or_else(|_| panic!("the server's supervisor said {answer:?}: {read:?}"))
    }
}

/// A command as a shell reads it.
fn line(command: &Command) -> String {
    let quoted = |text: &OsStr| format!("'{}'", text.to_string_lossy().replace('\'', r"'\''"));
    let variables = command.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?)));
    let mut words: Vec<String> = variables.map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    words.extend(std::iter::once(command.get_program()).chain(command.get_args()).map(quoted));
    words.join(" ")
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.orders.take());
        drop(self.child.wait());
    }
}
