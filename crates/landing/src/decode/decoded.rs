//! What comes out of a segment.

use std::fmt;

use arrow::array::RecordBatch;

use crate::framing::carry::Carry;
use crate::reject::Rejected;
use crate::tally::Tally;

/// What came out of some bytes. Printing shows no value.
#[derive(Clone)]
pub struct Decoded {
    /// The rows, in the order of the file.
    pub batches: Vec<RecordBatch>,
    /// What is in no row, in the order of the file, in ranges where it is much:
    /// see [`crate::Condenser`]. Those of a file's segments are to be condensed again.
    pub rejected: Vec<Rejected>,
    /// Counts.
    pub tally: Tally,
    /// What is left open, for the next segment or [`crate::Decoder::finish`].
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
    /// Accepts what was decoded from an assumed carry: makes its lines those
    /// of the file. `before` is the true carry that agreed with the assumed
    /// one.
    pub fn follow(&mut self, before: &Carry) {
        for rejected in &mut self.rejected {
            rejected.line += before.lines;
        }
        self.carry.shift_lines(before.lines);
    }
}
