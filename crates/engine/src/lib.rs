//! What happens: one door for every request, verbs behind it, and a private store.
//!
//! Knows no HTTP and no dialect. Nothing outside this crate can reach the database but through [`Engine`].

mod custody;
mod cx;
mod elsewhere;
mod error;
mod fit;
mod hasher;
mod import;
mod keyring;
mod limit;
mod migration;
mod mint;
mod operator;
mod operator_factors;
mod outbox;
mod picture;
mod recovery;
mod store;
mod trail;
mod verb;

pub use custody::BOOTSTRAP_SECONDS;
pub use cx::{Chance, Clock};
pub use elsewhere::{Elsewhere, Found};
pub use error::{Error, Fault, OpenError};
pub use fit::Breaches;
pub use hasher::{HashGauges, HashSettings};
pub use import::{
    Entries, ImportFault, ImportOrder, ImportReport, ImportStage, ImportWatch, OpenEntries, RecordFault,
    RecordFaults,
};
pub use keyring::{KeptKey, KeyChange, kept_keys};
pub use operator::{NewUserRequest, OperatorError, UserChange, Who};
pub use outbox::{OutboxGauges, Post};
pub use recovery::LinkSeen;
pub use store::{AddressFault, PostgresAddress, PostgresSettings, PostgresTls, SynchronousCommit};
pub use store::{
    CopiedTable, CopyFault, CopyOrder, CopyReport, CopyStep, copy as copy_database, rehearse as rehearse_copy,
};
pub use store::{Elsewhere as PostgresElsewhere, connect_elsewhere as connect_to_postgres};
pub use store::{Place, is_bound as is_bound_to_master_key};
pub use trail::{Closed, Ending, EventQuery, MAX_EVENTS, Noted, Tidied, TrailFlaw, TrailReport};
pub use verb::{Follow, Followed, Newcomer, NotFollowed, NotSignedUp, Shown};

use domain::caller::Caller;
use domain::change::Change;
use domain::command::{Command, SignUp, Verb};
use domain::house::House;
use domain::id::UserId;
use domain::letter::LinkId;
use domain::link::LinkKind;
use domain::outcome::Outcome;
use domain::rule::bearer::Named;
use domain::seal::MasterKey;
use domain::secret::{Secret, SecretBytes};
use domain::time::Moment;
use domain::token::{DeviceKey, LinkKey, TicketKey};
use domain::trail::TrailKey;
use domain::user::{Account, StoredHash};
use hasher::Hasher;
use limit::Limiter;
use mint::Mint;
use picture::{Darkroom, PictureLimits};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::Store;
use tokio::sync::{Notify, Semaphore};

/// How many hashes may wait to be replaced by better ones. More are left for the next sign-in.
const UPGRADES: usize = 64;

/// How long a node relies on what it knows of the kinds of hashes.
const SCHEMES_MICROS: u64 = 2_000_000;

/// What an engine is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the database is.
    pub place: Place,
    /// At least 32 random bytes; seals session numbers into token ids and opaque refresh tokens.
    pub ticket_secret: SecretBytes,
    /// At least 32 random bytes; seals the audit trail.
    pub trail_secret: SecretBytes,
    /// At least 32 random bytes; secrets in the database are sealed under it, and it never stands there.
    pub master_key: SecretBytes,
    /// How passwords are hashed, and by how many threads.
    pub hashing: HashSettings,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where randomness comes from.
    pub chance: Chance,
    /// The rules of the house.
    pub house: House,
    /// How to ask for breached passwords; none = nobody is asked.
    pub breaches: Option<Breaches>,
}

/// The only door to users, sessions and tokens. Clones share everything.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    hasher: Hasher,
    mint: Mint,
    master: MasterKey,
    limiter: Limiter,
    darkroom: Darkroom,
    clock: Clock,
    chance: Chance,
    house: House,
    breaches: Option<Breaches>,
    elsewhere: elsewhere::Memory,
    upgrades: Arc<Semaphore>,
    /// When the kinds of hashes were looked up last, by the steady clock.
    schemes_seen: AtomicU64,
    bootstrapped: Notify,
}

/// What is done by one node at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Sending letters.
    Outbox,
    /// Taking away what is old.
    Tidying,
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Work::Outbox => "outbox",
            Work::Tidying => "tidying",
        }
    }
}

/// The version of the SQLite that is built in.
pub fn sqlite_version() -> &'static str {
    store::sqlite_version()
}

