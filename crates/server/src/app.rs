//! What is one running server made of?

use crate::config::{Config, Limits, Timeouts};
use crate::http::speak::{Mount, Speaker};
use crate::keys::Keys;
use crate::lock::DataLock;
use crate::mail::Office;
use crate::mounts::{self, Loaded};
use crate::opening::{self, Secrets};
use crate::pages::Pages;
use crate::telemetry::Log;
use crate::upstream::takeover::Takeovers;
use bytes::Bytes;
use domain::secret::SecretBytes;
use engine::{Chance, Clock, Engine, Fault};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Why a server could not be made: every reason, each in a sentence (exit code 2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct OpenFaults(pub Vec<String>);

fn one(reason: impl std::fmt::Display) -> OpenFaults {
    OpenFaults(vec![reason.to_string()])
}

/// One server: engine, mounts and settings. Clones share everything.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    /// Replaced as a whole when keys change.
    speaker: RwLock<Arc<Spoken>>,
    config: Config,
    clock: Clock,
    chance: Chance,
    /// As it was when the engine was opened.
    tickets: SecretBytes,
    /// There is another ticket secret since.
    outdated: AtomicBool,
    draining: AtomicBool,
    _lock: DataLock,
    log: Option<Arc<Log>>,
    office: Option<Arc<Office>>,
    pages: Option<Pages>,
    takeovers: Takeovers,
    request_seed: [u8; 8],
    requests: AtomicU64,
}

/// The speaker with what is derived from the same keys and settings.
pub struct Spoken {
    /// The dialects with their settings, in the order of the mounts.
    pub loaded: Vec<Loaded>,
    /// All mounts.
    pub speaker: Speaker,
    /// The public keys of all mounts (RFC 7517 section 5).
    pub jwks: Bytes,
    /// The OpenAPI document of each mounted dialect, by name.
    pub openapi: BTreeMap<String, Bytes>,
    /// Whether any mount may be called from pages of other origins.
    pub cross_origin: bool,
}

impl App {
    /// Loads dialects and keys, opens the database and starts the hashing threads. Listens to nothing yet.
    ///
    /// Refused: everything that is wrong with dialects and keys at once; a database that can not be used.
    pub async fn open(config: Config, clock: Clock, chance: Chance) -> Result<App, OpenFaults> {
        // Another node that starts at the same moment may be first with its keys.
        for _ in 0..opening::TRIES {
            if let Some(app) = App::try_open(&config, &clock, &chance).await? {
                return Ok(app);
            }
        }
        Err(one(opening::BEATEN))
    }

    /// `None`: another node has written keys meanwhile.
    async fn try_open(config: &Config, clock: &Clock, chance: &Chance) -> Result<Option<App>, OpenFaults> {
        let loaded = mounts::load(config).map_err(OpenFaults)?;
        let mut keys = Keys::find(config, chance).await.map_err(one)?;
        let mut faults = Vec::new();
        let secrets = Secrets::read(&mut keys, clock, chance).await.map_err(|found| {
            faults.extend(found.iter().map(ToString::to_string));
        });
        let equipped = mounts::equip(config, &mut keys, &loaded, chance, clock.now())
            .map_err(|found| faults.extend(found));
        let office = Office::open(config).map_err(|found| faults.extend(found));
        let pages = Pages::open(config).map_err(|found| faults.extend(found));
        let breaches = crate::breach::breaches(&config.breaches).map_err(|fault| faults.push(fault));
        let takeovers = Takeovers::default();
        let equipped = equipped.and_then(|mut mounts: Vec<Mount>| {
            let attached = takeovers.attach(&mut mounts, &loaded, config.is_https());
            attached.map(|()| mounts).map_err(|found| faults.extend(found))
        });
        let (Ok(secrets), Ok(equipped), Ok(office), Ok(pages), Ok(breaches)) =
            (secrets, equipped, office, pages, breaches)
        else {
            return Err(OpenFaults(faults));
        };
        let lock = DataLock::take(config).map_err(one)?;
        let tickets = secrets.tickets.clone();
        let settings = secrets.settings(config, clock.clone(), chance.clone(), breaches);
        let engine = Engine::open(settings).await.map_err(one)?;
        takeovers.take(&engine.phases().await.map_err(one)?);
        let spoken = spoken(&engine, loaded, equipped, config, pages.as_ref())?;
        if !keys.keep(&engine, None).await.map_err(one)? {
            return Ok(None);
        }
        let inner = Inner {
            engine,
            speaker: RwLock::new(Arc::new(spoken)),
            config: config.clone(),
            clock: clock.clone(),
            chance: chance.clone(),
            tickets,
            outdated: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            _lock: lock,
            log: None,
            office: office.map(Arc::new),
            pages,
            takeovers,
            // Of its own, so that a test's sequence of chance does not depend on the number of requests.
            request_seed: Chance::System.bytes().map_err(one)?,
            requests: AtomicU64::new(0),
        };
        Ok(Some(App { inner: Arc::new(inner) }))
    }

