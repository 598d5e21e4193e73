//! What is reached: HTTP, configuration and the command line, around one engine.
//!
//! Knows no SQL and no table. Tests run the whole server in their own process through [`App`] and [`serve`].

pub mod against;
mod app;
mod bootstrap;
mod breach;
pub mod cli;
pub mod compare;
pub mod config;
pub mod draft;
mod except;
pub mod http;
mod janitor;
pub mod keys;
mod language;
mod lock;
pub mod mail;
pub mod mounts;
mod opening;
mod outgoing;
pub mod pages;
pub mod record;
pub mod replay;
mod rotation;
pub mod routes;
mod shelf;
pub mod telemetry;
pub mod upstream;

pub use app::{App, OpenFaults};
pub use http::accept::serve;
