//! Which table reads which, with the rows that the ledger notes.

use std::collections::BTreeSet;

use catalog::{Project, ReadBy};
use evidence::Edge;

use super::account::Accounts;

/// What the models' SELECTs read, in build order.
pub(super) fn edges(project: &Project, accounts: &Accounts) -> Vec<Edge> {
    let mut edges = Vec::new();
    for model in project.models() {
        let reads = model.reads().iter();
        let reads: BTreeSet<&str> = reads
            .filter(|read| read.by == ReadBy::Select)
            .map(|read| read.table.as_str())
            .collect();
        let to = model.name.as_ref();
        for from in reads {
            // The ledger names system tables without their zone.
            let source = from.strip_prefix("system.").unwrap_or(from);
            let main = accounts.rows_from(to, source);
            edges.push(Edge {
                from: from.to_owned(),
                to: to.to_owned(),
                is_main: main.is_some(),
                rows: main.or_else(|| accounts.rows_after(to, source)),
            });
        }
    }
    edges
}
