//! What does following the application before change, and what never?

use crate::world::{PASSWORD, World, access, bare, jwt, sign_up};
use countersign_engine::{Follow, Followed, Newcomer, NotFollowed, NotSignedUp, Shown, UserChange, Who};
use domain::command::Command;
use domain::id::UserId;
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::user::User;
use serde_json::json;

const OTHER: &str = "another battery staple";

fn ana() -> Shown {
    Shown {
        id: Some(UserId(41)),
        username: Some("ana".into()),
        email: Some("Ana@Example.com".into()),
        first_name: Some("Ana".into()),
        attributes: json!({"is_staff": true}).as_object().unwrap().clone(),
        typed: json!({"plan": "gold"}).as_object().unwrap().clone(),
        ..Shown::default()
    }
}

fn came_in(shown: Shown, password: &str) -> Follow {
    Follow::SignedIn { shown: Box::new(shown), password: Secret::new(password) }
}

async fn follow(world: &World, bearer: Option<&str>, what: Follow) -> Result<Followed, NotFollowed> {
    world.engine.follow(&world.caller(bearer), what, world.now()).await
}

async fn user(world: &World, name: &str) -> Option<User> {
    world.engine.find_user(&Who::Text(name.into())).await.unwrap()
}

async fn kinds(world: &World) -> Vec<String> {
    world.events().await.iter().map(|noted| noted.entry.kind.clone().into_owned()).collect()
}

#[tokio::test]
async fn who_came_in_there_is_here_with_the_same_id_and_password_and_no_role_of_theirs() {
    let world = World::new(jwt()).await;
    assert_eq!(follow(&world, None, came_in(ana(), PASSWORD)).await.unwrap(), Followed::Added(UserId(41)));
    let here = user(&world, "ana").await.unwrap();
    assert_eq!((here.id, here.role.as_str(), here.first_name.as_str()), (UserId(41), "author", "Ana"));
    assert_eq!((here.permissions, here.email_verified), (vec!["read".to_owned()], false));
    assert_eq!(json!(here.attributes), json!({"plan": "gold"}));
    world.try_sign_in("ana", PASSWORD).await.unwrap();
    assert_eq!(world.try_sign_in("ana", OTHER).await.unwrap_err(), Refusal::InvalidCredentials);
    // The next one has the next id, and the same answer changes nothing more.
    assert_eq!(follow(&world, None, came_in(ana(), PASSWORD)).await.unwrap(), Followed::Nothing);
    assert_eq!(world.add("ben").await.id, UserId(42));
    assert_eq!(kinds(&world).await.iter().filter(|kind| *kind == "user_carried_over").count(), 1);
}

#[tokio::test]
async fn another_password_there_is_the_password_here_and_tokens_signed_there_stay_good() {
    let world = World::new(bare()).await;
    let id = world.add("ana").await.id;
    let claims =
        json!({"sub": id.0.to_string(), "iat": world.now().seconds(), "exp": world.now().seconds() + 600});
    let token = world.application_token(&claims);
    world.advance(30);
    let shown = Shown { id: Some(id), ..Shown::default() };
    assert_eq!(follow(&world, None, came_in(shown, OTHER)).await.unwrap(), Followed::Changed(id));
    world.try_sign_in("ana", OTHER).await.unwrap();
    assert_eq!(world.try_sign_in("ana", PASSWORD).await.unwrap_err(), Refusal::InvalidCredentials);
    assert_eq!(world.who(&token).await.unwrap().id, id);

    let back = Follow::PasswordChanged(Secret::new(PASSWORD));
    assert_eq!(follow(&world, Some(&token), back).await.unwrap(), Followed::Changed(id));
    world.try_sign_in("ana", PASSWORD).await.unwrap();
    assert!(kinds(&world).await.contains(&"password_changed".to_owned()));
}

#[tokio::test]
async fn a_new_password_there_ends_our_other_sessions() {
    let world = World::new(jwt()).await;
    let id = world.add("ana").await.id;
    let (mine, other) = (world.sign_in("ana").await, world.sign_in("ana").await);
    let changed = Follow::PasswordChanged(Secret::new(OTHER));
    assert_eq!(follow(&world, Some(access(&mine)), changed).await.unwrap(), Followed::Changed(id));
    assert!(world.who(access(&mine)).await.is_ok());
    assert_eq!(world.who(access(&other)).await.unwrap_err(), Refusal::TokenRevoked);
}

