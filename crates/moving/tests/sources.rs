//! Are users read from where other applications keep them?

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

#[path = "sources/databases.rs"]
mod databases;
#[path = "sources/exports.rs"]
mod exports;
#[path = "sources/world.rs"]
mod world;
