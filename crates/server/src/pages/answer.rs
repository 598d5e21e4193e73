//! What becomes of a request for a page?
//!
//! Opening a link changes nothing: programs that look through letters open links, too (SEC-35). The form does.

use super::desk::{Desk, Done};
use super::form::{Form, MAX_FORM};
use super::guard::{form_token, is_form_of, is_from_here, plausible};
use super::shown::{Filling, protect};
use super::{Page, Pages};
use crate::App;
use crate::http::body::{self, BodyFault};
use crate::http::own;
use crate::http::speak::From;
use bytes::Bytes;
use domain::link::LinkKind;
use domain::secret::Secret;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;

/// What the browser drops once a link was used. Not the cookies of the whole site: those are the application's.
const CLEAR: &str = "\"cache\"";

/// One request for a page.
struct Visit<'a> {
    pages: &'a Pages,
    page: Page,
    parts: &'a Parts,
    desk: Desk<'a>,
}

/// Answers a request for a page.
pub async fn answer(
    app: &App,
    pages: &Pages,
    page: Page,
    (parts, body): (&Parts, Incoming),
    from: From,
) -> Response<Bytes> {
    let spoken = app.spoken();
    let Some(desk) = Desk::new(&spoken.speaker, parts, from) else {
        return own::status(StatusCode::NOT_FOUND, "Not found", "not_found");
    };
    let visit = Visit { pages, page, parts, desk };
    match (page, &parts.method) {
        (Page::Style, &Method::GET | &Method::HEAD) => style(pages),
        (Page::Link(_) | Page::Forgot, &Method::GET | &Method::HEAD) => visit.opened().await,
        (Page::Link(_) | Page::Forgot, &Method::POST) => {
            let waits = parts.headers.contains_key(header::EXPECT);
            match body::read(body, MAX_FORM, app.timeouts().body, waits).await {
                Ok(body) => visit.sent(&body).await,
                Err(BodyFault::TooLarge) => visit.say(StatusCode::PAYLOAD_TOO_LARGE, "refused"),
                Err(BodyFault::Slow) => visit.say(StatusCode::REQUEST_TIMEOUT, "refused"),
                Err(BodyFault::Broken) => visit.say(StatusCode::BAD_REQUEST, "refused"),
            }
        }
        _ => {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            let mut response = own::status(status, "Method not allowed", "method_not_allowed");
            let allow = if page == Page::Style { "GET, HEAD" } else { "GET, HEAD, POST" };
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
            response
        }
    }
}

fn style(pages: &Pages) -> Response<Bytes> {
    let mut response = Response::new(pages.style.clone());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    protect(headers);
    response
}

