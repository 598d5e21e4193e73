//! Where is what happened kept, and when is it durable?
//!
//! Looks answer at once from connections that can only read. Change lists go to one thread that commits those that
//! wait together, and answers each only when it is on the disk. Nothing here judges: a list is applied or conflicts.

mod address;
mod admin;
mod apply;
mod avatars;
mod connection;
mod events;
mod factors;
mod failures;
mod fault;
mod file;
mod import;
mod links;
mod master;
mod migrate;
mod outbox;
mod readers;
mod recent;
mod schemes;
mod sessions;
mod trail;
mod users;
mod writer;

#[cfg(test)]
mod tests;

use crate::error::{Fault, OpenError};
use crate::limit::Stored;
use crate::trail::{EventQuery, Noted, Row};
use crossbeam_channel::{Sender, TrySendError, bounded};
use domain::admin::{AdminKey, KeyId, NewAdminKey, UserSearch};
use domain::change::{Applied, Change, Conflict};
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
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;
use writer::{List, Request, Stopped, Writer};

pub use address::{AddressFault, PostgresAddress, PostgresSettings, PostgresTls, SynchronousCommit};
pub use master::is_bound;

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

pub use outbox::Waiting;

/// The version of the SQLite that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// The database of one server. Dropping it finishes what was asked and closes it.
pub struct Store {
    // Dropped in this order: readers before the writer, so that the writer closes last and carries over the log.
    readers: Option<readers::Readers>,
    queue: Option<Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    stopped: Arc<Stopped>,
    trail: Arc<TrailKey>,
    posted: Arc<Notify>,
    // After the connections: see `Recent`.
    recent: recent::Recent,
    _home: file::Home,
}

