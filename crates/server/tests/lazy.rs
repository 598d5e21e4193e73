//! Do users come as they sign in, whatever the old application is, says, or fails to say? (SEC-106)

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use domain::phase::Tally;
use domain::secret::Secret;
use domain::user::User;
use engine::{EventQuery, NewUserRequest, Who};
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use world::{Home, Reply, World};

/// Both applications sign with it.
const SECRET: &str = "a secret that both applications have, 48 bytes long";
const PASSWORD: &str = "correct horse battery 9";

/// How a contract is spoken.
struct Spoken {
    dialect: &'static str,
    sign_in: &'static str,
    /// Signs in by user name; otherwise by address.
    by_username: bool,
    /// Whether its answers, or its own route for that, show the address.
    shows_email: bool,
}

const SPOKEN: [Spoken; 4] = [
    Spoken { dialect: "password-generator", sign_in: "/api/sign-in/", by_username: false, shows_email: true },
    Spoken { dialect: "uk-travel", sign_in: "/api/user/token/", by_username: true, shows_email: false },
    Spoken { dialect: "auths-v1", sign_in: "/api/v1/auths/sign-in", by_username: false, shows_email: true },
    Spoken { dialect: "nest-passport", sign_in: "/auth/signin", by_username: false, shows_email: true },
];

impl Spoken {
    fn body(&self, name: &str, password: &str) -> String {
        let body = if self.by_username {
            json!({"username": name, "password": password})
        } else {
            json!({"email": format!("{name}@example.com"), "password": password})
        };
        body.to_string()
    }

    async fn try_in(&self, world: &World, name: &str, password: &str) -> Reply {
        world.post(self.sign_in, &self.body(name, password)).await
    }

    /// A server of this contract; `more` are words of its mount.
    async fn server(&self, more: &str) -> World {
        let home = Home::new();
        home.write_mode("secret", SECRET, 0o600);
        let dialect = self.dialect;
        World::at(home, &format!("[[mount]]\ndialect = \"{dialect}\"\nsecret_file = \"secret\"\n{more}"), &[])
            .await
    }

    /// This server, in front of what listens there.
    async fn ours(&self, port: u16, more: &str) -> World {
        let upstream = format!("upstream = \"http://127.0.0.1:{port}\"\nphase = \"dual\"\n{more}");
        self.server(&upstream).await
    }
}

/// A user of an application.
async fn add(world: &World, name: &str) -> User {
    let request = NewUserRequest {
        username: Some(name.into()),
        email: Some(format!("{name}@example.com")),
        first_name: "Ana".into(),
        last_name: "Díaz".into(),
        role: "admin".into(),
        permissions: vec!["everything".into()],
        attributes: Map::from_iter([("is_staff".to_owned(), json!(true))]),
        password: Some(Secret::new(PASSWORD)),
        ..NewUserRequest::default()
    };
    world.app.engine().add_user(request).await.unwrap()
}

async fn find(world: &World, name: &str) -> Option<User> {
    let found = world.app.engine().find_user(&Who::parse(name)).await.unwrap();
    match found {
        Some(user) => Some(user),
        None => world.app.engine().find_user(&Who::parse(&format!("{name}@example.com"))).await.unwrap(),
    }
}

/// How often something was counted.
async fn counted(world: &World, what: Tally) -> u64 {
    world.app.takeovers().counts.write(world.app.engine()).await;
    let counts = world.app.engine().migration_counts().await.unwrap();
    counts.iter().filter(|one| one.what == what).map(|one| one.count).sum()
}

