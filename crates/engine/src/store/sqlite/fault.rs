//! What does a failure of SQLite mean for a change list and for the store?

use crate::error::Fault;
use crate::store::step::Unfit;
use domain::change::Conflict;
use rusqlite::ffi;

/// Why a change list was not applied.
#[derive(Debug)]
pub(super) enum Halt {
    /// It meets what is stored.
    Conflict(Conflict),
    /// SQLite failed.
    Failed(rusqlite::Error),
    /// What was read or is to be written can not be.
    Broken(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Halt {
        Halt::Broken(fault)
    }
}

impl From<Unfit> for Halt {
    fn from(unfit: Unfit) -> Halt {
        match unfit {
            Unfit::Conflict(conflict) => Halt::Conflict(conflict),
            Unfit::Fault(fault) => Halt::Broken(fault),
        }
    }
}

impl From<rusqlite::Error> for Halt {
    fn from(error: rusqlite::Error) -> Halt {
        match conflict(&error) {
            Some(conflict) => Halt::Conflict(conflict),
            None => Halt::Failed(error),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        if error.sqlite_error().is_some() {
            Fault::Database(error.to_string())
        } else {
            // The statement ran, but a value has another type than the column is written with.
            Fault::Corrupt(error.to_string())
        }
    }
}

/// The unique column that a statement ran into, told by SQLite's own wording `table.column`.
fn conflict(error: &rusqlite::Error) -> Option<Conflict> {
    let rusqlite::Error::SqliteFailure(failure, Some(message)) = error else { return None };
    if !matches!(
        failure.extended_code,
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID
    ) {
        return None;
    }
    match message.rsplit(' ').next()? {
        "users.email_key" => Some(Conflict::EmailTaken),
        "users.username_key" => Some(Conflict::UsernameTaken),
        "users.id" | "users.uuid" => Some(Conflict::IdTaken),
        "sessions.id" | "avatars.name" => Some(Conflict::Stale),
        _ => None,
    }
}

/// Whether nothing may be written any more until an operator has looked and restarted (REL-05, REL-26).
///
/// A full or read-only disk can come back. After a failed fsync the kernel may have dropped the pages and report
/// success the next time, so no later success can be believed.
pub(super) fn is_fatal(error: &rusqlite::Error) -> bool {
    let Some(failure) = error.sqlite_error() else { return false };
    match failure.extended_code {
        // These fail before anything was to be synced: no room for the shared index, no memory.
        ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_NOMEM => false,
        code => matches!(code & 0xff, ffi::SQLITE_IOERR | ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB),
    }
}
