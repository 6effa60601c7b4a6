//! Functions with lambdas that DataFusion does not have.
//!
//! A lambda is computed for the elements of all rows of a batch at once; columns that it
//! reads are repeated for each element of their row.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, MapArray, UInt32Array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{cast, concat, filter, interleave, take, take_arrays};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature,
    HigherOrderUDF, HigherOrderUDFImpl, LambdaArgument, LambdaParametersProgress, ValueOrLambda,
    Volatility,
};

use crate::fault::Fault;
use crate::nested::{entry, list_of, map_array, map_of};

/// All functions of this module.
pub(crate) fn functions() -> Vec<HigherOrderUDF> {
    [
        Kind::ZipWith,
        Kind::Reduce,
        Kind::MapFilter,
        Kind::TransformKeys,
        Kind::TransformValues,
        Kind::Try,
    ]
    .map(|kind| {
        HigherOrderUDF::new_from_impl(WithLambda {
            kind,
            signature: HigherOrderSignature::exact(kind.arguments(), Volatility::Immutable),
        })
    })
    .into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    ZipWith,
    Reduce,
    MapFilter,
    TransformKeys,
    TransformValues,
    /// `try(value)`, whose argument a statement writes without an arrow.
    Try,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WithLambda {
    kind: Kind,
    signature: HigherOrderSignature,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::ZipWith => "zip_with",
            Self::Reduce => "reduce",
            Self::MapFilter => "map_filter",
            Self::TransformKeys => "transform_keys",
            Self::TransformValues => "transform_values",
            Self::Try => "try",
        }
    }

    fn written(self) -> &'static str {
        match self {
            Self::ZipWith => "zip_with(array, array, (x, y) -> x + y)",
            Self::Reduce => "reduce(array, 0, (s, x) -> s + x, s -> s)",
            Self::MapFilter => "map_filter(map, (k, v) -> v > 0)",
            Self::TransformKeys => "transform_keys(map, (k, v) -> k)",
            Self::TransformValues => "transform_values(map, (k, v) -> v)",
            Self::Try => "try(value)",
        }
    }

    fn arguments(self) -> Vec<ValueOrLambda<(), ()>> {
        use ValueOrLambda::{Lambda, Value};
        match self {
            Self::ZipWith => vec![Value(()), Value(()), Lambda(())],
            Self::Reduce => vec![Value(()), Value(()), Lambda(()), Lambda(())],
            Self::Try => vec![Lambda(())],
            _ => vec![Value(()), Lambda(())],
        }
    }

    fn fault(self) -> Fault {
        Fault::arguments(self.name(), self.written())
    }
}

fn nullable(of: &DataType) -> FieldRef {
    Arc::new(Field::new("", of.clone(), true))
}

fn item(list: &DataType) -> Option<&DataType> {
    match list {
        DataType::List(field) => Some(field.data_type()),
        _ => None,
    }
}

