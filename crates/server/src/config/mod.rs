//! Which settings are in force, and where does each come from?
//!
//! One TOML file, environment variables over it, the command line over both. Everything wrong is told at once.

mod cookies;
pub mod database;
mod environment;
mod file;
pub mod kinds;
mod mail;
mod mount;
mod nearest;
pub mod old;
mod roles;
pub mod settings;
mod tries;
mod upstream;
mod weakening;

pub use cookies::{CookieWords, pages};
pub use environment::{asks_for_no_color, asks_for_update, postgres_password};
pub use mail::{Encryption, MailConfig, PagesConfig, SmtpConfig, Transport};
pub use mount::MountConfig;
pub use nearest::{did_you_mean, nearest};
pub use upstream::UpstreamConfig;
pub use weakening::HouseWeakening;

use database::{Chosen, DatabaseConfig};
use domain::admin::AdminRules;
use domain::house::{House, RecoveryRules, SessionRules};
use domain::password::{Backend, Params};
use domain::retention::Retention;
use domain::secret::Secret;
use engine::HashSettings;
use ipnet::IpNet;
use kinds::{Kind, Value};
use settings::SETTINGS;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The file that is read when none is named and it is there.
pub const DEFAULT_FILE: &str = "countersign.toml";
const DAY_SECONDS: i64 = 86_400;

/// Where a value comes from. Later ones win.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// The configuration file.
    File {
        /// As it was named.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// This environment variable.
    Environment(String),
    /// This option of the command line.
    Flag(&'static str),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Flag(name) => write!(f, "command line {name}"),
        }
    }
}

/// One thing that is wrong, with its place and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// A file with its line, an environment variable or an option.
    pub place: String,
    /// One sentence.
    pub message: String,
}

impl std::fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// What a process was started with.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<String>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--database`.
    pub database: Option<String>,
    /// Environment variables whose names begin with `COUNTERSIGN_`.
    pub environment: Vec<(String, String)>,
}

impl Sources {
    /// Takes the environment of this process along.
    pub fn with_environment(mut self) -> Sources {
        self.environment = environment::of_process();
        self
    }
}

/// The most connections that are open at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In all.
    pub connections: usize,
    /// Of one client address; zero = any number.
    pub per_client: usize,
    /// Bytes of the body of an ordinary route.
    pub body_bytes: usize,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// The head of a request.
    pub header: Duration,
    /// Its body.
    pub body: Duration,
    /// The answer.
    pub handler: Duration,
    /// Between two requests.
    pub keep_alive: Duration,
    /// The end.
    pub shutdown: Duration,
}

/// How the log is written.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// `auto`, `human` or `json`.
    pub format: String,
    /// `error` to `trace`.
    pub level: String,
    /// Whether every request gets a line.
    pub requests: bool,
}

/// Who is asked about new passwords.
#[derive(Clone, Debug)]
pub struct BreachConfig {
    /// What the first digits are added to; absent = nobody is asked.
    pub url: Option<String>,
    /// For the whole look-up.
    pub timeout: Duration,
}

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Folder of the keys, and of the database if it is not elsewhere.
    pub data: PathBuf,
    /// The database.
    pub databases: DatabaseConfig,
    /// File with the master key; absent = `keys/master.key` in the data folder.
    pub master_key_file: Option<PathBuf>,
    /// The master key itself, from the environment.
    pub master_key: Option<Secret>,
    /// How the world reaches the server.
    pub public_url: Option<String>,
    /// Whose word on client addresses is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// Folder of the user's own dialects.
    pub dialects: Option<PathBuf>,
    /// What is mounted; empty = the built-in dialects, of each contract one version.
    pub mounts: Vec<MountConfig>,
    /// How passwords are hashed.
    pub hashing: HashSettings,
    /// Who is asked about new passwords.
    pub breaches: BreachConfig,
    /// The rules of the house.
    pub house: House,
    /// Sizes.
    pub limits: Limits,
    /// Times.
    pub timeouts: Timeouts,
    /// The log.
    pub log: LogConfig,
    /// What the service is called; empty = by its host name.
    pub service_name: String,
    /// Letters.
    pub mail: MailConfig,
    /// Pages.
    pub pages: PagesConfig,
    /// Every value with its origin, in the order of [`SETTINGS`].
    pub values: Vec<(&'static str, Value, Origin)>,
}

