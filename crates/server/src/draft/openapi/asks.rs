//! Which inputs does an operation describe?

#![expect(clippy::wildcard_enum_match_arm, reason = "other verbs do not take it")]

use super::super::sketch::Take;
use super::super::takes::plain_word;
use super::super::words::{self, Field};
use super::resolve::Document;
use domain::command::Verb;
use serde_json::{Map, Value};

/// Deepest member of a body that is an input.
const DEPTH: usize = 3;

/// One thing that can be sent.
struct Sent {
    place: &'static str,
    /// Dotted.
    name: String,
    schema: Value,
    required: bool,
}

/// Everything that can be sent to an operation.
pub struct Asked {
    sent: Vec<Sent>,
    /// Names of which one is enough.
    alternatives: Vec<String>,
    /// Kinds of body.
    pub media: Vec<&'static str>,
    /// Whether a file is among it.
    pub has_file: bool,
}

impl Asked {
    /// Reads parameters and request body.
    pub fn of<'a>(document: &Document<'a>, item: &'a Value, operation: &'a Value) -> Asked {
        let mut asked =
            Asked { sent: Vec::new(), alternatives: Vec::new(), media: Vec::new(), has_file: false };
        let lists = [&item["parameters"], &operation["parameters"]];
        for parameter in
            lists.into_iter().filter_map(Value::as_array).flatten().map(|one| document.resolved(one))
        {
            asked.parameter(document, parameter);
        }
        let body = operation.get("requestBody").map(|body| document.resolved(body));
        let content = body.and_then(|body| body["content"].as_object());
        for (kind, media) in content.into_iter().flatten() {
            let word = match kind.split(';').next().unwrap_or("").trim() {
                "application/x-www-form-urlencoded" => "form",
                "multipart/form-data" => "multipart",
                kind if kind.ends_with("json") => "json",
                _ => continue,
            };
            asked.media.push(word);
            let schema = document.schema(&media["schema"]);
            asked.body(&schema, if word == "json" { "body" } else { "form" }, "", 0);
        }
        asked
    }

    fn parameter(&mut self, document: &Document<'_>, parameter: &Value) {
        let place = match parameter["in"].as_str() {
            Some("query") => "query",
            Some("header") => "header",
            Some("cookie") => "cookie",
            Some("path") => "path",
            _ => return,
        };
        let schema = Document { root: document.root }.schema(&parameter["schema"]);
        let required = parameter["required"] == true;
        self.sent.push(Sent {
            place,
            name: parameter["name"].as_str().unwrap_or("").to_owned(),
            schema,
            required,
        });
    }

    fn body(&mut self, schema: &Value, place: &'static str, before: &str, depth: usize) {
        let required = |name: &String| {
            schema["required"].as_array().is_some_and(|list| list.iter().any(|one| one == name))
        };
        for (name, one) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{before}{name}");
            if one["properties"].is_object() && depth < DEPTH {
                self.body(one, place, &format!("{path}."), depth + 1);
                continue;
            }
            let is_file = one["format"] == "binary" || one.get("contentMediaType").is_some();
            self.has_file |= is_file;
            let known =
                self.sent.iter().any(|sent| matches!(sent.place, "body" | "form") && sent.name == path);
            if !known {
                let place = if is_file { "form" } else { place };
                self.sent.push(Sent { place, name: path, schema: one.clone(), required: required(name) });
            }
        }
        for name in
            schema["alternatives"].as_array().into_iter().flatten().filter_map(|list| list[0].as_str())
        {
            if !self.alternatives.iter().any(|known| known == name) {
                self.alternatives.push(name.to_owned());
            }
        }
    }

    /// The names of what is sent in body and query, without what is before the last dot.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let sent = self.sent.iter().filter(|sent| sent.place != "path" && sent.place != "header");
        sent.map(|sent| sent.name.rsplit('.').next().unwrap_or(""))
    }

    /// Whether an input of this kind must be there.
    pub fn requires(&self, field: Field) -> bool {
        self.sent.iter().any(|sent| sent.required && words::field(last(&sent.name)) == Some(field))
    }
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The inputs of a route, and those of which one must be there.
pub fn takes(asked: &Asked, verb: Verb) -> (Vec<Take>, Vec<String>) {
    let mut takes: Vec<Take> = Vec::new();
    for sent in &asked.sent {
        let Some(input) = input(sent, verb) else { continue };
        // A secret in a query ends up in logs.
        if sent.place == "query" && ["password", "refresh", "token"].contains(&input.as_str()) {
            continue;
        }
        let place = if sent.place == "form" && input != "avatar" { "body" } else { sent.place };
        let from = format!("{place}.{}", sent.name);
        match takes.iter_mut().find(|take| take.input == input) {
            Some(take) if take.from != from => take.also.push(from),
            Some(_) => {}
            None => takes.push(take(sent, input, from, verb)),
        }
    }
    let any = alternatives(asked, verb, &mut takes);
    (takes, any)
}

