//! What does an operator read who gives the server a database that it can not use?

use super::{MASTER, MOUNT};
use crate::world::Home;
use std::process::Command;
use testbed::{Access, Cluster, Database, Setup};

const ANOTHER: &str = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";
/// Everything that is in a database and could have been changed.
const PICTURE: &str = "SELECT count(*), string_agg(table_name, ' ' ORDER BY table_name) FROM information_schema.tables \
     WHERE table_schema = 'public'";

/// A start that has to be refused: exit code 2, and one line, which it gives.
fn refused(url: &str, master: &str) -> String {
    let home = Home::new();
    home.write("countersign.toml", MOUNT);
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(home.path(""));
    command.env("COUNTERSIGN_DATABASE", url).env("COUNTERSIGN_MASTER_KEY", master);
    let output = command.env("COUNTERSIGN_HASHING__MEMORY_KIB", "64").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let hidden = Access::parse(url).map(|access| access.password().to_owned());
    assert!(hidden.is_none_or(|password| !said.contains(&password)), "{said}");
    said
}

/// As [`refused`], with nothing changed in the database.
fn unchanged(database: &Database, url: &str, master: &str) -> String {
    let before = database.psql(PICTURE);
    let said = refused(url, master);
    assert_eq!(database.psql(PICTURE), before);
    said
}

/// A database that a server has been on, and is not any more.
fn used() -> Database {
    let database = Cluster::shared().database();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut node = super::node(&database.url()).await;
        node.stop();
        node.stopped().await;
    });
    database
}

#[track_caller]
fn expect(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

#[test]
fn what_can_not_be_reached_or_entered_is_named() {
    let database = Cluster::shared().database();
    let access = database.access();
    let nobody = access.at("127.0.0.1:1".parse().unwrap());
    expect(&refused(&nobody.url(), MASTER), &["127.0.0.1:1", "refused"]);
    expect(&refused(&access.by(access.user(), "wrong").url(), MASTER), &["password"]);
    expect(&refused(&access.by("nobody", "x").url(), MASTER), &["nobody"]);
    expect(&refused(&access.of("no_such_database").url(), MASTER), &["no_such_database", "does not exist"]);
    assert_eq!(database.psql(PICTURE), "0|");
}

#[test]
fn a_server_that_takes_no_writes_is_refused() {
    let cluster = Setup::fast(Cluster::setup()).start();
    let standby = cluster.standby();
    standby.wait_until_streaming();
    expect(&refused(&standby.url(), MASTER), &["does not allow writes"]);
}

#[test]
fn missing_rights_are_told_with_the_grant_that_is_missing() {
    let database = Cluster::shared().database();
    let user = database.user();
    expect(&unchanged(&database, &user.url(), MASTER), &["GRANT", "CREATE ON SCHEMA"]);
    let database = used();
    let user = database.user();
    database.psql(&format!(
        "GRANT USAGE ON SCHEMA public TO {0}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0}",
        user.user()
    ));
    expect(&unchanged(&database, &user.url(), MASTER), &["the role may not use the table", "GRANT"]);
    database.psql(&format!("DROP OWNED BY {}", user.user()));
}

#[test]
fn an_owner_of_the_database_needs_no_other_right() {
    let database = Cluster::shared().database();
    let owner = database.owner();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let node = super::node(&owner.url()).await;
        assert_eq!(super::sign_up(&node, "jane@example.com").await.status, 201);
    });
    database.psql(&format!("REASSIGN OWNED BY {} TO CURRENT_USER", owner.user()));
}

#[test]
fn tables_of_others_and_other_schemas_are_left_alone() {
    let foreign = Cluster::shared().database();
    foreign.psql("CREATE TABLE users (name text)");
    expect(&unchanged(&foreign, &foreign.url(), MASTER), &["tables of another program", "CREATE DATABASE"]);
    let foreign = Cluster::shared().database();
    foreign.psql("CREATE TABLE schema_migrations (version bigint)");
    expect(&unchanged(&foreign, &foreign.url(), MASTER), &["schema_migrations", "another program"]);
    let half = used();
    half.psql("UPDATE schema_migrations SET checksum = 'x' WHERE version = 1");
    expect(
        &unchanged(&half, &half.url(), MASTER),
        &["0001_schema", "not the one this database was made with"],
    );
}

#[test]
fn a_newer_schema_is_taken_if_it_says_so() {
    // REL-39, REL-40
    let newer = used();
    newer.psql(
        "INSERT INTO schema_migrations (version, name, checksum, needs) \
         SELECT max(version) + 1, 'later', 'x', 99 FROM schema_migrations",
    );
    expect(&unchanged(&newer, &newer.url(), MASTER), &["use the newer program"]);
    newer.psql("UPDATE schema_migrations SET needs = 1 WHERE name = 'later'");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let node = super::node(&newer.url()).await;
        assert_eq!(super::sign_up(&node, "jane@example.com").await.status, 201);
    });
}

#[test]
fn another_master_key_is_refused() {
    let database = used();
    expect(&unchanged(&database, &database.url(), ANOTHER), &["master key"]);
}

#[test]
fn nodes_that_start_together_on_an_empty_database_all_come_up() {
    // REL-40
    let database = Cluster::shared().database();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url = database.url();
        let (one, two, three) = tokio::join!(super::node(&url), super::node(&url), super::node(&url));
        for (number, node) in [&one, &two, &three].into_iter().enumerate() {
            let email = format!("p{number}@example.com");
            assert_eq!(super::sign_up(node, &email).await.status, 201);
            for other in [&one, &two, &three] {
                assert_eq!(super::sign_in(other, &email).await.status, 200);
            }
        }
    });
    assert_eq!(database.psql("SELECT count(*) = max(version) FROM schema_migrations"), "t");
}
