//! How is a sign-in asked of the old application, and what does its answer say of the user?
//!
//! The request goes on as it came, without cookies and credentials. The answer has to be one of the contract's; what it
//! does not say of the user is read from its access token, and then asked with that token.

use super::ask::{addressed, read};
use super::client::UpstreamFault;
use super::dual::{Asking, detail};
use super::shown::{merged, shown};
use super::takeover::Takeover;
use crate::http::speak::Mount;
use bytes::Bytes;
use dialect::{Answer, Route, Told};
use domain::command::Verb;
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::shape::Slot;
use domain::time::Moment;
use domain::user::Status;
use engine::{Elsewhere, Found, Shown};
use http::Request;
use http::request::Parts;
use std::sync::Arc;

/// One sign-in that may have to be asked of the old application.
struct SignIn {
    takeover: Arc<Takeover>,
    mount: Mount,
    /// Name of the route.
    route: String,
    /// What goes on of the request.
    parts: Parts,
    body: Bytes,
    /// The client's address.
    client: String,
    now: Moment,
}

/// How the sign-in of a request is asked of the old application. None: the request is no sign-in.
pub fn elsewhere(asking: Asking<'_>, client: &str, now: Moment) -> Option<Elsewhere> {
    let Asking { mount, route, request: (came, body), .. } = asking;
    if route.verb != Verb::SignIn {
        return None;
    }
    let takeover = mount.takeover.clone()?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = came.method.clone();
    parts.uri = came.uri.clone();
    parts.headers = mount.dialect.sign_in_headers(route, &came.headers);
    let counts = Arc::clone(&takeover);
    let key = takeover.key().to_owned();
    let one = Arc::new(SignIn {
        takeover,
        mount: mount.clone(),
        route: route.name.clone(),
        parts,
        body: body.clone(),
        client: client.to_owned(),
        now,
    });
    let ask = move || {
        let one = Arc::clone(&one);
        async move { one.ask().await }
    };
    let count = move |what, why: &str| {
        let detail = if why.is_empty() { Verb::SignIn.name().to_owned() } else { detail(Verb::SignIn, why) };
        counts.count(what, &detail);
    };
    Some(Elsewhere::new(&key, ask, count))
}

impl SignIn {
    /// Both questions together take no longer than one may.
    async fn ask(&self) -> Found {
        let time = self.takeover.upstream.timeout();
        let asked = tokio::time::timeout(time, self.asked()).await;
        asked.unwrap_or(Err(silent(UpstreamFault::TimedOut))).unwrap_or_else(|found| found)
    }

    async fn asked(&self) -> Result<Found, Found> {
        let route = self.mount.dialect.routes.iter().find(|route| route.name == self.route);
        let route = route.ok_or(Found::Lied("no_route"))?;
        let told = self.told(route, &self.parts, &self.body).await?;
        if told.case.is_some() {
            // Its second factor is proved there only, and nobody gets in here without it.
            return Err(Found::Refused(Refusal::FactorRequired));
        }
        let (user, status) = self.whole(told).await?;
        Ok(Found::Right { shown: Box::new(user), status })
    }

    /// The user of a good answer, with what the token and its bearer are told.
    async fn whole(&self, told: Told) -> Result<(Shown, Status), Found> {
        let (mut user, mut status) = (self.shown(&told)?, told.status);
        if let Some(token) = &told.access
            && let Some(more) = self.more(&told, token).await?
        {
            status = status.or(more.status);
            user = merged(user, self.shown(&more)?).ok_or(Found::Lied("two_users"))?;
        }
        // What users may type into inputs of the contract is theirs, whoever tells it.
        user.typed = self.mount.dialect.own_attributes(&user.attributes);
        Ok((user, status.unwrap_or(Status::Active)))
    }

    fn shown(&self, told: &Told) -> Result<Shown, Found> {
        shown(&self.mount, told, self.now).ok_or(Found::Lied("token_of_another"))
    }

