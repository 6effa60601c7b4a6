//! Tables without some of their rows.
//!
//! A file that holds none of the rows stays as it is; one that does is written
//! again without them. So taking a few rows out costs what the files cost that
//! hold them, and reading what tells them apart.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use lake::{DataFile, Lake, Layout, Version};

use crate::build::stored;
use crate::lake_table::LakeTable;
use crate::rows::{self, Content};
use crate::{Error, Session};

/// A table's files after rows were taken out.
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

impl Rewritten {
    /// The table's files from `before` on.
    pub(crate) fn after(&self, before: &[DataFile]) -> Vec<DataFile> {
        let kept = before
            .iter()
            .filter(|file| !self.removes.contains(&file.name));
        kept.chain(&self.files).cloned().collect()
    }
}

/// Who takes rows out of a table.
pub(crate) struct Rewriter<'a> {
    pub(crate) session: &'a Session,
    pub(crate) lake: &'a Lake,
    /// Names the files that are written.
    pub(crate) run: &'a str,
    pub(crate) layout: &'a Layout,
}

impl Rewriter<'_> {
    /// Takes the rows out of `files` that `goes` says yes to. It is given the
    /// `columns` it asks for, batch by batch in the order of the files.
    ///
    /// # Errors
    /// [`Error::Execution`] or [`Error::Lake`].
    pub(crate) async fn without(
        &self,
        files: &[DataFile],
        columns: &[usize],
        mut goes: impl FnMut(&RecordBatch) -> Result<BooleanArray, Error>,
    ) -> Result<Rewritten, Error> {
        let table = self.layout.table().name.clone();
        let failed = |error: DataFusionError| Error::execution(&table, error);
        let mut rewritten = Rewritten::default();
        for file in files {
            let mut kept: Vec<BooleanArray> = Vec::new();
            let mut gone = 0;
            let mut batches = self.read(file, Some(columns)).await?;
            while let Some(batch) = batches.next().await {
                let goes = goes(&batch.map_err(failed)?)?;
                gone += goes.true_count();
                kept.push(goes.iter().map(|goes| Some(goes != Some(true))).collect());
            }
            if gone == 0 {
                continue;
            }
            let mut writer = self.lake.writer(self.layout, self.run);
            let mut batches = self.read(file, None).await?;
            let mut masks = kept.into_iter();
            let mut mask = BooleanArray::new_null(0);
            while let Some(batch) = batches.next().await {
                let batch = batch.map_err(failed)?;
                // Batches of few columns and of all of them may be cut at
                // different rows.
                while mask.len() < batch.num_rows() {
                    let Some(more) = masks.next() else { break };
                    mask = mask.iter().chain(more.iter()).collect();
                }
                let (own, rest) = (
                    mask.slice(0, batch.num_rows()),
                    mask.slice(batch.num_rows(), mask.len() - batch.num_rows()),
                );
                mask = rest;
                let stays = filter_record_batch(&batch, &own).map_err(|e| failed(e.into()))?;
                let goes = arrow::compute::not(&own).map_err(|e| failed(e.into()))?;
                let goes = filter_record_batch(&batch, &goes).map_err(|e| failed(e.into()))?;
                rewritten.rows += goes.num_rows() as u64;
                rewritten.content.add(rows::hashes(&goes));
                writer.write(&stays).await?;
            }
            rewritten.files.extend(writer.finish().await?);
            rewritten.removes.insert(file.name.clone());
        }
        Ok(rewritten)
    }

    async fn read(
        &self,
        file: &DataFile,
        columns: Option<&[usize]>,
    ) -> Result<SendableRecordBatchStream, Error> {
        let table = &self.layout.table().name;
        let stream = read(self.session, self.layout, file, columns).await;
        stream.map_err(|error| Error::execution(table, error))
    }
}

/// The layout of a version as it stands.
pub(crate) fn layout_of(standing: &Version) -> Result<Layout, Error> {
    Ok(Layout::new(
        standing.table.clone(),
        &standing.schema,
        &standing.personal,
    )?)
}

/// The rows of one file, in its order; `columns` of them, or all.
pub(crate) async fn read(
    session: &Session,
    layout: &Layout,
    file: &DataFile,
    columns: Option<&[usize]>,
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let store = session.tables().store_url()?;
    let (id, schema) = (layout.table(), layout.schema());
    let table = LakeTable::new(id, store, Arc::clone(schema), std::slice::from_ref(file));
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
