//! Where users come from and go to: other applications' databases, exports and files.
//!
//! Reads and writes [`domain::record::Record`]; knows nothing of the store.

pub mod export;
pub mod source;
