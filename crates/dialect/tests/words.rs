//! Each word of the dialect language has a page in `tests/words` that proves it.
//!
//! A page is a text file. `#` lines say what it shows; then come sections:
//!
//! ```text
//! === base NAME          a fragment too: a dialect that the following ones extend
//! === dialect            a fragment of dialect.toml; `words/preamble.rs` adds what every dialect needs
//! === contract           expected: the engine's side of that dialect
//! === ask                a request: method and path, headers, an empty line, a body (forms as in docs/transcripts.md)
//! === answer WORDS       what the engine says: full, bare, free, factor, enrolment, fault STATUS, or refused CODE words; `full` when absent
//! === heard              expected: what the request was understood as
//! === said               expected: the answer, byte for byte
//! ```
//!
//! A page may hold several dialects and several requests each. `UPDATE=1 cargo test -p countersign-dialect --test words` rewrites the expected
//! sections; `heard` and `said` are put after every request that has neither.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer")]

#[path = "words/canned.rs"]
mod canned;
#[path = "words/page.rs"]
mod page;
#[path = "words/preamble.rs"]
mod preamble;
#[path = "words/shown.rs"]
mod shown;
#[path = "words/walk.rs"]
mod walk;

use bytes::Bytes;
use canned::{Answer, NOW};
use countersign_dialect::transcript::{Exchange, Kept, Ready};
use countersign_dialect::{
    Ask, Asked, CookieMode, CookieRules, Dialect, Found, Pages, Place, Route, Switchboard, slot_names,
};
use domain::contract::Weakening;
use domain::input::{Input, Rule};
use domain::refusal::{REFUSAL_CODES, Refusal};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use page::{Page, Section, pages, updating};
use std::sync::Arc;

/// The address of the server in all pages, and so the origin of its own pages.
const ISSUER: &str = "https://id.example.org";

/// The dialect of a section, in its place.
fn board(fragment: &str, bases: &preamble::Bases) -> Switchboard {
    let (text, before) = preamble::composed(fragment);
    let dialect = Dialect::parse_with(&text, &|name| preamble::base(bases, name)).unwrap_or_else(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{before} lines were put before:\n{}\n{text}", lines.join("\n"))
    });
    let pages = Pages { own: ISSUER.to_owned(), listed: vec!["https://shop.example.org".to_owned()] };
    let rules = (dialect.cookies != CookieMode::Off).then(|| CookieRules {
        mode: dialect.cookies,
        label: String::new(),
        strict: false,
        until_closed: false,
        csrf_header: HeaderName::from_static("x-csrf-token"),
        secure: true,
    });
    let dialect = dialect.mounted(pages, rules.as_ref()).unwrap();
    let place = Place { dialect: Arc::new(dialect), prefix: String::new(), host: String::new() };
    Switchboard::new(vec![place]).unwrap()
}

fn ready(text: &str) -> Ready {
    let lines: Vec<&str> = text.lines().collect();
    let (method, target) = lines[0].split_once(' ').unwrap();
    let blank = lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len());
    let headers = lines[1..blank].iter().map(|line| line.split_once(": ").unwrap());
    let exchange = Exchange {
        title: String::new(),
        line: 0,
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: lines.get(blank + 1..).unwrap_or(&[]).join("\n"),
        expected: String::new(),
    };
    exchange.ready(&Kept::new()).unwrap()
}

