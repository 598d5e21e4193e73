//! Which refusal is a no, and in which words is it said?

#![expect(clippy::wildcard_enum_match_arm, reason = "other verbs and other JSON have no words of their own")]

use super::gives::literal;
use super::people::{People, credentials, input, inputs, last};
use super::routes::Endpoint;
use super::sketch::{Body, Route, Said, Sketch};
use super::words::Field;
use crate::record::exchange::{Exchange, Recording, field, is_json, media};
use crate::record::secrets::claims;
use domain::command::Verb;
use serde_json::Value;

/// The code of a refusal; none when nobody can tell. A guess, from what was asked, the status and a few words.
pub fn code(
    at: usize,
    route: Option<(&Endpoint, &Route)>,
    recording: &Recording,
    people: &People,
) -> Option<&'static str> {
    let one = &recording.exchanges[at];
    let status = one.answered.status;
    match status {
        405 => return Some("method_not_allowed"),
        406 => return Some("not_acceptable"),
        413 => return Some("payload_too_large"),
        415 => return Some("unsupported_media_type"),
        429 => return Some("throttled"),
        500 => return Some("fault"),
        501.. => return None,
        _ => {}
    }
    let Some((endpoint, route)) = route else { return (status == 404).then_some("not_found") };
    if let Some(code) = of_body(one, status) {
        return Some(code);
    }
    let with_access = !matches!(route.verb, Verb::SignIn | Verb::SignUp | Verb::Refresh | Verb::CheckEmail);
    match route.verb {
        Verb::SignIn => of_sign_in(one, at, people, recording),
        Verb::SignUp => Some(of_sign_up(one, at, people, status)),
        Verb::Refresh => Some(of_refresh(one, at, people, recording)),
        _ if with_access && matches!(status, 401 | 403 | 404) => Some(of_credential(one, people, status)),
        _ if matches!(status, 400 | 422) => Some("invalid_input"),
        _ if status == 409 => Some("taken"),
        _ if status == 404 && endpoint.path.contains('{') => Some("not_found"),
        _ => None,
    }
}

/// A body that can not be read.
fn of_body(one: &Exchange, status: u16) -> Option<&'static str> {
    if !is_json(&media(&one.asked.fields)) || one.asked.body.is_empty() || status >= 500 {
        return None;
    }
    match serde_json::from_slice::<Value>(&one.asked.body) {
        Err(_) => Some("malformed_body"),
        Ok(Value::Object(_)) => None,
        Ok(Value::Null) => Some("nothing_given"),
        Ok(_) => Some("not_an_object"),
    }
}

fn says(one: &Exchange, words: &[&str]) -> bool {
    let text = String::from_utf8_lossy(&one.answered.body).to_lowercase();
    words.iter().any(|word| text.contains(word))
}

fn of_sign_in(one: &Exchange, at: usize, people: &People, recording: &Recording) -> Option<&'static str> {
    let who = [Field::Email, Field::Username, Field::Login].into_iter().find_map(|field| input(one, field));
    let (Some(_), Some(password)) = (who, input(one, Field::Password)) else {
        let nothing = inputs(one).is_empty() && one.asked.body.is_empty();
        return Some(if nothing { "nothing_given" } else { "invalid_input" });
    };
    let Some((person, _)) = &people.subjects[at] else {
        return Some(if known_later(one, people) { "invalid_credentials" } else { "unknown_user" });
    };
    let right = recording.exchanges.iter().enumerate().any(|(other, exchange)| {
        exchange.answered.is_good()
            && people.subjects[other].as_ref().is_some_and(|(subject, _)| subject == person)
            && input(exchange, Field::Password).as_deref() == Some(password.as_str())
    });
    Some(match right {
        _ if says(one, &["two-factor", "2fa", "otp", "verification code"]) => "factor_required",
        true if says(one, &["suspend", "banned", "blocked"]) => "account_suspended",
        true if says(one, &["verif", "confirm"]) => "email_unverified",
        true if says(one, &["inactive", "disabled", "deactivat", "not active"]) => "account_inactive",
        _ if says(one, &["disabled", "inactive. ", "is inactive"]) => "account_inactive",
        _ => "invalid_credentials",
    })
}

/// Whether somebody of this name signs in later in the recording.
fn known_later(one: &Exchange, people: &People) -> bool {
    let names =
        [Field::Email, Field::Username, Field::Login].into_iter().filter_map(|field| input(one, field));
    names.into_iter().any(|name| {
        people.list.iter().any(|person| {
            let same = |slot: &str| {
                person
                    .facts
                    .get(slot)
                    .and_then(Value::as_str)
                    .is_some_and(|known| known.eq_ignore_ascii_case(name.trim()))
            };
            same("user.email") || same("user.username")
        })
    })
}

