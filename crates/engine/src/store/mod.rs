//! Where is what happened kept, and when is it durable?
//!
//! Looks are answered by connections that only read. Change lists are applied whole or not at all, and answered when
//! they are durable. Nothing here judges: a list is applied or conflicts. Two databases keep the same promises: one
//! file of SQLite for one machine, PostgreSQL for several.

mod address;
mod admin;
mod apply;
mod avatars;
mod copy;
mod events;
mod factors;
mod failures;
mod feed;
mod keys;
mod links;
mod looks;
mod outbox;
mod phases;
mod postgres;
mod row;
mod schemes;
mod sessions;
mod sql;
mod sqlite;
mod step;
mod trail;
mod users;
mod value;

#[cfg(test)]
mod tests;

use crate::error::{Fault, OpenError};
use domain::change::{Applied, Change, Conflict};
use domain::event::Event;
use domain::seal::MasterKeyId;
use domain::trail::{Seal, TrailKey};
use domain::user::NewUser;
use postgres::Postgres;
pub(crate) use postgres::Shares;
use row::Row;
use sql::Sql;
use sqlite::Sqlite;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use value::Value;

pub use address::{AddressFault, PostgresAddress, PostgresSettings, PostgresTls, SynchronousCommit};
pub use copy::{CopiedTable, CopyFault, CopyOrder, CopyReport, CopyStep, copy, rehearse};
pub use feed::Broken;
pub use keys::sealed_keys;
pub use outbox::Waiting;
pub use postgres::{Elsewhere, connect_elsewhere};

/// Where a store is kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// In this file and those beside it.
    File(PathBuf),
    /// In this PostgreSQL.
    Postgres(Box<PostgresAddress>, PostgresSettings),
    /// Nowhere: it is empty at first and gone with the store. For tests and rehearsals.
    Memory,
}

/// Which of the names that were asked for belong to somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The address.
    pub email: bool,
    /// The user name.
    pub username: bool,
}

/// When the database was away, as this process saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// So long ago it was noticed.
    pub began: Duration,
    /// So long ago it was over; nothing while it lasts.
    pub ended: Duration,
}

/// What an import did, or would have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportSum {
    /// Users who were not there.
    pub added: u64,
    /// Users who were there: the same id or UUID, the same address and user name.
    pub unchanged: u64,
}

/// The end of the trail at one moment.
#[derive(Clone, Debug, Default)]
pub struct TrailEnd {
    /// The number of the last event; 0 = there is none.
    pub last: i64,
    /// Strand, place and seal of each head.
    pub heads: Vec<(i64, i64, Seal)>,
}

/// The version of the SQLite that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Whether a database is there that is bound to a master key. Changes nothing.
pub async fn is_bound(place: &Place) -> Result<bool, OpenError> {
    match place {
        Place::File(path) => sqlite::is_bound(path),
        Place::Memory => Ok(false),
        Place::Postgres(address, settings) => postgres::is_bound(address, settings).await,
    }
}

enum Backend {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

/// The database of one server. Dropping it finishes what was asked and closes it.
pub struct Store {
    backend: Backend,
    trail: Arc<TrailKey>,
    posted: Arc<Notify>,
}

impl Store {
    /// Opens the database; creates its tables if there are none, and brings them up to date.
    ///
    /// Refused, with nothing changed: a database that can not keep what it is given (REL-04, REL-05), a schema newer
    /// than this program (REL-40), secrets that are sealed under another master key (REL-33).
    pub async fn open_with(
        place: &Place,
        trail: Arc<TrailKey>,
        master: MasterKeyId,
    ) -> Result<Store, OpenError> {
        let posted = Arc::new(Notify::new());
        let backend = match place {
            Place::File(path) => {
                Backend::Sqlite(Arc::new(Sqlite::open(Some(path), Arc::clone(&trail), master)?))
            }
            Place::Memory => Backend::Sqlite(Arc::new(Sqlite::open(None, Arc::clone(&trail), master)?)),
            Place::Postgres(address, settings) => Backend::Postgres(Arc::new(
                Postgres::open(address, settings, Arc::clone(&trail), master, Arc::clone(&posted)).await?,
            )),
        };
        Ok(Store { backend, trail, posted })
    }

