//! `stedi tables`: what there is.

use anyhow::Result;
use comfy_table::Cell;

use super::runtime;
use crate::args::Format;
use crate::failure::Ending;
use crate::output::{Sheet, grouped_or_dash, put, put_json};
use crate::settings::Settings;

pub(crate) fn tables(settings: &Settings) -> Result<Ending> {
    let setup = settings.setup()?;
    let tables = runtime()?.block_on(engine::tables(&setup))?;
    let headings = [
        "zone", "table", "rows", "version", "files", "bytes", "grain",
    ];
    match settings.format.value {
        Format::Json => put_json(&tables)?,
        Format::Ndjson => {
            for table in &tables {
                put_json(table)?;
            }
        }
        Format::Csv => {
            let mut text = format!("{}\n", headings.join(","));
            let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
            for t in &tables {
                let version = t.version.map(|v| v.to_string()).unwrap_or_default();
                let grain = t.grain.as_deref().unwrap_or_default().replace('"', "\"\"");
                text += &format!(
                    "{},{},{},{version},{},{},\"{grain}\"\n",
                    t.zone,
                    t.table,
                    number(t.rows),
                    number(t.files),
                    number(t.bytes),
                );
            }
            put(&text)?;
        }
        Format::Table => {
            let mut sheet = Sheet::new(settings, &headings, &[2, 3, 4, 5]);
            for table in &tables {
                let version = table
                    .version
                    .and_then(|version| u64::try_from(version).ok());
                sheet.row(vec![
                    Cell::new(&table.zone),
                    Cell::new(&table.table),
                    Cell::new(grouped_or_dash(table.rows)),
                    Cell::new(grouped_or_dash(version)),
                    Cell::new(grouped_or_dash(table.files)),
                    Cell::new(grouped_or_dash(table.bytes)),
                    Cell::new(table.grain.as_deref().unwrap_or_default()),
                ]);
            }
            put(&sheet.text())?;
        }
    }
    Ok(Ending::Done)
}
