//! Generated pages are current. `UPDATE=1` writes them.

use dialect::default_status;
use domain::refusal::{REFUSAL_CODES, Refusal};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares a page with its generated text, or writes it.
fn check(page: &str, text: &str) {
    let path = root().join(page);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "{page} is out of date; run UPDATE=1 cargo test -p countersign-server --test pages"
    );
}

/// Refusal code → conversations that hear it.
fn heard() -> BTreeMap<String, Vec<String>> {
    let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut dialects: Vec<_> =
        std::fs::read_dir(root().join("dialects")).unwrap().map(|e| e.unwrap().path()).collect();
    dialects.sort();
    for dialect in dialects {
        let mut files: Vec<_> = std::fs::read_dir(dialect.join("transcripts"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            let name = format!(
                "{}/{}",
                dialect.file_name().unwrap().to_string_lossy(),
                file.file_stem().unwrap().to_string_lossy()
            );
            for line in std::fs::read_to_string(&file).unwrap().lines() {
                if let Some(code) = line.strip_prefix("# refusal: ") {
                    let list = heard.entry(code.trim().to_owned()).or_default();
                    if list.last() != Some(&name) {
                        list.push(name.clone());
                    }
                }
            }
        }
    }
    heard
}

#[test]
fn the_page_of_refusals_is_current() {
    let heard = heard();
    let mut text = String::from(
        "# Refusals\n\n\
         <!-- generated: UPDATE=1 cargo test -p countersign-server --test pages -->\n\n\
         Every \"no\" of the engine has a stable code. A dialect says it in its own words (`[refuse.CODE]`); where it has\n\
         none, the code in the third column is said in its place, with that code's status. The last column names\n\
         conversations in which it is heard.\n\n\
         | code | status unless the dialect says otherwise | said in its place | heard in |\n|---|---|---|---|\n",
    );
    for code in REFUSAL_CODES {
        let instead =
            Refusal::said_as(code).map_or_else(|| "`default`".to_owned(), |other| format!("`{other}`"));
        let places = heard
            .get(code)
            .map_or_else(String::new, |list| list.iter().take(4).cloned().collect::<Vec<_>>().join(", "));
        let _ = writeln!(text, "| `{code}` | {} | {instead} | {places} |", default_status(code));
    }
    check("docs/refusals.md", &text);
}
