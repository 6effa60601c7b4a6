//! Person records in one shape, for any names of their table and columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use catalog::PersonRecords;
use privacy::Purpose;
use query::sql::parse::quote;

/// Positions of the columns in that shape: the person, the record's time, a date for
/// each of [`Purpose::ALL`], and the device that the person claims.
pub(crate) const SUBJECT: usize = 0;
pub(crate) const TIME: usize = 1;
pub(crate) const CONSENT: usize = 2;
pub(crate) const DEVICE: usize = CONSENT + Purpose::ALL.len();

/// A query of all records: the subject, the record's time, and the dates of consent.
/// Records without a person are left out.
pub(crate) fn consent_query(records: &PersonRecords) -> String {
    let date = |column: &Option<String>| match column {
        Some(column) => quote(column),
        None => "cast(null as bigint)".to_owned(),
    };
    let dates = records.consent.iter().enumerate();
    let dates = dates.map(|(index, column)| format!("{} as date_{index}", date(column)));
    query_of(records, &dates.collect::<Vec<_>>().join(", "))
}

/// A query of all records: the subject, the record's time, and the device that the
/// person claims. Records without a person are left out.
pub(crate) fn claim_query(records: &PersonRecords) -> String {
    let device = match &records.device {
        Some(column) => quote(column),
        None => "arrow_cast(null, 'Utf8View')".to_owned(),
    };
    query_of(records, &format!("{device} as device"))
}

fn query_of(records: &PersonRecords, columns: &str) -> String {
    let person = format!("subject({})", quote(&records.subject));
    let (time, table) = (quote(&records.time), quote(records.table.as_ref()));
    format!(
        "select {person} as subject, {time} as changed_at, {columns} \
         from landing.{table} where {person} <> ''"
    )
}

/// The landing columns that the shape consists of, each once.
pub(crate) fn columns(records: &PersonRecords) -> Vec<String> {
    let mut columns = Vec::new();
    for (column, _) in shape(records) {
        if let Some(column) = column.filter(|column| !columns.contains(*column)) {
            columns.push(column.clone());
        }
    }
    columns
}

/// The landing column of each position, and its type. Records may lack dates and the
/// device.
fn shape(records: &PersonRecords) -> impl Iterator<Item = (Option<&String>, DataType)> {
    let dates = records.consent.iter().map(Option::as_ref);
    let dates = dates.map(|date| (date, DataType::Int64));
    [
        (Some(&records.subject), DataType::Utf8View),
        (Some(&records.time), DataType::Int64),
    ]
    .into_iter()
    .chain(dates)
    .chain([(records.device.as_ref(), DataType::Utf8View)])
}

/// Rows with the [`columns`] of the landing table, in the shape. Columns that records do
/// not have are null.
///
/// # Errors
/// [`ArrowError`] if a column is missing.
pub(crate) fn shaped(
    records: &PersonRecords,
    rows: &RecordBatch,
) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut arrays) = (Vec::new(), Vec::<ArrayRef>::new());
    for (index, (column, data_type)) in shape(records).enumerate() {
        arrays.push(match (column, &data_type) {
            (Some(column), _) => Arc::clone(rows.column(rows.schema().index_of(column)?)),
            (None, DataType::Int64) => Arc::new(Int64Array::new_null(rows.num_rows())),
            (None, _) => Arc::new(StringViewArray::new_null(rows.num_rows())),
        });
        fields.push(Field::new(index.to_string(), data_type, true));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}
