//! Data files: rows into Parquet, with no statistics on personal columns.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use object_store::ObjectStoreExt;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::async_writer::AsyncFileWriter;
use parquet::arrow::{ArrowWriter, AsyncArrowWriter};
use parquet::basic::{Compression, Encoding};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Number, Value, json};

use crate::{AsOf, Error, Lake, TableId, find_store_error, schema, store_reason};

/// A file is closed, and the next one begun, once it holds this many bytes.
const FILE_BYTES: usize = 512 << 20;

/// Rows of a row group. Its encoded pages are held in memory until it ends, by
/// every stream of every model that is being written.
const ROW_GROUP_ROWS: usize = 256 << 10;

/// A file goes to the store in parts of so many bytes, of which every stream
/// that is being written holds one or two: the least that S3 takes.
const PART_BYTES: usize = 5 << 20;

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
        DataFile {
            path,
            name,
            bytes,
            rows: u64::try_from(footer.file_metadata().num_rows()).unwrap_or_default(),
            stats: Some(delta_stats(self, footer).to_string()),
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

/// Writes one stream of batches into one or more files. Nothing of it is part
/// of the table until it is published.
pub struct FileWriter {
    lake: Lake,
    layout: Layout,
    run: String,
    open: Option<Open>,
    done: Vec<DataFile>,
}

struct Open {
    name: String,
    path: Path,
    writer: AsyncArrowWriter<BufWriter>,
}

impl Lake {
    /// Begins to write files of a table. Their names carry `run`, so that a
    /// run that ends early can find them again.
    pub fn writer(&self, layout: &Layout, run: &str) -> FileWriter {
        FileWriter {
            lake: self.clone(),
            layout: layout.clone(),
            run: run.to_owned(),
            open: None,
            done: Vec::new(),
        }
    }

    /// Where a file goes that is being written.
    pub(crate) fn sink(&self, path: &Path) -> BufWriter {
        let store = Arc::clone(self.location().store());
        BufWriter::with_capacity(store, path.clone(), PART_BYTES)
    }

    /// Takes files that were never published away. Best effort: a file left
    /// behind is not part of any version.
    pub async fn discard(&self, files: &[DataFile]) {
        for file in files {
            if let Err(error) = self.location().store().delete(&file.path).await {
                tracing::debug!(file = %file.path, %error, "could not remove an unpublished file");
            }
        }
    }

    /// Takes all files of `table` that `run` wrote away, and tells how many
    /// there were. For a run that ended before it published any of them. Best
    /// effort, as [`Lake::discard`].
    pub async fn remove_files_of_run(&self, table: &TableId, run: &str) -> usize {
        let prefix = format!("part-{run}-");
        let folder = self.path(table);
        let listed = self.location().store().list_with_delimiter(Some(&folder));
        let mut swept = 0;
        for meta in listed
            .await
            .map(|listed| listed.objects)
            .unwrap_or_default()
        {
            let name = meta.location.filename();
            if name.is_some_and(|name| name.starts_with(&prefix)) {
                swept += 1;
                let _ = self.location().store().delete(&meta.location).await;
            }
        }
        if let Some(folder) = self.location().folder() {
            // A table that was never published leaves no folder behind.
            let _ = std::fs::remove_dir(folder.join(&table.zone).join(&table.name));
            let _ = std::fs::remove_dir(folder.join(&table.zone));
        }
        swept
    }
}

impl Lake {
    /// Takes away what a run left behind that was killed: files of its that no
    /// table's newest version names, releases before the newest, and objects
    /// that were being written on this machine. To be called by whoever holds
    /// the lake.
    ///
    /// # Errors
    /// [`Error::Store`], or of a table that cannot be opened.
    pub async fn remove_unpublished_after(&self, run: &str) -> Result<(), Error> {
        let prefix = format!("part-{run}-");
        for zone in self.folders(self.location().prefix()).await? {
            for name in self.folders(&self.location().child(&zone)).await? {
                let table = TableId::new(&zone, name);
                let folder = self.path(&table);
                let listed = self.listed(&folder).await?.objects;
                let is_of_run =
                    |path: &Path| path.filename().is_some_and(|n| n.starts_with(&prefix));
                let mut left: Vec<Path> = listed
                    .into_iter()
                    .map(|meta| meta.location)
                    .filter(is_of_run)
                    .collect();
                if !left.is_empty() {
                    match self.version(&table, AsOf::Latest).await {
                        Ok(Some(version)) => {
                            left.retain(|path| version.files.iter().all(|file| file.path != *path));
                        }
                        Ok(None) => {}
                        // Which of them it names cannot be told.
                        Err(Error::Damaged { .. }) => left.clear(),
                        Err(error) => return Err(error),
                    }
                }
                for path in left {
                    let _ = self.location().store().delete(&path).await;
                }
                if let Some(folder) = self.location().folder() {
                    // A table that was never published leaves no folder behind, nor
                    // does one that was being dropped.
                    let folder = folder.join(&table.zone).join(&table.name);
                    let _ = std::fs::remove_dir(folder.join("_delta_log"));
                    let _ = std::fs::remove_dir(folder);
                }
            }
        }
        if let Some(folder) = self.location().folder() {
            clear_staged(folder);
        }
        self.forget_older_releases().await
    }
}

/// Takes away what was being written when a run was killed.
fn clear_staged(lake: &std::path::Path) {
    // Consent is entered without holding the lake.
    let register = lake.join("system/consent_register");
    for file in staged(lake) {
        if !file.starts_with(&register) {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// What the library writes beside an object's own name, `NAME#1`, below `folder`.
pub(crate) fn staged(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(staged(&entry.path()));
            continue;
        }
        let name = entry.file_name();
        let name = name.to_str().and_then(|name| name.rsplit_once('#'));
        if name.is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) {
            found.push(entry.path());
        }
    }
    found
}

impl FileWriter {
    /// Appends `batch`, which has the layout's schema.
    ///
    /// # Errors
    /// [`Error::FileWrite`] where the store cannot take it.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.open.is_none() {
            self.open = Some(self.begin()?);
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let table = &self.layout.table;
        open.writer
            .write(batch)
            .await
            .map_err(|error| failed(table, &error))?;
        if open.writer.bytes_written() + open.writer.in_progress_size() >= FILE_BYTES {
            self.close().await?;
        }
        Ok(())
    }

    /// Ends the last file and gives all files written, in order.
    ///
    /// # Errors
    /// [`Error::FileWrite`].
    pub async fn finish(mut self) -> Result<Vec<DataFile>, Error> {
        self.close().await?;
        Ok(self.done)
    }

    fn begin(&self) -> Result<Open, Error> {
        let name = new_name(&self.run);
        let path = self.lake.path(&self.layout.table).join(name.as_str());
        let writer = self.layout.file_writer(self.lake.sink(&path))?;
        Ok(Open { name, path, writer })
    }

    async fn close(&mut self) -> Result<(), Error> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        let metadata = open
            .writer
            .finish()
            .await
            .map_err(|error| failed(&self.layout.table, &error))?;
        let bytes = open.writer.bytes_written() as u64;
        self.lake.location().begin_to_make_durable(&open.path);
        let file = self.layout.file(open.path, open.name, bytes, &metadata);
        self.done.push(file);
        Ok(())
    }
}

