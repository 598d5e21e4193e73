//! How is a conversation written down as text, and how is an answer compared with it?
//!
//! The format is described in `docs/transcripts.md`. This module does no I/O: who replays sends the requests.

#![expect(clippy::wildcard_enum_match_arm, reason = "only texts are kept as they are")]

pub use crate::act::Act;
use crate::cookie::CookieMode;
use domain::contract::FactorWays;
use domain::house::House;
use http::{HeaderMap, Response, header};
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest transcript, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// A conversation.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// What it shows, in words.
    pub about: String,
    /// Where the expected answers come from.
    pub source: String,
    /// The moment at which it begins (RFC 3339); absent = the replayer's own.
    pub clock: Option<String>,
    /// How tokens travel on this mount; absent = as the dialect says.
    pub cookies: Option<CookieMode>,
    /// Whether tokens, moments and UUIDs are compared by kind only, because the answers come from another server.
    pub by_kind: bool,
    /// Whether tries are counted; otherwise as often as one likes, because the clock stands still.
    pub limits: bool,
    /// The rules of the house, where they are not the usual ones.
    pub house: House,
    /// In which ways a sign-in asks for a second factor on this mount; absent = as the dialect says.
    pub factors: Option<FactorWays>,
    /// Roles whose users need a second factor.
    pub factor_roles: Vec<String>,
    /// Users that must exist, as import records; `password` and `totp_seed` (base 32) may be given in clear.
    pub users: Vec<Value>,
    /// In order.
    pub steps: Vec<Step>,
}

/// One line or exchange of a conversation.
#[derive(Clone, Debug)]
pub enum Step {
    /// A request and its expected answer.
    Exchange(Exchange),
    /// Something that happens in between.
    Act(usize, Act),
}

/// A request and its expected answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What it shows. Lines that begin with `#` may follow it.
    pub title: String,
    /// Line in the file, from 1.
    pub line: usize,
    /// Method.
    pub method: String,
    /// Path and query, with `{{names}}`.
    pub target: String,
    /// Headers, with `{{names}}`.
    pub headers: Vec<(String, String)>,
    /// Body, with `{{names}}`.
    pub body: String,
    /// The expected answer as text.
    pub expected: String,
}

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// Names kept so far.
pub type Kept = BTreeMap<String, String>;