type Values = BTreeMap<&'static str, (Value, Origin)>;

impl Config {
    /// Reads all sources. Refused: anything that is wrong with any of them, all of it.
    pub fn load(sources: &Sources) -> Result<Config, Vec<ConfigFault>> {
        let mut faults = Vec::new();
        let mut values = Values::new();
        for setting in SETTINGS {
            match setting.kind.read_text(setting.default) {
                Ok(value) => drop(values.insert(setting.name, (value, Origin::Default))),
                Err(message) => {
                    faults.push(ConfigFault { place: format!("default of {}", setting.name), message })
                }
            }
        }
        let mut tables = file::Tables::default();
        let path = find_file(sources);
        if let Some((path, needed)) = &path {
            file::read(path, *needed, &mut values, &mut tables, &mut faults);
        }
        environment::read(&sources.environment, &mut values, &mut faults);
        read_flags(sources, &mut values, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let file = path.map(|(path, _)| path).filter(|path| path.exists());
        let mut config =
            assemble(file, tables, &values, &sources.environment).map_err(|fault| vec![fault])?;
        config.master_key = environment::master_key(&sources.environment);
        config.house.recovery.mail = config.mail.is_on();
        config.check()?;
        Ok(config)
    }

    /// The folder that holds the keys.
    pub fn key_folder(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// What the service is called in letters and on pages.
    pub fn service(&self) -> String {
        let url = self.base_url();
        let host = url.split("://").nth(1).unwrap_or(&url);
        if self.service_name.is_empty() { host.to_owned() } else { self.service_name.clone() }
    }

    /// Where the server is reached from outside, as far as it is known.
    pub fn base_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// Whether clients reach the server by https.
    pub fn is_https(&self) -> bool {
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }

    /// What can only be seen when all values are known: dialects by name, mounts in each other's place.
    fn check(&self) -> Result<(), Vec<ConfigFault>> {
        let known = crate::mounts::dialect_names(self.dialects.as_deref());
        let mut faults = mail::check(self);
        faults.extend(database::check(self));
        for (at, mount) in self.mounts.iter().enumerate() {
            let place = mount.place(self.file.as_deref());
            if !known.contains(&mount.dialect) {
                let hint = nearest(&mount.dialect, known.iter().map(String::as_str))
                    .map_or_else(|| format!("; there are {}", known.join(", ")), did_you_mean);
                let message = format!("there is no dialect {:?}{hint}", mount.dialect);
                faults.push(ConfigFault { place: place.clone(), message });
            }
            faults.extend(
                self.upstream_is_slow(mount).map(|message| ConfigFault { place: place.clone(), message }),
            );
            let same = |other: &&MountConfig| {
                (&other.dialect, &other.prefix, &other.host) == (&mount.dialect, &mount.prefix, &mount.host)
            };
            if self.mounts[..at].iter().any(|other| same(&other)) {
                let message = format!("{:?} is mounted twice in the same place", mount.dialect);
                faults.push(ConfigFault { place, message });
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// A client would be told that its request took too long before the old application was given up.
    fn upstream_is_slow(&self, mount: &MountConfig) -> Option<String> {
        let upstream = mount.upstream.as_ref()?;
        let (asked, handler) = (upstream.timeout, self.timeouts.handler);
        (asked >= handler).then(|| {
            let (asked, handler) = (kinds::write_span(asked), kinds::write_span(handler));
            format!("upstream_timeout ({asked}) has to be shorter than timeouts.handler ({handler})")
        })
    }
}

/// The file to be read and whether it has to be there.
fn find_file(sources: &Sources) -> Option<(PathBuf, bool)> {
    if let Some(path) = &sources.config {
        return Some((path.clone(), true));
    }
    let named = sources.environment.iter().find(|(name, _)| name == "COUNTERSIGN_CONFIG");
    if let Some((_, path)) = named.filter(|(_, path)| !path.is_empty()) {
        return Some((PathBuf::from(path), true));
    }
    Some((PathBuf::from(DEFAULT_FILE), false))
}

fn read_flags(sources: &Sources, values: &mut Values, faults: &mut Vec<ConfigFault>) {
    let data = sources.data.as_ref().map(|path| path.to_string_lossy().into_owned());
    for (name, flag, text) in [
        ("listen", "--listen", sources.listen.clone()),
        ("data", "--data", data),
        ("database", "--database", sources.database.clone()),
    ] {
        let Some((text, setting)) = text.zip(settings::named(name)) else { continue };
        let read = if setting.kind == Kind::Database {
            database::read_flag(&text).map(Value::Database)
        } else {
            setting.kind.read_text(&text)
        };
        match read {
            Ok(value) => drop(values.insert(setting.name, (value, Origin::Flag(flag)))),
            Err(message) => faults.push(ConfigFault { place: format!("command line {flag}"), message }),
        }
    }
}

/// Reads checked values by name.
struct Reading<'a>(&'a Values);

impl Reading<'_> {
    fn value(&self, name: &'static str) -> Result<&Value, ConfigFault> {
        self.0.get(name).map(|(value, _)| value).ok_or_else(|| internal(name))
    }

    fn number(&self, name: &'static str) -> Result<usize, ConfigFault> {
        match self.value(name)? {
            Value::Number(number) => usize::try_from(*number).map_err(|_| internal(name)),
            Value::Text(_)
            | Value::Switch(_)
            | Value::Span(_)
            | Value::Address(_)
            | Value::Networks(_)
            | Value::Database(_)
            | Value::List(_) => Err(internal(name)),
        }
    }

    fn small(&self, name: &'static str) -> Result<u32, ConfigFault> {
        u32::try_from(self.number(name)?).map_err(|_| internal(name))
    }

    fn switch(&self, name: &'static str) -> Result<bool, ConfigFault> {
        if let Value::Switch(on) = self.value(name)? { Ok(*on) } else { Err(internal(name)) }
    }

    fn span(&self, name: &'static str) -> Result<Duration, ConfigFault> {
        if let Value::Span(span) = self.value(name)? { Ok(*span) } else { Err(internal(name)) }
    }

    fn database(&self, name: &'static str) -> Result<Chosen, ConfigFault> {
        if let Value::Database(chosen) = self.value(name)? { Ok(chosen.clone()) } else { Err(internal(name)) }
    }

    fn text(&self, name: &'static str) -> Result<String, ConfigFault> {
        if let Value::Text(text) = self.value(name)? { Ok(text.clone()) } else { Err(internal(name)) }
    }
}

fn internal(name: &str) -> ConfigFault {
    ConfigFault { place: name.to_owned(), message: "the setting has a value of another kind".to_owned() }
}

fn assemble(
    file: Option<PathBuf>,
    tables: file::Tables,
    values: &Values,
    environment: &[(String, String)],
) -> Result<Config, ConfigFault> {
    let read = Reading(values);
    let Value::Address(listen) = *read.value("listen")? else { return Err(internal("listen")) };
    let Value::Networks(trusted_proxies) = read.value("trusted_proxies")?.clone() else {
        return Err(internal("trusted_proxies"));
    };
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let (limits, timeouts) = (limits(&read)?, timeouts(&read)?);
    let shown = SETTINGS.iter().filter_map(|setting| {
        values.get(setting.name).map(|(value, origin)| (setting.name, value.clone(), origin.clone()))
    });
    Ok(Config {
        file,
        listen,
        data: PathBuf::from(read.text("data")?),
        databases: database::assemble(&read, values, environment)?,
        master_key_file: some(read.text("master_key_file")?).map(PathBuf::from),
        master_key: None,
        public_url: some(read.text("public_url")?),
        trusted_proxies,
        dialects: some(read.text("dialects")?).map(PathBuf::from),
        mounts: tables.mounts,
        hashing: hashing(&read, values)?,
        breaches: BreachConfig {
            url: some(read.text("passwords.breach_url")?),
            timeout: read.span("passwords.breach_timeout")?,
        },
        house: House {
            roles_configured: tables.roles.is_some(),
            roles: tables.roles.unwrap_or_default(),
            strict: read.text("preset")? == "strict",
            limits: tries::read(&read)?,
            sessions: session_rules(&read)?,
            admin: AdminRules { require_factor: read.switch("admin.require_factor")? },
            retention: retention(&read, values)?,
            recovery: recovery_rules(&read)?,
            ..House::default()
        },
        limits,
        timeouts,
        log: LogConfig {
            format: read.text("log.format")?,
            level: read.text("log.level")?,
            requests: read.text("log.requests")? == "all",
        },
        service_name: read.text("service_name")?,
        mail: mail::mail(&read, environment)?,
        pages: mail::pages(&read)?,
        values: shown.collect(),
    })
}

fn recovery_rules(read: &Reading<'_>) -> Result<RecoveryRules, ConfigFault> {
    Ok(RecoveryRules {
        mail: false,
        require_verified: read.text("recovery.require_verified")? == "on",
        letters_per_minute: read.small("recovery.letters_per_minute")?,
        letters_per_hour: read.small("recovery.letters_per_hour")?,
    })
}

fn session_rules(read: &Reading<'_>) -> Result<SessionRules, ConfigFault> {
    Ok(SessionRules {
        per_user: read.small("sessions.per_user")?,
        fresh_seconds: seconds(read.span("sessions.fresh")?),
    })
}

fn retention(read: &Reading<'_>, values: &Values) -> Result<Retention, ConfigFault> {
    let events = seconds(read.span("retention.events")?);
    if events > 0 && events < DAY_SECONDS {
        let place = values.get("retention.events").map_or(Origin::Default, |(_, origin)| origin.clone());
        let message = "retention.events: give 0s for ever, or at least 24h".to_owned();
        return Err(ConfigFault { place: place.to_string(), message });
    }
    Ok(Retention {
        sessions_seconds: seconds(read.span("retention.sessions")?),
        events_seconds: Some(events).filter(|_| events > 0),
    })
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

fn limits(read: &Reading<'_>) -> Result<Limits, ConfigFault> {
    Ok(Limits {
        connections: read.number("limits.max_connections")?,
        per_client: read.number("limits.per_client")?,
        body_bytes: read.number("limits.body_bytes")?,
    })
}

fn timeouts(read: &Reading<'_>) -> Result<Timeouts, ConfigFault> {
    Ok(Timeouts {
        header: read.span("timeouts.header")?,
        body: read.span("timeouts.body")?,
        handler: read.span("timeouts.handler")?,
        keep_alive: read.span("timeouts.keep_alive")?,
        shutdown: read.span("timeouts.shutdown")?,
    })
}

fn hashing(read: &Reading<'_>, values: &Values) -> Result<HashSettings, ConfigFault> {
    let (memory, passes) = (read.small("hashing.memory_kib")?, read.small("hashing.passes")?);
    let params = Params::new(memory, passes, read.small("hashing.lanes")?).map_err(|fault| {
        let place = values.get("hashing.memory_kib").map_or(Origin::Default, |(_, origin)| origin.clone());
        ConfigFault { place: place.to_string(), message: format!("hashing: {fault}") }
    })?;
    Ok(HashSettings {
        backend: if read.text("hashing.backend")? == "simd" { Backend::Simd } else { Backend::Portable },
        params,
        workers: read.number("hashing.workers")?,
        queue: read.number("hashing.queue")?,
        per_client: read.number("hashing.per_client")?,
    })
}
