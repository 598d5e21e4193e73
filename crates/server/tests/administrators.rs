//! SEC-91, SEC-94: the first administrator and admin keys, from the command line.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use std::process::{Command, Output};
use world::Home;

fn run(home: &Home, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).current_dir(home.path("")).env("COUNTERSIGN_HASHING__MEMORY_KIB", "64");
    command.output().unwrap()
}

fn said(home: &Home, arguments: &[&str]) -> String {
    let output = run(home, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_token_for_the_first_administrator_lies_in_a_private_file_and_nowhere_else() {
    // SEC-91
    let home = Home::new();
    let told = said(&home, &["admin", "bootstrap"]);
    assert_eq!(home.mode("data/bootstrap.token"), 0o600);
    let token = std::fs::read_to_string(home.path("data/bootstrap.token")).unwrap();
    let token = token.trim();
    assert!(token.starts_with("csb_") && token.len() == 47, "{token}");
    assert!(!told.contains(token));
    let database = std::fs::read(home.path("data/countersign.db")).unwrap();
    assert!(!database.windows(token.len()).any(|part| part == token.as_bytes()));
    said(&home, &["user", "add", "root@example.com", "--no-password", "--role", "admin"]);
    assert_eq!(run(&home, &["admin", "bootstrap"]).status.code(), Some(1));
    assert!(!home.path("data/bootstrap.token").exists(), "what opens nothing any more is taken away");
    assert!(said(&home, &["admin", "list"]).contains("root@example.com"));
}

#[test]
fn a_key_is_printed_once_and_listed_without_its_secret() {
    // SEC-94
    let home = Home::new();
    let key = said(&home, &["admin", "key", "create", "nightly", "--scope", "users.read", "--days", "9"]);
    let key = key.trim();
    assert!(key.starts_with("csk_"), "{key}");
    let id = &key[4..20];
    let list = said(&home, &["admin", "key", "list"]);
    assert!(list.contains(id) && list.contains("users.read") && !list.contains(&key[21..]), "{list}");
    said(&home, &["admin", "key", "revoke", id]);
    assert!(said(&home, &["admin", "key", "list"]).contains("revoked"));
    for wrong in [
        &["admin", "key", "create", "x", "--scope", "admin.*"][..],
        &["admin", "key", "create", "x", "--scope", "users.read", "--days", "366"],
        &["admin", "key", "create", "", "--scope", "users.read"],
        &["admin", "key", "revoke", "0000000000000000"],
        &["admin", "key", "revoke", "../x"],
    ] {
        assert!(!run(&home, wrong).status.success(), "{wrong:?}");
    }
}

#[test]
fn every_route_is_listed_with_its_permit() {
    // SEC-92
    let home = Home::new();
    let routes: serde_json::Value = serde_json::from_str(&said(&home, &["routes", "--json"])).unwrap();
    let one = routes.as_array().unwrap().iter().find(|route| route["verb"] == "admin_set_role").unwrap();
    assert_eq!(one["path"], "/v1/admin/users/{id}/role");
    assert_eq!((&one["permit"], &one["scope"]), (&"admin".into(), &"roles.grant".into()));
    assert_eq!(one["credentials"], serde_json::json!(["access_token", "admin_key"]));
    assert!(said(&home, &["routes"]).contains("/.well-known/jwks.json"));
}
