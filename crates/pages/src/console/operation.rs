//! What goes on right now: a run or a plan of the server, or another process that writes to
//! the lake; what came of the last one where nothing of it was published.

use evidence::{
    Current, Operation, OperationKind, OperationMessage, OperationStage, OperationState,
    OperationTable, ProjectChange, TableState, Verdict, Writer,
};
use maud::{Markup, html};

use super::frame::{Frame, Refresh};
use super::parts::{
    empty, fact, named_table_link, sheet, table_link, th, th_number, verdict, when, zone_tag,
};
use super::time_line::{Bar, time_line};
use crate::number::grouped;
use crate::{time, words};

/// How soon the page asks again, in seconds.
const REFRESH_SECONDS: u32 = 1;

/// What goes on. `is_refused`: somebody wanted to start something meanwhile.
pub fn operation(frame: &Frame<'_>, current: &Current, is_refused: bool) -> String {
    let is_going = is_going(current);
    let own = current.operation.as_ref();
    let own = own.filter(|own| current.writer.is_none() || own.is_running());
    frame.refreshed(
        Refresh::while_going(is_going, REFRESH_SECONDS),
        &html! {
            h1 { (own.map_or(frame.title, |own| title(own.operation))) }
            @if is_refused && is_going {
                p class="notice" role="alert" { "Nothing was started: one writer at a time. What follows was going already." }
            }
            (project_notice(current))
            @match (own, &current.writer) {
                (Some(own), _) => (shown(frame, own)),
                (None, Some(writer)) => (of_another(frame, writer)),
                (None, None) => (empty("Nothing is going.", &html! { p { a href="/runs" { "The runs of before" } } })),
            }
            @if !is_going { (start_forms(frame)) }
        },
    )
}

/// Whether anything goes on.
pub(super) fn is_going(current: &Current) -> bool {
    let own = current.operation.as_ref();
    current.writer.is_some() || own.is_some_and(Operation::is_running)
}

/// The buttons that start something, for those who may.
pub(super) fn start_forms(frame: &Frame<'_>) -> Markup {
    html! {
        @if frame.nav.operating {
            form class="row" method="post" action="/runs" {
                (frame.csrf_field())
                button class="primary" type="submit" name="what" value="run" { "Start a run" }
                button type="submit" formaction="/runs/plan" { "What would it do?" }
                button type="submit" name="what" value="full-run" { "Build everything anew" }
                span class="note" { "A run reads what is new, checks it, and publishes all or nothing." }
            }
        }
    }
}

/// Says where the data product on disk is not the one that the server knows.
pub(super) fn project_notice(current: &Current) -> Markup {
    html! {
        @match &current.project_change {
            None => {},
            Some(ProjectChange::Tables { tables }) => div class="notice" {
                p { "The project on disk is not the one that this server knows. These tables differ: " (tables.join(", ")) "." }
                p class="note" { "A run reads the project anew and builds what is on disk. Restart the server to see its definitions here." }
            },
            Some(ProjectChange::Faulty { faults }) => div class="fault" {
                p { "The project on disk has faults, and a run would end at once:" }
                pre class="code" tabindex="0" { code { (faults) } }
            },
        }
    }
}

/// A line about the last run or plan, where the list of runs does not show it.
pub(super) fn last(frame: &Frame<'_>, current: &Current) -> Markup {
    let last = current.operation.as_ref();
    let last = last.filter(|last| !last.is_running() && last.published.is_empty());
    html! { @if let Some(last) = last {
        p {
            "The last " (name(last.operation)) ", by " (last.by) ", "
            (when(frame, last.started_ms)) ": "
            a href=(if last.plan.is_some() { "/runs/plan" } else { "/runs/current" }) { (outcome(last)) }
        }
    } }
}

fn shown(frame: &Frame<'_>, own: &Operation) -> Markup {
    html! {
        div class="row state" {
            span role="status" { (state_mark(own.state)) " " (outcome(own)) }
            span { (time::duration(milliseconds(own.elapsed_ms))) }
            @if own.is_running() {
                progress aria-label="running" {}
                @if frame.nav.operating { form method="post" action="/runs/current/cancel" {
                    (frame.csrf_field())
                    button type="submit" { "Cancel" }
                } }
            }
        }
        dl class="facts" {
            (fact(&when(frame, own.started_ms), "started"))
            (fact(&html! { (own.by) }, "by"))
            @if let Some(run) = &own.run { (fact(&html! { span class="id" title=(run) { (run.chars().take(8).collect::<String>()) } }, "run")) }
            @if !own.tables.is_empty() {
                (fact(&html! { (grouped(built(own))) " of " (grouped(own.tables.len() as u64)) }, "tables built"))
                (fact(&html! { (grouped(own.tables.iter().map(|table| table.rows).sum())) }, "rows written"))
            }
        }
        (messages(own))
        @if !own.checks.is_empty() { section { h2 { "Checks that do not hold" } (checks(own)) } }
        @if !own.tables.is_empty() {
            section { h2 { "Tables" } (bars(own)) (tables(own)) }
        }
    }
}

fn of_another(frame: &Frame<'_>, writer: &Writer) -> Markup {
    html! {
        div class="row state" {
            span role="status" class="busy" { "▸ " (writer.command) " of another process" }
            progress aria-label="running" {}
        }
        dl class="facts" {
            (fact(&when(frame, writer.since_ms), "has the lake since"))
            (fact(&html! { span class="id" title=(writer.run) { (writer.run.chars().take(8).collect::<String>()) } }, "run"))
        }
        p { (writer.told) }
        p class="note" { "How far it is, is seen where it was started. This page follows it to its end." }
    }
}

