//! Does the console show the trail, notice what was done to it, and say why somebody was signed out? (SEC-110)

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use serde_json::{Value, json};
use std::process::Command;
use world::console::run;
use world::{Home, World};

fn lines(home: &Home, arguments: &[&str]) -> Vec<Value> {
    run(home, arguments).ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn database(home: &Home) -> rusqlite::Connection {
    rusqlite::Connection::open(home.path("data/countersign.db")).unwrap()
}

#[test]
fn what_an_operator_does_is_in_the_trail_with_the_command() {
    let home = Home::new();
    assert_eq!(run(&home, &["audit", "tail"]).code, 2, "there is no database yet");
    run(&home, &["user", "add", "ana", "--no-password"]).ok();
    run(&home, &["user", "set", "ana", "--first-name", "Ana"]).ok();
    run(&home, &["key", "rotate", "native"]).ok();
    run(&home, &["user", "export", "--with-hashes", "--plain"]).ok();
    home.write("users.jsonl", "{\"username\":\"bob\"}\n{\"username\":\"eve\"}\n");
    run(&home, &["user", "import", "users.jsonl"]).ok();
    run(&home, &["user", "delete", "ana", "--yes"]).ok();
    let events = lines(&home, &["audit", "tail", "--json"]);
    let told: Vec<(&str, &str, &str)> = events
        .iter()
        .map(|event| {
            let text = |key: &str| event[key].as_str().unwrap();
            (text("event"), text("actor"), text("verb"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("operator_edit", "operator", "user add"),
            ("operator_edit", "operator", "user set"),
            ("key_rotated", "operator", "key rotate"),
            ("exported", "operator", "user export"),
            ("imported", "operator", "user import"),
            ("operator_edit", "operator", "user delete"),
        ]
    );
    assert_eq!(events[1]["details"], json!({ "fields": "first_name" }));
    assert_eq!(events[2]["details"]["key"], "native");
    assert_eq!(events[4]["details"], json!({ "count": 2 }));
    let about = |who: &str| lines(&home, &["audit", "tail", "--json", "--user", who]).len();
    assert_eq!((about("1"), about("bob")), (3, 0));
    assert_eq!(lines(&home, &["audit", "tail", "--json", "--kind", "imported"]).len(), 1);
    assert_eq!(lines(&home, &["audit", "tail", "--json", "--since", "1h", "--limit", "2"]).len(), 2);
    for wrong in [["--kind", "login"], ["--since", "soon"], ["--limit", "0"]] {
        assert_eq!(run(&home, &[&["audit", "tail"], &wrong[..]].concat()).code, 2, "{wrong:?}");
    }
    assert_eq!(run(&home, &["audit", "tail", "--user", "nobody"]).code, 1);
}

#[test]
fn a_user_name_with_a_line_break_and_an_event_in_it_makes_one_line() {
    // SEC-110: the name of the requirement's own test, and a terminal's commands. No name of a user is in the trail at
    // all; the line holds whatever somebody gets into it.
    let home = Home::new();
    let name = "x\n{\"event\":\"login_ok\"}\u{1b}[2J";
    let refused = run(&home, &["user", "add", name, "--no-password"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    run(&home, &["user", "add", "ana", "--no-password"]).ok();
    database(&home).execute("UPDATE events SET verb = ?1, details = ?1", [name]).unwrap();
    for form in [&["audit", "tail", "--json"][..], &["audit", "export"], &["audit", "tail"]] {
        let out = run(&home, form).ok();
        assert_eq!(out.matches('\n').count(), 1, "{out}");
        assert!(!out.contains('\u{1b}') && !out.starts_with("{\"event\":\"login_ok\""), "{out}");
    }
}

#[test]
fn a_changed_trail_ends_the_check_with_1_and_the_row() {
    let home = Home::new();
    run(&home, &["user", "add", "ana", "--no-password"]).ok();
    for name in ["A", "B", "C"] {
        run(&home, &["user", "set", "ana", "--first-name", name]).ok();
    }
    let said = run(&home, &["audit", "verify"]).ok();
    assert!(said.starts_with("4 rows hold."), "{said}");
    let head = said.rsplit_once("--head ").unwrap().1.trim().to_owned();
    assert!(head.starts_with("4:"), "{head}");
    run(&home, &["audit", "verify", "--head", &head]).ok();
    assert_eq!(run(&home, &["audit", "verify", "--head", "4:x"]).code, 2);
    // A new ticket secret does not make the trail unreadable.
    run(&home, &["key", "rotate", "tickets"]).ok();
    run(&home, &["audit", "verify", "--head", &head]).ok();
    database(&home).execute("UPDATE events SET at = at - 1 WHERE id = 2", []).unwrap();
    let said = run(&home, &["audit", "verify"]);
    assert!(said.code == 1 && said.err.contains("1 rows hold") && said.err.contains("row 2 "), "{said:?}");
    let said = run(&home, &["audit", "verify", "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &report["holds"], &report["flaw"]["row"]), (1, &json!(false), &json!(2)));
    run(&home, &["audit", "verify", "--from", "3"]).ok();
}

#[test]
fn an_export_is_whole_private_and_never_over_another_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    run(&home, &["user", "add", "ana", "--no-password"]).ok();
    run(&home, &["audit", "export", "--output", "trail.jsonl"]).ok();
    let mode = std::fs::metadata(home.path("trail.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(home.path("trail.jsonl")).unwrap();
    let event: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&event["row"], event["hash"].as_str().unwrap().len()), (&json!(1), 64));
    assert_eq!(run(&home, &["audit", "export", "--output", "trail.jsonl"]).code, 2);
}

/// An access and a refresh token of a user.
async fn sign(world: &World, path: &str, agent: &str) -> (String, String) {
    let name = if path == "/v1/sign-up" { "email" } else { "login" };
    let body = json!({ name: "ana@example.com", "password": "a horse and its staple" }).to_string();
    let headers = format!("Content-Type: application/json\r\nUser-Agent: {agent}\r\n");
    let reply = world.ask("POST", path, &headers, &body).await;
    let tokens = reply.json();
    let text = |name: &str| tokens[name].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned();
    (text("access_token"), text("refresh_token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn why_somebody_was_signed_out_is_told_in_a_sentence() {
    let world = World::native().await;
    let home = &world.home;
    let why = |who: &str| run(home, &["audit", "why", who]);
    let (access, _) = sign(&world, "/v1/sign-up", "first").await;
    assert!(why("ana@example.com").ok().starts_with("Nobody was signed out"));
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let refresh = |token: &str| json!({ "refresh_token": token }).to_string();
    assert_eq!(world.ask("POST", "/v1/sign-out", &bearer(&access), "").await.status, 204);
    let said = why("ana@example.com").ok();
    assert!(said.contains("because the user signed out, from 127.0.0.1 (request "), "{said}");
    assert!(said.contains("(native, from 127.0.0.1, \"first"), "{said}");
    // A token that was exchanged long ago comes back.
    let (_, stolen) = sign(&world, "/v1/sign-in", "second").await;
    let mut token = stolen.clone();
    for _ in 0..2 {
        token = world.post("/v1/refresh", &refresh(&token)).await.json()["refresh_token"]
            .as_str()
            .unwrap()
            .to_owned();
    }
    assert_eq!(world.post("/v1/refresh", &refresh(&stolen)).await.status, 401);
    let said = why("ana@example.com").ok();
    assert!(
        said.lines().next().unwrap().contains("because a refresh token that had been exchanged already"),
        "{said}"
    );
    // An operator.
    sign(&world, "/v1/sign-in", "third").await;
    run(home, &["user", "disable", "ana@example.com"]).ok();
    let said = why("ana@example.com").ok();
    let first = said.lines().next().unwrap();
    assert!(first.contains("by an operator on the console (`countersign user set`)"), "{first}");
    assert_eq!(said.lines().count(), 3, "{said}");
    let rows = lines(home, &["audit", "why", "ana@example.com", "--json"]);
    let reasons: Vec<&str> = rows.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["account_closed", "refresh_reuse", "sign_out"]);
    assert_eq!(rows[2]["cause"]["event"], "signed_out");
    // One who is gone is known by number.
    run(home, &["user", "delete", "ana@example.com", "--yes"]).ok();
    assert_eq!(why("ana@example.com").code, 1);
    let said = why("1").ok();
    assert!(
        said.contains("the account was deleted, by an operator on the console (`countersign user delete`)"),
        "{said}"
    );
    run(home, &["audit", "verify"]).ok();
}

#[test]
fn the_doctor_lists_for_every_built_in_dialect_what_the_documentation_lists() {
    // SEC-113
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/weakenings.md")).unwrap();
    let (_, table) = page.split_once("## In the built-in dialects").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), countersign_server::mounts::BUILT_IN.len());
    for row in rows {
        let words: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let (dialect, documented) = words.split_first().unwrap();
        let home = Home::new();
        home.write("countersign.toml", &format!("[[mount]]\ndialect = \"{dialect}\"\n"));
        let said = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["doctor", "--security", "--json"])
            .current_dir(home.path(""))
            .output()
            .unwrap();
        let found: Vec<Value> = serde_json::from_slice(&said.stdout).unwrap();
        let mut weak: Vec<String> = found
            .iter()
            .filter(|one| one["mark"] == "weak")
            .map(|one| one["about"].as_str().unwrap().to_owned())
            .collect();
        let mut wanted: Vec<String> = documented.iter().map(|name| format!("{dialect} {name}")).collect();
        weak.sort();
        wanted.sort();
        assert_eq!(weak, wanted);
        let strict = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["doctor", "--security", "--strict"])
            .current_dir(home.path(""))
            .output()
            .unwrap();
        assert_eq!(strict.status.code(), Some(i32::from(!wanted.is_empty())), "{dialect}");
    }
}
