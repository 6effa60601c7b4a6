//! SQL over every table of a project: landing files, models and system tables.
//!
//! A [`Session`] plans and runs statements on DataFusion. This crate holds what a
//! session needs: the tables and the versions it reads, our SQL functions and
//! physical operators, limits, and error messages without values from the data. It
//! only reads; `engine` builds and publishes tables with it.

pub mod access;
pub mod error;
mod first;
mod function_limits;
mod function_names;
pub mod functions;
pub mod identity_hash;
pub mod interner;
pub mod join;
pub mod landing;
pub mod partitions;
pub mod plan_tables;
pub mod pseudonym_key;
pub mod redaction;
pub mod scan;
pub mod session;
mod snapshot;
mod spill;
pub mod sql;
pub mod sql_types;
pub mod system;
pub mod tables;
mod type_messages;
mod usage;
mod value_messages;
mod window_limits;

pub use error::{Error, KeyFault, LandingFault, Write};
pub use first::FirstExec;
pub use session::{Query, Session, Setup};
pub use snapshot::Snapshot;
pub use spill::remove_spill_folder;
pub use sql::definitions::Request;
pub use usage::{Meter, Usage};

/// The version of the SQL engine, for `stedi doctor`.
pub fn datafusion_version() -> &'static str {
    datafusion::DATAFUSION_VERSION
}
