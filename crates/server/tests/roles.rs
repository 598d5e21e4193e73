//! Can the operator list roles and give them, and only those that there are?

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use serde_json::Value;
use world::Home;
use world::console::{Said, run};

fn role_of(home: &Home, who: &str) -> Value {
    let user: Value = serde_json::from_str(&run(home, &["user", "show", who, "--json"]).ok()).unwrap();
    user["role"].clone()
}

#[test]
fn a_role_is_given_by_name_and_only_one_that_there_is() {
    let home = Home::new();
    home.write("countersign.toml", "[roles.editor]\npermissions = [\"post.write\"]\n[roles.user]\n");
    run(&home, &["user", "add", "ana", "--no-password"]).ok();
    run(&home, &["user", "role", "ana", "editor"]).ok();
    assert_eq!(role_of(&home, "ana"), "editor");
    let Said { code, err, .. } = run(&home, &["user", "role", "ana", "emperor"]);
    assert_eq!(code, 1);
    assert!(err.contains("there is no role \"emperor\"; there are editor, user"), "{err}");
    assert_eq!(role_of(&home, "ana"), "editor");
    run(&home, &["user", "role", "ana", ""]).ok();
    assert_eq!(role_of(&home, "ana"), "");
}

#[test]
fn roles_are_listed_with_what_they_permit() {
    let home = Home::new();
    home.write("countersign.toml", "[roles.editor]\npermissions = [\"post.write\"]\nneeds_factor = true\n");
    let row: Value = serde_json::from_str(run(&home, &["role", "list", "--json"]).ok().trim()).unwrap();
    let expected = serde_json::json!({"role": "editor", "permissions": ["post.write"], "needs_factor": true});
    assert_eq!(row, expected);
    let told = run(&home, &["role", "list"]).ok();
    assert!(
        told.contains("editor") && told.contains("post.write") && told.contains("second factor"),
        "{told}"
    );
    home.write("countersign.toml", "");
    assert!(run(&home, &["role", "list"]).ok().contains("No roles are configured"));
}
