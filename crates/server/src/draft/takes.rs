//! Which inputs does a route take, from where, and which of them must be there?

#![expect(clippy::wildcard_enum_match_arm, reason = "what fits no line of the table is not taken")]

use super::people::{People, Person, credentials, input, inputs, last};
use super::routes::Endpoint;
use super::sketch::Take;
use super::words::{self, Field};
use crate::record::exchange::{Exchange, Recording, is_json, media};
use crate::record::parts;
use domain::command::Verb;
use serde_json::Value;
use std::collections::BTreeSet;

/// The inputs of a route, and those of which one must be there.
pub fn takes(
    endpoint: &Endpoint,
    verb: Verb,
    recording: &Recording,
    people: &People,
) -> (Vec<Take>, Vec<String>) {
    let all: Vec<&Exchange> = endpoint.all.iter().map(|at| &recording.exchanges[*at]).collect();
    let goods: Vec<&Exchange> = all.iter().copied().filter(|one| one.answered.is_good()).collect();
    let mut names: Vec<String> = Vec::new();
    for name in goods.iter().flat_map(|one| inputs(one)).map(|(name, _)| name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut takes: Vec<Take> = path_takes(endpoint, verb);
    for name in &names {
        if let Some(take) = take(name, verb, &goods, &all, people)
            && !takes.iter().any(|known: &Take| known.input == take.input)
        {
            takes.push(take);
        }
    }
    made_username(verb, &goods, endpoint, recording, people, &mut takes);
    refresh_cookie(verb, &goods, people, &mut takes);
    let any = alternatives(verb, &mut takes);
    (takes, any)
}

/// `{id}` of the path.
fn path_takes(endpoint: &Endpoint, verb: Verb) -> Vec<Take> {
    let input = match verb {
        Verb::UpdateProfile | Verb::SetAvatar | Verb::DeleteAccount => "user_id",
        Verb::EndSession => "session_id",
        Verb::VerifyEmail | Verb::ResetPassword => "token",
        _ => return Vec::new(),
    };
    if !endpoint.path.contains("{id}") {
        return Vec::new();
    }
    let from = "path.id".to_owned();
    vec![Take { input: input.to_owned(), from, required: true, ..Take::default() }]
}

fn values<'a>(name: &'a str, exchanges: &'a [&'a Exchange]) -> impl Iterator<Item = Option<Value>> + 'a {
    exchanges
        .iter()
        .map(move |one| inputs(one).into_iter().find(|(known, _)| known == name).map(|(_, value)| value))
}

fn take(name: &str, verb: Verb, goods: &[&Exchange], all: &[&Exchange], people: &People) -> Option<Take> {
    let seen: Vec<Option<Value>> = values(name, goods).collect();
    let texts: Vec<String> = seen.iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let word = input_word(name, verb, &texts, people)?;
    let place = if word == "avatar" && has_file(name, goods) { "form" } else { "body" };
    let mut take = Take { input: word.clone(), from: format!("{place}.{name}"), ..Take::default() };
    if word == "avatar" {
        take.required = verb == Verb::SetAvatar;
        return Some(take);
    }
    let always =
        seen.iter().all(|value| value.as_ref().is_some_and(|value| !value.is_null() && *value != ""));
    let is_key =
        ["password", "email", "username", "login", "refresh", "token", "current_password", "new_password"];
    let refused = is_missed(name, all, goods);
    take.required = always && !word.starts_with("ignored.") && (refused || is_key.contains(&word.as_str()));
    if take.required && !refused {
        take.notes.push("guessed: no request without it was refused in the recording".to_owned());
    }
    if seen.iter().flatten().any(Value::is_number) {
        take.keys.push(("type", "\"text_or_number\"".to_owned()));
    }
    if word.starts_with("attribute.") {
        attribute_type(&seen, &mut take);
    }
    if seen.iter().flatten().any(Value::is_null) || (!take.required && verb == Verb::SignIn) {
        let clears = verb == Verb::UpdateProfile || verb == Verb::SignUp;
        let clears = clears && !["email", "username", "password"].contains(&word.as_str());
        take.keys.push(("null", if clears { "\"clear\"" } else { "\"absent\"" }.to_owned()));
    }
    if word == "password_confirmation" {
        let of = if verb == Verb::SignUp { "password" } else { "new_password" };
        take.keys.push(("equals", format!("\"{of}\"")));
    }
    if word == "email" && verb == Verb::SignUp {
        take.keys.push(("format", "\"email\"".to_owned()));
    }
    Some(take)
}

