//! Can the dialect of an application be recorded again from its traffic, through the real recorder?

use crate::application::{Kind, Size};
use crate::binary::{Home, chance};
use crate::wire::{Line, Message, request};
use dialect::Dialect;
use dialect::transcript::{Act, Kept, Ready, Step, Transcript, pointed};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};

/// Routes of a contract whose answers nobody has seen, and why: they are written by hand.
const UNSEEN: [(&str, &str); 1] = [(
    "set_avatar",
    "what the original gateway answers to a good upload is not known, and this one has no pictures",
)];

/// Answers that are wanted to differ from the recorded ones where the draft says them.
const WANTED: [(&str, &str); 2] = [
    ("/last_login", "the application never writes it, and Countersign does"),
    ("/avatar", "Countersign gives every picture a name that nobody can guess"),
];

/// Records what a client does at the application, and holds the draft against the dialect that was written by hand.
pub fn check(kind: Kind, name: &str) {
    // There are people before those of the script, as in every application.
    let size = Size { users: 2, passwords: 1, rounds: 20_000 };
    let home = Home::new("recording");
    home.write("secret", &chance().repeat(4));
    home.write("countersign.toml", "");
    kind.fill(&home, size);
    let application = kind.serve(&home, size);
    let script = script(name);
    for user in &script.users {
        join(application.address, name, user);
    }
    let recorder = Recorder::start(&home, application.address, name);
    let exchanges = play(recorder.address, &script);
    recorder.end();
    let draft = read(&home.path("draft/dialect.toml"));
    let hand = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dialects").join(name).join("dialect.toml");
    compare(name, &draft, &read(&hand));
    println!("{name}: {}", home.run(&["dialect", "check", "draft"]).trim().replace('\n', "; "));
    let wanted = if name == "password-generator" { wanted() } else { String::new() };
    home.write("wanted.toml", &wanted);
    let held = home.run(&["dialect", "test", "draft", "--except", "wanted.toml"]);
    println!("{name}: {exchanges} exchanges, {}", held.lines().last().unwrap());
}

fn wanted() -> String {
    let one = |(path, reason): &(&str, &str)| {
        format!(
            "[[exception]]\nconversation = \"01_sign_in.http\"\npath = \"{path}\"\nreason = \"{reason}\"\n"
        )
    };
    WANTED.iter().map(one).collect()
}

/// What clients do, with the status that the application must answer; what it has no route for is left out.
fn script(name: &str) -> Transcript {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record").join(format!("{name}.http"));
    let mut script = Transcript::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    script.steps.retain(|step| match step {
        Step::Exchange(exchange) => name != "auths-v1" || !exchange.target.ends_with("/avatar"),
        Step::Act(..) => true,
    });
    script
}

/// Makes a user of the script by the application's own sign-up.
fn join(application: SocketAddr, name: &str, user: &Value) {
    let of = |names: &[(&str, &str)]| -> Value {
        names.iter().map(|(theirs, ours)| ((*theirs).to_owned(), user[*ours].clone())).collect()
    };
    let (path, body) = match name {
        "password-generator" => {
            let names = ["username", "email", "password", "first_name", "last_name"].map(|name| (name, name));
            let mut body = of(&names);
            body["number_phone"] = user["phone_number"].clone();
            ("/api/sign-up/", body)
        }
        "uk-travel" => ("/api/user/register/", of(&[("username", "username"), ("password", "password")])),
        "auths-v1" => {
            let names = ["username", "email", "password", "first_name", "last_name"].map(|name| (name, name));
            ("/api/v1/auths/sign-up", of(&names))
        }
        _ => ("/accounts", json!({ "email": user["email"], "password": user["password"] })),
    };
    let answer = Line::to(application).unwrap().ask(&request("POST", path, "", Some(&body))).unwrap();
    assert_eq!(answer.status(), 201, "{name}: {}", String::from_utf8_lossy(&answer.body));
}

/// `countersign dialect record` between a client and the application.
struct Recorder {
    child: Child,
    address: SocketAddr,
}

