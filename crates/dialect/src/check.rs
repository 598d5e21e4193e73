//! Does a dialect make sense as a whole? Everything that can be known at load is refused at load.

#![expect(clippy::wildcard_enum_match_arm, reason = "slots that fit everywhere need no line of their own")]

use crate::compiled::{Dialect, LANGUAGE};
use crate::file::Section;
use crate::place::Place;
use crate::route::Route;
use crate::said::Said;
use crate::slot::slot_text;
use crate::take::Check;
use domain::admin::AdminVerb;
use domain::command::Verb;
use domain::contract::{
    ClaimsPlan, Contract, LONG_ACCESS_SECONDS, PasswordPolicy, Purpose, RefreshForm, Rotation, Weakening,
};
use domain::input::Input;
use domain::shape::Slot;
use domain::token::Algorithm;
use http::Method;
use std::collections::HashSet;

/// Notes everything that does not fit together.
pub fn check(dialect: &Dialect, root: &Section<'_>) {
    if dialect.routes.is_empty() {
        root.fault(format!("a dialect of language {LANGUAGE} needs at least one [[route]]"));
    }
    if !dialect.refuse.contains_key("default") {
        root.fault("[refuse.default] is missing: the answer where no other one is written");
    }
    let mut names = HashSet::new();
    if let Some(RefreshForm::Jwt { claims }) = dialect.contract.refresh.as_ref().map(|plan| &plan.form)
        && claims.token_id.is_none()
    {
        root.fault("claims of a refresh token need \"{token.id}\" or \"{token.uuid}\": without it no session is found");
    }
    for route in &dialect.routes {
        if !names.insert(route.name.as_str()) {
            fault(root, route, format!("the name `{}` is used twice; give each route a `name`", route.name));
        }
        check_purpose(dialect, route, root);
        if route.method == Method::GET && !route.verb.only_looks() {
            let message = format!("`{}` changes something, so it can not be asked by GET", route.verb.name());
            fault(root, route, message);
        }
        check_inputs(route, root);
        check_answers(dialect, route, root);
        check_path(route, root);
    }
    check_twins(dialect, root);
    check_weakenings(dialect, root);
    crate::factors::check_ways(dialect, root);
}

fn fault(root: &Section<'_>, route: &Route, message: String) {
    root.faults().at_line(route.line, message);
}

