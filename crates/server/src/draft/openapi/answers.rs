//! Which answers does an operation describe, and as which templates?

use super::super::gives::literal;
use super::super::sketch::{Body, Said};
use super::super::words;
use super::asks::{object, types};
use super::resolve::Document;
use crate::record::secrets::plain_name;
use domain::command::Verb;
use domain::refusal::REFUSAL_CODES;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Deepest member of an answer.
const DEPTH: usize = 12;

/// The status and schema of the yes; null when it has no body. None when no yes is described.
pub fn yes<'a>(document: &Document<'a>, operation: &'a Value) -> Option<(u16, Value)> {
    let responses = operation["responses"].as_object()?;
    let mut good: Vec<(u16, &Value)> = responses
        .iter()
        .filter_map(|(status, response)| Some((status.parse::<u16>().ok()?, response)))
        .filter(|(status, _)| (200..400).contains(status))
        .collect();
    good.sort_by_key(|(status, _)| *status);
    match (good.first(), responses.get("default").or_else(|| responses.get("2XX"))) {
        (Some((status, response)), _) => Some((*status, content(document, response))),
        (None, Some(response)) => Some((200, content(document, response))),
        (None, None) => None,
    }
}

/// The schema of a JSON answer, with an example of it as `example`.
fn content<'a>(document: &Document<'a>, response: &'a Value) -> Value {
    let response = document.resolved(response);
    let json = response["content"]
        .as_object()
        .into_iter()
        .flatten()
        .find(|(kind, _)| kind.split(';').next().unwrap_or("").ends_with("json"));
    let Some((_, media)) = json else { return Value::Null };
    let mut schema = document.schema(&media["schema"]);
    let first = media["examples"]
        .as_object()
        .and_then(|list| list.values().next())
        .map(|one| document.resolved(one)["value"].clone());
    let example = media.get("example").cloned().or(first).filter(|example| !example.is_null());
    if let (Some(example), Some(members)) = (example, schema.as_object_mut()) {
        members.insert("example".to_owned(), example);
    }
    schema
}

/// Every member of a schema with its name.
pub fn members(schema: &Value, out: &mut Vec<(String, Value)>) {
    for (name, one) in schema["properties"].as_object().into_iter().flatten() {
        out.push((name.clone(), one.clone()));
        members(one, out);
    }
}

/// Which token a member of an answer is by its name.
pub fn token_slot(name: &str) -> Option<&'static str> {
    let plain = plain_name(name);
    match plain.as_str() {
        "refresh" | "refreshtoken" => Some("{refresh}"),
        "access" | "accesstoken" | "token" | "jwt" | "idtoken" | "authtoken" | "bearertoken" => {
            Some("{access}")
        }
        _ => None,
    }
}

/// The template of a yes.
pub fn body(schema: &Value, verb: Verb, notes: &mut Vec<String>) -> Body {
    if schema.is_null() {
        return Body::Empty;
    }
    Body::Json(template(schema, "", verb, 0, notes))
}

fn template(schema: &Value, name: &str, verb: Verb, depth: usize, notes: &mut Vec<String>) -> Value {
    if let Some(slot) = slot(schema, name, verb) {
        return slot.into();
    }
    if let Some(value) = schema.get("const") {
        return literal(value);
    }
    let properties = object(&schema["properties"]);
    if !properties.is_empty() && depth < DEPTH {
        let example = schema["example"].as_object();
        let members = properties.into_iter().map(|(key, mut one)| {
            if let (Some(value), Some(map)) =
                (example.and_then(|example| example.get(&key)), one.as_object_mut())
            {
                map.entry("example").or_insert_with(|| value.clone());
            }
            let value = template(&one, &key, verb, depth + 1, notes);
            (key.replace('{', "{{").replace('}', "}}"), value)
        });
        return Value::Object(members.collect());
    }
    if let Some(value) =
        schema.get("example").or_else(|| schema.get("default")).or_else(|| schema["examples"].get(0))
    {
        if !name.is_empty() {
            notes.push(format!("`{name}` is an example of the document: look whether it varies"));
        }
        return literal(value);
    }
    nothing(schema, name, notes)
}

/// What stands where a document says no more than a type.
fn nothing(schema: &Value, name: &str, notes: &mut Vec<String>) -> Value {
    if !name.is_empty() {
        notes.push(format!("`{name}` is a guess: the document says no more than its type"));
    }
    if let Some(first) = schema["enum"].get(0) {
        return literal(first);
    }
    match types(schema).first().map(String::as_str) {
        Some("integer" | "number") => 0.into(),
        Some("boolean") => true.into(),
        Some("array") => Value::Array(Vec::new()),
        Some("object") | None => Value::Object(Map::new()),
        Some("null") => Value::Null,
        Some(_) => "".into(),
    }
}

