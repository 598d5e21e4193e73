//! How do the parts of a sketch come together from a recording?

#![expect(clippy::wildcard_enum_match_arm, reason = "JSON of other types has no slots")]

use super::gives::{Sample, literal, template};
use super::noes;
use super::people::{Facts, People, input, set_cookies};
use super::routes::Endpoint;
use super::shapes;
use super::sketch::{Body, Newcomer, Route, Said, Sketch, Token};
use super::takes::takes;
use super::tokens::token;
use super::wire::{credential, headers, http, is_exact_scheme, most};
use super::words::{self, Field};
use crate::record::exchange::{Exchange, Recording, field};
use domain::command::Verb;
use serde_json::Value;
use std::collections::BTreeMap;

/// Used where no answer tells how long a token lives.
const USUAL_LIVES: (i64, i64) = (900, 30 * 86_400);
/// The sketch, and the codes of the refused exchanges.
pub fn sketch(
    name: &str,
    recording: &Recording,
    people: &People,
    endpoints: &[Endpoint],
) -> (Sketch, BTreeMap<usize, &'static str>) {
    let access = token(recording, people, false);
    let refresh = token(recording, people, true);
    let life = |token: &Option<Token>| token.as_ref().map_or(0, |token| token.lifetime);
    let lives = (life(&access), life(&refresh));
    let mut sketch = Sketch {
        name: name.to_owned(),
        title: format!("{name}, recorded"),
        version: "1".to_owned(),
        sources: vec![format!("recorded from {}", recording.source)],
        http: http(recording, endpoints),
        credential: credential(recording, people),
        min_length: shortest_password(recording, endpoints),
        newcomer: newcomer(recording, people, endpoints),
        rotates: rotates(recording, people, endpoints),
        ..Sketch::default()
    };
    sketch.exact_scheme = is_exact_scheme(recording, people, &sketch.credential.1);
    for endpoint in endpoints {
        if let Some(route) = route(endpoint, recording, people, lives) {
            let name = unique(&route, &sketch.routes);
            sketch.routes.push(Route { name, ..route });
        } else {
            sketch.apart.push(apart(endpoint, recording));
        }
    }
    sketch.shapes = shapes::shared(&mut sketch.routes);
    headers(recording, endpoints, &mut sketch);
    plans(access, refresh, &mut sketch);
    let codes = refusals(recording, people, endpoints, &mut sketch);
    one_date(&mut sketch);
    if sketch.routes.is_empty() {
        sketch.questions.push("no route was recognised: record a sign-in and what follows it".to_owned());
    }
    (sketch, codes)
}

fn plans(access: Option<Token>, refresh: Option<Token>, sketch: &mut Sketch) {
    let mut access = access.unwrap_or_else(|| Token {
        notes: vec!["no access token was recorded: everything here is the native contract's".to_owned()],
        ..Token::default()
    });
    if access.algorithm.is_empty() {
        access.algorithm = "EdDSA".to_owned();
        access.typ = "JWT".to_owned();
        access.claims = serde_json::json!({"sub": "{user.uuid}", "jti": "{token.id}", "iat": "{issued}", "exp": "{expires}"});
        access
            .notes
            .push("the original's tokens are opaque; ours are signed, and clients need not care".to_owned());
    }
    if access.lifetime <= 0 {
        access.lifetime = USUAL_LIVES.0;
        access.notes.push("the lifetime is a guess".to_owned());
    }
    sketch.access = access;
    sketch.refresh = refresh.map(|mut refresh| {
        if refresh.lifetime <= 0 {
            refresh.lifetime = USUAL_LIVES.1;
        }
        refresh
    });
}

/// The exchanges of an endpoint that went well, with their places.
pub fn goods<'a>(
    endpoint: &'a Endpoint,
    recording: &'a Recording,
) -> impl Iterator<Item = (usize, &'a Exchange)> {
    let all = endpoint.all.iter().map(|at| (*at, &recording.exchanges[*at]));
    all.filter(|(_, one)| one.answered.is_good())
}

