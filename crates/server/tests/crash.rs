//! Does `kill -9` lose anything that was acknowledged, or leave anything half done? (REL-01, REL-03)
//!
//! Eight clients work until the server is killed at a random moment; the server is started again on the same
//! database and asked about everything that was answered before. `COUNTERSIGN_CRASH_ROUNDS` sets the rounds,
//! `COUNTERSIGN_CRASH_SEED` repeats the choices of an earlier run (not the interleaving of its threads).

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is the answer of a test, and its figures are for people"
)]

#[path = "interop/binary.rs"]
mod binary;
#[path = "crash/client.rs"]
mod client;
#[path = "interop/http.rs"]
mod http;
#[path = "crash/native.rs"]
mod native;
#[path = "crash/questions.rs"]
mod questions;

use binary::{Home, Server, chance, finish};
use client::{Client, Random};
use native::Native;
use std::collections::HashSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: u64 = 8;
const ROUNDS: u64 = 20;

/// Weak hashes on purpose: the test is about the database, and must reach it often.
const CONFIGURATION: &str = r#"
# Every start has another port; the issuer of the tokens must not change with it.
public_url = "http://crash.example"

[[mount]]
dialect = "native"

[hashing]
memory_kib = 1024
passes = 1
per_client = 0

[log]
requests = "none"
"#;

#[test]
fn nothing_acknowledged_is_lost_and_nothing_half_done_when_the_server_is_killed() {
    let seed = number("COUNTERSIGN_CRASH_SEED", || u64::from_str_radix(&chance(), 16).unwrap());
    let rounds = number("COUNTERSIGN_CRASH_ROUNDS", || ROUNDS);
    println!("COUNTERSIGN_CRASH_SEED={seed} COUNTERSIGN_CRASH_ROUNDS={rounds}");
    let home = Home::new("crash");
    home.write("countersign.toml", CONFIGURATION);
    let mut random = Random(seed);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|number| Client::new(number, seed)).collect();
    let mut server = Server::start(&home);
    for round in 1..=rounds {
        let alive = Duration::from_millis(50 + u64::try_from(random.below(451)).unwrap());
        let before: usize = acknowledged(&clients);
        work_and_kill(server, &mut clients, alive);
        let lost = clients.iter().filter(|client| client.pending.is_some()).count();
        server = Server::start(&home);
        let asked = Instant::now();
        check_file(&home);
        every(&mut clients, |client, native| client.question(native), Native(server.address));
        println!(
            "round {round}: killed after {alive:?} with {lost} in flight, {} acknowledged; ready again after {:?}; asked in {:?}",
            acknowledged(&clients) - before,
            server.ready_after,
            asked.elapsed(),
        );
    }
    every(&mut clients, |client, native| client.question_archive(native), Native(server.address));
    drop(server);
    expect_in_export(&home, &clients);
    println!("{} acknowledged operations in {rounds} rounds, none lost", acknowledged(&clients));
}

fn work_and_kill(server: Server, clients: &mut [Client], alive: Duration) {
    let native = Native(server.address);
    let killed = AtomicBool::new(false);
    let faults: Vec<String> = std::thread::scope(|scope| {
        let killed = &killed;
        let working: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(move || client.work(native, killed))).collect();
        std::thread::sleep(alive);
        killed.store(true, Ordering::SeqCst);
        drop(server);
        working.into_iter().filter_map(|thread| thread.join().unwrap().err()).collect()
    });
    assert!(faults.is_empty(), "before the kill:\n{}", faults.join("\n"));
}

/// All clients ask at the same time.
fn every(clients: &mut [Client], ask: fn(&mut Client, Native) -> Result<(), String>, native: Native) {
    let faults: Vec<String> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(move || ask(client, native))).collect();
        asking.into_iter().filter_map(|thread| thread.join().unwrap().err()).collect()
    });
    assert!(faults.is_empty(), "after the restart:\n{}", faults.join("\n"));
}

/// Another reader of the format than the server's own finds the database sound.
fn check_file(home: &Home) {
    const PROGRAM: &str = "
import sqlite3, sys
base = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True)
print([row[0] for row in base.execute('PRAGMA integrity_check')], base.execute('PRAGMA foreign_key_check').fetchall())
";
    let database = home.path("data/countersign.db");
    let said = finish(Command::new("python3").arg("-c").arg(PROGRAM).arg(database), "");
    assert_eq!(said.trim(), "['ok'] []");
}

fn expect_in_export(home: &Home, clients: &[Client]) {
    let lines = home.run(&["user", "export"]);
    let exported: HashSet<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|row| row["email"].as_str().map(str::to_owned))
        .collect();
    for client in clients {
        let known = client.archive.iter().map(|(email, _)| email);
        for email in known.chain(client.accounts.iter().map(|account| &account.email)) {
            assert!(exported.contains(email), "{email} is not in the export");
        }
    }
}

fn acknowledged(clients: &[Client]) -> usize {
    clients.iter().map(|client| client.acknowledged).sum()
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration but its environment")]
fn number(name: &str, otherwise: impl FnOnce() -> u64) -> u64 {
    std::env::var(name).map_or_else(|_| otherwise(), |text| text.parse().unwrap())
}
