//! The decoder of one table's files: the crate's entry point.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;

use super::decoded::Decoded;
use super::segment;
use super::settings::Settings;
use crate::framing::carry::Carry;
use crate::framing::grammar::DEPTH_MAX;
use crate::reject::Condenser;
use crate::schema::{Spec, Type};
use crate::tally::Tally;

/// Longer segments are decoded in pieces: text views have offsets of 32 bits.
const SEGMENT_BYTES_MAX: usize = 1 << 30;

/// Decodes files of one table. It is cheap to clone and holds no state between
/// calls, so that any number of threads may share it.
#[derive(Clone, Debug)]
pub struct Decoder {
    settings: Arc<Settings>,
}

impl Decoder {
    /// A decoder for a table.
    ///
    /// # Panics
    /// If a column of the projection or of [`crate::Keep`] is not in the schema, or
    /// if the latter is not text. Both are known when a query is planned.
    pub fn new(spec: Spec) -> Decoder {
        Decoder::with(spec, true)
    }

    /// A decoder without the fast path: slower, with equal results. Tests and the
    /// fuzzer compare the two.
    #[doc(hidden)]
    pub fn general_only(spec: Spec) -> Decoder {
        Decoder::with(spec, false)
    }

    fn with(spec: Spec, fast: bool) -> Decoder {
        let columns = &spec.schema.columns;
        if let Some(keep) = &spec.keep {
            assert!(
                columns
                    .get(keep.column)
                    .is_some_and(|c| c.kind == Type::Text),
                "rows are kept by a text column of the schema"
            );
        }
        let schema = match &spec.projection {
            Some(indices) => {
                assert!(
                    indices.iter().all(|index| *index < columns.len()),
                    "projected columns are in the schema"
                );
                spec.schema.project(indices.iter().copied())
            }
            None => spec.schema.arrow(),
        };
        let depth_max = spec.limits.depth_max.clamp(1, DEPTH_MAX);
        Decoder {
            settings: Arc::new(Settings {
                spec,
                schema,
                depth_max,
                fast,
            }),
        }
    }

    /// The specification that it was created with.
    pub fn spec(&self) -> &Spec {
        &self.settings.spec
    }

    /// The Arrow schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.settings.schema)
    }

    /// Decodes a segment of a file's (decompressed) bytes. `carry` is the framing
    /// state before it. Over all segments of a file, rows, rejected stretches and
    /// totals do not depend on where the file is cut.
    pub fn decode(&self, segment: Bytes, carry: Carry) -> Decoded {
        if segment.len() <= SEGMENT_BYTES_MAX {
            return segment::decode(&self.settings, segment, carry);
        }
        let mut whole = Decoded {
            batches: Vec::new(),
            rejected: Vec::new(),
            tally: Tally::default(),
            carry,
        };
        let mut rejected = self.condenser();
        let mut rest = segment;
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(SEGMENT_BYTES_MAX));
            let decoded = self.decode(piece, whole.carry);
            whole.batches.extend(decoded.batches);
            decoded.rejected.into_iter().for_each(|r| rejected.push(r));
            whole.tally.add(&decoded.tally);
            whole.carry = decoded.carry;
        }
        whole.rejected = rejected.finish();
        whole
    }

    /// A condenser for the rejected stretches of one file.
    pub fn condenser(&self) -> Condenser {
        Condenser::new(self.settings.spec.finder.clone())
    }

    /// Ends the file. An object that is still open is rejected, unless it is
    /// complete and only waits for proof.
    pub fn finish(&self, carry: Carry) -> Decoded {
        segment::finish(&self.settings, carry)
    }

    /// Decodes a whole file held in memory.
    pub fn decode_all(&self, file: Bytes) -> Decoded {
        let mut decoded = self.decode(file, Carry::start());
        let at_end = std::mem::replace(&mut decoded.carry, Carry::start());
        let end = self.finish(at_end);
        decoded.batches.extend(end.batches);
        let mut rejected = self.condenser();
        let all = decoded.rejected.into_iter().chain(end.rejected);
        all.for_each(|r| rejected.push(r));
        decoded.rejected = rejected.finish();
        decoded.tally.add(&end.tally);
        decoded.carry = end.carry;
        decoded
    }
}
