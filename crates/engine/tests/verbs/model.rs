//! Does any history of sign-ins, refreshes and sign-outs leave the engine and a small model of it at odds?

use crate::base::ON_POSTGRES;
use crate::world::{World, access, jwt, opaque, refresh};
use countersign_engine::{Chance, UserChange, Who};
use domain::command::Command;
use domain::contract::Contract;
use domain::outcome::Tokens;
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::time::Moment;
use domain::user::Status;
use std::collections::BTreeMap;

const ACCESS: i64 = 60;
const REFRESH: i64 = 120;
const ABSOLUTE: i64 = 400;
const GRACE: i64 = 10;
const CAP: usize = 4;
const ROUNDS: u64 = 24;

/// What the model knows of one session.
#[derive(Default)]
struct Family {
    created: i64,
    rotated: i64,
    refresh_end: i64,
    /// Text and end of every refresh token there was; the last one is in force.
    refreshes: Vec<(String, i64)>,
    /// Text and end of every access token there was.
    accesses: Vec<(String, i64)>,
    ended: Option<&'static str>,
}

/// The whole model: one user.
struct Model {
    jwt: bool,
    banned: bool,
    password: u32,
    families: Vec<Family>,
}

impl Model {
    fn refresh(&mut self, family: usize, place: usize, now: i64) -> Result<bool, &'static str> {
        let banned = self.banned;
        let family = &mut self.families[family];
        let end = family.refreshes[place].1;
        if self.jwt && now / 1000 >= end / 1000 {
            return Err("token_expired");
        }
        if banned {
            return Err("token_user_inactive");
        }
        if let Some(code) = family.ended {
            return Err(code);
        }
        if now >= family.created + ABSOLUTE * 1000 {
            return Err("token_expired");
        }
        let last = family.refreshes.len() - 1;
        if place == last {
            if now >= family.refresh_end {
                return Err("token_expired");
            }
            family.rotated = now;
            family.refresh_end = (now + REFRESH * 1000).min(family.created + ABSOLUTE * 1000);
            return Ok(true);
        }
        if place + 1 == last && now <= family.rotated + GRACE * 1000 {
            return Ok(false);
        }
        family.ended = Some("token_reused");
        Err("token_reused")
    }

    fn access(&self, family: usize, place: usize, now: i64) -> Result<(), &'static str> {
        let family = &self.families[family];
        match family.ended {
            _ if now / 1000 >= family.accesses[place].1 / 1000 => Err("token_expired"),
            _ if self.banned => Err("token_user_inactive"),
            Some(_) => Err("token_revoked"),
            None => Ok(()),
        }
    }

    fn end_all(&mut self, but: Option<usize>) {
        for (number, family) in self.families.iter_mut().enumerate() {
            if Some(number) != but && family.ended.is_none() {
                family.ended = Some("token_revoked");
            }
        }
    }

    fn cap(&mut self, now: i64) {
        let live = |family: &&mut Family| family.ended.is_none() && family.created + ABSOLUTE * 1000 > now;
        for family in self.families.iter_mut().rev().filter(live).skip(CAP) {
            family.ended = Some("token_revoked");
        }
    }

    fn password(&self) -> String {
        format!("correct horse battery {}", self.password)
    }
}

/// One run against one world.
struct Run {
    world: World,
    model: Model,
    dice: Chance,
    seen: BTreeMap<&'static str, u32>,
}

impl Run {
    fn roll(&self, sides: usize) -> usize {
        usize::try_from(self.dice.number().unwrap()).unwrap() % sides
    }

    fn now(&self) -> i64 {
        self.world.now().millis()
    }

    fn keep(&mut self, family: usize, tokens: &Tokens, new_refresh: bool) {
        let family = &mut self.model.families[family];
        let end = |at: Moment| at.millis();
        family.accesses.push((access(tokens).to_owned(), end(tokens.access.expires_at)));
        if new_refresh {
            let minted = tokens.refresh.as_ref().unwrap();
            assert_eq!(end(minted.expires_at), family.refresh_end);
            family.refreshes.push((refresh(tokens).to_owned(), end(minted.expires_at)));
        }
    }

    async fn sign_in(&mut self) {
        // Sessions of one millisecond have no order of age.
        self.world.advance(1);
        let wrong = self.roll(5) == 0;
        let password = if wrong { "wrong".to_owned() } else { self.model.password() };
        let answer = self.world.try_sign_in("jane", &password).await;
        if wrong {
            assert_eq!(answer.unwrap_err(), Refusal::InvalidCredentials);
        } else if self.model.banned {
            assert_eq!(answer.unwrap_err(), Refusal::AccountInactive);
        } else {
            let now = self.now();
            let family =
                Family { created: now, rotated: now, refresh_end: now + REFRESH * 1000, ..Family::default() };
            self.model.families.push(family);
            self.model.cap(now);
            self.keep(self.model.families.len() - 1, &answer.unwrap(), true);
        }
    }

    /// Any family; the youngest ones more often.
    fn some_family(&self) -> Option<usize> {
        let count = self.model.families.len();
        let back =
            self.roll(3.min(count.max(1))) + if self.roll(8) == 0 { self.roll(count.max(1)) } else { 0 };
        count.checked_sub(1 + back)
    }

