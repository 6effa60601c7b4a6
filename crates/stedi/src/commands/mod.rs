//! One module per command.

pub(crate) mod compact;
pub(crate) mod completions;
pub(crate) mod consent;
pub(crate) mod demo;
pub(crate) mod describe;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod lineage;
pub(crate) mod plan;
pub(crate) mod quarantine;
pub(crate) mod repair;
pub(crate) mod run;
pub(crate) mod sample;
mod shell;
pub(crate) mod sql;
pub(crate) mod tables;
pub(crate) mod vacuum;
pub(crate) mod verify;

use anyhow::Result;
use engine::{Report, Verdict};

use crate::args::Format;
use crate::failure::Ending;
use crate::output::{Field, grouped, grouped_or_dash, put_json, put_list, say};
use crate::settings::Settings;
use crate::watchdog::interrupt;

/// For expressions that are nested as deeply as a statement may be.
const STACK: usize = 32 << 20;

/// A runtime with a thread per core. What still computes when a command has
/// ended, such as a join that hears nothing, is not waited for.
fn runtime() -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build()?;
    Ok(Runtime(Some(runtime)))
}

/// See [`runtime`].
struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    fn block_on<F: Future>(&self, work: F) -> F::Output {
        match &self.0 {
            Some(runtime) => runtime.block_on(work),
            None => unreachable!("the runtime is given up when it is dropped"),
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits for somebody who wants the program to stop.
async fn stopped() {
    interrupt().requested().await;
}

/// `1 place`, `2 places`.
fn places(count: u64) -> String {
    let noun = if count == 1 { "place" } else { "places" };
    format!("{} {noun}", grouped(count))
}

/// `1 row`, `2 rows`.
fn rows(count: u64) -> String {
    let noun = if count == 1 { "row" } else { "rows" };
    format!("{} {noun}", grouped(count))
}

/// Prints a run's or a verification's report and tells how to end.
fn show_report(settings: &Settings, report: &Report) -> Result<Ending> {
    if settings.format.value == Format::Json {
        put_json(report)?;
    } else {
        let headings = ["zone", "table", "rows", "expected", "verdict", "seconds"];
        put_list(settings, &headings, &report.tables, |table| {
            vec![
                Field::text(Some(&table.zone)),
                Field::text(Some(&table.table)),
                Field::count(table.rows),
                Field::count(table.expected),
                Field::Verdict(table.verdict),
                Field::Seconds(table.seconds),
            ]
        })?;
    }
    Ok(remark(settings, report))
}

/// Says what there is to remark on and tells how to end.
fn remark(settings: &Settings, report: &Report) -> Ending {
    for warning in &report.warnings {
        say(settings, &format!("warning: {warning}"));
    }
    if report.quarantined > 0 {
        let places = places(report.quarantined);
        say(
            settings,
            &format!(
                "warning: landing input cannot be read in {places} and was left out there\n\
                 hint: `stedi quarantine list` tells where and why"
            ),
        );
    }
    for file in &report.undecodable {
        say(
            settings,
            &format!(
                "warning: {file} cannot be decoded: of withdrawals in it nobody knows whose they are"
            ),
        );
    }
    if !report.undecodable.is_empty() {
        say(
            settings,
            "hint: mend it or take it away, or `stedi quarantine drop` its entries; with --undecodable stop nothing is published until then",
        );
    }
    let of_intact = |check: &engine::CheckReport| check.check == engine::INTACT;
    let is_broken = report.checks.iter().any(of_intact);
    for damage in &report.damages {
        match is_broken {
            true => crate::output::complain(&format!("error: {damage}")),
            false => say(
                settings,
                &format!("warning: the lake was damaged: {damage}"),
            ),
        }
    }
    if is_broken {
        crate::output::complain(
            "hint: `stedi repair` makes it right from landing, register and key",
        );
    }
    for left_out in &report.left_out {
        say(
            settings,
            &format!(
                "left out of {}: {}, by check {}",
                left_out.table,
                rows(left_out.rows),
                left_out.check
            ),
        );
    }
    for check in report.checks.iter().filter(|check| !of_intact(check)) {
        let violations = grouped(check.violations);
        match check.verdict {
            Verdict::Fail => crate::output::complain(&format!(
                "error: check {} of {} failed: {violations} rows",
                check.check, check.table
            )),
            Verdict::Warn => say(
                settings,
                &format!(
                    "warning: check {} of {}: {violations} rows",
                    check.check, check.table
                ),
            ),
            Verdict::Ok => {}
        }
    }
    for table in &report.tables {
        if let Some(expected) = table.expected
            && table.rows != Some(expected)
        {
            crate::output::complain(&format!(
                "error: {} has {} rows where {} are expected",
                table.table,
                grouped_or_dash(table.rows),
                grouped(expected)
            ));
        }
    }
    if report.is_refused() {
        Ending::Refused
    } else if report.verdict() == Verdict::Fail {
        Ending::Check
    } else {
        Ending::Done
    }
}
