//! Do the verbs promise the same on PostgreSQL, and what do several nodes and broken connections change?

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "verbs/main.rs"]
mod verbs;

#[path = "verbs/crowd.rs"]
mod crowd;
#[path = "verbs/node.rs"]
mod node;
#[path = "verbs/nodes.rs"]
mod nodes;
#[path = "verbs/unknown.rs"]
mod unknown;

use verbs::{base, world};
