//! What becomes of a family of refresh tokens?

use crate::world::{START, World, access, jwt, opaque, refresh, refresh_in_parallel};
use domain::contract::{Contract, Rotation};
use domain::refusal::Refusal;
use std::sync::Arc;

async fn signed_in(contract: Contract) -> (Arc<World>, String) {
    let world = World::new(contract).await;
    world.add("jane").await;
    let first = refresh(&world.sign_in("jane").await).to_owned();
    (Arc::new(world), first)
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_parallel_refreshes_have_one_successor_and_the_family_lives() {
    for contract in [opaque(), jwt()] {
        let (world, first) = signed_in(contract).await;
        let successors = refresh_in_parallel(&world, &first, 50).await;
        assert_eq!(successors.len(), 1);
        let successor = successors.iter().next().unwrap();
        assert_ne!(*successor, first);
        assert!(world.refresh(successor).await.is_ok());
    }
}

#[tokio::test]
async fn a_predecessor_gets_the_same_successor_to_the_byte_within_the_grace() {
    for contract in [opaque(), jwt()] {
        let (world, first) = signed_in(contract).await;
        world.advance(60);
        let second = world.refresh(&first).await.unwrap();
        world.advance(10);
        let again = world.refresh(&first).await.unwrap();
        assert_eq!(refresh(&again), refresh(&second));
        assert_eq!(again.refresh.unwrap().expires_at, second.refresh.as_ref().unwrap().expires_at);
        assert_ne!(access(&world.refresh(refresh(&second)).await.unwrap()), access(&second));
    }
}

#[tokio::test]
async fn a_reused_refresh_token_ends_the_whole_family() {
    for contract in [opaque(), jwt()] {
        let (world, first) = signed_in(contract).await;
        let second = world.refresh(&first).await.unwrap();
        let third = world.refresh(refresh(&second)).await.unwrap();
        assert_eq!(world.refresh(&first).await.unwrap_err(), Refusal::TokenReused);
        for token in [&first, refresh(&second), refresh(&third)] {
            assert_eq!(world.refresh(token).await.unwrap_err(), Refusal::TokenReused);
        }
        for tokens in [&second, &third] {
            assert_eq!(world.who(access(tokens)).await.unwrap_err(), Refusal::TokenRevoked);
        }
        assert!(world.refresh(refresh(&world.sign_in("jane").await)).await.is_ok());
    }
}

#[tokio::test]
async fn a_predecessor_after_the_grace_ends_the_family_and_without_grace_at_once() {
    let (world, first) = signed_in(opaque()).await;
    let second = world.refresh(&first).await.unwrap();
    world.advance(11);
    assert_eq!(world.refresh(&first).await.unwrap_err(), Refusal::TokenReused);
    assert_eq!(world.refresh(refresh(&second)).await.unwrap_err(), Refusal::TokenReused);

    let mut strict = opaque();
    strict.refresh.as_mut().unwrap().rotation = Rotation::Rotate { grace_seconds: 0 };
    let (world, first) = signed_in(strict).await;
    world.refresh(&first).await.unwrap();
    assert_eq!(world.refresh(&first).await.unwrap_err(), Refusal::TokenReused);
}

#[tokio::test]
async fn a_contract_without_rotation_gives_the_same_token_until_the_session_ends() {
    for mut contract in [opaque(), jwt()] {
        contract.refresh.as_mut().unwrap().rotation = Rotation::Keep;
        let (world, first) = signed_in(contract).await;
        for _ in 0..3 {
            world.advance(3600);
            let tokens = world.refresh(&first).await.unwrap();
            assert_eq!(refresh(&tokens), first);
            assert!(world.who(access(&tokens)).await.is_ok());
        }
        world.sign_out(None, Some(&first)).await.unwrap();
        assert_eq!(world.refresh(&first).await.unwrap_err(), Refusal::TokenRevoked);
    }
}

#[tokio::test]
async fn both_clocks_run_and_no_token_outlives_the_session() {
    for contract in [opaque(), jwt()] {
        let (world, mut token) = signed_in(contract).await;
        let end = START.plus_seconds(10 * 86_400);
        for _ in 0..11 {
            world.advance(86_399);
            let tokens = match world.refresh(&token).await {
                Ok(tokens) => tokens,
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::TokenExpired);
                    break;
                }
            };
            assert!(tokens.access.expires_at <= end && tokens.refresh.as_ref().unwrap().expires_at <= end);
            token = refresh(&tokens).to_owned();
        }
        assert!(world.now() >= end);

        let idle = refresh(&world.sign_in("jane").await).to_owned();
        world.advance(86_400);
        assert_eq!(world.refresh(&idle).await.unwrap_err(), Refusal::TokenExpired);
    }
}

#[tokio::test]
async fn kinds_of_tokens_do_not_mix() {
    for contract in [opaque(), jwt()] {
        let (world, _) = signed_in(contract.clone()).await;
        let tokens = world.sign_in("jane").await;
        assert_eq!(world.refresh(access(&tokens)).await.unwrap_err(), Refusal::TokenWrongKind);
        let expected = if contract.name == "jwt" { Refusal::TokenWrongKind } else { Refusal::TokenInvalid };
        assert_eq!(world.who(refresh(&tokens)).await.unwrap_err(), expected);
        assert!(world.refresh(refresh(&tokens)).await.is_ok());
    }
}

#[tokio::test]
async fn a_token_of_one_contract_is_worth_nothing_in_another() {
    // SEC-60
    for contract in [opaque(), jwt()] {
        let (world, _) = signed_in(contract).await;
        let tokens = world.sign_in("jane").await;
        let mut world = Arc::into_inner(world).unwrap();
        world.contract.name = "another".into();
        assert_eq!(world.refresh(refresh(&tokens)).await.unwrap_err(), Refusal::TokenInvalid);
        assert_eq!(world.who(access(&tokens)).await.unwrap_err(), Refusal::TokenInvalid);
        world.sign_out(None, Some(refresh(&tokens))).await.unwrap();
        world.contract.name = if refresh(&tokens).starts_with("csr_") { "opaque" } else { "jwt" }.into();
        assert!(world.refresh(refresh(&tokens)).await.is_ok());
    }
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused_without_harm() {
    for contract in [opaque(), jwt()] {
        let (world, first) = signed_in(contract).await;
        let cut = &first[..first.len() - 1];
        let long = "x".repeat(100_000);
        for text in ["", "csr_", "a.b.c", cut, &first.to_uppercase(), &format!("{first} "), &long] {
            assert_eq!(world.refresh(text).await.unwrap_err(), Refusal::TokenInvalid, "{text:.60}");
        }
        assert!(world.refresh(&first).await.is_ok());
    }
}
