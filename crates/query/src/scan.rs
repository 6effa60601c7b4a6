//! Identifies scans: which table a scan reads, and its number in the statement.
//!
//! A statement may read a table several times, and the ledger counts each scan by
//! itself. The planner chooses by table sizes on which side of a join a scan ends
//! up, so scans are numbered in the optimised logical plan, before that choice.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, TableScan};

/// The zone of landing tables.
pub const LANDING: &str = "landing";

/// The table that a scan reads, and the scan's number where scans are numbered.
#[derive(Debug, Clone, Default)]
pub struct ScannedTable {
    /// `landing`, `trusted`, `curated` or `system`.
    pub zone: String,
    /// Name without the zone.
    pub table: String,
    /// Number of the scan in its statement.
    pub number: Option<usize>,
}

impl ScannedTable {
    /// A table read by a scan without a number.
    pub fn of(zone: &str, table: &str) -> Self {
        Self {
            zone: zone.to_owned(),
            table: table.to_owned(),
            number: None,
        }
    }
}

/// The number of a scan in its statement, attached to each file that it reads.
#[derive(Debug, Clone, Copy)]
pub struct ScanNumber(pub usize);

/// Replaces scans of a plan. `replace` gets each scan with its number and returns
/// the plan to put in its place, if any.
///
/// # Errors
/// Those of `replace`, and of taking a plan apart.
pub fn with_scans(
    plan: LogicalPlan,
    mut replace: impl FnMut(usize, &TableScan) -> Result<Option<LogicalPlan>>,
) -> Result<LogicalPlan> {
    let mut number = 0;
    plan.transform_up(|node| {
        if let LogicalPlan::TableScan(scan) = &node {
            let replaced = replace(number, scan)?;
            number += 1;
            return Ok(match replaced {
                Some(other) => Transformed::yes(other),
                None => Transformed::no(node),
            });
        }
        // Replaced inputs may carry other metadata in their schemas.
        node.recompute_schema().map(Transformed::yes)
    })
    .data()
}
