//! What a script adds to the page, where it was built: see `crates/server/web`.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Names and contents; empty where `npm run build` was not run.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/enhancement.rs"));

/// Whether the page has a script.
pub(super) const IS_BUILT: bool = !FILES.is_empty();

/// Their routes.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let router = Router::new();
    FILES.iter().fold(router, |router, &(name, content)| {
        let tag = format!("\"{}\"", &blake3::hash(content).to_hex()[..32]);
        let tag: Arc<str> = tag.into();
        let answer = async move |asked: HeaderMap| file(name, content, &tag, &asked);
        router.route(&format!("/static/{name}"), get(answer))
    })
}

/// A file, or that the browser has it already. Browsers ask each time, so that a page never
/// runs the script of another version.
fn file(name: &str, content: &'static [u8], tag: &str, asked: &HeaderMap) -> Response {
    let kind = match name.rsplit_once('.') {
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, tag),
    ];
    let known = asked.get_all(header::IF_NONE_MATCH).iter();
    let mut known = known.filter_map(|line| line.to_str().ok());
    match known.any(|line| line.split(',').any(|one| one.trim() == tag)) {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, content).into_response(),
    }
}
