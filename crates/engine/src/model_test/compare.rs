//! Rows that came out beside rows that were expected.

use std::collections::HashMap;

use super::report::RowsReport;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Rows as text, `None` for null.
pub(super) type Rows = Vec<Vec<Option<String>>>;

/// Compares what came out with what was expected, column by column in the order
/// of `columns`. `None` where they are the same rows, in any order unless
/// `in_order`.
pub(super) fn compare(
    columns: Vec<String>,
    expected: &RecordBatch,
    actual: &RecordBatch,
    in_order: bool,
) -> Option<RowsReport> {
    let (mut expected_columns, mut actual_columns) = (Vec::new(), Vec::new());
    for (expected, actual) in expected.columns().iter().zip(actual.columns()) {
        let (expected, actual) = alike(&in_milliseconds(expected), &in_milliseconds(actual));
        expected_columns.push(texts(&expected));
        actual_columns.push(texts(&actual));
    }
    let expected = rows(&expected_columns, expected.num_rows());
    let actual = rows(&actual_columns, actual.num_rows());
    if expected == actual {
        return None;
    }
    let (missing, extra) = (without(&expected, &actual), without(&actual, &expected));
    if !missing.is_empty() || !extra.is_empty() {
        return Some(RowsReport {
            columns,
            missing,
            extra,
        });
    }
    in_order.then_some(RowsReport {
        columns,
        missing: expected,
        extra: actual,
    })
}

/// All rows as extra ones, without columns that are null in every row.
pub(super) fn all_extra(found: &RecordBatch) -> RowsReport {
    let columns = found.columns().iter();
    let some = |column: &ArrayRef| column.logical_null_count() < column.len();
    let kept: Vec<usize> = columns
        .enumerate()
        .filter(|(_, c)| some(c))
        .map(|(i, _)| i)
        .collect();
    let found = found.project(&kept).unwrap_or_else(|_| found.clone());
    let fields = found.schema();
    RowsReport {
        columns: fields
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect(),
        missing: Vec::new(),
        extra: rows_of(&found),
    }
}

/// Rows of a batch, as text.
pub(super) fn rows_of(batch: &RecordBatch) -> Rows {
    let columns: Vec<_> = batch.columns().iter().map(texts).collect();
    rows(&columns, batch.num_rows())
}

/// Instants as epoch milliseconds, as all times of tables are.
pub(super) fn in_milliseconds(column: &ArrayRef) -> ArrayRef {
    let timestamp = match column.data_type() {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::Date32 | DataType::Date64 => DataType::Timestamp(TimeUnit::Millisecond, None),
        _ => return column.clone(),
    };
    let milliseconds = cast(column, &timestamp).and_then(|column| cast(&column, &DataType::Int64));
    milliseconds.unwrap_or_else(|_| column.clone())
}

/// Both columns in one type, so that equal values have equal texts: numbers as
/// the wider of both, and what was expected as the type that came out.
fn alike(expected: &ArrayRef, actual: &ArrayRef) -> (ArrayRef, ArrayRef) {
    let (one, other) = (expected.data_type(), actual.data_type());
    if one == other {
        return (expected.clone(), actual.clone());
    }
    let wanted = match (one.is_floating(), other.is_integer()) {
        (true, true) => one,
        _ => other,
    };
    match (exactly(expected, wanted), exactly(actual, wanted)) {
        (Some(expected), Some(actual)) => (expected, actual),
        _ => (expected.clone(), actual.clone()),
    }
}

/// The column in another type, unless a value is lost on the way.
fn exactly(column: &ArrayRef, wanted: &DataType) -> Option<ArrayRef> {
    let exact = cast(column, wanted).ok()?;
    (exact.logical_null_count() == column.logical_null_count()).then_some(exact)
}

