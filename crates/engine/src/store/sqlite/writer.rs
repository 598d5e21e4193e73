//! When is a change list durable, and who is told?

use super::connection;
use super::fault::{Halt, is_fatal};
use super::import::{self, Import};
use super::transaction::{Chain, apply, run};
use crate::error::Fault;
use crossbeam_channel::Receiver;
use domain::change::{Applied, Change, Conflict};
use domain::trail::TrailKey;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;

/// How many lists may wait; more are turned away at once.
pub(super) const QUEUE: usize = 4096;
/// How many lists share one commit.
const BATCH: usize = 256;
/// The log is carried over into the database once it has this many pages (4 KiB each) that are not there yet.
const CHECKPOINT_PAGES: i64 = 1000;

/// What a list is answered with.
pub(super) type Answer = Result<Result<Applied, Conflict>, Fault>;

/// A list that waits.
pub(super) struct List {
    pub changes: Vec<Change>,
    pub answer: oneshot::Sender<Answer>,
}

/// What the writer can be asked.
pub(super) enum Request {
    /// Apply a list.
    Record(List),
    /// Add many users at once.
    Import(Import),
    /// Do anything, in the place of a list.
    #[cfg(test)]
    Run(Box<dyn FnOnce(&Connection) + Send>),
}

/// Why nothing is written any more, once that is so.
pub(super) type Stopped = OnceLock<String>;

/// The one thread that writes.
pub(super) struct Writer {
    path: PathBuf,
    conn: Connection,
    trail: Arc<TrailKey>,
    stopped: Arc<Stopped>,
}

impl Writer {
    pub fn new(path: PathBuf, conn: Connection, trail: Arc<TrailKey>, stopped: Arc<Stopped>) -> Writer {
        Writer { path, conn, trail, stopped }
    }

    /// Works until nobody can ask any more and all that was asked is answered.
    pub fn work(mut self, queue: &Receiver<Request>) {
        while let Ok(request) = queue.recv() {
            let mut next = Some(request);
            let mut batch = Vec::new();
            while let Some(request) = next.take() {
                match request {
                    Request::Record(list) => {
                        batch.push(list);
                        if batch.len() < BATCH {
                            next = queue.try_recv().ok();
                        }
                    }
                    Request::Import(import) => {
                        self.commit(std::mem::take(&mut batch));
                        self.import(import);
                    }
                    #[cfg(test)]
                    Request::Run(anything) => {
                        self.commit(std::mem::take(&mut batch));
                        drop(self.guarded(|conn, _| {
                            anything(conn);
                            Ok(())
                        }));
                    }
                }
            }
            self.commit(batch);
            self.checkpoint("NOOP");
        }
        if self.stopped.get().is_none() {
            self.checkpoint("TRUNCATE");
        }
        if let Err((_, error)) = self.conn.close() {
            tracing::error!(%error, "the database was not closed properly");
        }
    }

    /// Commits the lists together and answers each once they are on the disk.
    fn commit(&mut self, batch: Vec<List>) {
        if batch.is_empty() {
            return;
        }
        match self.guarded(|conn, key| write(conn, key, &batch)) {
            Ok(answers) => {
                for (list, answer) in batch.into_iter().zip(answers) {
                    // Whoever asked may have gone; what was asked is done all the same.
                    drop(list.answer.send(answer));
                }
            }
            Err(why) => {
                for list in batch {
                    drop(list.answer.send(Err(Fault::Database(why.clone()))));
                }
            }
        }
    }

    fn import(&mut self, import: Import) {
        let Import { feed, event, answer } = import;
        let answered = match self.guarded(|conn, key| import::run(conn, key, &feed, event)) {
            Ok(result) => result,
            Err(why) => Err(Fault::Database(why)),
        };
        drop(answer.send(answered));
    }

    /// Runs a piece of work that ends its own transaction. When it fails or panics nothing of it is left.
    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&Connection, &TrailKey) -> rusqlite::Result<T>,
    ) -> Result<T, String> {
        if let Some(why) = self.stopped.get() {
            return Err(why.clone());
        }
        let (conn, key) = (&self.conn, &self.trail);
        match catch_unwind(AssertUnwindSafe(|| work(conn, key))) {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => {
                self.failed(&error);
                if !self.conn.is_autocommit()
                    && let Err(error) = self.conn.execute_batch("ROLLBACK")
                {
                    self.stop(format!("a transaction can not be undone: {error}"));
                }
                Err(self.stopped.get().cloned().unwrap_or_else(|| error.to_string()))
            }
            Err(_) => {
                self.reopen();
                Err("the writer panicked; nothing of this was written".to_owned())
            }
        }
    }

    /// Nobody knows in which state a panic left the connection; closing it undoes what was not committed.
    fn reopen(&mut self) {
        match connection::open_writer(&self.path) {
            Ok(conn) => self.conn = conn,
            Err(error) => self.stop(error.to_string()),
        }
    }

    fn failed(&self, error: &rusqlite::Error) {
        if is_fatal(error) {
            self.stop(error.to_string());
        }
    }

    /// Nothing is written from now on, not even what closing would carry over from the log (REL-26).
    fn stop(&self, why: String) {
        let why = format!("nothing is written any more until a restart, because of: {why}");
        tracing::error!(path = %self.path.display(), "{why}");
        drop(self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
        drop(self.stopped.set(why));
    }

    /// `NOOP` looks how long the log is and goes on only if it is long.
    fn checkpoint(&self, mode: &str) {
        if self.stopped.get().is_some() {
            return;
        }
        let pages = self.conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
        });
        match pages {
            Ok(pages) if mode == "NOOP" && pages >= CHECKPOINT_PAGES => self.checkpoint("PASSIVE"),
            Ok(_) => {}
            Err(error) => self.failed(&error),
        }
    }
}

/// Applies the lists in one transaction; each stands for itself.
fn write(conn: &Connection, key: &TrailKey, batch: &[List]) -> rusqlite::Result<Vec<Answer>> {
    run(conn, "BEGIN IMMEDIATE")?;
    let mut chain = Chain::new(key);
    let mut answers = Vec::with_capacity(batch.len());
    for list in batch {
        answers.push(match apply(conn, &mut chain, &list.changes) {
            Ok(applied) => Ok(Ok(applied)),
            Err(Halt::Conflict(conflict)) => Ok(Err(conflict)),
            Err(Halt::Failed(error)) if conn.is_autocommit() || is_fatal(&error) => return Err(error),
            Err(Halt::Failed(error)) => Err(Fault::from(error)),
            Err(Halt::Broken(fault)) => Err(fault),
        });
    }
    chain.finish(conn)?;
    run(conn, "COMMIT")?;
    Ok(answers)
}
