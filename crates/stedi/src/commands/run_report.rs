//! Prints the report of a run or a verification.

use anyhow::Result;
use catalog::{Project, Table};
use engine::{CheckReport, Report, Verdict};

use crate::args::Format;
use crate::failure::Ending;
use crate::hints;
use crate::output::{
    Field, complain, grouped, grouped_or_dash, places, put_json, put_list, rows, say,
};
use crate::settings::Settings;

/// Prints the report about the tables of `project`, and returns how the program ends.
pub(super) fn show_report(
    settings: &Settings,
    project: &Project,
    report: &Report,
) -> Result<Ending> {
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
    Ok(remark(settings, project, report))
}

/// Prints warnings and failures of the report, and returns how the program ends.
pub(super) fn remark(settings: &Settings, project: &Project, report: &Report) -> Ending {
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
    let checks = report.checks.iter().filter(|check| !of_intact(check));
    show_checks(settings, project, checks);
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

/// Prints checks that found violations, each with the file of its model.
fn show_checks<'a>(
    settings: &Settings,
    project: &Project,
    checks: impl Iterator<Item = &'a CheckReport>,
) {
    for check in checks {
        let CheckReport { check: name, .. } = check;
        let violations = grouped(check.violations);
        let place = match project.find(&check.table) {
            Some(Table::Model(model)) => format!("{}: ", model.file),
            _ => String::new(),
        };
        match check.verdict {
            Verdict::Fail => {
                let what = hints::violations_of(name);
                complain(&format!(
                    "error: {place}check {name} of {} failed: {violations} {what}",
                    check.table
                ));
                if let Some(hint) = hints::of_gate(name) {
                    complain(&format!("hint: {hint}"));
                }
            }
            Verdict::Warn => say(
                settings,
                &format!(
                    "warning: {place}check {name} of {}: {violations} rows",
                    check.table
                ),
            ),
            Verdict::Ok => {}
        }
    }
}
