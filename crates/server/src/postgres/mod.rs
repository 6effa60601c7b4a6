//! The Postgres wire: for psql, and for tools that speak with a Postgres server.
//!
//! [`postgres`] accepts connections; `startup` brings one to its first statement, `session`
//! answers. `statement` tells whether a statement is about the lake, which is handed in at
//! the desk, or about a Postgres server, which `catalog` answers from the tables that the
//! desk shows. Nothing writes.

mod binary;
mod cancel;
mod catalog;
mod copying;
mod cursors;
mod extended;
mod failure;
mod parameters;
mod portal;
mod rows;
mod session;
mod settings;
mod startup;
mod statement;
mod text;
mod types;
mod value;
mod wire;
mod words;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use door::{Place, Places, stopped};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use self::cancel::Cancels;
use self::failure::Ended;
use self::session::Session;
use crate::gate::Gate;

/// Connections at once; a newcomer gets the place of one that has not signed in.
const CONNECTIONS_MAX: usize = 200;

/// How long a client may take until it is signed in.
const STARTUP: Duration = Duration::from_secs(10);

/// How long connections have to say goodbye when the door closes.
const GOODBYE: Duration = Duration::from_millis(500);

/// What clients that name their protocol to TLS call this one.
const PROTOCOL: &[u8] = b"postgresql";

/// Serves the lake to clients of Postgres until the gate closes. Without users only those
/// on this machine come in, without a certificate only those on this machine sign in.
pub async fn postgres(listener: TcpListener, gate: Gate) {
    let tls = gate.tls.as_ref().map(|config| {
        let mut config = config.as_ref().clone();
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        TlsAcceptor::from(Arc::new(config))
    });
    let places = Places::new(CONNECTIONS_MAX);
    let cancels = Arc::new(Cancels::default());
    let mut connections = JoinSet::new();
    let mut stop = gate.stop.clone();
    loop {
        let accepted = async {
            let (channel, from) = listener.accept().await?;
            io::Result::Ok((channel, from, places.take().await))
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = stopped(&mut stop) => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((channel, from, (place, given_on))) => {
                let (gate, tls, cancels) = (gate.clone(), tls.clone(), Arc::clone(&cancels));
                connections.spawn(async move {
                    tokio::select! {
                        () = connection(gate, tls, cancels, (channel, from), place) => {}
                        () = given_on => {}
                    }
                });
            }
            Err(error) => {
                // No more file descriptors, perhaps: others end soon.
                tracing::warn!("accepting a connection of Postgres: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    let goodbye = async { while connections.join_next().await.is_some() {} };
    _ = tokio::time::timeout(GOODBYE, goodbye).await;
    connections.shutdown().await;
}

async fn connection(
    gate: Gate,
    tls: Option<TlsAcceptor>,
    cancels: Arc<Cancels>,
    (channel, from): (TcpStream, SocketAddr),
    place: Place,
) {
    _ = channel.set_nodelay(true);
    let started = startup::start(&gate, tls.as_ref(), &cancels, channel, from);
    match tokio::time::timeout(STARTUP, started).await {
        Ok(Ok(Some(started))) => {
            place.settle();
            Session::new(started, gate).serve().await;
        }
        Ok(Err(Ended::Fatal(failure) | Ended::Failed(failure))) => {
            tracing::debug!(
                "a connection of Postgres did not start: {}",
                failure.message
            );
        }
        Ok(Ok(None) | Err(Ended::Gone)) => {}
        Err(_) => tracing::debug!("a connection of Postgres took too long to start"),
    }
}
