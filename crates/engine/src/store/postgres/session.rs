//! How is a connection to PostgreSQL made, and how does one tell that it is of no use any more?

use super::fault::{Trouble, told};
use super::fold::Shape;
use super::hosts::Hosts;
use super::list::in_order;
use crate::error::{Fault, OpenError};
use crate::store::address::{PostgresAddress, PostgresSettings, PostgresTls};
use crate::store::refuse;
use crate::store::sql::Sql;
use crate::store::value::Value;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Row, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// For everything that belongs to making a connection, the words about time-outs included.
const CONNECT: Duration = Duration::from_secs(4);
/// More statements than there are; texts beyond it are prepared each time.
const STATEMENTS: usize = 256;

/// Where to connect, with certificates read once.
pub(super) struct Gate {
    servers: Hosts,
    tls: Option<MakeRustlsConnect>,
    settings: PostgresSettings,
    /// For messages.
    pub hosts: String,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Short statements.
    Work,
    /// Change lists.
    Changes,
    /// Statements that look at many rows.
    Scans,
    /// Counters and leases: what is lost with the last moments before a crash harms nobody. Hears notifications, too.
    Counters,
    /// Changes of the schema: a lock is waited for only shortly.
    Schema,
    /// Everything is read or written, however long that takes.
    Copy,
}

impl Gate {
    /// Reads the certificates. Refused: a file that can not be read or holds none.
    pub fn new(address: &PostgresAddress, settings: &PostgresSettings) -> Result<Gate, OpenError> {
        let tls = match address.tls() {
            PostgresTls::Off => None,
            PostgresTls::Verified { roots } => {
                let roots = roots.as_deref().map_or_else(|| Ok(public_roots()), read_roots)?;
                let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
                let config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .map_err(|error| refuse(format!("TLS: {error}")))?
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                Some(MakeRustlsConnect::new(config))
            }
        };
        let servers = Hosts::new(&address.config());
        Ok(Gate { servers, tls, settings: *settings, hosts: address.hosts() })
    }

    /// Asks all servers, so that the first connection goes to the one that took over last. What can not be reached is
    /// passed over.
    pub async fn look_round(&self) {
        if self.servers.each().len() > 1 {
            let woken = Arc::new(Notify::new());
            let asked = self.servers.each().iter().map(|server| self.admitted(server, Purpose::Work, &woken));
            drop(tokio::time::timeout(CONNECT, in_order(asked)).await);
        }
    }

    /// A connection that is set up, to the first server that takes it. Fails within a few seconds, with a sentence.
    pub async fn connect(&self, purpose: Purpose, woken: &Arc<Notify>) -> Result<Session, String> {
        let work = async {
            let mut whys = Vec::new();
            for server in self.servers.each() {
                match self.admitted(server, purpose, woken).await {
                    Ok(session) => return Ok(session),
                    Err(why) => whys.push(why),
                }
            }
            whys.dedup();
            Err(whys.join("; "))
        };
        match tokio::time::timeout(CONNECT, work).await {
            Ok(connected) => connected,
            Err(_) => Err(format!("no answer within {} seconds", CONNECT.as_secs())),
        }
    }

    async fn admitted(
        &self,
        server: &Config,
        purpose: Purpose,
        woken: &Arc<Notify>,
    ) -> Result<Session, String> {
        let session = self.connect_to(server, purpose, woken).await.map_err(|error| told(&error))?;
        self.servers.admit(&session).await?;
        Ok(session)
    }

    async fn connect_to(
        &self,
        server: &Config,
        purpose: Purpose,
        woken: &Arc<Notify>,
    ) -> Result<Session, tokio_postgres::Error> {
        let (client, ended, driver) = match &self.tls {
            None => connect_by(server, NoTls, woken).await?,
            Some(tls) => connect_by(server, tls.clone(), woken).await?,
        };
        let session = Session {
            client,
            ended,
            driver,
            statements: Prepared::default(),
            known: Prepared::default(),
            folded: Prepared::default(),
            begin: self.begin(""),
            begin_alone: self.begin(" ISOLATION LEVEL SERIALIZABLE"),
        };
        session.client.batch_execute(&self.words(purpose)).await?;
        if purpose == Purpose::Counters {
            // An engine without notifications is asked more often instead.
            drop(session.client.batch_execute("LISTEN countersign").await);
        }
        Ok(session)
    }

    /// Begins a transaction. BEGIN itself has no time limit: should it ever fail, the statements that were sent behind it
    /// would be run one by one, without what holds them together.
    fn begin(&self, level: &str) -> String {
        format!("BEGIN{level}; SET LOCAL statement_timeout = '{}ms'", self.settings.statement_timeout_ms)
    }

    /// Every limit is set on the connection, whatever the server's own defaults are.
    fn words(&self, purpose: Purpose) -> String {
        let PostgresSettings { lock_timeout_ms, idle_in_transaction_timeout_ms: idle, .. } = self.settings;
        let (statement, lock, idle) = match purpose {
            Purpose::Work | Purpose::Counters => (self.settings.statement_timeout_ms, lock_timeout_ms, idle),
            // Its statements are limited within the transaction; see `begin`.
            Purpose::Changes => (0, lock_timeout_ms, idle),
            Purpose::Scans => (super::SCAN_MS, lock_timeout_ms, idle),
            Purpose::Schema => (0, super::SCHEMA_LOCK_MS, idle),
            Purpose::Copy => (0, super::SCHEMA_LOCK_MS, 0),
        };
        format!(
            "SET statement_timeout = '{statement}ms'; SET lock_timeout = '{lock}ms'; \
             SET idle_in_transaction_session_timeout = '{idle}ms'; \
             SET synchronous_commit = '{}'; SET TIME ZONE 'UTC'; \
             SET default_transaction_isolation = 'read committed'",
            if purpose == Purpose::Counters { "off" } else { self.settings.synchronous_commit.name() },
        )
    }
}

