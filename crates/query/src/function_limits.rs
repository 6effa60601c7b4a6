//! Limits on functions whose result can be much larger than their arguments.
//!
//! `rpad('x', 2000000000, 'x')` allocates gigabytes within one call, which neither the
//! memory pool nor a cancellation can stop. So each of these functions is wrapped:
//! the size of its result is computed first, and too large a result is refused.
//!
//! | function | what makes its result large |
//! |---|---|
//! | `lpad`, `rpad` | a number |
//! | `replace`, `regexp_replace` | the inserted text, as often as the searched one occurs |
//! | `array_join` | the delimiter, as often as there are elements |
//! | `format` | the widths and precisions of the pattern |
//! | `repeat`, `array_repeat`, `array_resize`, `range`, `generate_series` | a number |

use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, FieldRef, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ExpressionPlacement, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, StructFieldMapping,
};

use crate::Error;
use crate::error::external;

/// Upper bound on the bytes of a function's result, given the arguments and the
/// number of rows.
type Size = fn(&[ArrayRef], usize) -> Result<u64>;

const FUNCTIONS: [(&str, Size); 11] = [
    ("array_join", array_join),
    ("regexp_replace", regexp_replace),
    ("repeat", array_repeat),
    ("format", format_of),
    ("lpad", pad),
    ("rpad", pad),
    ("replace", replace),
    ("array_repeat", array_repeat),
    ("array_resize", array_resize),
    ("range", range),
    ("generate_series", range),
];

/// Wraps the functions of `state` that need a limit, for a session with
/// `memory_bytes` of memory.
pub(crate) fn bounded_functions(state: &SessionState, memory_bytes: usize) -> Vec<ScalarUDF> {
    let known = state.scalar_functions();
    let functions = FUNCTIONS
        .iter()
        .filter_map(|(name, _)| Some(bounded(known.get(*name)?, memory_bytes)));
    functions.collect()
}

/// A function as a session with `memory_bytes` of memory calls it: with a limit if it
/// needs one.
pub(crate) fn bounded(function: &Arc<ScalarUDF>, memory_bytes: usize) -> ScalarUDF {
    let mut known = FUNCTIONS.iter();
    match known.find(|(name, _)| *name == function.name()) {
        None => function.as_ref().clone(),
        Some((_, size)) => ScalarUDF::new_from_impl(Bounded {
            inner: Arc::clone(function),
            size: *size,
            bytes_max: (memory_bytes as u64 / 4).clamp(16 << 20, 1 << 30),
        }),
    }
}

/// A function with a limit on the size of its result for one batch.
#[derive(Debug)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    size: Size,
    bytes_max: u64,
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner && self.bytes_max == other.bytes_max
    }
}

impl Eq for Bounded {}

impl Hash for Bounded {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
        self.bytes_max.hash(state);
    }
}

impl Bounded {
    fn check(&self, args: &ScalarFunctionArgs) -> Result<()> {
        let is_scalar = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(_));
        // Constant arguments alone give one result.
        let rows = match args.args.iter().all(is_scalar) {
            true => 1,
            false => args.number_rows,
        };
        let arrays: Vec<ArrayRef> = args
            .args
            .iter()
            .map(|arg| match arg {
                ColumnarValue::Array(array) => Ok(Arc::clone(array)),
                ColumnarValue::Scalar(scalar) => scalar.to_array(),
            })
            .collect::<Result<_>>()?;
        if (self.size)(&arrays, rows)? <= self.bytes_max {
            return Ok(());
        }
        Err(external(Error::LargeResult {
            function: self.inner.name().to_owned(),
            bytes_max: self.bytes_max,
        }))
    }
}

/// The row to read: a constant has only one.
fn row_of(array: &ArrayRef, row: usize) -> usize {
    if array.len() == 1 { 0 } else { row }
}

/// Bytes of the text at `row`; an estimate for other types.
fn length_at(array: &ArrayRef, row: usize) -> u64 {
    let row = row_of(array, row);
    if array.is_null(row) {
        return 0;
    }
    match array.data_type() {
        DataType::Utf8 => u64::from(array.as_string::<i32>().value_length(row).unsigned_abs()),
        DataType::LargeUtf8 => array.as_string::<i64>().value_length(row).unsigned_abs(),
        // A view begins with the length of its text.
        DataType::Utf8View => u64::from(array.as_string_view().views()[row] as u32),
        _ => {
            let bytes = array.to_data().get_slice_memory_size().unwrap_or_default();
            (bytes / array.len().max(1)) as u64
        }
    }
}

