//! What the graph shows of a table.

use evidence::{Table, Zone};

/// A table of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// As edges name it: `system.` before a system table's name.
    pub(crate) name: String,
    pub(crate) zone: Zone,
    pub(crate) rows: Option<u64>,
    /// Lines below the rows.
    pub(crate) notes: Vec<Note>,
    /// Where a click leads, if the page may link.
    pub(crate) href: Option<String>,
}

/// A line in the box of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    /// Rows that were left out on the way into the table, and why.
    LeftOut(String),
    /// Rows that joins added.
    Added(String),
    /// Tables next to it that are not shown.
    Hidden(String),
}

impl Node {
    /// A table of a report, without links.
    pub(super) fn of(table: &Table) -> Self {
        Self {
            name: edge_name(table.zone, &table.table),
            zone: table.zone,
            rows: table.rows,
            notes: Vec::new(),
            href: None,
        }
    }
}

/// The name of a table as edges name it.
pub(crate) fn edge_name(zone: Zone, table: &str) -> String {
    match zone {
        Zone::System => format!("system.{table}"),
        _ => table.to_owned(),
    }
}
