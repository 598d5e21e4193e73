//! How is a node asked, and what is certain about the answer?

use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than a node is ever stopped in its tracks.
const LIMIT: Duration = Duration::from_secs(30);

/// An answer of which every byte arrived. Without one, or with 503, nobody knows what was done.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; null if it is no JSON.
    pub body: Value,
}

impl Answer {
    /// Whether it was done.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The tokens of the answer.
    pub fn tokens(&self) -> Tokens {
        let text = |name: &str| self.body[name].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned();
        Tokens { access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// What a session is used with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// For each request.
    pub access: String,
    /// For the next exchange.
    pub refresh: String,
}

/// A question that can be asked again.
#[derive(Clone, Debug)]
pub enum Question {
    SignUp { email: String, password: String },
    SignIn { email: String, password: String },
    Refresh { token: String },
    SignOut { tokens: Tokens },
    Me { access: String },
    ChangePassword { access: String, current: String, new: String },
}

impl Question {
    fn parts(&self) -> (&'static str, &'static str, Option<&str>, Option<Value>) {
        match self {
            Question::SignUp { email, password } => {
                ("POST", "/v1/sign-up", None, Some(json!({ "email": email, "password": password })))
            }
            Question::SignIn { email, password } => {
                ("POST", "/v1/sign-in", None, Some(json!({ "login": email, "password": password })))
            }
            Question::Refresh { token } => {
                ("POST", "/v1/refresh", None, Some(json!({ "refresh_token": token })))
            }
            Question::SignOut { tokens } => {
                let body = json!({ "refresh_token": tokens.refresh });
                ("POST", "/v1/sign-out", Some(&tokens.access), Some(body))
            }
            Question::Me { access } => ("GET", "/v1/me", Some(access), None),
            Question::ChangePassword { access, current, new } => {
                let body = json!({ "current_password": current, "new_password": new });
                ("POST", "/v1/me/password", Some(access), Some(body))
            }
        }
    }

    /// Asks a node, as a client of this address. None: no whole answer came, or one that says nothing.
    pub fn ask(&self, node: SocketAddr, from: &str) -> Option<Answer> {
        let (method, path, bearer, body) = self.parts();
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: history\r\nConnection: close\r\nX-Forwarded-For: {from}\r\n\
             Content-Length: {}\r\n",
            body.len()
        );
        if let Some(token) = bearer {
            text.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        if !body.is_empty() {
            text.push_str("Content-Type: application/json\r\n");
        }
        let answer = sent(node, &format!("{text}\r\n{body}"))?;
        (answer.status != 503).then_some(answer)
    }
}

fn sent(node: SocketAddr, request: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect_timeout(&node, LIMIT).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let told = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    let whole = told.map_or(body.is_empty(), |length| length.parse() == Ok(body.len()));
    whole.then(|| Answer { status, body: serde_json::from_str(body).unwrap_or(Value::Null) })
}
