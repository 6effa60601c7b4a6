//! Takes connections: a bounded number, each with its bounds of time and size.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::places::{Place, Places};

/// Connections at once; a newcomer gets the place of one that has not asked for anything.
const CONNECTIONS_MAX: usize = 512;

/// How long a TLS handshake may take, and how long the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Bytes of the head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// How long open requests may go on once the server stops.
const GRACE: Duration = Duration::from_millis(200);

/// Pause after a failed accept, such as for lack of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers connections of `listener` with `router` until `stop` says so: a bounded number at
/// once, each with bounds of time and size for its head.
pub async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let places = Places::new(CONNECTIONS_MAX);
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let (stream, _) = listener.accept().await?;
            io::Result::Ok((stream, places.take().await))
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = stopped(&mut stop) => break,
        };
        while connections.try_join_next().is_some() {}
        let Ok((stream, (place, given_on))) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        _ = stream.set_nodelay(true);
        let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
        connections.spawn(async move {
            tokio::select! {
                () = connection(stream, tls, router, Arc::new(place), stop) => {}
                () = given_on => {}
            }
        });
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    _ = tokio::time::timeout(GRACE, all).await;
}

/// Ends when `stop` says so.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Without anybody who could close them, the doors stay open.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    place: Arc<Place>,
    stop: watch::Receiver<bool>,
) {
    match tls {
        None => serve(stream, router, place, stop).await,
        Some(tls) => {
            let handshake = tokio::time::timeout(HEAD_TIME, tls.accept(stream)).await;
            if let Ok(Ok(stream)) = handshake {
                serve(stream, router, place, stop).await;
            }
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    place: Arc<Place>,
    mut stop: watch::Receiver<bool>,
) {
    let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
        place.settle();
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // What breaks a connection concerns its other end alone.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stopped(&mut stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    _ = connection.await;
}
