//! Does a dialect that is read backwards tell what it was given to say, and nothing else?

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else it is, the test fails, or the verb shows no user"
)]

use bytes::Bytes;
use countersign_dialect::{Answer, Asked, Came, Dialect, Route, Told};
use domain::command::Verb;
use domain::input::{Flaw, Input, Rule};
use domain::limit::Throttle;
use domain::outcome::{Minted, Outcome, Tokens};
use domain::refusal::{REFUSAL_CODES, Refusal};
use domain::secret::Secret;
use domain::shape::Slot;
use domain::time::Moment;
use domain::user::{Status, User};
use http::{HeaderValue, Response, StatusCode, header};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::LazyLock;

const NOW: Moment = Moment::from_millis(1_710_080_400_000);

/// All built-in dialects.
static DIALECTS: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dialects");
    let read = |name: &str| std::fs::read_to_string(folder.join(name).join("dialect.toml"));
    let library = |name: &str| read(name).map_err(|error| error.to_string());
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    let load = |name: &str| Dialect::parse_with(&read(name).unwrap(), &library).unwrap();
    names.map(|name| load(name.to_str().unwrap())).collect()
});

fn asked(route: &Route) -> Asked<'_> {
    Asked {
        method: route.method.as_str(),
        path: "/some/path",
        allow: "POST, OPTIONS",
        now: NOW,
        issuer: "https://id.example",
        by_page: false,
    }
}

fn tokens(dialect: &Dialect) -> Tokens {
    let minted =
        |text: &str| Minted { token: Secret::new(text), issued_at: NOW, expires_at: NOW.plus_seconds(600) };
    let refresh = dialect.contract.refresh.as_ref().map(|_| minted("REFRESH"));
    Tokens { access: minted("ACCESS"), refresh, csrf: None, device: None }
}

/// The yes of a verb that shows a user.
fn outcome(dialect: &Dialect, verb: Verb, user: User) -> Option<Outcome> {
    let tokens = tokens(dialect);
    Some(match verb {
        Verb::SignIn | Verb::AnswerFactor => Outcome::SignedIn { user, tokens },
        Verb::SignUp => {
            Outcome::SignedUp { user, tokens: dialect.contract.sign_up_gives_tokens.then_some(tokens) }
        }
        Verb::Refresh => Outcome::Refreshed { user, tokens },
        Verb::WhoAmI => Outcome::Profile { user },
        Verb::UpdateProfile => Outcome::ProfileUpdated { user },
        Verb::SetAvatar => Outcome::AvatarSet { user },
        Verb::ChangePassword => Outcome::PasswordChanged { user },
        _ => return None,
    })
}

fn read(dialect: &Dialect, route: &Route, response: &Response<Bytes>) -> Answer {
    let (status, headers) = (response.status(), response.headers());
    dialect.read_answer(route, Came { status, headers, body: response.body() })
}

prop_compose! {
    fn user()(
        id in 1..i64::MAX, uuid in any::<u128>(), names in ("\\PC{0,12}", "\\PC{0,12}"),
        username in proptest::option::of("\\PC{1,12}"), email in proptest::option::of("[a-zA-Z0-9.]{1,9}@[a-z]{1,9}\\.org"),
        phone in proptest::option::of("\\+[0-9 ]{1,12}"), avatar in proptest::option::of("/[a-z/]{1,12}"),
        flags in any::<(bool, bool, bool)>(), role in "[a-z]{1,8}", permissions in proptest::collection::vec("[a-z_.]{1,9}", 0..4),
        moments in (0..4_000_000_000i64, proptest::option::of(0..4_000_000_000i64)), wins in any::<u32>(),
    ) -> User {
        User {
            id: domain::id::UserId(id),
            uuid: uuid::Uuid::from_u128(uuid),
            username,
            email,
            email_verified: flags.0,
            first_name: names.0,
            last_name: names.1,
            phone_number: phone,
            avatar,
            role,
            permissions,
            status: if flags.1 { Status::Active } else { Status::Inactive },
            second_factor: flags.2,
            attributes: Map::from_iter([("stats".to_owned(), json!({ "wins": wins })), ("is_staff".to_owned(), json!(true))]),
            last_login_at: moments.1.map(Moment::from_seconds),
            created_at: Moment::from_seconds(moments.0),
        }
    }
}

