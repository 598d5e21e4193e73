//! What does an old application that lies or hangs cost? (SEC-106)

use super::*;
use crate::outgoing::fake::{Act, Fake, ok};
use http::HeaderValue;

const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for this machine, short enough for a test of what never answers.
const SOON: Duration = Duration::from_millis(300);

fn config(url: &str, timeout: Duration) -> UpstreamConfig {
    UpstreamConfig { timeout, parallel: 4, ..UpstreamConfig::plain(url) }
}

fn open(fake: &Fake, timeout: Duration) -> Arc<Upstream> {
    Upstream::open(&config(&fake.url(), timeout), "", true).unwrap()
}

fn asked(method: Method, path: &str) -> Parts {
    let mut request = Request::new(());
    (*request.method_mut(), *request.uri_mut()) = (method, path.parse().unwrap());
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("accounts.example"));
    request.into_parts().0
}

async fn post(upstream: &Upstream, body: &'static str) -> Result<Response<Bytes>, UpstreamFault> {
    let parts = asked(Method::POST, "/login?x=1");
    upstream.send(&parts, &Bytes::from_static(body.as_bytes()), "192.0.2.9").await
}

fn answer(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\n\r\n{body}").into_bytes()
}

#[tokio::test]
async fn a_request_goes_on_as_it_came_and_its_answer_comes_back_as_it_was() {
    let said = answer(
        "401 Unauthorized\r\nContent-Type: application/json\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
         Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 2",
        "{}",
    );
    let fake = Fake::new(Act::Keep(said)).await;
    let config = config(&format!("{}/old", fake.url()), PATIENCE);
    let upstream = Upstream::open(&config, "/accounts", true).unwrap();
    let mut parts = asked(Method::POST, "/accounts/login%2F?next=%2F");
    for (name, value) in [
        ("content-type", "application/json"),
        ("connection", "close, x-mine"),
        ("x-mine", "1"),
        ("te", "trailers"),
        ("x-forwarded-for", "203.0.113.1"),
        ("x-real-ip", "203.0.113.1"),
        ("forwarded", "for=203.0.113.1"),
        ("expect", "100-continue"),
        ("content-length", "999"),
        ("authorization", "Bearer abc"),
        ("cookie", "c=3"),
        ("cookie", "d=4"),
    ] {
        parts.headers.append(name, HeaderValue::from_static(value));
    }
    let answer = upstream.send(&parts, &Bytes::from_static(b"{\"a\": 1}"), "192.0.2.9").await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (401, b"{}".as_slice()));
    assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 2);
    for gone in ["connection", "keep-alive", "x-hop"] {
        assert!(!answer.headers().contains_key(gone), "{gone}");
    }
    let [request] = fake.requests().try_into().unwrap();
    assert!(request.starts_with("POST /old/login%2F?next=%2F HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"a\": 1}"), "{request}");
    let head = request.to_lowercase();
    for line in [
        "host: accounts.example",
        "content-length: 8",
        "x-forwarded-for: 192.0.2.9",
        "x-real-ip: 192.0.2.9",
        "x-forwarded-proto: https",
        "x-forwarded-host: accounts.example",
        "authorization: bearer abc",
        "cookie: c=3; d=4",
    ] {
        assert_eq!(head.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line}: {request}");
    }
    for gone in ["203.0.113.1", "x-mine", "\r\nte:", "expect:", "999", "forwarded: for"] {
        assert!(!head.contains(gone), "{gone}: {request}");
    }
}

#[tokio::test]
async fn the_host_is_the_clients_or_as_configured_and_other_paths_are_not_the_mounts() {
    let fake = Fake::new(Act::Keep(ok(""))).await;
    let host = Some(HeaderValue::from_static("old.example"));
    let config = UpstreamConfig { host, ..config(&fake.url(), PATIENCE) };
    let upstream = Upstream::open(&config, "/accounts", false).unwrap();
    for (path, went) in [("/accounts", Some("GET / HTTP")), ("/accountsx", None), ("/other", None)] {
        let sent = upstream.send(&asked(Method::GET, path), &Bytes::new(), "192.0.2.9").await;
        assert_eq!(sent.is_ok(), went.is_some(), "{path}");
        let Some(went) = went else { continue };
        let request = fake.requests().pop().unwrap();
        assert!(request.starts_with(went) && request.contains("host: old.example\r\n"), "{request}");
        assert!(request.contains("x-forwarded-proto: http\r\n"), "{request}");
    }
}

