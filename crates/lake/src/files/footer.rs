//! Parquet files by parts: their footers, and stretches of them.

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

/// So much is read of a file's end at first; mostly its footer is shorter.
const FOOTER_BYTES: u64 = 64 << 10;

impl Lake {
    /// What a file says of its row groups, and where their pages are if that is
    /// asked for.
    pub(crate) async fn footer(
        &self,
        file: &DataFile,
        pages: PageIndexPolicy,
    ) -> Result<ParquetMetaData, Error> {
        // Which pages are encoded how is told page by page: so it can be written
        // again.
        let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
        let mut reader = ParquetMetaDataReader::new()
            .with_metadata_options(Some(options))
            .with_offset_index_policy(pages);
        let mut length = FOOTER_BYTES.min(file.bytes);
        loop {
            let range = file.bytes - length..file.bytes;
            let read = self.location().store().get_range(&file.path, range).await;
            let read = read.map_err(|error| self.out_of_reach(file, &error))?;
            match reader.try_parse_sized(&read, file.bytes) {
                Ok(()) => break,
                Err(ParquetError::NeedMoreData(needed)) if needed as u64 > length => {
                    length = (needed as u64).min(file.bytes);
                }
                Err(error) => return Err(self.unread(file, &error)),
            }
        }
        let footer = reader.finish();
        footer.map_err(|error| self.unread(file, &error))
    }

    /// A file that the store does not give.
    pub(crate) fn out_of_reach(&self, file: &DataFile, error: &object_store::Error) -> Error {
        Error::store("read", self.location().display(&file.path), error)
    }

    /// A file that is not what it should be.
    pub(crate) fn unread(&self, file: &DataFile, error: &ParquetError) -> Error {
        Error::Store {
            action: "read",
            object: self.location().display(&file.path),
            reason: error.to_string(),
        }
    }
}

/// A stretch of a file, for a reader that counts from the file's beginning.
pub(crate) struct Part {
    bytes: Bytes,
    start: u64,
    /// Of the file.
    end: u64,
}

impl Part {
    /// `bytes` stand at `start` of a file of `end` bytes.
    pub(crate) fn new(bytes: Bytes, start: u64, end: u64) -> Self {
        Self { bytes, start, end }
    }

    fn from(&self, start: u64) -> ParquetResult<Bytes> {
        let skipped = start.checked_sub(self.start);
        let skipped = skipped.and_then(|skipped| usize::try_from(skipped).ok());
        match skipped.filter(|skipped| *skipped <= self.bytes.len()) {
            Some(skipped) => Ok(self.bytes.slice(skipped..)),
            None => Err(ParquetError::EOF(format!("byte {start} is not at hand"))),
        }
    }
}

impl Length for Part {
    fn len(&self) -> u64 {
        self.end
    }
}

impl ChunkReader for Part {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let bytes = self.from(start)?;
        match length <= bytes.len() {
            true => Ok(bytes.slice(..length)),
            false => Err(ParquetError::EOF(format!("{length} bytes are not at hand"))),
        }
    }
}
