//! One module per command.

pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod describe;
pub(crate) mod doctor;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod quarantine;
pub(crate) mod run;
pub(crate) mod sample;
mod shell;
pub(crate) mod sql;
pub(crate) mod tables;
pub(crate) mod verify;

use anyhow::Result;
use comfy_table::Cell;
use engine::{Report, Verdict};

use crate::args::Format;
use crate::failure::Ending;
use crate::output::{Sheet, grouped, grouped_or_dash, put, put_json, say};
use crate::settings::Settings;

/// A runtime with a thread per core.
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

/// Waits for somebody who wants the program to stop: Ctrl-C, a polite request
/// to end, or a terminal that was closed.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let hear = |kind| async move {
        match signal(kind) {
            Ok(mut stream) => {
                stream.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = hear(SignalKind::interrupt()) => {}
        () = hear(SignalKind::terminate()) => {}
        () = hear(SignalKind::hangup()) => {}
    }
}

/// Prints a run's or a verification's report and tells how to end.
fn show_report(settings: &Settings, report: &Report) -> Result<Ending> {
    match settings.format.value {
        Format::Table => put(&tables_sheet(settings, report))?,
        Format::Json => put_json(report)?,
        Format::Ndjson => {
            for table in &report.tables {
                put_json(table)?;
            }
        }
        Format::Csv => {
            let mut text = "zone,table,rows,expected,verdict,seconds\n".to_owned();
            let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
            for t in &report.tables {
                text += &format!(
                    "{},{},{},{},{},{:.3}\n",
                    t.zone,
                    t.table,
                    number(t.rows),
                    number(t.expected),
                    t.verdict,
                    t.seconds
                );
            }
            put(&text)?;
        }
    }
    for warning in &report.warnings {
        say(settings, &format!("warning: {warning}"));
    }
    if report.quarantined > 0 {
        let places = if report.quarantined == 1 {
            "1 place".to_owned()
        } else {
            format!("{} places", grouped(report.quarantined))
        };
        say(
            settings,
            &format!(
                "warning: landing input cannot be read in {places}, which was left out\n\
                 hint: `stedi quarantine list` tells where and why"
            ),
        );
    }
    for check in &report.checks {
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
    Ok(if report.verdict() == Verdict::Fail {
        Ending::Check
    } else {
        Ending::Done
    })
}

fn tables_sheet(settings: &Settings, report: &Report) -> String {
    let headings = ["zone", "table", "rows", "expected", "verdict", "seconds"];
    let mut sheet = Sheet::new(settings, &headings, &[2, 3, 5]);
    for table in &report.tables {
        let verdict = sheet.verdict(table.verdict);
        sheet.row(vec![
            Cell::new(&table.zone),
            Cell::new(&table.table),
            Cell::new(grouped_or_dash(table.rows)),
            Cell::new(grouped_or_dash(table.expected)),
            verdict,
            Cell::new(format!("{:.2}", table.seconds)),
        ]);
    }
    sheet.text()
}
