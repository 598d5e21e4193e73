//! Does the command line do what it says, end with the right code, and leave no secret open?

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use world::console::{command, run, run_with};
use world::{Home, PATIENCE};

fn user(home: &Home, who: &str) -> Value {
    serde_json::from_str(&run(home, &["user", "show", who, "--json"]).ok()).unwrap()
}

#[test]
fn help_teaches_with_examples_and_mistakes_end_with_2() {
    let home = Home::new();
    let help = run(&home, &["--help"]).ok();
    assert!(help.contains("Examples:") && help.contains("Exit codes"), "{help}");
    for arguments in [&["user", "import", "--help"], &["user", "add", "--help"], &["key", "rotate", "--help"]]
    {
        assert!(run(&home, arguments).ok().contains("Examples:"), "{arguments:?}");
    }
    for arguments in
        [&[][..], &["sevre"], &["user", "add"], &["serve", "--listen", "x"], &["key", "rotate", "nobody"]]
    {
        assert_eq!(run(&home, arguments).code, 2, "{arguments:?}");
    }
    assert!(run(&home, &["completions", "bash"]).ok().contains("_countersign"));
    assert!(run(&home, &["version", "--deps"]).ok().contains("rusqlite "));
}

#[test]
fn a_broken_configuration_starts_nothing() {
    let home = Home::new();
    home.write("countersign.toml", "lisen = 1\n[hashing]\npasses = 0\n");
    let said = run(&home, &["serve"]);
    assert_eq!(said.code, 2);
    assert_eq!(said.err.lines().count(), 2, "{}", said.err);
    assert!(said.err.contains("countersign.toml:1: there is no setting \"lisen\", did you mean \"listen\"?"));
    assert!(!home.path("data").exists());
}

