//! Who speaks in a recording, what is known of them, and whose are the tokens?

#![expect(clippy::wildcard_enum_match_arm, reason = "JSON of other types says nothing of a person")]

use super::words::{self, Field};
use crate::record::exchange::{Exchange, Recording, field};
use crate::record::parts;
use crate::record::secrets::{claims, plain_name};
use domain::time::Moment;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is known of somebody, by the slot that says it (`user.email`, `user.attribute.NAME`).
pub type Facts = BTreeMap<String, Value>;

/// A user of the recorded application.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// What is known at the end.
    pub facts: Facts,
    /// What was known first of each kind: how the person was before the recording.
    pub before: Facts,
    /// The password at the first sign-in; a stand-in already.
    pub password: Option<String>,
    /// The exchange that speaks of them first.
    pub first: usize,
}

/// A token that an answer gave.
#[derive(Clone, Debug)]
pub struct Given {
    /// To whom.
    pub person: usize,
    /// Whether it is a refresh token.
    pub is_refresh: bool,
    /// In which exchange.
    pub at: usize,
}

/// Everybody in a recording.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// In the order in which they appear.
    pub list: Vec<Person>,
    /// Tokens by their text.
    pub tokens: BTreeMap<String, Given>,
    /// For each exchange who it is about, and what is known of them right after it.
    pub subjects: Vec<Option<(usize, Facts)>>,
}

/// The named inputs of a request: body, query, and files by their names alone.
pub fn inputs(exchange: &Exchange) -> Vec<(String, Value)> {
    let asked = &exchange.asked;
    let texts = |pairs: Vec<(String, String)>| -> Vec<(String, Value)> {
        pairs.into_iter().map(|(name, value)| (name, Value::from(value))).collect()
    };
    if let Some(Value::Object(members)) = asked.json() {
        return flat(&members, "");
    }
    if let Some(found) = parts::multipart(&asked.fields, &asked.body) {
        let text = |part: &parts::Part| match part.file {
            Some(_) => Value::Null,
            None => String::from_utf8_lossy(&part.bytes).into_owned().into(),
        };
        return found.iter().map(|part| (part.name.clone(), text(part))).collect();
    }
    match std::str::from_utf8(&asked.body) {
        Ok(text) if crate::record::exchange::media(&asked.fields) == "application/x-www-form-urlencoded" => {
            texts(parts::form(text))
        }
        _ => Vec::new(),
    }
}

/// Members of nested objects by dotted names.
fn flat(members: &Map<String, Value>, before: &str) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    for (name, value) in members {
        let name = format!("{before}{name}");
        match value {
            Value::Object(inner) if before.is_empty() => out.extend(flat(inner, &format!("{name}."))),
            _ => out.push((name, value.clone())),
        }
    }
    out
}

