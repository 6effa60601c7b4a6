//! Collects the result rows of a plan, up to a limit.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::ExecutionPlan;
use query::Session;
use query::partitions::each_batch;

use crate::Error;
use crate::stored::stored;

/// All result rows of a plan; `None` if there are more than `rows_max`.
pub(super) async fn all_rows(
    session: &Session,
    name: &str,
    plan: &Arc<dyn ExecutionPlan>,
    schema: &SchemaRef,
    rows_max: u64,
) -> Result<Option<Vec<RecordBatch>>, Error> {
    let (mut rows, mut count) = (Vec::new(), 0);
    let taken = each_batch(plan, session.task_context(), |batch| {
        count += batch.num_rows() as u64;
        // Too many rows are only counted, not kept.
        if count > rows_max {
            rows.clear();
        } else if batch.num_rows() > 0 {
            rows.push(stored(schema, &batch)?);
        }
        Ok(())
    });
    taken.await.map_err(|error| Error::execution(name, error))?;
    Ok((count <= rows_max).then_some(rows))
}
