//! One run: its tables on a time line, its checks, what it changed.

use evidence::RunDetail;
use maud::{Markup, html};

use super::frame::Frame;
use super::parts::{
    empty, fact, number, percent, rows_link, sheet, sql_text, table_link, th, th_number, took,
    verdict, when_known, zone_tag,
};
use super::runs::worst;
use super::steps::{TableSteps, sheet_of};
use super::time_line::{self, Bar};
use crate::number::{grouped, grouped_signed};

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
    let (Some(start), Some(end)) = (run.summary.started_ms, run.summary.ended_ms) else {
        return html! {};
    };
    let bars: Vec<Bar<'_>> = run
        .models
        .iter()
        .map(|model| Bar {
            zone: model.zone.map_or("system", |zone| zone.as_str()),
            name: &model.table,
            span: model
                .started_ms
                .zip(model.ended_ms)
                .map(|(from, to)| (from.saturating_sub(start), to.saturating_sub(start))),
            is_open: false,
        })
        .collect();
    let label = format!("When each of {} tables was built", bars.len());
    time_line::time_line(&label, end.saturating_sub(start), &bars)
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
