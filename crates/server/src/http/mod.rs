//! The door for browsers and for programs that speak HTTP.

mod answer;
mod api;
mod app;
mod asker;
mod beside;
mod charts;
mod download;
mod enhancement;
mod figures;
mod guard;
mod lake_figures;
mod operation;
mod operations;
mod page;
mod person;
mod plots;
mod queries;
mod query_page;
mod rights;
mod saved_api;
mod saved_page;
mod sent;
mod sessions;
mod shared;
mod shown;
mod sql_page;
mod stored;
mod traced;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use self::app::App;
pub use self::beside::Beside;
use self::queries::Queries;
use self::sessions::Sessions;
use self::shared::Shared;
use crate::gate::Gate;
use crate::operations::{Launcher, Operator};
use crate::saved::Saved;

/// What the page and the API are served with, besides their gate.
#[derive(Debug, Default)]
pub struct HttpSetup {
    /// What is answered beside the page and the API.
    pub beside: Option<Beside>,
    /// What starts runs; without it, none are started.
    pub launcher: Option<Arc<dyn Launcher>>,
    /// Names by which the server is asked, besides those of its address.
    pub hosts: Vec<String>,
    /// Expected row counts.
    pub expect: Option<catalog::Expectations>,
    /// Where statements are saved; `None` where there is no place for them.
    pub saved: Option<Arc<Saved>>,
}

/// Serves the page and the API until the gate closes.
pub async fn http(listener: TcpListener, gate: Gate, setup: HttpSetup) {
    let mut hosts = setup.hosts;
    hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
    hosts.extend(listener.local_addr().ok().map(host_of));
    let tls = gate.tls.clone().map(TlsAcceptor::from);
    let stop = gate.stop.clone();
    let desk = Arc::clone(&gate.desk);
    let launcher = setup.launcher;
    let operator = launcher.map(|launcher| Arc::new(Operator::new(launcher, desk)));
    let app = Arc::new(App {
        beside: setup.beside.clone(),
        operator: operator.clone(),
        queries: Queries::new(Arc::clone(&gate.desk)),
        desk: Arc::clone(&gate.desk),
        hosts,
        expect: setup.expect,
        overview: Shared::default(),
        saved: setup.saved,
        sessions: Sessions::new(gate.tls.is_some()),
        gate,
        began: Instant::now(),
    });
    let router = Router::new()
        .merge(page::routes())
        .merge(operations::routes())
        .merge(query_page::routes())
        .merge(saved_page::routes())
        .merge(enhancement::routes())
        .nest("/api/v1", api::routes())
        .merge(operation::routes())
        .fallback(page::missing)
        .layer(from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app);
    let router = match setup.beside {
        Some(beside) => router.merge(beside.routes.layer(from_fn(guard::beside))),
        None => router,
    };
    let router = router.layer(from_fn(traced::traced));
    let mut stopped = stop.clone();
    let ended = async {
        if let Some(operator) = operator {
            operator.end_with(&mut stopped).await;
        }
    };
    tokio::join!(door::accept(listener, tls, router, stop), ended);
}

/// An address as a host in a request has it.
fn host_of(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}
