//! Do tokens in cookies serve our own pages and nobody else, over a real socket? (SEC-59, SEC-72 to SEC-79)

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use domain::secret::Secret;
use engine::NewUserRequest;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use world::{Reply, World};

const OWN: &str = "Origin: https://app.example.com\r\nSec-Fetch-Site: same-origin\r\n";
const JSON: &str = "Content-Type: application/json\r\n";
const SIGN_IN: &str = r#"{"login": "ann", "password": "anns long password"}"#;

/// Every built-in dialect with cookies, each under names of its own.
fn everything() -> String {
    let mut file = "public_url = \"https://app.example.com\"\n".to_owned();
    for (name, mode) in [
        ("native", "instead"),
        ("password-generator", "beside"),
        ("uk-travel", "instead"),
        ("auths-v1", "beside"),
        ("nest-passport", "instead"),
    ] {
        let _ = writeln!(
            file,
            "[[mount]]\ndialect = \"{name}\"\ncookies = \"{mode}\"\ncookie_name = \"{name}\"\n\
             allowed_origins = [\"https://shop.example.com\"]\nallow_credentials = true"
        );
    }
    file
}

const NATIVE: &str = "public_url = \"https://app.example.com\"\n[[mount]]\ndialect = \"native\"\ncookies = \"instead\"\n\
    allowed_origins = [\"https://shop.example.com\"]\nallow_credentials = true\n";

async fn world(file: &str) -> World {
    let world = World::new(file, &[]).await;
    for name in ["ann", "bob"] {
        let request = NewUserRequest {
            username: Some(name.to_owned()),
            email: Some(format!("{name}@example.com")),
            password: Some(Secret::new(format!("{name}s long password"))),
            ..NewUserRequest::default()
        };
        world.app.engine().add_user(request).await.unwrap();
    }
    world
}

/// What a browser keeps of an answer.
#[derive(Clone, Default)]
struct Jar(Vec<(String, String)>);

impl Jar {
    fn of(reply: &Reply) -> Jar {
        let lines = reply.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, line)| line);
        let pair = |line: &String| {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        };
        Jar(lines.map(pair).collect())
    }

    fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known.ends_with(name)).map_or("", |(_, value)| value)
    }

    /// The `Cookie` line.
    fn cookies(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("Cookie: {}\r\n", pairs.join("; "))
    }

    fn csrf(&self) -> String {
        format!("X-CSRF-Token: {}\r\n", self.value("csrf"))
    }
}

async fn signed_in(world: &World) -> Jar {
    let reply = world.ask("POST", "/v1/sign-in", &format!("{JSON}{OWN}"), SIGN_IN).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    Jar::of(&reply)
}

/// Every row of every table, without the columns that say when somebody was last seen.
fn database(world: &World) -> String {
    let path = world.app.config().database_file().unwrap();
    let database =
        rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut names =
        database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").unwrap();
    let tables: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut dump = String::new();
    for table in tables {
        let mut rows = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns: Vec<String> = rows.column_names().map(str::to_owned).collect();
        let mut found = rows.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            for (at, column) in columns.iter().enumerate().filter(|(_, column)| *column != "seen_at") {
                let _ = write!(dump, "{table}.{column}={:?} ", row.get_ref(at).unwrap());
            }
            dump.push('\n');
        }
    }
    dump
}

/// What a dialect file calls a path, as a request would.
fn concrete(path: &str) -> String {
    path.replace("{id}", "1")
}

