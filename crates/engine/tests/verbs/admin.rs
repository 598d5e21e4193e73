//! What administrators may do, and what nobody may.

use super::world::{PASSWORD, World, access, opaque};
use countersign_engine::{NewUserRequest, UserChange, Who};
use domain::admin::{AdminCommand, AdminRules, Items, Scope, Scopes, UserQuery};
use domain::command::Command;
use domain::contract::{Contract, Purpose};
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::user::{Status, User};
use std::sync::Arc;

fn administration() -> Contract {
    Contract { name: "admin".into(), purpose: Purpose::Administration, ..opaque() }
}

async fn world() -> World {
    World::administered(administration(), AdminRules { require_factor: false }).await
}

async fn add(world: &World, name: &str, role: &str) -> User {
    let request = NewUserRequest {
        username: Some(name.into()),
        password: Some(Secret::new(PASSWORD)),
        role: role.into(),
        ..NewUserRequest::default()
    };
    world.engine.add_user(request).await.unwrap()
}

async fn ask(world: &World, bearer: &str, command: AdminCommand) -> Result<Outcome, Refusal> {
    world.ask(Some(bearer), Command::Admin(command)).await
}

fn refused(answer: Result<Outcome, Refusal>) -> Refusal {
    match answer {
        Ok(outcome) => panic!("{outcome:?}"),
        Err(refusal) => refusal,
    }
}

