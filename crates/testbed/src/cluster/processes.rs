//! How are a server and all its processes stopped in their tracks, woken and killed?

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::machine::wait_for;

/// A server's first process, the parent of all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process(Pid);

impl Process {
    pub(super) fn of(number: i32) -> Option<Process> {
        Pid::from_raw(number).map(Process)
    }

    pub(super) fn number(self) -> i32 {
        self.0.as_raw_nonzero().get()
    }

    /// Whether it runs or is stopped. One that ended and was not waited for does not.
    pub(super) fn lives(self) -> bool {
        look(self.number()).is_some_and(|(state, _)| !['Z', 'X'].contains(&state))
    }

    /// The signal to this process alone. One that has just ended does not mind.
    pub(super) fn signal(self, signal: Signal) {
        match kill_process(self.0, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => panic!("{signal:?} to process {}: {error}", self.number()),
        }
    }

    /// Stops it and all its children; nothing runs when this returns.
    pub(super) fn pause(self) {
        // The parent first: it makes no children then.
        self.freeze();
        for child in self.children() {
            child.freeze();
        }
    }

    /// Lets all go on.
    pub(super) fn resume(self) {
        for process in self.children().into_iter().chain([self]) {
            process.signal(Signal::CONT);
        }
    }

    /// Kills all at once, as if the machine had lost its power; nothing lives when this returns.
    pub(super) fn kill(self) {
        self.freeze();
        let all: Vec<Process> = self.children().into_iter().chain([self]).collect();
        for process in &all {
            process.signal(Signal::KILL);
        }
        for process in &all {
            wait_for("a killed process", || (!process.lives()).then_some(()));
        }
    }

    fn freeze(self) {
        self.signal(Signal::STOP);
        let still = || look(self.number()).is_none_or(|(state, _)| ['T', 'Z', 'X'].contains(&state));
        wait_for("a process to stop", || still().then_some(()));
    }

    fn children(self) -> Vec<Process> {
        let entries = fs::read_dir("/proc").unwrap_or_else(|error| panic!("/proc: {error}"));
        let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let own = numbers.filter(|number| look(*number).is_some_and(|(_, parent)| parent == self.number()));
        own.filter_map(Process::of).collect()
    }
}

/// State and parent of a process.
fn look(number: i32) -> Option<(char, i32)> {
    let line = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The name in brackets before may hold anything.
    let (_, rest) = line.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}
