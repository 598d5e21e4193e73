//! How are the native routes asked? The only place of the crash test that knows their paths and fields.

use crate::http::{self, Reply, Request};
use serde_json::json;
use std::io::Result;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a full queue of password checks is waited for.
const BUSY_LIMIT: Duration = Duration::from_secs(30);

/// The tokens of one answer.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For each request.
    pub access: String,
    /// For the next exchange.
    pub refresh: String,
}

impl Tokens {
    /// The tokens in an answer. Panics with it when they are not there.
    pub fn of(reply: &Reply) -> Tokens {
        Tokens { access: reply.text("access_token"), refresh: reply.text("refresh_token") }
    }
}

/// The native routes of one server. Every question is a connection of its own.
#[derive(Clone, Copy)]
pub struct Native(pub SocketAddr);

impl Native {
    /// Creates an account; 201 with tokens.
    pub fn sign_up(self, email: &str, password: &str) -> Result<Reply> {
        http::send(self.0, &Request::post("/v1/sign-up", &json!({ "email": email, "password": password })))
    }

    /// Opens a session; 200 with tokens.
    pub fn sign_in(self, email: &str, password: &str) -> Result<Reply> {
        http::send(self.0, &Request::post("/v1/sign-in", &json!({ "login": email, "password": password })))
    }

    /// Exchanges a refresh token; 200 with tokens.
    pub fn refresh(self, token: &str) -> Result<Reply> {
        http::send(self.0, &Request::post("/v1/refresh", &json!({ "refresh_token": token })))
    }

    /// Ends the session of a refresh token; 204.
    pub fn sign_out(self, access: &str, refresh: &str) -> Result<Reply> {
        http::send(
            self.0,
            &Request::post("/v1/sign-out", &json!({ "refresh_token": refresh })).bearer(access),
        )
    }

    /// Sets a new password; 200 or 204.
    pub fn change_password(self, access: &str, current: &str, new: &str) -> Result<Reply> {
        let fields = json!({ "current_password": current, "new_password": new });
        http::send(self.0, &Request::post("/v1/me/password", &fields).bearer(access))
    }

    /// The user of an access token; 200.
    pub fn me(self, access: &str) -> Result<Reply> {
        http::send(self.0, &Request::get("/v1/me").bearer(access))
    }
}

/// Asks until the server is not too busy to answer.
pub fn insist(question: impl Fn() -> Result<Reply>) -> Result<Reply> {
    let started = Instant::now();
    loop {
        let reply = question()?;
        if reply.status != 503 || started.elapsed() > BUSY_LIMIT {
            return Ok(reply);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