/// The slot of a member, by its name, its type and what the verb can say.
fn slot(schema: &Value, name: &str, verb: Verb) -> Option<String> {
    let kinds = types(schema);
    let is = |wanted: &str| kinds.is_empty() || kinds.iter().any(|kind| kind == wanted);
    let tokens = matches!(verb, Verb::SignUp | Verb::SignIn | Verb::Refresh);
    if let Some(slot) = token_slot(name).filter(|_| is("string")) {
        return tokens.then(|| slot.to_owned());
    }
    let plain = plain_name(name);
    if tokens && plain == "expiresin" && is("integer") {
        return Some("{access.expires_in}".to_owned());
    }
    if verb == Verb::CheckEmail
        && is("boolean")
        && ["exists", "taken", "registered", "found"].contains(&plain.as_str())
    {
        return Some("{exists}".to_owned());
    }
    let says_user = matches!(
        verb,
        Verb::SignUp
            | Verb::SignIn
            | Verb::Refresh
            | Verb::WhoAmI
            | Verb::VerifyToken
            | Verb::UpdateProfile
            | Verb::SetAvatar
            | Verb::ChangePassword
    );
    let slot = words::slot(name).filter(|_| says_user)?;
    let uuid = schema["format"] == "uuid";
    Some(match slot {
        "user.id" if uuid => "{user.uuid}".to_owned(),
        "user.id" if is("integer") || is("number") => "{user.id}".to_owned(),
        "user.id" => "{user.uuid}".to_owned(),
        "user.permissions" if !is("array") => return None,
        "user.active" | "user.email_verified" | "user.second_factor" if !is("boolean") => return None,
        "user.status" if !is_status(schema) => return None,
        "user.created_at" | "user.last_login_at" if kinds.iter().any(|kind| kind == "integer") => {
            format!("{{{slot}|seconds}}")
        }
        _ if schema.get("properties").is_some() || (is("object") && !kinds.is_empty()) => return None,
        slot => format!("{{{slot}}}"),
    })
}

fn is_status(schema: &Value) -> bool {
    let words = schema["enum"].as_array();
    words.is_none_or(|words| {
        words.iter().all(|word| ["active", "inactive", "suspended"].iter().any(|known| word == known))
    })
}

/// The noes of an operation whose words the document shows. What is the first of its code holds for all routes.
pub fn noes<'a>(
    document: &Document<'a>,
    operation: &'a Value,
    verb: Verb,
    all: &mut BTreeMap<String, Said>,
) -> BTreeMap<String, Said> {
    let mut own = BTreeMap::new();
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let Some(status) = status.parse::<u16>().ok().filter(|status| (400..600).contains(status)) else {
            continue;
        };
        let schema = content(document, response);
        let Some(value) = fixed(&schema) else { continue };
        let about = document.resolved(response)["description"].as_str().unwrap_or("");
        let Some(code) = code(status, about, verb) else { continue };
        let said = Said { status, body: Body::Json(literal(&value)), ..Said::default() };
        all.entry(code.clone()).or_insert_with(|| said.clone());
        own.insert(code, said);
    }
    own
}

/// The one value that a schema allows, or its example.
fn fixed(schema: &Value) -> Option<Value> {
    if let Some(value) = schema.get("example").or_else(|| schema.get("const")) {
        return Some(value.clone());
    }
    let properties = schema["properties"].as_object()?;
    let members: Option<Map<String, Value>> =
        properties.iter().map(|(name, one)| Some((name.clone(), fixed(one)?))).collect();
    members.map(Value::Object)
}

/// The code of a no: as the description names it, or by status and verb.
fn code(status: u16, about: &str, verb: Verb) -> Option<String> {
    let named: Vec<&str> = about.split(", ").filter(|word| REFUSAL_CODES.contains(word)).collect();
    match named.as_slice() {
        [one] => return Some((*one).to_owned()),
        [] => {}
        _ => return None,
    }
    let code = match (status, verb) {
        (401, Verb::SignIn) => "invalid_credentials",
        (401, _) => "token_invalid",
        (400 | 422, _) => "invalid_input",
        (403, Verb::SignIn) => "account_inactive",
        (403, _) => "not_yours",
        (404, Verb::SignIn) => "unknown_user",
        (404, _) => "not_found",
        (409, _) => "taken",
        (415, _) => "unsupported_media_type",
        (429, _) => "throttled",
        _ => return None,
    };
    Some(code.to_owned())
}
