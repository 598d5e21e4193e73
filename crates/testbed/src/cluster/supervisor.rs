//! How does a server die with the process that started it, whatever becomes of that?
//!
//! A shell holds the reading end of a pipe whose writing end only the test process has: the kernel closes it however the
//! process ends, and the shell ends the server and removes the folder.

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
    /// Takes charge of a folder. `server` is the command that will start its server; what it says goes to `log` there.
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
        owner.runs(&mut command, folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Not in the test's process group: what ends that must not end the cleaning.
        command.process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!(
                "no shell in {} for the user who runs PostgreSQL: {error}. Every user must be able to enter the \
                 temporary folder; set TMPDIR to another",
                folder.display()
            )
        });
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        Supervisor { child, orders, answers }
    }

    /// Starts the server. The one that was started before must have ended.
    pub(super) fn start(&mut self) -> Process {
        let mut answer = String::new();
        let ordered = self.orders.as_mut().map(|orders| orders.write_all(b"start\n"));
        assert!(matches!(ordered, Some(Ok(()))), "the server's supervisor has ended: {ordered:?}");
        let read = self.answers.read_line(&mut answer);
        let process = answer.trim().parse().ok().and_then(Process::of);
        process.unwrap_or_else(|| panic!("the server's supervisor said {answer:?}: {read:?}"))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.orders.take());
        drop(self.child.wait());
    }
}
