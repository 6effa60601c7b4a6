//! A table of known columns whose SELECT is planned when a statement reads it: listing it, or
//! asking for its columns, costs nothing.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::ViewTable;
use datafusion::error::Result;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, TableType, col,
};
use datafusion::physical_plan::ExecutionPlan;
use futures::future::BoxFuture;

/// Plans the SELECT of a view, whose columns have the names and the order of the view's.
type Planner = dyn Fn() -> BoxFuture<'static, Result<LogicalPlan>> + Send + Sync;

/// See the module.
pub(super) struct ComputedView {
    schema: SchemaRef,
    planner: Box<Planner>,
}

impl ComputedView {
    pub(super) fn new(schema: SchemaRef, planner: Box<Planner>) -> Self {
        Self { schema, planner }
    }
}

impl fmt::Debug for ComputedView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ComputedView")
    }
}

#[async_trait]
impl TableProvider for ComputedView {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = (self.planner)().await?;
        let typed = self.schema.fields().iter().map(|field| {
            let column = col(field.name().as_str()).cast_to(field.data_type(), plan.schema())?;
            Ok(column.alias(field.name()))
        });
        let typed = typed.collect::<Result<Vec<_>>>()?;
        let plan = LogicalPlanBuilder::from(plan).project(typed)?.build()?;
        let view = ViewTable::new(plan, None);
        view.scan(state, projection, filters, limit).await
    }
}
