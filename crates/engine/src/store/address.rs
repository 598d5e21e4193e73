//! Which PostgreSQL is meant, how is the way to it protected, and how long may things take there?

use domain::secret::Secret;
use percent_encoding::percent_decode_str;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// For the connection to one address of a host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest that may be asked for.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);
/// A silent connection is asked so soon whether anybody is there: the system's own two hours are no help.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// Between two such questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// After so many without an answer the connection is over.
const KEEPALIVE_RETRIES: u32 = 3;
/// What was sent and is not acknowledged for so long ends the connection.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);
/// How the server lists us, if the URL says nothing else.
const APPLICATION: &str = "countersign";

/// What may stand after the question mark. The first two are read here, the others by the client library.
const PARAMETERS: [&str; 9] = [
    "sslmode",
    "sslrootcert",
    "host",
    "port",
    "target_session_attrs",
    "connect_timeout",
    "application_name",
    "channel_binding",
    "load_balance_hosts",
];

/// What is wrong with a database URL, in a sentence. Nothing of the URL but names of parameters is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressFault(String);

fn fault(text: impl Into<String>) -> AddressFault {
    AddressFault(text.into())
}

/// How a connection to PostgreSQL is protected. There is nothing between the two: encryption without a checked
/// certificate protects from nobody who can stand in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostgresTls {
    /// Not at all: everything travels in clear.
    Off,
    /// TLS, or no connection. The certificate has to name the host (`verify-full` of libpq).
    Verified {
        /// File (PEM) with the certificates that may have signed it; none = the public ones.
        roots: Option<PathBuf>,
    },
}

/// A database on one PostgreSQL, or on several of which one takes writes. Its password is never shown.
#[derive(Clone)]
pub struct PostgresAddress {
    /// Without the password.
    config: Config,
    password: Option<Secret>,
    tls: PostgresTls,
    /// The URL as it was written, without the password.
    shown: String,
}

impl PostgresAddress {
    /// Reads `postgres://user:password@host1:5432,host2:5433/name?…`, also with `postgresql://`. A folder with a Unix socket
    /// stands as a host with `%2F` for its slashes, or in `?host=/folder`.
    ///
    /// Where the URL says nothing else: a server that takes writes, two seconds to connect, no TLS on this machine and
    /// verified TLS to every other. Refused: parameters that are not known; TLS without a checked certificate; an address
    /// without host or database.
    pub fn parse(url: &str) -> Result<PostgresAddress, AddressFault> {
        let parts = Parts::split(url)?;
        let password = parts.password.map(|text| decode("the password", text)).transpose()?;
        let mut config = Config::from_str(&parts.plain()).map_err(|error| told(&error))?;
        check_hosts(&config)?;
        check_choices(&parts, &config)?;
        let tls = choose_tls(&parts, &config)?;
        fill_in(&mut config, &parts, &tls);
        Ok(PostgresAddress { config, password: password.map(Secret::new), tls, shown: parts.shown(url) })
    }

    /// With this password, if the URL had none.
    #[must_use]
    pub fn with_password(mut self, password: Secret) -> PostgresAddress {
        self.password.get_or_insert(password);
        self
    }

    /// Whether there is a password.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Hosts and database for messages: `db1:5432,db2:5432/name`.
    pub fn hosts(&self) -> String {
        let mut text = String::new();
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let port = port(&self.config, at);
            // Writing to a String can not fail.
            let _ = match host {
                Host::Tcp(name) if name.contains(':') => write!(text, "{comma}[{name}]:{port}"),
                Host::Tcp(name) => write!(text, "{comma}{name}:{port}"),
                Host::Unix(folder) => write!(text, "{comma}{}:{port}", folder.display()),
            };
        }
        let _ = write!(text, "/{}", self.config.get_dbname().unwrap_or_default());
        text
    }

    /// What the client library connects with, the password included.
    pub fn config(&self) -> Config {
        let mut config = self.config.clone();
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        config
    }

    /// How the connection is protected.
    pub fn tls(&self) -> &PostgresTls {
        &self.tls
    }

    /// Whether passwords and data cross a network in clear.
    pub fn crosses_in_clear(&self) -> bool {
        self.tls == PostgresTls::Off && !self.config.get_hosts().iter().all(is_here)
    }
}

impl PartialEq for PostgresAddress {
    fn eq(&self, other: &PostgresAddress) -> bool {
        let secret = |one: &PostgresAddress| one.password.as_ref().map(|text| text.expose().to_owned());
        self.config == other.config && self.tls == other.tls && secret(self) == secret(other)
    }
}

impl Eq for PostgresAddress {}

/// The URL as it was written, with `…` for the password.
impl std::fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl std::fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostgresAddress({})", self.shown)
    }
}

