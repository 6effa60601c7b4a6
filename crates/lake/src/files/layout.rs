//! The layout of a table's data files: column types, personal columns, encodings.
//! All writers of data files use it.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;
use object_store::path::Path;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::async_writer::AsyncFileWriter;
use parquet::arrow::{ArrowWriter, AsyncArrowWriter};
use parquet::basic::{Compression, Encoding};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::error::Error;
use crate::files::{schema, statistics};
use crate::ids::TableId;
use crate::store_error::{find_store_error, store_reason};

/// Rows of a row group. Every stream of every model that is being written keeps
/// the encoded pages of its current row group in memory.
const ROW_GROUP_ROWS_MAX: usize = 256 << 10;

/// A Parquet file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Its path in the store.
    pub path: Path,
    /// Its path below the table's folder, as the log names it.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The number of its rows.
    pub rows: u64,
    /// Delta statistics as JSON, without personal columns.
    pub stats: Option<String>,
}

/// Column types and personal columns of a table's data files.
#[derive(Debug, Clone)]
pub struct Layout {
    table: TableId,
    schema: SchemaRef,
    personal: Arc<[String]>,
}

impl Layout {
    /// A layout for rows of `schema`. The columns `personal` get no statistics.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] for a column type that plain Delta cannot store.
    pub fn new(table: TableId, schema: &Schema, personal: &[String]) -> Result<Self, Error> {
        Ok(Self {
            schema: schema::file_schema(&table, schema)?,
            table,
            personal: personal.into(),
        })
    }

    /// The table.
    pub fn table(&self) -> &TableId {
        &self.table
    }

    /// The schema of the files. Batches must be cast to it before they are written.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The personal columns.
    pub fn personal(&self) -> &[String] {
        &self.personal
    }

    /// The columns with statistics: numbers that are not personal. Text columns
    /// have none, so that no personal value gets into a log if a contract forgot
    /// to call its column personal.
    pub(crate) fn columns_with_statistics(&self) -> impl Iterator<Item = &str> {
        self.schema
            .fields()
            .iter()
            .filter(|field| field.data_type().is_numeric())
            .map(|field| field.name().as_str())
            .filter(|name| !self.personal.iter().any(|personal| personal == name))
    }

    /// Starts to write one Parquet file to `sink`.
    ///
    /// # Errors
    /// [`Error::FileWrite`].
    pub fn file_writer<W: AsyncFileWriter>(&self, sink: W) -> Result<AsyncArrowWriter<W>, Error> {
        AsyncArrowWriter::try_new_with_options(sink, self.schema.clone(), self.options())
            .map_err(|error| write_error(&self.table, &error))
    }

    /// Starts to write one Parquet file to memory.
    pub(crate) fn memory_writer(&self, sink: Vec<u8>) -> ParquetResult<ArrowWriter<Vec<u8>>> {
        ArrowWriter::try_new_with_options(sink, self.schema.clone(), self.options())
    }

    fn options(&self) -> ArrowWriterOptions {
        // The footer has no Arrow schema. It would name view types that older
        // readers do not know, and adds nothing to the Parquet schema.
        ArrowWriterOptions::new()
            .with_properties(self.properties())
            .with_skip_arrow_metadata(true)
    }

    /// A whole Parquet file with `rows`, which must have the layout's schema.
    ///
    /// # Errors
    /// [`Error::FileWrite`].
    pub fn to_parquet(&self, rows: &RecordBatch) -> Result<Bytes, Error> {
        let written = self.memory_writer(Vec::new()).and_then(|mut writer| {
            writer.write(rows)?;
            writer.into_inner()
        });
        written
            .map(Bytes::from)
            .map_err(|error| write_error(&self.table, &error))
    }

    /// The `DataFile` of a file that was written in this layout.
    pub(crate) fn data_file(
        &self,
        path: Path,
        name: String,
        bytes: u64,
        footer: &ParquetMetaData,
    ) -> DataFile {
        let columns: Vec<&str> = self.columns_with_statistics().collect();
        DataFile {
            path,
            name,
            bytes,
            rows: u64::try_from(footer.file_metadata().num_rows()).unwrap_or_default(),
            stats: Some(statistics::delta_stats(&columns, footer).to_string()),
        }
    }

    fn properties(&self) -> WriterProperties {
        let mut properties = WriterProperties::builder()
            .set_created_by(format!("stedi {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
            .set_statistics_enabled(EnabledStatistics::None);
        for field in self.schema.fields() {
            // Timestamps and counters mostly grow in small steps, which suits this
            // encoding. The writer would give up their dictionary after a page.
            // Compression does not make delta-encoded pages smaller.
            if field.data_type().is_integer() {
                let column = ColumnPath::from(field.name().as_str());
                properties = properties
                    .set_column_dictionary_enabled(column.clone(), false)
                    .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED)
                    .set_column_compression(column, Compression::UNCOMPRESSED);
            }
        }
        for name in self.columns_with_statistics() {
            properties = properties
                .set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Chunk);
        }
        properties.build()
    }
}

/// The error about a data file that could not be written. The innermost cause is
/// the most specific one.
pub(crate) fn write_error(table: &TableId, error: &parquet::errors::ParquetError) -> Error {
    let reason = find_store_error(error)
        .map(store_reason)
        .unwrap_or_else(|| {
            let mut cause: &dyn std::error::Error = error;
            while let Some(next) = cause.source() {
                cause = next;
            }
            cause.to_string().replace('\n', " ")
        });
    Error::FileWrite {
        table: table.clone(),
        reason,
    }
}
