//! How the program ends: exit codes, and the errors of the binary itself.

use std::fmt;

/// The program's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// What was asked for was done.
    Done,
    /// Missing or unreadable input, store, SQL.
    Failed,
    /// Wrong command line, settings or project files.
    Settings,
    /// A check failed.
    Check,
    /// A built-in privacy check or gate refused.
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

/// An error of the binary's own: what happened, what to do, how to end.
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

    /// What to do, where that is known.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// How it ends the program.
    pub(crate) fn ending(&self) -> Ending {
        self.ending
    }

    fn with(ending: Ending, message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        let hint: String = hint.into();
        Self {
            message: message.into(),
            hint: (!hint.is_empty()).then_some(hint),
            ending,
        }
        .into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
