//! The reasons of `system.ledger`: for what rows are left out.

/// Why rows were left out, in the order of the ledger's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Input of a landing table cannot be read. Models never leave out rows for it.
    Quarantined,
    /// Their person has no consent in force.
    NoConsent,
    /// Their device has no consenting owner.
    NoOwner,
    /// They have no match in another join.
    Unmatched,
    /// A condition did not hold.
    Filtered,
    /// Another row of their group was chosen.
    Superseded,
    /// They were merged into the row of their group.
    Grouped,
    /// An equal row was kept.
    Duplicate,
    /// A check of the contract leaves them out.
    LeftOut,
}

impl Reason {
    pub(crate) const ALL: [Self; 9] = [
        Self::Quarantined,
        Self::NoConsent,
        Self::NoOwner,
        Self::Unmatched,
        Self::Filtered,
        Self::Superseded,
        Self::Grouped,
        Self::Duplicate,
        Self::LeftOut,
    ];

    /// The column of `system.ledger` that counts it.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::NoConsent => "no_consent",
            Self::NoOwner => "no_owner",
            Self::Unmatched => "unmatched",
            Self::Filtered => "filtered",
            Self::Superseded => "superseded",
            Self::Grouped => "grouped",
            Self::Duplicate => "duplicate",
            Self::LeftOut => "left_out",
        }
    }

    /// In words, for a reader of the rows that are left out.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Quarantined => "cannot be read; in quarantine",
            Self::NoConsent => "no consent in force, now or at the time of the row",
            Self::NoOwner => "of a device without an owner who agrees",
            Self::Unmatched => "without a partner in a join",
            Self::Filtered => "a condition of the SELECT does not hold",
            Self::Superseded => "another row of the group counts, such as a newer record",
            Self::Grouped => "went into one row of their group",
            Self::Duplicate => "equal to a row that was kept",
            Self::LeftOut => "left out by a check of the contract",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;
    use query::system::LEDGER_COUNTS;

    #[test]
    fn every_reason_is_a_column_of_the_ledger() {
        let columns = Reason::ALL.map(Reason::column);
        assert_eq!(columns[..], LEDGER_COUNTS[4..13]);
        assert_eq!(LEDGER_COUNTS[3], "rows_out");
        assert_eq!(LEDGER_COUNTS[13], "bytes_in");
    }
}
