//! Columns of a landing table whose values follow from the file of a row: those of
//! its partition folders, and, where a statement asks for them, its place.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use catalog::ColumnType;
use chrono::NaiveDate;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;

use super::SourceFile;

/// The folder of rows whose partition column is null.
const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

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
        match self {
            FileColumn::Partition { name, .. } => name,
            FileColumn::Path => "$path",
            FileColumn::Size => "$file_size",
            FileColumn::ModifiedTime => "$file_modified_time",
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

fn kind_of(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Bigint => DataType::Int64,
        ColumnType::Int => DataType::Int32,
        ColumnType::Date => DataType::Date32,
        _ => DataType::Utf8View,
    }
}

fn null_of(kind: ColumnType) -> ScalarValue {
    match kind {
        ColumnType::Bigint => ScalarValue::Int64(None),
        ColumnType::Int => ScalarValue::Int32(None),
        ColumnType::Date => ScalarValue::Date32(None),
        _ => ScalarValue::Utf8View(None),
    }
}

/// The folders of a file's partition, such as `dt=2024-01-31/site=a`.
pub(super) fn partition_name(file: &SourceFile, columns: &[catalog::Column]) -> String {
    let parts = columns.iter().zip(file.partition.iter());
    let parts = parts.map(|(column, value)| match value.is_null() {
        true => format!("{}={NULL_FOLDER}", column.name),
        false => format!("{}={value}", column.name),
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The values of a table's partition columns in the file `name`, a path below the
/// table's folder; and whether its folders name each of them. Others are null.
pub(super) fn partition_of(name: &str, columns: &[catalog::Column]) -> (Arc<[ScalarValue]>, bool) {
    let folders = name.rsplit_once('/').map_or("", |(folders, _)| folders);
    let mut is_whole = true;
    let values = columns.iter().map(|column| {
        let mut pairs = folders.split('/').filter_map(|part| part.split_once('='));
        let own = pairs.find(|(key, _)| decoded(key).eq_ignore_ascii_case(&column.name));
        let value = match own {
            Some((_, NULL_FOLDER)) => return null_of(column.kind),
            Some((_, text)) => value_of(column.kind, decoded(text)),
            None => None,
        };
        is_whole &= value.is_some();
        value.unwrap_or_else(|| null_of(column.kind))
    });
    let values = values.collect();
    (values, is_whole)
}

fn value_of(kind: ColumnType, text: String) -> Option<ScalarValue> {
    Some(match kind {
        ColumnType::Bigint => ScalarValue::Int64(Some(text.parse().ok()?)),
        ColumnType::Int => ScalarValue::Int32(Some(text.parse().ok()?)),
        ColumnType::Date => {
            let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?;
            let days = day.signed_duration_since(NaiveDate::default()).num_days();
            ScalarValue::Date32(Some(i32::try_from(days).ok()?))
        }
        _ => ScalarValue::Utf8View(Some(text)),
    })
}

/// A folder's name without the escapes of a URL.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let escaped = after.first_chunk::<2>().filter(|_| *byte == b'%');
        let escaped = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[2..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Keeps the files of which `filters` may keep rows: conditions on columns that
/// follow from the file.
pub(super) fn keep_files(
    files: &mut Vec<SourceFile>,
    of_file: &[FileColumn],
    filters: &[Expr],
    state: &dyn Session,
) -> Result<()> {
    let Some(filter) = conjunction(filters.iter().cloned()) else {
        return Ok(());
    };
    let fields: Vec<_> = of_file.iter().map(FileColumn::field).collect();
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let columns = of_file.iter().map(|column| {
        let values = files.iter().map(|file| column.value(file));
        ScalarValue::iter_to_array(values)
    });
    if files.is_empty() {
        return Ok(());
    }
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<_>>()?)?;
    let filter = state.create_physical_expr(filter, &DFSchema::try_from(schema)?)?;
    let kept = filter.evaluate(&batch)?.into_array(batch.num_rows())?;
    let mut kept = kept.as_boolean().iter();
    files.retain(|_| kept.next() == Some(Some(true)));
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_name_partition_values() {
        let column = |name: &str, kind| catalog::Column {
            name: name.to_owned(),
            kind,
            comment: None,
            line: 1,
        };
        let columns = [
            column("dt", ColumnType::Date),
            column("site", ColumnType::String),
        ];
        for (name, expected, whole) in [
            ("dt=2024-01-31/site=a/b.json", "2024-01-31 a", true),
            ("site=a/DT=2024-01-31/x/b.json", "2024-01-31 a", true),
            ("dt=2024-01-31/site=a%20b%2Fc/b", "2024-01-31 a b/c", true),
            ("dt=2024-01-31/site=/b", "2024-01-31 ", true),
            ("dt=2024-01-31/site=a=b/b", "2024-01-31 a=b", true),
            ("dt=2024-01-31/site=%zz%/b", "2024-01-31 %zz%", true),
            ("dt=__HIVE_DEFAULT_PARTITION__/site=a/b", "NULL a", true),
            ("dt=2024-01-32/site=a/b", "NULL a", false),
            ("dt=2024-01-31/b", "2024-01-31 NULL", false),
            ("dt=2024-01-31/site=a", "2024-01-31 NULL", false),
            ("2024/01/31/b", "NULL NULL", false),
        ] {
            let (values, is_whole) = partition_of(name, &columns);
            let shown: Vec<String> = values.iter().map(ToString::to_string).collect();
            assert_eq!(
                (shown.join(" ").as_str(), is_whole),
                (expected, whole),
                "{name}"
            );
        }
    }
}
