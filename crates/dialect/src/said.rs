//! How is an answer written down in a dialect file?

use crate::file::{Section, Word, unknown_word};
use crate::slot::slot_text;
use crate::template::{Scope, compile, compile_text, parse_json};
use domain::shape::{Facts, Form, Shape, Slot, TextPart, text, text_slots};
use http::{HeaderName, HeaderValue};

/// A body to be said.
#[derive(Clone, Debug)]
pub enum SaidBody {
    /// No body and no `Content-Type`.
    Empty,
    /// JSON.
    Json(Shape),
    /// Text of the type that the dialect or the headers name.
    Text(Vec<TextPart>),
}

/// A cookie to be set or cleared.
#[derive(Clone, Debug)]
pub struct SaidCookie {
    /// Its name.
    pub name: String,
    /// Its value; absent = cleared.
    pub value: Option<Vec<TextPart>>,
    /// Everything after the value.
    pub attributes: Vec<TextPart>,
}

/// A header to be set.
#[derive(Clone, Debug)]
pub struct SaidHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its value; an empty one is left out.
    pub value: Vec<TextPart>,
    /// The value, where it holds no slot.
    pub fixed: Option<HeaderValue>,
}

impl SaidHeader {
    fn new(name: HeaderName, value: Vec<TextPart>) -> SaidHeader {
        let fixed = text_slots(&value).is_empty().then(|| text(&value, &Facts::default()));
        SaidHeader { name, value, fixed: fixed.and_then(|value| HeaderValue::from_str(&value).ok()) }
    }
}

/// One answer. Parts that are not written come from the dialect's own answer for the same code.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Status code.
    pub status: Option<u16>,
    /// Headers.
    pub headers: Vec<SaidHeader>,
    /// Cookies.
    pub cookies: Vec<SaidCookie>,
    /// Body.
    pub body: Option<SaidBody>,
}

impl Said {
    /// Every slot used.
    pub fn slots(&self) -> Vec<&Slot> {
        let mut slots = match &self.body {
            Some(SaidBody::Json(shape)) => shape.slots(),
            Some(SaidBody::Text(parts)) => text_slots(parts),
            Some(SaidBody::Empty) | None => Vec::new(),
        };
        slots.extend(self.headers.iter().flat_map(|header| text_slots(&header.value)));
        slots.extend(
            self.cookies.iter().flat_map(|cookie| text_slots(cookie.value.as_deref().unwrap_or(&[]))),
        );
        slots
    }

    /// Whether a cookie holds a token.
    pub fn sets_token_cookies(&self) -> bool {
        let values = self.cookies.iter().filter_map(|cookie| cookie.value.as_deref());
        values.flat_map(text_slots).any(|slot| matches!(slot, Slot::Access | Slot::Refresh))
    }

    /// This answer, with what it does not say taken from another one.
    pub fn over(&self, other: &Said) -> Said {
        let mut headers = other.headers.clone();
        headers.retain(|header| self.headers.iter().all(|own| own.name != header.name));
        headers.extend(self.headers.iter().cloned());
        Said {
            status: self.status.or(other.status),
            headers,
            cookies: if self.cookies.is_empty() { other.cookies.clone() } else { self.cookies.clone() },
            body: self.body.clone().or_else(|| other.body.clone()),
        }
    }
}

impl SaidCookie {
    /// The value of a `Set-Cookie` header, or nothing where it would not be a legal one.
    pub fn to_header(&self, facts: &Facts<'_>) -> Option<HeaderValue> {
        let attributes = text(&self.attributes, facts);
        let line = match &self.value {
            Some(parts) => format!("{}={}{attributes}", self.name, text(parts, facts)),
            None => format!("{}={attributes}; Max-Age=0", self.name),
        };
        HeaderValue::from_str(&line).ok()
    }
}

/// Compiles `{ status, headers, cookies, body | text | empty }`. The section is not ended: callers have keys of their own.
pub fn compile_said(section: &Section<'_>, scope: Scope<'_>) -> Said {
    let status = section.number("status", 200..=599).and_then(|status| u16::try_from(status).ok());
    section.not_built(&["variants", "stream"]);
    Said {
        status,
        headers: section
            .section("headers")
            .map_or_else(Vec::new, |headers| compile_headers(headers, scope.date)),
        cookies: section
            .sections("cookies")
            .into_iter()
            .filter_map(|cookie| compile_cookie(cookie, scope.date))
            .collect(),
        body: compile_body(section, scope),
    }
}

fn compile_body(section: &Section<'_>, scope: Scope<'_>) -> Option<SaidBody> {
    let body = section.word("body");
    let plain = section.word("text");
    let empty = section.flag("empty").unwrap_or(false);
    if [body.is_some(), plain.is_some(), empty].iter().filter(|given| **given).count() > 1 {
        section.fault("only one of `body`, `text` and `empty` can be said");
    }
    if let Some(word) = body {
        let value = parse_json(&word, section.faults())?;
        return Some(SaidBody::Json(compile(&value, word.span.start, scope, section.faults())));
    }
    if let Some(word) = plain {
        return Some(SaidBody::Text(compile_text(word.text, word.span.start, scope.date, section.faults())));
    }
    empty.then_some(SaidBody::Empty)
}

