//! The one handler of all dialects: hear a request, perform it, say the answer.

use super::device;
pub use super::problem::problem;
use super::problem::{misdirected, nobody, nobody_fault};
use crate::upstream::dual::{self, Done};
use crate::upstream::takeover::Takeover;
use bytes::Bytes;
use dialect::{Ask, Asked, BODY_LIMIT, Dialect, Found, Heard, Place, Route, Switchboard};
use domain::caller::{Bearer, Caller, Page};
use domain::command::{Command, Verb};
use domain::contract::Contract;
use domain::phase::Phase;
use domain::refusal::Refusal;
use domain::time::Moment;
use domain::token::KeySet;
use engine::{Engine, Error, Fault, Newcomer};
use http::{HeaderValue, Method, Request, Response, header, request::Parts};
use std::sync::Arc;

/// Longest client name that is kept, in bytes.
pub const USER_AGENT_BYTES: usize = 256;
/// Longest list of languages that is kept, in bytes.
pub const LANGUAGE_BYTES: usize = 128;

/// The largest cookie that every browser keeps, with its name and attributes, in bytes (SEC-72).
const MAX_COOKIE: usize = 4096;

/// A dialect in its place, with the engine's side of it and its keys.
#[derive(Clone, Debug)]
pub struct Mount {
    /// The dialect.
    pub dialect: Arc<Dialect>,
    /// Before every path; empty or `/prefix`.
    pub prefix: String,
    /// Only for this host; empty = any.
    pub host: String,
    /// The engine's side, completed by the mount's settings.
    pub contract: Contract,
    /// Signing and verifying keys.
    pub keys: Arc<KeySet>,
    /// Origins that browsers may call from, exact.
    pub allowed_origins: Vec<String>,
    /// The application that the mount takes over from, if any.
    pub takeover: Option<Arc<Takeover>>,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub struct From {
    /// Client address as text.
    pub address: String,
    /// Whether it is the client's own and not a proxy's.
    pub derived: bool,
    /// Id of the request, as in the log.
    pub request: String,
}

/// All mounts on one engine.
pub struct Speaker {
    engine: Engine,
    board: Switchboard,
    mounts: Vec<Mount>,
    issuer: String,
}

/// Where a request goes, before its body was read.
pub struct Way<'s> {
    mount: Option<&'s Mount>,
    found: Found<'s>,
    phase: Option<Phase>,
}

/// What is made of a request.
#[derive(Clone, Copy, Debug)]
enum Mode {
    /// It is carried out.
    Here,
    /// It is carried out here and, where it changes something, at the old application.
    Both,
    /// It is only said what would be answered.
    Rehearsal(Newcomer),
}

/// One request of a mount.
#[derive(Clone, Copy)]
struct Visit<'a> {
    mount: &'a Mount,
    parts: &'a Parts,
    body: &'a Bytes,
    from: &'a From,
    mode: Mode,
}

impl Speaker {
    /// Wires mounts to an engine. Refused: mounts that collide, each pair in a sentence.
    pub fn new(engine: Engine, mut mounts: Vec<Mount>, public_url: &str) -> Result<Speaker, Vec<String>> {
        for mount in &mut mounts {
            public_url.clone_into(&mut mount.contract.issuer);
        }
        let places = mounts.iter().map(|mount| Place {
            dialect: mount.dialect.clone(),
            prefix: mount.prefix.clone(),
            host: mount.host.clone(),
        });
        let board = Switchboard::new(places.collect())?;
        Ok(Speaker { engine, board, mounts, issuer: public_url.to_owned() })
    }

