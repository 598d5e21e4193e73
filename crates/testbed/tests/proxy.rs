//! Do connections break where they are told to?

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

use std::process::{Command, Stdio};
use std::time::Duration;

use testbed::{Access, At, Cluster, Counts, Database, Proxy, Side};

/// A database with an empty table `t`, and a proxy to it.
fn world() -> (Database, Proxy, Access) {
    let database = Cluster::shared().database();
    database.psql("CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    let proxy = Proxy::start(database.access().address());
    let through = database.access().at(proxy.address());
    (database, proxy, through)
}

/// Sends each statement as a query of its own, on one connection. The error is what the client says.
fn sent(through: &Access, statements: &[&str]) -> Result<String, String> {
    let mut command = through.command("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
    command.args(statements.iter().flat_map(|statement| ["-c", statement]));
    finished(&mut command)
}

/// Runs a script of pgbench: prepared statements, or a batch of them.
fn prepared(through: &Access, script: &str, times: u32) -> Result<String, String> {
    let mut command = through.command("pgbench");
    let name = format!("{}/{}.sql", env!("CARGO_TARGET_TMPDIR"), through.name());
    std::fs::write(&name, script).unwrap();
    command.args(["-n", "-M", "prepared", "-f", &name, "-t", &times.to_string()]);
    let result = finished(&mut command);
    std::fs::remove_file(name).unwrap();
    result
}

fn finished(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn rows(database: &Database) -> String {
    database.psql("SELECT string_agg(n::text, ' ' ORDER BY n) FROM t")
}

#[track_caller]
fn expect_cut(result: Result<String, String>) {
    let said = result.expect_err("the connection is cut");
    // As psql says it, and as pgbench does.
    let told = ["server closed the connection unexpectedly", "perhaps the backend died"];
    assert!(told.iter().any(|told| said.contains(told)), "{said}");
}

#[test]
fn a_commit_is_cut_on_the_side_that_was_asked_for() {
    let (database, proxy, through) = world();
    let inserted = |n: u32| {
        sent(
            &through,
            &["BEGIN", &format!("INSERT INTO t VALUES ({n})"), "COMMIT", "INSERT INTO t VALUES (99)"],
        )
    };
    proxy.cut_before_commit(1);
    expect_cut(inserted(1));
    assert_eq!(rows(&database), "");
    proxy.cut_after_commit(2);
    assert_eq!(sent(&through, &["BEGIN", "INSERT INTO t VALUES (2)", "COMMIT"]), Ok(String::new()));
    expect_cut(inserted(3));
    assert_eq!(rows(&database), "2 3", "the statement after it was never sent");
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.commits, counts.writes, counts.cuts), (3, 3, 0, 2));
}

#[test]
fn a_write_that_commits_by_itself_is_cut_after_it_but_not_when_it_is_refused() {
    let (database, proxy, through) = world();
    proxy.cut_after_any_write(1);
    assert_eq!(sent(&through, &["SELECT 1"]), Ok("1".to_owned()));
    expect_cut(sent(&through, &["INSERT INTO t VALUES (1)"]));
    assert_eq!(rows(&database), "1");
    proxy.cut_after_any_write(1);
    // The constraint refuses it at the commit, after the server has called the INSERT complete.
    let refused = prepared(&through, "INSERT INTO t VALUES (1);", 1).unwrap_err();
    assert!(refused.contains("duplicate key"), "{refused}");
    expect_cut(prepared(&through, "INSERT INTO t VALUES (2);", 1));
    proxy.cut(At::AnyWrite, Side::Before, 1);
    expect_cut(sent(&through, &["DELETE FROM t"]));
    proxy.cut_nothing();
    assert_eq!(sent(&through, &["SELECT count(*) FROM t"]), Ok("2".to_owned()));
}

#[test]
fn a_prepared_commit_is_known_by_its_text_and_batches_are_counted() {
    let (database, proxy, through) = world();
    let statements = "BEGIN;\nINSERT INTO t SELECT coalesce(max(n), 0) + 1 FROM t;\nCOMMIT;\n";
    proxy.cut_after_commit(3);
    expect_cut(prepared(&through, statements, 9));
    assert_eq!(rows(&database), "1 2 3");
    proxy.cut_before_commit(3);
    let batch = format!("\\startpipeline\n{statements}\\endpipeline\n");
    expect_cut(prepared(&through, &batch, 9));
    assert_eq!(rows(&database), "1 2 3 4 5");
    let before = proxy.counts();
    prepared(&through, statements, 10).unwrap();
    let singly = proxy.counts();
    prepared(&through, &batch, 10).unwrap();
    let batched = proxy.counts().since(&singly);
    let singly = singly.since(&before);
    assert_eq!((singly.commits, batched.commits), (10, 10));
    assert_eq!(rows(&database).split(' ').count(), 25);
    // Three statements or one batch of them, ten times, beside what the client does first: it prepares three statements.
    assert!((30..=35).contains(&singly.turns), "{singly:?}");
    assert!((10..=15).contains(&batched.turns), "{batched:?}");
    assert_eq!((singly.turns, batched.turns), (singly.round_trips, batched.round_trips));
}

#[test]
fn random_cuts_lose_what_was_cut_before_and_nothing_else() {
    let (database, proxy, through) = world();
    proxy.cut_at_random(At::AnyWrite, 0.5, 4);
    let acknowledged: Vec<u32> =
        (0..16).filter(|n| sent(&through, &[&format!("INSERT INTO t VALUES ({n})")]).is_ok()).collect();
    let Counts { writes, cuts, .. } = proxy.counts();
    let there: Vec<u32> = rows(&database).split(' ').map(|n| n.parse().unwrap()).collect();
    assert_eq!((writes, acknowledged.len() as u64), (16, 16 - cuts));
    assert!(acknowledged.iter().all(|n| there.contains(n)), "{acknowledged:?} {there:?}");
    assert!(
        (1..cuts).contains(&((there.len() - acknowledged.len()) as u64)),
        "both sides are hit: {there:?}"
    );
}

#[test]
fn the_weather_holds_for_connections_old_and_new() {
    let (database, proxy, through) = world();
    let asking = || {
        let mut command = through.command("psql");
        command.args(["-XAtc", "SELECT 5"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    proxy.stall();
    let mut stalled = asking();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(stalled.try_wait().unwrap(), None, "something came through");
    proxy.pass();
    assert!(stalled.wait().unwrap().success());

    proxy.stall_answers();
    let mut dropped = asking();
    while proxy.counts().connections < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    proxy.drop_all();
    assert!(!dropped.wait().unwrap().success());

    proxy.refuse();
    expect_cut(sent(&through, &["SELECT 6"]));
    proxy.delay(Duration::from_millis(3));
    assert_eq!(sent(&through, &["SELECT 7"]), Ok("7".to_owned()));

    let nobody = Proxy::start(database.access().address());
    proxy.retarget(nobody.address());
    drop(nobody);
    expect_cut(sent(&through, &["SELECT 8"]));
    proxy.retarget(database.access().address());
    assert_eq!(sent(&through, &["SELECT 9"]), Ok("9".to_owned()));
}

#[test]
fn an_encrypted_connection_goes_through_unread() {
    let cluster = Cluster::setup().fast().tls(&["127.0.0.1"]).start();
    let proxy = Proxy::start(cluster.address());
    proxy.cut_before_commit(1);
    let mut command = cluster.access().at(proxy.address()).command("psql");
    command.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", cluster.authority());
    command.args(["-XqAt", "-c", "BEGIN", "-c", "SELECT 1", "-c", "COMMIT"]);
    assert_eq!(finished(&mut command), Ok("1".to_owned()));
    assert_eq!(proxy.counts(), Counts { connections: 1, ..Counts::default() });
}
