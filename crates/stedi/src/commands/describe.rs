//! `stedi describe TABLE`.

use anyhow::Result;
use comfy_table::Cell;
use engine::Description;
use lake::AsOf;

use super::runtime;
use crate::args::{DescribeArgs, Format};
use crate::failure::Ending;
use crate::output::{Sheet, grouped, put, put_json};
use crate::settings::Settings;

pub(crate) fn describe(settings: &Settings, args: &DescribeArgs) -> Result<Ending> {
    let mut setup = settings.setup()?;
    if let Some(version) = args.version {
        setup.as_of = AsOf::Version(version);
    }
    let description = runtime()?.block_on(engine::describe(&setup, &args.table))?;
    match settings.format.value {
        Format::Json => put_json(&description)?,
        Format::Ndjson => {
            for column in &description.columns {
                put_json(column)?;
            }
        }
        Format::Csv => {
            let mut text = "column,type,personal,comment\n".to_owned();
            for column in &description.columns {
                let comment = column
                    .comment
                    .as_deref()
                    .unwrap_or_default()
                    .replace('"', "\"\"");
                text += &format!(
                    "{},{},{},\"{comment}\"\n",
                    column.column, column.kind, column.personal
                );
            }
            put(&text)?;
        }
        Format::Table => put(&page(settings, &description))?,
    }
    Ok(Ending::Done)
}

fn page(settings: &Settings, description: &Description) -> String {
    let summary = &description.summary;
    let mut text = format!("{}.{}\n", summary.zone, summary.table);
    let mut line = |label: &str, value: String| {
        if !value.is_empty() {
            text += &format!("  {label:9} {value}\n");
        }
    };
    line("grain", summary.grain.clone().unwrap_or_default());
    line("also", description.also.join(", "));
    line("reads", description.reads.join(", "));
    line("checks", description.checks.join(", "));
    line("location", description.location.clone());
    match (summary.version, summary.rows) {
        (Some(version), Some(rows)) => {
            line("version", format!("{version}, {} rows", grouped(rows)))
        }
        _ if summary.zone == "landing" => {}
        _ => line("version", "none yet; `stedi run` builds it".to_owned()),
    }
    if let (Some(files), Some(bytes)) = (summary.files, summary.bytes) {
        line(
            "files",
            format!("{}, {} bytes", grouped(files), grouped(bytes)),
        );
    }
    let mut sheet = Sheet::new(settings, &["column", "type", "personal", "comment"], &[]);
    for column in &description.columns {
        sheet.row(vec![
            Cell::new(&column.column),
            Cell::new(&column.kind),
            Cell::new(if column.personal { "personal" } else { "" }),
            Cell::new(column.comment.as_deref().unwrap_or_default()),
        ]);
    }
    text + &sheet.text()
}
