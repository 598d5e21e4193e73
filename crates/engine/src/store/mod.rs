//! Where is what happened kept, and when is it durable?
//!
//! Looks are answered by connections that only read. Change lists are applied whole or not at all, and answered when
//! they are durable. Nothing here judges: a list is applied or conflicts. Two databases keep the same promises: one
//! file of SQLite for one machine, PostgreSQL for several.

mod address;
mod admin;
mod apply;
mod avatars;
mod events;
mod factors;
mod failures;
mod feed;
mod keys;
mod links;
mod outbox;
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
use crate::limit::Stored;
use crate::trail::{EventQuery, Noted, Row as Ended};
use domain::admin::{AdminKey, KeyId, NewAdminKey, UserSearch};
use domain::change::{Applied, Change, Conflict, SealedKey};
use domain::event::Event;
use domain::factor::Factors;
use domain::factor::half_way::HalfWay;
use domain::id::{SessionId, UserId};
use domain::identifier::{EmailKey, UsernameKey};
use domain::letter::{LetterId, LinkId};
use domain::link::Link;
use domain::seal::MasterKeyId;
use domain::session::{ListedSession, Session};
use domain::time::Moment;
use domain::token::{Blind, Digest};
use domain::trail::{Seal, TrailKey};
use domain::user::{Account, NewUser};
use postgres::Postgres;
pub(crate) use postgres::Shares;
use row::Row;
use sql::Sql;
use sqlite::Sqlite;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::Notify;
use uuid::Uuid;
use value::{Value, values};

