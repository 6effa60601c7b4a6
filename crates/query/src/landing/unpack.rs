//! Reads packed and Parquet files: unpacks and decodes them on a thread of their own.

use std::fs::File;
use std::io::{BufReader, Cursor, ErrorKind, Read};
use std::sync::{Arc, OnceLock};

use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use futures::StreamExt;
use lake::{BufferPool, store_reason};
use landing::compression::{Fault, Unreadable, unpacked_bytes_max};
use landing::{
    Carry, Container, Decoded, Decoder, Found, HEAD_BYTES, Limited, Raw, Reason, Rejected,
};
use object_store::GetOptions;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::content::{Hashed, PIECE_BYTES};
use super::parquet::{ParquetLines, ParquetSource};
use super::tag::Tag;
use super::{Source, SourceFile};
use crate::error::{Error, LandingFault, external};

/// What is read of a file on disk at once.
const READ_BYTES: usize = 64 << 10;

/// A whole packed file, as decoded pieces in order.
pub(super) struct Packed {
    pub(super) pieces: mpsc::Receiver<Result<Piece>>,
    /// Hash of a packed file on disk, set once it was read to its end.
    pub(super) hash: Arc<OnceLock<u64>>,
    _task: SpawnedTask<()>,
}

/// A decoded piece of a packed file, and whether it is the last.
pub(super) type Piece = (Decoded, bool);

impl Packed {
    /// Starts reading `file` of `source`, with a decoder of its own.
    pub(super) fn start(
        source: &Arc<Source>,
        file: &SourceFile,
        decoder: &Decoder,
        buffers: &Arc<BufferPool>,
    ) -> Self {
        let (to, pieces) = mpsc::channel(2);
        let hash: Arc<OnceLock<u64>> = Arc::default();
        let unpacking = Unpacking {
            source: Arc::clone(source),
            file: file.clone(),
            decoder: decoder.clone(),
            buffers: Arc::clone(buffers),
            to: to.clone(),
            hash: Arc::clone(&hash),
        };
        let task = SpawnedTask::spawn(async move {
            if let Err(error) = unpacking.run().await {
                let _ = to.send(Err(error)).await;
            }
        });
        Self {
            pieces,
            hash,
            _task: task,
        }
    }
}

/// The task that unpacks a file.
struct Unpacking {
    source: Arc<Source>,
    file: SourceFile,
    decoder: Decoder,
    buffers: Arc<BufferPool>,
    to: mpsc::Sender<Result<Piece>>,
    hash: Arc<OnceLock<u64>>,
}

impl Unpacking {
    /// Unpacks and decodes the file. If it is broken, the bytes before the fault are
    /// read and the rest is quarantined.
    async fn run(self) -> Result<()> {
        let file = &self.file;
        let location = &self.source.location;
        let packed = Hashed::new(self.stream().await?);
        let object = location.open(&file.path, &self.buffers);
        let object = object.map_err(|reason| unreadable(file, &reason))?;
        let parquet = ParquetSource::new(
            object.with_etag(file.tag.on_store()),
            file.bytes,
            location.folder().is_none(),
            Handle::current(),
        );
        SpawnedTask::spawn_blocking(move || self.read(packed, parquet))
            .await
            .map_err(joined)?
    }

    /// The bytes of the file as it lies.
    async fn stream(&self) -> Result<Box<dyn Read + Send>> {
        let (file, location) = (&self.file, &self.source.location);
        if let Some(path) = location.file(&file.path) {
            let opened = File::open(path).map_err(|e| unreadable(file, &e.to_string()))?;
            return Ok(Box::new(BufReader::with_capacity(READ_BYTES, opened)));
        }
        let only = GetOptions {
            if_match: file.tag.on_store().map(str::to_owned),
            ..GetOptions::default()
        };
        let got = location.store().get_opts(&file.path, only).await;
        let got = got.map_err(|error| unreadable(file, &store_reason(&error)))?;
        let stream = got
            .into_stream()
            .map(|chunk| chunk.map_err(std::io::Error::other));
        Ok(Box::new(SyncIoBridge::new(StreamReader::new(stream))))
    }

