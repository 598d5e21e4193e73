//! Do the documented and recorded pairs of the four original contracts hold, under the decisions taken about them?
//!
//! The pairs are in `recorded/pairs.json`. The documents that the decisions about them stand in lie beside this
//! repository; where they are missing, the reasons of exemptions are not looked up, and the test says so.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

#[path = "recorded/agree.rs"]
mod agree;
#[path = "recorded/exempt.rs"]
mod exempt;
#[path = "recorded/row.rs"]
mod row;
#[path = "recorded/sent.rs"]
mod sent;
#[path = "recorded/world.rs"]
mod world;

use agree::{Strictness, differences};
use bytes::Bytes;
use dialect::{Asked, Dialect};
use domain::time::Moment;
use exempt::{EXEMPTIONS, Exemption, Why};
use http::Response;
use row::{Answered, Row, rows};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use world::{NOW, World};

/// Pairs for "whatever breaks": no request causes one, so the fault is said directly, in the words of the route.
const FAULTS: [row::Key<'static>; 3] = [
    ("password-generator", "documented", "sign-in unexpected failure"),
    ("password-generator", "documented", "sign-up unexpected failure"),
    ("nest-passport", "inferred", "unhandled error"),
];
/// Methods that are served beyond the recorded ones: the profile by GET (decision 2).
const ALSO_ALLOWED: [(&str, &str, &[&str]); 1] = [("password-generator", "/api/profile/", &["GET"])];
/// Pairs whose moments are only examples.
const SAMPLE_MOMENTS: [(&str, &str); 1] = [("auths-v1", "documented")];

/// Where the answers to other origins are checked: a file of tests and a test in it.
const CORS_TEST: (&str, &str) = ("tests/sockets.rs", "async fn only_listed_origins_may_call(");
/// Systems of which every 401 carries `WWW-Authenticate`.
const DJANGO: [&str; 2] = ["password-generator", "uk-travel"];

type Dialects = BTreeMap<String, Arc<Dialect>>;

fn document(name: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    std::fs::read_to_string(folder.join(name)).ok()
}

fn dialects() -> Dialects {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dialects");
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name).join("dialect.toml")).unwrap();
        (name.to_owned(), Arc::new(Dialect::parse(&text).unwrap()))
    };
    ["password-generator", "uk-travel", "auths-v1", "nest-passport"].map(read).into()
}

/// What we answer to a row.
async fn answer(row: &Row, dialects: &Dialects) -> Result<Response<Bytes>, String> {
    let dialect = dialects.get(&row.system).ok_or("there is no such dialect")?;
    if FAULTS.contains(&row.key()) {
        return Ok(fault(row, dialect));
    }
    World::of(row, dialect.clone()).await?.answer().await
}

fn fault(row: &Row, dialect: &Dialect) -> Response<Bytes> {
    let (method, path) = (row.request.method.as_str(), row.request.path.as_str());
    let of = |route: &&dialect::Route| route.method.as_str() == method && route.path.matches(path).is_some();
    let asked = Asked {
        method,
        path,
        allow: "POST, OPTIONS",
        now: Moment::from_seconds(NOW),
        issuer: "",
        by_page: false,
    };
    dialect.say_fault(dialect.routes.iter().find(of), asked, 500, "3c1b5a2e-0000-4000-8000-000000000000")
}

fn strictness(row: &Row) -> Strictness<'static> {
    let also =
        ALSO_ALLOWED.iter().find(|(system, path, _)| *system == row.system && *path == row.request.path);
    Strictness {
        all_headers: row.source == "observed",
        any_moment: SAMPLE_MOMENTS.contains(&(&row.system, &row.source)),
        also_allowed: also.map_or(&[], |(_, _, methods)| methods),
    }
}

/// The recorded answer; where the request goes to another path than the recorded one, so do the words about it.
fn recorded(row: &Row) -> Answered {
    let mut answered = row.response.clone();
    let path = sent::path(row);
    if path != row.request.path {
        let text = answered.body.to_string().replace(&row.request.path, &path);
        answered.body = serde_json::from_str(&text).unwrap();
    }
    answered
}

/// The answer that stands in the place of the recorded one. Its headers are those of the recording, as far as another
/// status and another body allow.
fn instead(row: &Row, exemption: &Exemption) -> Answered {
    let recorded = |name: &str| row.response.header(name).map(|value| (name.to_owned(), Value::from(value)));
    let mut headers = Map::new();
    if !row.response.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
        headers.extend(
            ["vary", "x-frame-options", "referrer-policy", "cross-origin-opener-policy"]
                .into_iter()
                .filter_map(recorded),
        );
        headers.extend(recorded("allow").filter(|_| exemption.status != 404));
    }
    if exemption.status == 401 && DJANGO.contains(&row.system.as_str()) {
        headers.insert("www-authenticate".to_owned(), r#"Bearer realm="api""#.into());
    }
    if exemption.body.is_empty() {
        return Answered { status: Some(exemption.status), headers, body: "".into() };
    }
    headers.insert("content-type".to_owned(), "application/json".into());
    let body = serde_json::from_str(exemption.body).unwrap();
    Answered { status: Some(exemption.status), headers, body }
}

