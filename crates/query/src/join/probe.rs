//! Streams one partition of the probe side through a join.
//!
//! A [`Probe`] looks the rows of each batch up in the build-side table and emits
//! pairs, or marks matched rows for a semi join. After the last partition, the probe
//! of a build-side semi join emits the matched rows of the table.

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
use super::terms::{Kind, SideColumn, Terms, values_of};

/// No partner.
const NONE: u32 = u32::MAX;

/// Keys whose slots are fetched together, see [`Table::fetch`].
const FETCHED: usize = 256;

pub(super) struct Probe {
    terms: Terms,
    table: Arc<Table>,
    progress: Arc<Progress>,
    schema: SchemaRef,
    input: SendableRecordBatchStream,
    batch_rows: usize,
    state: State,
    /// The probe row of the current batch whose pairs were emitted last.
    last_matched: Option<u32>,
}

enum State {
    Reading,
    /// Emitting the pairs of a batch whose rows may have several partners.
    Pairing(Pairing),
    /// Emitting matched rows of the build side, from this row on.
    EmitBuild(u32),
    Done,
}

struct Pairing {
    batch: RecordBatch,
    /// For each row of the batch, its first partner.
    first: Vec<u32>,
    row: usize,
    /// The next partner of `row`.
    partner: u32,
    /// For a semi join, the rows of the batch that have a partner.
    matched: Vec<u32>,
}

impl Probe {
    pub(super) fn new(
        terms: Terms,
        table: Arc<Table>,
        progress: Arc<Progress>,
        schema: SchemaRef,
        input: SendableRecordBatchStream,
        batch_rows: usize,
    ) -> Self {
        Self {
            terms,
            table,
            progress,
            schema,
            input,
            batch_rows,
            state: State::Reading,
            last_matched: None,
        }
    }

