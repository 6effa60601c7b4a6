//! Types for personal data and what people agreed to.
//!
//! An e-mail, a name, a phone number, a birthday or a serial number is a
//! personal value wherever it stands. This room keeps such values from being
//! printed by accident: [`Personal`] for values the program holds itself,
//! [`redact`] for messages that come from libraries; and it makes what may
//! stand in their place, see [`PseudonymKey::pseudonym`]. [`consent_intervals`] tells when a
//! person agreed to a purpose. Pure: no I/O.

mod consent;
pub mod ownership;
mod personal;
mod pseudonym;
mod redact;
mod subject;

pub use consent::{
    ConsentInterval, ConsentRecord, ConsentSource, Decision, Purpose, RegisterEntry,
    UnknownPurpose, consent_date, consent_intervals,
};
pub use personal::Personal;
pub use pseudonym::{InvalidKey, NoRandomness, PseudonymKey};
pub use redact::redact;
pub use subject::normalize_subject;