/// A name for a file that `run` writes.
pub(crate) fn new_name(run: &str) -> String {
    format!("part-{run}-{}.parquet", uuid::Uuid::new_v4().simple())
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

/// Delta's per-file statistics: rows, and bounds of the measured columns.
fn delta_stats(layout: &Layout, metadata: &ParquetMetaData) -> Value {
    let (mut least, mut most, mut nulls) = (Map::new(), Map::new(), Map::new());
    for name in layout.measured() {
        let chunks = metadata.row_groups().iter().map(|group| {
            group
                .columns()
                .iter()
                .find(|chunk| chunk.column_path().string() == name)
                .and_then(|chunk| chunk.statistics())
        });
        // A bound holds for the file only if every row group has one.
        let Some(chunks) = chunks.collect::<Option<Vec<&Statistics>>>() else {
            continue;
        };
        let null_count: Option<u64> = chunks.iter().map(|chunk| chunk.null_count_opt()).sum();
        if let Some(count) = null_count {
            nulls.insert(name.to_owned(), json!(count));
        }
        if let Some((low, high)) = bounds(&chunks) {
            least.insert(name.to_owned(), low);
            most.insert(name.to_owned(), high);
        }
    }
    json!({
        "numRecords": metadata.file_metadata().num_rows(),
        "minValues": least,
        "maxValues": most,
        "nullCount": nulls,
    })
}

fn bounds(chunks: &[&Statistics]) -> Option<(Value, Value)> {
    fn range<T: PartialOrd + Copy>(pairs: impl Iterator<Item = Option<(T, T)>>) -> Option<(T, T)> {
        pairs
            // A chunk of nulls alone has no bounds and narrows nothing.
            .flatten()
            .reduce(|(low, high), (l, h)| {
                (
                    if l < low { l } else { low },
                    if h > high { h } else { high },
                )
            })
    }
    macro_rules! of {
        ($variant:ident, $to:expr) => {
            range(chunks.iter().map(|chunk| match chunk {
                Statistics::$variant(s) => Some((*s.min_opt()?, *s.max_opt()?)),
                _ => None,
            }))
            .and_then(|(low, high)| Some(($to(low)?, $to(high)?)))
        };
    }
    let float = |value: f64| Number::from_f64(value).map(Value::Number);
    match chunks.first()? {
        Statistics::Int32(_) => of!(Int32, |v: i32| Some(json!(v))),
        Statistics::Int64(_) => of!(Int64, |v: i64| Some(json!(v))),
        Statistics::Float(_) => of!(Float, |v: f32| float(f64::from(v))),
        Statistics::Double(_) => of!(Double, float),
        _ => None,
    }
}
