//! Progress of a run: one line per model, only on a terminal.

use std::collections::HashMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::{NoProgress, Progress};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::output::grouped;
use crate::settings::Settings;

/// Shows progress if standard error is a terminal, and nothing otherwise.
pub(crate) fn shown(settings: &Settings) -> Arc<dyn Progress> {
    if settings.quiet || !std::io::stderr().is_terminal() {
        return Arc::new(NoProgress);
    }
    Arc::new(Bars::default())
}

/// The number of rows of a model is not known beforehand: a line counts rows and
/// spins.
#[derive(Default)]
struct Bars {
    all: MultiProgress,
    by_table: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    fn with(&self, table: &str, act: impl FnOnce(&ProgressBar)) {
        let bars = self.by_table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = bars.get(table) {
            act(bar);
        }
    }

    fn style(template: &str) -> ProgressStyle {
        ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .with_key("rate", |bar: &ProgressState, to: &mut dyn Write| {
                // A fraction of a row means nothing.
                let _ = write!(to, "{} rows/s", grouped(bar.per_sec() as u64));
            })
            .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏✓")
    }
}

impl Progress for Bars {
    fn plan(&self, tables: &[String]) {
        let width = tables.iter().map(String::len).max().unwrap_or_default();
        let mut bars = self.by_table.lock().unwrap_or_else(PoisonError::into_inner);
        for table in tables {
            let bar = self.all.add(ProgressBar::new_spinner());
            bar.set_style(Self::style("  {prefix} waiting"));
            bar.set_prefix(format!("{table:width$}"));
            bar.tick();
            bars.insert(table.clone(), bar);
        }
    }

    fn begin(&self, table: &str) {
        self.with(table, |bar| {
            bar.set_style(Self::style("{spinner} {prefix} {human_pos} rows, {rate}"));
            bar.enable_steady_tick(Duration::from_millis(100));
        });
    }

    fn rows(&self, table: &str, rows: u64) {
        self.with(table, |bar| bar.inc(rows));
    }

    fn end(&self, table: &str, rows: u64) {
        self.with(table, |bar| {
            bar.set_style(Self::style("{spinner} {prefix} {msg}"));
            bar.finish_with_message(format!("{} rows", grouped(rows)));
        });
    }
}
