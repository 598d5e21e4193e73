//! When does an access token stop working?

use crate::world::{PASSWORD, World, access, bare, jwt, opaque, refresh};
use countersign_engine::{Error, UserChange, Who};
use domain::caller::{Bearer, Caller};
use domain::command::Command;
use domain::outcome::{Outcome, Tokens};
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::user::Status;
use std::sync::Arc;

const NEW: &str = "a completely new secret";

async fn two_sessions() -> (World, Tokens, Tokens) {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let one = world.sign_in("jane").await;
    let two = world.sign_in("jane").await;
    (world, one, two)
}

async fn is_dead(world: &World, tokens: &Tokens, refusal: &Refusal) {
    assert_eq!(world.who(access(tokens)).await.unwrap_err(), *refusal);
    assert_eq!(world.refresh(refresh(tokens)).await.unwrap_err(), *refusal);
}

#[tokio::test]
async fn a_request_without_a_good_token_is_told_what_is_wrong_with_it() {
    let (world, one, _) = two_sessions().await;
    assert_eq!(world.ask(None, Command::WhoAmI).await.unwrap_err(), Refusal::CredentialsMissing);
    let malformed = Caller { bearer: Bearer::Malformed, ..world.caller(None) };
    let refused = world.engine.perform(&malformed, Command::WhoAmI).await.unwrap_err();
    assert!(matches!(refused, Error::Refused(Refusal::CredentialsMalformed)));
    for text in ["", "a.b.c", "x", &access(&one).replace('.', ""), &format!("{}A", access(&one))] {
        assert_eq!(world.who(text).await.unwrap_err(), Refusal::TokenInvalid, "{text}");
    }
    world.advance(900);
    assert_eq!(world.who(access(&one)).await.unwrap_err(), Refusal::TokenExpired);
}

#[tokio::test]
async fn a_token_in_the_header_is_no_matter_where_none_is_needed() {
    let (world, _, _) = two_sessions().await;
    let login = domain::command::Login::Username("jane".into());
    let command = Command::SignIn { login, password: Secret::new(PASSWORD), exact: false, otp: None };
    assert!(world.ask(Some("stale"), command).await.is_ok());
    let check = Command::CheckEmail { email: "JANE@example.com".into() };
    assert!(matches!(world.ask(Some("stale"), check).await, Ok(Outcome::EmailChecked { exists: true, .. })));
    let check = Command::CheckEmail { email: "not an address".into() };
    assert!(matches!(world.ask(None, check).await, Ok(Outcome::EmailChecked { exists: false, .. })));
}

#[tokio::test]
async fn a_ban_takes_effect_at_once_and_ends_every_session_for_good() {
    let (world, one, two) = two_sessions().await;
    let ban = UserChange { status: Some(Status::Suspended), ..UserChange::default() };
    world.engine.edit_user(&Who::parse("jane"), &ban).await.unwrap();
    is_dead(&world, &one, &Refusal::TokenUserInactive).await;
    let pardon = UserChange { status: Some(Status::Active), ..UserChange::default() };
    world.engine.edit_user(&Who::parse("jane"), &pardon).await.unwrap();
    is_dead(&world, &two, &Refusal::TokenRevoked).await;
    assert!(world.who(access(&world.sign_in("jane").await)).await.is_ok());
}

#[tokio::test]
async fn a_deleted_user_is_unknown_at_once_and_a_namesake_inherits_nothing() {
    let world = World::new(jwt()).await;
    let first = world.add("jane").await;
    let tokens = world.sign_in("jane").await;
    let delete = Command::DeleteAccount { target: None, password: Some(Secret::new("wrong")) };
    assert_eq!(world.ask(Some(access(&tokens)), delete).await.unwrap_err(), Refusal::InvalidCredentials);
    let delete = Command::DeleteAccount { target: None, password: Some(Secret::new(PASSWORD)) };
    assert!(matches!(world.ask(Some(access(&tokens)), delete).await, Ok(Outcome::AccountDeleted)));
    is_dead(&world, &tokens, &Refusal::TokenUserUnknown).await;
    let second = world.add("jane").await;
    assert_ne!((first.id, first.uuid), (second.id, second.uuid));
    is_dead(&world, &tokens, &Refusal::TokenUserUnknown).await;
}

