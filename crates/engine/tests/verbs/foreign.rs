//! What are tokens worth that the application itself signed before the move?

use crate::world::{World, access, jwt, opaque, refresh, refresh_in_parallel};
use countersign_engine::{UserChange, Who};
use domain::contract::Rotation;
use domain::refusal::Refusal;
use domain::user::Status;
use serde_json::{Value, json};
use std::sync::Arc;

fn claims(world: &World, kind: &str, user: &Value) -> Value {
    let made = world.now().seconds() - 60;
    json!({"token_type": kind, "exp": made + 600, "iat": made, "jti": "0123456789abcdef".repeat(2), "user_id": user})
}

#[tokio::test]
async fn the_applications_access_tokens_go_on_working_until_they_are_cut() {
    let world = World::new(jwt()).await;
    let user = world.add("jane").await;
    let token = world.application_token(&claims(&world, "access", &json!(user.id.0)));
    let text = world.application_token(&claims(&world, "access", &json!(user.id.0.to_string())));
    for token in [&token, &text] {
        assert_eq!(world.who(token).await.unwrap().id, user.id);
    }
    let off = UserChange { status: Some(Status::Inactive), ..UserChange::default() };
    world.engine.edit_user(&Who::Id(user.id), &off).await.unwrap();
    assert_eq!(world.who(&token).await.unwrap_err(), Refusal::TokenUserInactive);
    let on = UserChange { status: Some(Status::Active), ..UserChange::default() };
    world.engine.edit_user(&Who::Id(user.id), &on).await.unwrap();
    assert_eq!(world.who(&token).await.unwrap_err(), Refusal::TokenRevoked);
    let unknown = world.application_token(&claims(&world, "access", &json!(999)));
    assert_eq!(world.who(&unknown).await.unwrap_err(), Refusal::TokenUserUnknown);
}

#[tokio::test]
async fn the_applications_tokens_end_when_the_operator_says_so() {
    let mut world = World::new(jwt()).await;
    let user = world.add("jane").await;
    let token = world.application_token(&claims(&world, "access", &json!(user.id.0)));
    let ours = world.sign_in("jane").await;
    world.contract.accept_until = Some(world.now());
    assert_eq!(world.who(&token).await.unwrap_err(), Refusal::TokenInvalid);
    assert!(world.who(access(&ours)).await.is_ok());
}

#[tokio::test]
async fn a_sign_out_with_the_applications_token_cuts_it() {
    let world = World::new(jwt()).await;
    let user = world.add("jane").await;
    let old = world.application_token(&claims(&world, "access", &json!(user.id.0)));
    let ours = world.sign_in("jane").await;
    world.sign_out(Some(&old), None).await.unwrap();
    assert_eq!(world.who(&old).await.unwrap_err(), Refusal::TokenRevoked);
    assert!(world.who(access(&ours)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_applications_refresh_token_opens_one_session_however_often_it_comes() {
    let world = Arc::new(World::new(jwt()).await);
    let user = world.add("jane").await;
    let old = world.application_token(&claims(&world, "refresh", &json!(user.id.0)));
    let successors = refresh_in_parallel(&world, &old, 20).await;
    assert_eq!(successors.len(), 1);
    let successor = successors.into_iter().next().unwrap();
    let third = world.refresh(&successor).await.unwrap();
    assert_eq!(world.who(access(&third)).await.unwrap().id, user.id);
    assert_eq!(world.refresh(&old).await.unwrap_err(), Refusal::TokenReused);
    assert_eq!(world.refresh(refresh(&third)).await.unwrap_err(), Refusal::TokenReused);
}

#[tokio::test]
async fn the_applications_refresh_token_is_kept_where_nothing_rotates_and_can_be_signed_out() {
    let mut contract = jwt();
    contract.refresh.as_mut().unwrap().rotation = Rotation::Keep;
    let world = World::new(contract).await;
    let user = world.add("jane").await;
    let old = world.application_token(&claims(&world, "refresh", &json!(user.id.0)));
    for _ in 0..3 {
        assert_eq!(refresh(&world.refresh(&old).await.unwrap()), old);
    }
    world.sign_out(None, Some(&old)).await.unwrap();
    assert_eq!(world.refresh(&old).await.unwrap_err(), Refusal::TokenRevoked);
}

#[tokio::test]
async fn a_refresh_token_signed_out_before_it_was_ever_exchanged_is_dead() {
    let world = World::new(jwt()).await;
    let user = world.add("jane").await;
    let old = world.application_token(&claims(&world, "refresh", &json!(user.id.0)));
    world.sign_out(None, Some(&old)).await.unwrap();
    assert_eq!(world.refresh(&old).await.unwrap_err(), Refusal::TokenRevoked);
}

#[tokio::test]
async fn a_shared_secret_does_not_make_a_session_of_ours() {
    let world = World::new(opaque()).await;
    let jane = world.add("jane").await;
    let john = world.add("john").await;
    let tokens = world.sign_in("jane").await;
    let payload = access(&tokens).split('.').nth(1).unwrap();
    let ticket = world.keys.verify(access(&tokens)).unwrap().map()["jti"].clone();
    assert!(!payload.is_empty());
    let mut forged = claims(&world, "access", &json!(john.id.0));
    forged["jti"] = ticket;
    assert_eq!(world.who(&world.application_token(&forged)).await.unwrap_err(), Refusal::TokenInvalid);
    assert_eq!(world.who(access(&tokens)).await.unwrap().id, jane.id);
}
