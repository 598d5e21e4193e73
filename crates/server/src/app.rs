//! What is one running server made of?

use crate::config::{Config, Limits, Timeouts};
use crate::http::speak::Speaker;
use crate::keys::Keys;
use crate::lock::DataLock;
use crate::mail::Office;
use crate::mounts::{self, Loaded};
use crate::pages::Pages;
use crate::telemetry::Log;
use bytes::Bytes;
use engine::{Chance, Clock, Engine, Fault, Settings};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Why a server could not be made: every reason, each in a sentence (exit code 2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct OpenFaults(pub Vec<String>);

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
    draining: AtomicBool,
    _lock: DataLock,
    log: Option<Arc<Log>>,
    office: Option<Arc<Office>>,
    pages: Option<Pages>,
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
        let loaded = mounts::load(&config).map_err(OpenFaults)?;
        let now = clock.now();
        let mut faults = Vec::new();
        let keys = Keys::of(&config);
        let tickets = keys.tickets(&chance, now).await.and_then(|tickets| Ok((tickets, keys.trail()?)));
        let master = keys.master(&chance).await;
        let equipped = mounts::equip(&config, &loaded, &chance, now).unwrap_or_else(|found| {
            faults.extend(found);
            Vec::new()
        });
        let office = Office::open(&config).unwrap_or_else(|found| {
            faults.extend(found);
            None
        });
        let pages = Pages::open(&config).unwrap_or_else(|found| {
            faults.extend(found);
            None
        });
        let breaches = crate::breach::breaches(&config.breaches).unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        let tickets = tickets.map_err(|fault| faults.insert(0, fault.to_string()));
        let master = master.map_err(|fault| faults.insert(0, fault.to_string()));
        let (Ok((ticket_secret, trail_secret)), Ok(master_key), true) = (tickets, master, faults.is_empty())
        else {
            return Err(OpenFaults(faults));
        };
        let lock = DataLock::take(&config).map_err(|fault| OpenFaults(vec![fault]))?;
        let settings = Settings {
            place: config.database(),
            ticket_secret,
            trail_secret,
            master_key,
            hashing: config.hashing.clone(),
            clock: clock.clone(),
            chance: chance.clone(),
            house: config.house.clone(),
            breaches,
        };
        let engine = Engine::open(settings).await.map_err(|error| OpenFaults(vec![error.to_string()]))?;
        let spoken = spoken(&engine, loaded, equipped, &config, pages.as_ref())?;
        // Of its own, so that a test's sequence of chance does not depend on the number of requests.
        let request_seed = Chance::System.bytes().map_err(|fault| OpenFaults(vec![fault.to_string()]))?;
        let inner = Inner {
            engine,
            speaker: RwLock::new(Arc::new(spoken)),
            config,
            clock,
            chance,
            draining: AtomicBool::new(false),
            _lock: lock,
            log: None,
            office: office.map(Arc::new),
            pages,
            request_seed,
            requests: AtomicU64::new(0),
        };
        Ok(App { inner: Arc::new(inner) })
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

    /// Whether requests should be sent here: the database can be written, and no stop was asked for.
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && self.inner.engine.is_ready()
    }

    /// Whether the server is about to stop.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Acquire)
    }

    /// Begins the end: not ready from now on.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Release);
    }

    /// Reads the keys again and puts those in force that have changed or whose time has come.
    ///
    /// Refused: keys that can not be used; the present ones stay.
    pub fn reload_keys(&self) -> Result<(), OpenFaults> {
        let inner = &self.inner;
        self.put_in_force(self.spoken().loaded.clone(), &inner.config)
    }

    /// Puts the mounts of another configuration in force, with their dialects and keys; everything else stays as it is
    /// until the next start. Gives the names of settings that have other values there.
    ///
    /// Refused: anything that is wrong with any dialect, key or mount; all present ones stay (REL-19).
    pub fn reload(&self, config: &Config) -> Result<Vec<&'static str>, OpenFaults> {
        let loaded = mounts::load(config).map_err(OpenFaults)?;
        // Keys and addresses are those of the running server, whatever the file says now.
        self.put_in_force(loaded, &self.inner.config)?;
        let differs = |(one, other): &(&(&'static str, _, _), &(&'static str, _, _))| one.1 != other.1;
        let pairs = self.inner.config.values.iter().zip(&config.values);
        Ok(pairs.filter(differs).map(|(one, _)| one.0).collect())
    }

    fn put_in_force(&self, loaded: Vec<Loaded>, config: &Config) -> Result<(), OpenFaults> {
        let inner = &self.inner;
        let mounts = mounts::equip(config, &loaded, &inner.chance, inner.clock.now()).map_err(OpenFaults)?;
        let spoken = Arc::new(spoken(&inner.engine, loaded, mounts, config, inner.pages.as_ref())?);
        *inner.speaker.write().unwrap_or_else(PoisonError::into_inner) = spoken;
        Ok(())
    }

    /// What sends letters; none when they are off.
    pub fn office(&self) -> Option<Arc<Office>> {
        self.inner.office.clone()
    }

    /// The pages for links in letters; none when they are off.
    pub fn pages(&self) -> Option<&Pages> {
        self.inner.pages.as_ref()
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
        self.inner.config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
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
