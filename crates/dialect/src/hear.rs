//! How does an HTTP request become a command?

#![expect(clippy::wildcard_enum_match_arm, reason = "a place that holds no credential is passed over")]

use crate::body::{self, Body, ContentType};
use crate::compiled::{Dialect, OtherJson};
use crate::gather::Inputs;
use crate::place::{Found, Parts, Place, cookie};
use crate::route::{Route, UnknownFields};
use crate::take::value_type;
use bytes::Bytes;
use domain::caller::{Bearer, Page};
use domain::command::{Command, Login, SignUp, UpdateProfile, Verb};
use domain::input::{Flaw, Input, Rule};
use domain::refusal::Refusal;
use domain::secret::Secret;
use http::{HeaderMap, Method, header};
use serde_json::Value;

/// A request, heard.
#[derive(Debug)]
pub struct Heard<'d> {
    /// The route that answers.
    pub route: &'d Route,
    /// The access token that came along.
    pub bearer: Bearer,
    /// The page of ours that sent it; none where cookies are neither read nor set.
    pub page: Option<Page>,
    /// What is asked, or why it can not be understood.
    pub command: Result<Command, Refusal>,
}

/// What a request brings to the ear of a dialect.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path without query.
    pub path: &'a str,
    /// Query without the question mark.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a Bytes,
}

