//! The web page: views of the lake, sign-in, forms. It works without a script.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use pages::console::{self, Frame, ICON, ICON_PATH, Nav, ResultRows, STYLE_PATH, SignIn};
use serde::Deserialize;

use super::answer::Refused;
use super::app::App;
use super::plots::PlotsAsked;
use super::query_page;
use super::rights::View;
use super::sent::{Form, Path};
use super::shown::{Answer, PageOf};
use crate::fault::{Fault, Kind};
use crate::principal::Door;

/// Entries of quarantine on one page.
const QUARANTINE_ROWS: u64 = 100;

/// Rows that the page of a table shows.
const PREVIEW_ROWS: usize = 20;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(overview))
        .route("/pipeline", get(pipeline))
        .route("/tables", get(tables))
        .route("/tables/{name}", get(table))
        .route("/tables/{name}/plots", get(plots))
        .route("/runs", get(runs))
        .route("/runs/{run}", get(run))
        .route("/quarantine", get(quarantine))
        .route("/privacy", get(privacy))
        .route("/privacy/person", post(person))
        .route("/sign-in", get(sign_in_form).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route(STYLE_PATH, get(style))
        .route(ICON_PATH, get(icon))
}

pub(super) async fn missing(uri: Uri) -> Refused {
    let fault = Fault::new(Kind::Missing, "there is nothing at this path");
    Refused::at(fault, &uri)
}

async fn style() -> Response {
    let kind = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=3600"),
    ];
    (kind, console::style()).into_response()
}

async fn icon() -> Response {
    let kind = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "max-age=86400"),
    ];
    (kind, ICON).into_response()
}

async fn overview(page: PageOf) -> Answer {
    let figures = page.need(page.app.overview(&page.asker).await)?;
    Ok(page.show("Overview", |frame| console::overview(frame, &figures)))
}

#[derive(Deserialize)]
struct From {
    from: Option<String>,
}

async fn pipeline(page: PageOf, Query(asked): Query<From>) -> Answer {
    let figures = page.need(page.app.overview(&page.asker).await)?;
    let from = asked.from.as_deref();
    Ok(page.show("Pipeline", |frame| console::pipeline(frame, &figures, from)))
}

async fn tables(page: PageOf) -> Answer {
    let figures = page.need(page.app.overview(&page.asker).await)?;
    Ok(page.show("Tables", |frame| console::tables(frame, &figures)))
}

#[derive(Deserialize)]
struct VersionAsked {
    version: Option<i64>,
}

async fn table(
    page: PageOf,
    Path(name): Path<String>,
    Query(asked): Query<VersionAsked>,
) -> Answer {
    let figures = page.need(page.app.table(&page.asker, &name).await)?;
    let of_version = asked
        .version
        .map(|version| format!(" version as of {version}"));
    let sql = format!(
        "select * from {}{} limit {PREVIEW_ROWS}",
        console::sql_name(figures.figures.zone, &figures.figures.table),
        of_version.unwrap_or_default(),
    );
    // A table that nobody built yet, or a version that is gone, has no rows to show.
    let preview = query_page::few_rows(&page.app, &page.asker, Door::Page, &sql)
        .await
        .ok();
    let preview = preview
        .as_ref()
        .map(|(columns, cells)| ResultRows { columns, cells });
    Ok(page.show(&figures.figures.table, |frame| {
        console::table(frame, &figures, asked.version, preview)
    }))
}

async fn plots(page: PageOf, Path(name): Path<String>, Query(asked): Query<PlotsAsked>) -> Answer {
    let plots = page.app.plots(&page.asker, Door::Page, &name, &asked).await;
    let plots = page.need(plots)?;
    let title = format!("{} in plots", plots.table);
    Ok(page.show(&title, |frame| console::plots(frame, &plots)))
}

async fn runs(page: PageOf) -> Answer {
    page.need(page.asker.must(View::Runs))?;
    let list = page.need(engine::run_list(&page.app.now()).await)?;
    let current = page.need(page.app.current().await)?;
    Ok(page.show("Runs", |frame| console::runs(frame, &list, &current)))
}

async fn run(page: PageOf, Path(run): Path<String>) -> Answer {
    page.need(page.asker.must(View::Runs))?;
    let found = page.need(engine::run_detail(&page.app.now(), &run).await)?;
    let missing = || Fault::new(Kind::Missing, "there is no such run");
    let run = page.need(found.ok_or_else(missing))?;
    Ok(page.show("Run", |frame| console::run(frame, &run)))
}

