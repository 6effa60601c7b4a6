//! Writes a new data file that replaces an old one, row group by row group. The caller
//! copies a row group without decoding it, or passes the rows that remain. Used for
//! removing rows of people and duplicates.

use arrow::array::RecordBatch;
use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::writer::SerializedFileWriter;

use crate::error::Error;
use crate::files::footer::FileRange;
use crate::files::layout::{DataFile, Layout, write_error};
use crate::files::writer::new_file_name;
use crate::lake::Lake;

/// A new file that replaces an old one. It belongs to the table only after it is
/// published.
pub struct FileRewrite {
    lake: Lake,
    layout: Layout,
    old: DataFile,
    /// The footer of the old file.
    old_footer: ParquetMetaData,
    name: String,
    path: Path,
    /// Keeps encoded bytes in memory until a row group ends.
    writer: SerializedFileWriter<Vec<u8>>,
    encoders: ArrowRowGroupWriterFactory,
    sink: BufWriter,
}

impl Lake {
    /// Starts to rewrite `old`. Uploads nothing before the first row group. The name
    /// of the new file contains `run`, as for [`Lake::writer`].
    ///
    /// # Errors
    /// [`Error::Store`] if the old file cannot be read; [`Error::FileWrite`].
    pub async fn rewrite_file(
        &self,
        layout: &Layout,
        run: &str,
        old: &DataFile,
    ) -> Result<FileRewrite, Error> {
        let footer = self.footer(old, PageIndexPolicy::Optional).await?;
        let writer = layout.memory_writer(Vec::new());
        let writer = writer.and_then(|writer| writer.into_serialized_writer());
        let (writer, encoders) = writer.map_err(|error| write_error(layout.table(), &error))?;
        let name = new_file_name(run);
        let path = self.table_path(layout.table()).join(name.as_str());
        Ok(FileRewrite {
            lake: self.clone(),
            layout: layout.clone(),
            old: old.clone(),
            old_footer: footer,
            sink: self.sink(&path),
            name,
            path,
            writer,
            encoders,
        })
    }
}

impl FileRewrite {
    /// The number of row groups of the old file.
    pub fn row_groups(&self) -> usize {
        self.old_footer.num_row_groups()
    }

    /// Whether row groups can be copied: the old file has the same Parquet schema
    /// and an offset index. (The library cannot write a file in which only some row
    /// groups have one.)
    pub fn can_copy_row_groups(&self) -> bool {
        let schema = self.writer.schema_descr().root_schema();
        self.old_footer.file_metadata().schema() == schema
            && self.old_footer.offset_index().is_some()
    }

    /// Copies row group `number` of the old file.
    ///
    /// # Errors
    /// [`Error::Store`] if it cannot be read; [`Error::FileWrite`].
    pub async fn copy_row_group(&mut self, number: usize) -> Result<(), Error> {
        let group = self.old_footer.row_group(number);
        let ranges = group.columns().iter().map(|chunk| chunk.byte_range());
        let (start, end) = ranges.fold((u64::MAX, 0), |(start, end), (at, length)| {
            (start.min(at), end.max(at + length))
        });
        let store = self.lake.location().store();
        let bytes = store.get_range(&self.old.path, start.min(end)..end).await;
        let bytes = bytes.map_err(|error| self.lake.read_error(&self.old, &error))?;
        let range = FileRange::new(bytes, start, self.old.bytes);
        let pages = self
            .old_footer
            .offset_index()
            .and_then(|all| all.get(number));
        let copied = copy(&mut self.writer, group, pages, &range);
        copied.map_err(|error| write_error(self.layout.table(), &error))?;
        self.upload().await
    }

    /// Writes `rows` as one new row group.
    ///
    /// # Errors
    /// [`Error::FileWrite`].
    pub async fn write_row_group(&mut self, rows: &[RecordBatch]) -> Result<(), Error> {
        if rows.iter().all(|batch| batch.num_rows() == 0) {
            return Ok(());
        }
        let written = encode(&mut self.writer, &self.encoders, rows);
        written.map_err(|error| write_error(self.layout.table(), &error))?;
        self.upload().await
    }

