//! Can the operator list roles and give them, and only those that there are?

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use serde_json::Value;
use std::process::Command;
use world::Home;

/// Exit code, standard output and standard error of a command.
fn run(home: &Home, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).current_dir(home.path("")).env("COUNTERSIGN_HASHING__MEMORY_KIB", "64");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn ok(home: &Home, arguments: &[&str]) -> String {
    let (code, out, err) = run(home, arguments);
    assert_eq!(code, 0, "{arguments:?}: {err}");
    out
}

fn role_of(home: &Home, who: &str) -> Value {
    let user: Value = serde_json::from_str(&ok(home, &["user", "show", who, "--json"])).unwrap();
    user["role"].clone()
}

#[test]
fn a_role_is_given_by_name_and_only_one_that_there_is() {
    let home = Home::new();
    home.write("countersign.toml", "[roles.editor]\npermissions = [\"post.write\"]\n[roles.user]\n");
    ok(&home, &["user", "add", "ana", "--no-password"]);
    ok(&home, &["user", "role", "ana", "editor"]);
    assert_eq!(role_of(&home, "ana"), "editor");
    let (code, _, err) = run(&home, &["user", "role", "ana", "emperor"]);
    assert_eq!(code, 1);
    assert!(err.contains("there is no role \"emperor\"; there are editor, user"), "{err}");
    assert_eq!(role_of(&home, "ana"), "editor");
    ok(&home, &["user", "role", "ana", ""]);
    assert_eq!(role_of(&home, "ana"), "");
}

#[test]
fn roles_are_listed_with_what_they_permit() {
    let home = Home::new();
    home.write("countersign.toml", "[roles.editor]\npermissions = [\"post.write\"]\nneeds_factor = true\n");
    let row: Value = serde_json::from_str(ok(&home, &["role", "list", "--json"]).trim()).unwrap();
    let expected = serde_json::json!({"role": "editor", "permissions": ["post.write"], "needs_factor": true});
    assert_eq!(row, expected);
    let told = ok(&home, &["role", "list"]);
    assert!(
        told.contains("editor") && told.contains("post.write") && told.contains("second factor"),
        "{told}"
    );
    home.write("countersign.toml", "");
    assert!(ok(&home, &["role", "list"]).contains("No roles are configured"));
}
