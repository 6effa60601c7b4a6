//! Log lines to standard error, and spans to a collector of traces.

use std::io::{self, IsTerminal};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::{Command, LogForm};
use crate::settings::Settings;

/// Our own crates. Libraries' lines are left out: they may quote statements or values.
const OWN: [&str; 5] = ["stedi", "engine", "query", "lake", "server"];

/// Prints log lines if the user asked for them: `--verbose` all of any command, `--log` those
/// of a server. A server always prints what went wrong.
pub(crate) fn log_to_stderr(settings: &Settings, command: &Command) {
    let form = match command {
        Command::Serve(args) => args.log,
        _ => None,
    };
    let level = match (settings.verbose, form, command) {
        (true, _, _) => LevelFilter::DEBUG,
        (_, Some(_), _) => LevelFilter::INFO,
        (_, None, Command::Serve(_)) => LevelFilter::WARN,
        _ => LevelFilter::OFF,
    };
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = Vec::new();
    if level != LevelFilter::OFF {
        let lines = layer().with_writer(io::stderr);
        let lines = match form {
            Some(LogForm::Json) => lines.json().flatten_event(true).boxed(),
            _ => lines
                .with_ansi(settings.color && io::stderr().is_terminal())
                .boxed(),
        };
        layers.push(lines.with_filter(own_at(level)).boxed());
    }
    #[cfg(feature = "otel")]
    if let Command::Serve(_) = command {
        let spans = super::traces::layer();
        layers.extend(spans.map(|spans| spans.with_filter(own_at(LevelFilter::INFO)).boxed()));
    }
    if !layers.is_empty() {
        tracing_subscriber::registry().with(layers).init();
    }
}

fn own_at(level: LevelFilter) -> Targets {
    OWN.into_iter().fold(Targets::new(), |targets, name| {
        targets.with_target(name, level)
    })
}