    /// Applies a list of changes, whole or not at all. Answers once it is durable.
    ///
    /// It is applied even if the caller stops waiting. Fails at once when too many lists wait (REL-26: and when the
    /// disk has failed before).
    pub async fn record(&self, changes: Vec<Change>) -> Result<Result<Applied, Conflict>, Fault> {
        if changes.is_empty() {
            return Ok(Ok(Applied::default()));
        }
        let posts = changes.iter().any(|change| matches!(change, Change::Post(_) | Change::Offer(_)));
        let recorded = match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.record(changes).await,
            Backend::Postgres(postgres) => postgres.record(changes).await,
        };
        if posts && matches!(recorded, Ok(Ok(_))) {
            self.posted.notify_one();
            if let Backend::Postgres(postgres) = &self.backend {
                postgres.wake_others();
            }
        }
        recorded
    }

    /// Adds users in one transaction: all of them, or none and the conflicts by their place from 0, at most 1000.
    ///
    /// Users who are there already are left as they are. The event is noted with them; without one nothing is kept.
    /// A list that breaks off is a fault, and nothing is kept. On SQLite other changes wait until it is done.
    pub async fn import(
        &self,
        users: impl Iterator<Item = Result<NewUser, Broken>> + Send + 'static,
        event: Option<Event>,
    ) -> Result<Result<ImportSum, Vec<(usize, Conflict)>>, Fault> {
        let feed = feed::feed(users)?;
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.import(feed, event).await,
            Backend::Postgres(postgres) => postgres.import(feed, event).await,
        }
    }

    /// The key of the trail.
    pub fn trail_key(&self) -> &TrailKey {
        &self.trail
    }

    /// Is ready once a letter was posted since the last time.
    pub fn posted(&self) -> impl Future<Output = ()> + use<> {
        let posted = Arc::clone(&self.posted);
        async move { posted.notified().await }
    }

    /// What all nodes count together; none where there is only one.
    pub fn shares(&self) -> Option<&Shares> {
        match &self.backend {
            Backend::Sqlite(_) => None,
            Backend::Postgres(postgres) => Some(postgres.shares()),
        }
    }

    /// Whether this node does a work in the background for the next ten seconds. With one node: always.
    pub async fn leads(&self, work: &str) -> Result<bool, Fault> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(true),
            Backend::Postgres(postgres) => postgres.leads(work).await,
        }
    }

    /// Lets other nodes take over the work in the background at once.
    pub async fn step_down(&self) -> Result<(), Fault> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(postgres) => postgres.step_down().await,
        }
    }

    /// Whether changes can be recorded at this moment.
    pub fn is_writable(&self) -> bool {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.is_writable(),
            Backend::Postgres(postgres) => postgres.is_writable(),
        }
    }

    /// When the database was away last, if it ever was. One in a file never is.
    pub fn last_outage(&self) -> Option<Outage> {
        match &self.backend {
            Backend::Sqlite(_) => None,
            Backend::Postgres(postgres) => postgres.last_outage(),
        }
    }

    /// Finishes what was asked and closes the database.
    pub fn close(self) {
        drop(self);
    }

    /// A statement in the words of this database.
    fn text(&self, sql: &'static Sql) -> &'static str {
        match &self.backend {
            Backend::Sqlite(_) => sql.sqlite,
            Backend::Postgres(_) => sql.postgres,
        }
    }

    /// The first row of a statement.
    async fn one<T>(
        &self,
        sql: &'static Sql,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.one(sql.sqlite, values, read),
            Backend::Postgres(postgres) => postgres.one(sql.postgres, values, read).await,
        }
    }

    /// All rows of a statement that finds few.
    async fn all<T>(
        &self,
        sql: &'static Sql,
        values: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.all(sql.sqlite, values, read),
            Backend::Postgres(postgres) => postgres.all(sql.postgres, values, read).await,
        }
    }

    /// All rows of a statement that may look at many; with SQLite on a thread where waiting is no harm.
    async fn scan<T: Send + 'static>(
        &self,
        sql: String,
        values: Vec<Value<'_>>,
        read: fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        match &self.backend {
            Backend::Sqlite(sqlite) => {
                let sqlite = Arc::clone(sqlite);
                let values: Vec<Value<'static>> = values.into_iter().map(Value::into_owned).collect();
                let scan = tokio::task::spawn_blocking(move || sqlite.all(&sql, &values, read));
                scan.await.map_err(|_| GONE)?
            }
            Backend::Postgres(postgres) => postgres.scan(&sql, &values, read).await,
        }
    }
}

const GONE: Fault = Fault::Gone("the store");

/// One line for the operator.
fn refuse(what: impl std::fmt::Display) -> OpenError {
    OpenError::Refused(what.to_string())
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store(writable: {})", self.is_writable())
    }
}
