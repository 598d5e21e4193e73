//! Which objects stand in several answers, so that they deserve a name?

#![expect(clippy::wildcard_enum_match_arm, reason = "JSON of other types has no members")]

use super::sketch::{Body, Route, Said};
use serde_json::Value;

/// Fewest members of an object that is worth a name.
const WORTH: usize = 3;

/// Takes objects about the user that several answers hold out of them, and gives them with their names.
pub fn shared(routes: &mut [Route]) -> Vec<(String, Value)> {
    let mut seen: Vec<(Value, usize)> = Vec::new();
    for body in routes.iter().flat_map(bodies) {
        count(body, &mut seen);
    }
    seen.retain(|(_, times)| *times > 1);
    seen.sort_by_key(|(value, _)| std::cmp::Reverse(value.to_string().len()));
    let mut shapes: Vec<(String, Value)> = Vec::new();
    for (number, (value, _)) in seen.into_iter().enumerate() {
        let name = if number == 0 { "user".to_owned() } else { format!("user{}", number + 1) };
        for body in routes.iter_mut().flat_map(bodies_mut) {
            replace(body, &value, &name);
        }
        shapes.push((name, value));
    }
    shapes
}

fn bodies(route: &Route) -> Vec<&Value> {
    let all = std::iter::once(&route.give).chain(route.cases.iter().map(|(_, said)| said));
    all.filter_map(|said| match &said.body {
        Body::Json(value) => Some(value),
        Body::Empty | Body::Text(_) => None,
    })
    .collect()
}

fn bodies_mut(route: &mut Route) -> Vec<&mut Value> {
    let cases = route.cases.iter_mut().map(|(_, said)| said);
    std::iter::once(&mut route.give).chain(cases).filter_map(of_said).collect()
}

fn of_said(said: &mut Said) -> Option<&mut Value> {
    match &mut said.body {
        Body::Json(value) => Some(value),
        Body::Empty | Body::Text(_) => None,
    }
}

fn is_worth(value: &Value) -> bool {
    let user = value.as_object().map(|members| {
        members.values().filter(|value| value.as_str().is_some_and(|text| text.starts_with("{user."))).count()
    });
    user.is_some_and(|count| count >= WORTH)
}

fn count(value: &Value, seen: &mut Vec<(Value, usize)>) {
    if is_worth(value) {
        match seen.iter_mut().find(|(known, _)| known == value) {
            Some((_, times)) => *times += 1,
            None => seen.push((value.clone(), 1)),
        }
    }
    match value {
        Value::Object(members) => members.values().for_each(|value| count(value, seen)),
        Value::Array(items) => items.iter().for_each(|value| count(value, seen)),
        _ => {}
    }
}

fn replace(value: &mut Value, wanted: &Value, name: &str) {
    if value == wanted {
        *value = format!("{{shape.{name}}}").into();
        return;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|value| replace(value, wanted, name)),
        Value::Array(items) => items.iter_mut().for_each(|value| replace(value, wanted, name)),
        _ => {}
    }
}