impl Dialect {
    /// Hears a request on a path that has routes for its method. `routes` is never empty; `path` holds the parameters.
    pub fn hear<'d>(&'d self, routes: &[&'d Route], path: &[(String, String)], ask: Ask<'_>) -> Heard<'d> {
        let first = routes[0];
        let (bearer, from_cookie) = self.bearer(ask);
        let refused =
            |route, refusal| Heard { route, bearer: bearer.clone(), page: None, command: Err(refusal) };
        if self.http.checks_accept && !accepts(ask.headers, self.http.content_type.to_str().unwrap_or("")) {
            return refused(first, Refusal::NotAcceptable);
        }
        let routes = &self.fitting(routes, ask);
        let mut parts = match self.parts(routes, path, ask) {
            Ok(parts) => parts,
            Err(refusal) => return refused(first, refusal),
        };
        parts.cookies = from_cookie || matches!(bearer, Bearer::Absent);
        let route = routes.iter().find(|route| !route.when.is_empty() && told_apart(route, &parts));
        let route = route.or_else(|| routes.iter().find(|route| route.when.is_empty())).copied();
        let Some(route) = route else { return refused(first, Refusal::NotFound) };
        match self.admit(route, &parts, ask, (bearer.clone(), from_cookie)) {
            Ok((bearer, page)) => Heard { route, bearer, page, command: self.command(route, &parts) },
            Err(refusal) => refused(route, refusal),
        }
    }

    fn parts<'a>(
        &self,
        routes: &[&Route],
        path: &[(String, String)],
        ask: Ask<'a>,
    ) -> Result<Parts<'a>, Refusal> {
        let asks_query =
            routes.iter().any(|route| route.looks_into(|place| matches!(place, Place::Query(_))));
        let query =
            if asks_query { body::pairs(ask.query).map_err(Refusal::MalformedBody)? } else { Vec::new() };
        let body = self.body(routes, ask)?;
        Ok(Parts { body, query, headers: ask.headers, path: path.to_vec(), cookies: true })
    }

    fn body(&self, routes: &[&Route], ask: Ask<'_>) -> Result<Body, Refusal> {
        let reader = routes.iter().find(|route| reads_body(route));
        let Some(route) = reader.filter(|_| !ask.body.is_empty()) else { return Ok(Body::Absent) };
        let given = content_type(ask);
        let media = body::Media::of(&given.media_type).filter(|media| self.media(route).contains(media));
        let Some(media) = media else {
            return if self.http.other_media_is_empty {
                Ok(Body::Absent)
            } else {
                Err(Refusal::UnsupportedMediaType(printable(&given.media_type)))
            };
        };
        if let Some(charset) = given.charset.as_deref().filter(|c| !matches!(*c, "utf-8" | "utf8")) {
            return Err(Refusal::UnsupportedCharset(printable(&charset.to_uppercase())));
        }
        match media {
            body::Media::Json => self.json_body(ask.body),
            body::Media::Form => body::form(ask.body).map_err(Refusal::MalformedBody),
            body::Media::Multipart => {
                body::multipart(ask.body, given.boundary.as_deref()).map_err(Refusal::MalformedBody)
            }
        }
    }

    fn media<'a>(&'a self, route: &'a Route) -> &'a [body::Media] {
        if route.media.is_empty() { &self.http.media } else { &route.media }
    }

    /// The routes that can read a body of this kind; all of them where none can, so that the kind is refused.
    fn fitting<'d>(&self, routes: &[&'d Route], ask: Ask<'_>) -> Vec<&'d Route> {
        let media = body::Media::of(&content_type(ask).media_type).filter(|_| !ask.body.is_empty());
        let fits = |route: &&Route| {
            media.is_none_or(|media| !reads_body(route) || self.media(route).contains(&media))
        };
        let fitting: Vec<&Route> = routes.iter().copied().filter(fits).collect();
        if fitting.iter().any(|route| reads_body(route)) { fitting } else { routes.to_vec() }
    }

    fn json_body(&self, bytes: &[u8]) -> Result<Body, Refusal> {
        let value = body::json(bytes).map_err(Refusal::MalformedBody)?;
        if value.is_object() {
            return Ok(Body::Json(value));
        }
        let kind = value_type(&value);
        match self.http.bodies.get(kind).copied().unwrap_or(OtherJson::NotAnObject) {
            OtherJson::NotAnObject => Err(Refusal::NotAnObject(kind)),
            OtherJson::NothingGiven => Err(Refusal::NothingGiven),
            OtherJson::Malformed => Err(Refusal::MalformedBody(format!("{kind} is not an object"))),
            OtherJson::Empty => Ok(Body::Absent),
        }
    }

    /// The access token, from the first place that holds one, and whether that is a cookie. A header wins over every
    /// cookie (SEC-76).
    fn bearer(&self, ask: Ask<'_>) -> (Bearer, bool) {
        let absent = |bearer: &Bearer| matches!(bearer, Bearer::Absent);
        let headers = self.credential.places.iter().filter_map(|place| match place {
            Place::Header(name, _) => Some(self.header_bearer(ask.headers, name)),
            _ => None,
        });
        if let Some(found) = headers.into_iter().find(|found| !absent(found)) {
            return (found, false);
        }
        let cookies = self.credential.places.iter().filter_map(|place| match place {
            Place::Cookie(name) => Some(match cookie(ask.headers, name) {
                Found::Absent => Bearer::Absent,
                Found::Text(token) => Bearer::Token(Secret::new(token)),
                _ => Bearer::Malformed,
            }),
            _ => None,
        });
        let found = cookies.into_iter().find(|found| !absent(found));
        found.map_or((Bearer::Absent, false), |found| (found, true))
    }

    fn header_bearer(&self, headers: &HeaderMap, name: &str) -> Bearer {
        let mut values = headers.get_all(name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return if headers.contains_key(name) { Bearer::Malformed } else { Bearer::Absent };
        };
        let Ok(line) = value.to_str() else { return Bearer::Malformed };
        let words: Vec<&str> = line.split_ascii_whitespace().take(3).collect();
        let Some(scheme) = &self.credential.scheme else {
            return match words.as_slice() {
                [] => Bearer::Absent,
                [token] => Bearer::Token(Secret::new(*token)),
                _ => Bearer::Malformed,
            };
        };
        let same = |given: &str| {
            if self.credential.exact_scheme { given == scheme } else { given.eq_ignore_ascii_case(scheme) }
        };
        match words.as_slice() {
            [given, token] if same(given) => Bearer::Token(Secret::new(*token)),
            [given, ..] if same(given) => Bearer::Malformed,
            _ => Bearer::Absent,
        }
    }

    fn command(&self, route: &Route, parts: &Parts<'_>) -> Result<Command, Refusal> {
        if route.refuse_nothing && gives_nothing(route, parts) {
            return Err(Refusal::NothingGiven);
        }
        let mut inputs = Inputs::of(route, parts);
        if route.unknown_fields.unwrap_or(self.http.unknown_fields) == UnknownFields::Refuse {
            inputs.flaws.extend(unknown_fields(route, parts));
        }
        if !matches!(route.verb, Verb::SignUp | Verb::UpdateProfile | Verb::SetAvatar)
            || inputs.is_misplaced(route)
        {
            inputs.refuse_flaws(route)?;
        }
        inputs.into_command(route)
    }
}

