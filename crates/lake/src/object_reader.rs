//! One object of a store, read range by range.
//!
//! A file on this machine is read into buffers that are used again: the store's
//! own reading allocates each anew, and the kernel zeroes each before its first
//! use, which costs more than copying the bytes.

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

/// An object that is there, opened for reading.
#[derive(Debug)]
pub struct ObjectReader {
    way: Way,
    buffers: Arc<BufferPool>,
}

#[derive(Debug)]
enum Way {
    File(File),
    /// With the tag of the content that is meant, where there is one.
    Store(Arc<dyn ObjectStore>, Path, Option<String>),
}

/// Memory that ranges are read into, once nobody looks at the last ones.
#[derive(Debug, Default)]
pub struct BufferPool {
    free: Mutex<Vec<Vec<u8>>>,
}

impl Location {
    /// Opens the object at `path`, a path in the store.
    ///
    /// # Errors
    /// Words of the system where a file cannot be opened; whether an object
    /// of a remote store is there shows when it is read.
    pub fn open(&self, path: &Path, buffers: &Arc<BufferPool>) -> Result<ObjectReader, String> {
        let way = match self.file(path) {
            Some(file) => Way::File(File::open(file).map_err(|error| error.to_string())?),
            None => Way::Store(Arc::clone(self.store()), path.clone(), None),
        };
        Ok(ObjectReader {
            way,
            buffers: Arc::clone(buffers),
        })
    }
}

impl ObjectReader {
    /// The object with the content that a store gave this tag: to read another is
    /// an error. A file on this machine is one content as long as it is open, unless
    /// somebody writes into it.
    #[must_use]
    pub fn with_etag(mut self, tag: Option<&str>) -> Self {
        if let Way::Store(.., meant) = &mut self.way {
            *meant = tag.map(str::to_owned);
        }
        self
    }

    /// The bytes in `range`, fewer where the object ends before. A file is
    /// read on the calling thread.
    ///
    /// # Errors
    /// Words of the system or the store.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, String> {
        match &self.way {
            Way::File(file) => {
                BufferPool::filled(&self.buffers, file, range).map_err(|error| error.to_string())
            }
            Way::Store(store, path, tag) => {
                let options = GetOptions {
                    range: Some(range.into()),
                    if_match: tag.clone(),
                    ..GetOptions::default()
                };
                let got = async { store.get_opts(path, options).await?.bytes().await };
                got.await.map_err(|error| store_reason(&error))
            }
        }
    }
}

impl BufferPool {
    fn filled(buffers: &Arc<Self>, file: &File, range: Range<u64>) -> io::Result<Bytes> {
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut memory = buffers.free.lock().pop().unwrap_or_default();
        if memory.len() < wanted {
            memory.resize(wanted, 0);
        }
        let mut lent = Lent {
            memory,
            filled: 0,
            home: Arc::downgrade(buffers),
        };
        while lent.filled < wanted {
            let at = range.start + lent.filled as u64;
            match file.read_at(&mut lent.memory[lent.filled..wanted], at) {
                Ok(0) => break,
                Ok(read) => lent.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Bytes::from_owner(lent))
    }
}

/// A buffer on loan: it goes home when the last view of its bytes is dropped.
struct Lent {
    memory: Vec<u8>,
    filled: usize,
    home: Weak<BufferPool>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.filled]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            home.free.lock().push(std::mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ranges_of_a_file_and_beyond_its_end() {
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
        assert_eq!(buffers.free.lock().len(), 1, "one buffer served them all");
        assert!(location.open(&location.child("none"), &buffers).is_err());
    }
}
