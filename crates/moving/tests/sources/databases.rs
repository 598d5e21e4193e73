//! Are users read from databases of other applications, whatever those do meanwhile?

use crate::world::*;
use moving::source::{Kind, Location, Request, Roles, Source};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::PathBuf;
use testbed::Cluster;
use tokio_postgres::{Client, NoTls};

/// Tables as Django's migrations make them, and two users: one is in a group, one has no password.
const DJANGO: &str = "
    CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app VARCHAR(255));
    CREATE TABLE auth_group (id INTEGER PRIMARY KEY, name VARCHAR(150) UNIQUE);
    CREATE TABLE auth_user (id INTEGER PRIMARY KEY, password VARCHAR(128) NOT NULL, last_login TIMESTAMP NULL,
        is_superuser BOOL NOT NULL, username VARCHAR(150) NOT NULL, first_name VARCHAR(150) NOT NULL, last_name VARCHAR(150) NOT NULL,
        email VARCHAR(254) NOT NULL, is_staff BOOL NOT NULL, is_active BOOL NOT NULL, date_joined TIMESTAMP NOT NULL);
    CREATE TABLE auth_user_groups (id INTEGER PRIMARY KEY, user_id INTEGER, group_id INTEGER);
    INSERT INTO auth_group VALUES (1, 'editor'), (2, 'boss');
    INSERT INTO auth_user_groups VALUES (1, 4100, 1);
    INSERT INTO auth_user VALUES (4100, 'bcrypt$$2b$04$abcdefghijklmnopqrst0ub8NdINAw1tnhLoyxRzsqO7MzASh2zta', '2024-02-29 00:00:00', TRUE, 'ana', 'Ana', 'Pérez',
        'ana@example.com', TRUE, TRUE, '2020-01-31 12:00:00.123456');
    INSERT INTO auth_user VALUES (4102, '!unusable', NULL, FALSE, 'luis', '', '', '', FALSE, FALSE, '2021-01-31 12:00:00');
";

/// A file of SQLite, made by these statements.
fn sqlite(statements: &str) -> PathBuf {
    let path = folder().join("app.sqlite3");
    Connection::open(&path).unwrap().execute_batch(statements).unwrap();
    path
}

struct Live(Client);

