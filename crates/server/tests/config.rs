//! Is every mistake in the configuration told, with its line and a hint, and nothing else? (REL-19)

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use countersign_server::config::{Config, Sources, UpstreamConfig};
use domain::phase::Phase;
use std::time::Duration;
use world::Home;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let home = Home::new();
    home.write("c.toml", file);
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config = Some(home.path("c.toml"));
    let sources = Sources { config, environment: environment.collect(), ..Sources::default() };
    let folder = format!("{}/", home.path("").display()).replace("//", "/");
    let told = |fault: &countersign_server::config::ConfigFault| fault.to_string().replace(&folder, "");
    Config::load(&sources).map_err(|faults| faults.iter().map(told).collect())
}

/// Broken file and everything that has to be told about it.
const BROKEN: &[(&str, &[&str])] = &[
    ("lisen = \"127.0.0.1:1\"", &["c.toml:1: there is no setting \"lisen\", did you mean \"listen\"?"]),
    (
        "\n\npublic-url = \"\"",
        &["c.toml:3: there is no setting \"public-url\", did you mean \"public_url\"?"],
    ),
    ("colour = 1", &["c.toml:1: there is no setting \"colour\""]),
    ("[hashin]\nmemory_kib = 1", &["c.toml:1: there is no setting \"hashin\", did you mean \"hashing\"?"]),
    ("[hashing]\nmemory = 1", &["c.toml:2: there is no setting \"hashing.memory\""]),
    (
        "[hashing]\nmemory_kb = 1",
        &["c.toml:2: there is no setting \"hashing.memory_kb\", did you mean \"memory_kib\"?"],
    ),
    (
        "memory_kib = 19456",
        &["c.toml:1: there is no setting \"memory_kib\", did you mean \"hashing.memory_kib\"?"],
    ),
    (
        "[log]\nlisten = \"127.0.0.1:1\"",
        &["c.toml:2: there is no setting \"log.listen\", did you mean \"listen\"?"],
    ),
    ("hashing = 3", &["c.toml:1: \"hashing\" is a section: write [hashing]"]),
    (
        "listen = \"localhost\"",
        &["c.toml:1: listen: \"localhost\" is not an address and port like \"127.0.0.1:8000\""],
    ),
    ("listen = \"127.0.0.1\"", &["c.toml:1: listen: \"127.0.0.1\" is not an address and port"]),
    (
        "[recovery]\nrequire_verified = \"on\"",
        &["recovery.require_verified: recovery.require_verified needs mail.transport"],
    ),
    (
        "[passwords]\nbreach_url = \"https://api.example.com/range\"",
        &["c.toml:2: passwords.breach_url: \"https://api.example.com/range\" is not a URL like"],
    ),
    (
        "[passwords]\nbreach_url = \"https://api.example.com\"",
        &["c.toml:2: passwords.breach_url: \"https://api.example.com\" is not a URL like"],
    ),
    (
        "[passwords]\nbreach_url = \"https://api.example.com/range/?prefix=/\"",
        &["c.toml:2: passwords.breach_url: \"https://api.example.com/range/?prefix=/\" is not a URL like"],
    ),
    (
        "[passwords]\nbreach_url = \"http://api.example.com/range/\"",
        &[
            "c.toml:2: passwords.breach_url: \"http://api.example.com/range/\": what is asked would travel in clear",
        ],
    ),
    ("[passwords]\nbreach_timeout = \"1m\"", &["c.toml:2: passwords.breach_timeout: "]),
    ("listen = 8000", &["c.toml:1: listen: this is of the type integer, a text is needed"]),
    ("data = [\"a\"]", &["c.toml:1: data: this is of the type array, a text is needed"]),
    ("public_url = \"example.com\"", &["c.toml:1: public_url: \"example.com\" is not a public address"]),
    (
        "public_url = \"https://example.com/\"",
        &["c.toml:1: public_url: \"https://example.com/\" is not a public address"],
    ),
    ("public_url = \"https://Example.com\"", &["c.toml:1: public_url: \"https://Example.com\" is not"]),
    (
        "public_url = \"https://user@example.com\"",
        &["c.toml:1: public_url: \"https://user@example.com\" is not"],
    ),
    ("public_url = \"https://example.com:x\"", &["c.toml:1: public_url: \"https://example.com:x\" is not"]),
    ("public_url = \"ftp://example.com\"", &["c.toml:1: public_url: \"ftp://example.com\" is not"]),
    (
        "trusted_proxies = \"10.0.0.0/8\"",
        &["c.toml:1: trusted_proxies: this is of the type string, a list of texts is needed"],
    ),
    ("trusted_proxies = [10]", &["c.toml:1: trusted_proxies: every entry of the list is a text"]),
    (
        "trusted_proxies = [\"10.0.0.0/33\"]",
        &["c.toml:1: trusted_proxies: \"10.0.0.0/33\" is not an address block"],
    ),
    (
        "trusted_proxies = [\"0.0.0.0/0\"]",
        &["c.toml:1: trusted_proxies: \"0.0.0.0/0\" would trust every client"],
    ),
    ("trusted_proxies = [\"::/0\"]", &["c.toml:1: trusted_proxies: \"::/0\" would trust every client"]),
    (
        "[hashing]\nbackend = \"smid\"",
        &["c.toml:2: hashing.backend: \"smid\" is none of simd, portable, did you mean \"simd\"?"],
    ),
    (
        "[hashing]\nmemory_kib = \"19456\"",
        &["c.toml:2: hashing.memory_kib: this is of the type string, a whole number is needed"],
    ),
    ("[hashing]\nmemory_kib = 1", &["c.toml:2: hashing.memory_kib: 1 is not from 8 to 262144"]),
    ("[hashing]\npasses = -1", &["c.toml:2: hashing.passes: -1 is not from 1 to 16"]),
    ("[hashing]\nlanes = 1.5", &["c.toml:2: hashing.lanes: this is of the type float"]),
    ("[hashing]\nmemory_kib = 8\nlanes = 16", &["c.toml:2: hashing: "]),
    ("[timeouts]\nheader = 10", &["c.toml:2: timeouts.header: give the unit: \"10s\""]),
    ("[timeouts]\nheader = \"10\"", &["c.toml:2: timeouts.header: \"10\" is not a length of time"]),
    (
        "[timeouts]\nheader = \"ten seconds\"",
        &["c.toml:2: timeouts.header: \"ten seconds\" is not a length of time"],
    ),
    ("[timeouts]\nbody = \"1ms\"", &["c.toml:2: timeouts.body: \"1ms\" is not from 100ms to 3600s"]),
    ("[timeouts]\nhandler = \"2d\"", &["c.toml:2: timeouts.handler: \"2d\" is not a length of time"]),
    ("[sessions]\nper_user = 0", &["c.toml:2: sessions.per_user: 0 is not from 1 to 10000"]),
    ("[limits]\nmax_connections = 0", &["c.toml:2: limits.max_connections: 0 is not from 1 to 1000000"]),
    ("[log]\nformat = \"xml\"", &["c.toml:2: log.format: \"xml\" is none of auto, human, json"]),
    (
        "[log]\nlevel = \"inof\"",
        &["c.toml:2: log.level: \"inof\" is none of error, warn, info, debug, trace, did you mean \"info\"?"],
    ),
    ("roles = 1", &["c.toml:1: \"roles\" is a section: write [roles.editor]"]),
    ("[roles]\neditor = 1", &["c.toml:2: a role is a table: write [roles.editor]"]),
    ("[roles.\"an editor\"]", &["c.toml:1: the role \"an editor\" has other characters than letters"]),
    (
        "[roles.editor]\npermission = [\"a\"]",
        &["c.toml:2: a role has no \"permission\", did you mean \"permissions\"?"],
    ),
    ("[roles.editor]\npermissions = \"a\"", &["c.toml:2: permissions: a list of texts is needed"]),
    ("[roles.editor]\npermissions = [1]", &["c.toml:2: permissions: every entry of the list is a text"]),
    ("[roles.editor]\npermissions = [\"a\", \"a\"]", &["c.toml:2: the permission \"a\" is given twice"]),
    ("[roles.editor]\npermissions = [\"\"]", &["c.toml:2: the permission \"\" has no name"]),
    ("[roles.editor]\nneeds_factor = \"yes\"", &["c.toml:2: needs_factor: write true or false"]),
    ("mount = \"native\"", &["c.toml:1: write [[mount]] with two brackets"]),
    ("[mount]\ndialect = \"native\"", &["c.toml:1: write [[mount]] with two brackets"]),
    ("mount = [\"native\"]", &["c.toml:1: a mount is a table: write [[mount]]"]),
    ("\n[[mount]]\nprefix = \"/a\"", &["c.toml:2: a mount needs `dialect = \"…\"`"]),
    (
        "[[mount]]\ndialect = \"pasword-generator\"",
        &["c.toml:1: there is no dialect \"pasword-generator\", did you mean \"password-generator\"?"],
    ),
    ("[[mount]]\ndialect = \"zzz\"", &["c.toml:1: there is no dialect \"zzz\"; there are native, "]),
    ("[[mount]]\ndialect = 1", &["c.toml:2: dialect: this is of the type integer, a text is needed"]),
    (
        "[[mount]]\ndialect = \"native\"\nprefx = \"/a\"",
        &["c.toml:3: a mount has no \"prefx\", did you mean \"prefix\"?"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nprefix = \"a\"",
        &["c.toml:3: prefix: \"a\" is not a path like \"/accounts\""],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nprefix = \"/a/../b\"",
        &["c.toml:3: prefix: \"/a/../b\" is not a path"],
    ),
    ("[[mount]]\ndialect = \"native\"\nprefix = \"/a b\"", &["c.toml:3: prefix: \"/a b\" is not a path"]),
    ("[[mount]]\ndialect = \"native\"\nhost = \"a:80\"", &["c.toml:3: host: \"a:80\" is not a host name"]),
    ("[[mount]]\ndialect = \"native\"\nsecret_file = \"\"", &["c.toml:3: secret_file is empty"]),
    (
        "[[mount]]\ndialect = \"native\"\naccept_until = \"soon\"",
        &["c.toml:3: accept_until: write a date and time with its offset"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\naccept_until = 2027-01-31",
        &["c.toml:3: accept_until: write a date and time"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nold_secret_file = \"s\"",
        &["c.toml:1: old keys need `accept_until`: the day on which the last old token has ended"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nold_jwks_file = \"j\"\naccept_until = 2030-01-01T00:00:00Z",
        &["c.toml:1: old_jwks_file needs `issuer` or `audience` in [mount.old_claims]"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\n[mount.old_claims]\nissuer = \"x\"",
        &["c.toml:1: old_claims needs old_jwks_file or old_secret_file"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nold_secret_file = \"s\"\n[mount.old_claims]\nisuer = \"x\"",
        &["c.toml:4: old_claims has no \"isuer\", did you mean \"issuer\"?"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nold_secret_file = \"s\"\n[mount.old_claims]\nuser = \"sub\"",
        &["c.toml:4: old_claims: `user` needs `user_is`"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nold_secret_file = \"s\"\n[mount.old_claims]\nuser_is = \"name\"",
        &["c.toml:4: old_claims.user_is: \"name\" is none of"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nold_secret_file = \"s\"\n[mount.old_claims]\nrefresh = \"r\"",
        &["c.toml:4: old_claims: `access` and `refresh` are what the claim in `kind` says"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nold_claims = \"sub\"",
        &["c.toml:3: old_claims is a section: write [mount.old_claims]"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nallowed_origins = [\"*\"]",
        &["c.toml:3: allowed_origins: \"*\" would let every page read answers"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nallowed_origins = [\"null\"]",
        &["c.toml:3: allowed_origins: \"null\" is the origin of every sandboxed page"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nallowed_origins = [\"https://a.example/\"]",
        &["c.toml:3: allowed_origins: \"https://a.example/\" is not an origin"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nallowed_origins = [\"https://*.example\"]",
        &["c.toml:3: allowed_origins: \"https://*.example\" is not an origin"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nupstream = \"old.example\"",
        &["c.toml:3: upstream: \"old.example\" is not a URL like \"https://old.example\""],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nupstream = \"https://u:p@old.example\"",
        &["c.toml:3: upstream: \"https://u:p@old.example\" is not a URL"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nupstream = \"https://old.example/a/../b\"",
        &["c.toml:3: upstream: \"https://old.example/a/../b\" is not a URL"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nupstream = \"http://2130706433\"",
        &["c.toml:3: upstream: \"http://2130706433\": \"2130706433\" is no host; write an address like"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nupstream = \"https://old.example\"\nupstream_timeout = \"31s\"",
        &["c.toml:4: upstream_timeout: \"31s\" is not from 1s to 30s"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nupstream = \"https://old.example\"\nupstream_timeout = \"10s\"",
        &["c.toml:1: upstream_timeout (10s) has to be shorter than timeouts.handler (10s)"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nupstream = \"https://old.example\"\nupstream_parallel = 0",
        &["c.toml:4: upstream_parallel: 0 is not from 1 to 256"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nupstream = \"https://old.example\"\nupstream_private = \"yes\"",
        &["c.toml:4: upstream_private: write true or false"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nupstream = \"https://old.example\"\nupstream_host = \"a/b\"",
        &["c.toml:4: upstream_host: \"a/b\" is neither \"keep\" nor a host like"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nupstream = \"https://old.example\"\nphase = \"shaddow\"",
        &["c.toml:4: phase: \"shaddow\" is none of shadow, dual, cut, did you mean \"shadow\"?"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nphase = \"dual\"",
        &["c.toml:1: `phase` means nothing without `upstream = \"https://…\"`"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\nallow_credentials = \"yes\"",
        &["c.toml:3: allow_credentials: write true or false"],
    ),
    (
        "[[mount]]\ndialect = \"native\"\n[[mount]]\ndialect = \"native\"",
        &["c.toml:3: \"native\" is mounted twice in the same place"],
    ),
    ("listen = ", &["c.toml:1: "]),
    ("listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"", &["c.toml:2: duplicate key"]),
    (
        "lisen = 1\n[hashing]\npasses = 0\nfoo = 2\n[timeouts]\nbody = 3\n[[mount]]\ndialect = \"native\"\nprefix = \"x\"",
        &[
            "c.toml:1: there is no setting \"lisen\"",
            "c.toml:3: hashing.passes: 0 is not from 1 to 16",
            "c.toml:4: there is no setting \"hashing.foo\"",
            "c.toml:6: timeouts.body: give the unit",
            "c.toml:9: prefix: \"x\" is not a path",
        ],
    ),
];

#[test]
fn every_fault_of_a_file_is_told_with_its_line() {
    for (file, expected) in BROKEN {
        let told = load(file, &[]).err().unwrap_or_else(|| panic!("accepted:\n{file}"));
        assert_eq!(told.len(), expected.len(), "{file}\n{told:#?}");
        for (told, expected) in told.iter().zip(*expected) {
            assert!(told.starts_with(expected), "{file}\n  told     {told}\n  expected {expected}");
        }
    }
}

#[test]
fn every_fault_of_the_environment_is_told_with_its_name() {
    let table: &[(&str, &str, Option<&str>)] = &[
        (
            "COUNTERSIGN_LISTEN",
            "nowhere",
            Some("environment COUNTERSIGN_LISTEN: \"nowhere\" is not an address"),
        ),
        (
            "COUNTERSIGN_LISTN",
            "x",
            Some(
                "environment COUNTERSIGN_LISTN: there is no setting \"COUNTERSIGN_LISTN\", did you mean \"COUNTERSIGN_LISTEN\"?",
            ),
        ),
        (
            "COUNTERSIGN_HASHING__PASES",
            "1",
            Some("environment COUNTERSIGN_HASHING__PASES: there is no setting"),
        ),
        (
            "COUNTERSIGN_HASHING__PASSES",
            "many",
            Some("environment COUNTERSIGN_HASHING__PASSES: \"many\" is not a whole number from 1 to 16"),
        ),
        (
            "COUNTERSIGN_MOUNT__DIALECT",
            "native",
            Some("environment COUNTERSIGN_MOUNT__DIALECT: mounts are written in the configuration file only"),
        ),
        (
            "COUNTERSIGN_TRUSTED_PROXIES",
            "10.0.0.0/8, nobody",
            Some("environment COUNTERSIGN_TRUSTED_PROXIES: \"nobody\" is not an address block"),
        ),
        ("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8", None),
        ("COUNTERSIGN_TIMEOUTS__KEEP_ALIVE", "2m", None),
        ("COUNTERSIGN_LISTEN", "", None),
        ("COUNTERSIGN_CRASH_ROUNDS", "7", None),
    ];
    for (name, value, expected) in table {
        match (load("", &[(*name, *value)]), expected) {
            (Ok(_), None) => {}
            (Err(told), Some(expected)) => {
                assert_eq!(told.len(), 1, "{told:?}");
                assert!(told[0].starts_with(expected), "told {}", told[0]);
            }
            (result, expected) => panic!("{name}={value}: {:?}, expected {expected:?}", result.err()),
        }
    }
}

#[test]
fn later_sources_win_and_are_named() {
    let file = "listen = \"127.0.0.1:1\"\ndata = \"kept\"\n[hashing]\npasses = 3\n";
    let home = Home::new();
    home.write("c.toml", file);
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let environment = vec![set("COUNTERSIGN_LISTEN", "127.0.0.1:2"), set("COUNTERSIGN_HASHING__PASSES", "4")];
    let (config, listen) = (Some(home.path("c.toml")), Some("127.0.0.1:3".to_owned()));
    let config = Config::load(&Sources { config, listen, environment, ..Sources::default() }).unwrap();
    let origin = |name: &str| {
        let value = config.values.iter().find(|(one, ..)| *one == name).unwrap();
        (value.1.to_string(), value.2.to_string())
    };
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.hashing.params.passes(), 4);
    assert_eq!(config.data, home.path("kept"), "a path in a file is relative to the file");
    assert_eq!(origin("listen"), ("\"127.0.0.1:3\"".to_owned(), "command line --listen".to_owned()));
    assert_eq!(
        origin("hashing.passes"),
        ("4".to_owned(), "environment COUNTERSIGN_HASHING__PASSES".to_owned())
    );
    assert_eq!(origin("data").1, format!("{}:2", home.path("c.toml").display()));
    assert_eq!(origin("hashing.lanes"), ("1".to_owned(), "default".to_owned()));
}

#[test]
fn a_named_file_has_to_be_there() {
    let config = Some("there/is/no/such.toml".into());
    let faults = Config::load(&Sources { config, ..Sources::default() }).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].to_string().contains("`countersign init` writes one"), "{}", faults[0]);
}

#[test]
fn a_whole_file_is_read() {
    let config = load(
        "public_url = \"https://id.example.com\"\ntrusted_proxies = [\"10.0.0.1\", \"fd00::/8\"]\n\
         [timeouts]\nheader = \"1500ms\"\n[[mount]]\ndialect = \"native\"\nprefix = \"/accounts/\"\nhost = \"ID.example.com\"\n\
         secret_file = \"s\"\naccept_until = 2027-01-31T00:00:00Z\nallowed_origins = [\"https://app.example.com\", \"http://localhost:3000\"]\n\
         allow_credentials = true\n",
        &[],
    )
    .unwrap();
    let mount = &config.mounts[0];
    assert_eq!((mount.prefix.as_str(), mount.host.as_str()), ("/accounts", "id.example.com"));
    assert_eq!(mount.accept_until.unwrap().rfc3339(0), "2027-01-31T00:00:00Z");
    assert_eq!(mount.allowed_origins.len(), 2);
    assert!(mount.allow_credentials && mount.secret_file.as_ref().unwrap().is_absolute());
    assert_eq!(config.timeouts.header.as_millis(), 1500);
    assert_eq!(config.trusted_proxies[0].to_string(), "10.0.0.1/32");
}

// SEC-65
#[test]
fn the_strict_preset_shortens_what_follows_it_and_nothing_else() {
    let contracts = |file: &str| {
        let loaded = countersign_server::mounts::load(&load(file, &[]).unwrap()).unwrap();
        loaded.into_iter().map(|one| one.dialect.contract.clone()).collect::<Vec<_>>()
    };
    for (standard, strict) in contracts("").iter().zip(contracts("preset = \"strict\"")) {
        let rotates = strict.rotates();
        if strict.name == "auths-v1" {
            assert_eq!(format!("{standard:?}"), format!("{strict:?}"));
            continue;
        }
        let life = if strict.refresh.is_some() { 600 } else { 86_400 };
        assert!(strict.access.lifetime_seconds <= life, "{}", strict.name);
        assert_eq!(strict.idle_seconds, (!rotates).then_some(3600), "{}", strict.name);
        if let Some(plan) = &strict.refresh {
            assert!(plan.absolute_seconds <= 86_400 && (!rotates || plan.lifetime_seconds <= 3600));
        }
        assert!(strict.passwords.min_length >= 15 && strict.passwords.refuse_common);
        let weak = domain::contract::Weakening::WeakPasswords;
        assert!(!strict.weakenings.contains(&weak));
    }
}

#[test]
fn a_mount_names_the_application_that_it_takes_over_from() {
    let mount = |words: &str| {
        let file = format!("[[mount]]\ndialect = \"native\"\n{words}");
        load(&file, &[]).unwrap().mounts.remove(0).upstream
    };
    assert_eq!(mount(""), None);
    let plain = mount("upstream = \"https://old.example/\"").unwrap();
    assert_eq!(plain, UpstreamConfig::plain("https://old.example"));
    let all = mount(
        "upstream = \"http://[::1]:8001/api/\"\nupstream_timeout = \"1500ms\"\nupstream_parallel = 8\n\
         upstream_private = true\nupstream_host = \"old.example:8001\"\nphase = \"dual\"",
    );
    let expected = UpstreamConfig {
        timeout: Duration::from_millis(1500),
        parallel: 8,
        private: true,
        host: Some("old.example:8001".parse().unwrap()),
        phase: Phase::Dual,
        ..UpstreamConfig::plain("http://[::1]:8001/api")
    };
    assert_eq!(all, Some(expected));
}

#[test]
fn configured_roles_are_the_only_ones() {
    let file =
        "[roles.editor]\npermissions = [\"post.write\", \"post.read\"]\nneeds_factor = true\n[roles.user]\n";
    let house = load(file, &[]).unwrap().house;
    assert_eq!(house.roles.0["editor"].permissions, ["post.write", "post.read"]);
    assert!(house.roles.needs_factor("editor") && !house.roles.needs_factor("user"));
    assert_eq!(house.check_role("admin"), Err(vec!["editor", "user"]));
    assert_eq!(load("", &[]).unwrap().house.check_role("anything"), Ok(()));
}
