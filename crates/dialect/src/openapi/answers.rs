//! How are the answers of routes described: every yes and every no they can give?

use super::asks::one_of;
use super::shapes::{of_shape, of_text};
use crate::compiled::Dialect;
use crate::place::Place;
use crate::route::Route;
use crate::said::{Said, SaidBody};
use crate::say::default_status;
use domain::admin::AdminVerb;
use domain::command::Verb;
use domain::input::Input;
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One answer as a document sees it.
struct Answer {
    /// What leads to it.
    why: String,
    /// Media type and schema; absent = no body.
    body: Option<(String, Value)>,
    /// Headers by name.
    headers: Map<String, Value>,
}

/// `responses` of an operation, by status.
pub(super) fn responses(dialect: &Dialect, routes: &[&Route]) -> Value {
    let mut by_status: BTreeMap<u16, Vec<Answer>> = BTreeMap::new();
    for route in routes {
        for (status, answer) in yeses(dialect, route).into_iter().chain(noes(dialect, route)) {
            by_status.entry(status).or_default().push(answer);
        }
    }
    let responses: Map<String, Value> =
        by_status.into_iter().map(|(status, answers)| (status.to_string(), response(answers))).collect();
    responses.into()
}

/// Answers of one status as one response.
fn response(answers: Vec<Answer>) -> Value {
    let (mut why, mut headers) = (Vec::new(), Map::new());
    let mut bodies: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for answer in answers {
        if !why.contains(&answer.why) {
            why.push(answer.why);
        }
        headers.extend(answer.headers);
        if let Some((media, schema)) = answer.body {
            let known = bodies.entry(media).or_default();
            if !known.contains(&schema) {
                known.push(schema);
            }
        }
    }
    let mut response = json!({ "description": why.join(", ") });
    if !headers.is_empty() {
        response["headers"] = headers.into();
    }
    if !bodies.is_empty() {
        let content: Map<String, Value> = bodies
            .into_iter()
            .map(|(media, schemas)| (media, json!({ "schema": one_of(schemas) })))
            .collect();
        response["content"] = content.into();
    }
    response
}

fn yeses(dialect: &Dialect, route: &Route) -> Vec<(u16, Answer)> {
    let cases = route.cases.iter().map(|(case, said)| (format!("{} ({case})", route.verb.name()), said));
    let plain = (route.verb.name().to_owned(), &route.give);
    // A check is always one of its cases; a sign-in and a sign-up have their plain answer beside them.
    let has_plain = route.cases.is_empty() || route.verb != Verb::CheckEmail;
    has_plain
        .then_some(plain)
        .into_iter()
        .chain(cases)
        .map(|(why, said)| (said.status.unwrap_or(200), answer(dialect, route, why, said, None)))
        .collect()
}

fn noes(dialect: &Dialect, route: &Route) -> Vec<(u16, Answer)> {
    let mut noes = Vec::new();
    for code in codes(dialect, route) {
        let (said, code) = dialect.words_for(Some(route), code);
        let status = said.status.unwrap_or_else(|| default_status(code));
        noes.push((status, answer(dialect, route, code.to_owned(), &said, Some(code))));
    }
    let fault = dialect.words_for_fault(Some(route));
    for status in [500, 503] {
        noes.push((status, answer(dialect, route, "fault".to_owned(), &fault, Some("fault"))));
    }
    noes
}

/// `code` is that of the refusal, if it is one.
fn answer(dialect: &Dialect, route: &Route, why: String, said: &Said, code: Option<&str>) -> Answer {
    let mut headers = Map::new();
    let mut media = None;
    for header in dialect.http.headers.iter().chain(&route.headers).chain(&said.headers) {
        if header.name == CONTENT_TYPE {
            media = header.fixed.as_ref().and_then(|value| value.to_str().ok()).map(str::to_owned);
        } else if header.fixed.as_ref().is_none_or(|value| !value.is_empty()) {
            headers.insert(header.name.to_string(), json!({ "schema": { "type": "string" } }));
        } else {
            headers.remove(header.name.as_str());
        }
    }
    let of_dialect = || dialect.http.content_type.to_str().unwrap_or("application/json").to_owned();
    let withholds_tokens = dialect.plan.as_ref().is_some_and(|plan| plan.instead);
    let body = match &said.body {
        None | Some(SaidBody::Empty) => None,
        Some(SaidBody::Json(shape)) => {
            Some((media.unwrap_or_else(of_dialect), of_shape(shape, code, withholds_tokens)))
        }
        Some(SaidBody::Text(parts)) => Some((media.unwrap_or_else(|| "text/plain".into()), of_text(parts))),
    };
    Answer { why, body: body.map(|(media, schema)| (bare(&media), schema)), headers }
}

/// A media type without its parameters.
fn bare(media: &str) -> String {
    media.split(';').next().unwrap_or(media).trim().to_owned()
}

/// Whether the route reads an access token although it can do without.
pub(super) fn may_read_access(route: &Route) -> bool {
    matches!(route.verb, Verb::SignOut | Verb::VerifyToken | Verb::EnrolFactor | Verb::ConfirmFactor)
}

