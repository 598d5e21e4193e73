//! Who may send cookies along, and which cookies does cookie mode read, set and clear? (SEC-72 to SEC-76)
//!
//! One rule for all cookies that hold tokens, whether the dialect file or the operator asked for them: a request that
//! could change something counts only when a page of ours sent it.

use crate::body::Media;
use crate::compiled::Dialect;
use crate::hear::{Ask, content_type};
use crate::place::{Found, Parts, Place};
use crate::route::Route;
use crate::said::{SaidCookie, SaidHeader, attributes};
use crate::take::{Kind, Take};
use domain::caller::{Bearer, Page};
use domain::command::Verb;
use domain::input::Input;
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::shape::{Absent, Form, Slot, SlotUse, TextPart};
use http::{HeaderMap, HeaderName, Method, header};

/// Inputs that hold a token.
const TOKENS: [Input; 3] = [Input::Refresh, Input::Access, Input::Token];
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether tokens travel in cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieMode {
    /// Only where the dialect file says so itself.
    #[default]
    Off,
    /// In cookies, and nowhere else.
    Instead,
    /// In cookies for pages of ours, and in the answer as ever.
    Beside,
}

impl CookieMode {
    /// Every mode with its word in files.
    pub const NAMES: [(&'static str, CookieMode); 3] =
        [("off", CookieMode::Off), ("instead", CookieMode::Instead), ("beside", CookieMode::Beside)];

    /// Reads a word. Refused: any other text.
    pub fn parse(name: &str) -> Option<CookieMode> {
        CookieMode::NAMES.into_iter().find(|(word, _)| *word == name).map(|(_, mode)| mode)
    }
}

/// The origins whose pages are ours, exactly as browsers write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// The origin under which this server itself is reached.
    pub own: String,
    /// Further ones that the operator listed.
    pub listed: Vec<String>,
}

/// How cookie mode is to be done in one place.
#[derive(Clone, Debug)]
pub struct CookieRules {
    /// Where tokens are given; never [`CookieMode::Off`].
    pub mode: CookieMode,
    /// Told apart from other mounts of the same host by this word; empty = none.
    pub label: String,
    /// `SameSite=Strict` in place of `Lax`.
    pub strict: bool,
    /// Whether the cookies go when the browser is closed.
    pub until_closed: bool,
    /// The header in which a page sends the CSRF token back.
    pub csrf_header: HeaderName,
    /// Whether the cookies are `Secure` and named `__Host-`. Without: only for development on one machine.
    pub secure: bool,
}

/// The cookies of cookie mode, compiled.
#[derive(Clone, Debug)]
pub struct CookiePlan {
    /// Whether the answer itself holds no token.
    pub instead: bool,
    /// Where a page sends the CSRF token back, and where it is told besides its cookie.
    pub csrf_header: HeaderName,
    /// Name of the cookie of the access token.
    pub access: String,
    refresh: String,
    sets: Vec<SaidCookie>,
    clears: Vec<SaidCookie>,
    tells: SaidHeader,
}

/// What an answer says besides its own words.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside<'d> {
    pub cookies: &'d [SaidCookie],
    pub header: Option<&'d SaidHeader>,
}

/// Who sent a request, as far as a browser tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    /// A page of ours.
    Ours,
    /// Another page, or one that does not say clearly which.
    Foreign,
    /// Nothing speaks of a page: no browser, or one that tells nothing.
    Unknown,
}

impl Pages {
    /// Compares exactly. `Origin` counts whenever it is there; `Sec-Fetch-Site` alone only as `same-origin`. Both have to agree.
    fn asker(&self, headers: &HeaderMap) -> Asker {
        let origin = match alone(headers, &header::ORIGIN) {
            Ok(origin) => origin,
            Err(()) => return Asker::Foreign,
        };
        let site = match alone(headers, &SEC_FETCH_SITE) {
            Ok(site) => site,
            Err(()) => return Asker::Foreign,
        };
        let own = |origin: &str| !self.own.is_empty() && origin == self.own;
        let listed = |origin: &str| self.listed.iter().any(|one| one == origin);
        let ours = match (origin, site) {
            (None, None) => return Asker::Unknown,
            (None, Some(site)) => site == "same-origin",
            (Some(origin), None) => own(origin) || listed(origin),
            (Some(origin), Some(site)) => {
                (own(origin) && site == "same-origin")
                    || (listed(origin) && matches!(site, "same-origin" | "same-site" | "cross-site"))
            }
        };
        if ours { Asker::Ours } else { Asker::Foreign }
    }
}

