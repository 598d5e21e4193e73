//! What does one line of an import or export file say?
//!
//! JSON Lines, one user a line. An import is all or nothing: the whole file is read for faults before anything is written.

use crate::Engine;
use crate::operator::OperatorError;
use crate::store::ImportSum;
use domain::change::Conflict;
use domain::event::{Actor, Event, EventKind};
use domain::record::Record;
use domain::time::Moment;
use domain::user::NewUser;
use std::io::{BufRead, Read as _};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use uuid::Uuid;

/// The longest line, in bytes.
const MAX_LINE_BYTES: u64 = 256 * 1024;

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFault {
    /// From 1.
    pub line: u64,
    /// One sentence.
    pub what: String,
}

/// How an import ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Lines read that hold a user.
    pub users: u64,
    /// Users added (or that would have been, in a dry run).
    pub added: u64,
    /// Users that were there already, just so.
    pub unchanged: u64,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportFault {
    /// Lines have faults; every one is listed.
    #[error("{} lines have faults; nothing was imported", .0.len())]
    Lines(Vec<RecordFault>),
    /// The file could not be read.
    #[error("the file could not be read: {0}")]
    File(#[from] std::io::Error),
    /// The engine did not carry it out.
    #[error(transparent)]
    Operator(#[from] OperatorError),
}

/// Lines of bounded length, with their numbers from 1. Empty lines are passed over.
struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = std::io::Result<(u64, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut line = Vec::new();
            match self.reader.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line) {
                Err(error) => return Some(Err(error)),
                Ok(0) => return None,
                Ok(_) => self.number += 1,
            }
            if line.len() as u64 > MAX_LINE_BYTES {
                let text = format!("line {} is longer than {MAX_LINE_BYTES} bytes", self.number);
                return Some(Err(std::io::Error::new(std::io::ErrorKind::InvalidData, text)));
            }
            if !line.trim_ascii().is_empty() {
                return Some(Ok((self.number, line)));
            }
        }
    }
}

fn read_line(line: &[u8], uuid: Uuid, now: Moment) -> Result<NewUser, Vec<String>> {
    let record: Record = serde_json::from_slice(line).map_err(|error| vec![error.to_string()])?;
    record.read(uuid, now)
}

impl Engine {
    /// Imports users from a file that can be read twice; `open` starts it from the beginning.
    ///
    /// `progress` counts users on their way into the store. With `dry_run` everything is checked and nothing kept.
    /// Refused: any fault in any line, all of them listed; then nothing is imported.
    pub async fn import<R, F>(
        &self,
        open: F,
        progress: Arc<AtomicU64>,
        dry_run: bool,
    ) -> Result<ImportReport, ImportFault>
    where
        R: BufRead + Send + 'static,
        F: Fn() -> std::io::Result<R>,
    {
        let now = self.clock().now();
        let numbers = self.check_lines(open()?, now)?;
        let seed = self.chance().uuid().map_err(OperatorError::from)?;
        let lines = Lines { reader: open()?, number: 0 };
        // Every line was good a moment ago; one that is not any more makes the count differ, which is told below.
        let mut place = 0;
        let users = lines.map_while(Result::ok).filter_map(move |(_, line)| {
            place += 1;
            read_line(&line, nth_uuid(seed, place), now).ok()
        });
        let event = Event::inside(EventKind::Imported, now, Actor::Operator, "user import");
        let event = (!dry_run).then_some(event);
        let sum = match self.store().import(users, progress, event).await.map_err(OperatorError::from)? {
            Ok(sum) => sum,
            Err(conflicts) => return Err(ImportFault::Lines(conflict_faults(&conflicts, &numbers))),
        };
        let ImportSum { added, unchanged } = sum;
        Ok(ImportReport { users: numbers.len() as u64, added, unchanged })
    }

    /// The numbers of the lines that hold users, or everything that is wrong with any line.
    fn check_lines<R: BufRead>(&self, reader: R, now: Moment) -> Result<Vec<u64>, ImportFault> {
        let (mut numbers, mut faults) = (Vec::new(), Vec::new());
        for line in (Lines { reader, number: 0 }) {
            let (number, line) = line?;
            numbers.push(number);
            if let Err(all) = read_line(&line, Uuid::nil(), now) {
                faults.extend(all.into_iter().map(|what| RecordFault { line: number, what }));
            }
        }
        if faults.is_empty() { Ok(numbers) } else { Err(ImportFault::Lines(faults)) }
    }
}

/// UUIDs of one import: random at large, distinct within.
fn nth_uuid(seed: Uuid, place: u128) -> Uuid {
    let mixed = seed.as_u128() ^ (place.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    uuid::Builder::from_u128(mixed)
        .with_variant(uuid::Variant::RFC4122)
        .with_version(uuid::Version::Random)
        .into_uuid()
}

fn conflict_faults(conflicts: &[(usize, Conflict)], numbers: &[u64]) -> Vec<RecordFault> {
    let what = |conflict: &Conflict| match conflict {
        Conflict::EmailTaken => "email belongs to another user, in this file or here",
        Conflict::UsernameTaken => "username belongs to another user, in this file or here",
        Conflict::IdTaken => "id or uuid belongs to another user, in this file or here",
        Conflict::Stale | Conflict::LastAdministrator | Conflict::BootstrapClosed => {
            "the user was changed while the file was read"
        }
    };
    conflicts
        .iter()
        .map(|(place, conflict)| RecordFault {
            line: numbers.get(*place).copied().unwrap_or(0),
            what: what(conflict).to_owned(),
        })
        .collect()
}