    /// The mounts in their order.
    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// The engine behind them.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Finds out who answers.
    pub fn way(&self, parts: &Parts) -> Way<'_> {
        let host = host_of(parts);
        let found = self.board.find(&parts.method, parts.uri.path(), host);
        let mount = match &found {
            Found::Routes { mount, .. } | Found::OtherMethod { mount, .. } | Found::Nothing { mount } => {
                self.mounts.get(*mount)
            }
            Found::Nobody => None,
        };
        let phase = mount.and_then(|mount| mount.takeover.as_ref()).map(|takeover| takeover.phase());
        Way { mount, found, phase }
    }

    /// Whether every mount is for a host of its own, and the request names none of them (SEC-40).
    fn is_misdirected(&self, parts: &Parts) -> bool {
        let host = host_of(parts);
        let host = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(host, |(name, _)| name);
        let bound = |mount: &Mount| !mount.host.is_empty() && !mount.host.eq_ignore_ascii_case(host);
        !self.mounts.is_empty() && self.mounts.iter().all(bound)
    }

    /// The mount that has a route for this path at this host, whatever the method.
    pub fn answers(&self, method: &Method, path: &str, host: &str) -> Option<&Mount> {
        match self.board.find(method, path, host) {
            Found::Routes { mount, .. } | Found::OtherMethod { mount, .. } => self.mounts.get(mount),
            Found::Nothing { .. } | Found::Nobody => None,
        }
    }

    /// Answers a request whose body was read.
    pub async fn speak(&self, way: Way<'_>, request: Request<Bytes>, from: From) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let mode = if way.phase == Some(Phase::Dual) { Mode::Both } else { Mode::Here };
        self.attend(&way, (&parts, &body), &from, mode).await
    }

    /// Says what would be answered, and does nothing else. A new account is told with the ids of `newcomer`.
    pub async fn rehearse(
        &self,
        way: &Way<'_>,
        request: (&Parts, &Bytes),
        from: &From,
        newcomer: Newcomer,
    ) -> Response<Bytes> {
        self.attend(way, request, from, Mode::Rehearsal(newcomer)).await
    }

    async fn attend(
        &self,
        way: &Way<'_>,
        (parts, body): (&Parts, &Bytes),
        from: &From,
        mode: Mode,
    ) -> Response<Bytes> {
        let now = self.engine.clock().now();
        let mut response = match way.mount {
            None if self.is_misdirected(parts) => misdirected(),
            None => nobody(),
            Some(mount) => {
                let visit = Visit { mount, parts, body, from, mode };
                self.answer(visit, &way.found, now).await
            }
        };
        if parts.method == Method::HEAD {
            *response.body_mut() = Bytes::new();
        }
        response
    }

    /// Refuses a request whose body could not be read, in the words of its dialect.
    pub fn refuse(&self, way: &Way<'_>, parts: &Parts, refusal: &Refusal) -> Response<Bytes> {
        let Some(mount) = way.mount else { return nobody() };
        let (route, allow) = first_route(&way.found, &mount.dialect);
        let asked = self.asked(parts, &allow, self.engine.clock().now());
        mount.dialect.say(route, asked, Err(refusal))
    }

    /// Says that something broke, in the words of the dialect.
    pub fn fault(&self, way: &Way<'_>, parts: &Parts, id: &str) -> Response<Bytes> {
        let Some(mount) = way.mount else { return nobody_fault(id) };
        let (route, allow) = first_route(&way.found, &mount.dialect);
        let asked = self.asked(parts, &allow, self.engine.clock().now());
        mount.dialect.say_fault(route, asked, 500, id)
    }

    fn asked<'a>(&'a self, parts: &'a Parts, allow: &'a str, now: Moment) -> Asked<'a> {
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        Asked { method, path, allow, now, issuer: &self.issuer, by_page: false }
    }

    /// Whether clients reach the server by https.
    pub fn is_https(&self) -> bool {
        self.issuer.starts_with("https://")
    }

    async fn answer(&self, visit: Visit<'_>, found: &Found<'_>, now: Moment) -> Response<Bytes> {
        let Visit { mount, parts, body, .. } = visit;
        let dialect = &mount.dialect;
        let (first, allow) = first_route(found, dialect);
        let asked = self.asked(parts, &allow, now);
        if parts.method == Method::OPTIONS && first.is_some() && dialect.http.options_are_answered {
            return dialect.say_options(first, asked);
        }
        let (routes, path) = match found {
            Found::Routes { routes, path, .. } => (routes, path),
            Found::OtherMethod { route, allow: methods, .. } => {
                let refusal = if dialect.http.wrong_method_is_not_found {
                    Refusal::NotFound
                } else {
                    Refusal::MethodNotAllowed(methods.iter().map(|name| (*name).to_owned()).collect())
                };
                return dialect.say(Some(route), asked, Err(&refusal));
            }
            Found::Nothing { .. } | Found::Nobody => {
                return dialect.say(None, asked, Err(&Refusal::NotFound));
            }
        };
        let heard = dialect.hear(routes, path, ask(parts, body));
        self.perform(visit, heard, asked).await
    }

    async fn perform(&self, visit: Visit<'_>, heard: Heard<'_>, asked: Asked<'_>) -> Response<Bytes> {
        let Visit { mount, parts, .. } = visit;
        let route = Some(heard.route);
        let asked = Asked { by_page: heard.page.is_some(), ..asked };
        let caller = self.caller(mount, (heard.bearer, heard.page), parts, visit.from);
        let performed = match heard.command {
            Ok(command) => match self.carry_out(visit, heard.route, &caller, command).await {
                Done::Ours(performed) => *performed,
                Done::Theirs(response) => return response,
                Done::Unavailable(status, seconds) => {
                    return say_unavailable(mount, route, asked, (status, seconds), &caller.request);
                }
            },
            // Who may not come in does not learn what was wrong with the inputs.
            Err(refusal) if heard.route.needs_access && waits_at_door(heard.route, &refusal) => {
                let admitted = self.engine.admit(&caller, door_of(heard.route)).await;
                admitted.and(Err(Error::Refused(refusal)))
            }
            Err(refusal) => Err(Error::Refused(refusal)),
        };
        let response = match performed {
            Ok(outcome) => {
                let mut response = mount.dialect.say(route, asked, Ok(&outcome));
                if !matches!(visit.mode, Mode::Rehearsal(_)) {
                    let in_header = device::wants_header(&parts.headers);
                    device::give(&outcome, in_header, self.is_https(), asked.now, response.headers_mut());
                }
                response
            }
            Err(Error::Refused(refusal)) => mount.dialect.say(route, asked, Err(&refusal)),
            Err(Error::Fault(fault)) => return say_fault(mount, route, asked, &fault, &caller.request),
        };
        let mut cookies = response.headers().get_all(header::SET_COOKIE).iter();
        if cookies.any(|cookie| cookie.len() > MAX_COOKIE) {
            let (request, dialect) = (&caller.request, &mount.dialect.name);
            tracing::error!(request, dialect, "a token is too large for a cookie; take claims out of it");
            return mount.dialect.say_fault(route, asked, 500, request);
        }
        response
    }

    async fn carry_out(
        &self,
        visit: Visit<'_>,
        route: &Route,
        caller: &Caller<'_>,
        command: Command,
    ) -> Done {
        match (visit.mode, &visit.mount.takeover) {
            (Mode::Rehearsal(newcomer), _) => {
                Done::ours(self.engine.rehearse(caller, command, newcomer).await)
            }
            (Mode::Both, Some(takeover)) => {
                let asking =
                    dual::Asking { takeover, mount: visit.mount, route, request: (visit.parts, visit.body) };
                dual::carry_out(&self.engine, asking, caller, command).await
            }
            (Mode::Here | Mode::Both, _) => Done::ours(self.engine.perform(caller, command).await),
        }
    }

    /// Everything about a request that is not in its command.
    pub(crate) fn caller<'a>(
        &self,
        mount: &'a Mount,
        (bearer, page): (Bearer, Option<Page>),
        parts: &Parts,
        from: &From,
    ) -> Caller<'a> {
        Caller {
            contract: &mount.contract,
            keys: &mount.keys,
            bearer,
            page,
            device: device::token(&parts.headers, self.is_https()),
            address: from.address.clone(),
            derived: from.derived,
            user_agent: text_of(parts, &header::USER_AGENT, USER_AGENT_BYTES),
            language: text_of(parts, &header::ACCEPT_LANGUAGE, LANGUAGE_BYTES),
            request: from.request.clone(),
        }
    }

    /// Says that the old application gives no answer, in the words of the dialect.
    pub(crate) fn unavailable(
        &self,
        way: &Way<'_>,
        parts: &Parts,
        told: (u16, u32),
        id: &str,
    ) -> Response<Bytes> {
        let Some(mount) = way.mount else { return nobody_fault(id) };
        let (route, allow) = first_route(&way.found, &mount.dialect);
        say_unavailable(mount, route, self.asked(parts, &allow, self.engine.clock().now()), told, id)
    }
}

