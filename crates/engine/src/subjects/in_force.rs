//! Finds people whose consent to research is in force, consents that began or ended, and the
//! devices of owners, in derived tables. Used by full runs, incremental runs and `verify`.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use privacy::Purpose;

/// The people in rows of `system.consent` whose consent to research is in force at
/// `now_ms`.
pub(crate) fn consenting_people(rows: &RecordBatch, now_ms: i64) -> impl Iterator<Item = &str> {
    consenting_since(rows, now_ms).map(|(person, _)| person)
}

/// As [`consenting_people`], each with the time when the consent began.
pub(crate) fn consenting_since(
    rows: &RecordBatch,
    now_ms: i64,
) -> impl Iterator<Item = (&str, i64)> {
    let subjects = rows.column(0).as_string_view();
    let purposes = rows.column(1).as_string_view();
    let from = rows.column(2).as_primitive::<Int64Type>();
    let to = rows.column(3).as_primitive::<Int64Type>();
    (0..rows.num_rows())
        .filter(move |row| {
            let has_begun = from.value(*row) <= now_ms;
            let has_ended = to.is_valid(*row) && to.value(*row) <= now_ms;
            purposes.value(*row) == Purpose::Research.as_str() && has_begun && !has_ended
        })
        .map(move |row| (subjects.value(row), from.value(row)))
}

/// A query for `columns` of the consents that began or ended between two times, in either
/// order. A time is in epoch milliseconds; the later one belongs to the interval.
pub(crate) fn began_or_ended(columns: &str, one_ms: i64, other_ms: i64) -> String {
    let (low, high) = (one_ms.min(other_ms), one_ms.max(other_ms));
    format!(
        "select {columns} from system.consent \
         where (valid_from > {low} and valid_from <= {high}) \
         or (valid_to > {low} and valid_to <= {high})"
    )
}

/// The devices of owners that `is_wanted` accepts. The first two columns of the rows are
/// those of `system.device_owner`.
pub(crate) fn devices_of(
    rows: &RecordBatch,
    is_wanted: impl Fn(&str) -> bool,
) -> impl Iterator<Item = &str> {
    let serials = rows.column(0).as_string_view();
    let subjects = rows.column(1).as_string_view();
    (0..rows.num_rows())
        .filter(move |row| subjects.is_valid(*row) && is_wanted(subjects.value(*row)))
        .map(|row| serials.value(row))
}