async fn connect_by<T>(
    server: &Config,
    tls: T,
    woken: &Arc<Notify>,
) -> Result<(Client, Arc<Ended>, JoinHandle<()>), tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = server.connect(tls).await?;
    let ended = Arc::new(Ended::default());
    let driver = tokio::spawn(drive(connection, Arc::clone(&ended), Arc::clone(woken)));
    Ok((client, ended, driver))
}

fn public_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

fn read_roots(path: &Path) -> Result<RootCertStore, OpenError> {
    let unreadable = |error: String| refuse(format!("{}: {error}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unreadable("there is no certificate in this file (PEM)".to_owned()));
    }
    Ok(roots)
}

/// Moves the bytes of a connection until it ends; a notification wakes those who wait for one.
async fn drive<S, T>(mut connection: Connection<S, T>, ended: Arc<Ended>, woken: Arc<Notify>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        match std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notification(_))) => woken.notify_one(),
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(error = told(&error), "a connection to the database has ended");
                break;
            }
            None => break,
        }
    }
    ended.tell();
}

/// Whether a connection has ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    flag: AtomicBool,
    told: Notify,
}

impl Ended {
    fn tell(&self) {
        self.flag.store(true, Ordering::Release);
        self.told.notify_waiters();
        self.told.notify_one();
    }

    /// Whether it has.
    pub fn has(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }

    /// Is ready once it has.
    pub async fn wait(&self) {
        while !self.has() {
            let told = self.told.notified();
            if self.has() {
                return;
            }
            told.await;
        }
    }
}

/// Prepared statements, and what each is found by.
struct Prepared<K>(RwLock<HashMap<K, Statement>>);

impl<K> Default for Prepared<K> {
    fn default() -> Prepared<K> {
        Prepared(RwLock::default())
    }
}

impl<K: Eq + Hash> Prepared<K> {
    /// The statement of a key; the first time it is prepared from this text.
    async fn get<Q>(
        &self,
        client: &Client,
        key: &Q,
        text: impl FnOnce() -> String,
    ) -> Result<Statement, tokio_postgres::Error>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Ok(known.clone());
        }
        let statement = client.prepare(&text()).await?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < STATEMENTS {
            known.insert(key.to_owned(), statement.clone());
        }
        Ok(statement)
    }
}

/// A connection with its prepared statements. Several may ask at the same time; answers come in order.
pub(super) struct Session {
    client: Client,
    ended: Arc<Ended>,
    driver: JoinHandle<()>,
    statements: Prepared<String>,
    /// Those of changes, by what they are made of: no text is built to find them.
    known: Prepared<(usize, bool)>,
    folded: Prepared<Shape>,
    begin: String,
    begin_alone: String,
}

impl Session {
    /// The client itself.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What begins a transaction.
    pub fn begin(&self) -> &str {
        &self.begin
    }

    /// What begins a transaction that is as if no other ran at the same time.
    pub fn begin_alone(&self) -> &str {
        &self.begin_alone
    }

    /// Whether it is of no use any more.
    pub fn has_ended(&self) -> bool {
        self.ended.has() || self.client.is_closed()
    }

    /// Tells when it has ended; outlives it.
    pub fn ended(&self) -> Arc<Ended> {
        Arc::clone(&self.ended)
    }

    /// Ends it at once: nobody can know any more what it would still answer.
    pub fn abandon(&self) {
        self.driver.abort();
        self.ended.tell();
    }

    /// A prepared statement; prepared once for each text.
    pub async fn prepared(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        self.statements.get(&self.client, sql, || sql.to_owned()).await
    }

    /// A prepared statement of a change, as it is or with a guard; `text` is asked for only once.
    pub async fn known(
        &self,
        sql: &'static Sql,
        guarded: bool,
        text: impl FnOnce() -> String,
    ) -> Result<Statement, tokio_postgres::Error> {
        let key = (std::ptr::from_ref(sql).addr(), guarded);
        self.known.get(&self.client, &key, text).await
    }

    /// A prepared statement that is a whole list; `text` is asked for only once.
    pub async fn folded(
        &self,
        shape: &Shape,
        text: impl FnOnce() -> String,
    ) -> Result<Statement, tokio_postgres::Error> {
        self.folded.get(&self.client, shape, text).await
    }

    /// All rows of a statement.
    pub async fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = self.prepared(sql).await?;
        self.client.query(&statement, &bound(values)).await
    }
}

/// As the client library takes them.
pub(super) fn bound<'v>(values: impl IntoIterator<Item = &'v Value<'v>>) -> Vec<&'v (dyn ToSql + Sync)> {
    values.into_iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Drop for Session {
    fn drop(&mut self) {
        // The client closes properly when it is dropped, and the driver ends by itself; one that hangs is cut.
        if self.ended.has() {
            self.driver.abort();
        }
    }
}

/// What stands between a look and its answer.
pub(super) fn look_fault(error: &tokio_postgres::Error) -> Fault {
    Trouble::of(error).into_fault()
}
