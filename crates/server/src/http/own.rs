//! What does the server answer that no dialect owns: health, public keys, descriptions, pictures?

use super::headers::Audience;
use super::speak::problem;
use crate::App;
use crate::keys::JWKS_MAX_AGE;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};

/// Where pictures are.
const AVATARS: &str = "/media/avatars/";
/// Where the descriptions of the dialects are.
const OPENAPI: &str = "/openapi/";
/// The longest name of a picture.
const MAX_NAME: usize = 80;

/// A path of the server itself.
enum Own<'p> {
    Live,
    Ready,
    Jwks,
    Openapi(&'p str),
    Avatar(&'p str),
}

impl Own<'_> {
    fn of(path: &str) -> Option<Own<'_>> {
        match path {
            "/health/live" => Some(Own::Live),
            "/health/ready" => Some(Own::Ready),
            "/.well-known/jwks.json" => Some(Own::Jwks),
            _ => {
                let openapi = path.strip_prefix(OPENAPI).map(Own::Openapi);
                openapi.or_else(|| path.strip_prefix(AVATARS).map(Own::Avatar))
            }
        }
    }
}

/// Answers a path of the server itself; None for every other path.
pub async fn answer(app: &App, method: &Method, path: &str) -> Option<(Response<Bytes>, Audience)> {
    let own = Own::of(path)?;
    if matches!(*method, Method::GET | Method::HEAD) {
        return Some(match own {
            Own::Live => (ok(), Audience::Client),
            Own::Ready => (ready(app), Audience::Client),
            Own::Jwks => (jwks(app), Audience::Public),
            Own::Openapi(file) => openapi(app, file),
            Own::Avatar(name) => avatar(app, name).await,
        });
    }
    let mut response = status(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", "method_not_allowed");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    Some((response, Audience::Client))
}

/// A problem of the server itself, in the words of RFC 9457.
pub fn status(status: StatusCode, title: &str, code: &str) -> Response<Bytes> {
    let number = status.as_u16();
    problem(
        status,
        format!(r#"{{"type":"about:blank","title":"{title}","status":{number},"code":"{code}"}}"#),
    )
}

fn text(status: StatusCode, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn ok() -> Response<Bytes> {
    text(StatusCode::OK, "ok")
}

fn ready(app: &App) -> Response<Bytes> {
    if app.is_ready() {
        return ok();
    }
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "not ready");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn jwks(app: &App) -> Response<Bytes> {
    let mut response = Response::new(app.spoken().jwks.clone());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Ok(kept) = HeaderValue::from_str(&format!("public, max-age={JWKS_MAX_AGE}")) {
        headers.insert(header::CACHE_CONTROL, kept);
    }
    response
}

/// The OpenAPI document of a dialect: `NAME.json`. It holds nothing that the dialect file does not say.
fn openapi(app: &App, file: &str) -> (Response<Bytes>, Audience) {
    let document = file.strip_suffix(".json").and_then(|name| app.spoken().openapi.get(name).cloned());
    let Some(document) = document else {
        return (status(StatusCode::NOT_FOUND, "Not found", "not_found"), Audience::Client);
    };
    let mut response = Response::new(document);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    (response, Audience::Public)
}

/// A picture: never run, never sniffed, kept for ever, because another picture has another name (SEC-107).
async fn avatar(app: &App, name: &str) -> (Response<Bytes>, Audience) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let sound = (1..=MAX_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain);
    let found = if sound { app.avatar(name).await } else { Ok(None) };
    let (kind, bytes) = match found {
        Ok(Some(picture)) => picture,
        Ok(None) => return (status(StatusCode::NOT_FOUND, "Not found", "not_found"), Audience::Client),
        Err(fault) => {
            tracing::error!(%fault, "a picture could not be read");
            return (status(StatusCode::SERVICE_UNAVAILABLE, "Something broke", "fault"), Audience::Client);
        }
    };
    let mut response = Response::new(Bytes::from(bytes));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_str(&kind);
    headers
        .insert(header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, kept);
    (response, Audience::Public)
}