fn apart(endpoint: &Endpoint, recording: &Recording) -> String {
    let name = format!("{} {}", endpoint.method, endpoint.path);
    match goods(endpoint, recording).count() {
        0 => format!("{name}: only refusals were recorded"),
        _ => format!("{name}: nothing that a dialect speaks"),
    }
}

/// The verb is the name, unless it is taken.
fn unique(route: &Route, known: &[Route]) -> String {
    let free = |name: &str| !known.iter().any(|other| other.name == name);
    let plain = route.verb.name().to_owned();
    if free(&plain) {
        return plain;
    }
    let words = words::path_words(&route.path);
    let last = words.last().cloned().unwrap_or_default();
    let method = route.method.to_ascii_lowercase();
    let other = [last.clone(), format!("{last}_{method}"), format!("{plain}_{method}")];
    let numbered = (2..).map(|number| format!("{plain}_{number}"));
    other
        .into_iter()
        .filter(|name| !name.starts_with('_'))
        .chain(numbered)
        .find(|name| free(name))
        .unwrap_or(plain)
}

fn route(endpoint: &Endpoint, recording: &Recording, people: &People, lives: (i64, i64)) -> Option<Route> {
    let (verb, sure, why) = endpoint.verb.clone()?;
    let (takes, any) = takes(endpoint, verb, recording, people);
    let all: Vec<(usize, &Exchange)> = goods(endpoint, recording).collect();
    let mut notes = Vec::new();
    let give = give(&all, people, lives, &mut notes);
    let cases = if verb == Verb::CheckEmail { cases(&all, people, lives) } else { Vec::new() };
    let give = if cases.is_empty() { give } else { Said { body: Body::Empty, notes: Vec::new(), ..give } };
    let with_access = all.iter().all(|(_, one)| field(&one.asked.fields, "authorization").is_some());
    Some(Route {
        verb,
        sure: (sure, why),
        name: String::new(),
        method: endpoint.method.clone(),
        path: endpoint.path.clone(),
        needs_access: verb == Verb::SignOut && with_access,
        headers: Vec::new(),
        takes,
        any,
        any_message: String::new(),
        give,
        cases,
        refuse: BTreeMap::new(),
        notes,
    })
}

fn give(all: &[(usize, &Exchange)], people: &People, lives: (i64, i64), notes: &mut Vec<String>) -> Said {
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    all.iter().for_each(|(_, one)| *counts.entry(one.answered.status).or_default() += 1);
    let status = counts.iter().max_by_key(|(_, count)| **count).map_or(200, |(status, _)| *status);
    if counts.len() > 1 {
        notes.push(format!(
            "it was answered with several statuses ({:?}): decide",
            counts.keys().collect::<Vec<_>>()
        ));
    }
    let of_status: Vec<(usize, &Exchange)> =
        all.iter().copied().filter(|(_, one)| one.answered.status == status).collect();
    let mut said = Said { status, ..Said::default() };
    if let Some((_, first)) = of_status.first() {
        said.body = body(&of_status, people, lives, &mut said.notes);
        said.cookies = cookies(first, people);
        if let Some(place) = field(&first.answered.fields, "location") {
            said.headers.push(("Location".to_owned(), place.to_owned()));
        }
    }
    said
}

fn body(all: &[(usize, &Exchange)], people: &People, lives: (i64, i64), notes: &mut Vec<String>) -> Body {
    let Some((_, first)) = all.first() else { return Body::Empty };
    if first.answered.body.is_empty() {
        return Body::Empty;
    }
    let values: Option<Vec<Value>> = all.iter().map(|(_, one)| one.answered.json()).collect();
    let Some(values) = values else {
        let text = String::from_utf8_lossy(&first.answered.body).into_owned();
        return match literal(&text.into()) {
            Value::String(text) => Body::Text(text),
            _ => Body::Empty,
        };
    };
    let nobody = Facts::new();
    let samples: Vec<Sample<'_>> = all
        .iter()
        .zip(&values)
        .map(|((at, one), value)| Sample {
            value: Some(value),
            facts: people.facts(*at).unwrap_or(&nobody),
            people,
            at: *at,
            exchange: one,
            lives,
        })
        .collect();
    Body::Json(template(&samples, "", notes))
}

