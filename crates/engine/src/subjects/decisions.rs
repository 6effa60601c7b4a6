//! Copies of decisions by people: consent entered by hand, and dropped quarantine entries.
//!
//! Everything else in a lake can be computed again from landing files, the data product
//! and the key. Decisions cannot, so they are kept twice: in their system table, and in
//! copies in `system/decisions`. A copy is a plain Parquet file with the table's columns
//! and a checksum column, `sum`. It is written after its table; the next lock holder adds
//! rows that are missing on either side.

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

/// The checksum column.
const SUM: &str = "sum";

/// If a table has more copies than this, one copy replaces all of them.
const COPIES_MAX: usize = 8;

/// All decisions in the copies.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    /// Rows of the register of consent.
    pub(crate) consent: Vec<RecordBatch>,
    /// Dropped quarantine entries, without their bytes.
    pub(crate) dropped: Vec<QuarantineEntry>,
    /// File names of copies that cannot be read.
    pub(crate) damaged: Vec<String>,
    register_copies: Vec<String>,
    quarantine_copies: Vec<String>,
}

impl Decisions {
    /// Reads all copies of a lake.
    ///
    /// # Errors
    /// [`Error::Lake`] if the store does not answer.
    pub(crate) async fn read(lake: &Lake) -> Result<Self, Error> {
        let mut all = Self::default();
        let mut dropped: Vec<RecordBatch> = Vec::new();
        for (name, body) in lake.decision_copies().await? {
            let (table, batches, names) = if name.starts_with(CONSENT_REGISTER.name()) {
                (
                    &CONSENT_REGISTER,
                    &mut all.consent,
                    &mut all.register_copies,
                )
            } else if name.starts_with(QUARANTINE.name()) {
                (&QUARANTINE, &mut dropped, &mut all.quarantine_copies)
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

    /// The position after all entries of the register that have a copy.
    pub(crate) fn next_position(&self) -> i64 {
        let positions = self.consent.iter().flat_map(|rows| {
            let positions = rows.column(0).as_primitive::<Int64Type>();
            positions.iter().flatten()
        });
        positions.max().map_or(0, |last| last + 1)
    }

    /// Copied rows of the register that `rows` do not have.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub(crate) fn missing_from(&self, rows: &RecordBatch) -> Result<RecordBatch, Error> {
        let copied = concat_rows(&CONSENT_REGISTER, &self.consent)?;
        rows_not_in(&copied, rows)
    }

    /// How many `entries` of the register have no copy.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub(crate) fn count_uncopied(&self, entries: &RecordBatch) -> Result<usize, Error> {
        let copied = concat_rows(&CONSENT_REGISTER, &self.consent)?;
        Ok(rows_not_in(entries, &copied)?.num_rows())
    }

    /// Whether the register has no copy: neither an empty one, nor one that cannot be read.
    pub(crate) fn have_no_register_copy(&self) -> bool {
        self.register_copies.is_empty() && self.damaged.is_empty()
    }

    /// Writes copies of `entries` of the register and of dropped entries in `quarantined`,
    /// where they have none. Removes copies that cannot be read: all rows still known have
    /// another copy by then.
    ///
    /// # Errors
    /// [`Error::Lake`].
    pub(crate) async fn complete(
        &self,
        lake: &Lake,
        entries: &RecordBatch,
        quarantined: &[QuarantineEntry],
    ) -> Result<(), Error> {
        let copied = concat_rows(&CONSENT_REGISTER, &self.consent)?;
        let missing = rows_not_in(entries, &copied)?;
        let (rows, replaces) = match self.register_copies.len() > COPIES_MAX {
            true => (
                concat_rows(&CONSENT_REGISTER, &[copied, missing])?,
                &self.register_copies[..],
            ),
            false => (missing, &[][..]),
        };
        match self.register_copies.is_empty() {
            // Even an empty register gets a copy: it tells a lake without entries from one
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
        let replaces = match self.quarantine_copies.len() > COPIES_MAX {
            true => {
                dropped.extend(self.dropped.iter().cloned());
                &self.quarantine_copies[..]
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

/// Writes a copy of dropped quarantine entries.
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

/// All rows of batches of one table in one batch.
///
/// # Errors
/// [`Error::Query`].
pub(crate) fn concat_rows(
    table: &Definition,
    batches: &[RecordBatch],
) -> Result<RecordBatch, Error> {
    concat_batches(&table.schema(), batches)
        .map_err(|error| Error::execution(table.full_name(), error.into()))
}

/// The rows of `all` that are not in `others`, each once.
///
/// # Errors
/// [`Error::Query`].
pub(crate) fn rows_not_in(all: &RecordBatch, others: &RecordBatch) -> Result<RecordBatch, Error> {
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

/// Writes a copy even if there are no rows.
async fn write_all(lake: &Lake, table: &Definition, rows: &RecordBatch) -> Result<(), Error> {
    let sums: StringViewArray = sums(rows).into_iter().map(Some).collect();
    let mut fields: Vec<Arc<Field>> = rows.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(SUM, DataType::Utf8View, true)));
    // A personal column gets no statistics; here no column may have any.
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

/// The rows of a copy; `None` if the file or a checksum is damaged.
fn rows_of(table: &Definition, body: Bytes) -> Option<Vec<RecordBatch>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(body).ok()?;
    let mut all = Vec::new();
    for batch in reader.build().ok()? {
        let batch = batch.ok()?;
        let written_sums = cast(batch.column_by_name(SUM)?, &DataType::Utf8View).ok()?;
        let schema = table.schema();
        let columns: Option<Vec<ArrayRef>> = schema
            .fields()
            .iter()
            .map(|field| cast(batch.column_by_name(field.name())?, field.data_type()).ok())
            .collect();
        let rows = RecordBatch::try_new(schema, columns?).ok()?;
        let written_sums = written_sums.as_string_view();
        let is_intact = written_sums.null_count() == 0
            && sums(&rows)
                .iter()
                .zip(written_sums.iter())
                .all(|(sum, written)| Some(sum.as_str()) == written);
        if !is_intact {
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
