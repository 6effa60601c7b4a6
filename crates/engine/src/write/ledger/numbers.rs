//! Which scan of a statement rows come from.
//!
//! A statement may read a table several times, and the planner chooses by what
//! tables hold on which side of a join each stands. So the scans are numbered
//! before, in the order in which the optimised statement names them.

use std::any::Any;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, TableScan};
use datafusion::physical_plan::ExecutionPlan;
use query::Session;
use query::landing::LandingTable;
use query::scan::with_scans;
use query::tables::lake_table::LakeTable;
use query::tables::memory_table::MemoryTable;

use crate::Error;

/// Plans one SELECT so that an account can be given of it: its scans are
/// numbered.
///
/// # Errors
/// As [`Session::query`].
pub(crate) async fn plan_to_account_for(
    session: &Session,
    sql: &str,
) -> std::result::Result<Arc<dyn ExecutionPlan>, Error> {
    let state = session.state_to_account_with();
    let plan = state.optimize(&session.plan(sql).await?);
    let plan = plan.and_then(with_numbers);
    let plan = plan.map_err(Error::planning)?;
    let planner = Arc::clone(state.query_planner());
    let planned = planner.create_physical_plan(&plan, &state).await;
    planned.map_err(Error::planning)
}

/// The plan with its scans numbered.
///
/// # Errors
/// Those of taking a plan apart.
fn with_numbers(plan: LogicalPlan) -> Result<LogicalPlan> {
    with_scans(plan, numbered)
}

/// A scan under its number, where its table takes one.
///
/// # Errors
/// Where it is no table's.
pub(crate) fn numbered(number: usize, scan: &TableScan) -> Result<Option<LogicalPlan>> {
    let provider = source_as_provider(&scan.source)?;
    let table = provider.as_ref() as &dyn Any;
    let table: Arc<dyn TableProvider> = if let Some(table) = table.downcast_ref::<LakeTable>() {
        Arc::new(table.numbered(number))
    } else if let Some(table) = table.downcast_ref::<LandingTable>() {
        Arc::new(table.numbered(number))
    } else if let Some(table) = table.downcast_ref::<MemoryTable>() {
        Arc::new(table.numbered(number))
    } else {
        return Ok(None);
    };
    let mut scan = scan.clone();
    scan.source = provider_as_source(table);
    Ok(Some(LogicalPlan::TableScan(scan)))
}
