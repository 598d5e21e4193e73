//! What does a `[[mount]]` say about the application that it takes over from?

use super::kinds::{Kind, Value, base, choice, is_loopback};
use super::mount;
use crate::outgoing::Destination;
use domain::phase::Phase;
use http::HeaderValue;
use http::uri::Authority;
use std::time::Duration;
use toml::de::DeValue;

/// Bounds of `upstream_timeout`, in milliseconds.
const TIMEOUT: Kind = Kind::Span(1000, 30_000);
/// Bounds of `upstream_parallel`.
const PARALLEL: Kind = Kind::Whole(1, 256);

/// The old application, and how it may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamConfig {
    /// Scheme, host, port if it is not the scheme's own, and a path without a slash at its end.
    pub url: String,
    /// For one request, from the first wait to the last byte.
    pub timeout: Duration,
    /// The most requests at once; as many again may wait.
    pub parallel: usize,
    /// Whether a host name may lead to private or loopback addresses.
    pub private: bool,
    /// The `Host` field; absent = as the client sent it.
    pub host: Option<HeaderValue>,
    /// Where the mount starts.
    pub phase: Phase,
}

impl UpstreamConfig {
    /// With the defaults of everything but the URL, which is not checked here.
    pub fn plain(url: &str) -> UpstreamConfig {
        UpstreamConfig {
            url: url.to_owned(),
            timeout: Duration::from_secs(5),
            parallel: 32,
            private: false,
            host: None,
            phase: Phase::default(),
        }
    }

    /// Whether passwords and tokens cross a network in clear on their way to the old application.
    pub fn is_in_clear(&self) -> bool {
        let authority = self.url.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or(rest));
        authority.is_some_and(|authority| !is_loopback(authority))
    }
}

/// The words of one mount about its old application, as far as they were read.
#[derive(Debug, Default)]
pub(super) struct UpstreamWords {
    url: Option<String>,
    timeout: Option<Duration>,
    parallel: Option<usize>,
    private: Option<bool>,
    host: Option<HeaderValue>,
    phase: Option<Phase>,
    /// The first of the words that mean nothing without `upstream`.
    other: Option<String>,
}

impl UpstreamWords {
    /// Takes one word of the mount. None: the word is about something else.
    pub(super) fn read(&mut self, name: &str, value: &DeValue<'_>) -> Option<Result<(), String>> {
        let read = match name {
            "upstream" => text(value).and_then(url).map(|url| self.url = Some(url)),
            "upstream_timeout" => TIMEOUT.read_toml(value).map(|read| {
                if let Value::Span(span) = read {
                    self.timeout = Some(span);
                }
            }),
            "upstream_parallel" => PARALLEL.read_toml(value).map(|read| {
                if let Value::Number(number) = read {
                    self.parallel = usize::try_from(number).ok();
                }
            }),
            "upstream_private" => {
                let read = value.as_bool().ok_or_else(|| "write true or false".to_owned());
                read.map(|private| self.private = Some(private))
            }
            "upstream_host" => text(value).and_then(host).map(|host| self.host = host),
            "phase" => text(value).and_then(phase).map(|phase| self.phase = Some(phase)),
            _ => return None,
        };
        if name != "upstream" {
            self.other.get_or_insert_with(|| name.to_owned());
        }
        Some(read.map_err(|fault| format!("{name}: {fault}")))
    }

    /// All words together. Refused: some of them, but not `upstream`.
    pub(super) fn finish(self) -> Result<Option<UpstreamConfig>, String> {
        let Some(url) = self.url else {
            return match self.other {
                Some(word) => Err(format!("`{word}` means nothing without `upstream = \"https://…\"`")),
                None => Ok(None),
            };
        };
        let plain = UpstreamConfig::plain(&url);
        Ok(Some(UpstreamConfig {
            timeout: self.timeout.unwrap_or(plain.timeout),
            parallel: self.parallel.unwrap_or(plain.parallel),
            private: self.private.unwrap_or(plain.private),
            host: self.host,
            phase: self.phase.unwrap_or(plain.phase),
            url,
        }))
    }
}

fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| format!("this is of the type {}, a text is needed", value.type_str()))
}

/// A URL of the old application, without a slash at its end.
fn url(text: &str) -> Result<String, String> {
    let fault =
        || format!("{text:?} is not a URL like \"https://old.example\" or \"http://127.0.0.1:8001/api\"");
    let end = text.match_indices('/').nth(2).map_or(text.len(), |(at, _)| at);
    let (host, path) = text.split_at(end);
    base(host, "a URL").map_err(|_| fault())?;
    let path = mount::prefix(path).map_err(|_| fault())?;
    let url = format!("{host}{path}");
    Destination::parse(&url).map_err(|why| format!("{text:?}: {why}"))?;
    Ok(url)
}

fn host(text: &str) -> Result<Option<HeaderValue>, String> {
    if text == "keep" {
        return Ok(None);
    }
    let fault =
        || format!("{text:?} is neither \"keep\" nor a host like \"old.example\" or \"old.example:8001\"");
    let authority: Authority = text.parse().map_err(|_| fault())?;
    let plain = !authority.host().is_empty() && !text.contains('@') && text.len() <= 255;
    if plain { HeaderValue::from_str(text).map(Some).map_err(|_| fault()) } else { Err(fault()) }
}

fn phase(text: &str) -> Result<Phase, String> {
    choice(text, &Phase::ALL.map(Phase::name))?;
    Phase::named(text).ok_or_else(|| format!("{text:?} is no phase"))
}
