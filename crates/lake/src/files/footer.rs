//! Reads parts of a Parquet file: its footer, and ranges of bytes for a reader of
//! Parquet pages. Used for rewriting files and looking up values in them.

use bytes::{Buf, Bytes};
use object_store::ObjectStoreExt;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
};
use parquet::file::reader::{ChunkReader, Length};

use crate::error::Error;
use crate::files::layout::DataFile;
use crate::lake::Lake;

/// Bytes read from the end of a file at first. Most footers are shorter.
const FOOTER_BYTES: u64 = 64 << 10;

impl Lake {
    /// The footer of a file, with the offsets of pages if `pages` asks for them.
    pub(crate) async fn footer(
        &self,
        file: &DataFile,
        pages: PageIndexPolicy,
    ) -> Result<ParquetMetaData, Error> {
        // Keeps the encodings of all pages, so that the footer of a rewritten file can
        // have them as well.
        let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
        let mut reader = ParquetMetaDataReader::new()
            .with_metadata_options(Some(options))
            .with_offset_index_policy(pages);
        let mut length = FOOTER_BYTES.min(file.bytes);
        loop {
            let range = file.bytes - length..file.bytes;
            let read = self.location().store().get_range(&file.path, range).await;
            let read = read.map_err(|error| self.read_error(file, &error))?;
            match reader.try_parse_sized(&read, file.bytes) {
                Ok(()) => break,
                Err(ParquetError::NeedMoreData(needed)) if needed as u64 > length => {
                    length = (needed as u64).min(file.bytes);
                }
                Err(error) => return Err(self.parse_error(file, &error)),
            }
        }
        let footer = reader.finish();
        footer.map_err(|error| self.parse_error(file, &error))
    }

    /// The error about a file that the store failed to deliver.
    pub(crate) fn read_error(&self, file: &DataFile, error: &object_store::Error) -> Error {
        Error::store("read", self.location().display(&file.path), error)
    }

    /// The error about a file with wrong content.
    pub(crate) fn parse_error(&self, file: &DataFile, error: &ParquetError) -> Error {
        Error::Store {
            action: "read",
            object: self.location().display(&file.path),
            reason: error.to_string(),
        }
    }
}

/// A range of a file, for Parquet readers that use offsets into the whole file.
pub(crate) struct FileRange {
    bytes: Bytes,
    start: u64,
    /// The size of the file.
    file_bytes: u64,
}

impl FileRange {
    /// The range with `bytes` at offset `start` of a file with `file_bytes` bytes.
    pub(crate) fn new(bytes: Bytes, start: u64, file_bytes: u64) -> Self {
        Self {
            bytes,
            start,
            file_bytes,
        }
    }

    fn from(&self, start: u64) -> ParquetResult<Bytes> {
        let skipped = start.checked_sub(self.start);
        let skipped = skipped.and_then(|skipped| usize::try_from(skipped).ok());
        match skipped.filter(|skipped| *skipped <= self.bytes.len()) {
            Some(skipped) => Ok(self.bytes.slice(skipped..)),
            None => Err(ParquetError::EOF(format!("byte {start} was not read"))),
        }
    }
}

impl Length for FileRange {
    fn len(&self) -> u64 {
        self.file_bytes
    }
}

impl ChunkReader for FileRange {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let bytes = self.from(start)?;
        match length <= bytes.len() {
            true => Ok(bytes.slice(..length)),
            false => Err(ParquetError::EOF(format!("{length} bytes were not read"))),
        }
    }
}