fn reads_body(route: &Route) -> bool {
    route.looks_into(|place| matches!(place, Place::Body(_)))
}

pub(crate) fn content_type(ask: Ask<'_>) -> ContentType {
    let given = ask.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    ContentType::parse(given.unwrap_or(""))
}

/// Whether an `Accept` header lets the answer's type through.
fn accepts(headers: &HeaderMap, content_type: &str) -> bool {
    let Some(line) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else { return true };
    let ours = content_type.split(';').next().unwrap_or("").trim();
    let family = ours.split('/').next().unwrap_or("");
    line.trim().is_empty()
        || line.split(',').any(|range| {
            let range = range.split(';').next().unwrap_or("").trim();
            range == "*/*" || range.eq_ignore_ascii_case(ours) || range.strip_suffix("/*") == Some(family)
        })
}

/// Client text that is repeated in an answer: visible ASCII, at most 100 bytes.
fn printable(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(100).collect()
}

fn told_apart(route: &Route, parts: &Parts<'_>) -> bool {
    route.when.iter().all(|when| match parts.find(&when.place) {
        Found::Text(text) => text == when.value,
        Found::Json(Value::String(text)) => *text == when.value,
        Found::Absent | Found::Json(_) | Found::File(_) | Found::Damaged => false,
    })
}

fn gives_nothing(route: &Route, parts: &Parts<'_>) -> bool {
    let mut required = route.takes.iter().filter(|take| take.required).peekable();
    let none_required = required.peek().is_none();
    let none_given = required.all(|take| !take.is_given(parts));
    if none_required { matches!(parts.body, Body::Absent) } else { none_given }
}

fn unknown_fields(route: &Route, parts: &Parts<'_>) -> Vec<Flaw> {
    let names: Vec<&str> = match &parts.body {
        Body::Absent => Vec::new(),
        Body::Json(value) => {
            value.as_object().map_or_else(Vec::new, |map| map.keys().map(String::as_str).collect())
        }
        Body::Fields(fields, files) => fields
            .iter()
            .map(|(name, _)| name)
            .chain(files.iter().map(|(name, _)| name))
            .map(String::as_str)
            .collect(),
    };
    let places =
        || route.takes.iter().flat_map(|take| &take.places).chain(route.when.iter().map(|when| &when.place));
    let known = |name: &str| {
        places().any(|place| matches!(place, Place::Body(path) if path.first().is_some_and(|p| p == name)))
    };
    let known_in_query =
        |name: &str| places().any(|place| matches!(place, Place::Query(known) if known == name));
    let queried = parts.query.iter().map(|(name, _)| name.as_str()).filter(|name| !known_in_query(name));
    names
        .into_iter()
        .filter(|name| !known(name))
        .chain(queried)
        .map(|name| Flaw { field: Some(name.to_owned()), ..Flaw::new(Input::Ignored, Rule::Unknown) })
        .collect()
}