impl Transcript {
    /// Reads a transcript. Refused: with the line and a sentence.
    pub fn parse(text: &str) -> Result<Transcript, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("1: a transcript has at most {MAX_BYTES} bytes"));
        }
        let mut transcript = Transcript::default();
        // Most conversations show what an administrator does; how one proves a second factor is shown in its own.
        transcript.house.admin.require_factor = false;
        let lines: Vec<&str> = text.lines().collect();
        let mut at = 0;
        while at < lines.len() {
            let line = lines[at];
            if let Some(title) = line.strip_prefix("=== ") {
                let end = end_of_exchange(&lines, at);
                transcript.steps.push(Step::Exchange(exchange(title, at + 1, &lines[at + 1..end])?));
                at = end;
                continue;
            }
            transcript.line(line).map_err(|message| format!("{}: {message}", at + 1))?;
            if let Some(act) = line.strip_prefix(">>> ") {
                let act = Act::parse(act).map_err(|message| format!("{}: {message}", at + 1))?;
                transcript.steps.push(Step::Act(at + 1, act));
            }
            at += 1;
        }
        if transcript.source.is_empty() {
            return Err("1: `source:` is missing: where do the expected answers come from?".to_owned());
        }
        Ok(transcript)
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(words) = line.strip_prefix('#') {
            if self.steps.is_empty() {
                self.about.push_str(words.trim());
                self.about.push('\n');
            }
        } else if let Some(source) = line.strip_prefix("source: ") {
            self.source = source.trim().to_owned();
        } else if let Some(clock) = line.strip_prefix("clock: ") {
            self.clock = Some(clock.trim().to_owned());
        } else if let Some(mode) = line.strip_prefix("cookies: ") {
            let mode = CookieMode::parse(mode.trim()).ok_or("write `cookies: instead`, `beside` or `off`")?;
            self.cookies = Some(mode);
        } else if let Some(limits) = line.strip_prefix("limits: ") {
            self.limits = match limits.trim() {
                "on" => true,
                "off" => false,
                other => return Err(format!("limits: {other} is neither on nor off")),
            };
        } else if let Some(how) = line.strip_prefix("compare: ") {
            self.by_kind = match how.trim() {
                "kinds" => true,
                "bytes" => false,
                other => return Err(format!("compare: {other} is neither kinds nor bytes")),
            };
        } else if let Some(word) = line.strip_prefix("mail: ") {
            self.house.recovery.mail = is_on(word)?;
        } else if let Some(word) = line.strip_prefix("admin_factor: ") {
            self.house.admin.require_factor = is_on(word)?;
        } else if let Some(word) = line.strip_prefix("require_verified: ") {
            self.house.recovery.require_verified = is_on(word)?;
        } else if let Some(ways) = line.strip_prefix("factors: ") {
            let ways = FactorWays::of(ways.split_whitespace().filter(|word| *word != "none"));
            self.factors =
                Some(ways.map_err(|_| "write `factors: half_way field suffix`, some of them or `none`")?);
        } else if let Some(roles) = line.strip_prefix("factor_roles: ") {
            self.factor_roles = roles.split_whitespace().map(str::to_owned).collect();
        } else if let Some(user) = line.strip_prefix("user: ") {
            self.users
                .push(serde_json::from_str(user).map_err(|error| format!("this user is not JSON: {error}"))?);
        } else if !line.trim().is_empty() && !line.starts_with(">>> ") {
            return Err(format!(
                "\"{line}\" is none of #, source:, clock:, compare:, cookies:, limits:, mail:, admin_factor:, require_verified:, factors:, factor_roles:, user:, === and >>>"
            ));
        }
        Ok(())
    }

    /// The exchanges in order.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.steps.iter().filter_map(|step| match step {
            Step::Exchange(exchange) => Some(exchange),
            Step::Act(..) => None,
        })
    }

    /// The file's text with other expected answers, in the order of the exchanges.
    pub fn updated(text: &str, answers: &[String]) -> String {
        let mut out = String::new();
        let mut answers = answers.iter();
        let mut in_answer = false;
        for line in text.lines() {
            if line.starts_with("=== ") || line.starts_with(">>> ") || (in_answer && line.starts_with('#')) {
                in_answer = false;
            }
            if line.starts_with("--- ") || line == "---" {
                in_answer = true;
                if let Some(answer) = answers.next() {
                    out.push_str(answer);
                    out.push_str("\n\n");
                }
            }
            if !in_answer {
                out.push_str(line);
                out.push('\n');
            }
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }
}

/// The line after the exchange that begins at `start`.
fn end_of_exchange(lines: &[&str], start: usize) -> usize {
    let ends = |line: &&str| line.starts_with("=== ") || line.starts_with(">>> ");
    lines[start + 1..].iter().position(ends).map_or(lines.len(), |at| start + 1 + at)
}

fn exchange(title: &str, line: usize, lines: &[&str]) -> Result<Exchange, String> {
    let split = lines.iter().position(|l| l.starts_with("--- ") || *l == "---");
    let split =
        split.ok_or_else(|| format!("{line}: the expected answer is missing: write a line `--- STATUS`"))?;
    let notes = lines.iter().take_while(|l| l.starts_with('#')).count();
    let line = line + notes;
    let (asked, expected) = (&lines[notes..split], &lines[split..]);
    let first = asked.first().and_then(|first| first.split_once(' '));
    let (method, target) = first.ok_or_else(|| format!("{}: write the method and the path", line + 1))?;
    let blank = asked.iter().position(|l| l.is_empty()).unwrap_or(asked.len());
    let mut headers = Vec::new();
    for (number, header) in asked[1.min(asked.len())..blank].iter().enumerate() {
        let pair =
            header.split_once(':').ok_or_else(|| format!("{}: this is not a header", line + 2 + number))?;
        headers.push((pair.0.trim().to_owned(), pair.1.trim_start().to_owned()));
    }
    let body = asked.get(blank + 1..).unwrap_or(&[]).join("\n");
    let expected: Vec<&str> = expected.iter().copied().filter(|l| !l.starts_with('#')).collect();
    Ok(Exchange {
        title: title.trim().to_owned(),
        line,
        method: method.to_owned(),
        target: target.trim().to_owned(),
        headers,
        body: body.trim_end_matches('\n').to_owned(),
        expected: expected.join("\n").trim_end().to_owned(),
    })
}

fn is_on(word: &str) -> Result<bool, String> {
    match word.trim() {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!("\"{other}\" is neither on nor off")),
    }
}

