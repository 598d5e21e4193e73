//! What do people change about themselves, and about nobody else?

use crate::world::{World, access, opaque};
use countersign_engine::{UserChange, Who};
use domain::command::{AvatarEdit, Command, Target, UpdateProfile};
use domain::input::{Flaw, Input, Rule};
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::user::User;
use serde_json::json;

/// One red pixel.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90, 0x77, 0x53, 0xde, 0x00,
    0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03, 0x01,
    0x01, 0x00, 0xc9, 0xfe, 0x92, 0xef, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60,
    0x82,
];

async fn update(world: &World, token: &str, request: UpdateProfile) -> Result<User, Refusal> {
    let outcome = world.ask(Some(token), Command::UpdateProfile(Box::new(request))).await?;
    let Outcome::ProfileUpdated { user } = outcome else { panic!("{outcome:?}") };
    Ok(user)
}

async fn jane() -> (World, User, String) {
    let world = World::new(opaque()).await;
    let user = world.add("jane").await;
    let verified = UserChange { email_verified: Some(true), ..UserChange::default() };
    let user = world.engine.edit_user(&Who::Id(user.id), &verified).await.unwrap();
    let token = access(&world.sign_in("jane").await).to_owned();
    (world, user, token)
}

#[tokio::test]
async fn what_is_answered_is_what_is_stored() {
    let (world, user, token) = jane().await;
    let request = UpdateProfile {
        target: Some(Target::Id(user.id.0)),
        username: Some("jane2".into()),
        email: Some("new@example.com".into()),
        first_name: Some("Jane".into()),
        phone_number: Some(Some("555".into())),
        attributes: json!({"city": "Cali"}).as_object().unwrap().clone(),
        ..UpdateProfile::default()
    };
    let updated = update(&world, &token, request).await.unwrap();
    assert_eq!((updated.email.as_deref(), updated.email_verified), (Some("new@example.com"), false));
    assert_eq!(world.who(&token).await.unwrap(), updated);
    assert_eq!((updated.role.as_str(), updated.id), (user.role.as_str(), user.id));
}

#[tokio::test]
async fn another_users_id_is_refused_whether_it_exists_or_not() {
    let (world, _, token) = jane().await;
    let john = world.add("john").await;
    for target in [Target::Id(john.id.0), Target::Id(999), Target::Uuid(john.uuid), Target::Short("x".into())]
    {
        let request = UpdateProfile { target: Some(target.clone()), ..UpdateProfile::default() };
        assert_eq!(update(&world, &token, request).await.unwrap_err(), Refusal::NotYours);
        let delete = Command::DeleteAccount { target: Some(target.clone()), password: None };
        assert_eq!(world.ask(Some(&token), delete).await.unwrap_err(), Refusal::NotYours);
        let avatar = Some(AvatarEdit::Clear);
        let set = Command::SetAvatar { target: Some(target), avatar, flaws: Vec::new() };
        assert_eq!(world.ask(Some(&token), set).await.unwrap_err(), Refusal::NotYours);
    }
    assert!(world.engine.find_user(&Who::Id(john.id)).await.unwrap().is_some());
}

#[tokio::test]
async fn what_belongs_to_another_is_taken_and_ones_own_is_not() {
    let (world, _, token) = jane().await;
    world.add("john").await;
    let own = UpdateProfile {
        username: Some("jane".into()),
        email: Some("JANE@example.com".into()),
        ..UpdateProfile::default()
    };
    let user = update(&world, &token, own).await.unwrap();
    assert_eq!((user.email.as_deref(), user.email_verified), (Some("JANE@example.com"), true));
    let theirs = UpdateProfile {
        username: Some("john".into()),
        email: Some("John@example.com".into()),
        ..UpdateProfile::default()
    };
    let taken = vec![Flaw::new(Input::Username, Rule::Taken), Flaw::new(Input::Email, Rule::Taken)];
    assert_eq!(update(&world, &token, theirs).await.unwrap_err(), Refusal::Taken(taken));
}

#[tokio::test]
async fn a_new_picture_replaces_the_old_one_and_clearing_takes_it_away() {
    let (world, _, token) = jane().await;
    let name = |user: &User| user.avatar.clone().unwrap().rsplit('/').next().unwrap().to_owned();
    let set = |avatar| Command::SetAvatar { target: None, avatar: Some(avatar), flaws: Vec::new() };
    let outcome = world.ask(Some(&token), set(AvatarEdit::Upload(PNG.to_vec()))).await.unwrap();
    let first = name(outcome.user().unwrap());
    assert_eq!(world.engine.avatar(&first).await.unwrap().unwrap().0, "image/png");
    let request =
        UpdateProfile { avatar: Some(AvatarEdit::Upload(PNG.to_vec())), ..UpdateProfile::default() };
    let second = name(&update(&world, &token, request).await.unwrap());
    assert_ne!(first, second);
    assert!(world.engine.avatar(&first).await.unwrap().is_none());
    assert!(world.engine.avatar(&second).await.unwrap().is_some());
    world.ask(Some(&token), set(AvatarEdit::Clear)).await.unwrap();
    assert!(world.engine.avatar(&second).await.unwrap().is_none());
    assert_eq!(world.who(&token).await.unwrap().avatar, None);
}

#[tokio::test]
async fn a_file_that_is_no_picture_changes_nothing() {
    let (world, _, token) = jane().await;
    let cases: [(Option<AvatarEdit>, Vec<Flaw>, Rule); 4] = [
        (Some(AvatarEdit::Upload(b"GIF89a".to_vec())), Vec::new(), Rule::NotAPicture),
        (Some(AvatarEdit::Upload(vec![0; 1024 * 1024 + 1])), Vec::new(), Rule::FileTooLarge),
        (None, Vec::new(), Rule::Required),
        (None, vec![Flaw::new(Input::Avatar, Rule::NotAFile)], Rule::NotAFile),
    ];
    for (avatar, flaws, rule) in cases {
        let set = Command::SetAvatar { target: None, avatar, flaws };
        let Refusal::InvalidInput(flaws) = world.ask(Some(&token), set).await.unwrap_err() else { panic!() };
        assert_eq!(flaws.iter().map(|flaw| flaw.rule).collect::<Vec<_>>(), [rule]);
    }
    assert_eq!(world.who(&token).await.unwrap().avatar, None);
}
