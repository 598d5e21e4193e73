//! How do exchanges become conversations in the transcript language?
//!
//! One conversation for each person, in order, and one for what nobody in particular asked. A token that an answer gave
//! and a later request sends is kept by name, and so are the ids of accounts that the conversation makes.

#![expect(clippy::wildcard_enum_match_arm, reason = "JSON of other types stays as it is")]

use super::exchange::{Exchange, Fields, Recording, field, is_of_contract, media};
use super::parts;
use super::secrets::claims;
use crate::draft::Draft;
use crate::draft::people::{Facts, People, Person, credentials, set_cookies};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::command::Verb;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Most conversations of one recording.
const MAX_CONVERSATIONS: usize = 200;
/// Longest body of an answer that is no JSON, in bytes.
const MAX_PLAIN: usize = 2048;

/// A transcript with the name of its file.
#[derive(Clone, Debug)]
pub struct Written {
    /// Ends with `.http`.
    pub name: String,
    /// The transcript.
    pub text: String,
}

/// The conversations of a masked recording, and sentences about what is in none.
pub fn transcripts(recording: &Recording, draft: &Draft) -> (Vec<Written>, Vec<String>) {
    let mut left_out = Vec::new();
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, exchange) in recording.exchanges.iter().enumerate() {
        if is_from_before(exchange, &draft.people) {
            left_out.push(format!(
                "{exchange:?}: its token is older than the recording, so nobody could play it"
            ));
            continue;
        }
        let person = draft.people.subjects[at].as_ref().map_or(usize::MAX, |(person, _)| *person);
        groups.entry(person).or_default().push(at);
    }
    if groups.len() > MAX_CONVERSATIONS {
        left_out.push(format!(
            "{} conversations are more than {MAX_CONVERSATIONS}; the first are written",
            groups.len()
        ));
    }
    let mut out: Vec<Written> = Vec::new();
    for (number, (person, places)) in groups.into_iter().take(MAX_CONVERSATIONS).enumerate() {
        let mut conversation = Conversation::new(recording, draft, person, places);
        let name = if person == usize::MAX { "requests".to_owned() } else { conversation.name(number + 1) };
        out.push(Written { name: format!("{name}.http"), text: conversation.text() });
    }
    (out, left_out)
}

/// Whether a good answer was given to a token that the recording did not see being given.
fn is_from_before(exchange: &Exchange, people: &People) -> bool {
    let header = field(&exchange.asked.fields, "authorization").is_some();
    let sent = credentials(exchange);
    let unknown = sent.iter().any(|text| claims(text).is_some() && !people.tokens.contains_key(text));
    header
        && unknown
        && exchange.answered.is_good()
        && !sent.iter().any(|text| people.tokens.contains_key(text))
}

struct Conversation<'a> {
    recording: &'a Recording,
    draft: &'a Draft,
    person: usize,
    places: Vec<usize>,
    /// Names of kept values, by value.
    kept: BTreeMap<String, String>,
    /// What the person's made account is called by: values that stand for ids.
    ids: BTreeMap<String, String>,
}

