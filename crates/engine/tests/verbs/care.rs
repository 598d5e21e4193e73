//! What may administrators do to help a user back in?

use crate::world::{PASSWORD, World, access, opaque};
use countersign_engine::NewUserRequest;
use domain::admin::{AdminCommand, AdminRules, Items, NewPerson, Person};
use domain::command::Command;
use domain::contract::{Contract, Purpose};
use domain::house::{House, RecoveryRules};
use domain::input::{Flaw, Input, Rule};
use domain::letter::Letter;
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::role::{Role, Roles};
use domain::secret::Secret;
use domain::user::User;
use std::collections::BTreeMap;

const NEW: &str = "a brand new passphrase";

fn house(mail: bool) -> House {
    House {
        admin: AdminRules { require_factor: false },
        recovery: RecoveryRules { mail, ..RecoveryRules::DEFAULT },
        ..House::default()
    }
}

/// A world with an administrator, and his access token.
async fn world(house: House) -> (World, String) {
    let contract = Contract { name: "admin".into(), purpose: Purpose::Administration, ..opaque() };
    let world = World::with_house(contract, house).await;
    add(&world, "root", "admin").await;
    let token = access(&world.sign_in("root").await).to_owned();
    (world, token)
}

async fn add(world: &World, name: &str, role: &str) -> User {
    let request = NewUserRequest {
        username: Some(name.into()),
        email: Some(format!("{name}@example.com")),
        password: Some(Secret::new(PASSWORD)),
        role: role.into(),
        ..NewUserRequest::default()
    };
    world.engine.add_user(request).await.unwrap()
}

async fn ask(world: &World, bearer: &str, command: AdminCommand) -> Result<Outcome, Refusal> {
    world.ask(Some(bearer), Command::Admin(command)).await
}

fn newcomer(email: Option<&str>, role: Option<&str>) -> AdminCommand {
    let person = Person {
        username: Some(Some("eve".into())),
        email: email.map(|email| Some(email.to_owned())),
        ..Person::default()
    };
    AdminCommand::CreateUser(Box::new(NewPerson { person, role: role.map(str::to_owned) }))
}

/// Who did what, of one kind.
async fn deeds(world: &World, kind: &str) -> Vec<String> {
    let events = world.events().await;
    let of_kind = events.iter().filter(|noted| noted.entry.kind == kind);
    of_kind.map(|noted| format!("{} {}", noted.entry.actor, noted.entry.verb)).collect()
}

/// SEC-47: an administrator sends a letter and chooses no password; the one in force stays until it is used.
#[tokio::test]
async fn an_administrator_starts_a_reset_and_chooses_no_password() {
    let (world, root) = world(house(true)).await;
    let ann = add(&world, "ann", "").await;
    ask(&world, &root, AdminCommand::StartReset { user: ann.uuid }).await.unwrap();
    let set = Command::ResetPassword {
        token: Secret::new(world.token(Letter::ResetPassword, "ann@example.com").await),
        new: Secret::new(NEW),
    };
    world.ask(None, set.clone()).await.unwrap();
    assert_eq!(world.ask(None, set).await.unwrap_err(), Refusal::LinkInvalid);
    assert_eq!(deeds(&world, "reset_asked").await, ["admin admin_start_reset"]);
}

/// SEC-47: who is added by an administrator sets the first password by a link, written down together with the user.
#[tokio::test]
async fn a_new_user_is_invited_where_letters_are_delivered() {
    let eve = "eve@example.com";
    let (with_mail, root) = world(house(true)).await;
    ask(&with_mail, &root, newcomer(Some(eve), None)).await.unwrap();
    let token = Secret::new(with_mail.token(Letter::Invitation, eve).await);
    let set = Command::ResetPassword { token, new: Secret::new(NEW) };
    with_mail.ask(None, set).await.unwrap();
    let taken = ask(&with_mail, &root, newcomer(Some(eve), None)).await;
    assert_eq!(taken.unwrap_err().code(), "taken");
    assert_eq!(with_mail.letters(Letter::Invitation, eve).await.len(), 1, "who is not added gets no letter");

    let (without, root) = world(house(false)).await;
    ask(&without, &root, newcomer(Some(eve), None)).await.unwrap();
    let (nameless, token) = world(house(true)).await;
    ask(&nameless, &token, newcomer(None, None)).await.unwrap();
    for world in [without, nameless] {
        assert!(world.engine.letters_waiting(None, 10).await.unwrap().is_empty());
    }
}

/// SEC-66: where roles are configured there are no others, for administrators either.
#[tokio::test]
async fn an_administrator_gives_only_roles_that_are_configured() {
    let role = |permission: &str| Role { permissions: vec![permission.to_owned()], needs_factor: false };
    let roles =
        BTreeMap::from([("admin".to_owned(), role("admin.*")), ("author".to_owned(), role("post.write"))]);
    let configured = House { roles: Roles(roles), roles_configured: true, ..house(false) };
    let (world, root) = world(configured).await;
    let unknown = Refusal::InvalidInput(vec![Flaw::new(Input::Role, Rule::OneOf)]);
    let made = ask(&world, &root, newcomer(None, Some("editor"))).await;
    assert_eq!(made.unwrap_err(), unknown);
    let made = ask(&world, &root, newcomer(None, Some("author"))).await.unwrap();
    let user = made.user().unwrap().uuid;
    let give = |role: &str| AdminCommand::SetRole { user, role: Some(role.into()), permissions: None };
    assert_eq!(ask(&world, &root, give("editor")).await.unwrap_err(), unknown);
    for role in ["admin", "author", ""] {
        assert!(ask(&world, &root, give(role)).await.is_ok(), "{role}");
    }
}

/// SEC-95: every event once, the newest first, whatever is written meanwhile.
#[tokio::test]
async fn pages_hold_every_event_once() {
    let (world, root) = world(house(false)).await;
    let ann = add(&world, "ann", "").await;
    let clear = || AdminCommand::ClearLimits { user: ann.uuid };
    for _ in 0..6 {
        ask(&world, &root, clear()).await.unwrap();
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let list = AdminCommand::ListEvents { user: ann.uuid, limit: Some(3), cursor: cursor.take() };
        let Ok(Outcome::Listed(page)) = ask(&world, &root, list).await else { panic!("no page") };
        let Items::Events(events) = page.items else { panic!("no events") };
        assert!(events.len() <= 3);
        seen.extend(events.into_iter().map(|event| event.number));
        ask(&world, &root, clear()).await.unwrap();
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7, "one of the console, six of the administrator");
    assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
}
