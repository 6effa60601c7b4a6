//! Builds one model: streams its SELECT into data files that no table version names
//! yet.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use catalog::{Action, Check, Duplicates, ReadBy, Rule};
use datafusion::common::runtime::JoinSet;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream_partitioned;
use futures::StreamExt;
use lake::{DataFile, FileWriter, Lake, Layout};
use query::Session;

use crate::Error;
use crate::content::{self, Content};
use crate::contract::leave_out::{self, LeftOut};
use crate::contract::planning::{Planned, in_model};
use crate::contract::privacy_gates::SubjectsInTable;
use crate::contract::subject_columns::{self, SubjectKind};
use crate::progress::Progress;
use crate::stop::{self, Stop};
use crate::stored::stored;
use crate::write::duplicates::{RowHashes, drop_duplicates};
use crate::write::ledger::{self, Reason};

/// A model's rows, written but not published.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) files: Vec<DataFile>,
    pub(crate) rows: u64,
    /// Rows left out because an equal one was kept.
    pub(crate) duplicates: u64,
    /// Rows left out by checks of the contract, for each that may do so, in
    /// the order of the contract. They are neither among `rows` nor among
    /// `duplicates`.
    pub(crate) left_out: Vec<(String, u64)>,
    pub(crate) content: Content,
    /// What became of the rows read: joins, then the whole.
    pub(crate) ledger: Vec<ledger::Entry>,
    /// Whose rows they are, by each column that says so.
    pub(crate) people: Vec<SubjectsInTable>,
    /// Nulls written, by column; rows dropped as duplicates are among them.
    nulls: Vec<u64>,
    pub(crate) started_ms: i64,
    pub(crate) ended_ms: i64,
    pub(crate) seconds: f64,
}

impl Built {
    /// Violations of a check that are known without reading the rows again: rows
    /// that it left out, nulls that were written.
    pub(crate) fn known_violations(&self, check: &Check, layout: &Layout) -> Option<u64> {
        match (&check.rule, check.action) {
            (_, Action::LeaveOut) => self.left_out(&check.name()),
            (Rule::NotNull { column }, _) => self.nulls(layout.schema().index_of(column).ok()?),
            _ => None,
        }
    }

    /// How many rows the check of that name left out, if it may do so.
    pub(crate) fn left_out(&self, check: &str) -> Option<u64> {
        let found = self.left_out.iter().find(|(name, _)| name == check);
        found.map(|(_, rows)| *rows)
    }

    /// How many rows have no value in the column at `position`, where that is
    /// known without reading them again.
    pub(crate) fn nulls(&self, position: usize) -> Option<u64> {
        let nulls = *self.nulls.get(position)?;
        (nulls == 0 || self.duplicates == 0).then_some(nulls)
    }
}

