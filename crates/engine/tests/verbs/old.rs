//! What are tokens worth that the application signed with keys of its own, before the move?

use crate::world::{World, access, jwt, opaque, refresh, refresh_in_parallel};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use countersign_engine::{UserChange, Who};
use domain::contract::{Contract, OldTokens, Rotation, UserClaim};
use domain::event::EventKind;
use domain::refusal::Refusal;
use domain::secret::SecretBytes;
use domain::token::{HeaderPlan, Key, KeySet, OldKey, OldKeys};
use domain::user::{Status, User};
use serde_json::{Value, json};
use std::sync::Arc;

/// What the application signs with.
struct Application(KeySet);

impl Application {
    fn hs256() -> Application {
        let secret = SecretBytes::new(*b"the application's own secret, since 2021");
        Application::with(Key::hs256(&secret, false).unwrap())
    }

    fn with(key: Key) -> Application {
        Application(KeySet::new(key, Vec::new(), HeaderPlan::default()).unwrap())
    }

    fn signs(&self, claims: &Value) -> String {
        self.0.sign(claims.to_string().as_bytes())
    }

    /// A world that takes its tokens until an hour from now, with keys of its own.
    async fn moved_to(&self, contract: Contract, how: UserClaim) -> World {
        let mut world = World::new(contract).await;
        let key = OldKey { key: self.0.active().clone(), kid: None };
        let old = OldKeys::new(vec![key], None).unwrap();
        let own = Key::generate_eddsa().unwrap().0;
        world.keys = KeySet::new(own, Vec::new(), HeaderPlan::default()).unwrap().with_old(old).unwrap();
        world.contract.accept_until = Some(world.now().plus_seconds(3600));
        world.contract.old = Some(Box::new(OldTokens {
            user: (vec!["sub".to_owned()], how),
            access: vec![("kind".to_owned(), json!("a"))],
            refresh: Some(vec![("kind".to_owned(), json!("r"))]),
            issuer: None,
            audience: None,
        }));
        world
    }
}

fn claims(world: &World, kind: &str, user: &User) -> Value {
    let made = world.now().seconds() - 60;
    json!({"kind": kind, "exp": made + 86_400, "iat": made, "sub": user.id.0})
}

/// Contracts whose own refresh tokens are texts, JWTs, and JWTs that stay.
fn contracts() -> [Contract; 3] {
    let mut keeps = jwt();
    keeps.refresh.as_mut().unwrap().rotation = Rotation::Keep;
    [opaque(), jwt(), keeps]
}

#[tokio::test]
async fn its_access_tokens_are_good_until_the_date() {
    let application = Application::hs256();
    for contract in contracts() {
        let world = application.moved_to(contract, UserClaim::Id).await;
        let user = world.add("jane").await;
        let token = application.signs(&claims(&world, "a", &user));
        assert_eq!(world.who(&token).await.unwrap().id, user.id);
        let wrong = application.signs(&claims(&world, "r", &user));
        assert_eq!(world.who(&wrong).await.unwrap_err(), Refusal::TokenWrongKind);
        let stranger = SecretBytes::new(*b"another secret of more than 32 bytes");
        let stranger = Application::with(Key::hs256(&stranger, false).unwrap());
        let forged = stranger.signs(&claims(&world, "a", &user));
        assert_eq!(world.who(&forged).await.unwrap_err(), Refusal::TokenInvalid);
        world.advance(3599);
        assert!(world.who(&token).await.is_ok());
        world.advance(1);
        assert_eq!(world.who(&token).await.unwrap_err(), Refusal::TokenInvalid);
    }
}

