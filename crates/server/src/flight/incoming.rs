//! Connections for Flight SQL: encrypted where that is demanded, and bounded in number and
//! in the time that they may take to begin.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use door::{GivenOn, Place, Places, stopped};
use futures::stream::{self, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::gate::Gate;

/// Connections at once; a newcomer gets the place of one that has not signed in.
const CONNECTIONS_MAX: usize = 200;

/// How long a client may take until its connection has begun.
const STARTUP: Duration = Duration::from_secs(10);

/// What a client of HTTP/2 begins with.
const PREFACE_BYTES: usize = 24;

/// A connection that keeps its place until it ends.
pub(super) struct Channel {
    stream: Encrypted,
    /// Bytes of the beginning that are still to come, and until when.
    beginning: Option<(usize, Pin<Box<Sleep>>)>,
    place: Arc<Place>,
    given_on: GivenOn,
}

enum Encrypted {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The connections that `listener` accepts.
pub(super) fn accepted(
    listener: TcpListener,
    gate: &Gate,
) -> impl Stream<Item = io::Result<Channel>> + use<> {
    let tls = gate.tls.as_ref().map(|config| {
        let mut config = config.as_ref().clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    });
    let places = Places::new(CONNECTIONS_MAX);
    let mut stop = gate.stop.clone();
    let (send, receive) = mpsc::channel(16);
    tokio::spawn(async move {
        loop {
            let next = async {
                let (stream, from) = listener.accept().await?;
                io::Result::Ok((stream, from, places.take().await))
            };
            let next = tokio::select! {
                next = next => next,
                () = stopped(&mut stop) => break,
            };
            match next {
                Ok((stream, from, place)) => {
                    let (tls, send) = (tls.clone(), send.clone());
                    tokio::spawn(async move {
                        if let Some(channel) = begun(stream, from, tls, place).await {
                            _ = send.send(Ok(channel)).await;
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!("accepting a connection of Flight SQL: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    });
    stream::unfold(receive, |mut receive| async {
        receive.recv().await.map(|channel| (channel, receive))
    })
}

/// The connection once it has begun, if it does so in time and its place is still its own.
async fn begun(
    stream: TcpStream,
    from: SocketAddr,
    tls: Option<TlsAcceptor>,
    (place, mut given_on): (Place, GivenOn),
) -> Option<Channel> {
    _ = stream.set_nodelay(true);
    let stream = tokio::select! {
        begun = tokio::time::timeout(STARTUP, encrypted(stream, from, tls)) => begun.ok()??,
        () = &mut given_on => return None,
    };
    Some(Channel {
        stream,
        beginning: Some((PREFACE_BYTES, Box::pin(tokio::time::sleep(STARTUP)))),
        place: Arc::new(place),
        given_on,
    })
}

async fn encrypted(
    stream: TcpStream,
    from: SocketAddr,
    tls: Option<TlsAcceptor>,
) -> Option<Encrypted> {
    match tls {
        Some(tls) => Some(Encrypted::Tls(Box::new(tls.accept(stream).await.ok()?))),
        // In the open only from this machine, whether somebody signs in or not.
        None if from.ip().is_loopback() => Some(Encrypted::Plain(stream)),
        None => None,
    }
}

impl AsyncRead for Channel {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if Pin::new(&mut this.given_on).poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        let read = match &mut this.stream {
            Encrypted::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Encrypted::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        let Some((missing, until)) = &mut this.beginning else {
            return read;
        };
        if read.is_pending() {
            return match until.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                Poll::Pending => Poll::Pending,
            };
        }
        *missing = missing.saturating_sub(buffer.filled().len() - before);
        if *missing == 0 {
            this.beginning = None;
        }
        read
    }
}

impl AsyncWrite for Channel {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Encrypted::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Encrypted::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Encrypted::Plain(stream) => Pin::new(stream).poll_flush(context),
            Encrypted::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Encrypted::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Encrypted::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

impl Connected for Channel {
    /// Settled by the first call of somebody who is signed in.
    type ConnectInfo = Arc<Place>;

    fn connect_info(&self) -> Self::ConnectInfo {
        Arc::clone(&self.place)
    }
}
