//! What goes once it is old, and what must stay?

use crate::world::{World, jwt, opaque, refresh};
use countersign_engine::EventQuery;
use domain::event::EventKind;
use domain::refusal::Refusal;
use serde_json::json;

const DAY: i64 = 86_400;

#[tokio::test]
async fn a_session_is_forgotten_long_after_its_end_and_its_tokens_stay_dead() {
    for contract in [opaque(), jwt()] {
        let world = World::new(contract).await;
        world.add("jane").await;
        let (ended, left) = (world.sign_in("jane").await, world.sign_in("jane").await);
        world.sign_out(None, Some(refresh(&ended))).await.unwrap();
        let user = world.engine.find_user(&countersign_engine::Who::parse("jane")).await.unwrap().unwrap().id;
        let remembered = async || world.engine.sessions_and_ends(user, 10).await.unwrap().len();
        world.advance(89 * DAY);
        assert_eq!((world.engine.tidy_up().await.unwrap().sessions, remembered().await), (0, 2));
        // The other one ended by itself later, and is remembered as long after that.
        world.advance(2 * DAY);
        assert_eq!((world.engine.tidy_up().await.unwrap().sessions, remembered().await), (1, 1));
        world.advance(10 * DAY);
        assert_eq!((world.engine.tidy_up().await.unwrap().sessions, remembered().await), (1, 0));
        for tokens in [&ended, &left] {
            let refusal = world.refresh(refresh(tokens)).await.unwrap_err();
            assert!(matches!(refusal, Refusal::TokenInvalid | Refusal::TokenExpired), "{refusal:?}");
        }
        assert_eq!(remembered().await, 0, "nothing opens it again");
    }
}

#[tokio::test]
async fn a_session_of_the_applications_own_token_is_never_forgotten() {
    // Without its row the token, which lives longer than our sessions, would open another one.
    let world = World::new(jwt()).await;
    let user = world.add("jane").await;
    let made = world.now().seconds() - 60;
    let claims = json!({
        "token_type": "refresh", "exp": made + 400 * DAY, "iat": made, "jti": "0123456789abcdef".repeat(2),
        "user_id": user.id.0,
    });
    let old = world.application_token(&claims);
    let successor = world.refresh(&old).await.unwrap();
    world.sign_out(None, Some(refresh(&successor))).await.unwrap();
    world.advance(300 * DAY);
    assert_eq!(world.engine.tidy_up().await.unwrap().sessions, 0);
    assert!(world.refresh(&old).await.is_err());
    assert_eq!(world.engine.sessions_and_ends(user.id, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_says_nobody_and_a_deed_says_the_user() {
    // SEC-110
    let world = World::new(opaque()).await;
    world.add("jane").await;
    world.sign_in("jane").await;
    world.try_sign_in("jane", "wrong").await.unwrap_err();
    world.try_sign_in("nobody", "wrong").await.unwrap_err();
    let found = world.engine.events(&EventQuery::default(), 100).await.unwrap();
    let told: Vec<(&str, &str, &str, bool, &str)> = found
        .iter()
        .map(|noted| {
            let entry = &noted.entry;
            (&*entry.kind, &*entry.actor, &*entry.verb, entry.user.is_some(), &*entry.result)
        })
        .collect();
    let expected = [
        (EventKind::OperatorEdit, "operator", "user add", true, ""),
        (EventKind::SignedIn, "user", "sign_in", true, ""),
        (EventKind::SignInRefused, "nobody", "sign_in", true, "invalid_credentials"),
        (EventKind::SignInRefused, "nobody", "sign_in", false, "unknown_user"),
    ];
    assert_eq!(
        told,
        expected.map(|(kind, actor, verb, about, result)| (kind.name(), actor, verb, about, result))
    );
    for noted in &found[1..] {
        assert!(
            !noted.entry.address.is_empty()
                && !noted.entry.request.is_empty()
                && !noted.entry.contract.is_empty()
        );
    }
}