impl HigherOrderUDFImpl for WithLambda {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let list = |of: &DataType| match of {
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::FixedSizeList(field, _) => Some(list_of(field.data_type().clone())),
            DataType::Null => Some(list_of(DataType::Null)),
            _ => None,
        };
        let coerced = match (self.kind, given) {
            (Kind::ZipWith, [one, other]) => list(one)
                .zip(list(other))
                .map(|(one, other)| vec![one, other]),
            (Kind::Reduce, [of, start]) => list(of).map(|of| vec![of, start.clone()]),
            (Kind::Try, []) => Some(Vec::new()),
            (_, [map @ DataType::Map(..)]) => Some(vec![map.clone()]),
            _ => None,
        };
        coerced.ok_or_else(|| self.kind.fault().into())
    }

    fn lambda_parameters(
        &self,
        _: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        use ValueOrLambda::{Lambda, Value};
        let of = |list: &FieldRef| item(list.data_type()).map(nullable);
        let parameters = match (self.kind, fields) {
            (Kind::ZipWith, [Value(one), Value(other), Lambda(_)]) => {
                of(one).zip(of(other)).map(|(x, y)| vec![vec![x, y]])
            }
            (Kind::Reduce, [Value(list), Value(start), Lambda(merged), Lambda(_)]) => {
                let Some(element) = of(list) else {
                    return Err(self.kind.fault().into());
                };
                // The state has the type that a step gives it, once that is known.
                match merged {
                    Some(merged) => {
                        let state = nullable(merged.data_type());
                        Some(vec![vec![Arc::clone(&state), element], vec![state]])
                    }
                    None => {
                        let state = nullable(start.data_type());
                        return Ok(LambdaParametersProgress::Partial(vec![
                            Some(vec![state, element]),
                            None,
                        ]));
                    }
                }
            }
            // The statement gives it one parameter, which is always null.
            (Kind::Try, [Lambda(_)]) => Some(vec![vec![nullable(&DataType::Boolean)]]),
            (_, [Value(map), Lambda(_)]) => entry(map.data_type())
                .map(|(key, value)| vec![vec![nullable(key), nullable(value)]]),
            _ => None,
        };
        match parameters {
            Some(parameters) => Ok(LambdaParametersProgress::Complete(parameters)),
            None => Err(self.kind.fault().into()),
        }
    }

    fn coerce_values_for_lambdas(
        &self,
        fields: &[ValueOrLambda<DataType, DataType>],
    ) -> Result<Option<Vec<DataType>>> {
        use ValueOrLambda::{Lambda, Value};
        match (self.kind, fields) {
            (Kind::Reduce, [Value(list), Value(_), Lambda(merged), Lambda(_)]) => {
                Ok(Some(vec![list.clone(), merged.clone()]))
            }
            _ => Ok(None),
        }
    }

    fn return_field_from_args(&self, args: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        use ValueOrLambda::{Lambda, Value};
        let of = match (self.kind, args.arg_fields) {
            (Kind::ZipWith, [_, _, Lambda(result)]) => Some(list_of(result.data_type().clone())),
            (Kind::Reduce, [_, _, _, Lambda(result)]) | (Kind::Try, [Lambda(result)]) => {
                Some(result.data_type().clone())
            }
            (Kind::MapFilter, [Value(map), Lambda(result)]) => {
                let is_boolean = matches!(result.data_type(), DataType::Boolean | DataType::Null);
                is_boolean
                    .then(|| entry(map.data_type()))
                    .flatten()
                    .map(|(key, value)| map_of(key.clone(), value.clone()))
            }
            (Kind::TransformKeys, [Value(map), Lambda(key)]) => entry(map.data_type())
                .map(|(_, value)| map_of(key.data_type().clone(), value.clone())),
            (Kind::TransformValues, [Value(map), Lambda(value)]) => entry(map.data_type())
                .map(|(key, _)| map_of(key.clone(), value.data_type().clone())),
            _ => None,
        };
        of.map(|of| nullable(&of))
            .ok_or_else(|| self.kind.fault().into())
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let mut values = Vec::new();
        let mut lambdas = Vec::new();
        for arg in &args.args {
            match arg {
                ValueOrLambda::Value(value) => values.push(value.to_array(rows)?),
                ValueOrLambda::Lambda(lambda) => lambdas.push(lambda),
            }
        }
        let of = args.return_type();
        let computed = match (self.kind, values.as_slice(), lambdas.as_slice()) {
            (Kind::ZipWith, [one, other], [lambda]) => {
                zip_with(one.as_list(), other.as_list(), lambda)?
            }
            (Kind::Reduce, [lists, start], [merge, finish]) => {
                reduce(lists.as_list(), start, merge, finish)?
            }
            (Kind::MapFilter, [maps], [lambda]) => map_filter(maps.as_map(), lambda)?,
            (Kind::TransformKeys, [maps], [lambda]) => transform_map(maps.as_map(), lambda, true)?,
            (Kind::TransformValues, [maps], [lambda]) => {
                transform_map(maps.as_map(), lambda, false)?
            }
            (Kind::Try, [], [lambda]) => {
                TRIES.set(TRIES.get().wrapping_add(1));
                attempt(lambda, 0..rows as u32, of)?
            }
            _ => return Err(self.kind.fault().into()),
        };
        Ok(ColumnarValue::Array(match computed.data_type() == of {
            true => computed,
            false => cast(&computed, of)?,
        }))
    }
}

