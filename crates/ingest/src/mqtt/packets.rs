//! The packets of both versions of the protocol, as a subscriber needs them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::QoS;
use rumqttc::v5::mqttbytes::QoS as QoS5;
use rumqttc::v5::mqttbytes::v5 as five;

use super::source::{MqttSource, MqttVersion};

/// The largest packet of the protocol. A smaller bound would make a larger message come
/// again for ever: 3.1.1 has no way to refuse one.
pub(super) const PACKET_BYTES_MAX: u32 = 268_435_455 + 5;

/// The most messages of protocol 5 that are sent and not acknowledged.
const RECEIVE_MAX: u16 = 20_000;

/// How long the broker keeps the session of a client that is away, in protocol 5.
pub(super) const SESSION_SECONDS: u32 = 7 * 24 * 60 * 60;

/// The number of the only request that is answered by number.
const SUBSCRIPTION: u16 = 1;

/// What comes from a broker.
pub(super) enum Incoming {
    /// The connection is accepted.
    Accepted {
        session_present: bool,
        /// How often the broker wants to hear something, if it says so.
        keep_alive: Option<Duration>,
    },
    Subscribed,
    Message(Message),
    /// The broker refuses or ends the connection, and why.
    Refused(String),
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

/// What goes to a broker.
pub(super) enum Outgoing {
    Acknowledge(u16),
    Ping,
    Disconnect,
}

/// Writes the packet that begins a connection.
pub(super) fn write_connect(source: &MqttSource, buffer: &mut BytesMut) -> Result<(), String> {
    let seconds = u16::try_from(source.keep_alive.as_secs()).unwrap_or(u16::MAX);
    let login = source.login.as_ref();
    match source.version {
        MqttVersion::Three => {
            let mut connect = rumqttc::Connect::new(&source.client_id);
            connect.keep_alive = seconds;
            connect.clean_session = source.is_clean;
            connect.login = login.map(|(user, password)| rumqttc::Login::new(user, password));
            write_three(&rumqttc::Packet::Connect(connect), buffer)
        }
        MqttVersion::Five => {
            let properties = five::ConnectProperties {
                session_expiry_interval: (!source.is_clean).then_some(SESSION_SECONDS),
                receive_maximum: Some(RECEIVE_MAX),
                max_packet_size: Some(PACKET_BYTES_MAX),
                ..five::ConnectProperties::new()
            };
            let connect = five::Connect {
                keep_alive: seconds,
                client_id: source.client_id.clone(),
                clean_start: source.is_clean,
                properties: Some(properties),
            };
            let login = login.map(|(user, password)| five::Login::new(user, password));
            write_five(&five::Packet::Connect(connect, None, login), buffer)
        }
    }
}

/// Writes the packet that asks for the topics of all routes.
pub(super) fn write_subscribe(source: &MqttSource, buffer: &mut BytesMut) -> Result<(), String> {
    let filters = source.routes.iter().map(|route| route.filter.clone());
    match source.version {
        MqttVersion::Three => {
            let filters =
                filters.map(|filter| rumqttc::SubscribeFilter::new(filter, QoS::AtLeastOnce));
            let mut subscribe = rumqttc::Subscribe::new_many(filters);
            subscribe.pkid = SUBSCRIPTION;
            write_three(&rumqttc::Packet::Subscribe(subscribe), buffer)
        }
        MqttVersion::Five => {
            let filters = filters.map(|filter| five::Filter {
                // A session that is there has had the retained messages.
                retain_forward_rule: five::RetainForwardRule::OnNewSubscribe,
                ..five::Filter::new(filter, QoS5::AtLeastOnce)
            });
            let mut subscribe = five::Subscribe::new_many(filters, None);
            subscribe.pkid = SUBSCRIPTION;
            write_five(&five::Packet::Subscribe(subscribe), buffer)
        }
    }
}

/// Writes a packet of a connection that is accepted.
pub(super) fn write(
    version: MqttVersion,
    packet: &Outgoing,
    buffer: &mut BytesMut,
) -> Result<(), String> {
    match version {
        MqttVersion::Three => {
            let packet = match packet {
                Outgoing::Acknowledge(number) => {
                    rumqttc::Packet::PubAck(rumqttc::PubAck::new(*number))
                }
                Outgoing::Ping => rumqttc::Packet::PingReq,
                Outgoing::Disconnect => rumqttc::Packet::Disconnect,
            };
            write_three(&packet, buffer)
        }
        MqttVersion::Five => {
            let normal = five::DisconnectReasonCode::NormalDisconnection;
            let packet = match packet {
                Outgoing::Acknowledge(number) => {
                    five::Packet::PubAck(five::PubAck::new(*number, None))
                }
                Outgoing::Ping => five::Packet::PingReq(five::PingReq),
                Outgoing::Disconnect => five::Packet::Disconnect(five::Disconnect::new(normal)),
            };
            write_five(&packet, buffer)
        }
    }
}

fn write_three(packet: &rumqttc::Packet, buffer: &mut BytesMut) -> Result<(), String> {
    let written = packet.write(buffer, PACKET_BYTES_MAX as usize);
    written.map(drop).map_err(|error| error.to_string())
}

fn write_five(packet: &five::Packet, buffer: &mut BytesMut) -> Result<(), String> {
    let written = packet.write(buffer, Some(PACKET_BYTES_MAX));
    written.map(drop).map_err(|error| error.to_string())
}

/// Takes the next packet off the buffer; `Err` with how many bytes are missing at least.
pub(super) fn read(
    version: MqttVersion,
    buffer: &mut BytesMut,
) -> Result<Result<Incoming, usize>, String> {
    match version {
        MqttVersion::Three => match rumqttc::Packet::read(buffer, PACKET_BYTES_MAX as usize) {
            Ok(packet) => Ok(Ok(of_three(packet))),
            Err(rumqttc::mqttbytes::Error::InsufficientBytes(missing)) => Ok(Err(missing)),
            Err(error) => Err(error.to_string()),
        },
        MqttVersion::Five => match five::Packet::read(buffer, Some(PACKET_BYTES_MAX)) {
            Ok(packet) => Ok(Ok(of_five(packet))),
            Err(rumqttc::v5::mqttbytes::Error::InsufficientBytes(missing)) => Ok(Err(missing)),
            Err(error) => Err(error.to_string()),
        },
    }
}

fn of_three(packet: rumqttc::Packet) -> Incoming {
    use rumqttc::{ConnectReturnCode, Packet, SubscribeReasonCode};
    match packet {
        Packet::ConnAck(ack) if ack.code == ConnectReturnCode::Success => Incoming::Accepted {
            session_present: ack.session_present,
            keep_alive: None,
        },
        Packet::ConnAck(ack) => Incoming::Refused(refused(&ack.code)),
        Packet::SubAck(ack) if ack.return_codes.contains(&SubscribeReasonCode::Failure) => {
            Incoming::Refused("the broker refuses a topic filter".to_owned())
        }
        Packet::SubAck(_) => Incoming::Subscribed,
        Packet::Publish(message) => Incoming::Message(Message {
            topic: message.topic.into(),
            payload: message.payload,
            packet: (message.qos != QoS::AtMostOnce).then_some(message.pkid),
            is_redelivered: message.dup,
            is_retained: message.retain,
        }),
        _ => Incoming::Other,
    }
}

fn of_five(packet: five::Packet) -> Incoming {
    use five::{ConnectReturnCode, Packet, SubscribeReasonCode};
    match packet {
        Packet::ConnAck(ack) if ack.code == ConnectReturnCode::Success => Incoming::Accepted {
            session_present: ack.session_present,
            keep_alive: ack
                .properties
                .and_then(|properties| properties.server_keep_alive)
                .map(|seconds| Duration::from_secs(seconds.into())),
        },
        Packet::ConnAck(ack) => Incoming::Refused(refused(&ack.code)),
        Packet::SubAck(ack) => {
            let is_refused = |code: &&_| !matches!(code, SubscribeReasonCode::Success(_));
            match ack.return_codes.iter().find(is_refused) {
                Some(code) => {
                    Incoming::Refused(format!("the broker refuses a topic filter: {code:?}"))
                }
                None => Incoming::Subscribed,
            }
        }
        Packet::Publish(message) => Incoming::Message(Message {
            topic: message.topic,
            payload: message.payload,
            packet: (message.qos != QoS5::AtMostOnce).then_some(message.pkid),
            is_redelivered: message.dup,
            is_retained: message.retain,
        }),
        Packet::Disconnect(end) => Incoming::Refused(format!(
            "the broker ended the connection: {:?}",
            end.reason_code
        )),
        _ => Incoming::Other,
    }
}

fn refused(code: &dyn std::fmt::Debug) -> String {
    format!("the broker refuses the connection: {code:?}")
}
