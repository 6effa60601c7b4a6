//! The sections of a table's page.

use evidence::{CheckHistory, ColumnFigures, ColumnOrigin, TablePage, VersionChange, Zone};
use maud::{Markup, html};

use super::frame::Frame;
use super::parts::{
    named_table_link, number, rows_link, run_link, sheet, sparkline, sql_text, table_path,
    tall_sheet, th, th_number, verdict, when,
};
use crate::number::{grouped, grouped_signed};
use crate::words;

/// The columns, each with what it comes from.
pub(super) fn columns(page: &TablePage) -> Markup {
    let shown = |is_there: fn(&ColumnFigures) -> bool| page.columns.iter().any(is_there);
    let parts = ColumnParts {
        origins: shown(|column| !column.from.is_empty()),
        landing: shown(|column| !column.landing.is_empty()),
        comment: shown(|column| column.comment.is_some()),
    };
    let head = html! {
        (th("column")) (th("type")) (th("personal"))
        @if parts.origins { (th("comes from")) }
        @if parts.landing { (th("landing fields")) }
        @if parts.comment { (th("comment")) }
    };
    let body = html! { @for column in &page.columns { (column_row(column, &parts)) } };
    html! {
        section {
            h2 #columns { "Columns" }
            @if page.columns.is_empty() { p class="faint" { "Nothing is known of its columns." } }
            @else { (sheet("Columns", &head, &body)) }
            @if !page.row_origins.is_empty() { p class="note" {
                "Which rows there are is decided by " (deciding(&page.row_origins)) "."
            } }
        }
    }
}

/// What is known of any column of a table.
struct ColumnParts {
    origins: bool,
    landing: bool,
    comment: bool,
}

fn column_row(column: &ColumnFigures, parts: &ColumnParts) -> Markup {
    html! {
        tr id=(format!("column-{}", super::parts::percent(&column.column))) {
            th scope="row" { code { (column.column) } }
            td { (column.kind) }
            td { @if column.personal { span class="personal" { "personal" } } }
            @if parts.origins { td class="words" { (origins(&column.from)) } }
            @if parts.landing { td class="words" { @match column.landing == column.from {
                true => span class="faint" { "the same" },
                false => (origins(&column.landing)),
            } } }
            @if parts.comment { td class="words" { (column.comment.as_deref().unwrap_or_default()) } }
        }
    }
}

/// Columns by table; that they only decide is said before.
fn deciding(origins: &[ColumnOrigin]) -> Markup {
    let mut tables: Vec<(&str, Vec<&str>)> = Vec::new();
    for origin in origins {
        match tables.iter_mut().find(|(table, _)| *table == origin.table) {
            Some((_, columns)) => columns.push(&origin.column),
            None => tables.push((&origin.table, vec![&origin.column])),
        }
    }
    html! {
        @for (place, (table, columns)) in tables.iter().enumerate() {
            @if place > 0 { "; " }
            (named_table_link(table)) " ("
            @for (place, column) in columns.iter().enumerate() { @if place > 0 { ", " } code { (column) } }
            ")"
        }
    }
}

fn origins(origins: &[ColumnOrigin]) -> Markup {
    html! {
        @for (place, origin) in origins.iter().enumerate() {
            @if place > 0 { ", " }
            (named_table_link(&origin.table)) "." code { (origin.column) }
            @if origin.influence != "direct" { span class="faint" { " " (origin.influence) } }
        }
    }
}

/// The checks, with their results over time.
pub(super) fn checks(frame: &Frame<'_>, page: &TablePage) -> Markup {
    let runs = &page.runs;
    let head = html! {
        (th("now")) (th("check")) (th("if violated"))
        @for run in runs { th scope="col" class="number" { (run_link(frame, &run.run)) } }
    };
    let body = html! { @for check in &page.checks { (check_row(frame, page, check)) } };
    html! {
        section {
            h2 #checks { "Checks over time" }
            @if page.checks.is_empty() { p class="faint" { "It has no check." } }
            @else {
                p class="note" { "Violations in the last runs that noted checks, newest first. “–” where the run did not note the check." }
                (sheet("Checks over time", &head, &body))
            }
        }
    }
}

