//! What becomes of one request, from its head to the line in the log?

use super::body::{self, BodyFault};
use super::caught::{Caught, Panicked};
use super::client;
use super::headers::{Audience, dress};
use super::speak::{From, Mount, Speaker, Way};
use super::{cors, own};
use crate::App;
use crate::app::Spoken;
use crate::config::MountConfig;
use crate::telemetry::Visit;
use crate::upstream::shadow;
use bytes::Bytes;
use dialect::Dialect;
use domain::phase::Phase;
use domain::refusal::Refusal;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body_util::Full;
use hyper::body::Incoming;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// The longest target of a request, in bytes (SEC-100).
const MAX_URI: usize = 8 << 10;
/// The most header lines.
const MAX_HEADERS: usize = 100;
/// The most bytes of header lines.
const MAX_HEADER_BYTES: usize = 16 << 10;

/// What is kept of a request for the case that its answer has to be given without it.
struct Gist {
    method: Method,
    uri: Uri,
    version: Version,
    host: Option<HeaderValue>,
}

impl Gist {
    fn of(parts: &Parts) -> Gist {
        Gist {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            version: parts.version,
            host: parts.headers.get(header::HOST).cloned(),
        }
    }

    fn parts(&self) -> Parts {
        let mut parts = Request::new(()).into_parts().0;
        parts.method = self.method.clone();
        parts.uri = self.uri.clone();
        parts.version = self.version;
        if let Some(host) = &self.host {
            parts.headers.insert(header::HOST, host.clone());
        }
        parts
    }
}

/// An answer on its way out.
struct Answer {
    response: Response<Bytes>,
    audience: Audience,
    /// Whether it is another server's and goes out as it came.
    foreign: bool,
    /// Whether the connection is of no use afterwards.
    last: bool,
    dialect: Option<Arc<Dialect>>,
    verb: &'static str,
}

impl Answer {
    fn of(response: Response<Bytes>) -> Answer {
        Answer { response, audience: Audience::Client, foreign: false, last: false, dialect: None, verb: "" }
    }

    fn last(response: Response<Bytes>) -> Answer {
        Answer { last: true, ..Answer::of(response) }
    }
}

/// Marks an answer of another server that goes out as it came.
#[derive(Clone, Copy, Debug)]
struct Foreign;

/// Whether an answer looks on its way out as if the library had given it by itself, and is another server's.
pub fn is_bare(response: &Response<Full<Bytes>>) -> bool {
    response.extensions().get::<Foreign>().is_some()
        && response.status().is_client_error()
        && !response.headers().contains_key(header::X_CONTENT_TYPE_OPTIONS)
}

/// Answers a request, whatever happens: a panic inside is a 500 with the id of the request (REL-20).
pub async fn answer(app: &App, request: Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let gist = Gist::of(&parts);
    let origin = client::origin(peer, &parts.headers, app.trusted_proxies());
    let id = app.request_id();
    let from = From { address: origin.address().to_string(), derived: origin.is_client(), request: id };
    let caught = Caught::new(respond(app, &gist, parts, body, from.clone())).await;
    let mut answer = caught
        .unwrap_or_else(|Panicked| broken(app, &gist, &from.request, StatusCode::INTERNAL_SERVER_ERROR));
    let headers = answer.response.headers_mut();
    if !answer.foreign {
        dress(headers, answer.audience, app.is_https());
    }
    if gist.version < Version::HTTP_2 && (answer.last || app.is_draining()) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if gist.method == Method::HEAD && !answer.response.body().is_empty() {
        let length = HeaderValue::from(answer.response.body().len());
        answer.response.headers_mut().insert(header::CONTENT_LENGTH, length);
        *answer.response.body_mut() = Bytes::new();
    }
    if answer.foreign {
        answer.response.extensions_mut().insert(Foreign);
    }
    if let Some(log) = app.log() {
        log.request(&Visit {
            request: &from.request,
            method: gist.method.as_str(),
            path: gist.uri.path(),
            status: answer.response.status().as_u16(),
            bytes: answer.response.body().len(),
            took: began.elapsed(),
            address: &from.address,
            dialect: answer.dialect.as_ref().map_or("", |dialect| &dialect.name),
            verb: answer.verb,
        });
    }
    answer.response.map(Full::new)
}

async fn respond(app: &App, gist: &Gist, parts: Parts, body: Incoming, from: From) -> Answer {
    if let Some(response) = gate(&parts) {
        return Answer::last(response);
    }
    if let Some((response, audience)) = own::answer(app, &parts.method, parts.uri.path()).await {
        return Answer { audience, ..Answer::of(response) };
    }
    if let Some((pages, page)) = app.pages().and_then(|pages| Some((pages, pages.find(parts.uri.path())?))) {
        return Answer::of(crate::pages::answer(app, pages, page, (&parts, body), from).await);
    }
    let spoken = app.spoken();
    let speaker = &spoken.speaker;
    let way = speaker.way(&parts);
    let (dialect, verb) = (way.mount().map(|mount| Arc::clone(&mount.dialect)), way.verb());
    if way.phase() == Some(Phase::Shadow) {
        return Answer { dialect, verb, ..forward(app, gist, &spoken, way, parts, body, from).await };
    }
    if let Some(takeover) = way.mount().and_then(|mount| mount.takeover.as_ref()) {
        takeover.settled(app.engine().is_shared()).await;
    }
    let crossing = way.mount().filter(|_| spoken.cross_origin).and_then(|mount| place(&spoken, mount));
    let origin = crossing.is_some().then(|| origin_headers(&parts.headers));
    let preflight = crossing
        .and_then(|(mount, settings)| cors::preflight(mount, settings, &parts.method, &parts.headers));
    let mut answer = match preflight {
        Some(response) => Answer::of(response),
        None => speak(app, gist, speaker, way, parts, body, from).await,
    };
    if let (Some((mount, settings)), Some(origin)) = (crossing, &origin) {
        cors::allow(mount, settings, origin, answer.response.headers_mut());
    }
    Answer { dialect, verb, ..answer }
}

