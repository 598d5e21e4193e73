//! Which rules of HTTP does a recording show: kinds of body, headers, the place of a credential?

use super::fill::goods;
use super::people::People;
use super::routes::Endpoint;
use super::sketch::{Http, Sketch};
use crate::record::exchange::{Exchange, Recording, field, is_of_contract, media};
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of body, types of answers, and what becomes of wrong methods and paths.
pub fn http(recording: &Recording, endpoints: &[Endpoint]) -> Http {
    let spoken = endpoints.iter().filter(|endpoint| endpoint.verb.is_some());
    let of_routes: Vec<&Exchange> =
        spoken.clone().flat_map(|endpoint| goods(endpoint, recording)).map(|(_, one)| one).collect();
    let mut http = Http::default();
    for (kind, word) in [
        ("application/json", "json"),
        ("application/x-www-form-urlencoded", "form"),
        ("multipart/form-data", "multipart"),
    ] {
        if of_routes.iter().any(|one| media(&one.asked.fields) == kind && !one.asked.body.is_empty()) {
            http.media.push(word);
        }
    }
    if http.media.is_empty() {
        http.media.push("json");
    }
    let kinds: Vec<&str> =
        of_routes.iter().filter_map(|one| field(&one.answered.fields, "content-type")).collect();
    let json = kinds.iter().filter(|kind| kind.starts_with("application/") && **kind != "application/json");
    http.content_type = most(json.map(|kind| (*kind).to_owned()))
        .filter(|kind| kinds.iter().filter(|known| *known == kind).count() * 2 > kinds.len())
        .unwrap_or_default();
    let refused = |method_known: bool| {
        endpoints.iter().filter(move |one| {
            one.verb.is_none()
                && endpoints.iter().any(|other| {
                    other.verb.is_some()
                        && other.path.trim_end_matches('/') == one.path.trim_end_matches('/')
                        && method_known
                })
        })
    };
    http.wrong_method_is_not_found = refused(true).any(|one| {
        one.method != "OPTIONS" && one.all.iter().all(|at| recording.exchanges[*at].answered.status == 404)
    });
    http.checks_accept = recording.exchanges.iter().any(|one| one.answered.status == 406);
    http.answers_options =
        recording.exchanges.iter().any(|one| one.asked.method == "OPTIONS" && one.answered.is_good());
    let prefixes: BTreeSet<String> = spoken.map(|endpoint| prefix(&endpoint.path)).collect();
    http.space = prefixes.into_iter().collect();
    http
}

/// The first segments of a path that name an area: `/api/v1/auths/…` → `/api/v1/auths`.
fn prefix(path: &str) -> String {
    let segments: Vec<&str> =
        path.split('/').filter(|segment| !segment.is_empty() && !segment.starts_with('{')).collect();
    let is_version =
        |word: &str| word.len() > 1 && word.starts_with('v') && word[1..].bytes().all(|b| b.is_ascii_digit());
    let mut count = 1;
    while segments.get(count - 1).is_some_and(|word| *word == "api" || *word == "rest" || is_version(word)) {
        count += 1;
    }
    format!("/{}", segments.into_iter().take(count).collect::<Vec<_>>().join("/"))
}

/// What occurs most often.
pub fn most(all: impl Iterator<Item = String>) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    all.for_each(|one| *counts.entry(one).or_default() += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(one, _)| one)
}

/// Where an access token stood, and the word before it.
pub fn credential(recording: &Recording, people: &People) -> (String, String) {
    for one in &recording.exchanges {
        let is_known = |text: &str| people.tokens.get(text).is_some_and(|given| !given.is_refresh);
        for (name, value) in &one.asked.fields {
            let (scheme, token) = value.split_once(' ').unwrap_or(("", value));
            if is_known(token) {
                let shown: Vec<String> = name.split('-').map(capital).collect();
                return (format!("header.{}", shown.join("-")), scheme.to_owned());
            }
            if name.eq_ignore_ascii_case("cookie")
                && let Some((cookie, _)) =
                    crate::record::parts::cookies(value).into_iter().find(|(_, value)| is_known(value))
            {
                return (format!("cookie.{cookie}"), String::new());
            }
        }
    }
    ("header.Authorization".to_owned(), "Bearer".to_owned())
}

/// Whether a good token was refused because its scheme was written in another letter case.
pub fn is_exact_scheme(recording: &Recording, people: &People, scheme: &str) -> bool {
    recording.exchanges.iter().filter(|one| one.answered.status == 401).any(|one| {
        let sent = field(&one.asked.fields, "authorization").and_then(|value| value.split_once(' '));
        sent.is_some_and(|(word, token)| {
            let is_known = people.tokens.get(token).is_some_and(|given| !given.is_refresh);
            is_known && word != scheme && word.eq_ignore_ascii_case(scheme)
        })
    })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// Fields that stood in nearly every answer.
pub fn headers(recording: &Recording, endpoints: &[Endpoint], sketch: &mut Sketch) {
    let of_routes: Vec<&Exchange> = endpoints
        .iter()
        .filter(|one| one.verb.is_some())
        .flat_map(|one| &one.all)
        .map(|at| &recording.exchanges[*at])
        .collect();
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (name, value) in of_routes.iter().flat_map(|one| &one.answered.fields) {
        if is_of_contract(name, value) && !name.eq_ignore_ascii_case("allow") {
            let name: Vec<String> = name.split('-').map(capital).collect();
            *counts.entry((name.join("-"), value.clone())).or_default() += 1;
        }
    }
    let usual =
        counts.into_iter().filter(|(_, count)| count * 10 >= of_routes.len() * 8).map(|(pair, _)| pair);
    sketch.headers = usual.map(|(name, value)| (name, value.replace('{', "{{").replace('}', "}}"))).collect();
    allow(recording, endpoints, sketch);
}

/// `Allow` names the methods of a path, wherever OPTIONS stands in it.
fn allow(recording: &Recording, endpoints: &[Endpoint], sketch: &mut Sketch) {
    let said = |endpoint: &Endpoint| {
        most(
            endpoint
                .all
                .iter()
                .filter_map(|at| field(&recording.exchanges[*at].answered.fields, "allow"))
                .map(str::to_owned),
        )
    };
    let spoken: Vec<&Endpoint> = endpoints.iter().filter(|one| one.verb.is_some()).collect();
    let all: Vec<String> = spoken.iter().filter_map(|endpoint| said(endpoint)).collect();
    if all.is_empty() || all.len() * 2 < spoken.len() {
        return;
    }
    let place = |line: &str| {
        if line.starts_with("OPTIONS") {
            "first"
        } else if line.ends_with("OPTIONS") {
            "last"
        } else {
            ""
        }
    };
    let usual = most(all.iter().map(|line| place(line).to_owned())).unwrap_or_default();
    sketch.headers.insert(0, ("Allow".to_owned(), "{allow}".to_owned()));
    sketch.http.allow_options = ["first", "last", ""].into_iter().find(|word| *word == usual).unwrap_or("");
    for endpoint in spoken {
        let Some(line) = said(endpoint) else { continue };
        let route = sketch
            .routes
            .iter_mut()
            .find(|route| route.path == endpoint.path && route.method == endpoint.method);
        if let Some(route) = route
            && place(&line) != usual
        {
            route.headers.push(("Allow".to_owned(), line));
        }
    }
}