/// Puts kept values in place of `{{name}}`. Refused: a name that nobody kept.
pub fn filled(text: &str, kept: &Kept) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let end = rest[at..].find("}}").ok_or("a {{name}} has no end")? + at;
        let name = &rest[at + 2..end];
        out.push_str(&rest[..at]);
        out.push_str(kept.get(name).ok_or_else(|| format!("nobody kept {{{{{name}}}}}"))?);
        rest = &rest[end + 2..];
    }
    out.push_str(rest);
    Ok(out)
}

impl Exchange {
    /// The request with all names filled in.
    pub fn ready(&self, kept: &Kept) -> Result<Ready, String> {
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            headers.push((name.clone(), filled(value, kept)?));
        }
        let body = body_bytes(&self.body, kept, &mut headers)?;
        Ok(Ready { method: self.method.clone(), target: filled(&self.target, kept)?, headers, body })
    }
}

/// `@hex`, `@repeat`, `@multipart`, or the text itself.
fn body_bytes(body: &str, kept: &Kept, headers: &mut Vec<(String, String)>) -> Result<Vec<u8>, String> {
    if let Some(digits) = body.strip_prefix("@hex ") {
        return hex_bytes(digits.trim()).ok_or_else(|| "@hex needs pairs of hex digits".to_owned());
    }
    if let Some(rest) = body.strip_prefix("@repeat ") {
        let (count, text) = rest.split_once(' ').ok_or("write `@repeat COUNT TEXT`")?;
        let count = count
            .parse::<usize>()
            .ok()
            .filter(|n| n * text.len() <= 4 << 20)
            .ok_or("the count is too large")?;
        return Ok(text.repeat(count).into_bytes());
    }
    if let Some(fields) = body.strip_prefix("@multipart\n") {
        headers.push(("Content-Type".to_owned(), "multipart/form-data; boundary=transcript".to_owned()));
        return multipart(fields, kept);
    }
    Ok(filled(body, kept)?.into_bytes())
}

/// Lines `name = text` and `name < base64`.
fn multipart(fields: &str, kept: &Kept) -> Result<Vec<u8>, String> {
    use base64::Engine;
    let mut out = Vec::new();
    for line in fields.lines() {
        let wrong = || format!("\"{line}\" is neither `name = text` nor `name < base64`");
        let (name, content, file) = match (line.split_once(" = "), line.split_once(" < ")) {
            (Some((name, text)), _) => (name, filled(text, kept)?.into_bytes(), false),
            (None, Some((name, text))) => {
                let bytes =
                    base64::engine::general_purpose::STANDARD.decode(text.trim()).map_err(|_| wrong())?;
                (name, bytes, true)
            }
            (None, None) => return Err(wrong()),
        };
        let file = if file { "; filename=\"file\"\r\nContent-Type: application/octet-stream" } else { "" };
        out.extend_from_slice(b"--transcript\r\nContent-Disposition: form-data; name=\"");
        out.extend_from_slice(format!("{name}\"{file}\r\n\r\n").as_bytes());
        out.extend_from_slice(&content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"--transcript--\r\n");
    Ok(out)
}

fn hex_bytes(digits: &str) -> Option<Vec<u8>> {
    let nibbles: Option<Vec<u8>> =
        digits.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let nibbles = nibbles.filter(|n| n.len() % 2 == 0)?;
    Some(nibbles.chunks(2).map(|pair| 16 * pair[0] + pair[1]).collect())
}

/// Headers that the server adds to every answer; transcripts show them only when they differ from these values.
const EVERYWHERE: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
];

/// Headers that are never shown.
const UNSEEN: [&str; 5] = ["date", "content-length", "connection", "x-request-id", "keep-alive"];

/// The answer as transcripts write it: status, headers by name, body.
pub fn rendered<B: AsRef<[u8]>>(response: &Response<B>) -> String {
    let mut out = format!("--- {}", response.status().as_u16());
    for line in header_lines(response.headers()) {
        out.push('\n');
        out.push_str(&line);
    }
    let body = String::from_utf8_lossy(response.body().as_ref());
    if !body.is_empty() {
        out.push_str("\n\n");
        out.push_str(body.trim_end());
    }
    out
}

fn header_lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .filter(|(name, value)| !UNSEEN.contains(name) && !EVERYWHERE.contains(&(*name, value.as_ref())))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.sort();
    lines
}

/// Differences line by line, `-` expected and `+` got; empty when the texts agree.
pub fn difference(expected: &str, got: &str) -> String {
    if expected == got {
        return String::new();
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), got.lines().collect());
    let mut out = String::new();
    for at in 0..old.len().max(new.len()) {
        match (old.get(at), new.get(at)) {
            (Some(a), Some(b)) if a == b => out.push_str(&format!("    {a}\n")),
            (a, b) => {
                out.extend(a.map(|a| format!("  - {a}\n")));
                out.extend(b.map(|b| format!("  + {b}\n")));
            }
        }
    }
    out
}

