//! Can a running application be taken over, and given back, without one of its clients noticing?
//!
//! A real Django and a real NestJS application (`takeover/django_app`, `takeover/nest_app`) with users of their own
//! answer clients that never stop, while the sign-in moves to Countersign and back. `COUNTERSIGN_TAKEOVER_USERS` sets
//! the number of Django users, `COUNTERSIGN_TAKEOVER_SECONDS` how long each stage lasts. `scripts/setup-tests.sh`
//! installs what the applications run on; without it the tests fail.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is the answer of a test, and its figures are for people"
)]

#[path = "takeover/alike.rs"]
mod alike;
#[path = "takeover/application.rs"]
mod application;
#[path = "interop/binary.rs"]
mod binary;
#[path = "takeover/client.rs"]
mod client;
#[path = "takeover/front.rs"]
mod front;
#[path = "interop/http.rs"]
#[expect(dead_code, reason = "shared with other tests, which use more of it")]
mod http;
#[path = "takeover/recording.rs"]
mod recording;
#[path = "takeover/server.rs"]
mod server;
#[path = "takeover/stages.rs"]
mod stages;
#[path = "takeover/tables.rs"]
mod tables;
#[path = "takeover/wire.rs"]
mod wire;

use application::{Kind, Size};
use stages::Move;
use std::time::Duration;

/// Clients of the Django application that never stop.
const CLIENTS: u64 = 6;

fn django(users: u64) -> Size {
    // Django's own 870,000 rounds take half a second of a busy machine, so that short runs ask it for fewer.
    let long = users >= 100_000;
    Size { users, passwords: if long { 120 } else { 20 }, rounds: if long { 870_000 } else { 100_000 } }
}

fn nest(users: u64) -> Size {
    Size { users, passwords: if users >= 5_000 { 100 } else { 20 }, rounds: 0 }
}

#[test]
fn the_django_application_says_what_its_dialects_say() {
    alike::check(Kind::Django, "password-generator", 120);
    alike::check(Kind::Django, "uk-travel", 0);
}

#[test]
fn the_nest_application_says_what_its_dialects_say() {
    alike::check(Kind::Nest, "nest-passport", 120);
    alike::check(Kind::Nest, "auths-v1", 0);
}

#[test]
fn the_dialects_of_the_django_application_are_recorded_again() {
    recording::check(Kind::Django, "password-generator");
    recording::check(Kind::Django, "uk-travel");
}

#[test]
fn the_dialects_of_the_nest_application_are_recorded_again() {
    recording::check(Kind::Nest, "nest-passport");
    recording::check(Kind::Nest, "auths-v1");
}

#[test]
fn a_live_django_application_is_taken_over_and_given_back() {
    let mut moving = Move::begin(Kind::Django, django(number("COUNTERSIGN_TAKEOVER_USERS", 3_000)));
    moving.run(CLIENTS, seconds());
}

#[test]
fn a_live_nest_application_is_taken_over_and_given_back() {
    let users = number("COUNTERSIGN_TAKEOVER_USERS", 3_000) / 20;
    let mut moving = Move::begin(Kind::Nest, nest(users.max(600)));
    moving.run(CLIENTS, seconds());
}

fn seconds() -> Duration {
    Duration::from_secs(number("COUNTERSIGN_TAKEOVER_SECONDS", 3))
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration but its environment")]
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}
