//! In which places do two answers differ?
//!
//! Values are held against each other and never told. What two servers can not repeat is compared by its kind: tokens,
//! moments, UUIDs, names of pictures.

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use serde_json::Value;
use std::collections::BTreeSet;

/// The most places that are told of one answer.
const MOST: usize = 16;
/// How deep bodies are looked into.
const DEPTH: usize = 16;
/// The longest name of a member that is told, in bytes.
const NAME: usize = 48;
/// The shortest text that can be a token.
const TOKEN: usize = 20;

/// The places, in the order of status, headers, body; empty when the answers say the same.
pub fn differences(theirs: &Response<Bytes>, ours: &Response<Bytes>) -> Vec<String> {
    let mut places = Vec::new();
    let (one, other) = (theirs.status(), ours.status());
    if one != other {
        places.push(format!("status {} and not {}", other.as_u16(), one.as_u16()));
        // Two different answers differ everywhere, and that says nothing more.
        return places;
    }
    if media_type(theirs.headers()) != media_type(ours.headers()) {
        places.push("content-type".to_owned());
    }
    let (mine, its) = (cookies(ours.headers()), cookies(theirs.headers()));
    places.extend(mine.symmetric_difference(&its).map(|name| format!("cookie {}", cut(name))));
    bodies(theirs.body(), ours.body(), &mut places);
    places.truncate(MOST);
    places
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

fn cookies(headers: &HeaderMap) -> BTreeSet<&str> {
    let lines = headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.filter_map(|line| Some(line.split_once('=')?.0.trim())).collect()
}

fn bodies(theirs: &Bytes, ours: &Bytes, places: &mut Vec<String>) {
    if theirs == ours {
        return;
    }
    match (serde_json::from_slice::<Value>(theirs), serde_json::from_slice::<Value>(ours)) {
        (Ok(theirs), Ok(ours)) => walk(&theirs, &ours, &mut String::new(), DEPTH, places),
        _ => places.push("body".to_owned()),
    }
}

fn walk(theirs: &Value, ours: &Value, path: &mut String, depth: usize, places: &mut Vec<String>) {
    if places.len() >= MOST {
        return;
    }
    let mut told = |what: &str| {
        let place = if path.is_empty() { "/" } else { path.as_str() };
        let place = format!("{place}{what}");
        if !places.contains(&place) {
            places.push(place);
        }
    };
    match (theirs, ours) {
        (Value::Object(one), Value::Object(other)) if depth > 0 => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let length = path.len();
                path.push('/');
                path.push_str(cut(name));
                match (one.get(name), other.get(name)) {
                    (Some(one), Some(other)) => walk(one, other, path, depth - 1, places),
                    (Some(_), None) => places.push(format!("{path} is missing here")),
                    (None, _) => places.push(format!("{path} is only here")),
                }
                path.truncate(length);
            }
        }
        (Value::Array(one), Value::Array(other)) if depth > 0 => {
            if one.len() != other.len() {
                told(" has another length");
            }
            let length = path.len();
            path.push_str("/*");
            one.iter().zip(other).for_each(|(one, other)| walk(one, other, path, depth - 1, places));
            path.truncate(length);
        }
        (one, other) if same(one, other) => {}
        (one, other) if type_of(one) != type_of(other) => {
            told(&format!(" is {} and not {}", type_of(other), type_of(one)));
        }
        _ => told(""),
    }
}

const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => {
            one == other || kind(one).is_some_and(|kind_of| kind(other) == Some(kind_of))
        }
        (Value::Number(one), Value::Number(other)) => {
            one == other
                || one.as_i64().zip(other.as_i64()).is_some_and(|(one, other)| are_moments(one, other))
        }
        _ => one == other,
    }
}

/// Seconds or milliseconds since 1970, less than a day apart.
fn are_moments(one: i64, other: i64) -> bool {
    const SECONDS: std::ops::Range<i64> = 1_000_000_000..10_000_000_000;
    let within = |a: i64, b: i64, day: i64| a.abs_diff(b) < day.unsigned_abs();
    let millis = |value: &i64| SECONDS.contains(&(value / 1000));
    (SECONDS.contains(&one) && SECONDS.contains(&other) && within(one, other, 86_400))
        || (millis(&one) && millis(&other) && within(one, other, 86_400_000))
}