fn of_sign_up(one: &Exchange, at: usize, people: &People, status: u16) -> &'static str {
    let known = |field: Field, slot: &str| {
        let typed = input(one, field);
        typed.is_some_and(|typed| {
            people.list.iter().filter(|person| person.first < at).any(|person| {
                person
                    .before
                    .get(slot)
                    .and_then(Value::as_str)
                    .is_some_and(|known| known.eq_ignore_ascii_case(typed.trim()))
            })
        })
    };
    let taken = known(Field::Email, "user.email") || known(Field::Username, "user.username");
    if status == 409 || (taken && says(one, &["exist", "taken", "already", "in use", "unique"])) {
        "taken"
    } else if inputs(one).is_empty() {
        "nothing_given"
    } else {
        "invalid_input"
    }
}

fn of_refresh(one: &Exchange, at: usize, people: &People, recording: &Recording) -> &'static str {
    let sent: Vec<String> =
        inputs(one).into_iter().filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect();
    let token = sent.iter().chain(&credentials(one)).find(|text| people.tokens.contains_key(*text)).cloned();
    let Some(token) = token else {
        return if sent.iter().all(|text| text.is_empty()) { "invalid_input" } else { "token_invalid" };
    };
    if !people.tokens[&token].is_refresh {
        return "token_wrong_kind";
    }
    let exchanged = recording.exchanges[..at].iter().any(|earlier| {
        earlier.answered.is_good() && inputs(earlier).iter().any(|(_, value)| *value == *token)
    });
    match claims(&token).and_then(|claims| claims.get("exp")?.as_i64()) {
        Some(exp) if exp < one.at.seconds() => "token_expired",
        _ if exchanged => "token_reused",
        _ => "token_revoked",
    }
}

fn of_credential(one: &Exchange, people: &People, status: u16) -> &'static str {
    let sent = credentials(one);
    let header = field(&one.asked.fields, "authorization");
    if sent.is_empty() || header.is_some_and(|value| value.trim().is_empty()) {
        return "credentials_missing";
    }
    if header.is_some_and(|value| value.split(' ').count() != 2) {
        return "credentials_malformed";
    }
    match sent.iter().find_map(|text| people.tokens.get(text).map(|given| (text, given))) {
        Some((_, given)) if given.is_refresh => "token_wrong_kind",
        Some(_) if status == 404 => "not_found",
        Some(_) if status == 403 => "not_yours",
        Some((token, _)) => match claims(token).and_then(|claims| claims.get("exp")?.as_i64()) {
            Some(exp) if exp < one.at.seconds() => "token_expired",
            _ if says(one, &["inactive", "disabled"]) => "token_user_inactive",
            _ if says(one, &["user not found", "no user"]) => "token_user_unknown",
            _ => "token_revoked",
        },
        None => "token_invalid",
    }
}

/// The words of a no.
pub fn said(one: &Exchange, code: &str, sketch: &mut Sketch) -> Said {
    let mut said = Said { status: one.answered.status, ..Said::default() };
    if let Some(value) = field(&one.answered.fields, "www-authenticate") {
        said.headers.push(("WWW-Authenticate".to_owned(), value.replace('{', "{{").replace('}', "}}")));
    }
    let kind = media(&one.answered.fields);
    said.body = match (one.answered.json(), one.answered.body.is_empty()) {
        (_, true) => Body::Empty,
        (Some(mut value), _) => {
            let flawed = matches!(code, "invalid_input" | "taken") && flaws(&mut value, one, code, sketch);
            let mut template = if flawed { value } else { literal(&value) };
            about_request(&mut template, one);
            if code == "fault" || code == "malformed_body" {
                said.notes.push("says what the original said; look for values that vary".to_owned());
            }
            Body::Json(template)
        }
        (None, false) if kind == "text/html" => {
            said.notes.push("the original answered with a page; here it is the code".to_owned());
            Body::Json(serde_json::json!({ "error": "{code}" }))
        }
        (None, false) => {
            Body::Text(String::from_utf8_lossy(&one.answered.body).replace('{', "{{").replace('}', "}}"))
        }
    };
    said
}

