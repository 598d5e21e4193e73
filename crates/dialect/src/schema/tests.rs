//! Does the schema know every key that the compiler asks for, and no other?

use super::*;
use std::collections::BTreeSet;

/// The keys of every table, wherever it stands.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                found.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| keys(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The compiler asks for keys by name; every name it asks for must have a place in the schema.
#[test]
fn every_key_that_the_compiler_asks_for_is_in_the_schema() {
    let sources = [
        include_str!("../compiled.rs"),
        include_str!("../route.rs"),
        include_str!("../input.rs"),
        include_str!("../said.rs"),
        include_str!("../wording.rs"),
        include_str!("../claims.rs"),
        include_str!("../factors.rs"),
    ];
    let asks = regex::Regex::new(
        r#"\.(?:word|need_word|words|flag|number|seconds|choice|section|sections|value|has)\(\s*"(\w+)""#,
    );
    let asks = asks.unwrap();
    let mut found = BTreeSet::new();
    keys(&schema(), &mut found);
    let known: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let asked: BTreeSet<&str> = sources
        .iter()
        .flat_map(|text| asks.captures_iter(text))
        .filter_map(|c| c.get(1))
        .map(|m| m.as_str())
        .collect();
    assert!(asked.len() > 60, "{asked:?}");
    let missing: Vec<_> = asked.difference(&known).collect();
    assert!(missing.is_empty(), "in the compiler, not in the schema: {missing:?}");
    let json_types: BTreeSet<&str> = JSON_TYPES.into();
    let cases: BTreeSet<&str> = ["exists", "free", "pending", "factor", "enrolment"].into();
    let unasked: Vec<_> = known
        .iter()
        .filter(|k| !asked.contains(*k) && !json_types.contains(*k) && !cases.contains(*k))
        .collect();
    assert!(unasked.is_empty(), "in the schema, not in the compiler: {unasked:?}");
}

#[test]
fn every_reference_in_the_schema_leads_somewhere() {
    let schema = schema();
    let text = schema.to_string();
    let refs = regex::Regex::new(r##""#/\$defs/(\w+)""##).unwrap();
    for name in refs.captures_iter(&text).map(|c| c[1].to_owned()) {
        assert!(schema["$defs"].get(&name).is_some(), "{name}");
    }
}
