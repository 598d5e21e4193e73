//! How is the old application asked who somebody is?

use super::takeover::Takeover;
use crate::http::speak::Mount;
use bytes::Bytes;
use dialect::{Answer, Came, Route, Told};
use domain::command::SignUp;
use domain::secret::Secret;
use http::request::Parts;
use http::{HeaderMap, Request, Response, header};

/// Where the question goes and for whom it is asked.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The old application.
    pub takeover: &'a Takeover,
    /// Its mount.
    pub mount: &'a Mount,
    /// The request that brought the question about.
    pub parts: &'a Parts,
    /// The client's address.
    pub client: &'a str,
}

impl Asker<'_> {
    /// Whom an access token of the old application names, as it says itself. None: it does not say.
    pub async fn who_am_i(&self, token: &Secret) -> Option<Told> {
        let (route, request) = self.mount.dialect.who_am_i_request(token)?;
        self.told(route, request).await
    }

    /// Signs in there as somebody who has just signed up, to learn which id that gave.
    pub async fn sign_in(&self, request: &SignUp) -> Option<Told> {
        let (route, request) = self.mount.dialect.sign_in_request(request)?;
        self.told(route, request).await
    }

    async fn told(&self, route: &Route, request: Request<Bytes>) -> Option<Told> {
        let (parts, body) = addressed(self.mount, request, &self.parts.headers)?;
        let answer = self.takeover.upstream.send(&parts, &body, self.client).await.ok()?;
        match read(self.mount, route, &answer) {
            Answer::Given(told) => Some(*told),
            Answer::Refused { .. } | Answer::Strange(_) => None,
        }
    }
}

/// A question of ours as it would have come to the mount, in the name of the client who sent these headers.
pub fn addressed(mount: &Mount, request: Request<Bytes>, came: &HeaderMap) -> Option<(Parts, Bytes)> {
    let (mut parts, body) = request.into_parts();
    parts.uri = format!("{}{}", mount.prefix, parts.uri.path()).parse().ok()?;
    for name in [header::HOST, header::USER_AGENT, header::ACCEPT_LANGUAGE] {
        came.get(&name).map(|value| parts.headers.insert(name, value.clone()));
    }
    Some((parts, body))
}

/// Reads an answer of the old application.
pub fn read(mount: &Mount, route: &Route, answer: &Response<Bytes>) -> Answer {
    let came = Came { status: answer.status(), headers: answer.headers(), body: answer.body() };
    mount.dialect.read_answer(route, came)
}
