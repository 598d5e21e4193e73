//! What can somebody get at who sends anything to any path, or who steals the database?

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign_server::App;
use countersign_server::config::{Config, Sources};
use engine::{Chance, Clock};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use world::{Home, Reply, World};

const PASSWORD: &str = "canary horse battery 7f3a";

async fn sign_up(world: &World, email: &str) -> Value {
    let body = json!({ "email": email, "password": PASSWORD }).to_string();
    let reply = world.post("/v1/sign-up", &body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_passwords_cost_no_hash() {
    // SEC-03: refused by the length of the body, before anything of it is read.
    let world = World::native().await;
    let before = world.app.engine().hash_gauges().hashes_total;
    let body = json!({ "login": "ana@example.com", "password": "a".repeat(1 << 20) }).to_string();
    for _ in 0..3 {
        let head = format!(
            "POST /v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        assert_eq!(Reply::parse(&world.raw(head).await).status, 413);
    }
    // One that fits into the body and is longer than any password may be.
    let body = json!({ "login": "ana@example.com", "password": "a".repeat(8 << 10) }).to_string();
    assert_eq!(world.post("/v1/sign-in", &body).await.status, 401);
    assert_eq!(world.app.engine().hash_gauges().hashes_total, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_text_is_a_text() {
    // SEC-31: in each field where a name, an address or a password is expected, at sign-up and at sign-in.
    let world = World::native().await;
    let before = state(&world.home);
    let odd = [
        "[\"ana@example.com\", \"eve@example.com\"]",
        "{\"a\": \"ana@example.com\"}",
        "7",
        "true",
        "\"ana@example.com,eve@example.com\"",
        "\"ana@example.com\\nBcc: eve@example.com\"",
        "\"ana@example.com\\u0000\"",
        "\"\\ud800\"",
    ];
    for value in odd {
        let mut bodies =
            vec![("/v1/sign-up", format!("{{\"email\": {value}, \"password\": \"{PASSWORD}\"}}"))];
        if !value.starts_with("\"ana") {
            for (path, field) in [("/v1/sign-up", "email"), ("/v1/sign-in", "login")] {
                bodies.push((path, format!("{{\"{field}\": \"ana@example.com\", \"password\": {value}}}")));
            }
            bodies.push(("/v1/sign-in", format!("{{\"login\": {value}, \"password\": \"{PASSWORD}\"}}")));
        }
        for (path, body) in bodies {
            let reply = world.post(path, &body).await;
            assert!(matches!(reply.status, 400 | 422), "{path} {body}: {reply:?}");
        }
    }
    let twice = format!(
        "{{\"email\": \"ana@example.com\", \"password\": \"{PASSWORD}\", \"email\": \"eve@example.com\"}}"
    );
    assert_eq!(world.post("/v1/sign-up", &twice).await.status, 400);
    assert_eq!(state(&world.home), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_access_token_says_the_documented_claims_and_no_more() {
    // SEC-53, SEC-58
    let world = World::native().await;
    let signed = sign_up(&world, "ana@example.com").await;
    let parts: Vec<&str> = text(&signed, "access_token").split('.').collect();
    let part =
        |at: usize| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(parts[at]).unwrap()).unwrap();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&part(0)), ["alg", "kid", "typ"].map(str::to_owned).into());
    let claims = part(1);
    assert_eq!(names(&claims), ["aud", "exp", "iat", "iss", "jti", "role", "sub"].map(str::to_owned).into());
    assert_eq!(claims["sub"], signed["user"]["id"]);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
}

/// Everything that a request could have changed.
fn state(home: &Home) -> Vec<String> {
    let conn = Connection::open(home.path("data/countersign.db")).unwrap();
    let mut rows = Vec::new();
    for sql in [
        "SELECT id || ' ' || coalesce(password_hash, '') || ' ' || status || ' ' || epoch FROM users ORDER BY id",
        "SELECT id || ' ' || counter || ' ' || hex(digest) || ' ' || coalesce(ended_at, '') FROM sessions ORDER BY id",
        "SELECT count(*) || '' FROM outbox",
        "SELECT id || ' ' || kind FROM events ORDER BY id",
    ] {
        let mut statement = conn.prepare(sql).unwrap();
        let found = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.extend(found.map(Result::unwrap));
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_sends_a_client_to_another_host() {
    // SEC-105: the only redirects are those of a dialect to its own paths.
    let world = World::new("", &[]).await;
    let spoken = world.app.spoken();
    let own: Vec<String> = spoken
        .speaker
        .mounts()
        .iter()
        .flat_map(|mount| mount.dialect.routes.iter().take(3).map(|route| route.path.text.clone()))
        .collect();
    for path in own.iter().map(String::as_str).chain(["", "/"]) {
        let bare = path.trim_matches('/');
        for hostile in [
            format!("//evil.test/{bare}"),
            format!("//evil.test/{bare}/"),
            format!("/%2fevil.test/{bare}"),
            format!("/\\evil.test/{bare}"),
            format!("/%5cevil.test/{bare}"),
            format!("/{bare}/..//evil.test"),
            format!("/{bare}?next=//evil.test"),
            format!("/{bare}?next=https:evil.test&url=javascript:alert(1)"),
            format!("/{bare}/?next=%2f%2fevil.test"),
        ] {
            let reply = world.ask("GET", &hostile, "X-Forwarded-Host: evil.test\r\n", "").await;
            let Some(location) = reply.header("location") else { continue };
            let is_own =
                location.starts_with('/') && !location.starts_with("//") && !location.starts_with("/\\");
            assert!(is_own, "{hostile}: {location}");
            let target = location.split('?').next().unwrap();
            assert!(!target.contains("evil"), "{hostile}: {location}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_tells_what_was_wrong_with_the_request_and_nothing_of_the_server() {
    // SEC-103
    let world = World::native().await;
    let table: &[(&str, &str, &str, &str, u16)] = &[
        ("GET", "/v1/nothing", "", "", 404),
        ("PATCH", "/v1/sign-in", "", "", 405),
        ("TRACE", "/v1/sign-in", "X-Canary: 7f3a\r\n", "", 405),
        ("POST", "/v1/sign-in", "Content-Type: application/json\r\n", "{\"login\": ", 400),
        (
            "POST",
            "/v1/sign-in",
            "Content-Type: application/json\r\n",
            "{\"login\": \"' or 1=1--\", \"password\": \"x\"}",
            401,
        ),
        ("POST", "/v1/sign-in", "Content-Type: application/json\r\n", "[]", 400),
    ];
    for (method, path, headers, body, status) in table {
        let reply = world.ask(method, path, headers, body).await;
        assert_eq!(reply.status, *status, "{method} {path}: {reply:?}");
        let version = env!("CARGO_PKG_VERSION");
        for word in ["sqlite", "SELECT", ".rs", "/crates/", "panicked", "hyper", "7f3a", version] {
            assert!(!reply.body.contains(word), "{word}: {reply:?}");
            assert!(!reply.headers.iter().any(|(_, value)| value.contains(word)), "{word}: {reply:?}");
        }
        assert!(*status != 405 || reply.header("allow").is_some(), "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{reply:?}");
    }
}

/// All bytes of the database's files.
fn stolen(data: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(data).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("countersign.db") {
            all.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    assert!(all.len() > 4096);
    all
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// What a user typed or was given, and all that was answered after the sign-up.
async fn a_life(world: &World) -> (Vec<String>, String) {
    let mut answers = String::new();
    let mut secrets = vec![PASSWORD.to_owned(), "another canary phrase 91".to_owned()];
    let first = sign_up(world, "ana@example.com").await;
    let mut refresh = text(&first, "refresh_token").to_owned();
    let mut access = text(&first, "access_token").to_owned();
    for _ in 0..3 {
        let reply = world.post("/v1/refresh", &json!({ "refresh_token": refresh }).to_string()).await;
        answers.push_str(&reply.body);
        secrets.extend([std::mem::replace(&mut refresh, text(&reply.json(), "refresh_token").to_owned())]);
        secrets.extend([std::mem::replace(&mut access, text(&reply.json(), "access_token").to_owned())]);
    }
    let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {access}\r\n");
    let sign_in = |login: &str, password: &str| json!({ "login": login, "password": password }).to_string();
    let change = json!({ "current_password": PASSWORD, "new_password": secrets[1] }).to_string();
    for (method, path, body, status) in [
        ("GET", "/v1/me", String::new(), 200),
        ("POST", "/v1/sign-in", sign_in("ana@example.com", &secrets[1]), 401),
        // A password that was typed where the name belongs.
        ("POST", "/v1/sign-in", sign_in(PASSWORD, "ana@example.com"), 401),
        ("POST", "/v1/me/password", change, 204),
        ("GET", "/v1/me/sessions", String::new(), 200),
        ("POST", "/v1/sign-out", json!({ "refresh_token": refresh }).to_string(), 204),
    ] {
        let reply = world.ask(method, path, &headers, &body).await;
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
        answers.push_str(&reply.body);
    }
    secrets.extend([refresh, access]);
    world.log.flush();
    (secrets, answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_database_and_a_log_hold_nothing_that_signs_in() {
    // SEC-61, SEC-108, SEC-109: the audit trail is a part of the database.
    let world = World::native().await;
    let (secrets, _) = a_life(&world).await;
    let data = world.home.path("data");
    let (bytes, log) = (stolen(&data), world.page.text());
    assert!(
        holds(&bytes, "ana@example.com") && holds(&bytes, "sign_in_refused"),
        "the right files are searched"
    );
    for secret in &secrets {
        // The last part alone: a token without its signature is no token.
        let tail = secret.rsplit('.').next().unwrap();
        assert!(!holds(&bytes, tail), "in the database: {secret}");
        assert!(!log.contains(tail), "in the log: {secret}");
    }
    // The database without the keys beside it starts no server.
    let thief = Home::new();
    std::fs::create_dir(thief.path("data")).unwrap();
    let file = std::fs::read(data.join("countersign.db")).unwrap();
    std::fs::write(thief.path("data/countersign.db"), file).unwrap();
    let config = Config::load(&Sources { data: Some(thief.path("data")), ..Sources::default() }).unwrap();
    let faults = App::open(config, Clock::System, Chance::System).await.map(drop).unwrap_err();
    assert!(faults.to_string().contains("missing beside the database"), "{faults}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_and_no_log_holds_what_is_stored_in_place_of_secrets() {
    // SEC-96
    let world = World::native().await;
    let (_, answers) = a_life(&world).await;
    let log = world.page.text();
    let conn = Connection::open(world.home.path("data/countersign.db")).unwrap();
    let stored = "SELECT CAST(password_hash AS BLOB) FROM users UNION ALL SELECT digest FROM sessions \
                  UNION ALL SELECT hash FROM events";
    let mut statement = conn.prepare(stored).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap().map(Result::unwrap);
    let mut searched = 0;
    for bytes in rows {
        searched += 1;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let hash = String::from_utf8_lossy(&bytes).rsplit('$').next().unwrap().to_owned();
        for form in [hex, hash, STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            assert!(!answers.contains(&form) && !log.contains(&form), "{form}");
        }
    }
    assert!(searched > 5, "{searched}");
    for column in ["password_hash", "\"digest\"", "valid_after", "\"epoch\"", "email_key"] {
        assert!(!answers.contains(column), "{column}: {answers}");
    }
}
