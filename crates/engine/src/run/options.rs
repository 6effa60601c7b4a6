//! What the caller asks of a run.

use std::fmt;
use std::sync::Arc;

use catalog::{Expectations, TableName};
use query::landing::SourceFile;

/// What a run is asked to do.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Build these and what they need; all where empty.
    pub select: Vec<TableName>,
    /// Row counts that must come out.
    pub expect: Option<Expectations>,
    /// Publish nothing if any landing input cannot be read.
    pub strict: bool,
    /// Build every table from all its input, also where nothing is new.
    pub full: bool,
    /// What to do about landing files that changed or went after they were read.
    pub changed: ChangedFiles,
    /// Go on without lost entries of the register of consent.
    pub accept_lost: bool,
    /// What to do if a file of customer records cannot be decoded.
    pub undecodable: Undecodable,
    /// Which landing files that no run has read yet may be read.
    pub readable: ReadableFiles,
    /// What a landing table is whose place is not there.
    pub missing: MissingTables,
}

/// What a run makes of a landing table of which neither a folder nor an object is there,
/// and of which no run has read anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingTables {
    /// It fails: the location may be mistyped.
    #[default]
    Refuse,
    /// It is a table without rows, and a warning: files may come.
    Empty,
}

/// A choice of landing files, for callers who know which ones are whole. The default is
/// all of them.
#[derive(Clone, Default)]
pub struct ReadableFiles(Option<Arc<FileChoice>>);

/// Whether a file of the named landing table is chosen.
type FileChoice = dyn Fn(&str, &SourceFile) -> bool + Send + Sync;

impl ReadableFiles {
    /// Those files for which `choice` holds, given their landing table.
    pub fn those(choice: impl Fn(&str, &SourceFile) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(choice)))
    }

    pub(super) fn contains(&self, table: &str, file: &SourceFile) -> bool {
        self.0.as_ref().is_none_or(|choice| choice(table, file))
    }
}

impl fmt::Debug for ReadableFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "some",
            None => "all",
        })
    }
}

/// What a run does about a customer file that cannot be decoded. Nobody can tell
/// whom such a file names, so that a withdrawal in it suspends nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Undecodable {
    /// It warns and goes on.
    #[default]
    Warn,
    /// It fails and publishes nothing.
    Stop,
}

/// What a run does about landing files that changed or went after they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChangedFiles {
    /// Every table is built from the files that are there now.
    #[default]
    Rebuild,
    /// Their rows are kept as they are; only new files are read.
    Keep,
}
