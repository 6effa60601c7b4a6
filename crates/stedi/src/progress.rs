//! Progress of a run: one line per model on a terminal, or events for a program.

use std::collections::HashMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::{NoProgress, Progress};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::output::{Event, grouped, tell, writes_events};
use crate::settings::Settings;

/// Shows progress as events if a program asked for them, otherwise as bars if standard
/// error is a terminal.
pub(crate) fn shown(settings: &Settings) -> Arc<dyn Progress> {
    if writes_events() {
        return Arc::new(Events::default());
    }
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

/// How soon rows of a table are told again.
const ROWS_INTERVAL: Duration = Duration::from_millis(200);

/// Tells a program what happens.
#[derive(Default)]
struct Events {
    /// The rows of each table so far, and when they were told.
    by_table: Mutex<HashMap<String, (u64, Option<Instant>)>>,
}

impl Progress for Events {
    fn locked(&self, run: &str) {
        tell(&Event::Locked { run });
    }

    fn plan(&self, tables: &[String]) {
        let mut by_table = self.by_table.lock().unwrap_or_else(PoisonError::into_inner);
        by_table.clear();
        tell(&Event::Plan { tables });
    }

    fn begin(&self, table: &str) {
        tell(&Event::Begin { table });
    }

    fn rows(&self, table: &str, rows: u64) {
        let mut by_table = self.by_table.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, told) = by_table.entry(table.to_owned()).or_default();
        *all += rows;
        if told.is_none_or(|told| told.elapsed() >= ROWS_INTERVAL) {
            *told = Some(Instant::now());
            tell(&Event::Rows { table, rows: *all });
        }
    }

    fn end(&self, table: &str, rows: u64) {
        tell(&Event::End { table, rows });
    }

    fn check(&self) {
        tell(&Event::Check);
    }

    fn publish(&self) {
        tell(&Event::Publish);
    }
}