/// Whether a slot that the template shows was told as the user has it, and nothing was told that it does not show.
fn is_as_shown(told: &Told, user: &User, slots: &[&Slot]) {
    let shows = |slot: Slot| slots.contains(&&slot);
    assert_eq!(told.id, shows(Slot::UserId).then_some(user.id.0));
    assert_eq!(told.uuid, shows(Slot::UserUuid).then_some(user.uuid));
    assert_eq!(told.username, shows(Slot::UserUsername).then(|| user.username.clone()));
    assert_eq!(told.phone_number, shows(Slot::UserPhoneNumber).then(|| user.phone_number.clone()));
    assert_eq!(told.avatar, shows(Slot::UserAvatar).then(|| user.avatar.clone()));
    assert_eq!(told.first_name, shows(Slot::UserFirstName).then(|| user.first_name.clone()));
    assert_eq!(told.last_name, shows(Slot::UserLastName).then(|| user.last_name.clone()));
    assert_eq!(told.role, shows(Slot::UserRole).then(|| user.role.clone()));
    assert_eq!(told.permissions, shows(Slot::UserPermissions).then(|| user.permissions.clone()));
    let status = shows(Slot::UserStatus) || shows(Slot::UserActive);
    assert_eq!(told.status, status.then_some(user.status));
    assert_eq!(told.email_verified, shows(Slot::UserEmailVerified).then_some(user.email_verified));
    assert_eq!(told.second_factor, shows(Slot::UserSecondFactor).then_some(user.second_factor));
    assert_eq!(told.created_at, shows(Slot::UserCreatedAt).then_some(user.created_at));
    assert_eq!(told.last_login_at, shows(Slot::UserLastLoginAt).then_some(user.last_login_at));
    assert_eq!(told.email.is_some(), shows(Slot::UserEmail));
    if let Some(email) = &told.email {
        // Some contracts write it in lower case.
        let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
        assert_eq!(lower(email), lower(&user.email));
    }
    assert_eq!(told.access.is_some(), shows(Slot::Access));
    assert_eq!(told.refresh.is_some(), shows(Slot::Refresh));
    assert_eq!(
        told.attributes.contains_key("stats"),
        shows(Slot::UserAttribute("stats".to_owned())) || shows(Slot::UserAttributes)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_good_answer_shows_is_told_and_nothing_else(user in user()) {
        let mut count = 0;
        for dialect in DIALECTS.iter() {
            for route in &dialect.routes {
                let Some(outcome) = outcome(dialect, route.verb, user.clone()) else { continue };
                let response = dialect.say(Some(route), asked(route), Ok(&outcome));
                let place = format!("{} {}: {response:?}", dialect.name, route.name);
                let Answer::Given(told) = read(dialect, route, &response) else {
                    panic!("{place}: {:?}", read(dialect, route, &response));
                };
                assert_eq!(told.case, None, "{place}");
                let mut slots = route.give.slots();
                // A yes without a body shows nothing, whatever its template has.
                if response.body().is_empty() { slots.retain(|slot| matches!(slot, Slot::Access | Slot::Refresh)); }
                is_as_shown(&told, &user, &slots);
                count += 1;
            }
        }
        prop_assert!(count >= 20, "{count}");
    }
}

/// The refusal of a code, with the same details for all.
fn refusal(code: &str) -> Option<Refusal> {
    let flaws = || vec![Flaw::new(Input::Email, Rule::Taken)];
    let throttle = Throttle { policy: "sign_in", quota: 5, window: 60, seconds: 7 };
    Some(match code {
        "not_found" => Refusal::NotFound,
        "method_not_allowed" => Refusal::MethodNotAllowed(vec!["POST".to_owned()]),
        "not_acceptable" => Refusal::NotAcceptable,
        "unsupported_media_type" => Refusal::UnsupportedMediaType("array".to_owned()),
        "unsupported_charset" => Refusal::UnsupportedCharset("array".to_owned()),
        "payload_too_large" => Refusal::PayloadTooLarge,
        "malformed_body" => Refusal::MalformedBody("array".to_owned()),
        "not_an_object" => Refusal::NotAnObject("array"),
        "nothing_given" => Refusal::NothingGiven,
        "invalid_input" => Refusal::InvalidInput(flaws()),
        "taken" => Refusal::Taken(flaws()),
        "invalid_credentials" => Refusal::InvalidCredentials,
        "unknown_user" => Refusal::UnknownUser,
        "account_inactive" => Refusal::AccountInactive,
        "account_suspended" => Refusal::AccountSuspended,
        "email_unverified" => Refusal::EmailUnverified,
        "factor_required" => Refusal::FactorRequired,
        "factor_wrong" => Refusal::FactorWrong,
        "factor_locked" => Refusal::FactorLocked,
        "credentials_missing" => Refusal::CredentialsMissing,
        "credentials_malformed" => Refusal::CredentialsMalformed,
        "token_invalid" => Refusal::TokenInvalid,
        "token_expired" => Refusal::TokenExpired,
        "token_wrong_kind" => Refusal::TokenWrongKind,
        "token_claim_missing" => Refusal::TokenClaimMissing("array".to_owned()),
        "token_user_missing" => Refusal::TokenUserMissing,
        "token_user_unknown" => Refusal::TokenUserUnknown,
        "token_user_inactive" => Refusal::TokenUserInactive,
        "token_revoked" => Refusal::TokenRevoked,
        "token_reused" => Refusal::TokenReused,
        "link_invalid" => Refusal::LinkInvalid,
        "mail_off" => Refusal::MailOff,
        "not_yours" => Refusal::NotYours,
        "reauth_required" => Refusal::ReauthRequired,
        "cross_site" => Refusal::CrossSite,
        "not_permitted" => Refusal::NotPermitted,
        "last_administrator" => Refusal::LastAdministrator,
        "bootstrap_closed" => Refusal::BootstrapClosed,
        "throttled" => Refusal::Throttled(throttle),
        "overloaded" => Refusal::Overloaded(7),
        _ => return None,
    })
}

/// Whether two noes differ in nothing but what their details say.
fn is_said_alike(one: &Response<Bytes>, other: &Response<Bytes>) -> bool {
    let keys = |response: &Response<Bytes>| {
        let read: Option<Map<String, Value>> = serde_json::from_slice(response.body()).ok();
        read.map(|map| map.keys().cloned().collect::<Vec<_>>())
    };
    one.body() == other.body() || keys(one) == keys(other)
}

#[test]
fn a_no_is_read_as_a_code_that_is_said_in_the_same_words() {
    for dialect in DIALECTS.iter() {
        for route in &dialect.routes {
            for code in REFUSAL_CODES {
                let said = dialect.say(Some(route), asked(route), Err(&refusal(code).unwrap()));
                let place = format!("{} {} {code}: {said:?}", dialect.name, route.name);
                let (read, retry_after) = match read(dialect, route, &said) {
                    Answer::Refused { code, retry_after } => (code, retry_after),
                    other => panic!("{place}: {other:?}"),
                };
                let again = dialect.say(Some(route), asked(route), Err(&refusal(read).unwrap()));
                assert_eq!(said.status(), again.status(), "{place} as {read}");
                assert!(is_said_alike(&said, &again), "{place} as {read}: {again:?}");
                let Answer::Refused { code: twice, .. } = self::read(dialect, route, &again) else {
                    panic!("{place}")
                };
                assert_eq!(twice, read, "{place}");
                if matches!(code, "throttled" | "overloaded") {
                    assert_eq!(retry_after, Some(7), "{place}");
                }
            }
        }
    }
}

#[test]
fn a_sign_in_that_is_refused_is_read_as_what_a_sign_in_can_be_refused_for() {
    for dialect in DIALECTS.iter() {
        for route in dialect.routes.iter().filter(|route| route.verb == Verb::SignIn) {
            for code in ["invalid_credentials", "unknown_user", "account_inactive", "throttled", "overloaded"]
            {
                let said = dialect.say(Some(route), asked(route), Err(&refusal(code).unwrap()));
                let Answer::Refused { code: read, .. } = read(dialect, route, &said) else {
                    panic!("{code}")
                };
                let expected =
                    ["invalid_credentials", "unknown_user", "account_inactive", "throttled", "overloaded"];
                assert!(
                    expected.contains(&read),
                    "{} {}: {code} is read as {read}",
                    dialect.name,
                    route.name
                );
            }
        }
    }
}

fn dialect(name: &str) -> &'static Dialect {
    DIALECTS.iter().find(|dialect| dialect.name == name).unwrap()
}

