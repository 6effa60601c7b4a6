//! Messages of the Postgres protocol over one connection, with bounds on size and time.

use std::io;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The longest message: a statement, or the values of its parameters.
const MESSAGE_MAX: usize = 4 << 20;

/// The longest message before sign-in.
const STARTUP_MAX: usize = 10_000;

/// Bytes of answers that are gathered before they are sent.
const GATHERED: usize = 64 << 10;

/// Bytes that are read ahead while a statement is computed.
const AHEAD: usize = 64 << 10;

/// How long a client may leave an answer unread.
const UNREAD: Duration = Duration::from_secs(60);

/// How long an answer is computed on for a client that sends no more.
const GONE_AFTER: Duration = Duration::from_secs(10);

/// What bytes come from and go to.
pub(super) trait Channel: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Channel for T {}

/// A message of the client: its type and its body.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) body: Body,
}

/// The body of a message, read from its front.
#[derive(Debug)]
pub(super) struct Body(Bytes);

/// A message that is not as the protocol has it.
#[derive(Debug)]
pub(super) struct Malformed;

impl From<bytes::TryGetError> for Malformed {
    fn from(_: bytes::TryGetError) -> Self {
        Self
    }
}

impl Body {
    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.0.try_get_u8()?)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(self.0.try_get_u16()?)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Malformed> {
        Ok(self.0.try_get_i32()?)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<Bytes, Malformed> {
        match count <= self.0.len() {
            true => Ok(self.0.split_to(count)),
            false => Err(Malformed),
        }
    }

    /// A text that ends with a zero byte.
    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        let end = self.0.iter().position(|byte| *byte == 0);
        let text = self.0.split_to(end.ok_or(Malformed)?);
        self.0.advance(1);
        String::from_utf8(text.to_vec()).map_err(|_| Malformed)
    }

    /// As many 16-bit numbers as the number before them says.
    pub(super) fn u16s(&mut self) -> Result<Vec<u16>, Malformed> {
        let count = self.u16()?;
        (0..count).map(|_| self.u16()).collect()
    }
}

/// One connection.
pub(super) struct Wire<C = Box<dyn Channel>> {
    channel: C,
    input: BytesMut,
    output: BytesMut,
    is_at_end: bool,
}

impl<C: Channel> Wire<C> {
    pub(super) fn new(channel: C) -> Self {
        Self {
            channel,
            input: BytesMut::new(),
            output: BytesMut::new(),
            is_at_end: false,
        }
    }

    /// The channel, to be used otherwise; `None` if bytes were read that nobody took. What
    /// came before encryption must not be taken for what comes after.
    pub(super) fn into_channel(self) -> Option<C> {
        self.input.is_empty().then_some(self.channel)
    }

    /// The same connection, whatever its channel is.
    pub(super) fn boxed(self) -> Wire
    where
        C: 'static,
    {
        Wire {
            channel: Box::new(self.channel),
            input: self.input,
            output: self.output,
            is_at_end: self.is_at_end,
        }
    }

    /// The first packet, which has no type: its code and its body. `None` at the end.
    pub(super) async fn first(&mut self) -> io::Result<Option<(i32, Body)>> {
        while self.input.len() < 8 {
            if !self.fill().await? {
                return Ok(None);
            }
        }
        let length = (&self.input[..4]).get_u32() as usize;
        if !(8..=STARTUP_MAX).contains(&length) {
            return Err(invalid("a first packet of that length"));
        }
        while self.input.len() < length {
            if !self.fill().await? {
                return Ok(None);
            }
        }
        let mut packet = self.input.split_to(length).freeze();
        packet.advance(4);
        let code = packet.get_i32();
        Ok(Some((code, Body(packet))))
    }

    /// The next message; `None` at the end.
    pub(super) async fn message(&mut self) -> io::Result<Option<Message>> {
        self.message_up_to(MESSAGE_MAX).await
    }

    /// The next message of somebody who has not signed in.
    pub(super) async fn startup_message(&mut self) -> io::Result<Option<Message>> {
        self.message_up_to(STARTUP_MAX).await
    }

    async fn message_up_to(&mut self, max: usize) -> io::Result<Option<Message>> {
        while self.input.len() < 5 {
            if !self.fill().await? {
                return Ok(None);
            }
        }
        let length = (&self.input[1..5]).get_u32() as usize;
        if length < 4 || length > max {
            return Err(invalid("a message of that length"));
        }
        while self.input.len() < length + 1 {
            if !self.fill().await? {
                return Ok(None);
            }
        }
        let mut packet = self.input.split_to(length + 1).freeze();
        let kind = packet.get_u8();
        packet.advance(4);
        Ok(Some(Message {
            kind,
            body: Body(packet),
        }))
    }

    /// Reads more; false at the end. Bytes are not lost if it is dropped.
    async fn fill(&mut self) -> io::Result<bool> {
        if self.is_at_end {
            return Ok(false);
        }
        self.input.reserve(4096);
        let count = self.channel.read_buf(&mut self.input).await?;
        self.is_at_end = count == 0;
        Ok(count > 0)
    }

    /// Ends when the client is gone, some time after it sent its last byte. Beside a
    /// statement that is computed.
    pub(super) async fn gone(&mut self) {
        while self.input.len() < AHEAD {
            match self.fill().await {
                Ok(true) => {}
                Ok(false) => {
                    tokio::time::sleep(GONE_AFTER).await;
                    return;
                }
                Err(_) => return,
            }
        }
        std::future::pending().await
    }

    /// Adds a message whose body `write` gives.
    pub(super) fn put(&mut self, kind: u8, write: impl FnOnce(&mut BytesMut)) {
        self.output.put_u8(kind);
        let start = self.output.len();
        self.output.put_u32(0);
        write(&mut self.output);
        let length = (self.output.len() - start) as u32;
        self.output[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Adds one byte that is no message: the answer to a request for encryption.
    pub(super) fn put_byte(&mut self, byte: u8) {
        self.output.put_u8(byte);
    }

    /// Sends what was added if it is much.
    pub(super) async fn flush_if_full(&mut self) -> io::Result<()> {
        match self.output.len() >= GATHERED {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// Sends what was added.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            let written = timeout(UNREAD, self.channel.write_buf(&mut self.output)).await;
            let written = written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
            if written? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        // One large row leaves no large buffer behind.
        if self.output.capacity() > 4 * GATHERED {
            self.output = BytesMut::new();
        }
        self.channel.flush().await
    }

    /// Ends the connection.
    pub(super) async fn close(&mut self) {
        _ = timeout(Duration::from_secs(1), self.channel.shutdown()).await;
    }
}

/// Adds a text and the zero byte after it. A zero byte inside would end it early.
pub(super) fn put_text(out: &mut BytesMut, text: &str) {
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.put_u8(0);
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
