//! `stedi tables`: what there is.

use anyhow::Result;

use super::runtime;
use crate::failure::Ending;
use crate::output::{Field, put_list};
use crate::settings::Settings;

pub(crate) fn tables(settings: &Settings) -> Result<Ending> {
    let setup = settings.setup()?;
    let tables = runtime()?.block_on(engine::tables(&setup))?;
    let headings = [
        "zone", "table", "rows", "version", "files", "bytes", "grain",
    ];
    put_list(settings, &headings, &tables, |table| {
        vec![
            Field::text(Some(&table.zone)),
            Field::text(Some(&table.table)),
            Field::count(table.rows),
            Field::Number(table.version),
            Field::count(table.files),
            Field::count(table.bytes),
            Field::text(table.grain.as_deref()),
        ]
    })?;
    Ok(Ending::Done)
}
