//! What does a client see at the socket: limits, times, headers, other origins, and the end?

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use world::{PATIENCE, Reply, Wire, World};

/// What every answer carries (security.md 3.8).
const ALWAYS: [&str; 5] = [
    "x-content-type-options",
    "referrer-policy",
    "content-security-policy",
    "cache-control",
    "cross-origin-resource-policy",
];

fn assert_dressed(reply: &Reply, what: &str) {
    for name in ALWAYS {
        assert!(reply.header(name).is_some(), "{what} has no {name}: {reply:?}");
    }
    assert!(reply.header("server").is_none(), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_keys_are_answered_by_the_server_itself() {
    // SEC-112
    let world = World::native().await;
    for path in ["/health/live", "/health/ready"] {
        let reply = world.ask("GET", path, "", "").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "ok"), "{path}");
        let reply = world.ask("HEAD", path, "", "").await;
        assert_eq!(
            (reply.status, reply.body.as_str(), reply.header("content-length")),
            (200, "", Some("2")),
            "{path}"
        );
        let reply = world.ask("POST", path, "", "").await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")), "{path}");
    }
    let reply = world.ask("GET", "/.well-known/jwks.json", "", "").await;
    assert_eq!(reply.json()["keys"].as_array().unwrap().len(), 1);
    assert_eq!(reply.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(reply.header("cross-origin-resource-policy"), Some("cross-origin"));
    assert!(!reply.body.contains("\"d\""), "no private part");
    let reply = world.ask("GET", "/openapi/native.json", "", "").await;
    assert_eq!((reply.status, reply.json()["openapi"].as_str()), (200, Some("3.1.0")));
    let server = reply.json()["servers"][0]["url"].as_str().unwrap().to_owned();
    assert_eq!(server, world.app.config().base_url());
    assert_eq!(world.ask("GET", "/openapi/another.json", "", "").await.status, 404);
    for path in
        ["/metrics", "/debug", "/health", "/health/live/", "/Health/live", "/media/avatars/..%2f..%2fkeys"]
    {
        assert_eq!(world.ask("GET", path, "", "").await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_safe_headers() {
    let world =
        World::new("public_url = \"https://id.example.com\"\n[[mount]]\ndialect = \"native\"\n", &[]).await;
    let long = format!("/{}", "a".repeat(9000));
    let table: &[(&str, &str, &str, &str, u16)] = &[
        ("GET", "/health/live", "", "", 200),
        ("GET", "/.well-known/jwks.json", "", "", 200),
        ("GET", "/media/avatars/nobody.png", "", "", 404),
        ("GET", "/nothing", "", "", 404),
        ("GET", "/v1/me", "", "", 401),
        ("PUT", "/v1/me", "", "", 405),
        ("TRACE", "/v1/me", "", "", 405),
        ("POST", "/v1/sign-in", "Content-Type: application/json\r\n", "{", 400),
        ("POST", "/v1/sign-in", "Content-Type: text/xml\r\n", "<a/>", 415),
        ("POST", "/v1/sign-in", "Content-Encoding: gzip\r\nContent-Type: application/json\r\n", "{}", 415),
        ("POST", "/v1/sign-in", "Content-Type: application/json\r\n", "{}", 422),
        ("GET", &long, "", "", 414),
        ("GET", "/v1/me", "Host: other\r\n", "", 400),
    ];
    for (method, path, headers, body, status) in table {
        let reply = world.ask(method, path, headers, body).await;
        assert_eq!(reply.status, *status, "{method} {path} {headers}: {reply:?}");
        assert_dressed(&reply, &format!("{method} {path}"));
        assert_eq!(reply.header("strict-transport-security"), Some("max-age=63072000"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() {
    let world = World::native().await;
    let many = "X-A: b\r\n".repeat(110);
    let wide = format!("X-A: {}\r\n", "b".repeat(20 << 10));
    for headers in [&many, &wide] {
        let reply = world.ask("GET", "/health/live", headers, "").await;
        assert_eq!((reply.status, reply.header("connection")), (431, Some("close")));
        assert_dressed(&reply, "431");
    }
    let huge = format!("X-A: {}\r\n", "b".repeat(100 << 10));
    let answer = world.raw(format!("GET / HTTP/1.1\r\nHost: a\r\n{huge}\r\n")).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    let fits = format!("X-A: {}\r\n", "b".repeat(15 << 10));
    assert_eq!(world.ask("GET", "/health/live", &fits, "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_can_be_read_in_two_ways_are_refused_and_the_connection_closed() {
    let world =
        World::new("public_url = \"https://id.example.com\"\n[[mount]]\ndialect = \"native\"\n", &[]).await;
    // SEC-102
    let post = |headers: &str| format!("POST /v1/sign-in HTTP/1.1\r\nHost: a\r\n{headers}\r\n0\r\n\r\n");
    for request in [
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        post("Content-Length: 5\r\nContent-Length: 5\r\n"),
        post("Content-Length: 4\r\nContent-Length: 5\r\n"),
        post("Transfer-Encoding: chunked, chunked\r\n"),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        post("Content-Length: -1\r\n"),
        post("X-A: b\r\n folded\r\n"),
        post("X-A : b\r\n"),
        "GET /health/live HTTP/1.1\nHost: a\n\n".to_owned(),
        "GET /health/live HTTP/1.1\r\nHost: a\nX: b\r\n\r\n".to_owned(),
        "GET  /health/live HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "\0\0\0\0\r\n\r\n".to_owned(),
    ] {
        let answer = world.raw(&request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{request:?} got {answer:?}");
        let reply = Reply::parse(&answer);
        assert_dressed(&reply, &request);
        assert_eq!(reply.header("strict-transport-security"), Some("max-age=63072000"), "{request:?}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{request:?} got {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_above_the_limit_is_refused_in_the_words_of_the_dialect() {
    let world = World::native().await;
    let large = format!("{{\"login\":\"{}\"}}", "a".repeat(17 << 10));
    let head = "POST /v1/sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let announced = world.raw(format!("{head}Content-Length: {}\r\n\r\n{large}", large.len())).await;
    let chunks: String = large
        .as_bytes()
        .chunks(1000)
        .map(|part| format!("{:x}\r\n{}\r\n", part.len(), std::str::from_utf8(part).unwrap()))
        .collect();
    let chunked = world.raw(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")).await;
    for answer in [announced, chunked] {
        let reply = Reply::parse(&answer);
        assert_eq!((reply.status, &reply.json()["code"]), (413, &"payload_too_large".into()));
        assert_eq!(reply.header("connection"), Some("close"));
        assert_dressed(&reply, "413");
    }
    // Asked before: the body is never sent.
    let answer = world.raw(format!("{head}Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_within_the_limit_is_read() {
    let world = World::native().await;
    let request = "POST /v1/sign-in HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n\
                   Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
    assert_eq!(Reply::parse(&world.raw(request).await).status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_silent_clients_are_sent_away() {
    // SEC-102
    let settings =
        [("TIMEOUTS__HEADER", "300ms"), ("TIMEOUTS__BODY", "300ms"), ("TIMEOUTS__KEEP_ALIVE", "400ms")];
    let world = World::new("[[mount]]\ndialect = \"native\"\n", &settings).await;
    let began = Instant::now();
    assert_eq!(world.raw("").await, "", "a client that says nothing");
    assert_eq!(world.raw("GET /health/live HT").await, "", "a head that does not end");
    let mut wire = world.connect().await;
    wire.send("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(wire.reply().await.status, 200);
    assert_eq!(wire.rest().await, "", "nothing more is asked");
    let answer = world
        .raw("POST /v1/sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        .await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_head_has_its_time_too() {
    let world = World::new("[[mount]]\ndialect = \"native\"\n", &[("TIMEOUTS__HEADER", "300ms")]).await;
    let mut wire = world.connect().await;
    wire.send("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(wire.reply().await.status, 200);
    wire.send("GET /health/live HTTP/1.1\r\nHo").await;
    let began = Instant::now();
    assert_eq!(wire.rest().await, "");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_follow_each_other_on_one_connection() {
    let world = World::native().await;
    let mut wire = world.connect().await;
    for _ in 0..3 {
        wire.send("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(wire.reply().await.status, 200);
    }
    let answers = world
        .raw("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\nGET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_with_prior_knowledge() {
    let world = World::native().await;
    let mut wire = world.connect().await;
    let path = b"/health/live";
    let mut block = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend_from_slice(path);
    block.extend_from_slice(&[0x01, 1, b'a']);
    let mut request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    request.extend_from_slice(&[0, 0, u8::try_from(block.len()).unwrap(), 1, 0x05, 0, 0, 0, 1]);
    request.extend_from_slice(&block);
    wire.send(&request).await;
    let reading = async {
        use tokio::io::AsyncReadExt as _;
        loop {
            let mut head = [0; 9];
            wire.0.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            wire.0.read_exact(&mut payload).await.unwrap();
            if head[3] == 1 {
                return payload;
            }
        }
    };
    let headers = tokio::time::timeout(PATIENCE, reading).await.unwrap();
    assert_eq!(headers[0], 0x88, "the first field is :status 200 of the static table");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_above_the_limit_are_closed_at_once() {
    let world = World::new("[[mount]]\ndialect = \"native\"\n", &[("LIMITS__MAX_CONNECTIONS", "2")]).await;
    let (mut one, mut two) = (world.connect().await, world.connect().await);
    for wire in [&mut one, &mut two] {
        wire.send("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(wire.reply().await.status, 200);
    }
    assert_eq!(world.raw("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n").await, "");
    drop(one);
    let began = Instant::now();
    while world.raw("GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.is_empty() {
        assert!(began.elapsed() < PATIENCE, "the place is not given back");
    }
}

const CROSS: &str = "[[mount]]\ndialect = \"native\"\nallowed_origins = [\"https://app.example.com\", \"http://localhost:3000\"]\n\
    [[mount]]\ndialect = \"password-generator\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_origins_may_call() {
    // SEC-78
    let world = World::new(CROSS, &[]).await;
    let table = [
        ("https://app.example.com", true),
        ("http://localhost:3000", true),
        ("http://app.example.com", false),
        ("https://app.example.com:443", false),
        ("https://app.example.com.evil.example", false),
        ("https://evil.example", false),
        ("https://APP.example.com", false),
        ("https://app.example.com/", false),
        ("null", false),
        ("*", false),
    ];
    for (origin, allowed) in table {
        let reply = world.ask("GET", "/v1/me", &format!("Origin: {origin}\r\n"), "").await;
        let told = reply.header("access-control-allow-origin");
        assert_eq!(told, allowed.then_some(origin), "{origin}");
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        assert!(reply.headers.iter().any(|(name, value)| name == "vary" && value == "Origin"), "{origin}");
        let headers = format!(
            "Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n"
        );
        let reply = world.ask("OPTIONS", "/v1/sign-in", &headers, "").await;
        assert_eq!(reply.header("access-control-allow-origin"), allowed.then_some(origin), "{origin}");
        assert_eq!(reply.status == 204, allowed, "{origin}: {reply:?}");
        assert_eq!(
            reply.header("access-control-allow-headers"),
            allowed.then_some("content-type"),
            "{origin}"
        );
    }
    let reply = world.ask("GET", "/v1/me", "", "").await;
    assert!(reply.headers.iter().any(|(name, value)| name == "vary" && value == "Origin"), "for caches");
    let reply = world.ask("GET", "/api/profile/", "Origin: https://app.example.com\r\n", "").await;
    assert_eq!(reply.header("access-control-allow-origin"), None, "another mount, another list");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_request_reaches_the_log() {
    // SEC-109
    let world = World::native().await;
    let canary = "canary-7f3a-secret";
    let body = format!("{{\"login\":\"x@y.example\",\"password\":\"{canary}\"}}");
    world.post(&format!("/v1/sign-in?token={canary}"), &body).await;
    world.post("/v1/sign-in", &format!("{{\"{canary}\": ")).await;
    world
        .ask("GET", "/v1/me", &format!("Authorization: Bearer {canary}\r\nCookie: a={canary}\r\n"), "")
        .await;
    world.ask("GET", "/v1/me\u{1b}[31m", "", "").await;
    world.log.flush();
    let text = world.page.text();
    assert!(!text.contains(canary), "{text}");
    assert!(!text.contains('\u{1b}'));
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["path"], "/v1/sign-in");
    assert_eq!((&first["dialect"], &first["verb"]), (&"native".into(), &"sign_in".into()));
    assert_eq!(first["address"], "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_in_the_log_comes_from_trusted_proxies_only() {
    let forged =
        "X-Forwarded-For: 198.51.100.1\r\nX-Real-IP: 198.51.100.2\r\nForwarded: for=198.51.100.3\r\n";
    for (trusted, address) in [("", "127.0.0.1"), ("127.0.0.0/8", "198.51.100.1")] {
        let world = World::new("[[mount]]\ndialect = \"native\"\n", &[("TRUSTED_PROXIES", trusted)]).await;
        world.ask("GET", "/v1/me", forged, "").await;
        world.log.flush();
        let line: serde_json::Value = serde_json::from_str(world.page.text().trim()).unwrap();
        assert_eq!(line["address"], address, "trusted: {trusted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_was_begun() {
    let mut world = World::native().await;
    let mut idle = world.connect().await;
    idle.send("GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(idle.reply().await.status, 200);
    let mut busy = world.connect().await;
    busy.send("POST /v1/sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{").await;
    // An answer on another connection: the half request was accepted before it.
    assert_eq!(world.ask("GET", "/health/live", "", "").await.status, 200);
    world.stop();
    while !world.app.is_draining() {
        tokio::task::yield_now().await;
    }
    idle.send("GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let reply = idle.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (503, Some("close")));
    busy.send("}").await;
    let reply = busy.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (422, Some("close")));
    world.stopped().await;
    assert!(tokio::net::TcpStream::connect(world.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_ever() {
    let mut world = World::new("[[mount]]\ndialect = \"native\"\n", &[("TIMEOUTS__SHUTDOWN", "500ms")]).await;
    let mut stuck = world.connect().await;
    stuck.send("POST /v1/sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{").await;
    assert_eq!(world.ask("GET", "/health/live", "", "").await.status, 200);
    world.stop();
    world.stopped().await;
}

/// Asks again and again on one connection. Ends when the server says that it closes; gives the number of answers.
async fn ask_until_closed(mut wire: Wire) -> u32 {
    let mut answers = 0;
    loop {
        wire.send("POST /v1/sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").await;
        // Panics when a request that was sent stays without an answer.
        let reply = wire.reply().await;
        assert_eq!(reply.status, 422);
        answers += 1;
        if reply.header("connection") == Some("close") {
            return answers;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_under_load_stays_without_an_answer_when_the_server_stops() {
    for _ in 0..5 {
        let mut world = World::native().await;
        let (stop, mut asking) = (world.take_stop(), JoinSet::new());
        for _ in 0..8 {
            asking.spawn(ask_until_closed(world.connect().await));
        }
        // Some answers later.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        drop(stop);
        assert!(asking.join_all().await.into_iter().all(|answers| answers > 0));
        world.stopped().await;
    }
}
