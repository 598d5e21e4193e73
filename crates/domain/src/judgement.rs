//! What does a rule answer?

use crate::change::Change;
use crate::refusal::Refusal;

/// The result of a rule, as a value: what to answer and what to write so that it is true.
///
/// A refusal commits its changes too; only a fault writes nothing.
#[derive(Debug)]
pub struct Judgement<T> {
    /// The answer.
    pub result: Result<T, Refusal>,
    /// What makes it true.
    pub changes: Vec<Change>,
}

impl<T> Judgement<T> {
    /// Yes, once the changes are written.
    pub fn grant(value: T, changes: Vec<Change>) -> Judgement<T> {
        Judgement { result: Ok(value), changes }
    }

    /// No, and the changes are written all the same.
    pub fn refuse(refusal: Refusal, changes: Vec<Change>) -> Judgement<T> {
        Judgement { result: Err(refusal), changes }
    }
}
