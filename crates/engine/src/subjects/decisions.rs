//! Copies of what people decided: consent entered by hand, and quarantine entries
//! that were dropped.
//!
//! Everything else in a lake follows from landing files, the data product and the
//! key. What a person decided follows from nothing, so it is kept twice: in its
//! system table, and in files of its own in `system/decisions`. Those are plain
//! Parquet with the table's columns and one more, `sum`, which tells whether a row
//! is as it was written. A copy is written after its table; whoever holds the lake
//! next writes what is missing on either side.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use bytes::Bytes;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use lake::{Lake, Layout, TableId};

use crate::Error;
use crate::content;
use crate::subjects::quarantine;
use query::landing::QuarantineEntry;
use query::system;
use query::system::{CONSENT_REGISTER, Definition, QUARANTINE};

/// The column that tells whether a row is as it was written.
const SUM: &str = "sum";

/// With more copies of a table than this, one takes the place of all.
const COPIES_MAX: usize = 8;

/// What the copies hold.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    /// Rows of the register of consent.
    pub(crate) consent: Vec<RecordBatch>,
    /// Quarantine entries that were dropped, without their bytes.
    pub(crate) dropped: Vec<QuarantineEntry>,
    /// Names of copies that cannot be read.
    pub(crate) damaged: Vec<String>,
    of_consent: Vec<String>,
    of_quarantine: Vec<String>,
}

impl Decisions {
    /// All copies of a lake.
    ///
    /// # Errors
    /// [`Error::Lake`] where the store does not answer.
    pub(crate) async fn read(lake: &Lake) -> Result<Self, Error> {
        let mut all = Self::default();
        let mut dropped: Vec<RecordBatch> = Vec::new();
        for (name, body) in lake.decision_copies().await? {
            let (table, batches, names) = if name.starts_with(CONSENT_REGISTER.name()) {
                (&CONSENT_REGISTER, &mut all.consent, &mut all.of_consent)
            } else if name.starts_with(QUARANTINE.name()) {
                (&QUARANTINE, &mut dropped, &mut all.of_quarantine)
            } else {
                continue;
            };
            match rows_of(table, body) {
                Some(rows) => {
                    batches.extend(rows);
                    names.push(name);
                }
                None => all.damaged.push(name),
            }
        }
        let mut known = BTreeSet::new();
        all.dropped = dropped.iter().flat_map(quarantine::entries_of).collect();
        all.dropped.retain(|entry| known.insert(entry.id.clone()));
        Ok(all)
    }

    /// Behind all entries of the register that the copies know.
    pub(crate) fn next_position(&self) -> i64 {
        let positions = self.consent.iter().flat_map(|rows| {
            let positions = rows.column(0).as_primitive::<Int64Type>();
            positions.iter().flatten()
        });
        positions.max().map_or(0, |last| last + 1)
    }

    /// Rows of the register that `others` lack.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub(crate) fn beyond(&self, others: &RecordBatch) -> Result<RecordBatch, Error> {
        let own = together(&CONSENT_REGISTER, &self.consent)?;
        without(&own, others)
    }

    /// How many of the `entries` of the register they lack.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub(crate) fn lacks(&self, entries: &RecordBatch) -> Result<usize, Error> {
        let own = together(&CONSENT_REGISTER, &self.consent)?;
        Ok(without(entries, &own)?.num_rows())
    }

    /// Whether there is no copy of the register, not even one that says that there
    /// were no entries yet, nor one that cannot be read.
    pub(crate) fn are_gone(&self) -> bool {
        self.of_consent.is_empty() && self.damaged.is_empty()
    }

    /// Writes copies of those `entries` of the register and of the dropped ones of
    /// `quarantined` that have none yet. Copies that cannot be read go: whatever
    /// of them is known was written again.
    ///
    /// # Errors
    /// [`Error::Lake`].
    pub(crate) async fn complete(
        &self,
        lake: &Lake,
        entries: &RecordBatch,
        quarantined: &[QuarantineEntry],
    ) -> Result<(), Error> {
        let own = together(&CONSENT_REGISTER, &self.consent)?;
        let missing = without(entries, &own)?;
        let (rows, replaces) = match self.of_consent.len() > COPIES_MAX {
            true => (
                together(&CONSENT_REGISTER, &[own, missing])?,
                &self.of_consent[..],
            ),
            false => (missing, &[][..]),
        };
        match self.of_consent.is_empty() {
            // Also where there are no entries: that tells such a lake from one
            // that has lost them.
            true => write_all(lake, &CONSENT_REGISTER, &rows).await?,
            false => write(lake, &CONSENT_REGISTER, &rows).await?,
        }
        lake.remove_decision_copies(replaces).await?;

        let known: HashSet<&str> = self.dropped.iter().map(|entry| entry.id.as_str()).collect();
        let new = quarantined
            .iter()
            .filter(|entry| !entry.is_open() && !known.contains(entry.id.as_str()));
        let mut dropped: Vec<QuarantineEntry> = new.cloned().collect();
        let replaces = match self.of_quarantine.len() > COPIES_MAX {
            true => {
                dropped.extend(self.dropped.iter().cloned());
                &self.of_quarantine[..]
            }
            false => &[][..],
        };
        write_dropped(lake, &dropped).await?;
        lake.remove_decision_copies(replaces).await?;
        lake.remove_decision_copies(&self.damaged).await?;
        Ok(())
    }
}