/// The details of the events of a kind.
async fn events(world: &World, kind: &str) -> Vec<String> {
    let all = world.app.engine().events(&EventQuery::default(), 1000).await.unwrap();
    let these = all.into_iter().filter(|one| one.entry.kind == kind);
    these.map(|one| one.entry.details.into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_every_contract_come_as_they_sign_in_and_are_asked_about_once() {
    for spoken in SPOKEN {
        let dialect = spoken.dialect;
        let mut old = spoken.server("").await;
        for name in ["first", "second"] {
            add(&old, name).await;
        }
        let theirs = add(&old, "ann").await;
        let ours = spoken.ours(old.address.port(), "").await;
        let reply = spoken.try_in(&ours, "ann", PASSWORD).await;
        assert_eq!(reply.status, 200, "{dialect}: {reply:?}");
        let user = find(&ours, "ann").await.unwrap();
        if dialect == "nest-passport" {
            assert_eq!(user.uuid, theirs.uuid);
        } else {
            assert_eq!(user.id, theirs.id, "{dialect}");
        }
        assert_eq!(user.email.is_some(), spoken.shows_email, "{dialect}");
        // No right came along.
        assert!(
            user.role != "admin" && !user.permissions.contains(&"everything".to_owned()),
            "{dialect}: {user:?}"
        );
        if matches!(dialect, "password-generator" | "auths-v1") {
            assert_eq!((user.first_name.as_str(), user.last_name.as_str()), ("Ana", "Díaz"), "{dialect}");
        }
        // A wrong password is refused as the old application refuses it, and it is not asked about twice.
        let refused = spoken.try_in(&old, "second", "wrong horse battery 9").await;
        for _ in 0..2 {
            let reply = spoken.try_in(&ours, "second", "wrong horse battery 9").await;
            assert_eq!((reply.status, &reply.body), (refused.status, &refused.body), "{dialect}");
        }
        let nobody = spoken.try_in(&ours, "nobody", PASSWORD).await;
        assert_eq!(nobody.status, spoken.try_in(&old, "nobody", PASSWORD).await.status, "{dialect}");
        let counts = [Tally::Asked, Tally::CarriedOver, Tally::Refused, Tally::Spared, Tally::Lied];
        let mut found = Vec::new();
        for what in counts {
            found.push(counted(&ours, what).await);
        }
        assert_eq!(found, [3, 1, 2, 1, 0], "{dialect}");
        assert_eq!(events(&ours, "user_carried_over").await.len(), 1, "{dialect}");
        // Nobody is asked any more about whoever is here.
        old.stop();
        old.stopped().await;
        assert_eq!(spoken.try_in(&ours, "ann", PASSWORD).await.status, 200, "{dialect}");
        assert_eq!(counted(&ours, Tally::Asked).await, 3, "{dialect}");
    }
}

/// An application that says one thing to every request, or nothing.
struct Scripted {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Scripted {
    async fn new(answer: Option<Vec<u8>>) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, connections): (Arc<Mutex<Vec<String>>>, Arc<AtomicUsize>) = Default::default();
        let (seen, count, mut serving) = (Arc::clone(&requests), Arc::clone(&connections), JoinSet::new());
        serving.spawn(async move {
            let mut speaking = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                let (answer, seen) = (answer.clone(), Arc::clone(&seen));
                speaking.spawn(async move {
                    let mut text = vec![0; 16 * 1024];
                    let count = stream.read(&mut text).await.unwrap_or(0);
                    seen.lock().unwrap().push(String::from_utf8_lossy(&text[..count]).into_owned());
                    match answer {
                        Some(answer) => drop(stream.write_all(&answer).await.and(stream.shutdown().await)),
                        None => std::future::pending().await,
                    }
                });
            }
        });
        Scripted { port, requests, connections, _serving: serving }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn ok(body: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    format!("{head}{body}").into_bytes()
}

/// A good answer of the password generator for ann, with changes, and a token that names her.
async fn good(change: impl FnOnce(&mut Value)) -> String {
    let spoken = &SPOKEN[0];
    let old = spoken.server("").await;
    add(&old, "ann").await;
    let mut body = spoken.try_in(&old, "ann", PASSWORD).await.json();
    change(&mut body);
    body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_application_that_lies_is_refused_and_noted_and_nobody_is_added() {
    let spoken = &SPOKEN[0];
    let elsewhere = Scripted::new(Some(ok("{}"))).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/\r\nContent-Length: 0\r\n\r\n",
        elsewhere.port
    );
    let another = good(|body| body["user"]["email"] = json!("bob@example.com")).await;
    let other_id = good(|body| body["user"]["id"] = json!(4711)).await;
    let forged = good(|body| body["access"] = json!("eyJhbGciOiJub25lIn0.eyJ1c2VyX2lkIjoxfQ.")).await;
    let table = [
        ("another user", ok(&another)),
        ("an id that is not the token's", ok(&other_id)),
        ("a token that nobody signed", ok(&forged)),
        ("garbage", ok("<html>SECRET</html>")),
        ("an empty object", ok("{}")),
        ("a huge body", ok(&format!("{{\"a\":\"{}\"}}", "x".repeat(2 << 20)))),
        ("a redirect to this machine", redirect.into_bytes()),
    ];
    for (what, answer) in table {
        let liar = Scripted::new(Some(answer)).await;
        let ours = spoken.ours(liar.port, "").await;
        let reply = spoken.try_in(&ours, "ann", PASSWORD).await;
        assert_eq!(reply.status, 503, "{what}: {reply:?}");
        assert_eq!(reply.json(), json!({"error": "The server is busy. Try again in 1 seconds."}), "{what}");
        assert!(find(&ours, "ann").await.is_none() && find(&ours, "bob").await.is_none(), "{what}");
        assert_eq!(
            (counted(&ours, Tally::Lied).await, counted(&ours, Tally::CarriedOver).await),
            (1, 0),
            "{what}"
        );
        let noted = events(&ours, "upstream_lied").await;
        assert_eq!(noted.len(), 1, "{what}");
        assert!(!noted[0].contains("SECRET") && !ours.page.text().contains("SECRET"), "{what}");
    }
    assert_eq!(elsewhere.connections(), 0, "a redirect was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_application_that_hangs_costs_nobody_else_anything() {
    let spoken = &SPOKEN[0];
    let hanging = Scripted::new(None).await;
    let ours =
        Arc::new(spoken.ours(hanging.port, "upstream_timeout = \"2s\"\nupstream_parallel = 3\n").await);
    add(&ours, "bob").await;
    let mut waiting = JoinSet::new();
    for number in 0..6 {
        let ours = Arc::clone(&ours);
        waiting.spawn(async move { SPOKEN[0].try_in(&ours, &format!("user{number}"), PASSWORD).await });
    }
    while hanging.connections() < 3 {
        tokio::task::yield_now().await;
    }
    // Whoever is here comes in while all the others still wait.
    for _ in 0..3 {
        assert_eq!(spoken.try_in(&ours, "bob", PASSWORD).await.status, 200);
    }
    assert!(waiting.try_join_next().is_none(), "somebody was answered meanwhile");
    assert_eq!(hanging.connections(), 3, "more were asked at once than allowed");
    // No one waits longer than the old application may take, and all are told so in the contract's words.
    while let Some(reply) = waiting.join_next().await {
        let reply = reply.unwrap();
        assert_eq!(reply.status, 503, "{reply:?}");
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
    }
    assert_eq!((counted(&ours, Tally::Unavailable).await, counted(&ours, Tally::Lied).await), (6, 0));
    assert_eq!(events(&ours, "upstream_unavailable").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_application_that_is_down_is_said_to_be_in_the_words_of_every_contract() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for spoken in SPOKEN {
        let ours = spoken.ours(port, "").await;
        let first = spoken.try_in(&ours, "ann", PASSWORD).await;
        assert_eq!(first.status, 503, "{}: {first:?}", spoken.dialect);
        assert_eq!(first.header("retry-after"), Some("1"), "{}", spoken.dialect);
        assert!(first.header("content-type").unwrap().starts_with("application/json"), "{}", spoken.dialect);
        for _ in 0..5 {
            spoken.try_in(&ours, "ann", PASSWORD).await;
        }
        // After five failures in a row nobody asks for a while, and that is said.
        let rested = spoken.try_in(&ours, "ann", PASSWORD).await;
        let seconds: u32 = rested.header("retry-after").unwrap().parse().unwrap();
        assert!(rested.status == 503 && (2..=11).contains(&seconds), "{}: {rested:?}", spoken.dialect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_is_the_sign_in_and_nothing_of_anybody_else() {
    // Its sign-in shows all that is to be known, so that one request is all.
    let spoken = &SPOKEN[1];
    let old = spoken.server("").await;
    add(&old, "ann").await;
    let answer = spoken.try_in(&old, "ann", PASSWORD).await.body;
    let good = Scripted::new(Some(ok(&answer))).await;
    let ours = spoken.ours(good.port, "upstream_host = \"old.example\"\n").await;
    let headers = "Content-Type: application/json\r\nCookie: session=SECRET\r\nAuthorization: Bearer SECRET\r\n\
                   X-Forwarded-For: 203.0.113.9\r\nUser-Agent: phone\r\n";
    let reply = ours.ask("POST", spoken.sign_in, headers, &spoken.body("ann", PASSWORD)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let request = good.requests.lock().unwrap()[0].clone();
    assert!(request.starts_with("POST /api/user/token/ HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with(&spoken.body("ann", PASSWORD)), "{request}");
    for line in
        ["host: old.example", "user-agent: phone", "accept-encoding: identity", "x-forwarded-for: 127.0.0.1"]
    {
        assert!(request.to_lowercase().contains(line), "{line}: {request}");
    }
    assert!(!request.contains("SECRET") && !request.contains("203.0.113.9"), "{request}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_cut_nobody_is_asked() {
    let spoken = &SPOKEN[0];
    let old = Scripted::new(Some(ok(&good(|_| {}).await))).await;
    let upstream = format!("upstream = \"http://127.0.0.1:{}\"\nphase = \"cut\"\n", old.port);
    let ours = spoken.server(&upstream).await;
    let reply = spoken.try_in(&ours, "ann", PASSWORD).await;
    assert_ne!(reply.status, 200);
    assert_eq!(old.connections(), 0);
}