/// What is said of addresses that have an account, and of others.
fn cases(all: &[(usize, &Exchange)], people: &People, lives: (i64, i64)) -> Vec<(String, Said)> {
    let has_account = |at: usize, one: &Exchange| {
        input(one, Field::Email).is_some_and(|email| {
            people.list.iter().any(|person| {
                let known = person.before.get("user.email").and_then(Value::as_str);
                known.is_some_and(|known| known.eq_ignore_ascii_case(email.trim()))
                    && !is_made_later(person.first, at, people)
            })
        })
    };
    let (there, free): (Vec<_>, Vec<_>) = all.iter().copied().partition(|(at, one)| has_account(*at, one));
    let mut out = Vec::new();
    for (case, group) in [("exists", there), ("free", free)] {
        let mut notes = Vec::new();
        if group.is_empty() {
            return Vec::new();
        }
        let said = give(&group, people, lives, &mut notes);
        let status = 200;
        out.push((
            case.to_owned(),
            Said {
                status: if said.status == all[0].1.answered.status { said.status } else { status },
                ..said
            },
        ));
    }
    out
}

/// Whether somebody's first exchange comes after another one; a person of an earlier sign-in was there all the time.
fn is_made_later(first: usize, at: usize, people: &People) -> bool {
    let created = people.subjects.get(first).is_some();
    created && first > at
}

/// Cookies that hold tokens.
fn cookies(one: &Exchange, people: &People) -> Vec<String> {
    let lines = one.answered.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let mut out = Vec::new();
    for ((name, value), (_, line)) in set_cookies(one).into_iter().zip(lines) {
        let Some(given) = people.tokens.get(&value) else { continue };
        let slot = if given.is_refresh { "{refresh}" } else { "{access}" };
        let mut parts = vec![format!("name = \"{name}\""), format!("value = \"{slot}\"")];
        let lower = line.to_ascii_lowercase();
        let attribute = |wanted: &str| {
            let found = lower.split(';').map(str::trim).find_map(|part| part.strip_prefix(wanted));
            found.and_then(|rest| rest.strip_prefix('=')).map(str::to_owned)
        };
        if let Some(path) = attribute("path").filter(|path| path != "/") {
            parts.push(format!("path = \"{path}\""));
        }
        for (flag, key) in [("httponly", "http_only"), ("secure", "secure")] {
            if !lower.split(';').any(|part| part.trim() == flag) {
                parts.push(format!("{key} = false"));
            }
        }
        if let Some(site) = attribute("samesite").filter(|site| ["strict", "none"].contains(&site.as_str())) {
            parts.push(format!("same_site = \"{site}\""));
        }
        if let Some(age) = attribute("max-age").and_then(|age| age.parse::<i64>().ok()).filter(|age| *age > 0)
        {
            parts.push(format!("max_age = \"{age}s\""));
        }
        out.push(format!("{{ {} }}", parts.join(", ")));
    }
    out
}

fn shortest_password(recording: &Recording, endpoints: &[Endpoint]) -> usize {
    let new = endpoints.iter().filter(|endpoint| {
        endpoint.verb.as_ref().is_some_and(|(verb, _, _)| {
            matches!(verb, Verb::SignUp | Verb::ChangePassword | Verb::ResetPassword)
        })
    });
    let taken = new
        .flat_map(|endpoint| goods(endpoint, recording))
        .filter_map(|(_, one)| input(one, Field::NewPassword).or_else(|| input(one, Field::Password)));
    taken.map(|password| password.chars().count()).min().unwrap_or(8).clamp(1, 8)
}

