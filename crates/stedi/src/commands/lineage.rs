//! `stedi lineage TABLE[.COLUMN]`: shows where columns come from.

use anyhow::Result;
use engine::{ColumnProvenance, Influence, Node, Provenance, Source, TableProvenance};

use crate::args::{Format, LineageArgs};
use crate::failure::Ending;
use crate::output::{Field, put_escaped, put_json, put_list};
use crate::runtime::runtime;
use crate::settings::Settings;

pub(crate) fn lineage(settings: &Settings, args: &LineageArgs) -> Result<Ending> {
    let setup = settings.setup()?;
    match runtime()?.block_on(engine::lineage(&setup, &args.name))? {
        Provenance::Table(table) => table_lineage(settings, &table)?,
        Provenance::Column(column) => column_lineage(settings, &column)?,
    }
    Ok(Ending::Done)
}

fn table_lineage(settings: &Settings, table: &TableProvenance) -> Result<()> {
    match settings.format.value {
        Format::Json => return put_json(table),
        Format::Table => {
            put_escaped(&format!("{}.{}\n", table.zone, table.table))?;
            put_escaped(&deciding(&table.rows))?;
        }
        Format::Csv | Format::Ndjson => {}
    }
    let headings = ["column", "personal", "from", "landing"];
    put_list(settings, &headings, &table.columns, |column| {
        vec![
            Field::text(Some(&column.column)),
            Field::text(column.personal.then_some("personal")),
            Field::Text(values(&column.from)),
            Field::Text(values(&column.landing)),
        ]
    })
}

fn column_lineage(settings: &Settings, column: &ColumnProvenance) -> Result<()> {
    match settings.format.value {
        Format::Json => put_json(column),
        Format::Table => put_escaped(&(tree(&column.tree) + &deciding(&column.rows))),
        Format::Csv | Format::Ndjson => {
            let headings = [
                "depth",
                "table",
                "column",
                "personal",
                "influence",
                "through",
            ];
            put_list(settings, &headings, &column.tree, |node| {
                vec![
                    Field::count(node.depth as u64),
                    Field::text(Some(&node.origin.table)),
                    Field::text(Some(&node.origin.column)),
                    Field::text(node.personal.then_some("personal")),
                    Field::text(node.influence.map(Influence::as_str)),
                    Field::Text(node.through.join(", ")),
                ]
            })
        }
    }
}

/// The columns that a value comes from. Columns that only select rows or values
/// are shown in JSON and in a column's tree.
fn values(sources: &[Source]) -> String {
    let names = sources.iter().filter_map(|source| {
        let name = format!("{}.{}", source.origin.table, source.origin.column);
        match source.influence {
            Influence::Direct => Some(name),
            Influence::Masked => Some(format!("{name} (masked)")),
            Influence::Indirect => None,
        }
    });
    names.collect::<Vec<_>>().join(", ")
}

/// The line about columns that select rows; empty if there are none.
fn deciding(rows: &[Source]) -> String {
    let names: Vec<String> = rows
        .iter()
        .map(|source| format!("{}.{}", source.origin.table, source.origin.column))
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!("  rows by   {}\n", names.join(", "))
}

/// A column, and below it the columns that it comes from.
fn tree(nodes: &[Node]) -> String {
    let mut text = String::new();
    // Whether another branch follows, at each depth above the node.
    let mut open: Vec<bool> = Vec::new();
    for (position, node) in nodes.iter().enumerate() {
        let behind = &nodes[position + 1..];
        let follows = behind
            .iter()
            .take_while(|later| later.depth >= node.depth)
            .any(|later| later.depth == node.depth);
        open.truncate(node.depth);
        for branch in open.iter().skip(1) {
            text += if *branch { "│  " } else { "   " };
        }
        if node.depth > 0 {
            text += if follows { "├─ " } else { "└─ " };
        }
        open.push(follows);
        text += &format!(
            "{}.{}{}\n",
            node.origin.table,
            node.origin.column,
            remarks(node)
        );
    }
    text
}

fn remarks(node: &Node) -> String {
    let mut remarks: Vec<String> = Vec::new();
    if node.personal {
        remarks.push("personal".to_owned());
    }
    match node.influence {
        Some(Influence::Masked) => remarks.push("masked".to_owned()),
        Some(Influence::Indirect) => remarks.push("only decides".to_owned()),
        Some(Influence::Direct) | None => {}
    }
    if !node.through.is_empty() {
        remarks.push(format!("through {}", node.through.join(", ")));
    }
    if node.told {
        remarks.push("shown above".to_owned());
    }
    if remarks.is_empty() {
        return String::new();
    }
    format!("  ({})", remarks.join("; "))
}
