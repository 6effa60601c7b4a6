//! A limit on aggregates over a window whose value is large.
//!
//! `array_agg(x) OVER ()` gives every row a list of all rows. The operator makes all of them
//! within one call, and no memory pool counts them. So an aggregate over a window counts
//! the bytes that its values take, and ends the statement at a limit.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, LogicalPlan, ReversedUDAF, SetMonotonicity,
    Signature, WindowFunctionDefinition,
};

use crate::Error;
use crate::error::external;

/// Aggregates whose values have a size that does not depend on the rows.
const SMALL: [&str; 14] = [
    "approx_distinct",
    "avg",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "kurtosis",
    "skewness",
    "stddev",
    "stddev_pop",
    "sum",
    "var_pop",
];

/// The plan, with each aggregate over a window limited to `bytes_max` bytes of values.
///
/// # Errors
/// As [`TreeNode::transform_down`].
pub(crate) fn bounded(plan: LogicalPlan, bytes_max: u64) -> Result<LogicalPlan> {
    let of_expression = |expression: Expr| match expression {
        Expr::WindowFunction(window) => Ok(Transformed::yes(of_window(window, bytes_max))),
        other => Ok(Transformed::no(other)),
    };
    let of_node = |node: LogicalPlan| match node {
        LogicalPlan::Window(_) => {
            node.map_expressions(|expression| expression.transform_down(of_expression))
        }
        node => Ok(Transformed::no(node)),
    };
    Ok(plan.transform_down_with_subqueries(of_node)?.data)
}

fn of_window(mut window: Box<WindowFunction>, bytes_max: u64) -> Expr {
    if let WindowFunctionDefinition::AggregateUDF(inner) = &window.fun
        && !SMALL.contains(&inner.name())
    {
        let limited = Limited {
            inner: Arc::clone(inner),
            bytes_max,
            bytes: Arc::default(),
        };
        let limited = Arc::new(AggregateUDF::new_from_impl(limited));
        window.fun = WindowFunctionDefinition::AggregateUDF(limited);
    }
    Expr::WindowFunction(window)
}

/// An aggregate with a limit on all its values of one statement.
#[derive(Debug)]
struct Limited {
    inner: Arc<AggregateUDF>,
    bytes_max: u64,
    /// What its values took so far.
    bytes: Arc<AtomicU64>,
}

impl PartialEq for Limited {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Limited {}

impl Hash for Limited {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl Limited {
    fn limiting(&self, inner: Box<dyn Accumulator>) -> Box<dyn Accumulator> {
        Box::new(LimitedAccumulator {
            inner,
            name: self.inner.name().to_owned(),
            bytes_max: self.bytes_max,
            bytes: Arc::clone(&self.bytes),
            rows: 0,
            is_asked: false,
        })
    }
}

/// Delegates to the inner aggregate; its accumulators count what they give.
impl AggregateUDFImpl for Limited {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn window_function_schema_name(&self, params: &WindowFunctionParams) -> Result<String> {
        self.inner.window_function_schema_name(params)
    }

    fn window_function_display_name(&self, params: &WindowFunctionParams) -> Result<String> {
        self.inner.window_function_display_name(params)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        self.inner.return_field(fields)
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(self.limiting(self.inner.accumulator(args)?))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(self.limiting(self.inner.create_sliding_accumulator(args)?))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn with_beneficial_ordering(
        self: Arc<Self>,
        is_beneficial: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        let inner = self.inner.as_ref().clone();
        let ordered = inner.with_beneficial_ordering(is_beneficial)?;
        Ok(ordered.map(|inner| {
            Arc::new(Self {
                inner: Arc::new(inner),
                bytes_max: self.bytes_max,
                bytes: Arc::clone(&self.bytes),
            }) as Arc<dyn AggregateUDFImpl>
        }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        // A reversed aggregate would have no limit.
        ReversedUDAF::NotSupported
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn is_descending(&self) -> Option<bool> {
        self.inner.is_descending()
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(data_type)
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.inner.supports_null_handling_clause()
    }

    fn supports_within_group_clause(&self) -> bool {
        self.inner.supports_within_group_clause()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.inner().set_monotonicity(data_type)
    }
}

#[derive(Debug)]
struct LimitedAccumulator {
    inner: Box<dyn Accumulator>,
    name: String,
    bytes_max: u64,
    bytes: Arc<AtomicU64>,
    rows: u64,
    /// Whether it gave a value already.
    is_asked: bool,
}

impl Accumulator for LimitedAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.rows += values.first().map_or(0, |values| values.len() as u64);
        self.inner.update_batch(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = self.inner.evaluate()?;
        // A window that is the whole partition asks once, and gives each row a copy. Any
        // other one asks for each row, the first time when it has seen few.
        let copies = if self.is_asked { 1 } else { self.rows.max(1) };
        self.is_asked = true;
        let bytes = (value.size() as u64).saturating_mul(copies);
        let all = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if all.saturating_add(bytes) > self.bytes_max {
            return Err(external(Error::LargeResult {
                function: self.name.clone(),
                bytes_max: self.bytes_max,
            }));
        }
        Ok(value)
    }

    fn size(&self) -> usize {
        self.inner.size() + self.name.len()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}
