//! Does the program record what goes through it, without changing it, and is what it writes good?

use crate::world::{Home, PATIENCE, Reply, World};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn program(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).current_dir(home.path("")).env("NO_COLOR", "1");
    command
}

fn run(home: &Home, arguments: &[&str]) -> Output {
    program(home, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A recorder that runs.
struct Recorder {
    child: Child,
    address: SocketAddr,
}

impl Recorder {
    fn start(home: &Home, upstream: &str, out: &str) -> Recorder {
        let arguments = [
            "dialect",
            "record",
            "--upstream",
            upstream,
            "--listen",
            "127.0.0.1:0",
            "--out",
            out,
            "--name",
            "mine",
        ];
        let mut child =
            program(home, &arguments).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line
            .split(" at http://")
            .nth(1)
            .and_then(|rest| rest.split(';').next())
            .unwrap_or_else(|| panic!("{line}"));
        Recorder { address: address.parse().unwrap(), child }
    }

    /// Ends it as Ctrl-C does; gives its exit code and its report.
    fn end(mut self) -> (Option<i32>, String) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        let mut report = String::new();
        self.child.stdout.as_mut().unwrap().read_to_string(&mut report).unwrap();
        (status.code(), report)
    }
}

async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Reply {
    let asking = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: shop.io\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        Reply::parse(&text(&answer))
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("no answer in time")
}

async fn post(address: SocketAddr, path: &str, headers: &str, body: Value) -> Reply {
    let headers = format!("Content-Type: application/json\r\n{headers}");
    ask(address, "POST", path, &headers, &body.to_string()).await
}

/// What a client does in front of the recorder.
async fn use_it(address: SocketAddr) {
    for (name, phone) in [("Ana", "600123456"), ("Ben", "600999888")] {
        let email = format!("{}@shop.io", name.to_lowercase());
        let password = format!("{name}'s own Passphrase 77");
        let new = json!({"username": name.to_lowercase(), "email": email, "password": password, "first_name": name,
            "last_name": "Ruiz", "number_phone": phone});
        assert_eq!(post(address, "/api/sign-up/", "", new).await.status, 201);
        let signed_in =
            post(address, "/api/sign-in/", "", json!({"email": email, "password": password})).await;
        assert_eq!(signed_in.status, 200, "{}", signed_in.body);
        let tokens = signed_in.json();
        let bearer = format!("Authorization: Bearer {}\r\n", tokens["access"].as_str().unwrap());
        assert_eq!(ask(address, "GET", "/api/profile/", &bearer, "").await.status, 200);
        assert_eq!(ask(address, "POST", "/api/profile/", &bearer, "").await.status, 200);
        let refreshed = post(address, "/api/token/refresh/", "", json!({"refresh": tokens["refresh"]})).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    }
    assert_eq!(
        post(address, "/api/sign-in/", "", json!({"email": "ana@shop.io", "password": "no"})).await.status,
        400
    );
    assert_eq!(ask(address, "GET", "/api/profile/", "", "").await.status, 401);
}

/// Fields of an answer that are the contract's.
fn contract(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let machine = ["date", "x-request-id", "connection", "content-length"];
    let mut headers = reply.headers.clone();
    headers.retain(|(name, _)| !machine.contains(&name.as_str()));
    headers.sort();
    (reply.status, headers, reply.body.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_through_is_recorded_and_not_changed() {
    let world = World::new("[[mount]]\ndialect = \"password-generator\"\n", &[]).await;
    let (home, upstream) = (&world.home, format!("http://{}", world.address));
    let recorder = Recorder::start(home, &upstream, "mine");
    use_it(recorder.address).await;
    let wrong = json!({"email": "nobody@shop.io", "password": "no"});
    let through = post(recorder.address, "/api/sign-in/", "", wrong.clone()).await;
    let direct = post(world.address, "/api/sign-in/", "", wrong).await;
    assert_eq!(contract(&through), contract(&direct));
    let large = "x".repeat((1 << 20) + 1);
    assert_eq!(ask(recorder.address, "POST", "/api/sign-in/", "", &large).await.status, 413);
    let (code, report) = recorder.end();
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("13 exchanges") && report.contains("a body of more than"), "{report}");

    let checked = run(home, &["dialect", "check", "mine"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let tested = run(home, &["dialect", "test", "mine"]);
    assert!(tested.status.success(), "{}", text(&tested.stderr));
    assert!(text(&tested.stdout).contains("13 answers hold, 0 differ"), "{}", text(&tested.stdout));
    differences_are_told(home, &upstream);
    let again = run(home, &["dialect", "record", "--upstream", &upstream, "--out", "mine"]);
    assert_eq!(again.status.code(), Some(2), "a folder that is there is left alone");
}

/// The conversations hold against the original; what differs is told by field, and can be excepted.
fn differences_are_told(home: &Home, upstream: &str) {
    let against =
        |more: &[&str]| run(home, &[&["dialect", "test", "mine", "--against", upstream], more].concat());
    let folder = home.path("mine/transcripts");
    let first = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let name = first.file_name().unwrap().to_string_lossy().into_owned();
    // The accounts of the conversations are not there yet, so once all of them hold.
    let tested = against(&[]);
    assert_eq!(tested.status.code(), Some(0), "{}", text(&tested.stderr));
    // Now they are: signing up is refused, and that conversation can not go on.
    let requests = folder.join("requests.http");
    let good = std::fs::read_to_string(&requests).unwrap();
    std::fs::write(&requests, good.replace("User does not exist.", "Nobody is called so.")).unwrap();
    for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path != requests {
            std::fs::remove_file(path).unwrap();
        }
    }
    let told = against(&[]);
    assert_eq!(told.status.code(), Some(1), "{name}");
    let said = text(&told.stderr);
    assert!(
        said.contains("    /error\n      - \"Nobody is called so.\"\n      + \"User does not exist.\"\n"),
        "{said}"
    );
    let shown: Value = serde_json::from_slice(&against(&["--json"]).stdout).unwrap();
    assert_eq!(shown["differences"][0]["path"], "/error");
    assert!(text(&against(&["--color", "always"]).stderr).contains("\u{1b}[31m"));
    let exception = |path: &str| {
        format!("[[exception]]\nconversation = \"requests.http\"\npath = \"{path}\"\nreason = \"a test\"\n")
    };
    std::fs::write(folder.join("exceptions.toml"), exception("/error") + &exception("status")).unwrap();
    let excepted = against(&[]);
    assert_eq!(excepted.status.code(), Some(0), "{}", text(&excepted.stderr));
    let said = text(&excepted.stdout);
    assert!(said.contains("1 excepted, 0 differ") && said.contains("not needed any more"), "{said}");
}

#[test]
fn a_har_file_is_recorded_and_yaml_is_refused_with_a_way_out() {
    let home = Home::new();
    let entry = |path: &str, body: &str, answer: &str| {
        json!({"startedDateTime": "2026-11-21T10:00:00.000Z",
            "request": {"method": "POST", "url": format!("https://api.shop.io{path}"), "headers": [],
                "postData": {"mimeType": "application/json", "text": body}},
            "response": {"status": 200, "headers": [{"name": "Content-Type", "value": "application/json"}],
                "content": {"text": answer}}})
    };
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3IiwiaWF0IjoxLCJleHAiOjkwMX0.c2lnbmF0dXJl";
    let har = json!({"log": {"version": "1.2", "entries": [entry("/login", r#"{"email":"ana@shop.io","password":"hunter2hunter2"}"#,
        &format!(r#"{{"token":"{token}","user":{{"id":7,"email":"ana@shop.io"}}}}"#))]}});
    home.write("a.har", &har.to_string());
    let recorded = run(&home, &["dialect", "record", "--har", "a.har", "--out", "shop"]);
    assert!(recorded.status.success(), "{}", text(&recorded.stderr));
    let draft = std::fs::read_to_string(home.path("shop/dialect.toml")).unwrap();
    assert!(draft.contains("on = \"POST /login\"") && draft.contains("lifetime = \"15m\""), "{draft}");
    assert!(
        draft.contains(r#"{"token":"{access}","user":{"id":"{user.id}","email":"{user.email}"}}"#),
        "{draft}"
    );
    assert!(run(&home, &["dialect", "check", "shop"]).status.success());
    home.write("a.yaml", "openapi: 3.1.0\n");
    let refused = run(&home, &["dialect", "from-openapi", "a.yaml", "--out", "other"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("yq -o=json"), "{}", text(&refused.stderr));
    assert_eq!(run(&home, &["dialect", "record", "--out", "x"]).status.code(), Some(2));
}