/// The number at `row`; zero if it is null or negative.
fn number_at(numbers: &ArrayRef, row: usize) -> u64 {
    let row = row_of(numbers, row);
    if numbers.is_null(row) {
        return 0;
    }
    u64::try_from(numbers.as_primitive::<Int64Type>().value(row)).unwrap_or(0)
}

fn numbers(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(array, &DataType::Int64)?)
}

/// The sum of `bytes` over all rows.
fn sum(rows: usize, bytes: impl Fn(usize) -> u64) -> u64 {
    (0..rows).fold(0, |sum, row| sum.saturating_add(bytes(row)))
}

/// `lpad(text, n, fill)`, n in characters.
fn pad(args: &[ArrayRef], rows: usize) -> Result<u64> {
    let [_, count, fill @ ..] = args else {
        return Ok(0);
    };
    let count = numbers(count)?;
    // A character of a fill of n bytes takes at most n bytes, and at most four.
    let letter = |row| {
        fill.first()
            .map_or(1, |fill| length_at(fill, row).clamp(1, 4))
    };
    let is_ascii = fill.first().is_none_or(is_ascii);
    Ok(sum(rows, |row| {
        let letter = if is_ascii { 1 } else { letter(row) };
        number_at(&count, row).saturating_mul(letter)
    }))
}

fn is_ascii(array: &ArrayRef) -> bool {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().is_ascii(),
        DataType::LargeUtf8 => array.as_string::<i64>().is_ascii(),
        DataType::Utf8View => array.as_string_view().is_ascii(),
        _ => false,
    }
}

/// `replace(text, from, to)`
fn replace(args: &[ArrayRef], rows: usize) -> Result<u64> {
    let [text, from, to] = args else { return Ok(0) };
    let most = |row| {
        let found = length_at(text, row) / length_at(from, row).max(1) + 1;
        found.saturating_mul(length_at(to, row))
    };
    // Most texts contain the searched text once or not at all. Count occurrences
    // only where the upper bound is large.
    let texts = [text, from].map(|array| cast(array, &DataType::Utf8View));
    let [Ok(text), Ok(from)] = texts else {
        return Ok(sum(rows, most));
    };
    let (text_at, from_at) = (text.as_string_view(), from.as_string_view());
    Ok(sum(rows, |row| {
        let most = most(row);
        if most <= 4 << 10 {
            return most;
        }
        let (in_text, in_from) = (row_of(&text, row), row_of(&from, row));
        if text_at.is_null(in_text) || from_at.is_null(in_from) {
            return 0;
        }
        let found = text_at
            .value(in_text)
            .matches(from_at.value(in_from))
            .count() as u64;
        found.saturating_mul(length_at(to, row))
    }))
}

/// `array_join(array, delimiter, null_replacement)`
fn array_join(args: &[ArrayRef], rows: usize) -> Result<u64> {
    let [lists, texts @ ..] = args else {
        return Ok(0);
    };
    let Some(lists) = lists.as_list_opt::<i32>() else {
        return Ok(0);
    };
    Ok(sum(rows, |row| {
        let elements = lists.value_length(row.min(lists.len() - 1)).unsigned_abs();
        let each = texts.iter().map(|text| length_at(text, row)).sum::<u64>();
        u64::from(elements).saturating_mul(each)
    }))
}

/// `format(pattern, values)`. A number is taken for a short text, though the longest
/// double has some 400 digits and commas.
fn format_of(args: &[ArrayRef], rows: usize) -> Result<u64> {
    let [patterns, values @ ..] = args else {
        return Ok(0);
    };
    let patterns = cast(patterns, &DataType::Utf8View)?;
    let texts = patterns.as_string_view();
    let of_pattern = |row| match texts.is_valid(row) {
        true => trino::format_bytes(texts.value(row)),
        false => 0,
    };
    let constant = (texts.len() == 1).then(|| of_pattern(0));
    Ok(sum(rows, |row| {
        let values = values.iter().map(|value| match value.data_type() {
            of if of.is_string() => length_at(value, row),
            _ => 32,
        });
        constant.unwrap_or_else(|| of_pattern(row)) + values.sum::<u64>()
    }))
}

