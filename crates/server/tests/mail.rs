//! Do letters arrive once, in spite of the mail server, and does nobody wait for it? (REL-44, SEC-38, SEC-40)

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

#[path = "mail/pages.rs"]
mod pages;
#[path = "mail/process.rs"]
mod process;
#[path = "mail/settings.rs"]
mod settings;
#[path = "mail/smtp.rs"]
mod smtp;
mod world;

use engine::{NewUserRequest, Who};
use smtp::{Mood, Smtp};
use world::{PATIENCE, Reply, World};

/// A server that sends to this mail server.
async fn world(smtp: &Smtp, more: &[(&str, &str)]) -> World {
    let port = smtp.address.port().to_string();
    let mut settings = vec![("MAIL__PORT", port.as_str())];
    settings.extend(more);
    let file = r#"
public_url = "https://id.example.com"
service_name = "Example"
[mail]
transport = "smtp"
from = "Example <no-reply@example.com>"
server = "127.0.0.1"
encryption = "none"
retry = "100ms"
[timeouts]
shutdown = "1s"
[[mount]]
dialect = "native"
"#;
    World::new(file, &settings).await
}

async fn add(world: &World, email: &str, first_name: &str) {
    let request = NewUserRequest {
        email: Some(email.to_owned()),
        email_verified: true,
        first_name: first_name.to_owned(),
        ..NewUserRequest::default()
    };
    world.app.engine().add_user(request).await.unwrap();
}

/// Asks for a reset on the hosted page.
async fn forgot(world: &World, email: &str, headers: &str) -> Reply {
    let email = email.replace('+', "%2B").replace('@', "%40");
    let headers = format!(
        "Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}"
    );
    world.ask("POST", "/account/forgot", &headers, &format!("email={email}")).await
}

