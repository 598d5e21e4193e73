//! Who may look at the database now?

use super::connection;
use crate::error::{Fault, OpenError};
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A look takes microseconds, so nobody waits this long unless something is stuck.
const PATIENCE: Duration = Duration::from_secs(1);

/// Connections that can only read. The one used last is used next, because its cache is warm.
#[derive(Debug)]
pub(super) struct Readers {
    shelf: Mutex<Shelf>,
    freed: Condvar,
}

/// Connections nobody uses, and how many wait for one: without anybody waiting, giving back costs no system call.
#[derive(Debug)]
struct Shelf {
    idle: Vec<Connection>,
    waiting: usize,
}

impl Readers {
    /// Two more than there are cores: a scan on the side does not hold up a request.
    pub fn open(path: &Path) -> Result<Readers, OpenError> {
        let count = std::thread::available_parallelism().map_or(2, usize::from) + 2;
        let idle = (0..count).map(|_| connection::open_reader(path)).collect::<Result<_, _>>()?;
        Ok(Readers { shelf: Mutex::new(Shelf { idle, waiting: 0 }), freed: Condvar::new() })
    }

    /// Looks through one of the connections.
    pub fn look<T>(&self, look: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let lent = Lent { conn: Some(self.take()?), readers: self };
        lent.conn.as_ref().map_or(Err(Fault::Gone("a reader")), look)
    }

    fn take(&self) -> Result<Connection, Fault> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(conn) = shelf.idle.pop() {
            return Ok(conn);
        }
        shelf.waiting += 1;
        let (mut shelf, _) = self
            .freed
            .wait_timeout_while(shelf, PATIENCE, |shelf| shelf.idle.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        shelf.waiting -= 1;
        shelf.idle.pop().ok_or_else(|| Fault::Database("all readers are busy".to_owned()))
    }
}

/// Goes back to the others however the look ends.
struct Lent<'a> {
    conn: Option<Connection>,
    readers: &'a Readers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            let mut shelf = self.readers.shelf.lock().unwrap_or_else(PoisonError::into_inner);
            shelf.idle.push(conn);
            let wanted = shelf.waiting > 0;
            drop(shelf);
            if wanted {
                self.readers.freed.notify_one();
            }
        }
    }
}
