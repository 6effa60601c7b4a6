//! Keeps the rejected stretches of one file in bounded memory.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::rejected::{FOUND_BYTES_MAX, Finder, Raw, Rejected};

/// Rejected stretches of one file in bounded memory. The first ones are kept one by
/// one. The others are merged into ranges: each range stands for all stretches with
/// the same reason that begin in the same block of the file.
///
/// The result does not depend on where the file was cut. Ranges of a part of the
/// file may be pushed like stretches, as long as everything is pushed in the order
/// of the file.
#[derive(Clone, Debug, Default)]
pub struct Condenser {
    finder: Option<Arc<dyn Finder>>,
    singles: usize,
    bytes: usize,
    /// All further stretches are merged into ranges.
    is_full: bool,
    /// The ranges of the current block.
    ranges: Vec<Rejected>,
    done: Vec<Rejected>,
}

/// Maximum number of stretches of a file that are kept one by one.
const SINGLES_MAX: usize = 1000;

/// Maximum number of bytes kept of those stretches together.
const SINGLES_BYTES_MAX: usize = 1 << 20;

/// A range holds only stretches that begin in the same block of this many bytes.
const BLOCK_BYTES: u64 = 1 << 20;

impl Condenser {
    /// An empty condenser for a file or a part of it. `finder` searches stretches
    /// whose bytes are dropped.
    pub fn new(finder: Option<Arc<dyn Finder>>) -> Condenser {
        Condenser {
            finder,
            ..Condenser::default()
        }
    }

    /// Adds the next stretch or range.
    pub fn push(&mut self, rejected: Rejected) {
        let bytes = match &rejected.raw {
            Raw::Bytes(bytes) => bytes.len(),
            Raw::Hash(_) | Raw::Sum(_) => 0,
        };
        self.is_full |= rejected.places > 1
            || matches!(rejected.raw, Raw::Sum(_))
            || self.singles == SINGLES_MAX
            || self.bytes + bytes > SINGLES_BYTES_MAX;
        if !self.is_full {
            self.singles += 1;
            self.bytes += bytes;
            self.done.push(rejected);
            return;
        }
        let block = |rejected: &Rejected| rejected.offset / BLOCK_BYTES;
        if self
            .ranges
            .first()
            .is_some_and(|r| block(r) != block(&rejected))
        {
            self.done.append(&mut self.ranges);
        }
        let rejected = self.range_of(rejected);
        let mut ranges = self.ranges.iter_mut();
        match ranges.find(|range| range.kind == rejected.kind) {
            None => self.ranges.push(rejected),
            Some(range) => {
                range.length += rejected.length;
                range.end = rejected.end;
                range.places += rejected.places;
                if let (Raw::Sum(sum), Raw::Sum(other)) = (&mut range.raw, &rejected.raw) {
                    *sum = sum.wrapping_add(*other);
                }
                range.found.merge(rejected.found);
            }
        }
    }

    /// Turns a stretch into a range of one.
    fn range_of(&self, mut rejected: Rejected) -> Rejected {
        let hash = match &rejected.raw {
            Raw::Bytes(bytes) => {
                if let Some(finder) = &self.finder {
                    let texts = finder.find(bytes);
                    rejected.found.add(texts, FOUND_BYTES_MAX);
                }
                xxh3_128(bytes)
            }
            Raw::Hash(hash) => xxh3_128(hash.as_bytes()),
            Raw::Sum(_) => return rejected,
        };
        let offset = u128::from(rejected.offset).wrapping_mul(OFFSET_FACTOR);
        rejected.raw = Raw::Sum(hash.wrapping_add(offset));
        rejected
    }

    /// Takes the entries that are complete.
    pub fn take(&mut self) -> Vec<Rejected> {
        std::mem::take(&mut self.done)
    }

    /// Ends the file, or the part of it, and returns the remaining entries.
    pub fn finish(mut self) -> Vec<Rejected> {
        self.done.append(&mut self.ranges);
        self.done
    }
}

/// An odd factor with well-spread bits: equal bytes at different offsets get
/// different hashes.
const OFFSET_FACTOR: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
