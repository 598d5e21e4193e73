//! Which kinds of settings are there, and how is each written in a file and in an environment variable?

use super::database::{self, Chosen};
use engine::SynchronousCommit;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;
use toml::de::DeValue;

/// The longest text of one setting, in bytes.
const MAX_TEXT: usize = 4096;
/// The most entries of one list.
const MAX_LIST: usize = 256;

/// What a setting may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An IP address and a port.
    Address,
    /// `http://host` or `https://host`, with a port if need be and without a path. Empty: none.
    Url,
    /// A line of text without control characters. Empty: none.
    Line,
    /// A path before other paths, like `/account`.
    Prefix,
    /// `https://host/path` with `{token}` once in it; `http` only on this machine. Empty: none.
    Link,
    /// `https://host/path/`, to which something is added; `http` only on this machine. Empty: none.
    Service,
    /// A path to a folder or file. Empty: none.
    Path,
    /// A file of SQLite or the URL of a PostgreSQL. Empty: a file in the data folder.
    Database,
    /// When PostgreSQL may say that a change is kept.
    Durability,
    /// Address blocks in CIDR notation.
    Networks,
    /// Web origins, exactly as browsers send them.
    Origins,
    /// A whole number within these bounds.
    Whole(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A length of time within these bounds, in milliseconds.
    Span(u64, u64),
    /// True or false.
    Switch,
}

/// The value of a setting, checked against its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A word, a path or a URL.
    Text(String),
    /// A number.
    Number(u64),
    /// On or off.
    Switch(bool),
    /// A length of time.
    Span(Duration),
    /// An address.
    Address(SocketAddr),
    /// Address blocks.
    Networks(Vec<IpNet>),
    /// Origins.
    List(Vec<String>),
    /// A database. Its password is not shown.
    Database(Chosen),
}

impl Kind {
    /// Reads what an environment variable or a command line holds. Lists are separated by commas.
    pub fn read_text(self, text: &str) -> Result<Value, String> {
        if text.len() > MAX_TEXT {
            return Err(format!("longer than {MAX_TEXT} bytes"));
        }
        match self {
            Kind::Address => text
                .parse()
                .map(Value::Address)
                .map_err(|_| format!("{text:?} is not an address and port like \"127.0.0.1:8000\"")),
            Kind::Url => url(text).map(Value::Text),
            Kind::Line if text.chars().any(char::is_control) => {
                Err("a line without control characters".to_owned())
            }
            Kind::Line => Ok(Value::Text(text.trim().to_owned())),
            Kind::Prefix => super::mount::prefix(text).and_then(some_prefix).map(Value::Text),
            Kind::Link => link(text).map(Value::Text),
            Kind::Service => service(text).map(Value::Text),
            Kind::Path if text.contains('\0') => Err("a path has no NUL".to_owned()),
            Kind::Path => Ok(Value::Text(text.to_owned())),
            Kind::Database => database::read(text.trim()).map(Value::Database),
            Kind::Durability => durability(text),
            Kind::Networks | Kind::Origins => {
                self.read_list(text.split(',').map(str::trim).filter(|part| !part.is_empty()))
            }
            Kind::Whole(least, most) => match text.trim().parse() {
                Ok(number) => whole(number, least, most),
                Err(_) => Err(format!("{text:?} is not a whole number from {least} to {most}")),
            },
            Kind::Switch => text
                .trim()
                .parse()
                .map(Value::Switch)
                .map_err(|_| format!("{text:?} is neither true nor false")),
            Kind::Choice(words) => choice(text, words),
            Kind::Span(least, most) => span(text, least, most),
        }
    }

    /// Reads a value of the configuration file.
    pub fn read_toml(self, value: &DeValue<'_>) -> Result<Value, String> {
        match self {
            Kind::Networks | Kind::Origins => {
                let entries = value.as_array().ok_or_else(|| wrong_type(value, "a list of texts"))?;
                let texts: Option<Vec<&str>> = entries.iter().map(|entry| entry.get_ref().as_str()).collect();
                self.read_list(texts.ok_or("every entry of the list is a text")?.into_iter())
            }
            Kind::Whole(least, most) => {
                let number = value.as_integer().ok_or_else(|| wrong_type(value, "a whole number"))?;
                match u64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => whole(number, least, most),
                    Err(_) => Err(format!("{} is not from {least} to {most}", number.as_str())),
                }
            }
            Kind::Switch => {
                value.as_bool().map(Value::Switch).ok_or_else(|| wrong_type(value, "true or false"))
            }
            Kind::Span(..) if value.is_integer() => {
                Err("give the unit: \"10s\", \"500ms\", \"2m\"".to_owned())
            }
            Kind::Address
            | Kind::Url
            | Kind::Line
            | Kind::Prefix
            | Kind::Link
            | Kind::Service
            | Kind::Path
            | Kind::Database
            | Kind::Durability
            | Kind::Choice(_)
            | Kind::Span(..) => self.read_text(value.as_str().ok_or_else(|| wrong_type(value, "a text"))?),
        }
    }

    fn read_list<'a>(self, parts: impl Iterator<Item = &'a str>) -> Result<Value, String> {
        let parts: Vec<&str> = parts.collect();
        if parts.len() > MAX_LIST {
            return Err(format!("more than {MAX_LIST} entries"));
        }
        if self == Kind::Networks {
            return parts.into_iter().map(network).collect::<Result<_, _>>().map(Value::Networks);
        }
        parts.into_iter().map(origin).collect::<Result<_, _>>().map(Value::List)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Number(number) => number.fmt(f),
            Value::Switch(on) => on.fmt(f),
            Value::Span(span) => write!(f, "{:?}", write_span(*span)),
            Value::Address(address) => write!(f, "\"{address}\""),
            Value::Networks(networks) => {
                f.debug_list().entries(networks.iter().map(ToString::to_string)).finish()
            }
            Value::List(list) => f.debug_list().entries(list).finish(),
            Value::Database(chosen) => write!(f, "{:?}", chosen.to_string()),
        }
    }
}