impl Way<'_> {
    /// Largest body that may be read for this request, in bytes.
    pub fn body_limit(&self) -> usize {
        match &self.found {
            Found::Routes { routes, .. } => {
                routes.iter().map(|route| route.body_limit()).max().unwrap_or(BODY_LIMIT)
            }
            Found::OtherMethod { .. } | Found::Nothing { .. } | Found::Nobody => BODY_LIMIT,
        }
    }

    /// The phase of the mount when the request came, if it takes over from another application.
    pub fn phase(&self) -> Option<Phase> {
        self.phase
    }

    /// Whether a good answer can say that something of a user has changed, or that somebody came in.
    pub(crate) fn may_change(&self) -> bool {
        let changes = |route: &Route| {
            matches!(
                route.verb,
                Verb::SignIn
                    | Verb::SignUp
                    | Verb::UpdateProfile
                    | Verb::SetAvatar
                    | Verb::ChangePassword
                    | Verb::DeleteAccount
            )
        };
        matches!(&self.found, Found::Routes { routes, .. } if routes.iter().any(|route| changes(route)))
    }

    /// What the request asks of which route; none where no route is there for it.
    pub(crate) fn heard(&self, parts: &Parts, body: &Bytes) -> Option<Heard<'_>> {
        let Found::Routes { routes, path, .. } = &self.found else { return None };
        Some(self.mount?.dialect.hear(routes, path, ask(parts, body)))
    }

    /// The mount that answers, if any.
    pub fn mount(&self) -> Option<&Mount> {
        self.mount
    }

    /// The verb that is asked for, where the path alone tells it; for the log.
    pub fn verb(&self) -> &'static str {
        match &self.found {
            Found::Routes { routes, .. } => routes.first().map_or("", |route| route.verb.name()),
            Found::OtherMethod { .. } | Found::Nothing { .. } | Found::Nobody => "",
        }
    }
}

