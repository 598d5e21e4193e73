//! Does an answer agree with the recorded one, in everything that is contract?
//!
//! `Access-Control-*` is not compared: it is added outside of the dialect, for the origins that a mount lists.

use super::row::Answered;
use bytes::Bytes;
use domain::time::Moment;
use http::{HeaderMap, Response};
use serde_json::Value;
use std::collections::BTreeSet;

/// Headers of the contract that are compared as they are.
const VERBATIM: [&str; 5] =
    ["www-authenticate", "vary", "x-frame-options", "referrer-policy", "cross-origin-opener-policy"];
/// Of a run all headers are known, so these must be missing where they were missing.
const TELLING: [&str; 2] = ["www-authenticate", "allow"];
/// Beginnings of texts that vary with the version of a JSON parser; the rest is not compared.
const PARSER_TEXTS: [&str; 4] =
    ["JSON parse error - ", "Expected property name", "Expected ','", "Unexpected token"];

/// How strictly an answer is held against the recorded one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strictness<'a> {
    /// Whether the row shows every header of the answer.
    pub all_headers: bool,
    /// Whether its moments are only examples.
    pub any_moment: bool,
    /// Methods that are served beyond the recorded ones.
    pub also_allowed: &'a [&'a str],
}

/// Every difference in a sentence; empty when the answer agrees.
pub fn differences(expected: &Answered, got: &Response<Bytes>, how: Strictness<'_>) -> Vec<String> {
    let mut out = Vec::new();
    let status = got.status();
    match expected.status {
        Some(code) if code != status.as_u16() => out.push(format!("status {code}, got {status}")),
        None if !status.is_success() => out.push(format!("status 2xx, got {status}")),
        Some(_) | None => {}
    }
    headers(expected, got.headers(), how, &mut out);
    match read(got.body()) {
        Ok(body) => values(&expected.body, &body, "", how.any_moment, &mut out),
        Err(text) => out.push(format!("JSON, got {text}")),
    }
    out
}

/// The body as JSON; an empty one is the empty text, as the recordings write it.
fn read(body: &Bytes) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::String(String::new()));
    }
    serde_json::from_slice(body).map_err(|_| String::from_utf8_lossy(body).into_owned())
}

fn headers(expected: &Answered, got: &HeaderMap, how: Strictness<'_>, out: &mut Vec<String>) {
    let said = |name: &str| got.get(name).and_then(|value| value.to_str().ok());
    for name in VERBATIM {
        if let Some(value) = expected.header(name)
            && said(name) != Some(value)
            && !belongs_to_cors(expected, name)
        {
            out.push(format!("{name}: {value}, got {:?}", said(name)));
        }
    }
    if let Some(allow) = expected.header("allow") {
        let wanted: BTreeSet<&str> = methods(allow).chain(how.also_allowed.iter().copied()).collect();
        if wanted != methods(said("allow").unwrap_or("")).collect() {
            out.push(format!("allow: {wanted:?}, got {:?}", said("allow")));
        }
    }
    if let Some(kind) = expected.header("content-type")
        && said("content-type").map(media) != Some(media(kind))
    {
        out.push(format!("content-type: {}, got {:?}", media(kind), said("content-type")));
    }
    for name in TELLING {
        if how.all_headers && expected.header(name).is_none() && got.contains_key(name) {
            out.push(format!("no {name}, got {:?}", said(name)));
        }
    }
}

/// `Vary: Origin` alone is what the recorded gateway says for CORS; that is added outside of the dialect.
fn belongs_to_cors(expected: &Answered, name: &str) -> bool {
    name == "vary" && expected.header(name) == Some("Origin")
}

fn methods(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(str::trim).filter(|method| !method.is_empty())
}

fn media(kind: &str) -> &str {
    kind.split(';').next().unwrap_or("").trim()
}

fn values(expected: &Value, got: &Value, at: &str, any_moment: bool, out: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                match new.get(key) {
                    Some(other) => values(value, other, &format!("{at}/{key}"), any_moment, out),
                    None => out.push(format!("{at}/{key} is missing")),
                }
            }
            let added = new.iter().filter(|(key, _)| !old.contains_key(*key));
            out.extend(added.map(|(key, value)| format!("{at}/{key} is not in the contract: {value}")));
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (number, (value, other)) in old.iter().zip(new).enumerate() {
                values(value, other, &format!("{at}/{number}"), any_moment, out);
            }
        }
        (Value::String(old), Value::String(new)) if texts(old, new, any_moment) => {}
        _ if expected == got => {}
        _ => out.push(format!("{at} is {expected}, got {got}")),
    }
}

/// Whether a text agrees: masks stand for their kind, texts of JSON parsers for their beginning or for any words.
fn texts(old: &str, new: &str, any_moment: bool) -> bool {
    if old.starts_with("<jwt") {
        return new.split('.').count() == 3 && new.starts_with("eyJ");
    }
    if matches!(old, "<refresh>" | "<opaque>") {
        return new.len() >= 20;
    }
    if old == "<details>" {
        return !new.is_empty();
    }
    if old == "<moment>" || (any_moment && Moment::parse_rfc3339(old).is_some()) {
        return Moment::parse_rfc3339(new).is_some();
    }
    if let Some(beginning) = PARSER_TEXTS.iter().find(|beginning| old.starts_with(**beginning)) {
        return if beginning.ends_with(" - ") { new.starts_with(beginning) } else { !new.is_empty() };
    }
    old == new
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(expected: &Value, got: &Value) -> Vec<String> {
        let mut out = Vec::new();
        values(expected, got, "", false, &mut out);
        out
    }

    #[test]
    fn what_differs_is_named_by_its_place() {
        let old =
            json!({"a": [1, {"b": "x"}], "c": null, "t": "<jwt:access>", "e": "JSON parse error - here"});
        let same =
            json!({"a": [1, {"b": "x"}], "c": null, "t": "eyJh.eyJi.c", "e": "JSON parse error - there"});
        assert!(found(&old, &same).is_empty());
        let other = json!({"a": [1, {"b": "y"}], "t": "abc", "e": "no JSON", "d": 0});
        let places: Vec<String> =
            found(&old, &other).iter().map(|d| d.split(' ').next().unwrap_or("").into()).collect();
        assert_eq!(places, ["/a/1/b", "/c", "/t", "/e", "/d"]);
    }

    #[test]
    fn headers_agree_as_sets_and_without_parameters() {
        let expected = |headers: Value| Answered {
            status: None,
            headers: headers.as_object().unwrap().clone(),
            body: json!(""),
        };
        let said = Response::builder()
            .header("Allow", "POST, OPTIONS")
            .header("Content-Type", "text/html; charset=utf-8");
        let got = said.header("Vary", "Accept").body(Bytes::new()).unwrap();
        let how = Strictness { all_headers: true, ..Strictness::default() };
        assert!(
            differences(&expected(json!({"allow": "OPTIONS, POST", "content-type": "text/html"})), &got, how)
                .is_empty()
        );
        let other = json!({"allow": "OPTIONS", "content-type": "text/plain", "vary": "Cookie"});
        assert_eq!(differences(&expected(other), &got, how).len(), 3);
        assert_eq!(differences(&expected(json!({})), &got, how).len(), 1);
    }
}
