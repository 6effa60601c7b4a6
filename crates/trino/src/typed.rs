//! A function of whole columns, whose type follows from the types of its arguments.

use std::fmt;
use std::hash::{Hash, Hasher};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::fault::Fault;

/// A function, as the tables of the modules list it.
pub(crate) struct Typed {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    /// The arguments as people write them, for messages.
    pub(crate) written: &'static str,
    /// The types that arguments are brought to; `None` for types that are not taken.
    pub(crate) coerce: fn(&[DataType]) -> Option<Vec<DataType>>,
    /// The type of the result, from the types that arguments were brought to.
    pub(crate) returns: fn(&[DataType]) -> DataType,
    /// The result for so many rows.
    pub(crate) call: fn(&[ArrayRef], usize) -> Result<ArrayRef>,
}

impl Typed {
    pub(crate) fn udf(&'static self) -> ScalarUDF {
        ScalarUDF::new_from_impl(Whole {
            function: self,
            aliases: self
                .aliases
                .iter()
                .map(|alias| (*alias).to_owned())
                .collect(),
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }
}

struct Whole {
    function: &'static Typed,
    aliases: Vec<String>,
    signature: Signature,
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function.name)
    }
}

impl PartialEq for Whole {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for Whole {}

impl Hash for Whole {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl ScalarUDFImpl for Whole {
    fn name(&self) -> &str {
        self.function.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let Typed {
            name,
            written,
            coerce,
            ..
        } = self.function;
        coerce(given).ok_or_else(|| Fault::arguments(name, written).into())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok((self.function.returns)(given))
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
        let computed = (self.function.call)(&arrays, rows)?;
        Ok(match is_constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&computed, 0)?),
            false => ColumnarValue::Array(computed),
        })
    }
}
