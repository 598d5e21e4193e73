//! What do people see of their sessions, and when does a session end?

use crate::world::{PASSWORD, World, access, bare, jwt, opaque, refresh, sign_up};
use countersign_engine::{UserChange, Who};
use domain::command::Command;
use domain::contract::{Contract, Rotation, STRICT_ABSOLUTE_SECONDS, STRICT_IDLE_SECONDS};
use domain::outcome::{Outcome, Tokens};
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::session::{SEEN_SECONDS, ShownSession};
use domain::user::Status;

const NEW: &str = "a completely new secret";

async fn list(world: &World, token: &str) -> Vec<ShownSession> {
    let outcome = world.ask(Some(token), Command::ListSessions).await.unwrap();
    let Outcome::SessionsListed { sessions } = outcome else { panic!("{outcome:?}") };
    sessions
}

async fn end(world: &World, token: &str, id: &str) -> Result<Outcome, Refusal> {
    world.ask(Some(token), Command::EndSession { id: id.into() }).await
}

async fn is_dead(world: &World, tokens: &Tokens) -> bool {
    world.who(access(tokens)).await.is_err() && world.refresh(refresh(tokens)).await.is_err()
}

/// Contracts of every kind that have refresh tokens.
fn with_refresh() -> [Contract; 3] {
    let mut keep = Contract { name: "keep".into(), ..jwt() };
    keep.refresh.as_mut().unwrap().rotation = Rotation::Keep;
    [opaque(), jwt(), keep]
}

/// Contracts of every kind.
fn every_kind() -> Vec<Contract> {
    let without = Contract { name: "without".into(), refresh: None, ..opaque() };
    with_refresh().into_iter().chain([without]).collect()
}

// SEC-70
#[tokio::test]
async fn sixty_sign_ins_leave_fifty_sessions_and_one_that_is_ended_fails_at_once() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let mut tokens = Vec::new();
    for _ in 0..60 {
        world.advance(1);
        tokens.push(world.sign_in("jane").await);
    }
    let mine = access(&tokens[59]).to_owned();
    let listed = list(&world, &mine).await;
    assert_eq!(listed.len(), 50);
    assert!(listed.windows(2).all(|pair| pair[0].listed.created_at > pair[1].listed.created_at));
    assert_eq!(listed.iter().map(|one| one.is_current).collect::<Vec<_>>()[..2], [true, false]);
    assert!(is_dead(&world, &tokens[9]).await && !is_dead(&world, &tokens[10]).await);

    end(&world, &mine, &listed[1].public_id).await.unwrap();
    assert!(is_dead(&world, &tokens[58]).await);
    assert_eq!(list(&world, &mine).await.len(), 49);
    let others = world.ask(Some(&mine), Command::EndOtherSessions).await.unwrap();
    assert!(matches!(others, Outcome::OtherSessionsEnded { ended: 48 }));
    assert!(is_dead(&world, &tokens[57]).await && world.who(&mine).await.is_ok());
}

// SEC-16
#[tokio::test]
async fn public_ids_say_nothing_of_order_and_are_always_the_same() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let mut last = world.sign_in("jane").await;
    for _ in 0..19 {
        world.advance(1);
        last = world.sign_in("jane").await;
    }
    let ids = |listed: Vec<ShownSession>| listed.into_iter().map(|one| one.public_id).collect::<Vec<_>>();
    let first = ids(list(&world, access(&last)).await);
    assert_eq!(first, ids(list(&world, access(&last)).await));
    let mut sorted = first.clone();
    sorted.sort();
    assert_ne!(first, sorted);
    assert_ne!(first.iter().rev().cloned().collect::<Vec<_>>(), sorted);
    assert!(first.iter().all(|id| uuid::Uuid::parse_str(id).is_ok()));
}