/// A header that must not be given twice, and must be text.
fn alone<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

impl Dialect {
    /// The dialect in its place: it knows its own pages, and reads and sets cookies where that was asked for.
    ///
    /// Refused: cookie mode for a dialect whose tokens can not be bound to a session, or that has token cookies of its own.
    pub fn mounted(mut self, pages: Pages, rules: Option<&CookieRules>) -> Result<Dialect, String> {
        self.pages = pages;
        let Some(rules) = rules else { return Ok(self) };
        if self.contract.access.claims.token_id.is_none() {
            return Err("its access tokens do not name their session, so no CSRF token can be bound to them; leave `cookies` off".to_owned());
        }
        if self.has_token_cookies() {
            return Err("it has cookies for tokens of its own; leave `cookies` off".to_owned());
        }
        let plan = CookiePlan::new(rules, self.contract.refresh.is_some());
        self.credential.places.push(Place::Cookie(plan.access.clone()));
        for route in
            self.routes.iter_mut().filter(|route| matches!(route.verb, Verb::Refresh | Verb::SignOut))
        {
            let place = Place::Cookie(plan.refresh.clone());
            match route.takes.iter_mut().find(|take| take.input == Input::Refresh) {
                Some(take) => take.places.push(place),
                None => route.takes.push(Take::of_token(Input::Refresh, place)),
            }
        }
        self.plan = Some(plan);
        Ok(self)
    }

    /// Whether the file itself reads or sets tokens in cookies.
    pub fn has_token_cookies(&self) -> bool {
        let is_cookie = |place: &Place| matches!(place, Place::Cookie(_));
        let reads = |route: &Route| {
            route.takes.iter().any(|take| TOKENS.contains(&take.input) && take.places.iter().any(is_cookie))
        };
        self.credential.places.iter().any(is_cookie)
            || self.routes.iter().any(|route| reads(route) || route.give.sets_token_cookies())
    }

    /// Whether any token travels in a cookie, by file or by mode.
    pub fn uses_cookies(&self) -> bool {
        self.plan.is_some() || self.has_token_cookies()
    }

    /// The credential that counts, and the page that sent it. Refused: cookies that no page of ours sent, and in cookie
    /// mode whatever another page sent, so that nobody can be signed in or out from elsewhere (SEC-74).
    pub(crate) fn admit(
        &self,
        route: &Route,
        parts: &Parts<'_>,
        ask: Ask<'_>,
        bearer: (Bearer, bool),
    ) -> Result<(Bearer, Option<Page>), Refusal> {
        let (bearer, from_cookie) = bearer;
        // A cookie that the verb has no use for came along by itself and is nobody's claim.
        let wanted = route.needs_access || matches!(route.verb, Verb::SignOut | Verb::VerifyToken);
        let bearer = if from_cookie && !wanted { Bearer::Absent } else { bearer };
        if matches!(*ask.method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok((bearer, None));
        }
        let tokens = tokens_in_cookies(route, parts, from_cookie.then_some(&bearer));
        let asker = self.pages.asker(ask.headers);
        let Some(plan) = &self.plan else {
            return if tokens.is_empty() || asker == Asker::Ours {
                Ok((bearer, None))
            } else {
                Err(Refusal::CrossSite)
            };
        };
        let by_header = !from_cookie && !matches!(bearer, Bearer::Absent);
        match asker {
            Asker::Ours if is_as_a_form_sends(route, ask) => Err(Refusal::CrossSite),
            Asker::Ours => {
                let csrf = alone(ask.headers, &plan.csrf_header).ok().flatten().map(Secret::new);
                Ok((bearer, Some(Page { tokens, csrf })))
            }
            Asker::Foreign | Asker::Unknown if !tokens.is_empty() => Err(Refusal::CrossSite),
            Asker::Foreign if !by_header => Err(Refusal::CrossSite),
            // There is no place for the tokens.
            Asker::Foreign | Asker::Unknown if plan.instead && route.gives_tokens() => {
                Err(Refusal::CrossSite)
            }
            Asker::Foreign | Asker::Unknown => Ok((bearer, None)),
        }
    }

