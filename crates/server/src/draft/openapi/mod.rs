//! Which dialect does an OpenAPI document (3.0 or 3.1, JSON) describe?
//!
//! A document says what is sent and answered, and seldom what a token is or how a no is worded. What it leaves open is
//! the native contract's, and a comment says so.

mod answers;
mod asks;
mod resolve;

use super::routes::{Heard, field_word};
use super::sketch::{Body, Http, Route, Said, Sketch, Sure, Token};
use super::words;
use dialect::FileFault;
use domain::command::Verb;
use resolve::Document;
use serde_json::{Map, Value};

/// Largest document, in bytes.
pub const MAX_BYTES: u64 = 16 << 20;
/// Most operations that are read.
const MAX_OPERATIONS: usize = 2_000;
/// Methods that a dialect speaks.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
const YAML: &str = "this is no JSON. If it is YAML, convert it first: `yq -o=json . openapi.yaml > openapi.json`, or \
    `python3 -c 'import json,sys,yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' < openapi.yaml > openapi.json`";

/// A draft of a document.
#[derive(Debug)]
pub struct Drafted {
    /// The file.
    pub text: String,
    /// The same before it was text.
    pub sketch: Sketch,
    /// What is still wrong with the file; a person must decide.
    pub faults: Vec<FileFault>,
}

/// Drafts a dialect from a document.
///
/// Refused, in a sentence: what is no JSON, no OpenAPI 3 document, larger than [`MAX_BYTES`], or has too many operations.
pub fn of_document(name: &str, text: &str) -> Result<Drafted, String> {
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("the document has more than {} MiB", MAX_BYTES >> 20));
    }
    let root: Value = serde_json::from_str(text).map_err(|error| {
        if text.trim_start().starts_with(['{', '[']) {
            format!("this is no JSON: {error}")
        } else {
            YAML.to_owned()
        }
    })?;
    match root["openapi"].as_str() {
        Some(version) if version.starts_with("3.0") || version.starts_with("3.1") => {}
        Some(other) => return Err(format!("OpenAPI {other} is not read; 3.0 and 3.1 are")),
        None if root.get("swagger").is_some() => {
            return Err("Swagger 2.0 is not read; convert it to OpenAPI 3 first".to_owned());
        }
        None => return Err("this is no OpenAPI document: `openapi` is missing".to_owned()),
    }
    let document = Document { root: &root };
    let mut sketch = head(name, &document);
    routes(&document, &mut sketch)?;
    sketch.shapes = super::shapes::shared(&mut sketch.routes);
    close(&mut sketch);
    let (text, faults) = super::text(&sketch);
    Ok(Drafted { text, sketch, faults })
}

fn head(name: &str, document: &Document<'_>) -> Sketch {
    let info = &document.root["info"];
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let version = text(&info["version"]);
    let mut sketch = Sketch {
        name: name.to_owned(),
        title: text(&info["title"]),
        version: if version.is_empty() { "1".to_owned() } else { version },
        sources: vec![format!("the OpenAPI document {:?}", text(&info["title"]))],
        min_length: 8,
        rotates: true,
        credential: credential(document),
        ..Sketch::default()
    };
    let servers = document.root["servers"].as_array().cloned().unwrap_or_default();
    let url = servers.first().and_then(|server| server["url"].as_str()).unwrap_or("");
    let path = url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    if path.trim_end_matches('/').len() > 1 {
        sketch
            .questions
            .push(format!("the document's server has the path {path}: mount the dialect with this prefix"));
    }
    sketch
}

/// Where an access token stands, by the first security scheme that is one.
fn credential(document: &Document<'_>) -> (String, String) {
    let schemes = document.root["components"]["securitySchemes"].as_object().cloned().unwrap_or_default();
    for scheme in schemes.values().map(|scheme| document.resolved(scheme)) {
        let word = |key: &str| scheme[key].as_str().unwrap_or("");
        match (word("type"), word("in")) {
            ("http", _) if word("scheme").eq_ignore_ascii_case("bearer") => break,
            ("apiKey", "header") => return (format!("header.{}", word("name")), String::new()),
            ("apiKey", "cookie") => return (format!("cookie.{}", word("name")), String::new()),
            _ => {}
        }
    }
    ("header.Authorization".to_owned(), "Bearer".to_owned())
}

fn routes(document: &Document<'_>, sketch: &mut Sketch) -> Result<(), String> {
    let empty = Map::new();
    let paths = document.root["paths"].as_object().unwrap_or(&empty);
    let mut media: Vec<&'static str> = Vec::new();
    let mut count = 0;
    for (path, item) in paths {
        let item = document.resolved(item);
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            count += 1;
            if count > MAX_OPERATIONS {
                return Err(format!("the document has more than {MAX_OPERATIONS} operations"));
            }
            let asked = asks::Asked::of(document, item, operation);
            asked.media.iter().for_each(|kind| {
                if !media.contains(kind) {
                    media.push(kind)
                }
            });
            match route(document, (path, method), operation, &asked, sketch) {
                Some(route) => sketch.routes.push(route),
                None => {
                    sketch
                        .apart
                        .push(format!("{} {path}: nothing that a dialect speaks", method.to_uppercase()));
                }
            }
        }
    }
    if media.is_empty() {
        media.push("json");
    }
    sketch.http = Http { media, ..Http::default() };
    Ok(())
}

