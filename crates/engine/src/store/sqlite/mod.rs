//! How does one file hold everything, for one process that writes?

mod connection;
mod copy;
mod fault;
mod file;
mod import;
mod master;
mod migrate;
mod readers;
mod recent;
mod transaction;
mod writer;

#[cfg(test)]
mod tests;

use super::row::Row;
use super::value::Value;
use super::{GONE, ImportSum, refuse, sessions};
use crate::error::{Fault, OpenError};
use crate::store::feed::Feed;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use domain::change::{Applied, Change, Conflict};
use domain::event::Event;
use domain::id::SessionId;
use domain::seal::MasterKeyId;
use domain::session::Session;
use domain::trail::TrailKey;
use domain::user::Account;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;
use writer::{List, Request, Stopped, Writer};

pub(super) use copy::CopySide;
pub(super) use master::{is_bound, sealed_keys};

/// A database file, open.
pub(super) struct Sqlite {
    // Dropped in this order: readers before the writer, so that the writer closes last and carries over the log.
    readers: Option<readers::Readers>,
    queue: Option<Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    stopped: Arc<Stopped>,
    // After the connections: see `Recent`.
    recent: recent::Recent,
    _home: file::Home,
}

impl Sqlite {
    /// Opens the database; creates it if there is none, and brings its tables up to date. Without a path it is in memory
    /// as far as anybody can tell, and gone with the store.
    ///
    /// Refused, with nothing changed: an old SQLite, a network file system, a disk where log or sync can not be
    /// had, a damaged or foreign file, a schema newer than this program (REL-04, REL-05, REL-40); secrets that are
    /// sealed under another master key (REL-33); a copy that is not finished.
    pub fn open(path: Option<&Path>, trail: Arc<TrailKey>, master: MasterKeyId) -> Result<Sqlite, OpenError> {
        connection::check_version()?;
        let home = file::Home::make(path)?;
        let lock = home.lock()?;
        home.prepare()?;
        let mut conn = connection::open_writer(home.path())?;
        connection::check_owner(&conn, home.path())?;
        migrate::migrate(&mut conn, home.path(), migrate::MIGRATIONS)?;
        copy::check_finished(&conn, home.path())?;
        master::bind(&conn, home.path(), master)?;
        drop(lock);
        let readers = readers::Readers::open(home.path())?;
        let recent = recent::Recent::open(home.path())?;
        let stopped = Arc::new(Stopped::new());
        let (queue, waiting) = bounded(writer::QUEUE);
        let writer = Writer::new(home.path().to_owned(), conn, trail, Arc::clone(&stopped));
        let writer = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writer.work(&waiting))
            .map_err(|error| refuse(format!("no thread to write the database: {error}")))?;
        Ok(Sqlite {
            readers: Some(readers),
            queue: Some(queue),
            writer: Some(writer),
            stopped,
            recent,
            _home: home,
        })
    }

    /// Applies a list of changes; see [`super::Store::record`].
    pub async fn record(&self, changes: Vec<Change>) -> Result<Result<Applied, Conflict>, Fault> {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Record(List { changes, answer }))?;
        answered.await.map_err(|_| GONE)?
    }

    /// Adds users; see [`super::Store::import`].
    pub async fn import(
        &self,
        feed: Receiver<Feed>,
        event: Option<Event>,
    ) -> Result<Result<ImportSum, Vec<(usize, Conflict)>>, Fault> {
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Import(import::Import { feed, event, answer }))?;
        answered.await.map_err(|_| GONE)?
    }

    /// The first row of a statement. Runs where it is called: it takes microseconds.
    pub fn one<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        self.look(|conn| transaction::one(conn, sql, values, read))
    }

    /// All rows of a statement.
    pub fn all<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        self.look(|conn| transaction::all(conn, sql, values, read))
    }

    /// A session, ended or not, with its user.
    pub fn session(&self, id: SessionId) -> Result<Option<(Session, Account)>, Fault> {
        let look = || self.one(sessions::WITH_ACCOUNT.sqlite, &[Value::Int(id.0)], sessions::read);
        let Some(mark) = self.recent.mark() else { return look() };
        if let Some(found) = self.recent.get(mark, id) {
            return Ok(Some((*found).clone()));
        }
        let found = look()?;
        if let Some(found) = &found {
            self.recent.put(mark, id, Arc::new(found.clone()));
        }
        Ok(found)
    }

    /// Whether changes can be recorded; false for good once the disk has failed to keep what it was given.
    pub fn is_writable(&self) -> bool {
        self.stopped.get().is_none() && self.writer.as_ref().is_some_and(|writer| !writer.is_finished())
    }

    fn look<T>(&self, look: impl FnOnce(&rusqlite::Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.readers.as_ref().ok_or(GONE)?.look(look)
    }

    fn ask(&self, request: Request) -> Result<(), Fault> {
        if let Some(why) = self.stopped.get() {
            return Err(Fault::Database(why.clone()));
        }
        match self.queue.as_ref().ok_or(GONE)?.try_send(request) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Fault::Database("the writer's queue is full".to_owned())),
            Err(TrySendError::Disconnected(_)) => Err(GONE),
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.readers.take();
        self.queue.take();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer of the database has panicked");
        }
    }
}