/// Writes a copy of rows of the register of consent.
///
/// # Errors
/// [`Error::Lake`].
pub(crate) async fn write_consent(lake: &Lake, rows: &RecordBatch) -> Result<(), Error> {
    write(lake, &CONSENT_REGISTER, rows).await
}

/// Writes a copy of quarantine entries that were dropped.
///
/// # Errors
/// [`Error::Lake`].
pub(crate) async fn write_dropped(lake: &Lake, entries: &[QuarantineEntry]) -> Result<(), Error> {
    let entries = entries.iter().cloned().map(|entry| QuarantineEntry {
        raw: None,
        hash: None,
        ..entry
    });
    let entries: Vec<QuarantineEntry> = entries.collect();
    write(lake, &QUARANTINE, &quarantine::batch(&entries)).await
}

/// All rows of batches of one table.
///
/// # Errors
/// [`Error::Query`].
pub(crate) fn together(table: &Definition, batches: &[RecordBatch]) -> Result<RecordBatch, Error> {
    concat_batches(&table.schema(), batches)
        .map_err(|error| Error::execution(table.full_name(), error.into()))
}

/// Rows of `all` that are not among `others`, each once.
///
/// # Errors
/// [`Error::Query`].
pub(crate) fn without(all: &RecordBatch, others: &RecordBatch) -> Result<RecordBatch, Error> {
    let mut known: HashSet<u128> = content::hashes(others).into_iter().collect();
    let hashes = content::hashes(all).into_iter();
    let new = hashes.enumerate().filter(|(_, hash)| known.insert(*hash));
    let new: arrow::array::UInt64Array = new.map(|(row, _)| Some(row as u64)).collect();
    take_record_batch(all, &new).map_err(|error| Error::execution("system.decisions", error.into()))
}

async fn write(lake: &Lake, table: &Definition, rows: &RecordBatch) -> Result<(), Error> {
    match rows.num_rows() {
        0 => Ok(()),
        _ => write_all(lake, table, rows).await,
    }
}

/// Likewise, also where there are none.
async fn write_all(lake: &Lake, table: &Definition, rows: &RecordBatch) -> Result<(), Error> {
    let sums: StringViewArray = sums(rows).into_iter().map(Some).collect();
    let mut fields: Vec<Arc<Field>> = rows.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(SUM, DataType::Utf8View, true)));
    // No column of it carries statistics.
    let personal: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(sums) as ArrayRef);
    let failed =
        |error: arrow::error::ArrowError| Error::execution(table.full_name(), error.into());
    let layout = Layout::new(TableId::new(system::ZONE, "decisions"), &schema, &personal)?;
    let columns: Result<Vec<ArrayRef>, _> = columns
        .iter()
        .zip(layout.schema().fields())
        .map(|(column, field)| cast(column, field.data_type()))
        .collect();
    let copy = RecordBatch::try_new(Arc::clone(layout.schema()), columns.map_err(failed)?);
    let body = layout.to_parquet(&copy.map_err(failed)?)?;
    let name = format!("{}-{}.parquet", table.name(), uuid::Uuid::new_v4().simple());
    Ok(lake.write_decision_copy(&name, body).await?)
}

/// The rows of a copy; `None` where it is not as it was written.
fn rows_of(table: &Definition, body: Bytes) -> Option<Vec<RecordBatch>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(body).ok()?;
    let mut all = Vec::new();
    for batch in reader.build().ok()? {
        let batch = batch.ok()?;
        let noted = cast(batch.column_by_name(SUM)?, &DataType::Utf8View).ok()?;
        let schema = table.schema();
        let columns: Option<Vec<ArrayRef>> = schema
            .fields()
            .iter()
            .map(|field| cast(batch.column_by_name(field.name())?, field.data_type()).ok())
            .collect();
        let rows = RecordBatch::try_new(schema, columns?).ok()?;
        let noted = noted.as_string_view();
        let is_whole = noted.null_count() == 0
            && sums(&rows)
                .iter()
                .zip(noted.iter())
                .all(|(is, noted)| Some(is.as_str()) == noted);
        if !is_whole {
            return None;
        }
        all.push(rows);
    }
    Some(all)
}

fn sums(rows: &RecordBatch) -> Vec<String> {
    let hashes = content::hashes(rows).into_iter();
    hashes.map(|hash| format!("{hash:032x}")).collect()
}
