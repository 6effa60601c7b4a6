//! The body of a post: read within bounds, unpacked, and cut into records.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures::StreamExt;
use landing::Container;
use landing::compression::Compression;
use serde::de::IgnoredAny;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::problem::Problem;

/// Bytes of the largest body as it is sent.
pub(super) const BODY_BYTES_MAX: usize = 8 << 20;

/// Bytes of the largest body unpacked.
const UNPACKED_BYTES_MAX: u64 = 32 << 20;

/// A packed body may be unpacked to at most this many times its size.
const RATIO_MAX: u64 = 100;

/// Whatever the ratio, so much may be unpacked.
const UNPACKED_BYTES_MIN: u64 = 1 << 20;

/// A body up to this size needs no turn.
const SMALL_BYTES: usize = 64 << 10;

/// Bodies that are read at once. More are refused at once, so that slow ones leave places to
/// whoever asks for something else.
const BODIES_MAX: usize = 256;

/// Larger bodies that are read at once; others wait for their turn.
const LARGE_MAX: usize = 16;

/// Bodies that are unpacked at once; others wait for their turn.
const UNPACKED_MAX: usize = 4;

/// How long a request waits for its turn.
const TURN_TIME: Duration = Duration::from_secs(10);

/// How long a body may take, and each part of it.
const BODY_TIME: Duration = Duration::from_secs(60);
const PART_TIME: Duration = Duration::from_secs(10);

/// How much is read and unpacked at once.
pub(super) struct Turns {
    bodies: Semaphore,
    large: Semaphore,
    unpacked: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            bodies: Semaphore::new(BODIES_MAX),
            large: Semaphore::new(LARGE_MAX),
            unpacked: Semaphore::new(UNPACKED_MAX),
        }
    }
}

/// A body, and the turns that it holds if it is large or was packed.
pub(super) struct Sent<'t> {
    pub(super) bytes: Bytes,
    _turns: [Option<SemaphorePermit<'t>>; 2],
}

/// Reads and unpacks the body of a request.
pub(super) async fn read<'t>(
    head: &HeaderMap,
    body: Body,
    turns: &'t Turns,
) -> Result<Sent<'t>, Problem> {
    let packed = packed(head)?;
    let place = turns.bodies.try_acquire();
    let _place = place.map_err(|_| Problem::busy("too many bodies are sent at once"))?;
    let (mut large, mut unpacking) = (None, None);
    let mut parts = body.into_data_stream();
    let mut bytes = Vec::new();
    let until = Instant::now() + BODY_TIME;
    loop {
        let next = timeout_at(until.min(Instant::now() + PART_TIME), parts.next());
        let Ok(next) = next.await else {
            return Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not come in time",
            ));
        };
        let part = match next {
            None => break,
            Some(Ok(part)) => part,
            Some(Err(_)) => {
                return Err(Problem::new(
                    StatusCode::BAD_REQUEST,
                    "the body ended before its length",
                ));
            }
        };
        if bytes.len() + part.len() > BODY_BYTES_MAX {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("a body has at most {BODY_BYTES_MAX} bytes"),
            )
            .with_hint("send fewer records at a time"));
        }
        if bytes.len() + part.len() > SMALL_BYTES && large.is_none() {
            large = Some(wait(&turns.large).await?);
        }
        bytes.extend_from_slice(&part);
    }
    let bytes = match packed {
        None => bytes.into(),
        Some(compression) => {
            unpacking = Some(wait(&turns.unpacked).await?);
            let unpacked = tokio::task::spawn_blocking(move || unpack(&bytes, compression)).await;
            unpacked.unwrap_or_else(|_| Err(not_unpacked()))?
        }
    };
    Ok(Sent {
        bytes,
        _turns: [large, unpacking],
    })
}

async fn wait(turns: &Semaphore) -> Result<SemaphorePermit<'_>, Problem> {
    match timeout(TURN_TIME, turns.acquire()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(Problem::busy("too many large bodies are sent at once")),
    }
}

fn packed(head: &HeaderMap) -> Result<Option<Compression>, Problem> {
    let Some(encoding) = head.get("content-encoding") else {
        return Ok(None);
    };
    let encoding = encoding.to_str().unwrap_or_default().trim();
    match encoding.to_ascii_lowercase().as_str() {
        "identity" | "" => Ok(None),
        "gzip" | "x-gzip" => Ok(Some(Compression::Gzip)),
        "zstd" => Ok(Some(Compression::Zstd)),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content encoding is not known",
        )
        .with_hint("send gzip, zstd or identity")),
    }
}

