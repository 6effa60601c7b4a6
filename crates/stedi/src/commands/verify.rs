//! `stedi verify`: checks contracts and row counts of the published tables.

use anyhow::Result;

use super::run::expectations;
use super::run_report::show_report;
use crate::args::{Format, VerifyArgs};
use crate::failure::Ending;
use crate::output::{Field, put_list};
use crate::runtime::runtime;
use crate::settings::Settings;

pub(crate) fn verify(settings: &Settings, args: &VerifyArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    let expect = expectations(&setup.project, args.expect.as_deref())?;
    let report = runtime()?.block_on(engine::verify(&setup, expect.as_ref()))?;
    let ending = show_report(settings, &setup.project, &report)?;
    if settings.format.value == Format::Table {
        let headings = ["table", "check", "rows", "verdict"];
        put_list(settings, &headings, &report.checks, |check| {
            vec![
                Field::text(Some(&check.table)),
                Field::text(Some(&check.check)),
                Field::count(check.violations),
                Field::Verdict(check.verdict),
            ]
        })?;
    }
    Ok(ending)
}
