//! Decodes segments of a file into record batches.
//!
//! - `decoder`: the public [`Decoder`] and its settings.
//! - `segment`: walks over the bytes of one segment and drives the other modules.
//! - `fast`: the fast path, for objects with the same keys, order and spacing as
//!   earlier ones. It compares bytes instead of parsing keys.
//! - `general`: the general path, for any valid object. It decides what is rejected
//!   and teaches the fast path new shapes.
//! - `convert`: conversion of JSON scalars to values of a column, shared by both
//!   paths.
//! - `scan`: finds where strings, numbers and values end, shared by both paths.
//! - `rows`, `text_view`: build the Arrow arrays.

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