#[tokio::test]
async fn fields_and_deletion_follow_and_nobody_becomes_another() {
    let world = World::new(jwt()).await;
    let (ana_id, ben) = (world.add("ana").await.id, world.add("ben").await.id);
    let token = world.sign_in("ana").await;
    let changed = |shown: Shown| Follow::ProfileChanged(Box::new(shown));
    let shown = Shown {
        id: Some(ana_id),
        first_name: Some("Anna".into()),
        phone_number: Some(Some("+44".into())),
        attributes: json!({"is_superuser": true}).as_object().unwrap().clone(),
        typed: json!({"a": 1, "b": null}).as_object().unwrap().clone(),
        ..Shown::default()
    };
    let done = follow(&world, Some(access(&token)), changed(shown)).await.unwrap();
    assert_eq!(done, Followed::Changed(ana_id));
    let here = user(&world, "ana").await.unwrap();
    assert_eq!((here.first_name.as_str(), here.phone_number.as_deref()), ("Anna", Some("+44")));
    assert_eq!(json!(here.attributes), json!({"a": 1}));
    // An answer about somebody else, and an address of somebody else.
    let other = Shown { id: Some(ben), first_name: Some("X".into()), ..Shown::default() };
    let refused = follow(&world, Some(access(&token)), changed(other)).await;
    assert!(matches!(refused, Err(NotFollowed::Taken)), "{refused:?}");
    let taken = Shown { email: Some("ben@example.com".into()), ..Shown::default() };
    let refused = follow(&world, Some(access(&token)), changed(taken)).await;
    assert!(matches!(refused, Err(NotFollowed::Taken)), "{refused:?}");
    let stranger = follow(&world, None, came_in(Shown { id: Some(UserId(99)), ..ana() }, PASSWORD)).await;
    assert!(matches!(stranger, Err(NotFollowed::Taken)), "{stranger:?}");

    assert_eq!(
        follow(&world, Some(access(&token)), Follow::Deleted).await.unwrap(),
        Followed::Changed(ana_id)
    );
    assert!(user(&world, "ana").await.is_none() && user(&world, "ben").await.is_some());
    let gone = follow(&world, Some(access(&token)), Follow::Deleted).await;
    assert!(matches!(gone, Err(NotFollowed::NotHere)), "{gone:?}");
    // The id is never anybody's again, whatever is said there.
    let again = follow(&world, None, came_in(Shown { id: Some(ana_id), ..ana() }, PASSWORD)).await;
    assert!(matches!(again, Err(NotFollowed::Taken)), "{again:?}");
}

#[tokio::test]
async fn administrators_and_nobodies_are_not_followed() {
    let world = World::new(jwt()).await;
    let id = world.add("root").await.id;
    let change = UserChange { permissions: Some(vec!["admin.users.read".into()]), ..UserChange::default() };
    world.engine.edit_user(&Who::Id(id), &change).await.unwrap();
    let shown = Shown { id: Some(id), ..Shown::default() };
    let refused = follow(&world, None, came_in(shown.clone(), OTHER)).await;
    assert!(matches!(refused, Err(NotFollowed::Administrator)), "{refused:?}");
    assert_eq!(follow(&world, None, came_in(shown, PASSWORD)).await.unwrap(), Followed::Nothing);
    let token = world.sign_in("root").await;
    let refused = follow(&world, Some(access(&token)), Follow::Deleted).await;
    assert!(matches!(refused, Err(NotFollowed::Administrator)), "{refused:?}");
    let nobody =
        follow(&world, None, came_in(Shown { id: Some(UserId(5)), ..Shown::default() }, OTHER)).await;
    assert!(matches!(nobody, Err(NotFollowed::Nobody)), "{nobody:?}");
}

#[tokio::test]
async fn a_sign_up_through_both_has_the_id_of_the_other_and_its_no_leaves_nothing() {
    let world = World::new(jwt()).await;
    let through = async |name: &str, decided: Result<Newcomer, u16>| {
        let request = sign_up(name, &format!("{name}@example.com"), PASSWORD);
        let mut asked = 0;
        let ask = async || {
            asked += 1;
            decided
        };
        let result = world.engine.sign_up_through(&world.caller(None), &request, ask).await;
        (result, asked)
    };
    let uuid = Some(uuid::Uuid::from_u128(77));
    let (done, asked) = through("ana", Ok(Newcomer { id: Some(UserId(500)), uuid })).await;
    let Outcome::SignedUp { user: made, tokens } = done.unwrap() else { panic!("no account") };
    assert_eq!((made.id, Some(made.uuid), asked), (UserId(500), uuid, 1));
    assert_eq!(world.who(access(&tokens.unwrap())).await.unwrap().id, UserId(500));

    let (done, asked) = through("ben", Err(409)).await;
    assert!(matches!(done, Err(NotSignedUp::Theirs(409))) && asked == 1);
    assert!(user(&world, "ben").await.is_none());
    // What is refused here is never asked of the other.
    let (done, asked) = through("ana", Err(409)).await;
    assert!(matches!(done, Err(NotSignedUp::Ours(_))) && asked == 0);
    // Nobody gets the id of somebody else.
    let (done, asked) = through("eve", Ok(Newcomer { id: Some(UserId(500)), uuid: None })).await;
    assert!(matches!(done, Err(NotSignedUp::Ours(_))) && asked == 1, "{done:?}");
    assert!(user(&world, "eve").await.is_none());
}

#[tokio::test]
async fn a_rehearsed_sign_up_is_told_with_the_id_it_would_get_and_makes_nobody() {
    let world = World::new(jwt()).await;
    let newcomer = Newcomer { id: Some(UserId(9)), uuid: None };
    let command = || Command::SignUp(Box::new(sign_up("ana", "ana@example.com", PASSWORD)));
    for _ in 0..2 {
        let outcome = world.engine.rehearse(&world.caller(None), command(), newcomer).await.unwrap();
        assert_eq!(outcome.user().unwrap().id, UserId(9));
    }
    assert!(user(&world, "ana").await.is_none() && world.events().await.is_empty());
}
