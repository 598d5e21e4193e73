//! Which sessions were read since the last commit of anybody?
//!
//! In WAL mode every commit, by this process or another one, rewrites the header at the start of the `-shm` file
//! (SQLite, "WAL-mode File Format", section 2.1: two copies of 48 bytes with counters, salts and checksums). As long as
//! those bytes are the same, what was read before is what SQLite would read now. A torn read differs and counts as a
//! change. So a profile asked for twice costs one small read instead of a transaction, and a revocation is still seen
//! by the first look after its commit.

use crate::error::OpenError;
use domain::id::SessionId;
use domain::session::Session;
use domain::user::Account;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// One copy of the header.
const HEADER_BYTES: usize = 48;
/// Most sessions that are remembered; beyond it all are forgotten.
const MOST: usize = 4096;

/// The state of the database when something was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark([u8; HEADER_BYTES]);

/// A session with its user, shared by all who look.
pub(super) type Found = Arc<(Session, Account)>;

/// Sessions that were read since the last commit.
///
/// Must live as long as the connections: closing a file lets go of all locks that the process holds on it.
#[derive(Debug)]
pub(super) struct Recent {
    shm: File,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    mark: Mark,
    sessions: HashMap<SessionId, Found>,
}

impl Recent {
    /// Watches the database at `path`, which must be open in WAL mode.
    pub fn open(path: &Path) -> Result<Recent, OpenError> {
        let mut name = path.as_os_str().to_owned();
        name.push("-shm");
        let shm = File::open(&name)
            .map_err(|error| crate::store::refuse(format!("{}: {error}", Path::new(&name).display())))?;
        let read = Read { mark: Mark([0; HEADER_BYTES]), sessions: HashMap::new() };
        Ok(Recent { shm, read: Mutex::new(read) })
    }

    /// The present state; take it before a look whose result is to be remembered. None when it can not be read.
    pub fn mark(&self) -> Option<Mark> {
        let mut header = [0; HEADER_BYTES];
        self.shm.read_exact_at(&mut header, 0).ok()?;
        Some(Mark(header))
    }

    /// A session as SQLite would read it in this state, if it was read in it before.
    pub fn get(&self, mark: Mark, id: SessionId) -> Option<Found> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.mark == mark { read.sessions.get(&id).cloned() } else { None }
    }

    /// Remembers a session that was read after `mark` was taken.
    pub fn put(&self, mark: Mark, id: SessionId, found: Found) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.mark != mark || read.sessions.len() >= MOST {
            read.sessions.clear();
            read.mark = mark;
        }
        read.sessions.insert(id, found);
    }
}
