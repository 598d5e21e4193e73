//! Who is it that an answer of the old application is about?

use crate::http::speak::Mount;
use dialect::Told;
use domain::command::{Login, SignUp, UpdateProfile};
use domain::contract::{Contract, UserClaim};
use domain::id::UserId;
use domain::rule::bearer::{self, Named};
use domain::time::Moment;
use engine::Shown;

/// So much later than a request its answer's token can be issued, in milliseconds: more than `upstream_timeout` allows.
const AHEAD: i64 = 60_000;

/// What an answer says of its user, with whom its access token names. None: they name two different users, or the token is
/// none of this contract.
pub fn shown(mount: &Mount, told: &Told, now: Moment) -> Option<Shown> {
    let mut shown = Shown {
        id: told.id.map(UserId),
        uuid: told.uuid,
        username: told.username.clone().flatten(),
        email: told.email.clone().flatten(),
        email_verified: told.email_verified,
        first_name: told.first_name.clone(),
        last_name: told.last_name.clone(),
        phone_number: told.phone_number.clone(),
        avatar: told.avatar.clone(),
        created_at: told.created_at,
        attributes: told.attributes.clone(),
        ..Shown::default()
    };
    let Some(token) = &told.access else { return Some(shown) };
    let (contract, claims) = (&mount.contract, mount.keys.verify(token.expose()).ok()?);
    // `now` may be the moment at which the request came, and the other clock may be ahead of ours.
    let now = Moment::from_millis(now.millis().saturating_add(AHEAD));
    let same = match bearer::read(&claims, &contract.access.claims, contract, Some(now)).ok()?.user {
        Named::Id(id) => *shown.id.get_or_insert(UserId(id)) == UserId(id),
        Named::Uuid(uuid) => *shown.uuid.get_or_insert(uuid) == uuid,
        Named::Email(key) => {
            shown.email.get_or_insert_with(|| key.as_str().to_owned()).to_lowercase() == key.as_str()
        }
        Named::Username(key) => shown.username.get_or_insert_with(|| key.as_str().to_owned()) == key.as_str(),
    };
    same.then_some(shown)
}

/// Whether tokens of the contract can name this user: without the id that they carry, they would open the account of
/// whoever has it.
pub fn is_named(shown: &Shown, contract: &Contract) -> bool {
    match contract.access.claims.user.1 {
        UserClaim::Id => shown.id.is_some(),
        UserClaim::Uuid => shown.uuid.is_some(),
        UserClaim::Email | UserClaim::Username => true,
    }
}

/// Adds the identifier that was typed, where the answer does not say it.
pub fn with_login(mut shown: Shown, login: &Login) -> Shown {
    let (email, username) = match login {
        Login::Email(text) => (Some(text), None),
        Login::Username(text) => (None, Some(text)),
        Login::Either(text) if text.contains('@') => (Some(text), None),
        Login::Either(text) => (None, Some(text)),
    };
    if shown.email.is_none() && shown.username.is_none() {
        (shown.email, shown.username) = (email.cloned(), username.cloned());
    }
    shown
}

/// Adds what was typed at the sign-up, where the answer does not say it.
pub fn with_request(mut shown: Shown, request: &SignUp) -> Shown {
    shown.username = shown.username.or_else(|| request.username.clone());
    shown.email = shown.email.or_else(|| request.email.clone());
    shown.first_name.get_or_insert_with(|| request.first_name.clone());
    shown.last_name.get_or_insert_with(|| request.last_name.clone());
    shown.phone_number.get_or_insert_with(|| request.phone_number.clone());
    for (name, value) in &request.attributes {
        shown.typed.entry(name.clone()).or_insert_with(|| value.clone());
    }
    shown
}

/// Adds what was typed at a change of the profile, where the answer does not say it.
pub fn with_edit(mut shown: Shown, request: &UpdateProfile) -> Shown {
    shown.username = shown.username.or_else(|| request.username.clone());
    shown.email = shown.email.or_else(|| request.email.clone());
    shown.first_name = shown.first_name.or_else(|| request.first_name.clone());
    shown.last_name = shown.last_name.or_else(|| request.last_name.clone());
    shown.phone_number = shown.phone_number.or_else(|| request.phone_number.clone());
    for (name, value) in &request.attributes {
        shown.typed.entry(name.clone()).or_insert_with(|| value.clone());
    }
    shown
}

/// Two answers about one user in one. None: they are about two.
pub fn merged(one: Shown, other: Shown) -> Option<Shown> {
    let same = |one: &Option<String>, other: &Option<String>| {
        one.as_ref().zip(other.as_ref()).is_none_or(|(one, other)| one.eq_ignore_ascii_case(other))
    };
    let ids = one.id.zip(other.id).is_none_or(|(one, other)| one == other)
        && one.uuid.zip(other.uuid).is_none_or(|(one, other)| one == other);
    let mut attributes = one.attributes;
    attributes.extend(other.attributes);
    let mut typed = one.typed;
    typed.extend(other.typed);
    (ids && same(&one.email, &other.email) && same(&one.username, &other.username)).then_some(Shown {
        id: one.id.or(other.id),
        uuid: one.uuid.or(other.uuid),
        username: one.username.or(other.username),
        email: one.email.or(other.email),
        email_verified: one.email_verified.or(other.email_verified),
        first_name: one.first_name.or(other.first_name),
        last_name: one.last_name.or(other.last_name),
        phone_number: one.phone_number.or(other.phone_number),
        avatar: one.avatar.or(other.avatar),
        created_at: one.created_at.or(other.created_at),
        attributes,
        typed,
    })
}

/// Whether the user can be the one who was typed.
pub fn fits(login: &Login, shown: &Shown) -> bool {
    let same =
        |typed: &str, said: Option<&String>| said.is_some_and(|said| said.eq_ignore_ascii_case(typed.trim()));
    match login {
        Login::Email(typed) => shown.email.is_none() || same(typed, shown.email.as_ref()),
        Login::Username(typed) => shown.username.is_none() || same(typed, shown.username.as_ref()),
        Login::Either(typed) => {
            let said = [shown.email.as_ref(), shown.username.as_ref()];
            said.iter().all(Option::is_none) || said.into_iter().any(|said| same(typed, said))
        }
    }
}
