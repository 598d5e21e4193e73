//! How does an outcome or a refusal become an HTTP response?

#![expect(clippy::wildcard_enum_match_arm, reason = "few refusals hold details")]

use crate::compiled::Dialect;
use crate::cookie::Beside;
use crate::route::Route;
use crate::said::{Said, SaidBody};
use bytes::Bytes;
use domain::limit::Throttle;
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::shape::{Facts, RefusalFacts, text};
use domain::time::Moment;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

/// What an answer may repeat of the request.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Method.
    pub method: &'a str,
    /// Path without query.
    pub path: &'a str,
    /// Methods of the path, as `{allow}` says them.
    pub allow: &'a str,
    /// The moment of the answer.
    pub now: Moment,
    /// Public address of the server.
    pub issuer: &'a str,
    /// Whether a page of ours sent the request: cookie mode sets and clears cookies only for those.
    pub by_page: bool,
}

impl Dialect {
    /// Says the answer. Pure: the same facts give the same bytes.
    pub fn say(
        &self,
        route: Option<&Route>,
        asked: Asked<'_>,
        result: Result<&Outcome, &Refusal>,
    ) -> Response<Bytes> {
        match result {
            Ok(outcome) => self.say_outcome(route, asked, outcome),
            Err(refusal) => self.say_refusal(route, asked, refusal),
        }
    }

    fn say_outcome(&self, route: Option<&Route>, asked: Asked<'_>, outcome: &Outcome) -> Response<Bytes> {
        let mut facts = base(asked);
        facts.user = outcome.user();
        facts.role_words = Some(&self.contract.role_words);
        facts.tokens = outcome.tokens();
        let mut case = None;
        match outcome {
            Outcome::SessionsListed { sessions } => facts.sessions = Some(sessions),
            Outcome::SignedOutEverywhere { ended } | Outcome::OtherSessionsEnded { ended } => {
                facts.ended = Some(*ended)
            }
            Outcome::FactorNeeded { half_way, enrol } => {
                facts.half_way = Some(half_way);
                case = Some(if *enrol { "enrolment" } else { "factor" });
            }
            Outcome::FactorEnrolling(enrolment) => facts.enrolment = Some(enrolment),
            Outcome::FactorShown(state) => facts.factor = Some(*state),
            Outcome::FactorConfirmed { recovery_codes, .. } | Outcome::RecoveryCodes(recovery_codes) => {
                facts.recovery_codes = Some(recovery_codes);
            }
            Outcome::TokenVerified { claims, .. } => facts.verified = Some(claims),
            Outcome::EmailChecked { email, exists } => {
                facts.email = Some((email, *exists));
                case = Some(if *exists { "exists" } else { "free" });
            }
            Outcome::SignUpPending => case = Some("pending"),
            Outcome::Done { ended } => facts.ended = Some(*ended),
            Outcome::Listed(listed) => facts.listed = Some(listed),
            Outcome::KeyMade { key, secret } => facts.key = Some((key, Some(secret))),
            Outcome::SignedUp { .. }
            | Outcome::SignedIn { .. }
            | Outcome::Refreshed { .. }
            | Outcome::SignedOut
            | Outcome::Reauthenticated
            | Outcome::SessionEnded
            | Outcome::UserShown { .. }
            | Outcome::FactorRemoved
            | Outcome::Profile { .. }
            | Outcome::ProfileUpdated { .. }
            | Outcome::AvatarSet { .. }
            | Outcome::PasswordChanged { .. }
            | Outcome::AccountDeleted
            | Outcome::LetterAsked
            | Outcome::EmailVerified
            | Outcome::PasswordReset
            | Outcome::EmailConfirmed
            | Outcome::EmailRestored => {}
        }
        let silent = Said::default();
        let said = match (route, case) {
            (Some(route), Some(case)) => route.cases.get(case).unwrap_or(&route.give),
            (Some(route), None) => &route.give,
            (None, _) => &silent,
        };
        self.respond(route, said, 200, &facts, self.beside_outcome(asked.by_page, outcome))
    }

