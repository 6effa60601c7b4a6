//! A statement, its plans before and after a change, and what partition analysis says
//! about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlan;
use lake::{Layout, TableId};
use query::Session;
use tokio::sync::OnceCell;

use super::difference::{Difference, row_count};
use super::partition_analysis::{
    Broadcast, KeyKind, PartitionAnalysis, PartitionKey, Partitioning, node,
};
use crate::Error;
use crate::contract::time_use::TimeUse;

/// A statement, or one side of a join in it.
pub(crate) struct Statement {
    /// For messages.
    pub(super) name: String,
    /// The plan before the change. Planned when it is needed: new rows alone have no
    /// earlier result.
    pub(super) before: OnceCell<LogicalPlan>,
    pub(super) sql: String,
    /// The number of the plan node, for a side of a join.
    pub(super) node: Option<usize>,
    pub(super) after: LogicalPlan,
    pub(super) analysis: PartitionAnalysis,
    /// How it depends on the time of the run.
    pub(super) time: TimeUse,
}

impl Statement {
    /// `None` if the plan is not understood.
    pub(crate) async fn of(after: &Session, name: &str, sql: &str) -> Result<Option<Self>, Error> {
        let plan = after.plan(sql).await?;
        let time = TimeUse::of(&plan);
        let after = optimise(after, name, &plan)?;
        Ok(PartitionAnalysis::of(&after).map(|analysis| Self {
            name: name.to_owned(),
            before: OnceCell::new(),
            sql: sql.to_owned(),
            node: None,
            after,
            analysis,
            time,
        }))
    }

    /// A side of a join, by the number of its node.
    pub(super) fn join_side(&self, number: usize) -> Option<Self> {
        let after = node(&self.after, number)?;
        let analysis = PartitionAnalysis::of(&after)?;
        Some(Self {
            name: self.name.clone(),
            before: OnceCell::new(),
            sql: self.sql.clone(),
            node: Some(self.node.unwrap_or_default() + number),
            after,
            analysis,
            time: self.time,
        })
    }

    /// The plan before the change; `None` if it scans other tables or columns.
    pub(super) async fn plan_before(
        &self,
        session: &Session,
    ) -> Result<Option<&LogicalPlan>, Error> {
        let plan = || async {
            let whole = optimise(session, &self.name, &session.plan(&self.sql).await?)?;
            let part = match self.node {
                Some(number) => node(&whole, number),
                None => Some(whole),
            };
            Ok::<_, Error>(part.unwrap_or_else(|| self.after.clone()))
        };
        let before = self.before.get_or_try_init(plan).await?;
        let tables = |analysis: &PartitionAnalysis| -> Vec<(String, Vec<String>)> {
            let scans = analysis.scans.iter();
            scans
                .map(|scan| (scan.table.clone(), scan.columns.clone()))
                .collect()
        };
        let is_same = PartitionAnalysis::of(before)
            .is_some_and(|earlier| tables(&earlier) == tables(&self.analysis));
        Ok(is_same.then_some(before))
    }

    /// The result columns, as a table's files hold them.
    pub(crate) fn schema(&self) -> Result<SchemaRef, Error> {
        let schema = self.after.schema();
        let layout = Layout::new(TableId::new("", ""), schema.as_arrow(), &[])?;
        Ok(Arc::clone(layout.schema()))
    }

    /// Whether of several equal result rows `changed` affects either all or none, apart
    /// from added rows. Only then the affected rows tell whether one of them remains.
    pub(super) fn keeps_equal_rows_together(
        &self,
        partitioning: &Partitioning,
        changed: &BTreeMap<usize, Difference>,
    ) -> bool {
        if partitioning.keys.values().any(Option::is_some) {
            return !partitioning.key_columns.is_empty();
        }
        // Another input row may give a result row that equals one of a removed row, and
        // is not affected.
        let loses_rows = |scan: &usize| {
            changed
                .get(scan)
                .is_some_and(|difference| row_count(&difference.removed) > 0)
        };
        !partitioning.keys.keys().any(loses_rows)
            && partitioning
                .broadcasts
                .iter()
                .all(|broadcast| match &broadcast.joined_to {
                    Some((scan, key)) => self.outputs_column(*scan, &key.column),
                    None => true,
                })
    }

    /// The table and column that a result column outputs unchanged.
    pub(super) fn source_column(&self, index: usize) -> Option<(&str, &str)> {
        let (scan, key) = self.analysis.columns.get(index)?.as_ref()?;
        let table = &self.analysis.scans[*scan].table;
        (key.kind == KeyKind::Value).then_some((table.as_str(), key.column.as_str()))
    }

    /// The scan and column that hold the join key of a side that is read whole, if that
    /// side is a scan whose rows pass one by one through the nodes above it.
    pub(super) fn row_wise_join_key(&self, broadcast: &Broadcast) -> Option<(usize, PartitionKey)> {
        let analysis = self.join_side(broadcast.node)?.analysis;
        let (index, kind) = broadcast.join_key;
        let (scan, key) = analysis.columns.into_iter().nth(index)??;
        let kind = key.kind.max(kind);
        let mut partitionings = analysis.partitionings.iter();
        let is_row_wise =
            partitionings.any(|partitioning| partitioning.keys == BTreeMap::from([(scan, None)]));
        // A side's scans are numbered in the order of the statement's.
        let number = broadcast.scans.iter().nth(scan)?;
        is_row_wise.then_some((*number, PartitionKey { kind, ..key }))
    }

    /// Whether a result column outputs a scan's column unchanged.
    pub(super) fn outputs_column(&self, scan: usize, column: &str) -> bool {
        let mut columns = self.analysis.columns.iter().flatten();
        columns
            .any(|(from, key)| *from == scan && key.column == column && key.kind == KeyKind::Value)
    }
}

pub(super) fn optimise(
    session: &Session,
    name: &str,
    plan: &LogicalPlan,
) -> Result<LogicalPlan, Error> {
    let plan = session.state().optimize(plan);
    plan.map_err(|error| Error::execution(name, error))
}
