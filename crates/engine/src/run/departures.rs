//! People and devices that leave tables in a full build: prepares, for each table that was
//! built, the version that removes their rows from the published ones. An incremental
//! build knows the removed rows already (`incremental::apply`).

use std::collections::HashMap;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use lake::{Layout, Publication, RemovedFiles, TableId, Version};

use super::work::Work;
use crate::Error;
use crate::content::{self, Content};
use crate::contract::planning::Planned;
use crate::contract::privacy_gates;
use crate::contract::subject_columns::{self, SubjectKind};
use crate::subjects::name_hashes::{NameHashes, hash_name};
use crate::system_rows;
use crate::write::build::Built;
use crate::write::rewrite::{Rewriter, Rewritten, layout_of};

/// A table that was built and differs from the published one.
pub(super) struct ChangedTable<'a> {
    pub(super) planned: &'a Planned,
    pub(super) built: &'a Built,
    pub(super) published: Option<Version>,
}

/// Who leaves a table.
enum Leaving {
    /// These people or devices.
    Known(NameHashes),
    /// The table does not say whose its rows are.
    Unknown,
    /// The published table is damaged: its rows cannot be read.
    Damaged,
}

impl Work {
    /// For each of `changed`, the version without the rows of people and devices that the
    /// built table does not have; `None` if nobody leaves the table. If somebody leaves any
    /// table, tables that do not say whose their rows are lose all rows that were not built
    /// again.
    pub(super) async fn without_leaving(
        &self,
        changed: &[ChangedTable<'_>],
    ) -> Result<Vec<Option<Publication>>, Error> {
        let mut leaving = Vec::new();
        for table in changed {
            leaving.push(self.leaving(table).await?);
        }
        let does_anybody_leave = leaving.iter().flatten().any(|leaving| match leaving {
            Leaving::Known(names) => !names.is_empty(),
            Leaving::Unknown => false,
            Leaving::Damaged => true,
        });
        let mut next = Vec::new();
        for (table, leaving) in changed.iter().zip(&leaving) {
            let (Some(published), Some(leaving)) = (&table.published, leaving) else {
                next.push(None);
                continue;
            };
            next.push(match leaving {
                _ if !does_anybody_leave => None,
                Leaving::Damaged => Some(self.emptied(published)?),
                Leaving::Known(names) => {
                    self.without_names(table.planned, published, names).await?
                }
                Leaving::Unknown => self.without_rows_not_built(table, published).await?,
            });
        }
        Ok(next)
    }

    /// Who leaves a table; `None` if it is not published yet.
    async fn leaving(&self, table: &ChangedTable<'_>) -> Result<Option<Leaving>, Error> {
        let Some(published) = &table.published else {
            return Ok(None);
        };
        if self.integrity.is_damaged(table.planned.layout.table()) {
            return Ok(Some(Leaving::Damaged));
        }
        let Some(built_names) = table.built.people.first() else {
            return Ok(Some(Leaving::Unknown));
        };
        let names = self.names_in(table.planned, published).await?;
        let leaving = names.difference(built_names.names()).copied();
        Ok(Some(Leaving::Known(leaving.collect())))
    }

    /// The people or devices that have rows in a published version.
    async fn names_in(&self, planned: &Planned, published: &Version) -> Result<NameHashes, Error> {
        let mut subjects = privacy_gates::SubjectsInTable::default();
        let Some((kind, column)) = subject_columns::column(&planned.model) else {
            return Ok(NameHashes::default());
        };
        let Ok(column) = published.schema.index_of(column) else {
            return Ok(NameHashes::default());
        };
        let layout = layout_of(published)?;
        let collect = |batch: &RecordBatch| {
            let names = first_column_as_text(batch, &published.table)?;
            subjects.add(kind, names.as_string_view());
            Ok(none_of(batch))
        };
        self.rewriter(&layout)
            .remove_rows(&published.files, &[column], collect)
            .await?;
        Ok(subjects.names().clone())
    }

    /// The version without the rows of these people or devices.
    async fn without_names(
        &self,
        planned: &Planned,
        published: &Version,
        leaving: &NameHashes,
    ) -> Result<Option<Publication>, Error> {
        let Some((kind, column)) = subject_columns::column(&planned.model) else {
            return Ok(None);
        };
        let (Ok(column), false) = (published.schema.index_of(column), leaving.is_empty()) else {
            return Ok(None);
        };
        let layout = layout_of(published)?;
        let is_removed = |batch: &RecordBatch| {
            let names = first_column_as_text(batch, &published.table)?;
            let names = names.as_string_view().iter();
            let is_removed = names.map(|name| {
                let name = name.unwrap_or_default();
                Some(leaving.contains(&match kind {
                    SubjectKind::Subject => hash_name(&privacy::normalize_subject(name)),
                    SubjectKind::Device => hash_name(name),
                }))
            });
            Ok(is_removed.collect())
        };
        let rewritten = self
            .rewriter(&layout)
            .remove_rows(&published.files, &[column], is_removed)
            .await?;
        Ok(self.after_removal(published, layout, rewritten))
    }

    /// The version without the rows that the built table does not have.
    async fn without_rows_not_built(
        &self,
        table: &ChangedTable<'_>,
        published: &Version,
    ) -> Result<Option<Publication>, Error> {
        if published.schema != *table.planned.layout.schema() {
            return Ok(None);
        }
        let layout = layout_of(published)?;
        let rewriter = self.rewriter(&layout);
        let all: Vec<usize> = (0..published.schema.fields().len()).collect();
        let mut built_rows: HashMap<u128, u64> = HashMap::new();
        let count = |batch: &RecordBatch| {
            for hash in content::hashes(batch) {
                *built_rows.entry(hash).or_default() += 1;
            }
            Ok(none_of(batch))
        };
        rewriter
            .remove_rows(&table.built.files, &all, count)
            .await?;
        let is_removed = |batch: &RecordBatch| {
            let is_removed = content::hashes(batch).into_iter().map(|hash| {
                let count = built_rows.get_mut(&hash).filter(|count| **count > 0);
                Some(count.map(|count| *count -= 1).is_none())
            });
            Ok(is_removed.collect())
        };
        let rewritten = rewriter
            .remove_rows(&published.files, &all, is_removed)
            .await?;
        Ok(self.after_removal(published, layout.clone(), rewritten))
    }

    fn rewriter<'a>(&'a self, layout: &'a Layout) -> Rewriter<'a> {
        Rewriter {
            session: &self.session,
            lake: &self.locked.lake,
            run: &self.locked.run,
            layout,
        }
    }

    /// The version without any row.
    fn emptied(&self, published: &Version) -> Result<Publication, Error> {
        Ok(Publication {
            layout: layout_of(published)?,
            description: published.description.clone().unwrap_or_default(),
            files: Vec::new(),
            removed: RemovedFiles::All,
            changes_rows: true,
            commit_info: system_rows::commit_info(&self.locked.run, 0, Content::default()),
        })
    }

    /// The version after rows were removed from the published one; `None` if there were
    /// none to remove.
    fn after_removal(
        &self,
        published: &Version,
        layout: Layout,
        rewritten: Rewritten,
    ) -> Option<Publication> {
        let commit_info = published.commit_info.as_ref()?;
        let mut content = Content::from_text(&commit_info.content)?;
        content.remove(rewritten.removed_content);
        (rewritten.removed_rows > 0).then(|| Publication {
            layout,
            description: published.description.clone().unwrap_or_default(),
            files: rewritten.files,
            removed: RemovedFiles::Named(rewritten.replaced),
            changes_rows: true,
            commit_info: system_rows::commit_info(
                &self.locked.run,
                commit_info.rows - rewritten.removed_rows,
                content,
            ),
        })
    }
}

/// A mask that removes no row: a scan that only looks.
fn none_of(batch: &RecordBatch) -> BooleanArray {
    BooleanArray::from(vec![false; batch.num_rows()])
}

fn first_column_as_text(
    batch: &RecordBatch,
    table: &TableId,
) -> Result<arrow::array::ArrayRef, Error> {
    let names = cast(batch.column(0), &DataType::Utf8View);
    names.map_err(|error| Error::execution(table.name.clone(), error.into()))
}
