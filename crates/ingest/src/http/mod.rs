//! Takes records that programs post: `POST /v1/TABLE` with one JSON object, an array of
//! objects, or one object a line. The answer, 202, comes after the records are safe.

mod body;
mod problem;
mod sources;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use self::problem::Problem;
pub use self::sources::{SourceSummary, Sources, SourcesError};
use crate::counts::add;
use crate::keys::{Found, Keys};
use crate::spool::{Record, Shape, Spool, bytes_of};

/// How long a record waits for others: whoever posted it waits as well.
const LINGER: Duration = Duration::from_millis(20);

/// How long a request waits for room, and for its records to be safe.
const ROOM_TIME: Duration = Duration::from_secs(10);
const SAFE_TIME: Duration = Duration::from_secs(30);

/// Pause after a token that nobody has.
const WRONG_TOKEN_PAUSE: Duration = Duration::from_millis(200);

/// Bytes of the longest idempotency key.
const KEY_BYTES_MAX: usize = 255;

/// Whoever posts where there are no sources.
const LOCAL: &str = "local";

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What posts are taken with.
pub struct Posts {
    /// Where records go.
    pub spool: Spool,
    /// Idempotency keys.
    pub keys: Arc<Keys>,
    /// Who may post.
    pub sources: Arc<Sources>,
    /// Whether whoever is on this machine may post, until there is a source.
    pub is_open: bool,
}

struct App {
    spool: Spool,
    keys: Arc<Keys>,
    sources: Arc<Sources>,
    is_open: AtomicBool,
    turns: body::Turns,
}

impl Posts {
    /// The route of posts alone, for a server that has others.
    pub fn routes(self) -> Router {
        let app = App {
            spool: self.spool,
            keys: self.keys,
            sources: self.sources,
            is_open: AtomicBool::new(self.is_open),
            turns: body::Turns::default(),
        };
        Router::new()
            .route("/v1/{table}", post(take).fallback(only_post))
            .with_state(Arc::new(app))
    }

    /// The routes of posts, of `/health/live` and of `/metrics`.
    pub fn router(self) -> Router {
        let spool = self.spool.clone();
        let metrics = async move || spool.counts().metrics();
        self.routes()
            .route("/health/live", get(async || "alive\n"))
            .route("/metrics", get(metrics))
            .fallback(missing)
    }
}

async fn only_post() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "records are posted here")
}

async fn missing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing here")
        .with_hint("records go to POST /v1/TABLE")
}

async fn take(
    State(app): State<Arc<App>>,
    table: Result<Path<String>, PathRejection>,
    head: HeaderMap,
    body: Body,
) -> Response {
    let posts = &app.spool.counts().posts;
    // A name that is no text is none of a table.
    let table = table.map_or_else(|_| String::new(), |Path(table)| table);
    match taken(&app, &table, &head, body).await {
        Ok(response) => response,
        Err(problem) => {
            add(&posts.refused, 1);
            problem.into_response()
        }
    }
}

async fn taken(app: &App, table: &str, head: &HeaderMap, body: Body) -> Result<Response, Problem> {
    each_once(head)?;
    one_end(head)?;
    let source = source(app, head).await?;
    let may_write = |source: &SourceSummary| source.tables.iter().any(|known| known == table);
    if source.as_ref().is_some_and(|source| !may_write(source)) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "this source may not write to this table",
        ));
    }
    let Some(number) = app.spool.table(table) else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "there is no landing table of that name",
        ));
    };
    let key = key(head)?;
    let sent = body::read(head, body, &app.turns).await?;
    let name = source.as_ref().map_or(LOCAL, |source| &source.name);
    let mut begun = None;
    if let Some(key) = key {
        let scope = format!("{name}/{table}");
        let found = app.keys.begin(&scope, key, &sent.bytes);
        match timeout(SAFE_TIME, found).await {
            Ok(Found::New(new)) => begun = Some(new),
            Ok(Found::Done { records }) => {
                add(&app.spool.counts().posts.repeated, 1);
                let mut response = accepted(table, records);
                let headers = response.headers_mut();
                headers.insert(REPLAYED.clone(), header::HeaderValue::from_static("true"));
                return Ok(response);
            }
            Ok(Found::Other) => {
                return Err(Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "this Idempotency-Key was used for another body",
                ));
            }
            Err(_) => return Err(not_yet()),
        }
    }
    let records = body::records(&sent.bytes)?;
    let count = records.len() as u64;
    let safe = put(app, number, records, |record| {
        record.claim = begun.take().and_then(|begun| begun.claim(count));
    });
    let safe = safe.await?;
    drop(sent);
    match timeout(SAFE_TIME, safe).await {
        Ok(Ok(())) => {
            add(&app.spool.counts().posts.accepted, 1);
            Ok(accepted(table, count))
        }
        Ok(Err(_)) => Err(Problem::busy("the listener stops")),
        Err(_) => Err(not_yet()),
    }
}

