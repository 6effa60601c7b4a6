//! Functions that choose or combine values of any type.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringViewArray, StringViewBuilder};
use arrow::compute::kernels::cmp;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{and, is_not_null, not, nullif};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;

use crate::arrays;
use crate::typed::Typed;

pub(crate) static FUNCTIONS: [Typed; 5] = [
    Typed {
        name: "concat",
        aliases: &[],
        written: "concat(text, text) or concat(array, array)",
        coerce: |given| {
            let is_any_text = given.iter().any(DataType::is_string);
            let fits = |of: &DataType| of.is_string() || of.is_null();
            if given.len() > 1 && is_any_text && given.iter().all(fits) {
                return Some(vec![DataType::Utf8View; given.len()]);
            }
            arrays::common_list(given).map(|list| vec![list; given.len()])
        },
        returns: |given| given[0].clone(),
        call: |args, rows| match args[0].data_type().is_string() {
            true => concat(args, rows),
            false => arrays::concat(args, rows),
        },
    },
    Typed {
        name: "greatest",
        aliases: &[],
        written: "greatest(a, b)",
        coerce: comparable,
        returns: |given| given[0].clone(),
        call: |args, _| extreme(args, |one, other| Ok(cmp::gt(one, other)?)),
    },
    Typed {
        name: "least",
        aliases: &[],
        written: "least(a, b)",
        coerce: comparable,
        returns: |given| given[0].clone(),
        call: |args, _| extreme(args, |one, other| Ok(cmp::lt(one, other)?)),
    },
    Typed {
        name: "sign",
        aliases: &[],
        written: "sign(number)",
        coerce: |given| match given {
            [number] if number.is_integer() => Some(vec![DataType::Int64]),
            [number] if number.is_numeric() || number.is_null() => Some(vec![DataType::Float64]),
            _ => None,
        },
        returns: |given| given[0].clone(),
        call: |args, _| match args[0].data_type() {
            DataType::Int64 => {
                let numbers = args[0].as_primitive::<Int64Type>();
                Ok(Arc::new(numbers.unary::<_, Int64Type>(i64::signum)))
            }
            _ => {
                let numbers = args[0].as_primitive::<Float64Type>();
                let sign = |number: f64| if number == 0.0 { 0.0 } else { number.signum() };
                Ok(Arc::new(numbers.unary::<_, Float64Type>(sign)))
            }
        },
    },
    Typed {
        name: "typeof",
        aliases: &[],
        written: "typeof(value)",
        coerce: |given| (given.len() == 1).then(|| given.to_vec()),
        returns: |_| DataType::Utf8View,
        call: |args, rows| {
            let name = type_name(args[0].data_type());
            Ok(Arc::new(StringViewArray::from(vec![name.as_str(); rows])))
        },
    },
];

/// A null among the texts makes the result null.
fn concat(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let texts: Vec<&StringViewArray> = args.iter().map(|arg| arg.as_string_view()).collect();
    let mut out = StringViewBuilder::with_capacity(rows);
    let mut text = String::new();
    for row in 0..rows {
        if texts.iter().any(|column| column.is_null(row)) {
            out.append_null();
            continue;
        }
        text.clear();
        texts
            .iter()
            .for_each(|column| text.push_str(column.value(row)));
        out.append_value(&text);
    }
    Ok(Arc::new(out.finish()))
}

/// One type for all arguments.
fn comparable(given: &[DataType]) -> Option<Vec<DataType>> {
    let mut types = given.iter();
    let first = types.next()?.clone();
    let common = types.try_fold(first, |common, next| comparison_coercion(&common, next))?;
    Some(vec![common; given.len()])
}

/// The argument that wins against all others; null if any of them is null.
fn extreme(
    args: &[ArrayRef],
    wins: fn(&dyn arrow::array::Datum, &dyn arrow::array::Datum) -> Result<BooleanArray>,
) -> Result<ArrayRef> {
    let mut best = Arc::clone(&args[0]);
    let mut known = is_not_null(&best)?;
    for arg in &args[1..] {
        known = and(&known, &is_not_null(arg)?)?;
        let wins = wins(&arg, &best)?;
        best = zip(&wins, arg, &best)?;
    }
    Ok(nullif(&best, &not(&known)?)?)
}

/// The name of a type in SQL.
pub fn type_name(of: &DataType) -> String {
    match of {
        DataType::Null => "unknown".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 | DataType::UInt8 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt16 => "integer".to_owned(),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "bigint".to_owned(),
        DataType::Float16 | DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            format!("decimal({precision},{scale})")
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "varbinary".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "interval".to_owned(),
        DataType::List(field) | DataType::LargeList(field) => {
            format!("array({})", type_name(field.data_type()))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => format!(
                "map({}, {})",
                type_name(fields[0].data_type()),
                type_name(fields[1].data_type())
            ),
            _ => "map".to_owned(),
        },
        DataType::Struct(fields) => {
            let fields = fields.iter();
            let fields: Vec<String> = fields
                .map(|field| format!("{} {}", field.name(), type_name(field.data_type())))
                .collect();
            format!("row({})", fields.join(", "))
        }
        other => other.to_string().to_lowercase(),
    }
}