/// Waits until so many letters wait.
async fn waiting(world: &World, count: u64) {
    let emptied = async {
        while world.app.engine().outbox_gauges().await.unwrap().waiting != count {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, emptied).await.expect("the outbox does not become so full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_goes_to_the_stored_address_with_a_link_to_the_public_url() {
    let smtp = Smtp::start(Mood::Accept).await;
    let world = world(&smtp, &[]).await;
    add(&world, "Ana@Example.com", "Ana").await;
    let reply = forgot(&world, " ana@EXAMPLE.com ", "Accept-Language: es-MX\r\n").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let letter = smtp.arrived(1).await.remove(0);
    // SEC-30, SEC-38: the stored address, and nobody else.
    assert_eq!(letter.to, ["Ana@Example.com"]);
    assert_eq!(letter.header("to").unwrap(), "Ana@Example.com");
    assert_eq!(letter.from, "no-reply@example.com");
    assert_eq!(letter.header("from").unwrap(), "Example <no-reply@example.com>");
    assert_eq!(letter.header("auto-submitted").unwrap(), "auto-generated");
    assert!(letter.header("message-id").unwrap().ends_with("@id.example.com>"));
    let (text, html) = letter.parts();
    assert!(text.contains("Hola, Ana:") && text.contains("30 minutos"), "{text}");
    assert!(html.contains("<html lang=\"es\">"), "{html}");
    assert!(
        letter.link().starts_with("https://id.example.com/account/reset?token=csl_"),
        "{}",
        letter.link()
    );
    waiting(&world, 0).await;
}

/// What a client may say about the server's name. None of it may come near a link.
const NAMES: &[&str] = &[
    "X-Forwarded-Host: evil.example\r\n",
    "X-Forwarded-Proto: http\r\n",
    "X-Forwarded-Port: 8443\r\n",
    "X-Forwarded-Server: evil.example\r\n",
    "X-Forwarded-Prefix: /evil\r\n",
    "Forwarded: for=1.2.3.4;host=evil.example;proto=http\r\n",
    "X-Original-URL: https://evil.example/x\r\n",
    "X-Rewrite-URL: https://evil.example/x\r\n",
    "X-Host: evil.example\r\n",
    "X-HTTP-Host-Override: evil.example\r\n",
    "Origin: https://evil.example\r\n",
    "Referer: https://evil.example/\r\n",
];

// SEC-40
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_the_public_url_byte_for_byte_whatever_a_request_says() {
    let smtp = Smtp::start(Mood::Accept).await;
    let world = world(&smtp, &[]).await;
    let all = NAMES.concat();
    let cases: Vec<(&str, &str)> = NAMES.iter().map(|line| ("localhost", *line)).collect();
    let hosts = [
        ("evil.example", ""),
        ("evil.example:8443", ""),
        ("id.example.com@evil.example", ""),
        ("evil.example", &all),
    ];
    for (number, (host, lines)) in hosts.into_iter().chain(cases).enumerate() {
        let email = format!("u{number}@example.com");
        add(&world, &email, "").await;
        let body = format!("email=u{number}%40example.com");
        // Absolute-form targets, too (RFC 9112 section 3.2.2).
        let target = if number % 2 == 0 { "/account/forgot" } else { "http://evil.example/account/forgot" };
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{lines}\r\n{body}",
            body.len()
        );
        let reply = Reply::parse(&world.raw(request).await);
        assert_eq!(reply.status, 200, "{host} {lines}");
        let letter = smtp.arrived(number + 1).await.remove(number);
        assert_eq!(letter.to, [email]);
        assert!(
            letter.link().starts_with("https://id.example.com/account/reset?token=csl_"),
            "{}",
            letter.link()
        );
        let (text, html) = letter.parts();
        assert!(!text.contains("evil") && !html.contains("evil") && !letter.data.contains("evil"), "{text}");
        assert!(!reply.body.contains("evil"), "{}", reply.body);
    }
}

// REL-44
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_refused_for_now_is_tried_again_and_arrives_once() {
    arrives_once_after(Mood::Refuse("451 4.7.1 Try again later")).await;
}

/// A letter that does not get through at first, and later does.
async fn arrives_once_after(trouble: Mood) {
    let smtp = Smtp::start(trouble).await;
    let world = world(&smtp, &[]).await;
    add(&world, "ana@example.com", "Ana").await;
    assert_eq!(forgot(&world, "ana@example.com", "").await.status, 200);
    smtp.connected(2).await;
    smtp.set(Mood::Accept);
    smtp.arrived(1).await;
    waiting(&world, 0).await;
    assert_eq!(smtp.letters().len(), 1);
}

// REL-44
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_refused_for_good_stays_and_is_tried_once_an_hour() {
    let smtp = Smtp::start(Mood::Refuse("550 5.7.1 Relaying denied")).await;
    let world = world(&smtp, &[]).await;
    add(&world, "ana@example.com", "Ana").await;
    assert_eq!(forgot(&world, "ana@example.com", "").await.status, 200);
    smtp.connected(1).await;
    let engine = world.app.engine();
    let postponed = async {
        loop {
            let post = engine.letters_waiting(None, 1).await.unwrap().remove(0);
            // Not longer than the link works: then it is dropped.
            if post.due_at == post.expires_at {
                return post;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let post = tokio::time::timeout(PATIENCE, postponed).await.unwrap();
    assert_eq!((post.tries, post.to.as_str()), (1, "ana@example.com"));
}

// REL-44
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_dies_in_the_middle_of_a_letter_gets_it_again() {
    arrives_once_after(Mood::DieInData).await;
}

// REL-44, SEC-13: proved by structure, not by a clock: the mail server answers only after the client has its answer.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_waits_for_a_mail_server_that_hangs() {
    for mood in [Mood::Hang, Mood::AcceptLater] {
        let smtp = Smtp::start(mood).await;
        let world = world(&smtp, &[]).await;
        for number in 0..5 {
            add(&world, &format!("u{number}@example.com"), "").await;
            assert_eq!(forgot(&world, &format!("u{number}@example.com"), "").await.status, 200);
        }
        smtp.connected(1).await;
        assert!(smtp.letters().is_empty());
        assert_eq!(world.app.engine().outbox_gauges().await.unwrap().waiting, 5);
        smtp.set(Mood::Accept);
        smtp.arrived(5).await;
        waiting(&world, 0).await;
        assert_eq!(smtp.letters().len(), 5, "{mood:?}");
    }
}

// REL-44
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_was_taken_is_not_sent_again_when_the_farewell_hangs() {
    let smtp = Smtp::start(Mood::HangAfterwards).await;
    let world = world(&smtp, &[]).await;
    add(&world, "ana@example.com", "Ana").await;
    assert_eq!(forgot(&world, "ana@example.com", "").await.status, 200);
    smtp.arrived(1).await;
    waiting(&world, 0).await;
    assert_eq!(smtp.letters().len(), 1);
}

// REL-44
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_mail_server_and_loses_no_letter() {
    let smtp = Smtp::start(Mood::Hang).await;
    let mut world = world(&smtp, &[]).await;
    add(&world, "ana@example.com", "Ana").await;
    assert_eq!(forgot(&world, "ana@example.com", "").await.status, 200);
    smtp.connected(1).await;
    world.stop();
    world.stopped().await;
    assert_eq!(world.app.engine().outbox_gauges().await.unwrap().waiting, 1);
    assert!(smtp.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_a_letter_who_has_no_account() {
    let smtp = Smtp::start(Mood::Accept).await;
    let world = world(&smtp, &[]).await;
    add(&world, "ana@example.com", "Ana").await;
    let stranger = forgot(&world, "bea@example.com", "").await;
    let known = forgot(&world, "ana@example.com", "").await;
    // SEC-13: the same answer.
    assert_eq!((stranger.status, stranger.body), (known.status, known.body));
    assert_eq!(smtp.arrived(1).await[0].to, ["ana@example.com"]);
}

/// What people may write into the field for their name.
const PAYLOADS: [&str; 30] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "<a href=\"https://evil.example\">Ana</a>",
    "https://evil.example/reset",
    "http://evil.example",
    "evil.example",
    "www.evil.example",
    "ana@evil.example",
    "mailto:ana@evil.example",
    "javascript:alert(1)",
    "Ana\r\nBcc: victim@example.org",
    "Ana\nTo: victim@example.org",
    "Ana\r\n\r\n<h1>new body</h1>",
    "Ana\r\n.\r\nMAIL FROM:<x@evil.example>",
    "\r\nSubject: other",
    "=?utf-8?q?Ana?= <x@evil.example>",
    "{{ link }}",
    "{% include \"layout.html\" %}",
    "${7*7}",
    "[click](https://evil.example)",
    "<style>*{display:none}</style>",
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
    "</p></div><form action=https://evil.example>",
    "&lt;script&gt;",
    "\u{202e}gro.elpmaxe",
    "Ana\u{0}Bea",
    "Your account is blocked call 0900 123456",
    "\u{2028}alert(1)",
    "<!--",
];

// SEC-38
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_is_inert_in_a_letter() {
    let smtp = Smtp::start(Mood::Accept).await;
    let world = world(&smtp, &[]).await;
    add(&world, "nobody@example.com", "").await;
    forgot(&world, "nobody@example.com", "").await;
    let plain = smtp.arrived(1).await.remove(0);
    let bare =
        |text: &str, link: &str| text.replace(link, "LINK").replace(&link.replace('&', "&amp;"), "LINK");
    for (number, name) in PAYLOADS.into_iter().enumerate() {
        let email = format!("u{number}@example.com");
        add(&world, &email, name).await;
        forgot(&world, &email, "").await;
        let letter = smtp.arrived(number + 2).await.remove(number + 1);
        assert_eq!(letter.to, [email.as_str()], "{name:?}");
        for header in ["bcc", "cc"] {
            assert_eq!(letter.header(header), None, "{name:?}");
        }
        assert_eq!(letter.header("subject"), plain.header("subject"), "{name:?}");
        assert_eq!(letter.header("to").unwrap(), email, "{name:?}");
        // Nothing at all of such a name is shown: the letter is the one that a nameless reader gets.
        let ((text, html), (plain_text, plain_html)) = (letter.parts(), plain.parts());
        assert_eq!(bare(&text, &letter.link()), bare(&plain_text, &plain.link()), "{name:?}");
        let token = |link: &str| link.split("token=").nth(1).unwrap().to_owned();
        let html = html.replace(&token(&letter.link()), "TOKEN");
        assert_eq!(html, plain_html.replace(&token(&plain.link()), "TOKEN"), "{name:?}");
    }
}

// REL-44
#[tokio::test(flavor = "multi_thread")]
async fn letters_of_a_deleted_user_do_not_stop_the_others() {
    let smtp = Smtp::start(Mood::Hang).await;
    let world = world(&smtp, &[]).await;
    for email in ["ana@example.com", "bea@example.com"] {
        add(&world, email, "").await;
        forgot(&world, email, "").await;
    }
    world.app.engine().delete_user(&Who::parse("ana@example.com")).await.unwrap();
    smtp.set(Mood::Accept);
    let arrived = smtp.arrived(1).await;
    assert!(
        arrived.iter().any(|letter| letter.to == ["bea@example.com"]) || smtp.arrived(2).await.len() == 2
    );
    waiting(&world, 0).await;
}

// SEC-40: links never depend on it; a server whose mounts all have a host says that it is not the one that was meant.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_nobody_is_misdirected() {
    let world = World::new("[[mount]]\ndialect = \"native\"\nhost = \"id.example.com\"\n", &[]).await;
    for (host, status) in [
        ("id.example.com", 401),
        ("ID.example.com:8443", 401),
        ("evil.example", 421),
        ("id.example.com.evil.example", 421),
        ("", 421),
    ] {
        let request = format!("GET /v1/me HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(Reply::parse(&world.raw(request).await).status, status, "{host:?}");
    }
    let world = World::native().await;
    let request = "GET /nowhere HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(Reply::parse(&world.raw(request).await).status, 404);
}
