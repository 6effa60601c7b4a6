//! `stedi verify`: contracts and counts of what stands.

use anyhow::Result;
use comfy_table::Cell;

use super::run::expectations;
use super::{runtime, show_report};
use crate::args::{Format, VerifyArgs};
use crate::failure::Ending;
use crate::output::{Sheet, grouped, put};
use crate::settings::Settings;

pub(crate) fn verify(settings: &Settings, args: &VerifyArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    let expect = expectations(&setup.project, args.expect.as_deref())?;
    let report = runtime()?.block_on(engine::verify(&setup, expect.as_ref()))?;
    let ending = show_report(settings, &report)?;
    if settings.format.value == Format::Table {
        let mut sheet = Sheet::new(settings, &["table", "check", "rows", "verdict"], &[2]);
        for check in &report.checks {
            let verdict = sheet.verdict(check.verdict);
            sheet.row(vec![
                Cell::new(&check.table),
                Cell::new(&check.check),
                Cell::new(grouped(check.violations)),
                verdict,
            ]);
        }
        put(&sheet.text())?;
    }
    Ok(ending)
}
