//! Which small schemas is the schema of a dialect file made of?

use serde_json::{Value, json};

pub(super) fn object_of(members: Vec<(&'static str, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

pub(super) fn table(members: Vec<(&'static str, Value)>) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": object_of(members) })
}

pub(super) fn needing(schema: Value, keys: &[&str]) -> Value {
    with(schema, "required", json!(keys))
}

pub(super) fn with(mut schema: Value, key: &str, value: Value) -> Value {
    if let Value::Object(map) = &mut schema {
        map.insert(key.to_owned(), value);
    }
    schema
}

pub(super) fn about(schema: Value, text: &str) -> Value {
    with(schema, "description", json!(text))
}

pub(super) fn refer(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

pub(super) fn described(kind: &str, text: &str) -> Value {
    json!({ "type": kind, "description": text })
}

pub(super) fn text(about: &str) -> Value {
    described("string", about)
}

pub(super) fn time(text: &str) -> Value {
    about(refer("time"), text)
}

pub(super) fn flag(about: &str, default: bool) -> Value {
    with(described("boolean", about), "default", json!(default))
}

pub(super) fn number(about: &str, least: i64, most: i64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most, "description": about })
}

pub(super) fn any_number(about: &str) -> Value {
    described("integer", about)
}

pub(super) fn words(list: &[&str]) -> Value {
    json!({ "enum": list })
}

/// One of a closed list; the first one is the default.
pub(super) fn choice(text: &str, list: &[&str]) -> Value {
    let schema = about(words(list), text);
    with(schema, "default", json!(list.first()))
}

/// One of a closed list without a default.
pub(super) fn one_of(text: &str, list: &[&str]) -> Value {
    about(words(list), text)
}

/// A text or a list of texts.
pub(super) fn texts(text: &str, item: Value) -> Value {
    json!({ "description": text, "anyOf": [item.clone(), { "type": "array", "items": item }] })
}

pub(super) fn free_texts(about: &str) -> Value {
    texts(about, json!({ "type": "string" }))
}

pub(super) fn map(about: &str, names: Option<Value>, of: Value) -> Value {
    let schema = json!({ "type": "object", "description": about, "additionalProperties": of });
    match names {
        Some(names) => with(schema, "propertyNames", names),
        None => schema,
    }
}

pub(super) fn tables(about: &str, of: &str) -> Value {
    json!({ "description": about, "anyOf": [refer(of), { "type": "array", "items": refer(of) }] })
}