#[tokio::test]
async fn connections_are_kept_and_what_can_be_asked_again_is_when_one_ends() {
    let fake = Fake::new(Act::Keep(ok("{}"))).await;
    let upstream = open(&fake, PATIENCE);
    for _ in 0..5 {
        post(&upstream, "{}").await.unwrap();
    }
    assert_eq!((fake.connections(), fake.requests().len()), (1, 5));
    let once = Fake::new(Act::Once(ok("{}"))).await;
    let upstream = open(&once, PATIENCE);
    for _ in 0..3 {
        let get = asked(Method::GET, "/me");
        upstream.send(&get, &Bytes::new(), "192.0.2.9").await.unwrap();
    }
    // The second and the third met the end of their connection and were asked again.
    assert_eq!((once.connections(), once.requests().len()), (3, 5));
    // A sign-in might count twice.
    let broken = UpstreamFault::Broken("the connection ended before the answer");
    assert_eq!(post(&upstream, "{}").await.unwrap_err(), broken);
}

#[tokio::test]
async fn whatever_is_no_answer_is_a_fault_in_bounded_space() {
    let long = "x".repeat(MAX_ANSWER + 1);
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).into_bytes();
    let chunked = answer("200 OK\r\nTransfer-Encoding: chunked", "");
    let broken = "Broken";
    let table = [
        ("a long body", Act::Say(ok(&long)), "TooLarge"),
        ("a long body that announces nothing", Act::Say(answer("200 OK", &long)), "TooLarge"),
        ("chunks without end", Act::Forever(chunked.clone(), chunk, Duration::ZERO), "TooLarge"),
        ("a long head", Act::Say(answer(&format!("200 OK\r\nX: {}", "x".repeat(70_000)), "")), broken),
        (
            "a head without end",
            Act::Forever(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(500), Duration::ZERO),
            broken,
        ),
        ("too many fields", Act::Say(answer(&format!("200 OK{}", "\r\nA: b".repeat(200)), "")), broken),
        ("another protocol", Act::Say(b"220 mail.example.com ESMTP\r\n".to_vec()), broken),
        (
            "a switch",
            Act::Say(answer("101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x", "")),
            broken,
        ),
        ("nothing", Act::Say(Vec::new()), broken),
        ("half a head", Act::Say(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()), broken),
        ("half a body", Act::Say(answer("200 OK\r\nContent-Length: 400", "{}")), broken),
        ("half a chunk", Act::Say([chunked.clone(), b"ff\r\nabc".to_vec()].concat()), broken),
        ("a chunk of no size", Act::Say([chunked.clone(), b"zz\r\nabc\r\n".to_vec()].concat()), broken),
        ("two lengths", Act::Say(answer("200 OK\r\nContent-Length: 1\r\nContent-Length: 2", "ab")), broken),
        ("a length of no number", Act::Say(answer("200 OK\r\nContent-Length: +2", "ab")), broken),
        (
            "a length and chunks",
            Act::Say(answer("200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
            broken,
        ),
        ("a line in a field", Act::Say(answer("200 OK\r\nX: a\r\n b\r\nContent-Length: 0", "")), broken),
    ];
    for (what, act, expected) in table {
        let fake = Fake::new(act).await;
        let fault = post(&open(&fake, PATIENCE), "{}").await.map(|answer| answer.status()).unwrap_err();
        assert!(format!("{fault:?}").starts_with(expected), "{what}: {fault:?}");
        assert_eq!(fake.connections(), 1, "{what}");
    }
}

// SEC-106
#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = Fake::new(Act::Keep(ok("{}"))).await;
    let redirect = answer(&format!("302 Found\r\nLocation: {}\r\nContent-Length: 0", elsewhere.url()), "");
    let fake = Fake::new(Act::Keep(redirect)).await;
    assert_eq!(post(&open(&fake, PATIENCE), "{}").await.unwrap().status(), StatusCode::FOUND);
    assert_eq!(elsewhere.connections(), 0);
}

// SEC-106
#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused_before_anybody_connects() {
    let fake = Fake::new(Act::Keep(ok("{}"))).await;
    let config = config(&format!("http://localhost.localdomain:{}", fake.port), PATIENCE);
    let named = Upstream::open(&config, "", true).unwrap();
    let fault = post(&named, "{}").await.unwrap_err();
    // Where the resolver does not know the name, nobody is there.
    assert!(matches!(fault, UpstreamFault::Forbidden | UpstreamFault::Unreachable), "{fault:?}");
    let written = config_of_localhost(&fake);
    assert!(post(&Upstream::open(&written, "", true).unwrap(), "{}").await.is_ok());
    assert_eq!(fake.connections(), 1);
}

