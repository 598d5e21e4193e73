//! How does a page become an answer, with the headers of pages? (security.md 3.8)

use super::{Page, Pages};
use crate::language;
use crate::shelf::Words;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use minijinja::Value;

/// Nothing is loaded but our own style, nothing is sent but to us, and nobody frames us.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'";
/// Of what browsers can do, pages may need passkeys and nothing else.
const PERMISSIONS: &str = "publickey-credentials-create=(self), publickey-credentials-get=(self), camera=(), \
     microphone=(), geolocation=(), display-capture=(), payment=(), usb=(), serial=(), hid=(), browsing-topics=()";

/// What a page is filled with.
#[derive(Clone, Debug, Default)]
pub struct Filling<'a> {
    /// What proves that the form is ours.
    pub form: String,
    /// Codes of what was wrong with the inputs.
    pub flaws: Vec<&'static str>,
    /// The address that the page is about, or that was written into its field. Somebody chose it: it is text.
    pub email: &'a str,
    /// The address that the link leads to, if another one.
    pub leads_to: &'a str,
    /// Fewest characters of a password.
    pub min_length: u32,
    /// The id of the request.
    pub request: &'a str,
}

impl Pages {
    /// A template as an answer, in the language that the reader wants.
    pub fn show(
        &self,
        status: StatusCode,
        template: &str,
        (page, wish): (Page, &str),
        filling: Filling<'_>,
    ) -> Response<Bytes> {
        let language = language::choose(wish, &self.shelf.languages(), &self.language);
        let words = Words::from([
            ("language", Value::from(language)),
            ("service", Value::from(self.service.as_str())),
            ("path", Value::from(self.path.as_str())),
            ("page", Value::from(page.name())),
            ("form", Value::from(filling.form)),
            ("email", Value::from(filling.email)),
            ("leads_to", Value::from(filling.leads_to)),
            ("request", Value::from(filling.request)),
            ("min_length", Value::from(filling.min_length)),
            ("flaws", filling.flaws.into_iter().map(Value::from).collect()),
        ]);
        let (status, text) = match self.shelf.render(language, &format!("{template}.html"), &words) {
            Ok(text) => (status, text),
            Err(fault) => {
                tracing::error!(fault, request = filling.request, "a page could not be shown");
                (StatusCode::INTERNAL_SERVER_ERROR, String::new())
            }
        };
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        if let Ok(language) = HeaderValue::from_str(language) {
            headers.insert(header::CONTENT_LANGUAGE, language);
        }
        protect(headers);
        response
    }
}

/// The headers that only pages have; those of every answer are added later.
pub fn protect(headers: &mut HeaderMap) {
    let mut add = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    add(header::CONTENT_SECURITY_POLICY, POLICY);
    add(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    add(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    add(header::X_FRAME_OPTIONS, "DENY");
}
