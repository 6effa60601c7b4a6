//! One partition of the side that is read, on its way through the join.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringViewArray, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int32Type, Int64Type, SchemaRef};
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use super::progress::Progress;
use super::table::{Key, Table, hash};
use super::terms::{Kind, Origin, Terms, values_of};

/// No partner.
const NONE: u32 = u32::MAX;

/// Keys whose places are fetched together.
const FETCHED: usize = 256;

pub(super) struct Probe {
    terms: Terms,
    table: Arc<Table>,
    progress: Arc<Progress>,
    schema: SchemaRef,
    read: SendableRecordBatchStream,
    batch_rows: usize,
    state: State,
    /// The row of the batch being read whose partners were given out last.
    last_matched: Option<u32>,
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
    /// Of a semi join, the rows of the batch that found a partner.
    matched: Vec<u32>,
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
            last_matched: None,
        }
    }

    /// The next rows that come out.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            // Rows of a large fan-out come without anything to wait for:
            // whoever wants to stop them must get a turn.
            tokio::task::consume_budget().await;
            match &mut self.state {
                State::Reading => match self.read.next().await {
                    Some(batch) => {
                        if let Some(out) = self.take_in(batch?)? {
                            return Ok(Some(out));
                        }
                    }
                    None => {
                        let last = self.progress.ended();
                        self.state = if last && self.terms.kind == Kind::BuildSemi {
                            State::Held(0)
                        } else {
                            State::Done
                        };
                    }
                },
                State::Pairing(pairing) => {
                    let pairs = pairing.next(&self.table, self.batch_rows);
                    let batch = pairing.batch.clone();
                    let out = if pairs.held.is_empty() {
                        let matched = std::mem::take(&mut pairing.matched);
                        self.state = State::Reading;
                        self.give_out_matched(&batch, &matched)?
                    } else if self.terms.kind == Kind::Inner {
                        self.pair(&batch, pairs)?
                    } else {
                        let pairs = self.meeting_filter(&batch, pairs)?;
                        self.note(pairs, batch.num_rows());
                        None
                    };
                    if out.is_some() {
                        return Ok(out);
                    }
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
        let keys = values_of(self.terms.on.iter().map(|(_, key)| key), &batch)?;
        let keys = self.terms.encoding.encode(keys)?;
        let first = first_partners(&self.table, &keys, batch.num_rows());
        let unmatched = first.iter().filter(|first| **first == NONE).count();
        let progress = &self.progress;
        progress
            .read
            .fetch_add(first.len() as u64, Ordering::Relaxed);
        self.last_matched = None;
        if unmatched == first.len() {
            return Ok(None);
        }
        let asks_each_pair = match self.terms.kind {
            Kind::Inner => self.table.has_repeats(),
            Kind::BuildSemi | Kind::ProbeSemi => self.terms.filter.is_some(),
        };
        if asks_each_pair {
            self.state = State::Pairing(Pairing {
                partner: first[0],
                batch,
                first,
                row: 0,
                matched: Vec::new(),
            });
            return Ok(None);
        }
        if self.terms.kind == Kind::BuildSemi {
            let mut last = NONE;
            for met in first.iter().copied().filter(|met| *met != NONE) {
                if met != last {
                    self.table.meet_all(met);
                }
                last = met;
            }
            let matched = (first.len() - unmatched) as u64;
            progress.matched.fetch_add(matched, Ordering::Relaxed);
            return Ok(None);
        }
        let pairs = if unmatched == 0 {
            Pairs {
                read: None,
                held: first,
            }
        } else {
            let rows = 0..first.len() as u32;
            Pairs {
                read: Some(rows.filter(|row| first[*row as usize] != NONE).collect()),
                held: first.into_iter().filter(|first| *first != NONE).collect(),
            }
        };
        self.pair(&batch, pairs)
    }

    /// Those of `pairs` that the filter lets through.
    fn meeting_filter(&self, batch: &RecordBatch, mut pairs: Pairs) -> Result<Pairs> {
        if let Some(filter) = &self.terms.filter {
            let columns =
                self.columns(&filter.columns, batch, pairs.read.as_deref(), &pairs.held)?;
            let options = RecordBatchOptions::new().with_row_count(Some(pairs.held.len()));
            let schema = Arc::clone(&filter.schema);
            let seen = RecordBatch::try_new_with_options(schema, columns, &options)?;
            let holds = filter
                .condition
                .evaluate(&seen)?
                .into_array(seen.num_rows())?;
            pairs.keep(holds.as_boolean());
        }
        Ok(pairs)
    }

    /// Notes, for a semi join, which rows of the wanted side found a partner.
    fn note(&mut self, pairs: Pairs, rows: usize) {
        if self.terms.kind == Kind::BuildSemi {
            pairs.held.iter().for_each(|held| self.table.meet(*held));
        } else if let State::Pairing(pairing) = &mut self.state {
            let read = pairs.read.unwrap_or_else(|| (0..rows as u32).collect());
            // Rows come in their order, the pairs of one in several parts.
            pairing.matched.extend(read);
            pairing.matched.dedup();
        }
    }

    /// Gives out rows of `batch` that found a partner in a semi join.
    fn give_out_matched(
        &self,
        batch: &RecordBatch,
        matched: &[u32],
    ) -> Result<Option<RecordBatch>> {
        if matched.is_empty() {
            return Ok(None);
        }
        let count = matched.len() as u64;
        self.progress.matched.fetch_add(count, Ordering::Relaxed);
        // No column of the held side comes out.
        let held = vec![NONE; matched.len()];
        self.give_out(batch, Some(matched), &held).map(Some)
    }

    /// Gives out those of `pairs` that the filter lets through.
    fn pair(&mut self, batch: &RecordBatch, pairs: Pairs) -> Result<Option<RecordBatch>> {
        let Pairs { read, held } = self.meeting_filter(batch, pairs)?;
        if held.is_empty() {
            return Ok(None);
        }
        let mut last = NONE;
        for met in &held {
            if *met != last {
                self.table.meet(*met);
            }
            last = *met;
        }
        // Pairs of one row may come in two parts.
        let matched = match &read {
            None => held.len(),
            Some(read) => {
                let again = usize::from(self.last_matched == read.first().copied());
                self.last_matched = read.last().copied();
                read.chunk_by(|one, next| one == next).count() - again
            }
        };
        let progress = &self.progress;
        progress
            .matched
            .fetch_add(matched as u64, Ordering::Relaxed);
        progress
            .pairs
            .fetch_add(held.len() as u64, Ordering::Relaxed);
        self.give_out(batch, read.as_deref(), &held).map(Some)
    }

    /// Pairs as a batch: the rows `read` of `batch`, or all in their order,
    /// with the rows `held` of the table.
    fn give_out(
        &self,
        batch: &RecordBatch,
        read: Option<&[u32]>,
        held: &[u32],
    ) -> Result<RecordBatch> {
        let columns = self.columns(&self.terms.output, batch, read, held)?;
        let options = RecordBatchOptions::new().with_row_count(Some(held.len()));
        let schema = Arc::clone(&self.schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }

    fn columns(
        &self,
        origins: &[Origin],
        batch: &RecordBatch,
        read: Option<&[u32]>,
        held: &[u32],
    ) -> Result<Vec<ArrayRef>> {
        let rows = read.map(|read| UInt32Array::from(read.to_vec()));
        let columns = origins.iter().map(|origin| match (origin, &rows) {
            (Origin::Held(column), _) => self.table.gather(*column, held),
            (Origin::Read(column), None) => Ok(Arc::clone(batch.column(*column))),
            (Origin::Read(column), Some(rows)) => take(batch.column(*column), rows, None),
        });
        Ok(columns.collect::<std::result::Result<_, _>>()?)
    }
}

/// Rows read, or all of a batch, with their partners.
struct Pairs {
    read: Option<Vec<u32>>,
    held: Vec<u32>,
}

impl Pairs {
    /// Keeps those for which a condition `holds`; null does not.
    fn keep(&mut self, holds: &BooleanArray) {
        let kept = holds.true_count();
        if kept == self.held.len() {
            return;
        }
        let is_kept = |place: &usize| holds.is_valid(*place) && holds.value(*place);
        let places: Vec<usize> = (0..self.held.len()).filter(is_kept).collect();
        let read = places.iter().map(|place| match &self.read {
            Some(read) => read[*place],
            None => *place as u32,
        });
        self.read = Some(read.collect());
        self.held = places.iter().map(|place| self.held[*place]).collect();
    }
}

impl Pairing {
    /// About `rows` further pairs; none at the end of the batch.
    fn next(&mut self, table: &Table, rows: usize) -> Pairs {
        let (mut read, mut held) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        while self.row < self.first.len() && held.len() < rows {
            if self.partner != NONE {
                read.push(self.row as u32);
                held.push(self.partner);
                if let Some(after) = table.after(self.partner) {
                    self.partner = after;
                    continue;
                }
            }
            self.row += 1;
            self.partner = self.first.get(self.row).copied().unwrap_or(NONE);
        }
        Pairs {
            read: Some(read),
            held,
        }
    }
}

/// For each row, the first row of the table with its key.
fn first_partners(table: &Table, keys: &[ArrayRef], rows: usize) -> Vec<u32> {
    let keys: Vec<Keys> = keys.iter().map(Keys::of).collect();
    match keys.as_slice() {
        [Keys::Long(column)] => {
            let mut first = Vec::with_capacity(rows);
            for start in (0..rows).step_by(FETCHED) {
                let own = column.slice(start, FETCHED.min(rows - start));
                let keys = own.values().iter().map(|value| Key::Integer(*value));
                table.fetch(keys.map(|key| hash(std::iter::once(key))));
                first.extend(runs(
                    own.len(),
                    |row| own.value(row),
                    |row| own.is_valid(row).then(|| Key::Integer(own.value(row))),
                    table,
                ));
            }
            first
        }
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

/// Looks one key up for each run of rows with the same `mark`, first where the
/// one before was found.
#[inline(always)]
fn runs<'a, T: PartialEq>(
    rows: usize,
    mark: impl Fn(usize) -> T,
    key: impl Fn(usize) -> Option<Key<'a>>,
    table: &Table,
) -> Vec<u32> {
    let mut first = Vec::with_capacity(rows);
    let mut last: Option<(T, u32)> = None;
    let mut near = NONE;
    for row in 0..rows {
        let Some(key) = key(row) else {
            first.push(NONE);
            continue;
        };
        let own = mark(row);
        let found = match &last {
            Some((before, found)) if *before == own => *found,
            _ if table.begins(near, key) => near,
            _ => {
                let key = std::iter::once(key);
                table.find(hash(key.clone()), key).unwrap_or(NONE)
            }
        };
        if found != NONE {
            near = found + 1;
        }
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
