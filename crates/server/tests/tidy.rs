//! Does the repository keep its own rules?

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

use bytes::Bytes;
use dialect::transcript::{Exchange, Kept, Transcript};
use dialect::{Ask, Asked, Dialect, Found, Place, Route, Switchboard};
use domain::input::{Flaw, Input, Rule};
use domain::refusal::{REFUSAL_CODES, Refusal};
use domain::time::Moment;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders that hold nothing of ours, wherever they stand; as in `.gitignore`.
const NOT_OURS: [&str; 6] = ["target", "node_modules", ".git", ".venv", "data", "__pycache__"];
/// Refusals that no conversation can bring about, and why.
const NOT_HEARD: [(&str, &str); 2] = [
    ("overloaded", "the queue of the hashing threads has to be full; heard in the engine's tests"),
    ("factor_locked", "a hundred wrong codes, ten of them an hour; heard in the engine's tests"),
];
/// Longest Rust file, in lines.
const MAX_LINES: usize = 500;
/// Last numbers of the catalogue of requirements.
const CATALOGUE: [(&str, u32); 2] = [("SEC-", 123), ("REL-", 45)];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names in a folder, sorted. A folder that is not there is empty.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !NOT_OURS.contains(&name.as_str()));
    names.sort();
    names
}

/// All our files, by their path from the root.
fn files() -> Vec<PathBuf> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for name in names(&root.join(&folder)) {
            let path = folder.join(name);
            let kind = std::fs::symlink_metadata(root.join(&path)).unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Our files that are text, with their contents.
fn texts() -> impl Iterator<Item = (PathBuf, String)> {
    let root = root();
    files()
        .into_iter()
        .filter_map(move |path| Some((path.clone(), std::fs::read_to_string(root.join(&path)).ok()?)))
}

// ---- conversations

/// An exchange with the notes under its title.
struct Noted {
    place: String,
    exchange: Exchange,
    refusals: Vec<String>,
}

impl Noted {
    fn succeeds(&self) -> bool {
        self.exchange.expected.starts_with("--- 2")
    }
}

/// Every exchange of a dialect.
fn conversations(dialect: &str) -> Vec<Noted> {
    let folder = root().join("dialects").join(dialect).join("transcripts");
    let mut all = Vec::new();
    for name in names(&folder).iter().filter(|name| name.ends_with(".http")) {
        let text = text(&folder.join(name));
        let transcript =
            Transcript::parse(&text).unwrap_or_else(|message| panic!("{dialect}/{name}:{message}"));
        let mut notes = refusal_notes(&text).into_iter();
        for exchange in transcript.exchanges() {
            let place =
                format!("dialects/{dialect}/transcripts/{name}:{}: {}", exchange.line, exchange.title);
            all.push(Noted { place, exchange: exchange.clone(), refusals: notes.next().unwrap_or_default() });
        }
    }
    all
}

/// For each exchange the codes in its lines `# refusal: CODE`.
fn refusal_notes(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let titles = (0..lines.len()).filter(|at| lines[*at].starts_with("=== "));
    titles
        .map(|at| {
            let notes = lines[at + 1..].iter().take_while(|line| line.starts_with('#'));
            notes
                .filter_map(|line| line.strip_prefix("# refusal: "))
                .map(|code| code.trim().to_owned())
                .collect()
        })
        .collect()
}

fn dialect_names() -> Vec<String> {
    let names = names(&root().join("dialects"));
    assert!(!names.is_empty(), "there is no dialect");
    names
}

#[test]
fn every_refused_exchange_names_its_refusal() {
    let mut wrong = Vec::new();
    for name in dialect_names() {
        let (dialect, board) = spoken(&name);
        for noted in conversations(&name) {
            let place = &noted.place;
            match (noted.succeeds(), noted.refusals.as_slice()) {
                (true, []) => {}
                (true, _) => wrong.push(format!("{place}: names a refusal and succeeds")),
                (false, []) => wrong.push(format!("{place}: write `# refusal: CODE` under the title")),
                (false, [code]) => wrong.extend(misnamed(&dialect, &board, &noted, code)),
                (false, _) => wrong.push(format!("{place}: names several refusals")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} exchanges\n{}", wrong.len(), wrong.join("\n"));
}

/// What speaks against a code: nobody knows it, or the dialect says it with another status.
fn misnamed(dialect: &Dialect, board: &Switchboard, noted: &Noted, code: &str) -> Option<String> {
    let place = &noted.place;
    let Some(refusal) = refusal_of(code) else {
        return Some(format!("{place}: there is no refusal `{code}`"));
    };
    let path = noted.exchange.target.split('?').next().unwrap_or("");
    let now = Moment::from_seconds(0);
    let asked = Asked { method: &noted.exchange.method, path, allow: "", now, issuer: "", by_page: false };
    let route = route_of(dialect, board, &noted.exchange).map(|(route, _)| route);
    let said = dialect.say(route, asked, Err(&refusal)).status().as_u16();
    let answered = noted.exchange.expected.trim_start_matches("--- ").lines().next().unwrap_or("");
    (answered != said.to_string())
        .then(|| format!("{place}: `{code}` is said with {said}, and this is {answered}"))
}

/// A refusal with this code.
fn refusal_of(code: &str) -> Option<Refusal> {
    let flaw = || vec![Flaw::new(Input::Password, Rule::Required)];
    Some(match code {
        "not_found" => Refusal::NotFound,
        "method_not_allowed" => Refusal::MethodNotAllowed(Vec::new()),
        "not_acceptable" => Refusal::NotAcceptable,
        "unsupported_media_type" => Refusal::UnsupportedMediaType(String::new()),
        "unsupported_charset" => Refusal::UnsupportedCharset(String::new()),
        "payload_too_large" => Refusal::PayloadTooLarge,
        "malformed_body" => Refusal::MalformedBody(String::new()),
        "not_an_object" => Refusal::NotAnObject("array"),
        "nothing_given" => Refusal::NothingGiven,
        "invalid_input" => Refusal::InvalidInput(flaw()),
        "taken" => Refusal::Taken(flaw()),
        "invalid_credentials" => Refusal::InvalidCredentials,
        "unknown_user" => Refusal::UnknownUser,
        "account_inactive" => Refusal::AccountInactive,
        "account_suspended" => Refusal::AccountSuspended,
        "email_unverified" => Refusal::EmailUnverified,
        "link_invalid" => Refusal::LinkInvalid,
        "mail_off" => Refusal::MailOff,
        "factor_required" => Refusal::FactorRequired,
        "factor_wrong" => Refusal::FactorWrong,
        "factor_locked" => Refusal::FactorLocked,
        "credentials_missing" => Refusal::CredentialsMissing,
        "credentials_malformed" => Refusal::CredentialsMalformed,
        "token_invalid" => Refusal::TokenInvalid,
        "token_expired" => Refusal::TokenExpired,
        "token_wrong_kind" => Refusal::TokenWrongKind,
        "token_claim_missing" => Refusal::TokenClaimMissing("exp".to_owned()),
        "token_user_missing" => Refusal::TokenUserMissing,
        "token_user_unknown" => Refusal::TokenUserUnknown,
        "token_user_inactive" => Refusal::TokenUserInactive,
        "token_revoked" => Refusal::TokenRevoked,
        "token_reused" => Refusal::TokenReused,
        "not_yours" => Refusal::NotYours,
        "reauth_required" => Refusal::ReauthRequired,
        "not_permitted" => Refusal::NotPermitted,
        "last_administrator" => Refusal::LastAdministrator,
        "bootstrap_closed" => Refusal::BootstrapClosed,
        "cross_site" => Refusal::CrossSite,
        "throttled" => {
            Refusal::Throttled(domain::limit::Throttle { policy: "account", quota: 5, window: 0, seconds: 1 })
        }
        "overloaded" => Refusal::Overloaded(1),
        _ => return None,
    })
}

#[test]
fn every_code_is_known_here() {
    for code in REFUSAL_CODES {
        assert_eq!(refusal_of(code).map(|refusal| refusal.code()), Some(code));
    }
}

#[test]
fn every_refusal_is_heard_in_a_conversation() {
    let all: Vec<Noted> = dialect_names().iter().flat_map(|dialect| conversations(dialect)).collect();
    let heard: BTreeSet<&str> = all.iter().flat_map(|noted| &noted.refusals).map(String::as_str).collect();
    for code in REFUSAL_CODES {
        let reason = NOT_HEARD.iter().find(|(known, _)| *known == code);
        match (heard.contains(code), reason) {
            (true, None) | (false, Some(_)) => {}
            (false, None) => panic!("`{code}` is heard in no transcript"),
            (true, Some((_, reason))) => panic!("`{code}` is heard, although \"{reason}\""),
        }
    }
}

#[test]
fn every_route_is_heard_to_succeed_and_to_refuse() {
    let mut missing = Vec::new();
    for name in dialect_names() {
        let (dialect, board) = spoken(&name);
        let mut heard: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
        for noted in conversations(&name) {
            if let Some((route, true)) = route_of(&dialect, &board, &noted.exchange) {
                let entry = heard.entry(&route.name).or_default();
                if noted.succeeds() { entry.0 = true } else { entry.1 = true }
            }
        }
        for route in &dialect.routes {
            match heard.get(route.name.as_str()).copied().unwrap_or_default() {
                (true, true) => {}
                (false, _) => missing.push(format!("{name}: `{}` succeeds in no transcript", route.name)),
                (true, false) => missing.push(format!("{name}: `{}` refuses in no transcript", route.name)),
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// A dialect, and its paths.
fn spoken(name: &str) -> (Arc<Dialect>, Switchboard) {
    let read = countersign_server::mounts::read_dialect(&root().join("dialects").join(name), None);
    let dialect = Arc::new(read.unwrap_or_else(|faults| panic!("{name}: {faults:?}")));
    let place = Place { dialect: dialect.clone(), prefix: String::new(), host: String::new() };
    (dialect, Switchboard::new(vec![place]).unwrap())
}

/// The route of an exchange, and whether it hears it or only lends its words to a method that the path does not have.
/// What was kept is not known here; no route is chosen by it.
fn route_of<'d>(
    dialect: &'d Dialect,
    board: &'d Switchboard,
    exchange: &Exchange,
) -> Option<(&'d Route, bool)> {
    let ready =
        exchange.ready(&anything(exchange)).unwrap_or_else(|message| panic!("{}: {message}", exchange.title));
    let method = Method::from_bytes(ready.method.as_bytes()).ok()?;
    let uri: Uri = ready.target.parse().ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in &ready.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    let (routes, path) = match board.find(&method, uri.path(), "") {
        Found::Routes { routes, path, .. } => (routes, path),
        Found::OtherMethod { route, .. } => return Some((route, false)),
        Found::Nothing { .. } | Found::Nobody => return None,
    };
    let body = Bytes::from(ready.body);
    let query = uri.query().unwrap_or("");
    let ask = Ask { method: &method, path: uri.path(), query, headers: &headers, body: &body };
    Some((dialect.hear(&routes, &path, ask).route, true))
}

/// A value for every `{{name}}` of an exchange.
fn anything(exchange: &Exchange) -> Kept {
    let headers = exchange.headers.iter().map(|(_, value)| value.as_str());
    let places = headers.chain([exchange.target.as_str(), exchange.body.as_str()]);
    let parts = places.flat_map(|text| text.split("{{").skip(1)).filter_map(|part| part.split_once("}}"));
    parts.map(|(name, _)| (name.to_owned(), "1".to_owned())).collect()
}

// ---- words about the repository

#[test]
fn the_architecture_names_the_folders_that_exist() {
    let page = text(&root().join("ARCHITECTURE.md"));
    let mut folders: Vec<String> = names(&root()).into_iter().filter(|name| !name.starts_with('.')).collect();
    folders.retain(|name| root().join(name).is_dir());
    let mut wrong = Vec::new();
    for parent in ["crates", "dialects"] {
        folders.extend(names(&root().join(parent)).into_iter().map(|name| format!("{parent}/{name}")));
    }
    for folder in folders {
        let named = page.contains(&format!("`{folder}`")) || page.contains(&format!("`{folder}/"));
        if !named && folder != "crates" {
            wrong.push(format!("`{folder}` is there and not named"));
        }
    }
    for path in page.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
        if !root().join(path).exists() {
            wrong.push(format!("`{path}` is named and not there"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether words in code style are a path from the root.
fn is_path(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let first = word.split_once('/').map(|(first, _)| first);
    plain
        && first
            .is_some_and(|first| ["crates", "dialects", "docs", "bench", "fuzz", "scripts"].contains(&first))
}

#[test]
fn no_rust_file_is_too_long() {
    let rust = texts().filter(|(path, _)| path.extension() == Some(OsStr::new("rs")));
    let long = rust.map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > MAX_LINES);
    let long: Vec<String> = long.map(|(path, lines)| format!("{}: {lines} lines", path.display())).collect();
    assert!(long.is_empty(), "at most {MAX_LINES} lines\n{}", long.join("\n"));
}

/// Words that would tell with what this was made. In pieces, so that this file does not hold them.
fn foreign_words() -> Vec<String> {
    [
        [".lib", "rary"],
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["cla", "ude"],
        ["anthr", "opic"],
        ["open", "ai"],
        ["chat", "gpt"],
        ["ai ag", "ent"],
        ["sub", "agent"],
        ["language", " model"],
    ]
    .map(|pieces| pieces.concat())
    .into()
}

#[test]
fn nothing_tells_with_what_this_was_made() {
    let words = foreign_words();
    // Capital letters and alone: the letters stand in many ordinary words.
    let alone = ["L", "LM"].concat();
    let mut found = Vec::new();
    for (path, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            let word = words.iter().find(|word| lower.contains(word.as_str()));
            let word = word
                .or_else(|| line.split(|c: char| !c.is_alphanumeric()).any(|w| w == alone).then_some(&alone));
            if let Some(word) = word {
                found.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn lock_files_name_no_registry_but_the_public_one() {
    let mut wrong = Vec::new();
    for (path, text) in texts() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = |line: &str| match name.as_str() {
            "Cargo.lock" => {
                !line.starts_with("source = ")
                    || line.contains("registry+https://github.com/rust-lang/crates.io-index")
            }
            "package-lock.json" => !line.contains("\"resolved\""),
            "requirements.txt" => !line.starts_with('-'),
            ".npmrc" => !line.contains("registry=") || line.starts_with("omit-"),
            _ => !path.starts_with(".cargo") || !line.starts_with("[source") && !line.starts_with("[registr"),
        };
        let lines = text.lines().enumerate().filter(|(_, line)| !known(line));
        wrong.extend(lines.map(|(number, line)| format!("{}:{}: {line}", path.display(), number + 1)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let pages = names(&root().join("docs/decisions"));
    let decisions: Vec<&String> = pages
        .iter()
        .filter(|name| name.ends_with(".md") && name.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    assert!(!decisions.is_empty(), "there is no decision");
    for (at, name) in decisions.iter().enumerate() {
        let number = format!("{:04}-", at + 1);
        assert!(name.starts_with(&number), "docs/decisions/{name}: the next number is {number}");
    }
}

#[test]
fn requirements_that_are_cited_exist() {
    let mut wrong = Vec::new();
    let mut cited = 0;
    for (path, text) in texts() {
        for (kind, last) in CATALOGUE {
            for number in cited_numbers(&text, kind) {
                cited += 1;
                if number == 0 || number > last {
                    wrong.push(format!("{}: there is no {kind}{number:02}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cited > 0, "no requirement is cited");
}

/// The numbers after every `SEC-`, lists such as `SEC-62, 63, 65` and ranges such as `SEC-29…33` included.
fn cited_numbers(text: &str, kind: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    let inside_a_word = |at: usize| text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    for (at, _) in text.match_indices(kind).filter(|(at, _)| !inside_a_word(*at)) {
        let mut rest = &text[at + kind.len()..];
        while let Some(number) = leading_number(rest) {
            numbers.push(number);
            rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let next = [", ", "…", "..", "–"].into_iter().find_map(|between| rest.strip_prefix(between));
            match next.filter(|next| stands_alone(next)) {
                Some(next) => rest = next,
                None => break,
            }
        }
    }
    numbers
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Whether a text begins with a number of at least two digits that counts nothing ("10 s").
fn stands_alone(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let after = text[end..].chars().next();
    end >= 2 && after.is_none_or(|c| matches!(c, ',' | '.' | ';' | ':' | ')' | ']' | '…' | '–' | '\n'))
}

#[test]
fn citations_are_read_with_their_lists_and_ranges() {
    let text = format!("({0}62, 63, 65) and {0}29…33, then {0}08, 10 s; {0}x, RUST{0}2023, {0}200.", "SEC-");
    assert_eq!(cited_numbers(&text, "SEC-"), [62, 63, 65, 29, 33, 8, 200]);
}
