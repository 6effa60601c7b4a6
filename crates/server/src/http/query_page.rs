//! Statements on the web page: the editor, a query, its rows, its chart.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use axum::Router;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use pages::console::{
    self, Chart, ChartPoints, PastQuery, QueryPage, QueryState, ResultColumn, SqlError, SqlPage,
};
use serde::Deserialize;

use super::app::App;
use super::asker::Asker;
use super::figures;
use super::queries::{HttpQuery, State as Progress};
use super::sent::{Form, Path};
use super::shown::{Answer, PageOf};
use super::stored::Stored;
use crate::desk::blocking;
use crate::fault::{Fault, Kind};
use crate::principal::Door;

/// Rows on one page of a result.
const PAGE_ROWS: u64 = 100;

/// Bytes of the rows of a page.
const PAGE_BYTES: usize = 8 << 20;

/// Characters of a cell that a page shows.
const CELL_CHARS: usize = 2_000;

/// Characters of the name of a bar.
const LABEL_CHARS: usize = 200;

/// Bytes of the rows of a chart.
const CHART_BYTES: usize = 32 << 20;

/// Rows that a chart is drawn from.
const CHART_ROWS: u64 = 5_000;

/// Statements that the history lists.
const HISTORY: usize = 50;

/// How long a submission waits, so that a quick answer is there at once.
const QUICK: Duration = Duration::from_millis(800);

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/sql", get(editor).post(submit))
        .route("/queries/{id}", get(show))
        .route("/queries/{id}/cancel", post(cancel))
}

#[derive(Deserialize)]
struct Shared {
    #[serde(default)]
    sql: String,
}

async fn editor(page: PageOf, Query(shared): Query<Shared>) -> Answer {
    let history = page.app.queries.of(&page.asker.principal);
    let history = history.iter().take(HISTORY).map(|query| past(query));
    let form = SqlPage {
        statement: shared.sql,
        error: None,
        history: history.collect(),
    };
    Ok(page.show("SQL", |frame| console::sql(frame, &form)))
}

fn past(query: &HttpQuery) -> PastQuery {
    let (state, ms) = query.state();
    PastQuery {
        id: query.id.clone(),
        statement: query.statement.clone(),
        state: shown(&state),
        rows: state.rows(),
        ms,
        at: query.at_ms,
    }
}

fn shown(state: &Progress) -> QueryState {
    match state {
        Progress::Waiting => QueryState::Waiting,
        Progress::Running { .. } => QueryState::Running,
        Progress::Done { .. } => QueryState::Done,
        Progress::Failed(_) => QueryState::Failed,
        Progress::Cancelled => QueryState::Cancelled,
    }
}

#[derive(Deserialize)]
struct Submission {
    csrf: String,
    sql: String,
}

async fn submit(page: PageOf, Form(sent): Form<Submission>) -> Answer {
    page.need(page.asker.check_csrf(&sent.csrf))?;
    let query = page.need(
        page.app
            .queries
            .submit(&page.asker.principal, Door::Page, &sent.sql),
    )?;
    _ = tokio::time::timeout(QUICK, query.ended()).await;
    Ok(Redirect::to(&format!("/queries/{}", query.id)).into_response())
}

#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    offset: u64,
    x: Option<String>,
    y: Option<String>,
}

async fn show(page: PageOf, Path(id): Path<String>, Query(asked): Query<Shown>) -> Answer {
    let query = page.need(page.app.queries.find(&page.asker.principal, &id))?;
    let shown = page.need(page_of(&query, asked).await)?;
    Ok(page.show("Query", |frame| console::query(frame, &shown)))
}

async fn page_of(query: &HttpQuery, asked: Shown) -> Result<QueryPage, Fault> {
    let (state, ms) = query.state();
    let mut page = QueryPage {
        id: query.id.clone(),
        statement: query.statement.clone(),
        state: shown(&state),
        rows: state.rows(),
        truncated: matches!(state, Progress::Done { is_cut: true, .. }),
        ms,
        columns: Vec::new(),
        cells: Vec::new(),
        offset: asked.offset,
        page_rows: PAGE_ROWS,
        error: None,
        chart: None,
    };
    match state {
        Progress::Failed(fault) => {
            page.error = Some(SqlError {
                message: fault.message,
                hint: fault.hint,
                line: fault.place.map(|(line, _)| line),
                column: fault.place.map(|(_, column)| column),
            });
        }
        Progress::Done { result, .. } => {
            page.columns = columns_of(result.schema());
            let (cells, chart) = blocking(move || -> Result<_, arrow::error::ArrowError> {
                let cells = figures::texts(
                    &result.page(asked.offset, PAGE_ROWS, PAGE_BYTES)?,
                    CELL_CHARS,
                )?;
                let chart = match (asked.x, asked.y) {
                    (Some(x), Some(y)) => chart(&result, &x, &y)?,
                    _ => None,
                };
                Ok((cells, chart))
            })
            .await?
            .map_err(|error| Fault::internal("reading the result", error))?;
            page.cells = cells;
            page.chart = chart;
        }
        _ => {}
    }
    Ok(page)
}

