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
pub(crate) use suspension::{named, suspended};

/// The landing table with the records that give and withdraw consent.
pub(crate) const RECORDS: &str = "customer_landing";
