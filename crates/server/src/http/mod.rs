//! The door for browsers and for programs that speak HTTP.

mod accept;
mod answer;
mod api;
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
mod stored;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use self::asker::Sessions;
use self::queries::Queries;
use crate::desk::Desk;
use crate::principal::Principal;
use crate::users::Users;

/// What the page and the API are served with.
#[derive(Debug)]
pub struct HttpSetup {
    /// Where statements are handed in.
    pub desk: Arc<Desk>,
    /// Who may sign in; without users, nobody needs to.
    pub users: Option<Arc<Users>>,
    /// Who everybody is where nobody signs in.
    pub local: Principal,
    /// Names by which the server is asked, besides those of its address.
    pub hosts: Vec<String>,
    /// Expected row counts.
    pub expect: Option<catalog::Expectations>,
}

/// What all requests share.
#[derive(Debug)]
struct App {
    desk: Arc<Desk>,
    users: Option<Arc<Users>>,
    local: Principal,
    hosts: Vec<String>,
    expect: Option<catalog::Expectations>,
    sessions: Sessions,
    queries: Queries,
    is_secure: bool,
    began: Instant,
}

impl App {
    fn scheme(&self) -> &'static str {
        match self.is_secure {
            true => "https",
            false => "http",
        }
    }
}

/// Serves the page and the API on `listener` until `stop` says so.
pub async fn http(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    setup: HttpSetup,
    stop: watch::Receiver<bool>,
) {
    let mut hosts = setup.hosts;
    hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
    hosts.extend(listener.local_addr().ok().map(host_of));
    let app = Arc::new(App {
        queries: Queries::new(Arc::clone(&setup.desk)),
        desk: setup.desk,
        users: setup.users,
        local: setup.local,
        hosts,
        expect: setup.expect,
        sessions: Sessions::new(tls.is_some()),
        is_secure: tls.is_some(),
        began: Instant::now(),
    });
    let router = Router::new()
        .merge(page::routes())
        .merge(enhancement::routes())
        .nest("/api/v1", api::routes())
        .merge(operation::routes())
        .fallback(page::missing)
        .layer(from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app);
    accept::accept(listener, tls, router, stop).await;
}

/// An address as a host in a request has it.
fn host_of(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}