    /// What the old application says to the token, where its contract shows more there than was said.
    async fn more(&self, told: &Told, token: &Secret) -> Result<Option<Told>, Found> {
        let Some((route, request)) = self.mount.dialect.who_am_i_request(token) else { return Ok(None) };
        if !shows_more(route, told) {
            return Ok(None);
        }
        let addressed = addressed(&self.mount, request, &self.parts.headers);
        let (parts, body) = addressed.ok_or(Found::Lied("no_route"))?;
        self.told(route, &parts, &body).await.map(Some)
    }

    /// A good answer. Everything else is what is found.
    async fn told(&self, route: &Route, parts: &Parts, body: &Bytes) -> Result<Told, Found> {
        let answer = self.takeover.upstream.send(parts, body, &self.client).await.map_err(silent)?;
        match read(&self.mount, route, &answer) {
            Answer::Given(told) => Ok(*told),
            Answer::Refused { code, retry_after } if route.verb == Verb::SignIn => {
                Err(refused(code, retry_after))
            }
            Answer::Refused { .. } => Err(Found::Lied("token_refused")),
            Answer::Strange(why) => {
                let (mount, status) = (self.takeover.key(), answer.status().as_u16());
                tracing::warn!(
                    mount,
                    route = route.name,
                    status,
                    why,
                    "a strange answer of the old application"
                );
                Err(if answer.status().is_server_error() {
                    unavailable("failed")
                } else {
                    Found::Lied("strange")
                })
            }
        }
    }
}

/// Whether an answer of this route shows something of the user that was not told.
fn shows_more(route: &Route, told: &Told) -> bool {
    let slots = route.give.slots();
    [
        (Slot::UserId, told.id.is_some()),
        (Slot::UserUuid, told.uuid.is_some()),
        (Slot::UserUsername, told.username.is_some()),
        (Slot::UserEmail, told.email.is_some()),
        (Slot::UserEmailVerified, told.email_verified.is_some()),
        (Slot::UserFirstName, told.first_name.is_some()),
        (Slot::UserLastName, told.last_name.is_some()),
        (Slot::UserPhoneNumber, told.phone_number.is_some()),
        (Slot::UserAvatar, told.avatar.is_some()),
        (Slot::UserStatus, told.status.is_some()),
        (Slot::UserActive, told.status.is_some()),
        (Slot::UserCreatedAt, told.created_at.is_some()),
    ]
    .iter()
    .any(|(slot, said)| !said && slots.contains(&slot))
}

/// What a no of the contract means for somebody who is not here.
fn refused(code: &'static str, retry_after: Option<u32>) -> Found {
    Found::Refused(match code {
        "unknown_user" => Refusal::UnknownUser,
        "account_inactive" => Refusal::AccountInactive,
        "account_suspended" => Refusal::AccountSuspended,
        "email_unverified" => Refusal::EmailUnverified,
        "factor_required" => Refusal::FactorRequired,
        "factor_wrong" => Refusal::FactorWrong,
        "factor_locked" => Refusal::FactorLocked,
        // What this server takes and the old application does not belongs to nobody there.
        "invalid_credentials" | "invalid_input" | "nothing_given" | "not_an_object" => {
            Refusal::InvalidCredentials
        }
        "throttled" | "overloaded" => {
            return Found::Unavailable { retry_seconds: retry_after.unwrap_or(1), why: "throttled" };
        }
        _ => return Found::Lied("strange_refusal"),
    })
}

fn unavailable(why: &'static str) -> Found {
    Found::Unavailable { retry_seconds: 1, why }
}

fn silent(fault: UpstreamFault) -> Found {
    match fault {
        UpstreamFault::TooLarge => Found::Lied("too_large"),
        UpstreamFault::Busy
        | UpstreamFault::Resting(_)
        | UpstreamFault::Forbidden
        | UpstreamFault::Unreachable
        | UpstreamFault::TimedOut
        | UpstreamFault::Broken(_) => {
            Found::Unavailable { retry_seconds: fault.retry_seconds(), why: fault.name() }
        }
    }
}
