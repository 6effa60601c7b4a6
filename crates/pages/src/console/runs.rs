//! The list of runs.

use evidence::{Current, RunList, RunSummary, Verdict};
use maud::{Markup, html};

use super::attention;
use super::frame::{Frame, Refresh};
use super::operation::{is_going, last, project_notice, start_forms};
use super::parts::{empty, number, run_link, tall_sheet, th, th_number, took, verdict, when_known};
use crate::number::{grouped, grouped_signed};

/// How soon the page asks again while a run is writing, in seconds.
const REFRESH_SECONDS: u32 = 2;

/// What may be started, and the runs, newest first.
pub fn runs(frame: &Frame<'_>, list: &RunList, current: &Current) -> String {
    let is_going = is_going(current) || attention::is_writing(&list.attention);
    let refresh = Refresh::while_going(is_going, REFRESH_SECONDS);
    let head = html! {
        (th("run")) (th("began to build")) (th_number("took")) (th_number("tables"))
        (th_number("new in landing")) (th_number("rows afterwards")) (th_number("checks")) (th("result")) (th("outcome"))
    };
    let body = html! { @for run in &list.runs { (row(frame, run)) } };
    frame.refreshed(
        refresh,
        &html! {
            h1 { (frame.title) }
            (project_notice(current))
            @if is_going { p class="row" { a class="button" href="/runs/current" { "Follow what is going" } } }
            @else { (start_forms(frame)) }
            @if !list.attention.is_empty() { (attention::list(frame, &list.attention)) }
            (last(frame, current))
            p class="note" { "A run that finds nothing new builds nothing, and is not listed. Nothing of a run that failed is visible." }
            @if list.runs.is_empty() {
                (empty("No run has built a table yet.", &html! { p { "Start one here, or with " code { "stedi run" } "." } }))
            } @else { (tall_sheet("Runs, newest first", &head, &body)) }
            @if list.runs_more > 0 { p class="note" { "and " (grouped(list.runs_more)) " older ones, in " code { "system.runs" } } }
        },
    )
}

fn row(frame: &Frame<'_>, run: &RunSummary) -> Markup {
    html! {
        tr {
            th scope="row" { (run_link(frame, &run.run)) }
            td { (when_known(frame, run.started_ms)) }
            td class="number" { (took(run.started_ms, run.ended_ms)) }
            td class="number" { (grouped(run.models)) }
            td class="number" { (grouped_signed(run.rows_in)) }
            td class="number" { (grouped(run.rows_out)) }
            td class="number" { (number(Some(run.checks))) }
            td { (verdict(worst(run))) }
            td { (run.outcome) }
        }
    }
}

/// The worst result of a run's checks.
pub(super) fn worst(run: &RunSummary) -> Verdict {
    match (run.failed, run.warned) {
        (0, 0) => Verdict::Ok,
        (0, _) => Verdict::Warn,
        _ => Verdict::Fail,
    }
}
