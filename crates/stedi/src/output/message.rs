//! Messages to standard error.

use std::io::{self, IsTerminal, Write};

use super::escape::escaped;
use crate::settings::Settings;

/// Lets the program's own log lines through where the user asked for them.
/// Libraries' lines stay out: they may quote statements or values.
pub(crate) fn log_to_stderr(settings: &Settings) {
    if !settings.verbose {
        return;
    }
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let own = ["stedi", "engine", "lake"]
        .into_iter()
        .fold(Targets::new(), |targets, name| {
            targets.with_target(name, tracing_subscriber::filter::LevelFilter::DEBUG)
        });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(settings.color && io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines).with(own).init();
}

/// A line to standard error.
pub(crate) fn complain(line: &str) {
    // Where even that cannot be written there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{}", escaped(line));
}

/// A line to standard error, unless the user wants quiet.
pub(crate) fn say(settings: &Settings, line: &str) {
    if !settings.quiet {
        complain(line);
    }
}