fn not_yet() -> Problem {
    Problem::busy("landing files cannot be written at the moment")
}

fn accepted(table: &str, records: u64) -> Response {
    let body = json!({"table": table, "records": records});
    (StatusCode::ACCEPTED, Json(body)).into_response()
}

/// Hands records to the spool, as one: they are in one file, or in none.
async fn put(
    app: &App,
    table: usize,
    records: Vec<Bytes>,
    complete: impl FnOnce(&mut Record),
) -> Result<oneshot::Receiver<()>, Problem> {
    let shapes: Vec<Shape> = records.into_iter().map(Shape::of).collect();
    let room = timeout(ROOM_TIME, app.spool.room(bytes_of(&shapes))).await;
    let room = room.map_err(|_| not_yet())?;
    let (safe, told) = oneshot::channel();
    let mut record = Record {
        table,
        shapes,
        linger: LINGER.min(app.spool.file_age()),
        claim: None,
        receipt: Box::new(move || _ = safe.send(())),
        room,
    };
    complete(&mut record);
    let put = app.spool.put(record);
    put.map_err(|_| Problem::busy("the listener stops"))?;
    Ok(told)
}

/// Who posts; `None` where whoever is on this machine may.
async fn source(app: &App, head: &HeaderMap) -> Result<Option<SourceSummary>, Problem> {
    if is_open(app).await? {
        return match is_from_elsewhere(head) {
            true => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "without sources, only programs on this machine may post, and no pages",
            )),
            false => Ok(None),
        };
    }
    let refused = || {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "the token is missing, wrong, or has ended",
        )
        .with_hint("send `Authorization: Bearer TOKEN`")
    };
    let token = head
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some(token) = token.map(|(_, token)| token.trim().to_owned()) else {
        return Err(refused());
    };
    let sources = Arc::clone(&app.sources);
    let found = tokio::task::spawn_blocking(move || sources.of_token(&token)).await;
    match found {
        Ok(Ok(Some(source))) => Ok(Some(source)),
        Ok(Ok(None)) => {
            sleep(WRONG_TOKEN_PAUSE).await;
            Err(refused())
        }
        Ok(Err(SourcesError::Busy)) => Err(Problem::busy("too many sign in at once")),
        _ => Err(unreadable()),
    }
}

fn unreadable() -> Problem {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, "the sources cannot be read")
}

/// Whether there was no source so far. Once there was one, its revocation opens nothing.
async fn is_open(app: &App) -> Result<bool, Problem> {
    if !app.is_open.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let sources = Arc::clone(&app.sources);
    match tokio::task::spawn_blocking(move || sources.list()).await {
        Ok(Ok(list)) if list.is_empty() => Ok(true),
        Ok(Ok(_)) => {
            app.is_open.store(false, Ordering::Relaxed);
            Ok(false)
        }
        _ => Err(unreadable()),
    }
}

/// Whether a page of a browser sent it, or it was sent to another name: by such a name, a
/// page elsewhere could reach this machine.
fn is_from_elsewhere(head: &HeaderMap) -> bool {
    let host = head.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_own = matches!(name, "localhost" | "[::1]" | "")
        || name
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback());
    head.contains_key(header::ORIGIN) || !is_own
}

/// Refuses a request that says twice what it can mean once: whoever stands between may
/// have gone by the other one.
fn each_once(head: &HeaderMap) -> Result<(), Problem> {
    let once = [
        header::HOST,
        header::AUTHORIZATION,
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        IDEMPOTENCY_KEY.clone(),
    ];
    match once
        .iter()
        .find(|name| head.get_all(*name).iter().count() > 1)
    {
        Some(name) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            format!("the request has the header {name} more than once"),
        )),
        None => Ok(()),
    }
}

/// Refuses a body of which two readers may see two ends: whoever stands between would take
/// the rest for a request of its own. A length beside a transfer encoding is not seen here:
/// hyper goes by the encoding, and closes the connection.
fn one_end(head: &HeaderMap) -> Result<(), Problem> {
    let mut codings = head.get_all(header::TRANSFER_ENCODING).iter();
    let is_clear = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    match is_clear {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "the only transfer encoding is chunked, said once",
        )
        .and_close()),
    }
}

fn key(head: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(key) = head.get(&IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    match key.to_str() {
        Ok(key) if (1..=KEY_BYTES_MAX).contains(&key.len()) => Ok(Some(key)),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            format!("an Idempotency-Key has 1 to {KEY_BYTES_MAX} ASCII characters"),
        )),
    }
}