/// The pieces of a URL, still encoded.
struct Parts<'a> {
    user: &'a str,
    password: Option<&'a str>,
    hosts: &'a str,
    name: &'a str,
    query: Vec<(&'a str, &'a str)>,
}

impl<'a> Parts<'a> {
    fn split(url: &'a str) -> Result<Parts<'a>, AddressFault> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
        let rest = rest.ok_or_else(|| {
            fault("a PostgreSQL is written like postgres://user@db.example.com:5432/countersign")
        })?;
        if rest.contains(|c: char| c.is_control() || c.is_whitespace() || c == '#') {
            return Err(fault("white space and # are written in percent: %20, %23"));
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, name) = place.split_once('/').unwrap_or((place, ""));
        let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        // A password with such a sign would otherwise be taken for a host or a name, and be shown.
        if credentials.contains('@') || name.contains(['@', '/']) || query.contains('@') {
            return Err(fault(
                "in user, password and names @, / and ? are written in percent: %40, %2F, %3F",
            ));
        }
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password).filter(|password| !password.is_empty())),
            None => (credentials, None),
        };
        if name.is_empty() {
            return Err(fault("name the database at the end: postgres://user@host/name"));
        }
        if user.is_empty() && authority.contains('@') {
            return Err(fault("a user is needed before the @"));
        }
        Ok(Parts { user, password, hosts, name, query: parameters(query, hosts)? })
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.query.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The URL for the client library: without the password, and without what it does not know.
    fn plain(&self) -> String {
        let mut text = "postgres://".to_owned();
        if !self.user.is_empty() {
            text.extend([self.user, "@"]);
        }
        text.extend([self.hosts, "/", self.name]);
        let theirs = self.query.iter().filter(|(name, _)| !PARAMETERS[..2].contains(name));
        for (at, (name, value)) in theirs.enumerate() {
            text.extend([if at == 0 { "?" } else { "&" }, name, "=", value]);
        }
        text
    }

    /// The URL for people.
    fn shown(&self, url: &str) -> String {
        match self.password {
            Some(password) => url.replacen(&format!(":{password}@"), ":…@", 1),
            None => url.to_owned(),
        }
    }
}

/// Splits what stands after the question mark.
fn parameters<'a>(query: &'a str, hosts: &str) -> Result<Vec<(&'a str, &'a str)>, AddressFault> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name == "password" || name == "user" {
            return Err(fault(format!(
                "`{name}` stands before the host: postgres://user:password@host/name"
            )));
        }
        if !PARAMETERS.contains(&name) {
            let plain = name.len() <= 32 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let named = if plain { format!(" `{name}`") } else { String::new() };
            return Err(fault(format!(
                "the URL has no parameter{named}; there are {}",
                PARAMETERS.join(", ")
            )));
        }
        if value.is_empty() {
            return Err(fault(format!("`{name}` has no value")));
        }
        if name != "host" && found.iter().any(|(known, _)| *known == name) {
            return Err(fault(format!("`{name}` is given twice")));
        }
        if matches!(name, "host" | "port") && !hosts.is_empty() {
            return Err(fault(format!("`{name}` is given twice: before the slash and after the ?")));
        }
        found.push((name, value));
    }
    Ok(found)
}

fn decode(what: &str, text: &str) -> Result<String, AddressFault> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| fault(format!("{what} is no UTF-8")))?;
    if text.contains('\0') { Err(fault(format!("{what} has a NUL"))) } else { Ok(text.into_owned()) }
}

/// The library's own sentence, which names parameters and repeats no value.
fn told(error: &tokio_postgres::Error) -> AddressFault {
    let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    fault(format!("this is no PostgreSQL URL: {cause}"))
}

fn port(config: &Config, at: usize) -> u16 {
    let ports = config.get_ports();
    ports.get(at).or_else(|| ports.first()).copied().unwrap_or(5432)
}

fn check_hosts(config: &Config) -> Result<(), AddressFault> {
    let (hosts, ports) = (config.get_hosts(), config.get_ports());
    if hosts.is_empty() {
        return Err(fault("name the host: postgres://user@host/name, or the folder of its socket in ?host="));
    }
    if ports.len() > 1 && ports.len() != hosts.len() {
        return Err(fault("`port` has to name one port, or one for each host"));
    }
    let named = |host: &Host| match host {
        Host::Tcp(name) => {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:".contains(&b))
        }
        Host::Unix(folder) => !folder.as_os_str().as_encoded_bytes().contains(&0),
    };
    if hosts.iter().all(named) { Ok(()) } else { Err(fault("one of the hosts is no host name or address")) }
}

