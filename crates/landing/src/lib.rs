//! Landing JSON into Arrow.

pub mod compression;
mod decode;
mod framing;
mod reject;
mod schema;
mod tally;

pub use decode::{Decoded, Decoder};
pub use framing::boundary;
pub use framing::carry::Carry;
pub use reject::{Raw, Reason, Rejected};
pub use schema::{Column, Keep, KeySet, Limits, Schema, Spec, Type};
pub use tally::{Tally, UNKNOWN_NAMES_MAX};