/// The lambda's results for `params`, whose values belong to these rows.
fn computed(lambda: &LambdaArgument, params: &[ArrayRef], rows: &UInt32Array) -> Result<ArrayRef> {
    let given: Vec<_> = params
        .iter()
        .map(|param| || Ok(Arc::clone(param)))
        .collect();
    let given: Vec<&dyn Fn() -> Result<ArrayRef>> = given
        .iter()
        .map(|param| param as &dyn Fn() -> Result<ArrayRef>)
        .collect();
    lambda
        .evaluate(&given, |captured| Ok(take_arrays(captured, rows, None)?))?
        .into_array(rows.len())
}

thread_local! {
    /// How many calls of TRY this thread has computed. A lambda does not show its body:
    /// the count tells whether it holds another TRY.
    static TRIES: Cell<u64> = const { Cell::new(0) };
}

/// The lambda's results, with null for rows where it fails. A failure says nothing about
/// its row, so rows are halved until the failing ones are found. Rows around another TRY
/// are computed one by one: each level of halves would compute all levels below it anew.
fn attempt(lambda: &LambdaArgument, rows: Range<u32>, of: &DataType) -> Result<ArrayRef> {
    let count = rows.len();
    let places = UInt32Array::from_iter_values(rows.clone());
    let params = [new_null_array(&DataType::Boolean, count)];
    let before = TRIES.get();
    let values = computed(lambda, &params, &places).and_then(|values| {
        Ok(match values.data_type() == of {
            true => values,
            false => cast(&values, of)?,
        })
    });
    match values {
        Ok(values) => Ok(values),
        Err(error) if !is_of_value(&error) => Err(error),
        Err(_) if count <= 1 => Ok(new_null_array(of, count)),
        Err(_) => {
            let part = match TRIES.get() == before {
                true => count.div_ceil(2),
                false => 1,
            };
            let parts = rows.clone().step_by(part).map(|start| {
                let end = rows.end.min(start + part as u32);
                attempt(lambda, start..end, of)
            });
            let parts = parts.collect::<Result<Vec<_>>>()?;
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            Ok(concat(&parts)?)
        }
    }
}

/// Whether a value does not fit what is computed of it. Anything else, such as a limit on
/// memory or on the size of a result, ends the statement.
fn is_of_value(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::ArrowError(error, _) => match error.as_ref() {
            ArrowError::CastError(_)
            | ArrowError::ParseError(_)
            | ArrowError::ComputeError(_)
            | ArrowError::ArithmeticOverflow(_)
            | ArrowError::DivideByZero
            // A decimal with more digits than its type has.
            | ArrowError::InvalidArgumentError(_) => true,
            ArrowError::ExternalError(inner) => inner.is::<Fault>(),
            _ => false,
        },
        DataFusionError::External(inner) => inner.is::<Fault>(),
        // What DataFusion's functions say of an argument.
        DataFusionError::Execution(_) => true,
        _ => false,
    }
}

/// The longer of two arrays decides; the other one has nulls instead.
fn zip_with(one: &ListArray, other: &ListArray, lambda: &LambdaArgument) -> Result<ArrayRef> {
    let (mut left, mut right, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let (mut lengths, mut valid) = (Vec::new(), Vec::new());
    for row in 0..one.len() {
        let is_known = one.is_valid(row) && other.is_valid(row);
        valid.push(is_known);
        let place = |list: &ListArray, at: usize| {
            let offsets = list.value_offsets();
            let place = offsets[row] as usize + at;
            (place < offsets[row + 1] as usize).then_some(place as u32)
        };
        let length = match is_known {
            true => one.value_length(row).max(other.value_length(row)) as usize,
            false => 0,
        };
        for at in 0..length {
            left.push(place(one, at));
            right.push(place(other, at));
            rows.push(row as u32);
        }
        lengths.push(length);
    }
    let params = [
        take(one.values(), &UInt32Array::from(left), None)?,
        take(other.values(), &UInt32Array::from(right), None)?,
    ];
    let values = computed(lambda, &params, &UInt32Array::from(rows))?;
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(
        field,
        OffsetBuffer::from_lengths(lengths),
        values,
        Some(NullBuffer::from(valid)),
    )?))
}

