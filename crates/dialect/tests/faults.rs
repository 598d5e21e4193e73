//! Everything wrong with a dialect file is told at load, with its line and what to do. The pages are in `tests/faults`.
//!
//! A page is written like those of `tests/words.rs`: `=== dialect` is a fragment (or, titled `whole`, a whole file) and
//! `=== faults` the exact list. Lines are those of the fragment; `file` stands for the file as a whole and `added` for what
//! the preamble adds. `=== base NAME` is a whole file that the following ones extend. `UPDATE=1 cargo test -p countersign-dialect --test faults` rewrites the lists.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer")]

#[path = "words/page.rs"]
mod page;
#[path = "words/preamble.rs"]
mod preamble;

use countersign_dialect::{Dialect, FileFault};
use page::{Page, Section, pages, updating};

/// The faults of a section, with the lines of the section.
fn faults(section: &Section, bases: &preamble::Bases) -> String {
    let whole = section.title == "whole";
    let (text, before) = if whole { (section.text.clone(), 0) } else { preamble::composed(&section.text) };
    let parsed = Dialect::parse_with(&text, &|name| preamble::base(bases, name));
    let Err(faults) = parsed else { return "none".to_owned() };
    let last = before + section.text.lines().count();
    let shown = |fault: &FileFault| {
        let line = match fault.line {
            line if fault.base.is_some() => format!("{}:{line}", fault.base.as_deref().unwrap_or_default()),
            line if whole => line.to_string(),
            line if line <= before => "file".to_owned(),
            line if line > last => "added".to_owned(),
            line => (line - before).to_string(),
        };
        format!("{line}: {}", fault.message)
    };
    faults.iter().map(shown).collect::<Vec<_>>().join("\n")
}

fn carried_out(page: &Page) -> Page {
    let mut out = Page { about: page.about.clone(), sections: Vec::new() };
    let mut bases = preamble::Bases::new();
    for section in &page.sections {
        match section.word.as_str() {
            "base" => {
                bases.insert(section.title.clone(), section.text.clone());
                out.sections.push(section.clone());
            }
            "dialect" => {
                out.sections.push(section.clone());
                out.sections.push(Section::new("faults", faults(section, &bases)));
            }
            "faults" => {}
            other => panic!("line {}: `{other}` is not a section", section.line),
        }
    }
    out
}

#[test]
fn every_fault_is_told_with_its_line() {
    let mut wrong = Vec::new();
    for (path, page) in pages("faults") {
        let carried_out = carried_out(&page);
        assert!(!carried_out.sections.is_empty(), "{}", path.display());
        let told: Vec<_> = carried_out.sections.iter().filter(|section| section.word != "base").collect();
        for pair in told.chunks(2) {
            let (dialect, faults) = (pair[0], pair[1]);
            assert!(faults.text != "none", "{}:{} is not broken", path.display(), dialect.line);
        }
        if updating() {
            std::fs::write(&path, carried_out.written()).unwrap();
        } else if page.written() != carried_out.written() {
            let difference =
                countersign_dialect::transcript::difference(&page.written(), &carried_out.written());
            wrong.push(format!("{}\n{difference}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let comment = format!("# {}\n", "x".repeat(98));
    let text = comment.repeat(countersign_dialect::file::MAX_FILE_BYTES / comment.len() + 1);
    let faults = Dialect::parse(&text).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].to_string(), "1: the file is larger than 262144 bytes");
    let fits = &text[..countersign_dialect::file::MAX_FILE_BYTES];
    assert!(!Dialect::parse(fits).unwrap_err()[0].message.contains("larger"));
}

#[test]
fn no_cut_or_bent_file_makes_the_compiler_panic() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dialects/native/dialect.toml");
    let text = std::fs::read_to_string(folder).unwrap();
    for end in (0..text.len()).step_by(61).filter(|end| text.is_char_boundary(*end)) {
        let _ = Dialect::parse(&text[..end]);
        let _ = Dialect::parse(&format!("{}{}", &text[..end], &text[(end + 7).min(text.len())..]));
        for odd in ["\0", "{", "'''", "é", "[[", "= 1\n"] {
            let _ = Dialect::parse(&format!("{}{odd}{}", &text[..end], &text[end..]));
        }
    }
}
