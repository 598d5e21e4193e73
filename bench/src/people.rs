//! Who signs in, and what do their clients ask? Users, and the scripts of one connection each.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::load::once;
use crate::wire::{Answer, Script, post, request};
use crate::{Outcome, limits, wrong};

/// The password that all of them share.
pub const PASSWORD: &str = "benchmark 7f3a-Q pass";
/// How long a connection that was sent away with 503 waits before it asks again.
const AFTER_503: Duration = Duration::from_millis(20);

const SIGN_IN: &str = "/api/sign-in/";
const SIGN_UP: &str = "/api/sign-up/";
const REFRESH: &str = "/api/token/refresh/";
const PROFILE: &str = "/api/profile/";
/// Of the `native` dialect: the other one has no way to sign out.
const NATIVE_SIGN_IN: &str = "/v1/sign-in";
const SIGN_OUT: &str = "/v1/sign-out";

/// The e-mail address of the n-th imported user.
pub fn email(index: u64) -> String {
    format!("user{index}@example.com")
}

/// Writes an import file of `count` users with one shared hash.
///
/// # Errors
/// The disk refuses.
pub fn write_import(path: &Path, count: u64) -> Outcome<()> {
    let phc = limits::phc(PASSWORD)?;
    let mut out = BufWriter::new(File::create(path)?);
    for index in 0..count {
        let record =
            json!({ "email": email(index), "username": format!("user{index}"), "password_hash": phc });
        writeln!(out, "{record}")?;
    }
    out.flush()?;
    Ok(())
}

/// A request to sign in.
pub fn sign_in_request(index: u64, password: &str) -> Vec<u8> {
    post(SIGN_IN, &json!({ "email": email(index), "password": password }).to_string())
}

/// A request for one's own profile.
pub fn profile_request(access: &str) -> Vec<u8> {
    request("POST", PROFILE, &format!("Authorization: Bearer {access}\r\n"), "")
}

/// Numbers that look random and are the same in every run (SplitMix64).
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    /// Dice of one connection. The seed is spread by another factor than the step, or the dice of two connections would
    /// throw the same numbers one after the other.
    fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % count
    }
}

/// Users, evenly spread over the table, whose sessions a run relies on. A flood of sign-ins leaves them alone: a
/// user has only so many sessions, and the newest end the oldest.
const RESERVED: u64 = 64;

fn reserved_step(count: u64) -> u64 {
    (count / RESERVED).max(2)
}

/// Signs in one of `count` users after another, in no order, but never a reserved one.
pub struct SignIn {
    dice: Dice,
    count: u64,
}

impl SignIn {
    /// One script per connection. Every run of the same group has a number of its own, and so other users.
    pub fn lanes(connections: usize, count: u64, run: usize) -> Vec<SignIn> {
        let first = (run as u64 + 1) << 16;
        (0..connections as u64).map(|lane| SignIn { dice: Dice::new(first + lane), count }).collect()
    }
}

impl Script for SignIn {
    fn ask(&mut self) -> Vec<u8> {
        let index = self.dice.below(self.count - 1);
        let reserved = index.is_multiple_of(reserved_step(self.count));
        sign_in_request(index + u64::from(reserved), PASSWORD)
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Duration> {
        good_or_busy("sign-in", 200, answer)
    }
}

/// Creates one account after another.
pub struct SignUp {
    lane: usize,
    made: usize,
}

impl SignUp {
    /// One script per connection.
    pub fn lanes(connections: usize) -> Vec<SignUp> {
        (0..connections).map(|lane| SignUp { lane, made: 0 }).collect()
    }
}

impl Script for SignUp {
    fn ask(&mut self) -> Vec<u8> {
        let name = format!("new{}_{}", self.lane, self.made);
        self.made += 1;
        let body = json!({ "username": name, "email": format!("{name}@example.com"), "password": PASSWORD });
        post(SIGN_UP, &body.to_string())
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Duration> {
        good_or_busy("sign-up", 201, answer)
    }
}

/// One request, again and again.
pub struct Same(Vec<u8>);

impl Same {
    /// The same request on some connections.
    pub fn lanes(connections: usize, request: &[u8]) -> Vec<Same> {
        (0..connections).map(|_| Same::of(request.to_vec())).collect()
    }

    /// This request.
    pub fn of(request: Vec<u8>) -> Same {
        Same(request)
    }
}

impl Script for Same {
    fn ask(&mut self) -> Vec<u8> {
        self.0.clone()
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Duration> {
        if answer.status == 200 { Ok(Duration::ZERO) } else { Err(surprise("profile", answer)) }
    }
}

/// A signed-in user whose refresh token is swapped for its successor every time.
pub struct Chain {
    /// The access token of the sign-in.
    pub access: String,
    refresh: String,
}

impl Chain {
    /// Signs in `count` reserved users of `users` in the table, one after another.
    ///
    /// # Errors
    /// A sign-in fails.
    pub async fn start(address: SocketAddr, count: usize, users: u64) -> Outcome<Vec<Chain>> {
        let reserved = (0..count as u64).map(|lane| lane % RESERVED * reserved_step(users));
        Chain::of(address, reserved).await
    }