/// Reads the body and lets the dialect answer, each in its time.
async fn speak(
    app: &App,
    gist: &Gist,
    speaker: &Speaker,
    way: Way<'_>,
    parts: Parts,
    body: Incoming,
    from: From,
) -> Answer {
    if let Some(coding) = coding(&parts.headers) {
        return Answer::last(speaker.refuse(&way, &parts, &Refusal::UnsupportedMediaType(coding)));
    }
    let body = match read_body(app, speaker, &way, &parts, body).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let id = from.request.clone();
    let speaking = speaker.speak(way, Request::from_parts(parts, body), from);
    match tokio::time::timeout(app.timeouts().handler, speaking).await {
        Ok(response) => Answer::of(response),
        Err(_) => {
            tracing::error!(request = id, "no answer within the time of timeouts.handler");
            broken(app, gist, &id, StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

/// Lets the old application answer, in the same times.
async fn forward(
    app: &App,
    gist: &Gist,
    spoken: &Arc<Spoken>,
    way: Way<'_>,
    parts: Parts,
    body: Incoming,
    from: From,
) -> Answer {
    let Some(takeover) = way.mount().and_then(|mount| mount.takeover.clone()) else {
        return broken(app, gist, &from.request, StatusCode::INTERNAL_SERVER_ERROR);
    };
    let body = match read_body(app, &spoken.speaker, &way, &parts, body).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let id = from.request.clone();
    let asking = shadow::answer(spoken, &way, &takeover, (parts, body), from);
    match tokio::time::timeout(app.timeouts().handler, asking).await {
        Ok((response, foreign)) => Answer { foreign, ..Answer::of(response) },
        Err(_) => broken(app, gist, &id, StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// Reads the body within its bounds, or says why it can not be read.
async fn read_body(
    app: &App,
    speaker: &Speaker,
    way: &Way<'_>,
    parts: &Parts,
    body: Incoming,
) -> Result<Bytes, Answer> {
    let waits = parts.headers.contains_key(header::EXPECT);
    let limit = way.body_limit().max(app.limits().body_bytes);
    match body::read(body, limit, app.timeouts().body, waits).await {
        Ok(body) => Ok(body),
        Err(BodyFault::TooLarge) => Err(Answer::last(speaker.refuse(way, parts, &Refusal::PayloadTooLarge))),
        Err(BodyFault::Slow) => Err(Answer::last(own::status(
            StatusCode::REQUEST_TIMEOUT,
            "The body did not come in time",
            "slow_body",
        ))),
        Err(BodyFault::Broken) => {
            let refusal = Refusal::MalformedBody("the body broke off".to_owned());
            Err(Answer::last(speaker.refuse(way, parts, &refusal)))
        }
    }
}

/// Says that something broke, in the words of the dialect.
fn broken(app: &App, gist: &Gist, id: &str, status: StatusCode) -> Answer {
    let (spoken, parts) = (app.spoken(), gist.parts());
    let way = spoken.speaker.way(&parts);
    let mut response = spoken.speaker.fault(&way, &parts, id);
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    let dialect = way.mount().map(|mount| Arc::clone(&mount.dialect));
    Answer { dialect, verb: way.verb(), ..Answer::of(response) }
}

/// A mount with its settings; mounts and settings have the same order.
fn place<'a>(spoken: &'a Spoken, mount: &Mount) -> Option<(&'a Mount, &'a MountConfig)> {
    let mounts = spoken.speaker.mounts();
    let place = mounts.iter().position(|one| std::ptr::eq(one, mount))?;
    Some((mounts.get(place)?, &spoken.loaded.get(place)?.settings))
}

fn origin_headers(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for origin in headers.get_all(header::ORIGIN) {
        kept.append(header::ORIGIN, origin.clone());
    }
    kept
}

/// The coding of the body, if it has one that would have to be undone.
fn coding(headers: &HeaderMap) -> Option<String> {
    let coded = |value: &&HeaderValue| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    let value = headers.get_all(header::CONTENT_ENCODING).iter().find(coded)?;
    Some(String::from_utf8_lossy(value.as_bytes()).chars().take(64).collect())
}

/// Refuses what no route needs to see (SEC-100, SEC-102).
fn gate(parts: &Parts) -> Option<Response<Bytes>> {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_URI {
        return Some(own::status(StatusCode::URI_TOO_LONG, "The path is too long", "uri_too_long"));
    }
    let line = |(name, value): (&http::HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    if parts.headers.len() > MAX_HEADERS || parts.headers.iter().map(line).sum::<usize>() > MAX_HEADER_BYTES {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some(own::status(status, "The headers are too large", "headers_too_large"));
    }
    let hosts = parts.headers.get_all(header::HOST).iter().count();
    let named = hosts == 1 || (hosts == 0 && parts.version != Version::HTTP_11);
    if !named {
        return Some(own::status(StatusCode::BAD_REQUEST, "Send one Host header", "bad_request"));
    }
    if parts.method == Method::CONNECT {
        let mut response =
            own::status(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", "method_not_allowed");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
        return Some(response);
    }
    None
}