#[tokio::test]
async fn its_access_tokens_end_with_the_user_and_with_a_sign_out() {
    let application = Application::hs256();
    let world = application.moved_to(opaque(), UserClaim::Id).await;
    let user = world.add("jane").await;
    let token = application.signs(&claims(&world, "a", &user));
    let off = UserChange { status: Some(Status::Inactive), ..UserChange::default() };
    world.engine.edit_user(&Who::Id(user.id), &off).await.unwrap();
    assert_eq!(world.who(&token).await.unwrap_err(), Refusal::TokenUserInactive);
    let john = world.add("john").await;
    let token = application.signs(&claims(&world, "a", &john));
    world.sign_out(Some(&token), None).await.unwrap();
    assert_eq!(world.who(&token).await.unwrap_err(), Refusal::TokenRevoked);
    let mut nobody = claims(&world, "a", &john);
    nobody["sub"] = json!(999);
    assert_eq!(world.who(&application.signs(&nobody)).await.unwrap_err(), Refusal::TokenUserUnknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_refresh_token_is_exchanged_for_one_family_of_ours() {
    let application = Application::hs256();
    for contract in contracts().into_iter().take(2) {
        let world = Arc::new(application.moved_to(contract, UserClaim::Id).await);
        let user = world.add("jane").await;
        let old = application.signs(&claims(&world, "r", &user));
        let successors = refresh_in_parallel(&world, &old, 10).await;
        assert_eq!(successors.len(), 1);
        let successor = successors.into_iter().next().unwrap();
        assert_ne!(successor, old);
        world.advance(9);
        assert_eq!(refresh(&world.refresh(&old).await.unwrap()), successor);
        let next = world.refresh(&successor).await.unwrap();
        assert_eq!(world.who(access(&next)).await.unwrap().id, user.id);
        // A use that is neither the first nor inside the grace ends the family, and is noted.
        assert_eq!(world.refresh(&old).await.unwrap_err(), Refusal::TokenReused);
        assert_eq!(world.refresh(refresh(&next)).await.unwrap_err(), Refusal::TokenReused);
        let events = world.events().await;
        assert_eq!(
            events.iter().filter(|noted| noted.entry.kind == EventKind::RefreshReuse.name()).count(),
            1
        );
    }
}

#[tokio::test]
async fn a_family_of_ours_outlives_the_date_and_the_old_token_does_not() {
    let application = Application::hs256();
    for contract in contracts() {
        let keeps = !contract.rotates();
        let world = application.moved_to(contract, UserClaim::Id).await;
        let user = world.add("jane").await;
        let old = application.signs(&claims(&world, "r", &user));
        let ours = world.refresh(&old).await.unwrap();
        assert_ne!(refresh(&ours), old);
        if keeps {
            assert_eq!(refresh(&world.refresh(&old).await.unwrap()), refresh(&ours));
        }
        world.advance(3600);
        assert_eq!(world.refresh(&old).await.unwrap_err(), Refusal::TokenInvalid);
        let later = world.refresh(refresh(&ours)).await.unwrap();
        assert_eq!(refresh(&later) == refresh(&ours), keeps);
        assert_eq!(world.who(access(&later)).await.unwrap().id, user.id);
    }
}

#[tokio::test]
async fn an_access_token_of_the_application_is_not_exchanged() {
    let application = Application::hs256();
    for contract in contracts() {
        let world = application.moved_to(contract, UserClaim::Id).await;
        let user = world.add("jane").await;
        let token = application.signs(&claims(&world, "a", &user));
        assert_eq!(world.refresh(&token).await.unwrap_err(), Refusal::TokenWrongKind);
        let mut over = claims(&world, "r", &user);
        over["exp"] = json!(world.now().seconds());
        assert_eq!(world.refresh(&application.signs(&over)).await.unwrap_err(), Refusal::TokenExpired);
    }
}

#[tokio::test]
async fn a_refresh_token_signed_out_before_its_exchange_is_dead() {
    let application = Application::hs256();
    for contract in contracts() {
        let world = application.moved_to(contract, UserClaim::Id).await;
        let user = world.add("jane").await;
        let old = application.signs(&claims(&world, "r", &user));
        world.sign_out(None, Some(&old)).await.unwrap();
        assert_eq!(world.refresh(&old).await.unwrap_err(), Refusal::TokenRevoked);
    }
}

#[tokio::test]
async fn a_token_that_names_an_address_is_its_owners_alone() {
    let application = Application::hs256();
    let world = application.moved_to(opaque(), UserClaim::Email).await;
    let jane = world.add("jane").await;
    let mut named = claims(&world, "r", &jane);
    named["sub"] = json!("JANE@example.com");
    named["iat"] = json!(world.now().seconds());
    let old = application.signs(&named);
    let tokens = world.refresh(&old).await.unwrap();
    assert_eq!(world.who(access(&tokens)).await.unwrap().id, jane.id);
    // The address goes to another person; the first one's token does not go with it.
    let moved = UserChange { email: Some(Some("new@example.com".to_owned())), ..UserChange::default() };
    world.engine.edit_user(&Who::Id(jane.id), &moved).await.unwrap();
    assert_eq!(world.refresh(&old).await.unwrap_err(), Refusal::TokenInvalid);
}

#[tokio::test]
async fn a_second_spelling_of_a_signature_opens_no_second_family() {
    let application = Application::with(Key::generate_es256().unwrap().0);
    let world = application.moved_to(opaque(), UserClaim::Id).await;
    let user = world.add("jane").await;
    let old = application.signs(&claims(&world, "r", &user));
    let other = with_other_spelling(&old);
    assert_ne!(other, old);
    let first = world.refresh(&old).await.unwrap();
    assert_eq!(refresh(&world.refresh(&other).await.unwrap()), refresh(&first));
    world.advance(11);
    assert_eq!(world.refresh(&other).await.unwrap_err(), Refusal::TokenReused);
    assert_eq!(world.refresh(refresh(&first)).await.unwrap_err(), Refusal::TokenReused);
}

/// An ECDSA signature (r, s) is as good as (r, n - s).
fn with_other_spelling(token: &str) -> String {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&ORDER[2 * at..2 * at + 2], 16).unwrap()).collect();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = BASE64URL.decode(signature).unwrap();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let digit = i32::from(order[at]) - i32::from(signature[32 + at]) - borrow;
        borrow = i32::from(digit < 0);
        signature[32 + at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    format!("{signed}.{}", BASE64URL.encode(signature))
}