    /// Ends the new file. `None` if it has no row.
    ///
    /// # Errors
    /// [`Error::FileWrite`].
    pub async fn finish(mut self) -> Result<Option<DataFile>, Error> {
        let table = self.layout.table().clone();
        if self.writer.flushed_row_groups().is_empty() {
            let _ = self.sink.abort().await;
            return Ok(None);
        }
        let footer = self.writer.finish();
        let footer = footer.map_err(|error| write_error(&table, &error))?;
        self.upload().await?;
        let bytes = self.writer.bytes_written() as u64;
        let sent = tokio::io::AsyncWriteExt::shutdown(&mut self.sink).await;
        sent.map_err(|error| write_error(&table, &ParquetError::External(error.into())))?;
        self.lake.location().start_sync(&self.path);
        Ok(Some(
            self.layout.data_file(self.path, self.name, bytes, &footer),
        ))
    }

    /// Uploads the encoded bytes.
    async fn upload(&mut self) -> Result<(), Error> {
        let failed = |error| write_error(self.layout.table(), &error);
        let flushed = self.writer.flush();
        flushed.map_err(|error| failed(ParquetError::External(error.into())))?;
        let bytes = Bytes::from(std::mem::take(self.writer.inner_mut()));
        let sent = self.sink.put(bytes).await;
        sent.map_err(|error| failed(ParquetError::External(error.into())))
    }
}

/// Appends a row group of another file, whose bytes are in `range`.
fn copy(
    writer: &mut SerializedFileWriter<Vec<u8>>,
    group: &RowGroupMetaData,
    pages: Option<&Vec<OffsetIndexMetaData>>,
    range: &FileRange,
) -> ParquetResult<()> {
    let mut copied = writer.next_row_group()?;
    for (number, chunk) in group.columns().iter().enumerate() {
        let closed = ColumnCloseResult {
            bytes_written: u64::try_from(chunk.compressed_size()).unwrap_or_default(),
            rows_written: u64::try_from(group.num_rows()).unwrap_or_default(),
            metadata: chunk.clone(),
            bloom_filter: None,
            column_index: None,
            offset_index: pages.and_then(|pages| pages.get(number)).cloned(),
        };
        copied.append_column(range, closed)?;
    }
    copied.close()?;
    Ok(())
}