impl Inputs {
    /// Whether a flaw lies in the path: then there is no such object, whatever else is wrong.
    fn is_misplaced(&self, route: &Route) -> bool {
        self.flaws.iter().any(|flaw| {
            route
                .take(flaw.input)
                .is_some_and(|take| take.input == Input::UserId && take.refuse.contains_key(&flaw.rule))
        })
    }

    fn refuse_flaws(&mut self, route: &Route) -> Result<(), Refusal> {
        let code = |flaw: &Flaw| route.take(flaw.input).and_then(|take| take.refuse.get(&flaw.rule).copied());
        if self.flaws.is_empty() {
            return Ok(());
        }
        let misplaced = self.is_misplaced(route);
        let codes: Option<Vec<&str>> =
            self.flaws.iter().map(code).filter(|c| !misplaced || c.is_some()).collect();
        let flaws = std::mem::take(&mut self.flaws);
        Err(match codes.as_deref().and_then(<[&str]>::first) {
            Some(&"invalid_credentials") => Refusal::InvalidCredentials,
            Some(&"token_invalid") => Refusal::TokenInvalid,
            Some(&"not_found") => Refusal::NotFound,
            Some(&"not_yours") => Refusal::NotYours,
            Some(&"malformed_body") => Refusal::MalformedBody("an input has the wrong type".to_owned()),
            _ => Refusal::InvalidInput(flaws),
        })
    }

    fn into_command(self, route: &Route) -> Result<Command, Refusal> {
        Ok(match route.verb {
            Verb::SignUp => Command::SignUp(Box::new(self.sign_up())),
            Verb::SignIn => self.sign_in(route)?,
            Verb::Refresh => {
                Command::Refresh { token: self.secret(Input::Refresh).ok_or(Refusal::TokenInvalid)? }
            }
            Verb::SignOut => Command::SignOut {
                refresh: self.secret(Input::Refresh),
                access: self.secret(Input::Access),
                needs_access: route.needs_access,
            },
            Verb::SignOutEverywhere => Command::SignOutEverywhere,
            Verb::WhoAmI => Command::WhoAmI,
            Verb::VerifyToken => Command::VerifyToken { token: self.secret(Input::Token) },
            Verb::UpdateProfile => Command::UpdateProfile(Box::new(self.update_profile())),
            Verb::SetAvatar => {
                Command::SetAvatar { target: self.target(), avatar: self.avatar(), flaws: self.flaws }
            }
            Verb::Reauthenticate => {
                let password = self.secret(Input::Password).unwrap_or_default();
                Command::Reauthenticate { password, otp: self.secret(Input::Otp) }
            }
            Verb::ListSessions => Command::ListSessions,
            Verb::EndSession => Command::EndSession { id: self.owned(Input::SessionId).unwrap_or_default() },
            Verb::EndOtherSessions => Command::EndOtherSessions,
            Verb::ChangePassword => Command::ChangePassword {
                current: self.secret(Input::CurrentPassword).unwrap_or_default(),
                new: self.secret(Input::NewPassword).unwrap_or_default(),
            },
            Verb::DeleteAccount => {
                Command::DeleteAccount { target: self.target(), password: self.secret(Input::Password) }
            }
            Verb::Admin(verb) => Command::Admin(self.into_admin(verb)?),
            Verb::CheckEmail => Command::CheckEmail { email: self.owned(Input::Email).unwrap_or_default() },
            Verb::RequestVerification => {
                Command::RequestVerification { email: self.owned(Input::Email).unwrap_or_default() }
            }
            Verb::RequestReset => Command::RequestReset {
                login: self.login().map_or(Login::Either(String::new()), |(_, login)| login),
            },
            Verb::ChangeEmail => Command::ChangeEmail {
                email: self.owned(Input::Email).unwrap_or_default(),
                password: self.secret(Input::Password).unwrap_or_default(),
            },
            Verb::VerifyEmail | Verb::ResetPassword | Verb::ConfirmEmail | Verb::UndoEmail => {
                self.by_link(route.verb)
            }
            Verb::ShowFactor
            | Verb::AnswerFactor
            | Verb::EnrolFactor
            | Verb::ConfirmFactor
            | Verb::MakeRecoveryCodes
            | Verb::RemoveFactor => self.about_factor(route.verb)?,
        })
    }

