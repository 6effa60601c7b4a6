//! One query: how far it is, its result by the page, what can be done with it.

use maud::{Markup, html};

use super::chart::{self, Chart, ChartForm};
use super::editor::{SavedAs, SqlError, editor, fault};
use super::frame::{Frame, Refresh};
use super::grid::{ResultColumn, ResultRows, grid};
use super::parts::{bytes, percent, sql_path};
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
    /// What it took so far.
    pub took: Took,
    /// What its form saves the statement as.
    pub saved_as: SavedAs,
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
    /// What the form of the chart asks for.
    pub chart_form: ChartForm,
    /// The chart that was asked for.
    pub chart: Option<Chart>,
}

/// What a query took so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Took {
    /// Milliseconds.
    pub ms: u64,
    /// Rows that its scans read.
    pub rows_read: u64,
    /// Bytes that it holds.
    pub memory_bytes: u64,
    /// The most bytes that it held at once.
    pub peak_memory_bytes: u64,
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
            (editor(frame, &page.statement, &page.saved_as, None))
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
            span data-figure="rows" { strong { (grouped(page.rows)) } @if page.rows == 1 { " row" } @else { " rows" } @if page.truncated { " of more: the limit cut the rest off" } }
            span data-figure="took" { (took(page.state, page.took)) }
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

/// What a query takes, in words.
fn took(state: QueryState, took: Took) -> String {
    let time = time::duration(i64::try_from(took.ms).unwrap_or(i64::MAX));
    let rows = grouped(took.rows_read);
    let peak = bytes(took.peak_memory_bytes);
    match state {
        QueryState::Waiting => time,
        QueryState::Running => {
            let held = bytes(took.memory_bytes);
            format!("{time} so far, {rows} rows read, {held} of memory, {peak} at most")
        }
        _ if took.rows_read == 0 && took.peak_memory_bytes == 0 => time,
        _ if took.rows_read == 0 => format!("{time}, {peak} of memory"),
        _ => format!("read {rows} rows in {time}, {peak} of memory"),
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
    let path = format!("/queries/{}", percent(&page.id));
    html! {
        @if page.columns.iter().any(|column| column.is_number) { section #chart {
            h2 { "Chart" }
            (chart::form(&path, page.offset, &page.columns, &page.chart_form))
            @if let Some(chart) = &page.chart { (chart::chart(chart)) }
        } }
    }
}
