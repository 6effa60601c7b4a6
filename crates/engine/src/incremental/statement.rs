//! A statement as it was planned before and after a change, and what its scope
//! says of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlan;
use lake::{Layout, TableId};
use query::Session;
use tokio::sync::OnceCell;

use super::difference::{Difference, count};
use super::scope::{Bridge, By, Division, KeyOf, Scope, node};
use crate::Error;
use crate::contract::time_use::TimeUse;

/// A statement as it was planned before and after a change.
pub(crate) struct Statement {
    /// For messages.
    pub(super) name: String,
    /// Planned when it is needed: of what is new alone there was nothing before.
    pub(super) before: OnceCell<LogicalPlan>,
    pub(super) sql: String,
    /// The node of the plan that it is of.
    pub(super) node: Option<usize>,
    pub(super) after: LogicalPlan,
    pub(super) scope: Scope,
    /// How it depends on the time of the run.
    pub(super) time: TimeUse,
}

impl Statement {
    /// `None` where the plan is not understood.
    pub(crate) async fn of(after: &Session, name: &str, sql: &str) -> Result<Option<Self>, Error> {
        let plan = after.plan(sql).await?;
        let time = TimeUse::of(&plan);
        let after = optimise(after, name, &plan)?;
        Ok(Scope::of(&after).map(|scope| Self {
            name: name.to_owned(),
            before: OnceCell::new(),
            sql: sql.to_owned(),
            node: None,
            after,
            scope,
            time,
        }))
    }

    /// A side of a join, by the number of its node.
    pub(super) fn side(&self, number: usize) -> Option<Self> {
        let after = node(&self.after, number)?;
        let scope = Scope::of(&after)?;
        Some(Self {
            name: self.name.clone(),
            before: OnceCell::new(),
            sql: self.sql.clone(),
            node: Some(self.node.unwrap_or_default() + number),
            after,
            scope,
            time: self.time,
        })
    }

    /// How it was planned before; `None` where that is another plan.
    pub(super) async fn before(&self, session: &Session) -> Result<Option<&LogicalPlan>, Error> {
        let plan = || async {
            let whole = optimise(session, &self.name, &session.plan(&self.sql).await?)?;
            let part = match self.node {
                Some(number) => node(&whole, number),
                None => Some(whole),
            };
            Ok::<_, Error>(part.unwrap_or_else(|| self.after.clone()))
        };
        let before = self.before.get_or_try_init(plan).await?;
        let tables = |scope: &Scope| -> Vec<(String, Vec<String>)> {
            let scans = scope.scans.iter();
            scans
                .map(|scan| (scan.table.clone(), scan.columns.clone()))
                .collect()
        };
        let same = Scope::of(before).is_some_and(|old| tables(&old) == tables(&self.scope));
        Ok(same.then_some(before))
    }

    /// Columns of the result, as a table's files would hold them.
    pub(crate) fn schema(&self) -> Result<SchemaRef, Error> {
        let schema = self.after.schema();
        let layout = Layout::new(TableId::new("", ""), schema.as_arrow(), &[])?;
        Ok(Arc::clone(layout.schema()))
    }

    /// Whether rows that are equal in every column are either all touched by what
    /// `changed` or none is, but for rows that came: then whether one is left of
    /// them can be told from what is touched.
    pub(super) fn keeps_equal_rows_together(
        &self,
        division: &Division,
        changed: &BTreeMap<usize, Difference>,
    ) -> bool {
        if division.parts.values().any(Option::is_some) {
            return !division.places.is_empty();
        }
        // Of a row that went, others may give an equal one that nothing touches.
        let loses = |scan: &usize| changed.get(scan).is_some_and(|one| count(&one.gone) > 0);
        !division.parts.keys().any(loses)
            && division.bridges.iter().all(|bridge| match &bridge.to {
                Some((scan, key)) => self.passes_on(*scan, &key.column),
                None => true,
            })
    }

    /// The table and its column that a column of the result passes on as it is.
    pub(super) fn passes_on_at(&self, place: usize) -> Option<(&str, &str)> {
        let (scan, key) = self.scope.columns.get(place)?.as_ref()?;
        let table = &self.scope.scans[*scan].table;
        (key.by == By::Value).then_some((table.as_str(), key.column.as_str()))
    }

    /// The key that a side of a join, which is read whole, is joined by: a column
    /// of one of its scans, whose rows pass one by one through what is on the way.
    pub(super) fn passes_by_row(&self, bridge: &Bridge) -> Option<(usize, KeyOf)> {
        let scope = self.side(bridge.node)?.scope;
        let (place, by) = bridge.key;
        let (scan, key) = scope.columns.into_iter().nth(place)??;
        let by = key.by.max(by);
        let mut divisions = scope.divisions.iter();
        let by_row = divisions.any(|division| division.parts == BTreeMap::from([(scan, None)]));
        // A side's scans are numbered in the order of the statement's.
        let number = bridge.scans.iter().nth(scan)?;
        by_row.then_some((*number, KeyOf { by, ..key }))
    }

    /// Whether a column of the result passes a scan's column on.
    pub(super) fn passes_on(&self, scan: usize, column: &str) -> bool {
        let mut columns = self.scope.columns.iter().flatten();
        columns.any(|(from, key)| *from == scan && key.column == column && key.by == By::Value)
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
