//! A rejected stretch: position, reason, and the bytes or their hash.

use std::collections::BTreeSet;
use std::fmt;

use super::reason::Reason;

/// A stretch of a file that is part of no row, or a range of such stretches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Offset of its first byte in the decompressed file.
    pub offset: u64,
    /// Length in bytes; for a range, the sum over its stretches. Zero only for
    /// reports about the end of a file, such as a top-level array that is not
    /// closed.
    pub length: u64,
    /// Offset just after its last byte.
    pub end: u64,
    /// Number of stretches: 1, or those of a range, which all have the same reason.
    /// Rows and separators may lie between them.
    pub places: u64,
    /// The line on which it begins, from 1. After [`crate::Carry::start`], lines
    /// count from the beginning of the file. After a guessed carry, they count from
    /// the guessed offset until [`crate::Decoded::follow`] corrects them.
    pub line: u64,
    /// The reason.
    pub kind: Reason,
    /// The reason in words. It may name columns of the schema, but never a value or
    /// an unknown field, which may be personal.
    pub detail: String,
    /// Its bytes, or a hash of them.
    pub raw: Raw,
    /// Texts that a [`Finder`] found, if `raw` does not keep the bytes.
    pub found: Found,
}

/// Bytes of a rejected stretch, or a hash where they are too many. `Debug` shows no
/// byte: they are personal.
#[derive(Clone, PartialEq, Eq)]
pub enum Raw {
    /// The bytes.
    Bytes(Vec<u8>),
    /// SHA-256 of the bytes in hexadecimal.
    Hash(String),
    /// For a range: the sum of the hashes of its stretches. It tells the range from
    /// another one at the same offset. It is no proof against forgery.
    Sum(u128),
}

/// Searches rejected bytes that are not kept for texts that must not be lost, such
/// as e-mail addresses.
pub trait Finder: Send + Sync + fmt::Debug {
    /// Texts found in `bytes`, which may begin and end in the middle of one.
    fn find(&self, bytes: &[u8]) -> Vec<String>;
}

/// Texts that a [`Finder`] found. `Debug` shows no text: they are personal.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The texts.
    pub texts: BTreeSet<String>,
    /// Some texts were dropped, because they exceed the limit.
    pub is_cut: bool,
    bytes: usize,
}

/// Maximum size of the texts kept for one stretch.
pub(super) const FOUND_BYTES_MAX: usize = 64 << 10;

impl Found {
    pub(super) fn add(&mut self, texts: impl IntoIterator<Item = String>, bytes_max: usize) {
        for text in texts {
            if self.texts.contains(&text) {
                continue;
            }
            if self.bytes + text.len() > bytes_max {
                self.is_cut = true;
                continue;
            }
            self.bytes += text.len();
            self.texts.insert(text);
        }
    }

    pub(super) fn merge(&mut self, other: Found) {
        self.is_cut |= other.is_cut;
        self.add(other.texts, usize::MAX);
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found(*** {})", self.texts.len())
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raw::Bytes(bytes) => write!(f, "Bytes(*** {})", bytes.len()),
            Raw::Hash(hash) => write!(f, "Hash({hash})"),
            Raw::Sum(sum) => write!(f, "Sum({sum:032x})"),
        }
    }
}
