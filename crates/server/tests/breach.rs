//! Does the configured service decide about new passwords, in the server and on the console? (SEC-06)

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use world::World;

const LEAKED: &str = "leaked but long enough";

/// A service that lists one password. Gives its URL and the paths that were asked for.
async fn service() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/range/", listener.local_addr().unwrap());
    let paths = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&paths);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            seen.lock().unwrap().push(head.split(' ').nth(1).unwrap().to_owned());
            let body = format!("{}:9\r\n", &digits()[5..]);
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, paths)
}

fn digits() -> String {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, LEAKED.as_bytes()).as_ref().iter().map(|b| format!("{b:02X}")).collect()
}

async fn sign_up(world: &World, name: &str, password: &str) -> (u16, String) {
    let body = format!(r#"{{"email":"{name}@example.com","password":"{password}"}}"#);
    let reply = world.post("/v1/sign-up", &body).await;
    (reply.status, reply.body)
}

/// What `countersign user add` says, and whether it did it.
async fn on_the_console(world: &World, url: &str, password: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(["user", "add", "ana@example.com", "--password-stdin", "--data"]);
    command.arg(world.home.path("data")).current_dir(world.home.path("")).env_clear();
    command.env("COUNTERSIGN_PASSWORDS__BREACH_URL", url).env("COUNTERSIGN_HASHING__MEMORY_KIB", "64");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let password = format!("{password}\n");
    let run = move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_password_is_refused_over_http_and_on_the_console() {
    let (url, paths) = service().await;
    let file = "[[mount]]\ndialect = \"native\"\n";
    let world = World::new(file, &[("PASSWORDS__BREACH_URL", &url)]).await;
    let (status, body) = sign_up(&world, "bob", LEAKED).await;
    assert_eq!(status, 422, "{body}");
    assert!(body.contains("password_common"), "{body}");
    assert_eq!(sign_up(&world, "bob", "nobody has ever seen this").await.0, 201);
    let (done, said) = on_the_console(&world, &url, LEAKED).await;
    assert!(!done && said.contains("password_common"), "{said}");
    let paths = paths.lock().unwrap();
    assert_eq!(paths.len(), 3, "{paths:?}");
    let expected = format!("/range/{}", &digits()[..5]);
    assert!(paths[0] == expected && paths[2] == expected && paths[1] != expected, "{paths:?}");
}

#[tokio::test]
async fn by_default_nobody_is_asked() {
    let world = World::native().await;
    assert!(world.app.config().breaches.url.is_none());
    assert_eq!(sign_up(&world, "bob", LEAKED).await.0, 201);
}
