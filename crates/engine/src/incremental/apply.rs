//! Applies a difference to a table's files.

use std::collections::BTreeSet;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{and, filter_record_batch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use lake::{DataFile, Lake, Layout, Publication, RemovedFiles};

use super::difference::{Difference, row_count, row_counts};
use super::keys::{KeySet, key_mask};
use super::partition_analysis::{KeyKind, PartitionKey};
use super::published_rows::RowLocation;
use super::table_changes::{PublishedTable, TableChanges};
use crate::Error;
use crate::content;
use crate::content::Content;
use crate::system_rows;
use crate::write::rewrite::{Rewriter, Rewritten};
use query::Session;

/// A table's next versions, as a release publishes them: one without the rows of people
/// who leave the table, and one with all other changes.
pub(crate) struct Applied {
    pub(crate) leaving: Option<Publication>,
    pub(crate) arriving: Option<Publication>,
    /// Files of the table after both.
    pub(crate) files: Vec<DataFile>,
    pub(crate) rows: u64,
    pub(crate) content: Content,
}

/// Applies differences to one table.
pub(crate) struct Applier<'a> {
    pub(crate) session: &'a Session,
    pub(crate) lake: &'a Lake,
    pub(crate) run: &'a str,
    pub(crate) changes: &'a TableChanges,
    pub(crate) layout: &'a Layout,
    pub(crate) description: &'a str,
    /// The column that names the person or device of a row.
    pub(crate) subject_column: Option<&'a str>,
}

