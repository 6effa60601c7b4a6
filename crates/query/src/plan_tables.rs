//! Finds the tables that a physical plan reads.
//!
//! The ledger uses it to name the source of each step, the join rule to recognise
//! landing and system tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;

use crate::landing::LandingScan;
use crate::scan::{LANDING, ScanNumber, ScannedTable};
use crate::tables::memory_table::MemorySource;

/// Zone and name of each table that a plan reads.
pub fn tables(plan: &Arc<dyn ExecutionPlan>) -> BTreeSet<(String, String)> {
    let below = plan.children().into_iter().flat_map(tables);
    let own = scanned_table(plan).map(|read| (read.zone, read.table));
    own.into_iter().chain(below).collect()
}

/// The table that an operator scans; `None` if it is no scan.
pub fn scanned_table(plan: &Arc<dyn ExecutionPlan>) -> Option<ScannedTable> {
    if let Some(scan) = plan.downcast_ref::<LandingScan>() {
        return Some(ScannedTable {
            number: scan.number(),
            ..ScannedTable::of(LANDING, scan.table())
        });
    }
    let source = plan.downcast_ref::<DataSourceExec>()?.data_source();
    if let Some(files) = source.downcast_ref::<FileScanConfig>() {
        // Files lie at `zone/table/file`.
        let file = files.file_groups.first()?.files().first()?;
        let path: Vec<_> = file.object_meta.location.parts().collect();
        let part = |place: usize| Some(path.iter().rev().nth(place)?.as_ref().to_owned());
        let number = file.extensions.get::<ScanNumber>();
        return Some(ScannedTable {
            zone: part(2)?,
            table: part(1)?,
            number: number.map(|number| number.0),
        });
    }
    Some(source.downcast_ref::<MemorySource>()?.table.clone())
}
