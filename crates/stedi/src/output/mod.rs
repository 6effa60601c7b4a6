//! Data to standard output, everything else to standard error.

mod escape;
mod list;
mod rows;

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use serde::Serialize;

pub(crate) use self::escape::{Out, escaped};
pub(crate) use self::list::{Field, put_list};
pub(crate) use self::rows::Rows;
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

/// Text to standard output, as it is.
pub(crate) fn put(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Text to standard output that may hold what came from outside.
pub(crate) fn put_escaped(text: &str) -> Result<()> {
    let mut out = Out::new();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// One JSON document to standard output.
pub(crate) fn put_json(document: &impl Serialize) -> Result<()> {
    put_escaped(&format!("{}\n", serde_json::to_string(document)?))
}

/// A number as people read it: `81,273`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that may be missing.
pub(crate) fn grouped_or_dash(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), grouped)
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
