//! Operations on a lake besides runs: verify, compact, vacuum, drop, quarantine,
//! export, and what users can ask about tables and columns.

mod compact;
mod describe;
mod drop_table;
mod evidence;
mod export;
mod lake_place;
mod no_table;
mod personal_columns;
mod provenance;
mod quarantine;
mod vacuum;
mod verify;

pub use compact::{Compacted, compact, compact_young};
pub use describe::{
    ColumnDescription, Counted, Description, TableSummary, describe, history, tables,
    unreadable_landing,
};
pub use drop_table::{RemovableTable, drop_table, removable_table};
pub use evidence::{
    PlotColumns, evidence, overview, plot_columns, privacy_page, quarantine_page, run_detail,
    run_list, singling_out, table_page,
};
pub use export::{
    ExportCheck, ExportFormat, ExportOptions, ExportedFile, Finding, Manifest, check_export, export,
};
pub use personal_columns::PersonalColumns;
pub use provenance::{
    ColumnProvenance, ColumnSources, Node, Provenance, Source, TableProvenance, lineage,
};
pub use quarantine::{drop_from_quarantine, quarantine, quarantine_entry};
pub use vacuum::{Vacuumed, vacuum};
pub use verify::verify;
