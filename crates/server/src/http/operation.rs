//! What those who operate the server ask: is it alive, is it ready, how is it doing.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use lake::Lake;

use super::app::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/health/live", get(async || "alive\n"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
}

/// Ready while the lake can be reached.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let lake = Lake::at(app.desk.setup().lake.clone());
    match lake.newest_release().await {
        Ok(Some(_)) => "ready\n".into_response(),
        Ok(None) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "no run has published yet\n",
        )
            .into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the lake cannot be read\n").into_response(),
    }
}

/// In the text format of Prometheus.
async fn metrics(State(app): State<Arc<App>>) -> Response {
    let (running, waiting) = app.desk.load();
    let ended = app.desk.ended();
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, value: f64| {
        _ = writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}"
        );
    };
    gauge(
        "stedi_uptime_seconds",
        "Since the server began.",
        app.began.elapsed().as_secs_f64(),
    );
    gauge(
        "stedi_statements_running",
        "Statements that are computed.",
        running as f64,
    );
    gauge(
        "stedi_statements_waiting",
        "Statements that wait for their turn.",
        waiting as f64,
    );
    text.push_str("# HELP stedi_statements_total Statements that are over, by outcome.\n# TYPE stedi_statements_total counter\n");
    for (outcome, count) in ended {
        _ = writeln!(
            text,
            "stedi_statements_total{{outcome=\"{outcome}\"}} {count}"
        );
    }
    _ = writeln!(
        text,
        "# HELP stedi_rows_read_total Rows that the scans of statements read that are over.\n# TYPE stedi_rows_read_total counter\nstedi_rows_read_total {}",
        app.desk.rows_read()
    );
    if let Some(beside) = &app.beside {
        text.push_str(&(beside.metrics)());
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