/// Inputs that a verb can use, and those it can not do without.
fn inputs_of(verb: Verb) -> (&'static [Input], &'static [&'static [Input]]) {
    use Input::*;
    const ANYONE: &[Input] = &[Email, Username, Login];
    match verb {
        Verb::SignUp => (
            &[
                Email,
                Username,
                Password,
                PasswordConfirmation,
                FirstName,
                LastName,
                PhoneNumber,
                Avatar,
                Attribute,
            ],
            &[&[Email, Username], &[Password]],
        ),
        Verb::SignIn => (&[Email, Username, Login, Password, Otp], &[ANYONE, &[Password]]),
        Verb::Refresh => (&[Refresh], &[&[Refresh]]),
        Verb::SignOut => (&[Refresh, Access], &[]),
        Verb::SignOutEverywhere | Verb::ListSessions | Verb::EndOtherSessions | Verb::WhoAmI => (&[], &[]),
        Verb::EndSession => (&[SessionId], &[&[SessionId]]),
        Verb::Reauthenticate => (&[Password, Otp], &[&[Password]]),
        Verb::AnswerFactor => (&[HalfWay, Otp], &[&[HalfWay], &[Otp]]),
        Verb::EnrolFactor => (&[HalfWay, Password, Otp], &[&[HalfWay, Password]]),
        Verb::ConfirmFactor => (&[HalfWay, Otp], &[&[Otp]]),
        Verb::ShowFactor => (&[], &[]),
        Verb::MakeRecoveryCodes | Verb::RemoveFactor => (&[Password, Otp], &[&[Password], &[Otp]]),
        Verb::VerifyToken => (&[Token], &[]),
        Verb::UpdateProfile => {
            (&[UserId, Email, Username, FirstName, LastName, PhoneNumber, Avatar, Attribute], &[])
        }
        Verb::SetAvatar => (&[UserId, Avatar], &[&[Avatar]]),
        Verb::ChangePassword => {
            (&[CurrentPassword, NewPassword, PasswordConfirmation], &[&[CurrentPassword], &[NewPassword]])
        }
        Verb::DeleteAccount => (&[UserId, Password], &[]),
        Verb::CheckEmail | Verb::RequestVerification => (&[Email], &[&[Email]]),
        Verb::VerifyEmail | Verb::ConfirmEmail => (&[Token, Password], &[&[Token]]),
        Verb::RequestReset => (ANYONE, &[ANYONE]),
        Verb::ResetPassword => (&[Token, NewPassword, PasswordConfirmation], &[&[Token], &[NewPassword]]),
        Verb::ChangeEmail => (&[Email, Password], &[&[Email], &[Password]]),
        Verb::UndoEmail => (&[Token], &[&[Token]]),
        Verb::Admin(verb) => inputs_of_admin(verb),
    }
}

fn inputs_of_admin(verb: AdminVerb) -> (&'static [Input], &'static [&'static [Input]]) {
    use Input::*;
    const PERSON: &[Input] = &[UserId, Email, Username, FirstName, LastName, PhoneNumber];
    match verb {
        AdminVerb::Bootstrap => (&[Token, Email, Password], &[&[Token], &[Email], &[Password]]),
        AdminVerb::ListUsers => (&[Search, Role, Status, Limit, Cursor], &[]),
        AdminVerb::CreateUser => {
            (&[Email, Username, FirstName, LastName, PhoneNumber, Role], &[&[Email, Username]])
        }
        AdminVerb::EditUser => (PERSON, &[&[UserId]]),
        AdminVerb::SetRole => (&[UserId, Role, Permissions], &[&[UserId], &[Role, Permissions]]),
        AdminVerb::SetStatus => (&[UserId, Status], &[&[UserId], &[Status]]),
        AdminVerb::EndSession => (&[UserId, SessionId], &[&[UserId], &[SessionId]]),
        AdminVerb::ListEvents => (&[UserId, Limit, Cursor], &[&[UserId]]),
        AdminVerb::ShowUser
        | AdminVerb::DeleteUser
        | AdminVerb::ListSessions
        | AdminVerb::EndSessions
        | AdminVerb::ClearLimits
        | AdminVerb::StartReset
        | AdminVerb::FactorsOff => (&[UserId], &[&[UserId]]),
        AdminVerb::ListKeys => (&[], &[]),
        AdminVerb::CreateKey => (&[Name, Scopes, Days], &[&[Name], &[Scopes], &[Days]]),
        AdminVerb::RevokeKey => (&[Key], &[&[Key]]),
    }
}

/// Which verbs a contract may speak: those of users, or those of administrators with what a session needs.
fn check_purpose(dialect: &Dialect, route: &Route, root: &Section<'_>) {
    let fits = match (dialect.contract.purpose, route.verb) {
        (Purpose::Application, verb) => !matches!(verb, Verb::Admin(_)),
        (Purpose::Administration, verb) => {
            !matches!(verb, Verb::SignUp | Verb::CheckEmail | Verb::DeleteAccount | Verb::UpdateProfile)
        }
    };
    if !fits {
        let message = match dialect.contract.purpose {
            Purpose::Application => "is for administrators: the file needs `purpose = \"administration\"`",
            Purpose::Administration => {
                "is for the users of an application, not for `purpose = \"administration\"`"
            }
        };
        fault(root, route, format!("`{}` {message}", route.verb.name()));
    }
}

fn check_inputs(route: &Route, root: &Section<'_>) {
    let (usable, needed) = inputs_of(route.verb);
    for take in &route.takes {
        if take.input != Input::Ignored && !usable.contains(&take.input) {
            let names: Vec<&str> = usable.iter().map(|input| input.name()).collect();
            let message = format!(
                "`{}` can not take `{}`; it takes {}",
                route.verb.name(),
                take.input.name(),
                if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
            );
            fault(root, route, message);
        }
        for check in &take.checks {
            if let Check::Equals(other) = check
                && route.take(*other).is_none()
            {
                fault(
                    root,
                    route,
                    format!("`equals` names `{}`, which the route does not take", other.name()),
                );
            }
        }
    }
    for alternatives in needed {
        if !alternatives.iter().any(|input| route.take(*input).is_some()) {
            let names: Vec<&str> = alternatives.iter().map(|input| input.name()).collect();
            fault(root, route, format!("`{}` must take {}", route.verb.name(), names.join(" or ")));
        }
    }
}

fn check_path(route: &Route, root: &Section<'_>) {
    let parameters: HashSet<&str> =
        route.path.segments.iter().filter_map(|segment| segment.parameter.as_deref()).collect();
    let mut taken = HashSet::new();
    for place in route.takes.iter().flat_map(|take| &take.places) {
        if let Place::Path(name) = place {
            taken.insert(name.as_str());
            if !parameters.contains(name.as_str()) {
                fault(root, route, format!("the path has no parameter {{{name}}}"));
            }
        }
    }
    for name in parameters.difference(&taken) {
        fault(root, route, format!("nothing takes the path parameter {{{name}}}"));
    }
}

/// Two routes on one path and method need something that tells them apart.
fn check_twins(dialect: &Dialect, root: &Section<'_>) {
    for (index, route) in dialect.routes.iter().enumerate() {
        let twin = dialect.routes[..index].iter().find(|other| {
            other.method == route.method && other.path.key() == route.path.key() && other.when == route.when
        });
        if let Some(twin) = twin {
            let message = format!(
                "`{}` answers the same requests as `{}`; tell them apart with `when`",
                route.name, twin.name
            );
            fault(root, route, message);
        }
    }
}

fn check_answers(dialect: &Dialect, route: &Route, root: &Section<'_>) {
    let answers = route.cases.values().chain([&route.give]);
    for slot in answers.flat_map(Said::slots) {
        if let Some(why) = not_in_answer(dialect, route.verb, slot) {
            fault(root, route, format!("`give` of `{}` can not say {}: {why}", route.name, slot_text(slot)));
        }
    }
    for (_, said) in route.cases.iter().filter(|(case, _)| *case == "pending") {
        if said.slots().into_iter().any(is_personal) {
            fault(
                root,
                route,
                "`case.pending` tells nothing of a user or a token: there may be none".to_owned(),
            );
        }
    }
}

/// Why a refusal can not say a slot.
pub fn not_in_refusal(slot: &Slot) -> Option<&'static str> {
    if is_personal(slot) {
        return Some("a refusal tells nothing of a user or a token");
    }
    match slot {
        Slot::Issued | Slot::Expires | Slot::TokenId | Slot::TokenUuid => Some("it belongs into claims"),
        Slot::Ended
        | Slot::Sessions
        | Slot::Exists
        | Slot::AskedEmail
        | Slot::Claims
        | Slot::Users
        | Slot::Keys
        | Slot::Events
        | Slot::KeySecret
        | Slot::Total
        | Slot::Next => Some("it belongs to a yes"),
        slot if slot.is_of_key() || slot.is_of_event() || slot.is_of_session() => Some("it belongs to a yes"),
        Slot::Field | Slot::Label | Slot::Limit | Slot::Got | Slot::Message | Slot::Rule | Slot::Place => {
            Some("it belongs into messages")
        }
        _ => None,
    }
}

fn is_personal(slot: &Slot) -> bool {
    slot.is_of_user() || is_token(slot)
}

fn is_token(slot: &Slot) -> bool {
    use Slot::*;
    matches!(slot, Access | AccessExpiresIn | AccessExpiresAt | AccessIssuedAt | Csrf)
        || is_refresh(slot)
        || is_factor(slot)
}

/// What is shown once, and the state of a factor.
fn is_factor(slot: &Slot) -> bool {
    factor_verbs(slot).is_some()
}

/// The verbs that can say a slot about second factors.
fn factor_verbs(slot: &Slot) -> Option<&'static [Verb]> {
    match slot {
        Slot::HalfWay | Slot::HalfWayExpiresIn => Some(&[Verb::SignIn, Verb::SignUp]),
        Slot::FactorSecret | Slot::FactorUri | Slot::FactorQr => Some(&[Verb::EnrolFactor]),
        Slot::RecoveryCodes => Some(&[Verb::ConfirmFactor, Verb::MakeRecoveryCodes]),
        Slot::FactorOn
        | Slot::FactorSince
        | Slot::FactorPending
        | Slot::FactorLocked
        | Slot::FactorRecoveryLeft => Some(&[Verb::ShowFactor]),
        _ => None,
    }
}