fn unpack(bytes: &[u8], compression: Compression) -> Result<Bytes, Problem> {
    let ratio_max = (bytes.len() as u64 * RATIO_MAX).max(UNPACKED_BYTES_MIN);
    let bytes_max = ratio_max.min(UNPACKED_BYTES_MAX);
    let mut unpacked = Vec::new();
    let reader = Container::Compressed(compression).unpacked(bytes, bytes_max);
    let read = reader.and_then(|mut reader| reader.read_to_end(&mut unpacked));
    match read {
        Ok(_) => Ok(unpacked.into()),
        Err(_) if unpacked.len() as u64 >= bytes_max => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "a packed body is unpacked to at most {UNPACKED_BYTES_MAX} bytes and {RATIO_MAX} times its size"
            ),
        )),
        Err(_) => Err(not_unpacked()),
    }
}

fn not_unpacked() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "the body is not packed as its content encoding says, or ends early",
    )
}

/// The records of a body: an object, an array of objects, or objects one after the other.
pub(super) fn records(body: &Bytes) -> Result<Vec<Bytes>, Problem> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Err(not_json("the body is not UTF-8".to_owned()));
    };
    let records = match text.trim_ascii_start().starts_with('[') {
        true => elements(text)?,
        false => lines(text)?,
    };
    if records.is_empty() {
        return Err(not_json("the body has no record".to_owned()));
    }
    let not_object = records
        .iter()
        .position(|record| !record.trim_ascii_start().starts_with('{'));
    if let Some(at) = not_object {
        return Err(not_json(format!("record {} is no JSON object", at + 1)));
    }
    Ok(records
        .into_iter()
        .map(|record| body.slice_ref(record.as_bytes()))
        .collect())
}

fn not_json(what: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, what)
        .with_hint("send one JSON object, an array of objects, or one object a line")
}

fn broken(number: usize, error: &serde_json::Error) -> Problem {
    not_json(format!(
        "record {number} is no JSON: line {}, column {}",
        error.line(),
        error.column()
    ))
}

fn lines(text: &str) -> Result<Vec<&str>, Problem> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let (mut records, mut begin) = (Vec::new(), 0);
    while let Some(value) = values.next() {
        value.map_err(|error| broken(records.len() + 1, &error))?;
        records.push(&text[begin..values.byte_offset()]);
        begin = values.byte_offset();
    }
    Ok(records)
}

fn elements(text: &str) -> Result<Vec<&str>, Problem> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
        not_json(format!(
            "the array is no JSON: line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    // The text is valid: brackets outside of texts are in pairs.
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    let (mut records, mut begin) = (Vec::new(), 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => {
                depth += 1;
                if depth == 1 {
                    begin = at + 1;
                }
            }
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    records.push(&text[begin..at]);
                }
            }
            b',' if depth == 1 => {
                records.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    if records.len() == 1 && records[0].trim_ascii().is_empty() {
        records.clear();
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_and_their_records() {
        for (body, expected) in [
            ("{}", "{}"),
            ("{\"a\": [1, {\"b\": 2}]}\n", "{\"a\": [1, {\"b\": 2}]}"),
            (
                "{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}",
                "{\"a\":1}|{\"a\":2}|{\"a\":3}",
            ),
            ("{\"a\":1}{\"a\":2}", "{\"a\":1}|{\"a\":2}"),
            ("{\n \"a\":\n 1\n}", "{\n \"a\":\n 1\n}"),
            (
                " [{\"a\":\"],[\\\"\"}, {\"b\":[1,2]}] ",
                "{\"a\":\"],[\\\"\"}|{\"b\":[1,2]}",
            ),
            ("[]", "the body has no record"),
            ("", "the body has no record"),
            (" \n", "the body has no record"),
            ("[{},1]", "record 2 is no JSON object"),
            ("{} 1", "record 2 is no JSON object"),
            ("null", "record 1 is no JSON object"),
            (
                "{\"a\":1}\n{\"a\":",
                "record 2 is no JSON: line 2, column 5",
            ),
            (
                "{\"a\":1},{\"a\":2}",
                "record 2 is no JSON: line 1, column 8",
            ),
            ("[{},", "the array is no JSON: line 1, column 4"),
            ("[{}]{}", "the array is no JSON: line 1, column 5"),
        ] {
            let found = match records(&Bytes::copy_from_slice(body.as_bytes())) {
                Ok(records) => {
                    let texts = records
                        .iter()
                        .map(|record| String::from_utf8_lossy(record).trim().to_owned());
                    texts.collect::<Vec<_>>().join("|")
                }
                Err(problem) => problem.detail,
            };
            assert_eq!(found, expected, "{body}");
        }
        assert!(records(&Bytes::from_static(b"{\"a\":\"\xff\"}")).is_err());
    }
}
