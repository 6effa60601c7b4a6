//! The list of all tables.

use evidence::{Overview, TableFigures};
use maud::{Markup, html};

use super::frame::Frame;
use super::parts::{
    bytes, empty, number, rows_link, sparkline, sql_name, table_link, tall_sheet, th, th_number,
    verdict_mark, when_known, zone_tag,
};
use crate::number::grouped;

/// All tables, in build order.
pub fn tables(frame: &Frame<'_>, overview: &Overview) -> String {
    let with_growth = overview.tables.iter().any(|table| table.growth.len() > 1);
    let head = html! {
        (th("zone")) (th("table")) (th_number("rows")) (th_number("expected")) (th("checks"))
        @if with_growth { (th("growth")) } (th_number("version")) (th("published")) (th_number("files"))
        (th_number("bytes")) (th("one row is"))
    };
    let body = html! { @for table in &overview.tables { (row(frame, table, with_growth)) } };
    frame.document(&html! {
        h1 { (frame.title) }
        @if overview.tables.is_empty() { (empty("The project has no table.", &html! {})) }
        @else { (tall_sheet("Tables", &head, &body)) }
    })
}

fn row(frame: &Frame<'_>, table: &TableFigures, with_growth: bool) -> Markup {
    let sql = format!(
        "select * from {} limit 100",
        sql_name(table.zone, &table.table)
    );
    let is_missed = table.expected.is_some() && table.expected != table.rows;
    html! {
        tr {
            td { (zone_tag(table.zone)) }
            th scope="row" { (table_link(table.zone, &table.table)) }
            td class="number" { @match table.rows {
                Some(rows) => (rows_link(frame, &html! { (grouped(rows)) }, &sql)),
                None => span class="faint" { "–" },
            } }
            td class=(if is_missed { "number warn" } else { "number" }) { (number(table.expected)) }
            td { @match table.checks {
                0 => span class="faint" { "–" },
                checks => { (verdict_mark(table.verdict)) " " (grouped(checks)) },
            } }
            @if with_growth { td { (sparkline(&table.growth)) } }
            td class="number" { @match table.version { Some(version) => (version), None => span class="faint" { "–" } } }
            td { (when_known(frame, table.published_ms)) }
            td class="number" { (number(table.files)) }
            td class="number" { @match table.bytes { Some(count) => (bytes(count)), None => span class="faint" { "–" } } }
            td class="words" { (table.grain.as_deref().unwrap_or_default()) }
        }
    }
}