fn route(
    document: &Document<'_>,
    (path, method): (&str, &str),
    operation: &Value,
    asked: &asks::Asked,
    sketch: &mut Sketch,
) -> Option<Route> {
    let (status, yes) = answers::yes(document, operation)?;
    let with_access = is_secured(document, operation);
    let named = named(operation);
    let heard = heard((path, method), asked, &yes, with_access);
    let (verb, sure, why) = named.or_else(|| heard.verb())?;
    let (takes, any) = asks::takes(asked, verb);
    let mut notes = Vec::new();
    let body = answers::body(&yes, verb, &mut notes);
    let mut refuse = answers::noes(document, operation, verb, &mut sketch.refuse);
    refuse.retain(|code, said| sketch.refuse.get(code) != Some(said));
    let name = free_name(operation, verb, &sketch.routes);
    Some(Route {
        verb,
        sure: (sure, why),
        name,
        method: method.to_uppercase(),
        path: path.to_owned(),
        needs_access: verb == Verb::SignOut && with_access,
        headers: Vec::new(),
        takes,
        any,
        any_message: String::new(),
        give: Said { status, body, notes, ..Said::default() },
        cases: Vec::new(),
        refuse,
        notes: Vec::new(),
    })
}

/// The verb that a document names itself: in its operation id or its summary.
fn named(operation: &Value) -> Option<(Verb, Sure, String)> {
    let word = |key: &str| {
        let text = operation[key].as_str()?.to_ascii_lowercase();
        Verb::parse(&text.split(", or ").next()?.trim().replace([' ', '-'], "_"))
    };
    let of_summary = word("summary").map(|verb| (verb, "summary"));
    let (verb, place) = of_summary.or_else(|| word("operationId").map(|verb| (verb, "operation id")))?;
    (!matches!(verb, Verb::Admin(_)))
        .then(|| (verb, Sure::Certain, format!("the document's {place} is the verb's name")))
}

fn free_name(operation: &Value, verb: Verb, routes: &[Route]) -> String {
    let id = operation["operationId"].as_str().unwrap_or("");
    let id: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let numbered = (2..).map(|number| format!("{}_{number}", verb.name()));
    let mut wanted = [verb.name().to_owned(), id].into_iter().filter(|name| !name.is_empty()).chain(numbered);
    wanted.find(|name| routes.iter().all(|route| route.name != *name)).unwrap_or_default()
}

/// Whether every way to ask needs a credential.
fn is_secured(document: &Document<'_>, operation: &Value) -> bool {
    let ways = operation.get("security").or_else(|| document.root.get("security")).and_then(Value::as_array);
    ways.is_some_and(|ways| {
        !ways.is_empty() && ways.iter().all(|way| way.as_object().is_some_and(|way| !way.is_empty()))
    })
}

fn heard((path, method): (&str, &str), asked: &asks::Asked, yes: &Value, with_access: bool) -> Heard {
    let fields: Vec<words::Field> = asked.names().filter_map(words::field).collect();
    let mut members = Vec::new();
    answers::members(yes, &mut members);
    let is = |wanted: &[&str]| {
        members.iter().any(|(name, _)| words::slot(name).is_some_and(|slot| wanted.contains(&slot)))
    };
    Heard {
        method: method.to_uppercase(),
        path: path.to_owned(),
        gives_tokens: members.iter().any(|(name, _)| answers::token_slot(name).is_some()),
        sends_refresh: fields.contains(&words::Field::Refresh),
        fields: fields.into_iter().filter_map(field_word).collect(),
        with_access,
        about_user: is(&["user.email", "user.username"]),
        has_file: asked.has_file,
        created: false,
        says_flag: members.iter().any(|(_, schema)| schema["type"] == "boolean"),
        always_both: asked.requires(words::Field::Email) && asked.requires(words::Field::Username),
    }
}

/// What a document does not say.
fn close(sketch: &mut Sketch) {
    let gives = |slot: &str| {
        sketch.routes.iter().any(|route| match &route.give.body {
            Body::Json(value) => value.to_string().contains(slot),
            Body::Empty | Body::Text(_) => false,
        })
    };
    let has_refresh = gives("{refresh}") || sketch.routes.iter().any(|route| route.verb == Verb::Refresh);
    sketch.access = Token {
        algorithm: "EdDSA".to_owned(),
        lifetime: 900,
        claims: serde_json::json!({"sub": "{user.uuid}", "jti": "{token.id}", "iat": "{issued}", "exp": "{expires}"}),
        typ: "JWT".to_owned(),
        notes: vec![
            "a document does not say what a token is: everything here is the native contract's".to_owned(),
        ],
        ..Token::default()
    };
    if has_refresh {
        let notes = vec!["its form and lifetime are the native contract's, too".to_owned()];
        sketch.refresh = Some(Token { lifetime: 30 * 86_400, notes, ..Token::default() });
        let keeps = |route: &Route| {
            route.verb == Verb::Refresh
                && matches!(&route.give.body, Body::Json(value) if !value.to_string().contains("{refresh}"))
        };
        sketch.rotates = !sketch.routes.iter().any(keeps);
    }
    let body = Body::Json(serde_json::json!({ "error": "{code}" }));
    let notes = vec!["a document seldom says how a no is worded: fill in what yours says".to_owned()];
    let default = Said { status: dialect::default_status("default"), body, notes, ..Said::default() };
    sketch.refuse.entry("default".to_owned()).or_insert(default);
    if sketch.routes.is_empty() {
        sketch.questions.push("no operation was recognised as one of a sign-in contract".to_owned());
    }
}