    /// What cookie mode adds to a yes.
    pub(crate) fn beside_outcome(&self, by_page: bool, outcome: &Outcome) -> Beside<'_> {
        let Some(plan) = self.plan.as_ref().filter(|_| by_page) else { return Beside::default() };
        let over = matches!(
            outcome,
            Outcome::SignedOut | Outcome::SignedOutEverywhere { .. } | Outcome::AccountDeleted
        );
        if outcome.tokens().is_some() {
            Beside { cookies: &plan.sets, header: Some(&plan.tells) }
        } else if over {
            Beside { cookies: &plan.clears, header: None }
        } else {
            Beside::default()
        }
    }

    /// What cookie mode adds to a no: a session that is over takes its cookies along.
    pub(crate) fn beside_refusal(
        &self,
        by_page: bool,
        route: Option<&Route>,
        refusal: &Refusal,
    ) -> Beside<'_> {
        let Some(plan) = self.plan.as_ref().filter(|_| by_page) else { return Beside::default() };
        let refreshes = route.is_some_and(|route| route.verb == Verb::Refresh);
        if refreshes && refusal.code().starts_with("token_") {
            Beside { cookies: &plan.clears, header: None }
        } else {
            Beside::default()
        }
    }
}

/// The tokens of a request that came in cookies and that its verb looks at.
fn tokens_in_cookies(route: &Route, parts: &Parts<'_>, bearer: Option<&Bearer>) -> Vec<Secret> {
    let given =
        route.takes.iter().filter(|take| TOKENS.contains(&take.input)).filter_map(|take| take.given(parts));
    let mut tokens: Vec<Secret> = given
        .filter_map(|given| match given {
            (Place::Cookie(_), Found::Text(text)) => Some(Secret::new(text)),
            (Place::Cookie(_), Found::Damaged) => Some(Secret::default()),
            _ => None,
        })
        .collect();
    match bearer {
        Some(Bearer::Token(token)) => tokens.push(token.clone()),
        Some(Bearer::Malformed) => tokens.push(Secret::default()),
        Some(Bearer::Absent) | None => {}
    }
    tokens
}

/// Whether a page without any script could send this body. A file is let through where the route takes one.
fn is_as_a_form_sends(route: &Route, ask: Ask<'_>) -> bool {
    let takes_file = route.takes.iter().any(|take| take.kind == Kind::File);
    !ask.body.is_empty()
        && match Media::of(&content_type(ask).media_type) {
            Some(Media::Json) => false,
            Some(Media::Multipart) => !takes_file,
            Some(Media::Form) | None => true,
        }
}

impl CookiePlan {
    fn new(rules: &CookieRules, has_refresh: bool) -> CookiePlan {
        let prefix = if rules.secure { "__Host-" } else { "insecure-" };
        let dash = if rules.label.is_empty() { "" } else { "-" };
        let name = |what: &str| format!("{prefix}{}{dash}{what}", rules.label);
        let same_site = if rules.strict { "Strict" } else { "Lax" };
        let cookie = |what: &str, slot: Slot, end: Slot, http_only: bool| {
            let mut line = vec![TextPart::Literal(attributes("/", http_only, rules.secure, same_site))];
            if !rules.until_closed {
                line.extend([TextPart::Literal("; Max-Age=".to_owned()), said(end)]);
            }
            SaidCookie { name: name(what), value: Some(vec![said(slot)]), attributes: line }
        };
        let longest = if has_refresh { Slot::RefreshExpiresIn } else { Slot::AccessExpiresIn };
        let mut sets = vec![cookie("at", Slot::Access, Slot::AccessExpiresIn, true)];
        if has_refresh {
            sets.push(cookie("rt", Slot::Refresh, Slot::RefreshExpiresIn, true));
        }
        sets.push(cookie("csrf", Slot::Csrf, longest, false));
        let clears = sets.iter().map(|set| SaidCookie {
            name: set.name.clone(),
            value: None,
            attributes: set.attributes.iter().take(1).cloned().collect(),
        });
        CookiePlan {
            instead: rules.mode == CookieMode::Instead,
            csrf_header: rules.csrf_header.clone(),
            access: name("at"),
            refresh: name("rt"),
            clears: clears.collect(),
            sets,
            tells: SaidHeader { name: rules.csrf_header.clone(), value: vec![said(Slot::Csrf)], fixed: None },
        }
    }

