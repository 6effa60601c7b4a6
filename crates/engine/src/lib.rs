//! Plans and runs models, and operates a lake.
//!
//! [`run`] builds and publishes tables, [`verify`] checks what is published.
//! This crate decides what happens in which order. Folders depend on each other
//! from top to bottom: `model_test`, `operations`, `run`, `incremental`, `write`, `contract`,
//! `subjects`.

mod commit_note;
mod content;
mod contract;
mod damage;
mod error;
mod incremental;
mod integrity;
mod interrupt;
mod lock;
mod model_test;
mod operations;
mod progress;
mod removed_tables;
mod run;
mod stop;
mod stored;
mod subjects;
mod system_rows;
mod write;

pub use contract::lineage::{Influence, Origin};
pub use contract::planning::{ProposedContract, propose_contracts};
pub use contract::report::{CheckKind, CheckReport, LeftOutReport, Report, TableReport, Verdict};
pub use damage::{Damage, INTACT};
pub use error::{Class, Error, ExportFault, Refusal, SettingsFault};
pub use integrity::{damages, is_reading_damaged_files};
pub use interrupt::Interrupt;
pub use model_test::{CaseReport, CaseVerdict, RowsReport, TestBench, TestFinding, run_case};
pub use operations::{
    ColumnDescription, ColumnProvenance, ColumnSources, Compacted, Counted, Description,
    ExportCheck, ExportFormat, ExportOptions, ExportedFile, Finding, Manifest, Node,
    PersonalColumns, PlotColumns, Provenance, RemovableTable, Source, TableProvenance,
    TableSummary, Vacuumed, check_export, compact, compact_young, describe, drop_from_quarantine,
    drop_table, evidence, export, history, lineage, overview, plot_columns, privacy_page,
    quarantine, quarantine_entry, quarantine_page, removable_table, run_detail, run_list,
    singling_out, table_page, tables, unreadable_landing, vacuum, verify,
};
pub use progress::{NoProgress, Progress};
pub use query::landing::{Example, Intake, QuarantineEntry, TableIntake};
pub use query::pseudonym_key::{KeySource, tables_with_pseudonyms};
pub use query::sql::time_travel::parse_instant;
pub use query::{Query, Request, Session, Setup, datafusion_version, remove_spill_folder};
pub use removed_tables::warning_of_removed;
pub use run::{
    Change, ChangedFiles, MissingTables, Plan, PlannedTable, ReadableFiles, RunOptions,
    Undecodable, plan, run,
};
pub use subjects::consent::{
    Consent, ConsentEntered, ConsentEntry, ConsentStatus, EnteredConsent, KnownBy, consent_status,
    enter_consent,
};
pub use subjects::quarantine::read_so_far;