impl<'a> Conversation<'a> {
    fn new(
        recording: &'a Recording,
        draft: &'a Draft,
        person: usize,
        places: Vec<usize>,
    ) -> Conversation<'a> {
        Conversation { recording, draft, person, places, kept: BTreeMap::new(), ids: BTreeMap::new() }
    }

    fn verb(&self, at: usize) -> Option<Verb> {
        let endpoint = self.draft.endpoints.iter().find(|endpoint| endpoint.all.contains(&at))?;
        endpoint.verb.as_ref().map(|(verb, _, _)| *verb)
    }

    fn name(&self, number: usize) -> String {
        let verb = self.places.first().and_then(|at| self.verb(*at)).map_or("other", Verb::name);
        format!("{number:02}_{verb}")
    }

    /// Whether the account was made in this conversation.
    fn is_new(&self) -> bool {
        let first = self.draft.people.list.get(self.person).map(|person| person.first);
        first.is_some_and(|first| self.verb(first) == Some(Verb::SignUp))
    }

    fn text(&mut self) -> String {
        let mut out = String::new();
        let about = if self.person == usize::MAX {
            "What nobody in particular asked."
        } else {
            "What one person did, in order."
        };
        let _ = writeln!(out, "# {about} Names, addresses, passwords and tokens are invented.");
        let _ = writeln!(out, "source: recorded, {}", self.recording.source);
        if let Some(first) = self.places.first() {
            let _ = writeln!(out, "clock: {}", self.recording.exchanges[*first].at.rfc3339(3));
        }
        out.push_str("compare: kinds\n");
        if !self.is_new()
            && let Some(person) = self.draft.people.list.get(self.person)
            && let Some(record) = person.record(&common(&self.draft.people))
        {
            let _ = writeln!(out, "user: {record}");
        }
        for record in self.others() {
            let _ = writeln!(out, "user: {record}");
        }
        for (number, at) in self.places.clone().into_iter().enumerate() {
            self.exchange(number, at, &mut out);
        }
        out
    }

    /// Other people whose id stands in a path: they have to be there, or a new account would get their id.
    fn others(&self) -> Vec<Value> {
        let people = &self.draft.people;
        let own: Vec<String> = people.list.get(self.person).into_iter().flat_map(ids_of).collect();
        let mut seen: Vec<String> = Vec::new();
        let mut out = Vec::new();
        for at in &self.places {
            for segment in self.recording.exchanges[*at].asked.path().split('/') {
                let is_number = !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit());
                if !is_number || own.iter().any(|id| id == segment) || seen.iter().any(|id| id == segment) {
                    continue;
                }
                seen.push(segment.to_owned());
                let other = people.list.iter().find(|person| ids_of(person).iter().any(|id| id == segment));
                match other.and_then(|person| person.record(&common(people))) {
                    Some(record) => out.push(record),
                    None if self.is_new() => {
                        let id = segment.parse::<i64>().ok().filter(|id| *id > 0);
                        out.extend(
                            id.map(|id| serde_json::json!({"id": id, "username": format!("somebody{id}")})),
                        );
                    }
                    None => {}
                }
            }
        }
        out
    }

    fn exchange(&mut self, number: usize, at: usize, out: &mut String) {
        let exchange = &self.recording.exchanges[at];
        let verb = self.verb(at).map_or_else(
            || format!("{} {}", exchange.asked.method, exchange.asked.path()),
            |verb| verb.name().replace('_', " "),
        );
        let no = if exchange.answered.is_good() { "" } else { ", refused" };
        let _ = writeln!(out, "\n=== {verb}{no}");
        if let Some(code) = self.draft.codes.get(&at) {
            let _ = writeln!(out, "# refusal: {code}");
        }
        self.asked(exchange, out);
        let keeps = self.keeps(number, at);
        self.answered(exchange, &keeps, out);
        for (name, line) in keeps {
            let _ = writeln!(out, "\n>>> {} {name} = {}", line.0, line.1);
        }
    }

    fn asked(&self, exchange: &Exchange, out: &mut String) {
        let asked = &exchange.asked;
        let _ = writeln!(out, "{} {}", asked.method, self.with_names(&asked.target));
        let form = parts::multipart(&asked.fields, &asked.body);
        for (name, value) in &asked.fields {
            let lower = name.to_ascii_lowercase();
            let plain = lower == "accept" && value == "*/*";
            if plain || lower == "origin" || (form.is_some() && lower == "content-type") {
                continue;
            }
            let _ = writeln!(out, "{name}: {}", self.with_names(value));
        }
        let body = match form {
            Some(parts) => self.multipart(&parts),
            None => self.body(&asked.body),
        };
        if !body.is_empty() {
            let _ = writeln!(out, "\n{body}");
        }
    }

    fn multipart(&self, found: &[parts::Part]) -> String {
        let lines = found.iter().map(|part| match (&part.file, std::str::from_utf8(&part.bytes)) {
            (None, Ok(text)) if !text.contains('\n') => format!("{} = {}", part.name, self.with_names(text)),
            _ => format!("{} < {}", part.name, STANDARD.encode(&part.bytes)),
        });
        std::iter::once("@multipart".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
    }

    fn body(&self, body: &[u8]) -> String {
        match std::str::from_utf8(body) {
            Ok(text) if !text.contains(['\n', '\r']) && !text.starts_with(['@', '#']) => {
                self.with_names(text)
            }
            _ => {
                let digits = body.iter().fold(String::new(), |out, byte| format!("{out}{byte:02x}"));
                format!("@hex {digits}")
            }
        }
    }

    /// The text with kept values by their names; ids only where they stand alone.
    fn with_names(&self, text: &str) -> String {
        let mut values: Vec<(&String, &String)> = self.kept.iter().collect();
        values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let mut out = text.to_owned();
        for (value, name) in values {
            out = out.replace(value.as_str(), &format!("{{{{{name}}}}}"));
        }
        let segments = out.split('/').map(|segment| match self.ids.get(segment) {
            Some(name) => format!("{{{{{name}}}}}"),
            None => segment.to_owned(),
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// What has to be kept of an answer: by name, the word and place of a `>>>` line.
    fn keeps(&mut self, number: usize, at: usize) -> Vec<(String, (&'static str, String))> {
        let exchange = &self.recording.exchanges[at];
        let later: Vec<&Exchange> =
            self.places[number + 1..].iter().map(|at| &self.recording.exchanges[*at]).collect();
        let mut out = Vec::new();
        let mut found = Vec::new();
        pointers(&exchange.answered.json().unwrap_or_default(), "", "", &mut found);
        for (pointer, name, value) in found {
            let is_token = self.draft.people.tokens.contains_key(&value);
            if is_token && !self.kept.contains_key(&value) && later.iter().any(|one| sends(one, &value)) {
                let name = self.free(&name);
                self.kept.insert(value, name.clone());
                out.push((name, ("keep", pointer)));
            } else if self.is_made_id(number, &name, &value) && !self.ids.contains_key(&value) {
                let name = self.free(&name);
                self.ids.insert(value, name.clone());
                out.push((name, ("keep", pointer)));
            }
        }
        for (cookie, value) in set_cookies(exchange) {
            if value.len() >= 8
                && !self.kept.contains_key(&value)
                && later.iter().any(|one| sends(one, &value))
            {
                let name = self.free(&cookie);
                self.kept.insert(value, name.clone());
                out.push((name, ("cookie", cookie)));
            }
        }
        out
    }

    /// Whether a member is the id of the account that the conversation made.
    fn is_made_id(&self, number: usize, name: &str, value: &str) -> bool {
        let Some((_, facts)) = &self.draft.people.subjects[self.places[number]] else { return false };
        let own = |slot: &str| facts.get(slot).is_some_and(|known| plain(known) == value);
        self.is_new()
            && crate::draft::is_id(name)
            && (own("user.id") || own("user.uuid") || own("user.other_id"))
    }

    /// A name that nothing is kept by yet.
    fn free(&self, name: &str) -> String {
        let mut plain = String::new();
        for c in name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
            if c.is_ascii_uppercase() && !plain.is_empty() {
                plain.push('_');
            }
            plain.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
        }
        if plain.is_empty() {
            plain.push_str("value");
        }
        let is_free = |name: &String| !self.kept.values().chain(self.ids.values()).any(|known| known == name);
        let numbered = (2..).map(|number| format!("{plain}{number}"));
        std::iter::once(plain.clone()).chain(numbered).find(is_free).unwrap_or(plain.clone())
    }

    fn answered(&self, exchange: &Exchange, keeps: &[(String, (&'static str, String))], out: &mut String) {
        let answered = &exchange.answered;
        let _ = writeln!(out, "\n--- {}", answered.status);
        let mut lines: Vec<String> =
            shown(&answered.fields).map(|(name, value)| format!("{name}: {value}")).collect();
        lines.sort();
        lines.iter().for_each(|line| {
            let _ = writeln!(out, "{line}");
        });
        let own: Vec<&str> = keeps.iter().map(|(_, (_, place))| place.as_str()).collect();
        let body = match answered.json() {
            Some(value) => {
                let text = self.by_kind(&value, "", "", &own).to_string();
                // Names of numbers stand without quotes.
                text.replace("\"@<", "{{").replace(">@\"", "}}")
            }
            None => match std::str::from_utf8(&answered.body) {
                Ok(text) if text.len() <= MAX_PLAIN && !text.contains('\n') => text.to_owned(),
                _ => String::new(),
            },
        };
        if !body.is_empty() {
            let _ = writeln!(out, "\n{body}");
        }
    }

    /// An answer with tokens by their kind and made ids by their name.
    fn by_kind(&self, value: &Value, name: &str, pointer: &str, own: &[&str]) -> Value {
        match value {
            Value::String(text) if claims(text).is_some() => "<jwt>".into(),
            Value::String(text) if self.draft.people.tokens.contains_key(text) => "<opaque>".into(),
            Value::String(_) | Value::Number(_) if crate::draft::is_id(name) && !own.contains(&pointer) => {
                match (self.ids.get(&plain(value)), value) {
                    (Some(kept), Value::Number(_)) => format!("@<{kept}>@").into(),
                    (Some(kept), _) => format!("{{{{{kept}}}}}").into(),
                    (None, _) => value.clone(),
                }
            }
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(at, item)| self.by_kind(item, name, &format!("{pointer}/{at}"), own))
                .collect(),
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, value)| {
                        (key.clone(), self.by_kind(value, key, &format!("{pointer}/{key}"), own))
                    })
                    .collect(),
            ),
            _ => value.clone(),
        }
    }
}

/// The ids by which a person is known.
fn ids_of(person: &Person) -> Vec<String> {
    let slots = ["user.id", "user.uuid", "user.other_id"];
    slots.into_iter().filter_map(|slot| person.facts.get(slot)).map(plain).collect()
}

/// A value as `>>> keep` keeps it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Fields of an answer that a transcript shows; the values of cookies are tokens.
fn shown(fields: &Fields) -> impl Iterator<Item = (String, String)> + '_ {
    let telling = ["content-type", "location", "set-cookie", "www-authenticate"];
    let kind = media(fields);
    fields.iter().filter_map(move |(name, value)| {
        let name = name.to_ascii_lowercase();
        if name == "set-cookie" {
            let (pair, rest) = value.split_once(';').unwrap_or((value, ""));
            let (cookie, value) = pair.split_once('=')?;
            let value = if value.is_empty() { "" } else { "<opaque>" };
            let rest = if rest.is_empty() { String::new() } else { format!(";{rest}") };
            return Some((name, format!("{cookie}={value}{rest}")));
        }
        let is_shown = telling.contains(&name.as_str()) || is_of_contract(&name, value);
        (is_shown && !(name == "content-type" && kind.is_empty())).then(|| (name, value.clone()))
    })
}

/// Texts and numbers of an answer with their pointers and names.
fn pointers(value: &Value, name: &str, pointer: &str, out: &mut Vec<(String, String, String)>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                pointers(value, key, &format!("{pointer}/{key}"), out);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                pointers(item, name, &format!("{pointer}/{at}"), out);
            }
        }
        Value::String(_) | Value::Number(_) => out.push((pointer.to_owned(), name.to_owned(), plain(value))),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Whether a request sends a value somewhere.
fn sends(exchange: &Exchange, value: &str) -> bool {
    let asked = &exchange.asked;
    asked.target.contains(value)
        || asked.fields.iter().any(|(_, field)| field.contains(value))
        || String::from_utf8_lossy(&asked.body).contains(value)
}

/// Attributes that everybody has alike: the draft says them, no person needs to.
fn common(people: &People) -> Facts {
    let mut out = Facts::new();
    for person in &people.list {
        for (slot, value) in person.before.iter().filter(|(slot, _)| slot.starts_with("user.attribute.")) {
            out.entry(slot.clone()).or_insert_with(|| value.clone());
        }
    }
    out.retain(|slot, value| {
        let plain = value.is_boolean() || value.is_number();
        let empty = value.as_object().is_some_and(serde_json::Map::is_empty)
            || value.as_array().is_some_and(Vec::is_empty);
        (plain || empty || value.is_null())
            && people.list.iter().all(|person| person.before.get(slot).is_none_or(|other| other == value))
    });
    out
}
