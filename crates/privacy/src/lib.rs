//! Personal data: types that keep it out of messages, and rules about consent and
//! device ownership.
//!
//! Personal values are e-mails, names, phone numbers, birthdays and serial numbers,
//! wherever they occur.
//!
//! - [`Personal`] and [`redact`] keep them from being printed: the first for values
//!   of the program, the second for messages of libraries.
//! - [`PseudonymKey`] makes pseudonyms that replace them.
//! - [`normalize_subject`] makes one subject of all spellings of an e-mail.
//! - [`consent_intervals`] computes when a person consented to a purpose.
//! - [`ownership`] computes whose device a device is.
//!
//! The crate is pure: it does no I/O.

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
