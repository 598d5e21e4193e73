//! How is a point in time held and written?

/// A point in time: milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// From milliseconds since 1970-01-01 UTC.
    pub const fn from_millis(millis: i64) -> Moment {
        Moment(millis)
    }

    /// From whole seconds since 1970-01-01 UTC.
    pub const fn from_seconds(seconds: i64) -> Moment {
        Moment(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01 UTC, rounded down (JWT NumericDate).
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment this many seconds later.
    pub const fn plus_seconds(self, seconds: i64) -> Moment {
        Moment(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// RFC 3339 in UTC with `digits` digits of the second's fraction (0 to 6) and the suffix `Z`.
    pub fn rfc3339(self, digits: u8) -> String {
        let stamp = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        format!("{stamp:.*}", usize::from(digits.min(6)))
    }

    /// Reads RFC 3339 text (any offset). Refused: anything else.
    pub fn parse_rfc3339(text: &str) -> Option<Moment> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Moment(t.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_back_what_it_writes() {
        let moment = Moment::from_millis(1_705_314_600_123);
        assert_eq!(moment.rfc3339(3), "2024-01-15T10:30:00.123Z");
        assert_eq!(moment.rfc3339(0), "2024-01-15T10:30:00Z");
        assert_eq!(moment.rfc3339(6), "2024-01-15T10:30:00.123000Z");
        assert_eq!(Moment::parse_rfc3339("2024-01-15T05:30:00.123-05:00"), Some(moment));
    }
}
