//! What is true: the vocabulary of sign-in, its rules, passwords and tokens.
//!
//! No I/O, no clock, no chance, no HTTP, no SQL.

pub mod admin;
pub mod breach;
pub mod caller;
pub mod change;
pub mod command;
pub mod contract;
pub mod event;
pub mod factor;
pub mod house;
pub mod id;
pub mod identifier;
pub mod input;
pub mod json;
pub mod judgement;
pub mod letter;
pub mod limit;
pub mod link;
pub mod outcome;
pub mod password;
pub mod permit;
pub mod phase;
pub mod policy;
pub mod record;
pub mod refusal;
pub mod retention;
pub mod role;
pub mod rule;
pub mod seal;
pub mod secret;
pub mod session;
pub mod shape;
pub mod time;
pub mod token;
pub mod trail;
pub mod user;