#[derive(Deserialize)]
struct Offset {
    #[serde(default)]
    offset: u64,
}

async fn quarantine(page: PageOf, Query(asked): Query<Offset>) -> Answer {
    page.need(page.asker.must(View::Quarantine))?;
    let found =
        page.need(engine::quarantine_page(&page.app.now(), asked.offset, QUARANTINE_ROWS).await)?;
    Ok(page.show("Quarantine", |frame| console::quarantine(frame, &found)))
}

#[derive(Deserialize)]
struct Risk {
    /// Whether the risk of singling people out is asked for, which reads tables.
    singling_out: Option<String>,
}

async fn privacy(page: PageOf, Query(asked): Query<Risk>) -> Answer {
    page.need(page.asker.must(View::Privacy))?;
    let figures = page.need(engine::privacy_page(&page.app.now()).await)?;
    let risk = match asked.singling_out {
        None => None,
        Some(_) => Some(page.need(page.app.singling_out(&page.asker).await)?),
    };
    Ok(page.show("Privacy", |frame| {
        console::privacy(frame, &figures, risk.as_deref())
    }))
}

#[derive(Deserialize)]
struct PersonAsked {
    csrf: String,
    email: String,
}

async fn person(page: PageOf, Form(asked): Form<PersonAsked>) -> Answer {
    let allowed = page.asker.must(View::Person);
    page.need(allowed.and_then(|()| page.asker.check_csrf(&asked.csrf)))?;
    page.need(
        page.app
            .desk
            .note(&page.asker.principal, Door::Page, "look-up", "done")
            .await,
    )?;
    let known = page.need(super::person::look_up(&page.app.now(), &asked.email).await)?;
    Ok(page.show("Person", |frame| console::person(frame, &known)))
}

#[derive(Deserialize)]
struct Next {
    next: Option<String>,
}

/// A path of this server to go on to; another page's is not followed.
fn own_path(next: Option<&str>) -> &str {
    match next {
        // Browsers pass over tabs and take `\` for `/`.
        Some(next)
            if next.starts_with('/')
                && !next.starts_with("//")
                && next.chars().all(|c| c.is_ascii_graphic() && c != '\\') =>
        {
            next
        }
        _ => "/",
    }
}

async fn sign_in_form(State(app): State<Arc<App>>, Query(asked): Query<Next>) -> Response {
    let form = SignIn {
        name: "",
        next: own_path(asked.next.as_deref()),
        error: None,
    };
    show_sign_in(&app, StatusCode::OK, &form)
}

fn show_sign_in(app: &App, status: StatusCode, form: &SignIn<'_>) -> Response {
    let frame = Frame {
        title: "Sign in",
        lake: "",
        user: None,
        role: None,
        csrf: &app.sessions.csrf(""),
        path: "/sign-in",
        enhanced: false,
        nav: Nav::default(),
        now_ms: 0,
    };
    (status, Html(console::sign_in(&frame, form))).into_response()
}

#[derive(Deserialize)]
struct Credentials {
    csrf: String,
    name: String,
    password: String,
    next: Option<String>,
}

async fn sign_in(State(app): State<Arc<App>>, uri: Uri, Form(sent): Form<Credentials>) -> Answer {
    let next = own_path(sent.next.as_deref());
    if app.gate.users.is_none() {
        return Ok(Redirect::to(next).into_response());
    }
    if sent.csrf != app.sessions.csrf("") {
        let fault =
            Fault::new(Kind::Forbidden, "the form is too old").with_hint("open the page again");
        return Err(Refused::at(fault, &uri));
    }
    match app
        .gate
        .sign_in(Door::Page, &sent.name, &sent.password)
        .await
    {
        Ok(guest) => {
            let cookie = app.sessions.begin(&guest.who);
            let to = Redirect::to(next);
            Ok(([(header::SET_COOKIE, cookie)], to).into_response())
        }
        Err(fault) => {
            let form = SignIn {
                name: &sent.name,
                next,
                error: Some(&fault.message),
            };
            Ok(show_sign_in(&app, super::answer::status(fault.kind), &form))
        }
    }
}

#[derive(Deserialize)]
struct SignOut {
    csrf: String,
}

async fn sign_out(page: PageOf, headers: HeaderMap, Form(sent): Form<SignOut>) -> Answer {
    page.need(page.asker.check_csrf(&sent.csrf))?;
    page.need(
        page.app
            .desk
            .note(&page.asker.principal, Door::Page, "sign-out", "done")
            .await,
    )?;
    let cookie = page.app.sessions.end(&headers);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}