    /// The next output batch.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            // A large fan-out produces rows without ever waiting; yield, so that
            // the query can be cancelled.
            tokio::task::consume_budget().await;
            match &mut self.state {
                State::Reading => match self.input.next().await {
                    Some(batch) => {
                        if let Some(out) = self.probe_batch(batch?)? {
                            return Ok(Some(out));
                        }
                    }
                    None => {
                        let last = self.progress.end_partition();
                        self.state = if last && self.terms.kind == Kind::BuildSemi {
                            State::EmitBuild(0)
                        } else {
                            State::Done
                        };
                    }
                },
                State::Pairing(pairing) => {
                    let pairs = pairing.next(&self.table, self.batch_rows);
                    let batch = pairing.batch.clone();
                    let out = if pairs.build.is_empty() {
                        let matched = std::mem::take(&mut pairing.matched);
                        self.state = State::Reading;
                        self.emit_matched(&batch, &matched)?
                    } else if self.terms.kind == Kind::Inner {
                        self.emit_pairs(&batch, pairs)?
                    } else {
                        let pairs = self.filter_pairs(&batch, pairs)?;
                        self.mark_pairs(pairs, batch.num_rows());
                        None
                    };
                    if out.is_some() {
                        return Ok(out);
                    }
                }
                State::EmitBuild(next) => {
                    let (table, rows) = (&self.table, *next..self.table.rows());
                    let row: Vec<u32> = rows
                        .filter(|row| table.is_matched(*row))
                        .take(self.batch_rows)
                        .collect();
                    let Some(last) = row.last() else {
                        self.state = State::Done;
                        continue;
                    };
                    *next = last + 1;
                    let no_probe_rows = RecordBatch::new_empty(self.input.schema());
                    return self.emit(&no_probe_rows, None, &row).map(Some);
                }
                State::Done => return Ok(None),
            }
        }
    }

    /// Looks up the keys of a batch. Emits its pairs at once if each row has at
    /// most one partner, as readings mostly do; otherwise begins [`Pairing`].
    fn probe_batch(&mut self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        let keys = values_of(self.terms.on.iter().map(|(_, key)| key), &batch)?;
        let keys = self.terms.encoding.encode(keys)?;
        let first = first_partners(&self.table, &keys, batch.num_rows());
        let unmatched = first.iter().filter(|first| **first == NONE).count();
        let progress = &self.progress;
        progress
            .probe_rows
            .fetch_add(first.len() as u64, Ordering::Relaxed);
        self.last_matched = None;
        if unmatched == first.len() {
            return Ok(None);
        }
        let needs_pairs = match self.terms.kind {
            Kind::Inner => self.table.has_repeats(),
            Kind::BuildSemi | Kind::ProbeSemi => self.terms.filter.is_some(),
        };
        if needs_pairs {
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
            for row in first.iter().copied().filter(|row| *row != NONE) {
                if row != last {
                    self.table.mark_all_matched(row);
                }
                last = row;
            }
            let matched = (first.len() - unmatched) as u64;
            progress.probe_matched.fetch_add(matched, Ordering::Relaxed);
            return Ok(None);
        }
        let pairs = if unmatched == 0 {
            Pairs {
                probe: None,
                build: first,
            }
        } else {
            let rows = 0..first.len() as u32;
            Pairs {
                probe: Some(rows.filter(|row| first[*row as usize] != NONE).collect()),
                build: first.into_iter().filter(|first| *first != NONE).collect(),
            }
        };
        self.emit_pairs(&batch, pairs)
    }

    /// The `pairs` that meet the join's filter.
    fn filter_pairs(&self, batch: &RecordBatch, mut pairs: Pairs) -> Result<Pairs> {
        if let Some(filter) = &self.terms.filter {
            let columns =
                self.columns(&filter.columns, batch, pairs.probe.as_deref(), &pairs.build)?;
            let options = RecordBatchOptions::new().with_row_count(Some(pairs.build.len()));
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

    /// Marks, for a semi join, the rows of its output side that have a partner.
    fn mark_pairs(&mut self, pairs: Pairs, rows: usize) {
        if self.terms.kind == Kind::BuildSemi {
            pairs
                .build
                .iter()
                .for_each(|row| self.table.mark_matched(*row));
        } else if let State::Pairing(pairing) = &mut self.state {
            let probe = pairs.probe.unwrap_or_else(|| (0..rows as u32).collect());
            // Rows are in order; the pairs of one row may come in several calls.
            pairing.matched.extend(probe);
            pairing.matched.dedup();
        }
    }

    /// Emits the matched rows of `batch` for a probe-side semi join.
    fn emit_matched(&self, batch: &RecordBatch, matched: &[u32]) -> Result<Option<RecordBatch>> {
        if matched.is_empty() {
            return Ok(None);
        }
        let count = matched.len() as u64;
        self.progress
            .probe_matched
            .fetch_add(count, Ordering::Relaxed);
        // The output has no column of the build side.
        let build = vec![NONE; matched.len()];
        self.emit(batch, Some(matched), &build).map(Some)
    }

    /// Emits and counts the `pairs` that meet the join's filter.
    fn emit_pairs(&mut self, batch: &RecordBatch, pairs: Pairs) -> Result<Option<RecordBatch>> {
        let Pairs { probe, build } = self.filter_pairs(batch, pairs)?;
        if build.is_empty() {
            return Ok(None);
        }
        let mut last = NONE;
        for row in &build {
            if *row != last {
                self.table.mark_matched(*row);
            }
            last = *row;
        }
        // Pairs of one row may come in two calls; count the row once.
        let matched = match &probe {
            None => build.len(),
            Some(probe) => {
                let again = usize::from(self.last_matched == probe.first().copied());
                self.last_matched = probe.last().copied();
                probe.chunk_by(|one, next| one == next).count() - again
            }
        };
        let progress = &self.progress;
        progress
            .probe_matched
            .fetch_add(matched as u64, Ordering::Relaxed);
        progress
            .pairs
            .fetch_add(build.len() as u64, Ordering::Relaxed);
        self.emit(batch, probe.as_deref(), &build).map(Some)
    }

    /// Pairs as a batch: rows `probe` of `batch`, or all of them in order, beside
    /// rows `build` of the table.
    fn emit(
        &self,
        batch: &RecordBatch,
        probe: Option<&[u32]>,
        build: &[u32],
    ) -> Result<RecordBatch> {
        let columns = self.columns(&self.terms.output, batch, probe, build)?;
        let options = RecordBatchOptions::new().with_row_count(Some(build.len()));
        let schema = Arc::clone(&self.schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }

    fn columns(
        &self,
        columns: &[SideColumn],
        batch: &RecordBatch,
        probe: Option<&[u32]>,
        build: &[u32],
    ) -> Result<Vec<ArrayRef>> {
        let rows = probe.map(|probe| UInt32Array::from(probe.to_vec()));
        let columns = columns.iter().map(|column| match (column, &rows) {
            (SideColumn::Build(column), _) => self.table.gather(*column, build),
            (SideColumn::Probe(column), None) => Ok(Arc::clone(batch.column(*column))),
            (SideColumn::Probe(column), Some(rows)) => take(batch.column(*column), rows, None),
        });
        Ok(columns.collect::<std::result::Result<_, _>>()?)
    }
}

/// Probe rows, or all rows of a batch, and for each the build row it pairs with.
struct Pairs {
    probe: Option<Vec<u32>>,
    build: Vec<u32>,
}

impl Pairs {
    /// Keeps the pairs for which `holds` is true; null counts as false.
    fn keep(&mut self, holds: &BooleanArray) {
        let kept = holds.true_count();
        if kept == self.build.len() {
            return;
        }
        let is_kept = |place: &usize| holds.is_valid(*place) && holds.value(*place);
        let places: Vec<usize> = (0..self.build.len()).filter(is_kept).collect();
        let probe = places.iter().map(|place| match &self.probe {
            Some(probe) => probe[*place],
            None => *place as u32,
        });
        self.probe = Some(probe.collect());
        self.build = places.iter().map(|place| self.build[*place]).collect();
    }
}

impl Pairing {
    /// Up to `rows` further pairs; none at the end of the batch.
    fn next(&mut self, table: &Table, rows: usize) -> Pairs {
        let (mut probe, mut build) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        while self.row < self.first.len() && build.len() < rows {
            if self.partner != NONE {
                probe.push(self.row as u32);
                build.push(self.partner);
                if let Some(after) = table.after(self.partner) {
                    self.partner = after;
                    continue;
                }
            }
            self.row += 1;
            self.partner = self.first.get(self.row).copied().unwrap_or(NONE);
        }
        Pairs {
            probe: Some(probe),
            build,
        }
    }
}

/// For each probe row, the first row of the table with its key, or [`NONE`].
fn first_partners(table: &Table, keys: &[ArrayRef], rows: usize) -> Vec<u32> {
    let keys: Vec<KeyColumn> = keys.iter().map(KeyColumn::of).collect();
    match keys.as_slice() {
        [KeyColumn::Long(column)] => {
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
        [KeyColumn::Text(column)] => runs(
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

/// Looks up one key for each run of rows with equal `mark`. Tries the row after
/// the previous result first.
#[inline(always)]
fn runs<'a, T: PartialEq>(
    rows: usize,
    mark: impl Fn(usize) -> T,
    key: impl Fn(usize) -> Option<Key<'a>>,
    table: &Table,
) -> Vec<u32> {
    let mut first = Vec::with_capacity(rows);
    let mut last: Option<(T, u32)> = None;
    let mut expected = NONE;
    for row in 0..rows {
        let Some(key) = key(row) else {
            first.push(NONE);
            continue;
        };
        let own = mark(row);
        let found = match &last {
            Some((before, found)) if *before == own => *found,
            _ if table.begins(expected, key) => expected,
            _ => {
                let key = std::iter::once(key);
                table.find(hash(key.clone()), key).unwrap_or(NONE)
            }
        };
        if found != NONE {
            expected = found + 1;
        }
        first.push(found);
        last = Some((own, found));
    }
    first
}

/// One key column of the probe side.
enum KeyColumn {
    Text(StringViewArray),
    Long(Int64Array),
    Int(Int32Array),
}

impl KeyColumn {
    /// The encoding leaves no other types.
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
