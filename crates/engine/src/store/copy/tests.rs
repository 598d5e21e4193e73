//! Is a copy what it was copied from, and is it refused to be anything else?

use super::*;
use crate::store::tests::{account, add, at, done, known, person, session, wait};
use crate::store::{PostgresAddress, PostgresSettings, Store};
use domain::change::Change;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

const TRAIL: [u8; 32] = *b"the secret of a trail in tests!!";
const MASTER: [u8; 32] = *b"a master key for tests and none!";

/// A folder that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("countersign-copy-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str) -> Place {
        Place::File(self.0.join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn path(place: &Place) -> &Path {
    match place {
        Place::File(path) => path,
        Place::Memory | Place::Postgres(..) => panic!("{place:?}"),
    }
}

/// An empty database of PostgreSQL as an operator would make it, reached by its owner.
fn postgres() -> (testbed::Database, Place) {
    let database = testbed::Cluster::shared().database();
    let address = PostgresAddress::parse(&database.owner().url()).unwrap();
    (database, Place::Postgres(Box::new(address), PostgresSettings::default()))
}

fn order(from: &Place, to: &Place) -> CopyOrder {
    static RUN: AtomicU32 = AtomicU32::new(0);
    let mut run = [0; 16];
    run[..4].copy_from_slice(&RUN.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    CopyOrder {
        from: from.clone(),
        to: to.clone(),
        source: "the source".to_owned(),
        trail_secret: SecretBytes::new(TRAIL),
        master_key: SecretBytes::new(MASTER),
        ahead: false,
        without_keys: false,
        run,
        now: at(5000),
    }
}

fn ahead(from: &Place, to: &Place) -> CopyOrder {
    CopyOrder { ahead: true, ..order(from, to) }
}

async fn run(order: &CopyOrder) -> CopyReport {
    copy(order, &|_| ()).await.unwrap()
}

async fn refused(order: &CopyOrder) -> String {
    match copy(order, &|_| ()).await {
        Err(CopyFault::Refused(fault)) => fault.to_string(),
        other => panic!("{other:?}"),
    }
}

async fn open(place: &Place) -> Store {
    let bond = bond(&order(place, place)).unwrap();
    Store::open_with(place, bond.trail, bond.master).await.unwrap()
}

/// Checksums by table.
fn sums(report: &CopyReport) -> BTreeMap<&'static str, (u64, String)> {
    report.tables.iter().map(|table| (table.name, (table.rows, table.checksum.clone()))).collect()
}

fn sql(place: &Place, text: &str) {
    Connection::open(path(place)).unwrap().execute_batch(text).unwrap();
}

const HEX16: &str = "x'000102030405060708090a0b0c0d0eff'";
const HEX32: &str = "x'00010203040506070809ffabcdef0e0f000102030405060708090a0b0c0d0e0f'";

/// A file with something in every table, and rows from before the strands.
async fn filled(place: &Place) {
    let store = open(place).await;
    for number in 1..=5 {
        let user = add(&store, person(number)).await;
        done(
            &store,
            vec![Change::OpenSession { whose: known(&user), session: session(100 + i64::from(number)) }],
        )
        .await;
    }
    let event = Event::inside(EventKind::OperatorEdit, at(1), Actor::Operator, "test");
    for _ in 0..3 {
        done(&store, vec![event.clone().noted()]).await;
    }
    let last = account(&store, domain::id::UserId(5)).await;
    done(&store, domain::rule::manage::deleted(&last, &Default::default(), event)).await;
    store.close();
    sql(
        place,
        &format!(
            "UPDATE events SET place = NULL WHERE id = 1;
             UPDATE users SET last_name = 'Ω' || char(10) || '\\N''\"', phone_number = '', second_factor = 1 WHERE id = 2;
             UPDATE sessions SET ended_at = 7, end_reason = 'sign_out', digest = NULL WHERE id = 101;
             INSERT INTO failures VALUES ({HEX16}, 1, 3, 99, 2), (x'ff0102030405060708090a0b0c0d0e0f', NULL, 1, 5, 0);
             INSERT INTO links VALUES ({HEX16}, 'reset', 1, 'p1@example.com', 0, NULL, NULL, 1, 2, NULL);
             INSERT INTO links VALUES (x'ff0102030405060708090a0b0c0d0e0f', 'change', 1, NULL, 0, 'A@b.c', 'a@b.c', 1, 2, 3);
             INSERT INTO factors VALUES (2, 4, '{{\"totp\":null}}');
             INSERT INTO half_way VALUES ({HEX32}, 'sign_in', 2, 0, 'native', 77);
             INSERT INTO admin_keys VALUES (9223372036854775807, {HEX32}, 'ci', '[]', NULL, 1, 2, NULL, NULL);
             INSERT INTO admin_bootstrap VALUES (1, {HEX32}, 5);
             INSERT INTO letters_counted VALUES ('é@b.c', 'reset', 1), ('a@b.c', 'reset', 2), ('a@b.c', 'reset', 2),
                 ('A@b.c', 'verify', -1);
             INSERT INTO outbox (id, letter, user_id, recipient, name, language, link, expires_at, created_at, due_at)
                 VALUES (41, 'welcome', 1, 'a@b.c', '', '', {HEX16}, 1, 2, 3), (43, 'welcome', NULL, 'a@b.c', '', '', NULL, 1, 2, 3);
             DELETE FROM outbox WHERE id = 43;
             INSERT INTO keys VALUES ('native', 3, 'abcd', 'sealed', 4);
             INSERT INTO phases VALUES ('native/x', 'dual', 4);
             INSERT INTO migration_counts VALUES ('native/x', 'different', 'POST /sign-in: /é', 3, 9),
                 ('native/x', 'different', '', 3, 9);
             INSERT INTO avatars VALUES ('b.png', 'image/png', zeroblob(100000), 1), ('a.png', 'image/png', x'', 2);"
        ),
    );
    // Everything else stands in it already.
    let conn = Connection::open(path(place)).unwrap();
    for table in TABLES {
        let count: i64 = conn.query_row(&Tongue::Sqlite.count(table), [], |row| row.get(0)).unwrap();
        assert!(count > 0, "{}", table.name);
    }
}

#[test]
fn the_list_of_tables_is_the_schema_of_sqlite() {
    let folder = Folder::new();
    let place = folder.file("c.db");
    wait(open(&place)).close();
    let conn = Connection::open(path(&place)).unwrap();
    let mut names = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let names: BTreeSet<String> =
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for name in &names {
        let Some(table) = TABLES.iter().find(|table| table.name == name) else {
            assert!(LEFT_OUT.iter().any(|(left, why)| left == name && !why.is_empty()), "{name}");
            continue;
        };
        let mut columns = conn.prepare("SELECT name, type, pk FROM pragma_table_info($1)").unwrap();
        let columns = columns.query_map([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let columns: BTreeMap<String, (String, u32)> =
            columns.map(|row| row.map(|(name, kind, key)| (name, (kind, key))).unwrap()).collect();
        let listed = table.columns.iter().enumerate().map(|(at, (name, kind))| {
            let kind = match kind {
                Kind::Int | Kind::Bool => "INTEGER",
                Kind::Text => "TEXT",
                Kind::Blob => "BLOB",
            };
            let key = if at < table.key && !table.counted { u32::try_from(at).unwrap() + 1 } else { 0 };
            ((*name).to_owned(), (kind.to_owned(), key))
        });
        assert_eq!(listed.collect::<BTreeMap<_, _>>(), columns, "{name}");
    }
    assert!(TABLES.iter().all(|table| names.contains(table.name)));
}

#[test]
fn the_list_of_tables_is_the_schema_of_postgresql() {
    let (database, place) = postgres();
    wait(open(&place)).close();
    let rows = database.psql(
        "SELECT table_name || ' ' || column_name || ' ' || data_type FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name IN (SELECT table_name FROM information_schema.tables)",
    );
    let left = |line: &&str| {
        let table = line.split(' ').next().unwrap();
        !LEFT_OUT.iter().any(|(name, why)| *name == table && !why.is_empty())
    };
    let found: BTreeSet<&str> = rows.lines().filter(left).collect();
    let listed: Vec<String> = TABLES
        .iter()
        .flat_map(|table| table.columns.iter().map(move |(name, kind)| (table.name, name, kind)))
        .map(|(table, name, kind)| {
            let kind = match kind {
                Kind::Int => "bigint",
                Kind::Bool => "boolean",
                Kind::Text => "text",
                Kind::Blob => "bytea",
            };
            format!("{table} {name} {kind}")
        })
        .collect();
    assert_eq!(listed.iter().map(String::as_str).collect::<BTreeSet<_>>(), found);
    let sequences = database.psql("SELECT count(*) FROM pg_class WHERE relkind = 'S'");
    assert_eq!(sequences.trim(), "3", "a new sequence has to go on in a copy, too");
}

#[test]
fn everything_goes_to_postgresql_and_back() {
    wait(async {
        let folder = Folder::new();
        let (first, last) = (folder.file("first/c.db"), folder.file("last/c.db"));
        let (database, middle) = postgres();
        filled(&first).await;
        let there = run(&order(&first, &middle)).await;
        assert!(there.finished && there.is_equal() && !there.moved_on, "{there:?}");
        assert!(there.tables.iter().all(|table| table.rows > 0 && table.written == table.rows));
        let store = open(&middle).await;
        assert_eq!(store.event_kinds().await.unwrap().last().unwrap(), "database_copied");
        // Numbers go on: the fifth user was deleted, the letter 43 too.
        assert_eq!(add(&store, person(7)).await.user.id.0, 6);
        store.close();
        assert_eq!(database.psql("SELECT nextval(pg_get_serial_sequence('outbox', 'id'))").trim(), "44");
        assert_eq!(database.psql("SELECT count(*) FROM letters_counted").trim(), "4");
        let back = run(&order(&middle, &last)).await;
        assert!(back.finished, "{back:?}");
        let (there, back) = (sums(&there), sums(&back));
        for (name, sum) in &there {
            // What was done in between: a user, two events.
            let same = !["users", "events", "trail_heads"].contains(name);
            assert_eq!(same, back[name] == *sum, "{name}");
        }
        let store = open(&last).await;
        assert_eq!(add(&store, person(8)).await.user.id.0, 7);
        let kinds = store.event_kinds().await.unwrap();
        assert_eq!(kinds.iter().filter(|kind| *kind == "database_copied").count(), 2);
        let conn = Connection::open(path(&last)).unwrap();
        let name: String =
            conn.query_row("SELECT last_name FROM users WHERE id = 2", [], |row| row.get(0)).unwrap();
        assert_eq!(name, "Ω\n\\N'\"");
    });
}

#[test]
fn a_later_run_brings_what_has_changed_and_nothing_else() {
    wait(async {
        let folder = Folder::new();
        let first = folder.file("first.db");
        filled(&first).await;
        let (_database, postgres) = postgres();
        for (number, target) in (201..).zip([folder.file("second.db"), postgres]) {
            let early = run(&ahead(&first, &target)).await;
            assert!(early.is_equal() && !early.finished, "{early:?}");
            let said =
                Store::open_with(&target, bond(&order(&first, &target)).unwrap().trail, MasterKeyId([0; 16]));
            let said = said.await.unwrap_err().to_string();
            assert!(
                said.contains("unfinished copy of the source") && said.contains("countersign database copy")
            );
            let store = open(&first).await;
            let newcomer = add(&store, person(number)).await;
            store.close();
            // Two users swap what is one user's own, one who comes first takes a name from one who comes later, and rows go.
            sql(
                &first,
                "UPDATE users SET email_key = email_key || '#', email = email || '#' WHERE id IN (1, 2);
                 UPDATE users SET email_key = (SELECT 'p' || (3 - id) || '@example.com'), email = 'x' WHERE id IN (1, 2);
                 DELETE FROM users WHERE id = 4; DELETE FROM letters_counted WHERE rowid = 2;
                 DELETE FROM sessions WHERE id = 104; UPDATE sessions SET counter = counter + 1 WHERE id = 102;",
            );
            let late = run(&order(&first, &target)).await;
            assert!(late.finished, "{late:?}");
            let tables: BTreeMap<_, _> = late.tables.iter().map(|table| (table.name, table)).collect();
            let seen = |name: &str| (tables[name].written, tables[name].removed);
            assert_eq!(seen("sessions").0, 1);
            assert!(seen("users").0 >= 3 && seen("users").0 <= 4, "{:?}", seen("users"));
            assert_eq!((seen("avatars"), seen("links"), seen("hash_schemes")), ((0, 0), (0, 0), (0, 0)));
            let store = open(&target).await;
            let there = account(&store, newcomer.user.id).await;
            assert_eq!((there.user, there.epoch), (newcomer.user, newcomer.epoch));
            store.close();
            sql(
                &first,
                "UPDATE users SET email_key = email_key || '#' WHERE id IN (1, 2);
                 UPDATE users SET email_key = 'p' || id || '@example.com' WHERE id IN (1, 2);",
            );
        }
    });
}

#[test]
fn a_copy_that_breaks_off_goes_on_where_it_was() {
    wait(async {
        let folder = Folder::new();
        let first = folder.file("first.db");
        filled(&first).await;
        let (_database, postgres) = postgres();
        for target in [folder.file("second.db"), postgres] {
            // Broken off at each table in turn: the future is dropped where it stands.
            for stop in 1..TABLES.len() {
                let seen = Mutex::new(0);
                let wished = order(&first, &target);
                let (gone, stopped) = tokio::sync::oneshot::channel::<()>();
                let gone = Mutex::new(Some(gone));
                let tell = |step| {
                    if matches!(step, CopyStep::Table(_)) {
                        *seen.lock().unwrap() += 1;
                        if *seen.lock().unwrap() > stop {
                            drop(gone.lock().unwrap().take());
                        }
                    }
                };
                tokio::select! {
                    biased;
                    _ = stopped => {}
                    copied = copy(&wished, &tell) => panic!("{copied:?}"),
                }
            }
            let rest = run(&order(&first, &target)).await;
            assert!(rest.finished, "{rest:?}");
            assert!(rest.tables[..3].iter().all(|table| table.written == 0), "{rest:?}");
        }
    });
}

#[test]
fn of_two_runs_the_later_goes_on() {
    wait(async {
        let folder = Folder::new();
        let first = folder.file("first.db");
        filled(&first).await;
        let (_database, postgres) = postgres();
        for target in [folder.file("second.db"), postgres] {
            let (one, other) = (order(&first, &target), ahead(&first, &target));
            let bond = bond(&one).unwrap();
            let mut slow = Side::target(&target, &bond, ("the source", at(1))).await.unwrap();
            assert!(run(&other).await.is_equal());
            let line = vec![Value::from("bcrypt:4")];
            let schemes = TABLES.iter().find(|table| table.name == "hash_schemes").unwrap();
            let more = Difference { put: vec![line], gone: vec![] };
            let said = slow.write(schemes, more, false).await.unwrap_err().to_string();
            assert!(said.contains("another run"), "{said}");
            slow.close().await;
            let last = run(&one).await;
            assert!(last.finished && last.tables.iter().all(|table| table.written == 0), "{last:?}");
        }
    });
}

#[test]
fn what_can_not_be_copied_is_refused_and_nothing_is_written() {
    wait(async {
        let folder = Folder::new();
        let (first, full, none) = (folder.file("first.db"), folder.file("full.db"), folder.file("none.db"));
        filled(&first).await;
        let store = open(&full).await;
        add(&store, person(9)).await;
        store.close();
        assert!(
            refused(&order(&first, &full))
                .await
                .contains("full.db: the target is not empty (users has 1 rows)")
        );
        assert!(matches!(rehearse(&order(&first, &full)).await, Err(CopyFault::Refused(_))));
        assert!(refused(&order(&none, &full)).await.contains("none.db: there is no database"));
        let other = CopyOrder {
            master_key: SecretBytes::new(*b"another master key for the tests"),
            ..order(&first, &none)
        };
        assert!(refused(&other).await.contains("sealed with master key"));
        assert!(refused(&order(&Place::Memory, &none)).await.contains("in memory"));
        assert!(!path(&none).exists());
        let rows = rehearse(&order(&first, &none)).await.unwrap();
        assert_eq!((rows[0], path(&none).exists()), (("users", 4), false));

        let (database, target) = postgres();
        rehearse(&order(&first, &target)).await.unwrap();
        assert_eq!(
            database
                .psql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
                .trim(),
            "0"
        );
        let store = open(&target).await;
        store.close();
        // A node that was started on it, and has noted nothing, is in nobody's way.
        rehearse(&order(&first, &target)).await.unwrap();
        database.psql("INSERT INTO hash_schemes VALUES ('bcrypt:12')");
        assert!(
            refused(&order(&first, &target))
                .await
                .contains("the target is not empty (hash_schemes has 1 rows)")
        );
        database.psql(
            "DELETE FROM hash_schemes; UPDATE master_key SET check_value = decode(repeat('00', 16), 'hex')",
        );
        assert!(refused(&order(&first, &target)).await.contains("sealed with master key 00000000"));
        // Nothing is copied out of an unfinished copy, or while nodes use it.
        database.psql("DELETE FROM master_key");
        run(&ahead(&first, &target)).await;
        assert!(refused(&order(&target, &none)).await.contains("unfinished copy of the source"));
        assert!(run(&order(&first, &target)).await.finished);
        let node = open(&target).await;
        assert!(refused(&order(&target, &none)).await.contains("connections of nodes use it"));
        assert!(run(&ahead(&target, &none)).await.is_equal());
        node.close();
    });
}

#[test]
fn a_source_that_was_written_to_is_not_finished() {
    wait(async {
        let folder = Folder::new();
        let (first, target) = (folder.file("first.db"), folder.file("second.db"));
        filled(&first).await;
        let tell = |step| {
            if matches!(step, CopyStep::Comparing) {
                sql(&first, "UPDATE users SET first_name = 'late' WHERE id = 1");
            }
        };
        let report = copy(&order(&first, &target), &tell).await.unwrap();
        assert!(report.moved_on && report.is_equal() && !report.finished);
        let report = run(&order(&first, &target)).await;
        assert!(report.finished && report.tables[0].written == 1, "{report:?}");
    });
}

#[test]
fn a_target_that_differs_is_told_and_not_finished() {
    wait(async {
        let folder = Folder::new();
        let (first, target) = (folder.file("first.db"), folder.file("second.db"));
        filled(&first).await;
        let tell = |step| {
            if matches!(step, CopyStep::Comparing) {
                sql(&target, "UPDATE users SET first_name = 'other' WHERE id = 1; DELETE FROM avatars");
            }
        };
        let report = copy(&order(&first, &target), &tell).await.unwrap();
        assert!(!report.is_equal() && !report.finished);
        let differ: Vec<_> =
            report.tables.iter().filter(|table| !table.is_equal()).map(|table| table.name).collect();
        assert_eq!(differ, ["users", "avatars"]);
        assert!(run(&order(&first, &target)).await.finished);
    });
}

#[test]
fn a_text_that_postgresql_can_not_hold_is_named() {
    wait(async {
        let folder = Folder::new();
        let first = folder.file("first.db");
        filled(&first).await;
        sql(&first, "UPDATE sessions SET user_agent = 'a' || char(0) || 'b' WHERE id = 103");
        let (_database, target) = postgres();
        let said = copy(&order(&first, &target), &|_| ()).await.unwrap_err().to_string();
        assert!(said.contains("sessions 103: user_agent holds a NUL character"), "{said}");
        sql(&first, "UPDATE sessions SET user_agent = 'ab' WHERE id = 103");
        assert!(run(&order(&first, &target)).await.finished);
    });
}

#[test]
fn keys_that_are_older_than_files_stay_behind() {
    wait(async {
        let folder = Folder::new();
        let (first, target) = (folder.file("first.db"), folder.file("second.db"));
        filled(&first).await;
        assert!(run(&ahead(&first, &target)).await.is_equal());
        let report = run(&CopyOrder { without_keys: true, ..order(&first, &target) }).await;
        let keys = report.tables.iter().find(|table| table.name == "keys").unwrap();
        assert_eq!((report.finished, keys.rows, keys.removed, keys.target_rows), (true, 0, 1, 0));
        assert!(open(&target).await.sealed_keys().await.unwrap().is_empty());
    });
}