/// Compiles a table of header → template.
pub fn compile_headers(section: Section<'_>, date: &Form) -> Vec<SaidHeader> {
    let mut headers = Vec::new();
    for (key, value) in section.entries() {
        let name = key.text.parse::<HeaderName>();
        match (name, value.get_ref().as_str()) {
            (Ok(name), Some(text)) if !FRAMING.contains(&name.as_str()) => {
                let value = compile_text(text, value.span().start, date, section.faults());
                headers.push(SaidHeader::new(name, value));
            }
            (Ok(name), Some(_)) => {
                section.faults().at(key.span.start, format!("`{name}` is the server's own header"));
            }
            (Ok(_), None) => section.faults().at(value.span().start, "a header needs a text"),
            (Err(_), _) => {
                section.faults().at(key.span.start, format!("\"{}\" is not a header name", key.text))
            }
        }
    }
    headers
}

/// Headers that only the server may write.
const FRAMING: [&str; 6] =
    ["content-length", "transfer-encoding", "connection", "date", "set-cookie", "upgrade"];

fn compile_cookie(section: Section<'_>, date: &Form) -> Option<SaidCookie> {
    let name = section.need_word("name")?;
    if name.text.is_empty() || !name.text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        section.faults().at(name.span.start, "a cookie's name has letters, digits, `-`, `_` and `.`");
    }
    let clear = section.flag("clear").unwrap_or(false);
    let value = section.word("value");
    if clear == value.is_some() {
        section.fault("a cookie needs either `value` or `clear = true`");
    }
    let cookie = SaidCookie {
        name: name.text.to_owned(),
        value: value.map(|word| compile_text(word.text, word.span.start, date, section.faults())),
        attributes: vec![TextPart::Literal(cookie_attributes(&section, &name))],
    };
    section.done();
    Some(cookie)
}

/// Safe unless the file says otherwise: `Path=/; HttpOnly; Secure; SameSite=Lax` (SEC-72).
fn cookie_attributes(section: &Section<'_>, name: &Word<'_>) -> String {
    let path = section.word("path").map_or("/", |word| word.text);
    if path.contains([';', '\r', '\n']) {
        section.fault("a cookie's path has no semicolon");
    }
    let secure = section.flag("secure").unwrap_or(true);
    if !secure && name.text.starts_with("__") {
        section.faults().at(name.span.start, "a cookie with a `__Host-` or `__Secure-` name must be secure");
    }
    let same_site = section.choice("same_site", &[("strict", "Strict"), ("lax", "Lax"), ("none", "None")]);
    if same_site == Some("None") && !secure {
        section.fault("browsers drop a cookie with `same_site = \"none\"` that is not secure");
    }
    let http_only = section.flag("http_only").unwrap_or(true);
    let mut line = attributes(path, http_only, secure, same_site.unwrap_or("Lax"));
    if let Some(seconds) = section.seconds("max_age") {
        line.push_str(&format!("; Max-Age={seconds}"));
    }
    line
}

/// What follows the value of a cookie, without `Max-Age`. Never a domain: a cookie is for the host that set it.
pub fn attributes(path: &str, http_only: bool, secure: bool, same_site: &str) -> String {
    let http_only = if http_only { "; HttpOnly" } else { "" };
    let secure = if secure { "; Secure" } else { "" };
    format!("; Path={path}{http_only}{secure}; SameSite={same_site}")
}

/// Compiles `[refuse]`: a table of code → answer. `default` and `fault` are codes of their own;
/// `"token_claim_missing.NAME"` has words of its own for one claim.
pub fn compile_refusals(
    section: Option<Section<'_>>,
    scope: Scope<'_>,
) -> std::collections::BTreeMap<String, Said> {
    let mut refusals = std::collections::BTreeMap::new();
    let Some(section) = section else { return refusals };
    let codes: Vec<&'static str> =
        domain::refusal::REFUSAL_CODES.iter().copied().chain(["default", "fault"]).collect();
    for (key, value) in section.entries() {
        let (code, claim) = key.text.split_once('.').unwrap_or((key.text, ""));
        if !codes.contains(&code) || !claim.is_empty() && code != "token_claim_missing" {
            section.faults().at(key.span.start, unknown_word("refuse", key.text, &codes));
        } else if let Some(entry) =
            Section::of(value, &format!("{}.{}", section.name(), key.text), section.faults())
        {
            let said = compile_said(&entry, scope);
            for slot in said.slots() {
                if let Some(why) = crate::check::not_in_refusal(slot) {
                    entry.fault(format!("`{}` can not say {}: {why}", entry.name(), slot_text(slot)));
                }
            }
            refusals.insert(key.text.to_owned(), said);
            entry.done();
        }
    }
    refusals
}
