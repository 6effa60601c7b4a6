//! Arrow Flight SQL: for ADBC and other clients that take columns as they are.
//!
//! [`flight`] accepts connections (`incoming`); `service` answers calls, with the sign-ins
//! of `bearers` and the statements of `kept`. `metadata` lists what there is, `binding`
//! puts the values of parameters into statements. Nothing writes.

mod bearers;
mod binding;
mod columns;
mod incoming;
mod kept;
mod metadata;
mod service;
mod statements;
mod status;

use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use door::stopped;
use tokio::net::TcpListener;
use tonic::transport::Server;

use self::service::Service;
use crate::gate::Gate;

/// The longest message of a client: values of parameters.
const MESSAGE_MAX: usize = 4 << 20;

/// The longest message that is sent: a batch of rows.
const SENT_MAX: usize = 64 << 20;

/// Calls of one connection at once.
const CALLS_MAX: u32 = 64;

/// How long calls have to end when the door closes.
const GOODBYE: Duration = Duration::from_millis(500);

/// Serves the lake by Flight SQL until the gate closes. Without users only those on this
/// machine come in, without a certificate only those on this machine sign in.
pub async fn flight(listener: TcpListener, gate: Gate) {
    let incoming = incoming::accepted(listener, &gate);
    let mut stop = gate.stop.clone();
    let mut closing = gate.stop.clone();
    let service = FlightServiceServer::new(Service::new(gate))
        .max_decoding_message_size(MESSAGE_MAX)
        .max_encoding_message_size(SENT_MAX);
    let served = Server::builder()
        .max_concurrent_streams(CALLS_MAX)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_header_list_size(32 << 10)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, async move { stopped(&mut stop).await });
    let goodbye = async {
        stopped(&mut closing).await;
        tokio::time::sleep(GOODBYE).await;
    };
    tokio::select! {
        served = served => {
            if let Err(error) = served {
                tracing::error!("serving Flight SQL: {error}");
            }
        }
        () = goodbye => {}
    }
}