/// A length of time as it is written in the file.
pub fn write_span(span: Duration) -> String {
    let millis = span.as_millis();
    if millis.is_multiple_of(1000) { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}

fn wrong_type(value: &DeValue<'_>, wanted: &str) -> String {
    format!("this is of the type {}, {wanted} is needed", value.type_str())
}

fn whole(number: u64, least: u64, most: u64) -> Result<Value, String> {
    if (least..=most).contains(&number) {
        Ok(Value::Number(number))
    } else {
        Err(format!("{number} is not from {least} to {most}"))
    }
}

/// One of these words.
pub(super) fn choice(text: &str, words: &[&str]) -> Result<Value, String> {
    if words.contains(&text) {
        return Ok(Value::Text(text.to_owned()));
    }
    let hint = super::nearest(text, words.iter().copied()).map_or_else(String::new, super::did_you_mean);
    Err(format!("{text:?} is none of {}{hint}", words.join(", ")))
}

fn durability(text: &str) -> Result<Value, String> {
    if text == "off" {
        return Err("\"off\" would lose what was answered already when PostgreSQL crashes".to_owned());
    }
    choice(text, &SynchronousCommit::ALL.map(SynchronousCommit::name))
}

fn span(text: &str, least: u64, most: u64) -> Result<Value, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("{text:?} is not a length of time like \"10s\", \"500ms\" or \"2m\"")),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("{text:?} is not a length of time like \"10s\", \"500ms\" or \"2m\""))?;
    let millis = number.saturating_mul(unit);
    if (least..=most).contains(&millis) {
        Ok(Value::Span(Duration::from_millis(millis)))
    } else {
        let bound = |millis| write_span(Duration::from_millis(millis));
        Err(format!("{text:?} is not from {} to {}", bound(least), bound(most)))
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    let network = text
        .parse::<IpNet>()
        .or_else(|_| single())
        .map_err(|_| format!("{text:?} is not an address block like \"10.0.0.0/8\" or \"fd00::/8\""))?;
    if network.prefix_len() == 0 {
        return Err(format!("{text:?} would trust every client to name its own address"));
    }
    Ok(network.trunc())
}

fn url(text: &str) -> Result<String, String> {
    if text.is_empty() { Ok(String::new()) } else { base(text, "a public address") }
}

fn origin(text: &str) -> Result<String, String> {
    match text {
        "*" => Err("\"*\" would let every page read answers: list the origins one by one".to_owned()),
        "null" => Err("\"null\" is the origin of every sandboxed page and is never allowed".to_owned()),
        _ => base(text, "an origin"),
    }
}

/// Scheme, host and port, and nothing else.
pub(super) fn base(text: &str, what: &str) -> Result<String, String> {
    let fault = || format!("{text:?} is not {what} like \"https://app.example.com\", without a path");
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(fault)?;
    let plain = !rest.is_empty()
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
    if !plain || rest.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(fault());
    }
    let authority: http::uri::Authority = rest.parse().map_err(|_| fault())?;
    if authority.host().is_empty()
        || (rest.contains("]:") || !rest.contains('[') && rest.contains(':'))
            && authority.port_u16().is_none()
    {
        return Err(fault());
    }
    Ok(text.to_owned())
}

/// Pages need a path of their own.
fn some_prefix(prefix: String) -> Result<String, String> {
    if prefix.is_empty() { Err("a path like \"/account\" is needed".to_owned()) } else { Ok(prefix) }
}

/// The stand-in for a token in a link.
pub const TOKEN: &str = "{token}";

fn link(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let fault = || format!("{text:?} is not a link like \"https://app.example.com/reset#token={{token}}\"");
    let end = text.match_indices('/').nth(2).map_or(text.len(), |(at, _)| at);
    let (host, rest) = text.split_at(end);
    base(host, "a link").map_err(|_| fault())?;
    let bare = rest.replacen(TOKEN, "", 1);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/?#&=-_.~%+:,;@!".contains(&byte);
    if bare.len() == rest.len() || !bare.bytes().all(plain) {
        return Err(fault());
    }
    if host.starts_with("http://") && !is_loopback(host.trim_start_matches("http://")) {
        return Err(format!("{text:?}: the token would travel in clear; use https"));
    }
    Ok(text.to_owned())
}

fn service(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let fault =
        || format!("{text:?} is not a URL like \"https://api.example.com/range/\", with a slash at its end");
    let end = text.match_indices('/').nth(2).map(|(at, _)| at).ok_or_else(fault)?;
    let (host, path) = text.split_at(end);
    base(host, "a URL").map_err(|_| fault())?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~%".contains(&byte);
    if !path.ends_with('/') || !path.bytes().all(plain) {
        return Err(fault());
    }
    if host.starts_with("http://") && !is_loopback(host.trim_start_matches("http://")) {
        return Err(format!("{text:?}: what is asked would travel in clear; use https"));
    }
    Ok(text.to_owned())
}

/// Whether a host, with or without a port, is this machine.
pub fn is_loopback(host: &str) -> bool {
    let address = |text: &str| text.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some((name, port)) if name.ends_with(']') && port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || address(name)
}
