//! Do all nodes on one database have the same keys, from the first start to the last revocation? (REL-31, REL-32, REL-33)

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use testbed::{Cluster, Database};
use world::console::{Said, run, run_in};
use world::{Home, World};

const MOUNT: &str = "[[mount]]\ndialect = \"native\"\n";
const MASTER: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SIGN_UP: &str = r#"{"email": "ana@example.com", "password": "a quiet canary 17"}"#;

/// A node with a folder of its own.
async fn node(database: &Database) -> World {
    World::new(MOUNT, &[("DATABASE", &database.url()), ("MASTER_KEY", MASTER)]).await
}

fn on(database: &Database) -> (Home, [(&'static str, String); 2]) {
    let home = Home::new();
    home.write("countersign.toml", MOUNT);
    let environment =
        [("COUNTERSIGN_DATABASE", database.url()), ("COUNTERSIGN_MASTER_KEY", MASTER.to_owned())];
    (home, environment)
}

/// As [`run`], on this database. It has to go well.
fn told(database: &Database, arguments: &[&str]) -> String {
    let (home, environment) = on(database);
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    let Said { code, out, err } = run_in(&home, arguments, &environment);
    assert_eq!(code, 0, "{arguments:?}: {err}");
    out
}

/// As [`run`], on this database. It has to be refused in one line.
fn refused(database: &Database, arguments: &[&str]) -> String {
    let (home, environment) = on(database);
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    let Said { code, err, .. } = run_in(&home, arguments, &environment);
    assert_eq!((code, err.lines().count()), (2, 1), "{arguments:?}: {err}");
    err
}

/// The names of the public keys.
async fn published(node: &World) -> BTreeSet<String> {
    let keys = node.ask("GET", "/.well-known/jwks.json", "", "").await.json();
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Who the bearer is at a node: 200, or 401.
async fn me(node: &World, access: &str) -> u16 {
    node.ask("GET", "/v1/me", &format!("Authorization: Bearer {access}\r\n"), "").await.status
}

fn token(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// How long it takes until it is so. Longer than this many seconds is too long.
async fn until(seconds: u64, what: &str, so: impl AsyncFn() -> bool) -> Duration {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < Duration::from_secs(seconds), "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

/// The document files in the folder of a node.
fn files(home: &Home) -> Vec<String> {
    let entries = std::fs::read_dir(home.path("data/keys")).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name != "master.key")
        .collect()
}

#[tokio::test]
async fn a_server_refuses_a_revoked_key_within_a_second() {
    // REL-32
    let world = World::native().await;
    let answer = world.post("/v1/sign-up", SIGN_UP).await.json();
    let (access, refresh) = (token(&answer, "access_token"), token(&answer, "refresh_token"));
    assert_eq!(me(&world, &access).await, 200);
    let before = published(&world).await;
    let name = before.first().unwrap();
    let Said { code, out, err } = run(&world.home, &["key", "revoke", "native", name]);
    assert!(code == 0 && out.contains("nothing that") && out.contains(name), "{out}{err}");
    let took = until(1, "the token is refused", async || me(&world, &access).await == 401).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    let after = published(&world).await;
    assert!(after.len() == 1 && after.is_disjoint(&before), "{after:?}");
    let body = format!(r#"{{"refresh_token": "{refresh}"}}"#);
    let answer = world.post("/v1/refresh", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(me(&world, &token(&answer.json(), "access_token")).await, 200);
    let Said { out: trail, .. } = run(&world.home, &["audit", "tail", "--kind", "key_revoked"]);
    assert!(trail.contains(name), "{trail}");
    let Said { code, err, .. } = run(&world.home, &["key", "revoke", "native", name]);
    assert!(code == 1 && err.contains("there is no key"), "{err}");
}

#[tokio::test]
async fn nodes_share_keys_see_new_ones_and_lose_revoked_ones() {
    // REL-31, REL-32
    let database = Cluster::shared().database();
    let (one, other) = (node(&database).await, node(&database).await);
    let first = published(&one).await;
    assert_eq!(first, published(&other).await);
    assert!(files(&one.home).is_empty() && files(&other.home).is_empty());
    let answer = one.post("/v1/sign-up", SIGN_UP).await.json();
    let access = token(&answer, "access_token");
    assert_eq!((me(&one, &access).await, me(&other, &access).await), (200, 200));
    let refresh = format!(r#"{{"refresh_token": "{}"}}"#, token(&answer, "refresh_token"));
    let answer = other.post("/v1/refresh", &refresh).await.json();
    let access = token(&answer, "access_token");
    assert_eq!(me(&one, &access).await, 200, "a token of the other node");

    let out = told(&database, &["key", "rotate", "native"]);
    assert!(out.contains("is published and signs from"), "{out}");
    for node in [&one, &other] {
        until(5, "the new key is published", async || published(node).await.len() == 2).await;
    }
    assert_eq!(published(&one).await, published(&other).await);
    assert_eq!((me(&one, &access).await, me(&other, &access).await), (200, 200));

    let listed: Vec<Value> = serde_json::from_str(&told(&database, &["key", "list", "--json"])).unwrap();
    let signs = listed.iter().find(|key| key["role"] == "signs").unwrap()["id"].as_str().unwrap().to_owned();
    assert!(first.contains(&signs));
    told(&database, &["key", "revoke", "native", &signs]);
    for node in [&one, &other] {
        until(5, "the token is refused", async || me(node, &access).await == 401).await;
    }
    assert_eq!(published(&one).await, published(&other).await);
    assert!(!published(&one).await.contains(&signs));
    let refresh = format!(r#"{{"refresh_token": "{}"}}"#, token(&answer, "refresh_token"));
    let access = token(&other.post("/v1/refresh", &refresh).await.json(), "access_token");
    assert_eq!((me(&one, &access).await, me(&other, &access).await), (200, 200));
}

#[tokio::test]
async fn nodes_that_start_at_once_on_an_empty_database_agree() {
    // REL-36
    for _ in 0..3 {
        let database = Cluster::shared().database();
        let (one, other, third) = tokio::join!(node(&database), node(&database), node(&database));
        assert_eq!(published(&one).await, published(&other).await);
        assert_eq!(published(&one).await, published(&third).await);
        let access = token(&one.post("/v1/sign-up", SIGN_UP).await.json(), "access_token");
        assert_eq!((me(&other, &access).await, me(&third, &access).await), (200, 200));
        assert_eq!(
            database.psql("SELECT string_agg(name || version, ' ' ORDER BY name) FROM keys"),
            "native1 tickets1"
        );
    }
}

#[tokio::test]
async fn the_first_node_brings_its_files_and_a_stranger_s_are_refused() {
    let database = Cluster::shared().database();
    let environment = [("DATABASE", database.url()), ("MASTER_KEY", MASTER.to_owned())];
    // As after a copy of the database: what was signed before is still good.
    let (home, stranger) = (Home::new(), Home::new());
    for home in [&home, &stranger] {
        home.write("countersign.toml", MOUNT);
        assert_eq!(run(home, &["user", "add", "ana", "--no-password"]).code, 0);
        assert_eq!(run(home, &["key", "rotate", "native"]).code, 0);
    }
    let environment =
        environment.each_ref().map(|(name, value)| (format!("COUNTERSIGN_{name}"), value.as_str()));
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let list = |home: &Home, environment: &[(&str, &str)]| {
        let Said { code, out, err } = run_in(home, &["key", "list", "--json"], environment);
        assert_eq!(code, 0, "{err}");
        let keys: Vec<Value> = serde_json::from_str(&out).unwrap();
        keys.iter().map(|key| format!("{} {}", key["id"], key["role"])).collect::<Vec<_>>()
    };
    let before = list(&home, &[]);
    let Said { code, err, .. } = run_in(&home, &["user", "add", "ben", "--no-password"], &environment);
    assert_eq!(code, 0, "{err}");
    assert_eq!((before.len(), list(&home, &environment)), (2, before.clone()));
    let fresh = node(&database).await;
    assert_eq!(published(&fresh).await.len(), 2);
    assert_eq!(list(&fresh.home, &environment), before);

    // The rows hold from now on, whatever the folder says.
    assert_eq!(run_in(&home, &["key", "rotate", "native"], &environment).code, 0);
    assert_eq!((list(&home, &environment).len(), list(&home, &[])), (3, before));
    for arguments in [&["user", "list"][..], &["key", "list"], &["serve", "--listen", "127.0.0.1:0"]] {
        let Said { code, err, .. } = run_in(&stranger, arguments, &environment);
        assert!(code != 0 && err.lines().count() == 1, "{arguments:?}: {err}");
        assert!(err.contains("these keys are of another installation"), "{arguments:?}: {err}");
    }
}

#[tokio::test]
async fn keys_that_a_database_has_lost_are_never_replaced_in_silence() {
    // REL-33
    let database = Cluster::shared().database();
    told(&database, &["user", "add", "ana", "--no-password"]);
    told(&database, &["key", "rotate", "native"]);
    database.psql("DELETE FROM keys");
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["user", "list"], &["audit", "verify"]] {
        let err = refused(&database, arguments);
        assert!(err.contains("the keys are missing in this database"), "{err}");
    }
    assert_eq!(database.psql("SELECT count(*) FROM keys"), "0");
    told(&database, &["key", "rotate", "tickets"]);
    told(&database, &["user", "list"]);
}

#[tokio::test]
async fn looking_makes_nothing() {
    let database = Cluster::shared().database();
    let (home, _) = on(&database);
    let url = database.url();
    let environment = [("COUNTERSIGN_DATABASE", url.as_str())];
    let Said { code, out, err } = run_in(&home, &["doctor"], &environment);
    assert!(code == 0 && out.contains("there is none yet"), "{out}{err}");
    let Said { code, out, err } = run_in(&home, &["key", "list"], &environment);
    assert!(code == 0 && out.contains("There are no keys yet"), "{out}{err}");
    let Said { code, err, .. } = run_in(&home, &["audit", "tail"], &environment);
    assert!(code == 2 && err.contains("there is no database at 127.0.0.1:"), "{err}");
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(database.psql(tables), "0");
    assert!(!home.path("data").exists());
    let Said { code, err, .. } = run_in(&home, &["user", "add", "ana", "--no-password"], &environment);
    assert_eq!(code, 0, "{err}");
    let Said { code, out, err } = run_in(&home, &["doctor"], &environment);
    assert!(code == 0 && out.contains("it opens and can be written (PostgreSQL at 127.0.0.1:"), "{out}{err}");
}

#[tokio::test]
async fn another_master_key_starts_nothing() {
    // REL-33
    let database = Cluster::shared().database();
    told(&database, &["user", "add", "ana", "--no-password"]);
    let (home, _) = on(&database);
    let other = "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let url = database.url();
    let environment = [("COUNTERSIGN_DATABASE", url.as_str()), ("COUNTERSIGN_MASTER_KEY", other)];
    for arguments in [&["user", "list"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let Said { code, err, .. } = run_in(&home, arguments, &environment);
        assert_eq!((code, err.lines().count()), (2, 1), "{err}");
        assert!(err.contains("sealed with master key"), "{err}");
    }
    let Said { code, err, .. } = run_in(&home, &["user", "list"], &environment[..1]);
    assert!(code == 2 && err.contains("the master key is missing"), "{err}");
    assert!(!home.path("data/keys/master.key").exists());
}

#[tokio::test]
async fn a_node_with_an_older_ticket_secret_is_not_ready() {
    let database = Cluster::shared().database();
    let running = node(&database).await;
    assert_eq!(running.ask("GET", "/health/ready", "", "").await.status, 200);
    told(&database, &["key", "rotate", "tickets"]);
    let ready = async || running.ask("GET", "/health/ready", "", "").await.status;
    until(5, "it is not ready", async || ready().await == 503).await;
    let fresh = node(&database).await;
    assert_eq!(fresh.ask("GET", "/health/ready", "", "").await.status, 200);
}

#[tokio::test]
async fn a_database_that_was_copied_back_gives_its_keys_to_files() {
    let (home, content) = (Home::new(), |home: &Home| {
        ["tickets", "native"].map(|name| std::fs::read(home.path(&format!("data/keys/{name}.json"))).unwrap())
    });
    home.write("countersign.toml", MOUNT);
    assert_eq!(run(&home, &["user", "add", "ana", "--no-password"]).code, 0);
    assert_eq!(run(&home, &["key", "rotate", "native"]).code, 0);
    let before = content(&home);
    let sources = countersign_server::config::Sources {
        config: Some(home.path("countersign.toml")),
        data: Some(home.path("data")),
        ..Default::default()
    };
    let config = countersign_server::config::Config::load(&sources).unwrap();
    let (clock, chance) = (engine::Clock::System, engine::Chance::System);
    let app = countersign_server::App::open(config, clock, chance).await.unwrap();
    let rows = ["tickets", "native"].into_iter().zip(&before).map(|(name, text)| engine::KeyChange {
        name: name.to_owned(),
        replaces: 0,
        text: domain::secret::SecretBytes::new(text.as_slice()),
    });
    assert!(app.engine().keep_keys(&rows.collect::<Vec<_>>(), None).await.unwrap());
    drop(app);
    for name in ["tickets", "native"] {
        std::fs::remove_file(home.path(&format!("data/keys/{name}.json"))).unwrap();
    }
    let Said { code, out, err } = run(&home, &["user", "list"]);
    assert!(code == 0 && out.contains("ana"), "{err}");
    assert_eq!(content(&home), before);
    assert_eq!(home.mode("data/keys/tickets.json"), 0o600);
}

/// What the application signed with before the move.
const OLD: &[u8] = b"the application's own secret, since 2021";

/// A mount that signs with keys of its own, beside the application's secret.
fn beside(home: &Home) -> String {
    home.write_mode("old", std::str::from_utf8(OLD).unwrap(), 0o600);
    format!(
        "{MOUNT}old_secret_file = \"{}\"\naccept_until = 2999-01-01T00:00:00Z\n\
         [mount.old_claims]\nuser = \"user_id\"\nuser_is = \"id\"\nkind = \"token_type\"\n",
        home.path("old").display()
    )
}

/// A token as simplejwt makes it.
fn by_simplejwt(kind: &str, user: i64) -> String {
    let key = domain::token::Key::hs256(&domain::secret::SecretBytes::new(OLD), false).unwrap();
    let set = domain::token::KeySet::new(key, Vec::new(), domain::token::HeaderPlan::default()).unwrap();
    let now = engine::Clock::System.now().seconds();
    let claims = serde_json::json!({
        "token_type": kind, "exp": now + 600, "iat": now, "jti": "0f".repeat(16), "user_id": user.to_string(),
    });
    set.sign(claims.to_string().as_bytes())
}

#[tokio::test]
async fn with_old_keys_the_users_of_the_application_stay_signed_in_behind_keys_of_ours() {
    let home = Home::new();
    let file = beside(&home);
    let world = World::at(home, &file, &[]).await;
    assert_eq!(world.post("/v1/sign-up", SIGN_UP).await.status, 201);
    let (access, old) = (by_simplejwt("access", 1), by_simplejwt("refresh", 1));
    assert_eq!(me(&world, &access).await, 200);
    assert_eq!(me(&world, &old).await, 401);
    let exchange = async |token: &str| {
        let body = serde_json::json!({ "refresh_token": token }).to_string();
        let reply = world.post("/v1/refresh", &body).await;
        (reply.status, if reply.status == 200 { reply.json() } else { Value::Null })
    };
    let (status, first) = exchange(&old).await;
    assert_eq!(status, 200);
    assert_eq!(me(&world, &token(&first, "access_token")).await, 200);
    let ours = token(&first, "refresh_token");
    assert!(ours.starts_with("csr_"), "{ours}");
    assert_eq!(token(&exchange(&old).await.1, "refresh_token"), ours);
    assert_eq!(exchange(&access).await.0, 401);
    assert_eq!(published(&world).await.len(), 1);
    let second = token(&exchange(&ours).await.1, "refresh_token");
    // Neither first nor within the grace: the session is over.
    assert_eq!(exchange(&old).await.0, 401);
    assert_eq!(exchange(&second).await.0, 401);
}

#[test]
fn old_keys_are_listed_and_faults_of_their_files_are_told() {
    let home = Home::new();
    home.write("countersign.toml", &beside(&home));
    let out = run(&home, &["key", "list"]).ok();
    let line = out.lines().find(|line| line.contains("old secret")).unwrap_or_else(|| panic!("{out}"));
    assert!(line.contains("HS256") && line.contains("verifies") && line.contains("2999-01-01"), "{line}");
    let out = run(&home, &["doctor"]).out;
    assert!(out.contains("with its own keys are accepted until 2999-01-01T00:00:00Z"), "{out}");
    let start = |file: &str| {
        home.write("countersign.toml", file);
        let Said { code, err, .. } = run(&home, &["key", "list"]);
        assert_eq!(code, 2, "{err}");
        err
    };
    let told = start(&beside(&home).replace("kind = \"token_type\"\n", ""));
    assert!(told.contains("nothing tells the application's refresh tokens from its access tokens"), "{told}");
    let set =
        beside(&home).replace("old_secret_file", "old_jwks_file").replace("kind =", "issuer = \"i\"\nkind =");
    assert!(start(&set).contains("this is not a JWK set"));
    home.write("old", r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "", "d": ""}]}"#);
    assert!(start(&set).contains("it is private or a shared secret"));
    let admin = beside(&home).replace("\"native\"", "\"admin\"");
    assert!(start(&admin).contains("administrators are not carried over"));
}
