//! What all functions of this crate share: DataFusion's view of a function that is listed
//! in a table.

use std::fmt;
use std::hash::{Hash, Hasher};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::fault::Fault;

/// A function, as a table lists it.
pub(crate) trait Listed: Send + Sync {
    fn name(&self) -> &'static str;

    fn aliases(&self) -> &'static [&'static str];

    /// The calls as people write them, for messages.
    fn written(&self) -> String;

    /// The types that arguments are brought to; `None` for types that are not taken.
    fn coerce(&self, given: &[DataType]) -> Option<Vec<DataType>>;

    /// The type of the result, from the types that arguments were brought to.
    fn returns(&self, given: &[DataType]) -> DataType;

    /// The result for so many rows.
    fn call(&self, args: &[ArrayRef], rows: usize) -> Result<ArrayRef>;
}

/// The function for DataFusion.
pub(crate) fn udf(function: &'static dyn Listed) -> ScalarUDF {
    let aliases = function.aliases().iter();
    ScalarUDF::new_from_impl(Udf {
        function,
        aliases: aliases.map(|alias| (*alias).to_owned()).collect(),
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

struct Udf {
    function: &'static dyn Listed,
    aliases: Vec<String>,
    signature: Signature,
}

impl fmt::Debug for Udf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function.name())
    }
}

impl PartialEq for Udf {
    fn eq(&self, other: &Self) -> bool {
        self.function.name() == other.function.name()
    }
}

impl Eq for Udf {}

impl Hash for Udf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name().hash(state);
    }
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = self.function.coerce(given);
        coerced
            .ok_or_else(|| Fault::arguments(self.function.name(), &self.function.written()).into())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(self.function.returns(given))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(_));
        let is_constant = args.args.iter().all(is_scalar);
        let rows = if is_constant { 1 } else { args.number_rows };
        let arrays: Vec<ArrayRef> = args
            .args
            .into_iter()
            .map(|arg| arg.into_array(rows))
            .collect::<Result<_>>()?;
        let computed = self.function.call(&arrays, rows)?;
        Ok(match is_constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&computed, 0)?),
            false => ColumnarValue::Array(computed),
        })
    }
}
