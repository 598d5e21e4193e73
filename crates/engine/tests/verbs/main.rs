//! What do the verbs promise through the one door, alone and against each other?
//!
//! `verbs_on_postgres` is the same suite on the other database, with what only that one
//! promises; see `base`.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

mod access;
mod admin;
pub(crate) mod base;
mod breach;
mod care;
mod elsewhere;
mod factors;
mod family;
mod follow;
mod foreign;
mod fresh;
mod limits;
mod model;
mod old;
mod operator;
mod page;
mod passwords;
mod profile;
mod recovery;
mod retention;
mod roles;
mod sessions;
mod sign_in;
mod sign_up;
pub(crate) mod world;
