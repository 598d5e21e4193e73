//! Who gets in, and what do the others hear?

use crate::world::{PASSWORD, World, access, opaque};
use countersign_engine::{NewUserRequest, UserChange, Who};
use domain::command::{Command, Login};
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::user::{Status, StoredHash};

async fn try_login(world: &World, login: Login, exact: bool) -> Result<Outcome, Refusal> {
    world.ask(None, Command::SignIn { login, password: Secret::new(PASSWORD), exact, otp: None }).await
}

#[tokio::test]
async fn a_sign_in_is_noted_on_the_user_and_its_token_works() {
    let world = World::new(opaque()).await;
    let user = world.add("jane").await;
    let outcome = try_login(&world, Login::Username("jane".into()), false).await.unwrap();
    assert_eq!(outcome.user().unwrap().last_login_at, Some(world.now()));
    let shown = world.who(access(outcome.tokens().unwrap())).await.unwrap();
    assert_eq!((shown.id, shown.last_login_at), (user.id, Some(world.now())));
}

#[tokio::test]
async fn one_field_finds_an_address_first_and_then_a_user_name() {
    let world = World::new(opaque()).await;
    let jane = world.add("jane").await;
    let impostor = NewUserRequest {
        username: Some("jane@example.com".into()),
        password: Some(Secret::new(PASSWORD)),
        ..NewUserRequest::default()
    };
    world.engine.add_user(impostor).await.unwrap();
    for text in ["jane@example.com", " JANE@example.com ", "jane"] {
        let outcome = try_login(&world, Login::Either(text.into()), false).await.unwrap();
        assert_eq!(outcome.user().unwrap().id, jane.id, "{text}");
    }
}

#[tokio::test]
async fn an_exact_contract_takes_only_the_stored_spelling() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let stored = || Login::Email(" jane@Example.com ".into());
    assert!(try_login(&world, stored(), true).await.is_ok());
    let other = || Login::Email("jane@example.com".into());
    assert_eq!(try_login(&world, other(), true).await.unwrap_err(), Refusal::UnknownUser);
    assert!(try_login(&world, other(), false).await.is_ok());
}

#[tokio::test]
async fn nobody_learns_of_a_ban_without_the_password() {
    // SEC-10
    let world = World::new(opaque()).await;
    for (name, status, refusal) in [
        ("off", Status::Inactive, Refusal::AccountInactive),
        ("banned", Status::Suspended, Refusal::AccountSuspended),
    ] {
        world.add(name).await;
        let change = UserChange { status: Some(status), ..UserChange::default() };
        world.engine.edit_user(&Who::parse(name), &change).await.unwrap();
        assert_eq!(world.try_sign_in(name, "wrong").await.unwrap_err(), Refusal::InvalidCredentials);
        assert_eq!(world.try_sign_in(name, PASSWORD).await.unwrap_err(), refusal);
    }
}

#[tokio::test]
async fn what_names_nobody_costs_one_hash_like_a_wrong_password() {
    // SEC-10, SEC-12: work is counted here, which no busy machine can blur.
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let hashes = || world.engine.hash_gauges().hashes_total;
    let wrong = world.try_sign_in("jane", "wrong").await.unwrap_err();
    assert_eq!(wrong, Refusal::InvalidCredentials);
    for login in [
        Login::Username("nobody".into()),
        Login::Username(String::new()),
        Login::Username("a\u{0}b".into()),
        Login::Email("not an address".into()),
        Login::Either("x".repeat(5000)),
    ] {
        let before = hashes();
        let refusal = try_login(&world, login, false).await.unwrap_err();
        assert_eq!((refusal, hashes() - before), (Refusal::UnknownUser, 1));
    }
}

#[tokio::test]
async fn no_text_but_the_password_signs_in() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let stored = world.engine.export_users(None, 1).await.unwrap().remove(0);
    let hash = serde_json::to_value(&stored).unwrap()["password_hash"].as_str().unwrap().to_owned();
    let long = "x".repeat(100_000);
    for password in ["", "!", &hash, &PASSWORD[1..], &format!("{PASSWORD} "), &PASSWORD.to_uppercase(), &long]
    {
        let refusal = world.try_sign_in("jane", password).await.unwrap_err();
        assert_eq!(refusal, Refusal::InvalidCredentials);
    }
    let mute = NewUserRequest { username: Some("mute".into()), ..NewUserRequest::default() };
    world.engine.add_user(mute).await.unwrap();
    for password in ["", "!", "*", PASSWORD] {
        assert_eq!(world.try_sign_in("mute", password).await.unwrap_err(), Refusal::InvalidCredentials);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_hash_is_replaced_after_the_sign_in_and_the_password_goes_on_working() {
    // SEC-08
    let world = World::new(opaque()).await;
    // Django's PBKDF2 of "password1" with one round: written here with Python's hashlib.pbkdf2_hmac.
    let hash = "pbkdf2_sha256$1$salt$SGYjs5xoFJfM9fLMJWWku3A/CsnBrP+7NNbZ3CjdctA=";
    let request = NewUserRequest {
        username: Some("old".into()),
        password_hash: Some(StoredHash(hash.into())),
        ..NewUserRequest::default()
    };
    world.engine.add_user(request).await.unwrap();
    let stored = async || serde_json::to_string(&world.engine.export_users(None, 1).await.unwrap()).unwrap();
    assert_eq!(world.try_sign_in("old", "password2").await.unwrap_err(), Refusal::InvalidCredentials);
    assert!(stored().await.contains("pbkdf2_sha256"));
    world.try_sign_in("old", "password1").await.unwrap();
    let upgraded = async {
        while !stored().await.contains("$argon2id$") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), upgraded).await.unwrap();
    world.try_sign_in("old", "password1").await.unwrap();
    assert_eq!(world.try_sign_in("old", "password2").await.unwrap_err(), Refusal::InvalidCredentials);
}

#[tokio::test]
async fn the_oldest_session_goes_when_there_are_too_many() {
    let world = World::with_cap(opaque(), 2).await;
    world.add("jane").await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(world.sign_in("jane").await);
        world.advance(1);
    }
    assert_eq!(world.who(access(&tokens[0])).await.unwrap_err(), Refusal::TokenRevoked);
    assert!(world.who(access(&tokens[1])).await.is_ok());
    assert!(world.who(access(&tokens[2])).await.is_ok());
}

#[tokio::test]
async fn in_a_storm_everybody_is_answered_and_the_excess_is_told_when_to_come_back() {
    let world = std::sync::Arc::new(World::slow(opaque()).await);
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.try_sign_in("jane", "wrong").await.unwrap_err() })
        })
        .collect();
    let (mut told, mut sent_away) = (0, 0);
    for task in tasks {
        let refusal = task.await.unwrap();
        if let Refusal::Overloaded(seconds) = refusal {
            assert!((1..=60).contains(&seconds));
            sent_away += 1;
        } else {
            assert_eq!(refusal, Refusal::UnknownUser);
            told += 1;
        }
    }
    assert!(told >= 8 && sent_away > 0, "{told} {sent_away}");
    assert_eq!(world.engine.hash_gauges().hashes_total, told);
}
