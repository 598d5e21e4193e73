//! How does real traffic become exchanges, and exchanges become files that hold nobody's secrets?
//!
//! [`proxy`] and [`har`] read, [`mask`] replaces what is secret, [`converse`] writes transcripts. The draft of a dialect
//! (`crate::draft`) is made from masked exchanges only, so it can not hold what was masked.

pub mod converse;
pub mod exchange;
pub mod har;
pub mod invent;
pub mod mask;
pub mod parts;
pub mod proxy;
pub mod secrets;
pub mod walk;
