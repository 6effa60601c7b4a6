//! What a person is on record with.

/// What one record says about one purpose.
///
/// Ordered by update and, within one instant, the withdrawal first: the sweep
/// over the statements relies on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsentRecord {
    /// When the record was last updated, in milliseconds since 1970.
    pub updated_ms: i64,
    /// From when on the person agrees, in milliseconds since 1970; none where
    /// the record is a withdrawal. Settled by [`consent_date`].
    pub consent_ms: Option<i64>,
}

impl ConsentRecord {
    /// What a record updated at `updated_ms` says with the date it carries, in
    /// milliseconds since 1970, as [`consent_date`] takes it.
    pub fn new(updated_ms: i64, date_ms: Option<i64>) -> Self {
        Self {
            updated_ms,
            consent_ms: consent_date(date_ms),
        }
    }
}

/// The date of a consent, in milliseconds since 1970, or none where what a
/// record carries is no date: absent, null, blank, zero or negative.
pub fn consent_date(date_ms: Option<i64>) -> Option<i64> {
    date_ms.filter(|date_ms| *date_ms > 0)
}

/// What was entered by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RegisterEntry {
    /// From when on it counts, in milliseconds since 1970; not when it was
    /// entered.
    pub at_ms: i64,
    /// What the person decided.
    pub decision: Decision,
}

/// What a person decides about a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Agrees.
    Grant,
    /// Agrees no longer.
    Withdraw,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_date_is_no_consent() {
        for (date_ms, expected) in [
            (None, None),
            (Some(i64::MIN), None),
            (Some(-1), None),
            (Some(0), None),
            (Some(1), Some(1)),
            (Some(i64::MAX), Some(i64::MAX)),
        ] {
            assert_eq!(consent_date(date_ms), expected);
            assert_eq!(ConsentRecord::new(7, date_ms).consent_ms, expected);
        }
    }
}
