//! What does an answer say that another application gave in this dialect?
//!
//! A dialect read backwards: what [`Dialect::say`] writes is recognised here. An answer is good when its status and its
//! whole template fit, refused when it is one of the contract's noes word for word, and strange otherwise. Nothing is
//! guessed: what a template does not show is not told.

mod ask;
mod fit;
mod pattern;
mod sign_in;
mod told;

pub use told::Told;

use crate::compiled::Dialect;
use crate::route::Route;
use crate::said::{Said, SaidBody};
use crate::say::default_status;
use domain::json::strict_value;
use domain::refusal::REFUSAL_CODES;
use fit::{Caught, Expected, Extra};
use http::{HeaderMap, StatusCode, header};
use pattern::Pattern;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// How deep its JSON may nest, as for requests (SEC-101).
const MAX_DEPTH: u8 = 32;
/// How many members and items it may have.
const MAX_MEMBERS: u32 = 10_000;
/// The noes that are looked for first: where several are said in the same words, a sign-in means one of these.
const FIRST: [&str; 10] = [
    "invalid_credentials",
    "unknown_user",
    "account_inactive",
    "account_suspended",
    "email_unverified",
    "factor_required",
    "factor_wrong",
    "factor_locked",
    "throttled",
    "overloaded",
];

/// What an answer says. Closed.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The yes of the route.
    Given(Box<Told>),
    /// A no of the contract, by the code whose words it has. Where several codes share their words, one of them.
    Refused {
        /// The code.
        code: &'static str,
        /// Whole seconds to wait, where the answer says them.
        retry_after: Option<u32>,
    },
    /// Nothing that the contract says there. Holds what is wrong, without what was sent.
    Strange(String),
}

/// An answer as it came.
#[derive(Clone, Copy, Debug)]
pub struct Came<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: &'a HeaderMap,
    /// Its whole body.
    pub body: &'a [u8],
}

/// The body of an answer, as far as it can be read.
enum Read {
    Empty,
    Json(Value),
    Text(String),
}

impl Dialect {
    /// Reads the answer that another application gave to a request of this route. Pure and bounded.
    pub fn read_answer(&self, route: &Route, came: Came<'_>) -> Answer {
        let read = match self.read_body(came) {
            Ok(read) => read,
            Err(why) => return Answer::Strange(why),
        };
        let why = match self.read_given(route, came, &read) {
            Ok(told) => return Answer::Given(Box::new(told)),
            Err(why) => why,
        };
        if let Some(refused) = self.read_refusal(route, came, &read) {
            return refused;
        }
        if came.status.is_success() {
            return Answer::Strange(why);
        }
        Answer::Strange(format!("{} in words that the contract does not have", came.status.as_u16()))
    }