    /// What is done by the link of a letter.
    fn by_link(&self, verb: Verb) -> Command {
        let token = self.secret(Input::Token).unwrap_or_default();
        let password = self.secret(Input::Password);
        match verb {
            Verb::VerifyEmail => Command::VerifyEmail { token, password },
            Verb::ConfirmEmail => Command::ConfirmEmail { token, password },
            Verb::ResetPassword => {
                Command::ResetPassword { token, new: self.secret(Input::NewPassword).unwrap_or_default() }
            }
            _ => Command::UndoEmail { token },
        }
    }

    /// Who is meant, and by which input.
    fn login(&self) -> Option<(Input, Login)> {
        let either = self.owned(Input::Login).map(|text| (Input::Login, Login::Either(text)));
        let email = || self.owned(Input::Email).map(|text| (Input::Email, Login::Email(text)));
        let username = || self.owned(Input::Username).map(|text| (Input::Username, Login::Username(text)));
        either.or_else(email).or_else(username)
    }

    /// What is asked about a second factor.
    fn about_factor(&self, verb: Verb) -> Result<Command, Refusal> {
        let half_way = self.secret(Input::HalfWay);
        let password = self.secret(Input::Password);
        Ok(match verb {
            Verb::AnswerFactor => Command::AnswerFactor { half_way: self.half_way()?, otp: self.otp()? },
            Verb::EnrolFactor => Command::EnrolFactor { half_way, password, otp: self.secret(Input::Otp) },
            Verb::ConfirmFactor => Command::ConfirmFactor { half_way, otp: self.otp()? },
            Verb::MakeRecoveryCodes => {
                Command::MakeRecoveryCodes { password: password.unwrap_or_default(), otp: self.otp()? }
            }
            Verb::RemoveFactor => {
                Command::RemoveFactor { password: password.unwrap_or_default(), otp: self.otp()? }
            }
            _ => Command::ShowFactor,
        })
    }

    fn half_way(&self) -> Result<Secret, Refusal> {
        self.secret(Input::HalfWay).ok_or(Refusal::TokenInvalid)
    }

    fn otp(&self) -> Result<Secret, Refusal> {
        self.secret(Input::Otp).ok_or(Refusal::FactorRequired)
    }

    fn sign_in(&self, route: &Route) -> Result<Command, Refusal> {
        let (input, login) = self.login().ok_or(Refusal::InvalidCredentials)?;
        let password = self.secret(Input::Password).ok_or(Refusal::InvalidCredentials)?;
        let exact = route.take(input).is_some_and(|take| take.exact);
        Ok(Command::SignIn { login, password, exact, otp: self.secret(Input::Otp) })
    }

    fn sign_up(self) -> SignUp {
        SignUp {
            username: self.owned(Input::Username),
            username_made: self.made.contains(&Input::Username),
            email: self.owned(Input::Email),
            password: self.secret(Input::Password),
            first_name: self.owned(Input::FirstName).unwrap_or_default(),
            last_name: self.owned(Input::LastName).unwrap_or_default(),
            phone_number: self.owned(Input::PhoneNumber),
            avatar: self.avatar(),
            attributes: self.attributes,
            flaws: self.flaws,
        }
    }

    fn update_profile(self) -> UpdateProfile {
        let name = |input| self.nullable(input).map(Option::unwrap_or_default);
        UpdateProfile {
            target: self.target(),
            username: self.owned(Input::Username),
            email: self.owned(Input::Email),
            first_name: name(Input::FirstName),
            last_name: name(Input::LastName),
            phone_number: self.nullable(Input::PhoneNumber),
            avatar: self.avatar(),
            attributes: self.attributes,
            flaws: self.flaws,
        }
    }
}
