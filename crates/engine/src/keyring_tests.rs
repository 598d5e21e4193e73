//! Is a document of keys read as it was written, replaced by one writer at a time, and closed to everybody else?

use super::*;
use crate::{Chance, Clock, EventQuery, HashSettings, PostgresAddress, PostgresSettings, Settings};
use domain::event::{Actor, EventKind};
use domain::house::House;
use domain::time::Moment;
use rusqlite::Connection;
use std::path::PathBuf;

/// A database of its own, which goes with it.
enum World {
    Sqlite(PathBuf),
    Postgres(Box<testbed::Database>),
}

impl World {
    /// One of each kind.
    fn both(name: &str) -> [World; 2] {
        let folder = std::env::temp_dir().join(format!("countersign-keyring-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        [World::Sqlite(folder), World::Postgres(Box::new(testbed::Cluster::shared().database()))]
    }

    fn place(&self) -> Place {
        match self {
            World::Sqlite(folder) => Place::File(folder.join("countersign.db")),
            World::Postgres(database) => {
                let address = PostgresAddress::parse(&database.url()).unwrap();
                Place::Postgres(Box::new(address), PostgresSettings::default())
            }
        }
    }

    async fn open(&self) -> Engine {
        let settings = Settings {
            place: self.place(),
            ticket_secret: master(),
            trail_secret: master(),
            master_key: master(),
            hashing: HashSettings { workers: 1, ..HashSettings::default() },
            clock: Clock::frozen(Moment::from_seconds(1_710_080_400)),
            chance: Chance::System,
            house: House::default(),
            breaches: None,
        };
        Engine::open(settings).await.unwrap()
    }

    /// Another program on the same database.
    fn tamper(&self, sql: &str) {
        match self {
            World::Sqlite(folder) => {
                Connection::open(folder.join("countersign.db")).unwrap().execute_batch(sql).unwrap();
            }
            World::Postgres(database) => drop(database.psql(sql)),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let World::Sqlite(folder) = self {
            drop(std::fs::remove_dir_all(folder));
        }
    }
}

fn master() -> SecretBytes {
    SecretBytes::new((0..32_u8).collect::<Vec<_>>())
}

fn change(name: &str, replaces: i64, text: &str) -> KeyChange {
    KeyChange { name: name.to_owned(), replaces, text: SecretBytes::new(text.as_bytes()) }
}

fn event() -> Event {
    let now = Moment::from_seconds(1_710_080_400);
    Event::inside(EventKind::KeyRotated, now, Actor::Operator, "key rotate")
}

fn told(rows: &[KeptKey]) -> Vec<(&str, i64, &str)> {
    let text = |row: &'_ KeptKey| std::str::from_utf8(row.text.expose()).unwrap().to_owned();
    rows.iter().map(|row| (row.name.as_str(), row.version, &*text(row).leak())).collect()
}

#[tokio::test]
async fn documents_come_back_before_and_after_the_database_is_open() {
    for world in World::both("come-back") {
        assert!(kept_keys(&world.place(), &master()).await.unwrap().is_empty());
        if let World::Sqlite(folder) = &world {
            assert!(!folder.exists(), "a look makes no database");
        }
        let engine = world.open().await;
        assert!(engine.kept_keys().await.unwrap().is_empty());
        let both = [change("tickets", 0, "one"), change("native", 0, "two")];
        assert!(engine.keep_keys(&both, None).await.unwrap());
        let rows = engine.kept_keys().await.unwrap();
        assert_eq!(told(&rows), [("native", 1, "two"), ("tickets", 1, "one")]);
        assert!(engine.keep_keys(&[change("native", 1, "hunter2")], None).await.unwrap());
        engine.close();
        let rows = kept_keys(&world.place(), &master()).await.unwrap();
        assert_eq!(told(&rows), [("native", 2, "hunter2"), ("tickets", 1, "one")]);
        if let World::Sqlite(folder) = &world {
            let bytes = std::fs::read(folder.join("countersign.db")).unwrap();
            assert!(!bytes.windows(7).any(|part| part == b"hunter2"), "in the database: the document");
        }
    }
}

#[tokio::test]
async fn whoever_relies_on_another_version_writes_nothing_at_all() {
    // REL-31
    for world in World::both("versions") {
        let engine = world.open().await;
        assert!(engine.keep_keys(&[change("native", 0, "one")], Some(event())).await.unwrap());
        for replaces in [0, 2, -1, 7] {
            let list = [change("tickets", 0, "new"), change("native", replaces, "two")];
            assert!(!engine.keep_keys(&list, Some(event())).await.unwrap(), "{replaces}");
        }
        assert_eq!(told(&engine.kept_keys().await.unwrap()), [("native", 1, "one")]);
        let events = engine.events(&EventQuery::default(), 10).await.unwrap();
        assert_eq!(events.len(), 1, "the event of a write that did not happen");
    }
}

#[tokio::test]
async fn of_two_who_write_at_once_one_wins() {
    // REL-36
    for world in World::both("race") {
        let (one, other) = (world.open().await, world.open().await);
        for round in 0..50 {
            let (list, rival) = ([change("native", round, "a")], [change("native", round, "b")]);
            let (first, second) = tokio::join!(one.keep_keys(&list, None), other.keep_keys(&rival, None));
            let (first, second) = (first.unwrap(), second.unwrap());
            assert!(first != second, "round {round}: {first} and {second}");
            let winner = if first { "a" } else { "b" };
            assert_eq!(told(&one.kept_keys().await.unwrap()), [("native", round + 1, winner)]);
        }
    }
}

#[tokio::test]
async fn a_row_opens_under_its_name_its_version_and_its_master_key_only() {
    for sql in [
        "UPDATE keys SET name = 'other' WHERE name = 'native'",
        "UPDATE keys SET version = 2 WHERE name = 'native'",
        "UPDATE keys SET sealed = (SELECT sealed FROM keys WHERE name = 'tickets') WHERE name = 'native'",
        "UPDATE keys SET sealed = '' WHERE name = 'native'",
    ] {
        for world in World::both("rows") {
            let engine = world.open().await;
            let both = [change("tickets", 0, "hunter2"), change("native", 0, "hunter2")];
            assert!(engine.keep_keys(&both, None).await.unwrap());
            world.tamper(sql);
            let fault = engine.kept_keys().await.unwrap_err().to_string();
            assert!(fault.contains("keys.sealed") && !fault.contains("hunter2"), "{sql}: {fault}");
            engine.close();
            let refused = kept_keys(&world.place(), &master()).await.unwrap_err().to_string();
            assert!(refused.contains("keys.sealed"), "{sql}: {refused}");
        }
    }
}

#[tokio::test]
async fn another_master_key_is_told_as_such() {
    // REL-33
    for world in World::both("master") {
        let engine = world.open().await;
        assert!(engine.keep_keys(&[change("tickets", 0, "one")], None).await.unwrap());
        engine.close();
        let other = SecretBytes::new((1..33_u8).collect::<Vec<_>>());
        let refused = kept_keys(&world.place(), &other).await.unwrap_err().to_string();
        assert!(refused.contains("sealed with master key 50ae3ccc"), "{refused}");
    }
}

#[tokio::test]
async fn a_database_has_begun_with_its_first_event() {
    for world in World::both("begun") {
        let engine = world.open().await;
        assert!(engine.keep_keys(&[change("tickets", 0, "one")], None).await.unwrap());
        assert!(!engine.has_begun().await.unwrap());
        engine.note(event()).await.unwrap();
        assert!(engine.has_begun().await.unwrap());
    }
}
