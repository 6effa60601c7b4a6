//! One connection to a broker, in either version of the protocol.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS as QoS5;
use rumqttc::v5::mqttbytes::v5 as five;
use rumqttc::{QoS, TlsConfiguration, Transport, v5};

use super::source::{MqttSource, MqttVersion};

/// The largest packet of the protocol. A smaller bound would make a larger message come
/// again for ever: 3.1.1 has no way to refuse one.
const PACKET_BYTES_MAX: u32 = 268_435_455 + 5;

/// Requests that wait for the connection.
const REQUESTS_MAX: usize = 1_000;

/// The most messages of protocol 5 that are sent and not acknowledged.
const RECEIVE_MAX: u16 = 20_000;

/// The most messages that are published and not acknowledged.
const PUBLISHED_MAX: u16 = 1_000;

/// How long a connection may take to be made.
const CONNECT_SECONDS: u64 = 10;

/// How long the broker keeps the session of a client that is away, in protocol 5.
const SESSION_SECONDS: u32 = 7 * 24 * 60 * 60;

/// What came over the connection.
pub(super) enum Arrival {
    Connected {
        session_present: bool,
    },
    Subscribed,
    NotSubscribed(String),
    Message(Message),
    /// An acknowledgement went out.
    Acknowledged,
    /// The broker has a message that was published.
    Delivered,
    /// The end of the connection went out.
    Disconnected,
    Other,
}

/// A message.
pub(super) struct Message {
    pub(super) topic: Bytes,
    pub(super) payload: Bytes,
    /// What is acknowledged; nothing of a message of quality 0.
    pub(super) packet: Option<u16>,
    pub(super) is_redelivered: bool,
    pub(super) is_retained: bool,
}

/// A connection.
pub(super) enum Link {
    Three(Box<rumqttc::EventLoop>),
    Five(Box<v5::EventLoop>),
}

/// Sends over a connection.
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
    pub(super) async fn next(&mut self) -> Result<Arrival, String> {
        match self {
            Self::Three(events) => {
                let event = events.poll().await.map_err(|error| error.to_string())?;
                Ok(of_three(event))
            }
            Self::Five(events) => {
                let event = events.poll().await.map_err(|error| error.to_string())?;
                Ok(of_five(event))
            }
        }
    }
}

impl Sender {
    pub(super) async fn subscribe(&self, filters: &[String]) -> Result<(), Gone> {
        match self {
            Self::Three(client) => {
                let filters = filters
                    .iter()
                    .map(|filter| rumqttc::SubscribeFilter::new(filter.clone(), QoS::AtLeastOnce));
                client.subscribe_many(filters).await.map_err(|_| Gone)
            }
            Self::Five(client) => {
                let filters = filters.iter().map(|filter| five::Filter {
                    // A session that is there has had the retained messages.
                    retain_forward_rule: five::RetainForwardRule::OnNewSubscribe,
                    ..five::Filter::new(filter.clone(), QoS5::AtLeastOnce)
                });
                client.subscribe_many(filters).await.map_err(|_| Gone)
            }
        }
    }

    pub(super) async fn acknowledge(&self, packet: u16) -> Result<(), Gone> {
        match self {
            Self::Three(client) => {
                let mut of = rumqttc::Publish::new("", QoS::AtLeastOnce, Vec::new());
                of.pkid = packet;
                client.ack(&of).await.map_err(|_| Gone)
            }
            Self::Five(client) => {
                let mut of = five::Publish::new("", QoS5::AtLeastOnce, Bytes::new(), None);
                of.pkid = packet;
                client.ack(&of).await.map_err(|_| Gone)
            }
        }
    }

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
        .set_manual_acks(true)
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
        .set_receive_maximum(Some(RECEIVE_MAX))
        .set_max_packet_size(Some(PACKET_BYTES_MAX))
        .set_manual_acks(true)
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

fn of_three(event: rumqttc::Event) -> Arrival {
    use rumqttc::{Event, Outgoing, Packet, SubscribeReasonCode};
    match event {
        Event::Incoming(Packet::ConnAck(ack)) => Arrival::Connected {
            session_present: ack.session_present,
        },
        Event::Incoming(Packet::SubAck(ack)) => {
            match ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                true => Arrival::NotSubscribed("the broker refuses a topic filter".to_owned()),
                false => Arrival::Subscribed,
            }
        }
        Event::Incoming(Packet::Publish(message)) => Arrival::Message(Message {
            topic: message.topic.into(),
            payload: message.payload,
            packet: (message.qos != QoS::AtMostOnce).then_some(message.pkid),
            is_redelivered: message.dup,
            is_retained: message.retain,
        }),
        Event::Incoming(Packet::PubAck(_)) => Arrival::Delivered,
        Event::Outgoing(Outgoing::PubAck(_)) => Arrival::Acknowledged,
        Event::Outgoing(Outgoing::Disconnect) => Arrival::Disconnected,
        _ => Arrival::Other,
    }
}

fn of_five(event: v5::Event) -> Arrival {
    use rumqttc::Outgoing;
    use v5::Event;
    use v5::mqttbytes::v5::Packet;
    match event {
        Event::Incoming(Packet::ConnAck(ack)) => Arrival::Connected {
            session_present: ack.session_present,
        },
        Event::Incoming(Packet::SubAck(ack)) => {
            let refused = ack
                .return_codes
                .iter()
                .find(|code| !matches!(code, five::SubscribeReasonCode::Success(_)));
            match refused {
                Some(code) => {
                    Arrival::NotSubscribed(format!("the broker refuses a topic filter: {code:?}"))
                }
                None => Arrival::Subscribed,
            }
        }
        Event::Incoming(Packet::Publish(message)) => Arrival::Message(Message {
            topic: message.topic,
            payload: message.payload,
            packet: (message.qos != QoS5::AtMostOnce).then_some(message.pkid),
            is_redelivered: message.dup,
            is_retained: message.retain,
        }),
        Event::Incoming(Packet::PubAck(_)) => Arrival::Delivered,
        Event::Outgoing(Outgoing::PubAck(_)) => Arrival::Acknowledged,
        Event::Outgoing(Outgoing::Disconnect) => Arrival::Disconnected,
        _ => Arrival::Other,
    }
}
