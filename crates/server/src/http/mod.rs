//! The door for browsers and for programs that speak HTTP.

mod answer;
mod api;
mod app;
mod asker;
mod download;
mod enhancement;
mod figures;
mod guard;
mod lake_figures;
mod operation;
mod page;
mod person;
mod queries;
mod query_page;
mod rights;
mod sent;
mod sessions;
mod shown;
mod stored;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use self::app::App;
use self::queries::Queries;
use self::sessions::Sessions;
use crate::gate::Gate;

/// What the page and the API are served with, besides their gate.
#[derive(Debug, Default)]
pub struct HttpSetup {
    /// Names by which the server is asked, besides those of its address.
    pub hosts: Vec<String>,
    /// Expected row counts.
    pub expect: Option<catalog::Expectations>,
}

/// Serves the page and the API until the gate closes.
pub async fn http(listener: TcpListener, gate: Gate, setup: HttpSetup) {
    let mut hosts = setup.hosts;
    hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
    hosts.extend(listener.local_addr().ok().map(host_of));
    let tls = gate.tls.clone().map(TlsAcceptor::from);
    let stop = gate.stop.clone();
    let app = Arc::new(App {
        queries: Queries::new(Arc::clone(&gate.desk)),
        desk: Arc::clone(&gate.desk),
        hosts,
        expect: setup.expect,
        sessions: Sessions::new(gate.tls.is_some()),
        gate,
        began: Instant::now(),
    });
    let router = Router::new()
        .merge(page::routes())
        .merge(query_page::routes())
        .merge(enhancement::routes())
        .nest("/api/v1", api::routes())
        .merge(operation::routes())
        .fallback(page::missing)
        .layer(from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app);
    door::accept(listener, tls, router, stop).await;
}

/// An address as a host in a request has it.
fn host_of(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}