fn input(sent: &Sent, verb: Verb) -> Option<String> {
    let name = last(&sent.name);
    let field = words::field(name);
    if sent.place == "path" {
        return match verb {
            Verb::UpdateProfile | Verb::SetAvatar | Verb::DeleteAccount => Some("user_id".to_owned()),
            Verb::EndSession => Some("session_id".to_owned()),
            Verb::VerifyEmail | Verb::ResetPassword | Verb::ConfirmEmail | Verb::UndoEmail => {
                Some("token".to_owned())
            }
            _ => None,
        };
    }
    if sent.place == "header" {
        return None;
    }
    let word = match (field, verb) {
        (Some(Field::Refresh | Field::Token), Verb::Refresh | Verb::SignOut) => "refresh",
        (Some(Field::Access), Verb::SignOut) => return Some(format!("ignored.{name}")),
        (
            Some(Field::Token | Field::Access),
            Verb::VerifyToken
            | Verb::ResetPassword
            | Verb::VerifyEmail
            | Verb::ConfirmEmail
            | Verb::UndoEmail,
        ) => "token",
        (Some(Field::Password), Verb::ResetPassword | Verb::ChangePassword) => "new_password",
        (Some(Field::Email), Verb::SignIn | Verb::RequestReset | Verb::ChangeEmail) => "email",
        (Some(Field::Password), Verb::ChangeEmail) => "password",
        (Some(Field::Username), Verb::SignIn | Verb::RequestReset) => "username",
        (Some(Field::Login), Verb::SignIn | Verb::RequestReset) => "login",
        (Some(field), _) => return plain_word(field, verb).map(str::to_owned),
        (None, Verb::SignUp | Verb::UpdateProfile) => {
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            return plain.then(|| format!("attribute.{name}"));
        }
        (None, _) => return None,
    };
    Some(word.to_owned())
}

fn take(sent: &Sent, input: String, from: String, verb: Verb) -> Take {
    let schema = &sent.schema;
    let mut take =
        Take { from, required: sent.required && !input.starts_with("ignored."), ..Take::default() };
    if input == "avatar" {
        take.required = verb == Verb::SetAvatar;
        return Take { input, ..take };
    }
    let types = types(schema);
    let has = |wanted: &str| types.iter().any(|known| known == wanted);
    let number = has("integer") || has("number");
    let kind = match () {
        () if has("string") && number => "text_or_number",
        () if has("integer") => "integer",
        () if has("number") => "number",
        () if has("boolean") => "boolean",
        () if has("array") => "list",
        () if has("object") => "object",
        () => "",
    };
    let of_text = kind.is_empty() || kind == "text_or_number";
    // Passwords, tokens and names are always texts.
    let is_free = input.starts_with("attribute.") || input.starts_with("ignored.") || input == "user_id";
    if !kind.is_empty() && (is_free || of_text) {
        take.keys.push(("type", format!("\"{kind}\"")));
    }
    if has("null") || schema["nullable"] == true {
        let clears = verb == Verb::UpdateProfile && !["email", "username"].contains(&input.as_str());
        take.keys.push(("null", if clears { "\"clear\"" } else { "\"absent\"" }.to_owned()));
    }
    if of_text {
        limits(schema, &input, &mut take);
    }
    if input.starts_with("attribute.") {
        take.notes.push("guessed: a custom attribute of the user".to_owned());
    }
    Take { input, ..take }
}

fn limits(schema: &Value, input: &str, take: &mut Take) {
    let number = |key: &str| schema[key].as_u64().filter(|limit| (1..=4096).contains(limit));
    if let Some(limit) = number("minLength").filter(|limit| *limit > 1) {
        take.keys.push(("min_length", limit.to_string()));
    }
    if let Some(limit) = number("maxLength") {
        take.keys.push(("max_length", limit.to_string()));
    }
    if schema["format"] == "email" && input == "email" {
        take.keys.push(("format", "\"email\"".to_owned()));
    }
    if input == "password_confirmation" {
        take.keys.push(("equals", "\"password\"".to_owned()));
    }
}

/// The types of a schema, in either version's spelling.
pub fn types(schema: &Value) -> Vec<String> {
    match &schema["type"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn alternatives(asked: &Asked, verb: Verb, takes: &mut [Take]) -> Vec<String> {
    let who = |input: &str| ["email", "username", "login"].contains(&input);
    let named = |take: &Take| {
        who(&take.input) && asked.alternatives.iter().any(|name| take.from.ends_with(&format!(".{name}")))
    };
    let mut any: Vec<String> =
        takes.iter().filter(|take| named(take)).map(|take| take.input.clone()).collect();
    let found: Vec<String> =
        takes.iter().filter(|take| who(&take.input)).map(|take| take.input.clone()).collect();
    let is_open = takes.iter().filter(|take| who(&take.input)).all(|take| !take.required);
    if any.is_empty() && matches!(verb, Verb::SignIn | Verb::RequestReset) && is_open && found.len() > 1 {
        any = found;
    } else if any.is_empty() && matches!(verb, Verb::SignIn | Verb::RequestReset) && is_open {
        takes.iter_mut().filter(|take| who(&take.input)).for_each(|take| take.required = true);
    }
    if any.len() < 2 { Vec::new() } else { any }
}

/// An object without members that are null.
pub fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
