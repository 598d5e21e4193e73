//! How is the old application kept in step while this server answers?
//!
//! Sign-ups are decided by both, and the account has the same id at both: tokens of one would open somebody else's at the
//! other. What a user changes is changed here first and then there, by the same request. What could not be changed there
//! is counted and noted, and holds nobody up for longer than one request to the old application may take.

use super::ask::{Asker, read};
use super::client::UpstreamFault;
use super::elsewhere::elsewhere;
use super::shown::{is_named, shown};
use super::takeover::Takeover;
use crate::http::speak::Mount;
use bytes::Bytes;
use dialect::{Answer, Route};
use domain::caller::{Bearer, Caller};
use domain::command::{Command, SignUp, Verb};
use domain::event::{Actor, Detail, Event, EventKind};
use domain::id::UserId;
use domain::outcome::Outcome;
use domain::phase::Tally;
use domain::rule::bearer::{self, Named};
use engine::{Engine, Error, Fault, Newcomer, NotSignedUp, Who};
use http::request::Parts;
use http::{Response, StatusCode};

/// What became of a command.
pub enum Done {
    /// What this server says.
    Ours(Box<Result<Outcome, Error>>),
    /// What the old application says, as it is.
    Theirs(Response<Bytes>),
    /// Only the old application could say, and it does not: the status, and in how many seconds to ask again.
    Unavailable(u16, u32),
}

impl Done {
    /// What this server says.
    pub fn ours(performed: Result<Outcome, Error>) -> Done {
        Done::Ours(Box::new(performed))
    }
}

/// The old application with the request that it may have to be asked.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The old application.
    pub takeover: &'a Takeover,
    /// Its mount.
    pub mount: &'a Mount,
    /// The route of the request.
    pub route: &'a Route,
    /// The request as it came.
    pub request: (&'a Parts, &'a Bytes),
}

/// What does a command mean for the old application?
#[derive(Clone, Copy, PartialEq, Eq)]
enum There {
    /// Nothing.
    Nothing,
    /// It has to do the same.
    Same,
    /// It can not be told: the links are ours.
    Untold,
}

fn there(verb: Verb) -> There {
    match verb {
        Verb::UpdateProfile | Verb::SetAvatar | Verb::ChangePassword | Verb::DeleteAccount => There::Same,
        Verb::ResetPassword | Verb::ConfirmEmail | Verb::UndoEmail => There::Untold,
        Verb::SignUp
        | Verb::SignIn
        | Verb::Refresh
        | Verb::SignOut
        | Verb::SignOutEverywhere
        | Verb::WhoAmI
        | Verb::VerifyToken
        | Verb::Reauthenticate
        | Verb::ListSessions
        | Verb::EndSession
        | Verb::EndOtherSessions
        | Verb::RequestVerification
        | Verb::VerifyEmail
        | Verb::RequestReset
        | Verb::ChangeEmail
        | Verb::CheckEmail
        | Verb::AnswerFactor
        | Verb::EnrolFactor
        | Verb::ConfirmFactor
        | Verb::ShowFactor
        | Verb::MakeRecoveryCodes
        | Verb::RemoveFactor
        | Verb::Admin(_) => There::Nothing,
    }
}

/// Carries a command out, at both where it changes something.
pub async fn carry_out(engine: &Engine, asking: Asking<'_>, caller: &Caller<'_>, command: Command) -> Done {
    if let Command::SignUp(request) = &command {
        return asking.sign_up(engine, caller, request).await;
    }
    let verb = command.verb();
    // Afterwards nobody could say whose account it was.
    let gone = if verb == Verb::DeleteAccount { holder(engine, caller).await } else { None };
    let elsewhere = elsewhere(asking, &caller.address, engine.clock().now());
    let performed = engine.perform_or_ask(caller, command, elsewhere.as_ref()).await;
    if let Ok(outcome) = &performed {
        let user = outcome.user().map(|user| user.id).or(gone);
        let missed = match there(verb) {
            There::Nothing => None,
            There::Same => asking.repeat(caller).await.err(),
            There::Untold => Some("no_way"),
        };
        if let Some(why) = missed {
            asking.out_of_step(engine, caller, (verb, user), why).await;
        }
    }
    Done::ours(performed)
}

/// The user of the caller's token.
async fn holder(engine: &Engine, caller: &Caller<'_>) -> Option<UserId> {
    let Bearer::Token(token) = &caller.bearer else { return None };
    let claims = caller.keys.verify(token.expose()).ok()?;
    let plan = &caller.contract.access.claims;
    let who = match bearer::read(&claims, plan, caller.contract, None).ok()?.user {
        Named::Id(id) => return Some(UserId(id)),
        Named::Uuid(uuid) => Who::Uuid(uuid),
        Named::Email(key) => Who::Text(key.as_str().to_owned()),
        Named::Username(key) => Who::Text(key.as_str().to_owned()),
    };
    Some(engine.find_user(&who).await.ok()??.id)
}

