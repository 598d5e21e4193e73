//! SEC-110: does the trail notice what is done to it, and who reads it?

use super::*;
use crate::{Clock, HashSettings, Place, Settings};
use domain::event::{Actor, Detail};
use domain::house::House;
use domain::retention::Retention;
use domain::secret::SecretBytes;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

const NOW: Moment = Moment::from_seconds(1_710_080_400);
static NUMBER: AtomicU32 = AtomicU32::new(0);

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("countersign-trail-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("countersign.db")
    }

    /// Another program on the same file: what a thief with a shell has.
    fn with<T>(&self, hand: impl FnOnce(&Connection) -> T) -> T {
        hand(&Connection::open(self.path()).unwrap())
    }

    fn tamper(&self, sql: &str) {
        self.with(|conn| conn.execute_batch(sql).unwrap());
    }

    async fn engine(&self, secret: u8, clock: &Clock, retention: Retention) -> Engine {
        Engine::open(Settings {
            place: Place::File(self.path()),
            ticket_secret: SecretBytes::new((0..32_u8).collect::<Vec<_>>()),
            trail_secret: SecretBytes::new([secret; 32]),
            master_key: SecretBytes::new((32..64_u8).collect::<Vec<_>>()),
            hashing: HashSettings { workers: 1, ..HashSettings::default() },
            clock: clock.clone(),
            chance: crate::Chance::seeded(1),
            house: House { retention, ..House::default() },
            breaches: None,
        })
        .await
        .unwrap()
    }

    async fn open(&self) -> Engine {
        self.engine(1, &Clock::frozen(NOW), Retention::DEFAULT).await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn event(count: u64) -> Event {
    Event::inside(EventKind::OperatorEdit, NOW, Actor::Operator, "user set")
        .about(Some(UserId(1)))
        .with(Detail::Count(count))
}

async fn write(engine: &Engine, events: u64) {
    for count in 0..events {
        engine.note(event(count)).await.unwrap();
    }
}

async fn flaw(engine: &Engine) -> Option<TrailFlaw> {
    engine.verify_trail(None, None, |_| ()).await.unwrap().flaw
}

#[tokio::test]
async fn a_trail_that_nobody_touched_holds_across_restarts_and_pages() {
    let folder = Folder::new();
    assert_eq!(folder.open().await.verify_trail(None, None, |_| ()).await.unwrap(), TrailReport::default());
    for round in 1..=3 {
        let engine = folder.open().await;
        write(&engine, 400).await;
        let report = engine.verify_trail(None, None, |_| ()).await.unwrap();
        assert_eq!((report.sealed, report.flaw), (round * 400, None));
        let head = report.head.unwrap();
        assert_eq!(head.0, i64::try_from(round * 400).unwrap());
        // A hash that was written down elsewhere is still there, and another one is not.
        let known = async |hash| engine.verify_trail(None, Some((head.0, hash)), |_| ()).await.unwrap().flaw;
        assert_eq!(known(head.1).await, None);
        assert_eq!(known(Seal::NONE).await, Some(TrailFlaw::NotTheKnown(head.0)));
    }
}

#[tokio::test]
async fn a_change_in_any_column_is_found_at_its_row() {
    for change in [
        "kind = 'signed_in'",
        "at = at + 1",
        "user_id = 2",
        "user_id = NULL",
        "session_id = 1",
        "contract = 'x'",
        "address = '192.0.2.9'",
        "result = 'x'",
        "request = 'x'",
        "actor = 'user'",
        "actor_id = 1",
        "verb = 'user show'",
        "details = '{\"count\":9}'",
        "details = ''",
        "hash = zeroblob(32)",
    ] {
        let folder = Folder::new();
        let engine = folder.open().await;
        write(&engine, 5).await;
        assert_eq!(flaw(&engine).await, None);
        folder.tamper(&format!("UPDATE events SET {change} WHERE id = 3"));
        assert_eq!(flaw(&engine).await, Some(TrailFlaw::Changed(3)), "{change}");
    }
}

#[tokio::test]
async fn rows_taken_out_put_in_moved_or_unsealed_are_found() {
    const COPY: &str = "INSERT INTO events (id, kind, at, contract, address, result, request, hash) \
         SELECT 6, kind, at, contract, address, result, request, hash FROM events WHERE id = 5";
    let cases = [
        ("DELETE FROM events WHERE id = 3", TrailFlaw::Missing { strand: 0, first: 3, last: 3 }),
        ("DELETE FROM events WHERE id < 3", TrailFlaw::Missing { strand: 0, first: 1, last: 2 }),
        (
            "DELETE FROM events WHERE id = 3; UPDATE events SET id = id - 1, place = place - 1 WHERE id > 3",
            TrailFlaw::Changed(3),
        ),
        (
            "UPDATE events SET place = 7 - place WHERE id IN (3, 4)",
            TrailFlaw::Missing { strand: 0, first: 3, last: 3 },
        ),
        (COPY, TrailFlaw::Changed(6)),
        ("UPDATE events SET hash = NULL WHERE id = 3", TrailFlaw::Unsealed(3)),
        ("DELETE FROM events WHERE id > 3", TrailFlaw::Cut { strand: 0, ends: 3, left: 5 }),
        ("DELETE FROM events", TrailFlaw::Cut { strand: 0, ends: 0, left: 5 }),
        (
            "DELETE FROM events WHERE id > 3; UPDATE trail_heads SET place = 3",
            TrailFlaw::HeadForged { strand: 0, place: 3 },
        ),
        (
            "DELETE FROM events WHERE id > 3; DELETE FROM trail_heads",
            TrailFlaw::HeadForged { strand: 0, place: 3 },
        ),
    ];
    for (sql, found) in cases {
        let folder = Folder::new();
        let engine = folder.open().await;
        write(&engine, 5).await;
        folder.tamper(sql);
        assert_eq!(flaw(&engine).await, Some(found), "{sql}");
        // What is written afterwards does not cover it up.
        write(&engine, 2).await;
        let later = flaw(&engine).await.unwrap();
        assert!(later.row() <= 7, "{sql}: {later}");
    }
}

#[tokio::test]
async fn an_earlier_state_of_the_whole_file_is_found_only_by_a_known_head() {
    let folder = Folder::new();
    let engine = folder.open().await;
    write(&engine, 3).await;
    let old: (i64, Vec<u8>) = folder.with(|conn| {
        conn.query_row("SELECT place, seal FROM trail_heads", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
    });
    write(&engine, 2).await;
    let head = engine.verify_trail(None, None, |_| ()).await.unwrap().head.unwrap();
    folder.with(|conn| {
        conn.execute("DELETE FROM events WHERE id > 3", []).unwrap();
        conn.execute("UPDATE trail_heads SET place = ?1, seal = ?2", rusqlite::params![old.0, old.1])
            .unwrap();
    });
    assert_eq!(flaw(&engine).await, None);
    let report = engine.verify_trail(None, Some(head), |_| ()).await.unwrap();
    assert_eq!(report.flaw, Some(TrailFlaw::NotTheKnown(5)));
}

#[tokio::test]
async fn two_writers_on_one_file_make_one_chain() {
    let folder = Folder::new();
    let engines = [folder.open().await, folder.open().await];
    std::thread::scope(|scope| {
        for engine in &engines {
            scope.spawn(|| wait(write(engine, 100)));
        }
    });
    for engine in &engines {
        let report = engine.verify_trail(None, None, |_| ()).await.unwrap();
        assert_eq!((report.sealed, report.flaw), (200, None));
    }
}

#[tokio::test]
async fn another_key_is_noted_where_it_begins() {
    let folder = Folder::new();
    write(&folder.open().await, 3).await;
    let engine = folder.engine(2, &Clock::frozen(NOW), Retention::DEFAULT).await;
    assert_eq!(flaw(&engine).await, Some(TrailFlaw::Changed(1)));
    write(&engine, 2).await;
    let from = async |row| engine.verify_trail(Some(row), None, |_| ()).await.unwrap().flaw;
    assert_eq!((from(4).await, from(5).await), (Some(TrailFlaw::Broken(4)), None));
}

#[tokio::test]
async fn rows_from_before_the_chain_are_counted_and_not_vouched_for() {
    let folder = Folder::new();
    folder.open().await.close();
    folder.tamper(
        "INSERT INTO events (kind, at, contract, address, result, request) \
         VALUES ('signed_in', 1, 'native', '', '', ''), ('signed_out', 2, 'native', '', '', '')",
    );
    let engine = folder.open().await;
    assert_eq!(flaw(&engine).await, None);
    write(&engine, 2).await;
    let report = engine.verify_trail(None, None, |_| ()).await.unwrap();
    assert_eq!((report.unsealed, report.sealed, report.flaw), (2, 3, None));
    let begun = &engine.events(&EventQuery { after: Some(2), ..EventQuery::default() }, 1).await.unwrap()[0];
    assert_eq!((&*begun.entry.kind, &*begun.entry.details), ("trail_begun", "{\"count\":2}"));
    // Nobody can pass off later rows as older ones.
    folder.tamper("UPDATE events SET hash = NULL WHERE id > 3");
    assert_eq!(flaw(&engine).await, Some(TrailFlaw::Unsealed(4)));
}

#[tokio::test]
async fn old_events_go_and_the_rest_still_holds() {
    let folder = Folder::new();
    let clock = Clock::frozen(NOW);
    let keep = Retention { events_seconds: Some(1000), ..Retention::DEFAULT };
    let engine = folder.engine(1, &clock, keep).await;
    write(&engine, 10).await;
    assert_eq!(engine.tidy_up().await.unwrap(), Tidied::default());
    clock.advance_seconds(500);
    let late = Event { at: clock.now(), ..event(0) };
    engine.note(late).await.unwrap();
    clock.advance_seconds(600);
    assert_eq!(engine.tidy_up().await.unwrap().events, 10);
    assert_eq!(engine.tidy_up().await.unwrap().events, 0);
    let report = engine.verify_trail(None, None, |_| ()).await.unwrap();
    assert_eq!((report.sealed, report.pruned, report.flaw), (2, Some(10), None));
    // More can not be taken away unseen, and the note can not be moved.
    folder.tamper("DELETE FROM events WHERE id = 11");
    assert_eq!(flaw(&engine).await, Some(TrailFlaw::Missing { strand: 0, first: 11, last: 11 }));
    folder.tamper("UPDATE events SET details = replace(details, '10', '11') WHERE kind = 'trail_pruned'");
    assert_eq!(flaw(&engine).await, Some(TrailFlaw::Changed(12)));
}

#[tokio::test]
async fn a_query_finds_by_user_kind_and_time_in_pages() {
    let folder = Folder::new();
    let engine = folder.open().await;
    for number in 1..=9 {
        let kind = if number % 3 == 0 { EventKind::KeyRotated } else { EventKind::OperatorEdit };
        let at = NOW.plus_seconds(number);
        engine.note(Event { kind, at, ..event(0) }.about(Some(UserId(number % 2)))).await.unwrap();
    }
    let rows = async |query: EventQuery, limit| -> Vec<i64> {
        engine.events(&query, limit).await.unwrap().iter().map(|noted| noted.entry.id).collect()
    };
    let all = EventQuery::default();
    assert_eq!(rows(all, 3).await, [1, 2, 3]);
    assert_eq!(rows(EventQuery { after: Some(3), ..all }, 2).await, [4, 5]);
    assert_eq!(rows(EventQuery { newest_first: true, after: Some(3), ..all }, 9).await, [2, 1]);
    assert_eq!(rows(EventQuery { user: Some(UserId(1)), ..all }, 9).await, [1, 3, 5, 7, 9]);
    assert_eq!(rows(EventQuery { kind: Some(EventKind::KeyRotated), ..all }, 9).await, [3, 6, 9]);
    assert_eq!(rows(EventQuery { since: Some(NOW.plus_seconds(8)), ..all }, 9).await, [8, 9]);
    assert_eq!(rows(all, 0).await, [1]);
}

#[tokio::test]
async fn whatever_is_in_a_row_is_one_line_of_json() {
    let folder = Folder::new();
    let engine = folder.open().await;
    let hostile = "x\n{\"event\":\"login_ok\"}\r\u{1b}[2J\u{2028}";
    let event = Event { address: hostile.to_owned(), request: hostile.to_owned(), ..event(1) };
    engine.note(event.with(Detail::Role(hostile.to_owned())).through(hostile)).await.unwrap();
    let noted = engine.events(&EventQuery::default(), 9).await.unwrap().remove(0);
    let line = noted.entry.json(noted.seal.as_ref()).to_string();
    assert!(!line.contains(['\n', '\r', '\u{1b}']), "{line}");
    let read: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(read["event"], "operator_edit");
    assert_eq!(read["details"]["role"], hostile);
}