/// What is wrong with a row; nothing when it holds, or is exempt and we answer what we said.
fn verdict(row: &Row, got: &Response<Bytes>) -> Vec<String> {
    let against_recorded = differences(&recorded(row), got, strictness(row));
    let Some(exemption) = EXEMPTIONS.iter().find(|exemption| exemption.key == row.key()) else {
        return against_recorded;
    };
    if against_recorded.is_empty() {
        return vec!["is exempt, but holds: take the exemption away".to_owned()];
    }
    let how = Strictness { all_headers: false, ..strictness(row) };
    differences(&instead(row, exemption), got, how)
}

#[tokio::test]
async fn every_documented_and_recorded_pair_holds_or_is_exempt_by_name() {
    let mut out = std::io::stdout();
    let rows = rows();
    let dialects = dialects();
    let mut wrong = Vec::new();
    for row in &rows {
        match answer(row, &dialects).await {
            Ok(got) => {
                let found = verdict(row, &got);
                if !found.is_empty() {
                    let body = String::from_utf8_lossy(got.body()).into_owned();
                    wrong.push(format!(
                        "{row}\n    {}\n    answered {} {body}",
                        found.join("\n    "),
                        got.status()
                    ));
                }
            }
            Err(message) => wrong.push(format!("{row}\n    {message}")),
        }
    }
    let exempt = EXEMPTIONS.len();
    writeln!(out, "{} hold, {exempt} exempt, {} differ", rows.len() - exempt - wrong.len(), wrong.len())
        .unwrap();
    assert!(wrong.is_empty(), "{} of {} pairs differ\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn every_exemption_names_a_pair_and_names_it_once() {
    let rows = rows();
    let mut keys = BTreeSet::new();
    for row in &rows {
        assert!(keys.insert(row.key()), "two pairs are called \"{row}\"");
    }
    let mut seen = BTreeSet::new();
    for Exemption { key, .. } in EXEMPTIONS {
        assert!(keys.contains(key), "there is no pair {key:?}");
        assert!(seen.insert(key), "{key:?} is exempt twice");
    }
    for fault in &FAULTS {
        assert!(keys.contains(fault), "there is no pair {fault:?}");
    }
}

#[test]
fn every_exemption_has_a_reason_that_exists() {
    let (Some(contracts), Some(security)) = (document("contracts/contracts.md"), document("security.md"))
    else {
        writeln!(std::io::stdout(), "not looked up: the documents of the contracts are not here").unwrap();
        return;
    };
    let rows = rows();
    let defects = contracts.split_once("### 1.7 ").and_then(|(_, after)| after.split_once("---")).unwrap().0;
    for Exemption { key, why, .. } in EXEMPTIONS {
        let founded = match why {
            Why::Decision(number) => contracts.contains(&format!("\n| {number} ")),
            Why::Defect(number) => {
                defects.contains(&format!(" {number}. ")) || defects.contains(&format!("\n{number}. "))
            }
            Why::Target(section) => contracts.contains(&format!("\n### {section} ")),
            Why::NewPasswords => contracts.contains("\nNew passwords: "),
            Why::Requirement(words) => security.contains(words),
            Why::Page => is_page(rows.iter().find(|row| row.key() == *key)),
        };
        assert!(founded, "{key:?}: there is no {why:?}");
    }
}

#[test]
fn the_answers_to_other_origins_are_checked_at_the_socket() {
    let (file, test) = CORS_TEST;
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    assert!(text.contains(test), "{file} has no `{test}`");
}

fn is_page(row: Option<&Row>) -> bool {
    row.and_then(|row| row.response.header("content-type")).is_some_and(|kind| kind.starts_with("text/html"))
}

/// What the tokens of the wrong algorithm are refused for is the algorithm alone.
#[tokio::test]
async fn the_claims_of_the_hs512_tokens_are_good_under_hs256() {
    let dialects = dialects();
    for (system, method, path) in
        [("password-generator", "POST", "/api/profile/"), ("nest-passport", "GET", "/users/profile")]
    {
        for (token, status) in [("{{hs256}}", 200), ("{{hs512}}", 401)] {
            let row = json!({"system": system, "name": token, "source": "observed",
                "request": {"method": method, "path": path, "headers": {"Authorization": format!("Bearer {token}")}, "body": null},
                "response": {"status": status, "headers": {}, "body": null}});
            let row: Row = serde_json::from_value(row).unwrap();
            assert_eq!(answer(&row, &dialects).await.unwrap().status(), status, "{row}");
        }
    }
}