/// The input of a kind, as text.
pub fn input(exchange: &Exchange, wanted: Field) -> Option<String> {
    let found = inputs(exchange).into_iter().find(|(name, _)| words::field(last(name)) == Some(wanted));
    match found?.1 {
        Value::String(text) if !text.trim().is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The last part of a dotted name.
pub fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The credentials of a request: what stands in `Authorization` after the scheme, and every cookie.
pub fn credentials(exchange: &Exchange) -> Vec<String> {
    let fields = &exchange.asked.fields;
    let header =
        field(fields, "authorization").map(|value| value.split_once(' ').map_or(value, |(_, token)| token));
    let cookies = field(fields, "cookie").map(parts::cookies).unwrap_or_default();
    let keys = fields
        .iter()
        .filter(|(name, _)| name.to_ascii_lowercase().contains("token"))
        .map(|(_, value)| value.clone());
    header
        .map(str::to_owned)
        .into_iter()
        .chain(cookies.into_iter().map(|(_, value)| value))
        .chain(keys)
        .collect()
}

impl People {
    /// Finds out who speaks.
    pub fn of(recording: &Recording) -> People {
        let mut people = People::default();
        for (at, exchange) in recording.exchanges.iter().enumerate() {
            let subject = people.subject(exchange, at);
            if let Some(person) = subject
                && exchange.answered.is_good()
            {
                let changed = people.learn_from_inputs(person, exchange);
                people.learn_from_answer(person, exchange, at);
                people.list[person].remember(&changed);
            }
            let known = subject.map(|person| (person, people.list[person].facts.clone()));
            people.subjects.push(known);
        }
        people.settle_kinds(recording);
        people
    }

    /// What is known of whom an exchange is about, right after it.
    pub fn facts(&self, at: usize) -> Option<&Facts> {
        self.subjects.get(at)?.as_ref().map(|(_, facts)| facts)
    }

    fn subject(&mut self, exchange: &Exchange, at: usize) -> Option<usize> {
        let sent = inputs(exchange).into_iter().filter_map(|(_, value)| value.as_str().map(str::to_owned));
        let tokens = credentials(exchange).into_iter().chain(sent);
        let holder = tokens.filter_map(|token| self.tokens.get(&token)).map(|given| given.person).next();
        let email = input(exchange, Field::Email);
        let username = input(exchange, Field::Username);
        let login = input(exchange, Field::Login);
        let password = input(exchange, Field::Password);
        // A sign-in or sign-up speaks for itself, whatever token comes along.
        let by_name = [
            ("user.email", email.or_else(|| login.clone().filter(|login| login.contains('@')))),
            ("user.username", username.or_else(|| login.filter(|login| !login.contains('@')))),
        ];
        let named = by_name.iter().find_map(|(slot, value)| self.who(slot, value.as_deref()?));
        if password.is_none() {
            return holder.or(named);
        }
        if let Some(person) = named {
            if exchange.answered.is_good() && self.list[person].password.is_none() {
                self.list[person].password = password;
            }
            return Some(person);
        }
        if holder.is_some()
            || !exchange.answered.is_good()
            || by_name.iter().all(|(_, value)| value.is_none())
        {
            return holder;
        }
        let facts = by_name
            .into_iter()
            .filter_map(|(slot, value)| Some((slot.to_owned(), Value::from(value?.trim()))));
        self.list.push(Person { facts: facts.collect(), password, first: at, ..Person::default() });
        Some(self.list.len() - 1)
    }

    fn who(&self, slot: &str, value: &str) -> Option<usize> {
        let same = |person: &Person| {
            person
                .facts
                .get(slot)
                .and_then(Value::as_str)
                .is_some_and(|known| known.eq_ignore_ascii_case(value.trim()))
        };
        self.list.iter().position(same)
    }

    /// Gives the slots that the request changed.
    fn learn_from_inputs(&mut self, person: usize, exchange: &Exchange) -> Vec<&'static str> {
        let mut changed = Vec::new();
        let facts = &mut self.list[person].facts;
        let changes = input(exchange, Field::Password).is_none();
        for (name, value) in inputs(exchange) {
            let slot = match words::field(last(&name)) {
                Some(Field::Email) => "user.email",
                Some(Field::Username) => "user.username",
                Some(Field::FirstName) => "user.first_name",
                Some(Field::LastName) => "user.last_name",
                Some(Field::Phone) => "user.phone_number",
                _ => continue,
            };
            let value = match value {
                Value::Number(number) => number.to_string().into(),
                Value::String(text) => text.trim().into(),
                other => other,
            };
            if changes {
                changed.push(slot);
            }
            if value.is_string() && (changes || !facts.contains_key(slot)) {
                facts.insert(slot.to_owned(), value);
            }
        }
        changed
    }

    fn learn_from_answer(&mut self, person: usize, exchange: &Exchange, at: usize) {
        let mut found = Vec::new();
        if let Some(body) = exchange.answered.json() {
            tokens_in(&body, "", &mut found);
            learn(&body, &mut self.list[person].facts, true);
        }
        for (name, value) in set_cookies(exchange) {
            if is_token(&name, &value) {
                found.push((name, value));
            }
        }
        for (name, token) in found {
            if let Some(claims) = claims(&token) {
                learn_claims(&claims, &mut self.list[person].facts);
            }
            let given = Given { person, is_refresh: says_refresh(&name, &token), at };
            self.tokens.entry(token).or_insert(given);
        }
    }

    /// What was sent as a credential is an access token, and what was exchanged for one is a refresh token.
    fn settle_kinds(&mut self, recording: &Recording) {
        for exchange in &recording.exchanges {
            if !exchange.answered.is_good() {
                continue;
            }
            let header =
                field(&exchange.asked.fields, "authorization").and_then(|value| value.split_once(' '));
            if let Some(given) = header.and_then(|(_, token)| self.tokens.get_mut(token)) {
                given.is_refresh = false;
            }
        }
    }
}

/// The pairs that an answer sets.
pub fn set_cookies(exchange: &Exchange) -> Vec<(String, String)> {
    let lines = exchange.answered.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let pairs = lines.filter_map(|(_, line)| line.split(';').next()?.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.to_owned())).collect()
}

/// Texts of an answer that are tokens, with their names.
fn tokens_in(value: &Value, name: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| tokens_in(value, key, out)),
        Value::Array(items) => items.iter().for_each(|item| tokens_in(item, name, out)),
        Value::String(text) if is_token(name, text) => out.push((name.to_owned(), text.clone())),
        _ => {}
    }
}

/// Whether a member is a token: signed, or called so.
pub fn is_token(name: &str, text: &str) -> bool {
    let plain = plain_name(name);
    let called = plain.ends_with("token")
        || ["access", "refresh", "jwt", "bearer", "session", "sessionid"].contains(&plain.as_str());
    let fits = text.len() >= 8 && !text.contains(char::is_whitespace);
    claims(text).is_some()
        || (called && fits && plain != "csrftoken" && text.bytes().any(|b| b.is_ascii_digit()))
}

fn says_refresh(name: &str, token: &str) -> bool {
    let claims = claims(token).unwrap_or_default();
    let kind = ["token_type", "type", "typ", "kind", "use", "token_use", "tokenType"];
    let said = kind.iter().filter_map(|claim| claims.get(*claim)?.as_str()).next();
    said.map_or_else(
        || plain_name(name).contains("refresh"),
        |said| said.to_ascii_lowercase().contains("refresh"),
    )
}

