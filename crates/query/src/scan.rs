//! Which table a scan reads, and which scan of its statement it is.
//!
//! A statement may read a table several times. The planner chooses by table
//! sizes on which side of a join each scan stands, so scans are numbered in the
//! optimised statement, before that choice.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, TableScan};

/// The zone of landing tables.
pub const LANDING: &str = "landing";

/// What a scan reads: zone and name of a table, and the scan's number in its
/// statement, where scans are numbered.
#[derive(Debug, Clone, Default)]
pub struct ScannedTable {
    /// `landing`, `trusted`, `curated` or `system`.
    pub zone: String,
    /// Bare name.
    pub table: String,
    /// Number of the scan in its statement.
    pub number: Option<usize>,
}

impl ScannedTable {
    /// A table, by a scan without a number.
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

/// The plan with other tables behind its scans: `replace` is asked for each, by
/// its number.
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
        // What stands below may carry other notes in its schema.
        node.recompute_schema().map(Transformed::yes)
    })
    .data()
}
