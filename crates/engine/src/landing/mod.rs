//! Landing tables as DataFusion tables: which files there are, and how they
//! are read side by side.
//!
//! [`Source`] lists a table's files, [`feed`] reads and decodes them on all
//! cores, [`Tag`] and [`content`] know a file again,
//! [`Intake`] keeps the account of every byte, and [`LandingTable`]
//! makes a table of it. [`Whose`] tells by whom rows are found again.

mod content;
mod feed;
mod intake;
mod scan;
mod source;
mod tag;
mod who;

pub(crate) use intake::FileIntake;
pub use intake::{Example, Intake, TableIntake};
pub(crate) use scan::{LandingScan, LandingTable, Listener, streams};
pub(crate) use source::{Packing, Source, SourceFile, place};
pub(crate) use tag::{Likeness, Tag};
pub(crate) use who::{Hashes, Whose, hash};
