//! The first page: what needs attention, and the zones from left to right.

use evidence::{Overview, TableFigures, Verdict, Zone};
use maud::{Markup, html};

use super::attention;
use super::frame::{Frame, Refresh};
use super::parts::{
    empty, expectation, fact, number, rows_link, run_link, sheet, sparkline, sql_name, table_link,
    th, th_number, took, verdict_mark, when, when_known, zone_tag,
};
use crate::number::grouped;
use crate::words::counted;

/// How soon the page asks again while a run is writing, in seconds.
const REFRESH_SECONDS: u32 = 5;

/// The first page.
pub fn overview(frame: &Frame<'_>, overview: &Overview) -> String {
    let refresh = Refresh::while_going(attention::is_writing(&overview.attention), REFRESH_SECONDS);
    frame.refreshed(
        refresh,
        &html! {
            h1 { (frame.title) }
            (facts(frame, overview))
            @if overview.release.is_none() { (no_run()) }
            @if overview.release.is_some() || !overview.attention.is_empty() { (needs_attention(frame, overview)) }
            div class="zones" {
                @for (zone, what) in [
                    (Zone::Landing, "as it arrived"),
                    (Zone::Trusted, "of people who agree"),
                    (Zone::Curated, "to work with"),
                ] { (zone_of(frame, overview, zone, what)) }
            }
            (system(frame, overview))
        },
    )
}

fn no_run() -> Markup {
    empty(
        "No run has published yet: the tables below are those of the project.",
        &html! { p { "Build them with " code { "stedi run" } "." } },
    )
}

fn facts(frame: &Frame<'_>, overview: &Overview) -> Markup {
    let places: u64 = overview.attention.iter().map(places).sum();
    html! {
        dl class="facts" {
            @if let Some(release) = &overview.release {
                (fact(&html! { (grouped(release.number)) }, "release"))
            }
            @if let Some(run) = &overview.last_run {
                (fact(&html! {
                    (run_link(frame, &run.run))
                    " " (when_known(frame, run.started_ms)) span class="ago" { " · took " (took(run.started_ms, run.ended_ms)) }
                }, "last run that built"))
            }
            @if overview.release.is_some() {
                (fact(&html! { (grouped(overview.checks)) }, "checks noted"))
                (fact(&html! { (grouped(places)) }, if places == 1 { "place in quarantine" } else { "places in quarantine" }))
            }
        }
    }
}

fn places(entry: &evidence::Attention) -> u64 {
    match entry {
        evidence::Attention::Quarantine { places, .. } => *places,
        _ => 0,
    }
}

fn needs_attention(frame: &Frame<'_>, overview: &Overview) -> Markup {
    html! {
        section aria-labelledby="attention" {
            h2 #attention { "Needs attention" }
            @match overview.attention.is_empty() {
                true => p class="calm" { span class="mark ok" { "✓" } " " (all_well(overview)) },
                false => (attention::list(frame, &overview.attention)),
            }
        }
    }
}

fn all_well(overview: &Overview) -> String {
    let compared = overview
        .tables
        .iter()
        .filter(|table| table.expected.is_some());
    let counts = match (compared.count(), &overview.expected_from) {
        (0, _) | (_, None) => String::new(),
        (tables, Some(file)) => {
            let file = file.rsplit('/').next().unwrap_or(file);
            format!(", {} as {file} expects", counted(tables as u64, "count"))
        }
    };
    format!(
        "Nothing. {} held{counts}.",
        counted(overview.checks, "check")
    )
}

fn zone_of(frame: &Frame<'_>, overview: &Overview, zone: Zone, what: &str) -> Markup {
    let tables: Vec<&TableFigures> = of_zone(overview, zone).collect();
    let rows = tables.iter().filter_map(|table| table.rows).sum();
    html! {
        section class=(format!("zone-card {}", zone.as_str())) aria-label=(zone.as_str()) {
            h2 {
                (zone_tag(zone)) span { (zone.as_str()) } span class="faint" { (what) }
                span class="total" { (counted(tables.len() as u64, "table")) ", " (counted(rows, "row")) }
            }
            @if tables.is_empty() { p class="faint" { "No table." } }
            @else { ul class="cards" { @for table in tables { (card(frame, table)) } } }
        }
    }
}

fn of_zone(overview: &Overview, zone: Zone) -> impl Iterator<Item = &TableFigures> {
    overview
        .tables
        .iter()
        .filter(move |table| table.zone == zone)
}

fn card(frame: &Frame<'_>, table: &TableFigures) -> Markup {
    let sql = format!(
        "select * from {} limit 100",
        sql_name(table.zone, &table.table)
    );
    let left_out: i64 = super::steps::left_out(&table.steps);
    html! {
        li class=(format!("is-{}", table.verdict)) {
            div class="line" {
                (mark(table))
                (table_link(table.zone, &table.table))
                span class="rows" { @match table.rows {
                    Some(rows) => (rows_link(frame, &html! { (grouped(rows)) }, &sql)),
                    None => span class="faint" { @if table.zone == Zone::Landing { "not read" } @else { "not built" } },
                } }
            }
            div class="meta" {
                span {
                    @if let Some(version) = table.version { "v" (version) " · " }
                    @if let Some(at_ms) = table.published_ms { (when(frame, at_ms)) }
                    @else if table.zone == Zone::Landing { @if let Some(files) = table.files {
                        (counted(files, "file")) ", " (super::parts::bytes(table.bytes.unwrap_or(0)))
                    } }
                }
                span class="right" { (expectation(table).unwrap_or_default()) }
            }
            @if left_out != 0 || table.growth.len() > 1 { div class="meta" {
                span class="left-out" { @if left_out != 0 { "−" (grouped(left_out.unsigned_abs())) " left out" } }
                span class="right" { (sparkline(&table.growth)) }
            } }
        }
    }
}

/// A table that was not built is neither right nor wrong.
fn mark(table: &TableFigures) -> Markup {
    match (table.rows, table.verdict) {
        (None, Verdict::Ok) => html! { span class="mark faint" aria-hidden="true" { "–" } },
        (_, verdict) => verdict_mark(verdict),
    }
}

fn system(frame: &Frame<'_>, overview: &Overview) -> Markup {
    let mut tables = of_zone(overview, Zone::System).peekable();
    html! {
        @if tables.peek().is_some() { section {
            h2 { (zone_tag(Zone::System)) " system" span class="faint" { " what runs noted" } }
            (sheet("System tables", &html! {
                (th("table")) (th_number("rows")) (th_number("version")) (th("published")) (th("one row is"))
            }, &html! { @for table in tables {
                tr {
                    th scope="row" { (table_link(table.zone, &table.table)) }
                    td class="number" { (number(table.rows)) }
                    td class="number" { @match table.version { Some(version) => (version), None => span class="faint" { "–" } } }
                    td { (when_known(frame, table.published_ms)) }
                    td class="words" { (table.grain.as_deref().unwrap_or_default()) }
                }
            } }))
        } }
    }
}