/// Encodes `rows` as a row group.
fn encode(
    writer: &mut SerializedFileWriter<Vec<u8>>,
    encoders: &ArrowRowGroupWriterFactory,
    rows: &[RecordBatch],
) -> ParquetResult<()> {
    let mut columns = encoders.create_column_writers(writer.flushed_row_groups().len())?;
    for batch in rows {
        let schema = batch.schema();
        let mut next = columns.iter_mut();
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            for leaf in compute_leaves(field, array)? {
                if let Some(column) = next.next() {
                    column.write(&leaf)?;
                }
            }
        }
    }
    let mut group = writer.next_row_group()?;
    for column in columns {
        column.close()?.append_to_row_group(&mut group)?;
    }
    group.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, AsArray, Int64Array, StringViewArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use object_store::memory::InMemory;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use crate::ids::TableId;
    use crate::location::Location;

    fn layout() -> Layout {
        let schema = Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("name", DataType::Utf8View, true),
        ]);
        Layout::new(TableId::new("zone", "table"), &schema, &["name".to_owned()]).unwrap()
    }

    /// Rows with these numbers. The name changes every hundred thousand rows.
    fn rows(numbers: std::ops::Range<i64>) -> RecordBatch {
        let names = numbers.clone().map(|n| format!("of {}", n / 100_000));
        let columns: [Arc<dyn Array>; 2] = [
            Arc::new(Int64Array::from_iter_values(numbers)),
            Arc::new(StringViewArray::from_iter_values(names)),
        ];
        RecordBatch::try_new(Arc::clone(layout().schema()), columns.to_vec()).unwrap()
    }

    async fn numbers(lake: &Lake, file: &DataFile) -> Vec<i64> {
        let read = lake.location().store().get(&file.path).await.unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(read.bytes().await.unwrap());
        let mut found = Vec::new();
        for batch in reader.unwrap().build().unwrap() {
            found.extend_from_slice(
                batch
                    .unwrap()
                    .column(0)
                    .as_primitive::<Int64Type>()
                    .values(),
            );
        }
        found
    }

    #[tokio::test]
    async fn row_groups_are_copied_as_encoded() {
        let lake = Lake::at(Location::in_test_store(Arc::new(InMemory::new())));
        let layout = layout();
        let mut writer = lake.writer(&layout, "r1");
        writer.write(&rows(0..600_000)).await.unwrap();
        let old = writer.finish().await.unwrap().remove(0);
        // The second row group is written, the others are copied.
        let mut rewrite = lake.rewrite_file(&layout, "r2", &old).await.unwrap();
        assert_eq!(rewrite.row_groups(), 3);
        assert!(rewrite.can_copy_row_groups());
        rewrite.copy_row_group(0).await.unwrap();
        rewrite
            .write_row_group(&[rows(300_000..300_010), rows(400_000..400_001)])
            .await
            .unwrap();
        rewrite.write_row_group(&[rows(0..0)]).await.unwrap();
        rewrite.copy_row_group(2).await.unwrap();
        let new = rewrite.finish().await.unwrap().unwrap();
        let expected: Vec<i64> = (0..262_144)
            .chain(300_000..300_010)
            .chain(400_000..400_001)
            .chain(524_288..600_000)
            .collect();
        assert_eq!(numbers(&lake, &new).await, expected);
        assert_eq!(new.rows, expected.len() as u64);
        let stats: serde_json::Value = serde_json::from_str(new.stats.as_ref().unwrap()).unwrap();
        assert_eq!(stats["minValues"]["n"], 0);
        assert_eq!(stats["maxValues"]["n"], 599_999);
        assert!(stats["maxValues"]["name"].is_null());

        // Lookups work in a rewritten file as in a written one.
        let field = layout.schema().field(1).clone();
        for (name, in_old, in_new) in [
            ("of 0", [true, false, false], [true, false, false]),
            ("of 2", [true, true, false], [true, false, false]),
            ("of 3", [false, true, false], [false, true, false]),
            ("of 5", [false, true, true], [false, false, true]),
            ("of 6", [false; 3], [false; 3]),
        ] {
            for (file, expected) in [(&old, in_old), (&new, in_new)] {
                let found = lake.row_groups_may_contain(file, &field, |text| text == name);
                assert_eq!(found.await.unwrap(), expected, "{name}");
            }
        }

        // Without rows there is no file.
        let rewrite = lake.rewrite_file(&layout, "r3", &old).await.unwrap();
        assert_eq!(rewrite.finish().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_chunk_without_full_dictionary_may_contain_any_text() {
        let lake = Lake::at(Location::in_test_store(Arc::new(InMemory::new())));
        let layout = layout();
        let mut writer = lake.writer(&layout, "r1");
        let all = rows(0..200_000);
        let names = (0..200_000).map(|n| format!("somebody {n}"));
        let names: Arc<dyn Array> = Arc::new(StringViewArray::from_iter_values(names));
        let all = RecordBatch::try_new(all.schema(), vec![Arc::clone(all.column(0)), names]);
        writer.write(&all.unwrap()).await.unwrap();
        let file = writer.finish().await.unwrap().remove(0);
        let field = layout.schema().field(1).clone();
        for name in ["somebody 199999", "nobody"] {
            let found = lake.row_groups_may_contain(&file, &field, |text| text == name);
            assert_eq!(found.await.unwrap(), [true], "{name}");
        }
    }
}