fn is_refresh(slot: &Slot) -> bool {
    matches!(slot, Slot::Refresh | Slot::RefreshExpiresIn | Slot::RefreshExpiresAt)
}

const ADMIN_USERS: Verb = Verb::Admin(AdminVerb::ListUsers);
const ADMIN_SESSIONS: Verb = Verb::Admin(AdminVerb::ListSessions);
const ADMIN_KEYS: Verb = Verb::Admin(AdminVerb::ListKeys);
const ADMIN_EVENTS: Verb = Verb::Admin(AdminVerb::ListEvents);
const ADMIN_NEW_KEY: Verb = Verb::Admin(AdminVerb::CreateKey);

fn not_of_admin(verb: Verb, slot: &Slot) -> Option<&'static str> {
    match slot {
        Slot::Users if verb != ADMIN_USERS => Some("only admin_list_users lists users"),
        Slot::Events if verb != ADMIN_EVENTS => Some("only admin_list_events lists events"),
        Slot::Next if ![ADMIN_USERS, ADMIN_EVENTS].contains(&verb) => {
            Some("only lists that come in pages have it")
        }
        Slot::Keys if verb != ADMIN_KEYS => Some("only admin_list_keys lists keys"),
        Slot::Total if ![ADMIN_USERS, ADMIN_KEYS].contains(&verb) => {
            Some("only admin_list_users and admin_list_keys count")
        }
        Slot::KeySecret if verb != ADMIN_NEW_KEY => Some("only admin_create_key has it"),
        slot if slot.is_of_key() && verb != ADMIN_NEW_KEY => {
            Some("it belongs into a list of keys: {keys|each:SHAPE}")
        }
        slot if slot.is_of_event() => Some("it belongs into a list of events: {events|each:SHAPE}"),
        _ => None,
    }
}

