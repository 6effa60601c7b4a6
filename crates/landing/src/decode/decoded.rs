//! The result of decoding a segment.

use std::fmt;

use arrow::array::RecordBatch;

use crate::framing::carry::Carry;
use crate::reject::Rejected;
use crate::tally::Tally;

/// The result of decoding a segment or a file. `Debug` shows no value.
#[derive(Clone)]
pub struct Decoded {
    /// The rows, in the order of the file.
    pub batches: Vec<RecordBatch>,
    /// Rejected stretches, in the order of the file. If they are many, they are
    /// merged into ranges: see [`crate::Condenser`]. The reader condenses those of
    /// a file's segments again.
    pub rejected: Vec<Rejected>,
    /// Counts.
    pub tally: Tally,
    /// The framing state at the end, for the next segment or
    /// [`crate::Decoder::finish`].
    pub carry: Carry,
}

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded")
            .field("batches", &self.batches.len())
            .field("rows", &self.tally.rows)
            .field("rejected", &self.rejected)
            .field("carry", &self.carry)
            .finish()
    }
}

impl Decoded {
    /// Accepts a result that was decoded from a guessed carry: turns its line
    /// numbers into those of the file. `before` is the true carry, which agreed
    /// with the guess.
    pub fn follow(&mut self, before: &Carry) {
        for rejected in &mut self.rejected {
            rejected.line += before.lines;
        }
        self.carry.shift_lines(before.lines);
    }
}