/// Values that the library would take and that would do harm.
fn check_choices(parts: &Parts<'_>, config: &Config) -> Result<(), AddressFault> {
    if config.get_target_session_attrs() == TargetSessionAttrs::ReadOnly {
        return Err(fault(
            "target_session_attrs=read-only: Countersign has to write; take read-write, which is the default",
        ));
    }
    let seconds = config.get_connect_timeout().copied().unwrap_or_default();
    let bounds = Duration::from_secs(1)..=LONGEST_CONNECT;
    if parts.parameter("connect_timeout").is_some() && !bounds.contains(&seconds) {
        return Err(fault("`connect_timeout` is a number of seconds from 1 to 10"));
    }
    Ok(())
}

/// Whether a host is this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

fn choose_tls(parts: &Parts<'_>, config: &Config) -> Result<PostgresTls, AddressFault> {
    let roots = parts.parameter("sslrootcert").map(|text| decode("`sslrootcert`", text)).transpose()?;
    let roots = roots.map(PathBuf::from);
    let wanted = match parts.parameter("sslmode") {
        None => roots.is_some() || !config.get_hosts().iter().all(is_here),
        Some("disable") => false,
        Some("verify-full") => true,
        Some("require" | "prefer" | "allow" | "verify-ca") => {
            return Err(fault(
                "this sslmode does not check whose certificate it is, so whoever stands in the way can read the passwords; \
                 take verify-full, with sslrootcert=/path/to/ca.pem for a certificate of your own authority",
            ));
        }
        Some(_) => return Err(fault("`sslmode` is disable or verify-full")),
    };
    if !wanted && roots.is_some() {
        return Err(fault("sslmode=disable and sslrootcert contradict each other"));
    }
    if wanted && config.get_hosts().iter().any(|host| matches!(host, Host::Unix(_))) {
        return Err(fault(
            "there is no TLS on a Unix socket: name it alone, without sslmode and sslrootcert",
        ));
    }
    if roots.as_ref().is_some_and(|path| !path.is_absolute()) {
        return Err(fault("`sslrootcert` is a whole path, from the first slash"));
    }
    Ok(if wanted { PostgresTls::Verified { roots } } else { PostgresTls::Off })
}

/// What the URL leaves open.
fn fill_in(config: &mut Config, parts: &Parts<'_>, tls: &PostgresTls) {
    config.ssl_mode(match tls {
        PostgresTls::Off => SslMode::Disable,
        PostgresTls::Verified { .. } => SslMode::Require,
    });
    if parts.parameter("target_session_attrs").is_none() {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if parts.parameter("connect_timeout").is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if parts.parameter("application_name").is_none() {
        config.application_name(APPLICATION);
    }
    config.tcp_user_timeout(UNACKNOWLEDGED);
    config.keepalives_idle(KEEPALIVE_IDLE);
    config.keepalives_interval(KEEPALIVE_INTERVAL);
    config.keepalives_retries(KEEPALIVE_RETRIES);
}

/// When PostgreSQL may say that a change is kept (its `synchronous_commit`). There is no `off`: what was answered could
/// be lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SynchronousCommit {
    /// On the disk here, and on that of a synchronous standby if there is one.
    #[default]
    On,
    /// Also visible to those who read from the standby.
    RemoteApply,
    /// On the disk here, and in the memory of the standby's machine.
    RemoteWrite,
    /// On the disk here; a fail-over can lose it.
    Local,
}

impl SynchronousCommit {
    /// All of them, the default first.
    pub const ALL: [SynchronousCommit; 4] = [
        SynchronousCommit::On,
        SynchronousCommit::RemoteApply,
        SynchronousCommit::RemoteWrite,
        SynchronousCommit::Local,
    ];

    /// PostgreSQL's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            SynchronousCommit::On => "on",
            SynchronousCommit::RemoteApply => "remote_apply",
            SynchronousCommit::RemoteWrite => "remote_write",
            SynchronousCommit::Local => "local",
        }
    }

    /// The one of this name.
    pub fn parse(name: &str) -> Option<SynchronousCommit> {
        SynchronousCommit::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// How many connections to PostgreSQL there are, and how long things may take on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostgresSettings {
    /// Connections that all looks share.
    pub readers: usize,
    /// Connections for changes, one change list on each at a time.
    pub writers: usize,
    /// How long a change may wait for one of them.
    pub pool_wait_ms: u64,
    /// How long one statement may take.
    pub statement_timeout_ms: u64,
    /// How long a statement may wait for a lock.
    pub lock_timeout_ms: u64,
    /// How long a transaction may wait for its next statement; its locks are let go then.
    pub idle_in_transaction_timeout_ms: u64,
    /// When a change counts as kept.
    pub synchronous_commit: SynchronousCommit,
}

impl Default for PostgresSettings {
    fn default() -> PostgresSettings {
        PostgresSettings {
            readers: 2,
            writers: 8,
            pool_wait_ms: 1000,
            statement_timeout_ms: 2000,
            lock_timeout_ms: 1000,
            idle_in_transaction_timeout_ms: 3000,
            synchronous_commit: SynchronousCommit::On,
        }
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
