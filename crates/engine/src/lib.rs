//! Plans and runs models, and answers SQL.
//!
//! A [`Session`] is SQL over every table of a project; [`run`] builds and
//! publishes tables, [`verify`] checks what stands. This room decides what
//! happens in which order; how bytes become rows is `landing`'s, how files
//! become versions is `lake`'s, what a table is `catalog`'s business.

mod bounded;
mod build;
mod care;
mod checks;
mod consent;
mod decisions;
mod describe;
mod devices;
mod duplicates;
mod error;
mod export;
mod first;
mod functions;
mod gate;
mod held_table;
mod hold;
mod incremental;
mod integrity;
mod interrupt;
mod join;
mod judgement;
mod lake_table;
mod landing;
mod landing_files;
mod leave_out;
mod ledger;
mod lineage;
mod models;
mod origins;
mod partitions;
mod pseudonym;
mod quarantine;
mod report;
mod rewrite;
mod rows;
mod run;
mod session;
mod spill;
mod stop;
mod system;
mod tables;
mod texts;
mod time_travel;
mod time_use;
mod types;
mod unsupported;
mod verify;
mod wording;

pub use care::{
    Compacted, Doomed, Vacuumed, compact, doomed, drop_table, vacuum, warning_of_removed,
};
pub use consent::{
    Consent, ConsentEntered, ConsentEntry, ConsentStatus, EnteredConsent, KnownBy, consent_status,
    enter_consent,
};
pub use describe::{ColumnDescription, Description, TableSummary, describe, history, tables};
pub use error::{Class, Error};
pub use export::{
    ExportCheck, ExportFormat, ExportOptions, ExportedFile, Finding, Manifest, check_export, export,
};
pub use integrity::{Damage, INTACT, damages, is_looking_at_damage};
pub use interrupt::Interrupt;
pub use landing::{Example, Intake, TableIntake};
pub use lineage::{Influence, Origin};
pub use origins::{
    ColumnProvenance, ColumnSources, Node, Provenance, Source, TableProvenance, lineage,
};
pub use pseudonym::{KeySource, tables_with_pseudonyms};
pub use quarantine::{QuarantineEntry, drop_from_quarantine, quarantine, quarantine_entry};
pub use report::{CheckReport, LeftOutReport, Report, TableReport, Verdict};
pub use run::{
    Change, ChangedFiles, Plan, PlannedTable, Progress, RunOptions, Undecodable, plan, run,
};
pub use session::{Query, Session, Setup};
pub use spill::remove_spill_folder;
pub use time_travel::parse_instant;
pub use verify::verify;

/// The version of the SQL engine, for `stedi doctor`.
pub fn datafusion_version() -> &'static str {
    datafusion::DATAFUSION_VERSION
}
