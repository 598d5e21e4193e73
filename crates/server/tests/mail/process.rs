//! What does the real program do about letters: on the command line, and when it is killed? (REL-44, SEC-40, SEC-111)

use super::smtp::{Mood, Smtp, Tls};
use super::world::{Home, PATIENCE, Reply};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Weak hashes on purpose: nothing here is about them.
const FILE: &str = r#"
public_url = "https://id.example.com"
[mail]
transport = "smtp"
from = "Example <no-reply@example.com>"
server = "127.0.0.1"
encryption = "none"
retry = "100ms"
[hashing]
memory_kib = 64
[[mount]]
dialect = "native"
"#;

/// Variables without their prefix.
type Settings = Vec<(&'static str, String)>;

fn program(home: &Home, arguments: &[&str], settings: &[(&str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).env("COUNTERSIGN_CONFIG", home.path("countersign.toml"));
    command.env("COUNTERSIGN_DATA", home.path("data")).env("COUNTERSIGN_LOG__FORMAT", "json");
    command.envs(settings.iter().map(|(name, value)| (format!("COUNTERSIGN_{name}"), value)));
    command
}

/// Runs the program to its end: exit code, standard output, standard error.
fn run(home: &Home, arguments: &[&str], settings: &[(&str, String)]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = tokio::task::block_in_place(|| {
        let mut command = program(home, arguments, settings);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        // A server that should have refused to start would serve for ever.
        while child.try_wait().unwrap().is_none() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(child.kill());
        child.wait_with_output().unwrap()
    });
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn home() -> Home {
    let home = Home::new();
    home.write("countersign.toml", FILE);
    home
}

/// A running server; it is killed with the value, as by `kill -9`.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(home: &Home, settings: &[(&str, String)]) -> Process {
        tokio::task::block_in_place(|| {
            let mut command = program(home, &["serve", "--listen", "127.0.0.1:0"], settings);
            let mut child =
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let mut said = String::new();
            let address = loop {
                let line =
                    lines.next().unwrap_or_else(|| panic!("the server did not start: {said}")).unwrap();
                if line.contains("\"message\":\"ready\"") {
                    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
                    break line["address"].as_str().unwrap().parse().unwrap();
                }
                said.push_str(&line);
            };
            // Somebody has to read what it says, or it would wait.
            std::thread::spawn(move || lines.for_each(drop));
            Process { child, address }
        })
    }

    async fn forgot(&self, email: &str) -> Reply {
        let body = format!("email={}", email.replace('@', "%40"));
        let request = format!(
            "POST /account/forgot HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        Reply::parse(&text)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

// REL-44
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_no_letter_and_doubles_at_most_one() {
    const ROUNDS: usize = 4;
    const LETTERS: usize = 8;
    let (home, smtp) = (home(), Smtp::start(Mood::Accept).await);
    let settings = [("MAIL__PORT", smtp.address.port().to_string())];
    let users: String =
        (0..ROUNDS * LETTERS).map(|number| format!("{{\"email\":\"u{number}@example.com\"}}\n")).collect();
    home.write("users.jsonl", &users);
    let users = home.path("users.jsonl");
    let (code, _, said) = run(&home, &["user", "import", users.to_str().unwrap()], &settings);
    assert_eq!(code, 0, "{said}");
    for round in 0..ROUNDS {
        // In turn: killed while letters flow, while the server holds the first one back, after it was taken, and
        // before any could be sent.
        smtp.set([Mood::Accept, Mood::AcceptLater, Mood::HangAfterwards, Mood::Hang][round]);
        let server = Process::start(&home, &settings);
        for number in 0..LETTERS {
            let reply = server.forgot(&format!("u{}@example.com", round * LETTERS + number)).await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        drop(server);
    }
    smtp.set(Mood::Accept);
    let server = Process::start(&home, &settings);
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = 0;
    while times.len() < ROUNDS * LETTERS {
        let letters = smtp.arrived(seen + 1).await;
        for letter in &letters[seen..] {
            *times.entry(letter.to[0].clone()).or_default() += 1;
        }
        seen = letters.len();
    }
    drop(server);
    let doubled = seen - times.len();
    assert!(doubled <= ROUNDS, "{doubled} letters came twice after {ROUNDS} kills: {times:?}");
    assert!(times.values().all(|count| *count <= 1 + ROUNDS), "{times:?}");
    // The same letter keeps its name, so that a mailbox can tell.
    let ids = |to: &str| -> Vec<String> {
        let letters = smtp.letters();
        letters
            .iter()
            .filter(|letter| letter.to == [to])
            .map(|letter| letter.header("message-id").unwrap())
            .collect()
    };
    for (to, _) in times.iter().filter(|(_, count)| **count > 1) {
        let ids = ids(to);
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_letter_says_what_the_mail_server_answered() {
    let (home, smtp) = (home(), Smtp::start(Mood::Accept).await);
    let settings = [("MAIL__PORT", smtp.address.port().to_string())];
    let (code, said, _) = run(&home, &["mail", "test", "ana@example.com"], &settings);
    assert_eq!(code, 0);
    assert_eq!(said, "The test letter to ana@example.com was taken: 250 2.0.0 Ok: queued as 1\n");
    assert_eq!(smtp.letters()[0].to, ["ana@example.com"]);
    smtp.set(Mood::Refuse("550 5.7.1 Relaying denied"));
    let (code, _, said) = run(&home, &["mail", "test", "ana@example.com"], &settings);
    assert_eq!(code, 1);
    assert!(said.contains("was not taken") && said.contains("Relaying denied"), "{said}");
    let (code, _, said) = run(&home, &["mail", "test", "ana@example.com,bea@example.com"], &settings);
    assert_eq!((code, said.as_str()), (2, "the address can not be written to\n"));
    let off = [("MAIL__TRANSPORT", "off".to_owned())];
    let (code, _, said) = run(&home, &["mail", "test", "ana@example.com"], &off);
    assert_eq!(code, 2);
    assert!(said.contains("mail.transport is \"off\""), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_without_tls_gets_neither_letter_nor_password() {
    let (home, smtp) = (home(), Smtp::start(Mood::Accept).await);
    let mut settings = vec![
        ("MAIL__PORT", smtp.address.port().to_string()),
        ("MAIL__USER", "me".to_owned()),
        ("MAIL_PASSWORD", "correct-horse-battery".to_owned()),
        ("MAIL__ENCRYPTION", "starttls".to_owned()),
    ];
    let (code, _, said) = run(&home, &["mail", "test", "ana@example.com"], &settings);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("STARTTLS"), "{said}");
    settings[3].1 = "tls".to_owned();
    let (code, _, said) = run(&home, &["mail", "test", "ana@example.com"], &settings);
    assert_eq!(code, 1, "{said}");
    assert!(smtp.letters().is_empty() && smtp.said().iter().all(|line| !line.starts_with("AUTH")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_goes_by_tls_to_a_server_whose_certificate_is_trusted() {
    let home = home();
    home.write("ca.pem", include_str!("tls/ca.pem"));
    for (tls, encryption) in [(Tls::Later, "starttls"), (Tls::AtOnce, "tls")] {
        let smtp = Smtp::with(Mood::Accept, tls).await;
        let mut settings = vec![
            ("MAIL__PORT", smtp.address.port().to_string()),
            ("MAIL__USER", "me".to_owned()),
            ("MAIL_PASSWORD", "correct-horse-battery".to_owned()),
            ("MAIL__ENCRYPTION", encryption.to_owned()),
        ];
        let (code, _, said) = run(&home, &["mail", "test", "ana@example.com"], &settings);
        assert_eq!(code, 1, "{said}");
        assert!(said.to_lowercase().contains("certificate"), "{said}");
        let before = smtp.said();
        assert!(
            smtp.letters().is_empty() && before.iter().all(|line| !line.starts_with("AUTH")),
            "{before:?}"
        );
        settings.push(("MAIL__CA_FILE", home.path("ca.pem").display().to_string()));
        let (code, _, said) = run(&home, &["mail", "test", "ana@example.com"], &settings);
        assert_eq!(code, 0, "{said}");
        assert_eq!(smtp.letters()[0].to, ["ana@example.com"]);
        assert!(smtp.said().iter().any(|line| line.starts_with("AUTH ")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_listed_without_links() {
    let (home, smtp) = (home(), Smtp::start(Mood::Refuse("451 later")).await);
    let settings = [("MAIL__PORT", smtp.address.port().to_string())];
    home.write("users.jsonl", "{\"email\":\"ana@example.com\"}\n");
    run(&home, &["user", "import", home.path("users.jsonl").to_str().unwrap()], &settings);
    assert_eq!(run(&home, &["mail", "queue"], &settings).1, "No letter waits.\n");
    let server = Process::start(&home, &settings);
    assert_eq!(server.forgot("ana@example.com").await.status, 200);
    let (code, said, _) = run(&home, &["mail", "queue", "--json"], &settings);
    let line: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(
        (code, &line["letter"], &line["to"]),
        (0, &"reset_password".into(), &"ana@example.com".into())
    );
    assert!(!said.contains("csl_"), "{said}");
    assert!(run(&home, &["mail", "queue"], &settings).1.contains("reset_password"));
}

// SEC-40, SEC-111
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_could_not_send_letters_does_not_start() {
    let home = home();
    home.write_mode("loose", "secret\n", 0o644);
    home.write_mode("empty", "\n", 0o600);
    home.write("ca.pem", "no certificate\n");
    std::fs::create_dir_all(home.path("own/en")).unwrap();
    home.write("own/en/reset_password.txt", "Hello\n{{ lnik }}\n");
    home.write("own/en/reset.html", "{% if %}");
    let path = |name: &str| home.path(name).display().to_string();
    let table: Vec<(Settings, Vec<String>)> = vec![
        (vec![("MAIL__USER", "me".into()), ("MAIL__PASSWORD_FILE", path("loose"))], vec!["chmod 600".into()]),
        (
            vec![("MAIL__USER", "me".into()), ("MAIL__PASSWORD_FILE", path("empty"))],
            vec!["there is no secret".into()],
        ),
        (
            vec![("MAIL__ENCRYPTION", "tls".into()), ("MAIL__CA_FILE", path("ca.pem"))],
            vec!["ca.pem: ".into()],
        ),
        (
            vec![("MAIL__CA_FILE", path("none.pem")), ("MAIL__ENCRYPTION", "tls".into())],
            vec!["none.pem: ".into()],
        ),
        (
            vec![("MAIL__LANGUAGE", "xx".into())],
            vec!["there are no letters in \"xx\"; there are en, es".into()],
        ),
        (
            vec![("MAIL__TEMPLATES", path("own"))],
            vec![
                "own/en/reset_password.txt:2: nothing is called \"lnik\" here, did you mean \"link\"?".into(),
            ],
        ),
        (vec![("PAGES__TEMPLATES", path("own"))], vec!["own/en/reset.html:1: ".into()]),
        (
            vec![
                ("MAIL__USER", "me".into()),
                ("MAIL__PASSWORD_FILE", path("loose")),
                ("MAIL__TEMPLATES", path("own")),
            ],
            vec!["chmod 600".into(), "own/en/reset_password.txt:2".into()],
        ),
    ];
    for (settings, expected) in table {
        let (code, _, said) = run(&home, &["serve", "--listen", "127.0.0.1:0"], &settings);
        assert_eq!(code, 2, "{settings:?}: {said}");
        for words in expected {
            assert!(said.contains(&words), "{words:?} is not in {said}");
        }
    }
}

// SEC-111
#[tokio::test(flavor = "multi_thread")]
async fn the_mail_password_is_shown_nowhere() {
    let home = home();
    let secret = "correct-horse-battery".to_owned();
    let settings = [("MAIL__USER", "me".to_owned()), ("MAIL_PASSWORD", secret.clone())];
    for arguments in [&["config"][..], &["config", "--json"], &["doctor", "--security"]] {
        let (_, said, complained) = run(&home, arguments, &settings);
        assert!(said.contains("mail"), "{said}");
        assert!(!said.contains(&secret) && !complained.contains(&secret), "{arguments:?}");
    }
}

// SEC-113
#[tokio::test(flavor = "multi_thread")]
async fn letters_in_the_log_and_in_files_are_told_as_weaker() {
    let home = home();
    for (transport, name) in [("log", "letters_in_log"), ("file", "letters_in_files")] {
        let settings = [("MAIL__TRANSPORT", transport.to_owned())];
        let (_, said, _) = run(&home, &["doctor", "--security"], &settings);
        assert!(said.contains(name), "{said}");
    }
    let settings = [("MAIL__TRANSPORT", "file".to_owned())];
    let (code, said, _) = run(&home, &["mail", "test", "ana@example.com"], &settings);
    assert_eq!(code, 0, "{said}");
    assert_eq!(home.mode("data/mail"), 0o700);
    assert_eq!(home.mode("data/mail/test.eml"), 0o600);
    let letter = std::fs::read_to_string(home.path("data/mail/test.eml")).unwrap();
    assert!(letter.contains("To: ana@example.com"), "{letter}");
}
