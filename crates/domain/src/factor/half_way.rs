//! What does somebody hold who has shown the password and not yet the second factor? (SEC-83)

use crate::id::UserId;
use crate::secret::Secret;
use crate::time::Moment;
use crate::token::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

/// Seconds for which it is good.
pub const HALF_WAY_SECONDS: i64 = 300;
/// How many of one user may wait at the same time; the oldest goes.
pub const HALF_WAY_MOST: u32 = 10;

/// What a half-way token opens, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfWayKind {
    /// The answer with the second factor.
    Answer,
    /// The enrolment of a first factor, where the user's role needs one.
    Enrol,
}

impl HalfWayKind {
    /// The word in the store.
    pub const fn name(self) -> &'static str {
        match self {
            HalfWayKind::Answer => "answer",
            HalfWayKind::Enrol => "enrol",
        }
    }

    /// Reads a word of the store.
    pub fn parse(name: &str) -> Option<HalfWayKind> {
        [HalfWayKind::Answer, HalfWayKind::Enrol].into_iter().find(|kind| kind.name() == name)
    }

    const fn prefix(self) -> &'static str {
        match self {
            HalfWayKind::Answer => "csh_",
            HalfWayKind::Enrol => "cse_",
        }
    }
}

/// A half-way token at rest: only its digest is kept. It holds no password and names no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HalfWay {
    /// Of the token.
    pub digest: Digest,
    /// What it opens.
    pub kind: HalfWayKind,
    /// Whose password was right.
    pub user: UserId,
    /// The user's epoch at that moment: any change of password, status or factor makes it void.
    pub epoch: i64,
    /// Through which contract; no other may use it.
    pub contract: String,
    /// When it ends.
    pub expires_at: Moment,
}

/// The token of 256 random bits, as the client gets it.
pub fn token(kind: HalfWayKind, chance: &[u8; 32]) -> Secret {
    Secret::new(format!("{}{}", kind.prefix(), BASE64URL.encode(chance)))
}
