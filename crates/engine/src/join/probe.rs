//! One partition of the side that is read, on its way through the join.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, RecordBatchOptions,
    StringViewArray, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int32Type, Int64Type, SchemaRef};
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use super::exec::{Kind, Origin, Progress, Terms, keys_of};
use super::table::{Key, Table, hash};

/// No partner.
const NONE: u32 = u32::MAX;

pub(super) struct Probe {
    terms: Terms,
    table: Arc<Table>,
    progress: Arc<Progress>,
    schema: SchemaRef,
    read: SendableRecordBatchStream,
    batch_rows: usize,
    state: State,
}

enum State {
    Reading,
    /// A batch whose rows have several partners, some of them given out.
    Pairing(Pairing),
    /// The next row of the held side to look at.
    Held(u32),
    Done,
}

struct Pairing {
    batch: RecordBatch,
    /// For each row of the batch, its first partner.
    first: Vec<u32>,
    row: usize,
    /// The next partner of `row`.
    partner: u32,
}

impl Probe {
    pub(super) fn new(
        terms: Terms,
        table: Arc<Table>,
        progress: Arc<Progress>,
        schema: SchemaRef,
        read: SendableRecordBatchStream,
        batch_rows: usize,
    ) -> Self {
        Self {
            terms,
            table,
            progress,
            schema,
            read,
            batch_rows,
            state: State::Reading,
        }
    }

    /// The next rows that come out.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            match &mut self.state {
                State::Reading => match self.read.next().await {
                    Some(batch) => {
                        if let Some(out) = self.take_in(batch?)? {
                            return Ok(Some(out));
                        }
                    }
                    None => {
                        let last = self.progress.ended();
                        self.state = if last && self.terms.kind == Kind::HeldSemi {
                            State::Held(0)
                        } else {
                            State::Done
                        };
                    }
                },
                State::Pairing(pairing) => {
                    let pairs = pairing.next(&self.table, self.batch_rows);
                    if pairs.held.is_empty() {
                        self.state = State::Reading;
                        continue;
                    }
                    let batch = pairing.batch.clone();
                    self.progress
                        .pairs
                        .fetch_add(pairs.held.len() as u64, Ordering::Relaxed);
                    return self
                        .give_out(&batch, Some(pairs.read), &pairs.held)
                        .map(Some);
                }
                State::Held(next) => {
                    let (table, rows) = (&self.table, *next..self.table.rows());
                    let met: Vec<u32> = rows
                        .filter(|row| table.has_met(*row))
                        .take(self.batch_rows)
                        .collect();
                    let Some(last) = met.last() else {
                        self.state = State::Done;
                        continue;
                    };
                    *next = last + 1;
                    let nothing_read = RecordBatch::new_empty(self.read.schema());
                    return self.give_out(&nothing_read, None, &met).map(Some);
                }
                State::Done => return Ok(None),
            }
        }
    }

    /// Finds partners for a batch. Gives it out at once where each row has at
    /// most one, as readings of a person mostly have.
    fn take_in(&mut self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        let keys = keys_of(self.terms.on.iter().map(|(_, key)| key), &batch)?;
        let first = first_partners(&self.table, &keys, batch.num_rows());
        let unmatched = first.iter().filter(|first| **first == NONE).count();
        self.progress
            .read
            .fetch_add(first.len() as u64, Ordering::Relaxed);
        self.progress
            .unmatched
            .fetch_add(unmatched as u64, Ordering::Relaxed);
        let mut last = NONE;
        for met in &first {
            if *met != last && *met != NONE {
                self.table.meet(*met);
            }
            last = *met;
        }
        if unmatched == first.len() || self.terms.kind == Kind::HeldSemi {
            return Ok(None);
        }
        if self.table.has_repeats() && self.terms.kind == Kind::Inner {
            self.state = State::Pairing(Pairing {
                partner: first[0],
                batch,
                first,
                row: 0,
            });
            return Ok(None);
        }
        let pairs = (first.len() - unmatched) as u64;
        self.progress.pairs.fetch_add(pairs, Ordering::Relaxed);
        if unmatched == 0 {
            return self.give_out(&batch, None, &first).map(Some);
        }
        let read = (0..first.len() as u32).filter(|row| first[*row as usize] != NONE);
        let read: Vec<u32> = read.collect();
        let held: Vec<u32> = first.into_iter().filter(|first| *first != NONE).collect();
        self.give_out(&batch, Some(read), &held).map(Some)
    }

    /// Pairs as a batch: the rows `read` of `batch`, or all in their order,
    /// with the rows `held` of the table.
    fn give_out(
        &self,
        batch: &RecordBatch,
        read: Option<Vec<u32>>,
        held: &[u32],
    ) -> Result<RecordBatch> {
        let rows = read.map(UInt32Array::from);
        let columns = self
            .terms
            .output
            .iter()
            .map(|origin| match (origin, &rows) {
                (Origin::Held(column), _) => self.table.gather(*column, held),
                (Origin::Read(column), None) => Ok(Arc::clone(batch.column(*column))),
                (Origin::Read(column), Some(rows)) => take(batch.column(*column), rows, None),
            });
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(held.len()));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }
}

