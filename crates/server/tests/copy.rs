//! Does everything move to another database, with nobody signed out and nothing lost, whatever comes in between?

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use testbed::{Access, Cluster, Database};
use world::console::{self, Said};
use world::{Home, World};

const FILE: &str = "[[mount]]\ndialect = \"native\"\n";
const PASSWORD: &str = "correct horse battery";
/// Where the embedded database of a world lies.
const SQLITE: &str = "sqlite:data/countersign.db";

/// An empty database, its owner, and the URL of it without the password.
fn postgres() -> (Database, Access, String) {
    let database = Cluster::shared().database();
    let owner = database.owner();
    let url = format!("postgres://{}@{}/{}", owner.user(), owner.address(), owner.name());
    (database, owner, url)
}

fn command(home: &Home, password: &str, arguments: &[&str]) -> Command {
    let mut command = console::command(home, &[arguments, &["--data", "data"]].concat());
    command.env("COUNTERSIGN_DATABASE_PASSWORD", password);
    command
}

fn run(home: &Home, password: &str, arguments: &[&str]) -> Said {
    let said = console::said(command(home, password, arguments).output().unwrap());
    assert!(!said.out.contains(password) && !said.err.contains(password), "{said:?}");
    said
}

fn copied(home: &Home, password: &str, arguments: &[&str]) -> Value {
    let said = run(home, password, &[&["database", "copy", "--json"], arguments].concat());
    serde_json::from_str(&said.ok()).unwrap()
}

/// Signs a user up, and gives the refresh token.
async fn sign_up(world: &World, email: &str) -> String {
    let body = json!({ "email": email, "password": PASSWORD });
    let reply = world.post("/v1/sign-up", &body.to_string()).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    text(&reply.json(), "refresh_token")
}

