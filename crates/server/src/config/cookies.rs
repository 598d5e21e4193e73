//! What does a `[[mount]]` say about cookies, and may it?

use super::{Config, MountConfig, did_you_mean, nearest};
use dialect::{CookieMode, CookieRules, Pages};
use http::HeaderName;
use std::net::IpAddr;

/// The header in which pages send the CSRF token back, unless the mount names another.
const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

/// The words of one mount about cookies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CookieWords {
    /// Where tokens travel; absent = as the dialect file says.
    pub mode: Option<CookieMode>,
    /// A word in the names of the cookies; empty = none.
    pub name: String,
    /// `SameSite=Strict`.
    pub strict: bool,
    /// Whether the cookies go when the browser is closed.
    pub until_closed: bool,
    /// Where pages send the CSRF token back; absent = `X-CSRF-Token`.
    pub csrf_header: Option<HeaderName>,
}

impl CookieWords {
    /// Takes one word of the mount. None: the word is about something else.
    pub(super) fn read(&mut self, name: &str, text: &str) -> Option<Result<(), String>> {
        let read = match name {
            "cookies" => one_of(name, text, &CookieMode::NAMES).map(|mode| self.mode = Some(mode)),
            "cookie_name" => label(text).map(|label| self.name = label),
            "cookie_same_site" => {
                one_of(name, text, &[("lax", false), ("strict", true)]).map(|strict| self.strict = strict)
            }
            "cookie_life" => one_of(name, text, &[("token", false), ("browser", true)])
                .map(|until_closed| self.until_closed = until_closed),
            "csrf_header" => header(text).map(|header| self.csrf_header = Some(header)),
            _ => return None,
        };
        Some(read)
    }

    /// What the mount asks for, made definite. None: no cookie mode. Refused: cookies that would cross a network in clear.
    pub fn rules(&self, from_file: CookieMode, base_url: &str) -> Result<Option<CookieRules>, String> {
        let mode = self.mode.unwrap_or(from_file);
        if mode == CookieMode::Off {
            return Ok(None);
        }
        let secure = base_url.starts_with("https://");
        if !secure && !is_loopback(base_url) {
            return Err(format!(
                "cookies need `public_url` to be https ({base_url} is not; http is enough on a loopback address only)"
            ));
        }
        Ok(Some(CookieRules {
            mode,
            label: self.name.clone(),
            strict: self.strict,
            until_closed: self.until_closed,
            csrf_header: self.csrf_header.clone().unwrap_or(CSRF_HEADER),
            secure,
        }))
    }
}

/// The origins whose pages may use the cookies of a mount: its own address, and those that the operator lists.
pub fn pages(config: &Config, mount: &MountConfig) -> Pages {
    let base = config.base_url();
    let own = if mount.host.is_empty() { base } else { on_host(&base, &mount.host) };
    Pages { own: without_default_port(&own), listed: mount.allowed_origins.clone() }
}

/// The same scheme and port on another host.
fn on_host(base: &str, host: &str) -> String {
    let (scheme, authority) = base.split_once("://").unwrap_or(("https", base));
    let after_host = authority.rfind(']').map_or(0, |end| end + 1);
    let port = authority[after_host..].rfind(':').map_or("", |colon| &authority[after_host + colon..]);
    format!("{scheme}://{host}{port}")
}

/// An origin as browsers write it (RFC 6454 section 6.1).
fn without_default_port(origin: &str) -> String {
    let port = if origin.starts_with("https://") { ":443" } else { ":80" };
    origin.strip_suffix(port).unwrap_or(origin).to_owned()
}

fn is_loopback(base_url: &str) -> bool {
    let authority =
        base_url.split_once("://").and_then(|(_, rest)| rest.parse::<http::uri::Authority>().ok());
    let Some(authority) = authority else { return false };
    let host = authority.host().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn one_of<T: Copy>(name: &str, text: &str, words: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let known = || words.iter().map(|(word, _)| *word);
    let hint = nearest(text, known()).map_or_else(String::new, did_you_mean);
    Err(format!("{name}: {text:?} is none of {}{hint}", known().collect::<Vec<_>>().join(", ")))
}

fn label(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=32).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("cookie_name: {text:?} is not 1 to 32 lower-case letters, digits and dashes"))
    }
}

