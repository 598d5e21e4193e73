//! Is the configured database the one that is used, and is its password never shown? (SEC-111)

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use countersign_server::config::{Config, Sources};
use engine::{Place, PostgresAddress, PostgresSettings, SynchronousCommit};
use world::Home;
use world::console::{run, run_in};

const URL: &str = "postgres://ana:hunter2@db1.example.com,db2.example.com:5433/c";

fn load(home: &Home, file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    home.write_mode("c.toml", file, 0o600);
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config = Some(home.path("c.toml"));
    let sources = Sources { config, environment: environment.collect(), ..Sources::default() };
    Config::load(&sources).map_err(|faults| {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        told.join("\n").replace(&format!("{}/", home.path("").display()).replace("//", "/"), "")
    })
}

fn postgres(config: &Config) -> (PostgresAddress, PostgresSettings) {
    match config.database() {
        Place::Postgres(address, settings) => (*address, settings),
        place @ (Place::File(_) | Place::Memory) => panic!("{place:?}"),
    }
}

#[test]
fn a_database_is_a_file_or_a_postgresql() {
    let home = Home::new();
    let file = |text: &str| load(&home, text, &[]).unwrap().database_file();
    assert_eq!(file("data = \"d\""), Some(home.path("d/countersign.db")));
    assert_eq!(file("database = \"sqlite:other.db\""), Some(home.path("other.db")));
    assert_eq!(file("database = \"sqlite:/var/lib/c.db\""), Some("/var/lib/c.db".into()));
    assert_eq!(file(&format!("database = {URL:?}")), None);
    let config = load(&home, "", &[("COUNTERSIGN_DATABASE", URL)]).unwrap();
    let (address, settings) = postgres(&config);
    assert_eq!(address.hosts(), "db1.example.com:5432,db2.example.com:5433/c");
    assert_eq!(address.config().get_password(), Some(&b"hunter2"[..]));
    assert_eq!(settings, PostgresSettings::default());
    let table = "[postgres]\nreaders = 3\nwriters = 5\npool_wait_ms = 11\nstatement_timeout_ms = 101\n\
        lock_timeout_ms = 102\nidle_in_transaction_timeout_ms = 103\nsynchronous_commit = \"remote_apply\"\n";
    let config = load(&home, &format!("database = \"postgres://db/c\"\n{table}"), &[]).unwrap();
    let wanted = PostgresSettings {
        readers: 3,
        writers: 5,
        pool_wait_ms: 11,
        statement_timeout_ms: 101,
        lock_timeout_ms: 102,
        idle_in_transaction_timeout_ms: 103,
        synchronous_commit: SynchronousCommit::RemoteApply,
    };
    assert_eq!(postgres(&config).1, wanted);
}

#[test]
fn a_password_comes_from_one_place() {
    let home = Home::new();
    home.write_mode("password", "from a file\n", 0o600);
    let bare = "database = \"postgres://ana@db/c\"\n";
    let password = |file: &str, environment: &[(&str, &str)]| {
        let config = load(&home, file, environment)?;
        Ok::<_, String>(postgres(&config).0.config().get_password().map(<[u8]>::to_vec))
    };
    let named = format!("{bare}database_password_file = \"password\"\n");
    let variable = ("COUNTERSIGN_DATABASE_PASSWORD", "from outside");
    assert_eq!(password(bare, &[]).unwrap(), None);
    assert_eq!(password(&named, &[]).unwrap().unwrap(), b"from a file");
    assert_eq!(password(bare, &[variable]).unwrap().unwrap(), b"from outside");
    let twice = password(&named, &[variable]).unwrap_err();
    assert!(twice.starts_with("c.toml:2: the password is given twice"), "{twice}");
    let twice = password(&format!("database = {URL:?}"), &[variable]).unwrap_err();
    assert!(twice.starts_with("c.toml:1: the password is given twice"), "{twice}");
    home.write_mode("password", "from a file\n", 0o604);
    let open = password(&named, &[]).unwrap_err();
    assert!(open.starts_with("c.toml:2: database_password_file: ") && open.contains("chmod 600"), "{open}");
    std::fs::remove_file(home.path("password")).unwrap();
    let gone = password(&named, &[]).unwrap_err();
    assert!(
        gone.starts_with("c.toml:2: database_password_file: ") && gone.contains("can not be read"),
        "{gone}"
    );
}

