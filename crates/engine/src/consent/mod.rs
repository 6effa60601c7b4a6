//! Who agreed to what, and when: `system.consent`.
//!
//! The intervals are derived in every run from all of a person's records, from
//! what was entered by hand ([`register`]) and from what lies in quarantine
//! ([`suspension`]). The rules themselves are in the room `privacy`; here are
//! the tables they are applied to.

mod intervals;
mod presence;
mod register;
mod status;
mod suspension;

pub(crate) use intervals::{
    Consents, Known, RECORD_COLUMNS, derive, derive_some, person, published, records,
};
pub use presence::KnownBy;
pub use register::{Consent, ConsentEntered, ConsentEntry, enter_consent};
pub(crate) use register::{Register, register};
pub use status::{ConsentStatus, EnteredConsent, consent_status};
pub(crate) use suspension::{Named, finder};

/// The landing table with the records that give and withdraw consent.
pub(crate) const RECORDS: &str = "customer_landing";

/// Whether a landing column holds the time by which a person's records follow
/// each other. A record whose time is in another unit may be a withdrawal that
/// would stand before all others, or a grant behind them: it is quarantined, and
/// its person suspended.
pub(crate) fn orders_records(table: &catalog::TableName, column: &str) -> bool {
    table.as_ref() == RECORDS && column == RECORD_COLUMNS[1]
}