/// What was started, as a title.
fn title(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Run => "Run",
        OperationKind::FullRun => "Full run",
        OperationKind::Plan => "Plan of a run",
    }
}

fn name(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Run => "run",
        OperationKind::FullRun => "full run",
        OperationKind::Plan => "plan",
    }
}

/// How far it is, or what came of it.
fn outcome(own: &Operation) -> &'static str {
    match (own.state, own.operation, own.stage) {
        (OperationState::Running, _, OperationStage::Opening) => "looking for what is new",
        (OperationState::Running, _, OperationStage::Reading) => "reading landing files",
        (OperationState::Running, _, OperationStage::Building) => "building tables",
        (OperationState::Running, _, OperationStage::Checking) => "checking",
        (OperationState::Running, _, OperationStage::Publishing) => "publishing",
        (OperationState::Done, OperationKind::Plan, _) => "planned; nothing was changed",
        (OperationState::Done, ..) if own.published.is_empty() => {
            "nothing new; no table was changed"
        }
        (OperationState::Done, ..) => "published",
        (OperationState::Failed, ..) => "failed; nothing was published",
        (OperationState::Cancelled, ..) => "cancelled; nothing was published",
    }
}

fn state_mark(state: OperationState) -> Markup {
    let (mark, class) = match state {
        OperationState::Running => ("▸", "busy"),
        OperationState::Done => ("✓", "ok"),
        OperationState::Failed => ("✗", "fail"),
        OperationState::Cancelled => ("–", "faint"),
    };
    html! { span class=(class) aria-hidden="true" { (mark) } }
}

fn built(own: &Operation) -> u64 {
    let ended = own.tables.iter().filter(|table| table.ended_ms.is_some());
    ended.count() as u64
}

/// What it says, the errors first.
pub(super) fn messages(own: &Operation) -> Markup {
    let mut all: Vec<&OperationMessage> = own.messages.iter().collect();
    all.sort_by_key(|message| match message.level.as_str() {
        "error" => 0,
        "warning" => 1,
        _ => 2,
    });
    html! { @if !all.is_empty() {
        ul class="messages" {
            @for message in all { li class=(level_class(&message.level)) {
                @match message.level.as_str() {
                    "error" => { span class="fail" { (words::mark(Verdict::Fail)) } " " },
                    "warning" => { span class="warn" { (words::mark(Verdict::Warn)) } " " },
                    _ => {},
                }
                (message.text)
                @if let Some(hint) = &message.hint { span class="note" { "\nhint: " (hint) } }
            } }
            @if own.messages_more > 0 { li { "and " (grouped(own.messages_more)) " more" } }
        }
    } }
}

fn level_class(level: &str) -> &'static str {
    match level {
        "error" => "is-error",
        "warning" => "is-warning",
        _ => "is-info",
    }
}

pub(super) fn checks(own: &Operation) -> Markup {
    let mut all: Vec<_> = own.checks.iter().collect();
    all.sort_by_key(|check| std::cmp::Reverse(check.verdict));
    let head = html! { (th("result")) (th_number("violations")) (th("check")) (th("table")) };
    let body = html! { @for check in all { tr {
        td { (verdict(check.verdict)) }
        td class="number" { (grouped(check.violations)) }
        th scope="row" { code { (check.check) } }
        td { (named_table_link(&check.table)) }
    } } };
    sheet("Checks that do not hold, the worst first", &head, &body)
}

fn bars(own: &Operation) -> Markup {
    let until = milliseconds(own.elapsed_ms);
    let bars: Vec<Bar<'_>> = own
        .tables
        .iter()
        .map(|table| Bar {
            zone: table.zone.map_or("system", |zone| zone.as_str()),
            name: &table.table,
            span: span(table, until),
            is_open: table.ended_ms.is_none(),
        })
        .collect();
    let label = format!("When each of {} tables is built", bars.len());
    time_line(&label, until, &bars)
}

/// From when until when it was built, in milliseconds from the start.
fn span(table: &OperationTable, until: i64) -> Option<(i64, i64)> {
    let from = milliseconds(table.began_ms?);
    let to = table.ended_ms.map_or(until, milliseconds);
    Some((from, to.max(from)))
}

fn tables(own: &Operation) -> Markup {
    let until = milliseconds(own.elapsed_ms);
    let head = html! { (th("table")) (th("state")) (th_number("rows")) (th_number("took")) };
    let body = html! { @for table in &own.tables { tr {
        th scope="row" { @match table.zone {
            Some(zone) => { (zone_tag(zone)) " " (table_link(zone, &table.table)) },
            None => (table.table),
        } }
        td { (table_state(table.state)) }
        td class="number" { @match table.began_ms {
            Some(_) => (grouped(table.rows)),
            None => span class="faint" { "–" },
        } }
        td class="number" { @match span(table, until) {
            Some((from, to)) => (time::duration(to - from)),
            None => span class="faint" { "–" },
        } }
    } } };
    html! { div class="states" { (sheet("Tables in the order of the run", &head, &body)) } }
}

fn table_state(state: TableState) -> Markup {
    let (mark, class, word) = match state {
        TableState::Waiting => ("…", "faint", "waiting"),
        TableState::Reading => ("▸", "busy", "reading"),
        TableState::Building => ("▸", "busy", "building"),
        TableState::Built => ("✓", "ok", "built"),
        TableState::Checking => ("▸", "busy", "checking"),
        TableState::Published => ("✓", "ok", "published"),
        TableState::Unchanged => ("=", "faint", "unchanged"),
        TableState::Failed => ("✗", "fail", "failed"),
        TableState::Dropped => ("–", "faint", "not published"),
    };
    html! { span class=(class) { (mark) " " (word) } }
}

fn milliseconds(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
