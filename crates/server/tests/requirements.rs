//! Does every security requirement have a test that names it, or a reason why not?
//!
//! A test names a requirement with `SEC-nn` in a comment, a document line or a note of a transcript. The numbers are
//! those of the catalogue that docs/threat-model.md speaks of.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Groups A to I and K to N. J is passkeys, O and P an OAuth provider and the supply chain.
const WANTED: [std::ops::RangeInclusive<u32>; 2] = [1..=87, 91..=117];
/// The heading under which exceptions stand, one a list item, each with its reason.
const EXCEPTIONS: &str = "## Not tested, and why";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All files below a folder, however deep.
fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != "node_modules") {
                below(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

/// The part of a file that is tests: all of it in a place of tests, else what follows `#[cfg(test)] mod`.
fn tests_of(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    // This file speaks of numbers without testing them.
    if relative.ends_with("tests/requirements.rs") {
        return None;
    }
    let is_rust = relative.ends_with(".rs");
    let name = path.file_stem().unwrap().to_str().unwrap();
    let in_place = relative.contains("/tests/") || relative.contains("/transcripts/");
    let by_name = is_rust && (name == "tests" || name.starts_with("tests_") || name.ends_with("_tests"));
    if in_place || by_name || relative.starts_with("bench/src/") {
        return Some(text);
    }
    let begin = text.find("#[cfg(test)]\nmod tests {").filter(|_| is_rust)?;
    Some(text[begin..].to_owned())
}

/// The numbers in a text.
fn numbers(text: &str) -> BTreeSet<u32> {
    let after = text.split("SEC-").skip(1);
    let digits = after.map(|rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let starts = text.split("SEC-").skip(1);
    starts.zip(digits).filter_map(|(rest, count)| rest[..count].parse().ok()).collect()
}

/// Number → a file whose tests name it.
fn named() -> BTreeMap<u32, PathBuf> {
    let mut files = Vec::new();
    for folder in ["crates", "dialects", "bench/src"] {
        below(&root().join(folder), &mut files);
    }
    let mut named = BTreeMap::new();
    for path in files {
        for number in tests_of(&path).iter().flat_map(|text| numbers(text)) {
            named.entry(number).or_insert_with(|| path.clone());
        }
    }
    named
}

/// Number → the reason why there is no test.
fn exceptions() -> BTreeMap<u32, String> {
    let page = std::fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let section = page.split_once(EXCEPTIONS).map_or("", |(_, rest)| rest);
    let section = section.split("\n## ").next().unwrap();
    let items = section.split("\n- ").skip(1);
    items
        .map(|item| {
            let (head, reason) = item.split_once(": ").unwrap_or_else(|| panic!("no reason: {item}"));
            let number = numbers(head);
            assert!(number.len() == 1 && reason.trim().len() > 20, "one number and a reason: {item}");
            (number.into_iter().next().unwrap(), reason.trim().to_owned())
        })
        .collect()
}

#[test]
fn every_requirement_is_named_by_a_test_or_has_a_reason() {
    let (named, exceptions) = (named(), exceptions());
    let mut wrong = Vec::new();
    for number in WANTED.into_iter().flatten() {
        match (named.get(&number), exceptions.get(&number)) {
            (None, None) => wrong.push(format!("SEC-{number:02}: no test names it")),
            (Some(path), Some(_)) => {
                let path = path.strip_prefix(root()).unwrap().display();
                wrong.push(format!("SEC-{number:02}: has a reason not to be tested, and {path} tests it"));
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
    }
    assert!(wrong.is_empty(), "{} requirements\n{}", wrong.len(), wrong.join("\n"));
}