    /// Reads `packed`, or the same file through `parquet` if it is one.
    fn read(self, mut packed: Hashed<impl Read + Send>, parquet: ParquetSource) -> Result<()> {
        let file = &self.file;
        let failed = |error: std::io::Error| unreadable(file, &error.to_string());
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let mut first = packed.by_ref().take(HEAD_BYTES as u64);
        first.read_to_end(&mut head).map_err(failed)?;
        let bytes_max = unpacked_bytes_max(file.bytes);
        let container = Container::of(&file.name, &head);
        let end = match container {
            Container::Parquet => self.read_parquet(parquet, bytes_max)?,
            container => {
                let packed = Cursor::new(head).chain(&mut packed);
                let plain = container.unpacked(packed, bytes_max).map_err(failed)?;
                self.decode(plain)?
            }
        };
        let Some(end) = end else {
            return Ok(());
        };
        let _ = self.to.blocking_send(Ok((end, true)));
        // Only files on disk are recognised by their content. Bytes behind a fault are part
        // of it too. The rows of a Parquet file come from another reading than the hash.
        if let Tag::Disk { .. } = file.tag
            && let Ok(whole) = packed.finish()
            && (container != Container::Parquet || self.is_unchanged())
        {
            let _ = self.hash.set(whole);
        }
        Ok(())
    }

    /// Whether the file on disk still is the one that was listed.
    fn is_unchanged(&self) -> bool {
        let path = self.source.location.file(&self.file.path);
        let now = path.and_then(|path| std::fs::metadata(path).ok());
        now.is_some_and(|now| Tag::of(&now) == self.file.tag)
    }

    fn read_parquet(&self, parquet: ParquetSource, bytes_max: u64) -> Result<Option<Decoded>> {
        let mut lines = match ParquetLines::open(parquet, &self.decoder.spec().schema) {
            Ok(lines) => lines,
            Err(error) => return self.decode(Failing(Some(error))),
        };
        let end = self.decode(Limited::new(&mut lines, bytes_max))?;
        Ok(end.map(|mut end| {
            lines.count_unknown(&mut end.tally);
            end
        }))
    }

    /// Decodes unpacked bytes to their end and returns what becomes known there; `None`
    /// if the receiver was dropped.
    fn decode(&self, mut plain: impl Read) -> Result<Option<Decoded>> {
        let mut carry = Carry::start();
        loop {
            let mut bytes = Vec::with_capacity(PIECE_BYTES as usize);
            let mut piece = plain.by_ref().take(PIECE_BYTES);
            let outcome = piece.read_to_end(&mut bytes);
            let ends = bytes.len() < PIECE_BYTES as usize;
            let decoded = self.decoder.decode(bytes.into(), carry);
            carry = decoded.carry.clone();
            if self.to.blocking_send(Ok((decoded, false))).is_err() {
                return Ok(None);
            }
            if outcome.is_ok() && !ends {
                continue;
            }
            let mut end = self.decoder.finish(carry);
            if let Err(error) = outcome {
                if error.kind() != ErrorKind::InvalidData {
                    return Err(unreadable(&self.file, &error.to_string()));
                }
                give_up(&mut end, &error);
            }
            return Ok(Some(end));
        }
    }
}

/// A reader that fails.
struct Failing(Option<std::io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Adds a quarantine entry about the part of a file that could not be unpacked.
fn give_up(end: &mut Decoded, error: &std::io::Error) {
    let reason = error.get_ref();
    let reason = reason.and_then(|reason| reason.downcast_ref::<Unreadable>());
    end.rejected.push(Rejected {
        offset: end.carry.offset(),
        length: 0,
        end: end.carry.offset(),
        places: 1,
        line: end.carry.line(),
        kind: match reason.map(|reason| reason.what) {
            Some(Fault::Excessive) => Reason::CompressionRatio,
            _ => Reason::Unpackable,
        },
        detail: match reason {
            // Not the message: its position depends on the sizes of reads, or says
            // nothing.
            Some(reason) if !reason.what.is_of_stream() => reason.what.to_string(),
            _ => error.to_string(),
        },
        raw: Raw::Bytes(Vec::new()),
        found: Found::default(),
    });
    end.tally.rejected_others += 1;
}

/// The error about a file that cannot be read.
pub(super) fn unreadable(file: &SourceFile, reason: &str) -> DataFusionError {
    external(Error::Landing(LandingFault::NotRead {
        file: file.shown.clone(),
        reason: reason.to_owned(),
    }))
}

/// The error about a task that panicked or was cancelled.
pub(super) fn joined(error: impl std::fmt::Display) -> DataFusionError {
    DataFusionError::Execution(format!("a reading task ended early: {error}"))
}
