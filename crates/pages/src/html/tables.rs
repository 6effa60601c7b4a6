//! Each table: columns, a preview, versions.

use evidence::{Cell, Evidence, Preview, Table, Zone};
use maud::{Markup, html};

use super::marks::zone;
use crate::number::{grouped, grouped_or_dash};
use crate::words;

/// All tables; those of the system folded.
pub(super) fn tables(evidence: &Evidence) -> Markup {
    let all = || evidence.tables.iter().enumerate();
    html! {
        section {
            h2 { "Tables" }
            @for (place, table) in all().filter(|(_, table)| table.zone != Zone::System) { (table_of(place, table)) }
        }
        section {
            h2 { "System tables" }
            p class="note" { "What runs noted and derived, about everybody. For engineers and the privacy officer." }
            @for (place, table) in all().filter(|(_, table)| table.zone == Zone::System) {
                details { summary { (table.table) ", " (grouped_or_dash(table.rows)) " rows" } (table_of(place, table)) }
            }
        }
    }
}

fn table_of(place: usize, table: &Table) -> Markup {
    html! {
        article {
            h3 id=(format!("table-{place}")) { (table.table) " " (zone(table.zone)) }
            @if let Some(grain) = &table.grain { p { (grain) } }
            p class="note" { (facts(table)) }
            (preview(&table.preview))
            @if !table.columns.is_empty() { (columns(table)) }
            @if !table.versions.is_empty() { (versions(table)) }
        }
    }
}

/// Sizes in one line.
fn facts(table: &Table) -> String {
    let mut facts = Vec::new();
    facts.extend(table.rows.map(|rows| words::counted(rows, "row")));
    facts.extend(table.version.map(|version| format!("version {version}")));
    facts.extend(table.files.map(|files| words::counted(files, "file")));
    facts.extend(table.bytes.map(|bytes| words::counted(bytes, "byte")));
    facts.extend(table.subjects.as_ref().map(words::subjects));
    facts.extend(
        table
            .seconds
            .map(|seconds| format!("built in {}", words::seconds(seconds))),
    );
    facts.join(" · ")
}

fn preview(preview: &Preview) -> Markup {
    if let Some(why) = &preview.absent {
        return html! { p { "No preview: " (why) "." } };
    }
    if preview.rows.is_empty() {
        return html! { p { "No rows." } };
    }
    html! {
        div class="scroll" { table {
            caption {
                "The first " (preview.rows.len()) " rows"
                @if preview.columns_more > 0 { ", without " (grouped(preview.columns_more)) " further columns" }
            }
            thead { tr { @for column in &preview.columns { th { (column) } } } }
            tbody { @for row in &preview.rows { tr { @for value in row { (cell(value)) } } } }
        } }
    }
}

fn cell(cell: &Cell) -> Markup {
    html! {
        td class="value" { @match cell {
            Cell::Null => span class="null" { "null" },
            Cell::Masked { .. } => span class="masked" title="masked" { "•••" },
            Cell::Value(text) => (text),
        } }
    }
}

fn columns(table: &Table) -> Markup {
    let counted = table.columns.iter().any(|column| column.nulls.is_some());
    html! {
        details {
            summary { (table.columns.len()) " columns" @if counted { ", with their nulls" } }
            div class="scroll" { table {
                thead { tr { th { "column" } th { "type" } th { "masked" } @if counted { th class="number" { "nulls" } } } }
                tbody {
                    @for column in &table.columns { tr {
                        td { (column.column) } td { (column.kind) } td { @if column.masked { "masked" } }
                        @if counted { td class="number" { (grouped_or_dash(column.nulls)) } }
                    } }
                    @if table.columns_more > 0 { tr { td { "and " (grouped(table.columns_more)) " more" } } }
                }
            } }
        }
    }
}

fn versions(table: &Table) -> Markup {
    html! {
        details {
            summary { "versions" }
            div class="scroll" { table {
                thead { tr { th class="number" { "version" } th { "published" } th class="number" { "rows" } th { "operation" } th { "run" } } }
                tbody {
                    @for version in &table.versions { tr {
                        td class="number" { (version.version) } td { (version.at) }
                        td class="number" { (grouped_or_dash(version.rows)) }
                        td { (version.operation) }
                        td { code { (version.run.as_deref().unwrap_or("another program")) } }
                    } }
                    @if table.versions_more > 0 { tr { td { "and " (grouped(table.versions_more)) " older" } } }
                }
            } }
        }
    }
}
