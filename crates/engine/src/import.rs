//! What does one line of an import or export file say?
//!
//! JSON Lines, one user a line. An import is all or nothing: the whole file is read for faults before anything is written.

use crate::Engine;
use crate::operator::OperatorError;
use crate::store::ImportSum;
use domain::change::Conflict;
use domain::event::{Actor, Event, EventKind};
use domain::id::UserId;
use domain::identifier::{EmailKey, UsernameKey};
use domain::password::Stored;
use domain::time::Moment;
use domain::user::{Account, NewUser, Status, StoredHash};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::io::{BufRead, Read as _};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use uuid::Uuid;

/// The longest line, in bytes.
const MAX_LINE_BYTES: u64 = 256 * 1024;

/// One user in a file. Everything may be left out but one of `username` and `email`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// Integer id, kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// Opaque id, kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// User name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether control of the mailbox was proved.
    pub email_verified: bool,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Path or URL of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Role by name.
    pub role: Option<String>,
    /// Permissions by name.
    pub permissions: Option<Vec<String>>,
    /// `active`, `inactive` or `suspended`; active when left out.
    pub status: Option<String>,
    /// Custom attributes.
    pub attributes: Option<Map<String, Value>>,
    /// A hash of a known scheme, or a mark for "no password".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<StoredHashText>,
    /// RFC 3339; the moment of the import when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<String>,
}

/// A password hash in a file. Prints nothing of itself.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct StoredHashText(String);

impl std::fmt::Debug for StoredHashText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredHashText(…)")
    }
}

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

impl Record {
    /// The user as an export writes it, password hash included.
    pub fn of(account: &Account) -> Record {
        let user = &account.user;
        let stamp = |at: Moment| at.rfc3339(3);
        Record {
            id: Some(user.id.0),
            uuid: Some(user.uuid),
            username: user.username.clone(),
            email: user.email.clone(),
            email_verified: user.email_verified,
            first_name: Some(user.first_name.clone()),
            last_name: Some(user.last_name.clone()),
            phone_number: user.phone_number.clone(),
            avatar: user.avatar.clone(),
            role: Some(user.role.clone()),
            permissions: Some(user.permissions.clone()),
            status: Some(user.status.name().to_owned()),
            attributes: Some(user.attributes.clone()),
            password_hash: account.password_hash.as_ref().map(|hash| StoredHashText(hash.0.clone())),
            created_at: Some(stamp(user.created_at)),
            last_login_at: user.last_login_at.map(stamp),
        }
    }

    /// The user to be added. Refused with everything that is wrong: identifiers, status, hash, dates.
    pub fn read(self, uuid: Uuid, now: Moment) -> Result<NewUser, Vec<String>> {
        let mut faults = Vec::new();
        let username = self.username.filter(|text| !text.is_empty()).and_then(|text| {
            keep(
                UsernameKey::parse(&text),
                "username is empty, too long or has control characters",
                &mut faults,
            )
            .map(|key| (text.trim().to_owned(), key))
        });
        let email = self.email.filter(|text| !text.is_empty()).and_then(|text| {
            keep(EmailKey::parse(&text), "email is not an e-mail address", &mut faults)
                .map(|key| (text.trim().to_owned(), key))
        });
        if faults.is_empty() && username.is_none() && email.is_none() {
            faults.push("neither username nor email is given".to_owned());
        }
        if self.id.is_some_and(|id| id < 1) {
            faults.push("id is not a positive integer".to_owned());
        }
        let status = self.status.as_deref().map_or(Some(Status::Active), Status::parse);
        let status = keep(status, "status is none of active, inactive, suspended", &mut faults);
        let password_hash = self.password_hash.and_then(|hash| read_hash(hash.0, &mut faults));
        let created_at = read_moment(self.created_at.as_deref(), "created_at", &mut faults);
        let last_login_at = read_moment(self.last_login_at.as_deref(), "last_login_at", &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(NewUser {
            id: self.id.map(UserId),
            uuid: self.uuid.unwrap_or(uuid),
            uuid_is_new: self.uuid.is_none(),
            username,
            email,
            email_verified: self.email_verified,
            first_name: self.first_name.unwrap_or_default(),
            last_name: self.last_name.unwrap_or_default(),
            phone_number: self.phone_number,
            avatar: self.avatar,
            role: self.role.unwrap_or_default(),
            permissions: self.permissions.unwrap_or_default(),
            status: status.unwrap_or(Status::Inactive),
            attributes: self.attributes.unwrap_or_default(),
            password_hash,
            last_login_at,
            created_at: created_at.unwrap_or(now),
        })
    }
}

fn keep<T>(value: Option<T>, fault: &str, faults: &mut Vec<String>) -> Option<T> {
    if value.is_none() {
        faults.push(fault.to_owned());
    }
    value
}

fn read_hash(text: String, faults: &mut Vec<String>) -> Option<StoredHash> {
    match Stored::parse(&text) {
        Ok(Stored::Usable(_)) => Some(StoredHash(text)),
        Ok(Stored::Unusable) => None,
        Err(fault) => {
            faults.push(format!("password_hash: {fault}"));
            None
        }
    }
}

fn read_moment(text: Option<&str>, name: &str, faults: &mut Vec<String>) -> Option<Moment> {
    let text = text?;
    let moment = Moment::parse_rfc3339(text);
    keep(moment, &format!("{name} is not a date and time like 2024-01-31T12:00:00Z"), faults)
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
