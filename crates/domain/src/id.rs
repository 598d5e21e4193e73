//! How are users and sessions named inside the system?

pub use uuid::Uuid;

/// The stable integer of a user. Imported ids are kept; an id is never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub i64);

/// The number of a session (a family of refresh tokens and the access tokens beside it).
///
/// Upper 41 bits: milliseconds since 1970; lower 22 bits: chance. So rows arrive in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub i64);

impl SessionId {
    /// Makes the number from a moment and 22 bits of chance (upper bits of `chance` are ignored).
    pub fn at(now: crate::time::Moment, chance: u32) -> SessionId {
        SessionId(((now.millis() & 0x1ff_ffff_ffff) << 22) | i64::from(chance & 0x3f_ffff))
    }
}

impl std::fmt::Display for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
