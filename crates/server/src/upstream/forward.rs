//! How does a request look when it goes on to the old application?

use super::client::UpstreamFault;
use crate::outgoing::Destination;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{Request, Uri, Version};
use http_body_util::Full;

/// Mean one connection only (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// From the paths of a mount to those of the old application.
#[derive(Debug)]
pub struct Way {
    /// Of the mount; taken off.
    prefix: String,
    /// Of the old application; put on.
    path: String,
    /// In place of the client's.
    host: Option<HeaderValue>,
    /// Where a request names none.
    authority: HeaderValue,
    proto: HeaderValue,
}

impl Way {
    /// The way from the mount to the destination. Refused, in a sentence: a host that can not stand in a field.
    pub fn new(
        destination: &Destination,
        prefix: &str,
        host: Option<HeaderValue>,
        https: bool,
    ) -> Result<Way, String> {
        let authority = HeaderValue::from_str(destination.authority.as_str());
        Ok(Way {
            prefix: prefix.to_owned(),
            path: destination.path.clone(),
            host,
            authority: authority.map_err(|error| error.to_string())?,
            proto: HeaderValue::from_static(if https { "https" } else { "http" }),
        })
    }

    /// The request as the old application gets it. Refused: a path that is not the mount's.
    pub fn forwarded(
        &self,
        parts: &Parts,
        body: &Bytes,
        client: &str,
    ) -> Result<Request<Full<Bytes>>, UpstreamFault> {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() =
            self.uri(&parts.uri).ok_or(UpstreamFault::Broken("the path is not the mount's"))?;
        *request.version_mut() = Version::HTTP_11;
        let mut headers = parts.headers.clone();
        let asked = headers.remove(HOST).or_else(|| authority_of(&parts.uri));
        strip(&mut headers);
        // The body was read: its length is known, and nobody waits for leave to send it.
        for name in [CONTENT_LENGTH, EXPECT, FORWARDED] {
            headers.remove(name);
        }
        join_cookies(&mut headers);
        let client = HeaderValue::from_str(client).ok();
        // What a client says about its own address is worth nothing; what this server found out replaces it.
        for (name, value) in [
            (X_FORWARDED_FOR, client.clone()),
            (X_REAL_IP, client),
            (X_FORWARDED_PROTO, Some(self.proto.clone())),
            (X_FORWARDED_HOST, asked.clone()),
            (HOST, self.host.clone().or(asked).or_else(|| Some(self.authority.clone()))),
        ] {
            headers.remove(&name);
            value.map(|value| headers.insert(name, value));
        }
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn uri(&self, uri: &Uri) -> Option<Uri> {
        let rest = uri.path().strip_prefix(&self.prefix)?;
        let rest = if rest.is_empty() { "/" } else { rest };
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        // `/accountsx` is not under `/accounts`.
        rest.starts_with('/').then(|| format!("{}{rest}{query}", self.path).parse().ok()).flatten()
    }
}

fn authority_of(uri: &Uri) -> Option<HeaderValue> {
    uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
}

/// Takes off what means one connection only, by its name or because `Connection` says so.
pub fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// HTTP/2 may send each cookie in a field of its own; HTTP/1.1 has one field (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(one) = HeaderValue::from_bytes(&cookies.join(b"; ".as_slice()))
    {
        headers.insert(COOKIE, one);
    }
}
