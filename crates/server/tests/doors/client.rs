//! A client of the Postgres protocol that sends whatever it is told to.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
}

/// A message of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) kind: char,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The field `code` of an error.
    pub(crate) fn field(&self, code: u8) -> String {
        let fields = self.body.split(|byte| *byte == 0);
        let mut found = fields.filter(|field| field.first() == Some(&code));
        let field = found.next().map(|field| &field[1..]).unwrap_or_default();
        String::from_utf8_lossy(field).into_owned()
    }
}

/// A message of that kind.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend((body.len() as u32 + 4).to_be_bytes());
    message.extend(body);
    message
}

/// The first packet of `user`.
pub(crate) fn startup(user: &str) -> Vec<u8> {
    let mut body = 196_608u32.to_be_bytes().to_vec();
    body.extend(format!("user\0{user}\0\0").bytes());
    let mut packet = (body.len() as u32 + 4).to_be_bytes().to_vec();
    packet.extend(body);
    packet
}

/// A statement with its parameters as texts, bound to the portal without a name.
pub(crate) fn bound(sql: &str, parameters: &[&str]) -> Vec<u8> {
    let mut messages = message(b'P', format!("\0{sql}\0\0\0").as_bytes());
    let mut bind = b"\0\0\0\0".to_vec();
    bind.extend((parameters.len() as u16).to_be_bytes());
    for parameter in parameters {
        bind.extend((parameter.len() as u32).to_be_bytes());
        bind.extend(parameter.bytes());
    }
    bind.extend(0u16.to_be_bytes());
    messages.extend(message(b'B', &bind));
    messages
}

/// Asks for rows of the portal without a name; 0 for all.
pub(crate) fn execute(rows: u32) -> Vec<u8> {
    let mut body = vec![0];
    body.extend(rows.to_be_bytes());
    message(b'E', &body)
}

pub(crate) fn sync() -> Vec<u8> {
    message(b'S', &[])
}

impl Client {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Self { stream }
    }

    /// A connection that may ask, and the key that cancels its statements.
    pub(crate) fn started(to: SocketAddr) -> (Self, Vec<u8>) {
        let mut client = Self::connect(to);
        client.send(&startup("ada"));
        let answers = client.until_ready();
        let key = answers.iter().find(|answer| answer.kind == 'K').unwrap();
        (client, key.body.clone())
    }

    /// Sends bytes. The server may have closed the connection already.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        _ = self.stream.write_all(bytes);
    }

    /// Sends no more, and still reads.
    pub(crate) fn half_close(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// The next message; `None` at the end.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).ok()?;
        Some(Answer {
            kind: char::from(head[0]),
            body,
        })
    }

    /// All messages up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<Answer> {
        std::iter::from_fn(|| self.answer()).collect()
    }

    /// Messages up to the one that says that the server is ready.
    pub(crate) fn until_ready(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        loop {
            let answer = self.answer().expect("the server hung up");
            let is_ready = answer.kind == 'Z';
            answers.push(answer);
            if is_ready {
                return answers;
            }
        }
    }

    /// The answers to a statement of the simple protocol.
    pub(crate) fn query(&mut self, sql: &str) -> Vec<Answer> {
        self.send(&message(b'Q', format!("{sql}\0").as_bytes()));
        self.until_ready()
    }

    /// The kinds of the answers, with the code of an error behind its `E`.
    pub(crate) fn kinds(answers: &[Answer]) -> String {
        let kind = |answer: &Answer| match answer.kind {
            'E' => format!("E({})", answer.field(b'C')),
            'Z' => format!("Z{}", char::from(answer.body[0])),
            kind => kind.to_string(),
        };
        answers.iter().map(kind).collect()
    }
}
