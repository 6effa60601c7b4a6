//! What a run is asked to do.

use catalog::{Expectations, TableName};

/// What a run shall do.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Build these and what they need; all where empty.
    pub select: Vec<TableName>,
    /// Row counts that must come out.
    pub expect: Option<Expectations>,
    /// Publish nothing if any landing input cannot be read.
    pub strict: bool,
    /// Build everything anew, also where nothing is new.
    pub full: bool,
    /// What becomes of what landing files fed that changed or went since.
    pub changed: ChangedFiles,
    /// Go on without entries of the register of consent that are lost.
    pub accept_lost: bool,
    /// What becomes of the run if a file of customer records cannot be decoded.
    pub undecodable: Undecodable,
}

/// What a run does about a file of customer records of which nobody can tell
/// whom it names, so that a withdrawal in it suspends nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Undecodable {
    /// It says so and goes on.
    #[default]
    Warn,
    /// It publishes nothing.
    Stop,
}

/// What a run does about landing files that are not as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChangedFiles {
    /// Everything is built anew, from what lies there now.
    #[default]
    Rebuild,
    /// What they fed is kept as it is; only what is new is taken in.
    Keep,
}
