//! Does any history of eight clients at two nodes, with faults of every kind, contradict what was promised? (REL-38)
//!
//! Nodes are killed, stopped in their tracks and started again; PostgreSQL is killed, restarted and stopped; connections
//! are cut at commits, and stall. `COUNTERSIGN_HISTORY_SECONDS` sets how long, `COUNTERSIGN_HISTORY_SEED` repeats the
//! choices of an earlier run (not the interleaving of its threads).

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is the answer of a test, and its figures are for people"
)]

#[path = "history/ask.rs"]
mod ask;
#[path = "history/client.rs"]
mod client;
#[path = "history/faults.rs"]
mod faults;
#[path = "history/guesser.rs"]
mod guesser;
#[path = "history/node.rs"]
mod node;
#[path = "history/random.rs"]
mod random;
#[path = "history/trail.rs"]
mod trail;

use client::Client;
use faults::Stage;
use random::Random;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const CLIENTS: u64 = 8;
const SECONDS: u64 = 20;

#[test]
fn no_history_of_two_nodes_contradicts_what_was_answered() {
    let seed = number("COUNTERSIGN_HISTORY_SEED", || std::hash::RandomState::new().build_hasher().finish());
    let seconds = number("COUNTERSIGN_HISTORY_SECONDS", || SECONDS);
    println!("COUNTERSIGN_HISTORY_SEED={seed} COUNTERSIGN_HISTORY_SECONDS={seconds}");
    let mut stage = Stage::new();
    let nodes = stage.addresses();
    let bans = stage.bans();
    let over = AtomicBool::new(false);
    guesser::prepare(nodes);
    let (mut clients, guessed) = std::thread::scope(|scope| {
        let over = &over;
        let working: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let client = Client::new(number, seed, nodes, bans.clone());
                scope.spawn(move || client.work(over))
            })
            .collect();
        let guessing = scope.spawn(move || guesser::work(nodes, over));
        stage.trouble(&mut Random(seed), Duration::from_secs(seconds));
        over.store(true, Ordering::SeqCst);
        let clients: Vec<Client> = working.into_iter().map(|client| client.join().unwrap()).collect();
        (clients, guessing.join().unwrap())
    });
    std::thread::scope(|scope| {
        clients.iter_mut().for_each(|client| drop(scope.spawn(|| client.last_questions())));
    });
    let broken: Vec<String> = clients.iter().flat_map(|client| client.broken.clone()).collect();
    let told = || [stage.told.join("\n"), trail::told(&stage.database, &broken)].join("\n");
    assert!(broken.is_empty(), "{}\n{}", broken.join("\n"), told());
    guessed.expect_within_budget(stage.crashes);
    trail::expect_complete(&stage.database, &clients);
    let sum = |count: fn(&Client) -> u64| clients.iter().map(count).sum::<u64>();
    println!(
        "{} answers, {} unknown at first, {} too late to be known; {guessed}; faults: {}",
        sum(|client| client.answers),
        sum(|client| client.unknown),
        sum(|client| client.too_late),
        stage.told.join(", ")
    );
    stage.verify_trail();
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration but its environment")]
fn number(name: &str, otherwise: impl FnOnce() -> u64) -> u64 {
    std::env::var(name).map_or_else(|_| otherwise(), |text| text.parse().unwrap())
}
