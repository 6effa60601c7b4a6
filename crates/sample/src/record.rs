//! A customer record as it is sent.

/// One customer record as it is sent. Times are epoch milliseconds.
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

/// What a customer record says of one purpose.
#[derive(Clone, Copy)]
pub(super) enum ConsentDate {
    /// Agreed, as of this time in epoch milliseconds.
    At(u64),
    /// Not given: no such key.
    LeftOut,
    /// Not given, in some other JSON that says so.
    Void(&'static str),
}