fn rotates(recording: &Recording, people: &People, endpoints: &[Endpoint]) -> bool {
    let refresh = endpoints.iter().filter(|one| matches!(&one.verb, Some((Verb::Refresh, _, _))));
    let mut answers = refresh.flat_map(|endpoint| goods(endpoint, recording)).peekable();
    answers.peek().is_none()
        || answers.any(|(at, _)| people.tokens.values().any(|given| given.is_refresh && given.at == at))
}

/// What every new account has in common, apart from its names.
fn newcomer(recording: &Recording, people: &People, endpoints: &[Endpoint]) -> Newcomer {
    let sign_up = endpoints.iter().filter(|one| matches!(&one.verb, Some((Verb::SignUp, _, _))));
    let new: Vec<&Facts> = sign_up
        .flat_map(|endpoint| goods(endpoint, recording))
        .filter_map(|(at, _)| people.facts(at))
        .collect();
    let mut out = Newcomer::default();
    let Some(first) = new.first() else { return out };
    let shared =
        |slot: &str| first.get(slot).filter(|value| new.iter().all(|facts| facts.get(slot) == Some(value)));
    out.role = shared("user.role").and_then(Value::as_str).unwrap_or("").to_owned();
    let list = shared("user.permissions").and_then(Value::as_array).cloned().unwrap_or_default();
    out.permissions = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    for (slot, value) in *first {
        let Some(name) = slot.strip_prefix("user.attribute.") else { continue };
        let empty = value.as_object().is_some_and(serde_json::Map::is_empty)
            || value.as_array().is_some_and(Vec::is_empty);
        let plain = value.is_boolean() || value.is_number() || value.is_null();
        if shared(slot).is_some() && !empty && !plain {
            out.attributes.insert(name.to_owned(), value.clone());
        }
    }
    out
}

/// The words of the noes: those most routes share hold for all.
fn refusals(
    recording: &Recording,
    people: &People,
    endpoints: &[Endpoint],
    sketch: &mut Sketch,
) -> BTreeMap<usize, &'static str> {
    let mut codes = BTreeMap::new();
    let mut heard: BTreeMap<&'static str, Vec<(Option<usize>, Said)>> = BTreeMap::new();
    for endpoint in endpoints {
        let place = sketch
            .routes
            .iter()
            .position(|route| route.path == endpoint.path && route.method == endpoint.method);
        for at in &endpoint.all {
            let one = &recording.exchanges[*at];
            if one.answered.is_good() {
                continue;
            }
            let route = place.map(|place| sketch.routes[place].clone());
            let Some(code) =
                noes::code(*at, route.as_ref().map(|route| (endpoint, route)), recording, people)
            else {
                continue;
            };
            if let (Some(place), "invalid_input") = (place, code) {
                any_message(one, &mut sketch.routes[place]);
                learn_limits(one, &mut sketch.routes[place]);
            }
            codes.insert(*at, code);
            let said = noes::said(one, code, sketch);
            let known = heard.entry(code).or_default();
            if !known.iter().any(|(of, _)| *of == place) {
                known.push((place, said));
            }
        }
    }
    same_as(&mut heard, "unknown_user", "invalid_credentials");
    for (code, list) in heard {
        let usual = most(list.iter().map(|(_, said)| format!("{said:?}"))).unwrap_or_default();
        for (place, said) in list {
            if format!("{said:?}") == usual {
                sketch.refuse.insert(code.to_owned(), said);
            } else if let Some(place) = place {
                sketch.routes[place].refuse.insert(code.to_owned(), said);
            }
        }
    }
    default_words(sketch);
    codes
}

/// Takes over the bounds that a no names. Those of new passwords are the policy's.
fn learn_limits(one: &Exchange, route: &mut Route) {
    for (name, is_most, limit) in noes::limits(one) {
        let end = format!(".{name}");
        let take = route.takes.iter_mut().find(|take| take.from.ends_with(&end));
        let Some(take) = take.filter(|take| (1..=4096).contains(&limit) && !take.from.starts_with("path."))
        else {
            continue;
        };
        let key = if is_most { "max_length" } else { "min_length" };
        let is_policy = !is_most && take.input.contains("password");
        if !is_policy && !take.keys.iter().any(|(known, _)| *known == key) {
            take.keys.push((key, limit.to_string()));
        }
    }
}