fn config_of_localhost(fake: &Fake) -> UpstreamConfig {
    config(&format!("http://localhost:{}", fake.port), PATIENCE)
}

#[tokio::test]
async fn what_hangs_or_drips_ends_in_time_and_after_five_nobody_asks() {
    let drip = Act::Forever(ok("")[..15].to_vec(), b"O".to_vec(), Duration::from_millis(10));
    let slow_body = Act::Forever(
        answer("200 OK\r\nContent-Length: 100000", ""),
        b"x".to_vec(),
        Duration::from_millis(10),
    );
    let chunks = Act::Forever(
        answer("200 OK\r\nTransfer-Encoding: chunked", ""),
        b"1\r\nx\r\n".to_vec(),
        Duration::from_millis(10),
    );
    let informed =
        Act::Forever(Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(), Duration::from_millis(10));
    let half = Act::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345".to_vec());
    for act in [Act::Deaf, Act::Hang(Vec::new()), half, drip, slow_body, chunks, informed] {
        let what = format!("{act:?}");
        let fake = Fake::new(act).await;
        let upstream = open(&fake, SOON);
        let begun = Instant::now();
        let all: Vec<_> = (0..4).map(|_| post(&upstream, "{}")).collect();
        let mut told = Vec::new();
        for one in all {
            told.push(one.await.unwrap_err());
        }
        assert_eq!(told, [UpstreamFault::TimedOut; 4], "{what}");
        assert!(begun.elapsed() < PATIENCE, "{what}");
        assert_eq!(post(&upstream, "{}").await.unwrap_err(), UpstreamFault::TimedOut);
        // The breaker is open: nobody is asked any more, and nobody waits.
        let before = fake.connections();
        let fault = post(&upstream, "{}").await.unwrap_err();
        assert!(matches!(fault, UpstreamFault::Resting(_)) && fault.retry_seconds() >= 10, "{fault:?}");
        assert_eq!(fake.connections(), before, "{what}");
    }
}

#[tokio::test]
async fn so_many_ask_as_many_wait_and_the_rest_are_told_at_once() {
    let fake = Fake::new(Act::Hang(Vec::new())).await;
    let upstream = open(&fake, PATIENCE);
    let (most, waiting) = (4, 4);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..most + waiting {
        let upstream = Arc::clone(&upstream);
        tasks.spawn(async move { post(&upstream, "{}").await });
    }
    while fake.requests().len() < most {
        tokio::task::yield_now().await;
    }
    while upstream.waiting.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(post(&upstream, "{}").await.unwrap_err(), UpstreamFault::Busy);
    assert_eq!((fake.requests().len(), fake.connections()), (most, most));
    // Whoever goes away gives the place back, and the connection ends.
    tasks.shutdown().await;
    assert_eq!(upstream.waiting.available_permits(), most + waiting);
    assert_eq!(upstream.asking.available_permits(), most);
    assert_eq!(upstream.rest(), None);
}

#[tokio::test]
async fn an_answer_that_brings_another_one_along_is_read_once() {
    let two = [ok("{\"for\":\"you\"}"), ok("{\"for\":\"the next one\"}")].concat();
    let fake = Fake::new(Act::Keep(two)).await;
    let upstream = open(&fake, PATIENCE);
    for _ in 0..3 {
        match post(&upstream, "{}").await {
            Ok(answer) => assert_eq!(answer.body().as_ref(), b"{\"for\":\"you\"}"),
            Err(fault) => assert!(matches!(fault, UpstreamFault::Broken(_)), "{fault:?}"),
        }
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_a_stranger_behind_tls_too() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let nobody = Upstream::open(&config(&format!("http://127.0.0.1:{port}"), PATIENCE), "", true).unwrap();
    assert_eq!(post(&nobody, "{}").await.unwrap_err(), UpstreamFault::Unreachable);
    let fake = Fake::new(Act::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())).await;
    let clear =
        Upstream::open(&config(&format!("https://127.0.0.1:{}", fake.port), PATIENCE), "", true).unwrap();
    let told = tokio::time::timeout(SOON * 10, post(&clear, "{}")).await;
    // It waits for a head that never comes, or refuses what is no TLS.
    assert!(!matches!(told, Ok(Ok(_))));
    assert!(fake.requests().is_empty());
}