    async fn refresh(&mut self) {
        let Some(family) = self.some_family() else { return };
        let count = self.model.families[family].refreshes.len();
        let place = match self.roll(10) {
            0 => self.roll(count),
            1 | 2 => count.saturating_sub(2),
            _ => count - 1,
        };
        let token = self.model.families[family].refreshes[place].0.clone();
        let expected = self.model.refresh(family, place, self.now());
        let name = expected.map_or_else(|code| code, |rotated| if rotated { "rotated" } else { "again" });
        *self.seen.entry(name).or_default() += 1;
        let answer = self.world.refresh(&token).await;
        match expected {
            Err(code) => assert_eq!(answer.unwrap_err().code(), code),
            Ok(rotated) => {
                let tokens = answer.unwrap();
                if !rotated {
                    assert_eq!(refresh(&tokens), self.model.families[family].refreshes.last().unwrap().0);
                }
                self.keep(family, &tokens, rotated);
            }
        }
    }

    /// An access token with what is expected of it.
    fn some_access(&self) -> Option<(usize, String, Result<(), &'static str>)> {
        let family = self.some_family()?;
        let accesses = &self.model.families[family].accesses;
        let place = if self.roll(4) == 0 { self.roll(accesses.len()) } else { accesses.len() - 1 };
        Some((family, accesses[place].0.clone(), self.model.access(family, place, self.now())))
    }

    async fn show(&self) {
        let Some((_, token, expected)) = self.some_access() else { return };
        let answer = self.world.who(&token).await.map(drop);
        assert_eq!(answer.map_err(|refusal| refusal.code()), expected);
    }

    async fn sign_out(&mut self) {
        let Some(family) = self.some_family() else { return };
        let count = self.model.families[family].refreshes.len();
        let token = self.model.families[family].refreshes[self.roll(count)].0.clone();
        self.world.sign_out(None, Some(&token)).await.unwrap();
        self.model.families[family].ended.get_or_insert("token_revoked");
    }

    async fn sign_out_everywhere(&mut self) {
        let Some((_, token, expected)) = self.some_access() else { return };
        let answer = self.world.ask(Some(&token), Command::SignOutEverywhere).await.map(drop);
        assert_eq!(answer.map_err(|refusal| refusal.code()), expected);
        if expected.is_ok() {
            self.model.end_all(None);
        }
    }

    async fn change_password(&mut self) {
        let Some((family, token, expected)) = self.some_access() else { return };
        let current = self.model.password();
        self.model.password += 1;
        let command = Command::ChangePassword {
            current: Secret::new(current),
            new: Secret::new(self.model.password()),
        };
        let answer = self.world.ask(Some(&token), command).await.map(drop);
        assert_eq!(answer.map_err(|refusal| refusal.code()), expected);
        match expected {
            Ok(()) => self.model.end_all(Some(family)),
            Err(_) => self.model.password -= 1,
        }
    }

    async fn ban_or_pardon(&mut self) {
        self.model.banned = !self.model.banned && self.roll(3) == 0;
        let status = if self.model.banned { Status::Inactive } else { Status::Active };
        let change = UserChange { status: Some(status), ..UserChange::default() };
        self.world.engine.edit_user(&Who::parse("jane"), &change).await.unwrap();
        if self.model.banned {
            self.model.end_all(None);
        }
    }

    async fn step(&mut self) {
        match self.roll(20) {
            0..=3 => self.sign_in().await,
            4..=10 => self.refresh().await,
            11..=13 => self.show().await,
            14 => self.sign_out().await,
            15 if self.roll(4) == 0 => self.sign_out_everywhere().await,
            16 if self.roll(3) == 0 => self.change_password().await,
            17 => self.ban_or_pardon().await,
            _ => self.world.advance([1, 5, 10, 11, 30, 59, 130][self.roll(7)]),
        }
    }
}

async fn run(contract: Contract, seed: u64) -> BTreeMap<&'static str, u32> {
    let jwt = contract.name == "jwt";
    let mut contract = contract;
    contract.access.lifetime_seconds = ACCESS;
    let plan = contract.refresh.as_mut().unwrap();
    (plan.lifetime_seconds, plan.absolute_seconds) = (REFRESH, ABSOLUTE);
    let world = World::with_cap(contract, u32::try_from(CAP).unwrap()).await;
    world.add("jane").await;
    let model = Model { jwt, banned: false, password: 0, families: Vec::new() };
    let first = Secret::new(model.password());
    world.engine.set_password(&Who::parse("jane"), &first, None).await.unwrap();
    let mut run = Run { world, model, dice: Chance::seeded(seed), seen: BTreeMap::new() };
    for _ in 0..400 {
        run.step().await;
    }
    run.seen
}

/// How many histories; `COUNTERSIGN_MODEL_ROUNDS` sets it. PostgreSQL sees a third of them: an answer takes longer there.
#[expect(clippy::disallowed_methods, reason = "a test is told how long to run")]
fn rounds() -> u64 {
    let rounds = match std::env::var("COUNTERSIGN_MODEL_ROUNDS") {
        Ok(text) => text.parse().expect("COUNTERSIGN_MODEL_ROUNDS is a number"),
        Err(_) => ROUNDS,
    };
    if ON_POSTGRES { rounds.div_ceil(3) } else { rounds }
}

#[tokio::test]
async fn every_history_ends_as_the_model_says() {
    let mut seen = BTreeMap::<&str, u32>::new();
    for seed in 0..rounds() {
        eprintln!("seed {seed}");
        for (name, times) in run(if seed % 2 == 0 { opaque() } else { jwt() }, seed).await {
            *seen.entry(name).or_default() += times;
        }
    }
    // A model that never meets a case says nothing about it.
    let cases = ["again", "rotated", "token_expired", "token_reused", "token_revoked", "token_user_inactive"];
    assert!(seen.keys().eq(&cases) && seen.values().all(|times| *times > 20), "{seen:?}");
}
