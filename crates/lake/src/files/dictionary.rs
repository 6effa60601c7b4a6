//! Which parts of a file hold a text, told by the dictionaries of its columns.
//!
//! Personal columns carry no statistics that would tell. But a column chunk that
//! is encoded by a dictionary holds just the texts of its dictionary, which is a
//! small part of the chunk and stands before it.

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
use crate::files::footer::Part;
use crate::files::layout::DataFile;
use crate::lake::Lake;

impl Lake {
    /// Whether each row group of a file may hold a row whose text in `column`
    /// `is_wanted`. Nulls are not looked at.
    ///
    /// # Errors
    /// [`Error::Store`] where the file cannot be read.
    pub async fn row_groups_may_contain(
        &self,
        file: &DataFile,
        column: &Field,
        mut is_wanted: impl FnMut(&str) -> bool,
    ) -> Result<Vec<bool>, Error> {
        let footer = self.footer(file, PageIndexPolicy::Skip).await?;
        let mut told = vec![true; footer.num_row_groups()];
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
            .map_err(|error| self.out_of_reach(file, &error))?;
        for ((number, chunk, rows, range), bytes) in dictionaries.into_iter().zip(read) {
            let part = Part::new(bytes, range.start, file.bytes);
            let texts = texts(part, chunk, usize::try_from(rows).unwrap_or_default());
            let texts = texts.map_err(|error| self.unread(file, &error))?;
            told[number] = texts.is_none_or(|texts| each(&texts).any(&mut is_wanted));
        }
        Ok(told)
    }
}

/// Where the dictionary of a chunk of texts stands that is encoded by it
/// throughout.
fn dictionary_of(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    if chunk.column_type() != Type::BYTE_ARRAY {
        return None;
    }
    let pages = chunk.page_encoding_stats()?.iter();
    let mut of_rows = pages
        .filter(|page| matches!(page.page_type, PageType::DATA_PAGE | PageType::DATA_PAGE_V2))
        .map(|page| page.encoding)
        .peekable();
    let is_throughout = of_rows.peek().is_some()
        && of_rows.all(|by| matches!(by, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY));
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
