//! `stedi tables`: lists all tables, or drops one.

use std::io::IsTerminal;

use anyhow::Result;
use engine::{RemovableTable, Setup};
use lake::Lake;

use crate::args::TablesArgs;
use crate::failure::{Ending, Failure};
use crate::output::{Field, complain, grouped, put_list, rows, say};
use crate::runtime::runtime;
use crate::settings::Settings;

pub(crate) fn tables(settings: &Settings, args: &TablesArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    if let Some(name) = &args.drop {
        return drop_table(settings, &setup, &name.to_lowercase());
    }
    let runtime = runtime()?;
    let tables = runtime.block_on(engine::tables(&setup))?;
    let headings = [
        "zone", "table", "rows", "counted", "version", "files", "bytes", "grain",
    ];
    put_list(settings, &headings, &tables, |table| {
        vec![
            Field::text(Some(&table.zone)),
            Field::text(Some(&table.table)),
            Field::count(table.rows),
            Field::text(table.counted.map(engine::Counted::as_str)),
            Field::Number(table.version),
            Field::count(table.files),
            Field::count(table.bytes),
            Field::text(table.grain.as_deref()),
        ]
    })?;
    let lake = Lake::at(setup.lake.clone());
    let warning = engine::warning_of_removed(&setup.project, &lake);
    if let Some(warning) = runtime.block_on(warning)? {
        say(settings, &format!("warning: {warning}"));
    }
    Ok(Ending::Done)
}

fn drop_table(settings: &Settings, setup: &Setup, name: &str) -> Result<Ending> {
    let runtime = runtime()?;
    let removable = runtime.block_on(engine::removable_table(setup, name))?;
    if !settings.yes {
        confirm(&removable)?;
    }
    let (objects, bytes) = runtime.block_on(engine::drop_table(setup, &removable))?;
    say(
        settings,
        &format!(
            "dropped {}/{}: {} objects, {} bytes",
            removable.zone,
            removable.table,
            grouped(objects),
            grouped(bytes)
        ),
    );
    Ok(Ending::Done)
}

/// Asks for confirmation. Without a terminal the answer is no.
fn confirm(removable: &RemovableTable) -> Result<()> {
    let refused = || {
        Failure::failed(
            "not confirmed; the table was not changed",
            "type yes, or give --yes",
        )
    };
    if !std::io::stdin().is_terminal() {
        return Err(refused());
    }
    let content = removable.rows.map_or("all its rows".to_owned(), rows);
    complain(&format!(
        "{}/{} will be dropped with {content} and every older version. Type yes to continue:",
        removable.zone, removable.table
    ));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim().eq_ignore_ascii_case("yes") {
        true => Ok(()),
        false => Err(refused()),
    }
}
