//! A function of whole columns, whose type follows from the types of its arguments.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::Result;

use crate::udf::Listed;

/// A function, as the tables of the modules list it. The fields are as in [`Listed`].
pub(crate) struct Typed {
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) written: &'static str,
    pub(crate) coerce: fn(&[DataType]) -> Option<Vec<DataType>>,
    pub(crate) returns: fn(&[DataType]) -> DataType,
    pub(crate) call: fn(&[ArrayRef], usize) -> Result<ArrayRef>,
}

impl Listed for Typed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    fn written(&self) -> String {
        self.written.to_owned()
    }

    fn coerce(&self, given: &[DataType]) -> Option<Vec<DataType>> {
        (self.coerce)(given)
    }

    fn returns(&self, given: &[DataType]) -> DataType {
        (self.returns)(given)
    }

    fn call(&self, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        (self.call)(args, rows)
    }
}
