//! Consent of people over time: `system.consent`.
//!
//! Every run derives the intervals from three sources: person records, entries by hand
//! ([`register`]) and records in quarantine. The rules are in the crate `privacy`; this
//! module applies them to tables.

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
