//! The audit log as the table `system.audit`. It is read from its file whenever a statement
//! asks for it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::DateTime;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use crate::audit::AuditEntry;

/// The name of the table below `system`.
pub(crate) const NAME: &str = "audit";

/// The columns that tell of a person.
pub(crate) const PERSONAL: [&str; 1] = ["user_name"];

/// Lines in a batch.
const BATCH: usize = 8192;

/// A line that is longer is none of ours.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The lines of the log at `path`.
///
/// # Errors
/// None that is known: the columns are constant.
pub(crate) fn table(path: PathBuf) -> Result<Arc<dyn TableProvider>> {
    let schema = schema();
    let lines = Lines {
        path,
        schema: Arc::clone(&schema),
    };
    let table = StreamingTable::try_new(schema, vec![Arc::new(lines)])?;
    Ok(Arc::new(table))
}

/// Its columns.
pub(crate) fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8View, false);
    let long = |name: &str| Field::new(name, DataType::Int64, false);
    Arc::new(Schema::new(vec![
        long("at"),
        text("user_name"),
        text("role"),
        text("door"),
        text("action"),
        text("statement"),
        text("outcome"),
        long("row_count"),
        long("duration_ms"),
    ]))
}

#[derive(Debug)]
struct Lines {
    path: PathBuf,
    schema: SchemaRef,
}

impl PartitionStream for Lines {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let batches = match reader(&self.path) {
            Ok(file) => Box::new(Batches { file, schema }) as Box<dyn Iterator<Item = _> + Send>,
            Err(error) => Box::new(std::iter::once(Err(failed(error)))),
        };
        let batches = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            batches,
        ))
    }
}

/// The file as it is now: a statement does not read the line about itself.
fn reader(path: &PathBuf) -> io::Result<BufReader<io::Take<File>>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok(BufReader::new(file.take(length)))
}

struct Batches {
    file: BufReader<io::Take<File>>,
    schema: SchemaRef,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut entries = Vec::new();
        let mut line = Vec::new();
        while entries.len() < BATCH {
            line.clear();
            let mut file = self.file.by_ref().take(LINE_BYTES_MAX);
            match file.read_until(b'\n', &mut line) {
                Ok(0) => break,
                // A line that was cut off by a crash is no entry.
                Ok(_) => entries.extend(serde_json::from_slice::<AuditEntry>(&line).ok()),
                Err(error) => return Some(Err(failed(error))),
            }
        }
        (!entries.is_empty()).then(|| batch(&self.schema, &entries))
    }
}

fn batch(schema: &SchemaRef, entries: &[AuditEntry]) -> Result<RecordBatch> {
    let text = |of: fn(&AuditEntry) -> &str| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(entries.iter().map(of)))
    };
    let long = |of: fn(&AuditEntry) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(entries.iter().map(of)))
    };
    let at = |entry: &AuditEntry| {
        let at = DateTime::parse_from_rfc3339(&entry.at);
        at.map_or(0, |at| at.timestamp_millis())
    };
    let columns = vec![
        long(at),
        text(|entry| &entry.user),
        text(|entry| &entry.role),
        text(|entry| &entry.door),
        text(|entry| &entry.action),
        text(|entry| &entry.statement),
        text(|entry| &entry.outcome),
        long(|entry| entry.rows as i64),
        long(|entry| entry.ms as i64),
    ];
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

fn failed(error: io::Error) -> DataFusionError {
    DataFusionError::Execution(format!("the audit log cannot be read: {}", error.kind()))
}
