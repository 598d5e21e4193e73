//! What does a role permit, where is it seen, and when does a change of it count?

use crate::world::{START, World, access, opaque, refresh, sign_up};
use countersign_engine::{UserChange, Who};
use domain::command::{Command, SignUp};
use domain::contract::Contract;
use domain::house::House;
use domain::role::{Role, Roles};
use domain::shape::{Absent, Form, Part, Slot, SlotUse};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn house() -> House {
    let role = |permissions: &[&str]| Role {
        permissions: permissions.iter().map(|name| (*name).to_owned()).collect(),
        needs_factor: false,
    };
    let roles = BTreeMap::from([
        ("author".to_owned(), role(&["post.read"])),
        ("editor".to_owned(), role(&["post.read", "post.write"])),
    ]);
    House { roles: Roles(roles), roles_configured: true, ..House::default() }
}

/// A contract whose access tokens say role and permissions.
fn telling() -> Contract {
    let mut contract = opaque();
    contract.role_words = BTreeMap::from([("editor".to_owned(), "redactor".to_owned())]);
    let parts = &mut contract.access.claims.shape.parts;
    let value = |slot| Part::Value(SlotUse { slot, form: Form::Natural, absent: Absent::Null });
    *parts.last_mut().unwrap() = Part::Bytes(b",\"role\":".to_vec());
    parts.push(value(Slot::UserRole));
    parts.push(Part::Bytes(b",\"permissions\":".to_vec()));
    parts.push(value(Slot::UserPermissions));
    parts.push(Part::Bytes(b"}".to_vec()));
    contract
}

async fn world(house: House) -> World {
    World::with_house(telling(), house).await
}

fn claims(world: &World, token: &str) -> (Value, Value) {
    let claims = world.keys.verify(token).unwrap();
    (claims.map()["role"].clone(), claims.map()["permissions"].clone())
}

async fn give(world: &World, role: &str, own: &[&str]) -> Result<(), String> {
    let permissions = own.iter().map(|name| (*name).to_owned()).collect();
    let change =
        UserChange { role: Some(role.into()), permissions: Some(permissions), ..UserChange::default() };
    world.engine.edit_user(&Who::parse("jane"), &change).await.map(drop).map_err(|error| error.to_string())
}

// SEC-66
#[tokio::test]
async fn another_role_counts_here_at_once_and_in_tokens_from_the_next_refresh_on() {
    let world = world(house()).await;
    world.add("jane").await;
    give(&world, "author", &[]).await.unwrap();
    let tokens = world.sign_in("jane").await;
    assert_eq!(claims(&world, access(&tokens)), (json!("author"), json!(["post.read"])));
    give(&world, "editor", &["publish", "post.read"]).await.unwrap();
    let all = ["post.read", "post.write", "publish"];
    let shown = world.who(access(&tokens)).await.unwrap();
    assert_eq!((shown.role.as_str(), shown.permissions.as_slice()), ("editor", &all.map(str::to_owned)[..]));
    assert_eq!(claims(&world, access(&tokens)), (json!("author"), json!(["post.read"])));
    let renewed = world.refresh(refresh(&tokens)).await.unwrap();
    assert_eq!(claims(&world, access(&renewed)), (json!("redactor"), json!(all)));
    // What is stored are the user's own.
    let stored = world.engine.find_user(&Who::parse("jane")).await.unwrap().unwrap();
    assert_eq!(stored.permissions, ["publish", "post.read"]);
    give(&world, "", &[]).await.unwrap();
    assert!(world.who(access(&renewed)).await.unwrap().permissions.is_empty());
}

#[tokio::test]
async fn where_roles_are_configured_there_are_no_others() {
    let world = world(house()).await;
    world.add("jane").await;
    let refused = give(&world, "emperor", &[]).await.unwrap_err();
    assert_eq!(refused, "there is no role \"emperor\"; there are author, editor");
    assert_eq!(world.engine.find_user(&Who::parse("jane")).await.unwrap().unwrap().role, "");
    let request = countersign_engine::NewUserRequest {
        username: Some("bob".into()),
        role: "emperor".into(),
        ..Default::default()
    };
    assert!(world.engine.add_user(request).await.is_err());
}

#[tokio::test]
async fn without_roles_any_is_fine_and_permits_nothing() {
    let world = world(House::default()).await;
    world.add("jane").await;
    give(&world, "emperor", &["rule"]).await.unwrap();
    let tokens = world.sign_in("jane").await;
    assert_eq!(claims(&world, access(&tokens)), (json!("emperor"), json!(["rule"])));
}

// SEC-33
#[tokio::test]
async fn nobody_gives_himself_a_role() {
    let world = world(house()).await;
    let mut request: SignUp = sign_up("jane", "jane@example.com", "a completely new secret");
    for (name, value) in [("role", json!("editor")), ("permissions", json!(["post.write"]))] {
        request.attributes.insert(name.into(), value);
    }
    let outcome = world.ask(None, Command::SignUp(Box::new(request))).await.unwrap();
    let user = outcome.user().unwrap();
    assert_eq!(
        (user.role.as_str(), user.permissions.as_slice()),
        ("author", &["post.read".to_owned(), "read".to_owned()][..])
    );
    assert_eq!(user.created_at, START);
    let told = claims(&world, access(outcome.tokens().unwrap()));
    assert_eq!(told, (json!("author"), json!(["post.read", "read"])));
}