fn bootstrap(token: &Secret, email: &str) -> Command {
    Command::Admin(AdminCommand::Bootstrap {
        token: token.clone(),
        email: email.into(),
        password: Secret::new("a first and long phrase"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_parallel_bootstraps_make_one_administrator() {
    // SEC-91
    let world = Arc::new(world().await);
    let token = world.engine.offer_bootstrap("test").await.unwrap().unwrap();
    let mut tries = Vec::new();
    for number in 0..20 {
        let (world, token) = (Arc::clone(&world), token.clone());
        tries.push(tokio::spawn(async move {
            world.ask(None, bootstrap(&token, &format!("a{number}@example.com"))).await
        }));
    }
    let mut made = 0;
    for answer in tries {
        match answer.await.unwrap() {
            Ok(_) => made += 1,
            Err(refusal) => assert_eq!(refusal, Refusal::BootstrapClosed),
        }
    }
    assert_eq!(made, 1);
    assert_eq!(world.engine.administrators().await.unwrap().len(), 1);
    assert!(world.engine.offer_bootstrap("test").await.unwrap().is_none(), "closed afterwards");
    world.engine.bootstrap_used().await;
}

#[tokio::test]
async fn a_bootstrap_token_is_useless_once_there_is_an_administrator() {
    // SEC-91: an administrator who came by another way closes it, too.
    let world = world().await;
    let token = world.engine.offer_bootstrap("test").await.unwrap().unwrap();
    add(&world, "root", "admin").await;
    let answer = world.ask(None, bootstrap(&token, "a@example.com")).await;
    assert_eq!(refused(answer), Refusal::BootstrapClosed);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_who_take_each_other_away_leave_one() {
    // SEC-98
    let world = Arc::new(world().await);
    let (one, two) = (add(&world, "one", "admin").await, add(&world, "two", "admin").await);
    for round in 0..100 {
        let mut tasks = Vec::new();
        for (actor, victim) in [("one", two.uuid), ("two", one.uuid)] {
            let token = access(&world.sign_in(actor).await).to_owned();
            let world = Arc::clone(&world);
            let command = match round % 2 {
                0 => AdminCommand::SetRole { user: victim, role: Some(String::new()), permissions: None },
                _ => AdminCommand::SetStatus { user: victim, status: Status::Suspended },
            };
            tasks.push(async move { ask(&world, &token, command).await });
        }
        let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
        for task in tasks {
            if let Err(refusal) = task.await.unwrap() {
                let codes = ["last_administrator", "not_permitted", "token_revoked", "token_user_inactive"];
                assert!(codes.contains(&refusal.code()), "{round}: {refusal:?}");
            }
        }
        assert!(world.engine.has_administrator().await.unwrap(), "round {round} left nobody");
        for user in [&one, &two] {
            let back = UserChange {
                role: Some("admin".into()),
                status: Some(Status::Active),
                ..UserChange::default()
            };
            world.engine.edit_user(&Who::Id(user.id), &back).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_console_and_the_owner_keep_the_last_administrator_too() {
    // SEC-98
    let world = world().await;
    let who = Who::Id(add(&world, "root", "admin").await.id);
    assert!(world.engine.delete_user(&who).await.is_err());
    assert!(world.engine.disable_user(&who).await.is_err());
    let tokens = world.sign_in("root").await;
    let delete = Command::DeleteAccount { target: None, password: Some(Secret::new(PASSWORD)) };
    assert_eq!(refused(world.ask(Some(access(&tokens)), delete).await), Refusal::LastAdministrator);
    add(&world, "next", "admin").await;
    assert!(world.engine.delete_user(&who).await.is_ok());
}

#[tokio::test]
async fn administrators_sign_in_where_administrators_do_and_with_a_factor() {
    // SEC-99
    let world = World::administered(administration(), AdminRules::DEFAULT).await;
    add(&world, "root", "admin").await;
    add(&world, "ann", "editor").await;
    for (name, password, refusal) in [
        ("root", PASSWORD, Refusal::FactorRequired),
        ("root", "wrong", Refusal::InvalidCredentials),
        ("ann", PASSWORD, Refusal::InvalidCredentials),
    ] {
        assert_eq!(world.try_sign_in(name, password).await.err(), Some(refusal), "{name}");
    }
}

#[tokio::test]
async fn a_token_of_an_application_opens_nothing_of_the_administrators() {
    // SEC-99
    let mut world = world().await;
    add(&world, "root", "admin").await;
    world.contract = opaque();
    let app = access(&world.sign_in("root").await).to_owned();
    let list = || AdminCommand::ListUsers(UserQuery::default());
    assert_eq!(refused(ask(&world, &app, list()).await), Refusal::NotPermitted, "no such verb for users");
    world.contract = administration();
    assert_eq!(refused(ask(&world, &app, list()).await), Refusal::TokenInvalid);
}

#[tokio::test]
async fn what_is_not_permitted_is_noted_with_the_actor() {
    // SEC-94
    let world = world().await;
    let root = add(&world, "root", "admin").await;
    add(&world, "sue", "support").await;
    let sue = access(&world.sign_in("sue").await).to_owned();
    let end = ask(&world, &sue, AdminCommand::EndSessions { user: root.uuid }).await;
    assert_eq!(refused(end), Refusal::NotPermitted);
    let delete = ask(&world, &sue, AdminCommand::DeleteUser { user: root.uuid }).await;
    assert_eq!(refused(delete), Refusal::NotPermitted);
    let noted: Vec<String> = world
        .events()
        .await
        .iter()
        .filter(|noted| noted.entry.kind == "admin_refused")
        .map(|noted| format!("{} {} {}", noted.entry.actor, noted.entry.verb, noted.entry.result))
        .collect();
    assert_eq!(noted, ["admin admin_end_sessions not_permitted", "admin admin_delete_user not_permitted"]);
}

#[tokio::test]
async fn a_key_of_the_console_does_what_its_scopes_say_until_it_is_revoked() {
    // SEC-94
    let world = world().await;
    let scopes = Scopes::NONE.with(Scope::UsersRead);
    let (key, text) = world.engine.make_admin_key("nightly", scopes, 1).await.unwrap();
    let list = async || ask(&world, text.expose(), AdminCommand::ListUsers(UserQuery::default())).await;
    assert!(list().await.is_ok());
    let used = async || world.engine.admin_keys().await.unwrap()[0].last_used_at;
    let first = used().await;
    assert!(first.is_some());
    world.advance(59);
    assert!(list().await.is_ok());
    assert_eq!(used().await, first, "the last use is written once a minute");
    world.advance(1);
    assert!(list().await.is_ok());
    assert!(used().await > first);
    let delete = AdminCommand::DeleteUser { user: uuid::Uuid::nil() };
    assert_eq!(refused(ask(&world, text.expose(), delete).await), Refusal::NotPermitted);
    world.engine.revoke_admin_key(key.id).await.unwrap();
    assert_eq!(refused(list().await), Refusal::TokenRevoked);
    assert!(world.engine.make_admin_key("x", scopes, 366).await.is_err());
    assert!(world.engine.make_admin_key("x", Scopes::NONE, 1).await.is_err());
}

#[tokio::test]
async fn pages_hold_every_user_once() {
    // SEC-95
    let world = world().await;
    for number in 0..7 {
        add(&world, &format!("user{number}"), if number == 0 { "admin" } else { "" }).await;
    }
    let token = access(&world.sign_in("user0").await).to_owned();
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let query = UserQuery {
            search: Some("user".into()),
            limit: Some(3),
            cursor: cursor.take(),
            ..UserQuery::default()
        };
        let Ok(Outcome::Listed(page)) = ask(&world, &token, AdminCommand::ListUsers(query)).await else {
            panic!("no page")
        };
        assert_eq!(page.total, Some(7));
        let Items::Users(users) = page.items else { panic!("no users") };
        seen.extend(users.into_iter().map(|user| user.id.0));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, (1..=7).collect::<Vec<_>>());
}
