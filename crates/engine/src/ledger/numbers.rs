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

use crate::held_table::HeldTable;
use crate::incremental::with_scans;
use crate::lake_table::LakeTable;
use crate::landing::LandingTable;

/// What a scan reads: zone and name of a table, and its number among the scans of
/// a statement, where those are numbered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Read {
    pub(crate) zone: String,
    pub(crate) table: String,
    pub(crate) number: Option<usize>,
}

impl Read {
    /// A table, by a scan without a number.
    pub(crate) fn of(zone: &str, table: &str) -> Self {
        Self {
            zone: zone.to_owned(),
            table: table.to_owned(),
            number: None,
        }
    }
}

/// As which scan of a statement a file is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanNumber(pub(crate) usize);

/// The plan with its scans numbered.
///
/// # Errors
/// Those of taking a plan apart.
pub(crate) fn with_numbers(plan: LogicalPlan) -> Result<LogicalPlan> {
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
    } else if let Some(table) = table.downcast_ref::<HeldTable>() {
        Arc::new(table.numbered(number))
    } else {
        return Ok(None);
    };
    let mut scan = scan.clone();
    scan.source = provider_as_source(table);
    Ok(Some(LogicalPlan::TableScan(scan)))
}