    fn say_refusal(&self, route: Option<&Route>, asked: Asked<'_>, refusal: &Refusal) -> Response<Bytes> {
        let (said, code) = self.said_for(route, refusal);
        let worded = match refusal {
            Refusal::InvalidInput(flaws) | Refusal::Taken(flaws) => Some(self.wording.word(flaws, route)),
            _ => None,
        };
        let (detail, retry_after) = details(self, refusal);
        let mut facts = base(asked);
        facts.refusal = Some(RefusalFacts {
            code,
            detail: detail.as_deref(),
            flaws: worded.as_ref().map(|worded| &worded.list),
            first_message: worded.as_ref().map(|worded| worded.first.as_str()),
            retry_after,
            allow: Some(asked.allow),
        });
        let beside = self.beside_refusal(asked.by_page, route, refusal);
        let mut response = self.respond(route, &said, default_status(code), &facts, beside);
        if let Some(seconds) = retry_after {
            response.headers_mut().entry(header::RETRY_AFTER).or_insert_with(|| HeaderValue::from(seconds));
        }
        if let Refusal::Throttled(throttle) = refusal {
            tell_quota(response.headers_mut(), throttle);
        }
        response
    }

    /// Says that something broke: an id and nothing else. `status` is 500, or 503 with seconds to wait.
    pub fn say_fault(
        &self,
        route: Option<&Route>,
        asked: Asked<'_>,
        status: u16,
        id: &str,
    ) -> Response<Bytes> {
        let mut said = self.words_for_fault(route);
        said.status = Some(status);
        let facts = Facts { fault: Some(id), ..base(asked) };
        self.respond(route, &said, status, &facts, Beside::default())
    }

    /// Says yes to OPTIONS with no body.
    pub fn say_options(&self, route: Option<&Route>, asked: Asked<'_>) -> Response<Bytes> {
        let said = Said { status: Some(200), body: Some(SaidBody::Empty), ..Said::default() };
        let mut response = self.respond(route, &said, 200, &base(asked), Beside::default());
        if let Ok(allow) = HeaderValue::from_str(asked.allow) {
            response.headers_mut().entry(header::ALLOW).or_insert(allow);
        }
        response
    }

    /// The words for a refusal, and the code that they are for.
    ///
    /// The route's, else the dialect's, else those of the code that is said in its place. Status and `{code}` go with the code
    /// that is said: without words of its own, an unknown user looks like a wrong password in every byte (SEC-12).
    fn said_for(&self, route: Option<&Route>, refusal: &Refusal) -> (Said, &'static str) {
        if let Refusal::TokenClaimMissing(claim) = refusal
            && let Some(exact) = self.words(route, &format!("{}.{claim}", refusal.code()))
        {
            return (exact, refusal.code());
        }
        self.words_for(route, refusal.code())
    }

    /// The words for a code of [`domain::refusal::REFUSAL_CODES`], and the code that they are for.
    pub(crate) fn words_for(&self, route: Option<&Route>, mut code: &'static str) -> (Said, &'static str) {
        let mut found = self.words(route, code);
        while let (None, Some(next)) = (&found, Refusal::said_as(code)) {
            code = next;
            found = self.words(route, code);
        }
        (found.unwrap_or_else(|| self.default_words(route)), code)
    }

    /// The words for something that broke.
    pub(crate) fn words_for_fault(&self, route: Option<&Route>) -> Said {
        self.words(route, "fault").unwrap_or_else(|| self.default_words(route))
    }

    fn default_words(&self, route: Option<&Route>) -> Said {
        let general = self.refuse.get("default").cloned().unwrap_or_default();
        route.and_then(|route| route.refuse.get("default")).map_or(general.clone(), |own| own.over(&general))
    }

    /// The words written for exactly this code, over the dialect's nearest general ones.
    fn words(&self, route: Option<&Route>, code: &str) -> Option<Said> {
        let own = route.and_then(|route| route.refuse.get(code));
        if own.is_none() && !self.refuse.contains_key(code) {
            return None;
        }
        let general = self.general(code).over(&self.default_words(route));
        Some(own.map_or_else(|| general.clone(), |own| own.over(&general)))
    }

    /// The dialect's words for a code (`CODE` or `CODE.DETAIL`), or for the nearest one that is said in its place.
    fn general(&self, code: &str) -> Said {
        let whole = code.split('.').next().unwrap_or(code);
        let mut next = Some(whole);
        let mut found = None;
        while let (None, Some(code)) = (found, next) {
            found = self.refuse.get(code);
            next = Refusal::said_as(code);
        }
        let nearest = found.cloned().unwrap_or_default();
        match self.refuse.get(code) {
            Some(exact) if code != whole => exact.over(&nearest),
            _ => nearest,
        }
    }