/// Why a sign-up was not made.
enum Stop {
    /// The old application said no.
    No(Response<Bytes>),
    /// It said nothing.
    Silent(UpstreamFault),
    /// What it said can not be used.
    Strange,
}

impl Asking<'_> {
    async fn sign_up(self, engine: &Engine, caller: &Caller<'_>, request: &SignUp) -> Done {
        let ask = async || self.ask_sign_up(engine, caller, request).await;
        match engine.sign_up_through(caller, request, ask).await {
            Ok(outcome) => Done::ours(Ok(outcome)),
            Err(NotSignedUp::Ours(error)) => {
                if matches!(error, Error::Fault(Fault::IdTaken)) {
                    self.out_of_step(engine, caller, (Verb::SignUp, None), "id_taken").await;
                }
                Done::ours(Err(error))
            }
            Err(NotSignedUp::Theirs(Stop::No(response))) => Done::Theirs(response),
            Err(NotSignedUp::Theirs(Stop::Silent(fault))) => Done::Unavailable(503, fault.retry_seconds()),
            Err(NotSignedUp::Theirs(Stop::Strange)) => Done::Unavailable(502, 1),
        }
    }

    /// Asks the old application for the account and which id it has.
    async fn ask_sign_up(
        self,
        engine: &Engine,
        caller: &Caller<'_>,
        request: &SignUp,
    ) -> Result<Newcomer, Stop> {
        let (takeover, mount, (parts, body)) = (self.takeover, self.mount, self.request);
        let answer = takeover.upstream.send(parts, body, &caller.address).await.map_err(|fault| {
            takeover.count(Tally::Unavailable, &detail(Verb::SignUp, fault.name()));
            Stop::Silent(fault)
        })?;
        let told = match read(mount, self.route, &answer) {
            Answer::Given(told) => told,
            Answer::Strange(_) if !answer.status().is_client_error() => return Err(self.strange("answer")),
            Answer::Refused { .. } | Answer::Strange(_) => {
                takeover.count(Tally::Refused, Verb::SignUp.name());
                return Err(Stop::No(answer));
            }
        };
        let now = engine.clock().now();
        let mut user = shown(mount, &told, now).ok_or_else(|| self.strange("two_users"))?;
        if !is_named(&user, &mount.contract) {
            let asker = Asker { takeover, mount, parts, client: &caller.address };
            let told = asker.sign_in(request).await.ok_or_else(|| self.strange("no_id"))?;
            user = shown(mount, &told, now).ok_or_else(|| self.strange("two_users"))?;
        }
        if !is_named(&user, &mount.contract) {
            return Err(self.strange("no_id"));
        }
        Ok(Newcomer { id: user.id, uuid: user.uuid })
    }

    fn strange(self, why: &str) -> Stop {
        self.takeover.count(Tally::Lied, &detail(Verb::SignUp, why));
        Stop::Strange
    }

    /// Sends the same request to the old application. Refused: in a word, why it is not in step.
    async fn repeat(self, caller: &Caller<'_>) -> Result<(), &'static str> {
        let (parts, body) = self.request;
        let sent = self.takeover.upstream.send(parts, body, &caller.address).await;
        let answer = sent.map_err(UpstreamFault::name)?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(match answer.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "not_permitted",
            status if status.is_client_error() => "refused",
            _ => "failed",
        })
    }

    /// Counts and notes that the old application does not know what was done here.
    async fn out_of_step(
        self,
        engine: &Engine,
        caller: &Caller<'_>,
        (verb, user): (Verb, Option<UserId>),
        why: &'static str,
    ) {
        self.takeover.count(Tally::OutOfStep, &detail(verb, why));
        let mut event = Event::inside(EventKind::OutOfStep, engine.clock().now(), Actor::System, verb.name())
            .about(user)
            .through(&caller.contract.name)
            .with(Detail::Mount(self.takeover.key().to_owned()))
            .with(Detail::Reason(why));
        event.request.clone_from(&caller.request);
        if let Err(fault) = engine.note(event).await {
            tracing::warn!(%fault, why, verb = verb.name(), "out of step with the old application, and not noted");
        }
    }
}

/// What is counted beside a kind: the verb and a word.
pub(super) fn detail(verb: Verb, why: &str) -> String {
    format!("{}: {why}", verb.name())
}
