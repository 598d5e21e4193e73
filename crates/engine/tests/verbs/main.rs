//! What do the verbs promise through the one door, alone and against each other?

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

mod access;
mod admin;
mod breach;
mod care;
mod crowd;
mod factors;
mod family;
mod foreign;
mod fresh;
mod limits;
mod model;
mod nodes;
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
mod unknown;
mod world;
