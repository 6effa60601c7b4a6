//! How a table's data files are laid out.

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

/// Rows of a row group. Its encoded pages are held in memory until it ends, by
/// every stream of every model that is being written.
const ROW_GROUP_ROWS: usize = 256 << 10;

/// One Parquet file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// In the store.
    pub path: Path,
    /// Below the table's folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Delta statistics as JSON; never of personal columns.
    pub stats: Option<String>,
}

/// How a table's files are laid out.
#[derive(Debug, Clone)]
pub struct Layout {
    table: TableId,
    schema: SchemaRef,
    personal: Arc<[String]>,
}

impl Layout {
    /// For rows of `schema`, of which the columns `personal` carry no
    /// statistics.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] for a column type that plain Delta cannot hold.
    pub fn new(table: TableId, schema: &Schema, personal: &[String]) -> Result<Self, Error> {
        Ok(Self {
            schema: schema::stored(&table, schema)?,
            table,
            personal: personal.into(),
        })
    }

    /// Which table.
    pub fn table(&self) -> &TableId {
        &self.table
    }

    /// The types that batches must be cast to before they are written.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Columns without statistics.
    pub fn personal(&self) -> &[String] {
        &self.personal
    }

    /// Columns that may carry statistics: numbers that are not personal. Text
    /// never does, so that no value slips into a log by way of a contract that
    /// forgot to name it.
    pub(crate) fn measured(&self) -> impl Iterator<Item = &str> {
        self.schema
            .fields()
            .iter()
            .filter(|field| field.data_type().is_numeric())
            .map(|field| field.name().as_str())
            .filter(|name| !self.personal.iter().any(|personal| personal == name))
    }

    /// A writer of one Parquet file in this layout, which goes to `sink`.
    ///
    /// # Errors
    /// [`Error::FileWrite`] where the file cannot be begun.
    pub fn file_writer<W: AsyncFileWriter>(&self, sink: W) -> Result<AsyncArrowWriter<W>, Error> {
        AsyncArrowWriter::try_new_with_options(sink, self.schema.clone(), self.options())
            .map_err(|error| failed(&self.table, &error))
    }

    /// The same, which goes to memory.
    pub(crate) fn arrow_writer(&self, sink: Vec<u8>) -> ParquetResult<ArrowWriter<Vec<u8>>> {
        ArrowWriter::try_new_with_options(sink, self.schema.clone(), self.options())
    }

    fn options(&self) -> ArrowWriterOptions {
        // The Arrow schema is left out of the footer: it would name view types
        // that older readers do not know, and says nothing Parquet does not.
        ArrowWriterOptions::new()
            .with_properties(self.properties())
            .with_skip_arrow_metadata(true)
    }

    /// A file that was written in this layout, with its footer.
    pub(crate) fn file(
        &self,
        path: Path,
        name: String,
        bytes: u64,
        footer: &ParquetMetaData,
    ) -> DataFile {
        let measured: Vec<&str> = self.measured().collect();
        DataFile {
            path,
            name,
            bytes,
            rows: u64::try_from(footer.file_metadata().num_rows()).unwrap_or_default(),
            stats: Some(statistics::delta_stats(&measured, footer).to_string()),
        }
    }

    fn properties(&self) -> WriterProperties {
        let mut properties = WriterProperties::builder()
            .set_created_by(format!("stedi {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::None);
        for field in self.schema.fields() {
            // Instants and counters mostly grow by little, which this encoding
            // is made for; a dictionary of them would be given up after a page.
            // What it packs does not get any smaller by compression.
            if field.data_type().is_integer() {
                let column = ColumnPath::from(field.name().as_str());
                properties = properties
                    .set_column_dictionary_enabled(column.clone(), false)
                    .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED)
                    .set_column_compression(column, Compression::UNCOMPRESSED);
            }
        }
        for name in self.measured() {
            properties = properties
                .set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Chunk);
        }
        properties.build()
    }
}

impl Layout {
    /// A whole Parquet file of `rows`, which have this layout's schema.
    ///
    /// # Errors
    /// [`Error::FileWrite`].
    pub fn to_parquet(&self, rows: &RecordBatch) -> Result<Bytes, Error> {
        let written = self.arrow_writer(Vec::new()).and_then(|mut writer| {
            writer.write(rows)?;
            writer.into_inner()
        });
        written.map(Bytes::from).map_err(|error| Error::FileWrite {
            table: self.table().clone(),
            reason: error.to_string(),
        })
    }
}

pub(crate) fn failed(table: &TableId, error: &parquet::errors::ParquetError) -> Error {
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
