//! One run: its tables on a time line, its checks, what it changed.

use evidence::{RunDetail, RunModel};
use maud::{Markup, html};

use super::frame::Frame;
use super::parts::{
    empty, fact, number, percent, rows_link, sheet, sql_text, table_link, th, th_number, took,
    verdict, when_known, zone_tag,
};
use super::runs::worst;
use super::steps::{TableSteps, sheet_of};
use crate::number::{grouped, grouped_signed};
use crate::time;

/// One run.
pub fn run(frame: &Frame<'_>, run: &RunDetail) -> String {
    let summary = &run.summary;
    let steps: Vec<TableSteps<'_>> = run
        .accounts
        .iter()
        .map(|account| TableSteps {
            zone: account.zone,
            table: &account.table,
            steps: &account.steps,
        })
        .collect();
    frame.document(&html! {
        h1 { (frame.title) }
        p class="row" {
            code { (summary.run) }
            @if let Some(before) = &run.before { a href=(format!("/runs/{}", percent(before))) rel="prev" { "← the run before" } }
            @if let Some(after) = &run.after { a href=(format!("/runs/{}", percent(after))) rel="next" { "the run after →" } }
        }
        dl class="facts" {
            (fact(&when_known(frame, summary.started_ms), "began to build"))
            (fact(&html! { (took(summary.started_ms, summary.ended_ms)) }, "took"))
            (fact(&html! { (grouped(summary.models)) }, "tables built"))
            (fact(&html! { (grouped_signed(summary.rows_in)) }, "new in landing"))
            (fact(&html! { (grouped(summary.rows_out)) }, "rows afterwards"))
            (fact(&html! { (verdict(worst(summary))) " " (grouped(summary.checks)) " checks" }, "result"))
            (fact(&html! { (summary.outcome) }, "outcome"))
        }
        section {
            h2 { "Tables that it built" }
            @if run.models.is_empty() { (empty("It built no table.", &html! {})) }
            @else { (time_line(run)) (models(frame, run)) }
        }
        section {
            h2 { "What it changed" }
            p class="note" { "By how much rows in, rows out and rows left out changed from the run before." }
            @if steps.is_empty() { p class="faint" { "The ledger has no row of it." } }
            @else { (sheet_of(frame, "Changes of the ledger", &steps)) }
        }
        section {
            h2 { "Checks" }
            @if run.results.is_empty() { p class="faint" { "It noted no check." } }
            @else { (checks(frame, run)) }
        }
    })
}

/// The builds as bars on one time axis.
fn time_line(run: &RunDetail) -> Markup {
    const NAMES: i64 = 216;
    const WIDTH: i64 = 760;
    const BAR: i64 = 24;
    let (Some(start), Some(end)) = (run.summary.started_ms, run.summary.ended_ms) else {
        return html! {};
    };
    let span = end.saturating_sub(start).max(1);
    let place = |at_ms: i64| {
        let part = at_ms.saturating_sub(start).clamp(0, span) as f64 / span as f64;
        (part * (WIDTH - NAMES - 72) as f64) as i64 + NAMES
    };
    let height = BAR * i64::try_from(run.models.len()).unwrap_or_default() + 24;
    let label = format!("When each of {} tables was built", run.models.len());
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(label) {
            svg class="time-line" role="img" aria-label=(label) width=(WIDTH) height=(height) viewBox=(format!("0 0 {WIDTH} {height}")) {
                @for (line, model) in (0..).zip(&run.models) { (bar(model, line * BAR, &place)) }
                path class="axis" d=(format!("M{NAMES} {}H{}", height - 20, place(end))) {}
                text class="tick" x=(NAMES) y=(height - 6) { "0" }
                text class="tick end" x=(place(end)) y=(height - 6) { (time::duration(span)) }
            }
        }
    }
}

fn bar(model: &RunModel, y: i64, place: &impl Fn(i64) -> i64) -> Markup {
    let zone = model.zone.map_or("system", |zone| zone.as_str());
    let name: String = model.table.chars().take(28).collect();
    html! {
        text class="tick" x="0" y=(y + 14) { (name) }
        @if let (Some(from), Some(to)) = (model.started_ms, model.ended_ms) {
            rect class=(format!("bar {zone}")) x=(place(from)) y=(y + 3) width=((place(to) - place(from)).max(2)) height="14" rx="2" {
                title { (model.table) ", " (took(Some(from), Some(to))) }
            }
            text class="tick" x=(place(to).max(place(from) + 2) + 6) y=(y + 14) { (took(Some(from), Some(to))) }
        }
    }
}

fn models(frame: &Frame<'_>, run: &RunDetail) -> Markup {
    let sql = format!(
        "select * from system.runs where run = {}",
        sql_text(&run.summary.run)
    );
    let head = html! {
        (th("table")) (th_number("took")) (th_number("rows read")) (th_number("rows afterwards"))
        (th_number("duplicates")) (th_number("files")) (th_number("version")) (th("outcome"))
    };
    let body = html! { @for model in &run.models { tr {
        th scope="row" { @match model.zone {
            Some(zone) => { (zone_tag(zone)) " " (table_link(zone, &model.table)) },
            None => (model.table),
        } }
        td class="number" { (took(model.started_ms, model.ended_ms)) }
        td class="number" { (number(model.rows_in)) }
        td class="number" { @match model.rows_out {
            Some(rows) => (rows_link(frame, &html! { (grouped(rows)) }, &sql)),
            None => (number(None)),
        } }
        td class="number" { (number(model.duplicates)) }
        td class="number" { (number(model.files)) }
        td class="number" { @match model.version { Some(version) => (version), None => span class="faint" { "–" } } }
        td { (model.outcome) }
    } } };
    sheet(
        "Tables of the run, in the order of their start",
        &head,
        &body,
    )
}

fn checks(frame: &Frame<'_>, run: &RunDetail) -> Markup {
    let sql = format!(
        "select * from system.checks where run = {}",
        sql_text(&run.summary.run)
    );
    let mut results: Vec<_> = run.results.iter().collect();
    results.sort_by_key(|result| std::cmp::Reverse(result.verdict));
    let head = html! { (th("result")) (th_number("violations")) (th("check")) (th("table")) };
    let body = html! { @for result in results { tr {
        td { (verdict(result.verdict)) }
        td class="number" { (rows_link(frame, &html! { (grouped(result.violations)) }, &sql)) }
        th scope="row" { code { (result.check) } }
        td { (super::parts::named_table_link(&result.table)) }
    } } };
    sheet("Checks of the run, the worst first", &head, &body)
}