impl Store {
    /// Opens the database; creates it if there is none, and brings its tables up to date.
    ///
    /// Refused, with nothing changed: an old SQLite, a network file system, a disk where log or sync can not be
    /// had, a damaged or foreign file, a schema newer than this program (REL-04, REL-05, REL-40); secrets that are
    /// sealed under another master key (REL-33).
    pub async fn open_with(
        place: &Place,
        trail: Arc<TrailKey>,
        master: MasterKeyId,
    ) -> Result<Store, OpenError> {
        connection::check_version()?;
        let home = file::Home::make(place)?;
        let lock = home.lock()?;
        home.prepare()?;
        let mut conn = connection::open_writer(home.path())?;
        connection::check_owner(&conn, home.path())?;
        migrate::migrate(&mut conn, home.path(), migrate::MIGRATIONS)?;
        master::bind(&conn, home.path(), master)?;
        drop(lock);
        let readers = readers::Readers::open(home.path())?;
        let recent = recent::Recent::open(home.path())?;
        let stopped = Arc::new(Stopped::new());
        let (queue, waiting) = bounded(writer::QUEUE);
        let writer = Writer::new(home.path().to_owned(), conn, Arc::clone(&trail), Arc::clone(&stopped));
        let writer = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writer.work(&waiting))
            .map_err(|error| fault::refuse(format!("no thread to write the database: {error}")))?;
        Ok(Store {
            readers: Some(readers),
            queue: Some(queue),
            writer: Some(writer),
            stopped,
            trail,
            posted: Arc::new(Notify::new()),
            recent,
            _home: home,
        })
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
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Record(List { changes, answer }))?;
        let recorded = answered.await.map_err(|_| GONE)?;
        if posts && matches!(recorded, Ok(Ok(_))) {
            self.posted.notify_one();
        }
        recorded
    }

    /// Adds users in one transaction: all of them, or none and the conflicts by their place from 0, at most 1000.
    ///
    /// Users who are there already are left as they are. The event is noted with them; without one nothing is kept. `progress`
    /// counts the users looked at. Other changes wait until it is done.
    pub async fn import(
        &self,
        users: impl Iterator<Item = NewUser> + Send + 'static,
        progress: Arc<AtomicU64>,
        event: Option<Event>,
    ) -> Result<Result<ImportSum, Vec<(usize, Conflict)>>, Fault> {
        let feed = import::feed(users)?;
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Import(import::Import { feed, progress, event, answer }))?;
        answered.await.map_err(|_| GONE)?
    }

    /// The account with this id.
    pub async fn account_by_id(&self, id: UserId) -> Result<Option<Account>, Fault> {
        self.look(|conn| users::by_id(conn, id))
    }

    /// The account with this UUID.
    pub async fn account_by_uuid(&self, uuid: Uuid) -> Result<Option<Account>, Fault> {
        self.look(|conn| users::by_uuid(conn, uuid))
    }

    /// The account with this address.
    pub async fn account_by_email(&self, key: &EmailKey) -> Result<Option<Account>, Fault> {
        self.look(|conn| users::by_email(conn, key))
    }

    /// The account with this user name.
    pub async fn account_by_username(&self, key: &UsernameKey) -> Result<Option<Account>, Fault> {
        self.look(|conn| users::by_username(conn, key))
    }

    /// A session, ended or not, with its user.
    pub async fn session(&self, id: SessionId) -> Result<Option<(Session, Account)>, Fault> {
        let Some(mark) = self.recent.mark() else { return self.look(|conn| sessions::by_id(conn, id)) };
        if let Some(found) = self.recent.get(mark, id) {
            return Ok(Some((*found).clone()));
        }
        let found = self.look(|conn| sessions::by_id(conn, id))?;
        if let Some(found) = &found {
            self.recent.put(mark, id, Arc::new(found.clone()));
        }
        Ok(found)
    }

    /// The live sessions of a user, newest first, at most `most`.
    pub async fn live_sessions(
        &self,
        user: UserId,
        now: Moment,
        most: u32,
    ) -> Result<Vec<ListedSession>, Fault> {
        self.look(|conn| sessions::live(conn, user, now, most))
    }

    /// A link, used or not, with its user.
    pub async fn link(&self, id: LinkId) -> Result<Option<(Link, Account)>, Fault> {
        self.look(|conn| links::by_id(conn, id))
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
        let kept = |conn: &_, key| {
            Ok::<_, Fault>(
                users::email_is_taken(conn, key, except)? || links::is_reserved(conn, key, except, now)?,
            )
        };
        self.look(|conn| {
            Ok(Taken {
                email: email.map_or(Ok(false), |key| kept(conn, key))?,
                username: username.map_or(Ok(false), |key| users::username_is_taken(conn, key, except))?,
            })
        })
    }

    /// The failed tries in a row of an account, known or not.
    pub async fn failures(&self, account: &Blind) -> Result<Stored, Fault> {
        self.look(|conn| failures::of(conn, account))
    }

    /// Everything about a user's second factors, and its version.
    pub async fn factors(&self, user: UserId) -> Result<Option<(i64, Factors)>, Fault> {
        self.look(|conn| factors::by_user(conn, user))
    }

    /// A half-way token, over or not.
    pub async fn half_way(&self, digest: Digest) -> Result<Option<HalfWay>, Fault> {
        self.look(|conn| factors::half_way(conn, digest))
    }

    /// Media type and bytes of a picture.
    pub async fn avatar(&self, name: &str) -> Result<Option<(String, Vec<u8>)>, Fault> {
        self.look(|conn| avatars::by_name(conn, name))
    }

    /// The letters that are due, the longest due first.
    pub async fn letters_due(&self, now: Moment, limit: u32) -> Result<Vec<Waiting>, Fault> {
        self.look(|conn| outbox::due(conn, now, limit))
    }

    /// The letters after this one in order of arrival.
    pub async fn letters_after(&self, letter: LetterId, limit: u32) -> Result<Vec<Waiting>, Fault> {
        self.look(|conn| outbox::after(conn, letter, limit))
    }

    /// The kinds of all events, in order.
    #[cfg(test)]
    pub async fn event_kinds(&self) -> Result<Vec<String>, Fault> {
        self.look(|conn| {
            let mut statement = conn.prepare("SELECT kind FROM events ORDER BY id")?;
            let kinds = statement.query_map([], |row| row.get(0))?;
            Ok(kinds.collect::<Result<_, _>>()?)
        })
    }

    /// When the next letter is due.
    pub async fn next_letter(&self) -> Result<Option<Moment>, Fault> {
        self.look(outbox::next)
    }

    /// How many letters wait, and when the oldest was written.
    pub async fn outbox_count(&self) -> Result<(u64, Option<Moment>), Fault> {
        self.look(outbox::count)
    }

    /// Is ready once a letter was posted since the last time.
    pub fn posted(&self) -> impl Future<Output = ()> + use<> {
        let posted = Arc::clone(&self.posted);
        async move { posted.notified().await }
    }

    /// The next accounts in order of id, at most `limit`. Reads many rows: call it where waiting is no harm.
    pub async fn users_after(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Account>, Fault> {
        self.look(|conn| users::after(conn, after, limit))
    }

    /// Events that a query asks for, at most `limit`.
    pub async fn events(&self, query: &EventQuery, limit: u32) -> Result<Vec<Noted>, Fault> {
        self.look(|conn| trail::page(conn, query, limit))
    }

    /// The newest sessions of a user, ended or not.
    pub async fn newest_sessions(&self, user: UserId, limit: u32) -> Result<Vec<Row>, Fault> {
        self.look(|conn| trail::newest_sessions(conn, user, limit))
    }

    /// The number of the last event (0 = there is none), and what the sealed head says.
    pub async fn trail_end(&self) -> Result<(i64, Option<(i64, Seal)>), Fault> {
        self.look(trail::end)
    }

    /// The key of the trail.
    pub fn trail_key(&self) -> &TrailKey {
        &self.trail
    }

    /// Whether there is an active user who may do everything. `roles` are those that permit it.
    pub async fn has_administrator(&self, roles: &[String]) -> Result<bool, Fault> {
        self.look(|conn| Ok(admin::has_administrator(conn, roles)?))
    }

    /// Whether this is the digest of the bootstrap token in force.
    pub async fn is_bootstrap(&self, digest: &Digest, now: Moment) -> Result<bool, Fault> {
        self.look(|conn| admin::is_bootstrap(conn, digest, now))
    }

    /// An admin key with the digest of its text.
    pub async fn admin_key(&self, id: KeyId) -> Result<Option<NewAdminKey>, Fault> {
        self.look(|conn| admin::key_by_id(conn, id))
    }

    /// All admin keys, the oldest first.
    pub async fn admin_keys(&self) -> Result<Vec<AdminKey>, Fault> {
        self.look(admin::keys)
    }

    /// The users whom a search finds and how many there are in all. Reads many rows: call it where waiting is no harm.
    pub async fn search_users(&self, search: &UserSearch) -> Result<(Vec<Account>, u64), Fault> {
        self.look(|conn| admin::search(conn, search))
    }

    /// Every kind of password hash that was ever stored, as `scheme:cost`: `bcrypt:12`, `argon2id:m=19456,t=2,p=1`,
    /// `django_pbkdf2_sha256:1200000`, `django_scrypt:n=16384,r=8,p=5`.
    pub async fn hash_schemes(&self) -> Result<Vec<String>, Fault> {
        self.look(schemes::all)
    }

    /// Whether changes can be recorded; false for good once the disk has failed to keep what it was given.
    pub fn is_writable(&self) -> bool {
        self.stopped.get().is_none() && self.writer.as_ref().is_some_and(|writer| !writer.is_finished())
    }

    /// Finishes what was asked, carries the log over into the database and closes it.
    pub fn close(self) {
        drop(self);
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

const GONE: Fault = Fault::Gone("the store");

impl Drop for Store {
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

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store(writable: {})", self.is_writable())
    }
}
