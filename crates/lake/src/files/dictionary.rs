//! Finds the row groups of a file that may contain a text, by column dictionaries.
//!
//! Personal columns have no statistics that could answer this. But if a column
//! chunk is encoded by a dictionary, the dictionary holds exactly the texts of the
//! chunk. It is small and at the start of the chunk. Incremental runs use it to
//! find the earlier rows of a person.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::Field;
use bytes::Bytes;
use object_store::ObjectStore;
use parquet::basic::{Encoding, PageType, Type};
use parquet::column::page::{Page, PageReader};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::error::Error;
use crate::files::footer::FileRange;
use crate::files::layout::DataFile;
use crate::lake::Lake;

impl Lake {
    /// For each row group of a file, whether `is_wanted` may hold for a text in
    /// `column`. Ignores nulls.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub async fn row_groups_may_contain(
        &self,
        file: &DataFile,
        column: &Field,
        mut is_wanted: impl FnMut(&str) -> bool,
    ) -> Result<Vec<bool>, Error> {
        let footer = self.footer(file, PageIndexPolicy::Skip).await?;
        let mut may_contain = vec![true; footer.num_row_groups()];
        let mut dictionaries = Vec::new();
        for (number, group) in footer.row_groups().iter().enumerate() {
            let mut chunks = group.columns().iter();
            let chunk = chunks.find(|chunk| chunk.column_path().string() == *column.name());
            if let Some(chunk) = chunk
                && let Some(range) = dictionary_range(chunk)
            {
                dictionaries.push((number, chunk, group.num_rows(), range));
            }
        }
        let ranges: Vec<Range<u64>> = dictionaries
            .iter()
            .map(|(.., range)| range.clone())
            .collect();
        let read = self.location().store().get_ranges(&file.path, &ranges);
        let read = read.await.map_err(|error| self.read_error(file, &error))?;
        for ((number, chunk, rows, range), bytes) in dictionaries.into_iter().zip(read) {
            let dictionary = FileRange::new(bytes, range.start, file.bytes);
            let page =
                dictionary_page(dictionary, chunk, usize::try_from(rows).unwrap_or_default());
            let page = page.map_err(|error| self.parse_error(file, &error))?;
            may_contain[number] = page.is_none_or(|page| texts(&page).any(&mut is_wanted));
        }
        Ok(may_contain)
    }
}

/// The byte range of the dictionary of a text column chunk. `None` if some of its
/// pages do not use the dictionary.
fn dictionary_range(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    if chunk.column_type() != Type::BYTE_ARRAY {
        return None;
    }
    let pages = chunk.page_encoding_stats()?.iter();
    let mut encodings = pages
        .filter(|page| matches!(page.page_type, PageType::DATA_PAGE | PageType::DATA_PAGE_V2))
        .map(|page| page.encoding)
        .peekable();
    let is_dictionary_only = encodings.peek().is_some()
        && encodings.all(|encoding| {
            matches!(
                encoding,
                Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY
            )
        });
    let start = u64::try_from(chunk.dictionary_page_offset()?).ok()?;
    let end = u64::try_from(chunk.data_page_offset()).ok()?;
    (is_dictionary_only && start < end).then_some(start..end)
}

/// The dictionary page of a chunk.
fn dictionary_page(
    range: FileRange,
    chunk: &ColumnChunkMetaData,
    rows: usize,
) -> ParquetResult<Option<Bytes>> {
    let mut pages = SerializedPageReader::new(Arc::new(range), chunk, rows, None)?;
    Ok(match pages.get_next_page()? {
        Some(Page::DictionaryPage { buf, .. }) => Some(buf),
        _ => None,
    })
}

/// The texts of a dictionary page, where each follows its length.
fn texts(page: &Bytes) -> impl Iterator<Item = &str> {
    let mut rest = &page[..];
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = after;
        Some(str::from_utf8(text).unwrap_or_default())
    })
}
