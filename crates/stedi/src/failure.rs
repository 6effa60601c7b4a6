//! How the program ends: exit codes, and the errors of the binary itself.

use std::fmt;

/// The program's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The command was carried out.
    Done,
    /// Missing or unreadable input, store, SQL.
    Failed,
    /// Wrong command line, settings or project files.
    Settings,
    /// A check failed.
    Check,
    /// A built-in privacy check refused.
    Refused,
    /// Another writer holds the lake.
    Busy,
    /// The user stopped it.
    Interrupted,
}

impl Ending {
    pub(crate) fn code(self) -> u8 {
        match self {
            Ending::Done => 0,
            Ending::Failed => 1,
            Ending::Settings => 2,
            Ending::Check => 3,
            Ending::Refused => 4,
            Ending::Busy => 5,
            Ending::Interrupted => 130,
        }
    }
}

/// An error of the binary itself: what happened, what to do, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    ending: Ending,
}

impl Failure {
    /// Settings, command line or project files are wrong.
    pub(crate) fn settings(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        Self::with(Ending::Settings, message, hint)
    }

    /// Something could not be read, written or found.
    pub(crate) fn failed(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        Self::with(Ending::Failed, message, hint)
    }

    /// Another writer holds the lake.
    pub(crate) fn busy(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        Self::with(Ending::Busy, message, hint)
    }

    /// What to do, if known.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// How the program ends.
    pub(crate) fn ending(&self) -> Ending {
        self.ending
    }

    fn with(ending: Ending, message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        Self::new(ending, message, hint).into()
    }

    /// An error as itself, for the key source.
    pub(crate) fn new(ending: Ending, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let hint: String = hint.into();
        Self {
            message: message.into(),
            hint: (!hint.is_empty()).then_some(hint),
            ending,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