impl Engine {
    /// Opens the database, starts the hashing threads and derives the ticket keys.
    ///
    /// Refused with one sentence: a database that can not be used, a ticket secret or master key that is too short or
    /// constant, another master key than the one that secrets there are sealed under (REL-33).
    pub async fn open(settings: Settings) -> Result<Engine, OpenError> {
        let told = |fault| OpenError::Refused(format!("ticket secret: {fault}"));
        let tickets = TicketKey::new(&settings.ticket_secret).map_err(told)?;
        let links = LinkKey::new(&settings.ticket_secret).map_err(told)?;
        let devices = DeviceKey::new(&settings.ticket_secret).map_err(told)?;
        let trail = TrailKey::new(&settings.trail_secret)
            .map(Arc::new)
            .map_err(|fault| OpenError::Refused(format!("trail secret: {fault}")))?;
        let master =
            MasterKey::new(&settings.master_key).map_err(|fault| OpenError::Refused(fault.to_string()))?;
        let store = Store::open_with(&settings.place, trail, master.id()).await?;
        let schemes = store.hash_schemes().await.map_err(|fault| OpenError::Refused(fault.to_string()))?;
        let hasher = Hasher::start(settings.hashing, schemes)?;
        let shared = store.shares().is_some();
        let inner = Inner {
            store,
            hasher,
            mint: Mint::new(tickets, links),
            master,
            limiter: Limiter::new(settings.house.limits, devices, shared),
            darkroom: Darkroom::new(PictureLimits::DEFAULT),
            clock: settings.clock,
            chance: settings.chance,
            house: settings.house,
            breaches: settings.breaches,
            elsewhere: elsewhere::Memory::default(),
            upgrades: Arc::new(Semaphore::new(UPGRADES)),
            schemes_seen: AtomicU64::new(0),
            bootstrapped: Notify::new(),
        };
        Ok(Engine { inner: Arc::new(inner) })
    }

    /// Carries out a command for a caller. Everything that it says is durable when it returns.
    ///
    /// The normal no is [`Error::Refused`]; what the refusal notes is durable, too. After [`Error::Fault`] nothing was written.
    pub async fn perform(&self, caller: &Caller<'_>, command: Command) -> Result<Outcome, Error> {
        self.perform_or_ask(caller, command, None).await
    }

    /// As [`Engine::perform`]; a sign-in of somebody who is not here is asked elsewhere, and whoever comes in there is
    /// carried over. Refused as overloaded: nobody answers there.
    pub async fn perform_or_ask(
        &self,
        caller: &Caller<'_>,
        command: Command,
        elsewhere: Option<&Elsewhere>,
    ) -> Result<Outcome, Error> {
        Ok(self.shown(verb::perform(self, caller, command, elsewhere).await?))
    }

    /// Says what a command would be answered: looks and judges, and does nothing else.
    ///
    /// Nothing is recorded, counted or noted and no letter is sent; a password waits for the hashing threads behind everybody who waits for
    /// an answer, and is refused as overloaded where they are busy. A sign-up is told as if it had got the ids of `newcomer`.
    pub async fn rehearse(
        &self,
        caller: &Caller<'_>,
        command: Command,
        newcomer: Newcomer,
    ) -> Result<Outcome, Error> {
        Ok(self.shown(verb::rehearse(self, caller, command, newcomer).await?))
    }

    /// As [`Engine::perform`] of a sign-up that another application decides about, too: once everything is in order here,
    /// `ask` is asked, and the account is made with the ids that it gives.
    pub async fn sign_up_through<A>(
        &self,
        caller: &Caller<'_>,
        request: &SignUp,
        ask: impl AsyncFnOnce() -> Result<Newcomer, A>,
    ) -> Result<Outcome, NotSignedUp<A>> {
        Ok(self.shown(verb::sign_up_through(self, caller, request, ask).await?))
    }

    /// Makes true here what the application before has made true, as its good answer said. `at`: when it was asked.
    ///
    /// Roles, permissions and status stay as they are here. Hashes are made behind everybody who waits for an answer.
    pub async fn follow(
        &self,
        caller: &Caller<'_>,
        what: Follow,
        at: Moment,
    ) -> Result<Followed, NotFollowed> {
        verb::follow(self, caller, what, at).await
    }

    /// As it is shown outside: with the permissions of the user's role.
    fn shown(&self, mut outcome: Outcome) -> Outcome {
        if let Some(user) = outcome.user_mut()
            && let Some(shown) = self.house().shown_permissions(user)
        {
            user.permissions = shown;
        }
        outcome
    }

