//! Do tests get servers that behave as servers do, and that leave nothing behind?

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testbed::{Access, Cluster, Setup, Shelf, Stop};

/// Ends only what would never end.
const PATIENCE: Duration = Duration::from_secs(60);

fn wait_until(what: &str, mut seen: impl FnMut() -> bool) {
    let began = Instant::now();
    while !seen() {
        assert!(began.elapsed() < PATIENCE, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A killed server keeps what it acknowledged; only a machine that fails would forget.
fn quick() -> Setup {
    Cluster::setup().fast().set("synchronous_commit", "on")
}

#[test]
fn databases_are_apart_and_go_with_their_values() {
    let shared = Cluster::shared();
    let (one, other) = (shared.database(), shared.database());
    one.psql("CREATE TABLE t AS SELECT 7 AS n");
    assert_eq!(one.psql("SELECT n FROM t"), "7");
    assert!(other.access().try_psql("SELECT n FROM t").unwrap_err().contains("does not exist"));
    let (name, owner) = (one.access().name().to_owned(), one.owner());
    drop(one);
    let asked = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(shared.psql(&asked), "0");
    assert_eq!(
        shared.psql(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{}'", owner.user())),
        "0"
    );
    assert_eq!(
        shared.psql(&format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", other.access().name())),
        "1"
    );
}

#[test]
fn users_may_what_they_were_granted_and_passwords_are_asked_for() {
    let database = Cluster::shared().database();
    let (user, owner) = (database.user(), database.owner());
    owner.psql("CREATE TABLE t (n int)");
    assert!(user.try_psql("SELECT n FROM t").unwrap_err().contains("permission denied"));
    assert!(user.try_psql("CREATE TABLE u (n int)").unwrap_err().contains("permission denied"));
    owner.psql(&format!("GRANT SELECT ON t TO {}", user.user()));
    assert_eq!(user.psql("SELECT n FROM t"), "");
    let wrong = user.by(user.user(), "wrong").try_psql("SELECT 1").unwrap_err();
    assert!(wrong.contains("password authentication failed"), "{wrong}");
    let parsed = Access::parse(&owner.url()).unwrap();
    assert_eq!(parsed.psql("SELECT current_user"), owner.user());
}

#[test]
fn a_cluster_stops_dies_pauses_and_comes_back_with_what_it_acknowledged() {
    let cluster = quick().set("work_mem", "5MB").start();
    let database = cluster.database();
    assert_eq!(database.psql("SHOW work_mem"), "5MB");
    cluster.set("work_mem", "6MB");
    database.psql("CREATE TABLE t AS SELECT 1 AS n");
    cluster.restart();
    assert_eq!(database.psql("SHOW work_mem; INSERT INTO t VALUES (2); SELECT sum(n) FROM t"), "6MB\n3");
    cluster.kill();
    let refused = database.access().try_psql("SELECT 1").unwrap_err();
    assert!(refused.contains("Connection refused"), "{refused}");
    cluster.start();
    assert_eq!(database.psql("SELECT sum(n) FROM t"), "3");

    let mut asking = database.access().command("psql");
    cluster.pause();
    let mut asking = asking.args(["-XAtc", "SELECT 4"]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(asking.try_wait().unwrap(), None, "a paused server answered");
    cluster.resume();
    assert!(asking.wait().unwrap().success());
    cluster.stop(Stop::Immediate);
    cluster.start();
    // What is paused is cleared away, too.
    cluster.pause();
}

#[test]
fn nothing_is_left_of_a_cluster_whose_process_was_killed() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed-postgres"));
    // A grandchild that outlives the killed process by nothing: it ends when its input does.
    let mut child = command.args(["--", "cat"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    let url = said.trim().strip_prefix("COUNTERSIGN_TEST_POSTGRES=").unwrap_or_else(|| panic!("{said}"));
    let data = Access::parse(url).unwrap().psql("SHOW data_directory");
    let folder = Path::new(&data).parent().unwrap();
    let file = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    let server = Path::new("/proc").join(file.lines().next().unwrap());
    assert!(server.join("stat").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the folder to go", || !folder.exists());
    wait_until("the server to go", || !server.exists());
}

#[test]
fn a_server_with_a_certificate_is_verified_by_it() {
    let within = Path::new("/var/tmp");
    let cluster = Cluster::setup().tls(&["localhost", "127.0.0.1"]).within(within).start();
    assert_eq!(cluster.psql("SHOW fsync; SHOW synchronous_commit"), "on\non", "only who asks for it forgets");
    assert!(cluster.psql("SHOW data_directory").starts_with("/var/tmp/countersign-pg-"));
    let asked = |host: &str| {
        let mut command = cluster.access().command("psql");
        command.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", cluster.authority());
        command.env("PGHOST", host).env("PGHOSTADDR", "127.0.0.1");
        let output =
            command.args(["-XAtc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"]).output();
        let output = output.unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert_eq!(asked("localhost"), "t\n");
    assert_eq!(asked("127.0.0.1"), "t\n");
    assert!(
        asked("elsewhere.example").contains("does not match host name"),
        "{}",
        asked("elsewhere.example")
    );
}

#[test]
fn a_synchronous_standby_has_what_was_acknowledged_and_takes_over() {
    let primary = quick().start();
    let database = primary.database();
    let standby = primary.standby();
    standby.wait_until_streaming();
    standby.synchronous();
    database.psql("CREATE TABLE t AS SELECT 1 AS n");
    let there = database.access().at(standby.address());
    standby.wait_until_level();
    // Taken while the primary waits for the first; it waits for nobody.
    let second = primary.standby();
    assert_eq!(there.psql("SELECT n FROM t"), "1");
    assert!(there.try_psql("INSERT INTO t VALUES (2)").unwrap_err().contains("read-only transaction"));
    database.psql("INSERT INTO t VALUES (2)");
    primary.kill();
    standby.promote();
    assert_eq!(there.psql("INSERT INTO t VALUES (3); SELECT sum(n) FROM t"), "6");
    second.promote();
    assert_eq!(
        database.access().at(second.address()).psql("INSERT INTO t VALUES (5); SELECT sum(n) FROM t"),
        "8"
    );
    primary.start();
    assert_eq!(database.psql("SELECT sum(n) FROM t"), "3", "the old primary knows nothing of its successor");
}

#[test]
fn a_database_from_the_shelf_is_as_if_just_made() {
    static SHELF: Shelf = Shelf::new(&["kind"]);
    let first = SHELF.take();
    first.psql("CREATE TABLE kind (name TEXT); INSERT INTO kind VALUES ('kept');");
    first.psql("CREATE TABLE one (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, text TEXT)");
    first.psql("CREATE TABLE two (one BIGINT REFERENCES one (id))");
    first.psql("INSERT INTO one (text) VALUES ('a'); INSERT INTO two VALUES (1);");
    let name = first.access().name().to_owned();
    let other = SHELF.take();
    assert_ne!(other.access().name(), name);
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    let mut idle = first.access().command("psql").stdin(Stdio::piped()).spawn().unwrap();
    wait_until("somebody who stays", || first.psql(others) == "1");
    drop(first);
    let again = SHELF.take();
    assert_eq!(again.access().name(), name);
    assert_eq!(again.psql(others), "0");
    assert_eq!(again.psql("SELECT name FROM kind"), "kept");
    assert_eq!(again.psql("INSERT INTO one (text) VALUES ('b') RETURNING id"), "1");
    assert_eq!(again.psql("SELECT count(*) FROM two"), "0");
    idle.kill().unwrap();
    idle.wait().unwrap();
}
