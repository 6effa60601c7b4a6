//! The stretches of one file in bounded memory.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::rejected::{FOUND_BYTES_MAX, Finder, Raw, Rejected};

/// Rejected stretches of one file in bounded memory: the first ones each by
/// itself, those beyond in ranges, of which each stands for all stretches of one
/// reason that begin in the same block of the file.
///
/// What comes out does not depend on how the file was cut: ranges of a part of
/// the file may be pushed like stretches, as long as everything is pushed in the
/// order of the file.
#[derive(Clone, Debug, Default)]
pub struct Condenser {
    finder: Option<Arc<dyn Finder>>,
    singles: usize,
    bytes: usize,
    /// No stretch stands by itself any more.
    is_full: bool,
    /// The ranges of the present block.
    ranges: Vec<Rejected>,
    done: Vec<Rejected>,
}

/// Stretches of a file that stand by themselves.
const SINGLES_MAX: usize = 1000;

/// Bytes kept of those, all together.
const SINGLES_BYTES_MAX: usize = 1 << 20;

/// A range never reaches beyond stretches that begin in one block of so many
/// bytes.
const BLOCK_BYTES: u64 = 1 << 20;

impl Condenser {
    /// Begins with a file, or a part of it. The finder looks into stretches
    /// whose bytes are given up.
    pub fn new(finder: Option<Arc<dyn Finder>>) -> Condenser {
        Condenser {
            finder,
            ..Condenser::default()
        }
    }

    /// Takes the next stretch or range in.
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
        let rejected = self.given_up(rejected);
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

    /// A stretch as a range of one.
    fn given_up(&self, mut rejected: Rejected) -> Rejected {
        let hash = match &rejected.raw {
            Raw::Bytes(bytes) => {
                if let Some(finder) = &self.finder {
                    let texts = finder.find(bytes);
                    rejected.found.take_in(texts, FOUND_BYTES_MAX);
                }
                xxh3_128(bytes)
            }
            Raw::Hash(hash) => xxh3_128(hash.as_bytes()),
            Raw::Sum(_) => return rejected,
        };
        let place = u128::from(rejected.offset).wrapping_mul(PLACE_FACTOR);
        rejected.raw = Raw::Sum(hash.wrapping_add(place));
        rejected
    }

    /// What is complete by now.
    pub fn take(&mut self) -> Vec<Rejected> {
        std::mem::take(&mut self.done)
    }

    /// The end of the file, or of the part of it.
    pub fn finish(mut self) -> Vec<Rejected> {
        self.done.append(&mut self.ranges);
        self.done
    }
}

/// Odd, with bits of both values all over: places of equal bytes differ.
const PLACE_FACTOR: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
