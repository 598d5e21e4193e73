//! Do users come in from everywhere, all or none, and can they sign in then?

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use rusqlite::Connection;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::{Duration, Instant};
use testbed::Cluster;
use world::console::{command, run, run_with};
use world::{Home, PATIENCE};

/// MD5, SHA-1 and salted SHA-256 of "password", as PHP, Rails and Django applications once kept them.
const WEAK: [(&str, &str, &str); 3] = [
    ("md5", "md5", "5f4dcc3b5aa765d61d8327deb882cf99"),
    ("sha1", "sha1", "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"),
    (
        "salted",
        "salted sha256",
        "sha256$salt$13601bda4ea78e55a07b98866d2be6be0744e3866f13c00c811cab608a28f322",
    ),
];

fn report(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_str(&run(home, &[&["user", "import", "--json"], arguments].concat()).ok()).unwrap()
}

fn exported(home: &Home) -> Vec<Value> {
    let lines = run(home, &["user", "export", "--with-hashes", "--plain"]).ok();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn weak_users() -> String {
    let line = |(name, _, digest): &(&str, &str, &str)| {
        format!("{}\n", json!({"username": name, "password_hash": digest}))
    };
    WEAK.iter().map(line).collect()
}

#[test]
fn weak_digests_are_wrapped_in_argon2id_and_nothing_weaker_is_kept() {
    // SEC-115
    let home = Home::new();
    home.write("users.jsonl", &weak_users());
    let dry = report(&home, &["users.jsonl", "--dry-run"]);
    assert_eq!(dry["wrapped"], json!({"md5": 1, "sha1": 1, "salted sha256": 1}));
    assert!(exported(&home).is_empty());
    let first = report(&home, &["users.jsonl"]);
    assert_eq!((&first["added"], &first["wrapped"]), (&json!(3), &dry["wrapped"]));
    assert!(
        !home.path("data/import-wrapped").exists(),
        "what was wrapped is in the database and nowhere else"
    );
    let users = exported(&home);
    for user in &users {
        let hash = user["password_hash"].as_str().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$") && hash.contains(",data="), "{hash}");
    }
    let database = std::fs::read(home.path("data/countersign.db")).unwrap();
    for (_, _, digest) in WEAK {
        let digits = digest.rsplit('$').next().unwrap().as_bytes();
        assert!(!database.windows(digits.len()).any(|part| part == digits));
    }
    let again = report(&home, &["users.jsonl"]);
    assert_eq!((&again["added"], &again["unchanged"]), (&json!(0), &json!(3)));
    assert_eq!(exported(&home), users, "a second run touches nobody");
    let clear = "{\"username\":\"open\",\"password_hash\":\"correct horse battery\"}";
    let said = run_with(&home, &["user", "import", "-"], clear);
    assert!(
        said.code == 1 && said.err.contains("-:1: password_hash") && !said.err.contains("horse"),
        "{said:?}"
    );
}

#[test]
fn collisions_are_found_before_anything_is_wrapped() {
    let home = Home::new();
    home.write("users.jsonl", &weak_users());
    let spool = home.path("data/import-wrapped");
    home.write("bad.jsonl", &format!("{}{{\"username\":\"md5\"}}\n", weak_users()));
    let refused = run(&home, &["user", "import", "bad.jsonl"]);
    assert!(
        refused.code == 1 && !spool.exists(),
        "collisions are found before anything is wrapped: {refused:?}"
    );
    assert!(refused.err.contains("bad.jsonl:4: username belongs to the record at 1"), "{refused:?}");
    std::fs::write(&spool, "torn").unwrap();
    report(&home, &["users.jsonl"]);
    assert!(!spool.exists());
}

#[test]
fn what_was_wrapped_before_a_crash_is_not_wrapped_again() {
    let home = Home::new();
    let line = |n: u32| format!("{{\"username\":\"u{n}\",\"password_hash\":\"{n:032x}\"}}\n");
    home.write("users.jsonl", &(0..60).map(line).collect::<String>());
    run(&home, &["user", "list"]).ok();
    let spool = home.path("data/import-wrapped");
    let whole = || -> Vec<String> {
        let text = std::fs::read_to_string(&spool).unwrap_or_default();
        text.split_inclusive('\n')
            .filter_map(|line| Some(line.strip_suffix('\n')?.split_once(' ')?.1.to_owned()))
            .collect()
    };
    let mut slow = command(&home, &["user", "import", "users.jsonl"]);
    let mut child = slow.env("COUNTERSIGN_HASHING__MEMORY_KIB", "131072").spawn().unwrap();
    let started = Instant::now();
    while whole().len() < 3 {
        assert!(started.elapsed() < PATIENCE && child.try_wait().unwrap().is_none(), "nothing was wrapped");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let wrapped = whole();
    assert!(wrapped.len() < 60 && exported(&home).is_empty());
    assert_eq!(report(&home, &["users.jsonl"])["added"], 60);
    let users = exported(&home);
    let kept = wrapped.iter().filter(|text| users.iter().any(|user| user["password_hash"] == text.as_str()));
    assert_eq!(kept.count(), wrapped.len());
    assert!(!spool.exists());
}

#[test]
fn an_import_that_is_killed_leaves_nobody_or_everybody_and_a_second_run_everybody_once() {
    // SEC-117
    const USERS: usize = 20_000;
    let home = Home::new();
    let line =
        |n: usize| format!("{{\"id\":{},\"username\":\"u{n}\",\"email\":\"u{n}@example.com\"}}\n", n + 1);
    home.write("users.jsonl", &(0..USERS).map(line).collect::<String>());
    run(&home, &["user", "list"]).ok();
    let mut none = 0;
    for millis in [30, 100, 200, 400, 700, 1000] {
        let mut child =
            command(&home, &["user", "import", "users.jsonl"]).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        child.wait().unwrap();
        let there = exported(&home).len();
        assert!(there == 0 || there == USERS, "{there} after {millis} ms");
        none += u32::from(there == 0);
    }
    assert!(none > 0, "every import was done before it was killed");
    let last = report(&home, &["users.jsonl"]);
    assert_eq!(last["added"].as_u64().unwrap() + last["unchanged"].as_u64().unwrap(), USERS as u64);
    let ids: Vec<u64> = exported(&home).iter().map(|user| user["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=USERS as u64).collect::<Vec<_>>());
}

#[test]
fn a_django_database_comes_in_with_everything() {
    let home = Home::new();
    let path = home.path("db.sqlite3");
    let hash = "pbkdf2_sha256$1$c2FsdA$Ee9JiKlL2rJZRIyw8xUxhCxFMsn0Ll1qYCmCA7Dnhrc=";
    Connection::open(&path)
        .unwrap()
        .execute_batch(&format!(
            "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY);
             CREATE TABLE auth_user (id INTEGER PRIMARY KEY, password TEXT, last_login DATETIME, is_superuser BOOL, username TEXT,
                first_name TEXT, last_name TEXT, email TEXT, is_staff BOOL, is_active BOOL, date_joined DATETIME);
             INSERT INTO auth_user VALUES (41, '{hash}', NULL, 0, 'ana', 'Ana', '', 'ana@example.com', 0, 1, '2020-01-31 12:00:00.5');
             INSERT INTO auth_user VALUES (42, '!x', NULL, 1, 'root', '', '', '', 1, 0, '2020-01-31 12:00:00');"
        ))
        .unwrap();
    let refused = run(&home, &["user", "import", "db.sqlite3"]);
    assert!(
        refused.code == 1 && refused.err.contains("db.sqlite3:auth_user 42: the user has a staff mark"),
        "{refused:?}"
    );
    let said = report(&home, &["db.sqlite3", "--without-roles"]);
    assert_eq!(
        (&said["from"], &said["table"], &said["added"]),
        (&json!("django"), &json!("auth_user"), &json!(2))
    );
    assert_eq!(
        (&said["columns"]["created_at"], &said["schemes"]["no password"]),
        (&json!("date_joined"), &json!(1))
    );
    let users = exported(&home);
    assert_eq!((&users[0]["id"], &users[0]["password_hash"]), (&json!(41), &json!(hash)));
    assert_eq!(users[0]["created_at"], "2020-01-31T12:00:00.500Z");
    assert_eq!(
        (&users[1]["status"], &users[1]["attributes"]["is_superuser"]),
        (&json!("inactive"), &json!(false))
    );
    // The same address twice, but for its capital letters: told with both places, and nobody is merged.
    Connection::open(&path)
        .unwrap()
        .execute_batch("UPDATE auth_user SET email = 'ANA@example.com' WHERE id = 42")
        .unwrap();
    let other = Home::new();
    let url = format!("sqlite:{}", path.display());
    let said = run(&other, &["user", "import", &url, "--with-roles", "--dry-run"]);
    assert!(
        said.code == 1
            && said.err.contains(
                "auth_user 42: email, whatever its capital letters, belongs to the record at auth_user 41"
            ),
        "{said:?}"
    );
    let listed = run(&other, &["user", "import", &url, "--with-roles", "--json"]);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!((&listed["count"], &listed["faults"][0]["place"]["row"]), (&json!(1), &json!("auth_user 42")));
}

#[test]
fn a_postgresql_is_read_with_a_password_that_no_command_line_shows() {
    // SEC-111
    let home = Home::new();
    let database = Cluster::shared().database();
    database.psql("CREATE TABLE \"User\" (id uuid PRIMARY KEY, mail text, \"passwordHash\" text, \"createdAt\" timestamptz)");
    database.psql("INSERT INTO \"User\" VALUES ('0f3b1c62-6f0a-4c5e-9d7a-2b8f3e1d4c5a', 'ana@example.com', NULL, '2021-03-05 16:35:16.775+00')");
    let open = database.url();
    let (user, rest) = open.strip_prefix("postgres://").unwrap().split_once(':').unwrap();
    let (password, place) = rest.split_once('@').unwrap();
    let url = format!("postgres://{user}@{place}");
    let refused = run(&home, &["user", "import", &open, "--from", "sql"]);
    assert!(
        refused.code == 2 && refused.err.contains("PGPASSWORD") && !refused.err.contains(password),
        "{refused:?}"
    );
    let output = command(&home, &["user", "import", &url, "--from", "sql", "--map", "email=mail", "--json"])
        .env("PGPASSWORD", password)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!((&said["table"], &said["added"]), (&json!("User"), &json!(1)));
    assert_eq!(exported(&home)[0]["uuid"], "0f3b1c62-6f0a-4c5e-9d7a-2b8f3e1d4c5a");
    assert_eq!(
        database.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        "1",
        "nothing was made there"
    );
    let away = run(&home, &["user", "import", "postgres://u@127.0.0.1:1/app"]);
    assert!(away.code == 1 && away.err.contains("nothing was imported"), "{away:?}");
}