#[test]
fn a_broken_dialect_starts_nothing() {
    let home = Home::new();
    std::fs::create_dir_all(home.path("mine/own")).unwrap();
    home.write("mine/own/dialect.toml", "language = 1\nname = \"own\"\nnonsense = 1\n");
    home.write("countersign.toml", "dialects = \"mine\"\n[[mount]]\ndialect = \"own\"\n");
    let said = run(&home, &["serve"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("mine/own/dialect.toml:"), "{}", said.err);
    assert!(!home.path("data").exists());
}

#[test]
fn init_writes_a_configuration_that_is_good_and_never_overwrites() {
    let home = Home::new();
    run(&home, &["init", "--mount", "native"]).ok();
    assert_eq!(home.mode("countersign.toml"), 0o600);
    assert_eq!(home.mode("data/keys"), 0o700);
    assert_eq!(home.mode("data/keys/native.json"), 0o600);
    assert!(!home.path("data/keys/uk-travel.json").exists());
    let shown: Value = serde_json::from_str(&run(&home, &["config", "--json"]).ok()).unwrap();
    assert_eq!(shown["mounts"][0]["dialect"], "native");
    assert_eq!(run(&home, &["init"]).code, 2);
    let named = run(&home, &["init", "--config", "other.toml", "--data", "elsewhere"]).ok();
    assert!(named.contains("countersign serve --config other.toml"), "{named}");
    let shown = run(&home, &["config", "--config", "other.toml"]).ok();
    assert!(shown.contains("data = \"elsewhere\"") && shown.contains("# other.toml:"), "{shown}");
}

#[test]
fn secrets_are_closed_whatever_the_umask() {
    // SEC-111
    let home = Home::new();
    let program = env!("CARGO_BIN_EXE_countersign");
    let script = format!("umask 000; {program} init && {program} user add ana --no-password");
    let status = Command::new("sh").arg("-c").arg(script).current_dir(home.path("")).output().unwrap().status;
    assert!(status.success());
    for (name, mode) in [
        ("data", 0o700),
        ("data/keys", 0o700),
        ("data/keys/tickets.json", 0o600),
        ("data/keys/password-generator.json", 0o600),
        ("data/countersign.db", 0o600),
        ("countersign.toml", 0o600),
    ] {
        assert_eq!(home.mode(name), mode, "{name}");
    }
}

#[test]
fn an_open_key_a_sample_and_a_lost_ticket_secret_are_refused() {
    // SEC-54, SEC-111
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let mount = "[[mount]]\ndialect = \"nest-passport\"\nsecret_file = \"secret\"\n";
    home.write("countersign.toml", mount);
    let refused = |what: &str| {
        let said = run(&home, &["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(said.code, 2, "{what}: {said:?}");
        assert!(said.err.contains(what), "{what}: {}", said.err);
    };
    refused("secret: the file can not be read");
    for sample in ["", "\n", "secret", "your-256-bit-secret\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        home.write_mode("secret", sample, 0o600);
        refused("everybody knows");
    }
    home.write_mode("secret", "sixteen bytes...", 0o600);
    refused("the secret has 16 bytes, at least 32 are needed");
    home.write_mode("secret", "0123456789abcdef0123456789abcdef", 0o644);
    refused("run `chmod 600");
    home.write_mode("secret", "0123456789abcdef0123456789abcdef\n", 0o600);
    let said = run(&home, &["key", "rotate", "nest-passport"]);
    assert!(said.code == 1 && said.err.contains("shared with the application"), "{said:?}");
    run(&home, &["user", "add", "ana", "--no-password"]).ok();
    let open = std::fs::Permissions::from_mode(0o604);
    std::fs::set_permissions(home.path("data/keys/tickets.json"), open).unwrap();
    refused("tickets.json: everybody on this machine can read this secret");
    std::fs::remove_file(home.path("data/keys/tickets.json")).unwrap();
    refused("tickets.json: the file is missing beside the database");
    run(&home, &["key", "rotate", "tickets"]).ok();
    assert_eq!(user(&home, "ana")["username"], "ana");
}

#[test]
fn a_secret_for_a_dialect_without_one_is_refused() {
    let home = Home::new();
    home.write_mode("secret", "0123456789abcdef0123456789abcdef", 0o600);
    home.write("countersign.toml", "[[mount]]\ndialect = \"native\"\nsecret_file = \"secret\"\n");
    let said = run(&home, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.code == 2 && said.err.contains("has no shared secret"), "{said:?}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one life of one user, told in order")]
fn users_are_added_shown_changed_switched_off_and_deleted() {
    let home = Home::new();
    let added = run_with(
        &home,
        &[
            "user",
            "add",
            "Ana@Example.com",
            "--username",
            "ana",
            "--role",
            "editor",
            "--permission",
            "read",
            "--password-stdin",
            "--json",
        ],
        "a long enough password\n",
    );
    let added: Value = serde_json::from_str(&added.ok()).unwrap();
    assert_eq!(
        (&added["id"], &added["role"], &added["permissions"]),
        (&json!(1), &json!("editor"), &json!(["read"]))
    );
    for who in ["1", "ana", "ANA@example.com", added["uuid"].as_str().unwrap()] {
        assert_eq!(user(&home, who)["id"], 1, "{who}");
    }
    let said =
        run_with(&home, &["user", "add", "ana@example.com", "--password-stdin"], "a long enough password");
    assert!(said.code == 1 && said.err.contains("belongs to another user"), "{said:?}");
    let said = run_with(&home, &["user", "add", "bob", "--password-stdin"], "short");
    assert!(said.code == 1 && said.err.contains("password_too_short"), "{said:?}");
    let said = run_with(&home, &["user", "add", "bob", "--password-stdin"], "\n");
    assert!(said.code == 1 && said.err.contains("empty"), "{said:?}");
    assert_eq!(run(&home, &["user", "add", "bob"]).code, 2, "no terminal to ask on");
    run(
        &home,
        &[
            "user",
            "set",
            "ana",
            "--first-name",
            "Ana",
            "--attributes",
            "{\"stats\":{\"a\":1}}",
            "--status",
            "suspended",
        ],
    )
    .ok();
    let shown = user(&home, "ana");
    assert_eq!(
        (&shown["first_name"], &shown["status"], &shown["attributes"]["stats"]["a"]),
        (&json!("Ana"), &json!("suspended"), &json!(1))
    );
    assert_eq!(run(&home, &["user", "set", "ana", "--status", "odd"]).code, 2);
    assert_eq!(run(&home, &["user", "set", "nobody", "--role", "x"]).code, 1);
    let reset = run(&home, &["user", "reset", "ana"]);
    assert_eq!(reset.code, 1, "SEC-47: without mail it says what to do instead of pretending");
    assert!(reset.err.contains("no letters are delivered here"), "{}", reset.err);
    run(&home, &["user", "set", "ana", "--status", "active", "--clear", "email"]).ok();
    assert_eq!(user(&home, "ana")["email"], Value::Null);
    run(&home, &["user", "disable", "ana"]).ok();
    assert_eq!(user(&home, "ana")["status"], "inactive");
    assert_eq!(run(&home, &["user", "list", "--json"]).ok().lines().count(), 1);
    assert_eq!(run(&home, &["user", "delete", "ana"]).code, 2, "nobody can say yes");
    run(&home, &["user", "delete", "ana", "--yes"]).ok();
    assert_eq!(run(&home, &["user", "show", "ana"]).code, 1);
}

const HASH: &str = "pbkdf2_sha256$1$c2FsdA$Ee9JiKlL2rJZRIyw8xUxhCxFMsn0Ll1qYCmCA7Dnhrc=";

#[test]
fn a_file_with_any_fault_is_not_imported_and_every_fault_is_told() {
    // SEC-114, SEC-117
    let home = Home::new();
    let long = format!("{{\"email\":\"{}@example.com\"}}", "a".repeat(70_000));
    let lines = [
        r#"{"email":"good@example.com"}"#,
        r#"{"email":"not an address"}"#,
        "",
        r#"{"username":"x","colour":"red"}"#,
        r#"{"first_name":"nobody"}"#,
        "{",
        r#"{"username":"y","password_hash":"md5$x$y"}"#,
        r#"{"username":"z","password_hash":"$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA"}"#,
        r#"{"username":"boss","role":"admin","permissions":["all"],"attributes":{"is_superuser":true}}"#,
        &long,
        r#"{"username":"s","status":"odd","created_at":"yesterday"}"#,
    ];
    home.write("users.jsonl", &lines.join("\n"));
    let said = run(&home, &["user", "import", "users.jsonl"]);
    assert_eq!(said.code, 1);
    for line in [2, 4, 5, 6, 7, 8, 9, 10, 11] {
        assert!(said.err.contains(&format!("users.jsonl:{line}: ")), "line {line}:\n{}", said.err);
    }
    assert!(!said.err.contains("users.jsonl:1:") && !said.err.contains("users.jsonl:3:"), "{}", said.err);
    assert_eq!(said.err.matches("--with-roles").count(), 3, "{}", said.err);
    assert!(said.err.contains("nothing was imported"));
    assert!(!said.err.contains("c2FsdHNhbHQ"), "no hash is shown");
    assert_eq!(run(&home, &["user", "list", "--json"]).ok(), "");
    assert_eq!(run(&home, &["user", "import", "absent.jsonl"]).code, 2);
}

#[test]
fn an_import_keeps_everything_and_comes_out_again() {
    let home = Home::new();
    let record = json!({
        "id": 4100, "uuid": "0f3b1c62-6f0a-4c5e-9d7a-2b8f3e1d4c5a", "username": "ana", "email": "ana@example.com",
        "email_verified": true, "first_name": "Ana", "last_name": "Pérez", "phone_number": "+34 600", "avatar": "https://a.example/x.png",
        "role": "editor", "permissions": ["read", "write"], "status": "suspended", "attributes": {"stats": {"n": 1}},
        "password_hash": HASH, "created_at": "2020-01-31T12:00:00.000Z", "last_login_at": "2024-02-29T00:00:00.000Z",
    });
    home.write("users.jsonl", &format!("{record}\n{{\"id\":4101,\"username\":\"bob\"}}\n"));
    let import = |more: &[&str]| {
        run(&home, &[&["user", "import", "users.jsonl", "--with-roles", "--json"], more].concat())
    };
    let report: Value = serde_json::from_str(&import(&["--dry-run"]).ok()).unwrap();
    assert_eq!((&report["added"], &report["dry_run"]), (&json!(2), &json!(true)));
    assert_eq!(report["schemes"], json!({ "django_pbkdf2_sha256": 1, "no password": 1 }));
    assert_eq!(run(&home, &["user", "list", "--json"]).ok(), "");
    let report: Value = serde_json::from_str(&import(&[]).ok()).unwrap();
    assert_eq!((&report["added"], &report["unchanged"]), (&json!(2), &json!(0)));
    let report: Value = serde_json::from_str(&import(&[]).ok()).unwrap();
    assert_eq!((&report["added"], &report["unchanged"]), (&json!(0), &json!(2)));
    let exported = run(&home, &["user", "export", "--with-hashes", "--plain"]).ok();
    let rows: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.contains(&record), "{exported}");
    let plain = run(&home, &["user", "export"]).ok();
    assert!(!plain.contains("pbkdf2") && plain.lines().count() == 2, "{plain}");
    run(&home, &["user", "export", "--with-hashes", "--plain", "--output", "out.jsonl"]).ok();
    assert_eq!(home.mode("out.jsonl"), 0o600);
    assert_eq!(run(&home, &["user", "export", "--output", "out.jsonl"]).code, 2, "never over another file");
    let other = Home::new();
    run_with(&other, &["user", "import", "-", "--with-roles"], &exported).ok();
    assert_eq!(run(&other, &["user", "export", "--with-hashes", "--plain"]).ok(), exported);
    let left = std::fs::read_dir(other.path("data"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("import-"));
    assert_eq!(left.count(), 0, "the copy of the standard input is gone");
}

#[test]
fn a_new_key_takes_over_and_the_old_one_still_verifies() {
    let home = Home::new();
    home.write(
        "countersign.toml",
        "[[mount]]\ndialect = \"native\"\n[[mount]]\ndialect = \"password-generator\"\n",
    );
    run(&home, &["init", "--config", "unused.toml"]).ok();
    let list =
        || -> Vec<Value> { serde_json::from_str(&run(&home, &["key", "list", "--json"]).ok()).unwrap() };
    let before = list();
    assert_eq!(before.len(), 2);
    assert!(before.iter().all(|key| key["role"] == "signs"));
    run(&home, &["key", "rotate", "native"]).ok();
    run(&home, &["key", "rotate", "password-generator"]).ok();
    let of = |dialect: &str, role: &str| {
        list().into_iter().filter(|key| key["dialect"] == dialect && key["role"] == role).collect::<Vec<_>>()
    };
    let (signs, waits) = (of("native", "signs"), of("native", "waits"));
    assert_eq!((signs.len(), waits.len()), (1, 1), "others see the new public key before it signs");
    assert_eq!(signs[0]["id"], before[0]["id"]);
    assert!(signs[0]["verifies_until"].as_str() > waits[0]["signs_from"].as_str());
    let (signs, old) = (of("password-generator", "signs"), of("password-generator", "verifies"));
    assert_eq!((signs.len(), old.len()), (1, 1));
    assert_eq!(old[0]["id"], before[1]["id"]);
    let text = run(&home, &["key", "list"]).ok();
    let secrets = std::fs::read_to_string(home.path("data/keys/password-generator.json")).unwrap();
    let file: Value = serde_json::from_str(&secrets).unwrap();
    assert!(!text.contains(file["keys"][0]["secret"].as_str().unwrap()));
}

#[test]
fn the_doctor_names_what_is_weak_and_what_is_open() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    home.write("countersign.toml", "[[mount]]\ndialect = \"password-generator\"\n");
    run(&home, &["user", "add", "ana", "--no-password"]).ok();
    assert_eq!(run(&home, &["doctor", "--security"]).code, 0);
    assert_eq!(run(&home, &["doctor", "--security", "--strict"]).code, 1);
    let rows: Vec<Value> =
        serde_json::from_str(&run(&home, &["doctor", "--security", "--json"]).ok()).unwrap();
    let weak: Vec<&str> =
        rows.iter().filter(|row| row["mark"] == "weak").map(|row| row["about"].as_str().unwrap()).collect();
    assert!(weak.contains(&"password-generator shared_secret"), "{weak:?}");
    std::fs::set_permissions(home.path("data/keys/tickets.json"), std::fs::Permissions::from_mode(0o644))
        .unwrap();
    let said = run(&home, &["doctor"]);
    assert!(said.code == 1 && said.out.contains("chmod 600"), "{said:?}");
}

/// A running server with its address. Killed when the value goes.
struct Running {
    child: Child,
    address: String,
    banner: Vec<String>,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.next().unwrap().rsplit_once("http://").unwrap().1.to_owned();
        let banner = lines.by_ref().take_while(|line| line != "also").collect();
        Running { child, address, banner }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn code(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The status of the answer to a GET; None when there is no answer.
    fn get(&self, path: &str) -> Option<u16> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.get(9..12)?.parse().ok()
    }

    fn wait_for(&self, path: &str, status: u16) {
        let began = Instant::now();
        while self.get(path) != Some(status) {
            assert!(began.elapsed() < PATIENCE, "{path} is not {status}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_first_start_makes_everything_and_a_signal_ends_it_well() {
    let home = Home::new();
    let mut server = Running::start(command(&home, &["serve", "--listen", "127.0.0.1:0"]));
    let banner = &server.banner;
    for needed in [
        "  made a database and secrets in data",
        "native",
        "password-generator",
        "uk-travel",
        "auths-v1",
        "nest-passport",
    ] {
        assert!(banner.iter().any(|line| line == needed), "{needed}: {banner:#?}");
    }
    assert!(
        banner
            .iter()
            .any(|line| line.contains("POST") && line.contains("/v1/sign-in") && line.contains("sign_in"))
    );
    let second = run(&home, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(second.code == 2 && second.err.contains("another server runs on data"), "{second:?}");
    let taken = run(&home, &["serve", "--listen", &server.address, "--data", "other"]);
    assert!(taken.code == 1 && taken.err.contains("in use"), "{taken:?}");
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.code(), Some(0));
    assert!(TcpListener::bind(&server.address).is_ok(), "the port is free again");
}

#[test]
fn a_hangup_puts_other_mounts_in_force_and_a_broken_file_none() {
    let home = Home::new();
    home.write("countersign.toml", "[[mount]]\ndialect = \"native\"\n");
    let server = Running::start(command(&home, &["serve", "--listen", "127.0.0.1:0"]));
    server.wait_for("/v1/me", 401);
    server.wait_for("/other/v1/me", 404);
    home.write("countersign.toml", "[[mount]]\ndialect = \"native\"\nprefix = \"/other\"\n");
    server.signal(rustix::process::Signal::HUP);
    server.wait_for("/other/v1/me", 401);
    assert_eq!(server.get("/v1/me"), Some(404));
    home.write("countersign.toml", "[[mount]]\ndialect = \"nativ\"\n");
    server.signal(rustix::process::Signal::HUP);
    // Whatever the broken file said would be seen after the good one that follows it.
    assert_eq!(server.get("/other/v1/me"), Some(401));
    home.write("countersign.toml", "[[mount]]\ndialect = \"native\"\nprefix = \"/third\"\n");
    server.signal(rustix::process::Signal::HUP);
    server.wait_for("/third/v1/me", 401);
}

#[test]
fn a_shortage_of_descriptors_passes() {
    let home = Home::new();
    let mut shell = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_countersign");
    shell
        .arg("-c")
        .arg(format!("ulimit -n 64; exec {program} serve --listen 127.0.0.1:0"))
        .current_dir(home.path(""));
    let server = Running::start(shell);
    let crowd: Vec<TcpStream> = (0..100).filter_map(|_| TcpStream::connect(&server.address).ok()).collect();
    assert!(crowd.len() > 64);
    assert_eq!(server.get("/health/live"), None, "no descriptor is left");
    drop(crowd);
    server.wait_for("/health/live", 200);
}
