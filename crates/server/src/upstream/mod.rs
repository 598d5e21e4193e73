//! What becomes of requests while an application is taken over?

mod breaker;
pub mod client;
mod forward;
