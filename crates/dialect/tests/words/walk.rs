//! Which keys and words of the schema does a dialect use, and which of its own does the schema not know?

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Goes through a dialect with the schema in hand.
#[derive(Debug, Default)]
pub struct Walk {
    /// Keys and closed words that were met: `http.slash`, `http.slash = exact`, `take.min_length`.
    pub met: BTreeSet<String>,
    /// What the schema does not allow.
    pub wrong: Vec<String>,
}

/// The schema that a `$ref` names (with the name), or the schema itself.
fn resolved<'a>(root: &'a Value, schema: &'a Value, path: &str) -> (&'a Value, String) {
    let named = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
    match named {
        // A definition with keys or closed words is met under its own name wherever it stands.
        Some(name) if is_closed(&root["$defs"][name]) => (&root["$defs"][name], name.to_owned()),
        Some(name) => (&root["$defs"][name], path.to_owned()),
        None => (schema, path.to_owned()),
    }
}

fn is_closed(schema: &Value) -> bool {
    ["properties", "propertyNames", "enum"].iter().any(|key| schema.get(key).is_some())
}

fn under(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Walk {
    /// Compares a value with a schema and notes what was met.
    pub fn value(&mut self, root: &Value, schema: &Value, value: &Value, path: &str) {
        let (schema, path) = resolved(root, schema, path);
        let path = path.as_str();
        if let Some(variants) = schema.get("anyOf").and_then(Value::as_array) {
            let words = resolved(root, &variants[0], path).0.get("enum").and_then(Value::as_array);
            let other = value.is_array() || words.is_some_and(|words| !words.contains(value));
            let wanted = if other { variants.last() } else { variants.first() };
            return self.value(root, wanted.unwrap(), value, path);
        }
        self.scalar(schema, value, path);
        if let Some(key) = schema["if"]["required"][0].as_str() {
            let branch = if value.get(key).is_some() { "then" } else { "else" };
            self.value(root, &schema[branch], value, path);
        }
        match value {
            Value::Object(map) => self.table(root, schema, map, path),
            Value::Array(items) => {
                items.iter().for_each(|item| self.value(root, &schema["items"], item, path))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn scalar(&mut self, schema: &Value, value: &Value, path: &str) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if schema.get("type").is_some_and(|wanted| wanted != kind) {
            self.wrong.push(format!("{path} is {kind}, not {}", schema["type"]));
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            if !words.contains(value) {
                self.wrong.push(format!("{path} does not know {value}"));
            }
            self.met.insert(format!("{path} = {}", value.as_str().unwrap_or_default()));
        }
        if let (Some(pattern), Some(text)) = (schema.get("pattern").and_then(Value::as_str), value.as_str())
            && !regex::Regex::new(pattern).unwrap().is_match(text)
        {
            self.wrong.push(format!("{path}: {text} does not match {pattern}"));
        }
    }

    fn table(&mut self, root: &Value, schema: &Value, map: &Map<String, Value>, path: &str) {
        for key in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if !map.contains_key(key.as_str().unwrap()) {
                self.wrong.push(format!("{path} needs {key}"));
            }
        }
        for (key, value) in map {
            match (schema.get("properties").and_then(|all| all.get(key)), schema.get("additionalProperties"))
            {
                (Some(of), _) => {
                    self.met.insert(under(path, key));
                    self.value(root, of, value, &under(path, key));
                }
                (None, Some(of @ Value::Object(_))) => {
                    if let Some(names) = schema.get("propertyNames") {
                        self.value(root, names, &Value::String(key.clone()), path);
                    }
                    self.value(root, of, value, &under(path, "*"));
                }
                (None, Some(Value::Bool(false))) => {
                    self.wrong.push(format!("{} is not in the schema", under(path, key)))
                }
                (None, _) => {}
            }
        }
    }
}

/// Everything that a walk can meet.
pub fn everything(root: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    collect(root, root, "", &mut all);
    for (name, schema) in root["$defs"].as_object().unwrap().iter().filter(|(_, schema)| is_closed(schema)) {
        collect(root, schema, name, &mut all);
    }
    all
}

fn collect(root: &Value, schema: &Value, path: &str, all: &mut BTreeSet<String>) {
    if schema.get("$ref").is_some() {
        let (schema, _) = resolved(root, schema, path);
        if !is_closed(schema) {
            collect(root, schema, path, all);
        }
        return;
    }
    for word in schema.get("enum").and_then(Value::as_array).into_iter().flatten() {
        all.insert(format!("{path} = {}", word.as_str().unwrap()));
    }
    if let Some(variants) = schema.get("anyOf").and_then(Value::as_array) {
        collect(root, &variants[0], path, all);
    }
    for (key, of) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        all.insert(under(path, key));
        collect(root, of, &under(path, key), all);
    }
    if let Some(names) = schema.get("propertyNames") {
        collect(root, names, path, all);
    }
    if let Some(of @ Value::Object(_)) = schema.get("additionalProperties") {
        collect(root, of, &under(path, "*"), all);
    }
}
