//! Prints errors with their hints, and maps them to exit codes.

use std::process::ExitCode;

use engine::Class;

use crate::failure::{Ending, Failure};
use crate::hints;
use crate::output::complain;

/// Makes a panic report its place only: its message may hold a value from the
/// data.
pub(crate) fn report_panics_by_place() {
    std::panic::set_hook(Box::new(|panic| {
        if engine::is_reading_damaged_files() || query::landing::is_reading_parquet() {
            return;
        }
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        complain(&format!("error: a bug in this program, at {place}"));
    }));
}

/// Turns the limit of `ulimit -f` into an error. A file that grows beyond it
/// kills a process by a signal, unless the signal has a handler: then the write
/// fails, and is reported like any other.
pub(crate) fn turn_file_limits_into_errors() {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    if let Ok(runtime) = runtime {
        let _guard = runtime.enter();
        // The handler does nothing, and stays for as long as the process.
        let _ = signal(SignalKind::from_raw(libc::SIGXFSZ));
    }
}

/// Prints the error, if there is one, and returns the exit code.
pub(crate) fn exit(outcome: anyhow::Result<Ending>) -> ExitCode {
    let ending = match outcome {
        Ok(ending) => ending,
        Err(error) => report(&error),
    };
    ExitCode::from(ending.code())
}

/// Prints an error and its hint to standard error, and returns how the program
/// ends.
pub(crate) fn report(error: &anyhow::Error) -> Ending {
    let (message, hint, ending) = if let Some(failure) = error.downcast_ref::<Failure>() {
        (
            failure.to_string(),
            failure.hint().map(str::to_owned),
            failure.ending(),
        )
    } else if let Some(error) = error.downcast_ref::<engine::Error>() {
        (
            error.to_string(),
            hints::of(error),
            ending_of(error.class()),
        )
    } else if let Some(error) = error.downcast_ref::<query::Error>() {
        let class = Class::of_query(error);
        (error.to_string(), hints::of_query(error), ending_of(class))
    } else if let Some(error) = error.downcast_ref::<lake::Error>() {
        let class = Class::of_lake(error);
        (error.to_string(), hints::of_lake(error), ending_of(class))
    } else if let Some(errors) = error.downcast_ref::<catalog::Errors>() {
        // The text holds the hints, one after each error.
        (errors.to_string(), None, Ending::Settings)
    } else if let Some(pipe) = error.downcast_ref::<std::io::Error>()
        && pipe.kind() == std::io::ErrorKind::BrokenPipe
    {
        // The reader of the output has seen enough.
        return Ending::Done;
    } else {
        (format!("{error:#}"), None, Ending::Failed)
    };
    complain(&format!("error: {}", message.trim_end()));
    if let Some(hint) = hint {
        complain(&format!("hint: {hint}"));
    }
    ending
}

fn ending_of(class: Class) -> Ending {
    match class {
        Class::Failed => Ending::Failed,
        Class::Settings => Ending::Settings,
        Class::Busy => Ending::Busy,
        Class::Interrupted => Ending::Interrupted,
        Class::Check => Ending::Check,
        Class::Refused => Ending::Refused,
    }
}
