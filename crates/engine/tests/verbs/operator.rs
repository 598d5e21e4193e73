//! What does the operator's door promise?

use crate::world::{PASSWORD, World, access, opaque};
use countersign_engine::{
    Entries, ImportFault, ImportOrder, ImportReport, NewUserRequest, OperatorError, RecordFaults, UserChange,
    Who,
};
use domain::id::UserId;
use domain::record::{Entry, Place};
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::user::{Status, StoredHash};
use std::sync::Arc;

async fn import(world: &World, text: &str, dry_run: bool) -> Result<ImportReport, ImportFault> {
    let text = text.to_owned();
    let open = move || {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let entries =
            lines.into_iter().zip(1..).filter(|(line, _)| !line.is_empty()).map(|(line, number)| {
                let record = serde_json::from_str(&line).map_err(|error| vec![error.to_string()]);
                Ok(Entry { place: Place::Line(number), record })
            });
        Ok(Box::new(entries) as Entries)
    };
    world.engine.import(ImportOrder { dry_run, ..ImportOrder::new(Arc::new(open)) }).await
}

fn sentence<T: std::fmt::Debug>(result: Result<T, OperatorError>) -> String {
    match result.unwrap_err() {
        OperatorError::Refused(sentence) => sentence,
        OperatorError::Fault(fault) => panic!("{fault}"),
    }
}

#[tokio::test]
async fn a_user_is_found_by_every_name_there_is() {
    let world = World::new(opaque()).await;
    let user = world.add("jane").await;
    for text in ["1", &user.uuid.to_string(), "JANE@example.com", " jane "] {
        assert_eq!(world.engine.find_user(&Who::parse(text)).await.unwrap().unwrap().id, user.id, "{text}");
    }
    assert!(world.engine.find_user(&Who::parse("nobody")).await.unwrap().is_none());
}

#[tokio::test]
async fn what_can_not_be_is_refused_in_a_sentence() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let add = |request: NewUserRequest| async { sentence(world.engine.add_user(request).await) };
    let named = |name: &str| NewUserRequest { username: Some(name.into()), ..NewUserRequest::default() };
    assert!(add(NewUserRequest::default()).await.contains("needs"));
    assert!(add(named("jane")).await.contains("another user"));
    let weak = NewUserRequest {
        password: Some(Secret::new("pw")),
        policy: Some(world.contract.passwords.clone()),
        ..named("john")
    };
    assert!(add(weak).await.contains("password_too_short"));
    let odd = NewUserRequest { password_hash: Some(StoredHash("md5$x".into())), ..named("john") };
    assert!(add(odd).await.contains("known scheme"));
    let clear = UserChange { username: Some(None), email: Some(None), ..UserChange::default() };
    assert!(sentence(world.engine.edit_user(&Who::parse("jane"), &clear).await).contains("one of them"));
    assert!(sentence(world.engine.delete_user(&Who::parse("nobody")).await).contains("nobody has"));
}

#[tokio::test]
async fn a_password_set_by_the_operator_ends_every_session() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let tokens = world.sign_in("jane").await;
    let new = Secret::new("another secret entirely");
    world.engine.set_password(&Who::parse("jane"), &new, None).await.unwrap();
    assert_eq!(world.who(access(&tokens)).await.unwrap_err(), Refusal::TokenRevoked);
    assert!(world.try_sign_in("jane", PASSWORD).await.is_err());
    assert!(world.try_sign_in("jane", new.expose()).await.is_ok());
}

#[tokio::test]
async fn a_disabled_and_a_deleted_user_are_out_at_once() {
    let world = World::new(opaque()).await;
    world.add("jane").await;
    let tokens = world.sign_in("jane").await;
    let user = world.engine.disable_user(&Who::parse("jane")).await.unwrap();
    assert_eq!(user.status, Status::Inactive);
    assert_eq!(world.who(access(&tokens)).await.unwrap_err(), Refusal::TokenUserInactive);
    world.engine.delete_user(&Who::parse("jane")).await.unwrap();
    assert_eq!(world.who(access(&tokens)).await.unwrap_err(), Refusal::TokenUserUnknown);
}

#[tokio::test]
async fn pages_show_every_user_once() {
    let world = World::new(opaque()).await;
    for number in 0..7 {
        world.add(&format!("user{number}")).await;
    }
    let (mut seen, mut after) = (Vec::new(), None::<UserId>);
    loop {
        let page = world.engine.list_users(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.into_iter().map(|user| user.id.0));
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn an_export_imported_elsewhere_is_the_same_users_with_the_same_passwords() {
    let world = World::new(opaque()).await;
    let jane = world.add("jane").await;
    world.add("john").await;
    world.sign_in("jane").await;
    let records = world.engine.export_users(None, 100).await.unwrap();
    let lines: Vec<String> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    let text = format!("{}\n\n{}\n", lines[0], lines[1]);
    let other = World::new(opaque()).await;
    let dry = import(&other, &text, true).await.unwrap();
    let schemes = [("argon2id", 2)].into();
    assert_eq!(dry, ImportReport { users: 2, added: 2, unchanged: 0, schemes, ..ImportReport::default() });
    assert!(other.engine.list_users(None, 10).await.unwrap().is_empty());
    import(&other, &text, false).await.unwrap();
    let (here, there) =
        (world.engine.list_users(None, 10).await.unwrap(), other.engine.list_users(None, 10).await.unwrap());
    assert_eq!(here, there);
    assert_eq!(there[0].id, jane.id);
    assert!(other.try_sign_in("jane", PASSWORD).await.is_ok());
    let again = import(&other, &text, false).await.unwrap();
    assert_eq!((again.users, again.added, again.unchanged), (2, 0, 2));
}

#[tokio::test]
async fn a_broken_line_imports_nothing_and_every_fault_is_listed_with_its_line() {
    let world = World::new(opaque()).await;
    let text = concat!(
        "{\"username\":\"good\"}\n",
        "\n",
        "{\"username\":\"bad\",\"email\":\"nobody\",\"status\":\"asleep\"}\n",
        "not json\n",
        "{\"email\":\"a@example.com\",\"password_hash\":\"md5$x\",\"created_at\":\"yesterday\"}\n",
        "{\"first_name\":\"None\"}\n",
        "{\"username\":\"odd\",\"is_superuser\":true}\n",
    );
    let lines = |faults: &RecordFaults| -> Vec<Place> {
        faults.listed.iter().map(|fault| fault.place.clone()).collect()
    };
    let ImportFault::Records(faults) = import(&world, text, false).await.unwrap_err() else { panic!() };
    assert_eq!(lines(&faults), [3, 3, 4, 5, 5, 6, 7].map(Place::Line));
    assert!(!faults.listed.iter().any(|fault| fault.what.contains("md5$x")));
    let twice = "{\"username\":\"one\"}\n\n{\"username\":\"one\"}\n";
    let ImportFault::Records(faults) = import(&world, twice, false).await.unwrap_err() else { panic!() };
    assert_eq!(lines(&faults), [Place::Line(3)]);
    assert_eq!(faults.listed[0].what, "username belongs to the record at 1");
    assert!(world.engine.list_users(None, 10).await.unwrap().is_empty());
}
