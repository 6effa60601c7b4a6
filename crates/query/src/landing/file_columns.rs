//! Columns of a landing table whose values follow from the file of a row: those of
//! its partition folders, and, where a statement asks for them, its place.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use catalog::ColumnType;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;

use super::partition::{kind_of, null_of};
use super::source::SourceFile;

/// A column whose value is the same for all rows of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileColumn {
    /// A partition column of this name and type, the n-th one.
    Partition {
        name: String,
        kind: ColumnType,
        index: usize,
    },
    /// `$path`: where the file lies.
    Path,
    /// `$file_size`: its bytes, as it lies.
    Size,
    /// `$file_modified_time`.
    ModifiedTime,
}

/// The columns that a statement may ask for by name and that `*` does not mean.
pub(super) const HIDDEN: [FileColumn; 3] =
    [FileColumn::Path, FileColumn::Size, FileColumn::ModifiedTime];

impl FileColumn {
    /// The partition columns of a table.
    pub(super) fn partitions_of(table: &catalog::LandingTable) -> Vec<FileColumn> {
        let columns = table.partition_columns().iter().enumerate();
        columns
            .map(|(index, column)| FileColumn::Partition {
                name: column.name.clone(),
                kind: column.kind,
                index,
            })
            .collect()
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        let [path, size, modified_time] = catalog::HIDDEN_COLUMNS;
        match self {
            FileColumn::Partition { name, .. } => name,
            FileColumn::Path => path,
            FileColumn::Size => size,
            FileColumn::ModifiedTime => modified_time,
        }
    }

    /// The column of a schema.
    pub(super) fn field(&self) -> Field {
        let kind = match self {
            FileColumn::Partition { kind, .. } => kind_of(*kind),
            FileColumn::Path => DataType::Utf8View,
            FileColumn::Size => DataType::Int64,
            FileColumn::ModifiedTime => DataType::Timestamp(TimeUnit::Millisecond, None),
        };
        Field::new(self.name(), kind, true)
    }

    /// Its value in the rows of a file.
    pub(super) fn value(&self, file: &SourceFile) -> ScalarValue {
        match self {
            FileColumn::Partition { kind, index, .. } => {
                let null = || null_of(*kind);
                file.partition.get(*index).cloned().unwrap_or_else(null)
            }
            FileColumn::Path => ScalarValue::Utf8View(Some(place_of(file))),
            FileColumn::Size => ScalarValue::Int64(i64::try_from(file.bytes).ok()),
            FileColumn::ModifiedTime => {
                ScalarValue::TimestampMillisecond(Some(file.modified_ms), None)
            }
        }
    }
}

/// Where a file lies, whatever folder the program was started in.
fn place_of(file: &SourceFile) -> String {
    match file.shown.contains("://") {
        true => file.shown.clone(),
        false => format!("/{}", file.path),
    }
}

/// Keeps the files of which `filters` may keep rows: conditions on columns that
/// follow from the file. Where a condition cannot be decided here, all files stay: the
/// statement decides it again for each row.
pub(super) fn keep_files(
    files: &mut Vec<SourceFile>,
    of_file: &[FileColumn],
    filters: &[Expr],
    state: &dyn Session,
) {
    let Some(filter) = conjunction(filters.iter().cloned()).filter(|_| !files.is_empty()) else {
        return;
    };
    let fields: Vec<_> = of_file.iter().map(FileColumn::field).collect();
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let kept = || -> Result<ArrayRef> {
        let columns = of_file.iter().map(|column| {
            let values = files.iter().map(|file| column.value(file));
            ScalarValue::iter_to_array(values)
        });
        let columns = columns.collect::<Result<_>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        let filter = state.create_physical_expr(filter, &DFSchema::try_from(schema)?)?;
        filter.evaluate(&batch)?.into_array(batch.num_rows())
    };
    let kept = kept().ok();
    if let Some(kept) = kept.as_ref().and_then(|kept| kept.as_boolean_opt()) {
        let mut kept = kept.iter();
        files.retain(|_| kept.next() == Some(Some(true)));
    }
}

/// Where the columns of a scan come from.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    places: Vec<Place>,
    schema: SchemaRef,
}

#[derive(Debug, Clone)]
enum Place {
    /// This column of the decoder's batches.
    Decoded(usize),
    File(FileColumn),
}

impl Layout {
    /// The layout of the columns at `projection` in a table that has `decoded` columns
    /// of its files' records and then those in `of_file`; and the columns that the
    /// decoder builds. `schema` is that of the projection.
    pub(super) fn new(
        projection: &[usize],
        decoded: usize,
        of_file: &[FileColumn],
        schema: SchemaRef,
    ) -> (Self, Vec<usize>) {
        let mut built = Vec::new();
        let places = projection
            .iter()
            .map(|index| match index.checked_sub(decoded) {
                Some(index) => Place::File(of_file[index].clone()),
                None => {
                    built.push(*index);
                    Place::Decoded(built.len() - 1)
                }
            });
        let places = places.collect();
        (Self { places, schema }, built)
    }

    /// Where the decoder builds the column at `index` of the scan, if it does.
    pub(super) fn decoded(&self, index: usize) -> Option<usize> {
        match self.places.get(index)? {
            Place::Decoded(index) => Some(*index),
            Place::File(_) => None,
        }
    }

    /// The rows of a decoded batch of `file` with all columns of the scan.
    pub(super) fn complete(&self, batch: &RecordBatch, file: &SourceFile) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let columns = self.places.iter().map(|place| match place {
            Place::Decoded(index) => Ok(Arc::clone(batch.column(*index))),
            Place::File(column) => column.value(file).to_array_of_size(rows),
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&self.schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }
}