/// One step for the first elements of all rows, then one for the second ones, and so on.
fn reduce(
    lists: &ListArray,
    start: &ArrayRef,
    merge: &LambdaArgument,
    finish: &LambdaArgument,
) -> Result<ArrayRef> {
    let mut all: Vec<u32> = (0..lists.len() as u32).collect();
    let mut states = Arc::clone(start);
    let offsets = lists.value_offsets();
    let length = |row: u32| match lists.is_valid(row as usize) {
        true => offsets[row as usize + 1] - offsets[row as usize],
        false => 0,
    };
    let longest = all.iter().map(|row| length(*row)).max().unwrap_or(0);
    for at in 0..longest {
        let rows: Vec<u32> = all
            .iter()
            .copied()
            .filter(|row| length(*row) > at)
            .collect();
        let places = rows.iter().map(|row| (offsets[*row as usize] + at) as u32);
        let places = UInt32Array::from_iter_values(places);
        let rows = UInt32Array::from(rows);
        let params = [
            take(&states, &rows, None)?,
            take(lists.values(), &places, None)?,
        ];
        let merged = computed(merge, &params, &rows)?;
        // The first step decides about the type, if the start has another one.
        if merged.data_type() != states.data_type() {
            states = cast(&states, merged.data_type())?;
        }
        let mut from: Vec<(usize, usize)> = all.iter().map(|row| (0, *row as usize)).collect();
        for (place, row) in rows.values().iter().enumerate() {
            from[*row as usize] = (1, place);
        }
        states = interleave(&[states.as_ref(), merged.as_ref()], &from)?;
    }
    // A row without an array has no state to compute anything of.
    all.retain(|row| lists.is_valid(*row as usize));
    let known = UInt32Array::from(all);
    let result = computed(finish, &[take(&states, &known, None)?], &known)?;
    let mut places = 0..;
    let places: UInt32Array = (0..lists.len())
        .map(|row| lists.is_valid(row).then(|| places.next()).flatten())
        .collect();
    Ok(take(&result, &places, None)?)
}

/// Entries of maps that are not null, each with its row, and how many each row has.
struct Entries {
    keys: ArrayRef,
    values: ArrayRef,
    rows: UInt32Array,
    lengths: Vec<usize>,
}

fn entries(maps: &MapArray) -> Result<Entries> {
    let (mut places, mut rows, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    let offsets = maps.value_offsets();
    for row in 0..maps.len() {
        let range = match maps.is_valid(row) {
            true => offsets[row] as u32..offsets[row + 1] as u32,
            false => 0..0,
        };
        lengths.push(range.len());
        rows.extend(range.clone().map(|_| row as u32));
        places.extend(range);
    }
    let places = UInt32Array::from(places);
    Ok(Entries {
        keys: take(maps.keys(), &places, None)?,
        values: take(maps.values(), &places, None)?,
        rows: UInt32Array::from(rows),
        lengths,
    })
}

fn map_filter(maps: &MapArray, lambda: &LambdaArgument) -> Result<ArrayRef> {
    let entries = entries(maps)?;
    let params = [Arc::clone(&entries.keys), Arc::clone(&entries.values)];
    let keep = cast(
        &computed(lambda, &params, &entries.rows)?,
        &DataType::Boolean,
    )?;
    let keep = keep.as_boolean();
    let is_kept = |at: usize| keep.is_valid(at) && keep.value(at);
    let mut first = 0;
    let lengths = entries.lengths.iter().map(|length| {
        let kept = (first..first + length).filter(|at| is_kept(*at)).count();
        first += length;
        kept
    });
    let lengths: Vec<usize> = lengths.collect();
    let kept: BooleanArray = (0..keep.len()).map(|at| Some(is_kept(at))).collect();
    map_array(
        filter(&entries.keys, &kept)?,
        filter(&entries.values, &kept)?,
        lengths,
        maps.nulls(),
    )
}

fn transform_map(maps: &MapArray, lambda: &LambdaArgument, is_keys: bool) -> Result<ArrayRef> {
    let entries = entries(maps)?;
    let params = [Arc::clone(&entries.keys), Arc::clone(&entries.values)];
    let result = computed(lambda, &params, &entries.rows)?;
    match is_keys {
        true => map_array(result, entries.values, entries.lengths, maps.nulls()),
        false => map_array(entries.keys, result, entries.lengths, maps.nulls()),
    }
}
