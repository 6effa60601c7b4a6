//! Gives the Parquet library the bytes that it asks for, within bounds.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use lake::ObjectReader;
use parking_lot::Mutex;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Handle;

use super::page_header::{PageFault, PageHeader};
use super::unpacked_size::PackedChunks;

/// Bytes that are read to see a page's header; a header with long statistics has
/// more, up to the second number.
const HEADER_BYTES: [u64; 2] = [8 << 10, 1 << 20];

/// Bytes of one request to a remote store, which costs far more than its bytes.
const BLOCK_BYTES: u64 = 1 << 20;

/// Blocks that are kept: a page of each column is read in turn.
const BLOCKS_MAX: usize = 32;

/// Longest stretch that is read at once.
const READ_BYTES_MAX: u64 = 64 << 20;

/// A Parquet file in a store. Clones share what they read.
#[derive(Clone)]
pub(in crate::landing) struct ParquetSource {
    object: Arc<ObjectReader>,
    bytes: u64,
    is_remote: bool,
    runtime: Handle,
    blocks: Arc<Mutex<VecDeque<(u64, Bytes)>>>,
    fault: Arc<Mutex<Option<SourceFault>>>,
    packed: Arc<Mutex<PackedChunks>>,
}

/// Why bytes were not given.
pub(super) enum SourceFault {
    /// The store failed: nothing is known about the file.
    Store(String),
    /// The file is not read because of this page.
    Page(PageFault),
}

impl ParquetSource {
    /// The object of `bytes` bytes. It is read by blocking on `runtime`.
    pub(in crate::landing) fn new(
        object: ObjectReader,
        bytes: u64,
        is_remote: bool,
        runtime: Handle,
    ) -> Self {
        Self {
            object: Arc::new(object),
            bytes,
            is_remote,
            runtime,
            blocks: Arc::default(),
            fault: Arc::default(),
            packed: Arc::default(),
        }
    }

    /// Takes the reason why the last bytes were not given, if there was one.
    pub(super) fn take_fault(&self) -> Option<SourceFault> {
        self.fault.lock().take()
    }

    /// Measures pages of these columns before they are given.
    pub(super) fn measure(&self, packed: PackedChunks) {
        *self.packed.lock() = packed;
    }

    /// The bytes of a range of the file.
    pub(super) fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let length = range.end.saturating_sub(range.start);
        if range.start > range.end || range.end > self.bytes || length > READ_BYTES_MAX {
            return Err(ParquetError::EOF("beyond the file".to_owned()));
        }
        if !self.is_remote || length > BLOCK_BYTES {
            return self.fetch(range);
        }
        let mut bytes = Vec::with_capacity(length as usize);
        let mut at = range.start;
        while at < range.end {
            let start = at - at % BLOCK_BYTES;
            let block = self.block(start)?;
            let until = range.end.min(start + BLOCK_BYTES);
            bytes.extend_from_slice(&block[(at - start) as usize..(until - start) as usize]);
            at = until;
        }
        Ok(bytes.into())
    }

    fn block(&self, start: u64) -> Result<Bytes> {
        let known = |blocks: &VecDeque<(u64, Bytes)>| {
            let block = blocks.iter().find(|(known, _)| *known == start);
            block.map(|(_, bytes)| bytes.clone())
        };
        if let Some(bytes) = known(&self.blocks.lock()) {
            return Ok(bytes);
        }
        let bytes = self.fetch(start..(start + BLOCK_BYTES).min(self.bytes))?;
        let mut blocks = self.blocks.lock();
        if blocks.len() == BLOCKS_MAX {
            blocks.pop_front();
        }
        blocks.push_back((start, bytes.clone()));
        Ok(bytes)
    }

    fn fetch(&self, range: Range<u64>) -> Result<Bytes> {
        let due = range.end - range.start;
        let read = self.runtime.block_on(self.object.read(range));
        let reason = match read {
            Ok(bytes) if bytes.len() as u64 == due => return Ok(bytes),
            Ok(_) => "it was truncated while being read".to_owned(),
            Err(reason) => reason,
        };
        *self.fault.lock() = Some(SourceFault::Store(reason));
        Err(ParquetError::EOF("not read".to_owned()))
    }

    fn refuse(&self, fault: PageFault) -> ParquetError {
        *self.fault.lock() = Some(SourceFault::Page(fault));
        ParquetError::General("a page is refused".to_owned())
    }
}

impl Length for ParquetSource {
    fn len(&self) -> u64 {
        self.bytes
    }
}

/// Reader of the header of one page, which was checked.
pub(in crate::landing) struct HeaderBytes(Bytes);

impl Read for HeaderBytes {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = out.len().min(self.0.len());
        self.0.copy_to_slice(&mut out[..length]);
        Ok(length)
    }
}

impl ChunkReader for ParquetSource {
    type T = HeaderBytes;

    /// The library calls this to read the header of a page that begins at `start`.
    fn get_read(&self, start: u64) -> Result<HeaderBytes> {
        for length in HEADER_BYTES {
            let end = start.saturating_add(length).min(self.bytes);
            let bytes = self.read(start.min(end)..end)?;
            let header = PageHeader::read(&bytes).map_err(|fault| self.refuse(fault))?;
            if let Some(header) = header {
                let body = header.check().map_err(|fault| self.refuse(fault))?;
                self.packed.lock().announce(start, body);
                return Ok(HeaderBytes(bytes));
            }
        }
        Err(self.refuse(PageFault::Corrupt))
    }

    /// The library calls this to read the body of a page.
    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.read(start..start.saturating_add(length as u64))?;
        let checked = self.packed.lock().check(start, &bytes);
        checked.map_err(|fault| self.refuse(fault))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use lake::Location;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn blocks_and_ranges_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..3 * BLOCK_BYTES + 7)
            .map(|at| ((at * 7919) >> 3) as u8)
            .collect();
        std::fs::write(folder.path().join("a"), &bytes).unwrap();
        let location = Location::parse(folder.path().to_str().unwrap()).unwrap();
        for is_remote in [false, true] {
            let object = location
                .open(&location.child("a"), &Arc::default())
                .unwrap();
            let length = bytes.len() as u64;
            let source = ParquetSource::new(object, length, is_remote, Handle::current());
            let bytes = bytes.clone();
            let read = tokio::task::spawn_blocking(move || {
                for (start, end) in [
                    (0, 8),
                    (BLOCK_BYTES - 3, BLOCK_BYTES + 3),
                    (5, 2 * BLOCK_BYTES + 5),
                    (length - 8, length),
                    (length, length),
                    (0, length),
                ] {
                    let found = source.read(start..end).unwrap();
                    assert_eq!(found, bytes[start as usize..end as usize], "{start}..{end}");
                }
                for (start, end) in [(length - 1, length + 1), (0, u64::MAX), (9, 8)] {
                    let found = source.read(start..end);
                    assert!(
                        found.is_err() || found.unwrap().is_empty(),
                        "{start}..{end}"
                    );
                }
                assert!(source.take_fault().is_none());
            });
            read.await.unwrap();
        }
    }
}
