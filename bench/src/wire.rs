//! How is an HTTP/1.1 request written, and where does its answer end?
//!
//! Only what a load generator needs: fixed requests, answers with a Content-Length, connections kept alive.

use std::fmt::Write as _;
use std::time::Duration;

use crate::{Outcome, wrong};

/// The most bytes one answer may have before the run is given up.
pub const MAX_ANSWER: usize = 1 << 20;

/// What was answered.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body, as sent.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The body as JSON.
    ///
    /// # Errors
    /// It is not JSON.
    pub fn json(&self) -> Outcome<serde_json::Value> {
        serde_json::from_slice(self.body).map_err(|fault| {
            wrong(format!("status {} with a body that is not JSON ({fault}): {}", self.status, self.text()))
        })
    }

    /// The start of the body, for a message.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body[..self.body.len().min(400)]).into_owned()
    }
}

/// Where one answer ends in the bytes read so far, and what its head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The HTTP status.
    pub status: u16,
    /// Where the body starts.
    pub body: usize,
    /// Where the answer ends.
    pub end: usize,
    /// Whether the server will close the connection after it.
    pub closing: bool,
}

/// Reads the frame of an answer. `None` while bytes are missing.
///
/// # Errors
/// It is not HTTP/1.1, it is larger than [`MAX_ANSWER`], or its length is not told by Content-Length.
pub fn frame(bytes: &[u8]) -> Outcome<Option<Frame>> {
    let Some(head_end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() > MAX_ANSWER { Err(wrong("an answer's head is endless")) } else { Ok(None) };
    };
    let head = &bytes[..head_end];
    if !head.starts_with(b"HTTP/1.1 ") || head.len() < 12 {
        return Err(wrong("the answer is not HTTP/1.1"));
    }
    let status = number(&head[9..12]).ok_or_else(|| wrong("the answer has no status"))? as u16;
    let mut length = if status == 204 || status == 304 { Some(0) } else { None };
    let mut closing = false;
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        if let Some(value) = header(line, b"content-length") {
            length = number(value);
        } else if let Some(value) = header(line, b"connection") {
            closing = value.eq_ignore_ascii_case(b"close");
        }
    }
    let length = length.ok_or_else(|| wrong("the answer has no Content-Length"))?;
    if length > MAX_ANSWER {
        return Err(wrong("the answer is too large"));
    }
    let body = head_end + 4;
    let end = body + length;
    Ok((bytes.len() >= end).then_some(Frame { status, body, end, closing }))
}

fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (key, value) = line.split_at_checked(name.len())?;
    let value = value.strip_prefix(b":")?;
    key.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A POST with a JSON body.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    request("POST", path, "", body)
}

/// A request with extra header lines, each ending in CR LF.
pub fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let mut text = String::with_capacity(256 + headers.len() + body.len());
    let _ = write!(text, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}");
    if method == "POST" {
        let _ = write!(text, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// What one connection asks, again and again.
pub trait Script: Send + 'static {
    /// The next request, complete.
    fn ask(&mut self) -> Vec<u8>;
    /// Looks at the answer; the wait to keep before asking again.
    ///
    /// # Errors
    /// The answer makes the run meaningless.
    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Duration>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_content_length_says() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nokHTTP";
        let found = frame(text).unwrap().unwrap();
        assert_eq!((found.status, &text[found.body..found.end], found.closing), (200, &b"ok"[..], true));
    }

    #[test]
    fn an_answer_still_under_way_is_waited_for() {
        assert_eq!(frame(b"HTTP/1.1 200 OK\r\nconte").unwrap(), None);
        assert_eq!(frame(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok").unwrap(), None);
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        assert!(frame(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(frame(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().is_some());
    }
}
