//! Removes rows from data files by rewriting the files that hold them.
//!
//! A file without such rows stays as it is. In a file with some, row groups without
//! such rows are copied as they are encoded. So removing a few rows costs reading the
//! columns that tell them apart, and rewriting the row groups that hold them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;
use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use futures::{StreamExt, TryStreamExt};
use lake::{DataFile, FileRewrite, Lake, Layout, Version};
use query::Session;
use query::tables::lake_table::LakeTable;

use crate::Error;
use crate::content::{self, Content};
use crate::stored::stored;

/// A table's files after rows were removed.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    /// Those that replace others; they are written, and no part of the table yet.
    pub(crate) files: Vec<DataFile>,
    /// Names of those replaced.
    pub(crate) removes: BTreeSet<String>,
    /// Rows taken out.
    pub(crate) rows: u64,
    /// Of the rows taken out.
    pub(crate) content: Content,
}

/// A file that was written again.
#[derive(Debug, Default)]
pub(crate) struct RewrittenFile {
    /// What takes its place; nothing where no row is left.
    file: Option<DataFile>,
    /// Rows taken out.
    rows: u64,
    content: Content,
}

/// A row group, and how many its file has.
#[derive(Clone, Copy)]
struct Group<'a> {
    file: &'a DataFile,
    number: usize,
    count: usize,
}

/// Rows of a row group.
#[derive(Default)]
struct SplitRows {
    stay: Vec<RecordBatch>,
    gone: Vec<RecordBatch>,
}

impl Rewritten {
    /// Adds what became of a file.
    pub(crate) fn extend(&mut self, file: &DataFile, rewritten_file: Option<RewrittenFile>) {
        let Some(rewritten_file) = rewritten_file else {
            return;
        };
        self.rows += rewritten_file.rows;
        self.content.merge(rewritten_file.content);
        self.files.extend(rewritten_file.file);
        self.removes.insert(file.name.clone());
    }

    /// The table's files from `before` on.
    pub(crate) fn after(&self, before: &[DataFile]) -> Vec<DataFile> {
        let kept = before
            .iter()
            .filter(|file| !self.removes.contains(&file.name));
        kept.chain(&self.files).cloned().collect()
    }
}

/// Removes rows from files of one table.
pub(crate) struct Rewriter<'a> {
    pub(crate) session: &'a Session,
    pub(crate) lake: &'a Lake,
    /// Names the files that are written.
    pub(crate) run: &'a str,
    pub(crate) layout: &'a Layout,
}

