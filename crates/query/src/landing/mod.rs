//! Landing tables as DataFusion tables: which files there are, and how they
//! are read side by side.
//!
//! [`Source`] lists a table's files, `feed` reads and decodes them on all
//! cores, [`Tag`] and `content` know a file again,
//! [`Intake`] keeps the account of every byte, and [`LandingTable`]
//! makes a table of it. [`Whose`] tells by whom rows are found again.

mod content;
mod feed;
mod intake;
mod named_people;
mod quarantine_entry;
mod roll;
mod scan;
mod source;
mod tag;

pub use intake::{Example, FileIntake, Intake, TableIntake};
pub use named_people::Named;
pub use quarantine_entry::{DROPPED, OPEN, QuarantineEntry, QuarantineSink};
pub use roll::{Hashes, Whose, hash};
pub use scan::{LandingScan, LandingTable, Listener};
pub use source::{Packing, Source, SourceFile, place};
pub use tag::{Likeness, Tag};