/// Learns from every object of an answer that speaks of the person.
fn learn(value: &Value, facts: &mut Facts, is_top: bool) {
    let Value::Object(members) = value else { return };
    if is_about(members, facts) {
        for (key, value) in members {
            learn_member(key, value, facts, is_top);
        }
    }
    for value in members.values() {
        learn(value, facts, false);
    }
}

/// Whether an object holds something that only the person's own has.
pub fn is_about(members: &Map<String, Value>, facts: &Facts) -> bool {
    let own = |(key, value): (&String, &Value)| {
        let slot = words::slot(key);
        let telling = ["user.email", "user.username", "user.id", "user.uuid"];
        slot.is_some_and(|slot| telling.contains(&slot))
            && telling.iter().any(|slot| facts.get(*slot).is_some_and(|known| same_text(known, value)))
    };
    members.iter().any(own)
}

fn same_text(one: &Value, other: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_lowercase);
    !one.is_null() && text(one) == text(other)
}

/// Learns what one member says.
fn learn_member(key: &str, value: &Value, facts: &mut Facts, is_top: bool) {
    match (words::slot(key), value) {
        (Some("user.id"), value) => learn_id(value, facts),
        (Some("user.full_name"), Value::String(text)) => {
            if let (None, None, Some((first, last))) =
                (facts.get("user.first_name"), facts.get("user.last_name"), text.split_once(' '))
            {
                facts.insert("user.first_name".to_owned(), first.into());
                facts.insert("user.last_name".to_owned(), last.into());
            }
        }
        (Some("user.full_name"), _) | (None, Value::String(_)) => {}
        (Some(slot), value) => {
            facts.insert(slot.to_owned(), value.clone());
        }
        // What else an object about the user holds is an attribute; at the top there are other things, too.
        (None, value) if !is_top || value.is_boolean() => {
            facts.insert(format!("user.attribute.{key}"), value.clone());
        }
        (None, _) => {}
    }
}

/// Learns an id: a number, digits, or a UUID.
fn learn_id(value: &Value, facts: &mut Facts) {
    match value {
        Value::Number(number) if number.is_i64() => {
            facts.insert("user.id".to_owned(), value.clone());
        }
        Value::String(text) => {
            if let Ok(number) = text.parse::<i64>() {
                facts.insert("user.id".to_owned(), number.into());
            } else if is_uuid(text) {
                facts.insert("user.uuid".to_owned(), value.clone());
            } else if !text.is_empty() && !text.contains('@') && facts.get("user.username") != Some(value) {
                facts.insert("user.other_id".to_owned(), value.clone());
            }
        }
        _ => {}
    }
}

fn learn_claims(claims: &Map<String, Value>, facts: &mut Facts) {
    for (claim, value) in claims {
        match words::slot(claim) {
            Some("user.id") => learn_id(value, facts),
            Some(slot @ ("user.email" | "user.username" | "user.role")) => {
                facts.entry(slot.to_owned()).or_insert_with(|| value.clone());
            }
            _ => {}
        }
    }
}

/// Whether a text is a UUID.
pub fn is_uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

impl Person {
    fn remember(&mut self, changed: &[&str]) {
        for (slot, value) in &self.facts {
            if !changed.contains(&slot.as_str()) && !self.before.contains_key(slot) {
                self.before.insert(slot.clone(), value.clone());
            }
        }
    }

    /// The person as a `user:` line of a transcript; none when nobody knows how they sign in.
    pub fn record(&self, common: &Facts) -> Option<Value> {
        let mut record = Map::new();
        for slot in [
            "id",
            "uuid",
            "username",
            "email",
            "first_name",
            "last_name",
            "phone_number",
            "avatar",
            "role",
            "permissions",
            "status",
            "email_verified",
        ] {
            if let Some(value) =
                self.before.get(&format!("user.{slot}")).filter(|value| !value.is_null() && *value != "")
            {
                record.insert(slot.to_owned(), value.clone());
            }
        }
        if !record.contains_key("email") && !record.contains_key("username") {
            return None;
        }
        if let Some(id) = record.get("id").and_then(Value::as_i64)
            && id <= 0
        {
            record.remove("id");
        }
        let attributes: Map<String, Value> = self
            .before
            .iter()
            .filter(|(slot, value)| common.get(*slot) != Some(value))
            .filter_map(|(slot, value)| {
                Some((slot.strip_prefix("user.attribute.")?.to_owned(), value.clone()))
            })
            .collect();
        if !attributes.is_empty() {
            record.insert("attributes".to_owned(), attributes.into());
        }
        if self.before.get("user.active") == Some(&Value::Bool(false)) {
            record.insert("status".to_owned(), "inactive".into());
        }
        for slot in ["created_at", "last_login_at"] {
            let known = self.before.get(&format!("user.{slot}")).and_then(Value::as_str);
            if let Some(text) = known.filter(|text| Moment::parse_rfc3339(text).is_some()) {
                record.insert(slot.to_owned(), text.into());
            }
        }
        record.insert("password".to_owned(), self.password.clone()?.into());
        Some(record.into())
    }
}
