//! The API for programs: JSON in, JSON out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::Refused;
use super::app::App;
use super::asker::Asker;
use super::download::{self, Format};
use super::figures;
use super::operations;
use super::plots::PlotsAsked;
use super::queries::{HttpQuery, State as QueryState};
use super::query_page;
use super::rights::View;
use super::saved_api;
use super::sent::{Body, Parameters, Path, WAIT_MAX, Waiting, exact};
use super::stored::Stored;
use crate::desk::blocking;
use crate::fault::{Fault, Kind};
use crate::principal::Door;

/// Rows of a page, if the request does not say.
const PAGE_ROWS: u64 = 1000;

/// Rows of the largest page.
const PAGE_ROWS_MAX: u64 = 10_000;

/// Bytes of the rows of a page: it has fewer rows where they are larger.
const PAGE_BYTES: usize = 16 << 20;

/// Lines of the audit log in one answer.
const AUDIT_LINES: usize = 1000;

/// The description of the API.
const OPENAPI: &str = include_str!("openapi.json");

type Answer = Result<Response, Refused>;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/openapi.json", get(openapi))
        .route("/me", get(me))
        .route("/queries", get(list).post(submit))
        .route("/queries/{id}", get(state))
        .route("/queries/{id}/cancel", post(cancel))
        .route("/queries/{id}/rows", get(rows))
        .route("/queries/{id}/result", get(result))
        .merge(saved_api::routes())
        .route("/overview", get(overview))
        .route("/functions", get(functions))
        .route("/tables", get(tables))
        .route("/tables/{name}", get(table))
        .route("/tables/{name}/plots", get(plots))
        .route("/runs", get(runs))
        .route("/runs/{run}", get(run))
        .route("/quarantine", get(quarantine))
        .route("/privacy", get(privacy))
        .route("/audit", get(audit))
        .merge(operations::api_routes())
        .fallback(missing)
        .method_not_allowed_fallback(not_allowed)
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn missing() -> Refused {
    Fault::new(Kind::Missing, "the API has no such path")
        .with_hint("GET /api/v1/openapi.json describes all requests")
        .into()
}

async fn not_allowed() -> Response {
    let fault = Fault::new(Kind::Wrong, "this path does not take this method")
        .with_hint("GET /api/v1/openapi.json describes all requests");
    (StatusCode::METHOD_NOT_ALLOWED, Json(fault)).into_response()
}

async fn me(asker: Asker) -> Json<Value> {
    Json(json!({
        "name": asker.principal.name,
        "role": asker.principal.role,
    }))
}

fn page_rows() -> u64 {
    PAGE_ROWS
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    sql: String,
    /// How long the answer may wait for the query to end.
    #[serde(default, deserialize_with = "exact")]
    wait_ms: u64,
}

#[derive(Deserialize)]
struct PageAsked {
    #[serde(default, deserialize_with = "exact")]
    offset: u64,
    #[serde(default = "page_rows", deserialize_with = "exact")]
    count: u64,
}

#[derive(Deserialize)]
struct FormatAsked {
    format: Format,
}

/// What the API says of a query.
#[derive(Serialize)]
struct Told {
    id: String,
    sql: String,
    state: &'static str,
    rows: u64,
    is_cut: bool,
    submitted_at: String,
    ms: u64,
    rows_read: u64,
    memory_bytes: u64,
    peak_memory_bytes: u64,
    columns: Vec<Value>,
    error: Option<Fault>,
}

fn told(query: &HttpQuery) -> Told {
    let (state, ms) = query.state();
    let usage = query.usage();
    let (columns, is_cut) = match &state {
        QueryState::Done { result, is_cut } => (columns_of(result), *is_cut),
        _ => (Vec::new(), false),
    };
    let at = DateTime::from_timestamp_millis(query.at_ms).unwrap_or_default();
    Told {
        id: query.id.clone(),
        sql: query.statement.clone(),
        state: state.name(),
        rows: state.rows(),
        is_cut,
        submitted_at: at.to_rfc3339_opts(SecondsFormat::Millis, true),
        ms,
        rows_read: usage.rows_read,
        memory_bytes: usage.memory_bytes,
        peak_memory_bytes: usage.peak_memory_bytes,
        columns,
        error: match state {
            QueryState::Failed(fault) => Some(fault),
            _ => None,
        },
    }
}

fn columns_of(result: &Stored) -> Vec<Value> {
    let columns = figures::columns(result.schema()).into_iter();
    columns
        .map(|(name, kind, _)| json!({"name": name, "type": kind}))
        .collect()
}

async fn submit(
    State(app): State<Arc<App>>,
    asker: Asker,
    body: Body<Map<String, Value>>,
) -> Answer {
    let asked: Submission = body.read()?;
    let query = app
        .queries
        .submit(&asker.principal, Door::Api, &asked.sql)?;
    wait(&query, Duration::from_millis(asked.wait_ms)).await;
    let place = format!("/api/v1/queries/{}", query.id);
    let told = Json(told(&query));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], told).into_response())
}

async fn wait(query: &HttpQuery, time: Duration) {
    let time = time.min(WAIT_MAX);
    if !time.is_zero() {
        _ = tokio::time::timeout(time, query.ended()).await;
    }
}

async fn list(State(app): State<Arc<App>>, asker: Asker) -> Json<Vec<Told>> {
    let queries = app.queries.of(&asker.principal);
    Json(queries.iter().map(|query| told(query)).collect())
}

