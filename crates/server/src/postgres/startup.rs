//! From the first byte of a connection to its first statement: encryption and sign-in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BufMut;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::cancel::{Cancels, Key};
use super::failure::{Ended, Failure, Result};
use super::settings;
use super::wire::{Body, Channel, Wire, put_text};
use crate::gate::{Gate, Guest};
use crate::principal::Door;

const ENCRYPTION: i32 = 80_877_103;
const GSS_ENCRYPTION: i32 = 80_877_104;
const CANCEL: i32 = 80_877_102;
/// Version 3.0 of the protocol; newer minor versions are answered with this one.
const VERSION: i32 = 3 << 16;

/// A connection that may ask.
pub(super) struct Started {
    pub(super) wire: Wire,
    pub(super) guest: Guest,
    pub(super) key: Key,
}

/// Brings a connection to where statements begin; `None` if it was there for another thing.
pub(super) async fn start(
    gate: &Gate,
    tls: Option<&TlsAcceptor>,
    cancels: &Arc<Cancels>,
    channel: TcpStream,
    from: SocketAddr,
) -> Result<Option<Started>> {
    let mut wire = Wire::new(channel);
    let (mut code, mut body) = loop {
        let Some((code, body)) = wire.first().await? else {
            return Ok(None);
        };
        match code {
            ENCRYPTION => match tls {
                Some(tls) => {
                    wire.put_byte(b'S');
                    wire.flush().await?;
                    let channel = wire.into_channel().ok_or(Ended::Gone)?;
                    let channel = tls.accept(channel).await?;
                    return encrypted(gate, cancels, Wire::new(channel).boxed()).await;
                }
                None => {
                    wire.put_byte(b'N');
                    wire.flush().await?;
                }
            },
            GSS_ENCRYPTION => {
                wire.put_byte(b'N');
                wire.flush().await?;
            }
            _ => break (code, body),
        }
    };
    if code == CANCEL {
        // Carries no data, and clients send it in the open whatever the connection is.
        cancel(cancels, &mut body)?;
        return Ok(None);
    }
    let refused = match (tls, from.ip().is_loopback(), &gate.users) {
        (Some(_), _, _) => Some("this door demands TLS: connect with sslmode=require or stricter"),
        (None, false, Some(_)) => Some("passwords are not taken without TLS from another machine"),
        (None, false, None) => Some("without sign-in this door is for this machine alone"),
        (None, true, _) => None,
    };
    let mut wire = wire.boxed();
    if let Some(why) = refused {
        return refuse(&mut wire, Failure::new("28000", why)).await;
    }
    let started = signed_in(gate, cancels, wire, &mut code, &mut body).await;
    started.map(Some)
}

async fn encrypted(gate: &Gate, cancels: &Arc<Cancels>, mut wire: Wire) -> Result<Option<Started>> {
    let Some((mut code, mut body)) = wire.first().await? else {
        return Ok(None);
    };
    if code == CANCEL {
        cancel(cancels, &mut body)?;
        return Ok(None);
    }
    let started = signed_in(gate, cancels, wire, &mut code, &mut body).await;
    started.map(Some)
}

fn cancel(cancels: &Cancels, body: &mut Body) -> Result<()> {
    let (number, secret) = (body.i32()?, body.i32()? as u32);
    cancels.cancel(number, secret);
    Ok(())
}

async fn signed_in(
    gate: &Gate,
    cancels: &Arc<Cancels>,
    mut wire: Wire,
    code: &mut i32,
    body: &mut Body,
) -> Result<Started> {
    if *code >> 16 != VERSION >> 16 {
        let failure = Failure::new("0A000", "this door speaks version 3.0 of the protocol");
        return refuse(&mut wire, failure).await;
    }
    let parameters = parameters(body)?;
    negotiate(&mut wire, *code, &parameters);
    let Some(user) = parameters.get("user").filter(|user| !user.is_empty()) else {
        return refuse(&mut wire, Failure::new("28000", "the start names no user")).await;
    };
    let encoding = parameters
        .get("client_encoding")
        .map(|name| name.to_ascii_lowercase());
    if encoding.is_some_and(|name| {
        !matches!(
            name.replace(['-', '\''], "").as_str(),
            "utf8" | "unicode" | "auto" | "sqlascii"
        )
    }) {
        return refuse(
            &mut wire,
            Failure::new("22023", "texts are sent in UTF-8 only"),
        )
        .await;
    }
    if parameters.contains_key("replication") && parameters["replication"] != "false" {
        return refuse(
            &mut wire,
            Failure::new("0A000", "there is no replication here"),
        )
        .await;
    }
    let guest = match &gate.users {
        None => gate.local(),
        Some(_) => {
            let secret = password(&mut wire).await?;
            match gate.sign_in(Door::Postgres, user, &secret).await {
                Ok(guest) => guest,
                Err(fault) => return refuse(&mut wire, Failure::of(fault, "")).await,
            }
        }
    };
    let key = cancels.key();
    wire.put(b'R', |out| out.put_i32(0));
    for (name, value) in settings::reported(&guest.who.name, &parameters) {
        wire.put(b'S', |out| {
            put_text(out, name);
            put_text(out, &value);
        });
    }
    wire.put(b'K', |out| {
        out.put_i32(key.number);
        out.put_u32(key.secret);
    });
    Ok(Started { wire, guest, key })
}

/// Pairs of names and values, up to an empty name.
fn parameters(body: &mut Body) -> Result<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    loop {
        let name = body.text()?;
        if name.is_empty() {
            return Ok(parameters);
        }
        parameters.insert(name, body.text()?);
    }
}

/// Tells a client of a newer minor version, or with options of it, what is spoken here.
fn negotiate(wire: &mut Wire, code: i32, parameters: &BTreeMap<String, String>) {
    let options: Vec<&String> = parameters
        .keys()
        .filter(|name| name.starts_with("_pq_."))
        .collect();
    if code == VERSION && options.is_empty() {
        return;
    }
    wire.put(b'v', |out| {
        out.put_i32(VERSION);
        out.put_i32(options.len() as i32);
        for option in options {
            put_text(out, option);
        }
    });
}

/// Asks for the password. The channel is encrypted, or ends on this machine.
async fn password(wire: &mut Wire) -> Result<String> {
    wire.put(b'R', |out| out.put_i32(3));
    wire.flush().await?;
    match wire.startup_message().await? {
        Some(mut message) if message.kind == b'p' => Ok(message.body.text()?),
        Some(_) => refuse(wire, Failure::protocol("a password was expected")).await,
        None => Err(Ended::Gone),
    }
}

async fn refuse<T, C: Channel>(wire: &mut Wire<C>, failure: Failure) -> Result<T> {
    failure.put("FATAL", wire);
    wire.flush().await?;
    wire.close().await;
    Err(Ended::Gone)
}
