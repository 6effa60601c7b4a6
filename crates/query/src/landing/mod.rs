//! Landing tables as DataFusion tables: lists landing files, reads and decodes them,
//! and accounts for every byte.
//!
//! [`LandingTable`] is the table, [`LandingScan`] its scan. [`Source`] lists a
//! table's files, `feed` reads and decodes them on all cores, `unpack` those that are
//! packed, `parquet` gives the rows of Parquet files, and [`Intake`] keeps the account
//! of what was read. `partition` and `file_columns` give the columns that follow from a
//! file's place. [`Tag`] and `content` recognise files that were read before. [`Whose`]
//! names the column of a table that identifies a person or a device, by which a later
//! run finds the files with their rows.

mod content;
mod feed;
mod file_columns;
mod intake;
mod named_people;
mod parquet;
mod partition;
mod quarantine_entry;
mod roll;
mod scan;
mod source;
mod tag;
mod unpack;

pub use intake::{Example, FileIntake, Intake, TableIntake};
pub use named_people::{Named, may_be_about_anybody};
pub use parquet::is_reading_parquet;
pub use quarantine_entry::{DROPPED, OPEN, QuarantineEntry, QuarantineSink};
pub use roll::{Hashes, Whose, hash};
pub use scan::{LandingScan, LandingTable, Listener};
pub use source::{Source, SourceFile, fault_of, place};
pub use tag::{Likeness, Tag};
