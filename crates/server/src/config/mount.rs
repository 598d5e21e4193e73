//! What does one `[[mount]]` say?

use super::cookies::CookieWords;
use super::did_you_mean;
use super::file::Page;
use super::kinds::{Kind, Value};
use super::nearest;
use super::old::OldConfig;
use super::settings::MOUNT_WORDS;
use super::upstream::{UpstreamConfig, UpstreamWords};
use domain::contract::FactorWays;
use domain::time::Moment;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One dialect in its place, as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountConfig {
    /// Name of the dialect.
    pub dialect: String,
    /// Before every path: empty or `/prefix`.
    pub prefix: String,
    /// Only for this host; empty = any.
    pub host: String,
    /// The shared secret in place of a generated one.
    pub secret_file: Option<PathBuf>,
    /// Whether that secret may be shorter than 32 bytes.
    pub allow_short_secret: bool,
    /// Until when tokens of the application itself are accepted.
    pub accept_until: Option<Moment>,
    /// Keys that the application signed with before the move, and how its claims differ.
    pub old: OldConfig,
    /// In which ways a sign-in may ask for a second factor; absent = as the dialect says.
    pub factors: Option<FactorWays>,
    /// Pages that may call from a browser.
    pub allowed_origins: Vec<String>,
    /// Whether they may send cookies.
    pub allow_credentials: bool,
    /// Whether and how tokens travel in cookies.
    pub cookies: CookieWords,
    /// The application that this mount takes over from, if any.
    pub upstream: Option<UpstreamConfig>,
    /// In the configuration file, from 1; zero = nowhere.
    pub line: usize,
}

impl MountConfig {
    /// A mount of nothing but the dialect.
    pub fn plain(dialect: &str) -> MountConfig {
        MountConfig { dialect: dialect.to_owned(), ..MountConfig::default() }
    }

    /// What names this mount among all others, on the command line and in the database: the dialect, then `@host` and
    /// the prefix where it has them (`native@accounts.example.com/api`).
    pub fn key(&self) -> String {
        let host = if self.host.is_empty() { String::new() } else { format!("@{}", self.host) };
        format!("{}{host}{}", self.dialect, self.prefix)
    }

    /// File and line, for faults.
    pub fn place(&self, file: Option<&Path>) -> String {
        match file {
            Some(file) if self.line > 0 => format!("{}:{}", file.display(), self.line),
            Some(_) | None => format!("mount {}", self.dialect),
        }
    }
}

/// Reads one mount; None when something in it is wrong.
pub(super) fn read(table: &DeTable<'_>, span: &Range<usize>, page: &mut Page<'_>) -> Option<MountConfig> {
    let mut mount = MountConfig { line: page.line(span.start), ..MountConfig::default() };
    let (mut sound, mut upstream) = (true, UpstreamWords::default());
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let read = upstream.read(name, value.get_ref());
        if let Err(message) = read.unwrap_or_else(|| read_word(name, value, page, &mut mount)) {
            page.fault(&value.span(), message);
            sound = false;
        }
    }
    if mount.dialect.is_empty() && !table.contains_key("dialect") {
        page.fault(span, "a mount needs `dialect = \"…\"`");
        sound = false;
    }
    if sound {
        let old = mount.old.finish(mount.accept_until.is_some());
        match old.and_then(|()| upstream.finish()) {
            Ok(upstream) => mount.upstream = upstream,
            Err(message) => {
                page.fault(span, message);
                sound = false;
            }
        }
    }
    sound.then_some(mount)
}

fn read_word(
    name: &str,
    value: &Spanned<DeValue<'_>>,
    page: &Page<'_>,
    mount: &mut MountConfig,
) -> Result<(), String> {
    let value = value.get_ref();
    match name {
        "dialect" => mount.dialect = text(name, value)?.to_owned(),
        "prefix" => mount.prefix = prefix(text(name, value)?)?,
        "host" => mount.host = host(text(name, value)?)?,
        "secret_file" => {
            let path = Some(text(name, value)?).filter(|path| !path.is_empty());
            mount.secret_file = Some(page.relative(path.ok_or("secret_file is empty")?).into());
        }
        "allow_short_secret" => mount.allow_short_secret = switch(name, value)?,
        "accept_until" => mount.accept_until = Some(moment(value)?),
        "factors" => mount.factors = Some(factors(value)?),
        "allowed_origins" => {
            let read = Kind::Origins.read_toml(value).map_err(|fault| format!("{name}: {fault}"))?;
            if let Value::List(list) = read {
                mount.allowed_origins = list;
            }
        }
        "allow_credentials" => mount.allow_credentials = switch(name, value)?,
        _ if name == "cookies" || name.starts_with("cookie_") || name.starts_with("csrf_") => {
            return mount.cookies.read(name, text(name, value)?).unwrap_or_else(|| Err(unknown(name)));
        }
        _ => return mount.old.read(name, value, page).unwrap_or_else(|| Err(unknown(name))),
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    let hint =
        nearest(name, MOUNT_WORDS.iter().map(|(word, _)| *word)).map_or_else(String::new, did_you_mean);
    format!("a mount has no {name:?}{hint}")
}

fn text<'v>(name: &str, value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("{name}: this is of the type {}, a text is needed", value.type_str()))
}

fn switch(name: &str, value: &DeValue<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("{name}: write true or false"))
}

/// A list of ways.
fn factors(value: &DeValue<'_>) -> Result<FactorWays, String> {
    let known = FactorWays::NAMES.join("\", \"");
    let wrong = || format!("factors: write a list of \"{known}\"");
    let entries = value.as_array().ok_or_else(wrong)?;
    let words: Option<Vec<&str>> = entries.iter().map(|entry| entry.get_ref().as_str()).collect();
    FactorWays::of(words.ok_or_else(wrong)?)
        .map_err(|other| format!("factors: {other:?} is none of \"{known}\""))
}

/// RFC 3339, as a text or as TOML's own date and time.
fn moment(value: &DeValue<'_>) -> Result<Moment, String> {
    let written = match value.as_datetime() {
        Some(datetime) => datetime.to_string(),
        None => value.as_str().unwrap_or_default().to_owned(),
    };
    Moment::parse_rfc3339(&written).ok_or_else(|| {
        "accept_until: write a date and time with its offset, like 2027-01-31T00:00:00Z".to_owned()
    })
}

pub(super) fn prefix(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
    let inner = text.strip_suffix('/').unwrap_or(text);
    if inner.is_empty() {
        return Ok(String::new());
    }
    let sound = inner.starts_with('/')
        && inner.len() <= 256
        && inner.bytes().all(plain)
        && inner[1..].split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if sound {
        Ok(inner.to_owned())
    } else {
        Err(format!("prefix: {text:?} is not a path like \"/accounts\""))
    }
}

fn host(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if text.len() <= 253 && text.bytes().all(plain) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("host: {text:?} is not a host name like \"accounts.example.com\", without a port"))
    }
}
