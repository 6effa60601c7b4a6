//! Intervals of consent, the result of the consent rules.

use std::fmt;

/// A time during which one person consents to one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConsentInterval {
    /// The first instant of the consent, epoch milliseconds. May be in the future.
    pub valid_from: i64,
    /// The first instant after the consent, epoch milliseconds. `None` if it was not
    /// withdrawn.
    pub valid_to: Option<i64>,
    /// What started it.
    pub source: ConsentSource,
}

impl ConsentInterval {
    /// Whether the consent holds at `at_ms`, epoch milliseconds.
    pub fn holds_at(&self, at_ms: i64) -> bool {
        self.valid_from <= at_ms && self.valid_to.is_none_or(|valid_to| at_ms < valid_to)
    }
}

/// Where a consent comes from, with the text that `system.consent` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConsentSource {
    /// A customer record with a date.
    Record,
    /// A grant in the consent register.
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
    fn holds_from_its_first_millisecond_up_to_its_end() {
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
