//! SEC-91, SEC-94: the first administrator and admin keys, from the command line.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use world::Home;
use world::console::run;

#[test]
fn the_token_for_the_first_administrator_lies_in_a_private_file_and_nowhere_else() {
    // SEC-91
    let home = Home::new();
    let told = run(&home, &["admin", "bootstrap"]).ok();
    assert_eq!(home.mode("data/bootstrap.token"), 0o600);
    let token = std::fs::read_to_string(home.path("data/bootstrap.token")).unwrap();
    let token = token.trim();
    assert!(token.starts_with("csb_") && token.len() == 47, "{token}");
    assert!(!told.contains(token));
    let database = std::fs::read(home.path("data/countersign.db")).unwrap();
    assert!(!database.windows(token.len()).any(|part| part == token.as_bytes()));
    run(&home, &["user", "add", "root@example.com", "--no-password", "--role", "admin"]).ok();
    assert_eq!(run(&home, &["admin", "bootstrap"]).code, 1);
    assert!(!home.path("data/bootstrap.token").exists(), "what opens nothing any more is taken away");
    assert!(run(&home, &["admin", "list"]).ok().contains("root@example.com"));
}

#[test]
fn a_key_is_printed_once_and_listed_without_its_secret() {
    // SEC-94
    let home = Home::new();
    let key = run(&home, &["admin", "key", "create", "nightly", "--scope", "users.read", "--days", "9"]).ok();
    let key = key.trim();
    assert!(key.starts_with("csk_"), "{key}");
    let id = &key[4..20];
    let list = run(&home, &["admin", "key", "list"]).ok();
    assert!(list.contains(id) && list.contains("users.read") && !list.contains(&key[21..]), "{list}");
    run(&home, &["admin", "key", "revoke", id]).ok();
    assert!(run(&home, &["admin", "key", "list"]).ok().contains("revoked"));
    for wrong in [
        &["admin", "key", "create", "x", "--scope", "admin.*"][..],
        &["admin", "key", "create", "x", "--scope", "users.read", "--days", "366"],
        &["admin", "key", "create", "", "--scope", "users.read"],
        &["admin", "key", "revoke", "0000000000000000"],
        &["admin", "key", "revoke", "../x"],
    ] {
        assert_ne!(run(&home, wrong).code, 0, "{wrong:?}");
    }
}

#[test]
fn every_route_is_listed_with_its_permit() {
    // SEC-92
    let home = Home::new();
    let routes: serde_json::Value = serde_json::from_str(&run(&home, &["routes", "--json"]).ok()).unwrap();
    let one = routes.as_array().unwrap().iter().find(|route| route["verb"] == "admin_set_role").unwrap();
    assert_eq!(one["path"], "/v1/admin/users/{id}/role");
    assert_eq!((&one["permit"], &one["scope"]), (&"admin".into(), &"roles.grant".into()));
    assert_eq!(one["credentials"], serde_json::json!(["access_token", "admin_key"]));
    assert!(run(&home, &["routes"]).ok().contains("/.well-known/jwks.json"));
}