    /// Writes a line for every request to this log. Only before the app is shared; afterwards it stays as it is.
    #[must_use]
    pub fn with_log(mut self, log: Arc<Log>) -> App {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.log = Some(log);
        }
        self
    }

    /// The engine behind all mounts.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// All mounts with their present keys.
    pub fn spoken(&self) -> Arc<Spoken> {
        Arc::clone(&self.inner.speaker.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether requests should be sent here: the database can be written, no stop was asked for, and no other node
    /// seals with a newer ticket secret.
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && !self.inner.outdated.load(Ordering::Acquire) && self.inner.engine.is_ready()
    }

    /// Whether the server is about to stop.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Acquire)
    }

    /// Begins the end: not ready from now on.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Release);
    }

    /// Puts these keys in force, as far as they have changed or their time has come.
    ///
    /// Refused: keys that can not be used; the present ones stay.
    pub async fn take_keys(&self, keys: Keys) -> Result<(), OpenFaults> {
        self.compare_tickets(&keys);
        self.put_in_force(self.spoken().loaded.clone(), keys).await
    }

    /// The engine has one ticket secret from its start to its end: beside nodes with another one it must not serve.
    fn compare_tickets(&self, keys: &Keys) {
        let outdated = keys.has_other_tickets(&self.inner.tickets);
        if outdated && !self.inner.outdated.swap(true, Ordering::AcqRel) {
            tracing::error!(
                "there is another ticket secret; this server is not ready until it is started again"
            );
        }
        self.inner.outdated.store(outdated, Ordering::Release);
    }

    /// Puts the mounts of another configuration in force, with their dialects and keys; everything else stays as it is
    /// until the next start. Gives the names of settings that have other values there.
    ///
    /// Refused: anything that is wrong with any dialect, key or mount; all present ones stay (REL-19).
    pub async fn reload(&self, config: &Config) -> Result<Vec<&'static str>, OpenFaults> {
        let loaded = mounts::load(config).map_err(OpenFaults)?;
        // Keys and addresses are those of the running server, whatever the file says now.
        let keys = Keys::beside(self.config(), self.engine()).await.map_err(one)?;
        self.put_in_force(loaded, keys).await?;
        let differs = |(one, other): &(&(&'static str, _, _), &(&'static str, _, _))| one.1 != other.1;
        let pairs = self.inner.config.values.iter().zip(&config.values);
        Ok(pairs.filter(differs).map(|(one, _)| one.0).collect())
    }

    async fn put_in_force(&self, loaded: Vec<Loaded>, mut keys: Keys) -> Result<(), OpenFaults> {
        for _ in 0..opening::TRIES {
            let (app, loaded) = (self.clone(), loaded.clone());
            let equipping = tokio::task::spawn_blocking(move || {
                let spoken = app.equipped(loaded, &mut keys)?;
                Ok::<_, OpenFaults>((spoken, keys))
            });
            let (spoken, equipped) = equipping.await.map_err(one)??;
            // Keys that a new mount needed are made here, or by another node that was first.
            if equipped.keep(self.engine(), None).await.map_err(one)? {
                *self.inner.speaker.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(spoken);
                return Ok(());
            }
            keys = Keys::beside(self.config(), self.engine()).await.map_err(one)?;
        }
        Err(one(opening::BEATEN))
    }

    fn equipped(&self, loaded: Vec<Loaded>, keys: &mut Keys) -> Result<Spoken, OpenFaults> {
        let Inner { engine, config, clock, chance, pages, .. } = &*self.inner;
        let mut mounts = mounts::equip(config, keys, &loaded, chance, clock.now()).map_err(OpenFaults)?;
        self.takeovers().attach(&mut mounts, &loaded, config.is_https()).map_err(OpenFaults)?;
        spoken(engine, loaded, mounts, config, pages.as_ref())
    }

    /// What sends letters; none when they are off.
    pub fn office(&self) -> Option<Arc<Office>> {
        self.inner.office.clone()
    }

    /// The pages for links in letters; none when they are off.
    pub fn pages(&self) -> Option<&Pages> {
        self.inner.pages.as_ref()
    }

    /// The applications that mounts take over from.
    pub fn takeovers(&self) -> &Takeovers {
        &self.inner.takeovers
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.config.limits
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.inner.config.timeouts
    }

    pub(crate) fn trusted_proxies(&self) -> &[IpNet] {
        &self.inner.config.trusted_proxies
    }

    pub(crate) fn is_https(&self) -> bool {
        self.inner.config.is_https()
    }

    pub(crate) fn log(&self) -> Option<&Log> {
        self.inner.log.as_deref()
    }

    pub(crate) async fn avatar(&self, name: &str) -> Result<Option<(String, Vec<u8>)>, Fault> {
        self.inner.engine.avatar(name).await
    }

    /// A new id for a request: it names the request in the log and in answers about faults, and is no secret.
    pub(crate) fn request_id(&self) -> String {
        let number = self.inner.requests.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.inner.request_seed);
        bytes[8..]
            .copy_from_slice(&spread(number ^ u64::from_le_bytes(self.inner.request_seed)).to_be_bytes());
        crate::http::uuid_text(bytes)
    }
}

/// A permutation of all numbers (the finish of SplitMix64), so that ids do not count requests aloud.
fn spread(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn spoken(
    engine: &Engine,
    loaded: Vec<Loaded>,
    mounts: Vec<crate::http::speak::Mount>,
    config: &Config,
    pages: Option<&Pages>,
) -> Result<Spoken, OpenFaults> {
    let mut keys: Vec<Value> = Vec::new();
    for key in mounts.iter().flat_map(|mount| mount.keys.keys()).filter_map(domain::token::Key::jwk) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let openapi = mounts::documents(&mounts, &config.base_url());
    let cross_origin = mounts.iter().any(|mount| !mount.allowed_origins.is_empty());
    let speaker = Speaker::new(engine.clone(), mounts, &config.base_url()).map_err(OpenFaults)?;
    let collisions = pages.map_or_else(Vec::new, |pages| pages.collisions(&speaker));
    if !collisions.is_empty() {
        return Err(OpenFaults(collisions));
    }
    let jwks = Bytes::from(json!({ "keys": keys }).to_string());
    Ok(Spoken { loaded, speaker, jwks, openapi, cross_origin })
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App(…)")
    }
}
