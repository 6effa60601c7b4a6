//! Which rows of a landing table a join can want at all.
//!
//! Where a model joins a landing table to something else, as readings to the
//! people who agreed, only rows whose key the other side has can come out. The
//! other side is small, so its keys are computed first and handed to the
//! reader, which passes over other people's rows before it builds them. The
//! join itself stays as it is: the keys only spare work.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, JoinType};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, TableScan, cast};
use datafusion::physical_plan::execution_plan::execute_stream;
use futures::StreamExt;
use xxhash_rust::xxh3::xxh3_64;

use crate::functions::SUBJECT;
use crate::rows::Itself;
use crate::{Error, Session};

/// The keys of one side of a join, as hashes. Two keys that share a hash cost
/// a row that the join then leaves out, and no more.
#[derive(Debug)]
pub(crate) struct Keys {
    hashes: HashSet<u64, BuildHasherDefault<Itself>>,
    /// Whether the join compares persons rather than texts.
    of_subject: bool,
}

impl landing::KeySet for Keys {
    fn contains(&self, text: &str) -> bool {
        let hash = if self.of_subject {
            xxh3_64(privacy::subject(text).as_bytes())
        } else {
            xxh3_64(text.as_bytes())
        };
        self.hashes.contains(&hash)
    }
}

/// A landing table whose rows can be narrowed by a column.
pub(crate) struct Narrowed {
    pub(crate) table: String,
    /// Position in the table's schema.
    pub(crate) column: usize,
    pub(crate) keys: Arc<Keys>,
}

/// Finds the joins of `sql` that narrow a landing table, and computes their
/// keys.
///
/// # Errors
/// Whatever planning and running the other side of a join may fail with.
pub(crate) async fn narrowing(
    session: &Session,
    sql: &str,
    landing: &[&str],
) -> std::result::Result<Vec<Narrowed>, Error> {
    let plan = session.plan(sql).await?;
    let state = session.state();
    let plan = state.optimize(&plan).map_err(Error::planning)?;
    let mut sides: Vec<Side> = Vec::new();
    let mut scanned: Vec<String> = Vec::new();
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::Join(join) => sides.extend(narrowed_sides(join, landing)),
            LogicalPlan::TableScan(scan) => scanned.push(scan.table_name.table().to_owned()),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(Error::planning)?;
    // A table read twice is read for two purposes; one column's keys are enough.
    sides.retain(|side| scanned.iter().filter(|table| **table == side.table).count() == 1);
    sides.dedup_by(|later, first| later.table == first.table);

    let mut narrowed = Vec::new();
    for side in sides {
        let hashes = key_hashes(session, side.others, &side.key)
            .await
            .map_err(|error| Error::execution(&side.table, error))?;
        narrowed.push(Narrowed {
            table: side.table,
            column: side.column,
            keys: Arc::new(Keys {
                hashes,
                of_subject: side.of_subject,
            }),
        });
    }
    Ok(narrowed)
}

/// A landing table in a join, and what it is joined to.
struct Side {
    table: String,
    column: usize,
    of_subject: bool,
    others: Arc<LogicalPlan>,
    key: Expr,
}

fn narrowed_sides(join: &Join, landing: &[&str]) -> Vec<Side> {
    // In an outer or anti join, rows without a partner come out as well.
    let (left, right) = match join.join_type {
        JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => (true, true),
        _ => (false, false),
    };
    let mut sides = Vec::new();
    for (on_left, on_right) in &join.on {
        for (wanted, own, key, others, other_key) in [
            (left, &join.left, on_left, &join.right, on_right),
            (right, &join.right, on_right, &join.left, on_left),
        ] {
            if let (true, Some(origin)) = (wanted, origin(own, key))
                && landing.contains(&origin.table.as_str())
            {
                sides.push(Side {
                    table: origin.table,
                    column: origin.column,
                    of_subject: origin.of_subject,
                    others: Arc::clone(others),
                    key: other_key.clone(),
                });
            }
        }
    }
    sides
}

/// The column of a table that a join's key is, or is the subject of.
struct Origin {
    table: String,
    column: usize,
    of_subject: bool,
}

/// Follows `key` down through `plan` to the table it comes from.
fn origin(plan: &LogicalPlan, key: &Expr) -> Option<Origin> {
    let column = match key {
        Expr::Column(column) => column,
        Expr::Alias(alias) => return origin(plan, &alias.expr),
        Expr::ScalarFunction(call) if call.name() == SUBJECT => {
            let inner = origin(plan, call.args.first()?)?;
            // The subject of a subject is that subject.
            return Some(Origin {
                of_subject: true,
                ..inner
            });
        }
        _ => return None,
    };
    let position = plan.schema().maybe_index_of_column(column)?;
    match plan {
        LogicalPlan::TableScan(scan) => of_table(scan, column),
        LogicalPlan::Filter(filter) => origin(&filter.input, key),
        LogicalPlan::Projection(projection) => {
            origin(&projection.input, projection.expr.get(position)?)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let (qualifier, field) = alias.input.schema().qualified_field(position);
            let below = Column::new(qualifier.cloned(), field.name());
            origin(&alias.input, &Expr::Column(below))
        }
        _ => None,
    }
}

fn of_table(scan: &TableScan, column: &Column) -> Option<Origin> {
    let schema = scan.source.schema();
    let position = schema.index_of(&column.name).ok()?;
    (schema.field(position).data_type() == &DataType::Utf8View).then(|| Origin {
        table: scan.table_name.table().to_owned(),
        column: position,
        of_subject: false,
    })
}

async fn key_hashes(
    session: &Session,
    plan: Arc<LogicalPlan>,
    key: &Expr,
) -> Result<HashSet<u64, BuildHasherDefault<Itself>>> {
    let keys = LogicalPlanBuilder::from(plan)
        .project([cast(key.clone(), DataType::Utf8View).alias("key")])?
        .build()?;
    let plan = session.state().create_physical_plan(&keys).await?;
    let mut stream = execute_stream(plan, session.task_context())?;
    let mut hashes = HashSet::default();
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let keys = batch.column(0).as_string_view();
        hashes.extend(
            (0..keys.len())
                .filter(|row| keys.is_valid(*row))
                .map(|row| xxh3_64(keys.value(row).as_bytes())),
        );
    }
    Ok(hashes)
}
