//! What is reached: HTTP, configuration and the command line.

pub mod http;
pub mod replay;
