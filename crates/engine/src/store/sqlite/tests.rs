//! What does SQLite promise of its files?

use super::migrate::{MIGRATIONS, Migration, migrate};
use super::{Request, connection, file};
use crate::error::{Fault, OpenError};
use crate::store::tests::{account, add, at, done, everybody, person, session, wait};
use crate::store::{Backend, Place, Store};
use domain::change::{Change, Whose};
use domain::id::{SessionId, UserId};
use domain::time::Moment;
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

impl Store {
    fn sqlite(&self) -> &super::Sqlite {
        let Backend::Sqlite(sqlite) = &self.backend else { unreachable!("these stores are files") };
        sqlite
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("countersign-test-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn database(&self) -> PathBuf {
        self.0.join("data").join("countersign.db")
    }

    async fn open(&self) -> Store {
        Store::open(&Place::File(self.database())).await.unwrap()
    }

    async fn refusal(&self) -> String {
        let OpenError::Refused(why) = Store::open(&Place::File(self.database())).await.unwrap_err();
        why
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn add_one(number: u32) -> Vec<Change> {
    vec![Change::AddUser(Box::new(person(number)))]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_there_after_opening_again() {
    let folder = Folder::new("again");
    let store = folder.open().await;
    add(&store, person(1)).await;
    store.close();
    assert!(!file::beside(&folder.database(), "-wal").exists(), "the log was not carried over");
    let store = folder.open().await;
    assert_eq!(account(&store, UserId(1)).await.user.username.as_deref(), Some("p1"));
    assert_eq!(add(&store, person(2)).await.user.id, UserId(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_before_closing_is_done() {
    let folder = Folder::new("closing");
    let store = folder.open().await;
    let mut asked: Vec<_> = (0..300).map(|number| Box::pin(store.record(add_one(number)))).collect();
    // Polled once, each list stands in the queue; then nobody waits for it any more.
    for list in &mut asked {
        std::future::poll_fn(|cx| {
            drop(list.as_mut().poll(cx));
            std::task::Poll::Ready(())
        })
        .await;
    }
    drop(asked);
    store.close();
    assert_eq!(everybody(&folder.open().await).await, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_belong_to_their_owner_alone_whatever_the_umask() {
    // SEC-111
    let folder = Folder::new("umask");
    let umask = rustix::process::umask(rustix::fs::Mode::empty());
    let store = folder.open().await;
    add(&store, person(1)).await;
    rustix::process::umask(umask);
    let database = folder.database();
    assert_eq!(mode(database.parent().unwrap()), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(&file::beside(&database, suffix)), 0o600, "{suffix}");
    }
    store.close();
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    folder.open().await;
    assert_eq!(mode(&database), 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_store_leaves_nothing_behind() {
    let (one, two) = (Store::open(&Place::Memory).await.unwrap(), Store::open(&Place::Memory).await.unwrap());
    add(&one, person(1)).await;
    assert_eq!(everybody(&two).await, 0);
    let home = one.sqlite()._home.path().to_owned();
    assert!(home.exists());
    drop(one);
    assert!(!home.parent().unwrap().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_refused_and_never_replaced_by_an_empty_database() {
    let folder = Folder::new("damage");
    let store = folder.open().await;
    add(&store, person(1)).await;
    store.close();
    let database = folder.database();
    let whole = fs::read(&database).unwrap();
    let cases: [&[u8]; 3] = [b"", b"SQLite", b"a text file, longer than any header"];
    for content in cases {
        fs::write(&database, content).unwrap();
        assert!(folder.refusal().await.contains("damaged or no database"));
        assert_eq!(fs::read(&database).unwrap(), content);
    }
    fs::remove_file(&database).unwrap();
    fs::write(file::beside(&database, "-wal"), b"x").unwrap();
    assert!(folder.refusal().await.contains("is missing, but its log"));
    assert!(!database.exists());
    fs::remove_file(file::beside(&database, "-wal")).unwrap();
    fs::write(&database, &whole).unwrap();
    assert_eq!(everybody(&folder.open().await).await, 1);
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let folder = Folder::new("foreign");
    fs::create_dir(folder.0.join("data")).unwrap();
    Connection::open(folder.database()).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(folder.refusal().await.contains("another program"));
    let tables = "SELECT count(*) FROM sqlite_schema";
    let conn = Connection::open(folder.database()).unwrap();
    assert_eq!(conn.query_row(tables, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_was_cut_short_is_begun_again() {
    let folder = Folder::new("cut");
    fs::create_dir(folder.0.join("data")).unwrap();
    let draft = file::beside(&folder.database(), ".new");
    fs::write(&draft, b"half a database").unwrap();
    fs::write(file::beside(&draft, "-wal"), b"half a log").unwrap();
    let store = folder.open().await;
    add(&store, person(1)).await;
    assert!(!draft.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_first_starts_at_once_make_one_database() {
    let folder = Folder::new("two");
    let stores: Vec<Store> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| wait(folder.open()))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    for (number, store) in (0..).zip(&stores) {
        add(store, person(number)).await;
    }
    for store in &stores {
        assert_eq!(everybody(store).await, 4);
    }
}

/// The database's own migrations and more.
fn with_more(sql: &'static str) -> Vec<Migration> {
    let mut steps = MIGRATIONS.to_vec();
    steps.push(Migration { name: "more", sql });
    steps
}

fn versions(database: &Path) -> i64 {
    let conn = Connection::open(database).unwrap();
    conn.query_row("SELECT count(*) FROM schema_migrations", [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_is_run_once_after_a_copy_was_made() {
    let folder = Folder::new("migrate");
    let store = folder.open().await;
    add(&store, person(1)).await;
    store.close();
    let database = folder.database();
    let before = versions(&database);
    let mut conn = connection::open_writer(&database).unwrap();
    let steps = with_more("CREATE TABLE more (x); INSERT INTO more VALUES (1);");
    for _ in 0..2 {
        migrate(&mut conn, &database, &steps).unwrap();
    }
    assert_eq!(conn.query_row("SELECT count(*) FROM more", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    let copy = file::beside(&database, &format!(".before-{:04}", before + 1));
    assert_eq!(mode(&copy), 0o600);
    assert_eq!(versions(&copy), before);
    assert_eq!((versions(&database), before), (before + 1, i64::try_from(MIGRATIONS.len()).unwrap()));
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing() {
    let folder = Folder::new("failing");
    folder.open().await.close();
    let database = folder.database();
    let mut conn = connection::open_writer(&database).unwrap();
    let before = versions(&database);
    let steps = with_more("CREATE TABLE more (x); CREATE TABLE users (x);");
    migrate(&mut conn, &database, &steps).unwrap_err();
    assert_eq!(versions(&database), before);
    assert!(conn.prepare("SELECT * FROM more").is_err());
    drop(conn);
    folder.open().await;
}

#[tokio::test]
async fn a_newer_schema_refuses_an_older_program() {
    let folder = Folder::new("newer");
    folder.open().await.close();
    let database = folder.database();
    let mut conn = connection::open_writer(&database).unwrap();
    migrate(&mut conn, &database, &with_more("CREATE TABLE more (x)")).unwrap();
    drop(conn);
    assert!(folder.refusal().await.contains("use the newer program"));
}

#[tokio::test]
async fn a_migration_that_was_changed_is_refused() {
    let folder = Folder::new("changed");
    folder.open().await.close();
    let conn = Connection::open(folder.database()).unwrap();
    conn.execute_batch("UPDATE schema_migrations SET checksum = 'x' WHERE version = 2").unwrap();
    assert!(folder.refusal().await.contains("0002_sessions is not the one"));
    conn.execute_batch("DELETE FROM schema_migrations WHERE version = 2").unwrap();
    drop(conn);
    assert!(folder.refusal().await.contains("0002_sessions was never run"));
}

#[cfg(target_os = "linux")]
#[test]
fn network_file_systems_are_known_by_number() {
    assert_eq!(file::network_name(0x6969), Some("NFS"));
    // Where `long` has 32 bits the number arrives negative.
    assert_eq!(file::network_name(i64::from(0xff53_4d42_u32.cast_signed())), Some("CIFS"));
    assert_eq!(file::network_name(0xef53), None);
}

/// Does something to the writer's connection, and waits until it is done.
async fn meddle(store: &Store, anything: impl FnOnce(&Connection) + Send + 'static) {
    store.sqlite().ask(Request::Run(Box::new(anything))).unwrap();
    store.record(vec![Change::DropAvatar { name: String::new() }]).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_undoes_its_work_and_the_writer_goes_on() {
    let store = Store::open(&Place::Memory).await.unwrap();
    meddle(&store, |conn| {
        conn.execute_batch("BEGIN IMMEDIATE; INSERT INTO hash_schemes VALUES ('lost')").unwrap();
        panic!("on purpose");
    })
    .await;
    assert!(store.hash_schemes().await.unwrap().is_empty());
    add(&store, person(1)).await;
    assert!(store.is_writable());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_until_there_is_room_again() {
    let store = Store::open(&Place::Memory).await.unwrap();
    add(&store, person(1)).await;
    let most = |pages: u32| {
        move |conn: &Connection| {
            conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        }
    };
    meddle(&store, most(1)).await;
    let picture = || Change::PutAvatar {
        name: "a".into(),
        media_type: "image/png",
        bytes: vec![7; 100_000],
        at: at(1),
    };
    for _ in 0..2 {
        let full = store.record(vec![Change::NoteSignIn { user: UserId(1), at: at(9) }, picture()]).await;
        assert!(matches!(&full, Err(Fault::Database(why)) if why.contains("full")), "{full:?}");
    }
    assert_eq!(account(&store, UserId(1)).await.user.last_login_at, None);
    assert!(store.is_writable());
    meddle(&store, most(1_000_000)).await;
    done(&store, vec![picture()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_commit_nothing_is_accepted_any_more() {
    let folder = Folder::new("commit");
    let store = folder.open().await;
    add(&store, person(1)).await;
    store.close();
    // A pipe in the place of the log: it opens, but nothing can be written at a position.
    let log = file::beside(&folder.database(), "-wal");
    let owner = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &log, rustix::fs::FileType::Fifo, owner, 0).unwrap();
    let store = folder.open().await;
    for number in 2..4 {
        let failed = store.record(add_one(number)).await;
        assert!(
            matches!(&failed, Err(Fault::Database(why)) if why.contains("until a restart")),
            "{failed:?}"
        );
        assert!(!store.is_writable());
    }
    assert_eq!(everybody(&store).await, 1, "reads go on");
    drop(store);
    fs::remove_file(&log).unwrap();
    let store = folder.open().await;
    assert_eq!(everybody(&store).await, 1);
    add(&store, person(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_lists_than_the_queue_holds_are_turned_away() {
    let store = Store::open(&Place::Memory).await.unwrap();
    let (go, held) = std::sync::mpsc::channel::<()>();
    let (arrived, here) = std::sync::mpsc::channel();
    let hold = move |_: &Connection| {
        arrived.send(()).unwrap();
        held.recv().unwrap();
    };
    store.sqlite().ask(Request::Run(Box::new(hold))).unwrap();
    here.recv().unwrap();
    for _ in 0..crate::store::sqlite::writer::QUEUE {
        store.sqlite().ask(Request::Run(Box::new(|_| ()))).unwrap();
    }
    let refused = store.record(add_one(1)).await;
    assert!(matches!(&refused, Err(Fault::Database(why)) if why.contains("queue is full")), "{refused:?}");
    go.send(()).unwrap();
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_does_not_grow_without_end() {
    let folder = Folder::new("log");
    let store = folder.open().await;
    let picture = |number: u32| Change::PutAvatar {
        name: number.to_string(),
        media_type: "image/png",
        bytes: vec![7; 1 << 20],
        at: at(1),
    };
    for number in 0..20 {
        done(&store, vec![picture(number)]).await;
    }
    let log = fs::metadata(file::beside(&folder.database(), "-wal")).unwrap().len();
    assert!(log < 12 << 20, "{log} bytes after 20 MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_another_process_ends_is_ended_at_the_next_look() {
    let folder = Folder::new("elsewhere");
    let (here, elsewhere) = (folder.open().await, folder.open().await);
    let user = add(&here, person(1)).await;
    let whose = Whose::Known { user: user.user.id, epoch: user.epoch };
    let ended = async |store: &Store, number| {
        store.session(SessionId(number)).await.unwrap().unwrap().0.ended.is_some()
    };
    for number in 1..50 {
        here.record(vec![Change::OpenSession { whose, session: session(number) }]).await.unwrap().unwrap();
        // Twice, so that the second look is remembered.
        assert!(!ended(&here, number).await && !ended(&here, number).await);
        let end = Change::EndSession {
            session: SessionId(number),
            reason: domain::session::EndReason::Operator,
            at: at(1100),
        };
        elsewhere.record(vec![end]).await.unwrap().unwrap();
        assert!(ended(&here, number).await, "session {number}");
        assert!(ended(&elsewhere, number).await, "session {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_beside_many_commits_never_see_an_older_state_than_before() {
    let folder = Folder::new("beside");
    let store = folder.open().await;
    let user = add(&store, person(1)).await;
    let whose = Whose::Known { user: user.user.id, epoch: user.epoch };
    store.record(vec![Change::OpenSession { whose, session: session(1) }]).await.unwrap().unwrap();
    let store = std::sync::Arc::new(store);
    let done = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
    let lookers: Vec<_> = (0..3)
        .map(|_| {
            let (store, done) = (std::sync::Arc::clone(&store), std::sync::Arc::clone(&done));
            let look = async move {
                loop {
                    let answered = done.load(std::sync::atomic::Ordering::Acquire);
                    let (_, account) = store.session(SessionId(1)).await.unwrap().unwrap();
                    let seen = account.user.last_login_at.map_or(0, Moment::millis);
                    assert!(seen >= answered, "saw {seen} after {answered} was answered");
                    if answered >= 300 {
                        return;
                    }
                }
            };
            std::thread::spawn(move || wait(look))
        })
        .collect();
    for number in 1..=300 {
        let note = Change::NoteSignIn { user: user.user.id, at: Moment::from_millis(number) };
        store.record(vec![note]).await.unwrap().unwrap();
        done.store(number, std::sync::atomic::Ordering::Release);
    }
    for looker in lookers {
        looker.join().unwrap();
    }
}
