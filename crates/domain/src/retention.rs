//! How long is what is over kept?

/// How long what is over is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Seconds after the end of a session. Its row stays in any case as long as one of its tokens could come back.
    pub sessions_seconds: i64,
    /// Seconds after an event; absent = for ever.
    pub events_seconds: Option<i64>,
}

impl Retention {
    /// What holds where the operator says nothing.
    pub const DEFAULT: Retention = Retention { sessions_seconds: 90 * 86_400, events_seconds: None };
}

impl Default for Retention {
    fn default() -> Retention {
        Retention::DEFAULT
    }
}
