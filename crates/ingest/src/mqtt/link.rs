//! A connection that publishes, in either version of the protocol. The library makes it
//! again when it is lost, and publishes again what was not acknowledged.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS as QoS5;
use rumqttc::{QoS, TlsConfiguration, Transport, v5};

use super::packets::{PACKET_BYTES_MAX, SESSION_SECONDS};
use super::source::{MqttSource, MqttVersion};

/// Requests that wait for the connection.
const REQUESTS_MAX: usize = 1_000;

/// The most messages that are published and not acknowledged.
const PUBLISHED_MAX: u16 = 1_000;

/// How long a connection may take to be made.
const CONNECT_SECONDS: u64 = 10;

/// What came or went over the connection.
pub(super) enum Passed {
    /// The broker has a message that was published.
    Delivered,
    /// The end of the connection went out.
    Disconnected,
    Other,
}

/// A connection.
pub(super) enum Link {
    Three(Box<rumqttc::EventLoop>),
    Five(Box<v5::EventLoop>),
}

/// Publishes over a connection.
#[derive(Clone)]
pub(super) enum Sender {
    Three(rumqttc::AsyncClient),
    Five(v5::AsyncClient),
}

/// The connection takes no more requests.
pub(super) struct Gone;

impl Link {
    /// A connection that is made with the first [`Link::next`].
    pub(super) fn new(source: &MqttSource) -> (Self, Sender) {
        match source.version {
            MqttVersion::Three => {
                let (client, events) =
                    rumqttc::AsyncClient::new(options_three(source), REQUESTS_MAX);
                (Self::Three(Box::new(events)), Sender::Three(client))
            }
            MqttVersion::Five => {
                let (client, events) = v5::AsyncClient::new(options_five(source), REQUESTS_MAX);
                (Self::Five(Box::new(events)), Sender::Five(client))
            }
        }
    }

    /// The next thing that comes or goes. An error ends the connection.
    pub(super) async fn next(&mut self) -> Result<Passed, String> {
        match self {
            Self::Three(events) => {
                let event = events.poll().await.map_err(|error| error.to_string())?;
                Ok(of_three(&event))
            }
            Self::Five(events) => {
                let event = events.poll().await.map_err(|error| error.to_string())?;
                Ok(of_five(&event))
            }
        }
    }
}

impl Sender {
    pub(super) async fn publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), Gone> {
        match self {
            Self::Three(client) => {
                let sent = client.publish(topic, QoS::AtLeastOnce, false, payload);
                sent.await.map_err(|_| Gone)
            }
            Self::Five(client) => {
                let sent = client.publish(topic, QoS5::AtLeastOnce, false, payload);
                sent.await.map_err(|_| Gone)
            }
        }
    }

    pub(super) async fn disconnect(&self) {
        match self {
            Self::Three(client) => _ = client.disconnect().await,
            Self::Five(client) => _ = client.disconnect().await,
        }
    }
}

fn options_three(source: &MqttSource) -> rumqttc::MqttOptions {
    let mut options =
        rumqttc::MqttOptions::new(&source.client_id, &source.broker.host, source.broker.port);
    options
        .set_keep_alive(source.keep_alive)
        .set_clean_session(source.is_clean)
        .set_inflight(PUBLISHED_MAX)
        .set_max_packet_size(PACKET_BYTES_MAX as usize, PACKET_BYTES_MAX as usize)
        .set_pending_throttle(Duration::ZERO);
    if let Some((user, password)) = &source.login {
        options.set_credentials(user, password.as_str());
    }
    options.set_transport(transport(source));
    options
}

fn options_five(source: &MqttSource) -> v5::MqttOptions {
    let mut options =
        v5::MqttOptions::new(&source.client_id, &source.broker.host, source.broker.port);
    options
        .set_keep_alive(source.keep_alive)
        .set_clean_start(source.is_clean)
        .set_session_expiry_interval((!source.is_clean).then_some(SESSION_SECONDS))
        .set_max_packet_size(Some(PACKET_BYTES_MAX))
        .set_connection_timeout(CONNECT_SECONDS)
        .set_pending_throttle(Duration::ZERO);
    if let Some((user, password)) = &source.login {
        options.set_credentials(user, password.as_str());
    }
    options.set_transport(transport(source));
    options
}

fn transport(source: &MqttSource) -> Transport {
    match &source.tls {
        Some(tls) => Transport::tls_with_config(TlsConfiguration::Rustls(Arc::clone(tls))),
        None => Transport::tcp(),
    }
}

fn of_three(event: &rumqttc::Event) -> Passed {
    use rumqttc::{Event, Outgoing, Packet};
    match event {
        Event::Incoming(Packet::PubAck(_)) => Passed::Delivered,
        Event::Outgoing(Outgoing::Disconnect) => Passed::Disconnected,
        _ => Passed::Other,
    }
}

fn of_five(event: &v5::Event) -> Passed {
    use rumqttc::Outgoing;
    use v5::Event;
    use v5::mqttbytes::v5::Packet;
    match event {
        Event::Incoming(Packet::PubAck(_)) => Passed::Delivered,
        Event::Outgoing(Outgoing::Disconnect) => Passed::Disconnected,
        _ => Passed::Other,
    }
}