#[test]
fn what_is_wrong_is_one_line_and_exit_code_2_and_nothing_is_made() {
    let home = Home::new();
    for (file, expected) in [
        ("database = \"mysql://ana:hunter2@db/c\"", "c.toml:1: database: write \"sqlite:/path/to/file.db\""),
        ("database = \"hunter2.db\"", "c.toml:1: database: write \"sqlite:/path/to/file.db\""),
        ("\ndatabase = \"postgres://ana:hunter2@db\"", "c.toml:2: database: name the database at the end"),
        (
            "database = \"postgres://ana:hunter2@db:x/c\"",
            "c.toml:1: database: this is no PostgreSQL URL: invalid value for option `port`",
        ),
        ("database = \"postgres://ana:hun/ter2@db/c\"", "c.toml:1: database: in user, password and names"),
        (
            "database = \"postgres://ana:hunter2@db/c?sslmode=require\"",
            "c.toml:1: database: this sslmode does not check",
        ),
        (
            "database = \"postgres://ana:hunter2@db/c?ssl=1\"",
            "c.toml:1: database: the URL has no parameter `ssl`; there are sslmode",
        ),
        ("database = \"postgres://ana:hunter2@db/c", "c.toml:1: "),
        ("database = 1", "c.toml:1: database: this is of the type integer, a text is needed"),
        ("[postgres]\nreaders = 0", "c.toml:2: postgres.readers: 0 is not from 1 to 16"),
        ("[postgres]\nwriters = 65", "c.toml:2: postgres.writers: 65 is not from 1 to 64"),
        (
            "[postgres]\nsynchronous_commit = \"off\"",
            "c.toml:2: postgres.synchronous_commit: \"off\" would lose what was answered",
        ),
        (
            "[postgres]\nsynchronous_commit = \"locl\"",
            "c.toml:2: postgres.synchronous_commit: \"locl\" is none of on, remote_apply, remote_write, local, did you mean \"local\"?",
        ),
    ] {
        let told = load(&home, file, &[]).map(|_| ()).unwrap_err();
        assert!(told.starts_with(expected) && told.lines().count() == 1, "{file}\n  told {told}");
        let said = run(&home, &["serve", "--config", "c.toml"]);
        assert_eq!(
            (said.code, said.err.lines().count(), said.out.as_str()),
            (2, 1, ""),
            "{file}: {}",
            said.err
        );
        assert!(!told.contains("hun") && !said.err.contains("hun"), "{told}{}", said.err);
    }
    assert!(!home.path("data").exists());
}

#[test]
fn no_command_shows_the_password() {
    // SEC-111
    let home = Home::new();
    let config = load(&home, &format!("database = {URL:?}"), &[]).unwrap();
    let printed = format!("{config:?} {config:#?}");
    assert!(printed.contains("ana:…@db1") && !printed.contains("hunter"), "{printed}");
    home.write_mode("countersign.toml", &format!("database = {URL:?}\n"), 0o600);
    let shown = "postgres://ana:…@db1.example.com,db2.example.com:5433/c";
    for arguments in [&["config"][..], &["config", "--json"]] {
        let said = run(&home, arguments);
        assert!(said.code == 0 && said.out.contains(shown), "{}{}", said.out, said.err);
        assert!(!said.out.contains("hunter2"), "{}", said.out);
    }
    // With a name that can not be found, so that nothing goes out to a network.
    let far = "postgres://ana:hunter2@db.invalid/c";
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["doctor", "--security"],
        &["doctor", "--json"],
        &["user", "list"],
        &["audit", "verify"],
        &["admin", "list"],
        &["mail", "queue"],
        &["routes"],
        &["init", "--config", "new.toml"],
    ] {
        for environment in [("COUNTERSIGN_DATABASE", far), ("COUNTERSIGN_DATABASE_PASSWORD", "hunter2")] {
            let bare = ("COUNTERSIGN_DATABASE", "postgres://ana@db.invalid/c");
            let said = run_in(&home, arguments, &[bare, environment]);
            let text = format!("{}{}", said.out, said.err);
            assert!(!text.contains("hunter2"), "{arguments:?}: {text}");
        }
    }
}

#[test]
fn a_password_that_everybody_can_see_is_refused() {
    // SEC-111
    let home = Home::new();
    for arguments in [&["config"][..], &["init"]] {
        let said = run(&home, &[arguments, &["--database", URL]].concat());
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains("command line --database: everybody on this machine sees"), "{}", said.err);
        assert!(!said.err.contains("hunter2") && !home.path("countersign.toml").exists());
    }
    home.write_mode("countersign.toml", &format!("database = {URL:?}\n"), 0o644);
    let said = run(&home, &["config"]);
    assert!(
        said.code == 2 && said.err.contains("countersign.toml:1: everybody on this machine can read"),
        "{}",
        said.err
    );
    assert!(!said.err.contains("hunter2"));
    home.write_mode("countersign.toml", "database = \"postgres://ana@db/c\"\n", 0o644);
    assert_eq!(run(&home, &["config"]).code, 0);
}

#[test]
fn another_file_of_sqlite_is_made_used_and_locked() {
    let home = Home::new();
    let database = ["--database", "sqlite:else/where.db"];
    let said = run(&home, &[&["user", "add", "ana", "--no-password"][..], &database].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!((home.mode("else"), home.mode("else/where.db")), (0o700, 0o600));
    assert!(!home.path("data/countersign.db").exists());
    let said = run(&home, &[&["user", "list"][..], &database].concat());
    assert!(said.out.contains("ana"), "{}{}", said.out, said.err);
    let said = run(&home, &["user", "list"]);
    assert!(!said.out.contains("ana"), "{}", said.out);
}

#[test]
fn with_a_postgresql_no_file_of_a_database_is_made() {
    let home = Home::new();
    let environment = [("COUNTERSIGN_DATABASE", "postgres://ana@db.invalid/c")];
    for arguments in [&["user", "list"][..], &["audit", "tail"], &["serve", "--listen", "127.0.0.1:0"]] {
        let said = run_in(&home, arguments, &environment);
        assert_eq!((said.code, said.err.lines().count()), (2, 1), "{arguments:?}: {}", said.err);
        assert!(said.err.contains("db.invalid:5432/c"), "{}", said.err);
    }
    let names = std::fs::read_dir(home.path("data")).into_iter().flatten().flatten();
    let names: Vec<_> = names.map(|entry| entry.file_name()).filter(|name| name != "keys").collect();
    assert!(names.is_empty(), "{names:?}");
}
