//! Are the messages on an HTTP/1 connection framed in the one way that nobody can read differently? (RFC 9112, SEC-102)
//!
//! Follows the bytes beside the HTTP library, which forgives what a proxy in front may read in another way: a bare LF,
//! both lengths at once, a length given twice, a folded line. None of these gets further than this.

/// The longest head that is followed; the library refuses it before (SEC-100).
const MAX_HEAD: usize = 64 * 1024;
/// The longest line that tells the size of a chunk, with its extensions.
const MAX_CHUNK_LINE: usize = 256;
/// The most bytes of trailers.
const MAX_TRAILERS: usize = 8 * 1024;
/// How an HTTP/2 connection begins (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// The bytes can be read in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

/// What the bytes so far led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Between messages.
    Idle,
    /// Inside a head.
    Head,
    /// Inside a body.
    Body,
    /// HTTP/2: framed by itself.
    Other,
}

#[derive(Debug)]
enum State {
    Head,
    Body(u64),
    /// The line before a chunk: value so far and length of the line.
    Size(Line),
    Chunk(u64),
    /// CR and LF after a chunk; how many were seen.
    AfterChunk(u8),
    Trailers(Line),
    Other,
}

/// A line of bounded length, byte by byte.
#[derive(Debug, Default)]
struct Line {
    size: u64,
    digits: u8,
    extension: bool,
    length: usize,
    total: usize,
    cr: bool,
}

/// Follows one connection.
#[derive(Debug)]
pub struct Framing {
    state: State,
    head: Vec<u8>,
    first: bool,
}

impl Framing {
    /// At the beginning of a connection.
    pub fn new() -> Framing {
        Framing { state: State::Head, head: Vec::new(), first: true }
    }

    /// Where the connection stands.
    pub fn stage(&self) -> Stage {
        match self.state {
            State::Head if self.head.is_empty() => Stage::Idle,
            State::Head => Stage::Head,
            State::Body(_) | State::Size(_) | State::Chunk(_) | State::AfterChunk(_) | State::Trailers(_) => {
                Stage::Body
            }
            State::Other => Stage::Other,
        }
    }

    /// Takes the next bytes. Refused: bytes that are not framed strictly; the connection is of no use then.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Ambiguous> {
        while !bytes.is_empty() {
            bytes = match &mut self.state {
                State::Other => return Ok(()),
                State::Head => self.feed_head(bytes)?,
                State::Body(left) => {
                    let rest = skip(left, bytes);
                    if *left == 0 {
                        self.state = State::Head;
                    }
                    rest
                }
                State::Chunk(left) => {
                    let rest = skip(left, bytes);
                    if *left == 0 {
                        self.state = State::AfterChunk(0);
                    }
                    rest
                }
                State::AfterChunk(seen) => {
                    if bytes[0] != b"\r\n"[usize::from(*seen)] {
                        return Err(Ambiguous);
                    }
                    self.state = if *seen == 0 { State::AfterChunk(1) } else { State::Size(Line::default()) };
                    &bytes[1..]
                }
                State::Size(line) => {
                    if let Some(size) = line.size(bytes[0])? {
                        self.state =
                            if size == 0 { State::Trailers(Line::default()) } else { State::Chunk(size) };
                    }
                    &bytes[1..]
                }
                State::Trailers(line) => {
                    if line.trailer(bytes[0])? {
                        self.state = State::Head;
                    }
                    &bytes[1..]
                }
            };
        }
        Ok(())
    }

    fn feed_head<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Ambiguous> {
        // An empty line before a request is allowed (RFC 9112 section 2.2).
        if self.head.is_empty() && bytes.starts_with(b"\r\n") {
            return Ok(&bytes[2..]);
        }
        let (head, known) = if self.head.is_empty() {
            (bytes, 0)
        } else {
            let known = self.head.len();
            self.head.extend_from_slice(bytes);
            (self.head.as_slice(), known)
        };
        match read_head(head, self.first)? {
            Some((next, end)) => {
                self.state = next;
                self.head.clear();
                self.first = false;
                Ok(&bytes[end - known..])
            }
            None => {
                if known == 0 {
                    self.head.extend_from_slice(bytes);
                }
                if self.head.len() > MAX_HEAD {
                    return Err(Ambiguous);
                }
                Ok(&[])
            }
        }
    }
}

fn skip<'b>(left: &mut u64, bytes: &'b [u8]) -> &'b [u8] {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *left -= count as u64;
    &bytes[count..]
}

/// What follows this head, and how long it is; None while it is not complete.
///
/// Every LF follows a CR, and every CR is followed by LF; a CR at the very end may still be.
fn read_head(head: &[u8], first: bool) -> Result<Option<(State, usize)>, Ambiguous> {
    let (mut lengths, mut begun, mut start, mut before) = (Lengths::default(), false, 0, 0);
    for (at, byte) in head.iter().enumerate() {
        if (*byte == b'\n') != (before == b'\r') {
            return Err(Ambiguous);
        }
        before = *byte;
        if *byte != b'\n' {
            continue;
        }
        let line = &head[start..at - 1];
        start = at + 1;
        if line.is_empty() && begun {
            let next = if first && head.starts_with(PREFACE) { State::Other } else { lengths.next()? };
            return Ok(Some((next, at + 1)));
        }
        if begun {
            lengths.read(line)?;
        }
        begun = begun || !line.is_empty();
    }
    Ok(None)
}