pub use address::{AddressFault, PostgresAddress, PostgresSettings, PostgresTls, SynchronousCommit};
pub use keys::sealed_keys;
pub use outbox::Waiting;

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
    /// Users who are there already are left as they are. The event is noted with them; without one nothing is kept. `progress`
    /// counts the users looked at. On SQLite other changes wait until it is done.
    pub async fn import(
        &self,
        users: impl Iterator<Item = NewUser> + Send + 'static,
        progress: Arc<AtomicU64>,
        event: Option<Event>,
    ) -> Result<Result<ImportSum, Vec<(usize, Conflict)>>, Fault> {
        let feed = feed::feed(users)?;
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.import(feed, progress, event).await,
            Backend::Postgres(postgres) => postgres.import(feed, progress, event).await,
        }
    }

    /// The account with this id.
    pub async fn account_by_id(&self, id: UserId) -> Result<Option<Account>, Fault> {
        self.account(&users::BY_ID, Value::from(id.0)).await
    }

    /// The account with this UUID.
    pub async fn account_by_uuid(&self, uuid: Uuid) -> Result<Option<Account>, Fault> {
        self.account(&users::BY_UUID, Value::from(uuid.as_bytes())).await
    }

    /// The account with this address.
    pub async fn account_by_email(&self, key: &EmailKey) -> Result<Option<Account>, Fault> {
        self.account(&users::BY_EMAIL, Value::from(key.as_str())).await
    }

    /// The account with this user name.
    pub async fn account_by_username(&self, key: &UsernameKey) -> Result<Option<Account>, Fault> {
        self.account(&users::BY_USERNAME, Value::from(key.as_str())).await
    }

    /// A session, ended or not, with its user.
    pub async fn session(&self, id: SessionId) -> Result<Option<(Session, Account)>, Fault> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.session(id),
            Backend::Postgres(postgres) => {
                postgres.one(sessions::WITH_ACCOUNT.postgres, &values![id.0], sessions::read).await
            }
        }
    }

    /// The live sessions of a user, newest first, at most `most`.
    pub async fn live_sessions(
        &self,
        user: UserId,
        now: Moment,
        most: u32,
    ) -> Result<Vec<ListedSession>, Fault> {
        let values = values![user.0, now.millis(), most];
        self.all(&sessions::LIVE, &values, sessions::read_listed).await
    }

    /// A link, used or not, with its user.
    pub async fn link(&self, id: LinkId) -> Result<Option<(Link, Account)>, Fault> {
        self.one(&links::WITH_ACCOUNT, &values![&id.0], |row| links::read(row, id)).await
    }

    /// Which of these names belong to somebody other than `except`. An address belongs to its former owner, too, while
    /// a link could give it back.
    pub async fn taken(
        &self,
        email: Option<&EmailKey>,
        username: Option<&UsernameKey>,
        except: Option<UserId>,
        now: Moment,
    ) -> Result<Taken, Fault> {
        let mut taken = Taken::default();
        if let Some(key) = email {
            taken.email = self.is_owned(&users::EMAIL_OWNER, key.as_str(), except).await?
                || self.is_true(&links::RESERVED, &links::reserved(key, except, now)).await?;
        }
        if let Some(key) = username {
            taken.username = self.is_owned(&users::USERNAME_OWNER, key.as_str(), except).await?;
        }
        Ok(taken)
    }

    /// The failed tries in a row of an account, known or not.
    pub async fn failures(&self, account: &Blind) -> Result<Stored, Fault> {
        let found = self.one(&failures::BY_ACCOUNT, &values![&account.0], failures::read).await?;
        Ok(found.unwrap_or_default())
    }

    /// Everything about a user's second factors, and its version.
    pub async fn factors(&self, user: UserId) -> Result<Option<(i64, Factors)>, Fault> {
        self.one(&factors::BY_USER, &values![user.0], factors::read).await
    }

    /// A half-way token, over or not.
    pub async fn half_way(&self, digest: Digest) -> Result<Option<HalfWay>, Fault> {
        let values = values![digest.bytes()];
        self.one(&factors::HALF_WAY, &values, |row| factors::read_half_way(row, digest)).await
    }

    /// Media type and bytes of a picture.
    pub async fn avatar(&self, name: &str) -> Result<Option<(String, Vec<u8>)>, Fault> {
        self.one(&avatars::BY_NAME, &values![name], avatars::read).await
    }

    /// The letters that are due, the longest due first.
    pub async fn letters_due(&self, now: Moment, limit: u32) -> Result<Vec<Waiting>, Fault> {
        self.all(&outbox::DUE, &values![now.millis(), limit], outbox::read).await
    }

    /// The letters after this one in order of arrival.
    pub async fn letters_after(&self, letter: LetterId, limit: u32) -> Result<Vec<Waiting>, Fault> {
        self.all(&outbox::WAITING, &values![letter.0, limit], outbox::read).await
    }

    /// The kinds of all events, in order.
    #[cfg(test)]
    pub async fn event_kinds(&self) -> Result<Vec<String>, Fault> {
        static KINDS: Sql = Sql::same("SELECT kind FROM events ORDER BY id");
        self.all(&KINDS, &[], |row| row.string(0)).await
    }

    /// When the next letter is due.
    pub async fn next_letter(&self) -> Result<Option<Moment>, Fault> {
        let next = self.one(&outbox::NEXT, &[], |row| row.maybe_int(0)).await?;
        Ok(next.flatten().map(Moment::from_millis))
    }

    /// How many letters wait, and when the oldest was written.
    pub async fn outbox_count(&self) -> Result<(u64, Option<Moment>), Fault> {
        let read =
            |row: &Row<'_>| Ok((row.int(0)?.unsigned_abs(), row.maybe_int(1)?.map(Moment::from_millis)));
        Ok(self.one(&outbox::COUNT, &[], read).await?.unwrap_or_default())
    }

    /// Is ready once a letter was posted since the last time.
    pub fn posted(&self) -> impl Future<Output = ()> + use<> {
        let posted = Arc::clone(&self.posted);
        async move { posted.notified().await }
    }

    /// The next accounts in order of id, at most `limit`.
    pub async fn users_after(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Account>, Fault> {
        let values = values![after.map_or(i64::MIN, |id| id.0), limit];
        self.scan(users::AFTER.sqlite.to_owned(), values.into(), |row| users::read_account(row, 0)).await
    }

    /// Events that a query asks for, at most `limit`.
    pub async fn events(&self, query: &EventQuery, limit: u32) -> Result<Vec<Noted>, Fault> {
        let (sql, values) = trail::page(query, limit);
        self.scan(sql, values, noted).await
    }

    /// Events of one strand, from the row after a place, at most `limit`.
    pub async fn events_of_strand(&self, strand: i64, after: i64, limit: u32) -> Result<Vec<Noted>, Fault> {
        let (sql, values) = trail::page_of_strand(strand, after, limit);
        self.scan(sql, values, noted).await
    }

    /// The newest sessions of a user, ended or not.
    pub async fn newest_sessions(&self, user: UserId, limit: u32) -> Result<Vec<Ended>, Fault> {
        self.all(&trail::NEWEST, &trail::newest(user, limit), trail::read_ended).await
    }

    /// The number of the last event and what the sealed heads say.
    pub async fn trail_end(&self) -> Result<TrailEnd, Fault> {
        let read = |row: &Row<'_>| {
            let head = row.maybe_int(1)?.zip(row.maybe_bytes(2)?);
            Ok((row.int(0)?, head.map(|(place, seal)| (place, Seal::from_bytes(seal)))))
        };
        let mut end = TrailEnd::default();
        for (number, head) in self.all(&trail::ENDS, &[], read).await? {
            match head {
                Some((place, seal)) => end.heads.push((number, place, seal)),
                None => end.last = number,
            }
        }
        end.heads.sort_by_key(|(strand, ..)| *strand);
        Ok(end)
    }

    /// The last row of each strand up to a row: strand, place and seal.
    pub async fn trail_marks(&self, through: i64) -> Result<Vec<(i64, i64, Option<Seal>)>, Fault> {
        let read = |row: &Row<'_>| Ok((row.int(0)?, row.int(1)?, row.maybe_bytes(2)?.map(Seal::from_bytes)));
        self.all(&trail::MARKS, &values![through], read).await
    }

    /// All documents of keys.
    pub async fn sealed_keys(&self) -> Result<Vec<SealedKey>, Fault> {
        self.all(&keys::ALL, &[], keys::read).await
    }

    /// The key of the trail.
    pub fn trail_key(&self) -> &TrailKey {
        &self.trail
    }

    /// Whether there is an active user who may do everything. `roles` are those that permit it.
    pub async fn has_administrator(&self, roles: &[String]) -> Result<bool, Fault> {
        self.is_true(&admin::ADMINISTRATOR, &[admin::names(roles)]).await
    }

    /// Whether this is the digest of the bootstrap token in force.
    pub async fn is_bootstrap(&self, digest: &Digest, now: Moment) -> Result<bool, Fault> {
        let values = values![digest.bytes(), now.millis()];
        Ok(self.one(&admin::BOOTSTRAP, &values, |_| Ok(())).await?.is_some())
    }

    /// An admin key with the digest of its text.
    pub async fn admin_key(&self, id: KeyId) -> Result<Option<NewAdminKey>, Fault> {
        self.one(&admin::KEY, &values![id.0], admin::read_with_digest).await
    }

    /// All admin keys, the oldest first.
    pub async fn admin_keys(&self) -> Result<Vec<AdminKey>, Fault> {
        self.all(&admin::KEYS, &[], admin::read_key).await
    }

    /// The users whom a search finds and how many there are in all.
    pub async fn search_users(&self, search: &UserSearch) -> Result<(Vec<Account>, u64), Fault> {
        let [(count, count_values), (page, page_values)] = admin::search(search);
        let total = self.scan(count, count_values, |row| row.int(0)).await?;
        let found = self.scan(page, page_values, |row| users::read_account(row, 0)).await?;
        Ok((found, total.first().map_or(0, |total| total.unsigned_abs())))
    }

    /// Every kind of password hash that was ever stored, as `scheme:cost`: `bcrypt:12`, `argon2id:m=19456,t=2,p=1`,
    /// `django_pbkdf2_sha256:1200000`, `django_scrypt:n=16384,r=8,p=5`.
    pub async fn hash_schemes(&self) -> Result<Vec<String>, Fault> {
        self.all(&schemes::ALL, &[], |row| row.string(0)).await
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

    /// Finishes what was asked and closes the database.
    pub fn close(self) {
        drop(self);
    }

    async fn account(&self, sql: &'static Sql, key: Value<'_>) -> Result<Option<Account>, Fault> {
        self.one(sql, &[key], |row| users::read_account(row, 0)).await
    }

    async fn is_owned(&self, sql: &'static Sql, key: &str, except: Option<UserId>) -> Result<bool, Fault> {
        let owner = self.one(sql, &values![key], |row| row.int(0).map(UserId)).await?;
        Ok(owner.is_some() && owner != except)
    }

    async fn is_true(&self, sql: &'static Sql, values: &[Value<'_>]) -> Result<bool, Fault> {
        Ok(self.one(sql, values, |row| row.bool(0)).await?.unwrap_or(false))
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

fn noted(row: &Row<'_>) -> Result<Noted, Fault> {
    let (entry, seal) = events::read(row)?;
    Ok(Noted { entry, seal })
}

/// One line for the operator.
fn refuse(what: impl std::fmt::Display) -> OpenError {
    OpenError::Refused(what.to_string())
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store(writable: {})", self.is_writable())
    }
}
