//! Sums, differences and products of integers, which end in an error where the result
//! does not fit, as in Trino. DataFusion's own operators wrap around.

use std::sync::Arc;

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

/// An operator as a function whose result is checked: Plus, Minus or Multiply. A chain of
/// operators becomes one function with many arguments, so that it is typed once.
pub fn checked_operator(operator: Operator, left: Expr, right: Expr) -> Expr {
    let (mut operators, mut args) = match left {
        Expr::ScalarFunction(function) => match chain_of(&function.func) {
            Some(chain) => (chain.operators.clone(), function.args),
            None => (Vec::new(), vec![Expr::ScalarFunction(function)]),
        },
        other => (Vec::new(), vec![other]),
    };
    operators.push(operator);
    args.push(right);
    let chain = Checked {
        operators,
        signature: Signature::user_defined(Volatility::Immutable),
    };
    ScalarUDF::new_from_impl(chain).call(args)
}

/// Whether a function is one of [`checked_operator`]'s.
pub fn is_checked_operator(function: &ScalarUDF) -> bool {
    chain_of(function).is_some()
}

fn chain_of(function: &ScalarUDF) -> Option<&Checked> {
    function.inner().downcast_ref::<Checked>()
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

/// Operators between arguments, from the left to the right.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operators: Vec<Operator>,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        "checked_arithmetic"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let widest = given
            .iter()
            .cloned()
            .map(Some)
            .reduce(|widest, next| common_integer(&widest?, &next?))
            .flatten();
        match widest {
            Some(widest) => Ok(vec![widest; given.len()]),
            None => Err(Fault::arguments("+", "integer + integer").into()),
        }
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
        let mut args = args.args.into_iter();
        let Some(mut result) = args.next() else {
            return Err(Fault::arguments("+", "integer + integer").into());
        };
        for (operator, right) in self.operators.iter().zip(args) {
            let kernel = match operator {
                Operator::Plus => numeric::add,
                Operator::Minus => numeric::sub,
                _ => numeric::mul,
            };
            result = apply(&result, &right, |left, right| {
                kernel(left, right).map_err(|error| match error {
                    ArrowError::ArithmeticOverflow(_) => {
                        ArrowError::ExternalError(Box::new(out_of_range()))
                    }
                    other => other,
                })
            })?;
        }
        Ok(result)
    }
}

pub(crate) fn out_of_range() -> Fault {
    Fault::new(
        "a result of integers is out of the range of its type",
        "compute with doubles: write CAST(value AS double)",
    )
}
