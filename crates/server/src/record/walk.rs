//! Which named values does an exchange hold, and how does it look with other values in their places?

use super::exchange::{Answered, Asked, Exchange, Fields, is_json, media};
use super::parts;
use serde_json::Value;

/// Request fields that say nothing about a contract.
const NOISE: [&str; 21] = [
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-length",
    "dnt",
    "forwarded",
    "host",
    "if-modified-since",
    "if-none-match",
    "pragma",
    "priority",
    "referer",
    "save-data",
    "te",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-real-ip",
    "x-requested-with",
];

/// Whose value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The request's.
    Asked,
    /// A yes's.
    Good,
    /// A no's.
    Refused,
}

/// In which part of a message a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A segment of the path.
    Path,
    /// A parameter of the query.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
    /// Somewhere in the body.
    Body,
    /// A key of a JSON object.
    Key,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The nearest name; empty when it has none.
    pub name: &'a str,
    /// In which part.
    pub part: Part,
    /// On which side.
    pub side: Side,
}

/// Gives another value for one, or nothing when it stays.
pub type Mapper<'m> = dyn FnMut(&At<'_>, &str) -> Option<String> + 'm;

/// The exchange with other values. What says nothing about a contract is taken out.
pub fn mapped(exchange: &Exchange, map: &mut Mapper<'_>) -> Exchange {
    let side = if exchange.answered.is_good() { Side::Good } else { Side::Refused };
    let asked = &exchange.asked;
    let telling = asked.fields.iter().filter(|(name, _)| {
        let name = name.to_ascii_lowercase();
        !NOISE.contains(&name.as_str()) && !name.starts_with("sec-")
    });
    let telling: Fields = telling.cloned().collect();
    Exchange {
        at: exchange.at,
        asked: Asked {
            method: asked.method.clone(),
            target: target(asked, map),
            fields: fields(&telling, Side::Asked, map),
            body: body(&asked.fields, &asked.body, Side::Asked, map),
        },
        answered: Answered {
            status: exchange.answered.status,
            fields: fields(&exchange.answered.fields, side, map),
            body: body(&exchange.answered.fields, &exchange.answered.body, side, map),
        },
    }
}

fn target(asked: &Asked, map: &mut Mapper<'_>) -> String {
    let mut out = Vec::new();
    for segment in asked.path().split('/') {
        let plain = parts::decoded(segment, false);
        let other = map(&At { name: "", part: Part::Path, side: Side::Asked }, &plain);
        out.push(other.map_or_else(|| segment.to_owned(), |other| parts::encoded(&other)));
    }
    let mut out = out.join("/");
    if !asked.query().is_empty() {
        let pairs = parts::form(asked.query());
        out.push('?');
        out.push_str(&pairs_as_form(&pairs, Part::Query, map).unwrap_or_else(|| asked.query().to_owned()));
    }
    out
}

/// The pairs as a form, when a value changes.
fn pairs_as_form(pairs: &[(String, String)], part: Part, map: &mut Mapper<'_>) -> Option<String> {
    let mut changed = false;
    let mut out: Vec<(&str, String)> = Vec::new();
    for (name, value) in pairs {
        let other = map(&At { name, part, side: Side::Asked }, value);
        changed |= other.is_some();
        out.push((name, other.unwrap_or_else(|| value.clone())));
    }
    let pairs: Vec<(&str, &str)> = out.iter().map(|(name, value)| (*name, value.as_str())).collect();
    changed.then(|| parts::write_form(&pairs))
}

fn fields(fields: &Fields, side: Side, map: &mut Mapper<'_>) -> Fields {
    let mut out = Fields::new();
    for (name, value) in fields {
        let lower = name.to_ascii_lowercase();
        let other = match lower.as_str() {
            "authorization" | "proxy-authorization" => credential(value, side, map),
            "cookie" => Some(cookies(value, map)),
            "set-cookie" => set_cookie(value, side, map),
            _ => map(&At { name: &lower, part: Part::Header, side }, value),
        };
        out.push((name.clone(), other.unwrap_or_else(|| value.clone())));
    }
    out
}

/// `SCHEME TOKEN`: the token alone is a value.
fn credential(value: &str, side: Side, map: &mut Mapper<'_>) -> Option<String> {
    let at = At { name: "authorization", part: Part::Header, side };
    match value.split_once(' ') {
        Some((scheme, token)) => map(&at, token).map(|other| format!("{scheme} {other}")),
        None => map(&at, value),
    }
}

fn cookies(value: &str, map: &mut Mapper<'_>) -> String {
    let pairs = parts::cookies(value).into_iter().map(|(name, value)| {
        let other = map(&At { name: &name, part: Part::Cookie, side: Side::Asked }, &value);
        format!("{name}={}", other.unwrap_or(value))
    });
    pairs.collect::<Vec<_>>().join("; ")
}

fn set_cookie(value: &str, side: Side, map: &mut Mapper<'_>) -> Option<String> {
    let (pair, rest) = value.split_once(';').map_or((value, ""), |(pair, rest)| (pair, rest));
    let (name, value) = pair.split_once('=')?;
    let other = map(&At { name: name.trim(), part: Part::Cookie, side }, value)?;
    Some(if rest.is_empty() { format!("{name}={other}") } else { format!("{name}={other};{rest}") })
}

fn body(fields: &Fields, body: &[u8], side: Side, map: &mut Mapper<'_>) -> Vec<u8> {
    let kind = media(fields);
    let at = At { name: "", part: Part::Body, side };
    if let Some(found) = parts::multipart(fields, body) {
        return multipart(fields, found, side, map);
    }
    let Ok(text) = std::str::from_utf8(body) else { return body.to_vec() };
    if (is_json(&kind) || text.trim_start().starts_with(['{', '[', '"']))
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        return json(&value, &at, map).to_string().into_bytes();
    }
    if kind == "application/x-www-form-urlencoded" {
        let pairs = parts::form(text);
        return pairs_as_form(&pairs, Part::Body, map).unwrap_or_else(|| text.to_owned()).into_bytes();
    }
    map(&at, text).unwrap_or_else(|| text.to_owned()).into_bytes()
}

/// Files are replaced: a picture shows somebody.
fn multipart(fields: &Fields, mut found: Vec<parts::Part>, side: Side, map: &mut Mapper<'_>) -> Vec<u8> {
    for part in &mut found {
        if part.file.is_some() {
            part.file = Some("file".to_owned());
            part.bytes = super::invent::file(&part.bytes);
        } else if let Ok(text) = std::str::from_utf8(&part.bytes)
            && let Some(other) = map(&At { name: &part.name, part: Part::Body, side }, text)
        {
            part.bytes = other.into_bytes();
        }
    }
    parts::write_multipart(fields, &found)
}

/// JSON with other values.
pub fn json(value: &Value, at: &At<'_>, map: &mut Mapper<'_>) -> Value {
    match value {
        Value::String(text) => Value::String(map(at, text).unwrap_or_else(|| text.clone())),
        Value::Number(number) => match map(at, &number.to_string()) {
            Some(other) => serde_json::from_str(&other).unwrap_or(Value::String(other)),
            None => value.clone(),
        },
        Value::Array(items) => items.iter().map(|item| json(item, at, map)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| {
                let name = map(&At { part: Part::Key, ..*at }, key).unwrap_or_else(|| key.clone());
                (name, json(value, &At { name: key, ..*at }, map))
            });
            Value::Object(members.collect())
        }
        Value::Null | Value::Bool(_) => value.clone(),
    }
}
