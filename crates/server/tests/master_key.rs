//! What happens when the master key is lost, is another one, or lies open? (REL-33)

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use std::os::unix::fs::PermissionsExt as _;
use world::Home;
use world::console::{Said, run, run_in};

const KEY: &str = "data/keys/master.key";
const ANOTHER: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Every command that opens the database says the same one line, and nothing is made anew.
fn refused(home: &Home, environment: &[(&str, &str)], what: &str) {
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["user", "list"]] {
        let Said { code, err: said, .. } = run_in(home, arguments, environment);
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains(what) && said.lines().count() == 1, "{arguments:?}: {said}");
    }
}

fn started(home: &Home, environment: &[(&str, &str)]) {
    let Said { code, err: said, .. } = run_in(home, &["user", "add", "ana", "--no-password"], environment);
    assert_eq!(code, 0, "{said}");
}

// REL-33
#[test]
fn a_lost_master_key_is_never_replaced_beside_data() {
    let home = Home::new();
    started(&home, &[]);
    assert_eq!(home.mode(KEY), 0o600);
    let kept = std::fs::read(home.path(KEY)).unwrap();
    std::fs::remove_file(home.path(KEY)).unwrap();
    refused(&home, &[], "the master key is missing");
    assert!(!home.path(KEY).exists());
    std::fs::write(home.path(KEY), &kept).unwrap();
    std::fs::set_permissions(home.path(KEY), std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(run(&home, &["user", "list"]).code, 0);
}

// REL-33
#[test]
fn another_master_key_is_refused_wherever_it_comes_from() {
    let home = Home::new();
    started(&home, &[]);
    refused(&home, &[("COUNTERSIGN_MASTER_KEY", ANOTHER)], "sealed with master key");
    home.write_mode(KEY, ANOTHER, 0o600);
    refused(&home, &[], "sealed with master key");
    home.write_mode("elsewhere", ANOTHER, 0o600);
    refused(&home, &[("COUNTERSIGN_MASTER_KEY_FILE", "elsewhere")], "sealed with master key");
}

#[test]
fn a_master_key_that_lies_open_or_is_none_is_refused_and_not_repeated() {
    let home = Home::new();
    started(&home, &[]);
    std::fs::set_permissions(home.path(KEY), std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&home, &[], "everybody on this machine can read this secret");
    home.write_mode(KEY, "hunter2 hunter2", 0o600);
    refused(&home, &[], "this is not a master key");
    refused(&home, &[("COUNTERSIGN_MASTER_KEY", "hunter2")], "this is not a master key");
    for environment in [&[][..], &[("COUNTERSIGN_MASTER_KEY", "hunter2")]] {
        let Said { err: said, .. } = run_in(&home, &["user", "list"], environment);
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_key_in_the_environment_needs_no_file_and_is_not_printed() {
    let home = Home::new();
    let environment = [("COUNTERSIGN_MASTER_KEY", ANOTHER)];
    started(&home, &environment);
    assert!(!home.path(KEY).exists());
    assert_eq!(run_in(&home, &["user", "list"], &environment).code, 0);
    refused(&home, &[], "the master key is missing");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(["config", "--json"]).current_dir(home.path("")).envs(environment);
    let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(printed.contains("master_key_file") && !printed.contains(ANOTHER), "{printed}");
}
