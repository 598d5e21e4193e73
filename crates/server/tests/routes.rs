//! SEC-92: every route of every mount is asked as everybody, and answers as docs/routes.md says. `UPDATE=1` writes the page.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use countersign_server::config::{Config, Sources};
use countersign_server::mounts;
use countersign_server::routes::{self, Listed};
use domain::admin::{Scope, Scopes};
use domain::secret::Secret;
use engine::NewUserRequest;
use std::fmt::Write as _;
use std::path::Path;
use world::World;

/// Who asks.
const ROLES: [&str; 6] = ["anonymous", "app user", "read-only key", "other key", "revoked key", "right key"];

fn listed() -> Vec<Listed> {
    let home = world::Home::new();
    let config = Config::load(&Sources { data: Some(home.path("data")), ..Sources::default() }).unwrap();
    routes::list(&mounts::load(&config).unwrap())
}

/// What a request gets for each role, in words: `401`, `403`, or `in` for whatever is behind the door.
fn expected(route: &Listed) -> [&'static str; 6] {
    let read = Scope::UsersRead.name();
    match route.permit {
        "anyone" | "token" => ["in"; 6],
        "user" | "fresh" if route.dialect == "native" => ["401", "in", "401", "401", "401", "401"],
        // Whoever has a token of another contract, or a key, is nobody here.
        "user" | "fresh" => ["401"; 6],
        "admin" if route.scope == read => ["401", "401", "in", "403", "401", "in"],
        "admin" => ["401", "401", "403", "403", "401", "in"],
        other => panic!("{other} is a permit that this table does not know"),
    }
}

#[test]
fn the_page_of_routes_is_current() {
    let mut text = String::from(
        "# Routes\n\n<!-- generated: UPDATE=1 cargo test -p countersign-server --test routes -->\n\n\
         Every request of the built-in dialects, what the door asks for, and what each caller gets: `in` is whatever is\n\
         behind the door. `countersign routes --json` lists those of a configuration. The test that writes this page asks\n\
         every route as everybody.\n\n| request | dialect | verb | permit |",
    );
    for role in ROLES {
        let _ = write!(text, " {role} |");
    }
    text.push_str("\n|---|---|---|---|---|---|---|---|---|---|\n");
    for route in listed() {
        let dialect = if route.dialect.is_empty() { "server" } else { &route.dialect };
        let permit = format!("{} {}", route.permit, route.scope);
        let answers = expected(&route).join(" | ");
        let _ = writeln!(
            text,
            "| `{} {}` | {dialect} | {} | {} | {answers} |",
            route.method,
            route.path,
            route.verb,
            permit.trim()
        );
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/routes.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/routes.md is out of date: look at what is new, then run with UPDATE=1");
}

/// A token of the native dialect and the keys, in the order of [`ROLES`].
async fn credentials(world: &World, scope: Scope) -> [String; 6] {
    let engine = world.app.engine();
    let make = async |scopes| engine.make_admin_key("test", scopes, 1).await.unwrap();
    let only = |scope| Scopes::NONE.with(scope);
    let (_, read) = make(only(Scope::UsersRead)).await;
    let (_, other) = make(only(other_than(scope))).await;
    let (key, revoked) = make(Scopes::ALL).await;
    engine.revoke_admin_key(key.id).await.unwrap();
    let (_, right) = make(only(scope)).await;
    let signed_in =
        world.post("/v1/sign-in", r#"{"login": "ann", "password": "correct horse battery"}"#).await.json();
    let app = signed_in["access_token"].as_str().unwrap().to_owned();
    let text = |secret: Secret| secret.expose().to_owned();
    [String::new(), app, text(read), text(other), text(revoked), text(right)]
}

/// A scope that is neither the one asked for nor the right to read.
fn other_than(scope: Scope) -> Scope {
    if scope == Scope::AuditRead { Scope::LimitsClear } else { Scope::AuditRead }
}

/// A body that the route reads.
fn sent(route: &Listed) -> (&'static str, &'static str) {
    if route.verb != "set_avatar" {
        return ("application/json", "{}");
    }
    let file = "--x\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"a\"\r\n\r\nx\r\n--x--\r\n";
    ("multipart/form-data; boundary=x", file)
}

#[tokio::test]
async fn every_route_answers_every_role_as_the_page_says() {
    let world = World::new("", &[("LIMITS__ENABLED", "false")]).await;
    let ann = NewUserRequest {
        username: Some("ann".into()),
        password: Some(Secret::new("correct horse battery")),
        ..NewUserRequest::default()
    };
    world.app.engine().add_user(ann).await.unwrap();
    let mut wrong = Vec::new();
    let doors = listed().into_iter().filter(|route| !matches!(route.permit, "anyone" | "token"));
    for route in doors {
        let scope = Scope::parse(route.scope).unwrap_or(Scope::UsersRead);
        let credentials = credentials(&world, scope).await;
        let id = if route.dialect == "admin" { "99999999-9999-4999-8999-999999999999" } else { "1" };
        let path = route.path.replace("{id}", id).replace("{session}", "x");
        let (kind, body) = sent(&route);
        for ((role, credential), expected) in ROLES.into_iter().zip(&credentials).zip(expected(&route)) {
            // What ends the session of the one who asks would spoil the next question: anybody but ann asks that.
            let ends = ["sign_out_everywhere", "delete_account"].contains(&route.verb.as_str());
            if expected == "in" && ends {
                continue;
            }
            let scheme = if credential.is_empty() {
                String::new()
            } else {
                format!("Authorization: Bearer {credential}\r\n")
            };
            let headers = format!("Content-Type: {kind}\r\n{scheme}");
            let reply = world.ask(&route.method, &path, &headers, body).await;
            let got = match reply.status {
                401 => "401",
                403 if reply.body.contains("not_permitted") => "403",
                _ => "in",
            };
            if got != expected {
                wrong.push(format!(
                    "{} {} as {role}: {expected} expected, {} {}",
                    route.method, route.path, reply.status, reply.body
                ));
            }
            // SEC-96: whatever is said holds no hash, digest or column.
            for secret in ["$argon2", "password_hash", "digest", "epoch", "valid_after"] {
                assert!(!reply.body.contains(secret), "{} {}: {}", route.method, route.path, reply.body);
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers differ\n{}", wrong.len(), wrong.join("\n"));
}