struct Pairs {
    read: Vec<u32>,
    held: Vec<u32>,
}

impl Pairing {
    /// About `rows` further pairs; none at the end of the batch.
    fn next(&mut self, table: &Table, rows: usize) -> Pairs {
        let mut pairs = Pairs {
            read: Vec::with_capacity(rows),
            held: Vec::with_capacity(rows),
        };
        while self.row < self.first.len() && pairs.held.len() < rows {
            if self.partner != NONE {
                pairs.read.push(self.row as u32);
                pairs.held.push(self.partner);
                if let Some(after) = table.after(self.partner) {
                    self.partner = after;
                    continue;
                }
            }
            self.row += 1;
            self.partner = self.first.get(self.row).copied().unwrap_or(NONE);
        }
        pairs
    }
}

/// For each row, the first row of the table with its key.
fn first_partners(table: &Table, keys: &[ArrayRef], rows: usize) -> Vec<u32> {
    let keys: Vec<Keys> = keys.iter().map(Keys::of).collect();
    match keys.as_slice() {
        [Keys::Long(column)] => runs(
            rows,
            |row| column.value(row),
            |row| {
                column
                    .is_valid(row)
                    .then(|| Key::Integer(column.value(row)))
            },
            table,
        ),
        [Keys::Text(column)] => runs(
            rows,
            |row| column.views()[row],
            |row| {
                column
                    .is_valid(row)
                    .then(|| Key::Text(column.value(row).as_bytes()))
            },
            table,
        ),
        several => (0..rows)
            .map(|row| {
                if several.iter().any(|column| column.is_null(row)) {
                    return NONE;
                }
                let key = several.iter().map(|column| column.at(row));
                table.find(hash(key.clone()), key).unwrap_or(NONE)
            })
            .collect(),
    }
}

/// Looks one key up for each run of rows with the same `mark`.
#[inline(always)]
fn runs<'a, T: PartialEq>(
    rows: usize,
    mark: impl Fn(usize) -> T,
    key: impl Fn(usize) -> Option<Key<'a>>,
    table: &Table,
) -> Vec<u32> {
    let mut first = Vec::with_capacity(rows);
    let mut last: Option<(T, u32)> = None;
    for row in 0..rows {
        let Some(key) = key(row) else {
            first.push(NONE);
            continue;
        };
        let own = mark(row);
        let found = match &last {
            Some((before, found)) if *before == own => *found,
            _ => {
                let key = std::iter::once(key);
                table.find(hash(key.clone()), key).unwrap_or(NONE)
            }
        };
        first.push(found);
        last = Some((own, found));
    }
    first
}

/// A key column of the read side.
enum Keys {
    Text(StringViewArray),
    Long(Int64Array),
    Int(Int32Array),
}

impl Keys {
    /// The rule lets no other types through.
    fn of(array: &ArrayRef) -> Self {
        match array.data_type() {
            DataType::Int64 => Self::Long(array.as_primitive::<Int64Type>().clone()),
            DataType::Int32 => Self::Int(array.as_primitive::<Int32Type>().clone()),
            _ => Self::Text(array.as_string_view().clone()),
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Text(column) => column.is_null(row),
            Self::Long(column) => column.is_null(row),
            Self::Int(column) => column.is_null(row),
        }
    }

    fn at(&self, row: usize) -> Key<'_> {
        match self {
            Self::Text(column) => Key::Text(column.value(row).as_bytes()),
            Self::Long(column) => Key::Integer(column.value(row)),
            Self::Int(column) => Key::Integer(i64::from(column.value(row))),
        }
    }
}
