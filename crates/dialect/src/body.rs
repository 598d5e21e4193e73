//! What is in the body of a request?
//!
//! One bounded parser per kind; a reason for a refusal never repeats what was sent.

use bytes::Bytes;
use domain::json::strict_value;
use serde_json::Value;

/// Deepest nesting of a JSON body (SEC-101).
const JSON_DEPTH: u8 = 32;
/// Most members and items of a JSON body.
const JSON_MEMBERS: u32 = 1000;
/// Most fields of a form.
const FORM_FIELDS: usize = 100;
/// Most parts of a multipart body.
const PARTS: usize = 20;
/// Longest head of one part, in bytes.
const PART_HEAD_BYTES: usize = 1024;

/// A kind of body that a route can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json` and `application/*+json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
}

impl Media {
    /// The words of dialect files.
    pub const NAMES: &'static [(&'static str, Media)] =
        &[("json", Media::Json), ("form", Media::Form), ("multipart", Media::Multipart)];

    /// Recognises a media type in lower case, without parameters.
    pub fn of(media_type: &str) -> Option<Media> {
        match media_type {
            "application/json" => Some(Media::Json),
            "application/x-www-form-urlencoded" => Some(Media::Form),
            "multipart/form-data" => Some(Media::Multipart),
            other => (other.starts_with("application/") && other.ends_with("+json")).then_some(Media::Json),
        }
    }
}

/// A file of a multipart body.
#[derive(Clone, Debug)]
pub struct File {
    /// Its bytes.
    pub bytes: Bytes,
}

/// A body, taken apart.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// None, or of a kind that counts as none.
    #[default]
    Absent,
    /// Any JSON value.
    Json(Value),
    /// Fields and files in order; a name may be given once only.
    Fields(Vec<(String, String)>, Vec<(String, File)>),
}

/// The `Content-Type` header, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentType {
    /// In lower case, without parameters.
    pub media_type: String,
    /// In lower case.
    pub charset: Option<String>,
    /// As given.
    pub boundary: Option<String>,
}

impl ContentType {
    /// Takes a header value apart. Unknown parameters are left alone.
    pub fn parse(header: &str) -> ContentType {
        let mut pieces = header.split(';');
        let mut parsed = ContentType {
            media_type: pieces.next().unwrap_or("").trim().to_ascii_lowercase(),
            ..Self::default()
        };
        for piece in pieces {
            let Some((name, value)) = piece.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "charset" => parsed.charset = Some(value.to_ascii_lowercase()),
                "boundary" => parsed.boundary = Some(value.to_owned()),
                _ => {}
            }
        }
        parsed
    }
}

/// Reads JSON under the rules of SEC-101. Refused: with a reason fit for the client.
pub fn json(bytes: &[u8]) -> Result<Value, String> {
    strict_value(bytes, JSON_DEPTH, JSON_MEMBERS)
}

/// Reads a form. Refused: a name given twice, too many fields, text that is not UTF-8.
pub fn form(bytes: &[u8]) -> Result<Body, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the form is not UTF-8".to_owned())?;
    Ok(Body::Fields(pairs(text)?, Vec::new()))
}

/// Reads `a=b&c=d`, percent-encoded, plus as space.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for piece in text.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let name = decode(name).ok_or("a name is not percent-encoded UTF-8")?;
        let value = decode(value).ok_or("a value is not percent-encoded UTF-8")?;
        add(&mut fields, name, value)?;
    }
    Ok(fields)
}

fn add(fields: &mut Vec<(String, String)>, name: String, value: String) -> Result<(), String> {
    if fields.len() >= FORM_FIELDS {
        return Err("too many fields".to_owned());
    }
    if has(fields, &name) {
        return Err("a field is given twice".to_owned());
    }
    fields.push((name, value));
    Ok(())
}

