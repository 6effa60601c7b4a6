//! Which parts of a file hold a text, told by the dictionaries of its columns.
//!
//! Personal columns carry no statistics that would tell. But a column chunk that
//! is encoded by a dictionary holds just the texts of its dictionary, which is a
//! small part of the chunk and stands before it.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::Field;
use bytes::{Buf, Bytes};
use object_store::ObjectStoreExt;
use parquet::basic::{Encoding, PageType, Type};
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::{DataFile, Error, Lake, store_reason};

/// So much is read of a file's end at first; mostly its footer is shorter.
const FOOTER_BYTES: u64 = 64 << 10;

impl Lake {
    /// Whether each row group of a file holds a row whose text in `column`
    /// `is_wanted`: `None` where its dictionary does not tell. Nulls are not
    /// looked at.
    ///
    /// # Errors
    /// [`Error::Store`] where the file cannot be read.
    pub async fn row_groups_having(
        &self,
        file: &DataFile,
        column: &Field,
        mut is_wanted: impl FnMut(&str) -> bool,
    ) -> Result<Vec<Option<bool>>, Error> {
        let footer = self.footer(file).await?;
        let mut told = vec![None; footer.num_row_groups()];
        let mut dictionaries = Vec::new();
        for (number, group) in footer.row_groups().iter().enumerate() {
            let mut chunks = group.columns().iter();
            let chunk = chunks.find(|chunk| chunk.column_path().string() == *column.name());
            if let Some(chunk) = chunk
                && let Some(range) = dictionary_of(chunk)
            {
                dictionaries.push((number, chunk, group.num_rows(), range));
            }
        }
        let ranges: Vec<Range<u64>> = dictionaries.iter().map(|(.., at)| at.clone()).collect();
        let read = self.location().store().get_ranges(&file.path, &ranges);
        let read = read
            .await
            .map_err(|error| self.unread(file, store_reason(&error)))?;
        for ((number, chunk, rows, range), bytes) in dictionaries.into_iter().zip(read) {
            let part = Part {
                bytes,
                start: range.start,
                end: file.bytes,
            };
            let texts = texts(part, chunk, usize::try_from(rows).unwrap_or_default());
            let texts = texts.map_err(|error| self.unread(file, error.to_string()))?;
            told[number] = texts.map(|texts| each(&texts).any(&mut is_wanted));
        }
        Ok(told)
    }

    async fn footer(&self, file: &DataFile) -> Result<ParquetMetaData, Error> {
        let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
        let mut reader = ParquetMetaDataReader::new().with_metadata_options(Some(options));
        let mut length = FOOTER_BYTES.min(file.bytes);
        loop {
            let range = file.bytes - length..file.bytes;
            let read = self.location().store().get_range(&file.path, range).await;
            let read = read.map_err(|error| self.unread(file, store_reason(&error)))?;
            match reader.try_parse_sized(&read, file.bytes) {
                Ok(()) => break,
                Err(ParquetError::NeedMoreData(needed)) if needed as u64 > length => {
                    length = needed as u64;
                }
                Err(error) => return Err(self.unread(file, error.to_string())),
            }
        }
        let footer = reader.finish();
        footer.map_err(|error| self.unread(file, error.to_string()))
    }

    fn unread(&self, file: &DataFile, reason: String) -> Error {
        Error::Store {
            action: "read",
            object: self.location().display(&file.path),
            reason,
        }
    }
}

/// Where the dictionary of a chunk of texts stands that is encoded by it
/// throughout.
fn dictionary_of(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    if chunk.column_type() != Type::BYTE_ARRAY {
        return None;
    }
    let mut pages = chunk.page_encoding_stats()?.iter();
    let is_throughout = pages.all(|page| match page.page_type {
        PageType::DATA_PAGE | PageType::DATA_PAGE_V2 => {
            matches!(
                page.encoding,
                Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY
            )
        }
        _ => true,
    });
    let start = u64::try_from(chunk.dictionary_page_offset()?).ok()?;
    let end = u64::try_from(chunk.data_page_offset()).ok()?;
    (is_throughout && start < end).then_some(start..end)
}

/// The texts of a chunk's dictionary, each after its length.
fn texts(part: Part, chunk: &ColumnChunkMetaData, rows: usize) -> ParquetResult<Option<Bytes>> {
    let mut pages = SerializedPageReader::new(Arc::new(part), chunk, rows, None)?;
    Ok(match pages.get_next_page()? {
        Some(Page::DictionaryPage { buf, .. }) => Some(buf),
        _ => None,
    })
}

/// The texts of a page in which each stands after its length.
fn each(page: &Bytes) -> impl Iterator<Item = &str> {
    let mut rest = &page[..];
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = after;
        Some(str::from_utf8(text).unwrap_or_default())
    })
}

/// A part of a file, for a reader that counts from the file's beginning.
struct Part {
    bytes: Bytes,
    start: u64,
    /// Of the file.
    end: u64,
}

impl Part {
    fn from(&self, start: u64) -> ParquetResult<Bytes> {
        let skipped = start
            .checked_sub(self.start)
            .map(|skipped| skipped as usize);
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
