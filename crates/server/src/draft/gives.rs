//! Which template says the answers of a route, with which slots?
//!
//! Every answer is a sample. A value that a slot explains in all samples becomes that slot; what is the same everywhere
//! stays as it is; what varies and nothing explains is left to a person.

#![expect(clippy::wildcard_enum_match_arm, reason = "JSON of other types has no slots")]

use super::moments::{Written, written};
use super::people::{Facts, Given, People, is_about};
use super::words;
use crate::record::exchange::Exchange;
use crate::record::secrets::plain_name;
use serde_json::{Map, Value};

/// One answer with what is known right after it.
#[derive(Clone, Copy)]
pub struct Sample<'a> {
    /// What stands at this place; none when the member is not there.
    pub value: Option<&'a Value>,
    /// What is known of the user.
    pub facts: &'a Facts,
    /// Whose tokens.
    pub people: &'a People,
    /// Where in the recording.
    pub at: usize,
    /// The exchange.
    pub exchange: &'a Exchange,
    /// Seconds that an access token and a refresh token live; 0 = not known.
    pub lives: (i64, i64),
}

/// A way to say a value.
#[derive(Clone, Debug, PartialEq)]
enum Way {
    /// A slot with its form, and what is said when nothing is there.
    Slot { slot: String, form: String, absent: String },
    /// A text with slots in it.
    Text(String),
    /// The value itself.
    Plain(Value),
}

/// Names of members that are never attributes of a user.
const SAYINGS: [&str; 12] = [
    "code",
    "detail",
    "error",
    "expires",
    "message",
    "msg",
    "ok",
    "result",
    "status",
    "statuscode",
    "success",
    "tokentype",
];

