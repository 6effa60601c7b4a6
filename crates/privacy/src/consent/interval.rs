//! A time during which consent holds.

use std::fmt;

/// A time during which one person's consent for one purpose holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConsentInterval {
    /// The first instant at which it holds, in milliseconds since 1970. May lie
    /// in the future.
    pub valid_from: i64,
    /// The first instant at which it holds no longer, in milliseconds since
    /// 1970; none while nobody withdrew.
    pub valid_to: Option<i64>,
    /// What opened it.
    pub source: ConsentSource,
}

impl ConsentInterval {
    /// Whether consent holds at `at_ms`, in milliseconds since 1970.
    pub fn holds_at(&self, at_ms: i64) -> bool {
        self.valid_from <= at_ms && self.valid_to.is_none_or(|valid_to| at_ms < valid_to)
    }
}

/// Where a consent comes from. Printed as `system.consent` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConsentSource {
    /// A record of the person carried the date.
    Record,
    /// It was granted by hand.
    Register,
}

impl ConsentSource {
    /// `record` or `hand`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Register => "hand",
        }
    }
}

impl fmt::Display for ConsentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_from_its_first_millisecond_to_the_one_before_its_end() {
        for (valid_to, at_ms, expected) in [
            (Some(20), 9, false),
            (Some(20), 10, true),
            (Some(20), 19, true),
            (Some(20), 20, false),
            (None, 9, false),
            (None, 10, true),
            (None, i64::MAX, true),
        ] {
            let interval = ConsentInterval {
                valid_from: 10,
                valid_to,
                source: ConsentSource::Record,
            };
            assert_eq!(interval.holds_at(at_ms), expected, "{interval:?} {at_ms}");
        }
    }
}
