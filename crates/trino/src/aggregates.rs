//! Aggregate functions that DataFusion does not have, or gives another meaning to.
//!
//! Keys are compared as bytes of Arrow's row format. The memory of an accumulator counts
//! towards the limit of its query.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array, new_empty_array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

use crate::fault::Fault;
use crate::moments::Moments;
use crate::nested::{list_of, map_array, map_of};

/// How many values `max_by(value, by, n)` keeps at most.
const KEPT_MAX: i64 = 10_000;

/// All aggregate functions of this module.
pub(crate) fn functions() -> Vec<AggregateUDF> {
    [
        Kind::MapAgg,
        Kind::MultimapAgg,
        Kind::Histogram,
        Kind::MaxBy,
        Kind::MinBy,
        Kind::Skewness,
        Kind::Kurtosis,
    ]
    .map(|kind| {
        AggregateUDF::new_from_impl(Aggregate {
            kind,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    })
    .into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    MapAgg,
    MultimapAgg,
    Histogram,
    MaxBy,
    MinBy,
    Skewness,
    Kurtosis,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Aggregate {
    kind: Kind,
    signature: Signature,
}

impl Aggregate {
    fn written(&self) -> &'static str {
        match self.kind {
            Kind::MapAgg => "map_agg(key, value)",
            Kind::MultimapAgg => "multimap_agg(key, value)",
            Kind::Histogram => "histogram(value)",
            Kind::MaxBy => "max_by(value, by) or max_by(value, by, n)",
            Kind::MinBy => "min_by(value, by) or min_by(value, by, n)",
            Kind::Skewness => "skewness(number)",
            Kind::Kurtosis => "kurtosis(number)",
        }
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        match self.kind {
            Kind::MapAgg => "map_agg",
            Kind::MultimapAgg => "multimap_agg",
            Kind::Histogram => "histogram",
            Kind::MaxBy => "max_by",
            Kind::MinBy => "min_by",
            Kind::Skewness => "skewness",
            Kind::Kurtosis => "kurtosis",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = match (self.kind, given) {
            (Kind::MapAgg | Kind::MultimapAgg | Kind::MaxBy | Kind::MinBy, [_, _])
            | (Kind::Histogram, [_]) => Some(given.to_vec()),
            (Kind::MaxBy | Kind::MinBy, [value, by, count]) if count.is_integer() => {
                Some(vec![value.clone(), by.clone(), DataType::Int64])
            }
            (Kind::Skewness | Kind::Kurtosis, [number])
                if number.is_numeric() || number.is_null() =>
            {
                Some(vec![DataType::Float64])
            }
            _ => None,
        };
        coerced.ok_or_else(|| Fault::arguments(self.name(), self.written()).into())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(match (self.kind, given) {
            (Kind::MapAgg, [key, value]) => map_of(key.clone(), value.clone()),
            (Kind::MultimapAgg, [key, value]) => map_of(key.clone(), list_of(value.clone())),
            (Kind::Histogram, [value]) => map_of(value.clone(), DataType::Int64),
            (Kind::MaxBy | Kind::MinBy, [value, _]) => value.clone(),
            (Kind::MaxBy | Kind::MinBy, [value, _, _]) => list_of(value.clone()),
            _ => DataType::Float64,
        })
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let types: Vec<DataType> = args
            .expr_fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        Ok(match (self.kind, types.as_slice()) {
            (Kind::MapAgg, [key, value]) => Box::new(Grouped::new(Slots::First, key, value)?),
            (Kind::MultimapAgg, [key, value]) => Box::new(Grouped::new(Slots::All, key, value)?),
            (Kind::Histogram, [value]) => {
                Box::new(Grouped::new(Slots::Count, value, &DataType::Int64)?)
            }
            (Kind::MaxBy | Kind::MinBy, [value, by, count @ ..]) => Box::new(Extremes::new(
                self.kind == Kind::MaxBy,
                value,
                by,
                !count.is_empty(),
            )?),
            (kind, _) => Box::new(Moments::new(kind == Kind::Kurtosis)),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let types: Vec<DataType> = args
            .input_fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        let states = match (self.kind, types.as_slice()) {
            (Kind::MapAgg, [key, value]) => vec![list_of(key.clone()), list_of(value.clone())],
            (Kind::MultimapAgg, [key, value]) => {
                vec![list_of(key.clone()), list_of(list_of(value.clone()))]
            }
            (Kind::Histogram, [value]) => vec![list_of(value.clone()), list_of(DataType::Int64)],
            (Kind::MaxBy | Kind::MinBy, [value, by, ..]) => {
                vec![list_of(value.clone()), list_of(by.clone()), DataType::Int64]
            }
            _ => vec![DataType::Float64; 5],
        };
        let fields = states.into_iter().enumerate().map(|(at, state)| {
            Arc::new(Field::new(format!("{}[{at}]", args.name), state, true)) as FieldRef
        });
        Ok(fields.collect())
    }
}

fn converter(of: &DataType) -> Result<RowConverter> {
    Ok(RowConverter::new(vec![SortField::new(of.clone())])?)
}

/// A list of one row.
fn as_list(values: &[ScalarValue], of: &DataType) -> Result<ScalarValue> {
    let array = match values.is_empty() {
        true => new_empty_array(of),
        false => ScalarValue::iter_to_array(values.iter().cloned())?,
    };
    let array = match array.data_type() == of {
        true => array,
        false => cast(&array, of)?,
    };
    Ok(SingleRowListArrayBuilder::new(array).build_list_scalar())
}

/// What is kept for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slots {
    /// The first value.
    First,
    /// All values, as an array.
    All,
    /// How often the key occurs.
    Count,
}

/// Values by key, in the order of the keys' first rows. Rows without a key do not count.
#[derive(Debug)]
struct Grouped {
    slots: Slots,
    key_type: DataType,
    value_type: DataType,
    converter: RowConverter,
    places: HashMap<OwnedRow, usize>,
    keys: Vec<ScalarValue>,
    values: Vec<Vec<ScalarValue>>,
    counts: Vec<i64>,
    bytes: usize,
}

impl Grouped {
    fn new(slots: Slots, key: &DataType, value: &DataType) -> Result<Self> {
        Ok(Self {
            slots,
            key_type: key.clone(),
            value_type: value.clone(),
            converter: converter(key)?,
            places: HashMap::new(),
            keys: Vec::new(),
            values: Vec::new(),
            counts: Vec::new(),
            bytes: 0,
        })
    }

    /// Takes in keys, each with a value or a count.
    fn add(
        &mut self,
        keys: &ArrayRef,
        value_at: impl Fn(usize) -> Result<ScalarValue>,
        count_at: impl Fn(usize) -> i64,
    ) -> Result<()> {
        if *keys.data_type() == DataType::Null {
            return Ok(());
        }
        let rows = self.converter.convert_columns(std::slice::from_ref(keys))?;
        for at in (0..keys.len()).filter(|at| keys.is_valid(*at)) {
            let key = rows.row(at).owned();
            let place = match self.places.get(&key) {
                Some(place) => *place,
                None => {
                    let place = self.keys.len();
                    let own = ScalarValue::try_from_array(keys, at)?;
                    self.bytes += own.size() + key.as_ref().len() + 96;
                    self.places.insert(key, place);
                    self.keys.push(own);
                    self.values.push(Vec::new());
                    self.counts.push(0);
                    place
                }
            };
            self.counts[place] += count_at(at);
            let is_kept = match self.slots {
                Slots::First => self.values[place].is_empty(),
                Slots::All => true,
                Slots::Count => false,
            };
            if is_kept {
                let value = value_at(at)?;
                self.bytes += value.size();
                self.values[place].push(value);
            }
        }
        Ok(())
    }

    /// The value of each key, and their type.
    fn slot_values(&self) -> Result<(Vec<ScalarValue>, DataType)> {
        Ok(match self.slots {
            Slots::First => {
                let first = self
                    .values
                    .iter()
                    .filter_map(|values| values.first().cloned());
                (first.collect(), self.value_type.clone())
            }
            Slots::All => {
                let lists = self
                    .values
                    .iter()
                    .map(|values| as_list(values, &self.value_type));
                (
                    lists.collect::<Result<_>>()?,
                    list_of(self.value_type.clone()),
                )
            }
            Slots::Count => {
                let counts = self.counts.iter().map(|count| ScalarValue::from(*count));
                (counts.collect(), DataType::Int64)
            }
        })
    }
}

impl Accumulator for Grouped {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let value = values.get(1).cloned();
        self.add(
            &values[0],
            |at| match &value {
                Some(value) => ScalarValue::try_from_array(value, at),
                None => Ok(ScalarValue::Null),
            },
            |_| 1,
        )
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let (values, of) = self.slot_values()?;
        if self.keys.is_empty() {
            return ScalarValue::try_from(map_of(self.key_type.clone(), of));
        }
        let keys = ScalarValue::iter_to_array(self.keys.iter().cloned())?;
        let values = cast(&ScalarValue::iter_to_array(values)?, &of)?;
        let count = keys.len();
        let map = map_array(keys, values, vec![count], None)?;
        ScalarValue::try_from_array(&map, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes + self.converter.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (values, of) = self.slot_values()?;
        Ok(vec![
            as_list(&self.keys, &self.key_type)?,
            as_list(&values, &of)?,
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (keys, values): (&ListArray, &ListArray) = (states[0].as_list(), states[1].as_list());
        for row in (0..keys.len()).filter(|row| keys.is_valid(*row)) {
            let (keys, values) = (keys.value(row), values.value(row));
            match self.slots {
                Slots::First => {
                    self.add(&keys, |at| ScalarValue::try_from_array(&values, at), |_| 1)?;
                }
                Slots::Count => {
                    let counts = values.as_primitive::<Int64Type>().clone();
                    self.add(&keys, |_| Ok(ScalarValue::Null), |at| counts.value(at))?;
                }
                Slots::All => {
                    // One row of keys for each of their values.
                    let lists: &ListArray = values.as_list();
                    let places = (0..keys.len()).flat_map(|at| {
                        std::iter::repeat_n(at as u32, lists.value_length(at) as usize)
                    });
                    let keys = take(&keys, &UInt32Array::from_iter_values(places), None)?;
                    let offsets = lists.value_offsets();
                    let (first, last) = (offsets[0] as usize, offsets[lists.len()] as usize);
                    let flat = lists.values().slice(first, last - first);
                    self.add(&keys, |at| ScalarValue::try_from_array(&flat, at), |_| 1)?;
                }
            }
        }
        Ok(())
    }
}

/// The values of the rows whose `by` is greatest or least. Rows without one do not count.
#[derive(Debug)]
struct Extremes {
    is_max: bool,
    is_list: bool,
    value_type: DataType,
    by_type: DataType,
    converter: RowConverter,
    /// How many are kept.
    count: usize,
    /// The last one in the order of winners is on top.
    kept: BinaryHeap<Extreme>,
    /// How many rows were kept so far.
    seen: u64,
}

/// A row that [`Extremes`] keeps. Those that win are less.
#[derive(Debug)]
struct Extreme {
    is_max: bool,
    row: OwnedRow,
    /// Of equal rows the first stays first.
    at: u64,
    value: ScalarValue,
    by: ScalarValue,
}

impl Ord for Extreme {
    fn cmp(&self, other: &Self) -> Ordering {
        let rows = match self.is_max {
            true => other.row.cmp(&self.row),
            false => self.row.cmp(&other.row),
        };
        rows.then(self.at.cmp(&other.at))
    }
}

impl PartialOrd for Extreme {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Extreme {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Extreme {}

impl Extremes {
    fn new(is_max: bool, value: &DataType, by: &DataType, is_list: bool) -> Result<Self> {
        Ok(Self {
            is_max,
            is_list,
            value_type: value.clone(),
            by_type: by.clone(),
            converter: converter(by)?,
            count: 1,
            kept: BinaryHeap::new(),
            seen: 0,
        })
    }

    /// From the winning one on.
    fn in_order(&self) -> Vec<&Extreme> {
        let mut kept: Vec<&Extreme> = self.kept.iter().collect();
        kept.sort_unstable();
        kept
    }

    fn set_count(&mut self, count: i64) -> Result<()> {
        self.count = usize::try_from(count)
            .ok()
            .filter(|count| (1..=KEPT_MAX as usize).contains(count))
            .ok_or_else(|| {
                Fault::new(
                    format!("`max_by` and `min_by` keep 1 to {KEPT_MAX} values"),
                    "write another number as the third argument",
                )
            })?;
        Ok(())
    }

    fn add(&mut self, values: &ArrayRef, by: &ArrayRef) -> Result<()> {
        if *by.data_type() == DataType::Null {
            return Ok(());
        }
        let rows = self.converter.convert_columns(std::slice::from_ref(by))?;
        for at in (0..by.len()).filter(|at| by.is_valid(*at)) {
            let row = rows.row(at);
            let is_full = self.kept.len() >= self.count;
            if let Some(last) = self.kept.peek().filter(|_| is_full) {
                let last = last.row.row();
                let wins = match self.is_max {
                    true => row > last,
                    false => row < last,
                };
                if !wins {
                    continue;
                }
            }
            self.kept.push(Extreme {
                is_max: self.is_max,
                row: row.owned(),
                at: self.seen,
                value: ScalarValue::try_from_array(values, at)?,
                by: ScalarValue::try_from_array(by, at)?,
            });
            self.seen += 1;
            while self.kept.len() > self.count {
                self.kept.pop();
            }
        }
        Ok(())
    }
}

impl Accumulator for Extremes {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if let Some(counts) = values.get(2)
            && let Some(count) = counts.as_primitive::<Int64Type>().iter().flatten().next()
        {
            self.set_count(count)?;
        }
        self.add(&values[0], &values[1])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let kept = self.in_order();
        let values: Vec<ScalarValue> = kept.iter().map(|kept| kept.value.clone()).collect();
        match (self.is_list, values.first()) {
            (false, Some(first)) => Ok(first.clone()),
            (false, None) => ScalarValue::try_from(&self.value_type),
            (true, Some(_)) => as_list(&values, &self.value_type),
            (true, None) => ScalarValue::try_from(list_of(self.value_type.clone())),
        }
    }

    fn size(&self) -> usize {
        let kept = self.kept.iter();
        size_of_val(self)
            + self.converter.size()
            + kept
                .map(|kept| kept.row.as_ref().len() + kept.value.size() + kept.by.size() + 32)
                .sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let kept = self.in_order();
        let values: Vec<ScalarValue> = kept.iter().map(|kept| kept.value.clone()).collect();
        let by: Vec<ScalarValue> = kept.iter().map(|kept| kept.by.clone()).collect();
        Ok(vec![
            as_list(&values, &self.value_type)?,
            as_list(&by, &self.by_type)?,
            ScalarValue::from(self.count as i64),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (values, by): (&ListArray, &ListArray) = (states[0].as_list(), states[1].as_list());
        let counts = states[2].as_primitive::<Int64Type>();
        for row in (0..by.len()).filter(|row| by.is_valid(*row)) {
            self.count = self.count.max(counts.value(row).max(1) as usize);
            self.add(&values.value(row), &by.value(row))?;
        }
        Ok(())
    }
}