/// What was heard and what is said to it.
fn exchanged(board: &Switchboard, ask: &str, answer: &Answer) -> (String, String) {
    let ready = ready(ask);
    let (path, query) = ready.target.split_once('?').unwrap_or((&ready.target, ""));
    let method: Method = ready.method.parse().unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in &ready.headers {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let body = Bytes::from(ready.body);
    let dialect = &board.places()[0].dialect;
    let asked =
        |allow, by_page| Asked { method: method.as_str(), path, allow, now: NOW, issuer: ISSUER, by_page };
    match board.find(&method, path, "") {
        Found::Nobody => ("nobody".to_owned(), "nobody".to_owned()),
        Found::Nothing { .. } => {
            let response = dialect.say(None, asked("", false), Err(&Refusal::NotFound));
            ("no such path".to_owned(), shown::said(&response))
        }
        Found::OtherMethod { route, allow, .. } => {
            let line = dialect.allow_line(&allow);
            other_method(dialect, route, asked(&line, false), &allow)
        }
        Found::Routes { routes, path: values, allow, .. } => {
            let ask = Ask { method: &method, path, query, headers: &headers, body: &body };
            let heard = dialect.hear(&routes, &values, ask);
            let line = dialect.allow_line(&allow);
            let asked = asked(&line, heard.page.is_some());
            let response = said(dialect, heard.route, asked, &heard.command, answer);
            (shown::heard(&heard, dialect.routes.len() > 1), shown::said(&response))
        }
    }
}

fn other_method(dialect: &Dialect, route: &Route, asked: Asked<'_>, allow: &[&str]) -> (String, String) {
    if asked.method == "OPTIONS" && dialect.http.options_are_answered {
        return ("options".to_owned(), shown::said(&dialect.say_options(Some(route), asked)));
    }
    let refusal = if dialect.http.wrong_method_is_not_found {
        Refusal::NotFound
    } else {
        Refusal::MethodNotAllowed(allow.iter().map(|name| (*name).to_owned()).collect())
    };
    let response = dialect.say(Some(route), asked, Err(&refusal));
    (shown::refusal(&refusal).join("\n"), shown::said(&response))
}

fn said(
    dialect: &Dialect,
    route: &Route,
    asked: Asked<'_>,
    command: &Result<domain::command::Command, Refusal>,
    answer: &Answer,
) -> Response<Bytes> {
    let command = match command {
        Ok(command) => command,
        Err(refusal) => return dialect.say(Some(route), asked, Err(refusal)),
    };
    let bare = *answer == Answer::Yes { bare: true };
    match answer {
        Answer::Refused(refusal) => dialect.say(Some(route), asked, Err(refusal)),
        Answer::Fault(status) => dialect.say_fault(Some(route), asked, *status, "4c7f"),
        Answer::Pending => dialect.say(Some(route), asked, Ok(&domain::outcome::Outcome::SignUpPending)),
        Answer::Factor { enrol } => dialect.say(Some(route), asked, Ok(&canned::factor_needed(*enrol))),
        Answer::Yes { .. } | Answer::Free => {
            let outcome = canned::outcome(command, &dialect.contract, bare, *answer != Answer::Free);
            dialect.say(Some(route), asked, outcome.as_ref())
        }
    }
}

/// The page as it would be if every expectation were met.
fn carried_out(page: &Page, updating: bool) -> Page {
    let mut out = Page { about: page.about.clone(), sections: Vec::new() };
    let mut place = None;
    let mut bases = preamble::Bases::new();
    let mut last = (String::new(), String::new());
    for (index, section) in page.sections.iter().enumerate() {
        let mut section = section.clone();
        match section.word.as_str() {
            "base" => {
                let named = format!("name = \"{}\"\n{}", section.title, section.text);
                bases.insert(section.title.clone(), preamble::composed(&named).0);
            }
            "dialect" => place = Some(board(&section.text, &bases)),
            "contract" => {
                section.text = canned::contract(&place.as_ref().unwrap().places()[0].dialect.contract)
            }
            "heard" => section.text = last.0.clone(),
            "said" => section.text = last.1.clone(),
            "ask" | "answer" => {}
            other => panic!("line {}: `{other}` is not a section", section.line),
        }
        let is_ask = section.word == "ask";
        let text = section.text.clone();
        out.sections.push(section);
        let following = &page.sections[index + 1..];
        if is_ask {
            let answer =
                following.first().filter(|next| next.word == "answer").map_or("", |next| next.title.as_str());
            last = exchanged(place.as_ref().unwrap(), &text, &Answer::parse(answer));
        }
        let ends = matches!(out.sections.last().unwrap().word.as_str(), "ask" | "answer");
        let bare =
            following.first().is_none_or(|next| !["answer", "heard", "said"].contains(&next.word.as_str()));
        if ends && bare {
            assert!(updating, "a request without `heard` and `said` proves nothing:\n{text}");
            out.sections.push(Section::new("heard", last.0.clone()));
            out.sections.push(Section::new("said", last.1.clone()));
        }
    }
    out
}

#[test]
fn every_word_does_what_its_page_shows() {
    let mut wrong = Vec::new();
    for (path, page) in pages("words") {
        assert!(page.about.starts_with('#'), "{}: say what it shows", path.display());
        assert!(
            page.sections
                .iter()
                .any(|section| ["heard", "said", "contract"].contains(&section.word.as_str()))
                || updating()
        );
        let carried_out = carried_out(&page, updating());
        if updating() {
            std::fs::write(&path, carried_out.written()).unwrap();
            continue;
        }
        for (expected, got) in page.sections.iter().zip(&carried_out.sections) {
            if expected.text != got.text {
                let place = format!("{}:{} {}", path.display(), expected.line, expected.word);
                wrong.push(format!(
                    "{place}\n{}",
                    countersign_dialect::transcript::difference(&expected.text, &got.text)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

/// The dialects of all pages, whole.
fn all_dialects() -> Vec<String> {
    let pages = pages("words");
    let sections = pages
        .iter()
        .flat_map(|(_, page)| &page.sections)
        .filter(|one| ["base", "dialect"].contains(&one.word.as_str()));
    sections.map(|section| preamble::composed(&section.text).0).collect()
}

#[test]
fn every_key_and_every_closed_word_of_the_language_has_a_page() {
    let schema = countersign_dialect::schema::schema();
    let mut walk = walk::Walk::default();
    for text in all_dialects() {
        let value: serde_json::Value = toml::from_str(&text).unwrap();
        walk.value(&schema, &schema, &value, "");
        assert!(
            walk.wrong.is_empty(),
            "the compiler takes it, the schema does not: {:?}\n{text}",
            walk.wrong
        );
    }
    let everything = walk::everything(&schema);
    let missing: Vec<_> =
        everything.difference(&walk.met).filter(|name| !name.starts_with("input = ")).collect();
    assert!(missing.is_empty(), "no page uses {missing:#?}");
}

#[test]
fn every_slot_input_and_rule_has_a_page() {
    let dialects = all_dialects().join("\n");
    let everything: String = pages("words").iter().map(|(_, page)| page.written()).collect();
    for slot in slot_names() {
        let slot = slot.trim_end_matches('N').trim_end_matches("NAME");
        assert!(dialects.contains(&format!("{{{slot}")), "no page uses the slot {slot}");
    }
    for input in Input::ALL.map(Input::name) {
        let spellings = [format!("take.{input}]"), format!("take.\"{input}."), format!(" {input} = {{ from")];
        let used = spellings.iter().any(|spelling| dialects.contains(spelling));
        assert!(used, "no page takes {input}");
    }
    // Rules of passwords, pictures and taken names are found by the engine; their wording is here.
    for rule in Rule::ALL.map(Rule::code) {
        assert!(
            everything.contains(&format!(" {rule}")) || everything.contains(&format!(":{rule}")),
            "no page breaks {rule}"
        );
    }
}

#[test]
fn the_shipped_dialects_keep_to_the_schema() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dialects");
    let schema = countersign_dialect::schema::schema();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path().join("dialect.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let value: serde_json::Value = toml::from_str(&text).unwrap();
        let mut walk = walk::Walk::default();
        walk.value(&schema, &schema, &value, "");
        assert!(walk.wrong.is_empty(), "{}: {:?}", path.display(), walk.wrong);
    }
}

/// A closed list in the schema is the list that the compiler tells when a word is not on it.
#[test]
fn closed_lists_are_the_same_in_schema_and_compiler() {
    let schema = countersign_dialect::schema::schema();
    let mut lists: Vec<(String, Vec<String>)> = Vec::new();
    for name in walk::everything(&schema) {
        let Some((path, word)) = name.split_once(" = ") else { continue };
        match lists.iter_mut().find(|(known, _)| known == path) {
            Some((_, words)) => words.push(word.to_owned()),
            None => lists.push((path.to_owned(), vec![word.to_owned()])),
        }
    }
    for (path, mut words) in lists {
        let key = path
            .replace("route.", "@.")
            .replace("take.", "route.take.email.")
            .replace("cookie.", "route.give.cookies.");
        let key = key.replace("@.", "route.").replace(".*", "");
        let text = format!("language = 1\n{key} = \"@@@@@@@@@@@@@@@@@@@@@@@@@@@@\"\n");
        let faults = Dialect::parse(&text).unwrap_err();
        let told =
            faults.iter().find_map(|fault| fault.message.split_once("; it knows ")).map(|(_, list)| list);
        // Lists that the compiler words in another way: inputs, codes of refusals, algorithms, forms.
        let Some(told) = told else { continue };
        let mut told: Vec<&str> = told.split(", ").filter(|word| *word != "collect").collect();
        told.sort_unstable();
        words.sort_unstable();
        assert_eq!(told, words, "{path}");
    }
}

fn documentation() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/dialects.md");
    std::fs::read_to_string(path).unwrap()
}

/// A part of the worked example in the documentation.
fn example(name: &str) -> String {
    let docs = documentation();
    let (_, rest) = docs.split_once(&format!("<!-- example: {name} -->\n```")).unwrap();
    rest.split_once('\n').unwrap().1.split_once("\n```").unwrap().0.to_owned()
}

#[test]
fn the_worked_example_of_the_documentation_holds() {
    let dialect = Dialect::parse(&example("dialect.toml")).unwrap();
    let place = Place { dialect: Arc::new(dialect), prefix: String::new(), host: String::new() };
    let board = Switchboard::new(vec![place]).unwrap();
    let transcript = countersign_dialect::transcript::Transcript::parse(&example("session.http")).unwrap();
    let kept = Kept::from([("token".to_owned(), "T".to_owned())]);
    let mut told = 0;
    for exchange in transcript.exchanges() {
        let ready = exchange.ready(&kept).unwrap();
        let headers: String =
            ready.headers.iter().map(|(name, value)| format!("\n{name}: {value}")).collect();
        let body = String::from_utf8(ready.body).unwrap();
        let ask = format!("{} {}{headers}\n\n{body}", ready.method, ready.target);
        let unsure = exchange.title.contains("one answer");
        let answer = if unsure { "refused unknown_user" } else { "full" };
        let (_, said) = exchanged(&board, &ask, &Answer::parse(answer));
        let expected = exchange.expected.strip_prefix("--- ").unwrap();
        assert_eq!(said.lines().next(), expected.lines().next(), "{}", exchange.title);
        if !expected.starts_with("200") {
            assert_eq!(said, expected, "{}", exchange.title);
            told += 1;
        }
    }
    assert_eq!(told, 3);
}

#[test]
fn the_documentation_names_every_word() {
    let docs = documentation();
    let mut missing = Vec::new();
    let mut need = |word: &str| {
        if !docs.contains(&format!("`{word}`")) {
            missing.push(word.to_owned());
        }
    };
    REFUSAL_CODES.iter().for_each(|code| need(code));
    Rule::ALL.iter().for_each(|rule| need(rule.code()));
    Input::ALL
        .iter()
        .filter(|input| !matches!(input, Input::Attribute | Input::Ignored))
        .for_each(|i| need(i.name()));
    Weakening::ALL.iter().for_each(|weakening| need(weakening.name()));
    domain::command::Verb::ALL.iter().for_each(|verb| need(verb.name()));
    slot_names().iter().for_each(|slot| need(&format!("{{{slot}}}")));
    for name in walk::everything(&countersign_dialect::schema::schema()) {
        let word = name.split_once(" = ").map_or(name.as_str(), |(_, word)| word);
        let key = word.rsplit('.').next().unwrap_or(word);
        if !["attribute", "ignored", "*"].contains(&key) {
            need(key);
        }
    }
    for code in REFUSAL_CODES {
        let status = format!("| {}", countersign_dialect::default_status(code));
        let row = docs.lines().find(|line| line.starts_with(&format!("| `{code}` |"))).unwrap();
        let next = Refusal::said_as(code).unwrap_or("default");
        assert!(row.contains(&status) && row.ends_with(&format!("| `{next}` |")), "{row}");
    }
    missing.dedup();
    assert!(missing.is_empty(), "docs/dialects.md does not name {missing:?}");
    for weakening in Weakening::ALL {
        assert!(docs.contains(weakening.cost()), "the cost of {} has changed", weakening.name());
    }
}