// SEC-73: every way in which a page of another site can send a request, and that none of them changes anything.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_page_of_ours_changes_anything() {
    let world = world(NATIVE).await;
    let jar = signed_in(&world).await;
    let before = database(&world);
    let (cookies, csrf) = (jar.cookies(), jar.csrf());
    let change = r#"{"first_name": "Eve"}"#;
    let own = "Origin: https://app.example.com\r\n";
    let text = "Content-Type: text/plain\r\n";
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let mut table = vec![
        (format!("{JSON}{cookies}{csrf}"), "no word of where it comes from"),
        (format!("{JSON}{cookies}{own}"), "no token of the page"),
        (format!("{JSON}{cookies}{own}X-CSRF-Token: \r\n"), "an empty one"),
        (format!("{JSON}{cookies}{own}{csrf}{csrf}"), "two of them"),
        (format!("{JSON}{cookies}{own}{csrf}Sec-Fetch-Site: cross-site\r\n"), "the two do not agree"),
        (format!("{JSON}{cookies}{own}{own}{csrf}"), "two origins"),
        (format!("{JSON}{cookies}{csrf}Sec-Fetch-Site: same-site\r\n"), "a sister"),
        (format!("{JSON}{cookies}{csrf}Sec-Fetch-Site: none\r\n"), "nobody"),
        (format!("{JSON}{cookies}{csrf}Referer: https://app.example.com/\r\n"), "a referrer is not asked"),
        (format!("{text}{cookies}{own}{csrf}"), "text"),
        (format!("{form}{cookies}{own}{csrf}"), "a form"),
        (format!("{cookies}{own}{csrf}"), "no kind of body"),
    ];
    let origins = [
        "null",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com:443",
        "https://app.example.com.evil.test",
        "https://evilapp.example.com",
        "https://APP.example.com",
        "https://app.example.com.",
        "https://user@app.example.com",
        "https://app.example.com/",
        "https://evil.test",
    ];
    for origin in origins {
        table.push((format!("{JSON}{cookies}{csrf}Origin: {origin}\r\n"), origin));
        let fetch = format!("{JSON}{cookies}{csrf}Origin: {origin}\r\nSec-Fetch-Site: same-origin\r\n");
        table.push((fetch, origin));
    }
    for (headers, what) in &table {
        let reply = world.ask("PATCH", "/v1/me", headers, change).await;
        assert!(matches!(reply.status, 403 | 415), "{what}: {reply:?}");
        assert_eq!(reply.header("set-cookie"), None, "{what}");
    }
    assert_eq!(database(&world), before);
    for good in [
        format!("{JSON}{cookies}{csrf}{OWN}"),
        format!("{JSON}{cookies}{csrf}{own}"),
        format!("{JSON}{cookies}{csrf}Sec-Fetch-Site: same-origin\r\n"),
        format!("{JSON}{cookies}{csrf}Origin: https://shop.example.com\r\nSec-Fetch-Site: same-site\r\n"),
    ] {
        assert_eq!(world.ask("PATCH", "/v1/me", &good, change).await.status, 200, "{good}");
    }
    assert_ne!(database(&world), before);
}

