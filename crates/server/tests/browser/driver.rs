//! How does a test drive a real browser? By the WebDriver protocol, over plain HTTP.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No command of a browser takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Names under which systems know the two programs.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const DRIVERS: [&str; 2] = ["chromedriver", "chromium.chromedriver"];

/// A browser without a window, with a profile of its own. It ends with the value.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

/// A cookie as the browser keeps it.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// `Path`, `SameSite` and the flags, in a fixed order.
    pub attributes: String,
}

impl Browser {
    /// Starts a browser. `hosts` are pairs of a host name and a port of this machine: nothing else can be reached by name.
    pub fn start(profile: &Path, hosts: &[(&str, u16)]) -> Browser {
        let mut driver = Command::new(found(&DRIVERS))
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let port = port_of(&mut driver);
        let mut browser = Browser { driver, port, session: String::new() };
        let mut rules: Vec<String> =
            hosts.iter().map(|(host, port)| format!("MAP {host} 127.0.0.1:{port}")).collect();
        rules.extend(["MAP * ~NOTFOUND".to_owned(), "EXCLUDE 127.0.0.1".to_owned()]);
        let flags = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--ignore-certificate-errors".to_owned(),
            format!("--user-data-dir={}", profile.display()),
            format!("--host-resolver-rules={}", rules.join(", ")),
        ];
        let options = json!({ "binary": found(&BROWSERS), "args": flags });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options, "acceptInsecureCerts": true,
            "timeouts": { "script": 60_000, "pageLoad": 60_000 },
        } } });
        let made = browser.ask("POST", "/session", &wanted);
        browser.session = made["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    /// Goes to a page.
    pub fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({ "url": url }));
    }

    /// The address of the page that is shown.
    pub fn address(&self) -> String {
        self.command("GET", "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    /// Runs the body of an asynchronous function in the page, and gives what it returns; `{"threw": "…"}` when it throws.
    pub fn run(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];\
             (async () => {{ {body} }})().then(value => done(value ?? null), error => done({{ threw: String(error) }}));"
        );
        self.command("POST", "/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Sends the only form of the page that is shown as a click would, and waits for what comes.
    pub fn submit(&self) {
        let before = self.address();
        self.command("POST", "/execute/sync", &json!({ "script": "document.forms[0].submit()", "args": [] }));
        let began = Instant::now();
        while self.address() == before || self.run("return document.readyState") != "complete" {
            assert!(began.elapsed() < PATIENCE, "the form was not sent");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// All cookies that go to the page that is shown, those hidden from scripts too, by name.
    pub fn cookies(&self) -> Vec<Kept> {
        let list = self.command("GET", "/cookie", &Value::Null);
        let text = |cookie: &Value, name: &str| cookie[name].as_str().unwrap_or_default().to_owned();
        let mut kept: Vec<Kept> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|cookie| Kept {
                name: text(cookie, "name"),
                value: text(cookie, "value"),
                attributes: format!(
                    "{} {} {} secure={} httpOnly={} expires={}",
                    text(cookie, "domain"),
                    text(cookie, "path"),
                    text(cookie, "sameSite"),
                    cookie["secure"],
                    cookie["httpOnly"],
                    !cookie["expiry"].is_null(),
                ),
            })
            .collect();
        kept.sort_by(|a, b| a.name.cmp(&b.name));
        kept
    }

    /// Takes a cookie away.
    pub fn forget(&self, name: &str) {
        self.command("DELETE", &format!("/cookie/{name}"), &Value::Null);
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.ask(method, &format!("/session/{}{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let value = &answer["value"];
        assert!(value.get("error").is_none(), "{method} {path}: {value:#}");
        value.clone()
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> std::io::Result<Value> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all((head + &body).as_bytes())?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
            let value =
                line.to_ascii_lowercase().strip_prefix("content-length:").map(|text| text.trim().parse());
            length = value.and_then(Result::ok).unwrap_or(length);
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer)?;
        serde_json::from_slice(&answer).map_err(Into::into)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            drop(self.send("DELETE", &format!("/session/{}", self.session), &Value::Null));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// The driver chooses a free port and says so.
fn port_of(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.by_ref().find_map(|line| {
        let line = line.unwrap();
        line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok()
    });
    // Its output is read to the end, so that it never waits for us.
    std::thread::spawn(move || lines.for_each(drop));
    port.expect("the driver did not say its port")
}

/// A program by one of its names. Panics with what to install.
fn found(names: &[&str]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = names
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .collect();
    places.into_iter().find(|place| place.is_file()).unwrap_or_else(|| {
        panic!("none of {names:?} is installed; scripts/setup-tests.sh installs what the tests need")
    })
}