    /// Asks the door alone: whether the caller may use the verb at this moment. Nothing is carried out.
    pub async fn admit(&self, caller: &Caller<'_>, verb: Verb) -> Result<(), Error> {
        verb::admit(self, caller, verb).await
    }

    /// Finishes what was asked and closes the database. While other clones live, that is left to the last of them.
    pub fn close(self) {
        if let Some(inner) = Arc::into_inner(self.inner) {
            inner.store.close();
        }
    }

    /// A stored picture by file name: media type and bytes. None for every other name.
    pub async fn avatar(&self, name: &str) -> Result<Option<(String, Vec<u8>)>, Fault> {
        self.store().avatar(name).await
    }

    /// The token of a link, for the letter that carries it. It is not stored anywhere.
    pub fn link_token(&self, kind: LinkKind, id: LinkId) -> Secret {
        self.mint().link_token(kind, id)
    }

    /// Whether other nodes work on the same database.
    pub fn is_shared(&self) -> bool {
        self.store().shares().is_some()
    }

    /// Whether this node does a work in the background now, and for ten seconds more. Ask again before they are over.
    ///
    /// A node that stops without a word is followed by another after those ten seconds. Where there is one node it is
    /// always this one.
    pub async fn leads(&self, work: Work) -> Result<bool, Fault> {
        self.store().leads(work.name()).await
    }

    /// Lets other nodes take over all work in the background at once. For the end of a process.
    pub async fn step_down(&self) -> Result<(), Fault> {
        self.store().step_down().await
    }

    /// Whether commands can be carried out: the database can be written.
    pub fn is_ready(&self) -> bool {
        self.store().is_writable()
    }

    /// The numbers of the hashing threads at this moment.
    pub fn hash_gauges(&self) -> HashGauges {
        self.hasher().gauges()
    }

    /// The clock of every command.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The chance of every command.
    pub fn chance(&self) -> &Chance {
        &self.inner.chance
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Whether it is time to look whether another process has brought hashes of further kinds. A look costs nothing in
    /// an embedded database, and a round trip in another.
    fn may_know_more_schemes(&self) -> bool {
        if !self.is_shared() {
            return true;
        }
        let (now, seen) = (self.clock().steady_micros(), self.inner.schemes_seen.load(Ordering::Relaxed));
        let due = seen == 0 || now.saturating_sub(seen) >= SCHEMES_MICROS;
        if due {
            self.inner.schemes_seen.store(now, Ordering::Relaxed);
        }
        due
    }

    fn hasher(&self) -> &Hasher {
        &self.inner.hasher
    }

    fn mint(&self) -> &Mint {
        &self.inner.mint
    }

    /// Seals secrets at rest and derives keys for other purposes.
    pub(crate) fn master(&self) -> &MasterKey {
        &self.inner.master
    }

    fn limiter(&self) -> &Limiter {
        &self.inner.limiter
    }

    fn elsewhere_memory(&self) -> &elsewhere::Memory {
        &self.inner.elsewhere
    }

    fn darkroom(&self) -> &Darkroom {
        &self.inner.darkroom
    }

    fn house(&self) -> &House {
        &self.inner.house
    }

    async fn find_named(&self, named: &Named) -> Result<Option<Account>, Fault> {
        match named {
            Named::Id(id) => self.store().account_by_id(UserId(*id)).await,
            Named::Uuid(uuid) => self.store().account_by_uuid(*uuid).await,
            Named::Email(key) => self.store().account_by_email(key).await,
            Named::Username(key) => self.store().account_by_username(key).await,
        }
    }

    /// Replaces a hash of another kind or cost after its password was right, without making the sign-in wait (SEC-08).
    ///
    /// Left for the next sign-in when the hashing threads are busy. The change holds only if the old hash is still there.
    fn upgrade_later(
        &self,
        client: &str,
        user: UserId,
        from: StoredHash,
        password: &Secret,
    ) -> Result<(), Fault> {
        let salt = self.chance().bytes()?;
        let Ok(permit) = Arc::clone(&self.inner.upgrades).try_acquire_owned() else { return Ok(()) };
        let (engine, client, password) = (self.clone(), client.to_owned(), password.clone());
        tokio::spawn(async move {
            let _permit = permit;
            let Ok(to) = engine.hasher().write(client.as_str(), &password, salt).await else { return };
            if let Err(fault) = engine.store().record(vec![Change::UpgradeHash { user, from, to }]).await {
                tracing::warn!(%fault, user = user.0, "a password hash was not upgraded");
            }
        });
        Ok(())
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine(…)")
    }
}