fn header(text: &str) -> Result<HeaderName, String> {
    let fault = || format!("csrf_header: {text:?} is not a header of your own like \"X-CSRF-Token\"");
    let name: HeaderName = text.parse().map_err(|_| fault())?;
    // A header that every form sends would prove nothing.
    let own = name.as_str().starts_with("x-") && text.len() <= 64;
    if own { Ok(name) } else { Err(fault()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SEC-72
    #[test]
    fn insecure_cookies_are_for_a_loopback_address_only() {
        let words = CookieWords { mode: Some(CookieMode::Instead), ..CookieWords::default() };
        for (url, expected) in [
            ("https://app.example.com", Some(true)),
            ("https://localhost:8443", Some(true)),
            ("http://localhost", Some(false)),
            ("http://127.0.0.1:8000", Some(false)),
            ("http://127.9.9.9", Some(false)),
            ("http://[::1]:8000", Some(false)),
            ("http://app.example.com", None),
            ("http://localhost.example.com", None),
            ("http://127.0.0.1.example.com", None),
            ("http://10.0.0.1", None),
            ("http://0.0.0.0:8000", None),
            ("http://[::]:8000", None),
        ] {
            let rules = words.rules(CookieMode::Off, url);
            assert_eq!(rules.ok().flatten().map(|rules| rules.secure), expected, "{url}");
        }
    }

    #[test]
    fn the_operator_has_the_last_word() {
        let url = "https://app.example.com";
        let mode = |words: CookieWords, file| words.rules(file, url).unwrap().map(|rules| rules.mode);
        assert_eq!(mode(CookieWords::default(), CookieMode::Off), None);
        assert_eq!(mode(CookieWords::default(), CookieMode::Beside), Some(CookieMode::Beside));
        let off = CookieWords { mode: Some(CookieMode::Off), ..CookieWords::default() };
        assert_eq!(mode(off, CookieMode::Instead), None);
    }

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for (base, host, own) in [
            ("https://app.example.com", "", "https://app.example.com"),
            ("https://app.example.com:443", "", "https://app.example.com"),
            ("https://app.example.com:8443", "", "https://app.example.com:8443"),
            ("http://127.0.0.1:80", "", "http://127.0.0.1"),
            ("https://app.example.com:8443", "id.example.com", "https://id.example.com:8443"),
            ("https://app.example.com", "id.example.com", "https://id.example.com"),
            ("http://[::1]:8000", "localhost", "http://localhost:8000"),
            ("http://[::1]", "localhost", "http://localhost"),
        ] {
            let there = if host.is_empty() { base.to_owned() } else { on_host(base, host) };
            assert_eq!(without_default_port(&there), own);
        }
    }

    #[test]
    fn words_that_would_weaken_are_refused() {
        let mut words = CookieWords::default();
        for (name, text) in [
            ("cookies", "on"),
            ("cookie_same_site", "none"),
            ("cookie_life", "forever"),
            ("cookie_name", ""),
            ("cookie_name", "a b"),
            ("cookie_name", "a;b"),
            ("cookie_name", "A"),
            ("csrf_header", "Cookie"),
            ("csrf_header", "Accept"),
            ("csrf_header", "Content-Type"),
            ("csrf_header", "x y"),
            ("csrf_header", ""),
        ] {
            assert!(words.read(name, text).unwrap().is_err(), "{name} = {text:?}");
        }
        assert_eq!(words, CookieWords::default());
        assert!(words.read("prefix", "/a").is_none());
        assert!(words.read("csrf_header", "X-XSRF-Token").unwrap().is_ok());
    }
}