/// Texts that repeat the request.
fn about_request(value: &mut Value, one: &Exchange) {
    match value {
        Value::String(text) => {
            let (method, path) = (one.asked.method.as_str(), one.asked.path());
            if text.contains(path) && path.len() > 1 {
                *text = text.replace(path, "{path}");
            }
            for with in [format!("\"{method}\""), format!("Cannot {method} ")] {
                *text = text.replace(&with, &with.replace(method, "{method}"));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| about_request(item, one)),
        Value::Object(members) => members.values_mut().for_each(|value| about_request(value, one)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Puts `{flaws}` where the flaws are listed, and learns their wordings. False when nothing looks like such a list.
fn flaws(value: &mut Value, one: &Exchange, code: &str, sketch: &mut Sketch) -> bool {
    let sent = inputs(one);
    let names: Vec<String> = sent.iter().map(|(name, _)| last(name).to_owned()).collect();
    let known = |key: &String| names.contains(key) || super::words::field(key).is_some();
    if let Some(shape) = listed(value, &known) {
        if sketch.flaws.is_empty() || sketch.flaws == shape {
            sketch.flaws = shape.to_owned();
            if shape != "list" {
                wordings(value, one, code, sketch);
            }
            *value = "{flaws}".into();
            return true;
        }
        return false;
    }
    let Value::Object(members) = value else { return false };
    let lists = ["errors", "message", "messages", "details", "detail", "fields", "violations"];
    let inside = members.iter_mut().filter(|(key, _)| lists.contains(&key.as_str()));
    let mut found = false;
    for (_, inner) in inside {
        found |= (inner.is_object() || inner.is_array()) && flaws(inner, one, code, sketch);
    }
    if found {
        let plain: Vec<String> = members.keys().cloned().collect();
        for key in plain {
            let other = members[&key].clone();
            if other != "{flaws}" {
                members.insert(key, literal(&other));
            }
        }
    }
    found
}

fn listed(value: &Value, known: &dyn Fn(&String) -> bool) -> Option<&'static str> {
    match value {
        Value::Object(members) if !members.is_empty() && members.keys().all(known) => {
            let texts =
                |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
            if members.values().all(texts) {
                Some("map_of_lists")
            } else {
                members.values().all(Value::is_string).then_some("map")
            }
        }
        Value::Array(items) => (!items.is_empty() && items.iter().all(Value::is_string)).then_some("list"),
        _ => None,
    }
}

/// The bounds that a no names for its fields: field, whether it is the longest, and how many characters.
///
/// Only sentences that say so in the words of the usual frameworks count.
pub fn limits(one: &Exchange) -> Vec<(String, bool, usize)> {
    let mut out = Vec::new();
    let Some(Value::Object(members)) = one.answered.json() else { return out };
    let nested = members.values().filter_map(Value::as_object).flatten();
    for (name, texts) in members.iter().chain(nested) {
        let texts: Vec<&str> = match texts {
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().into_iter().collect(),
        };
        let sent = inputs(one).into_iter().find(|(known, _)| last(known) == name);
        let Some(length) = sent.and_then(|(_, value)| Some(value.as_str()?.chars().count())) else {
            continue;
        };
        for text in texts {
            let bound = |words: &[&str]| words.iter().find_map(|word| number_after(text, word));
            // What was sent has to break the bound, or the sentence speaks of something else.
            if let Some(most) =
                bound(&["no more than ", "at most ", "longer than "]).filter(|most| length > *most)
            {
                out.push((name.clone(), true, most));
            } else if let Some(least) = bound(&["at least ", "shorter than "]).filter(|least| length < *least)
            {
                out.push((name.clone(), false, least));
            }
        }
    }
    out
}

/// The number that follows some words and counts characters.
fn number_after(text: &str, words: &str) -> Option<usize> {
    let rest = &text[text.find(words)? + words.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let number = rest[..end].parse().ok()?;
    rest[end..].trim_start().starts_with("char").then_some(number)
}

/// Which wording belongs to which rule: what was wrong is seen in the request.
fn wordings(value: &Value, one: &Exchange, code: &str, sketch: &mut Sketch) {
    let Some(members) = value.as_object() else { return };
    for (name, texts) in members {
        let first = match texts {
            Value::Array(items) => items.first().and_then(Value::as_str),
            other => other.as_str(),
        };
        let sent = inputs(one).into_iter().find(|(known, _)| last(known) == name).map(|(_, value)| value);
        let rule = match sent {
            _ if code == "taken" => "taken",
            None => "required",
            Some(Value::Null) => "null",
            Some(Value::String(text)) if text.trim().is_empty() => "blank",
            Some(Value::String(text))
                if super::words::field(name) == Some(Field::Email) && !text.contains('@') =>
            {
                "email"
            }
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => "type",
            Some(_) => continue,
        };
        let Some(text) = first.map(|text| text.replace('{', "{{").replace('}', "}}")) else { continue };
        let by_input = match super::words::field(name) {
            Some(Field::Email) => "email",
            Some(Field::Username) => "username",
            _ => "",
        };
        if rule == "taken" && !by_input.is_empty() {
            sketch
                .messages_by_input
                .entry(by_input.to_owned())
                .or_default()
                .entry(rule.to_owned())
                .or_insert(text);
        } else {
            sketch.messages.entry(rule.to_owned()).or_insert(text);
        }
    }
}