fn ask<'a>(parts: &'a Parts, body: &'a Bytes) -> Ask<'a> {
    let query = parts.uri.query().unwrap_or("");
    Ask { method: &parts.method, path: parts.uri.path(), query, headers: &parts.headers, body }
}

/// The verb whose permit a flawed request has to pass. A route may ask for a token although its verb could do without.
fn door_of(route: &Route) -> Verb {
    if route.verb.permit().needs_access() { route.verb } else { Verb::WhoAmI }
}

/// Whether a refusal is told only to those who may come in: what is wrong with inputs, and everything administrators ask.
fn waits_at_door(route: &Route, refusal: &Refusal) -> bool {
    route.verb.permit().scope().is_some()
        || matches!(refusal, Refusal::InvalidInput(_) | Refusal::NothingGiven | Refusal::NotAnObject(_))
}

/// A route to borrow words from, and the line of allowed methods.
fn first_route<'s>(found: &Found<'s>, dialect: &Dialect) -> (Option<&'s Route>, String) {
    match found {
        Found::Routes { routes, allow, .. } => (routes.first().copied(), dialect.allow_line(allow)),
        Found::OtherMethod { route, allow, .. } => (Some(route), dialect.allow_line(allow)),
        Found::Nothing { .. } | Found::Nobody => (None, String::new()),
    }
}

fn say_fault(
    mount: &Mount,
    route: Option<&Route>,
    asked: Asked<'_>,
    fault: &Fault,
    request: &str,
) -> Response<Bytes> {
    tracing::error!(request, dialect = mount.dialect.name, %fault, "fault");
    let status = match fault {
        Fault::Database(_) | Fault::Gone(_) | Fault::Contended(_) => 503,
        Fault::Corrupt(_) | Fault::Crypto(_) | Fault::IdTaken => 500,
    };
    let mut response = mount.dialect.say_fault(route, asked, status, request);
    if status == 503 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The old application gives no answer, and only it could.
fn say_unavailable(
    mount: &Mount,
    route: Option<&Route>,
    asked: Asked<'_>,
    (status, seconds): (u16, u32),
    request: &str,
) -> Response<Bytes> {
    let mut response = mount.dialect.say_fault(route, asked, status, request);
    if status == 503 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A header that is ASCII text, cut; empty when it is not there.
pub fn text_of(parts: &Parts, name: &header::HeaderName, bytes: usize) -> String {
    let text = parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    text.chars().take(bytes).collect()
}

/// The host that a request names, with its port.
fn host_of(parts: &Parts) -> &str {
    let host = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    host.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str)).unwrap_or("")
}