fn sign_in(name: &str) -> (&'static Dialect, &'static Route) {
    let dialect = dialect(name);
    (dialect, dialect.routes.iter().find(|route| route.verb == Verb::SignIn).unwrap())
}

fn came(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A good answer of the password generator, changed.
fn good(change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let (dialect, route) = sign_in("password-generator");
    let user = User {
        id: domain::id::UserId(7),
        uuid: uuid::Uuid::nil(),
        username: Some("ann".to_owned()),
        email: Some("ann@example.org".to_owned()),
        email_verified: true,
        first_name: String::new(),
        last_name: String::new(),
        phone_number: None,
        avatar: None,
        role: "user".to_owned(),
        permissions: Vec::new(),
        status: Status::Active,
        second_factor: false,
        attributes: Map::new(),
        last_login_at: None,
        created_at: NOW,
    };
    let outcome = outcome(dialect, Verb::SignIn, user).unwrap();
    let said = dialect.say(Some(route), asked(route), Ok(&outcome));
    let mut map: Map<String, Value> = serde_json::from_slice(said.body()).unwrap();
    change(&mut map);
    Value::Object(map).to_string()
}

#[test]
fn what_is_neither_is_strange_and_says_why_without_what_was_sent() {
    let (dialect, route) = sign_in("password-generator");
    let user = |map: &mut Map<String, Value>, name: &str, value: Value| {
        map.get_mut("user").unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
    };
    let json = "application/json";
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let table = [
        (came(200, json, "{}"), "is missing"),
        (came(200, json, "SECRET"), "not JSON"),
        (came(200, json, "[]"), "of another type"),
        (came(200, json, ""), "no body"),
        (came(200, json, deep), "not JSON"),
        (came(200, json, "{\"a\":1,\"a\":2}"), "not JSON"),
        (came(200, json, vec![b' '; 1024 * 1024 + 1]), "longer than"),
        (came(200, "text/html", "<p>SECRET"), "neither JSON nor text"),
        (came(200, "text/html", good(|_| {})), "neither JSON nor text"),
        (came(302, json, ""), "302 in words"),
        (came(201, json, good(|_| {})), "status is 201"),
        (came(401, json, good(|_| {})), "401 in words"),
        (came(200, json, good(|map| user(map, "id", json!("SECRET")))), "{user.id} is of another type"),
        (came(200, json, good(|map| user(map, "id", json!(7.5)))), "{user.id} is of another type"),
        (came(200, json, good(|map| user(map, "id", Value::Null))), "{user.id} can not be this"),
        (
            came(200, json, good(|map| user(map, "email", json!(["SECRET"])))),
            "{user.email} is of another type",
        ),
        (came(200, json, good(|map| drop(map.remove("user")))), "`user`: it is missing"),
        (came(502, "text/html", "<h1>SECRET"), "neither JSON nor text"),
        (came(418, json, "{\"error\":\"SECRET\"}"), "418 in words"),
    ];
    for (response, expected) in table {
        match read(dialect, route, &response) {
            Answer::Strange(why) => {
                assert!(why.contains(expected), "{why} is not {expected}");
                assert!(!why.contains("SECRET"), "{why}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
    let mut packed = came(200, json, good(|_| {}));
    packed.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    assert!(matches!(read(dialect, route, &packed), Answer::Strange(why) if why.contains("compressed")));
}

#[test]
fn more_than_the_contract_says_is_passed_over_in_a_yes_and_another_answer_in_a_no() {
    let (dialect, route) = sign_in("password-generator");
    let yes =
        came(200, "application/json; charset=utf-8", good(|map| drop(map.insert("new".into(), json!(1)))));
    assert!(matches!(read(dialect, route, &yes), Answer::Given(told) if told.id == Some(7)));
    let refused = dialect.say(Some(route), asked(route), Err(&Refusal::InvalidCredentials));
    let mut map: Map<String, Value> = serde_json::from_slice(refused.body()).unwrap();
    map.insert("new".into(), json!("thing"));
    let no = came(refused.status().as_u16(), "application/json", Value::Object(map).to_string());
    assert!(!matches!(read(dialect, route, &no), Answer::Refused { code: "invalid_credentials", .. }));
}

#[test]
fn whose_a_token_is_is_asked_where_the_dialect_has_a_route_for_that() {
    let (route, request) = dialect("nest-passport").who_am_i_request(&Secret::new("TOKEN")).unwrap();
    assert_eq!((route.verb, request.uri().path()), (Verb::WhoAmI, "/users/profile"));
    assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer TOKEN");
    assert!(dialect("uk-travel").who_am_i_request(&Secret::new("TOKEN")).is_none());
    assert!(dialect("nest-passport").who_am_i_request(&Secret::new("TO\nKEN")).is_none());
}

#[test]
fn of_the_attributes_told_those_are_the_users_own_that_the_contract_gives_them() {
    let told = Map::from_iter([
        ("stats".to_owned(), json!({ "wins": 3 })),
        ("is_staff".to_owned(), json!(true)),
        ("is_superuser".to_owned(), json!(true)),
    ]);
    for dialect in DIALECTS.iter() {
        let own = dialect.own_attributes(&told);
        assert!(!own.contains_key("is_staff") && !own.contains_key("is_superuser"), "{}", dialect.name);
        assert_eq!(own.contains_key("stats"), dialect.name == "auths-v1", "{}", dialect.name);
    }
}