impl Visit<'_> {
    /// Shows a template.
    fn fill(&self, status: StatusCode, template: &str, filling: Filling<'_>) -> Response<Bytes> {
        let (request, min_length) = (self.desk.request(), self.desk.min_length());
        let filling = Filling { request, min_length, ..filling };
        self.pages.show(status, template, (self.page, self.desk.language()), filling)
    }

    fn say(&self, status: StatusCode, template: &str) -> Response<Bytes> {
        self.fill(status, template, Filling::default())
    }

    /// GET: the token moves out of the address; then the form, if the link is still good.
    async fn opened(&self) -> Response<Bytes> {
        let Page::Link(kind) = self.page else { return self.say(StatusCode::OK, "forgot") };
        if let Some(query) = self.parts.uri.query() {
            let token = Form::parse(query.as_bytes()).map(|form| form.get("token")).unwrap_or_default();
            return if plausible(token.expose()) { self.move_token(token.expose()) } else { self.over() };
        }
        let Some(token) = self.pages.kept(self.page, &self.parts.headers) else { return self.over() };
        self.form(StatusCode::OK, kind, &token, Vec::new()).await
    }

    /// To the same page without the token, so that neither the history nor a `Referer` has it (SEC-48).
    fn move_token(&self, token: &str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::SEE_OTHER;
        let headers = response.headers_mut();
        if let Ok(place) = HeaderValue::from_str(&self.pages.path_of(self.page)) {
            headers.insert(header::LOCATION, place);
        }
        self.pages.keep(self.page, token, headers);
        protect(headers);
        response
    }

    /// The form of a link that is still good.
    async fn form(
        &self,
        status: StatusCode,
        kind: LinkKind,
        token: &Secret,
        flaws: Vec<&'static str>,
    ) -> Response<Bytes> {
        let seen = match self.desk.look(kind, token).await {
            Ok(seen) => seen,
            Err(done) => return self.ended(done),
        };
        let form = form_token(self.page, token);
        let (address, leads_to) = (seen.address.unwrap_or_default(), seen.leads_to.unwrap_or_default());
        let filling = Filling { form, flaws, email: &address, leads_to: &leads_to, ..Filling::default() };
        self.fill(status, self.page.name(), filling)
    }

    /// POST: what the form asks for is done, once.
    async fn sent(&self, body: &[u8]) -> Response<Bytes> {
        let headers = &self.parts.headers;
        if !is_from_here(headers, &self.pages.origin) {
            return self.say(StatusCode::FORBIDDEN, "refused");
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        let plain = kind.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        if !plain || headers.contains_key(header::CONTENT_ENCODING) {
            return self.say(StatusCode::UNSUPPORTED_MEDIA_TYPE, "refused");
        }
        let Some(form) = Form::parse(body) else { return self.say(StatusCode::BAD_REQUEST, "refused") };
        match self.page {
            Page::Link(kind) => self.sent_link(kind, &form).await,
            Page::Forgot | Page::Style => self.sent_forgot(&form).await,
        }
    }

    async fn sent_link(&self, kind: LinkKind, form: &Form) -> Response<Bytes> {
        let Some(token) = self.pages.kept(self.page, &self.parts.headers) else { return self.over() };
        if !is_form_of(self.page, &token, &form.get("form")) {
            return self.say(StatusCode::FORBIDDEN, "refused");
        }
        let password = form.get("password");
        let sets_password = matches!(kind, LinkKind::ResetPassword | LinkKind::Invitation);
        if sets_password && password.expose() != form.get("again").expose() {
            return self.form(StatusCode::UNPROCESSABLE_ENTITY, kind, &token, vec!["differs"]).await;
        }
        match self.desk.follow(kind, token.clone(), password).await {
            Done::Flawed(flaws) => self.form(StatusCode::UNPROCESSABLE_ENTITY, kind, &token, flaws).await,
            done @ (Done::Well | Done::Over | Done::Busy(..) | Done::Broken) => self.ended(done),
        }
    }

    async fn sent_forgot(&self, form: &Form) -> Response<Bytes> {
        let email = form.get("email");
        match self.desk.forgot(email.expose()).await {
            Done::Flawed(flaws) => {
                let shown: String = email.expose().chars().take(254).collect();
                let filling = Filling { flaws, email: &shown, ..Filling::default() };
                self.fill(StatusCode::UNPROCESSABLE_ENTITY, "forgot", filling)
            }
            done @ (Done::Well | Done::Over | Done::Busy(..) | Done::Broken) => self.ended(done),
        }
    }

    fn ended(&self, done: Done) -> Response<Bytes> {
        match done {
            Done::Well => {
                let mut response = self.say(StatusCode::OK, &format!("{}_done", self.page.name()));
                self.pages.forget(response.headers_mut());
                let name = HeaderName::from_static("clear-site-data");
                response.headers_mut().insert(name, HeaderValue::from_static(CLEAR));
                response
            }
            Done::Flawed(_) | Done::Over => self.over(),
            Done::Busy(status, seconds) => {
                let mut response = self.say(status, "busy");
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
                response
            }
            Done::Broken => self.say(StatusCode::INTERNAL_SERVER_ERROR, "broken"),
        }
    }

    fn over(&self) -> Response<Bytes> {
        let mut response = self.say(StatusCode::BAD_REQUEST, "link_over");
        self.pages.forget(response.headers_mut());
        response
    }
}
