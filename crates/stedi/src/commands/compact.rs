//! `stedi compact [TABLE...]`: merges small files into large ones.

use anyhow::Result;

use crate::args::CompactArgs;
use crate::failure::Ending;
use crate::output::{Field, put_list, say};
use crate::runtime::runtime;
use crate::settings::Settings;
use crate::watchdog::interrupt;

pub(crate) fn compact(settings: &Settings, args: &CompactArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    let names: Vec<String> = args.tables.iter().map(|name| name.to_lowercase()).collect();
    let work = async { engine::compact(&setup, &names, interrupt()).await };
    let compacted = runtime()?.block_on(work)?;
    let headings = [
        "zone",
        "table",
        "files_before",
        "files_after",
        "bytes_before",
        "bytes",
    ];
    put_list(settings, &headings, &compacted, |table| {
        vec![
            Field::text(Some(&table.zone)),
            Field::text(Some(&table.table)),
            Field::count(table.files_before),
            Field::count(table.files_after),
            Field::count(table.bytes_before),
            Field::count(table.bytes),
        ]
    })?;
    if compacted.is_empty() {
        say(settings, "nothing to merge; no table was changed");
    } else {
        say(
            settings,
            "older versions keep the small files until `stedi vacuum` removes them",
        );
    }
    Ok(Ending::Done)
}