impl AsRef<Client> for Live {
    fn as_ref(&self) -> &Client {
        &self.0
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn check_django(users: &[domain::record::Record]) {
    let [ana, luis] = users else { panic!("{}", users.len()) };
    assert!(matches(ana));
    assert_eq!(
        (ana.id, ana.username.as_deref(), ana.role.as_deref()),
        (Some(4100), Some("ana"), Some("editor"))
    );
    assert_eq!(ana.created_at.as_deref(), Some("2020-01-31T12:00:00.123456Z"));
    assert_eq!(ana.last_login_at.as_deref(), Some("2024-02-29T00:00:00Z"));
    let marks = |user: &domain::record::Record| Value::Object(user.attributes.clone().unwrap());
    assert_eq!(marks(ana), json!({"is_superuser": true, "is_staff": true}));
    assert_eq!(marks(luis), json!({"is_superuser": false, "is_staff": false}));
    assert_eq!(
        (luis.status.as_deref(), luis.email.as_deref(), luis.role.as_deref()),
        (Some("inactive"), None, None)
    );
    assert_eq!(luis.password_hash.as_ref().unwrap().expose(), "!unusable");
}

#[tokio::test]
async fn django_users_are_the_same_from_both_databases() {
    let path = sqlite(DJANGO);
    let before = std::fs::read(&path).unwrap();
    // The kind is found out by the tables.
    let found = Request { kind: None, ..request(Kind::Django) };
    check_django(&records(read_file(&path, found.clone()).await.unwrap()));
    assert_eq!(std::fs::read(&path).unwrap(), before, "not a byte is changed");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    let database = Cluster::shared().database();
    let url = database.url();
    connect(&url)
        .await
        .batch_execute(&DJANGO.replace("TIMESTAMP", "timestamptz").replace("BOOL", "boolean"))
        .await
        .unwrap();
    let live = Live(connect(&url).await);
    check_django(&records(read(Location::Postgres(Box::new(live)), found).await.unwrap()));
}

#[tokio::test]
async fn powers_and_groups_of_django_are_taken_only_if_somebody_says_so() {
    let path = sqlite(&format!("{DJANGO} INSERT INTO auth_user_groups VALUES (2, 4100, 2);"));
    let with = |roles| Request { roles, kind: Some(Kind::Django), ..Request::default() };
    let told = faults(&read_file(&path, with(Roles::Refuse)).await.unwrap());
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("auth_user 4100: the user has a staff mark; add --with-roles"), "{told:?}");
    let left = records(read_file(&path, with(Roles::Leave)).await.unwrap());
    assert_eq!(
        (left[0].role.as_deref(), &left[0].attributes.as_ref().unwrap()["is_staff"]),
        (None, &json!(false))
    );
    let told = faults(&read_file(&path, with(Roles::Keep)).await.unwrap());
    assert!(
        told[0].contains("several groups (editor, boss)")
            || told[0].contains("several groups (boss, editor)"),
        "{told:?}"
    );
    let none = mapped(Kind::Django, &["role="]);
    assert_eq!(records(read_file(&path, none).await.unwrap())[0].role, None);
}

#[tokio::test]
async fn a_custom_user_table_of_django_is_found_with_its_own_columns() {
    let path = sqlite(
        "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY);
         CREATE TABLE accounts_user (id CHAR(32) PRIMARY KEY, password VARCHAR(128), last_login DATETIME, email VARCHAR(254), is_active BOOL,
             number_phone VARCHAR(20), avatar VARCHAR(100), bio TEXT);
         INSERT INTO accounts_user VALUES ('0f3b1c626f0a4c5e9d7a2b8f3e1d4c5a', '', NULL, 'ana@example.com', 1, '+34 600', 'a.png', 'x');",
    );
    let source = Source::open(Location::File(path.clone()), mapped(Kind::Django, &[])).await.unwrap();
    assert_eq!((source.table(), source.left()), (Some("accounts_user"), &["bio".to_owned()][..]));
    let users = records(read_file(&path, mapped(Kind::Django, &["attributes.bio=bio"])).await.unwrap());
    assert_eq!(users[0].uuid.unwrap().to_string(), "0f3b1c62-6f0a-4c5e-9d7a-2b8f3e1d4c5a");
    assert_eq!(
        (users[0].phone_number.as_deref(), users[0].avatar.as_deref()),
        (Some("+34 600"), Some("/media/a.png"))
    );
    assert_eq!(users[0].attributes.as_ref().unwrap()["bio"], "x");
    let elsewhere = Request { media_url: Some("https://cdn.example/".to_owned()), ..request(Kind::Django) };
    let users = records(read_file(&path, elsewhere).await.unwrap());
    assert_eq!(users[0].avatar.as_deref(), Some("https://cdn.example/a.png"));
}

/// Statements that make the tables of Prisma, TypeORM and Sequelize, for SQLite; the table, and the user's first name.
const SHAPES: [(&str, &str, &str); 3] = [
    (
        "User",
        r#"CREATE TABLE "User" ("id" TEXT NOT NULL PRIMARY KEY, "email" TEXT NOT NULL, "name" TEXT, "password" TEXT, "emailVerified" TIMESTAMP, "createdAt" TIMESTAMP NOT NULL);
           INSERT INTO "User" VALUES ('clh3x2y5k0000qwer', 'ana@example.com', 'Ana', 'HASH', '2024-01-01 00:00:00', '2021-03-05 16:35:16.775');"#,
        "clh3x2y5k0000qwer",
    ),
    (
        "user",
        r#"CREATE TABLE "user" ("id" VARCHAR PRIMARY KEY NOT NULL, "email" VARCHAR NOT NULL, "firstName" VARCHAR, "password" VARCHAR, "isActive" BOOLEAN, "createdAt" TIMESTAMP, "deletedAt" TIMESTAMP);
           INSERT INTO "user" VALUES ('0f3b1c62-6f0a-4c5e-9d7a-2b8f3e1d4c5a', 'ana@example.com', 'Ana', 'HASH', TRUE, '2021-03-05 16:35:16.775', NULL);"#,
        "0f3b1c62-6f0a-4c5e-9d7a-2b8f3e1d4c5a",
    ),
    (
        "Users",
        r#"CREATE TABLE "Users" ("id" INTEGER PRIMARY KEY, "firstName" VARCHAR(255), "email" VARCHAR(255), "passwordHash" VARCHAR(255), "createdAt" TIMESTAMP, "updatedAt" TIMESTAMP);
           INSERT INTO "Users" VALUES (17, 'Ana', 'ana@example.com', 'HASH', '2021-03-05 16:35:16.775', '2021-03-05 16:35:16.775');"#,
        "17",
    ),
];

#[tokio::test]
async fn tables_of_prisma_typeorm_and_sequelize_are_recognised() {
    let database = Cluster::shared().database();
    let url = database.url();
    for (table, statements, id) in SHAPES {
        let statements = statements.replace("HASH", BCRYPT);
        let path = sqlite(&statements);
        let all = read_file(&path, request(Kind::Sql)).await.unwrap();
        assert_eq!(all[0].place.to_string(), format!("{table} {id}"));
        let here = records(all);
        connect(&url).await.batch_execute(&statements).await.unwrap();
        let wanted = Request { table: Some(table.to_owned()), ..request(Kind::Sql) };
        let live = Location::Postgres(Box::new(Live(connect(&url).await)));
        let there = records(read(live, wanted).await.unwrap());
        assert_eq!(serde_json::to_value(&here).unwrap(), serde_json::to_value(&there).unwrap(), "{table}");
        assert!(matches(&here[0]));
        assert_eq!(
            (here[0].first_name.as_deref(), here[0].created_at.as_deref()),
            (Some("Ana"), Some("2021-03-05T16:35:16.775Z"))
        );
    }
    let live = Location::Postgres(Box::new(Live(connect(&url).await)));
    let doubt = read(live, request(Kind::Sql)).await.unwrap_err().join("");
    assert!(doubt.contains("several tables may hold the users"), "{doubt}");
}

#[tokio::test]
async fn supabase_is_recognised_by_its_tables() {
    let database = Cluster::shared().database();
    let url = database.url();
    let statements = format!(
        "CREATE SCHEMA auth; CREATE TABLE auth.identities (id uuid); CREATE TABLE auth.users (id uuid PRIMARY KEY, email varchar, encrypted_password \
         varchar, email_confirmed_at timestamptz, raw_user_meta_data jsonb, banned_until timestamptz, created_at timestamptz, is_sso_user boolean);
         INSERT INTO auth.users VALUES ('0f3b1c62-6f0a-4c5e-9d7a-2b8f3e1d4c5a', 'ana@example.com', '{BCRYPT}', now(), '{{\"full_name\": \"Ana\"}}', \
         NULL, '2021-03-05 16:35:16.775+00', false);"
    );
    connect(&url).await.batch_execute(&statements).await.unwrap();
    let live = Location::Postgres(Box::new(Live(connect(&url).await)));
    let users = records(read(live, Request::default()).await.unwrap());
    assert!(matches(&users[0]) && users[0].email_verified);
    assert_eq!(
        (users[0].first_name.as_deref(), users[0].created_at.as_deref()),
        (Some("Ana"), Some("2021-03-05T16:35:16.775Z"))
    );
}

#[tokio::test]
async fn an_application_may_go_on_writing_while_it_is_read() {
    let path = sqlite(DJANGO);
    let app = Connection::open(&path).unwrap();
    app.execute_batch("PRAGMA journal_mode = WAL; UPDATE auth_user SET first_name = 'Before'").unwrap();
    let source = Source::open(Location::File(path.clone()), request(Kind::Django)).await.unwrap();
    app.execute_batch("UPDATE auth_user SET first_name = 'After'; DELETE FROM auth_user WHERE id = 4102")
        .unwrap();
    let read = move || source.read().unwrap().map(Result::unwrap).collect::<Vec<_>>();
    let users = records(tokio::task::spawn_blocking(read).await.unwrap());
    assert_eq!(users.len(), 2);
    assert!(users.iter().all(|user| user.first_name.as_deref() == Some("Before")));

    let database = Cluster::shared().database();
    let app = connect(&database.url()).await;
    app.batch_execute("CREATE TABLE users (id int PRIMARY KEY, email text); INSERT INTO users SELECT n, n || '@example.com' FROM generate_series(1, 1000) n").await.unwrap();
    let live = Location::Postgres(Box::new(Live(connect(&database.url()).await)));
    let source = Source::open(live, request(Kind::Sql)).await.unwrap();
    app.batch_execute("DELETE FROM users WHERE id > 10").await.unwrap();
    let read = move || source.read().unwrap().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(tokio::task::spawn_blocking(read).await.unwrap().len(), 1000);
}

#[tokio::test]
async fn a_database_that_can_not_be_written_is_read_all_the_same() {
    use std::os::unix::fs::PermissionsExt as _;
    let path = sqlite(DJANGO);
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    let parent = path.parent().unwrap().to_owned();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    std::fs::set_permissions(&parent, std::fs::Permissions::from_mode(0o500)).unwrap();
    let found = read_file(&path, request(Kind::Django)).await;
    std::fs::set_permissions(&parent, std::fs::Permissions::from_mode(0o700)).unwrap();
    check_django(&records(found.unwrap()));
}

#[tokio::test]
async fn hostile_tables_do_no_harm() {
    let path = sqlite(
        r#"CREATE TABLE "us""ers; DROP" ("e""mail" TEXT, "password" BLOB, created_at INTEGER);
           INSERT INTO "us""ers; DROP" VALUES ('a@example.com', CAST(X'ff' AS TEXT), 1);
           INSERT INTO "us""ers; DROP" VALUES ('b@example.com', zeroblob(70000), 1);
           INSERT INTO "us""ers; DROP" VALUES ('c@example.com', NULL, 99999999999999999);
           INSERT INTO "us""ers; DROP" VALUES ('d@example.com', X'2432622430', 1614962116);"#,
    );
    let wanted = Request { table: Some("us\"ers; DROP".to_owned()), ..mapped(Kind::Sql, &["email=e\"mail"]) };
    let all = read_file(&path, wanted).await.unwrap();
    let told = faults(&all);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("row 1: password: it is not UTF-8"), "{told:?}");
    assert!(told[1].contains("row 2: password: the value is longer than 65536 bytes"), "{told:?}");
    assert!(told[2].contains("row 3: created_at is no date"), "{told:?}");
    assert_eq!(all[3].record.as_ref().unwrap().password_hash.as_ref().unwrap().expose(), "$2b$0");
    let broken = file("app.db", [b"SQLite format 3\0".as_slice(), &[0; 4096]].concat());
    assert!(read_file(&broken, request(Kind::Sql)).await.is_err());
    let said = read_file(&file("app.db", "hello"), Request::default()).await.unwrap_err().join("");
    assert!(said.contains("this is no SQLite database"), "{said}");
}
