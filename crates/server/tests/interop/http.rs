//! How does a test ask over HTTP and know that it got the whole answer?

use serde_json::Value;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A request with a body of JSON, or none.
pub struct Request {
    method: &'static str,
    path: &'static str,
    bearer: Option<String>,
    body: Option<String>,
}

impl Request {
    /// A GET.
    pub fn get(path: &'static str) -> Request {
        Request { method: "GET", path, bearer: None, body: None }
    }

    /// A POST of this value.
    pub fn post(path: &'static str, body: &Value) -> Request {
        Request { method: "POST", path, bearer: None, body: Some(body.to_string()) }
    }

    /// With an access token.
    pub fn bearer(mut self, token: &str) -> Request {
        self.bearer = Some(token.to_owned());
        self
    }

    fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let mut text =
            format!("{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n", self.method, self.path);
        if let Some(token) = &self.bearer {
            text.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        let body = self.body.as_deref().unwrap_or_default();
        if self.body.is_some() {
            text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        text.into_bytes()
    }
}

/// An answer that was received to its last byte.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// A text of the body. Panics with the answer when it is not there.
    pub fn text(&self, name: &str) -> String {
        let value = self.json();
        value[name].as_str().unwrap_or_else(|| panic!("no text {name:?} in {self:?}")).to_owned()
    }
}

/// Sends one request on a connection of its own. Refused with an error: no connection, or an answer that is cut off.
pub fn send(address: SocketAddr, request: &Request) -> Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    stream.write_all(&request.bytes(address))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    whole(&answer)
}

fn whole(answer: &[u8]) -> Result<Reply> {
    let cut = || Error::new(ErrorKind::UnexpectedEof, "the answer is cut off");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = &answer[end + 4..];
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(cut)?;
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    // RFC 9110 section 15.3.5: 204 has no body and no length.
    if length.unwrap_or(0) != body.len() || (length.is_none() && status != 204) {
        return Err(cut());
    }
    Ok(Reply { status, body: String::from_utf8_lossy(body).into_owned() })
}
