//! `stedi describe TABLE`: columns, grain, checks and files of one table.

use anyhow::Result;
use engine::Description;
use lake::AsOf;

use crate::args::{DescribeArgs, Format};
use crate::failure::Ending;
use crate::output::{Field, grouped, put_escaped, put_json, put_list};
use crate::runtime::runtime;
use crate::settings::Settings;

pub(crate) fn describe(settings: &Settings, args: &DescribeArgs) -> Result<Ending> {
    let mut setup = settings.setup()?;
    if let Some(version) = args.version {
        setup.as_of = AsOf::Version(version);
    }
    let description = runtime()?.block_on(engine::describe(&setup, &args.table))?;
    match settings.format.value {
        Format::Json => put_json(&description)?,
        Format::Table => put_escaped(&heading(&description))?,
        Format::Csv | Format::Ndjson => {}
    }
    if settings.format.value != Format::Json {
        let headings = ["column", "type", "personal", "comment"];
        put_list(settings, &headings, &description.columns, |column| {
            vec![
                Field::text(Some(&column.column)),
                Field::text(Some(&column.kind)),
                Field::text(column.personal.then_some("personal")),
                Field::text(column.comment.as_deref()),
            ]
        })?;
    }
    Ok(Ending::Done)
}

fn heading(description: &Description) -> String {
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
        (None, Some(rows)) => line(
            "rows",
            format!("{}, as the last run read them", grouped(rows)),
        ),
        _ if summary.zone == "landing" => {}
        _ => line("version", "none yet; `stedi run` builds it".to_owned()),
    }
    if let (Some(files), Some(bytes)) = (summary.files, summary.bytes) {
        line(
            "files",
            format!("{}, {} bytes", grouped(files), grouped(bytes)),
        );
    }
    text
}
