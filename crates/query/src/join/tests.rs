//! Compares the results of [`JoinExec`] with those of DataFusion's hash join.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::{JoinExec, JoinRule};

/// Columns of many types, each with values that repeat, and nulls.
const COLUMNS: [(&str, &str); 12] = [
    ("text", "arrow_cast('t' || (i % 7), 'Utf8View')"),
    ("old_text", "arrow_cast('t' || (i % 7), 'LargeUtf8')"),
    ("long", "i % 5"),
    ("tiny", "arrow_cast(i % 5, 'Int8')"),
    ("unsigned", "arrow_cast(i % 5, 'UInt64')"),
    ("flag", "i % 3 = 0"),
    (
        "real",
        "case i % 6 when 0 then 0.0 when 1 then -0.0 when 2 then cast('NaN' as double) else i / 7 + 0.5 end",
    ),
    ("day", "cast(arrow_cast(i % 5, 'Int32') as date)"),
    (
        "instant",
        "arrow_cast(i % 5, 'Timestamp(Millisecond, None)')",
    ),
    ("price", "cast(i % 5 as decimal(25, 2))"),
    ("bytes", "arrow_cast('b' || (i % 4), 'Binary')"),
    ("list", "make_array(i % 3, 1)"),
];

/// A context with two tables, the first one three times as long.
async fn context(rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>) -> SessionContext {
    let mut config = SessionConfig::new()
        .with_target_partitions(3)
        .with_batch_size(8);
    let optimizer = &mut config.options_mut().optimizer;
    optimizer.enable_join_dynamic_filter_pushdown = false;
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_default_features()
        .with_physical_optimizer_rules(rules)
        .build();
    let context = SessionContext::new_with_state(state);
    for (name, rows) in [("more", 60), ("fewer", 20)] {
        let columns = COLUMNS.iter().enumerate().map(|(place, (name, value))| {
            format!("case when (i + {place}) % 9 = 0 then null else {value} end as {name}")
        });
        let columns: Vec<String> = columns.collect();
        let sql = format!(
            "select i, {} from (select value as i from generate_series(1, {rows}))",
            columns.join(", ")
        );
        let rows = context.sql(&sql).await.unwrap().collect().await.unwrap();
        let schema = rows[0].schema();
        let all = arrow::compute::concat_batches(&schema, &rows).unwrap();
        // Parts of several batches, one of them without rows.
        let mut parts: Vec<Vec<RecordBatch>> = vec![Vec::new(); 3];
        for start in (0..all.num_rows()).step_by(7) {
            let rows = all.slice(start, 7.min(all.num_rows() - start));
            parts[start % 2].push(rows);
        }
        let table = MemTable::try_new(schema, parts).unwrap();
        context.register_table(name, Arc::new(table)).unwrap();
    }
    context
}

fn has(plan: &Arc<dyn ExecutionPlan>, is_wanted: fn(&Arc<dyn ExecutionPlan>) -> bool) -> bool {
    is_wanted(plan)
        || plan
            .children()
            .into_iter()
            .any(|child| has(child, is_wanted))
}

async fn rows(context: &SessionContext, plan: Arc<dyn ExecutionPlan>) -> Vec<String> {
    let rows = collect(plan, context.task_ctx()).await.unwrap();
    let shown = pretty_format_batches(&rows).unwrap().to_string();
    let mut lines: Vec<String> = shown.lines().map(str::to_owned).collect();
    // Columns are as wide as the order of rows lets them be.
    for line in &mut lines {
        line.retain(|char| !" -".contains(char));
    }
    lines.sort();
    lines
}

#[tokio::test]
async fn our_joins_give_what_others_give() {
    let mut rules = PhysicalOptimizer::new().rules;
    let theirs = context(rules.clone()).await;
    rules.push(Arc::new(JoinRule));
    let ours = context(rules).await;
    let pairs =
        "a.i, b.i as j, a.flag, b.flag as other_flag, a.list, b.list as other_list, b.price";
    for (key, _) in COLUMNS {
        let mut statements = vec![
            format!("select {pairs} from more a join fewer b on a.{key} = b.{key}"),
            format!(
                "select {pairs} from more a join fewer b on a.{key} = b.{key} and a.i + 2 < b.i"
            ),
            format!(
                "select {pairs} from more a join fewer b on a.{key} = b.{key} and a.long = b.long"
            ),
            format!(
                "select {pairs} from more a join fewer b on a.{key} is not distinct from b.{key}"
            ),
            format!(
                "select {key}, i > 9 as late from more intersect select {key}, i > 9 from fewer"
            ),
        ];
        // The shorter side is the build side: the output side, or the other one.
        for (one, other) in [("more", "fewer"), ("fewer", "more")] {
            let semi =
                format!("select a.* from {one} a left semi join {other} b on a.{key} = b.{key}");
            statements.push(format!("{semi} and a.i + b.i > 40"));
            statements.push(format!("{semi} and b.i <> a.i and b.real > a.real"));
            statements.push(semi);
        }
        for sql in statements {
            let plan = ours.sql(&sql).await.unwrap();
            let plan = plan.create_physical_plan().await.unwrap();
            assert!(has(&plan, |plan| plan.is::<JoinExec>()), "{sql}");
            assert!(!has(&plan, |plan| plan.is::<HashJoinExec>()), "{sql}");
            let expected = theirs.sql(&sql).await.unwrap();
            let expected = expected.create_physical_plan().await.unwrap();
            let expected = rows(&theirs, expected).await;
            assert_eq!(rows(&ours, plan).await, expected, "{sql}");
        }
    }
}
