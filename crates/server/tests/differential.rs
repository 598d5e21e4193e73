//! Is there anything that clients could say by which they would learn on which database a server stands?
//!
//! The same random conversations are held with two stages, one on SQLite and one on PostgreSQL; every answer is compared to
//! the byte, and what is kept at the end. `COUNTERSIGN_DIFFERENTIAL_SEED` sets where they begin,
//! `COUNTERSIGN_DIFFERENTIAL_TIMES` how many times more of them there are.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod databases;
#[path = "differential/dice.rs"]
mod dice;
#[path = "differential/moves.rs"]
mod moves;
#[path = "differential/pair.rs"]
mod pair;
#[path = "differential/stray.rs"]
mod stray;
#[path = "differential/talk.rs"]
mod talk;
#[path = "differential/words.rs"]
mod words;

use dialect::Dialect;
use dialect::transcript::Transcript;
use dice::Dice;
use moves::{REPERTOIRES, Repertoire};
use pair::Pair;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use talk::{PASSWORD, Seen, Talk};

const SEED: u64 = 1;
/// Requests of one free conversation.
const LENGTH: usize = 90;

fn folder(dialect: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dialects").join(dialect)
}

#[expect(clippy::disallowed_methods, reason = "a test is told how long to run")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect(name))
}

/// The beginning of a free conversation: the house and five people.
fn beginning(dice: &mut Dice) -> Transcript {
    let mut text = "source: made by chance\n".to_owned();
    for (line, chance) in [("limits: on", 30), ("mail: on", 75), ("require_verified: on", 15)] {
        if dice.percent(chance) {
            text.push_str(line);
            text.push('\n');
        }
    }
    let people =
        [("root", "admin"), ("Ann", ""), ("kelvin", "support"), ("zo\u{eb}", "editor"), ("sissi", "")];
    for (number, (name, role)) in (1..).zip(people) {
        let user = serde_json::json!({
            "id": number, "uuid": format!("11111111-1111-4111-8111-00000000000{number}"), "username": name,
            "email": format!("{name}@example.com"), "password": PASSWORD, "email_verified": number != 5,
            "role": role, "created_at": "2024-01-15T10:30:00Z",
        });
        text.push_str(&format!("user: {user}\n"));
    }
    Transcript::parse(&text).unwrap()
}

/// One of the dialect's transcripts.
fn written(name: &str, dice: &mut Dice) -> Transcript {
    let entries = std::fs::read_dir(folder(name).join("transcripts")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    Transcript::parse(&std::fs::read_to_string(dice.of(&files)).unwrap()).unwrap()
}

/// One conversation, free or along a transcript.
async fn converse(dialect: &Arc<Dialect>, repertoire: &Repertoire, seed: u64, seen: &mut Seen) {
    let mut dice = Dice::new(seed);
    if dice.percent(40) {
        let transcript = written(repertoire.dialect, &mut dice);
        let mut pair = Pair::open(dialect, &transcript, seed).await;
        stray::play(&mut pair, &transcript, &mut dice).await;
        pair.compare_what_is_kept().await;
    } else {
        let head = beginning(&mut dice);
        let mut pair = Pair::open(dialect, &head, seed).await;
        Talk::new(dice, &head.users).go_on(&mut pair, repertoire.moves, LENGTH, seen).await;
        pair.compare_what_is_kept().await;
    }
}

/// So many conversations in one dialect.
async fn differ(name: &str, conversations: u64) {
    let repertoire = REPERTOIRES.into_iter().find(|one| one.dialect == name).unwrap();
    let text = std::fs::read_to_string(folder(name).join("dialect.toml")).unwrap();
    let dialect = Arc::new(Dialect::parse(&text).unwrap());
    let given = number("COUNTERSIGN_DIFFERENTIAL_SEED");
    let first = given.unwrap_or(SEED);
    let times = number("COUNTERSIGN_DIFFERENTIAL_TIMES").unwrap_or(1);
    let mut seen = Seen::new();
    for seed in first..first + conversations * times {
        converse(&dialect, repertoire, seed, &mut seen).await;
    }
    eprintln!("{seen:?}");
    // Conversations that are always refused say little. Some moves need luck: not each is granted every time.
    let granted = |name: &str| seen.get(name).is_some_and(|(granted, _)| *granted > 0);
    let missed: Vec<&str> = repertoire.moves.iter().map(|one| one.0).filter(|name| !granted(name)).collect();
    let few = missed.len() * 5 <= repertoire.moves.len();
    assert!(given.is_some() || few, "never granted: {missed:?} of {seen:?}");
}

macro_rules! dialects {
    ($($test:ident $dialect:literal $conversations:literal)*) => { $(
        #[tokio::test]
        async fn $test() {
            differ($dialect, $conversations).await;
        }
    )* };
}

dialects! {
    native_says_the_same_on_both "native" 14
    admin_says_the_same_on_both "admin" 10
    auths_v1_says_the_same_on_both "auths-v1" 4
    nest_passport_says_the_same_on_both "nest-passport" 3
    password_generator_says_the_same_on_both "password-generator" 5
    uk_travel_says_the_same_on_both "uk-travel" 3
}