    /// Signs in these users, one after another.
    ///
    /// # Errors
    /// A sign-in fails.
    pub async fn of(address: SocketAddr, users: impl Iterator<Item = u64>) -> Outcome<Vec<Chain>> {
        let mut chains = Vec::new();
        for index in users {
            let (status, body) = once(address, &sign_in_request(index, PASSWORD)).await?;
            let answer = Answer { status, body: &body };
            if status != 200 {
                return Err(surprise("sign-in", &answer));
            }
            let said = answer.json()?;
            chains.push(Chain { access: text(&said, "access")?, refresh: text(&said, "refresh")? });
        }
        Ok(chains)
    }
}

/// Some scripts that one connection follows by turns.
pub struct Turns<S> {
    scripts: Vec<S>,
    next: usize,
}

impl<S> Turns<S> {
    /// Spreads scripts over connections; no more of these than scripts.
    pub fn lanes(connections: usize, scripts: impl Iterator<Item = S>) -> Vec<Turns<S>> {
        let mut lanes: Vec<Turns<S>> = Vec::new();
        for (at, script) in scripts.enumerate() {
            match lanes.get_mut(at % connections) {
                Some(lane) => lane.scripts.push(script),
                None => lanes.push(Turns { scripts: vec![script], next: 0 }),
            }
        }
        lanes
    }

    /// The scripts, as far as they have come.
    pub fn into_scripts(self) -> Vec<S> {
        self.scripts
    }
}

impl<S: Script> Script for Turns<S> {
    fn ask(&mut self) -> Vec<u8> {
        self.scripts[self.next].ask()
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Duration> {
        let heard = self.scripts[self.next].hear(answer);
        self.next = (self.next + 1) % self.scripts.len();
        heard
    }
}

impl Script for Chain {
    fn ask(&mut self) -> Vec<u8> {
        post(REFRESH, &format!(r#"{{"refresh":"{}"}}"#, self.refresh))
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Duration> {
        let wait = good_or_busy("refresh", 200, answer)?;
        if wait.is_zero() {
            let next = text(&answer.json()?, "refresh")?;
            if next == self.refresh {
                return Err(wrong("a refresh gave the same refresh token back: nothing was rotated"));
            }
            self.refresh = next;
        }
        Ok(wait)
    }
}

/// Ends one session after another.
pub struct SignOut(Vec<String>);

impl SignOut {
    /// Signs in `count` of `users` users, so that they can sign out.
    ///
    /// # Errors
    /// A sign-in fails.
    pub async fn prepare(address: SocketAddr, count: u64, users: u64) -> Outcome<SignOut> {
        let mut sessions = Vec::new();
        for index in 0..count {
            let login =
                json!({ "email": email(index * (users / count).max(1) % users), "password": PASSWORD });
            let (status, body) = once(address, &post(NATIVE_SIGN_IN, &login.to_string())).await?;
            let answer = Answer { status, body: &body };
            if status != 200 {
                return Err(surprise("sign-in", &answer));
            }
            sessions.push(text(&answer.json()?, "refresh_token")?);
        }
        Ok(SignOut(sessions))
    }

    /// The same sessions, spread over connections.
    pub fn lanes(self, connections: usize) -> Vec<SignOut> {
        let mut lanes: Vec<SignOut> = (0..connections).map(|_| SignOut(Vec::new())).collect();
        for (at, session) in self.0.into_iter().enumerate() {
            lanes[at % connections].0.push(session);
        }
        lanes
    }
}

impl Script for SignOut {
    fn ask(&mut self) -> Vec<u8> {
        // Without a session left the answer ends the run.
        let session = self.0.pop().unwrap_or_default();
        post(SIGN_OUT, &json!({ "refresh_token": session }).to_string())
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Duration> {
        good_or_busy("sign-out", 204, answer)
    }
}

fn good_or_busy(what: &str, good: u16, answer: &Answer<'_>) -> Outcome<Duration> {
    match answer.status {
        status if status == good => Ok(Duration::ZERO),
        503 => Ok(AFTER_503),
        _ => Err(surprise(what, answer)),
    }
}

fn surprise(what: &str, answer: &Answer<'_>) -> crate::Wrong {
    wrong(format!("{what} was answered with {}: {}", answer.status, answer.text()))
}

fn text(said: &Value, key: &str) -> Outcome<String> {
    said[key].as_str().map(str::to_owned).ok_or_else(|| wrong(format!("the answer has no {key}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_never_signs_in_a_reserved_user() {
        let mut lane = SignIn::lanes(1, 1_000, 0).remove(0);
        let asked: Vec<Vec<u8>> = (0..20_000).map(|_| lane.ask()).collect();
        for reserved in (0..1_000).step_by(reserved_step(1_000) as usize) {
            assert!(!asked.contains(&sign_in_request(reserved, PASSWORD)), "user {reserved}");
        }
        assert!(asked.contains(&sign_in_request(1, PASSWORD)));
    }

    #[test]
    fn connections_and_runs_ask_for_different_users() {
        let mut asked = std::collections::HashSet::new();
        for run in 0..10 {
            for mut lane in SignIn::lanes(64, 1_000_000, run) {
                asked.extend((0..10).map(|_| lane.ask()));
            }
        }
        assert!(asked.len() > 6_300, "{} different users in 6,400 requests", asked.len());
    }
}