/// `regexp_replace(text, pattern, replacement)`: a pattern matches once for each
/// character at most, and once more at the end.
fn regexp_replace(args: &[ArrayRef], rows: usize) -> Result<u64> {
    let [text, _, replacement] = args else {
        return Ok(0);
    };
    Ok(sum(rows, |row| {
        let matches = length_at(text, row).saturating_add(1);
        matches.saturating_mul(length_at(replacement, row))
    }))
}

/// `array_repeat(element, n)`
fn array_repeat(args: &[ArrayRef], rows: usize) -> Result<u64> {
    let [element, count] = args else { return Ok(0) };
    let count = numbers(count)?;
    Ok(sum(rows, |row| {
        let bytes = length_at(element, row).saturating_add(8);
        bytes.saturating_mul(number_at(&count, row))
    }))
}

/// `array_resize(array, n, element)`
fn array_resize(args: &[ArrayRef], rows: usize) -> Result<u64> {
    let [_, count, element @ ..] = args else {
        return Ok(0);
    };
    let count = numbers(count)?;
    Ok(sum(rows, |row| {
        let bytes = element.first().map_or(0, |element| length_at(element, row));
        bytes
            .saturating_add(8)
            .saturating_mul(number_at(&count, row))
    }))
}

/// `range(stop)`, `range(start, stop, step)`, of integers, dates or instants.
fn range(args: &[ArrayRef], rows: usize) -> Result<u64> {
    let whole = |array: &ArrayRef| match array.data_type() {
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _) => {
            let instants = cast(array, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
            cast(&instants, &DataType::Int64)
        }
        DataType::Interval(_) => cast(array, &DataType::Interval(IntervalUnit::MonthDayNano)),
        _ => cast(array, &DataType::Int64),
    };
    let values = args.iter().map(whole).collect::<Result<Vec<_>, _>>();
    // The function itself refuses anything but numbers and instants.
    let Ok(values) = values else { return Ok(0) };
    let signed = |array: &ArrayRef, row| {
        let row = row_of(array, row);
        match array.data_type() {
            _ if array.is_null(row) => 0,
            DataType::Interval(_) => {
                let step = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
                let days = i64::from(step.months) * 28 + i64::from(step.days);
                days * 86_400_000 + step.nanoseconds / 1_000_000
            }
            _ => array.as_primitive::<Int64Type>().value(row),
        }
    };
    Ok(sum(rows, |row| {
        let (start, stop, step) = match values.as_slice() {
            [stop] => (0, signed(stop, row), 1),
            [start, stop] => (signed(start, row), signed(stop, row), 1),
            [start, stop, step, ..] => (signed(start, row), signed(stop, row), signed(step, row)),
            [] => return 0,
        };
        if (stop > start) != (step >= 0) {
            return 0;
        }
        (start.abs_diff(stop) / step.unsigned_abs().max(1)).saturating_mul(8)
    }))
}

/// Delegates to the inner function; only `invoke_with_args` checks the size first.
impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = self.inner.inner().with_updated_config(config)?;
        Some(ScalarUDF::new_from_impl(Self {
            inner: Arc::new(inner),
            size: self.size,
            bytes_max: self.bytes_max,
        }))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn is_strict(&self) -> bool {
        self.inner.inner().is_strict()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.check(&args)?;
        self.inner.invoke_with_args(args)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, info)
    }

    fn preimage(
        &self,
        args: &[Expr],
        literal: &Expr,
        info: &SimplifyContext,
    ) -> Result<PreimageResult> {
        self.inner.inner().preimage(args, literal, info)
    }

    fn short_circuits(&self) -> bool {
        self.inner.short_circuits()
    }

    fn conditional_arguments<'a>(
        &self,
        args: &'a [Expr],
    ) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.inner().conditional_arguments(args)
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        self.inner.evaluate_bounds(inputs)
    }

    fn propagate_constraints(
        &self,
        interval: &Interval,
        inputs: &[&Interval],
    ) -> Result<Option<Vec<Interval>>> {
        self.inner.propagate_constraints(interval, inputs)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn preserves_lex_ordering(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.inner.preserves_lex_ordering(inputs)
    }

    fn strictly_order_preserving(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.inner.inner().strictly_order_preserving(inputs)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn struct_field_mapping(&self, args: &[Option<ScalarValue>]) -> Option<StructFieldMapping> {
        self.inner.inner().struct_field_mapping(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        self.inner.inner().placement(args)
    }
}
