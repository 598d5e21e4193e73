//! In which fields does an answer differ from the expected one?

use crate::record::exchange::is_of_contract;
use crate::record::secrets::without_random;
use bytes::Bytes;
use dialect::transcript::{masked, rendered};
use http::Response;
use serde_json::Value;
use std::collections::BTreeSet;

/// Longest value that is shown, in characters.
const SHOWN: usize = 200;
/// Fields that are compared although the machine may add them.
const TELLING: [&str; 4] = ["content-type", "location", "set-cookie", "www-authenticate"];

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `status`, `header NAME`, `body`, or a JSON pointer.
    pub path: String,
    /// What the transcript says; empty = nothing.
    pub expected: String,
    /// What was answered; empty = nothing.
    pub got: String,
}

/// How an answer is held against the expected one.
#[derive(Clone, Copy, Debug)]
pub struct How<'a> {
    /// Tokens, moments and UUIDs by their kind; otherwise every byte.
    pub by_kind: bool,
    /// JSON pointers of values that the conversation keeps: another server has others.
    pub kept: &'a [String],
}

impl Difference {
    fn new(path: &str, expected: impl Into<String>, got: impl Into<String>) -> Difference {
        let short = |text: String| match text.char_indices().nth(SHOWN) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        };
        Difference { path: path.to_owned(), expected: short(expected.into()), got: short(got.into()) }
    }
}

/// An answer as transcripts write it, in parts.
struct Parts<'a> {
    status: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Parts<'a> {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().unwrap_or("").trim_start_matches("---").trim();
        Parts {
            status,
            headers: lines.filter_map(|line| line.split_once(": ")).collect(),
            body: body.trim_end(),
        }
    }

    fn all(&self, name: &str) -> Vec<&'a str> {
        self.headers.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value).collect()
    }
}

/// Every difference; empty when the answer is as expected. `expected` is text of a transcript, names filled in.
pub fn differences(expected: &str, response: &Response<Bytes>, how: How<'_>) -> Vec<Difference> {
    let got = rendered(response);
    if expected == got {
        return Vec::new();
    }
    let (old, new) = (Parts::of(expected), Parts::of(&got));
    let mut out = Vec::new();
    if old.status != new.status {
        out.push(Difference::new("status", old.status, new.status));
    }
    headers(&old, &new, how, &mut out);
    bodies(old.body, new.body, how, &mut out);
    if out.is_empty() && !how.by_kind {
        let path = "body";
        out.push(Difference::new(path, "the same members, byte for byte", "other spaces, or another order"));
    }
    out
}

fn headers(old: &Parts<'_>, new: &Parts<'_>, how: How<'_>, out: &mut Vec<Difference>) {
    let names: BTreeSet<&str> = old.headers.iter().chain(&new.headers).map(|(name, _)| *name).collect();
    for name in names {
        let (mut was, mut is) = (old.all(name), new.all(name));
        was.sort_unstable();
        is.sort_unstable();
        let foreign =
            was.is_empty() && is.iter().all(|value| !TELLING.contains(&name) && !is_of_contract(name, value));
        let same = match name {
            _ if was == is => true,
            _ if !how.by_kind => false,
            "set-cookie" => was.iter().map(|line| cookie(line)).eq(is.iter().map(|line| cookie(line))),
            "allow" => methods(&was) == methods(&is),
            _ => masked(&was.join("\n")) == masked(&is.join("\n")),
        };
        if !(same || how.by_kind && foreign) {
            out.push(Difference::new(&format!("header {name}"), was.join(", "), is.join(", ")));
        }
    }
}

fn methods<'a>(lines: &[&'a str]) -> BTreeSet<&'a str> {
    lines.iter().flat_map(|line| line.split(',')).map(str::trim).collect()
}

/// A cookie by kind: its name, whether it holds something, and its attributes but for the moment of its end.
fn cookie(line: &str) -> (String, bool, BTreeSet<String>) {
    let (pair, rest) = line.split_once(';').unwrap_or((line, ""));
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let attributes = rest.split(';').map(|part| part.trim().to_ascii_lowercase());
    let attributes = attributes.filter(|part| !part.is_empty() && !part.starts_with("expires="));
    (name.to_owned(), !value.is_empty(), attributes.collect())
}

fn bodies(old: &str, new: &str, how: How<'_>, out: &mut Vec<Difference>) {
    match (serde_json::from_str::<Value>(old), serde_json::from_str::<Value>(new)) {
        (Ok(old), Ok(new)) => values(&old, &new, "", how, out),
        _ if old == new || (how.by_kind && masked(old) == masked(new)) => {}
        _ => out.push(Difference::new("body", old, new)),
    }
}

