//! SQL over every table of a project: landing files and the lake.
//!
//! A [`Session`] plans and runs statements. This crate holds what they need:
//! the tables and the snapshot they read, functions, physical operators of our
//! own, limits, and errors without values from the data.

pub mod error;
mod first;
mod function_limits;
pub mod functions;
pub mod identity_hash;
pub mod interner;
pub mod join;
pub mod landing;
pub mod partitions;
pub mod plan_tables;
pub mod pseudonym_key;
pub mod redaction;
pub mod roles;
pub mod scan;
pub mod session;
mod spill;
pub mod sql;
pub mod sql_types;
pub mod system;
pub mod tables;

pub use error::Error;
pub use first::FirstExec;
pub use session::{Query, Session, Setup};
pub use spill::remove_spill_folder;

/// The version of the SQL engine, for `stedi doctor`.
pub fn datafusion_version() -> &'static str {
    datafusion::DATAFUSION_VERSION
}