/// The text with everything that another server can not repeat replaced by its kind: tokens, moments, UUIDs.
pub fn masked(text: &str) -> String {
    let Ok(pattern) = regex::Regex::new(concat!(
        r"(?P<jwt>eyJ[\w-]+\.[\w-]+\.[\w-]*)|(?P<opaque>csr_[\w-]{20,})",
        r"|(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})",
        r"|(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))"
    )) else {
        return text.to_owned();
    };
    let kind = |caps: &regex::Captures<'_>| {
        ["jwt", "opaque", "uuid", "moment"]
            .into_iter()
            .find(|name| caps.name(name).is_some())
            .map_or_else(String::new, |name| format!("<{name}>"))
    };
    pattern.replace_all(text, kind).into_owned()
}

/// The member of a JSON body that a pointer names, as text.
pub fn pointed(body: &[u8], pointer: &str) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    match value.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The value of a cookie that an answer sets.
pub fn cookie_set(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.filter_map(|line| line.split(';').next()?.split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// A claim of a JWT, unverified, as JSON text.
pub fn claim(token: &str, name: &str) -> Option<String> {
    use base64::Engine;
    let payload = token.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    pointed(&bytes, &format!("/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Shows a refusal.\nsource: documented, page 1\nclock: 2024-01-01T00:00:00Z\n\
        user: {\"id\":1,\"password\":\"x\"}\n\n=== wrong password\nPOST /a?b={{c}}\nContent-Type: application/json\n\n\
        {\"t\":\"{{c}}\"}\n\n--- 400\ncontent-type: application/json\n\n{\"e\":1}\n\n>>> advance 11s\n>>> keep c = /e\n\n\
        === again\nGET /a\n\n--- 200\n";

    #[test]
    fn a_transcript_is_read_and_filled() {
        let transcript = Transcript::parse(TEXT).unwrap();
        assert_eq!(transcript.users.len(), 1);
        assert_eq!(transcript.steps.len(), 4);
        let exchange = transcript.exchanges().next().unwrap();
        let ready = exchange.ready(&Kept::from([("c".to_owned(), "7".to_owned())])).unwrap();
        assert_eq!((ready.target.as_str(), ready.body.as_slice()), ("/a?b=7", br#"{"t":"7"}"#.as_slice()));
        assert_eq!(exchange.expected, "--- 400\ncontent-type: application/json\n\n{\"e\":1}");
        assert!(exchange.ready(&Kept::new()).is_err());
    }

    #[test]
    fn updating_changes_only_the_answers() {
        let same: Vec<String> =
            Transcript::parse(TEXT).unwrap().exchanges().map(|e| e.expected.clone()).collect();
        assert_eq!(Transcript::updated(TEXT, &same), TEXT.to_owned());
        let other = Transcript::updated(TEXT, &["--- 500".to_owned(), "--- 404\n\nx".to_owned()]);
        let transcript = Transcript::parse(&other).unwrap();
        let expected: Vec<&str> = transcript.exchanges().map(|e| e.expected.as_str()).collect();
        assert_eq!(expected, ["--- 500", "--- 404\n\nx"]);
        assert_eq!(transcript.steps.len(), 4);
    }

    #[test]
    fn broken_transcripts_are_refused_with_the_line() {
        for (text, part) in [
            ("=== a\nGET /\n--- 200\n", "`source:` is missing"),
            ("source: x\nhello\n", "2: \"hello\""),
            ("source: x\n=== a\nGET /\n", "2: the expected answer is missing"),
            ("source: x\n>>> jump 5\n", "2: `jump`"),
            ("source: x\ncookies: yes\n", "2: write `cookies: instead`"),
            ("source: x\ncompare: somehow\n", "2: compare: somehow is neither kinds nor bytes"),
            ("source: x\nuser: {\n", "2: this user is not JSON"),
            ("source: x\n=== a\nGET /\nnot a header\n\n--- 200\n", "4: this is not a header"),
        ] {
            let error = Transcript::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_another_server_can_not_repeat_is_masked() {
        let text = r#"{"a":"eyJhbGci.eyJ4Ijox.sig-_","r":"csr_abcdefghijklmnopqrstuv","at":"2024-01-01T00:00:00.123Z"}"#;
        assert_eq!(masked(text), r#"{"a":"<jwt>","r":"<opaque>","at":"<moment>"}"#);
    }
}
