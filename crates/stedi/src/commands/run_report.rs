//! Prints the report of a run or a verification.

use anyhow::Result;
use engine::{Report, Verdict};

use crate::args::Format;
use crate::failure::Ending;
use crate::output::{
    Field, complain, grouped, grouped_or_dash, places, put_json, put_list, rows, say,
};
use crate::settings::Settings;

/// Prints the report, and returns how the program ends.
pub(super) fn show_report(settings: &Settings, report: &Report) -> Result<Ending> {
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

/// Prints warnings and failures of the report, and returns how the program ends.
pub(super) fn remark(settings: &Settings, report: &Report) -> Ending {
    for warning in &report.warnings {
        say(settings, &format!("warning: {warning}"));
    }
    if report.quarantined > 0 {
        let places = places(report.quarantined);
        say(
            settings,
            &format!(
                "warning: landing input cannot be read in {places} and was left out there\n\
                 hint: `stedi quarantine list` shows where and why"
            ),
        );
    }
    for file in &report.undecodable {
        say(
            settings,
            &format!(
                "warning: {file} holds input that cannot be decoded: it may be withdrawals of unknown people"
            ),
        );
    }
    if !report.undecodable.is_empty() {
        say(
            settings,
            "hint: correct or remove the file, or drop its entries with `stedi quarantine drop`; with --undecodable stop nothing is published until then",
        );
    }
    let of_intact = |check: &engine::CheckReport| check.check == engine::INTACT;
    let is_broken = report.checks.iter().any(of_intact);
    for damage in &report.damages {
        match is_broken {
            true => complain(&format!("error: {damage}")),
            false => say(
                settings,
                &format!("warning: the lake was damaged: {damage}"),
            ),
        }
    }
    if is_broken {
        complain("hint: `stedi repair` restores it from landing files, consent register and key");
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
            Verdict::Fail => complain(&format!(
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
            complain(&format!(
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
