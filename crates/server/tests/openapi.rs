//! Are the OpenAPI documents valid, and does every conversation fit the document of its dialect?
//!
//! A public validator and JSON Schema decide, in the Python environment that `scripts/setup-tests.sh` makes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use countersign_server::config::CookieWords;
use dialect::openapi::{Site, document};
use dialect::transcript::{Exchange, Transcript};
use dialect::{CookieMode, Dialect, Pages};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs the checker; gives its findings.
fn checked(given: &Value) -> Value {
    let python = root().join("target/interop/venv/bin/python");
    assert!(python.exists(), "run scripts/setup-tests.sh: {} is not there", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/check.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn header<'a>(lines: impl Iterator<Item = (&'a str, &'a str)>, wanted: &str) -> String {
    let mut lines = lines.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let value = lines.next().map_or("", |(_, value)| value);
    value.split(';').next().unwrap_or("").trim().to_owned()
}

fn as_json(place: String, exchange: &Exchange) -> Value {
    let (head, answer) = exchange.expected.split_once("\n\n").unwrap_or((&exchange.expected, ""));
    let status = head.lines().next().unwrap().trim_start_matches("--- ");
    let answered = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let asked = exchange.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    json!({
        "place": place,
        "method": exchange.method,
        "target": exchange.target,
        "media": header(asked, "content-type"),
        "body": exchange.body,
        "status": status.trim().parse::<u16>().unwrap(),
        "answer_media": header(answered, "content-type"),
        "answer": answer.trim_end(),
    })
}

/// The exchanges of a dialect, by the cookie mode of their transcripts; as words, so that they have an order.
fn exchanges(name: &str) -> BTreeMap<&'static str, Vec<Value>> {
    let folder = root().join("dialects").join(name).join("transcripts");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    files.sort();
    let mut all: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for path in files {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let transcript = Transcript::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mode = transcript.cookies.unwrap_or_default();
        let (word, _) = CookieMode::NAMES.into_iter().find(|(_, known)| *known == mode).unwrap();
        for exchange in transcript.exchanges() {
            all.entry(word).or_default().push(as_json(format!("{name}/{file}:{}", exchange.line), exchange));
        }
    }
    all
}

/// The dialect as a mount with this cookie mode has it.
fn mounted(name: &str, mode: &str) -> Dialect {
    let dialect =
        countersign_server::mounts::read_dialect(&root().join("dialects").join(name), None).unwrap();
    let words = CookieWords { mode: CookieMode::parse(mode), ..CookieWords::default() };
    let rules = words.rules(CookieMode::Off, "https://auth.example.com").unwrap();
    dialect.mounted(Pages::default(), rules.as_ref()).unwrap()
}

#[test]
fn every_conversation_fits_the_valid_document_of_its_dialect() {
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(root().join("dialects")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        for (mode, exchanges) in exchanges(&name) {
            let dialect = mounted(&name, mode);
            let servers = ["https://auth.example.com".to_owned()];
            let found = checked(&json!({
                "document": document(&dialect, Site { servers: &servers }),
                "exchanges": exchanges,
                "either_slash": dialect.http.either_slash,
            }));
            let told = found["wrong"].as_array().unwrap().iter();
            wrong.extend(told.map(|line| format!("cookies {mode}: {}", line.as_str().unwrap())));
            let fitting = found["fitting"].as_u64().unwrap();
            let least = if mode == "off" { dialect.routes.len() } else { 3 };
            assert!(fitting >= least as u64, "{name}: only {fitting} exchanges were looked at");
        }
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_checker_finds_what_does_not_fit() {
    let text = std::fs::read_to_string(root().join("dialects/native/dialect.toml")).unwrap();
    let mut document = document(&Dialect::parse(&text).unwrap(), Site::default());
    let exchange = json!({
        "place": "made up", "method": "POST", "target": "/v1/refresh", "media": "application/json", "body": "{}",
        "status": 200, "answer_media": "application/json", "answer": "{\"token_type\": \"Basic\"}",
    });
    let found = checked(&json!({ "document": document, "exchanges": [exchange], "either_slash": false }));
    let told = found["wrong"].to_string();
    assert!(told.contains("'Bearer' was expected") && told.contains("access_token"), "{told}");
    assert!(told.contains("'refresh_token' is a required property"), "{told}");
    document["info"] = json!({ "title": 7 });
    let found = checked(&json!({ "document": document, "exchanges": [], "either_slash": false }));
    assert!(found["wrong"].to_string().contains("the document"), "{found}");
}