fn columns_of(schema: &SchemaRef) -> Vec<ResultColumn> {
    let columns = figures::columns(schema).into_iter();
    columns
        .map(|(name, kind, is_number)| ResultColumn {
            name,
            kind,
            is_number,
        })
        .collect()
}

/// The chart of column `y` over column `x`; `None` if there are no such columns, or `y` has
/// no numbers.
fn chart(result: &Stored, x: &str, y: &str) -> Result<Option<Chart>, arrow::error::ArrowError> {
    let schema = result.schema();
    let (Ok(at_x), Ok(at_y)) = (schema.index_of(x), schema.index_of(y)) else {
        return Ok(None);
    };
    if !schema.field(at_y).data_type().is_numeric() {
        return Ok(None);
    }
    let page = result.page(0, CHART_ROWS, CHART_BYTES)?;
    let kind = schema.field(at_x).data_type().clone();
    let (mut numbers, mut times, mut bars) = (Vec::new(), Vec::new(), Vec::new());
    for batch in &page {
        let heights = cast(batch.column(at_y), &DataType::Float64)?;
        let heights = heights.as_primitive::<Float64Type>();
        let height = |row: usize| heights.is_valid(row).then(|| heights.value(row));
        let across = batch.column(at_x);
        match &kind {
            kind if kind.is_temporal() => {
                let instants = instants(across)?;
                let instants = instants.as_primitive::<Int64Type>();
                let instants = instants.iter().enumerate();
                times.extend(instants.filter_map(|(row, x)| Some((x?, height(row)?))));
            }
            kind if kind.is_numeric() => {
                let across = cast(across, &DataType::Float64)?;
                let across = across.as_primitive::<Float64Type>().iter().enumerate();
                numbers.extend(across.filter_map(|(row, x)| Some((x?, height(row)?))));
            }
            _ => {
                let across = RecordBatch::try_from_iter([(x, ArrayRef::clone(across))])?;
                let names = figures::texts(&[across], LABEL_CHARS)?
                    .into_iter()
                    .enumerate();
                let named = names.filter_map(|(row, mut cells)| {
                    Some((cells.pop()?.unwrap_or_default(), height(row)?))
                });
                bars.extend(named);
            }
        }
    }
    Ok(Some(Chart {
        x: x.to_owned(),
        y: y.to_owned(),
        points: match &kind {
            kind if kind.is_temporal() => ChartPoints::Times(times),
            kind if kind.is_numeric() => ChartPoints::Numbers(numbers),
            _ => ChartPoints::Bars(bars),
        },
    }))
}

/// Times as epoch milliseconds.
fn instants(column: &ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
    let instants = cast(column, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
    cast(&instants, &DataType::Int64)
}

#[derive(Deserialize)]
struct Cancelling {
    csrf: String,
}

async fn cancel(page: PageOf, Path(id): Path<String>, Form(sent): Form<Cancelling>) -> Answer {
    let allowed = page.asker.check_csrf(&sent.csrf);
    let query =
        page.need(allowed.and_then(|()| page.app.queries.find(&page.asker.principal, &id)))?;
    query.cancel();
    _ = tokio::time::timeout(QUICK, query.ended()).await;
    Ok(Redirect::to(&format!("/queries/{}", query.id)).into_response())
}

/// The rows of a statement that gives few, as a page shows them. The query is not remembered.
pub(super) async fn few_rows(
    app: &App,
    asker: &Asker,
    door: Door,
    sql: &str,
) -> Result<(Vec<ResultColumn>, Vec<Vec<Option<String>>>), Fault> {
    let mut rows = app.desk.run(&asker.principal, door, sql).await?;
    let columns = columns_of(rows.schema());
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await {
        batches.push(batch?);
    }
    let cells = figures::texts(&batches, CELL_CHARS);
    let cells = cells.map_err(|error| Fault::new(Kind::Failed, error.to_string()))?;
    Ok((columns, cells))
}
