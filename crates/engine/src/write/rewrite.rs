//! Removes rows from data files by rewriting the files that hold them.
//!
//! A file without such rows is kept. In other files, row groups without such rows are
//! copied without decoding. So the cost of removing a few rows is to read the columns that
//! identify them, and to rewrite their row groups. `lake::FileRewrite` writes the files;
//! this module decides which rows go into them.

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
    /// New files. They are written, but no version of the table names them yet.
    pub(crate) files: Vec<DataFile>,
    /// Names of the files that they replace.
    pub(crate) replaced: BTreeSet<String>,
    /// Number of removed rows.
    pub(crate) removed_rows: u64,
    /// Content of the removed rows.
    pub(crate) removed_content: Content,
}

/// A file that was rewritten.
#[derive(Debug, Default)]
pub(crate) struct RewrittenFile {
    /// The new file; `None` if no row is left.
    file: Option<DataFile>,
    removed_rows: u64,
    removed_content: Content,
}

/// A row group, and the number of row groups in its file.
#[derive(Clone, Copy)]
struct Group<'a> {
    file: &'a DataFile,
    number: usize,
    count: usize,
}

/// The rows of a row group.
#[derive(Default)]
struct SplitRows {
    kept: Vec<RecordBatch>,
    removed: Vec<RecordBatch>,
}

impl Rewritten {
    /// Adds the result for one file.
    pub(crate) fn extend(&mut self, file: &DataFile, rewritten_file: Option<RewrittenFile>) {
        let Some(rewritten_file) = rewritten_file else {
            return;
        };
        self.removed_rows += rewritten_file.removed_rows;
        self.removed_content.merge(rewritten_file.removed_content);
        self.files.extend(rewritten_file.file);
        self.replaced.insert(file.name.clone());
    }

    /// The table's files after the rewrite, given those `before` it.
    pub(crate) fn after(&self, before: &[DataFile]) -> Vec<DataFile> {
        let kept = before
            .iter()
            .filter(|file| !self.replaced.contains(&file.name));
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
    /// Removes the rows for which `is_removed` is true from `files`. `is_removed` gets
    /// `columns`, batch by batch in the order of the files.
    ///
    /// # Errors
    /// [`Error::Query`] or [`Error::Lake`].
    pub(crate) async fn remove_rows(
        &self,
        files: &[DataFile],
        columns: &[usize],
        mut is_removed: impl FnMut(&RecordBatch) -> Result<BooleanArray, Error>,
    ) -> Result<Rewritten, Error> {
        let mut rewritten = Rewritten::default();
        for file in files {
            let rewritten_file = self
                .rewrite_file(file, None, columns, &mut is_removed)
                .await?;
            rewritten.extend(file, rewritten_file);
        }
        Ok(rewritten)
    }

    /// Removes rows from one file. Row groups for which `candidates` is false are kept.
    /// `None` if no row was removed.
    pub(crate) async fn rewrite_file(
        &self,
        file: &DataFile,
        candidates: Option<&[bool]>,
        columns: &[usize],
        mut is_removed: impl FnMut(&RecordBatch) -> Result<BooleanArray, Error>,
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
            let rows = match candidates.is_none_or(|candidates| candidates[number]) {
                true => self.split(group(number), columns, &mut is_removed).await?,
                false => None,
            };
            let Some(SplitRows { kept, removed }) = rows else {
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
            for batch in removed {
                rewritten_file.removed_rows += batch.num_rows() as u64;
                rewritten_file.removed_content.add(content::hashes(&batch));
            }
            rewrite.write_row_group(&kept).await?;
        }
        if let Some(rewritten_file) = &mut rewritten_file {
            rewritten_file.file = rewrite.finish().await?;
        }
        Ok(rewritten_file)
    }

    /// Splits a row group into kept and removed rows; `None` if all are kept.
    async fn split(
        &self,
        group: Group<'_>,
        columns: &[usize],
        is_removed: &mut impl FnMut(&RecordBatch) -> Result<BooleanArray, Error>,
    ) -> Result<Option<SplitRows>, Error> {
        let failed = |error: ArrowError| Error::execution(&self.layout.table().name, error.into());
        let key_batches = self.read(group, Some(columns)).await?;
        let masks = key_batches
            .iter()
            .map(is_removed)
            .collect::<Result<Vec<_>, _>>()?;
        if masks.iter().all(|mask| mask.true_count() == 0) {
            return Ok(None);
        }
        // Scans of different column sets may end their batches at different rows.
        let all = (0..self.layout.schema().fields().len()).eq(columns.iter().copied());
        let batches = match all {
            true => key_batches,
            false => self.read(group, None).await?,
        };
        let masks: Vec<&dyn Array> = masks.iter().map(|mask| mask as &dyn Array).collect();
        let mask = arrow::compute::concat(&masks).map_err(failed)?;
        let (mask, mut at) = (mask.as_boolean(), 0);
        let mut rows = SplitRows::default();
        for batch in batches {
            let is_removed = mask.slice(at, batch.num_rows());
            at += batch.num_rows();
            let is_kept = arrow::compute::not(&is_removed).map_err(failed)?;
            rows.kept
                .push(filter_record_batch(&batch, &is_kept).map_err(failed)?);
            rows.removed
                .push(filter_record_batch(&batch, &is_removed).map_err(failed)?);
        }
        Ok(Some(rows))
    }

    /// Copies a row group unchanged.
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

    /// The rows of a row group: `columns`, or all columns if `None`.
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
pub(crate) fn layout_of(published: &Version) -> Result<Layout, Error> {
    Ok(Layout::new(
        published.table.clone(),
        &published.schema,
        &published.personal,
    )?)
}

/// The rows of one file, or of some of its row groups, in file order: `columns`, or all
/// columns if `None`.
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
