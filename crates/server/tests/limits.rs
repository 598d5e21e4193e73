//! Do limits hold over HTTP, whatever path, header or address a client tries?

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use domain::secret::Secret;
use engine::{NewUserRequest, Who};
use world::{Reply, World};

const JSON: &str = "Content-Type: application/json\r\n";
const PASSWORD: &str = "correct horse battery";

async fn add(world: &World, name: &str) {
    let request = NewUserRequest {
        username: Some(name.into()),
        password: Some(Secret::new(PASSWORD)),
        ..NewUserRequest::default()
    };
    world.app.engine().add_user(request).await.unwrap();
}

async fn enter(world: &World, headers: &str, name: &str, password: &str) -> Reply {
    let body = format!(r#"{{"login":"{name}","password":"{password}"}}"#);
    world.ask("POST", "/v1/sign-in", &format!("{JSON}{headers}"), &body).await
}

fn hashes(world: &World) -> u64 {
    world.app.engine().hash_gauges().hashes_total
}

#[tokio::test]
async fn no_spelling_of_the_path_and_no_method_is_a_password_check_that_is_not_counted() {
    // SEC-21
    let world = World::limited(&[]).await;
    add(&world, "jane").await;
    let before = hashes(&world);
    let body = r#"{"login":"jane","password":"wrong"}"#;
    let tricks = [
        ("POST", "/v1/sign-in", ""),
        ("POST", "//v1/sign-in", ""),
        ("POST", "/v1//sign-in", ""),
        ("POST", "/v1/sign-in/", ""),
        ("POST", "/V1/SIGN-IN", ""),
        ("POST", "/v1/sign-%69n", ""),
        ("POST", "/x/../v1/sign-in", ""),
        ("POST", "/v1/./sign-in", ""),
        ("POST", "/v1/sign-in?a=1", ""),
        ("POST", "/v1/sign-in;x", ""),
        ("PUT", "/v1/sign-in", ""),
        ("GET", "/v1/sign-in", "X-HTTP-Method-Override: POST\r\n"),
        ("PUT", "/v1/sign-in", "X-HTTP-Method-Override: POST\r\n"),
        ("HEAD", "/v1/sign-in", ""),
    ];
    let (mut looked_at, mut throttled) = (0, 0);
    for round in 0..4 {
        for (method, path, header) in tricks {
            let reply = world.ask(method, path, &format!("{JSON}{header}"), body).await;
            match reply.status {
                401 => looked_at += 1,
                429 => throttled += 1,
                status => assert!(matches!(status, 400 | 404 | 405), "{round} {method} {path}: {status}"),
            }
        }
    }
    assert!(looked_at >= 5 && throttled > 0, "{looked_at} {throttled}");
    // Every check is one that was counted: five, and one more where a second went by meanwhile.
    assert_eq!(hashes(&world) - before, looked_at);
    assert!(looked_at <= 6, "{looked_at}");
}

#[tokio::test]
async fn headers_that_name_other_addresses_change_nothing() {
    // SEC-22
    let world = World::limited(&[]).await;
    let mut answers = Vec::new();
    for number in 0..20 {
        let headers: String =
            ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP"]
                .iter()
                .map(|name| format!("{name}: 203.0.113.{number}\r\n"))
                .collect();
        answers.push(enter(&world, &headers, &format!("user{number}"), "Summer2024!").await.status);
    }
    assert_eq!((&answers[..16], &answers[16..]), (&[401; 16][..], &[429; 4][..]));
    assert!(!world.page.text().contains("203.0.113."), "the log shows the peer");
}

#[tokio::test]
async fn behind_a_proxy_clients_are_told_apart_and_one_network_of_64_bits_is_one_client() {
    // SEC-22, SEC-23
    let world = World::limited(&[("TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    let wrong = async |from: String, number: usize| {
        enter(&world, &format!("X-Forwarded-For: {from}\r\n"), &format!("user{number}"), "x").await.status
    };
    for number in 0..20 {
        assert_eq!(wrong(format!("198.51.100.{number}"), number).await, 401);
    }
    let mut refused = 0;
    for number in 0..100 {
        refused += usize::from(wrong(format!("2001:db8::{number:x}"), number).await == 429);
    }
    assert_eq!(refused, 84);
    // Mapped IPv4 is IPv4.
    for number in 0..16 {
        assert_eq!(wrong("203.0.113.7".to_owned(), number).await, 401);
    }
    assert_eq!(wrong("::ffff:203.0.113.7".to_owned(), 99).await, 429);
}

#[tokio::test]
async fn a_proxy_that_names_nobody_is_no_client_and_accounts_are_still_limited() {
    // SEC-22: neither off nor one bucket for all.
    let world = World::limited(&[("TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    add(&world, "jane").await;
    for headers in ["", "X-Forwarded-For: junk\r\n", "X-Forwarded-For: 127.0.0.1\r\n"] {
        for number in 0..20 {
            assert_eq!(enter(&world, headers, &format!("u{number}{}", headers.len()), "x").await.status, 401);
        }
    }
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(enter(&world, "", "jane", "wrong").await.status);
    }
    assert_eq!(&answers[..5], &[401; 5]);
    assert!(answers[5..].contains(&429), "{answers:?}");
}

#[tokio::test]
async fn a_throttled_answer_says_how_long_in_headers_and_in_its_own_shape() {
    // SEC-25
    let world = World::limited(&[("LIMITS__FREE_FAILURES", "1"), ("LIMITS__LONGEST_WAIT", "1s")]).await;
    add(&world, "jane").await;
    assert_eq!(enter(&world, "", "jane", "wrong").await.status, 401);
    let reply = enter(&world, "", "jane", PASSWORD).await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(reply.header("ratelimit-policy"), Some("\"account\";q=1"));
    assert_eq!(reply.header("ratelimit"), Some("\"account\";r=0;t=1"));
    assert_eq!(reply.json()["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(reply.json()["retry_after"], 1);
    // And the wait ends: the server's own clock, so nothing but waiting helps.
    tokio::time::timeout(world::PATIENCE, async {
        while enter(&world, "", "jane", PASSWORD).await.status != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_device_that_signed_in_before_is_not_locked_out() {
    // SEC-24
    let world = World::limited(&[("TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    add(&world, "jane").await;
    let first = enter(&world, "X-Forwarded-For: 198.51.100.1\r\n", "jane", PASSWORD).await;
    let cookie = first.header("set-cookie").unwrap();
    assert!(cookie.starts_with("countersign-device=csd_"), "{cookie}");
    assert!(cookie.ends_with("; Max-Age=7776000; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let asked =
        enter(&world, "X-Forwarded-For: 198.51.100.1\r\nCountersign-Device: new\r\n", "jane", PASSWORD).await;
    let token = asked.header("countersign-device").unwrap();
    assert!(asked.header("set-cookie").is_none());
    for number in 0..12 {
        drop(enter(&world, &format!("X-Forwarded-For: 203.0.113.{number}\r\n"), "jane", "wrong").await);
    }
    let stranger = "X-Forwarded-For: 198.51.100.9\r\n";
    assert_eq!(enter(&world, stranger, "jane", PASSWORD).await.status, 429);
    for header in [format!("Cookie: a=b; {pair}"), format!("Countersign-Device: {token}")] {
        let reply = enter(&world, &format!("{stranger}{header}\r\n"), "jane", PASSWORD).await;
        assert_eq!(reply.status, 200, "{header}");
    }
    for header in [format!("Cookie: {pair}; {pair}"), format!("Countersign-Device: {token}x")] {
        let reply = enter(&world, &format!("{stranger}{header}\r\n"), "jane", PASSWORD).await;
        assert_eq!(reply.status, 429, "{header}");
    }
    assert!(!world.page.text().contains("csd_"));
    // An operator lifts the limit at once.
    world.app.engine().clear_limits(&Who::parse("jane")).await.unwrap();
    assert_eq!(enter(&world, stranger, "jane", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let world = World::limited(&[("PUBLIC_URL", "https://auth.example.com")]).await;
    add(&world, "jane").await;
    let reply = enter(&world, "", "jane", PASSWORD).await;
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-device=csd_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; Secure; SameSite=Lax"), "{cookie}");
}

#[tokio::test]
async fn without_limits_nothing_is_counted_and_no_device_is_remembered() {
    let world = World::native().await;
    add(&world, "jane").await;
    for _ in 0..20 {
        assert_eq!(enter(&world, "", "jane", "wrong").await.status, 401);
    }
    assert!(enter(&world, "", "jane", PASSWORD).await.header("set-cookie").is_none());
}

/// What the program says; its exit code first.
fn said(home: &world::Home, arguments: &[&str]) -> (i32, String) {
    let world::console::Said { code, out, err } = world::console::run(home, arguments);
    (code, out + &err)
}

#[test]
fn doctor_shows_whose_address_is_derived() {
    // SEC-22
    let home = world::Home::new();
    home.write("countersign.toml", "trusted_proxies = [\"10.0.0.0/8\"]\n");
    let chain = "X-Forwarded-For: 198.51.100.7, 2001:db8:1:2:3::4, 10.0.0.9";
    let told = |arguments: &[&str]| {
        let (code, text) = said(&home, &[&["doctor", "--address", "--json"], arguments].concat());
        assert_eq!(code, 0, "{text}");
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        (told["address"].as_str().unwrap().to_owned(), told["counted_as"].as_str().map(str::to_owned))
    };
    let named = |address: &str, counted: Option<&str>| (address.to_owned(), counted.map(str::to_owned));
    let behind = told(&["--peer", "10.0.0.1", "--header", chain]);
    assert_eq!(behind, named("2001:db8:1:2:3::4", Some("2001:db8:1:2::")));
    assert_eq!(
        told(&["--peer", "203.0.113.9", "--header", chain]),
        named("203.0.113.9", Some("203.0.113.9"))
    );
    assert_eq!(told(&["--peer", "10.0.0.1"]), named("10.0.0.1", None));
    assert_eq!(
        told(&["--peer", "::ffff:10.0.0.1", "--header", "X-Forwarded-For: x"]),
        named("10.0.0.1", None)
    );
    let (code, text) = said(&home, &["doctor", "--address", "--peer", "10.0.0.1", "--header", "no header"]);
    assert_eq!(code, 2);
    assert!(text.contains("is not a header like"), "{text}");
    assert_eq!(said(&home, &["doctor", "--address"]).0, 2);
    let (_, text) = said(&home, &["doctor", "--address", "--peer", "10.0.0.1"]);
    assert!(text.contains("counted as  nobody"), "{text}");
}

#[test]
fn an_operator_unlocks_on_the_console() {
    // SEC-24
    let home = world::Home::new();
    home.write("countersign.toml", "[[mount]]\ndialect = \"native\"\n");
    assert_eq!(said(&home, &["user", "add", "jane", "--no-password"]).0, 0);
    let (code, text) = said(&home, &["user", "unlock", "jane"]);
    assert_eq!((code, text.as_str()), (0, "The next sign-in of jane (id 1) is looked at at once.\n"));
    assert_eq!(said(&home, &["user", "unlock", "nobody"]).0, 1);
}
