//! Which places does a request have, and what stands in them?

use crate::body::{Body, File};
use crate::file::unknown_word;
use serde_json::Value;

/// A place in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A member of the JSON body (nested by dots), or a field or file of a form.
    Body(Vec<String>),
    /// A parameter of the query.
    Query(String),
    /// A header, with or without a scheme before the value.
    Header(String, Option<String>),
    /// A cookie.
    Cookie(String),
    /// A segment of the path.
    Path(String),
}

impl Place {
    /// Reads `body.a.b`, `form.a`, `query.a`, `header.X-A`, `cookie.a`, `path.a`.
    pub fn parse(word: &str) -> Result<Place, String> {
        let (kind, name) = word.split_once('.').unwrap_or((word, ""));
        if name.is_empty() || name.split('.').any(str::is_empty) {
            return Err(format!(
                "\"{word}\" is not a place; write for example \"body.email\" or \"header.X-Token\""
            ));
        }
        match kind {
            "body" | "form" => Ok(Place::Body(name.split('.').map(str::to_owned).collect())),
            "query" => Ok(Place::Query(name.to_owned())),
            "header" => Ok(Place::Header(name.to_ascii_lowercase(), None)),
            "cookie" => Ok(Place::Cookie(name.to_owned())),
            "path" => Ok(Place::Path(name.to_owned())),
            other => Err(unknown_word("from", other, &["body", "form", "query", "header", "cookie", "path"])),
        }
    }

    /// The last word: the field's name on the wire.
    pub fn field(&self) -> &str {
        match self {
            Place::Body(path) => path.last().map_or("", String::as_str),
            Place::Query(name) | Place::Header(name, _) | Place::Cookie(name) | Place::Path(name) => name,
        }
    }

    /// The place as a list of words (`["body", "email"]`).
    pub fn to_json(&self) -> Value {
        let (kind, words): (&str, Vec<&str>) = match self {
            Place::Body(path) => ("body", path.iter().map(String::as_str).collect()),
            Place::Query(name) => ("query", vec![name]),
            Place::Header(name, _) => ("header", vec![name]),
            Place::Cookie(name) => ("cookie", vec![name]),
            Place::Path(name) => ("path", vec![name]),
        };
        Value::from([vec![kind], words].concat())
    }
}

/// A request, taken apart so that inputs can be looked up.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The body.
    pub body: Body,
    /// Parameters of the query.
    pub query: Vec<(String, String)>,
    /// All headers.
    pub headers: &'a http::HeaderMap,
    /// Values of the path's parameters.
    pub path: Vec<(String, String)>,
    /// Whether cookies count; not beside a credential in a header (SEC-76).
    pub cookies: bool,
}

/// What stands in a place.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// Nothing.
    Absent,
    /// JSON.
    Json(&'a Value),
    /// Text of a form, query, header, cookie or path.
    Text(&'a str),
    /// A file.
    File(&'a File),
    /// A header that can not be read, or a header or cookie that is given twice.
    Damaged,
}

impl Parts<'_> {
    /// Looks a place up.
    pub fn find(&self, place: &Place) -> Found<'_> {
        match place {
            Place::Body(path) => self.in_body(path),
            Place::Query(name) => text_of(&self.query, name),
            Place::Path(name) => text_of(&self.path, name),
            Place::Header(name, scheme) => header(self.headers, name, scheme.as_deref()),
            Place::Cookie(name) if self.cookies => cookie(self.headers, name),
            Place::Cookie(_) => Found::Absent,
        }
    }

    fn in_body(&self, path: &[String]) -> Found<'_> {
        match &self.body {
            Body::Absent => Found::Absent,
            Body::Json(value) => {
                let found = path.iter().try_fold(value, |value, key| value.as_object()?.get(key));
                found.map_or(Found::Absent, Found::Json)
            }
            Body::Fields(fields, files) => {
                let name = path.join(".");
                match files.iter().find(|(known, _)| *known == name) {
                    Some((_, file)) => Found::File(file),
                    None => text_of(fields, &name),
                }
            }
        }
    }
}

fn text_of<'a>(pairs: &'a [(String, String)], name: &str) -> Found<'a> {
    pairs.iter().find(|(known, _)| known == name).map_or(Found::Absent, |(_, value)| Found::Text(value))
}

fn header<'a>(headers: &'a http::HeaderMap, name: &str, scheme: Option<&str>) -> Found<'a> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(name) { Found::Damaged } else { Found::Absent };
    };
    let Ok(text) = value.to_str() else { return Found::Damaged };
    match scheme {
        None => Found::Text(text),
        Some(scheme) => match text.split_once(' ') {
            Some((given, rest)) if given.eq_ignore_ascii_case(scheme) => Found::Text(rest.trim()),
            _ => Found::Absent,
        },
    }
}

/// The value of a cookie. Two of one name are damaged: which one is meant can not be told (SEC-76).
pub fn cookie<'a>(headers: &'a http::HeaderMap, name: &str) -> Found<'a> {
    let mut found = Found::Absent;
    for line in headers.get_all(http::header::COOKIE) {
        let Ok(line) = line.to_str() else { return Found::Damaged };
        for piece in line.split(';') {
            match piece.trim().split_once('=') {
                Some((known, _)) if known == name && !matches!(found, Found::Absent) => {
                    return Found::Damaged;
                }
                Some((known, value)) if known == name => found = Found::Text(value),
                _ => {}
            }
        }
    }
    found
}
