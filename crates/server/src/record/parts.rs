//! Of which named parts does a body or a query consist?

use super::exchange::{Fields, field, media};

/// One part of a multipart form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// The file name, when it is a file.
    pub file: Option<String>,
    /// The media type of a file.
    pub kind: Option<String>,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// The parts of a multipart form; none when the body is no such form.
pub fn multipart(fields: &Fields, body: &[u8]) -> Option<Vec<Part>> {
    if media(fields) != "multipart/form-data" {
        return None;
    }
    let boundary = parameter(field(fields, "content-type")?, "boundary")?;
    let line = format!("--{boundary}").into_bytes();
    let mut parts = Vec::new();
    let mut at = find(body, &line, 0)? + line.len();
    while let Some(rest) = body.get(at..)
        && rest.starts_with(b"\r\n")
    {
        let head_end = find(body, b"\r\n\r\n", at)?;
        let mut closing = b"\r\n".to_vec();
        closing.extend_from_slice(&line);
        let end = find(body, &closing, head_end + 2)?;
        let head = String::from_utf8_lossy(&body[at..head_end]).into_owned();
        let bytes = body.get(head_end + 4..end).unwrap_or_default().to_vec();
        parts.push(part(&head, bytes)?);
        at = end + closing.len();
    }
    Some(parts)
}

fn part(head: &str, bytes: Vec<u8>) -> Option<Part> {
    let value = |wanted: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim().to_owned())
    };
    let place = value("content-disposition")?;
    let name = parameter(&place, "name")?;
    Some(Part { name, file: parameter(&place, "filename"), kind: value("content-type"), bytes })
}

/// A parameter of a header field, quoted or not.
fn parameter(value: &str, name: &str) -> Option<String> {
    let pairs = value.split(';').skip(1).filter_map(|pair| pair.split_once('='));
    let found =
        pairs.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim_matches('"').to_owned())
}

/// Writes the parts again, with the same boundary.
pub fn write_multipart(fields: &Fields, parts: &[Part]) -> Vec<u8> {
    let boundary =
        field(fields, "content-type").and_then(|kind| parameter(kind, "boundary")).unwrap_or_default();
    let mut out = Vec::new();
    for part in parts {
        let file = part.file.as_ref().map_or_else(String::new, |file| format!("; filename=\"{file}\""));
        let kind = part.kind.as_ref().map_or_else(String::new, |kind| format!("\r\nContent-Type: {kind}"));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"{file}{kind}\r\n\r\n",
            part.name
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(&part.bytes);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

/// The first place of some bytes, from a place on.
fn find(text: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    rest.windows(wanted.len().max(1)).position(|window| window == wanted).map(|at| at + from)
}

/// The pairs of a form or a query, decoded.
pub fn form(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name, true), decoded(value, true)))
        .collect()
}

/// Pairs as a form.
pub fn write_form(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// The pairs of a `Cookie` field.
pub fn cookies(value: &str) -> Vec<(String, String)> {
    let pairs = value.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Text without percent signs; `+` is a space in forms.
pub fn decoded(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[at], pair) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) if plus => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Text as it may stand in a path, a query or a form.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~@:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multipart_form_is_read_and_written_alike() {
        let fields = vec![("content-type".to_owned(), "multipart/form-data; boundary=\"b\"".to_owned())];
        let body = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\n\
            Content-Disposition: form-data; name=\"f\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n\x89P\r\n\r\n--b--\r\n";
        let parts = multipart(&fields, body).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), parts[0].bytes.as_slice()), ("a", b"1".as_slice()));
        assert_eq!(parts[1].bytes, b"\x89P\r\n");
        assert_eq!(write_multipart(&fields, &parts), body);
    }

    #[test]
    fn broken_forms_are_no_forms() {
        let fields = vec![("content-type".to_owned(), "multipart/form-data; boundary=b".to_owned())];
        for body in [&b""[..], b"--b\r\n", b"--b\r\nx\r\n\r\n", b"nothing"] {
            assert_eq!(multipart(&fields, body), None);
        }
    }

    #[test]
    fn forms_are_decoded_and_encoded() {
        let pairs = form("a=b+c&d=%C3%A9%2&e");
        assert_eq!(pairs, [("a", "b c"), ("d", "é%2"), ("e", "")].map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(write_form(&[("a b", "é&")]), "a%20b=%C3%A9%26");
        assert_eq!(
            cookies("a=1; b=x=y"),
            [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x=y".to_owned())]
        );
    }
}
