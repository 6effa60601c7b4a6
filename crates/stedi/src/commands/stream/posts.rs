//! Posts records to `stedi listen --http`: those of a few moments at a time, one a line.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::failure::Failure;

/// The variable that holds the token of a source.
const TOKEN_VARIABLE: &str = "STEDI_LISTEN_TOKEN";

/// How often what is there is posted.
const PERIOD: Duration = Duration::from_millis(100);

/// How long an answer may take, and how often a request is sent.
const ANSWER_TIME: Duration = Duration::from_secs(40);
const ATTEMPTS: u32 = 5;

/// Bytes of the longest answer.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

pub(crate) struct Posts {
    address: String,
    token: Option<String>,
    /// By table, how many records there are, and they.
    waiting: BTreeMap<&'static str, (u64, Vec<u8>)>,
    posted: Instant,
    number: u64,
    sent: u64,
    accepted: u64,
}

impl Posts {
    pub(super) fn open(to: &str) -> Result<Self> {
        let address = to.trim_start_matches("http://").trim_end_matches('/');
        if address.contains('/') || address.is_empty() {
            return Err(Failure::settings(
                format!("`{to}` is not the address of a listener"),
                "write http://HOST:PORT, as `stedi listen --http` prints it",
            ));
        }
        Ok(Self {
            address: address.to_owned(),
            token: std::env::var(TOKEN_VARIABLE).ok(),
            waiting: BTreeMap::new(),
            posted: Instant::now(),
            number: 0,
            sent: 0,
            accepted: 0,
        })
    }

    pub(super) fn add(&mut self, table: &'static str, record: &[u8]) {
        let (records, body) = self.waiting.entry(table).or_default();
        *records += 1;
        body.extend_from_slice(record);
        body.push(b'\n');
        self.sent += 1;
    }

    /// Posts what is there, if it is time.
    pub(super) async fn flush(&mut self) -> Result<()> {
        if self.posted.elapsed() < PERIOD {
            return Ok(());
        }
        self.flush_all().await
    }

    /// Posts what is there.
    pub(super) async fn flush_all(&mut self) -> Result<()> {
        self.posted = Instant::now();
        for (table, (records, body)) in std::mem::take(&mut self.waiting) {
            self.number += 1;
            self.post(table, &body).await?;
            self.accepted += records;
        }
        Ok(())
    }

    pub(super) fn counts(&self) -> (u64, u64) {
        (self.sent, self.accepted)
    }

    /// Posts until it is accepted: the key makes a second attempt harmless.
    async fn post(&self, table: &str, body: &[u8]) -> Result<()> {
        let token = self.token.as_ref();
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let head = format!(
            "POST /v1/{table} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-ndjson\r\n\
             Idempotency-Key: sample-{}-{}\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            std::process::id(),
            self.number,
            token.unwrap_or_default(),
            body.len(),
        );
        let mut problem = String::from("no answer");
        for attempt in 0..ATTEMPTS {
            match timeout(ANSWER_TIME, self.ask(&head, body)).await {
                Ok(Ok(answer)) => match status_of(&answer) {
                    Some(202) => return Ok(()),
                    Some(500..) => problem = answer,
                    _ => return Err(refused(&answer)),
                },
                Ok(Err(error)) => problem = error.to_string(),
                Err(_) => {}
            }
            sleep(PERIOD * 2_u32.pow(attempt)).await;
        }
        Err(refused(&problem))
    }

    async fn ask(&self, head: &str, body: &[u8]) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        let mut answer = Vec::new();
        let mut answer_of = stream.take(ANSWER_BYTES_MAX);
        answer_of.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

fn status_of(answer: &str) -> Option<u16> {
    answer.split(' ').nth(1)?.parse().ok()
}

fn refused(answer: &str) -> anyhow::Error {
    let body = answer
        .split_once("\r\n\r\n")
        .map_or(answer, |(_, body)| body);
    Failure::failed(
        format!("the listener does not accept it: {}", body.trim()),
        format!("check its address, and the token of a source in {TOKEN_VARIABLE}"),
    )
}
