//! SQL functions of our own, usable in any model.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// `run_time()`: the start of the run, epoch milliseconds UTC. The same in
/// every model of a run, and set by `--now` for tests.
pub(crate) fn run_time(now_ms: i64) -> ScalarUDF {
    ScalarUDF::new_from_impl(RunTime {
        signature: Signature::nullary(Volatility::Immutable),
        now_ms,
    })
}

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

/// All functions of our own.
pub(crate) fn all(now_ms: i64) -> Vec<Arc<ScalarUDF>> {
    vec![Arc::new(run_time(now_ms))]
}
