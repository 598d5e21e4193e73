//! Is an application taken over in phases, each with a way back, and does its trouble cost nobody else anything?

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

#[path = "phases/both.rs"]
mod both;
#[path = "phases/commands.rs"]
mod commands;
#[path = "phases/old.rs"]
mod old;
#[path = "phases/shadow.rs"]
mod shadow;

use domain::phase::{Counted, Phase, Tally};
use engine::Who;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use world::{Home, PATIENCE, Reply, World};

/// Both applications sign with it.
const SECRET: &str = "a secret that both applications have, 48 bytes long";
const PASSWORD: &str = "correct horse battery 9";
const OTHER: &str = "another battery staple 8";

/// The application before: a second Countersign with a database of its own, the same secret and the same dialect.
async fn before(dialect: &str) -> World {
    at(dialect, "", &[]).await
}

/// This server, in front of what listens there.
async fn ours(dialect: &str, old: &str, phase: Phase, settings: &[(&str, &str)]) -> World {
    let more =
        format!("upstream = \"http://{old}\"\nupstream_timeout = \"2s\"\nphase = \"{}\"\n", phase.name());
    at(dialect, &more, settings).await
}

async fn at(dialect: &str, more: &str, settings: &[(&str, &str)]) -> World {
    let home = Home::new();
    home.write_mode("secret", SECRET, 0o600);
    let file = format!("[[mount]]\ndialect = \"{dialect}\"\nsecret_file = \"secret\"\n{more}");
    World::at(home, &file, settings).await
}

/// Waits until everything that happened was looked at and counted.
async fn counts(world: &World) -> Vec<Counted> {
    world.app.takeovers().finish(world.app.engine()).await;
    world.app.engine().migration_counts().await.unwrap()
}

/// The details of one kind of count, with how often.
fn of(counts: &[Counted], what: Tally) -> Vec<(String, u64)> {
    let these = counts.iter().filter(|counted| counted.what == what);
    these.map(|counted| (counted.detail.clone(), counted.count)).collect()
}

fn sum(counts: &[Counted], what: Tally) -> u64 {
    of(counts, what).iter().map(|(_, count)| count).sum()
}

/// Puts another phase in force, as the command line does, and waits until it is.
async fn enter(world: &World, dialect: &str, phase: Phase) {
    let engine = world.app.engine();
    let from = engine.phases().await.unwrap().first().map(|kept| kept.phase);
    assert!(engine.set_phase(dialect, (from, from.unwrap_or_default()), phase).await.unwrap());
    until(|| world.app.spoken().speaker.mounts()[0].takeover.as_ref().unwrap().phase() == phase).await;
}

async fn until(mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "it does not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether somebody is there, by a name that was typed.
async fn id_of(world: &World, who: &str) -> Option<i64> {
    world.app.engine().find_user(&Who::parse(who)).await.unwrap().map(|user| user.id.0)
}

/// A client of `password-generator`.
mod generator {
    use super::*;

    pub const DIALECT: &str = "password-generator";

    pub async fn sign_up(world: &World, name: &str) -> Reply {
        let body = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD,
            "first_name": "Ana", "last_name": "Diaz", "number_phone": "123456789"});
        world.post("/api/sign-up/", &body.to_string()).await
    }

    pub async fn sign_in(world: &World, name: &str, password: &str) -> Reply {
        let body = json!({"email": format!("{name}@example.com"), "password": password});
        world.post("/api/sign-in/", &body.to_string()).await
    }

    pub async fn profile(world: &World, access: &str) -> Reply {
        let headers = format!("Authorization: Bearer {access}\r\n");
        world.ask("GET", "/api/profile/", &headers, "").await
    }

    pub async fn update(world: &World, (id, access): (i64, &str), body: &Value) -> Reply {
        let headers = format!("Authorization: Bearer {access}\r\nContent-Type: application/json\r\n");
        world.ask("PUT", &format!("/api/profile/{id}/update/"), &headers, &body.to_string()).await
    }

    pub async fn delete(world: &World, (id, access): (i64, &str)) -> Reply {
        let headers = format!("Authorization: Bearer {access}\r\n");
        world.ask("DELETE", &format!("/api/profile/{id}/delete/"), &headers, "").await
    }

    pub fn access(reply: &Reply) -> String {
        reply.json()["access"].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned()
    }

    pub fn refresh(reply: &Reply) -> String {
        reply.json()["refresh"].as_str().unwrap().to_owned()
    }

    pub async fn renew(world: &World, refresh: &str) -> Reply {
        world.post("/api/token/refresh/", &json!({"refresh": refresh}).to_string()).await
    }
}