    /// Of attributes that an answer tells, those that users have by the contract: every newcomer's, and those that a route
    /// takes from them. Others may be marks of rights (`is_staff`), which no answer gives.
    pub fn own_attributes(&self, told: &Map<String, Value>) -> Map<String, Value> {
        let takes = self.routes.iter().flat_map(|route| &route.takes);
        let taken: BTreeSet<&str> = takes.filter_map(|take| take.attribute.as_deref()).collect();
        let newcomers = &self.contract.newcomer.attributes;
        let own =
            told.iter().filter(|(name, _)| newcomers.contains_key(*name) || taken.contains(name.as_str()));
        own.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn read_body(&self, came: Came<'_>) -> Result<Read, String> {
        let is_plain = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if came.headers.get_all(header::CONTENT_ENCODING).iter().any(|value| !is_plain(value)) {
            return Err("the body is compressed, and nobody asked for that".to_owned());
        }
        if came.body.len() > MAX_BODY {
            return Err(format!("the body is longer than {MAX_BODY} bytes"));
        }
        if came.body.is_empty() {
            return Ok(Read::Empty);
        }
        let kind = came.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let essence = |text: &str| text.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let own = self.http.content_type.to_str().map(essence).unwrap_or_default();
        let kind = essence(kind);
        if kind == own || kind == "application/json" || kind.ends_with("+json") {
            let read = strict_value(came.body, MAX_DEPTH, MAX_MEMBERS);
            return read.map(Read::Json).map_err(|why| format!("the body is not JSON: {why}"));
        }
        if kind == "text/plain" {
            let text = String::from_utf8(came.body.to_vec());
            return text.map(Read::Text).map_err(|_| "the body is not UTF-8".to_owned());
        }
        Err("the body is neither JSON nor text".to_owned())
    }

    /// The yes, or the yes of a case; of several the one that tells most.
    fn read_given(&self, route: &Route, came: Came<'_>, read: &Read) -> Result<Told, String> {
        let cases = route.cases.iter().map(|(case, said)| (Some(case.as_str()), said));
        let mut why = None;
        let mut best: Option<(usize, Told)> = None;
        for (case, said) in std::iter::once((None, &route.give)).chain(cases) {
            let status = said.status.unwrap_or(200);
            let told = self.read_said(said, status, came, read, Extra::Passed, &Expected::Yes);
            let told = told.and_then(|caught| {
                let count = caught.len();
                Told::of(case, caught, &self.contract.role_words).map(|told| (count, told))
            });
            match told {
                Ok((count, told)) if best.as_ref().is_none_or(|(most, _)| count > *most) => {
                    best = Some((count, told));
                }
                Ok(_) => {}
                Err(fault) => drop(why.get_or_insert(fault)),
            }
        }
        best.map(|(_, told)| told).ok_or_else(|| why.unwrap_or_default())
    }

    fn read_refusal(&self, route: &Route, came: Came<'_>, read: &Read) -> Option<Answer> {
        let all = FIRST.iter().chain(REFUSAL_CODES.iter().filter(|code| !FIRST.contains(code)));
        let mut loose = None;
        for code in all {
            let (said, code) = self.words_for(Some(route), code);
            let status = said.status.unwrap_or_else(|| default_status(code));
            let caught =
                self.read_said(&said, status, came, read, Extra::Refused, &Expected::No { code, status });
            let Ok(caught) = caught else { continue };
            let retry_after =
                caught.iter().find_map(Caught::retry_after).or_else(|| retry_header(came.headers));
            let refused = Answer::Refused { code, retry_after };
            // Words with nothing but literals say what they mean; a list of flaws could be anything.
            if !caught.iter().any(Caught::could_be_anything) {
                return Some(refused);
            }
            loose.get_or_insert(refused);
        }
        loose
    }

    /// What stands in the slots of one answer, if it fits as a whole.
    fn read_said(
        &self,
        said: &Said,
        status: u16,
        came: Came<'_>,
        read: &Read,
        extra: Extra,
        expected: &Expected,
    ) -> Result<Vec<Caught>, String> {
        if came.status.as_u16() != status {
            return Err(format!("the status is {} and not {status}", came.status.as_u16()));
        }
        let mut caught = match (&said.body, read) {
            (None | Some(SaidBody::Empty), Read::Empty) => Vec::new(),
            (Some(SaidBody::Json(shape)), Read::Json(value)) => {
                fit::json(&Pattern::of(shape)?, value, extra)?
            }
            (Some(SaidBody::Text(parts)), Read::Text(text)) => fit::text(parts, text)?,
            // 204 has no body, whatever the template says (RFC 9110 section 15.3.5).
            (Some(_), Read::Empty) if status == 204 => Vec::new(),
            (_, Read::Empty) => return Err("there is no body".to_owned()),
            (_, Read::Json(_) | Read::Text(_)) => return Err("the body is of another kind".to_owned()),
        };
        for one in &caught {
            one.check(expected)?;
        }
        if matches!(expected, Expected::Yes) {
            caught.extend(fit::headers(said, came.headers));
            caught.extend(fit::cookies(said, came.headers));
        }
        Ok(caught)
    }
}

/// Whole seconds of `Retry-After` (RFC 9110 section 10.2.3); dates are passed over.
fn retry_header(headers: &HeaderMap) -> Option<u32> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}
