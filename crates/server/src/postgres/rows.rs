//! Rows of a statement, and how they are sent.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::{BufMut, BytesMut};

use super::binary;
use super::failure::Failure;
use super::text;
use super::types::{ColumnType, column_types};
use super::value::value;
use super::wire::{Wire, put_text};
use crate::desk::Rows;
use crate::fault::Fault;

/// Rows, from where the client has read on.
pub(super) struct Found {
    pub(super) schema: SchemaRef,
    pub(super) types: Vec<ColumnType>,
    source: Source,
    batch: Option<RecordBatch>,
    at: usize,
    is_at_end: bool,
}

enum Source {
    /// Computed while they are read.
    Lake(Box<Rows>),
    /// Computed already.
    Made(std::vec::IntoIter<RecordBatch>),
}

impl Found {
    pub(super) fn lake(rows: Rows) -> Self {
        Self::new(rows.schema().clone(), Source::Lake(Box::new(rows)))
    }

    pub(super) fn made(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self::new(schema, Source::Made(batches.into_iter()))
    }

    fn new(schema: SchemaRef, source: Source) -> Self {
        Self {
            types: column_types(&schema),
            schema,
            source,
            batch: None,
            at: 0,
            is_at_end: false,
        }
    }

    /// The next row: a batch and its index there; `None` after the last one. Rows are not
    /// lost if it is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<(&RecordBatch, usize)>, Fault> {
        while self
            .batch
            .as_ref()
            .is_none_or(|batch| self.at >= batch.num_rows())
        {
            if self.is_at_end {
                return Ok(None);
            }
            let next = match &mut self.source {
                Source::Lake(rows) => rows.next().await.transpose()?,
                Source::Made(batches) => batches.next(),
            };
            self.at = 0;
            self.batch = next;
            self.is_at_end = self.batch.is_none();
        }
        let row = self.at;
        self.at += 1;
        Ok(self.batch.as_ref().map(|batch| (batch, row)))
    }

    /// Whether the next row needs no waiting.
    pub(super) fn has_row(&self) -> bool {
        self.batch
            .as_ref()
            .is_some_and(|batch| self.at < batch.num_rows())
    }
}

/// Whether each of `count` columns is sent in binary, as the codes of a Bind message say.
pub(super) fn formats(codes: &[u16], count: usize) -> Result<Vec<bool>, Failure> {
    if let Some(code) = codes.iter().find(|code| **code > 1) {
        return Err(Failure::protocol(format!("there is no format {code}")));
    }
    match codes {
        [] => Ok(vec![false; count]),
        [one] => Ok(vec![*one == 1; count]),
        codes if codes.len() == count => Ok(codes.iter().map(|code| *code == 1).collect()),
        codes => Err(Failure::protocol(format!(
            "{} formats for {count} values",
            codes.len()
        ))),
    }
}

/// Adds the description of columns.
pub(super) fn put_description(wire: &mut Wire, schema: &SchemaRef, formats: &[bool]) {
    let types = column_types(schema);
    wire.put(b'T', |out| {
        out.put_u16(types.len() as u16);
        for (index, of) in types.iter().enumerate() {
            put_text(out, schema.field(index).name());
            // Columns of results are not told by table: statements are planned elsewhere.
            out.put_u32(0);
            out.put_u16(0);
            out.put_u32(of.oid());
            out.put_i16(of.bytes());
            out.put_i32(of.modifier);
            out.put_u16(u16::from(formats.get(index) == Some(&true)));
        }
    });
}

/// Adds one row.
pub(super) fn put_row(
    wire: &mut Wire,
    batch: &RecordBatch,
    row: usize,
    types: &[ColumnType],
    formats: &[bool],
) {
    let mut written = String::new();
    wire.put(b'D', |out| {
        out.put_u16(batch.num_columns() as u16);
        for (index, column) in batch.columns().iter().enumerate() {
            let Some(value) = value(column.as_ref(), row) else {
                out.put_i32(-1);
                continue;
            };
            binary::sized(out, |out: &mut BytesMut| {
                match formats.get(index) {
                    Some(true) => binary::write(out, &value, types[index]),
                    _ => {
                        written.clear();
                        text::write(&mut written, &value, text::has_zone(column.data_type()));
                        out.put_slice(written.as_bytes());
                    }
                }
                true
            });
        }
    });
}
