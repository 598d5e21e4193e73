//! What is one HTTP message on a connection that is kept, for a client as for the front?

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A message as it came: its head with the empty line, and its body.
#[derive(Clone, Debug)]
pub struct Message {
    /// The lines of the head.
    pub head: String,
    /// The body, without a framing of its own.
    pub body: Vec<u8>,
}

impl Message {
    /// The value of a header field, if it is there.
    pub fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields
            .map(|(known, value)| (known, value.trim()))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The words of the first line: method and path, or version and status.
    pub fn word(&self, at: usize) -> &str {
        self.head.split([' ', '\r']).nth(at).unwrap_or_default()
    }

    /// Whether the connection ends with it.
    pub fn closes(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The status code of an answer; 0 if there is none.
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A text of the body by its JSON pointer; empty if it is not there.
    pub fn text(&self, pointer: &str) -> String {
        self.json().pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// A request with a body of JSON, or none.
pub fn request(method: &str, path: &str, bearer: &str, body: Option<&Value>) -> Message {
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: app.example.com\r\nAccept: application/json\r\n");
    if !bearer.is_empty() {
        head.push_str(&format!("Authorization: Bearer {bearer}\r\n"));
    }
    let body = body.map(Value::to_string);
    if let Some(body) = &body {
        head.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    Message { head, body: body.unwrap_or_default().into_bytes() }
}

/// A connection that carries one message after the other.
pub struct Line(BufReader<TcpStream>);

impl Line {
    /// Over this connection, on which the next message may come at any time.
    pub fn over(stream: TcpStream) -> Result<Line> {
        stream.set_nodelay(true)?;
        Ok(Line(BufReader::new(stream)))
    }

    /// To this address, which answers within the limit.
    pub fn to(address: SocketAddr) -> Result<Line> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Line::over(stream)
    }

    /// Whether the other side has closed it, or said something that nobody asked for.
    pub fn is_over(&self) -> bool {
        let stream = self.0.get_ref();
        if stream.set_nonblocking(true).is_err() {
            return true;
        }
        let quiet = matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
        stream.set_nonblocking(false).is_err() || !quiet || !self.0.buffer().is_empty()
    }

    /// Writes a whole message.
    pub fn send(&mut self, message: &Message) -> Result<()> {
        let mut bytes = message.head.clone().into_bytes();
        bytes.extend_from_slice(&message.body);
        self.0.get_mut().write_all(&bytes)
    }

    /// Reads a whole message; none when the connection ends before its first byte. `bodiless` says that it has no body
    /// whatever its head says: the answer to HEAD. Refused: a message that is cut off, a framing that nobody here uses.
    pub fn receive(&mut self, bodiless: bool) -> Result<Option<Message>> {
        let mut head = String::new();
        loop {
            let before = head.len();
            if self.0.read_line(&mut head)? == 0 {
                return if before == 0 { Ok(None) } else { Err(cut("the head is cut off")) };
            }
            if head.len() - before <= 2 {
                break;
            }
        }
        let mut message = Message { head, body: Vec::new() };
        if message.field("transfer-encoding").is_some() {
            return Err(cut("a chunked message"));
        }
        let length = message.field("content-length").map(|text| text.parse::<usize>().unwrap_or(usize::MAX));
        let is_answer = message.head.starts_with("HTTP/");
        // RFC 9112 section 6.3: without a length a request has no body, and neither has 204.
        let length = match length {
            Some(length) if !bodiless && length <= 1 << 20 => length,
            None if is_answer && message.status() != 204 && !bodiless => {
                return Err(cut("an answer without a length"));
            }
            None => 0,
            Some(_) if bodiless => 0,
            Some(_) => return Err(cut("a body above a megabyte")),
        };
        message.body = vec![0; length];
        self.0.read_exact(&mut message.body)?;
        Ok(Some(message))
    }

    /// Sends a request and waits for its whole answer.
    pub fn ask(&mut self, request: &Message) -> Result<Message> {
        self.send(request)?;
        let answer = self.receive(request.word(0) == "HEAD")?;
        answer.ok_or_else(|| cut("closed instead of an answer"))
    }
}

fn cut(what: &str) -> Error {
    Error::new(ErrorKind::UnexpectedEof, what.to_owned())
}
