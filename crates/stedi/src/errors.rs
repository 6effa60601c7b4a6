//! Errors as people read them, and the exit codes that they end with.

use std::process::ExitCode;

use engine::Class;

use crate::failure::{Ending, Failure};
use crate::output::complain;

/// A panic's own message may hold a value from the data: its place is told.
pub(crate) fn tell_of_panics_by_place() {
    std::panic::set_hook(Box::new(|panic| {
        if engine::is_reading_damaged_files() {
            return;
        }
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        complain(&format!("error: a fault in this program, at {place}"));
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

/// Prints an error to standard error and tells how it ends the program.
pub(crate) fn report(error: &anyhow::Error) -> Ending {
    let (message, hint, ending) = if let Some(failure) = error.downcast_ref::<Failure>() {
        (
            failure.to_string(),
            failure.hint().map(str::to_owned),
            failure.ending(),
        )
    } else if let Some(error) = error.downcast_ref::<engine::Error>() {
        (error.to_string(), error.hint(), ending_of(error.class()))
    } else if let Some(error) = error.downcast_ref::<query::Error>() {
        let class = Class::of_query(error);
        (error.to_string(), error.hint(), ending_of(class))
    } else if let Some(error) = error.downcast_ref::<lake::Error>() {
        let class = Class::of_lake(error);
        (error.to_string(), error.hint(), ending_of(class))
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
    complain(&format!("error: {}", message.trim_end()));
    if let Some(hint) = hint {
        complain(&format!("hint: {hint}"));
    }
    ending
}