impl Rewriter<'_> {
    /// Removes the rows for which `goes` is true from `files`. `goes` gets `columns`,
    /// batch by batch in the order of the files.
    ///
    /// # Errors
    /// [`Error::Query`] or [`Error::Lake`].
    pub(crate) async fn remove_rows(
        &self,
        files: &[DataFile],
        columns: &[usize],
        mut goes: impl FnMut(&RecordBatch) -> Result<BooleanArray, Error>,
    ) -> Result<Rewritten, Error> {
        let mut rewritten = Rewritten::default();
        for file in files {
            let rewritten_file = self.rewrite_file(file, None, columns, &mut goes).await?;
            rewritten.extend(file, rewritten_file);
        }
        Ok(rewritten)
    }

    /// Removes rows from one file. Row groups for which `looked_at` is false stay as
    /// they are. `None` where no row was removed.
    pub(crate) async fn rewrite_file(
        &self,
        file: &DataFile,
        looked_at: Option<&[bool]>,
        columns: &[usize],
        mut goes: impl FnMut(&RecordBatch) -> Result<BooleanArray, Error>,
    ) -> Result<Option<RewrittenFile>, Error> {
        let mut rewrite = self.lake.rewrite_file(self.layout, self.run, file).await?;
        let count = rewrite.row_groups();
        let group = |number| Group {
            file,
            number,
            count,
        };
        let mut rewritten_file: Option<RewrittenFile> = None;
        for number in 0..count {
            let rows = match looked_at.is_none_or(|looked_at| looked_at[number]) {
                true => self.split(group(number), columns, &mut goes).await?,
                false => None,
            };
            let Some(SplitRows { stay, gone }) = rows else {
                if rewritten_file.is_some() {
                    self.keep(&mut rewrite, group(number)).await?;
                }
                continue;
            };
            if rewritten_file.is_none() {
                for before in 0..number {
                    self.keep(&mut rewrite, group(before)).await?;
                }
            }
            let rewritten_file = rewritten_file.get_or_insert_default();
            for batch in gone {
                rewritten_file.rows += batch.num_rows() as u64;
                rewritten_file.content.add(content::hashes(&batch));
            }
            rewrite.write_row_group(&stay).await?;
        }
        if let Some(rewritten_file) = &mut rewritten_file {
            rewritten_file.file = rewrite.finish().await?;
        }
        Ok(rewritten_file)
    }

    /// The rows of a row group that stay and those that go; `None` where all stay.
    async fn split(
        &self,
        group: Group<'_>,
        columns: &[usize],
        goes: &mut impl FnMut(&RecordBatch) -> Result<BooleanArray, Error>,
    ) -> Result<Option<SplitRows>, Error> {
        let failed = |error: ArrowError| Error::execution(&self.layout.table().name, error.into());
        let looked_at = self.read(group, Some(columns)).await?;
        let masks = looked_at.iter().map(goes).collect::<Result<Vec<_>, _>>()?;
        if masks.iter().all(|mask| mask.true_count() == 0) {
            return Ok(None);
        }
        // Batches of few columns and of all of them may be cut at different rows.
        let all = (0..self.layout.schema().fields().len()).eq(columns.iter().copied());
        let batches = match all {
            true => looked_at,
            false => self.read(group, None).await?,
        };
        let masks: Vec<&dyn Array> = masks.iter().map(|mask| mask as &dyn Array).collect();
        let mask = arrow::compute::concat(&masks).map_err(failed)?;
        let (mask, mut at) = (mask.as_boolean(), 0);
        let mut rows = SplitRows::default();
        for batch in batches {
            let goes = mask.slice(at, batch.num_rows());
            at += batch.num_rows();
            let stays = arrow::compute::not(&goes).map_err(failed)?;
            rows.stay
                .push(filter_record_batch(&batch, &stays).map_err(failed)?);
            rows.gone
                .push(filter_record_batch(&batch, &goes).map_err(failed)?);
        }
        Ok(Some(rows))
    }

    /// Copies a row group as it is.
    async fn keep(&self, rewrite: &mut FileRewrite, group: Group<'_>) -> Result<(), Error> {
        match rewrite.can_copy_row_groups() {
            true => rewrite.copy_row_group(group.number).await?,
            false => {
                rewrite
                    .write_row_group(&self.read(group, None).await?)
                    .await?
            }
        }
        Ok(())
    }

    /// Rows of a row group; `columns` of them, or all.
    async fn read(
        &self,
        group: Group<'_>,
        columns: Option<&[usize]>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let table = &self.layout.table().name;
        let only = (0..group.count).map(|number| number == group.number);
        let stream = read(
            self.session,
            self.layout,
            group.file,
            Some(only.collect()),
            columns,
        );
        let batches = async { stream.await?.try_collect().await };
        let batches = batches.await;
        batches.map_err(|error| Error::execution(table, error))
    }
}

/// The layout of a published version.
pub(crate) fn layout_of(standing: &Version) -> Result<Layout, Error> {
    Ok(Layout::new(
        standing.table.clone(),
        &standing.schema,
        &standing.personal,
    )?)
}

/// The rows of one file, or of some of its row groups, in its order; `columns` of
/// them, or all.
pub(crate) async fn read(
    session: &Session,
    layout: &Layout,
    file: &DataFile,
    row_groups: Option<Vec<bool>>,
    columns: Option<&[usize]>,
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let store = session.tables().store_url()?;
    let (id, schema) = (layout.table(), layout.schema());
    let mut table = LakeTable::new(id, store, Arc::clone(schema), std::slice::from_ref(file));
    if let Some(groups) = row_groups {
        table = table.in_row_groups(groups);
    }
    let columns = columns.map(<[usize]>::to_vec);
    let state = session.state();
    let plan = table.scan(&state, columns.as_ref(), &[], None).await?;
    let wanted = plan.schema();
    let stream = execute_stream(plan, session.task_context())?;
    let stream = stream.map(move |batch| Ok(stored(&wanted, &batch?)?));
    Ok(Box::pin(
        datafusion::physical_plan::stream::RecordBatchStreamAdapter::new(
            match columns {
                Some(columns) => Arc::new(schema.project(&columns)?),
                None => Arc::clone(schema),
            },
            stream,
        ),
    ))
}