/// What is said when none of several inputs is there, where the answer says nothing else.
fn any_message(one: &Exchange, route: &mut Route) {
    let who = [Field::Email, Field::Username, Field::Login];
    let none =
        who.into_iter().all(|field| input(one, field).is_none()) && input(one, Field::Password).is_some();
    let lists = |body: &Value| {
        let members = body.as_object().into_iter().flat_map(|members| members.values());
        let mut lists = members.filter_map(Value::as_array).filter(|list| list.len() == 1);
        lists.next().and_then(|list| list[0].as_str().map(str::to_owned))
    };
    if none && !route.any.is_empty() && route.any_message.is_empty() {
        let text = one.answered.json().as_ref().and_then(lists).unwrap_or_default();
        route.any_message = text.replace('{', "{{").replace('}', "}}");
    }
}

/// A refusal that looks like another in every byte needs no words of its own.
fn same_as(heard: &mut BTreeMap<&'static str, Vec<(Option<usize>, Said)>>, code: &'static str, like: &str) {
    let others = heard.get(like).cloned().unwrap_or_default();
    if let Some(list) = heard.get_mut(code) {
        list.retain(|one| !others.contains(one));
        if list.is_empty() {
            heard.remove(code);
        }
    }
}

/// What is said where no words are known: in the form of the first no that holds one text.
fn default_words(sketch: &mut Sketch) {
    let mut name = "error".to_owned();
    for said in sketch.refuse.values() {
        if let Body::Json(Value::Object(members)) = &said.body
            && let [(key, Value::String(_))] = members.iter().collect::<Vec<_>>().as_slice()
        {
            name = (*key).clone();
            break;
        }
    }
    let body = Body::Json(serde_json::json!({ name: "{code}" }));
    let note = "where nothing else is written: the code itself, so that whoever tries finds out what is missing here".to_owned();
    let said =
        Said { status: dialect::default_status("default"), body, notes: vec![note], ..Said::default() };
    sketch.refuse.entry("default".to_owned()).or_insert(said);
}

/// The form that most moments have becomes the dialect's.
fn one_date(sketch: &mut Sketch) {
    let mut forms = Vec::new();
    for value in all_bodies(sketch) {
        each_text(value, &mut |text| forms.extend(form_of(text)));
    }
    let Some(usual) = most(forms.into_iter()) else { return };
    sketch.date.clone_from(&usual);
    for value in all_bodies(sketch) {
        each_text(value, &mut |text| {
            if form_of(text).as_deref() == Some(usual.as_str()) {
                *text = text.replacen(&format!("|{usual}"), "", 1);
            }
        });
    }
}

fn all_bodies(sketch: &mut Sketch) -> Vec<&mut Value> {
    let said = sketch.routes.iter_mut().flat_map(|route| {
        std::iter::once(&mut route.give).chain(route.cases.iter_mut().map(|(_, said)| said))
    });
    let bodies = said.filter_map(|said| match &mut said.body {
        Body::Json(value) => Some(value),
        Body::Empty | Body::Text(_) => None,
    });
    bodies.chain(sketch.shapes.iter_mut().map(|(_, value)| value)).collect()
}

fn each_text(value: &mut Value, act: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => act(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, act)),
        Value::Object(members) => members.values_mut().for_each(|value| each_text(value, act)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The form of a slot that says a moment.
fn form_of(text: &str) -> Option<String> {
    let slot = text.strip_prefix('{')?.strip_suffix('}')?;
    let (name, rest) = slot.split_once('|')?;
    let form = rest.split('|').next()?;
    let is_moment = name.ends_with("_at") || name == "now";
    (is_moment && !["omit", "blank", "null"].contains(&form)).then(|| form.to_owned())
}