// SEC-93
#[tokio::test]
async fn a_session_of_somebody_else_looks_like_none() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    world.add("bob").await;
    let (jane, bob) = (world.sign_in("jane").await, world.sign_in("bob").await);
    let bobs = list(&world, access(&bob)).await.remove(0).public_id;
    let mine = list(&world, access(&jane)).await.remove(0).public_id;
    let claims = world.keys.verify(access(&bob)).unwrap();
    let token_id = claims.map()["jti"].as_str().unwrap().to_owned();
    let other_spelling = mine.replace('-', "");
    let long = "a".repeat(10_000);
    for id in [bobs.as_str(), &token_id, &other_spelling, &mine.to_uppercase(), "", "..", "%", "*", &long] {
        assert_eq!(end(&world, access(&jane), id).await.unwrap_err(), Refusal::NotYours, "{id:.40}");
    }
    assert!(!is_dead(&world, &bob).await);
    assert!(end(&world, access(&jane), &mine).await.is_ok());
    assert_eq!(world.who(access(&jane)).await.unwrap_err(), Refusal::TokenRevoked);
}

#[tokio::test]
async fn sessions_of_every_contract_are_listed_with_what_is_known_of_them() {
    let mut world = World::new(opaque()).await;
    world.add("jane").await;
    let first = world.sign_in("jane").await;
    world.advance(60);
    world.contract = jwt();
    let second = world.sign_in("jane").await;
    world.advance(30);
    world.refresh(refresh(&second)).await.unwrap();
    let listed = list(&world, access(&second)).await;
    let names: Vec<&str> = listed.iter().map(|one| one.listed.contract.as_str()).collect();
    assert_eq!(names, ["jwt", "opaque"]);
    assert_eq!(listed[0].listed.seen_at, world.now());
    assert_eq!(listed[1].listed.seen_at, listed[1].listed.created_at);
    assert_eq!(
        (listed[0].listed.address.as_str(), listed[0].listed.user_agent.as_str()),
        ("192.0.2.1", "test")
    );
    // One contract's list can end the other one's session.
    end(&world, access(&second), &listed[1].public_id).await.unwrap();
    world.contract = opaque();
    assert!(is_dead(&world, &first).await);
}

#[tokio::test]
async fn where_nothing_is_exchanged_the_last_use_is_noted_every_five_minutes() {
    for contract in every_kind().into_iter().filter(|contract| !contract.rotates()) {
        let world = World::new(contract).await;
        world.add("jane").await;
        let tokens = world.sign_in("jane").await;
        let start = world.now();
        let seen = async || list(&world, access(&tokens)).await[0].listed.seen_at;
        world.advance(SEEN_SECONDS - 1);
        world.who(access(&tokens)).await.unwrap();
        assert_eq!(seen().await, start);
        world.advance(1);
        world.who(access(&tokens)).await.unwrap();
        assert_eq!(seen().await, world.now());
    }
}

// SEC-65
#[tokio::test]
async fn under_the_strict_preset_every_session_has_two_clocks() {
    for contract in every_kind() {
        let world = World::new(contract.tightened()).await;
        world.add("jane").await;
        // Used every half an hour it lives for a day and no longer.
        let mut tokens = world.sign_in("jane").await;
        let end = world.now().plus_seconds(STRICT_ABSOLUTE_SECONDS);
        assert!(tokens.access.expires_at <= end);
        while world.now() < end {
            world.advance(STRICT_IDLE_SECONDS / 2);
            match &tokens.refresh {
                Some(token) => match world.refresh(token.token.expose()).await {
                    Ok(next) => tokens = next,
                    Err(refusal) => assert_eq!((refusal, world.now() >= end), (Refusal::TokenExpired, true)),
                },
                None => assert_eq!(
                    world.who(access(&tokens)).await.is_ok(),
                    world.now() < tokens.access.expires_at
                ),
            }
        }
        assert!(world.who(access(&tokens)).await.is_err());
        // Left alone it ends after an hour.
        let idle = world.sign_in("jane").await;
        world.advance(STRICT_IDLE_SECONDS);
        assert_eq!(world.who(access(&idle)).await.unwrap_err(), Refusal::TokenExpired);
        if let Some(token) = &idle.refresh {
            assert_eq!(world.refresh(token.token.expose()).await.unwrap_err(), Refusal::TokenExpired);
        }
    }
}

// SEC-65
#[tokio::test]
async fn a_session_from_before_the_strict_preset_ends_with_its_limits() {
    let mut world = World::new(opaque()).await;
    world.add("jane").await;
    let tokens = world.sign_in("jane").await;
    world.contract = opaque().tightened();
    world.advance(STRICT_IDLE_SECONDS - 1);
    let tokens = world.refresh(refresh(&tokens)).await.unwrap();
    world.advance(STRICT_IDLE_SECONDS);
    assert_eq!(world.refresh(refresh(&tokens)).await.unwrap_err(), Refusal::TokenExpired);
}

