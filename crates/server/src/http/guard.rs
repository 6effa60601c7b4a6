//! What holds for every request: it is asked of this server by its own name, it is not asked
//! by another page, its body is small and comes in time; and every answer says what a
//! browser may do with it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::Refused;
use super::app::App;
use crate::fault::{Fault, Kind};

/// Bytes of the largest request.
const BODY_MAX: usize = 1 << 20;

/// Bytes of the headers of a request.
const HEAD_MAX: usize = 32 << 10;

/// How long a request's body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(20);

/// What a page may load: what this server has, and nothing written into the page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let answered = match admitted(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(fault) => Refused::at(fault, &uri).into_response(),
    };
    with_headers(answered)
}

/// What holds for answers beside the page and the API, which have rules of their own for
/// who may ask.
pub(super) async fn beside(request: Request, next: Next) -> Response {
    with_headers(next.run(request).await)
}

fn with_headers(answered: Response) -> Response {
    let (mut parts, body) = answered.into_parts();
    for (name, value) in HEADERS {
        parts.headers.insert(name, HeaderValue::from_static(value));
    }
    // What is shown depends on who asks.
    let private = HeaderValue::from_static("no-store");
    parts
        .headers
        .entry(header::CACHE_CONTROL)
        .or_insert(private);
    Response::from_parts(parts, body)
}

/// The request with its whole body.
async fn admitted(app: &App, request: Request) -> Result<Request, Fault> {
    check_size(request.headers())?;
    check_host(app, request.headers(), request.uri())?;
    check_origin(app, &request)?;
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(BODY_TIME, to_bytes(body, BODY_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return Err(Fault::new(
                Kind::Limit,
                format!(
                    "the request has more than {} KiB, or broke off",
                    BODY_MAX >> 10
                ),
            ));
        }
        Err(_) => {
            return Err(Fault::new(
                Kind::Limit,
                "the request took too long to arrive",
            ));
        }
    };
    Ok(Request::from_parts(parts, Body::from(body)))
}

fn check_size(headers: &HeaderMap) -> Result<(), Fault> {
    let bytes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    match bytes.sum::<usize>() <= HEAD_MAX {
        true => Ok(()),
        false => Err(Fault::new(
            Kind::Limit,
            "the head of the request is too long",
        )),
    }
}

/// A page elsewhere may have its own name point to this machine, and then ask as if it
/// came from here.
fn check_host(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<(), Fault> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, None) => uri.authority().map(|authority| authority.as_str()),
        _ => None,
    };
    let name = host.map(name_of_host).unwrap_or_default();
    match app
        .hosts
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
    {
        true => Ok(()),
        false => Err(Fault::new(Kind::Forbidden, "this server has another name")
            .with_hint("use the address that `stedi serve` printed, or add a name with --host")),
    }
}

/// A host without its port.
fn name_of_host(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Refuses what another page asks: everything that changes something, and everything of
/// the API.
fn check_origin(app: &App, request: &Request) -> Result<(), Fault> {
    let headers = request.headers();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_page = !request.uri().path().starts_with(super::answer::API);
    if let Some(origin) = headers.get(header::ORIGIN) {
        let own = origin.to_str().ok().and_then(|origin| {
            let (scheme, host) = origin.split_once("://")?;
            let of_request = headers.get(header::HOST)?.to_str().ok()?;
            Some(scheme == app.scheme() && host == of_request)
        });
        if own != Some(true) {
            return Err(of_another_page());
        }
    }
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    match site {
        None | Some(b"same-origin" | b"none") => Ok(()),
        // A link from elsewhere to one of the pages.
        Some(_) if is_read && is_page => Ok(()),
        Some(_) => Err(of_another_page()),
    }
}

fn of_another_page() -> Fault {
    Fault::new(Kind::Forbidden, "another page may not ask this server")
        .with_hint("open the page of this server itself")
}