/// What a head says about the length of its body.
#[derive(Debug, Default)]
struct Lengths {
    length: Option<u64>,
    chunked: bool,
}

impl Lengths {
    fn read(&mut self, line: &[u8]) -> Result<(), Ambiguous> {
        if line.first().is_none_or(|byte| matches!(byte, b' ' | b'\t')) {
            return Err(Ambiguous);
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Ambiguous)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
            if self.length.is_some() || !digits {
                return Err(Ambiguous);
            }
            self.length = Some(number.ok_or(Ambiguous)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Ambiguous);
            }
            self.chunked = true;
        }
        Ok(())
    }

    fn next(&self) -> Result<State, Ambiguous> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Ambiguous),
            (None, true) => Ok(State::Size(Line::default())),
            (Some(0) | None, false) => Ok(State::Head),
            (Some(length), false) => Ok(State::Body(length)),
        }
    }
}

impl Line {
    fn step(&mut self, byte: u8, most: usize) -> Result<bool, Ambiguous> {
        self.total += 1;
        if self.total > most || (self.cr && byte != b'\n') || (!self.cr && byte == b'\n') {
            return Err(Ambiguous);
        }
        if byte == b'\r' {
            self.cr = true;
        }
        Ok(byte == b'\n')
    }

    /// The size of the next chunk, once its line is complete.
    fn size(&mut self, byte: u8) -> Result<Option<u64>, Ambiguous> {
        if self.step(byte, MAX_CHUNK_LINE)? {
            return if self.digits > 0 { Ok(Some(self.size)) } else { Err(Ambiguous) };
        }
        if self.cr || self.extension {
            return Ok(None);
        }
        match char::from(byte).to_digit(16) {
            Some(digit) if self.digits < 15 => {
                self.size = self.size << 4 | u64::from(digit);
                self.digits += 1;
            }
            None if byte == b';' && self.digits > 0 => self.extension = true,
            Some(_) | None => return Err(Ambiguous),
        }
        Ok(None)
    }

    /// Whether the trailers are over.
    fn trailer(&mut self, byte: u8) -> Result<bool, Ambiguous> {
        let ends = self.step(byte, MAX_TRAILERS)?;
        if !ends {
            self.length += usize::from(byte != b'\r');
            return Ok(false);
        }
        let empty = self.length == 0;
        (self.length, self.cr) = (0, false);
        Ok(empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    /// Fed whole and byte by byte, it must come out the same.
    fn follow(text: &str) -> Result<Stage, Ambiguous> {
        let mut whole = Framing::new();
        let at_once = whole.feed(text.as_bytes()).map(|()| whole.stage());
        let mut slow = Framing::new();
        let in_bytes = text.as_bytes().iter().try_for_each(|byte| slow.feed(&[*byte])).map(|()| slow.stage());
        assert_eq!(at_once, in_bytes, "{text:?}");
        at_once
    }

    fn post(headers: &str, body: &str) -> String {
        format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}")
    }

    #[test]
    fn plain_messages_follow_each_other() {
        for text in [
            String::new(),
            GET.to_owned(),
            GET.repeat(3),
            format!("\r\n{GET}"),
            post("Content-Length: 5\r\n", "hello") + GET,
            post("Content-Length: 0\r\n", "") + GET,
            post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n") + GET,
            post("Transfer-Encoding: Chunked\r\n", "A;x=y\r\n0123456789\r\n0\r\nTrailer: x\r\nB: y\r\n\r\n")
                + GET,
            post("Content-Length: 4\r\n", "\n\n\n\n") + GET,
            "GET / HTTP/1.0\r\n\r\n".to_owned(),
        ] {
            assert_eq!(follow(&text), Ok(Stage::Idle), "{text:?}");
        }
    }

    #[test]
    fn unfinished_messages_are_told() {
        assert_eq!(follow("GET / HT"), Ok(Stage::Head));
        assert_eq!(follow(&post("Content-Length: 5\r\n", "hell")), Ok(Stage::Body));
        assert_eq!(follow(&post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n")), Ok(Stage::Body));
        assert_eq!(follow("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\n\n"), Ok(Stage::Other));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
            post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
            post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
            post("Content-Length: 5, 5\r\n", "hello"),
            post("Content-Length: +5\r\n", "hello"),
            post("Content-Length: \r\n", ""),
            post("Content-Length: 99999999999999999999\r\n", ""),
            post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            post("Transfer-Encoding: identity\r\n", ""),
            post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
            post("Transfer-Encoding:\u{b}chunked\r\n", "0\r\n\r\n"),
            post("X: a\r\n folded\r\n", ""),
            post("no colon\r\n", ""),
            "GET / HTTP/1.1\nHost: a\n\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n".to_owned(),
            post("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n"),
            post("Transfer-Encoding: chunked\r\n", "5\r\nhelloX\r\n0\r\n\r\n"),
            post("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"),
            post("Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n"),
            post("Transfer-Encoding: chunked\r\n", "\r\n"),
            post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"),
            post("Transfer-Encoding: chunked\r\n", &format!("5;{}\r\n", "x".repeat(300))),
            post("Transfer-Encoding: chunked\r\n", &format!("0\r\nX: {}\r\n\r\n", "x".repeat(9000))),
        ] {
            assert_eq!(follow(&text), Err(Ambiguous), "{text:?}");
        }
    }

    #[test]
    fn the_preface_counts_only_at_the_beginning() {
        assert_eq!(follow(&format!("{GET}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")), Ok(Stage::Idle));
    }
}
