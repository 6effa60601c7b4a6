//! A quarantined stretch: where it is, why, and what is kept of its bytes.

use std::collections::BTreeSet;
use std::fmt;

use super::reason::Reason;

/// A stretch of the file that is in no row, or a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Where it begins, in bytes of the decompressed file.
    pub offset: u64,
    /// Its length in bytes; of a range, the sum over its stretches. Zero only
    /// for notices about the end of a file, such as a top-level array that is
    /// not closed.
    pub length: u64,
    /// Just after its last byte.
    pub end: u64,
    /// Stretches that it stands for: 1, or those of a range, which all have one
    /// reason. Between them may be rows and separators.
    pub places: u64,
    /// The line it begins on, from 1. After [`crate::Carry::start`] lines are
    /// those of the file; after an assumed carry they count from the place
    /// assumed, until [`crate::Decoded::follow`] makes them the file's.
    pub line: u64,
    /// Why.
    pub kind: Reason,
    /// Why, in words. Names columns of the schema at most: never a value or
    /// the name of an unknown field, which may be personal.
    pub detail: String,
    /// What stands there.
    pub raw: Raw,
    /// What a [`Finder`] found in bytes that `raw` does not keep.
    pub found: Found,
}

/// Quarantined bytes, or a hash where they are too many. Printing shows no
/// byte of them: they are personal.
#[derive(Clone, PartialEq, Eq)]
pub enum Raw {
    /// The bytes.
    Bytes(Vec<u8>),
    /// SHA-256 of the bytes in hexadecimal.
    Hash(String),
    /// Of a range: the sum of its stretches' hashes, which tells it from another
    /// range at the same place. No proof against forgery.
    Sum(u128),
}

/// Looks for texts that must be known of rejected bytes that are not kept.
pub trait Finder: Send + Sync + fmt::Debug {
    /// Texts found in `bytes`, which may begin and end in the middle of one.
    fn find(&self, bytes: &[u8]) -> Vec<String>;
}

/// What a [`Finder`] found. Printing shows no text: they are personal.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The texts.
    pub texts: BTreeSet<String>,
    /// There were more than are kept.
    pub is_cut: bool,
    bytes: usize,
}

/// What is kept of the texts found in one stretch.
pub(super) const FOUND_BYTES_MAX: usize = 64 << 10;

impl Found {
    pub(super) fn take_in(&mut self, texts: impl IntoIterator<Item = String>, bytes_max: usize) {
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
        self.take_in(other.texts, usize::MAX);
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
