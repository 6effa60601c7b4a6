//! `stedi run`: builds, checks and publishes.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use catalog::{Expectations, Project, TableName};
use engine::{ChangedFiles, Report, RunOptions, Setup, Verdict};

use super::run_report::show_report;
use crate::args::{Changed, ProgressForm, RunArgs, Undecodable};
use crate::failure::{Ending, Failure};
use crate::key::Keys;
use crate::output::{Event, say, tell, write_events};
use crate::progress;
use crate::runtime::runtime;
use crate::settings::Settings;
use crate::watchdog::interrupt;

pub(crate) fn run(settings: &Settings, args: &RunArgs) -> Result<Ending> {
    in_form(args.progress);
    let setup = settings.setup()?;
    let options = RunOptions {
        select: names(&args.select)?,
        expect: expectations(&setup.project, args.expect.as_deref())?,
        strict: args.strict,
        full: args.full,
        changed: changed_files(args.changed),
        undecodable: undecodable(settings, args.undecodable),
        ..RunOptions::default()
    };
    let report = execute(settings, &setup, &options)?;
    let ending = show_report(settings, &setup.project, &report)?;
    conclude(settings, &report);
    Ok(ending)
}

/// Writes events where a program asked for them.
pub(super) fn in_form(form: ProgressForm) {
    match form {
        ProgressForm::Text => {}
        ProgressForm::Ndjson => write_events(),
    }
}

/// What the flag says about changed files.
pub(super) fn changed_files(flag: Changed) -> ChangedFiles {
    match flag {
        Changed::Rebuild => ChangedFiles::Rebuild,
        Changed::Keep => ChangedFiles::Keep,
    }
}

/// The flag if given, otherwise the setting.
pub(super) fn undecodable(settings: &Settings, flag: Option<Undecodable>) -> engine::Undecodable {
    match flag.unwrap_or(settings.undecodable.value) {
        Undecodable::Warn => engine::Undecodable::Warn,
        Undecodable::Stop => engine::Undecodable::Stop,
    }
}

/// Runs, shows progress, and stops on Ctrl-C.
pub(super) fn execute(settings: &Settings, setup: &Setup, options: &RunOptions) -> Result<Report> {
    let progress = progress::shown(settings);
    let report = execute_until(settings, setup, options, progress, interrupt());
    Ok(runtime()?.block_on(report)?)
}

/// Runs, with a key that is made if the lake needs one and has none, unless `interrupt`
/// ends it.
pub(super) async fn execute_until(
    settings: &Settings,
    setup: &Setup,
    options: &RunOptions,
    progress: Arc<dyn engine::Progress>,
    interrupt: Arc<engine::Interrupt>,
) -> Result<Report, engine::Error> {
    let keys = Keys::of(settings, setup.landing.clone(), setup.lake.clone()).making();
    let setup = Setup {
        key: Some(Arc::new(keys.clone())),
        ..setup.clone()
    };
    let report = engine::run(&setup, options, progress, interrupt).await;
    if let Some(made) = keys.settle().await {
        say_of_new_key(settings, &made);
    }
    report
}

/// Says that a key was created: the lake's next run needs it, wherever that is.
fn say_of_new_key(settings: &Settings, file: &Path) {
    say(
        settings,
        &format!(
            "created the pseudonym key: {}\n\
             hint: runs of this lake on other machines need it too (--key-file); another key gives every person another pseudonym",
            file.display()
        ),
    );
}

/// Says how the run ended.
pub(super) fn conclude(settings: &Settings, report: &Report) {
    if let Some(how) = &report.how {
        say(settings, how);
    }
    if report.verdict() == Verdict::Fail {
        say(settings, "nothing was published; the lake is as it was");
        return;
    }
    let tables = report.published.as_slice();
    tell(&Event::Published { tables });
    if report.published.is_empty() && !report.damages.is_empty() {
        say(
            settings,
            "repaired what was damaged; no other table was changed",
        );
    } else if report.published.is_empty() {
        say(settings, "nothing new; no table was changed");
    } else {
        say(
            settings,
            &format!("published {}", report.published.join(", ")),
        );
    }
}

/// `--expect`: the published counts of the project, or a file of that form.
pub(super) fn expectations(
    project: &Project,
    expect: Option<&str>,
) -> Result<Option<Expectations>> {
    let Some(expect) = expect else {
        return Ok(None);
    };
    if expect == "published" {
        let published = project.published().cloned();
        return published.map(Some).ok_or_else(|| {
            Failure::settings(
                "the data product has no published.toml",
                "add one with `[rows]` and `table = count`, or name a file with --expect",
            )
        });
    }
    let text = std::fs::read_to_string(expect).map_err(|error| {
        Failure::settings(
            format!("cannot read the expected counts in {expect}: {error}"),
            "write `--expect published`, or name a file with `[rows]` and `table = count`",
        )
    })?;
    Ok(Some(project.expectations(expect, &text)?))
}

pub(super) fn names(select: &[String]) -> Result<Vec<TableName>> {
    select
        .iter()
        .map(|name| {
            name.to_lowercase().parse().map_err(|_| {
                Failure::settings(
                    format!("`{name}` is not a table name"),
                    "`stedi tables` lists the tables",
                )
            })
        })
        .collect()
}
