//! The two inputs of the consent rules: customer records and entries of the consent
//! register.

/// What one customer record says about one purpose.
///
/// Ordered by update. At one instant, withdrawals come first; the sweep relies on
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsentRecord {
    /// When the record was last updated, epoch milliseconds.
    pub updated_ms: i64,
    /// When the consent starts, epoch milliseconds; `None` for a withdrawal. See
    /// [`consent_date`].
    pub consent_ms: Option<i64>,
}

impl ConsentRecord {
    /// A record updated at `updated_ms` with the date `date_ms`, both epoch
    /// milliseconds. [`consent_date`] decides whether it is a date.
    pub fn new(updated_ms: i64, date_ms: Option<i64>) -> Self {
        Self {
            updated_ms,
            consent_ms: consent_date(date_ms),
        }
    }
}

/// The date of a consent, epoch milliseconds. `None` if the field of the record is
/// not a date: absent, null, blank, zero or negative.
pub fn consent_date(date_ms: Option<i64>) -> Option<i64> {
    date_ms.filter(|date_ms| *date_ms > 0)
}

/// An entry of the consent register, which somebody made by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RegisterEntry {
    /// When it takes effect, epoch milliseconds. Not the time of entry.
    pub at_ms: i64,
    /// The decision of the person.
    pub decision: Decision,
}

/// A decision of a person about a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The person consents.
    Grant,
    /// The person withdraws consent.
    Withdraw,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_date_is_a_consent() {
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
