//! The dialects in the repository load without a fault, and no two of them answer the same request.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use countersign_dialect::{Dialect, Place, Switchboard};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dialects")
}

fn load(name: &str) -> Dialect {
    let read = |name: &str| std::fs::read_to_string(folder().join(name).join("dialect.toml"));
    let library = |name: &str| read(name).map_err(|error| error.to_string());
    Dialect::parse_with(&read(name).unwrap(), &library).unwrap_or_else(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("dialects/{name}/dialect.toml:\n{}", lines.join("\n"))
    })
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_dialect_folder_holds_a_dialect_of_its_name() {
    assert!(names().len() >= 5);
    for name in names() {
        assert_eq!(load(&name).name, name);
    }
}

#[test]
fn all_dialects_can_be_mounted_together() {
    // Versions of one contract have the same paths; one of them is enough here.
    let places = names()
        .iter()
        .filter(|name| load(name).bases.is_empty())
        .map(|name| Place { dialect: Arc::new(load(name)), prefix: String::new(), host: String::new() })
        .collect();
    Switchboard::new(places).unwrap();
}

#[test]
fn two_mounts_of_one_dialect_collide_and_both_are_named() {
    let dialect = Arc::new(load("password-generator"));
    let place =
        |prefix: &str| Place { dialect: dialect.clone(), prefix: prefix.to_owned(), host: String::new() };
    let collisions = Switchboard::new(vec![place(""), place("")]).unwrap_err();
    assert!(collisions[0].contains("`password-generator` and `password-generator`"), "{collisions:?}");
    Switchboard::new(vec![place(""), place("/old")]).unwrap();
}
