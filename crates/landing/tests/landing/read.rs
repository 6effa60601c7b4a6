//! Helpers that read bytes in several ways; the results must be equal.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMillisecondType,
};
use bytes::Bytes;
use landing::{Carry, Column, Decoded, Decoder, Limits, Rejected, Schema, Spec, Tally, Type};

/// The result of a read: rows as text, rejected stretches, counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) rows: Vec<String>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) tally: Tally,
}

/// A table with a column of each type. Only `a` is required.
pub(crate) fn schema() -> Schema {
    Schema {
        columns: vec![
            Column::required("a", Type::Long),
            Column::optional("t", Type::Text),
            Column::optional("d", Type::Double),
            Column::optional("i", Type::Int),
            Column::optional("f", Type::Float),
            Column::optional("day", Type::Date),
            Column::optional("time", Type::Timestamp),
            Column::optional("ok", Type::Boolean),
        ],
    }
}

pub(crate) fn spec(schema: Schema) -> Spec {
    Spec::all(Arc::new(schema))
}

/// Limits that short inputs reach.
pub(crate) fn small_limits() -> Limits {
    Limits {
        object_bytes_max: 200,
        depth_max: 5,
        batch_rows: 3,
        quarantine_bytes_max: 64,
    }
}

/// Decodes the segments between `cuts`, each from the true carry.
pub(crate) fn read(decoder: &Decoder, bytes: &[u8], cuts: &[usize]) -> Read {
    let mut whole = Read {
        rows: Vec::new(),
        rejected: Vec::new(),
        tally: Tally::default(),
    };
    let mut carry = Carry::start();
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        let decoded = decoder.decode(Bytes::copy_from_slice(&bytes[from..to]), carry);
        whole.add(&decoded);
        carry = decoded.carry;
        assert_eq!(carry.offset(), to as u64);
        from = to;
    }
    whole.add(&decoder.finish(carry));
    whole
}

/// Decodes as `query` does: each segment from a guessed carry, and again if the
/// true carry does not agree.
pub(crate) fn read_assuming(decoder: &Decoder, bytes: &[u8], size: usize) -> Read {
    let mut whole = Read {
        rows: Vec::new(),
        rejected: Vec::new(),
        tally: Tally::default(),
    };
    let mut carry = Carry::start();
    let mut from = 0;
    while from < bytes.len() {
        let to = landing::boundary(bytes, from + size).unwrap_or(bytes.len());
        let segment = Bytes::copy_from_slice(&bytes[from..to]);
        let assumed = Carry::guessed(bytes, from as u64);
        let decoded = if carry.agrees_with(&assumed) {
            let mut decoded = decoder.decode(segment, assumed);
            decoded.follow(&carry);
            decoded
        } else {
            decoder.decode(segment, carry)
        };
        whole.add(&decoded);
        carry = decoded.carry;
        from = to;
    }
    whole.add(&decoder.finish(carry));
    whole
}

impl Read {
    fn add(&mut self, decoded: &Decoded) {
        for batch in &decoded.batches {
            self.rows.extend(rows(batch));
        }
        self.rejected.extend(decoded.rejected.iter().cloned());
        self.tally.add(&decoded.tally);
    }

    /// Checks the invariants of the counts and the rejected stretches.
    pub(crate) fn assert_accounted(&self, bytes: &[u8]) {
        let tally = &self.tally;
        assert_eq!(tally.bytes(), bytes.len() as u64, "every byte: {self:?}");
        assert_eq!(
            tally.objects,
            tally.rows + tally.filtered + tally.rejected_objects,
            "every object: {self:?}"
        );
        assert_eq!(tally.rows, self.rows.len() as u64);
        assert_eq!(
            self.rejected.len() as u64,
            tally.rejected_objects + tally.rejected_others
        );
        let mut end = 0;
        for rejected in &self.rejected {
            assert!(rejected.offset >= end, "in order: {self:?}");
            end = rejected.offset + rejected.length;
            let place = &bytes[rejected.offset as usize..end as usize];
            if let landing::Raw::Bytes(raw) = &rejected.raw {
                assert_eq!(raw, place);
            }
            let lines = bytes[..rejected.offset as usize]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            assert_eq!(rejected.line, lines as u64 + 1);
        }
        let rejected: u64 = self.rejected.iter().map(|rejected| rejected.length).sum();
        assert_eq!(rejected, tally.bytes_rejected);
    }
}

/// Rows as text: the columns that are not null.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<String> {
    let schema = batch.schema();
    (0..batch.num_rows())
        .map(|row| {
            let values: Vec<String> = schema
                .fields()
                .iter()
                .zip(batch.columns())
                .filter(|(_, array)| array.is_valid(row))
                .map(|(field, array)| format!("{}={}", field.name(), value(array, row)))
                .collect();
            values.join(" ")
        })
        .collect()
}

fn value(array: &dyn Array, row: usize) -> String {
    match array.data_type() {
        DataType::Utf8View => format!("{:?}", array.as_string_view().value(row)),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Float32 => format!("{:?}", array.as_primitive::<Float32Type>().value(row)),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row).to_string(),
        DataType::Timestamp(..) => array
            .as_primitive::<TimestampMillisecondType>()
            .value(row)
            .to_string(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        other => format!("{other}"),
    }
}
