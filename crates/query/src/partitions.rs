//! Reads the rows of all partitions of a plan.
//!
//! Partitions must be drained together. Several partitions may be fed by one
//! repartitioning, whose channels fill up while nobody reads them. Draining one
//! partition after another can then wait forever for rows that are queued behind
//! rows of the next partition.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::runtime::JoinSet;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use futures::StreamExt;
use tokio::sync::mpsc;

/// Runs a plan and passes every batch to `take`, in no particular order.
///
/// # Errors
/// The first error of a partition or of `take`; other partitions are stopped.
pub async fn each_batch(
    plan: &Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    take: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let streams = execute_stream_partitioned(Arc::clone(plan), context)?;
    each_batch_of(streams, take).await
}

/// Like [`each_batch`], for partitions that were started already.
///
/// # Errors
/// As [`each_batch`].
pub async fn each_batch_of(
    streams: Vec<SendableRecordBatchStream>,
    mut take: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let (sink, mut batches) = mpsc::channel(2 * streams.len().max(1));
    let mut tasks = JoinSet::new();
    for mut stream in streams {
        let sink = sink.clone();
        tasks.spawn(async move {
            while let Some(batch) = stream.next().await {
                let failed = batch.is_err();
                if sink.send(batch).await.is_err() || failed {
                    return;
                }
            }
        });
    }
    drop(sink);
    while let Some(batch) = batches.recv().await {
        take(batch?)?;
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| DataFusionError::Execution(format!("a task ended: {error}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow::array::{ArrayRef, Int64Array};
    use datafusion::datasource::MemTable;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    /// Two joins in a row on different keys repartition the rows twice.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn partitions_that_share_a_repartitioning_are_drained_together() {
        let mut config = SessionConfig::new()
            .with_target_partitions(4)
            .with_batch_size(8);
        let optimizer = &mut config.options_mut().optimizer;
        optimizer.hash_join_single_partition_threshold = 0;
        optimizer.hash_join_single_partition_threshold_rows = 0;
        let context = SessionContext::new_with_config(config);
        let numbers = Arc::new(Int64Array::from_iter_values(0..20_000)) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let batches = (0..2_500).map(|at| batch.slice(at * 8, 8)).collect();
        let table = MemTable::try_new(batch.schema(), vec![batches]).unwrap();
        context.register_table("t", Arc::new(table)).unwrap();
        let sql = "select a.n, b.n % 7 as m from t a \
                   left join t b on b.n = a.n left join t c on c.n = b.n % 7 + a.n - a.n";
        let frame = context.sql(sql).await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        let mut rows = 0;
        let drained = each_batch(&plan, context.task_ctx(), |batch| {
            rows += batch.num_rows();
            Ok(())
        });
        let ended = tokio::time::timeout(Duration::from_secs(60), drained).await;
        ended.expect("all partitions end").unwrap();
        assert_eq!(rows, 20_000);
    }
}
