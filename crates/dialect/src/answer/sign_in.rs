//! How does somebody sign in elsewhere in this dialect who has just signed up?

use crate::compiled::Dialect;
use crate::place::Place;
use crate::route::Route;
use bytes::Bytes;
use domain::command::{SignUp, Verb};
use domain::input::Input;
use domain::secret::Secret;
use http::{HeaderValue, Method, Request, header};
use serde_json::{Map, Value};

impl Dialect {
    /// A sign-in with what was typed at a sign-up, and the route that answers it; the path is without the mount's prefix.
    /// None: the dialect's needs more than that.
    pub fn sign_in_request(&self, request: &SignUp) -> Option<(&Route, Request<Bytes>)> {
        let plain = |route: &&Route| {
            route.verb == Verb::SignIn
                && route.path.is_static()
                && route.when.is_empty()
                && route.method == Method::POST
        };
        let route = self.routes.iter().find(plain)?;
        let mut body = Map::new();
        for take in &route.takes {
            #[expect(
                clippy::wildcard_enum_match_arm,
                reason = "a sign-in needs these; everything else is left out"
            )]
            let typed = match take.input {
                Input::Password => request.password.as_ref().map(Secret::expose),
                Input::Email => request.email.as_deref(),
                Input::Username => request.username.as_deref(),
                Input::Login => request.email.as_deref().or(request.username.as_deref()),
                _ => None,
            };
            match (typed, take.places.first()) {
                (Some(typed), Some(Place::Body(path))) => put(&mut body, path, typed)?,
                _ if take.required => return None,
                _ => {}
            }
        }
        let mut request = Request::new(Bytes::from(Value::Object(body).to_string()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = route.path.text.parse().ok()?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Some((route, request))
    }
}

fn put(body: &mut Map<String, Value>, path: &[String], typed: &str) -> Option<()> {
    match path {
        [] => None,
        [name] => {
            body.insert(name.clone(), Value::from(typed));
            Some(())
        }
        [name, rest @ ..] => {
            let inner = body.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            put(inner.as_object_mut()?, rest, typed)
        }
    }
}
