//! One query: how far it is, its result by the page, what can be done with it.

use maud::{Markup, html};

use super::editor::{SqlError, editor, fault};
use super::frame::{Frame, Refresh};
use super::grid::{ResultColumn, ResultRows, grid};
use super::parts::{percent, sql_path};
use super::plot::{self, Chart};
use crate::number::grouped;
use crate::time;

/// A query and a page of its result.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryPage {
    /// The query.
    pub id: String,
    /// Its statement.
    pub statement: String,
    /// How far it is.
    pub state: QueryState,
    /// Rows of its result so far.
    pub rows: u64,
    /// Whether there are more rows, which the limit cut off.
    pub truncated: bool,
    /// How long it took so far.
    pub ms: u64,
    /// The columns of the result.
    pub columns: Vec<ResultColumn>,
    /// The cells of this page, by row; `None` is null.
    pub cells: Vec<Vec<Option<String>>>,
    /// How many rows come before this page.
    pub offset: u64,
    /// How many rows a page has.
    pub page_rows: u64,
    /// Why it failed.
    pub error: Option<SqlError>,
    /// The chart of two of the columns that was asked for.
    pub chart: Option<Chart>,
}

/// How far a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryState {
    /// It waits for its turn.
    Waiting,
    /// It runs.
    Running,
    /// Its result is there.
    Done,
    /// It failed.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl QueryState {
    /// `waiting`, `running`, `done`, `failed` or `cancelled`.
    pub fn as_str(self) -> &'static str {
        match self {
            QueryState::Waiting => "waiting",
            QueryState::Running => "running",
            QueryState::Done => "done",
            QueryState::Failed => "failed",
            QueryState::Cancelled => "cancelled",
        }
    }

    /// Whether it is not over.
    pub fn is_open(self) -> bool {
        matches!(self, QueryState::Waiting | QueryState::Running)
    }

    /// Its word, with a mark.
    pub(super) fn shown(self) -> Markup {
        let (mark, class) = match self {
            QueryState::Waiting => ("…", "faint"),
            QueryState::Running => ("▸", "busy"),
            QueryState::Done => ("✓", "ok"),
            QueryState::Failed => ("✗", "fail"),
            QueryState::Cancelled => ("–", "faint"),
        };
        html! { span class=(class) { (mark) " " (self.as_str()) } }
    }
}

/// How soon the page of a query asks again, in seconds.
const REFRESH_SECONDS: u32 = 1;

/// One query.
pub fn query(frame: &Frame<'_>, page: &QueryPage) -> String {
    let refresh = match page.state.is_open() {
        true => Refresh::After(REFRESH_SECONDS),
        false => Refresh::Never,
    };
    frame.refreshed(
        refresh,
        &html! {
            h1 { (frame.title) }
            (editor(frame, &page.statement, None))
            section #result aria-label="Result" data-query=(page.id) data-state=(page.state.as_str()) {
                (state(frame, page))
                @if let Some(error) = &page.error { (fault(&page.statement, error)) }
                @if !page.columns.is_empty() && page.error.is_none() { (result(page)) }
            }
        },
    )
}

fn state(frame: &Frame<'_>, page: &QueryPage) -> Markup {
    html! {
        div class="row state" role="status" {
            (page.state.shown())
            span { strong { (grouped(page.rows)) } @if page.rows == 1 { " row" } @else { " rows" } @if page.truncated { " of more: the limit cut the rest off" } }
            span { (time::duration(i64::try_from(page.ms).unwrap_or(i64::MAX))) }
            @if page.state.is_open() {
                progress aria-label="running" {}
                form method="post" action=(format!("/queries/{}/cancel", percent(&page.id))) {
                    (frame.csrf_field())
                    button type="submit" { "Cancel" }
                }
            } @else {
                a href=(sql_path(&page.statement)) { "Link to the statement" }
            }
            @if page.state == QueryState::Done { (downloads(page)) }
        }
    }
}

fn downloads(page: &QueryPage) -> Markup {
    html! {
        span class="downloads" {
            "Download "
            @for (format, name) in [("csv", "CSV"), ("json", "JSON"), ("arrow", "Arrow"), ("parquet", "Parquet")] {
                a href=(format!("/api/v1/queries/{}/result?format={format}", percent(&page.id))) download { (name) } " "
            }
        }
    }
}

fn result(page: &QueryPage) -> Markup {
    html! {
        @if page.cells.is_empty() { @match page.state.is_open() {
            true => p class="faint" { "No row yet." },
            false => p class="faint" { "No row." },
        } }
        @else {
            (pages(page, "above"))
            (grid("Rows of the result", ResultRows { columns: &page.columns, cells: &page.cells }))
            (pages(page, "below"))
        }
        @if page.state == QueryState::Done && !page.cells.is_empty() { (chart(page)) }
    }
}

/// Links to the pages before and after.
fn pages(page: &QueryPage, place: &str) -> Markup {
    let shown = page.cells.len() as u64;
    if page.offset == 0 && shown >= page.rows {
        return html! {};
    }
    let path = |offset: u64| format!("/queries/{}?offset={offset}", percent(&page.id));
    let before = page.offset.saturating_sub(page.page_rows);
    let after = page.offset.saturating_add(shown);
    html! {
        nav class="row pages" aria-label=(format!("Pages of the result, {place}")) {
            @if page.offset > 0 { a rel="prev" href=(path(before)) { "← previous" } }
            span { (grouped(page.offset + 1)) "–" (grouped(after)) " of " (grouped(page.rows)) }
            @if after < page.rows { a rel="next" href=(path(after)) { "next →" } }
        }
    }
}

/// The chart, and the form that asks for another.
fn chart(page: &QueryPage) -> Markup {
    let (x, y) = match &page.chart {
        Some(chart) => (Some(chart.x.as_str()), Some(chart.y.as_str())),
        None => (None, None),
    };
    let numbers = page.columns.iter().filter(|column| column.is_number);
    let choices = |name: &str, chosen: Option<&str>, columns: &[&ResultColumn]| {
        html! { select id=(name) name=(name) { @for column in columns {
            option value=(column.name) selected[chosen == Some(column.name.as_str())] { (column.name) }
        } } }
    };
    let all: Vec<&ResultColumn> = page.columns.iter().collect();
    let numbers: Vec<&ResultColumn> = numbers.collect();
    if numbers.is_empty() {
        return html! {};
    }
    html! {
        section #chart {
            h2 { "Chart" }
            form class="row" method="get" action=(format!("/queries/{}#chart", percent(&page.id))) data-chart {
                input type="hidden" name="offset" value=(page.offset);
                label for="y" { "Draw" } (choices("y", y, &numbers))
                label for="x" { "by" } (choices("x", x, &all))
                button type="submit" { "Draw" }
            }
            @if let Some(chart) = &page.chart { (plot::chart(chart)) }
        }
    }
}
