//! SQL functions of our own, usable in any model.
//!
//! | function | gives |
//! |---|---|
//! | `run_time()` | the start of the run, epoch milliseconds UTC |
//! | `subject(email)` | the person: the e-mail trimmed, in lower case |

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::buffer::Buffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The name of the function that gives a person's name.
pub(crate) const SUBJECT: &str = "subject";

/// All functions of our own, for a run that starts at `now_ms`.
pub(crate) fn all(now_ms: i64) -> Vec<ScalarUDF> {
    vec![
        ScalarUDF::new_from_impl(RunTime {
            signature: Signature::nullary(Volatility::Immutable),
            now_ms,
        }),
        ScalarUDF::new_from_impl(Subject {
            signature: Signature::string(1, Volatility::Immutable),
        }),
    ]
}

/// `run_time()`: the same in every model of a run, and set by `--now`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct RunTime {
    signature: Signature,
    now_ms: i64,
}

impl ScalarUDFImpl for RunTime {
    fn name(&self) -> &str {
        "run_time"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::Int64(Some(self.now_ms))))
    }
}

/// `subject(email)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Subject {
    signature: Signature,
}

impl ScalarUDFImpl for Subject {
    fn name(&self) -> &str {
        SUBJECT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = matches!(args.args.first(), Some(ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let emails = cast(&arrays[0], &DataType::Utf8View)?;
        let subjects: ArrayRef = Arc::new(subjects(emails.as_string_view())?);
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &subjects, 0,
            )?));
        }
        Ok(ColumnarValue::Array(subjects))
    }
}

/// A person's readings mostly come in a row, and equal values of a run have one
/// view: the address of a run is worked on, and kept, once.
fn subjects(emails: &StringViewArray) -> Result<StringViewArray> {
    let mut text: Vec<u8> = Vec::new();
    let mut spans: Vec<Option<(u32, u32)>> = Vec::with_capacity(emails.len());
    let mut last: Option<(u128, (u32, u32))> = None;
    for (row, view) in emails.views().iter().enumerate() {
        if emails.is_null(row) {
            spans.push(None);
            continue;
        }
        let span = match last {
            Some((before, span)) if before == *view => span,
            _ => {
                let subject = privacy::subject(emails.value(row));
                let start = text.len() as u32;
                text.extend_from_slice(subject.as_bytes());
                (start, subject.len() as u32)
            }
        };
        last = Some((*view, span));
        spans.push(Some(span));
    }
    let mut subjects = StringViewBuilder::with_capacity(emails.len());
    let block = subjects.append_block(Buffer::from_vec(text));
    for span in spans {
        match span {
            Some((start, length)) => {
                #[allow(
                    unsafe_code,
                    reason = "a check of each view costs as much as making it"
                )]
                // SAFETY: the block is the one appended above, and each span
                // was taken while the subject at it was copied into the block.
                unsafe {
                    subjects.append_view_unchecked(block, start, length);
                }
            }
            None => subjects.append_null(),
        }
    }
    Ok(subjects.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_of_a_column() {
        let emails: StringViewArray = [
            Some(" Jane@Example.com"),
            Some(" Jane@Example.com"),
            None,
            Some("jane@example.com"),
            Some(""),
            Some("A.VERY.LONG.NAME@example.org"),
        ]
        .into_iter()
        .collect();
        let expected: StringViewArray = [
            Some("jane@example.com"),
            Some("jane@example.com"),
            None,
            Some("jane@example.com"),
            Some(""),
            Some("a.very.long.name@example.org"),
        ]
        .into_iter()
        .collect();
        assert_eq!(subjects(&emails).unwrap(), expected);
    }
}