fn has(fields: &[(String, String)], name: &str) -> bool {
    fields.iter().any(|(known, _)| known == name)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => 16 * hex(rest.next()?)? + hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Reads `multipart/form-data` (RFC 7578). Refused: no boundary, too many parts, a damaged part, a name given twice.
pub fn multipart(bytes: &Bytes, boundary: Option<&str>) -> Result<Body, String> {
    let boundary = boundary.filter(|b| !b.is_empty() && b.len() <= 70).ok_or("the boundary is missing")?;
    let (mut fields, mut files) = (Vec::new(), Vec::new());
    for (index, range) in part_ranges(bytes, boundary)?.into_iter().enumerate() {
        if index >= PARTS {
            return Err("too many parts".to_owned());
        }
        let (head, content) = split_part(bytes.slice(range))?;
        let name = parameter(&head, "name").ok_or("a part has no name")?;
        if parameter(&head, "filename").is_some() {
            if files.iter().any(|(known, _)| *known == name) || has(&fields, &name) {
                return Err("a field is given twice".to_owned());
            }
            files.push((name, File { bytes: content }));
        } else {
            if files.iter().any(|(known, _)| *known == name) {
                return Err("a field is given twice".to_owned());
            }
            let text = std::str::from_utf8(&content).map_err(|_| "a field is not UTF-8".to_owned())?;
            add(&mut fields, name, text.to_owned())?;
        }
    }
    Ok(Body::Fields(fields, files))
}

/// Byte ranges of the parts, between the delimiter lines.
fn part_ranges(bytes: &[u8], boundary: &str) -> Result<Vec<std::ops::Range<usize>>, String> {
    let dashes = format!("--{boundary}");
    let delimiter = format!("\r\n--{boundary}");
    let damaged = || "the multipart body is damaged".to_owned();
    let mut at = if bytes.starts_with(dashes.as_bytes()) {
        dashes.len()
    } else {
        find(bytes, 0, delimiter.as_bytes()).ok_or_else(damaged)? + delimiter.len()
    };
    let mut ranges = Vec::new();
    loop {
        let rest = bytes.get(at..).ok_or_else(damaged)?;
        if rest.starts_with(b"--") {
            return Ok(ranges);
        }
        if !rest.starts_with(b"\r\n") || ranges.len() > PARTS {
            return Err(damaged());
        }
        let start = at + 2;
        // An empty part's delimiter shares the line break that ended the last one.
        let end = find(bytes, at, delimiter.as_bytes()).ok_or_else(damaged)?;
        ranges.push(start..end.max(start));
        at = end + delimiter.len();
    }
}

fn find(bytes: &[u8], from: usize, needle: &[u8]) -> Option<usize> {
    bytes.get(from..)?.windows(needle.len()).position(|window| window == needle).map(|at| from + at)
}

fn split_part(part: Bytes) -> Result<(String, Bytes), String> {
    let limit = part.len().min(PART_HEAD_BYTES);
    let end = find(&part[..limit], 0, b"\r\n\r\n").ok_or("the head of a part is damaged or too long")?;
    let head = std::str::from_utf8(&part[..end]).map_err(|_| "the head of a part is not UTF-8".to_owned())?;
    Ok((head.to_owned(), part.slice(end + 4..)))
}

/// A parameter of the part's `Content-Disposition`.
fn parameter(head: &str, name: &str) -> Option<String> {
    let line =
        head.split("\r\n").find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    line.split(';').skip(1).find_map(|piece| {
        let (key, value) = piece.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields with their texts and files with their sizes.
    type Read = (Vec<(String, String)>, Vec<(String, usize)>);

    fn multi(text: &str) -> Result<Read, String> {
        match multipart(&Bytes::from(text.to_owned()), Some("B"))? {
            Body::Fields(fields, files) => {
                Ok((fields, files.into_iter().map(|(name, file)| (name, file.bytes.len())).collect()))
            }
            Body::Absent | Body::Json(_) => Err("no fields".to_owned()),
        }
    }

    #[test]
    fn multipart_gives_fields_and_files() {
        let text = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\ny\r\n\
                    --B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"p.png\"\r\nContent-Type: image/png\r\n\r\n\
                    12345\r\n--B\r\nContent-Disposition: form-data; name=\"e\"\r\n\r\n\r\n--B--\r\n";
        let (fields, files) = multi(text).unwrap();
        assert_eq!(fields, [("a".into(), "x\r\ny".into()), ("e".into(), String::new())]);
        assert_eq!(files, [("f".into(), 5)]);
    }

    #[test]
    fn damaged_multipart_is_refused_without_panic() {
        let whole = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--B--\r\n";
        assert!(multi(whole).is_ok());
        for end in 0..whole.len() - 4 {
            assert!(multi(&whole[..end]).is_err(), "{end}");
        }
        let many = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n".repeat(30) + "--B--";
        assert!(multi(&many).is_err());
        assert!(multipart(&Bytes::from_static(b"--B--"), None).is_err());
    }

    #[test]
    fn forms_are_decoded_and_doubt_is_refused() {
        assert_eq!(
            pairs("a=1+2&b=%C3%A9&c").unwrap(),
            [("a".into(), "1 2".into()), ("b".into(), "é".into()), ("c".into(), String::new())]
        );
        for text in ["a=1&a=2", "a=%", "a=%zz", "a=%ff", "%ff=1"] {
            assert!(pairs(text).is_err(), "{text}");
        }
        assert!(
            pairs(&"x".repeat(10).chars().enumerate().map(|(i, _)| format!("a{i}=1&")).collect::<String>())
                .is_ok()
        );
        assert!(pairs(&(0..101).map(|i| format!("a{i}=1&")).collect::<String>()).is_err());
    }

    #[test]
    fn content_types_are_taken_apart() {
        let parsed = ContentType::parse("Application/JSON; Charset=\"UTF-8\"");
        assert_eq!(
            (parsed.media_type.as_str(), parsed.charset.as_deref()),
            ("application/json", Some("utf-8"))
        );
        assert_eq!(ContentType::parse("multipart/form-data; boundary=aB").boundary.as_deref(), Some("aB"));
        assert_eq!(Media::of("application/problem+json"), Some(Media::Json));
        assert_eq!(Media::of("text/plain"), None);
    }
}