fn texts(column: &ArrayRef) -> Vec<Option<String>> {
    let options = FormatOptions::new().with_display_error(true);
    let shown = |row: usize, formatter: &ArrayFormatter<'_>| {
        (!column.is_null(row)).then(|| formatter.value(row).to_string())
    };
    match ArrayFormatter::try_new(column, &options) {
        Ok(formatter) if *column.data_type() != DataType::Null => (0..column.len())
            .map(|row| shown(row, &formatter))
            .collect(),
        _ => vec![None; column.len()],
    }
}

fn rows(columns: &[Vec<Option<String>>], count: usize) -> Rows {
    let row = |row: usize| columns.iter().map(|column| column[row].clone()).collect();
    (0..count).map(row).collect()
}

/// Rows of `some` for which `others` has no equal one, in the order of `some`.
fn without(some: &Rows, others: &Rows) -> Rows {
    let mut counts: HashMap<&Vec<Option<String>>, usize> = HashMap::new();
    for row in others {
        *counts.entry(row).or_default() += 1;
    }
    let mut rest = Rows::new();
    for row in some {
        match counts.get_mut(row) {
            Some(count) if *count > 0 => *count -= 1,
            _ => rest.push(row.clone()),
        }
    }
    rest
}

/// The integers of a row's columns; 0 for null.
pub(super) fn integers(batch: &RecordBatch) -> Vec<i64> {
    let value = |column: &ArrayRef| {
        let column = cast(column, &DataType::Int64).ok()?;
        let column = column.as_primitive::<Int64Type>();
        (!column.is_empty() && !column.is_null(0)).then(|| column.value(0))
    };
    let columns = batch.columns().iter();
    columns.map(|column| value(column).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray, StringViewArray};

    use super::*;

    fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
        let named = columns.into_iter().enumerate();
        RecordBatch::try_from_iter_with_nullable(
            named.map(|(number, column)| (format!("c{number}"), column, true)),
        )
        .unwrap()
    }

    #[test]
    fn rows_that_are_the_same_and_rows_that_are_not() {
        let long =
            |values: &[Option<i64>]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
        let double = |values: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
        let text = |values: &[&str]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
        let view =
            |values: &[&str]| -> ArrayRef { Arc::new(StringViewArray::from(values.to_vec())) };
        let check = |expected: ArrayRef,
                     actual: ArrayRef,
                     in_order: bool,
                     outcome: Option<(&[&str], &[&str])>| {
            let shown = format!("{expected:?} and {actual:?}");
            let report = compare(
                vec!["c".to_owned()],
                &batch(vec![expected]),
                &batch(vec![actual]),
                in_order,
            );
            let flat = |rows: Rows| -> Vec<String> {
                rows.into_iter()
                    .flatten()
                    .map(|cell| cell.unwrap_or("null".to_owned()))
                    .collect()
            };
            let report = report.map(|report| (flat(report.missing), flat(report.extra)));
            let outcome = outcome.map(|(missing, extra)| {
                let owned = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
                (owned(missing), owned(extra))
            });
            assert_eq!(report, outcome, "{shown}");
        };
        let one = Some(1);
        check(long(&[one, None]), long(&[None, one]), false, None);
        check(
            long(&[one, None]),
            long(&[None, one]),
            true,
            Some((&["1", "null"], &["null", "1"])),
        );
        check(long(&[one]), long(&[one, one]), false, Some((&[], &["1"])));
        check(long(&[one, one]), long(&[one]), false, Some((&["1"], &[])));
        check(
            long(&[Some(0)]),
            long(&[None]),
            false,
            Some((&["0"], &["null"])),
        );
        check(text(&["a"]), view(&["a"]), false, None);
        check(text(&["a"]), view(&["A"]), false, Some((&["a"], &["A"])));
        check(long(&[one]), double(&[1.0]), false, None);
        check(double(&[1.0]), long(&[one]), false, None);
        check(
            double(&[1.5]),
            long(&[one]),
            false,
            Some((&["1.5"], &["1.0"])),
        );
        check(text(&["1"]), long(&[one]), false, None);
        check(text(&["x"]), long(&[one]), false, Some((&["x"], &["1"])));
        check(long(&[one]), text(&["1"]), false, None);
    }
}
