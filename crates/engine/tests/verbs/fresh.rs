//! What needs a fresh proof of identity, and what counts as one?

use crate::world::{PASSWORD, World, access, bare, jwt, opaque, refresh};
use countersign_engine::{UserChange, Who};
use domain::command::Command;
use domain::outcome::{Outcome, Tokens};
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::user::Status;
use serde_json::json;
use std::sync::Arc;

async fn signed_in(world: &World) -> Tokens {
    world.add("jane").await;
    world.sign_in("jane").await
}

async fn reauthenticate(world: &World, token: &str, password: &str) -> Result<Outcome, Refusal> {
    world.ask(Some(token), Command::Reauthenticate { password: Secret::new(password), otp: None }).await
}

async fn end_others(world: &World, token: &str) -> Result<u64, Refusal> {
    let outcome = world.ask(Some(token), Command::EndOtherSessions).await?;
    let Outcome::OtherSessionsEnded { ended } = outcome else { panic!("{outcome:?}") };
    Ok(ended)
}

// SEC-70
#[tokio::test]
async fn a_sign_in_is_fresh_for_five_minutes_and_a_proof_makes_it_so_again() {
    for contract in [opaque(), jwt()] {
        let world = World::new(contract).await;
        let tokens = signed_in(&world).await;
        world.advance(299);
        assert_eq!(end_others(&world, access(&tokens)).await, Ok(0));
        world.advance(1);
        assert_eq!(end_others(&world, access(&tokens)).await, Err(Refusal::ReauthRequired));
        // A refresh proves nothing.
        let renewed = world.refresh(refresh(&tokens)).await.unwrap();
        assert_eq!(end_others(&world, access(&renewed)).await, Err(Refusal::ReauthRequired));
        let wrong = reauthenticate(&world, access(&renewed), "not this one").await;
        assert_eq!(wrong.unwrap_err(), Refusal::InvalidCredentials);
        assert_eq!(end_others(&world, access(&renewed)).await, Err(Refusal::ReauthRequired));
        assert!(matches!(
            reauthenticate(&world, access(&renewed), PASSWORD).await,
            Ok(Outcome::Reauthenticated)
        ));
        assert_eq!(end_others(&world, access(&renewed)).await, Ok(0));
        world.advance(300);
        assert_eq!(end_others(&world, access(&renewed)).await, Err(Refusal::ReauthRequired));
    }
}

#[tokio::test]
async fn a_proof_counts_for_its_own_session_only() {
    let world = World::new(opaque()).await;
    let (one, two) = (signed_in(&world).await, world.sign_in("jane").await);
    world.advance(600);
    reauthenticate(&world, access(&one), PASSWORD).await.unwrap();
    assert_eq!(end_others(&world, access(&two)).await, Err(Refusal::ReauthRequired));
    assert_eq!(end_others(&world, access(&one)).await, Ok(1));
    assert_eq!(world.who(access(&two)).await.unwrap_err(), Refusal::TokenRevoked);
    assert_eq!(world.refresh(refresh(&two)).await.unwrap_err(), Refusal::TokenRevoked);
    assert!(world.refresh(refresh(&one)).await.is_ok());
}

#[tokio::test]
async fn ending_the_others_touches_nobody_else() {
    let world = World::new(opaque()).await;
    let one = signed_in(&world).await;
    world.add("bob").await;
    let bobs = world.sign_in("bob").await;
    assert_eq!(end_others(&world, access(&one)).await, Ok(0));
    assert!(world.who(access(&bobs)).await.is_ok());
}

#[tokio::test]
async fn nobody_proves_anything_in_a_session_that_is_over_or_for_an_account_that_is_off() {
    let world = World::new(opaque()).await;
    let (one, two) = (signed_in(&world).await, world.sign_in("jane").await);
    world.sign_out(Some(access(&one)), None).await.unwrap();
    let refused = reauthenticate(&world, access(&one), PASSWORD).await.unwrap_err();
    assert_eq!(refused, Refusal::TokenRevoked);
    let off = UserChange { status: Some(Status::Inactive), ..UserChange::default() };
    world.engine.edit_user(&Who::parse("jane"), &off).await.unwrap();
    let refused = reauthenticate(&world, access(&two), PASSWORD).await.unwrap_err();
    assert_eq!(refused, Refusal::TokenUserInactive);
    let nobody =
        world.ask(None, Command::Reauthenticate { password: Secret::new(PASSWORD), otp: None }).await;
    assert_eq!(nobody.unwrap_err(), Refusal::CredentialsMissing);
}

#[tokio::test]
async fn a_token_of_the_application_itself_is_never_fresh() {
    let world = World::new(jwt()).await;
    let jane = world.add("jane").await;
    let now = world.now().seconds();
    let claims = |kind: &str| json!({"token_type": kind, "exp": now + 600, "iat": now, "jti": "f".repeat(32), "user_id": jane.id.0});
    let token = world.application_token(&claims("access"));
    assert!(world.who(&token).await.is_ok());
    assert_eq!(end_others(&world, &token).await, Err(Refusal::ReauthRequired));
    // It has no session whose mark could be moved.
    let refused = reauthenticate(&world, &token, PASSWORD).await.unwrap_err();
    assert_eq!(refused, Refusal::ReauthRequired);
    // The session that its refresh token opens was proved by nobody here, until somebody does.
    let adopted = world.refresh(&world.application_token(&claims("refresh"))).await.unwrap();
    assert_eq!(end_others(&world, access(&adopted)).await, Err(Refusal::ReauthRequired));
    reauthenticate(&world, access(&adopted), PASSWORD).await.unwrap();
    assert!(end_others(&world, access(&adopted)).await.is_ok());
}

#[tokio::test]
async fn without_refresh_tokens_a_token_is_as_fresh_as_it_is_young() {
    let world = World::new(bare()).await;
    let first = signed_in(&world).await;
    world.advance(10);
    let second = world.sign_in("jane").await;
    world.advance(100);
    assert!(end_others(&world, access(&second)).await.is_ok());
    assert_eq!(world.who(access(&first)).await.unwrap_err(), Refusal::TokenRevoked);
    assert!(world.who(access(&second)).await.is_ok());
    world.advance(200);
    assert_eq!(end_others(&world, access(&second)).await, Err(Refusal::ReauthRequired));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_and_a_sign_out_at_once_leave_the_session_ended() {
    for _ in 0..10 {
        let world = Arc::new(World::new(opaque()).await);
        let tokens = signed_in(&world).await;
        world.advance(600);
        let token = access(&tokens).to_owned();
        let proof = tokio::spawn({
            let (world, token) = (world.clone(), token.clone());
            async move { reauthenticate(&world, &token, PASSWORD).await }
        });
        let end = tokio::spawn({
            let (world, token) = (world.clone(), token.clone());
            async move { world.sign_out(Some(&token), None).await }
        });
        let proved = proof.await.unwrap();
        end.await.unwrap().unwrap();
        assert!(proved.is_ok() || proved.unwrap_err() == Refusal::TokenRevoked);
        assert_eq!(end_others(&world, &token).await, Err(Refusal::TokenRevoked));
    }
}