fn check_row(frame: &Frame<'_>, page: &TablePage, check: &CheckHistory) -> Markup {
    let is_wrong = !["report", "leave out"].contains(&check.action.as_str());
    let sql = format!(
        "select * from system.checks where table_name = {} and check_name = {}",
        sql_text(&page.figures.table),
        sql_text(&check.check)
    );
    html! {
        tr {
            td { @match check.verdict { Some(result) => (verdict(result)), None => span class="faint" { "not run" } } }
            th scope="row" { (rows_link(frame, &html! { code { (check.check) } }, &sql)) }
            td class="words" { (words::action(&check.action)) }
            @for count in &check.in_runs { td class=(match count { Some(1..) if is_wrong => "number warn", _ => "number" }) { (number(*count)) } }
        }
    }
}

/// The versions, with what each changed.
pub(super) fn versions(frame: &Frame<'_>, page: &TablePage) -> Markup {
    let head = html! {
        (th_number("version")) (th("published")) (th_number("rows")) (th_number("change")) (th("what"))
        (th_number("files +")) (th_number("files −")) (th("run"))
    };
    let body = html! { @for version in &page.versions { (version_row(frame, page, version)) } };
    html! {
        section {
            h2 #versions { "Versions" " " (sparkline(&page.figures.growth)) }
            @if page.versions.is_empty() { p class="faint" { "No run has published it yet." } }
            @else { (tall_sheet("Versions, newest first", &head, &body)) }
            @if page.versions_more > 0 { p class="note" { "and " (grouped(page.versions_more)) " older versions that can be read" } }
        }
    }
}

fn version_row(frame: &Frame<'_>, page: &TablePage, version: &VersionChange) -> Markup {
    let table = &page.figures;
    let path = format!(
        "{}?version={}",
        table_path(table.zone, &table.table),
        version.version
    );
    // That the newest one is shown need not be said.
    let is_newest = page.versions.first().map(|newest| newest.version) == table.version;
    let is_shown = !is_newest && table.version == Some(version.version);
    let change = match version.rows_change {
        None => html! { span class="faint" { "–" } },
        Some(0) => html! { "0" },
        Some(rows) if rows > 0 => html! { span class="added" { "+" (grouped_signed(rows)) } },
        Some(rows) => html! { span class="left-out" { (grouped_signed(rows)) } },
    };
    html! {
        tr aria-current=[is_shown.then_some("true")] {
            th scope="row" class="number" { a href=(path) { (version.version) } }
            td { (when(frame, version.at_ms)) }
            td class="number" { (number(version.rows)) }
            td class="number" { (change) }
            td { (version.operation) @if version.is_same_content == Some(true) { span class="faint" { ", equal rows" } } }
            td class="number" { (grouped(version.files_added)) }
            td class="number" { (grouped(version.files_removed)) }
            td { @match &version.run { Some(run) => (run_link(frame, run)), None => span class="faint" { "another program" } } }
        }
    }
}

/// Contract and SELECT.
pub(super) fn definition(page: &TablePage) -> Markup {
    html! {
        @if page.contract.is_some() || page.sql.is_some() { section {
            h2 #definition { "Definition" @if let Some(file) = &page.file { span class="faint" { " " (file) } } }
            @if let Some(contract) = &page.contract {
                h3 { "Contract" }
                pre class="code" tabindex="0" { code { (contract) } }
            }
            @if let Some(sql) = &page.sql {
                h3 { @if page.figures.zone == Zone::Landing { "Table" } @else { "SELECT" } }
                pre class="code" tabindex="0" { code { (sql) } }
            }
        } }
    }
}

/// How other programs read it.
pub(super) fn how_to_read(page: &TablePage) -> Markup {
    let table = &page.figures;
    if table.zone == Zone::Landing || table.version.is_none() {
        return html! {};
    }
    let place = page.location.replace('\\', "\\\\").replace('"', "\\\"");
    let python =
        format!("from deltalake import DeltaTable\n\nrows = DeltaTable(\"{place}\").to_pandas()");
    let spark = format!("rows = spark.read.format(\"delta\").load(\"{place}\")");
    let duckdb = format!(
        "select * from delta_scan('{}')",
        page.location.replace('\'', "''")
    );
    html! {
        section {
            h2 #read { "Read it elsewhere" }
            p class="note" { "It is a plain Delta table. Personal values that the page masks are not masked there." }
            @for (name, code) in [("Python", python), ("Spark", spark), ("DuckDB", duckdb)] {
                details { summary { (name) } pre class="code" tabindex="0" data-copy { code { (code) } } }
            }
        }
    }
}
