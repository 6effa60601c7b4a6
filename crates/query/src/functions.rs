//! SQL functions of our own, available in every statement and model.
//!
//! | function | returns |
//! |---|---|
//! | `run_time()` | the start of the run, epoch milliseconds UTC |
//! | `subject(email)` | the person: the e-mail trimmed, in NFC and lower case |
//! | `pseudonym(text)` | 32 hexadecimal digits that reveal nothing about the text without the key |
//!
//! `pseudonym` does not normalise its argument: models write
//! `pseudonym(subject(email))`, so that a person has one pseudonym however the
//! e-mail is spelled. Null gives null.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::buffer::Buffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use privacy::PseudonymKey;

use crate::error::{Error, KeyFault, external};

/// Name of the function that normalises an e-mail to a subject.
pub const SUBJECT: &str = "subject";

/// Name of the function that computes a pseudonym.
pub const PSEUDONYM: &str = "pseudonym";

/// The function `subject(email)`.
pub fn subject() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Subject {
        signature: Signature::string(1, Volatility::Immutable),
    }))
}

/// All functions of our own, for a run that starts at `now_ms`. `key` is the cell
/// that the session puts its key into.
pub fn all(now_ms: i64, key: &Arc<OnceLock<Arc<PseudonymKey>>>) -> Vec<ScalarUDF> {
    vec![
        ScalarUDF::new_from_impl(RunTime {
            // Stable, not immutable: another run gets another value.
            signature: Signature::nullary(Volatility::Stable),
            now_ms,
        }),
        ScalarUDF::new_from_impl(Subject {
            signature: Signature::string(1, Volatility::Immutable),
        }),
        ScalarUDF::new_from_impl(Pseudonym {
            signature: Signature::string(1, Volatility::Immutable),
            key: Arc::clone(key),
        }),
    ]
}

/// Names of all functions of a session, with what each is.
pub(crate) fn kinds(state: &SessionState) -> Vec<(String, &'static str)> {
    let scalar = state.scalar_functions().keys().map(|name| (name, "scalar"));
    let lambda = state.higher_order_functions().keys();
    let aggregate = state.aggregate_functions().keys();
    let window = state.window_functions().keys();
    let all = scalar
        .chain(lambda.map(|name| (name, "lambda")))
        .chain(aggregate.map(|name| (name, "aggregate")))
        .chain(window.map(|name| (name, "window")));
    let mut kinds: Vec<_> = all.map(|(name, kind)| (name.clone(), kind)).collect();
    kinds.sort();
    kinds.dedup();
    kinds
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
        of_text(&args, |email, out| {
            out.push_str(&privacy::normalize_subject(email));
        })
    }
}

/// `pseudonym(text)`. The session puts the key into its cell before a
/// statement that calls this is planned.
#[derive(Debug)]
struct Pseudonym {
    signature: Signature,
    key: Arc<OnceLock<Arc<PseudonymKey>>>,
}

/// Two are equal if they share the cell of the key.
impl PartialEq for Pseudonym {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.key, &other.key)
    }
}

impl Eq for Pseudonym {}

impl Hash for Pseudonym {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.key).hash(state);
    }
}

impl ScalarUDFImpl for Pseudonym {
    fn name(&self) -> &str {
        PSEUDONYM
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let key = self
            .key
            .get()
            .ok_or_else(|| external(Error::NoKey(KeyFault::NotLoaded)))?;
        of_text(&args, |text, out| {
            out.push_str(&key.pseudonym(text));
        })
    }
}

/// Maps the one argument, a column of texts, by `write`, which appends its result
/// to a buffer. Null gives null.
fn of_text(args: &ScalarFunctionArgs, write: impl Fn(&str, &mut String)) -> Result<ColumnarValue> {
    let scalar = matches!(args.args.first(), Some(ColumnarValue::Scalar(_)));
    let arrays = ColumnarValue::values_to_arrays(&args.args)?;
    let texts = cast(&arrays[0], &DataType::Utf8View)?;
    let written: ArrayRef = Arc::new(map_runs(texts.as_string_view(), write)?);
    if scalar {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
            &written, 0,
        )?));
    }
    Ok(ColumnarValue::Array(written))
}

/// Maps texts, once for each run of equal ones. A person's readings mostly follow
/// one another, and equal texts of a run share one view.
fn map_runs(texts: &StringViewArray, write: impl Fn(&str, &mut String)) -> Result<StringViewArray> {
    let mut out = String::new();
    let mut spans: Vec<Option<(u32, u32)>> = Vec::with_capacity(texts.len());
    let mut last: Option<(u128, (u32, u32))> = None;
    for (row, view) in texts.views().iter().enumerate() {
        if texts.is_null(row) {
            spans.push(None);
            continue;
        }
        let span = match last {
            Some((before, span)) if before == *view => span,
            _ => {
                let start = out.len();
                write(texts.value(row), &mut out);
                (start as u32, (out.len() - start) as u32)
            }
        };
        last = Some((*view, span));
        spans.push(Some(span));
    }
    let mut written = StringViewBuilder::with_capacity(texts.len());
    let block = written.append_block(Buffer::from_vec(out.into_bytes()));
    for span in spans {
        match span {
            Some((start, length)) => {
                #[allow(
                    unsafe_code,
                    reason = "checking each view costs as much as computing it"
                )]
                // SAFETY: the block is the one appended above, and each span
                // covers a text that was written into that block.
                unsafe {
                    written.append_view_unchecked(block, start, length);
                }
            }
            None => written.append_null(),
        }
    }
    Ok(written.finish())
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
        let subjects = map_runs(&emails, |email, out| {
            out.push_str(&privacy::normalize_subject(email));
        });
        assert_eq!(subjects.unwrap(), expected);
    }

    #[test]
    fn equal_views_in_a_row_are_worked_on_once() {
        let texts: StringViewArray = [
            Some("a"),
            Some("a"),
            None,
            Some("a"),
            Some("b"),
            Some("a"),
            Some(""),
            Some(""),
        ]
        .into_iter()
        .collect();
        let worked = std::cell::RefCell::new(Vec::new());
        let written = map_runs(&texts, |text, out| {
            worked.borrow_mut().push(text.to_owned());
            out.push_str(text);
        });
        assert_eq!(written.unwrap(), texts);
        assert_eq!(worked.into_inner(), ["a", "b", "a", ""]);
    }
}
