//! Does the door hold the CSRF token of a page against the session of each token that came in a cookie?

use crate::world::{PASSWORD, World, access, jwt, opaque, refresh};
use countersign_engine::Error;
use domain::caller::{Bearer, Caller, Page};
use domain::command::{Command, Login};
use domain::contract::Contract;
use domain::outcome::{Outcome, Tokens};
use domain::refusal::Refusal;
use domain::secret::Secret;
use serde_json::json;

/// Asks as a page of ours does: with tokens in cookies, the first of them the access token, and what it sends back.
async fn ask(
    world: &World,
    cookies: &[&str],
    csrf: Option<&str>,
    command: Command,
) -> Result<Outcome, Refusal> {
    let bearer = cookies.first().map_or(Bearer::Absent, |token| Bearer::Token(Secret::new(*token)));
    let tokens = cookies.iter().map(|token| Secret::new(*token)).collect();
    let page = Some(Page { tokens, csrf: csrf.map(Secret::new) });
    match world.engine.perform(&Caller { bearer, page, ..world.caller(None) }, command).await {
        Ok(outcome) => Ok(outcome),
        Err(Error::Refused(refusal)) => Err(refusal),
        Err(Error::Fault(fault)) => panic!("{fault}"),
    }
}

async fn signed_in(world: &World, username: &str) -> Tokens {
    let login = Login::Username(username.into());
    let command = Command::SignIn { login, password: Secret::new(PASSWORD), exact: false, otp: None };
    ask(world, &[], None, command).await.unwrap().tokens().unwrap().clone()
}

fn csrf(tokens: &Tokens) -> &str {
    tokens.csrf.as_ref().unwrap().expose()
}

fn contracts() -> [Contract; 2] {
    [opaque(), jwt()]
}

// SEC-75
#[tokio::test]
async fn only_the_token_of_the_own_session_fits() {
    for contract in contracts() {
        let world = World::new(contract).await;
        world.add("ann").await;
        world.add("bob").await;
        let (ann, bob, again) =
            (signed_in(&world, "ann").await, signed_in(&world, "bob").await, signed_in(&world, "ann").await);
        let who = async |csrf| ask(&world, &[access(&ann)], csrf, Command::WhoAmI).await.map(drop);
        assert_eq!(who(Some(csrf(&ann))).await, Ok(()));
        for wrong in [None, Some(""), Some("x"), Some(csrf(&bob)), Some(csrf(&again))] {
            assert_eq!(who(wrong).await, Err(Refusal::CrossSite), "{wrong:?}");
        }
        let both = [access(&ann), refresh(&bob)];
        for csrf in [csrf(&ann), csrf(&bob)] {
            let out = Command::SignOut { refresh: None, access: None, needs_access: false };
            assert_eq!(ask(&world, &both, Some(csrf), out).await.map(drop), Err(Refusal::CrossSite));
        }
        assert!(world.who(access(&ann)).await.is_ok() && world.who(access(&bob)).await.is_ok());
    }
}

// SEC-75: another tab may refresh while this one sends.
#[tokio::test]
async fn a_refresh_gives_a_new_token_and_the_old_one_is_good_until_the_session_ends() {
    for contract in contracts() {
        let world = World::new(contract).await;
        world.add("ann").await;
        let first = signed_in(&world, "ann").await;
        let exchange = |token: &str| Command::Refresh { token: Secret::new(token) };
        let page = [access(&first), refresh(&first)];
        assert_eq!(
            ask(&world, &page, None, exchange(refresh(&first))).await.map(drop),
            Err(Refusal::CrossSite)
        );
        let renewed = ask(&world, &page, Some(csrf(&first)), exchange(refresh(&first))).await.unwrap();
        let renewed = renewed.tokens().unwrap().clone();
        assert_ne!(csrf(&renewed), csrf(&first));
        for csrf in [csrf(&first), csrf(&renewed)] {
            assert!(ask(&world, &[access(&renewed)], Some(csrf), Command::WhoAmI).await.is_ok());
        }
    }
}

// SEC-75: nothing binds a token that the application made, so in a cookie it is worth nothing.
#[tokio::test]
async fn a_token_of_no_session_is_no_cookie_of_ours() {
    let world = World::new(jwt()).await;
    let user = world.add("ann").await;
    let made = world.now().seconds() - 60;
    let claims = json!({"token_type": "access", "exp": made + 600, "iat": made, "jti": "0123456789abcdef".repeat(2), "user_id": user.id.0});
    let foreign = world.application_token(&claims);
    assert!(world.who(&foreign).await.is_ok(), "in a header it is good");
    let ann = signed_in(&world, "ann").await;
    for csrf in [None, Some(csrf(&ann))] {
        let answer = ask(&world, &[&foreign], csrf, Command::WhoAmI).await;
        assert_eq!(answer.map(drop), Err(Refusal::CrossSite));
    }
    // What is no token at all is refused as what it is.
    assert_eq!(ask(&world, &["x"], None, Command::WhoAmI).await.map(drop), Err(Refusal::TokenInvalid));
}

#[tokio::test]
async fn without_a_page_there_is_no_csrf_token() {
    let world = World::new(opaque()).await;
    world.add("ann").await;
    assert!(world.sign_in("ann").await.csrf.is_none());
}
