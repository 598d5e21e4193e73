//! How is the old application asked in this dialect?

use crate::compiled::Dialect;
use crate::place::Place;
use crate::route::Route;
use bytes::Bytes;
use domain::command::Verb;
use domain::secret::Secret;
use http::{HeaderMap, HeaderValue, Request, header};

/// What goes along of a sign-in: what is said and by whom, but no cookie and no credential of somebody else's.
const KEPT: [header::HeaderName; 5] =
    [header::HOST, header::CONTENT_TYPE, header::USER_AGENT, header::ACCEPT_LANGUAGE, header::ORIGIN];

impl Dialect {
    /// The request that asks whose an access token is, with the route that answers it; the path is without the mount's
    /// prefix. None: the dialect has no such route, or its path or credential needs more than a token.
    pub fn who_am_i_request(&self, token: &Secret) -> Option<(&Route, Request<Bytes>)> {
        let simple = |route: &&Route| {
            route.verb == Verb::WhoAmI
                && route.path.is_static()
                && route.when.is_empty()
                && !route.takes.iter().any(|take| take.required)
        };
        let route = self.routes.iter().find(simple)?;
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = route.method.clone();
        *request.uri_mut() = route.path.text.parse().ok()?;
        self.put_credential(request.headers_mut(), token)?;
        request.headers_mut().insert(header::ACCEPT, self.plain_type());
        Some((route, request))
    }

    /// The fields of a sign-in that is asked elsewhere: those that belong to it, and a wish for an answer that can be read.
    pub fn sign_in_headers(&self, route: &Route, came: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(KEPT.len() + 2);
        let takes = route.takes.iter().flat_map(|take| &take.places);
        for place in takes.chain(route.when.iter().map(|when| &when.place)) {
            if let Place::Header(name, _) = place
                && let (Ok(name), Some(value)) =
                    (header::HeaderName::from_bytes(name.as_bytes()), came.get(name))
            {
                headers.insert(name, value.clone());
            }
        }
        for name in KEPT {
            came.get(&name).map(|value| headers.insert(name, value.clone()));
        }
        headers.insert(header::ACCEPT, self.plain_type());
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers
    }

    /// The media type of answers, without parameters.
    fn plain_type(&self) -> HeaderValue {
        let own = self.http.content_type.to_str().unwrap_or("").split(';').next().unwrap_or("").trim();
        HeaderValue::from_str(own).unwrap_or(HeaderValue::from_static("application/json"))
    }

    fn put_credential(&self, headers: &mut HeaderMap, token: &Secret) -> Option<()> {
        let scheme = self.credential.scheme.as_deref();
        let in_header =
            |token: &str| scheme.map_or_else(|| token.to_owned(), |scheme| format!("{scheme} {token}"));
        let places = self.credential.places.iter();
        let (name, line) = places
            .filter_map(|place| match place {
                Place::Header(name, _) => {
                    Some((header::HeaderName::from_bytes(name.as_bytes()).ok()?, in_header(token.expose())))
                }
                Place::Cookie(name) => Some((header::COOKIE, format!("{name}={}", token.expose()))),
                Place::Body(_) | Place::Query(_) | Place::Path(_) => None,
            })
            .next()?;
        let mut value = HeaderValue::from_str(&line).ok()?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Some(())
    }
}