fn attribute_type(seen: &[Option<Value>], take: &mut Take) {
    let kind = match seen.iter().flatten().find(|value| !value.is_null()) {
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(number)) if number.is_i64() => "integer",
        Some(Value::Number(_)) => "number",
        Some(Value::Array(_)) => "list",
        Some(Value::Object(_)) => "object",
        Some(Value::String(_) | Value::Null) | None => return,
    };
    take.keys.retain(|(key, _)| *key != "type");
    take.keys.push(("type", format!("\"{kind}\"")));
}

fn has_file(name: &str, goods: &[&Exchange]) -> bool {
    let all =
        goods.iter().flat_map(|one| parts::multipart(&one.asked.fields, &one.asked.body).unwrap_or_default());
    let mut files = all.filter(|part| part.file.is_some());
    files.any(|part| part.name == name) && goods.iter().all(|one| !is_json(&media(&one.asked.fields)))
}

/// Whether a request without this input was refused.
fn is_missed(name: &str, all: &[&Exchange], goods: &[&Exchange]) -> bool {
    let without = |one: &&&Exchange| {
        let found = inputs(one).into_iter().find(|(known, _)| known == name);
        found.is_none_or(|(_, value)| value.is_null() || value == "")
    };
    let refused = all.iter().filter(|one| matches!(one.answered.status, 400 | 401 | 422));
    refused.filter(without).count() > 0 && goods.iter().filter(without).count() == 0
}

/// The input of a verb that a name stands for.
fn input_word(name: &str, verb: Verb, texts: &[String], people: &People) -> Option<String> {
    let token = texts.iter().find_map(|text| people.tokens.get(text));
    match (verb, token) {
        (Verb::Refresh | Verb::SignOut, Some(given)) if given.is_refresh => {
            return Some("refresh".to_owned());
        }
        (Verb::SignOut, Some(_)) => return Some(format!("ignored.{}", last(name))),
        (Verb::VerifyToken, Some(_)) => return Some("token".to_owned()),
        _ => {}
    }
    let field = words::field(last(name));
    let word = match (field, verb) {
        (Some(Field::Refresh | Field::Token), Verb::Refresh) => "refresh",
        (Some(Field::Refresh | Field::Token), Verb::SignOut) => "refresh",
        (Some(Field::Token | Field::Access), Verb::VerifyToken | Verb::ResetPassword | Verb::VerifyEmail) => {
            "token"
        }
        (Some(Field::Password), Verb::ResetPassword | Verb::ChangePassword) => "new_password",
        (Some(Field::Email | Field::Username | Field::Login), Verb::SignIn | Verb::RequestReset) => {
            return Some(who_word(field, texts).to_owned());
        }
        (Some(field), verb) => return plain_word(field, verb).map(str::to_owned),
        (None, Verb::SignUp | Verb::UpdateProfile) => {
            let attribute = format!("user.attribute.{}", last(name));
            let is_known = people.list.iter().any(|person: &Person| person.facts.contains_key(&attribute));
            return is_known.then(|| format!("attribute.{}", last(name)));
        }
        (None, _) => return None,
    };
    Some(word.to_owned())
}

/// Whether one field holds addresses, user names, or either.
fn who_word(field: Option<Field>, texts: &[String]) -> &'static str {
    let addresses = texts.iter().filter(|text| text.contains('@')).count();
    match field {
        Some(Field::Email) => "email",
        Some(Field::Login) => "login",
        _ if addresses == 0 => "username",
        _ => "login",
    }
}

/// The input of a verb that a field is by its name alone; none when the verb can not take it.
pub fn plain_word(field: Field, verb: Verb) -> Option<&'static str> {
    let profile = matches!(verb, Verb::SignUp | Verb::UpdateProfile);
    let word = match field {
        Field::Email => "email",
        Field::Username | Field::Login => "username",
        Field::Password => "password",
        Field::Confirmation => "password_confirmation",
        Field::CurrentPassword => "current_password",
        Field::NewPassword => "new_password",
        Field::FirstName => "first_name",
        Field::LastName => "last_name",
        Field::Phone => "phone_number",
        Field::Avatar => "avatar",
        Field::Otp => "otp",
        Field::Refresh | Field::Access | Field::Token => return None,
    };
    let fits = match verb {
        Verb::SignUp => !["current_password", "new_password", "otp"].contains(&word),
        Verb::UpdateProfile => profile && !word.contains("password") && word != "otp",
        Verb::SignIn => matches!(word, "password" | "otp"),
        Verb::ChangePassword | Verb::ResetPassword => word.contains("password") && word != "password",
        Verb::SetAvatar => word == "avatar",
        Verb::DeleteAccount => word == "password",
        Verb::Reauthenticate => matches!(word, "password" | "otp"),
        Verb::CheckEmail | Verb::RequestVerification => word == "email",
        _ => false,
    };
    fits.then_some(word)
}

