//! Which pages of other origins may call? Off unless the mount lists them, one by one. (SEC-78)

use super::speak::Mount;
use crate::config::MountConfig;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

/// Seconds for which a browser keeps the answer to a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origin of the request, if the mount lists it. Never `null`, because no list can hold it.
fn listed<'h>(mount: &Mount, headers: &'h HeaderMap) -> Option<&'h HeaderValue> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = origins.next()?;
    let alone = origins.next().is_none();
    let known = mount.allowed_origins.iter().any(|allowed| origin.as_bytes() == allowed.as_bytes());
    (alone && known).then_some(origin)
}

/// The answer to a preflight from a listed origin; None for every other request.
pub fn preflight(
    mount: &Mount,
    settings: &MountConfig,
    method: &Method,
    headers: &HeaderMap,
) -> Option<Response<Bytes>> {
    let asks = *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks || listed(mount, headers).is_none() {
        return None;
    }
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let answer = response.headers_mut();
    answer.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"),
    );
    let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).filter(|value| value.len() <= 1024);
    if let Some(wanted) = wanted {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    allow(mount, settings, headers, answer);
    Some(response)
}

/// Says to the browser that the page may read the answer, and to caches that the answer depends on the page.
pub fn allow(mount: &Mount, settings: &MountConfig, request: &HeaderMap, answer: &mut HeaderMap) {
    if mount.allowed_origins.is_empty() {
        return;
    }
    let varies = |value: &HeaderValue| {
        value
            .to_str()
            .is_ok_and(|text| text.split(',').any(|part| part.trim().eq_ignore_ascii_case("origin")))
    };
    if !answer.get_all(header::VARY).iter().any(varies) {
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    let Some(origin) = listed(mount, request) else { return };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    // What script may read of our own headers beside the few that it always may.
    if let Some(plan) = &mount.dialect.plan
        && let Ok(name) = HeaderValue::from_str(plan.csrf_header.as_str())
    {
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, name);
    }
    if settings.allow_credentials && mount.dialect.uses_cookies() {
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}