async fn state(
    State(app): State<Arc<App>>,
    asker: Asker,
    Path(id): Path<String>,
    Parameters(asked): Parameters<Waiting>,
) -> Answer {
    let query = app.queries.find(&asker.principal, &id)?;
    wait(&query, asked.time()).await;
    Ok(Json(told(&query)).into_response())
}

async fn cancel(State(app): State<Arc<App>>, asker: Asker, Path(id): Path<String>) -> Answer {
    let query = app.queries.find(&asker.principal, &id)?;
    query.cancel();
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The result of a query that is done.
fn result_of(query: &HttpQuery) -> Result<Arc<Stored>, Refused> {
    let fault = match query.state().0 {
        QueryState::Done { result, .. } => return Ok(result),
        QueryState::Failed(fault) => fault,
        QueryState::Cancelled => Fault::new(Kind::Cancelled, "the query was cancelled"),
        _ => Fault::new(Kind::Cancelled, "the query is not over yet")
            .with_hint("ask for its state first, with `wait_ms`"),
    };
    Err(Refused::conflict(fault))
}

async fn rows(
    State(app): State<Arc<App>>,
    asker: Asker,
    Path(id): Path<String>,
    Parameters(asked): Parameters<PageAsked>,
) -> Answer {
    let query = app.queries.find(&asker.principal, &id)?;
    let result = result_of(&query)?;
    let count = asked.count.min(PAGE_ROWS_MAX);
    let total = result.rows();
    let columns = columns_of(&result);
    let page =
        blocking(move || figures::values(&result.page(asked.offset, count, PAGE_BYTES)?)).await?;
    let rows = page.map_err(|error| Fault::internal("reading the result", error))?;
    Ok(Json(json!({
        "columns": columns,
        "offset": asked.offset,
        "total": total,
        "rows": rows,
    }))
    .into_response())
}

async fn result(
    State(app): State<Arc<App>>,
    asker: Asker,
    Path(id): Path<String>,
    Parameters(asked): Parameters<FormatAsked>,
) -> Answer {
    let query = app.queries.find(&asker.principal, &id)?;
    let result = result_of(&query)?;
    app.desk
        .note(&asker.principal, Door::Api, "download", "done")
        .await?;
    Ok(download::file(result, &query.id, asked.format))
}

async fn overview(State(app): State<Arc<App>>, asker: Asker) -> Answer {
    Ok(Json(app.overview(&asker).await?).into_response())
}

async fn functions(State(app): State<Arc<App>>, asker: Asker) -> Answer {
    let shown = query_page::few_rows(&app, &asker, Door::Api, "show functions").await?;
    let (_, rows) = shown;
    let names = rows.into_iter().filter_map(|row| row.into_iter().next()?);
    let names: BTreeSet<String> = names.collect();
    Ok(Json(names).into_response())
}

async fn tables(State(app): State<Arc<App>>, asker: Asker) -> Answer {
    let tables = app.desk.tables(&asker.principal).await?;
    let tables = tables.iter().map(|table| {
        let columns = figures::columns(&table.columns).into_iter();
        let columns = columns.map(|(name, kind, _)| json!({"name": name, "type": kind}));
        json!({
            "zone": table.zone,
            "table": table.table,
            "columns": columns.collect::<Vec<_>>(),
        })
    });
    Ok(Json(tables.collect::<Vec<_>>()).into_response())
}

async fn table(State(app): State<Arc<App>>, asker: Asker, Path(name): Path<String>) -> Answer {
    let page = app.table(&asker, &name).await?;
    Ok(Json(page).into_response())
}

async fn plots(
    State(app): State<Arc<App>>,
    asker: Asker,
    Path(name): Path<String>,
    Parameters(asked): Parameters<PlotsAsked>,
) -> Answer {
    let plots = app.plots(&asker, Door::Api, &name, &asked).await?;
    Ok(Json(plots).into_response())
}

async fn runs(State(app): State<Arc<App>>, asker: Asker) -> Answer {
    asker.must(View::Runs)?;
    let runs = engine::run_list(&app.now()).await.map_err(Fault::from)?;
    Ok(Json(runs).into_response())
}

async fn run(State(app): State<Arc<App>>, asker: Asker, Path(run): Path<String>) -> Answer {
    asker.must(View::Runs)?;
    let found = engine::run_detail(&app.now(), &run).await;
    match found.map_err(Fault::from)? {
        Some(run) => Ok(Json(run).into_response()),
        None => Err(Fault::new(Kind::Missing, "there is no such run").into()),
    }
}

async fn quarantine(
    State(app): State<Arc<App>>,
    asker: Asker,
    Parameters(asked): Parameters<PageAsked>,
) -> Answer {
    asker.must(View::Quarantine)?;
    let count = asked.count.min(PAGE_ROWS_MAX);
    let page = engine::quarantine_page(&app.now(), asked.offset, count).await;
    Ok(Json(page.map_err(Fault::from)?).into_response())
}

async fn privacy(State(app): State<Arc<App>>, asker: Asker) -> Answer {
    asker.must(View::Privacy)?;
    let page = engine::privacy_page(&app.now())
        .await
        .map_err(Fault::from)?;
    Ok(Json(page).into_response())
}

async fn audit(State(app): State<Arc<App>>, asker: Asker) -> Answer {
    asker.must(View::Audit)?;
    let audit = Arc::clone(app.desk.audit());
    let lines = blocking(move || audit.newest(AUDIT_LINES)).await?;
    let lines = lines.map_err(|error| Fault::internal("reading the audit log", error))?;
    Ok(Json(lines).into_response())
}
