//! What becomes of requests while an application is taken over?

mod ask;
mod breaker;
pub mod client;
mod compare;
pub mod counts;
pub mod dual;
mod elsewhere;
mod forward;
pub mod phase;
pub mod shadow;
mod shown;
pub mod takeover;