fn shows_user(verb: Verb) -> bool {
    !matches!(
        verb,
        Verb::SignOut
            | Verb::SignOutEverywhere
            | Verb::Reauthenticate
            | Verb::ListSessions
            | Verb::EndSession
            | Verb::EndOtherSessions
            | Verb::DeleteAccount
            | Verb::CheckEmail
            | Verb::EnrolFactor
            | Verb::ShowFactor
            | Verb::MakeRecoveryCodes
            | Verb::RemoveFactor
            | Verb::RequestVerification
            | Verb::VerifyEmail
            | Verb::RequestReset
            | Verb::ResetPassword
            | Verb::ChangeEmail
            | Verb::ConfirmEmail
            | Verb::UndoEmail
            | Verb::Admin(
                AdminVerb::ListUsers
                    | AdminVerb::DeleteUser
                    | AdminVerb::ListSessions
                    | AdminVerb::EndSession
                    | AdminVerb::EndSessions
                    | AdminVerb::ClearLimits
                    | AdminVerb::StartReset
                    | AdminVerb::FactorsOff
                    | AdminVerb::ListEvents
                    | AdminVerb::ListKeys
                    | AdminVerb::CreateKey
                    | AdminVerb::RevokeKey
            )
    )
}

fn not_in_answer(dialect: &Dialect, verb: Verb, slot: &Slot) -> Option<&'static str> {
    let shows_user = shows_user(verb);
    let gives_tokens = matches!(
        verb,
        Verb::SignUp | Verb::SignIn | Verb::Refresh | Verb::AnswerFactor | Verb::ConfirmFactor
    );
    if is_refresh(slot) && dialect.contract.refresh.is_none() {
        return Some("the dialect has no [tokens.refresh]");
    }
    if let Some(verbs) = factor_verbs(slot) {
        return (!verbs.contains(&verb)).then_some("the verb does not know it");
    }
    if is_token(slot) && !gives_tokens {
        return Some("the verb gives no tokens");
    }
    if is_personal(slot) && !shows_user {
        return Some("the verb shows no user");
    }
    if let Some(why) = not_of_admin(verb, slot) {
        return Some(why);
    }
    match slot {
        Slot::Issued | Slot::Expires | Slot::TokenId | Slot::TokenUuid => Some("it belongs into claims"),
        Slot::Sessions if ![Verb::ListSessions, ADMIN_SESSIONS].contains(&verb) => {
            Some("only list_sessions lists them")
        }
        slot if slot.is_of_session() => Some("it belongs into a list of sessions: {sessions|each:SHAPE}"),
        Slot::Ended
            if !matches!(
                verb,
                Verb::SignOutEverywhere | Verb::EndOtherSessions | Verb::Admin(AdminVerb::EndSessions)
            ) =>
        {
            Some("only verbs that end several sessions count them")
        }
        Slot::Exists | Slot::AskedEmail if verb != Verb::CheckEmail => Some("only check_email knows it"),
        Slot::Claims if verb != Verb::VerifyToken => Some("only verify_token shows claims"),
        Slot::Code
        | Slot::Reason
        | Slot::Flaws
        | Slot::FirstMessage
        | Slot::RetryAfter
        | Slot::MediaType
        | Slot::Claim
        | Slot::JsonType => Some("it belongs to refusals"),
        Slot::FaultId => Some("it belongs to refuse.fault"),
        Slot::Field | Slot::Label | Slot::Limit | Slot::Got | Slot::Message | Slot::Rule | Slot::Place => {
            Some("it belongs into messages")
        }
        _ => None,
    }
}

