//! Who comes in that only another application knows, and what do its noes, lies and silences cost? (SEC-106)

use crate::world::{PASSWORD, World, opaque};
use countersign_engine::{Elsewhere, Error, Found, Shown};
use domain::caller::Caller;
use domain::command::{Command, Login};
use domain::contract::{Contract, Newcomer};
use domain::id::UserId;
use domain::limit::{Limits, Rate};
use domain::outcome::Outcome;
use domain::phase::Tally;
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::time::Moment;
use domain::user::{Status, User};
use serde_json::{Map, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What was asked and counted.
#[derive(Clone, Default)]
struct Old {
    counts: Arc<Mutex<HashMap<Tally, u32>>>,
}

impl Old {
    /// An application that always says this.
    fn says(&self, found: Found) -> Elsewhere {
        let counts = Arc::clone(&self.counts);
        let ask = move || {
            let found = found.clone();
            async move {
                // Others go on meanwhile.
                tokio::task::yield_now().await;
                found
            }
        };
        Elsewhere::new("old@mount", ask, move |what, _| *counts.lock().unwrap().entry(what).or_default() += 1)
    }

    fn count(&self, what: Tally) -> u32 {
        self.counts.lock().unwrap().get(&what).copied().unwrap_or(0)
    }
}

fn ann() -> Shown {
    Shown {
        id: Some(UserId(4711)),
        username: Some("ann".into()),
        email: Some("Ann@Old.example".into()),
        first_name: Some("Ann".into()),
        attributes: Map::from_iter([("stats".to_owned(), json!({ "posts": 3 }))]),
        created_at: Some(Moment::from_seconds(1_500_000_000)),
        ..Shown::default()
    }
}

fn right(shown: Shown) -> Found {
    Found::Right { shown: Box::new(shown), status: Status::Active }
}

fn contract() -> Contract {
    let attributes = Map::from_iter([("stats".to_owned(), json!({}))]);
    Contract { newcomer: Newcomer { attributes, ..opaque().newcomer }, ..opaque() }
}

fn sign_in(login: Login, password: &str) -> Command {
    Command::SignIn { login, password: Secret::new(password), exact: false, otp: None }
}

async fn ask(world: &World, old: &Elsewhere, login: Login, password: &str) -> Result<User, Refusal> {
    ask_as(world, world.caller(None), old, sign_in(login, password)).await
}

async fn ask_as(
    world: &World,
    caller: Caller<'_>,
    old: &Elsewhere,
    command: Command,
) -> Result<User, Refusal> {
    match world.engine.perform_or_ask(&caller, command, Some(old)).await {
        Ok(Outcome::SignedIn { user, tokens }) => {
            world.who(tokens.access.token.expose()).await.unwrap();
            Ok(user)
        }
        Ok(other) => panic!("{other:?}"),
        Err(Error::Refused(refusal)) => Err(refusal),
        Err(Error::Fault(fault)) => panic!("{fault}"),
    }
}

fn username(text: &str) -> Login {
    Login::Username(text.into())
}

fn email(text: &str) -> Login {
    Login::Email(text.into())
}

/// Kinds of events with their details and users, oldest first.
async fn events(world: &World, kind: &str) -> Vec<(Option<i64>, String)> {
    let mut found: Vec<_> = world.events().await.into_iter().filter(|one| one.entry.kind == kind).collect();
    found.sort_by_key(|one| one.entry.id);
    found.into_iter().map(|one| (one.entry.user, one.entry.details.into_owned())).collect()
}

#[tokio::test]
async fn whoever_comes_in_there_comes_in_here_and_is_asked_about_once() {
    let (world, old) = (World::new(contract()).await, Old::default());
    let elsewhere = old.says(right(ann()));
    let user = ask(&world, &elsewhere, username("ann"), PASSWORD).await.unwrap();
    assert_eq!((user.id, user.email.as_deref()), (UserId(4711), Some("Ann@Old.example")));
    assert_eq!(user.created_at, Moment::from_seconds(1_500_000_000));
    // Rights are the contract's.
    assert_eq!((user.role.as_str(), user.permissions.as_slice()), ("author", ["read".to_owned()].as_slice()));
    assert_eq!(user.attributes, Map::from_iter([("stats".to_owned(), json!({ "posts": 3 }))]));
    assert!(!user.email_verified && !user.second_factor);
    // The password works here, by every identifier, and nobody is asked again.
    for login in [username("ann"), email("ann@old.example")] {
        assert_eq!(ask(&world, &elsewhere, login, PASSWORD).await.unwrap().id, UserId(4711));
    }
    assert_eq!(ask(&world, &elsewhere, username("ann"), "wrong").await, Err(Refusal::InvalidCredentials));
    assert!(world.try_sign_in("ann", PASSWORD).await.is_ok());
    assert_eq!((old.count(Tally::Asked), old.count(Tally::CarriedOver)), (1, 1));
    let noted = events(&world, "user_carried_over").await;
    assert_eq!(noted.len(), 1);
    assert_eq!(noted[0].0, Some(4711));
    assert!(noted[0].1.contains("old@mount"), "{noted:?}");
}

#[tokio::test]
async fn an_address_is_verified_only_if_that_was_said_and_a_name_that_was_not_said_is_the_one_that_was_typed()
{
    let (world, old) = (World::new(contract()).await, Old::default());
    let shown = Shown { email: None, email_verified: Some(true), username: None, ..ann() };
    let user = ask(&world, &old.says(right(shown)), email("Typed@Old.example"), PASSWORD).await.unwrap();
    assert_eq!((user.email.as_deref(), user.email_verified), (Some("Typed@Old.example"), true));
}

#[tokio::test]
async fn a_no_is_said_as_the_contract_says_it_and_the_same_password_is_not_asked_about_again() {
    let (world, old) = (World::new(contract()).await, Old::default());
    for (name, refusal) in [
        ("ann", Refusal::InvalidCredentials),
        ("bob", Refusal::UnknownUser),
        ("cid", Refusal::AccountInactive),
    ] {
        let asked = old.count(Tally::Asked);
        let elsewhere = old.says(Found::Refused(refusal.clone()));
        for _ in 0..3 {
            assert_eq!(ask(&world, &elsewhere, username(name), "wrong").await, Err(refusal.clone()));
        }
        assert_eq!(old.count(Tally::Asked), asked + 1, "{name}");
        assert_eq!(ask(&world, &elsewhere, username(name), "other").await, Err(refusal.clone()));
        assert_eq!(old.count(Tally::Asked), asked + 2, "{name}");
    }
    assert_eq!((old.count(Tally::Refused), old.count(Tally::Spared)), (6, 6));
    // After the back-off the old application may have changed its mind.
    world.advance(600);
    assert!(ask(&world, &old.says(right(ann())), username("ann"), "wrong").await.is_ok());
    assert_eq!(events(&world, "sign_in_refused").await.len(), 12);
}

#[tokio::test]
async fn a_second_factor_that_is_missing_there_is_asked_about_again() {
    let (world, old) = (World::new(contract()).await, Old::default());
    let elsewhere = old.says(Found::Refused(Refusal::FactorRequired));
    for _ in 0..2 {
        assert_eq!(ask(&world, &elsewhere, username("ann"), PASSWORD).await, Err(Refusal::FactorRequired));
    }
    assert_eq!((old.count(Tally::Asked), old.count(Tally::Spared)), (2, 0));
}

#[tokio::test]
async fn somebody_who_is_here_is_never_asked_about() {
    let (world, old) = (World::new(contract()).await, Old::default());
    world.add("jane").await;
    let elsewhere = old.says(right(ann()));
    assert_eq!(ask(&world, &elsewhere, username("jane"), "wrong").await, Err(Refusal::InvalidCredentials));
    // Not even where the contract does not take this spelling of the address.
    let login = email("JANE@EXAMPLE.COM");
    let exact = Command::SignIn { login, password: Secret::new(PASSWORD), exact: true, otp: None };
    let refused = ask_as(&world, world.caller(None), &elsewhere, exact).await;
    assert_eq!(refused, Err(Refusal::UnknownUser));
    assert_eq!(old.count(Tally::Asked), 0);
}

#[tokio::test]
async fn an_account_that_is_switched_off_there_is_switched_off_here() {
    let (world, old) = (World::new(contract()).await, Old::default());
    let found = Found::Right { shown: Box::new(ann()), status: Status::Suspended };
    let elsewhere = old.says(found);
    for _ in 0..2 {
        let refused = ask(&world, &elsewhere, username("ann"), PASSWORD).await;
        assert_eq!(refused, Err(Refusal::AccountSuspended));
    }
    assert_eq!((old.count(Tally::Asked), old.count(Tally::CarriedOver)), (1, 1));
}

#[tokio::test]
async fn lies_are_not_believed_and_are_told_once_a_minute() {
    let (world, old) = (World::new(contract()).await, Old::default());
    let lies = [
        right(Shown { username: Some("bob".into()), ..ann() }),
        right(Shown { id: None, ..ann() }),
        right(Shown { id: Some(UserId(-1)), ..ann() }),
        right(Shown { first_name: Some("x".repeat(100_000)), ..ann() }),
        Found::Lied("strange_answer"),
    ];
    let count = u32::try_from(lies.len()).unwrap();
    for lie in lies {
        let what = format!("{lie:?}").chars().take(80).collect::<String>();
        let refused = ask(&world, &old.says(lie), username("ann"), PASSWORD).await;
        assert_eq!(refused, Err(Refusal::Overloaded(1)), "{what}");
    }
    assert_eq!((old.count(Tally::Lied), old.count(Tally::CarriedOver)), (count, 0));
    assert!(matches!(world.try_sign_in("ann", PASSWORD).await, Err(Refusal::UnknownUser)));
    assert_eq!(events(&world, "upstream_lied").await.len(), 1);
    world.advance(60);
    ask(&world, &old.says(Found::Lied("strange_answer")), username("ann"), PASSWORD).await.unwrap_err();
    let told = events(&world, "upstream_lied").await;
    assert_eq!(told.len(), 2);
    assert!(told[0].1.contains("another_user") && told[1].1.contains("strange_answer"), "{told:?}");
}

#[tokio::test]
async fn an_id_or_address_that_is_somebody_elses_here_is_refused_and_noted_and_nobody_is_changed() {
    let (world, old) = (World::new(contract()).await, Old::default());
    let jane = world.add("jane").await;
    let table = [
        (Shown { id: Some(jane.id), ..ann() }, "id_taken"),
        (Shown { uuid: Some(jane.uuid), ..ann() }, "id_taken"),
        (Shown { email: Some("JANE@example.com".into()), ..ann() }, "email_taken"),
    ];
    for (at, (shown, reason)) in table.into_iter().enumerate() {
        let elsewhere = old.says(right(shown));
        let password = format!("right {at}");
        for _ in 0..2 {
            let refused = ask(&world, &elsewhere, username("ann"), &password).await;
            assert_eq!(refused, Err(Refusal::InvalidCredentials), "{reason}");
        }
        let noted = events(&world, "user_not_carried_over").await;
        assert_eq!(noted.len(), at + 1);
        assert!(noted[at].1.contains(reason), "{noted:?}");
        world.advance(60);
    }
    assert_eq!((old.count(Tally::NotFollowed), old.count(Tally::Spared)), (3, 3));
    let tokens = world.sign_in("jane").await;
    let same = world.who(tokens.access.token.expose()).await.unwrap();
    assert_eq!((same.id, same.email), (jane.id, jane.email));
}

/// One client's budget is small; an account's is the default.
fn limits() -> Limits {
    Limits { client_requests: Rate::new(100_000, 1), ..Limits::DEFAULT }
}

#[tokio::test]
async fn limits_let_a_try_through_before_anybody_is_asked() {
    let (world, old) = (World::limited(contract(), limits()).await, Old::default());
    let elsewhere = old.says(Found::Refused(Refusal::InvalidCredentials));
    let mut throttled = 0;
    for number in 0..40 {
        let refused = ask(&world, &elsewhere, username("ann"), &format!("guess {number}")).await.unwrap_err();
        throttled += u32::from(matches!(refused, Refusal::Throttled(_)));
    }
    assert_eq!(old.count(Tally::Asked) + throttled, 40);
    assert!(old.count(Tally::Asked) <= limits().account.free + 1, "{}", old.count(Tally::Asked));
}

#[tokio::test]
async fn users_who_are_carried_over_are_no_failures_of_their_client_and_silence_is_not_either() {
    let (world, old) = (World::limited(contract(), limits()).await, Old::default());
    let silent = old.says(Found::Unavailable { retry_seconds: 7, why: "timed_out" });
    for number in 0..60 {
        let name = format!("user{number}");
        let refused = ask(&world, &silent, username(&name), PASSWORD).await;
        assert_eq!(refused, Err(Refusal::Overloaded(7)), "{number}");
        let shown =
            Shown { id: Some(UserId(1000 + number)), username: Some(name.clone()), email: None, ..ann() };
        ask(&world, &old.says(right(shown)), username(&name), PASSWORD).await.unwrap();
    }
    assert_eq!((old.count(Tally::Unavailable), old.count(Tally::CarriedOver)), (60, 60));
    assert_eq!(events(&world, "client_blocked").await, []);
    assert_eq!(events(&world, "upstream_unavailable").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_first_sign_ins_at_once_make_one_user_and_two_sessions() {
    let (world, old) = (World::new(contract()).await, Old::default());
    let elsewhere = old.says(right(ann()));
    let (one, other, third) = tokio::join!(
        ask(&world, &elsewhere, username("ann"), PASSWORD),
        ask(&world, &elsewhere, email("ann@old.example"), PASSWORD),
        ask(&world, &elsewhere, username("ann"), PASSWORD),
    );
    let ids = [one.unwrap().id, other.unwrap().id, third.unwrap().id];
    assert_eq!(ids, [UserId(4711); 3]);
    assert_eq!(old.count(Tally::CarriedOver), 1);
    assert_eq!(events(&world, "user_carried_over").await.len(), 1);
    assert_eq!(events(&world, "signed_in").await.len(), 3);
}