// SEC-66
#[tokio::test]
async fn every_change_of_state_reaches_renewal_and_profile_at_once() {
    for contract in with_refresh() {
        for state in ["inactive", "suspended", "deleted", "password", "password of the operator"] {
            let world = World::new(contract.clone()).await;
            world.add("jane").await;
            let (tokens, other) = (world.sign_in("jane").await, world.sign_in("jane").await);
            let jane = Who::parse("jane");
            match state {
                "deleted" => drop(world.engine.delete_user(&jane).await.unwrap()),
                "password" => drop(world.change_password(access(&other), PASSWORD, NEW).await.unwrap()),
                "password of the operator" => {
                    drop(world.engine.set_password(&jane, &Secret::new(NEW), None).await.unwrap());
                }
                status => {
                    let change = UserChange { status: Status::parse(status), ..UserChange::default() };
                    drop(world.engine.edit_user(&jane, &change).await.unwrap());
                }
            }
            assert!(is_dead(&world, &tokens).await, "{state} in {}", world.contract.name);
            let verify = Command::VerifyToken { token: Some(tokens.access.token.clone()) };
            assert!(world.ask(None, verify).await.is_err(), "{state}");
        }
    }
}

// SEC-67
#[tokio::test]
async fn a_sign_out_with_anothers_refresh_token_leaves_the_other_alone() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    world.add("bob").await;
    let (jane, bob) = (world.sign_in("jane").await, world.sign_in("bob").await);
    world.sign_out(Some(access(&jane)), Some(refresh(&bob))).await.unwrap();
    assert!(is_dead(&world, &jane).await && !is_dead(&world, &bob).await);
    world.sign_out(Some(access(&bob)), None).await.unwrap();
    assert!(world.sign_out(None, Some(refresh(&bob))).await.is_ok());
}

// SEC-68
#[tokio::test]
async fn a_sign_in_is_always_another_session_whatever_came_along() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let planted = world.sign_in("jane").await;
    let login = domain::command::Login::Username("jane".into());
    let command = Command::SignIn { login, password: Secret::new(PASSWORD), exact: false, otp: None };
    let fresh = world.ask(Some(access(&planted)), command).await.unwrap().tokens().unwrap().clone();
    assert_ne!(refresh(&fresh), refresh(&planted));
    let ids: Vec<String> = list(&world, access(&fresh)).await.into_iter().map(|one| one.public_id).collect();
    assert_eq!(ids.len(), 2);
    world.sign_out(Some(access(&planted)), None).await.unwrap();
    assert!(!is_dead(&world, &fresh).await);
}

// SEC-69
#[tokio::test]
async fn a_second_life_of_an_address_inherits_no_credential_of_the_first() {
    for contract in [opaque(), jwt(), bare()] {
        let world = World::new(contract).await;
        let first_life =
            |password: &str| Command::SignUp(Box::new(sign_up("jane", "jane@example.com", password)));
        let first = world.ask(None, first_life(PASSWORD)).await.unwrap();
        let old = first.tokens().unwrap().clone();
        let old_session = list(&world, access(&old)).await.remove(0).public_id;
        world.ask(Some(access(&old)), Command::DeleteAccount { target: None, password: None }).await.unwrap();
        world.advance(1);
        let second = world.ask(None, first_life(NEW)).await.unwrap();
        let new = second.tokens().unwrap().clone();
        assert_ne!(second.user().unwrap().uuid, first.user().unwrap().uuid);
        assert!(world.who(access(&old)).await.is_err());
        if let Some(token) = &old.refresh {
            assert!(world.refresh(token.token.expose()).await.is_err());
        }
        assert_eq!(world.try_sign_in("jane", PASSWORD).await.unwrap_err(), Refusal::InvalidCredentials);
        assert!(world.ask(Some(access(&old)), Command::ListSessions).await.is_err());
        assert_eq!(end(&world, access(&new), &old_session).await.unwrap_err(), Refusal::NotYours);
        assert!(world.who(access(&new)).await.is_ok());
    }
}