    /// The names of the cookies, by which two mounts could get into each other's way.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sets.iter().map(|cookie| cookie.name.as_str())
    }
}

fn said(slot: Slot) -> TextPart {
    TextPart::Slot(SlotUse { slot, form: Form::Natural, absent: Absent::Null })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn asker(headers: &[(&'static str, &'static str)]) -> Asker {
        let pages = Pages {
            own: "https://app.example.com".to_owned(),
            listed: vec!["https://shop.example.com".to_owned(), "http://127.0.0.1:3000".to_owned()],
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        pages.asker(&map)
    }

    // SEC-73
    #[test]
    fn only_the_exact_origins_are_ours() {
        use Asker::{Foreign, Ours, Unknown};
        let table: &[(Option<&'static str>, Option<&'static str>, Asker)] = &[
            (None, None, Unknown),
            (None, Some("same-origin"), Ours),
            (None, Some("same-site"), Foreign),
            (None, Some("cross-site"), Foreign),
            (None, Some("none"), Foreign),
            (None, Some("Same-Origin"), Foreign),
            (None, Some(""), Foreign),
            (Some("https://app.example.com"), None, Ours),
            (Some("https://app.example.com"), Some("same-origin"), Ours),
            (Some("https://app.example.com"), Some("same-site"), Foreign),
            (Some("https://app.example.com"), Some("cross-site"), Foreign),
            (Some("https://app.example.com"), Some("none"), Foreign),
            (Some("https://shop.example.com"), None, Ours),
            (Some("https://shop.example.com"), Some("same-site"), Ours),
            (Some("https://shop.example.com"), Some("cross-site"), Ours),
            (Some("https://shop.example.com"), Some("none"), Foreign),
            (Some("http://127.0.0.1:3000"), Some("cross-site"), Ours),
            (Some("http://127.0.0.1:3001"), Some("cross-site"), Foreign),
            // The gorilla/csrf cases and their kin (CVE-2025-24358, CVE-2025-47909).
            (Some("http://app.example.com"), None, Foreign),
            (Some("http://app.example.com"), Some("same-origin"), Foreign),
            (Some("https://app.example.com:8443"), None, Foreign),
            (Some("https://app.example.com:443"), None, Foreign),
            (Some("https://app.example.com.evil.test"), None, Foreign),
            (Some("https://evilapp.example.com"), None, Foreign),
            (Some("https://APP.example.com"), None, Foreign),
            (Some("HTTPS://app.example.com"), None, Foreign),
            (Some("https://app.example.com."), None, Foreign),
            (Some("https://user@app.example.com"), None, Foreign),
            (Some("https://app.example.com/"), None, Foreign),
            (Some("https://app.example.com https://evil.test"), None, Foreign),
            (Some("app.example.com"), None, Foreign),
            (Some("null"), None, Foreign),
            (Some("null"), Some("same-origin"), Foreign),
            (Some(""), None, Foreign),
            (Some(""), Some("same-origin"), Foreign),
        ];
        for (origin, site, expected) in table {
            let headers = [("origin", origin), ("sec-fetch-site", site)];
            let headers: Vec<_> =
                headers.into_iter().filter_map(|(name, value)| Some((name, (*value)?))).collect();
            assert_eq!(asker(&headers), *expected, "{headers:?}");
        }
        let twice = "https://app.example.com";
        assert_eq!(asker(&[("origin", twice), ("origin", twice)]), Foreign);
        assert_eq!(asker(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")]), Foreign);
    }

    #[test]
    fn a_dialect_without_a_place_has_no_page_of_its_own() {
        let mut headers = HeaderMap::new();
        headers.insert("origin", HeaderValue::from_static(""));
        assert_eq!(Pages::default().asker(&headers), Asker::Foreign);
    }
}
