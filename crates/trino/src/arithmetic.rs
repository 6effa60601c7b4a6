//! Sums, differences and products of integers, which end in an error where the result
//! does not fit, as in Trino. DataFusion's own operators wrap around.

use std::sync::{Arc, LazyLock};

use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use crate::fault::Fault;

/// The operators; a statement names none of them.
static OPERATORS: LazyLock<[Arc<ScalarUDF>; 3]> = LazyLock::new(|| {
    [Operator::Plus, Operator::Minus, Operator::Multiply].map(|operator| {
        Arc::new(ScalarUDF::new_from_impl(Checked {
            operator,
            signature: Signature::user_defined(Volatility::Immutable),
        }))
    })
});

/// An operator as a function whose result is checked: Plus and Minus, and Multiply for
/// any other.
pub fn checked_operator(operator: Operator, left: Expr, right: Expr) -> Expr {
    let at = match operator {
        Operator::Plus => 0,
        Operator::Minus => 1,
        _ => 2,
    };
    OPERATORS[at].call(vec![left, right])
}

/// Whether a function is one of [`checked_operator`]'s.
pub fn is_checked_operator(function: &ScalarUDF) -> bool {
    OPERATORS
        .iter()
        .any(|operator| operator.as_ref() == function)
}

/// The wider of two signed integer types.
pub fn common_integer(left: &DataType, right: &DataType) -> Option<DataType> {
    (left.is_signed_integer() && right.is_signed_integer()).then(|| {
        match left.primitive_width() >= right.primitive_width() {
            true => left.clone(),
            false => right.clone(),
        }
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operator: Operator,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.operator {
            Operator::Plus => "checked_plus",
            Operator::Minus => "checked_minus",
            _ => "checked_multiply",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match given {
            [left, right] => common_integer(left, right).map(|common| vec![common; 2]),
            _ => None,
        }
        .ok_or_else(|| Fault::arguments(self.name(), "an integer and an integer").into())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(given[0].clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let is_nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        let of = args.arg_fields[0].data_type().clone();
        Ok(Arc::new(Field::new(self.name(), of, is_nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let kernel = match self.operator {
            Operator::Plus => numeric::add,
            Operator::Minus => numeric::sub,
            _ => numeric::mul,
        };
        let [left, right] = args.args.as_slice() else {
            return Err(Fault::arguments(self.name(), "an integer and an integer").into());
        };
        apply(left, right, |left, right| {
            kernel(left, right).map_err(|error| match error {
                ArrowError::ArithmeticOverflow(_) => {
                    ArrowError::ExternalError(Box::new(out_of_range()))
                }
                other => other,
            })
        })
    }
}

pub(crate) fn out_of_range() -> Fault {
    Fault::new(
        "a result of integers is out of the range of its type",
        "compute with doubles: write CAST(value AS double)",
    )
}