fn values(old: &Value, new: &Value, at: &str, how: How<'_>, out: &mut Vec<Difference>) {
    match (old, new) {
        (Value::Object(was), Value::Object(is)) => {
            for (key, value) in was {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                match is.get(key) {
                    Some(other) => values(value, other, &at, how, out),
                    None => out.push(Difference::new(&at, value.to_string(), "")),
                }
            }
            for (key, value) in is.iter().filter(|(key, _)| !was.contains_key(*key)) {
                out.push(Difference::new(&format!("{at}/{key}"), "", value.to_string()));
            }
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            for (number, (value, other)) in was.iter().zip(is).enumerate() {
                values(value, other, &format!("{at}/{number}"), how, out);
            }
        }
        _ if old == new || (how.by_kind && same_kind(old, new, at, how)) => {}
        _ => {
            let path = if at.is_empty() { "body" } else { at };
            out.push(Difference::new(path, old.to_string(), new.to_string()));
        }
    }
}

/// Whether two values that differ are what two servers may say differently.
fn same_kind(old: &Value, new: &Value, at: &str, how: How<'_>) -> bool {
    let is_kept = how.kept.iter().any(|pointer| pointer == at);
    match (old, new) {
        (Value::String(was), Value::String(is)) => {
            let by_kind = |text: &str| without_random(&masked(text));
            (is_kept || was == "<opaque>") && !is.is_empty() || by_kind(was) == by_kind(is)
        }
        (Value::Number(was), Value::Number(is)) => {
            let moment = |number: &serde_json::Number| match number.as_i64() {
                Some(1_000_000_000..=9_999_999_999) => 1,
                Some(1_000_000_000_000..=9_999_999_999_999) => 2,
                _ => 0,
            };
            is_kept || (moment(was) != 0 && moment(was) == moment(is))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(Bytes::from(body.to_owned())).unwrap()
    }

    fn paths(expected: &str, response: &Response<Bytes>, by_kind: bool, kept: &[&str]) -> Vec<String> {
        let kept: Vec<String> = kept.iter().map(|pointer| (*pointer).to_owned()).collect();
        let found = differences(expected, response, How { by_kind, kept: &kept });
        found.into_iter().map(|one| format!("{}: {} / {}", one.path, one.expected, one.got)).collect()
    }

    #[test]
    fn differences_are_told_field_by_field() {
        let expected = "--- 200\ncontent-type: application/json\n\n{\"a\":1,\"b\":{\"c\":\"x\"},\"d\":[1,2]}";
        let got = response(
            201,
            &[("content-type", "text/html")],
            "{\"a\":1,\"b\":{\"c\":\"y\"},\"d\":[1,3],\"e\":null}",
        );
        assert_eq!(
            paths(expected, &got, true, &[]),
            [
                "status: 200 / 201",
                "header content-type: application/json / text/html",
                "/b/c: \"x\" / \"y\"",
                "/d/1: 2 / 3",
                "/e:  / null"
            ]
        );
    }

    #[test]
    fn what_another_server_may_say_differently_is_no_difference() {
        let expected = "--- 200\nset-cookie: r=<opaque>; Path=/; HttpOnly\n\n{\"t\":\"<jwt>\",\"o\":\"<opaque>\",\"id\":7,\"at\":1710080400}";
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2ln";
        let body = format!("{{\"t\":\"{token}\",\"o\":\"zzz\",\"id\":9,\"at\":1810080400}}");
        let got =
            response(200, &[("set-cookie", "r=abc; HttpOnly; Path=/; Expires=x"), ("server", "x")], &body);
        assert_eq!(paths(expected, &got, true, &["/id"]), [""; 0]);
        assert_eq!(paths(expected, &got, true, &[]), ["/id: 7 / 9"]);
        assert_eq!(paths(expected, &got, false, &[]).len(), 6);
    }

    #[test]
    fn other_bytes_of_the_same_members_differ_only_by_bytes() {
        let got = response(200, &[], "{\"b\":2,\"a\":1}");
        assert_eq!(paths("--- 200\n\n{\"a\":1,\"b\":2}", &got, true, &[]), [""; 0]);
        assert_eq!(paths("--- 200\n\n{\"a\":1,\"b\":2}", &got, false, &[]).len(), 1);
    }
}
