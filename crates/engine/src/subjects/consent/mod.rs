//! Who agreed to what, and when: `system.consent`.
//!
//! The intervals are derived in every run from all of a person's records, from
//! what was entered by hand ([`register`]) and from what lies in quarantine.
//! The rules themselves are in the crate `privacy`; here are the tables they
//! are applied to.

mod enter;
mod intervals;
mod presence;
mod register;
mod status;

pub use enter::{ConsentEntered, ConsentEntry, enter_consent};
pub(crate) use intervals::{Consents, derive, derive_some, published};
pub use presence::KnownBy;
pub use register::Consent;
pub(crate) use register::{Register, register};
pub use status::{ConsentStatus, EnteredConsent, consent_status};
