//! What happens: one door for every request, verbs behind it, and a private store.
//!
//! Knows no HTTP and no dialect. Nothing outside this crate can reach the database but through [`Engine`].

mod cx;
mod error;
mod hasher;
mod picture;
mod store;
mod verb;

pub use cx::{Chance, Clock};
pub use error::{Error, Fault, OpenError};