/// The template of these samples. `notes` gets what a person should look at.
pub fn template(samples: &[Sample<'_>], name: &str, notes: &mut Vec<String>) -> Value {
    let there: Vec<&Sample<'_>> = samples.iter().filter(|sample| sample.value.is_some()).collect();
    if there.is_empty() {
        return Value::Null;
    }
    if there.iter().all(|sample| sample.value.is_some_and(Value::is_object)) {
        return object(&there, name, notes);
    }
    if let Some(list) = list(&there, name, notes) {
        return list;
    }
    let mut shared = ways(there[0], name);
    for sample in &there[1..] {
        let others = ways(sample, name);
        shared = shared
            .into_iter()
            .filter_map(|way| others.iter().find_map(|other| agreed(&way, other)))
            .collect();
    }
    let missing = there.len() < samples.len();
    match shared.into_iter().next() {
        Some(way) => said(way, missing, name, notes),
        None => {
            let first = there[0].value.cloned().unwrap_or_default();
            notes.push(format!("`{name}` varies and nothing here explains how: decide what stands there"));
            said(Way::Plain(first), missing, name, notes)
        }
    }
}

/// What two samples allow both.
fn agreed(one: &Way, other: &Way) -> Option<Way> {
    match (one, other) {
        (Way::Slot { slot, form, absent }, Way::Slot { slot: s, form: f, absent: a }) if slot == s => {
            let form = if form == f || f.is_empty() {
                form
            } else if form.is_empty() {
                f
            } else {
                return None;
            };
            let absent = if absent.is_empty() { a } else { absent };
            Some(Way::Slot { slot: slot.clone(), form: form.clone(), absent: absent.clone() })
        }
        _ => (one == other).then(|| one.clone()),
    }
}

fn said(way: Way, missing: bool, name: &str, notes: &mut Vec<String>) -> Value {
    match way {
        Way::Slot { slot, form, absent } => {
            let absent = if missing { "omit".to_owned() } else { absent };
            let mut text = slot;
            if !form.is_empty() || !absent.is_empty() {
                text.push('|');
                text.push_str(if form.is_empty() { &absent } else { &form });
            }
            if !form.is_empty() && !absent.is_empty() {
                text.push('|');
                text.push_str(&absent);
            }
            Value::String(format!("{{{text}}}"))
        }
        Way::Text(text) => Value::String(text),
        Way::Plain(value) => {
            if missing {
                notes.push(format!("`{name}` is there only sometimes: decide when"));
            }
            literal(&value)
        }
    }
}

/// A value with its braces doubled, as templates write them.
pub fn literal(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(escaped(text)),
        Value::Array(items) => items.iter().map(literal).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (escaped(key), literal(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

fn object(there: &[&Sample<'_>], name: &str, notes: &mut Vec<String>) -> Value {
    let members = |sample: &Sample<'_>| sample.value.and_then(Value::as_object).cloned().unwrap_or_default();
    let all: Vec<Map<String, Value>> = there.iter().map(|sample| members(sample)).collect();
    if all.iter().all(Map::is_empty) {
        return attribute(there, name, "or_object").unwrap_or_else(|| Value::Object(Map::new()));
    }
    if let Some(slot) = attribute(there, name, "or_object").filter(|_| words::slot(name).is_none()) {
        return slot;
    }
    let mut keys: Vec<&String> = Vec::new();
    for map in &all {
        let mut at = 0;
        for key in map.keys() {
            match keys.iter().position(|known| *known == key) {
                Some(place) => at = place + 1,
                None => {
                    keys.insert(at.min(keys.len()), key);
                    at += 1;
                }
            }
        }
    }
    let mut out = Map::new();
    for key in keys {
        if matches!(words::field(key), Some(words::Field::Password))
            && all.iter().all(|map| map.get(key).is_none_or(Value::is_string))
        {
            notes.push(format!(
                "the original shows `{key}`, a password or its hash: left out, and so it should stay"
            ));
            continue;
        }
        let samples: Vec<Sample<'_>> =
            all.iter().zip(there).map(|(map, sample)| Sample { value: map.get(key), ..**sample }).collect();
        out.insert(escaped(key), template(&samples, key, notes));
    }
    Value::Object(out)
}

fn list(there: &[&Sample<'_>], name: &str, notes: &mut Vec<String>) -> Option<Value> {
    let lists: Option<Vec<&Vec<Value>>> = there.iter().map(|sample| sample.value?.as_array()).collect();
    let lists = lists?;
    if let Some(slot) = words::slot(name).filter(|slot| *slot == "user.permissions")
        && there.iter().all(|sample| sample.facts.get(slot) == sample.value)
    {
        return Some(format!("{{{slot}}}").into());
    }
    if let Some(slot) = attribute(there, name, "or_list") {
        return Some(slot);
    }
    let length = lists[0].len();
    if lists.iter().any(|list| list.len() != length) {
        notes.push(format!("`{name}` is a list of different lengths: decide what stands there"));
        return Some(literal(&Value::Array(lists[0].clone())));
    }
    let items = (0..length).map(|at| {
        let samples: Vec<Sample<'_>> = lists
            .iter()
            .zip(there)
            .map(|(list, sample)| Sample { value: list.get(at), ..**sample })
            .collect();
        template(&samples, name, notes)
    });
    Some(items.collect())
}

/// The slot of a custom attribute, when this value is one in every sample.
fn attribute(there: &[&Sample<'_>], name: &str, empty: &str) -> Option<Value> {
    let slot = format!("user.attribute.{name}");
    let fits = |sample: &&&Sample<'_>| sample.facts.get(&slot) == sample.value;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (plain && !name.is_empty() && there.iter().filter(fits).count() == there.len())
        .then(|| Value::String(format!("{{{slot}|{empty}}}")))
}

/// Every way to say one sample, the most telling first.
fn ways(sample: &Sample<'_>, name: &str) -> Vec<Way> {
    let Some(value) = sample.value else { return Vec::new() };
    let mut out = Vec::new();
    let slot = |slot: &str| Way::Slot { slot: slot.to_owned(), form: String::new(), absent: String::new() };
    if let Value::String(text) = value
        && let Some(Given { is_refresh, .. }) = sample.people.tokens.get(text)
    {
        out.push(slot(if *is_refresh { "refresh" } else { "access" }));
    }
    by_name(sample, name, value, &mut out);
    by_time(sample, name, value, &mut out);
    by_value(sample, value, &mut out);
    if let Some(value) = attribute_way(sample, name, value) {
        out.push(value);
    }
    if let Value::String(text) = value
        && let Some(text) = with_slots(text, sample.facts)
    {
        out.push(Way::Text(text));
    }
    out.push(Way::Plain(value.clone()));
    out
}

fn by_name(sample: &Sample<'_>, name: &str, value: &Value, out: &mut Vec<Way>) {
    let plain = plain_name(name);
    let way = |slot: &str, absent: &str| Way::Slot {
        slot: slot.to_owned(),
        form: String::new(),
        absent: absent.to_owned(),
    };
    let Some(slot) = words::slot(name) else { return lives(sample, &plain, value, out) };
    match (slot, value) {
        ("user.id", value) => by_id(sample.facts, value, out),
        ("user.created_at" | "user.last_login_at", Value::Null) => out.push(way(slot, "")),
        ("user.created_at" | "user.last_login_at", _) => {}
        ("user.full_name", Value::String(text)) => {
            let part = |slot: &str| sample.facts.get(slot).and_then(Value::as_str).unwrap_or("");
            let full = format!("{} {}", part("user.first_name"), part("user.last_name"));
            if full.trim() == text {
                out.push(way("user.full_name", ""));
            }
        }
        ("user.status", Value::String(text))
            if !["active", "inactive", "suspended"].contains(&text.as_str()) => {}
        ("user.first_name" | "user.last_name", Value::String(text)) if text.is_empty() => {
            out.push(way(slot, ""))
        }
        (_, Value::String(text)) if text.is_empty() => out.push(way(slot, "blank")),
        (_, Value::Null) => out.push(way(slot, "")),
        (_, value) if sample.facts.get(slot) == Some(value) => out.push(way(slot, "")),
        _ => {}
    }
}

fn by_id(facts: &Facts, value: &Value, out: &mut Vec<Way>) {
    let way = |slot: &str, form: &str| Way::Slot {
        slot: slot.to_owned(),
        form: form.to_owned(),
        absent: String::new(),
    };
    let id = facts.get("user.id");
    match value {
        Value::Number(_) if id == Some(value) => out.push(way("user.id", "")),
        Value::String(text) if id.and_then(Value::as_i64).is_some_and(|id| text.parse() == Ok(id)) => {
            out.push(way("user.id", "text"))
        }
        Value::String(_) if facts.get("user.uuid") == Some(value) => out.push(way("user.uuid", "")),
        // The original's ids are texts of another kind; ours are UUIDs.
        Value::String(_) if facts.get("user.other_id") == Some(value) => out.push(way("user.uuid", "")),
        _ => {}
    }
}

/// How long a token lives, as a number.
fn lives(sample: &Sample<'_>, plain: &str, value: &Value, out: &mut Vec<Way>) {
    let (Some(number), true) = (value.as_i64(), plain.contains("expire") || plain == "ttl") else { return };
    let (access, refresh) = sample.lives;
    let slot = if number == access && !plain.contains("refresh") {
        "access.expires_in"
    } else if number == refresh {
        "refresh.expires_in"
    } else {
        return;
    };
    out.push(Way::Slot { slot: slot.to_owned(), form: String::new(), absent: String::new() });
}

fn by_time(sample: &Sample<'_>, name: &str, value: &Value, out: &mut Vec<Way>) {
    let plain = plain_name(name);
    let known = words::slot(name).filter(|slot| slot.ends_with("_at"));
    let is_time = known.is_some()
        || plain.ends_with("at")
        || ["exp", "expires", "expiry", "timestamp", "time", "now", "date"]
            .iter()
            .any(|word| plain.ends_with(word));
    let Some(Written { moment, forms }) = written(value, is_time) else { return };
    let (access, refresh) = sample.lives;
    let near = |seconds: i64| (moment.seconds() - sample.exchange.at.seconds() - seconds).abs() <= 5;
    let slot = match known {
        Some(slot) => slot,
        None if plain.contains("exp") && access > 0 && near(access) && !plain.contains("refresh") => {
            "access.expires_at"
        }
        None if plain.contains("exp") && refresh > 0 && near(refresh) => "refresh.expires_at",
        None if near(0) => "now",
        None => return,
    };
    out.extend(forms.into_iter().map(|form| Way::Slot {
        slot: slot.to_owned(),
        form,
        absent: String::new(),
    }));
}

/// Values that only the user has, whatever the member is called.
fn by_value(sample: &Sample<'_>, value: &Value, out: &mut Vec<Way>) {
    for slot in
        ["user.email", "user.username", "user.uuid", "user.phone_number", "user.first_name", "user.last_name"]
    {
        let telling = value.as_str().is_some_and(|text| text.len() >= 3);
        let way = Way::Slot { slot: slot.to_owned(), form: String::new(), absent: String::new() };
        if telling && sample.facts.get(slot) == Some(value) && !out.contains(&way) {
            out.push(way);
        }
    }
}

fn attribute_way(sample: &Sample<'_>, name: &str, value: &Value) -> Option<Way> {
    let slot = format!("user.attribute.{name}");
    let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && sample.facts.get(&slot) == Some(value);
    let absent = match value {
        Value::Bool(_) | Value::Number(_) => format!("or:{value}"),
        _ => String::new(),
    };
    (fits && !SAYINGS.contains(&plain_name(name).as_str())).then_some(Way::Slot {
        slot,
        form: String::new(),
        absent,
    })
}

/// A sentence with the user's values as slots, when it holds one.
fn with_slots(text: &str, facts: &Facts) -> Option<String> {
    if !text.contains(' ') {
        return None;
    }
    let mut out = escaped(text);
    for slot in ["user.email", "user.username", "user.first_name", "user.last_name"] {
        let known = facts.get(slot).and_then(Value::as_str).filter(|known| known.len() >= 3);
        if let Some(known) = known {
            out = out.replace(&escaped(known), &format!("{{{slot}}}"));
        }
    }
    (out != escaped(text)).then_some(out)
}

/// Whether an answer speaks of the user at its top or one level below.
pub fn is_of_user(value: &Value, facts: &Facts) -> bool {
    value.as_object().is_some_and(|members| {
        is_about(members, facts)
            || members.values().any(|value| value.as_object().is_some_and(|inner| is_about(inner, facts)))
    })
}