/// A user name that the application made of the names when none was sent.
fn made_username(
    verb: Verb,
    goods: &[&Exchange],
    endpoint: &Endpoint,
    recording: &Recording,
    people: &People,
    takes: &mut Vec<Take>,
) {
    if verb != Verb::SignUp {
        return;
    }
    let without = endpoint.all.iter().filter(|at| {
        let one = &recording.exchanges[**at];
        one.answered.is_good() && input(one, Field::Username).is_none()
    });
    let made = without.filter_map(|at| {
        let part = |slot: &str| people.facts(*at)?.get(slot)?.as_str().map(str::to_lowercase);
        let (first, last) = (part("user.first_name")?, part("user.last_name")?);
        let name = part("user.username")?;
        ["_", ".", "-", ""].into_iter().find(|with| format!("{first}{with}{last}") == name)
    });
    let found: BTreeSet<&str> = made.collect();
    if let Some(with) = found.into_iter().next() {
        let default =
            format!("{{ join = [\"first_name\", \"last_name\"], with = \"{with}\", case = \"lower\" }}");
        let known = takes.iter().position(|take| take.input == "username");
        let at = known.unwrap_or_else(|| {
            takes.push(Take { input: "username".into(), from: "body.username".into(), ..Take::default() });
            takes.len() - 1
        });
        takes[at].required = false;
        takes[at].keys.retain(|(key, _)| *key != "null");
        takes[at].keys.extend([
            ("null", "\"absent\"".into()),
            ("blank", "\"absent\"".into()),
            ("default", default),
        ]);
        takes[at].notes =
            vec![format!("made of the names when it is not sent, as in {} answers", goods.len())];
    }
}

/// A refresh token that travels in a cookie.
fn refresh_cookie(verb: Verb, goods: &[&Exchange], people: &People, takes: &mut Vec<Take>) {
    if verb != Verb::Refresh || takes.iter().any(|take| take.input == "refresh") {
        return;
    }
    for one in goods {
        let cookies = crate::record::exchange::field(&one.asked.fields, "cookie")
            .map(parts::cookies)
            .unwrap_or_default();
        let found = cookies
            .into_iter()
            .find(|(_, value)| people.tokens.get(value).is_some_and(|given| given.is_refresh));
        if let Some((name, _)) = found {
            takes.push(Take { input: "refresh".into(), from: format!("cookie.{name}"), ..Take::default() });
            return;
        }
        if let Some(at) = credentials(one)
            .iter()
            .position(|text| people.tokens.get(text).is_some_and(|given| given.is_refresh))
            && at == 0
        {
            let keys = vec![("scheme", "\"Bearer\"".to_owned())];
            takes.push(Take {
                input: "refresh".into(),
                from: "header.Authorization".into(),
                keys,
                ..Take::default()
            });
            return;
        }
    }
}

/// Several names of which one is enough.
fn alternatives(verb: Verb, takes: &mut [Take]) -> Vec<String> {
    if !matches!(verb, Verb::SignIn | Verb::RequestReset) {
        return Vec::new();
    }
    let who = |take: &&mut Take| ["email", "username", "login"].contains(&take.input.as_str());
    let mut found: Vec<&mut Take> = takes.iter_mut().filter(who).collect();
    if found.len() < 2 || found.iter().any(|take| take.required) {
        if let [one] = found.as_mut_slice() {
            one.required = true;
            one.keys.retain(|(key, _)| *key != "null");
        }
        return Vec::new();
    }
    for take in &mut found {
        take.keys.retain(|(key, _)| *key != "null");
        take.keys.extend([("null", "\"absent\"".to_owned()), ("blank", "\"absent\"".to_owned())]);
    }
    found.iter().map(|take| take.input.clone()).collect()
}
