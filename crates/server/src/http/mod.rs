//! How do requests come in and answers go out?

pub mod speak;
