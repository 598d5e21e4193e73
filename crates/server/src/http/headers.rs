//! Which headers does every answer carry? (security.md 3.8, SEC-79)

use http::HeaderValue;
use http::header::{self, HeaderMap, HeaderName};
use std::sync::LazyLock;

/// Who may use an answer, and may it be kept?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// One client; never kept.
    Client,
    /// Everybody, from any page.
    Public,
}

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// Two years.
const HSTS: &str = "max-age=63072000";

/// Adds what is missing. A header that the answer has already stays as it is: a contract may ask for its own.
pub fn dress(headers: &mut HeaderMap, audience: Audience, https: bool) {
    let mut add = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    add(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(header::REFERRER_POLICY, "no-referrer");
    add(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    match audience {
        Audience::Client => {
            add(header::CACHE_CONTROL, "no-store");
            add(CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
        }
        Audience::Public => add(CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"),
    }
    if https {
        add(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    headers.remove(header::SERVER);
}

/// The same headers as lines, for answers that the HTTP library gives before there is a request: 400 and 431.
pub fn lines(https: bool) -> &'static str {
    static LINES: LazyLock<[String; 2]> = LazyLock::new(|| [false, true].map(written));
    &LINES[usize::from(https)]
}

fn written(https: bool) -> String {
    let mut headers = HeaderMap::new();
    dress(&mut headers, Audience::Client, https);
    headers.iter().fold(String::new(), |lines, (name, value)| {
        format!("{lines}{name}: {}\r\n", value.to_str().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dressed(audience: Audience, https: bool, own: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in own {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        dress(&mut headers, audience, https);
        headers
    }

    #[test]
    fn a_personal_answer_is_never_kept() {
        let headers = dressed(Audience::Client, false, &[("server", "x")]);
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
        assert!(!headers.contains_key("server") && !headers.contains_key("strict-transport-security"));
    }

    #[test]
    fn a_header_of_the_contract_wins() {
        let headers = dressed(Audience::Client, true, &[("referrer-policy", "same-origin")]);
        assert_eq!(headers["referrer-policy"], "same-origin");
        assert_eq!(headers["strict-transport-security"], HSTS);
        let headers = dressed(Audience::Public, false, &[("cache-control", "public, max-age=300")]);
        assert_eq!(headers["cache-control"], "public, max-age=300");
        assert_eq!(headers["cross-origin-resource-policy"], "cross-origin");
    }
}
