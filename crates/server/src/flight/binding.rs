//! Values of parameters, which come as columns, as literals.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::array_value_to_string;

use crate::fault::{Fault, Kind};
use crate::sql_text::quoted;
use door::hex;

/// The most elements of an array that is a parameter.
const ELEMENTS_MAX: usize = 10_000;

/// The literals of the one row of `batch`.
pub(super) fn literals(batch: &RecordBatch) -> Result<Vec<String>, Fault> {
    batch
        .columns()
        .iter()
        .map(|column| literal(column.as_ref(), 0))
        .collect()
}

fn literal(array: &dyn Array, row: usize) -> Result<String, Fault> {
    if array.is_null(row) {
        return Ok("NULL".to_owned());
    }
    let text = || {
        let text = array_value_to_string(array, row);
        text.map_err(|error| {
            Fault::new(Kind::Wrong, format!("a parameter cannot be read: {error}"))
        })
    };
    Ok(match array.data_type() {
        DataType::Null => "NULL".to_owned(),
        DataType::Boolean => text()?,
        data_type if data_type.is_integer() => match text()?.as_str() {
            number if number.starts_with('-') => format!("CAST('{number}' AS bigint)"),
            number => number.to_owned(),
        },
        data_type if data_type.is_floating() => format!("CAST({} AS double)", quoted(&text()?)),
        DataType::Decimal128(precision, scale) => {
            format!("CAST('{}' AS decimal({precision}, {scale}))", text()?)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => quoted(&text()?),
        DataType::Binary => bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => bytes(array.as_binary_view().value(row)),
        DataType::Date32 | DataType::Date64 => format!("DATE {}", quoted(&text()?[..10])),
        DataType::Timestamp(unit, Some(_)) => {
            // The instant, in our time zone.
            let in_utc = arrow::compute::cast(array, &DataType::Timestamp(*unit, None));
            let in_utc = in_utc.map_err(|error| Fault::new(Kind::Wrong, error.to_string()))?;
            return literal(in_utc.as_ref(), row);
        }
        DataType::Timestamp(_, None) => format!("TIMESTAMP {}", quoted(&text()?.replace('T', " "))),
        DataType::Dictionary(_, values) => {
            let plain = arrow::compute::cast(array, values);
            let plain = plain.map_err(|error| Fault::new(Kind::Wrong, error.to_string()))?;
            return literal(plain.as_ref(), row);
        }
        DataType::List(_) => list(array.as_list::<i32>().value(row).as_ref())?,
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row).as_ref())?,
        other => {
            let message = format!("a parameter of type {other} cannot be read");
            return Err(Fault::new(Kind::Wrong, message).with_hint("send it as text, and cast it"));
        }
    })
}

fn bytes(bytes: &[u8]) -> String {
    format!("X'{}'", hex(bytes))
}

fn list(elements: &dyn Array) -> Result<String, Fault> {
    if elements.len() > ELEMENTS_MAX {
        let message = format!("an array has more than {ELEMENTS_MAX} elements");
        return Err(Fault::new(Kind::Limit, message));
    }
    let literals = (0..elements.len()).map(|row| literal(elements, row));
    let literals = literals.collect::<Result<Vec<_>, _>>()?;
    Ok(format!("ARRAY[{}]", literals.join(", ")))
}

/// The columns of parameters of which only the number is known.
pub(super) fn unknown(count: usize) -> Schema {
    let fields = (1..=count).map(|number| {
        arrow::datatypes::Field::new(format!("parameter_{number}"), DataType::Utf8, true)
    });
    Schema::new(fields.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BinaryArray, Date32Array, Float64Array, Int64Array, ListArray, NullArray,
        StringArray, TimestampMicrosecondArray,
    };
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn literals_mean_the_value_and_nothing_else() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["it's; drop"]));
        let cases: [(ArrayRef, &str); 9] = [
            (texts, "'it''s; drop'"),
            (
                Arc::new(Int64Array::from(vec![i64::MIN])),
                "CAST('-9223372036854775808' AS bigint)",
            ),
            (Arc::new(Int64Array::from(vec![7])), "7"),
            (
                Arc::new(Float64Array::from(vec![f64::NAN])),
                "CAST('NaN' AS double)",
            ),
            (Arc::new(NullArray::new(1)), "NULL"),
            (Arc::new(BinaryArray::from_vec(vec![&[0, 255]])), "X'00ff'"),
            (Arc::new(Date32Array::from(vec![0])), "DATE '1970-01-01'"),
            (
                Arc::new(TimestampMicrosecondArray::from(vec![1]).with_timezone("+02:00")),
                "TIMESTAMP '1970-01-01 00:00:00.000001'",
            ),
            (
                Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(
                    vec![Some(1), None],
                )])),
                "ARRAY[1, NULL]",
            ),
        ];
        for (array, expected) in cases {
            assert_eq!(literal(array.as_ref(), 0).unwrap(), expected);
        }
    }
}
