//! Statements on the web page: the editor, a query, its rows, its chart.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use axum::Router;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use pages::console::{self, ChartForm, ChartKind, QueryPage, ResultColumn, SavedAs, SqlPage, Took};
use serde::Deserialize;

use super::app::App;
use super::asker::Asker;
use super::charts;
use super::figures;
use super::queries::{HttpQuery, State as Progress};
use super::sent::{Form, Path, as_written};
use super::shown::{Answer, PageOf};
use super::sql_page;
use crate::desk::blocking;
use crate::fault::{Fault, Kind};
use crate::principal::Door;

/// Rows on one page of a result.
const PAGE_ROWS: u64 = 100;

/// Bytes of the rows of a page.
const PAGE_BYTES: usize = 8 << 20;

/// Characters of a cell that a page shows.
const CELL_CHARS: usize = 2_000;

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
    let form = SqlPage {
        statement: shared.sql,
        ..sql_page::sql_page(&page).await
    };
    Ok(page.show("SQL", |frame| console::sql(frame, &form)))
}

#[derive(Deserialize)]
struct Submission {
    csrf: String,
    sql: String,
    /// The saved statement that was opened before.
    #[serde(default)]
    saved: String,
}

async fn submit(page: PageOf, Form(sent): Form<Submission>) -> Answer {
    page.need(page.asker.check_csrf(&sent.csrf))?;
    let query = page.need(page.app.queries.submit(
        &page.asker.principal,
        Door::Page,
        &as_written(&sent.sql),
    ))?;
    _ = tokio::time::timeout(QUICK, query.ended()).await;
    let saved = match sent.saved.as_str() {
        "" => String::new(),
        id => format!("?saved={}", console::percent(id)),
    };
    Ok(Redirect::to(&format!("/queries/{}{saved}", query.id)).into_response())
}

/// What the address of a query asks for.
#[derive(Debug, Default)]
struct Shown {
    offset: u64,
    saved: Option<String>,
    chart: ChartForm,
}

impl Shown {
    /// What is not understood is passed over.
    fn of(parameters: Vec<(String, String)>) -> Self {
        let mut shown = Self::default();
        for (name, value) in parameters {
            match name.as_str() {
                "offset" => shown.offset = value.parse().unwrap_or_default(),
                "saved" => shown.saved = Some(value),
                "x" => shown.chart.x = Some(value),
                "y" if !shown.chart.y.contains(&value) => shown.chart.y.push(value),
                "by" => shown.chart.by = Some(value).filter(|by| !by.is_empty()),
                "kind" => shown.chart.kind = ChartKind::of_name(&value).unwrap_or_default(),
                _ => {}
            }
        }
        shown
    }
}

async fn show(
    page: PageOf,
    Path(id): Path<String>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Answer {
    let query = page.need(page.app.queries.find(&page.asker.principal, &id))?;
    let asked = Shown::of(asked);
    let saved_as = sql_page::saved_as(&page, asked.saved.as_deref()).await;
    let mut shown = page.need(page_of(&query, asked).await)?;
    shown.saved_as = saved_as;
    Ok(page.show("Query", |frame| console::query(frame, &shown)))
}

async fn page_of(query: &HttpQuery, asked: Shown) -> Result<QueryPage, Fault> {
    let (state, ms) = query.state();
    let usage = query.usage();
    let mut page = QueryPage {
        id: query.id.clone(),
        statement: query.statement.clone(),
        state: sql_page::shown(&state),
        rows: state.rows(),
        truncated: matches!(state, Progress::Done { is_cut: true, .. }),
        took: Took {
            ms,
            rows_read: usage.rows_read,
            memory_bytes: usage.memory_bytes,
            peak_memory_bytes: usage.peak_memory_bytes,
        },
        saved_as: SavedAs::default(),
        columns: Vec::new(),
        cells: Vec::new(),
        offset: asked.offset,
        page_rows: PAGE_ROWS,
        error: None,
        chart_form: asked.chart,
        chart: None,
    };
    match state {
        Progress::Failed(fault) => {
            page.error = Some(sql_page::error_of(fault));
        }
        Progress::Done { result, .. } => {
            page.columns = columns_of(result.schema());
            let form = page.chart_form.clone();
            let (cells, chart) = blocking(move || -> Result<_, arrow::error::ArrowError> {
                let cells = figures::texts(
                    &result.page(asked.offset, PAGE_ROWS, PAGE_BYTES)?,
                    CELL_CHARS,
                )?;
                Ok((cells, charts::chart(&result, &form)?))
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