/// Uses old and new tokens and the password of everybody; gives new refresh tokens.
async fn goes_on(world: &World, users: Vec<(&str, String)>) -> Vec<(&'static str, String)> {
    let mut tokens = Vec::new();
    for (email, refresh) in users {
        let reply = world.post("/v1/refresh", &json!({ "refresh_token": refresh }).to_string()).await;
        assert_eq!(reply.status, 200, "{email}: {}", reply.body);
        let tokens_now = reply.json();
        let bearer = format!("Authorization: Bearer {}\r\n", text(&tokens_now, "access_token"));
        let me = world.ask("GET", "/v1/me", &bearer, "").await;
        assert!(me.status == 200 && me.body.contains(email), "{}", me.body);
        let body = json!({ "login": email, "password": PASSWORD });
        assert_eq!(world.post("/v1/sign-in", &body.to_string()).await.status, 200);
        let email = if email.starts_with("early") { "early@example.com" } else { "late@example.com" };
        tokens.push((email, text(&tokens_now, "refresh_token")));
    }
    tokens
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_moves_to_postgresql_and_back_and_nobody_is_signed_out() {
    let (_database, owner, url) = postgres();
    let secret = owner.password();
    let there = ["--from", SQLITE, "--to", &url];
    let world = World::new(FILE, &[]).await;
    let early = sign_up(&world, "early@example.com").await;
    let Said { code, err, .. } = run(&world.home, secret, &[&["database", "copy"][..], &there].concat());
    assert!(code == 2 && err.contains("a server runs on data/countersign; stop it first"), "{err}");
    let ahead = copied(&world.home, secret, &[&there[..], &["--ahead"]].concat());
    assert_eq!((&ahead["equal"], &ahead["finished"]), (&json!(true), &json!(false)));
    let late = sign_up(&world, "late@example.com").await;
    let home = world.into_home().await;

    // The half copy is no database to be served.
    let Said { code, err, .. } = run(&home, secret, &["user", "list", "--database", &url]);
    assert!(code == 2 && err.contains("unfinished copy of sqlite:") && err.lines().count() == 1, "{err}");
    let last = copied(&home, secret, &there);
    assert_eq!((&last["equal"], &last["finished"]), (&json!(true), &json!(true)));
    let users = last["tables"].as_array().unwrap().iter().find(|table| table["name"] == "users").unwrap();
    assert_eq!(
        (&users["rows"], &users["written"], &users["sha256"]),
        (&json!(2), &json!(1), &users["target_sha256"])
    );
    let Said { code, err, .. } = run(&home, secret, &[&["database", "copy"][..], &there].concat());
    assert!(code == 2 && err.contains("the target is not empty"), "{err}");

    let users = vec![("early@example.com", early), ("late@example.com", late)];
    let world = World::at(home, FILE, &[("DATABASE", &owner.url())]).await;
    let users = goes_on(&world, users).await;
    let home = world.into_home().await;
    let verified = run(&home, secret, &["audit", "verify", "--database", &url]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let export = run(&home, secret, &["user", "export", "--database", &url]);
    let rotated = run(&home, secret, &["key", "rotate", "native", "--database", &url]);
    assert_eq!(rotated.code, 0, "{rotated:?}");
    let keys = |database: &str| {
        let listed = run(&home, secret, &["key", "list", "--json", "--database", database]).out;
        let listed: Value = serde_json::from_str(&listed).unwrap_or_else(|error| panic!("{error}: {listed}"));
        let ids = listed.as_array().unwrap().iter().map(|key| text(key, "id"));
        ids.collect::<Vec<_>>()
    };
    assert_ne!(keys(&url), keys(SQLITE), "nothing was rotated");

    let back = copied(&home, secret, &["--from", &url, "--to", "sqlite:data/back.db"]);
    assert_eq!(back["finished"], json!(true), "{back}");
    let again = run(&home, secret, &["user", "export", "--database", "sqlite:data/back.db"]);
    assert!(again.code == 0 && again.out == export.out && export.out.lines().count() == 2, "{again:?}");
    let file = format!("sqlite:{}", home.path("data/back.db").display());
    assert_eq!(keys(&url), keys("sqlite:data/back.db"));
    let world = World::at(home, FILE, &[("DATABASE", &file)]).await;
    goes_on(&world, users).await;
    let home = world.into_home().await;
    let verified = run(&home, secret, &["audit", "verify", "--database", "sqlite:data/back.db"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let tail = run(
        &home,
        secret,
        &["audit", "tail", "--kind", "database_copied", "--database", "sqlite:data/back.db"],
    );
    assert_eq!(tail.out.lines().count(), 2, "{tail:?}");
}

/// Users enough for a copy of some seconds.
fn many(home: &Home) {
    let rows: String = (1..=30_000)
        .map(|number| format!("{{\"email\":\"u{number}@example.com\",\"username\":\"u{number}\"}}\n"))
        .collect();
    home.write("users.jsonl", &rows);
    let said = run(home, "hunter22", &["user", "import", "users.jsonl"]);
    assert_eq!(said.code, 0, "{said:?}");
}

fn kill_after(home: &Home, secret: &str, arguments: &[&str], wait: Duration) -> bool {
    let mut child: Child = command(home, secret, &[&["database", "copy"], arguments].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + wait;
    while Instant::now() < end {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

#[test]
fn a_copy_that_is_killed_goes_on_and_is_whole_in_the_end() {
    let home = Home::new();
    many(&home);
    let (_database, owner, url) = postgres();
    let secret = owner.password();
    for target in [url.as_str(), "sqlite:other/c.db"] {
        let order = ["--from", SQLITE, "--to", target];
        let mut kills = 0;
        for step in 1..=6 {
            kills += u32::from(kill_after(&home, secret, &order, Duration::from_millis(step * 90)));
            let said = run(&home, secret, &["user", "list", "--database", target, "--limit", "1"]);
            if said.code == 2 {
                assert!(said.err.contains("unfinished copy"), "{said:?}");
            }
        }
        assert!(kills > 0, "it was always done before it could be killed");
        let said = run(&home, secret, &[&["database", "copy"][..], &order].concat());
        // The last one may have come to its end before it was killed.
        assert!(
            said.code == 0 && said.out.contains("The copy is finished") || said.err.contains("is not empty"),
            "{said:?}"
        );
        let export = |database: &str| run(&home, secret, &["user", "export", "--database", database]).out;
        assert!(export(SQLITE) == export(target) && export(target).lines().count() == 30_000);
        let verified = run(&home, secret, &["audit", "verify", "--database", target]);
        assert_eq!(verified.code, 0, "{verified:?}");
    }
}

#[test]
fn between_two_servers_each_has_a_password_of_its_own() {
    let home = Home::new();
    let said = run(&home, "hunter22", &["user", "add", "ana", "--no-password"]);
    assert_eq!(said.code, 0, "{said:?}");
    let ((_one, first, from), (_other, second, to)) = (postgres(), postgres());
    copied(&home, first.password(), &["--from", SQLITE, "--to", &from]);
    home.write_mode("first", first.password(), 0o600);
    let order = ["--from", &from, "--to", &to, "--from-password-file", "first"];
    assert_eq!(copied(&home, second.password(), &order)["finished"], json!(true));
    let listed = run(&home, second.password(), &["user", "list", "--database", &to]);
    assert!(listed.code == 0 && listed.out.contains("ana"), "{listed:?}");
    home.write_mode("first", "wrong", 0o600);
    let said = run(&home, second.password(), &[&["database", "copy"], &order[..]].concat());
    assert!(said.code == 2 && said.err.contains("password authentication failed"), "{said:?}");
    assert!(!said.err.contains(first.password()));
}

#[test]
fn a_copy_that_makes_no_sense_is_refused_and_nothing_is_made() {
    let home = Home::new();
    let said = run(&home, "hunter22", &["database", "copy", "--from", SQLITE, "--to", "sqlite:b.db"]);
    assert!(said.code == 2 && said.err.contains("there is no database to be copied"), "{said:?}");
    assert!(!home.path("data").exists() && !home.path("b.db").exists());
    assert_eq!(run(&home, "hunter22", &["user", "add", "ana", "--no-password"]).code, 0);
    let nowhere = "postgres://ana@db.invalid/c";
    for (arguments, expected) in [
        (&["--from", SQLITE, "--to", SQLITE][..], "are the same database"),
        (&["--from", SQLITE, "--to", "data"], "are the same database"),
        (&["--to", "mysql://x"], "command line --to: write \"sqlite:/path/to/file.db\""),
        (
            &["--to", "postgres://ana:hunter2@db.invalid/c"],
            "command line --to: everybody on this machine sees a password",
        ),
        (&["--to", nowhere], "db.invalid:5432/c"),
        (&["--to", nowhere, "--dry-run"], "db.invalid:5432/c"),
        (&["--from", nowhere], "db.invalid:5432/c"),
        (&[], "--from <URL>"),
    ] {
        let said = run(&home, "hunter22", &[&["database", "copy"], arguments].concat());
        assert!(said.code == 2 && said.err.contains(expected), "{arguments:?}: {said:?}");
        assert!(!said.err.contains("hunter2"));
    }
    let said = run(&home, "hunter22", &["database", "copy", "--to", "sqlite:b.db", "--dry-run"]);
    assert!(
        said.code == 0 && said.out.contains("Nothing was written") && !home.path("b.db").exists(),
        "{said:?}"
    );
    let said = run(&home, "hunter22", &["database", "copy", "--from", "data", "--to", "sqlite:b.db"]);
    assert!(said.code == 0 && said.out.contains("The copy is finished"), "{said:?}");
    assert_eq!(home.mode("b.db"), 0o600);
    assert!(said.err.lines().any(|line| line == "users"), "{said:?}");
}
