//! Is every address of a PostgreSQL read as it is meant, and every wrong one refused without its password?

use super::*;

const CLEAR: PostgresTls = PostgresTls::Off;
const PUBLIC: PostgresTls = PostgresTls::Verified { roots: None };

fn parse(url: &str) -> PostgresAddress {
    PostgresAddress::parse(url).unwrap_or_else(|fault| panic!("{url}: {fault}"))
}

#[test]
fn an_address_says_where_and_how() {
    let rooted = PostgresTls::Verified { roots: Some(PathBuf::from("/etc/our ca.pem")) };
    for (url, hosts, tls, in_clear) in [
        ("postgres://u:p@db1:5432,db2:5433/name", "db1:5432,db2:5433/name", &PUBLIC, false),
        ("postgresql://u@db.example.com/c", "db.example.com:5432/c", &PUBLIC, false),
        ("postgres://u@[::1]:5/c", "[::1]:5/c", &CLEAR, false),
        ("postgres://u@127.0.0.2/c", "127.0.0.2:5432/c", &CLEAR, false),
        ("postgres://u@localhost:1,db2/c", "localhost:1,db2:5432/c", &PUBLIC, false),
        ("postgres://u@10.0.0.1/c?sslmode=disable", "10.0.0.1:5432/c", &CLEAR, true),
        ("postgres://u@localhost/c?sslmode=disable", "localhost:5432/c", &CLEAR, false),
        ("postgres://u@localhost/c?sslmode=verify-full", "localhost:5432/c", &PUBLIC, false),
        ("postgres://u@localhost/c?sslrootcert=/etc/our%20ca.pem", "localhost:5432/c", &rooted, false),
        ("postgres://%2Frun%2Fpg:5433/c", "/run/pg:5433/c", &CLEAR, false),
        ("postgres:///c?host=/run/pg", "/run/pg:5432/c", &CLEAR, false),
        ("postgres://u@/c?host=/run/pg&port=7", "/run/pg:7/c", &CLEAR, false),
        ("postgres:///c?host=db1&host=db2&port=7", "db1:7,db2:7/c", &PUBLIC, false),
    ] {
        let address = parse(url);
        assert_eq!((address.hosts().as_str(), address.tls()), (hosts, tls), "{url}");
        assert_eq!(address.crosses_in_clear(), in_clear, "{url}");
        let mode = if *tls == CLEAR { SslMode::Disable } else { SslMode::Require };
        assert_eq!(address.config().get_ssl_mode(), mode, "{url}");
    }
}

#[test]
fn what_the_url_leaves_open_is_chosen_and_what_it_says_holds() {
    let config = parse("postgres://u@db/c").config();
    assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(2)));
    assert_eq!(config.get_application_name(), Some("countersign"));
    assert_eq!((config.get_user(), config.get_password()), (Some("u"), None));
    let config = parse(
        "postgres://u:a%40b%2F%C3%A9@db/c?target_session_attrs=any&connect_timeout=5&application_name=x",
    );
    let config = config.config();
    assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::Any);
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(5)));
    assert_eq!(config.get_application_name(), Some("x"));
    assert_eq!(config.get_password(), Some("a@b/é".as_bytes()));
}

#[test]
fn a_password_from_elsewhere_fills_the_gap_and_no_more() {
    let password = |url: &str| {
        let address = parse(url).with_password(Secret::new("elsewhere"));
        address.config().get_password().map(<[u8]>::to_vec)
    };
    assert_eq!(password("postgres://u@db/c").as_deref(), Some(&b"elsewhere"[..]));
    assert_eq!(password("postgres://u:@db/c").as_deref(), Some(&b"elsewhere"[..]));
    assert_eq!(password("postgres://u:own@db/c").as_deref(), Some(&b"own"[..]));
    assert_ne!(parse("postgres://u:a@db/c"), parse("postgres://u:b@db/c"));
    assert_eq!(parse("postgres://u:a@db/c"), parse("postgres://u:a@db/c"));
}

