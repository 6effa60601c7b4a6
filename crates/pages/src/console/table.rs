//! One table.

use evidence::{TablePage, Zone};
use maud::{Markup, html};

use super::frame::Frame;
use super::grid::{ResultRows, grid};
use super::parts::{
    bytes, expectation, fact, named_table_link, number, percent, rows_link, sql_name, sql_path,
    table_path, verdict, when, when_known, zone_tag,
};
use super::steps::{TableSteps, sheet_of};
use super::table_sections::{checks, columns, definition, how_to_read, versions};
use crate::number::grouped;

/// One table, at the version that the figures are of. `version` is the one that was asked
/// for; `None` for the newest. `preview` are a few of its rows, as the role may
/// see them.
pub fn table(
    frame: &Frame<'_>,
    page: &TablePage,
    version: Option<i64>,
    preview: Option<ResultRows<'_>>,
) -> String {
    let table = &page.figures;
    frame.document(&html! {
        h1 { (zone_tag(table.zone)) " " (frame.title) }
        p class="lead" { (table.grain.as_deref().unwrap_or_default()) }
        (older(frame, page, version))
        (facts(frame, page, version))
        (links(frame, page, version))
        (neighbours(page))
        @if let Some(rows) = preview { section {
            h2 { "First rows" }
            @match rows.cells.is_empty() {
                true => p class="faint" { "No row." },
                false => (grid("First rows", rows)),
            }
        } }
        (columns(page))
        @if version.is_none() { (in_plots(page)) }
        (checks(frame, page))
        section {
            h2 { "What came in, and what was left out" }
            @if table.steps.is_empty() { p class="faint" { "No run has noted a step of it." } }
            @else {
                (sheet_of(frame, "Steps", &[TableSteps { zone: Some(table.zone), table: &table.table, steps: &table.steps }]))
            }
        }
        @if table.zone != Zone::Landing { (versions(frame, page)) }
        (definition(page))
        @if !page.location.is_empty() { (how_to_read(page)) }
    })
}

/// Where its plots are. They read the whole table, so they are asked for by themselves; a
/// script does that when the section comes into sight.
fn in_plots(page: &TablePage) -> Markup {
    let table = &page.figures;
    let path = format!("{}/plots", table_path(table.zone, &table.table));
    html! {
        @if table.rows.is_some_and(|rows| rows > 0) { section {
            h2 #plots { "Plots" }
            div data-plots=(path) { p { a href=(path) { "Rows over time, readings, and the distribution of each column" } } }
        } }
    }
}

fn older(frame: &Frame<'_>, page: &TablePage, version: Option<i64>) -> Markup {
    let table = &page.figures;
    let newest = page.versions.first().map(|newest| newest.version);
    html! {
        @if let Some(version) = version.filter(|version| Some(*version) != newest) {
            p class="notice" {
                "Version " (version) ", published " (when_known(frame, table.published_ms)) ". "
                a href=(table_path(table.zone, &table.table)) { "The newest one" }
            }
        }
    }
}

fn facts(frame: &Frame<'_>, page: &TablePage, version: Option<i64>) -> Markup {
    let table = &page.figures;
    let sql = format!("select count(*) from {}", name_in_sql(page, version));
    html! {
        dl class="facts" {
            (fact(&html! {
                @match table.rows {
                    Some(rows) => (rows_link(frame, &html! { (grouped(rows)) }, &sql)),
                    None => "not built",
                }
                span class="small" { " " (expectation(table).unwrap_or_default()) }
            }, "rows"))
            @if let Some(version) = table.version { (fact(&html! { (version) }, "version")) }
            @if let Some(at_ms) = table.published_ms { (fact(&when(frame, at_ms), "published")) }
            (fact(&html! { (number(table.files)) @if let Some(count) = table.bytes { span class="small" { " " (bytes(count)) } } }, "files"))
            (fact(&html! { (grouped(page.columns.len() as u64)) }, "columns"))
            @if table.checks > 0 { (fact(&html! { (verdict(table.verdict)) " " (grouped(table.checks)) }, "checks")) }
            @if page.is_anonymous { (fact(&html! { "groups of people" }, "rows are")) }
        }
    }
}

fn links(frame: &Frame<'_>, page: &TablePage, version: Option<i64>) -> Markup {
    let table = &page.figures;
    let sql = format!("select * from {} limit 100", name_in_sql(page, version));
    let name = crate::graph::edge_name(table.zone, &table.table);
    html! {
        p class="row" {
            @if frame.nav.sql { a class="button" href=(sql_path(&sql)) { "Open in SQL" } }
            @if frame.nav.pipeline { a href=(format!("/pipeline?from={}", percent(&name))) { "Its part of the pipeline" } }
            @if !page.also.is_empty() { span class="faint" { "also called " (page.also.join(", ")) } }
        }
    }
}

fn name_in_sql(page: &TablePage, version: Option<i64>) -> String {
    let table = &page.figures;
    let name = sql_name(table.zone, &table.table);
    version.map_or_else(
        || name.clone(),
        |version| format!("{name} version as of {version}"),
    )
}

/// What it reads, and who reads it.
fn neighbours(page: &TablePage) -> Markup {
    let name = crate::graph::edge_name(page.figures.zone, &page.figures.table);
    let reads: Vec<_> = page.edges.iter().filter(|edge| edge.to == name).collect();
    let read_by: Vec<_> = page.edges.iter().filter(|edge| edge.from == name).collect();
    html! {
        dl class="pairs" {
            dt { "reads" }
            dd {
                @if reads.is_empty() { span class="faint" { @if page.figures.zone == Zone::Landing { "landing files" } @else { "no table" } } }
                @for (place, edge) in reads.iter().enumerate() {
                    @if place > 0 { ", " } (named_table_link(&edge.from))
                    span class="faint" { @if !edge.is_main { " joined" } @if let Some(rows) = edge.rows { " " (crate::number::grouped_signed(rows)) } }
                }
            }
            dt { "read by" }
            dd {
                @if read_by.is_empty() { span class="faint" { "no model" } }
                @for (place, edge) in read_by.iter().enumerate() {
                    @if place > 0 { ", " } (named_table_link(&edge.to))
                }
            }
            @if !page.location.is_empty() { dt { "lies at" } dd { code { (page.location) } } }
        }
    }
}