/// Codes of the refusals that a request to the route can bring about.
fn codes(dialect: &Dialect, route: &Route) -> Vec<&'static str> {
    let mut codes = vec!["throttled"];
    if route.looks_into(|place| matches!(place, Place::Body(_))) {
        codes.extend(["malformed_body", "not_an_object", "payload_too_large", "unsupported_charset"]);
        if !dialect.http.other_media_is_empty {
            codes.push("unsupported_media_type");
        }
    }
    if dialect.uses_cookies() && route.method != Method::GET {
        codes.push("cross_site");
    }
    if dialect.http.checks_accept {
        codes.push("not_acceptable");
    }
    if !route.takes.is_empty() {
        codes.push("invalid_input");
    }
    if route.refuse_nothing {
        codes.push("nothing_given");
    }
    codes.extend(route.takes.iter().flat_map(|take| take.refuse.values().copied()));
    if route.needs_access || may_read_access(route) {
        codes.extend(["credentials_missing", "credentials_malformed"]);
        codes.extend(TOKEN_NOES);
    }
    codes.extend(of_verb(route.verb));
    let takes_password =
        [Input::Password, Input::CurrentPassword].iter().any(|input| route.take(*input).is_some());
    if takes_password {
        codes.push("overloaded");
    }
    let mut seen = Vec::new();
    codes.retain(|code| !seen.contains(code) && (seen.push(*code), true).1);
    codes
}

/// What can be wrong with a token.
const TOKEN_NOES: [&str; 9] = [
    "token_invalid",
    "token_expired",
    "token_wrong_kind",
    "token_claim_missing",
    "token_user_missing",
    "token_user_unknown",
    "token_user_inactive",
    "token_revoked",
    "token_reused",
];

/// What only this verb can refuse.
fn of_verb(verb: Verb) -> &'static [&'static str] {
    match verb {
        Verb::SignUp => &["taken", "email_unverified"],
        Verb::SignIn => &[
            "unknown_user",
            "invalid_credentials",
            "account_inactive",
            "account_suspended",
            "email_unverified",
            "factor_required",
            "factor_wrong",
            "factor_locked",
        ],
        Verb::AnswerFactor | Verb::ConfirmFactor => {
            &["token_invalid", "token_expired", "factor_wrong", "factor_locked"]
        }
        Verb::EnrolFactor => &[
            "token_invalid",
            "token_expired",
            "credentials_missing",
            "invalid_credentials",
            "factor_required",
            "factor_wrong",
            "factor_locked",
        ],
        Verb::ShowFactor => &[],
        Verb::MakeRecoveryCodes | Verb::RemoveFactor => {
            &["invalid_credentials", "factor_wrong", "factor_locked"]
        }
        Verb::Refresh => &TOKEN_NOES,
        Verb::UpdateProfile => &["taken", "not_yours"],
        Verb::SetAvatar => &["not_yours"],
        Verb::Admin(verb) => of_admin_verb(verb),
        Verb::Reauthenticate => {
            &["invalid_credentials", "reauth_required", "factor_required", "factor_wrong", "factor_locked"]
        }
        Verb::EndOtherSessions => &["reauth_required"],
        Verb::EndSession => &["reauth_required", "not_yours"],
        Verb::ChangePassword => &["invalid_credentials"],
        Verb::DeleteAccount => &["invalid_credentials", "not_yours", "last_administrator"],
        Verb::RequestVerification | Verb::RequestReset => &["mail_off"],
        Verb::ChangeEmail => &["mail_off", "invalid_credentials"],
        Verb::VerifyEmail | Verb::ConfirmEmail => &["link_invalid", "invalid_credentials"],
        Verb::ResetPassword => &["link_invalid"],
        Verb::UndoEmail => &["mail_off", "link_invalid"],
        Verb::ListSessions
        | Verb::SignOut
        | Verb::SignOutEverywhere
        | Verb::WhoAmI
        | Verb::VerifyToken
        | Verb::CheckEmail => &[],
    }
}

/// What only this verb of administrators can refuse.
fn of_admin_verb(verb: AdminVerb) -> &'static [&'static str] {
    match verb {
        AdminVerb::Bootstrap => &["bootstrap_closed", "taken"],
        AdminVerb::ListUsers | AdminVerb::ListKeys | AdminVerb::CreateKey => {
            &["not_permitted", "reauth_required"]
        }
        AdminVerb::ShowUser | AdminVerb::ListSessions => &["not_permitted", "not_yours"],
        AdminVerb::CreateUser => &["not_permitted", "taken"],
        AdminVerb::EditUser => &["not_permitted", "not_yours", "taken"],
        AdminVerb::SetRole | AdminVerb::DeleteUser => {
            &["not_permitted", "not_yours", "last_administrator", "reauth_required"]
        }
        AdminVerb::SetStatus => &["not_permitted", "not_yours", "last_administrator"],
        AdminVerb::StartReset => {
            &["not_permitted", "not_yours", "mail_off", "account_inactive", "account_suspended"]
        }
        AdminVerb::FactorsOff => &["not_permitted", "not_yours", "reauth_required"],
        AdminVerb::ClearLimits | AdminVerb::ListEvents => &["not_permitted", "not_yours"],
        AdminVerb::EndSession | AdminVerb::EndSessions => &["not_permitted", "not_yours"],
        AdminVerb::RevokeKey => &["not_permitted", "not_yours", "reauth_required"],
    }
}