/// Runs the model's SELECT on all cores and writes its rows, a file per
/// stream. A batch is written as soon as it is there; of its rows no more than
/// hashes are kept.
///
/// # Errors
/// [`Error::Query`] or [`Error::Lake`]; what was written stays behind for
/// the caller to discard.
pub(crate) async fn build(
    session: &Session,
    lake: &Lake,
    run: &str,
    planned: &Planned,
    progress: &Arc<dyn Progress>,
    stop: &Stop,
) -> Result<Built, Error> {
    let started = Instant::now();
    let started_ms = chrono::Utc::now().timestamp_millis();
    let table = planned.model.name.to_string();
    // Some statements plan, and have no operators that compute them.
    let plan = ledger::plan_to_account_for(session, &planned.sql).await;
    let plan = plan.map_err(|error| in_model(&planned.model, error))?;
    let streams = execute_stream_partitioned(Arc::clone(&plan), session.task_context())
        .map_err(|error| Error::execution(&table, error))?;
    let mut left_out = LeftOut::new(leave_out::leaving_out(&planned.model).count());
    let drops = planned.model.contract.duplicates == Duplicates::Drop;

    let whose: Vec<(SubjectKind, usize)> = subject_columns::columns(&planned.model)
        .filter_map(|(by, name)| Some((by, planned.layout.schema().index_of(name).ok()?)))
        .collect();

    let mut tasks = JoinSet::new();
    for stream in streams {
        let writer_of_stream = StreamWriter {
            table: table.clone(),
            schema: Arc::clone(planned.layout.schema()),
            hashes: drops.then(RowHashes::new),
            progress: Arc::clone(progress),
            stop: stop.clone(),
            writer: lake.writer(&planned.layout, run),
            left_out: left_out.clone(),
            rows: 0,
            content: Content::default(),
            nulls: vec![0; planned.layout.schema().fields().len()],
            people: whose
                .iter()
                .map(|(by, column)| (*by, *column, SubjectsInTable::default()))
                .collect(),
        };
        tasks.spawn(writer_of_stream.write(stream));
    }
    let mut built = Built {
        files: Vec::new(),
        rows: 0,
        duplicates: 0,
        left_out: Vec::new(),
        content: Content::default(),
        ledger: Vec::new(),
        people: whose.iter().map(|_| SubjectsInTable::default()).collect(),
        nulls: vec![0; planned.layout.schema().fields().len()],
        started_ms,
        ended_ms: 0,
        seconds: 0.0,
    };
    let mut hashes = Vec::new();
    while let Some(part) = stop::next_finished(&mut tasks, &table, stop).await? {
        built.files.extend(part.files);
        built.rows += part.rows;
        built.content.merge(part.content);
        left_out.add(&part.left_out);
        for (total, nulls) in built.nulls.iter_mut().zip(part.nulls) {
            *total += nulls;
        }
        hashes.extend(part.hashes);
        for (people, part) in built.people.iter_mut().zip(part.people) {
            people.merge(part);
        }
    }
    built.left_out = left_out.by_check_name(&planned.model);
    built.files.sort_by(|a, b| a.name.cmp(&b.name));
    if drops {
        let files = std::mem::take(&mut built.files);
        let distinct = drop_duplicates(session, lake, run, planned, files, hashes).await?;
        built.files = distinct.files;
        built.rows -= distinct.duplicates;
        built.duplicates = distinct.duplicates;
        built.content.remove(distinct.content);
    }
    let reads = planned.model.reads().iter();
    let reads: Vec<&str> = reads
        .filter(|read| read.by == ReadBy::Select)
        .map(|read| read.table.as_str())
        .collect();
    built.ledger = ledger::account(&plan, &reads);
    if let Some(whole) = built.ledger.last_mut() {
        let left_out = built.left_out.iter().map(|(_, rows)| rows).sum();
        whole.leave_out(Reason::LeftOut, left_out);
        whole.leave_out(Reason::Duplicate, built.duplicates);
        whole.rows_out = built.rows;
    }
    built.ended_ms = chrono::Utc::now().timestamp_millis();
    built.seconds = started.elapsed().as_secs_f64();
    Ok(built)
}

/// Writes one stream of the plan into files.
struct StreamWriter {
    table: String,
    schema: SchemaRef,
    progress: Arc<dyn Progress>,
    stop: Stop,
    writer: FileWriter,
    left_out: LeftOut,
    rows: u64,
    content: Content,
    nulls: Vec<u64>,
    /// The columns that say whose row it is, and whose they were.
    people: Vec<(SubjectKind, usize, SubjectsInTable)>,
    /// Kept where duplicates are dropped later.
    hashes: Option<RowHashes>,
}

struct WrittenStream {
    files: Vec<DataFile>,
    left_out: LeftOut,
    rows: u64,
    content: Content,
    nulls: Vec<u64>,
    people: Vec<SubjectsInTable>,
    hashes: Option<RowHashes>,
}

impl StreamWriter {
    async fn write(
        mut self,
        mut stream: SendableRecordBatchStream,
    ) -> Result<WrittenStream, Error> {
        while let Some(batch) = stream.next().await {
            self.stop.check()?;
            let batch = batch.map_err(|error| Error::execution(&self.table, error))?;
            let batch = self
                .left_out
                .remove_from(batch)
                .and_then(|batch| stored(&self.schema, &batch))
                .map_err(|error| Error::execution(&self.table, error.into()))?;
            self.count_batch(&batch);
            self.writer.write(&batch).await?;
            self.progress.rows(&self.table, batch.num_rows() as u64);
        }
        Ok(WrittenStream {
            files: self.writer.finish().await?,
            left_out: self.left_out,
            rows: self.rows,
            content: self.content,
            nulls: self.nulls,
            people: self
                .people
                .into_iter()
                .map(|(_, _, people)| people)
                .collect(),
            hashes: self.hashes,
        })
    }

    fn count_batch(&mut self, batch: &RecordBatch) {
        let hashes = content::hashes(batch);
        self.rows += hashes.len() as u64;
        for (total, column) in self.nulls.iter_mut().zip(batch.columns()) {
            *total += column.null_count() as u64;
        }
        for (by, column, people) in &mut self.people {
            if let Some(subjects) = batch.column(*column).as_string_view_opt() {
                people.add(*by, subjects);
            }
        }
        if let Some(kept) = &mut self.hashes {
            kept.add(&hashes);
        }
        self.content.add(hashes);
    }
}