#[tokio::test]
async fn a_new_password_ends_every_other_session_and_keeps_this_one() {
    let (world, one, two) = two_sessions().await;
    let wrong = world.change_password(access(&one), "wrong", NEW).await.unwrap_err();
    assert_eq!(wrong, Refusal::InvalidCredentials);
    let weak = world.change_password(access(&one), PASSWORD, "1234").await.unwrap_err();
    assert_eq!(weak.code(), "invalid_input");
    assert!(world.who(access(&two)).await.is_ok());
    world.change_password(access(&one), PASSWORD, NEW).await.unwrap();
    assert!(world.who(access(&one)).await.is_ok());
    is_dead(&world, &two, &Refusal::TokenRevoked).await;
    assert_eq!(world.try_sign_in("jane", PASSWORD).await.unwrap_err(), Refusal::InvalidCredentials);
    assert!(world.try_sign_in("jane", NEW).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_with_the_old_password_beside_its_change_leaves_no_session() {
    for _ in 0..8 {
        let (world, one, _) = two_sessions().await;
        let world = Arc::new(world);
        let sign_ins: Vec<_> = (0..8)
            .map(|_| {
                let world = world.clone();
                tokio::spawn(async move { world.try_sign_in("jane", PASSWORD).await })
            })
            .collect();
        world.change_password(access(&one), PASSWORD, NEW).await.unwrap();
        for sign_in in sign_ins {
            match sign_in.await.unwrap() {
                Ok(tokens) => is_dead(&world, &tokens, &Refusal::TokenRevoked).await,
                Err(refusal) => assert_eq!(refusal, Refusal::InvalidCredentials),
            }
        }
    }
}

#[tokio::test]
async fn a_sign_out_ends_one_session_at_once_and_a_second_one_is_fine() {
    let (world, one, two) = two_sessions().await;
    for _ in 0..2 {
        assert!(matches!(world.sign_out(Some(access(&one)), None).await, Ok(Outcome::SignedOut)));
    }
    is_dead(&world, &one, &Refusal::TokenRevoked).await;
    assert!(world.who(access(&two)).await.is_ok());
    world.sign_out(None, Some(refresh(&two))).await.unwrap();
    is_dead(&world, &two, &Refusal::TokenRevoked).await;
    assert!(matches!(world.sign_out(None, Some("garbage")).await, Ok(Outcome::SignedOut)));
    assert!(matches!(world.sign_out(None, None).await, Ok(Outcome::SignedOut)));
}

#[tokio::test]
async fn an_exchanged_or_expired_refresh_token_still_signs_out() {
    for contract in [opaque(), jwt()] {
        let world = World::new(contract).await;
        world.add("jane").await;
        let old = world.sign_in("jane").await;
        let new = world.refresh(refresh(&old)).await.unwrap();
        world.sign_out(None, Some(refresh(&old))).await.unwrap();
        is_dead(&world, &new, &Refusal::TokenRevoked).await;
        let idle = world.sign_in("jane").await;
        world.advance(86_400);
        assert!(world.sign_out(None, Some(refresh(&idle))).await.is_ok());
        let refusal = world.refresh(refresh(&idle)).await.unwrap_err();
        assert!(matches!(refusal, Refusal::TokenRevoked | Refusal::TokenExpired), "{refusal:?}");
    }
}

#[tokio::test]
async fn nobody_signs_another_user_out() {
    let (world, mine, _) = two_sessions().await;
    world.add("john").await;
    let theirs = world.sign_in("john").await;
    world.sign_out(Some(access(&mine)), Some(refresh(&theirs))).await.unwrap();
    assert!(world.who(access(&theirs)).await.is_ok());
}

#[tokio::test]
async fn where_a_sign_out_needs_a_token_a_bad_one_is_refused() {
    let (world, one, _) = two_sessions().await;
    let with = |access: Option<&str>| Command::SignOut {
        refresh: None,
        access: access.map(Secret::new),
        needs_access: true,
    };
    assert_eq!(world.ask(None, with(None)).await.unwrap_err(), Refusal::CredentialsMissing);
    assert_eq!(world.ask(Some("x"), with(None)).await.unwrap_err(), Refusal::TokenInvalid);
    assert!(world.ask(None, with(Some(access(&one)))).await.is_ok());
    assert_eq!(world.ask(Some(access(&one)), with(None)).await.unwrap_err(), Refusal::TokenRevoked);
}

#[tokio::test]
async fn signing_out_everywhere_counts_and_ends_all_sessions() {
    let (world, one, two) = two_sessions().await;
    let outcome = world.ask(Some(access(&one)), Command::SignOutEverywhere).await.unwrap();
    assert!(matches!(outcome, Outcome::SignedOutEverywhere { ended: 2 }));
    is_dead(&world, &one, &Refusal::TokenRevoked).await;
    is_dead(&world, &two, &Refusal::TokenRevoked).await;
}

#[tokio::test]
async fn a_token_without_an_id_dies_with_the_password_and_the_next_one_works_at_once() {
    let world = World::new(bare()).await;
    world.add("jane").await;
    let old = world.sign_in("jane").await;
    assert!(old.refresh.is_none());
    assert!(world.who(access(&old)).await.is_ok());
    world.change_password(access(&old), PASSWORD, NEW).await.unwrap();
    assert_eq!(world.who(access(&old)).await.unwrap_err(), Refusal::TokenRevoked);
    let new = world.try_sign_in("jane", NEW).await.unwrap();
    assert!(world.who(access(&new)).await.is_ok());
    world.sign_out(Some(access(&new)), None).await.unwrap();
    assert_eq!(world.who(access(&new)).await.unwrap_err(), Refusal::TokenRevoked);
    assert_eq!(world.refresh("anything").await.unwrap_err(), Refusal::TokenInvalid);
}

#[tokio::test]
async fn verifying_a_token_shows_its_claims_and_refuses_what_a_protected_route_refuses() {
    let (world, one, _) = two_sessions().await;
    let verify = |token: Option<&str>| Command::VerifyToken { token: token.map(Secret::new) };
    let Ok(Outcome::TokenVerified { user, claims, expires_at }) =
        world.ask(None, verify(Some(access(&one)))).await
    else {
        panic!("a good token")
    };
    assert_eq!(claims["user_id"], user.id.0);
    assert_eq!(expires_at.seconds(), one.access.expires_at.seconds());
    assert!(world.ask(Some(access(&one)), verify(None)).await.is_ok());
    assert_eq!(world.ask(None, verify(None)).await.unwrap_err(), Refusal::CredentialsMissing);
    assert_eq!(world.ask(None, verify(Some(refresh(&one)))).await.unwrap_err(), Refusal::TokenInvalid);
    world.sign_out(Some(access(&one)), None).await.unwrap();
    assert_eq!(world.ask(None, verify(Some(access(&one)))).await.unwrap_err(), Refusal::TokenRevoked);
}