impl Recorder {
    fn start(home: &Home, application: SocketAddr, name: &str) -> Recorder {
        let upstream = format!("http://{application}");
        let words =
            ["dialect", "record", "--upstream", &upstream, "--listen", "127.0.0.1:0", "--out", "draft"];
        let mut command = home.countersign(&[&words[..], &["--name", name]].concat());
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        said.read_line(&mut first).unwrap();
        // What it says of each exchange is not read, and must not stop it.
        drop(std::thread::spawn(move || said.lines().count()));
        let address = first.split(" at http://").nth(1).and_then(|rest| rest.split([';', ' ', '\n']).next());
        let address = address.and_then(|text| text.parse().ok());
        Recorder { child, address: address.unwrap_or_else(|| panic!("the recorder said {first:?}")) }
    }

    /// As Ctrl-C does; it writes what it has heard.
    fn end(mut self) {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the recorder ended with {status}");
    }
}

/// Plays the script; gives the number of its exchanges.
fn play(address: SocketAddr, script: &Transcript) -> usize {
    let (mut kept, mut body, mut count) = (Kept::new(), Vec::new(), 0);
    for step in &script.steps {
        match step {
            Step::Exchange(exchange) => {
                let answer =
                    Line::to(address).unwrap().ask(&message(exchange.ready(&kept).unwrap())).unwrap();
                let expected = exchange.expected.trim_start_matches("--- ").trim();
                let said = String::from_utf8_lossy(&answer.body);
                assert_eq!(answer.status().to_string(), expected, "{}: {said}", exchange.title);
                body = answer.body;
                count += 1;
            }
            Step::Act(line, Act::Keep(name, pointer)) => {
                let value = pointed(&body, pointer).unwrap_or_else(|| panic!("{line}: no {pointer}"));
                kept.insert(name.clone(), value);
            }
            Step::Act(line, act) => panic!("{line}: a script does not {act:?}"),
        }
    }
    count
}

fn message(ready: Ready) -> Message {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: app.example.com\r\n", ready.method, ready.target);
    for (name, value) in &ready.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = with_endings(&ready.body);
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    Message { head, body }
}

/// Files with an ending in their names: Django takes no picture without one, and a script names none.
fn with_endings(body: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"filename=\"";
    let Some(at) = body.windows(NAME.len()).position(|part| part == NAME) else { return body.to_vec() };
    let (before, name) = body.split_at(at + NAME.len());
    let end = name.iter().position(|byte| *byte == b'"').unwrap();
    [before, &name[..end], b".png", &name[end..]].concat()
}

fn read(path: &Path) -> Dialect {
    let text = std::fs::read_to_string(path).unwrap();
    Dialect::parse(&text).unwrap_or_else(|faults| panic!("{}: {faults:#?}\n{text}", path.display()))
}

/// Verb, method and path of every route that was seen, without a last slash.
fn routes(dialect: &Dialect) -> BTreeSet<String> {
    let seen = dialect.routes.iter().filter(|route| {
        let verb = route.verb.name();
        dialect.name != "auths-v1" || UNSEEN.iter().all(|(unseen, _)| *unseen != verb)
    });
    seen.map(|route| {
        format!("{} {} {}", route.verb.name(), route.method, route.path.text.trim_end_matches('/'))
    })
    .collect()
}

/// The draft has the routes and the tokens of the contract.
fn compare(name: &str, draft: &Dialect, hand: &Dialect) {
    assert_eq!(routes(draft), routes(hand), "{name}");
    let (drafted, written) = (&draft.contract.access, &hand.contract.access);
    assert_eq!(drafted.algorithm.name(), written.algorithm.name(), "{name}");
    assert_eq!(drafted.lifetime_seconds, written.lifetime_seconds, "{name}");
    let refresh = |dialect: &Dialect| dialect.contract.refresh.as_ref().map(|plan| plan.lifetime_seconds);
    // An opaque refresh token does not tell how long it lives.
    if name != "auths-v1" {
        assert_eq!(refresh(draft), refresh(hand), "{name}");
    }
}
