//! Does the store keep its promises when connections break, and when others write at the same time?

mod order;
mod races;
mod unknown;

use super::super::tests::{add, at, done, known, person, session, wait};
use super::super::{Place, PostgresAddress, PostgresSettings, Store};
use domain::change::{Change, Whose};
use domain::event::{Actor, Event, EventKind};
use domain::id::UserId;
use domain::user::Account;
use testbed::{Access, Cluster, Database};

/// A store of this database; each is a node of its own.
async fn node(access: &Access) -> Store {
    let address = PostgresAddress::parse(&access.url()).unwrap();
    Store::open(&Place::Postgres(Box::new(address), PostgresSettings::default())).await.unwrap()
}

/// A database and two nodes of it.
async fn two_nodes() -> (Database, [Store; 2]) {
    let database = Cluster::shared().database();
    let first = node(database.access()).await;
    let second = node(database.access()).await;
    (database, [first, second])
}

/// An event about a user.
fn note(kind: EventKind, user: Option<UserId>) -> Change {
    let mut event = Event::inside(kind, at(1000), Actor::User, "test");
    event.user = user;
    event.noted()
}

/// A list that opens a session of somebody who is there, with its event.
fn opening(whose: &Account, number: i64) -> Vec<Change> {
    vec![
        Change::OpenSession { whose: known(whose), session: session(number) },
        note(EventKind::SignedIn, Some(whose.user.id)),
    ]
}

/// A list that makes somebody with a first session.
fn sign_up(number: u32) -> Vec<Change> {
    vec![
        Change::AddUser(Box::new(person(number))),
        Change::OpenSession { whose: Whose::Added, session: session(i64::from(number)) },
        note(EventKind::SignedUp, None),
    ]
}
