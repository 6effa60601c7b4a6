//! Saved statements on the web page: the list, one in the editor, saving and deleting.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use pages::console::{self, SavedAs, SqlPage};
use serde::Deserialize;

use super::answer;
use super::app::App;
use super::saved_api;
use super::sent::{Form, Path, as_written};
use super::shown::{Answer, PageOf};
use super::sql_page::{self, error_of};
use crate::fault::Fault;
use crate::principal::Door;
use crate::saved::SavedError;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/saved", post(save))
        .route("/saved/{id}", get(open))
        .route("/saved/{id}/delete", post(delete))
}

async fn open(page: PageOf, Path(id): Path<String>) -> Answer {
    let saved = page.need(saved_api::find(&page.app, &page.asker, &id).await)?;
    let form = SqlPage {
        statement: saved.sql,
        saved_as: SavedAs {
            id: Some(saved.id),
            name: saved.name,
        },
        ..sql_page::sql_page(&page).await
    };
    Ok(page.show("SQL", |frame| console::sql(frame, &form)))
}

#[derive(Deserialize)]
struct Saving {
    csrf: String,
    sql: String,
    name: String,
    /// The saved statement that is replaced, unless it is saved as a new one.
    #[serde(default)]
    saved: String,
    #[serde(default, rename = "as")]
    as_what: String,
}

async fn save(page: PageOf, Form(sent): Form<Saving>) -> Answer {
    page.need(page.asker.check_csrf(&sent.csrf))?;
    let replaced = Some(sent.saved.clone()).filter(|id| !id.is_empty() && sent.as_what != "new");
    let sql = as_written(&sent.sql);
    let what = (replaced.clone(), sent.name.clone(), sql.clone());
    let saved = saved_api::save(&page.app, &page.asker, Door::Page, what).await;
    let error = match page.need(saved)? {
        Ok(saved) => return Ok(Redirect::to(&format!("/saved/{}", saved.id)).into_response()),
        Err(error) => error,
    };
    let (id, hint) = match &error {
        SavedError::Known { id } => (
            Some(id.clone()),
            Some("save once more to replace it, or choose another name"),
        ),
        SavedError::Unknown => (None, Some("save once more to keep it as a new one")),
        _ => (replaced, None),
    };
    let is_known = matches!(error, SavedError::Known { .. });
    let mut fault = Fault::from(error);
    let status = match is_known {
        true => StatusCode::CONFLICT,
        false => answer::status(fault.kind),
    };
    fault.hint = hint.map(str::to_owned).or(fault.hint);
    let form = SqlPage {
        statement: sql,
        error: Some(error_of(fault)),
        saved_as: SavedAs {
            id,
            name: sent.name,
        },
        ..sql_page::sql_page(&page).await
    };
    let shown = page.show("SQL", |frame| console::sql(frame, &form));
    Ok((status, shown).into_response())
}

#[derive(Deserialize)]
struct Deleting {
    csrf: String,
}

async fn delete(page: PageOf, Path(id): Path<String>, Form(sent): Form<Deleting>) -> Answer {
    page.need(page.asker.check_csrf(&sent.csrf))?;
    let deleted = saved_api::delete(&page.app, &page.asker, Door::Page, &id).await;
    page.need(deleted)?;
    Ok(Redirect::to("/sql#saved").into_response())
}
