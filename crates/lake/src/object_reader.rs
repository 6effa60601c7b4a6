//! Reads one object range by range. Used for landing files.
//!
//! Ranges of a local file are read into pooled buffers. The store's own reader
//! allocates a new buffer for each range, and the kernel zeroes its pages before
//! their first use. That costs more than copying the bytes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};
use parking_lot::Mutex;

use crate::location::Location;
use crate::store_error::store_reason;

/// An open object.
#[derive(Debug)]
pub struct ObjectReader {
    source: Source,
    buffers: Arc<BufferPool>,
}

#[derive(Debug)]
enum Source {
    File(File),
    /// With the ETag of the wanted content, if any.
    Store(Arc<dyn ObjectStore>, Path, Option<String>),
}

/// Reusable buffers. A buffer returns to the pool when the last view of its bytes
/// is dropped.
#[derive(Debug, Default)]
pub struct BufferPool {
    free: Mutex<Vec<Vec<u8>>>,
}

impl Location {
    /// Opens the object at `path` (a path in the store).
    ///
    /// # Errors
    /// The text of the system if a file cannot be opened. A missing object of a
    /// remote store is an error when it is read.
    pub fn open(&self, path: &Path, buffers: &Arc<BufferPool>) -> Result<ObjectReader, String> {
        let source = match self.file(path) {
            Some(file) => Source::File(File::open(file).map_err(|error| error.to_string())?),
            None => Source::Store(Arc::clone(self.store()), path.clone(), None),
        };
        Ok(ObjectReader {
            source,
            buffers: Arc::clone(buffers),
        })
    }
}

impl ObjectReader {
    /// Reads only the content with this ETag; other content is an error. Has no
    /// effect on a local file, which keeps its content while it is open unless
    /// another process writes into it.
    #[must_use]
    pub fn with_etag(mut self, etag: Option<&str>) -> Self {
        if let Source::Store(.., wanted) = &mut self.source {
            *wanted = etag.map(str::to_owned);
        }
        self
    }

    /// The bytes of `range`, fewer if the object ends earlier. A file is read on
    /// the calling thread.
    ///
    /// # Errors
    /// The text of the system, or [`store_reason`].
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, String> {
        match &self.source {
            Source::File(file) => {
                BufferPool::read(&self.buffers, file, range).map_err(|error| error.to_string())
            }
            Source::Store(store, path, etag) => {
                let options = GetOptions {
                    range: Some(range.into()),
                    if_match: etag.clone(),
                    ..GetOptions::default()
                };
                let read = async { store.get_opts(path, options).await?.bytes().await };
                read.await.map_err(|error| store_reason(&error))
            }
        }
    }
}

impl BufferPool {
    fn read(pool: &Arc<Self>, file: &File, range: Range<u64>) -> io::Result<Bytes> {
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut memory = pool.free.lock().pop().unwrap_or_default();
        if memory.len() < wanted {
            memory.resize(wanted, 0);
        }
        let mut buffer = PooledBuffer {
            memory,
            filled: 0,
            pool: Arc::downgrade(pool),
        };
        while buffer.filled < wanted {
            let at = range.start + buffer.filled as u64;
            match file.read_at(&mut buffer.memory[buffer.filled..wanted], at) {
                Ok(0) => break,
                Ok(read) => buffer.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Bytes::from_owner(buffer))
    }
}

struct PooledBuffer {
    memory: Vec<u8>,
    filled: usize,
    pool: Weak<BufferPool>,
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.filled]
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.free.lock().push(std::mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ranges_within_a_file_and_past_its_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a b.json"), b"0123456789").unwrap();
        let location = Location::parse(folder.path().to_str().unwrap()).unwrap();
        let buffers = Arc::default();
        let object = location
            .open(&location.child("a b.json"), &buffers)
            .unwrap();
        for (range, expected) in [
            (0..4, "0123"),
            (2..3, "2"),
            (8..20, "89"),
            (20..24, ""),
            (0..10, "0123456789"),
        ] {
            let read = object.read(range.clone()).await.unwrap();
            assert_eq!(read, expected.as_bytes(), "{range:?}");
        }
        assert_eq!(buffers.free.lock().len(), 1, "one buffer is reused");
        assert!(location.open(&location.child("none"), &buffers).is_err());
    }
}
