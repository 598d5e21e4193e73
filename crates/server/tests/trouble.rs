//! What does a client see while the PostgreSQL behind the server is gone, silent or replaced? (REL-21, REL-22, REL-23,
//! REL-28)

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is the answer of a test, and its figures are for people"
)]

#[path = "trouble/failover.rs"]
mod failover;
#[path = "trouble/outage.rs"]
mod outage;
#[path = "trouble/refused.rs"]
mod refused;
mod world;

use serde_json::json;
use std::time::{Duration, Instant};
use world::{Reply, World};

const MOUNT: &str = "[[mount]]\ndialect = \"native\"\n";
const MASTER: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const PASSWORD: &str = "correct horse battery";

/// A node on this database.
async fn node(url: &str) -> World {
    World::new(MOUNT, &[("DATABASE", url), ("MASTER_KEY", MASTER)]).await
}

/// The tokens of somebody.
#[derive(Clone, Debug)]
struct Tokens {
    access: String,
    refresh: String,
}

impl Tokens {
    fn of(reply: &Reply) -> Tokens {
        let body = reply.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned();
        Tokens { access: text("access_token"), refresh: text("refresh_token") }
    }
}

async fn sign_up(node: &World, email: &str) -> Reply {
    node.post("/v1/sign-up", &json!({ "email": email, "password": PASSWORD }).to_string()).await
}

async fn sign_in(node: &World, email: &str) -> Reply {
    node.post("/v1/sign-in", &json!({ "login": email, "password": PASSWORD }).to_string()).await
}

async fn refresh(node: &World, token: &str) -> Reply {
    node.post("/v1/refresh", &json!({ "refresh_token": token }).to_string()).await
}

async fn sign_out(node: &World, tokens: &Tokens) -> Reply {
    let body = json!({ "refresh_token": tokens.refresh }).to_string();
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", tokens.access);
    node.ask("POST", "/v1/sign-out", &headers, &body).await
}

async fn me(node: &World, access: &str) -> Reply {
    node.ask("GET", "/v1/me", &format!("Authorization: Bearer {access}\r\n"), "").await
}

async fn is_ready(node: &World) -> bool {
    node.ask("GET", "/health/ready", "", "").await.status == 200
}

/// How long it takes until readiness is as it should be.
async fn until_ready(node: &World, ready: bool, limit: Duration) -> Duration {
    let began = Instant::now();
    while is_ready(node).await != ready {
        assert!(began.elapsed() < limit, "after {limit:?} readiness is still {}", !ready);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}
