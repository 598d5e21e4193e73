//! What does a part of a document say once its references are followed?

use serde_json::{Map, Value};

/// Deepest nesting of references and schemas.
const DEPTH: usize = 24;
static NOTHING: Value = Value::Null;

/// A document.
pub struct Document<'a> {
    /// All of it.
    pub root: &'a Value,
}

impl<'a> Document<'a> {
    /// What a `$ref` stands for, or the value itself. A circle, a reference to another document and one to nothing are null.
    pub fn resolved(&self, value: &'a Value) -> &'a Value {
        let mut value = value;
        for _ in 0..DEPTH {
            match value.get("$ref").and_then(Value::as_str) {
                Some(place) => {
                    value = place
                        .strip_prefix('#')
                        .and_then(|pointer| self.root.pointer(pointer))
                        .unwrap_or(&NOTHING);
                }
                None => return value,
            }
        }
        &NOTHING
    }

    /// A schema with its references followed and its parts joined: of `allOf` all, of alternatives the first for values,
    /// all for members.
    pub fn schema(&self, value: &'a Value) -> Value {
        self.schema_at(value, 0)
    }

    fn schema_at(&self, value: &'a Value, depth: usize) -> Value {
        if depth > DEPTH {
            return Value::Null;
        }
        let Value::Object(members) = self.resolved(value) else { return Value::Object(Map::new()) };
        let mut out = Map::new();
        for (key, value) in members {
            match (key.as_str(), value) {
                ("properties", Value::Object(properties)) => {
                    let all =
                        properties.iter().map(|(name, one)| (name.clone(), self.schema_at(one, depth + 1)));
                    out.insert(key.clone(), Value::Object(all.collect()));
                }
                ("items", one) => {
                    out.insert(key.clone(), self.schema_at(one, depth + 1));
                }
                ("allOf" | "anyOf" | "oneOf", _) => {}
                _ => {
                    out.insert(key.clone(), value.clone());
                }
            }
        }
        for (key, is_all) in [("allOf", true), ("anyOf", false), ("oneOf", false)] {
            let parts = members.get(key).and_then(Value::as_array);
            let parts: Vec<Value> =
                parts.into_iter().flatten().map(|part| self.schema_at(part, depth + 1)).collect();
            join(&mut out, &parts, is_all);
        }
        Value::Object(out)
    }
}

/// Joins the parts into a schema. Of alternatives only what all require stays required.
fn join(out: &mut Map<String, Value>, parts: &[Value], is_all: bool) {
    let required = |part: &Value| -> Vec<Value> { part["required"].as_array().cloned().unwrap_or_default() };
    for part in parts.iter().filter_map(Value::as_object) {
        for (key, value) in part {
            match (key.as_str(), out.get_mut(key)) {
                ("required", _) => {}
                ("properties", Some(Value::Object(known))) => {
                    for (name, schema) in value.as_object().into_iter().flatten() {
                        known.entry(name.clone()).or_insert_with(|| schema.clone());
                    }
                }
                ("alternatives", Some(Value::Array(known))) => {
                    known.extend(value.as_array().into_iter().flatten().cloned())
                }
                (_, Some(_)) => {}
                (_, None) => {
                    out.insert(key.clone(), value.clone());
                }
            }
        }
    }
    let mut names: Vec<Value> = out.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    if is_all {
        names.extend(parts.iter().flat_map(required));
    } else if let Some(first) = parts.first() {
        let shared =
            required(first).into_iter().filter(|name| parts.iter().all(|part| required(part).contains(name)));
        names.extend(shared);
        let alternatives: Vec<Value> =
            parts.iter().map(|part| part["required"].clone()).filter(Value::is_array).collect();
        if alternatives.len() == parts.len() && parts.len() > 1 {
            out.insert("alternatives".to_owned(), alternatives.into());
        }
    }
    if !names.is_empty() {
        out.insert("required".to_owned(), names.into());
    }
}

#[cfg(test)]
mod tests {
    use super::Document;
    use serde_json::json;

    #[test]
    fn references_are_followed_and_circles_end() {
        let root = json!({"components": {"schemas": {
            "User": {"type": "object", "properties": {"id": {"type": "integer"}, "friend": {"$ref": "#/components/schemas/User"}}},
            "Loop": {"$ref": "#/components/schemas/Loop"},
            "New": {"allOf": [{"$ref": "#/components/schemas/User"}, {"required": ["id"], "properties": {"name": {"type": "string"}}}]},
            "Who": {"anyOf": [{"required": ["email"]}, {"required": ["username"]}]}}}});
        let document = Document { root: &root };
        let at = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let (new, looped, who) = (at("New"), at("Loop"), at("Who"));
        let schema = document.schema(&new);
        assert_eq!(schema["properties"]["name"]["type"], "string");
        assert_eq!(schema["properties"]["id"]["type"], "integer");
        assert_eq!(schema["required"], json!(["id"]));
        assert_eq!(document.schema(&looped), json!({}));
        assert_eq!(document.schema(&who)["alternatives"], json!([["email"], ["username"]]));
        let nowhere = json!({"$ref": "https://elsewhere.example/x"});
        assert_eq!(document.schema(&nowhere), json!({}));
    }
}
