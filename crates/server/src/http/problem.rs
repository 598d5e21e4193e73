//! What does the server say where no dialect does?

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// The host is nobody's (RFC 9110 section 15.5.20).
pub fn misdirected() -> Response<Bytes> {
    problem(
        StatusCode::MISDIRECTED_REQUEST,
        r#"{"type":"about:blank","title":"Misdirected request","status":421,"code":"misdirected"}"#.into(),
    )
}

/// No dialect answers for the path.
pub fn nobody() -> Response<Bytes> {
    problem(
        StatusCode::NOT_FOUND,
        r#"{"type":"about:blank","title":"Not found","status":404,"code":"not_found"}"#.into(),
    )
}

/// Something broke, and no dialect has words for it.
pub fn nobody_fault(id: &str) -> Response<Bytes> {
    let body = format!(
        r#"{{"type":"about:blank","title":"Something broke","status":500,"code":"fault","instance":"urn:uuid:{id}"}}"#
    );
    problem(StatusCode::INTERNAL_SERVER_ERROR, body)
}

/// An RFC 9457 problem of the server itself.
pub fn problem(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
