//! Which accounts come into being, and with what?

use crate::world::{World, access, opaque, refresh, sign_up};
use domain::command::{AvatarEdit, Command, SignUp};
use domain::input::{Flaw, Input, Rule};
use domain::refusal::Refusal;
use domain::user::{Status, User};
use serde_json::json;

async fn make(world: &World, request: SignUp) -> Result<User, Refusal> {
    let outcome = world.ask(None, Command::SignUp(Box::new(request))).await?;
    Ok(outcome.user().unwrap().clone())
}

fn flaws(refusal: &Refusal) -> Vec<(Input, Rule)> {
    let (Refusal::InvalidInput(flaws) | Refusal::Taken(flaws)) = refusal else { panic!("{refusal:?}") };
    flaws.iter().map(|flaw| (flaw.input, flaw.rule)).collect()
}

#[tokio::test]
async fn a_new_account_starts_as_the_contract_says_and_is_signed_in() {
    let mut contract = opaque();
    contract.newcomer.attributes = json!({"posts": 0}).as_object().unwrap().clone();
    let world = World::new(contract).await;
    let attributes = json!({"posts": 9, "city": "Bogotá"}).as_object().unwrap().clone();
    let request = SignUp { attributes, ..sign_up("jane", "Jane@Example.com", "horse battery") };
    let outcome = world.ask(None, Command::SignUp(Box::new(request))).await.unwrap();
    let user = outcome.user().unwrap();
    assert_eq!((user.role.as_str(), user.status, user.email_verified), ("author", Status::Active, false));
    assert_eq!(json!(user.attributes), json!({"posts": 0, "city": "Bogotá"}));
    assert_eq!(user.email.as_deref(), Some("Jane@Example.com"));
    let tokens = outcome.tokens().unwrap();
    assert_eq!(world.who(access(tokens)).await.unwrap(), *user);
    assert!(world.refresh(refresh(tokens)).await.is_ok());
    assert!(world.try_sign_in("jane", "horse battery").await.is_ok());
}

#[tokio::test]
async fn everything_taken_is_said_at_once_and_beside_other_flaws() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let both = make(&world, sign_up("jane", "JANE@example.com", "horse battery")).await.unwrap_err();
    assert_eq!(both.code(), "taken");
    assert_eq!(flaws(&both), [(Input::Username, Rule::Taken), (Input::Email, Rule::Taken)]);
    let heard = vec![Flaw::new(Input::FirstName, Rule::TooLong)];
    let request = SignUp { flaws: heard, ..sign_up("jane", "new@example.com", "pw") };
    let mixed = make(&world, request).await.unwrap_err();
    assert_eq!(mixed.code(), "invalid_input");
    assert_eq!(flaws(&mixed), [(Input::FirstName, Rule::TooLong), (Input::Username, Rule::Taken)]);
}

#[tokio::test]
async fn a_weak_password_is_refused_once_all_else_is_in_order() {
    let world = World::new(opaque()).await;
    let refusal = make(&world, sign_up("jane", "jane@example.com", "12345")).await.unwrap_err();
    let length_common_numeric = [Rule::PasswordTooShort, Rule::PasswordCommon, Rule::PasswordNumeric];
    assert_eq!(flaws(&refusal), length_common_numeric.map(|rule| (Input::Password, rule)));
    let refusal = make(&world, sign_up("jane", "nobody", "12345")).await.unwrap_err();
    assert_eq!(flaws(&refusal), [(Input::Email, Rule::Email)]);
    let none = make(&world, SignUp::default()).await.unwrap_err();
    assert_eq!(flaws(&none), [(Input::Email, Rule::NoneOf), (Input::Password, Rule::Required)]);
    assert!(world.engine.list_users(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn taken_takes_a_hash_too() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let before = world.engine.hash_gauges().hashes_total;
    make(&world, sign_up("jane", "j@example.com", "horse battery")).await.unwrap_err();
    assert_eq!(world.engine.hash_gauges().hashes_total - before, 1);
}

#[tokio::test]
async fn a_made_user_name_gets_a_number_until_it_is_free() {
    let world = World::new(opaque()).await;
    let mut names = Vec::new();
    for number in 0..7 {
        let mut request = sign_up("jane_doe", &format!("j{number}@example.com"), "horse battery");
        request.username_made = true;
        names.push(make(&world, request).await.unwrap().username.unwrap());
    }
    assert_eq!(names[..5], ["jane_doe", "jane_doe2", "jane_doe3", "jane_doe4", "jane_doe5"]);
    assert!(names[5..].iter().all(|name| name.len() == "jane_doe".len() + 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sign_ups_with_one_address_make_one_account() {
    let world = std::sync::Arc::new(World::new(opaque()).await);
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let world = world.clone();
            let email = if number % 2 == 0 { "One@example.com" } else { "one@EXAMPLE.com" };
            let request = sign_up(&format!("name{number}"), email, "horse battery");
            tokio::spawn(async move { make(&world, request).await })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(refusal) => assert_eq!(flaws(&refusal), [(Input::Email, Rule::Taken)]),
        }
    }
    assert_eq!((made, world.engine.list_users(None, 10).await.unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_file_that_is_no_picture_makes_no_account() {
    let world = World::new(opaque()).await;
    let mut request = sign_up("jane", "jane@example.com", "horse battery");
    request.avatar = Some(AvatarEdit::Upload(b"<svg/>".to_vec()));
    let refusal = make(&world, request).await.unwrap_err();
    assert_eq!(flaws(&refusal), [(Input::Avatar, Rule::NotAPicture)]);
    assert!(world.engine.list_users(None, 10).await.unwrap().is_empty());
}
