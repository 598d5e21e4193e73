//! Every built-in dialect hears any request on any of its paths without a panic, and says what it heard.
#![no_main]

mod dialects;

use bytes::Bytes;
use countersign_dialect::{Ask, Asked};
use countersign_domain::time::Moment;
use dialects::DIALECTS;
use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, Vec<u8>, Vec<u8>, Vec<u8>)| {
    let (which, route, content_type, authorization, body) = input;
    let dialect = &DIALECTS[usize::from(which) % DIALECTS.len()];
    let route = &dialect.routes[usize::from(route) % dialect.routes.len()];
    let mut headers = HeaderMap::new();
    for (name, value) in [(header::CONTENT_TYPE, content_type), (header::AUTHORIZATION, authorization)] {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.insert(name, value);
        }
    }
    let body = Bytes::from(body);
    let path = [("id".to_owned(), "1".to_owned())];
    let ask =
        Ask { method: &route.method, path: &route.path.text, query: "", headers: &headers, body: &body };
    let heard = dialect.hear(&[route], &path, ask);
    if let Err(refusal) = &heard.command {
        let asked = Asked {
            method: route.method.as_str(),
            path: &route.path.text,
            allow: "",
            now: Moment::from_seconds(0),
            issuer: "",
            by_page: heard.page.is_some(),
        };
        let response = dialect.say(Some(heard.route), asked, Err(refusal));
        assert!(response.status().as_u16() >= 400);
    }
});
