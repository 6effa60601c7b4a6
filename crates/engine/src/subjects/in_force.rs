//! Who agrees to research, and whose devices report by that: out of rows of derived
//! tables. Full runs, incremental runs and `verify` all ask here.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use privacy::Purpose;

/// People whose consent to research is in force at `now_ms`, out of rows of
/// `system.consent`.
pub(crate) fn agreed(rows: &RecordBatch, now_ms: i64) -> impl Iterator<Item = &str> {
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
        .map(|row| subjects.value(row))
}

/// Devices that are owned by somebody of whom `agrees` is true, out of rows that begin
/// as those of `system.device_owner` do.
pub(crate) fn owned(
    rows: &RecordBatch,
    agrees: impl Fn(&str) -> bool,
) -> impl Iterator<Item = &str> {
    let serials = rows.column(0).as_string_view();
    let subjects = rows.column(1).as_string_view();
    (0..rows.num_rows())
        .filter(move |row| subjects.is_valid(*row) && agrees(subjects.value(*row)))
        .map(|row| serials.value(row))
}
