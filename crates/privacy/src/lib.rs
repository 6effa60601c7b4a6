//! Types for personal data.
//!
//! An e-mail, a name, a phone number, a birthday or a serial number is a
//! personal value wherever it stands. This room keeps such values from being
//! printed by accident: [`Personal`] for values the program holds itself,
//! [`redact`] for messages that come from libraries. Pure: no I/O.

mod personal;
mod redact;
mod subject;

pub use personal::Personal;
pub use redact::redact;
pub use subject::subject;
