//! What makes child processes.

use std::fmt;
use std::process::Command;

use evidence::OperationKind;

/// Makes child processes; the server does not know how the program is called.
pub trait Launcher: Send + Sync + fmt::Debug {
    /// The command of a child that runs or plans, over the places and with the settings
    /// that the server has. It writes its progress to standard error as `stedi run
    /// --progress ndjson` does, and its report or plan as a JSON document to standard
    /// output.
    fn command(&self, operation: OperationKind) -> Command;

    /// Asks a child to end.
    fn ask_to_end(&self, pid: u32);

    /// The data product as its files are now.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    fn project(&self) -> Result<catalog::Project, String>;
}