/// What another server can not repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Jwt,
    Uuid,
    Moment,
    Picture,
    Token,
}

fn kind(text: &str) -> Option<Kind> {
    let is_url_safe =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'+' | b'/' | b'.');
    let mixed = || {
        text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    if text.starts_with("eyJ") && text.split('.').count() == 3 {
        Some(Kind::Jwt)
    } else if is_uuid(text.as_bytes()) {
        Some(Kind::Uuid)
    } else if is_moment(text.as_bytes()) {
        Some(Kind::Moment)
    } else if text.contains('/')
        && [".png", ".jpg", ".jpeg", ".gif", ".webp"].iter().any(|end| text.ends_with(end))
    {
        Some(Kind::Picture)
    } else if text.len() >= TOKEN && text.bytes().all(is_url_safe) && mixed() {
        Some(Kind::Token)
    } else {
        None
    }
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `2024-03-10T14:20:00`, whatever follows; or with a blank.
fn is_moment(text: &[u8]) -> bool {
    const FORM: &[u8; 19] = b"dddd-dd-ddTdd:dd:dd";
    text.len() >= FORM.len()
        && text.len() <= 40
        && FORM.iter().zip(text).all(|(form, byte)| match form {
            b'd' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b' '),
            other => other == byte,
        })
}

fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, kind: &str, body: &str) -> Response<Bytes> {
        let response = Response::builder().status(status).header("content-type", kind);
        response.body(Bytes::from(body.to_owned())).unwrap()
    }

    fn json(theirs: &str, ours: &str) -> Vec<String> {
        differences(
            &answer(200, "application/json", theirs),
            &answer(200, "application/json; charset=utf-8", ours),
        )
    }

    #[test]
    fn what_a_server_can_not_repeat_is_compared_by_kind() {
        let theirs = r#"{"access":"eyJh.eyJi.c","id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","exp":1700000000,
            "at":"2024-01-01T00:00:00Z","avatar":"/media/a1.png","refresh":"0a1b2c3d4e5f6a7b8c9d0e"}"#;
        let ours = r#"{"access":"eyJx.eyJy.z","id":"6ba7b811-9dad-11d1-80b4-00c04fd430c8","exp":1700000300,
            "at":"2024-01-02T00:00:00.5+00:00","avatar":"/media/avatars/zz.jpg","refresh":"csr_zzzzzzzzzzzzzzzzzzz9"}"#;
        assert_eq!(json(theirs, ours), Vec::<String>::new());
        assert_eq!(
            json(r#"{"at":"2024-01-01T00:00:00Z"}"#, r#"{"at":null}"#),
            ["/at is null and not a text"]
        );
        assert_eq!(json(r#"{"n":7}"#, r#"{"n":8}"#), ["/n"]);
        assert_eq!(json(r#"{"name":"Ana"}"#, r#"{"name":"Ben"}"#), ["/name"]);
    }

    #[test]
    fn places_are_told_and_no_value() {
        let theirs = r#"{"user":{"email":"a@b.c","old":1,"list":[{"x":1},{"x":2}]},"same":true}"#;
        let ours = r#"{"user":{"email":"secret@b.c","new":1,"list":[{"x":3},{"x":4},{"x":5}]},"same":true}"#;
        let places = json(theirs, ours);
        assert_eq!(
            places,
            [
                "/user/email",
                "/user/list has another length",
                "/user/list/*/x",
                "/user/new is only here",
                "/user/old is missing here"
            ]
        );
        let other =
            differences(&answer(200, "application/json", "{}"), &answer(401, "application/json", "[]"));
        assert_eq!(other, ["status 401 and not 200"]);
        assert_eq!(
            differences(&answer(200, "text/html", "a"), &answer(200, "text/plain", "b")),
            ["content-type", "body"]
        );
        let wide: String = (0..100).map(|n| format!("\"k{n}\":1,")).collect();
        assert_eq!(json(&format!("{{{wide}\"z\":1}}"), "{}").len(), MOST);
        let deep = |leaf: &str| format!("{}{leaf}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(json(&deep("1"), &deep("2")).len(), 1);
    }
}
