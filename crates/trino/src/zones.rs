//! `at_timezone` and `with_timezone`: the zone, which is a constant, is part of the type
//! of what they return.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::fault::Fault;

/// The functions of this module.
pub(crate) fn functions() -> [ScalarUDF; 2] {
    let function = |name, keeps_instant| {
        ScalarUDF::new_from_impl(Zoned {
            name,
            keeps_instant,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    };
    [
        function("at_timezone", true),
        function("with_timezone", false),
    ]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Zoned {
    name: &'static str,
    /// Whether the instant stays and the clock changes, or the other way round.
    keeps_instant: bool,
    signature: Signature,
}

impl Zoned {
    fn arguments(&self) -> Fault {
        Fault::arguments(
            self.name,
            &format!("{}(timestamp, 'Europe/Berlin')", self.name),
        )
    }
}

fn micros(zone: Option<Arc<str>>) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, zone)
}

impl ScalarUDFImpl for Zoned {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [DataType::Timestamp(_, zone), text] if text.is_string() => {
                Ok(vec![micros(zone.clone()), DataType::Utf8])
            }
            [DataType::Date32 | DataType::Null, text] if text.is_string() => {
                Ok(vec![micros(None), DataType::Utf8])
            }
            _ => Err(self.arguments().into()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(self.arguments().into())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let zone = match args.scalar_arguments {
            [_, Some(ScalarValue::Utf8(Some(zone)))] => zone,
            _ => {
                return Err(Fault::new(
                    "a time zone must be a constant text",
                    "write the zone in 'single quotes'",
                )
                .into());
            }
        };
        Tz::from_str(zone).map_err(|_| {
            Fault::new(
                "the time zone is not known",
                "write a name such as 'Europe/Berlin', or an offset such as '+02:00'",
            )
        })?;
        let kind = micros(Some(zone.as_str().into()));
        Ok(Arc::new(Field::new(self.name, kind, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let kind = args.return_field.data_type().clone();
        let DataType::Timestamp(_, Some(zone)) = &kind else {
            return Err(self.arguments().into());
        };
        let rows = args.number_rows;
        let is_scalar = matches!(args.args[0], ColumnarValue::Scalar(_));
        let given = args.args[0].to_array(if is_scalar { 1 } else { rows })?;
        let found: ArrayRef = match self.keeps_instant {
            true => {
                // Without a zone, a timestamp is of the session's, which is UTC.
                let utc = cast(&given, &micros(Some("UTC".into())))?;
                cast(&utc, &kind)?
            }
            false => {
                let local = local_micros(&given)?;
                let zone = Tz::from_str(zone)?;
                let values = local.iter().map(|at| {
                    let local = DateTime::from_timestamp_micros(at?)?.naive_utc();
                    let found = zone.from_local_datetime(&local).earliest().or_else(|| {
                        let later = local + TimeDelta::hours(1);
                        zone.from_local_datetime(&later).earliest()
                    });
                    found.map(|at| at.with_timezone(&Utc).timestamp_micros())
                });
                cast(
                    &(Arc::new(
                        values
                            .collect::<TimestampMicrosecondArray>()
                            .with_timezone("UTC"),
                    ) as ArrayRef),
                    &kind,
                )?
            }
        };
        Ok(match is_scalar {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?),
            false => ColumnarValue::Array(found),
        })
    }
}

/// What the clock shows, as microseconds.
fn local_micros(given: &ArrayRef) -> Result<TimestampMicrosecondArray> {
    let plain = cast(given, &micros(None))?;
    Ok(plain.as_primitive::<TimestampMicrosecondType>().clone())
}
