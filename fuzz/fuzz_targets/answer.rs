//! Every built-in dialect reads an answer of any status, type and bytes to any of its routes.
#![no_main]

mod dialects;

use countersign_dialect::{Answer, Came};
use dialects::DIALECTS;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, u16, Vec<u8>, Vec<u8>)| {
    let (which, route, status, content_type, body) = input;
    let dialect = &DIALECTS[usize::from(which) % DIALECTS.len()];
    let route = &dialect.routes[usize::from(route) % dialect.routes.len()];
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(&content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    let came = Came { status, headers: &headers, body: &body };
    if let Answer::Given(told) = dialect.read_answer(route, came) {
        assert!(status.is_success() || status.is_redirection(), "a yes with status {status}");
        assert!(told.access.is_none_or(|token| !token.expose().is_empty()));
    }
});
