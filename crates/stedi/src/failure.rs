//! How the program ends: exit codes, and errors as people read them.

use std::fmt;
use std::process::ExitCode;

use engine::Class;

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

/// A panic's own message may hold a value from the data: its place is told.
pub(crate) fn tell_of_panics_by_place() {
    std::panic::set_hook(Box::new(|panic| {
        if engine::is_looking_at_damage() {
            return;
        }
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        crate::output::complain(&format!("error: a fault in this program, at {place}"));
    }));
}

/// A file that grows beyond the limit of `ulimit -f` ends a process by a signal,
/// unless that is heard: then the write fails, and is told as any other.
pub(crate) fn take_file_limits_for_errors() {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    if let Ok(runtime) = runtime {
        let _guard = runtime.enter();
        // Whoever hears it does nothing; that it is heard lasts as long as the process.
        let _ = signal(SignalKind::from_raw(libc::SIGXFSZ));
    }
}

/// Prints an error and what to do about it, and gives the exit code.
pub(crate) fn exit(outcome: anyhow::Result<Ending>) -> ExitCode {
    let ending = match outcome {
        Ok(ending) => ending,
        Err(error) => report(&error),
    };
    ExitCode::from(ending.code())
}

/// Prints an error to standard error and tells how it ends the program.
pub(crate) fn report(error: &anyhow::Error) -> Ending {
    let (message, hint, ending) = if let Some(failure) = error.downcast_ref::<Failure>() {
        (failure.to_string(), failure.hint.clone(), failure.ending)
    } else if let Some(error) = error.downcast_ref::<engine::Error>() {
        let ending = match error.class() {
            Class::Failed => Ending::Failed,
            Class::Settings => Ending::Settings,
            Class::Busy => Ending::Busy,
            Class::Interrupted => Ending::Interrupted,
            Class::Check => Ending::Check,
            Class::Refused => Ending::Refused,
        };
        (error.to_string(), error.hint(), ending)
    } else if let Some(errors) = error.downcast_ref::<catalog::Errors>() {
        // Its own text holds the hints, one behind each error.
        (errors.to_string(), None, Ending::Settings)
    } else if let Some(pipe) = error.downcast_ref::<std::io::Error>()
        && pipe.kind() == std::io::ErrorKind::BrokenPipe
    {
        // Whoever read the output has seen enough.
        return Ending::Done;
    } else {
        (format!("{error:#}"), None, Ending::Failed)
    };
    crate::output::complain(&format!("error: {}", message.trim_end()));
    if let Some(hint) = hint {
        crate::output::complain(&format!("hint: {hint}"));
    }
    ending
}
