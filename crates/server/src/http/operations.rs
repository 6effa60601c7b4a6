//! Runs and plans: starting, following and cancelling them, on the page and by the API.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use evidence::{Current, Operation, OperationKind};
use pages::console;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::Refused;
use super::app::App;
use super::asker::Asker;
use super::rights::View;
use super::sent::{Body, Form, Parameters, Waiting};
use super::shown::{Answer, PageOf};
use crate::fault::{Fault, Kind};
use crate::operations::{Operator, Refusal};
use crate::principal::Door;

/// Where what goes on is shown.
const CURRENT: &str = "/runs/current";

/// Where the last plan is shown.
const PLAN: &str = "/runs/plan";

/// How long a form waits, so that what ends at once is shown at once.
const QUICK: Duration = Duration::from_millis(300);

/// The pages.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/runs", post(start))
        .route(CURRENT, get(current))
        .route("/runs/current/cancel", post(cancel))
        .route(PLAN, get(plan).post(start_plan))
}

/// The API, below its prefix.
pub(super) fn api_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/runs", post(api_start))
        .route("/runs/current", get(api_current))
        .route("/runs/current/cancel", post(api_cancel))
        .route("/plan", get(api_plan).post(api_start_plan))
}

impl App {
    fn operator(&self) -> Result<&Arc<Operator>, Fault> {
        let missing = || Fault::new(Kind::Missing, "this server starts no runs");
        self.operator.as_ref().ok_or_else(missing)
    }

    /// What goes on right now.
    pub(super) async fn current(&self) -> Result<Current, Fault> {
        let Some(operator) = &self.operator else {
            return Ok(Current::default());
        };
        Ok(Current {
            operation: operator.newest(),
            writer: operator.other_writer().await?,
            project_change: operator.project_change().await?,
        })
    }
}

/// The page of the run, where one was published; its tables are there to look at.
fn page_of_run(operation: &Operation) -> Option<String> {
    let run = operation.run.as_deref()?;
    let is_published = !operation.is_running() && !operation.published.is_empty();
    is_published.then(|| format!("/runs/{}", console::percent(run)))
}

#[derive(Deserialize)]
struct Shown {
    /// Whether something was to be started and could not, because something went on.
    refused: Option<String>,
}

async fn current(page: PageOf, Query(asked): Query<Shown>) -> Answer {
    page.need(page.asker.must(View::Operations))?;
    let current = page.need(page.app.current().await)?;
    let newest = current.operation.as_ref();
    if current.writer.is_none()
        && let Some(newest) = newest.filter(|newest| !newest.is_running())
    {
        if let Some(path) = page_of_run(newest) {
            return Ok(Redirect::to(&path).into_response());
        }
        if newest.plan.is_some() {
            return Ok(Redirect::to(PLAN).into_response());
        }
    }
    let is_refused = asked.refused.is_some();
    Ok(page.show("Current run", |frame| {
        console::operation(frame, &current, is_refused)
    }))
}

#[derive(Deserialize)]
struct Start {
    csrf: String,
    /// `run` or `full-run`.
    what: Option<String>,
}

async fn start(page: PageOf, Form(sent): Form<Start>) -> Answer {
    let kind = match sent.what.as_deref() {
        Some("full-run") => OperationKind::FullRun,
        _ => OperationKind::Run,
    };
    start_from_page(&page, &sent.csrf, kind).await
}

async fn start_plan(page: PageOf, Form(sent): Form<Start>) -> Answer {
    start_from_page(&page, &sent.csrf, OperationKind::Plan).await
}

async fn start_from_page(page: &PageOf, csrf: &str, kind: OperationKind) -> Answer {
    let allowed = page.asker.must(View::Operating);
    page.need(allowed.and_then(|()| page.asker.check_csrf(csrf)))?;
    let operator = page.need(page.app.operator())?;
    match operator
        .start(&page.asker.principal, Door::Page, kind)
        .await
    {
        Ok(_) => {
            operator.wait(QUICK).await;
            Ok(Redirect::to(CURRENT).into_response())
        }
        Err(Refusal::GoesOn(_)) => {
            Ok(Redirect::to(&format!("{CURRENT}?refused=1")).into_response())
        }
        Err(Refusal::Fault(fault)) => page.need(Err(fault)),
    }
}

#[derive(Deserialize)]
struct Cancelling {
    csrf: String,
}

async fn cancel(page: PageOf, Form(sent): Form<Cancelling>) -> Answer {
    let allowed = page.asker.must(View::Operating);
    page.need(allowed.and_then(|()| page.asker.check_csrf(&sent.csrf)))?;
    let operator = page.need(page.app.operator())?;
    page.need(operator.cancel(&page.asker.principal, Door::Page).await)?;
    operator.wait(QUICK).await;
    Ok(Redirect::to(CURRENT).into_response())
}

async fn plan(page: PageOf) -> Answer {
    page.need(page.asker.must(View::Operations))?;
    let plan = page
        .app
        .operator
        .as_ref()
        .and_then(|operator| operator.plan());
    let current = page.need(page.app.current().await)?;
    Ok(page.show("Plan", |frame| {
        console::plan(frame, plan.as_ref(), &current)
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartAsked {
    #[serde(default)]
    full: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn api_start(
    State(app): State<Arc<App>>,
    asker: Asker,
    body: Body<Map<String, Value>>,
) -> Answer {
    asker.must(View::Operating)?;
    let asked: StartAsked = body.read()?;
    let kind = match asked.full {
        true => OperationKind::FullRun,
        false => OperationKind::Run,
    };
    start_by_api(&app, &asker, kind).await
}

async fn api_start_plan(
    State(app): State<Arc<App>>,
    asker: Asker,
    body: Body<Map<String, Value>>,
) -> Answer {
    asker.must(View::Operating)?;
    let Nothing {} = body.read()?;
    start_by_api(&app, &asker, OperationKind::Plan).await
}

async fn start_by_api(app: &App, asker: &Asker, kind: OperationKind) -> Answer {
    let started = app
        .operator()?
        .start(&asker.principal, Door::Api, kind)
        .await;
    let started = started.map_err(|refusal| match refusal {
        Refusal::GoesOn(fault) => Refused::conflict(fault),
        Refusal::Fault(fault) => fault.into(),
    })?;
    let place = [(header::LOCATION, "/api/v1/runs/current")];
    Ok((StatusCode::ACCEPTED, place, Json(started)).into_response())
}

async fn api_current(
    State(app): State<Arc<App>>,
    asker: Asker,
    Parameters(asked): Parameters<Waiting>,
) -> Answer {
    asker.must(View::Operations)?;
    if let Some(operator) = &app.operator {
        operator.wait(asked.time()).await;
    }
    Ok(Json(app.current().await?).into_response())
}

async fn api_cancel(State(app): State<Arc<App>>, asker: Asker) -> Answer {
    asker.must(View::Operating)?;
    let cancelled = app.operator()?.cancel(&asker.principal, Door::Api).await?;
    match cancelled {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => {
            let fault = Fault::new(Kind::Cancelled, "no run or plan of this server goes on");
            Err(Refused::conflict(fault))
        }
    }
}

async fn api_plan(State(app): State<Arc<App>>, asker: Asker) -> Result<Response, Refused> {
    asker.must(View::Operations)?;
    let missing = || {
        Fault::new(Kind::Missing, "no plan was made since the server began")
            .with_hint("POST /api/v1/plan makes one")
    };
    let plan = app.operator()?.plan().ok_or_else(missing)?;
    Ok(Json(plan).into_response())
}