fn refresh_claims(contract: &Contract) -> Option<&ClaimsPlan> {
    match contract.refresh.as_ref().map(|plan| &plan.form) {
        Some(RefreshForm::Jwt { claims }) => Some(claims),
        Some(RefreshForm::Opaque) | None => None,
    }
}

/// Weaker behaviour must be named, and what is named must be there (SEC-113).
fn check_weakenings(dialect: &Dialect, root: &Section<'_>) {
    let contract = &dialect.contract;
    let verb = |verb: Verb| dialect.routes.iter().any(|route| route.verb == verb);
    let says = |code: &str| {
        dialect.refuse.contains_key(code)
            || dialect
                .routes
                .iter()
                .any(|route| route.verb == Verb::SignIn && route.refuse.contains_key(code))
    };
    let shows_ids = dialect.routes.iter().any(|route| route.give.slots().contains(&&Slot::UserId))
        || contract.access.claims.shape.slots().contains(&&Slot::UserId)
        || refresh_claims(contract).is_some_and(|claims| claims.shape.slots().contains(&&Slot::UserId));
    let native = &PasswordPolicy::NATIVE;
    let facts = [
        (Weakening::TellsUnknownUser, says("unknown_user")),
        (Weakening::TellsTaken, verb(Verb::SignUp)),
        (Weakening::TellsEmailExists, verb(Verb::CheckEmail)),
        (
            Weakening::WeakPasswords,
            contract.passwords.min_length < native.min_length || !contract.passwords.refuse_common,
        ),
        (Weakening::ShortPasswords, contract.passwords.min_length < PasswordPolicy::LEAST),
        (Weakening::SharedSecret, contract.access.algorithm == Algorithm::HS256),
        (
            Weakening::NoRotation,
            contract.refresh.as_ref().is_some_and(|plan| plan.rotation == Rotation::Keep),
        ),
        (Weakening::LongAccess, contract.access.lifetime_seconds > LONG_ACCESS_SECONDS),
        (Weakening::NoSessionInAccess, contract.access.claims.token_id.is_none()),
        (Weakening::IntegerIds, shows_ids),
        (
            Weakening::TellsAccountState,
            says("account_inactive") || says("account_suspended") || says("email_unverified"),
        ),
    ];
    for (weakening, is_there) in facts {
        let is_named = contract.weakenings.contains(&weakening);
        if is_there && !is_named {
            root.fault(format!(
                "the contract asks for weaker behaviour; name \"{}\" under `weaker`",
                weakening.name()
            ));
        }
        if is_named && !is_there {
            root.fault(format!(
                "`weaker` names \"{}\", but nothing in the file asks for it",
                weakening.name()
            ));
        }
    }
}
