//! `stedi repair`: finds what is damaged in the lake, and repairs it.

use anyhow::Result;
use engine::RunOptions;

use super::run::{conclude, execute};
use super::run_report::show_report;
use crate::args::RepairArgs;
use crate::failure::Ending;
use crate::output::{Field, put_list, say};
use crate::runtime::runtime;
use crate::settings::Settings;

pub(crate) fn repair(settings: &Settings, args: &RepairArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    let damages = runtime()?.block_on(engine::damages(&setup))?;
    if damages.is_empty() {
        say(
            settings,
            "nothing is damaged; every row is as it was published",
        );
        return Ok(Ending::Done);
    }
    if args.dry_run {
        put_list(
            settings,
            &["object", "fault", "remedy"],
            &damages,
            |damage| {
                vec![
                    Field::text(Some(&damage.object)),
                    Field::text(Some(&damage.what)),
                    Field::text(Some(damage.remedy)),
                ]
            },
        )?;
        return Ok(Ending::Check);
    }
    let options = RunOptions {
        full: true,
        accept_lost: args.accept_lost_entries,
        ..RunOptions::default()
    };
    let report = execute(settings, &setup, &options)?;
    let ending = show_report(settings, &setup.project, &report)?;
    conclude(settings, &report);
    Ok(ending)
}
