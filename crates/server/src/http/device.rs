//! How does a client show that the account knows it? (SEC-24)
//!
//! Browsers carry a cookie. Other clients ask for the header by sending it, with or without a value.

use domain::outcome::Outcome;
use domain::secret::Secret;
use domain::time::Moment;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The header of clients that keep no cookies.
const HEADER: HeaderName = HeaderName::from_static("countersign-device");
/// The prefix binds the cookie to this host and to https.
const COOKIE: &str = "__Host-device";
/// Its name where the server is reached by plain http, on this machine.
const PLAIN_COOKIE: &str = "countersign-device";
/// Longer texts are no tokens of ours.
const MAX_TOKEN: usize = 128;

/// The device token of a request: the header's, else the cookie's.
pub fn token(headers: &HeaderMap, https: bool) -> Option<Secret> {
    let named = headers.get(&HEADER).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    let text = named.or_else(|| cookie(headers, name(https)))?;
    (text.len() <= MAX_TOKEN).then(|| Secret::new(text))
}

/// The cookie of this name; none where several have it, because nobody can tell which is ours.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value);
    values.next().filter(|_| values.next().is_none())
}

/// Whether the client wants the header.
pub fn wants_header(headers: &HeaderMap) -> bool {
    headers.contains_key(&HEADER)
}

/// Gives the client the device token of an outcome, if it has one.
pub fn give(outcome: &Outcome, in_header: bool, https: bool, now: Moment, headers: &mut HeaderMap) {
    let Some(device) = outcome.tokens().and_then(|tokens| tokens.device.as_ref()) else { return };
    let token = device.token.expose();
    if in_header {
        if let Ok(mut value) = HeaderValue::from_str(token) {
            value.set_sensitive(true);
            headers.insert(HEADER, value);
        }
        return;
    }
    let seconds = device.expires_at.seconds().saturating_sub(now.seconds()).max(0);
    let secure = if https { "; Secure" } else { "" };
    let text = format!("{}={token}; Max-Age={seconds}; Path=/; HttpOnly{secure}; SameSite=Lax", name(https));
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}

const fn name(https: bool) -> &'static str {
    if https { COOKIE } else { PLAIN_COOKIE }
}
