//! The content of a customer record.

/// The content of a customer record. Times are epoch milliseconds.
#[derive(Clone, Copy)]
pub(super) struct CustomerRecord<'a> {
    pub(super) name: &'a str,
    pub(super) email: &'a str,
    pub(super) phone: &'a str,
    pub(super) birth_year: u64,
    pub(super) serial_number: &'a str,
    pub(super) registered_ms: u64,
    pub(super) updated_ms: u64,
    pub(super) research: ConsentDate,
    pub(super) public: ConsentDate,
    pub(super) friends: ConsentDate,
}

/// The consent date of one purpose in a customer record.
#[derive(Clone, Copy)]
pub(super) enum ConsentDate {
    /// Consent as of this time, in epoch milliseconds.
    At(u64),
    /// No consent: the key is absent.
    Absent,
    /// No consent: the key has this JSON value.
    NotGiven(&'static str),
}
