//! Saved statements in the API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::Refused;
use super::app::App;
use super::asker::Asker;
use super::sent::{Body, Path};
use crate::desk::blocking;
use crate::fault::Fault;
use crate::principal::Door;
use crate::saved::{SavedError, SavedStatement};

type Answer = Result<Response, Refused>;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/saved", get(list).post(add))
        .route("/saved/{id}", get(one).post(replace).delete(remove))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    sql: String,
}

/// What the asker has saved.
pub(super) async fn list_of(app: &App, asker: &Asker) -> Result<Vec<SavedStatement>, Fault> {
    let (saved, who) = (app.saved()?, asker.principal.clone());
    Ok(blocking(move || saved.of(&who)).await??)
}

/// The asker's saved statement of that id.
pub(super) async fn find(app: &App, asker: &Asker, id: &str) -> Result<SavedStatement, Fault> {
    let (saved, who, id) = (app.saved()?, asker.principal.clone(), id.to_owned());
    Ok(blocking(move || saved.find(&who, &id)).await??)
}

/// Saves a statement, in the place of that of `id` or beside the others. The inner error is
/// what the asker can mend.
pub(super) async fn save(
    app: &App,
    asker: &Asker,
    door: Door,
    (id, name, sql): (Option<String>, String, String),
) -> Result<Result<SavedStatement, SavedError>, Fault> {
    let (saved, who) = (app.saved()?, asker.principal.clone());
    let done = blocking(move || saved.save(&who, id.as_deref(), &name, &sql)).await?;
    let outcome = if done.is_ok() { "done" } else { "refused" };
    app.desk
        .note(&asker.principal, door, "save", outcome)
        .await?;
    Ok(done)
}

/// Deletes the asker's saved statement of that id.
pub(super) async fn delete(app: &App, asker: &Asker, door: Door, id: &str) -> Result<(), Fault> {
    let (saved, who, id) = (app.saved()?, asker.principal.clone(), id.to_owned());
    let done = blocking(move || saved.delete(&who, &id)).await?;
    let outcome = if done.is_ok() { "done" } else { "refused" };
    app.desk
        .note(&asker.principal, door, "delete-saved", outcome)
        .await?;
    Ok(done?)
}

async fn list(State(app): State<Arc<App>>, asker: Asker) -> Answer {
    Ok(Json(list_of(&app, &asker).await?).into_response())
}

async fn one(State(app): State<Arc<App>>, asker: Asker, Path(id): Path<String>) -> Answer {
    Ok(Json(find(&app, &asker, &id).await?).into_response())
}

async fn add(State(app): State<Arc<App>>, asker: Asker, body: Body<Map<String, Value>>) -> Answer {
    let asked: Named = body.read()?;
    let saved = saved_as_asked(&app, &asker, None, asked).await?;
    let place = format!("/api/v1/saved/{}", saved.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, place)],
        Json(saved),
    )
        .into_response())
}

async fn replace(
    State(app): State<Arc<App>>,
    asker: Asker,
    Path(id): Path<String>,
    body: Body<Map<String, Value>>,
) -> Answer {
    let asked: Named = body.read()?;
    let saved = saved_as_asked(&app, &asker, Some(id), asked).await?;
    Ok(Json(saved).into_response())
}

async fn saved_as_asked(
    app: &App,
    asker: &Asker,
    id: Option<String>,
    asked: Named,
) -> Result<SavedStatement, Refused> {
    let saved = save(app, asker, Door::Api, (id, asked.name, asked.sql)).await?;
    Ok(saved?)
}

async fn remove(State(app): State<Arc<App>>, asker: Asker, Path(id): Path<String>) -> Answer {
    delete(&app, &asker, Door::Api, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl From<SavedError> for Refused {
    fn from(error: SavedError) -> Self {
        match error {
            SavedError::Known { .. } => Self::conflict(Fault::from(error)),
            _ => Self::from(Fault::from(error)),
        }
    }
}
