//! Does everything that is kept here go out again, to those alone who may have it?
//!
//! The readers are real ones: Django's `loaddata` with its hashers, age, and this server's own import. They are installed
//! by `scripts/setup-tests.sh`.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use domain::factor::{base32, recovery, totp};
use serde_json::{Value, json};
use std::process::Command;
use world::console::{Said, run};
use world::{Home, World};

const MOUNT: &str = "[[mount]]\ndialect = \"native\"\n";
const PASSWORD: &str = "kept since 2019";
const SEED: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
/// Of a throw-away key.
const IDENTITY: &str = "AGE-SECRET-KEY-1UTPDG6YEV2F0KHRJQ90YJVGPFKK26HG8PCXM6YKCX22DVGUTFUAQHHPYW9";
const RECIPIENT: &str = "age173axsvaa607zvx2plu62dyr79tjknc3rmsuuchne7vdq9c9f5frscffc5w";
/// `PASSWORD`, by the libraries of Django 5.1, argon2-cffi, bcrypt and Werkzeug; the last has no Django form.
const HASHES: [(&str, &str); 6] = [
    (
        "argon",
        "$argon2id$v=19$m=64,t=2,p=1$8hBhZSkV26XqozL57ahjrA$kIfRDc2VxV9V6qpugG/SVExA7oI+GJwYnPPnav3/Y8U",
    ),
    ("crypt", "$2b$04$pC1cYI.Zdmhvyttf3Sj00ez/R7gLobS3TddH5/QSY4XxLNWgHnola"),
    ("django", "pbkdf2_sha256$1000$saltsaltsalt$pIVROiQTke3AnmLx7tGcsX7smB4eVTUjBZ15i+fB4Nw="),
    (
        "scrypt",
        "scrypt$1024$saltsaltsalt$8$5$k6ap7colgi0rArJKBqH6NBfaabb7lw/3DRM+8wHawBJMdYzOLaZD60QGhXW/Fd7l4tuqwIHk0lynM5KLf9wnUA==",
    ),
    (
        "flask",
        "pbkdf2:sha256:1000$YvP74nOdJGBSbQDN$bee54ff1707709c58dc4f6124fd93dafcc40156ada31d8beb0d87abd9e18c606",
    ),
    ("nobody", ""),
];