// SEC-74: in every dialect.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_from_another_site() {
    let world = world(&everything()).await;
    let before = database(&world);
    let bodies = [
        ("/v1/sign-in", SIGN_IN),
        ("/v1/sign-up", r#"{"username": "carl", "password": "carls long password"}"#),
        ("/api/sign-in/", r#"{"email": "ann@example.com", "password": "anns long password"}"#),
        ("/api/token/", r#"{"username": "ann", "password": "anns long password"}"#),
        ("/api/user/token/", r#"{"username": "ann", "password": "anns long password"}"#),
        ("/api/v1/auths/sign-in", r#"{"email": "ann@example.com", "password": "anns long password"}"#),
        ("/auth/signin", r#"{"email": "ann@example.com", "password": "anns long password"}"#),
    ];
    for (path, body) in bodies {
        for headers in [
            "Origin: https://evil.test\r\nSec-Fetch-Site: cross-site\r\n",
            "Origin: null\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: same-site\r\n",
        ] {
            for kind in [JSON, "Content-Type: text/plain\r\n"] {
                let reply = world.ask("POST", path, &format!("{kind}{headers}"), body).await;
                assert!(matches!(reply.status, 403 | 415), "{path} {headers}{kind}: {reply:?}");
                assert_eq!(reply.header("set-cookie"), None, "{path} {headers}");
            }
        }
    }
    assert_eq!(database(&world), before);
    for (path, body) in bodies {
        let reply = world.ask("POST", path, &format!("{JSON}{OWN}"), body).await;
        assert!(matches!(reply.status, 200 | 201), "{path}: {reply:?}");
        assert_eq!(Jar::of(&reply).value("csrf").len(), 64, "{path}");
    }
}

// SEC-72
#[tokio::test(flavor = "multi_thread")]
async fn every_cookie_has_the_safe_attributes() {
    let world = world(&everything()).await;
    let mut seen = 0;
    for (path, body) in [
        ("/v1/sign-in", SIGN_IN),
        ("/api/sign-in/", r#"{"email": "ann@example.com", "password": "anns long password"}"#),
        ("/auth/signin", r#"{"email": "ann@example.com", "password": "anns long password"}"#),
    ] {
        let reply = world.ask("POST", path, &format!("{JSON}{OWN}"), body).await;
        for (_, line) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let mut parts = line.split("; ");
            let name = parts.next().unwrap().split('=').next().unwrap();
            let attributes: BTreeSet<&str> = parts.filter(|part| !part.starts_with("Max-Age=")).collect();
            let mut wanted = BTreeSet::from(["Path=/", "Secure", "SameSite=Lax"]);
            if !name.ends_with("csrf") {
                wanted.insert("HttpOnly");
            }
            assert!(name.starts_with("__Host-"), "{line}");
            assert_eq!(attributes, wanted, "{line}");
            assert!(line.len() <= 4096, "{line}");
            seen += 1;
        }
    }
    assert_eq!(seen, 3 + 3 + 2);
}

// SEC-76: one credential a request.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_header_wins_over_every_cookie() {
    let world = world(NATIVE).await;
    let ann = signed_in(&world).await;
    let body = SIGN_IN.replace("ann", "bob");
    let bob = Jar::of(&world.ask("POST", "/v1/sign-in", &format!("{JSON}{OWN}"), &body).await);
    let header = format!("Authorization: Bearer {}\r\n", bob.value("-at"));
    let who = world.ask("GET", "/v1/me", &format!("{header}{}", ann.cookies()), "").await;
    assert_eq!(who.json()["username"], "bob");
    // Bob's sign-out does not reach the session in Ann's cookies, whichever of them prove themselves.
    let headers = format!("{header}{}{}{OWN}", ann.cookies(), ann.csrf());
    assert_eq!(world.ask("POST", "/v1/sign-out", &headers, "").await.status, 204);
    assert_eq!(world.ask("GET", "/v1/me", &ann.cookies(), "").await.status, 200);
    assert_eq!(world.ask("GET", "/v1/me", &header, "").await.status, 401);
    let broken = format!("Authorization: Bearer\r\n{}", ann.cookies());
    assert_eq!(world.ask("GET", "/v1/me", &broken, "").await.status, 401, "no falling back");
    let twice = ann.cookies().replace("__Host-at", "__Host-at=x; __Host-at");
    assert_eq!(world.ask("GET", "/v1/me", &twice, "").await.status, 401);
    let two_lines = format!("{}Cookie: __Host-at=x\r\n", ann.cookies());
    assert_eq!(world.ask("GET", "/v1/me", &two_lines, "").await.status, 401);
    let headers = format!("{}{}{OWN}", twice.replace("__Host-rt", "__Host-rt=x; __Host-rt"), ann.csrf());
    let before = database(&world);
    let refreshed = world.ask("POST", "/v1/refresh", &headers, "").await;
    assert!((400..500).contains(&refreshed.status), "{refreshed:?}");
    assert_eq!(database(&world), before);
}

// SEC-59
#[tokio::test(flavor = "multi_thread")]
async fn odd_authorization_headers_are_never_a_success() {
    let world = world(NATIVE).await;
    let token = signed_in(&world).await.value("-at").to_owned();
    for (headers, status) in [
        (String::new(), 401),
        ("Authorization: \r\n".to_owned(), 401),
        ("Authorization: Bearer\r\n".to_owned(), 401),
        ("Authorization: Bearer \r\n".to_owned(), 401),
        (format!("Authorization: bearer {token}\r\n"), 200),
        (format!("Authorization: BEARER {token}\r\n"), 200),
        (format!("Authorization: Bearer\t{token}\r\n"), 200),
        (format!("Authorization: Bearer {token} x\r\n"), 401),
        (format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n"), 401),
        (format!("Authorization: Bearer {token}, Bearer {token}\r\n"), 401),
        (format!("Authorization: Bearer é{token}\r\n"), 401),
        (format!("Authorization: {token}\r\n"), 401),
        (format!("Authorization: Basic {token}\r\n"), 401),
        ("Authorization: Basic ====\r\n".to_owned(), 401),
        (format!("Authorization: Bearer {}\r\n", "a".repeat(12 << 10)), 401),
        (format!("Authorization: Bearer {}\r\n", "a".repeat(20 << 10)), 431),
    ] {
        let reply = world.ask("GET", "/v1/me", &headers, "").await;
        let shown: String = headers.chars().take(60).collect();
        assert_eq!(reply.status, status, "{shown}: {reply:?}");
        assert_eq!(reply.header("www-authenticate").is_some(), status == 401, "{shown}");
    }
    for path in [format!("/v1/me?access_token={token}"), format!("/v1/me?token={token}")] {
        assert_eq!(world.ask("GET", &path, "", "").await.status, 401, "no token from a URL");
    }
}

// SEC-77: every route of every dialect, with every credential that there is.
#[tokio::test(flavor = "multi_thread")]
async fn get_head_and_options_change_nothing() {
    let world = world(&everything()).await;
    let mut jar = Jar::default();
    let mut headers = vec![String::new()];
    for (path, body) in [
        ("/v1/sign-in", SIGN_IN),
        ("/api/sign-in/", r#"{"email": "ann@example.com", "password": "anns long password"}"#),
        ("/api/user/token/", r#"{"username": "ann", "password": "anns long password"}"#),
        ("/api/v1/auths/sign-in", r#"{"email": "ann@example.com", "password": "anns long password"}"#),
        ("/auth/signin", r#"{"email": "ann@example.com", "password": "anns long password"}"#),
    ] {
        let reply = world.ask("POST", path, &format!("{JSON}{OWN}"), body).await;
        let own = Jar::of(&reply);
        headers.push(format!("Authorization: Bearer {}\r\n", own.value("-at")));
        jar.0.extend(own.0);
    }
    headers.push(format!("{}{}{OWN}", jar.cookies(), jar.csrf()));
    let before = database(&world);
    let (mut asked, mut statuses) = (0, BTreeSet::new());
    for mount in world.app.spoken().speaker.mounts() {
        let paths: BTreeSet<String> =
            mount.dialect.routes.iter().map(|route| concrete(&route.path.text)).collect();
        for (path, method) in paths.iter().flat_map(|path| ["GET", "HEAD", "OPTIONS"].map(|m| (path, m))) {
            for headers in &headers {
                let body = r#"{"refresh_token": "x", "password": "anns long password"}"#;
                let reply = world.ask(method, path, &format!("{JSON}{headers}"), body).await;
                let reads = mount.dialect.routes.iter().any(|route| {
                    concrete(&route.path.text) == *path && route.method == "GET" && route.verb.only_looks()
                });
                let expected: &[u16] = match method {
                    "OPTIONS" => &[200, 404, 405],
                    _ if reads => &[200, 401],
                    _ => &[404, 405],
                };
                assert!(expected.contains(&reply.status), "{method} {path}: {reply:?}");
                assert_eq!(reply.header("set-cookie"), None, "{method} {path}");
                if reply.status == 405 {
                    assert!(reply.header("allow").is_some(), "{method} {path}");
                }
                statuses.insert(reply.status);
                asked += 1;
            }
        }
    }
    assert_eq!(database(&world), before);
    assert!(asked > 300, "{asked} requests");
    assert_eq!(statuses, BTreeSet::from([200, 401, 404, 405]), "the good credentials are good");
}

// SEC-78
#[tokio::test(flavor = "multi_thread")]
async fn credentials_cross_origins_only_where_an_origin_is_listed() {
    let listing = world(NATIVE).await;
    let table = [
        ("https://shop.example.com", true),
        ("http://shop.example.com", false),
        ("https://shop.example.com:8443", false),
        ("https://shop.example.com.evil.test", false),
        ("https://evilshop.example.com", false),
        ("https://SHOP.example.com", false),
        ("https://shop.example.com.", false),
        ("https://user@shop.example.com", false),
        ("https://app.example.com", false),
        ("null", false),
        ("*", false),
    ];
    for (origin, listed) in table {
        let preflight = format!(
            "Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: content-type, x-csrf-token\r\n"
        );
        let plain = listing.ask("GET", "/v1/me", &format!("Origin: {origin}\r\n"), "").await;
        let asked = listing.ask("OPTIONS", "/v1/sign-in", &preflight, "").await;
        for reply in [&plain, &asked] {
            assert_eq!(reply.header("access-control-allow-origin"), listed.then_some(origin), "{origin}");
            assert_eq!(
                reply.header("access-control-allow-credentials"),
                listed.then_some("true"),
                "{origin}"
            );
            assert_eq!(
                reply.header("access-control-expose-headers"),
                listed.then_some("x-csrf-token"),
                "{origin}"
            );
            assert!(
                reply.headers.iter().any(|(name, value)| name == "vary" && value == "Origin"),
                "{origin}"
            );
        }
        assert_eq!(asked.status == 204, listed, "{origin}: {asked:?}");
    }
    let without = world(&NATIVE.replace("allow_credentials = true", "allow_credentials = false")).await;
    let reply = without.ask("GET", "/v1/me", "Origin: https://shop.example.com\r\n", "").await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://shop.example.com"));
    assert_eq!(reply.header("access-control-allow-credentials"), None, "listed, but without cookies");
}

/// What every answer carries (security.md 3.8).
const ALWAYS: [&str; 6] = [
    "x-content-type-options",
    "referrer-policy",
    "content-security-policy",
    "cache-control",
    "cross-origin-resource-policy",
    "strict-transport-security",
];

// SEC-79: every route of every dialect, asked in every way, and paths that are none.
#[tokio::test(flavor = "multi_thread")]
async fn every_status_of_every_route_has_the_safe_headers() {
    let world = world(&everything()).await;
    let mut paths: BTreeSet<String> = [
        "/",
        "/nothing",
        "/v1/nothing",
        "/health/live",
        "/health/ready",
        "/.well-known/jwks.json",
        "/media/avatars/x",
    ]
    .map(str::to_owned)
    .into();
    for mount in world.app.spoken().speaker.mounts() {
        paths.extend(mount.dialect.routes.iter().map(|route| concrete(&route.path.text)));
    }
    let large = format!("{{\"a\": \"{}\"}}", "a".repeat(20 << 10));
    let asks: [(&str, &str); 8] = [
        ("", ""),
        (JSON, "{}"),
        (JSON, "{"),
        (JSON, "[]"),
        (JSON, &large),
        ("Content-Type: text/xml\r\n", "<a/>"),
        ("Content-Type: application/json; charset=latin-1\r\nOrigin: https://evil.test\r\n", "{}"),
        ("Content-Type: application/json\r\nAuthorization: Bearer x\r\nAccept: image/png\r\n", "{}"),
    ];
    let mut statuses = BTreeSet::new();
    for path in &paths {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"] {
            for (headers, body) in asks {
                let reply = world.ask(method, path, headers, body).await;
                for name in ALWAYS {
                    assert!(reply.header(name).is_some(), "{method} {path} {headers}: no {name}: {reply:?}");
                }
                for name in ["server", "x-powered-by", "via"] {
                    assert!(reply.header(name).is_none(), "{method} {path}: {name}");
                }
                let public = path.ends_with("jwks.json") && reply.status == 200;
                let kept = if public { "public, max-age=300" } else { "no-store" };
                assert_eq!(reply.header("cache-control"), Some(kept), "{method} {path}");
                statuses.insert(reply.status);
            }
        }
    }
    assert!(
        statuses.is_superset(&BTreeSet::from([200, 400, 401, 403, 404, 405, 406, 413, 415, 422])),
        "{statuses:?}"
    );
}
