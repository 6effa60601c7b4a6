//! Segments of a file into batches: drives framing, the fast path and the
//! general path over the bytes and keeps the accounts.

mod convert;
mod decoded;
mod decoder;
mod fast;
mod general;
mod rows;
mod scan;
mod segment;
mod settings;
mod text_view;

pub use decoded::Decoded;
pub use decoder::Decoder;