    fn respond(
        &self,
        route: Option<&Route>,
        said: &Said,
        status: u16,
        facts: &Facts<'_>,
        beside: Beside<'_>,
    ) -> Response<Bytes> {
        let status = said.status.unwrap_or(status);
        let whole = &Facts { status: Some(status), ..*facts };
        let withholds_tokens = self.plan.as_ref().is_some_and(|plan| plan.instead);
        let facts = &Facts { withholds_tokens, ..*whole };
        let mut headers = HeaderMap::with_capacity(16);
        let body = match &said.body {
            None | Some(SaidBody::Empty) => Bytes::new(),
            Some(SaidBody::Json(shape)) => {
                headers.insert(header::CONTENT_TYPE, self.http.content_type.clone());
                shape.to_bytes(facts).into()
            }
            Some(SaidBody::Text(parts)) => {
                set(&mut headers, header::CONTENT_TYPE, "text/plain; charset=utf-8");
                text(parts, facts).into()
            }
        };
        let own = route.map_or(&[][..], |route| route.headers.as_slice());
        for header in self.http.headers.iter().chain(own).chain(&said.headers).chain(beside.header) {
            match &header.fixed {
                Some(value) if !value.is_empty() => drop(headers.insert(header.name.clone(), value.clone())),
                _ => set(&mut headers, header.name.clone(), &text(&header.value, facts)),
            }
        }
        for cookie in said.cookies.iter().chain(beside.cookies) {
            if let Some(value) = cookie.to_header(whole) {
                headers.append(header::SET_COOKIE, value);
            }
        }
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        if response.status() == StatusCode::NO_CONTENT {
            *response.body_mut() = Bytes::new();
            headers.remove(header::CONTENT_TYPE);
        }
        *response.headers_mut() = headers;
        response
    }
}

/// Says which budget is used up, as structured fields (draft-ietf-httpapi-ratelimit-headers, SEC-25). Words of the contract win.
fn tell_quota(headers: &mut HeaderMap, throttle: &Throttle) {
    let Throttle { policy, quota, window, seconds } = throttle;
    let window = if *window == 0 { String::new() } else { format!(";w={window}") };
    let mut add = |name, text: String| {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.entry(HeaderName::from_static(name)).or_insert(value);
        }
    };
    add("ratelimit-policy", format!("\"{policy}\";q={quota}{window}"));
    add("ratelimit", format!("\"{policy}\";r=0;t={seconds}"));
}

/// Sets a header; an empty or impossible value takes it away.
fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) if !value.is_empty() => drop(headers.insert(name, value)),
        _ => drop(headers.remove(name)),
    }
}

fn base(asked: Asked<'_>) -> Facts<'_> {
    Facts {
        now: Some(asked.now),
        issuer: Some(asked.issuer),
        request: Some((asked.method, asked.path)),
        refusal: Some(RefusalFacts { allow: Some(asked.allow), ..RefusalFacts::default() }),
        ..Facts::default()
    }
}

/// What the refusal holds for the client, and the seconds to wait.
fn details(dialect: &Dialect, refusal: &Refusal) -> (Option<String>, Option<u32>) {
    match refusal {
        Refusal::MalformedBody(text)
        | Refusal::UnsupportedMediaType(text)
        | Refusal::UnsupportedCharset(text)
        | Refusal::TokenClaimMissing(text) => (Some(text.clone()), None),
        Refusal::NotAnObject(kind) => {
            let name = dialect.http.type_names.get(kind).map_or(*kind, String::as_str);
            (Some(name.to_owned()), None)
        }
        Refusal::Throttled(throttle) => (None, Some(throttle.seconds)),
        Refusal::Overloaded(seconds) => (None, Some(*seconds)),
        _ => (None, None),
    }
}

/// The status where neither route nor dialect names one.
pub const fn default_status(code: &str) -> u16 {
    match code.as_bytes() {
        b"not_found" => 404,
        b"method_not_allowed" => 405,
        b"not_acceptable" => 406,
        b"payload_too_large" => 413,
        b"unsupported_media_type" | b"unsupported_charset" => 415,
        b"malformed_body" | b"not_an_object" | b"nothing_given" | b"link_invalid" => 400,
        b"invalid_input" => 400,
        b"taken" => 409,
        b"account_inactive" | b"account_suspended" | b"email_unverified" | b"not_yours" => 403,
        b"reauth_required" | b"cross_site" => 403,
        b"not_permitted" | b"factor_locked" | b"bootstrap_closed" => 403,
        b"last_administrator" => 409,
        b"throttled" => 429,
        b"overloaded" | b"mail_off" => 503,
        b"fault" => 500,
        _ => 401,
    }
}
