//! One connection to a broker as its subscriber: the side that reads, and the side that
//! writes. Neither waits for the other: acknowledgements and signs of life go out while
//! nothing is read, and whoever reads stops as long as there is no room.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::packets::{self, Incoming, Outgoing};
use super::source::{MqttSource, MqttVersion};

/// How long a connection may take to be made and accepted.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// How long the broker may take none of what is written, at least.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// What is read and written at once.
const CHUNK: usize = 64 << 10;

/// What a read must have room for.
const SPARE_MIN: usize = 4 << 10;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The side that reads.
pub(super) struct Reader {
    stream: ReadHalf<Box<dyn Stream>>,
    version: MqttVersion,
    buffer: BytesMut,
    /// How long a living broker may say nothing.
    silence_max: Duration,
}

/// The side that writes.
pub(super) struct Writer {
    stream: WriteHalf<Box<dyn Stream>>,
    version: MqttVersion,
    keep_alive: Duration,
}

/// A connection that a broker has accepted.
pub(super) struct Connection {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    /// Whether the broker kept the session.
    pub(super) session_present: bool,
}

impl Connection {
    /// Makes a connection, and asks for the topics of all routes.
    pub(super) async fn open(source: &MqttSource) -> Result<Self, String> {
        let opened = timeout(CONNECT_TIME, open(source)).await;
        opened.unwrap_or_else(|_| Err("the broker does not answer".to_owned()))
    }
}

async fn open(source: &MqttSource) -> Result<Connection, String> {
    let (read, mut write) = split(connect(source).await.map_err(|e| e.to_string())?);
    let mut reader = Reader {
        stream: read,
        version: source.version,
        buffer: BytesMut::new(),
        silence_max: CONNECT_TIME,
    };
    let mut buffer = BytesMut::new();
    packets::write_connect(source, &mut buffer)?;
    send(&mut write, &buffer).await.map_err(|e| e.to_string())?;
    let (session_present, keep_alive) = match reader.next().await? {
        Incoming::Accepted {
            session_present,
            keep_alive,
        } => (session_present, keep_alive),
        Incoming::Refused(reason) => return Err(reason),
        _ => return Err("it does not speak the protocol of a broker".to_owned()),
    };
    let keep_alive = keep_alive
        .filter(|asked| !asked.is_zero())
        .unwrap_or(source.keep_alive);
    // The broker answers a sign of life, of which there are two in this time.
    reader.silence_max = keep_alive.max(Duration::from_secs(1)) * 3 / 2;
    buffer.clear();
    packets::write_subscribe(source, &mut buffer)?;
    send(&mut write, &buffer).await.map_err(|e| e.to_string())?;
    Ok(Connection {
        reader,
        writer: Writer {
            stream: write,
            version: source.version,
            keep_alive,
        },
        session_present,
    })
}

async fn connect(source: &MqttSource) -> io::Result<Box<dyn Stream>> {
    let host = source.broker.host.as_str();
    let stream = TcpStream::connect((host, source.broker.port)).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = &source.tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::clone(tls));
    Ok(Box::new(connector.connect(name, stream).await?))
}

async fn send(stream: &mut WriteHalf<Box<dyn Stream>>, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

impl Reader {
    /// The next packet. Dropping the future loses nothing. An error ends the connection.
    pub(super) async fn next(&mut self) -> Result<Incoming, String> {
        loop {
            let missing = match packets::read(self.version, &mut self.buffer)? {
                Ok(packet) => return Ok(packet),
                Err(missing) => missing,
            };
            // A message holds the memory that it was read into. So a chunk is filled before
            // there is another, however little comes at a time.
            if self.buffer.capacity() - self.buffer.len() < missing.max(SPARE_MIN) {
                self.buffer.reserve(missing.max(CHUNK));
            }
            // Only while somebody reads: a broker is not dead because nobody listens to it.
            let read = timeout(self.silence_max, self.stream.read_buf(&mut self.buffer)).await;
            match read {
                Ok(Ok(0)) => return Err("the broker closed the connection".to_owned()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err("the broker does not answer".to_owned()),
            }
        }
    }
}

impl Writer {
    /// Writes what is asked for, and signs of life, until the connection fails, which it
    /// says. Counts acknowledgements that went out in `acknowledged`.
    pub(super) async fn run(
        mut self,
        mut asked: mpsc::UnboundedReceiver<Outgoing>,
        acknowledged: Arc<AtomicU64>,
    ) -> String {
        let between = (self.keep_alive / 2).max(Duration::from_millis(500));
        let mut ticks = interval_at(Instant::now() + between, between);
        let mut buffer = BytesMut::new();
        loop {
            buffer.clear();
            let mut packet = tokio::select! {
                packet = asked.recv() => match packet {
                    Some(packet) => Some(packet),
                    None => return "nobody reads it any more".to_owned(),
                },
                _ = ticks.tick() => Some(Outgoing::Ping),
            };
            let mut acknowledgements = 0;
            while let Some(next) = packet {
                acknowledgements += u64::from(matches!(next, Outgoing::Acknowledge(_)));
                if let Err(reason) = packets::write(self.version, &next, &mut buffer) {
                    return reason;
                }
                packet = match buffer.len() < CHUNK {
                    true => asked.try_recv().ok(),
                    false => None,
                };
            }
            let sent = send(&mut self.stream, &buffer);
            match timeout(WRITE_TIME.max(self.keep_alive), sent).await {
                Ok(Ok(())) => _ = acknowledged.fetch_add(acknowledgements, Ordering::Relaxed),
                Ok(Err(error)) => return error.to_string(),
                Err(_) => return "the broker takes nothing".to_owned(),
            }
        }
    }
}