/// Broken URL and a part of what is said about it.
const BROKEN: &[(&str, &str)] = &[
    ("", "is written like postgres://user@"),
    ("mysql://hunter2@h/c", "is written like postgres://user@"),
    ("host=h dbname=c password=hunter2", "is written like postgres://user@"),
    ("postgres://", "name the database at the end"),
    ("postgres://u:hunter2@h", "name the database at the end"),
    ("postgres://u:hunter2@h/", "name the database at the end"),
    ("postgres://u:hunter2@/c", "name the host"),
    ("postgres:///c", "name the host"),
    ("postgres://:hunter2@h/c", "a user is needed before the @"),
    ("postgres://@h/c", "a user is needed before the @"),
    ("postgres://u:hunter2@h/c#x", "white space and # are written in percent"),
    ("postgres://u:hunter2 @h/c", "white space and # are written in percent"),
    ("postgres://u:hunter2@x@h/c", "@, / and ? are written in percent"),
    ("postgres://u:hun/ter2@h/c", "@, / and ? are written in percent"),
    ("postgres://u:hun?ter2@h/c", "@, / and ? are written in percent"),
    ("postgres://u:hun?ter2=1@h/c", "@, / and ? are written in percent"),
    ("postgres:///run/pg/c", "@, / and ? are written in percent"),
    ("postgres://u:hunter%ff2@h/c", "the password is no UTF-8"),
    ("postgres://u:hunter%002@h/c", "the password has a NUL"),
    ("postgres://u@h:hunter2/c", "invalid value for option `port`"),
    ("postgres://u@h:65536/c", "invalid value for option `port`"),
    ("postgres://u@[::1/c", "invalid value for option `host`"),
    ("postgres://u@h,,i/c", "one of the hosts is no host name"),
    ("postgres://u@h%20i/c", "one of the hosts is no host name"),
    ("postgres:///c?host=a,b", "one of the hosts is no host name"),
    ("postgres:///c?host=a&host=b&host=c&port=1,2", "one port, or one for each host"),
    ("postgres://u@h/c?host=/run", "`host` is given twice"),
    ("postgres://u@h/c?port=1", "`port` is given twice"),
    ("postgres://h/c?password=hunter2", "`password` stands before the host"),
    ("postgres://h/c?user=u", "`user` stands before the host"),
    ("postgres://h/c?sslmod=disable", "the URL has no parameter `sslmod`; there are sslmode, sslrootcert"),
    ("postgres://h/c?options=-csynchronous_commit%3Doff", "no parameter `options`"),
    ("postgres://h/c?HUNTER2=1", "the URL has no parameter; there are"),
    ("postgres://h/c?sslmode", "`sslmode` has no value"),
    ("postgres://h/c?sslmode=disable&sslmode=disable", "`sslmode` is given twice"),
    ("postgres://h/c?sslmode=require", "does not check whose certificate it is"),
    ("postgres://h/c?sslmode=prefer", "take verify-full"),
    ("postgres://h/c?sslmode=allow", "take verify-full"),
    ("postgres://h/c?sslmode=verify-ca", "take verify-full"),
    ("postgres://h/c?sslmode=on", "`sslmode` is disable or verify-full"),
    ("postgres://h/c?sslmode=disable&sslrootcert=/ca", "contradict each other"),
    ("postgres://h/c?sslrootcert=ca.pem", "is a whole path"),
    ("postgres:///c?host=/run&sslmode=verify-full", "no TLS on a Unix socket"),
    ("postgres:///c?host=/run&host=db2", "no TLS on a Unix socket"),
    ("postgres://h/c?target_session_attrs=read-only", "Countersign has to write"),
    ("postgres://h/c?target_session_attrs=primary", "invalid value for option `target_session_attrs`"),
    ("postgres://h/c?connect_timeout=0", "from 1 to 10"),
    ("postgres://h/c?connect_timeout=11", "from 1 to 10"),
];

#[test]
fn what_is_wrong_is_said_and_nothing_secret_with_it() {
    // SEC-111
    for (url, part) in BROKEN {
        let said = PostgresAddress::parse(url).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains(part), "{url}: {said}");
        assert!(!said.to_lowercase().contains("hun") && !said.contains('\n'), "{url}: {said}");
    }
}

#[test]
fn nothing_that_can_be_printed_holds_the_password() {
    // SEC-111
    let url = "postgres://u:hunter%32@db1,db2:5433/c?sslrootcert=/ca.pem";
    let address = parse(url);
    assert_eq!(address.to_string(), "postgres://u:…@db1,db2:5433/c?sslrootcert=/ca.pem");
    assert_eq!(address.config().get_password(), Some(&b"hunter2"[..]));
    let filled = parse("postgres://u@db/c").with_password(Secret::new("hunter2"));
    assert_eq!(filled.to_string(), "postgres://u@db/c");
    for address in [address, filled] {
        let printed = format!("{address:?} {address:#?} {} {:?}", address.hosts(), address.config());
        assert!(!printed.contains("hunter"), "{printed}");
    }
}