/// An installation with one user for each hash, and a second factor for the first.
fn moved_in() -> Home {
    let home = Home::new();
    home.write("countersign.toml", MOUNT);
    let mut lines = String::new();
    for (number, (name, hash)) in HASHES.iter().enumerate() {
        let mut user = json!({
            "id": number + 1, "username": name, "email": format!("{name}@example.com"), "email_verified": true,
            "created_at": "2019-04-01T12:00:00Z", "attributes": {"is_staff": number == 0},
        });
        if !hash.is_empty() {
            user["password_hash"] = json!(hash);
        }
        if number == 0 {
            let (_, digest) = recovery::write(&[7; recovery::CODE_BYTES]);
            user["second_factor"] = json!({"totp_seed": SEED, "recovery_codes": [hex(digest.bytes())]});
        }
        lines.push_str(&format!("{user}\n"));
    }
    home.write("users.jsonl", &lines);
    run(&home, &["user", "import", "users.jsonl", "--with-roles"]).ok();
    home
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn export(home: &Home, more: &[&str]) -> Said {
    run(home, &[&["user", "export"], more].concat())
}

/// What a reader prints.
fn read(arguments: &[&str]) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/interop/venv/bin/python");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/readers.py");
    assert!(std::path::Path::new(root).exists(), "{root} is missing: run scripts/setup-tests.sh");
    let output = Command::new(root).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn all_that_is_kept_comes_back_with_the_factor() {
    let home = moved_in();
    let whole = ["--with-hashes", "--with-factors", "--plain"];
    let exported = export(&home, &whole).ok();
    assert_eq!(exported.matches("\"totp_seed\":\"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\"").count(), 1);
    let fresh = Home::new();
    fresh.write("countersign.toml", MOUNT);
    fresh.write("users.jsonl", &exported);
    run(&fresh, &["user", "import", "users.jsonl", "--with-roles"]).ok();
    assert_eq!(export(&fresh, &whole).ok(), exported);
    // The same file again changes nothing, the factor included.
    run(&fresh, &["user", "import", "users.jsonl", "--with-roles"]).ok();
    assert_eq!(export(&fresh, &whole).ok(), exported);
    let world = World::at(fresh, MOUNT, &[]).await;
    let sign_in = async |otp: Option<String>| {
        let body = json!({"email": "argon@example.com", "password": PASSWORD, "otp": otp});
        world.post("/v1/sign-in", &body.to_string()).await
    };
    assert_eq!(sign_in(None).await.status, 401);
    let step = totp::step_of(engine::Clock::System.now());
    let code = totp::code(base32::decode(SEED).unwrap().expose(), step);
    let reply = sign_in(Some(code)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let (code, _) = recovery::write(&[7; recovery::CODE_BYTES]);
    assert_eq!(sign_in(Some(code.expose().to_owned())).await.status, 200);
    assert_eq!(sign_in(Some(code.expose().to_owned())).await.status, 401);
}

#[test]
fn secrets_go_out_sealed_or_with_a_word_and_are_noted() {
    let home = moved_in();
    for secret in [&["--with-hashes"][..], &["--with-factors"], &["--with-hashes", "--output", "x"]] {
        let said = export(&home, secret);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
        assert!(said.err.contains("--seal-to") && said.err.contains("--plain"), "{said:?}");
    }
    assert_eq!(export(&home, &["--with-hashes", "--seal-to", "age1nobody"]).code, 2);
    assert_eq!(export(&home, &["--with-hashes", "--plain", "--seal-to", RECIPIENT]).code, 2);
    let plain = export(&home, &[]).ok();
    assert!(!plain.contains("totp_seed") && !plain.contains("password_hash"), "{plain}");
    let to = ["--with-hashes", "--with-factors", "--seal-to", RECIPIENT, "--output", "users.age"];
    export(&home, &to).ok();
    assert_eq!(home.mode("users.age"), 0o600);
    let sealed = std::fs::read(home.path("users.age")).unwrap();
    assert!(!sealed.windows(9).any(|nine| nine == b"totp_seed"));
    let opened = read(&["age", home.path("users.age").to_str().unwrap(), IDENTITY]);
    assert_eq!(opened, export(&home, &["--with-hashes", "--with-factors", "--plain"]).ok());
    assert_eq!(export(&home, &to).code, 2, "never over another file");
    let events = run(&home, &["audit", "tail", "--json"]).ok();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&Value> =
        events.iter().filter(|event| event["event"] == "exported").map(|event| &event["details"]).collect();
    let both = "password_hash second_factor";
    assert_eq!(*told[0], json!({"format": "jsonl", "fields": both, "recipient": RECIPIENT}));
    assert_eq!(*told[1], json!({"format": "jsonl", "fields": both, "recipient": "plain"}));
    assert_eq!(told.len(), 2);
}

#[test]
fn a_file_of_many_chunks_is_opened_by_age() {
    let home = Home::new();
    home.write("countersign.toml", MOUNT);
    let user =
        |number: u32| format!("{{\"username\":\"user{number}\",\"first_name\":\"{}\"}}\n", "x".repeat(150));
    home.write("users.jsonl", &(0..1200).map(user).collect::<String>());
    run(&home, &["user", "import", "users.jsonl", "--with-roles"]).ok();
    export(&home, &["--seal-to", RECIPIENT, "--output", "users.age"]).ok();
    assert!(std::fs::metadata(home.path("users.age")).unwrap().len() > 4 * 65_536);
    let opened = read(&["age", home.path("users.age").to_str().unwrap(), IDENTITY]);
    assert_eq!(opened, export(&home, &[]).ok());
}

#[test]
fn what_a_format_can_not_say_is_told_and_left_out_only_on_demand() {
    let home = moved_in();
    let to = ["--format", "firebase", "--with-hashes", "--plain", "--output", "users.json"];
    let said = export(&home, &to);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.err.contains("user 1: the password hash") && said.err.contains("4 users have something"),
        "{said:?}"
    );
    assert!(!home.path("users.json").exists() && !home.path("users.json.part").exists());
    let said = export(&home, &[&to[..], &["--leave-out"]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("left out of user 1: the password hash"), "{said:?}");
    let users: Value =
        serde_json::from_str(&std::fs::read_to_string(home.path("users.json")).unwrap()).unwrap();
    let hashes = users["users"].as_array().unwrap().iter().filter(|user| user.get("passwordHash").is_some());
    assert_eq!((users["users"].as_array().unwrap().len(), hashes.count()), (6, 1));
}

#[test]
fn django_loads_the_fixture_and_its_users_sign_in_there() {
    let home = moved_in();
    let to = ["--format", "django", "--with-hashes", "--plain", "--output", "users.json"];
    export(&home, &to).ok();
    let folder = home.path("");
    let printed =
        read(&["django", folder.to_str().unwrap(), home.path("users.json").to_str().unwrap(), PASSWORD]);
    let users: Value = serde_json::from_str(&printed).unwrap();
    for (number, (name, hash)) in HASHES.iter().enumerate() {
        let user = &users[name];
        assert_eq!(user["id"], number + 1, "{users}");
        assert_eq!(user["signs_in"], !hash.is_empty(), "{name}: {users}");
        assert_eq!(user["usable"], !hash.is_empty(), "{name}: {users}");
        assert_eq!(user["staff"], number == 0, "{name}: {users}");
        assert_eq!(user["joined"], "2019-04-01T12:00:00+00:00", "{name}: {users}");
    }
}