impl Applier<'_> {
    /// Writes the changes. They are not visible until they are published. `None` if the
    /// files do not hold the removed rows, so that the table is not what was expected.
    pub(crate) async fn apply(
        &self,
        table: &PublishedTable,
        difference: &Difference,
    ) -> Result<Option<Applied>, Error> {
        let commit_info = table.version.as_ref().and_then(|v| v.commit_info.as_ref());
        let content = commit_info.map_or(Some(Content::default()), |commit_info| {
            Content::from_text(&commit_info.content)
        });
        let Some(content) = content else {
            return Ok(None);
        };
        let mut applied = Applied {
            leaving: None,
            arriving: None,
            files: table.files.clone(),
            rows: commit_info.map_or(0, |commit_info| commit_info.rows),
            content,
        };
        let (leaving, replaced) = self.split_removed(difference)?;
        if row_count(&leaving) > 0 {
            let rewritten = self.remove_rows(table, &mut applied, &leaving).await?;
            let Some(rewritten) = rewritten else {
                return Ok(None);
            };
            applied.leaving = Some(self.publication(&applied, rewritten.files, rewritten.replaced));
        }
        let mut removes = BTreeSet::new();
        let mut files = Vec::new();
        if row_count(&replaced) > 0 {
            let rewritten = self.remove_rows(table, &mut applied, &replaced).await?;
            let Some(rewritten) = rewritten else {
                return Ok(None);
            };
            (removes, files) = (rewritten.replaced, rewritten.files);
        }
        if row_count(&difference.added) > 0 {
            let mut writer = self.lake.writer(self.layout, self.run);
            for batch in &difference.added {
                writer.write(batch).await?;
                applied.content.add(content::hashes(batch));
                applied.rows += batch.num_rows() as u64;
            }
            let added = writer.finish().await?;
            applied.files.extend(added.iter().cloned());
            files.extend(added);
        }
        if !files.is_empty() || !removes.is_empty() {
            applied.arriving = Some(self.publication(&applied, files, removes));
        }
        Ok(Some(applied))
    }

    fn publication(
        &self,
        applied: &Applied,
        files: Vec<DataFile>,
        removes: BTreeSet<String>,
    ) -> Publication {
        Publication {
            layout: self.layout.clone(),
            description: self.description.to_owned(),
            files,
            removed: match removes.is_empty() {
                true => RemovedFiles::None,
                false => RemovedFiles::Named(removes),
            },
            changes_rows: true,
            commit_info: system_rows::commit_info(self.run, applied.rows, applied.content),
        }
    }

    /// Splits the removed rows: those of people who leave the table, and those that other
    /// rows of the same person replace.
    fn split_removed(
        &self,
        difference: &Difference,
    ) -> Result<(Vec<RecordBatch>, Vec<RecordBatch>), Error> {
        let Some(index) = self.subject_index() else {
            return Ok((difference.removed.clone(), Vec::new()));
        };
        let failed = |error| self.failed(error);
        let staying = KeySet::of(&difference.added, index, KeyKind::Subject).map_err(failed)?;
        let (mut leaving, mut replaced) = (Vec::new(), Vec::new());
        for batch in &difference.removed {
            let stays =
                key_mask(batch.column(index), KeyKind::Subject, &staying).map_err(failed)?;
            let leaves = arrow::compute::not(&stays).map_err(failed)?;
            leaving.push(filter_record_batch(batch, &leaves).map_err(failed)?);
            replaced.push(filter_record_batch(batch, &stays).map_err(failed)?);
        }
        Ok((leaving, replaced))
    }

    /// The index of the column that names the person or device of a row: the one that the
    /// contract declares, or else the first text column.
    fn subject_index(&self) -> Option<usize> {
        let schema = self.layout.schema();
        let declared = self
            .subject_column
            .and_then(|name| schema.index_of(name).ok());
        declared.or_else(|| {
            let mut fields = schema.fields().iter();
            fields.position(|field| *field.data_type() == DataType::Utf8View)
        })
    }

    /// Removes rows from the files of `applied`. `None` if the files do not hold all of
    /// them.
    async fn remove_rows(
        &self,
        table: &PublishedTable,
        applied: &mut Applied,
        removed: &[RecordBatch],
    ) -> Result<Option<Rewritten>, Error> {
        let search_keys = self.search_keys(removed)?;
        let columns: Vec<usize> = (0..self.layout.schema().fields().len()).collect();
        let rewriter = Rewriter {
            session: self.session,
            lake: self.lake,
            run: self.run,
            layout: self.layout,
        };
        let mut to_remove = row_counts(removed);
        let mut is_removed = |batch: &RecordBatch| {
            // Only the hash of all columns identifies a row, but the keys alone rule out
            // most rows.
            let candidates = self.rows_with_all_keys(batch, &search_keys)?;
            let candidate_rows =
                filter_record_batch(batch, &candidates).map_err(|error| self.failed(error))?;
            let mut hashes = content::hashes(&candidate_rows).into_iter();
            let is_removed = candidates.values().iter().map(|is_candidate| {
                let hash = if is_candidate { hashes.next() } else { None };
                let count = hash.and_then(|hash| to_remove.get_mut(&hash));
                let count = count.filter(|count| **count > 0);
                Some(count.map(|count| *count -= 1).is_some())
            });
            Ok(is_removed.collect())
        };
        let mut rewritten = Rewritten::default();
        'files: for file in applied.files.clone() {
            let mut row_groups: Option<Vec<bool>> = None;
            for SearchKey { index, key, keys } in &search_keys {
                let location = self.changes.locate_rows(table, &file, *index, key, keys);
                match location.await? {
                    RowLocation::Nowhere => continue 'files,
                    RowLocation::RowGroups(groups) => row_groups = Some(groups),
                    RowLocation::Anywhere => {}
                }
            }
            let rewritten_file =
                rewriter.rewrite_file(&file, row_groups.as_deref(), &columns, &mut is_removed);
            rewritten.extend(&file, rewritten_file.await?);
        }
        if rewritten.removed_rows != row_count(removed) {
            return Ok(None);
        }
        applied.files = rewritten.after(&applied.files);
        applied.rows -= rewritten.removed_rows;
        applied.content.remove(rewritten.removed_content);
        Ok(Some(rewritten))
    }

    /// The keys by which removed rows are searched for. The statistics of a number that
    /// only grows rule out most files; the dictionary of a person column rules out row
    /// groups.
    fn search_keys(&self, removed: &[RecordBatch]) -> Result<Vec<SearchKey>, Error> {
        let schema = self.layout.schema();
        let mut fields = schema.fields().iter();
        let number = fields.position(|field| field.data_type().is_integer());
        let mut search_keys = Vec::new();
        for index in number.into_iter().chain(self.subject_index()) {
            let keys = KeySet::of(removed, index, KeyKind::Value);
            let keys = keys.map_err(|error| self.failed(error))?;
            let key = PartitionKey::new(schema.field(index).name(), KeyKind::Value);
            search_keys.push(SearchKey { index, key, keys });
        }
        Ok(search_keys)
    }

    fn rows_with_all_keys(
        &self,
        batch: &RecordBatch,
        search_keys: &[SearchKey],
    ) -> Result<BooleanArray, Error> {
        let mut all = BooleanArray::from(vec![true; batch.num_rows()]);
        for SearchKey { index, key, keys } in search_keys {
            let mask = key_mask(batch.column(*index), key.kind, keys);
            let both = mask.and_then(|mask| and(&all, &mask));
            all = both.map_err(|error| self.failed(error))?;
        }
        Ok(all)
    }

    fn failed(&self, error: ArrowError) -> Error {
        Error::execution(&self.layout.table().name, error.into())
    }
}

/// A column, and the keys that are searched for in it.
struct SearchKey {
    index: usize,
    key: PartitionKey,
    keys: KeySet,
}
