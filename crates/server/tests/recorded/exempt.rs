//! Which recorded answers do we not give, by whose decision, and what do we answer instead?

use super::row::Key;

/// Why a recorded answer is not ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Why {
    /// A decision of section 0 of the contracts, by number.
    Decision(u8),
    /// A defect of the original of section 1.7, by number.
    Defect(u8),
    /// The section whose table has another answer as its target, or a stronger source.
    Target(&'static str),
}

/// A recorded answer that is not ours.
#[derive(Clone, Copy, Debug)]
pub struct Exemption {
    /// The row.
    pub key: Key<'static>,
    /// The reason.
    pub why: Why,
    /// Our status.
    pub status: u16,
    /// Our body as JSON; empty = none.
    pub body: &'static str,
}

const fn row(key: Key<'static>, why: Why, status: u16, body: &'static str) -> Exemption {
    Exemption { key, why, status, body }
}

/// All of them.
pub const EXEMPTIONS: &[Exemption] = &[];
