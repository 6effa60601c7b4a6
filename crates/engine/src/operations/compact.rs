//! `stedi compact`: merges small files of a table into large ones.
//!
//! Each run adds at least one file to a table that it changes. After thousands of small
//! runs a table consists mostly of footers. Files smaller than 128 MiB, a quarter of the
//! size at which a run starts another file, are read in the order in which they were added
//! and written into large ones. Rows that arrived together stay together, and the bounds of
//! row groups stay narrow. Rows, their count and the content that the version names stay
//! the same; the commit says so, and readers that follow changes skip it.
//!
//! [`compact`] merges all of them. [`compact_young`], for whoever runs again and again,
//! does so only where they are many, and leaves out older files that are larger than all
//! younger ones together: so a table must double before a row of it is rewritten, and few
//! files are left.
//!
//! All tables are published in one release, except the consent register. It gets a commit
//! of its own, because entries are written to it without the lock, and a release must not
//! depend on another writer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use futures::StreamExt;
use lake::{AsOf, CommitInfo, DataFile, Lake, Publication, RemovedFiles, TableId, Version};
use query::tables::model_id;
use query::{Session, Setup, system};
use serde::Serialize;

use super::lake_place::require_lake;
use super::no_table::no_table;
use crate::error::{Error, SettingsFault};
use crate::lock::LockedLake;
use crate::stop::Stop;
use crate::write::rewrite::{layout_of, read};
use crate::{Interrupt, system_rows};

/// Smaller files are merged: a quarter of the size at which a run ends a file.
const SMALL_BYTES: u64 = 128 << 20;

/// [`compact_young`] leaves a table alone that has at most so many small files.
const YOUNG_FILES: usize = 16;

/// A log with this many entries since its last checkpoint gets another one.
const ENTRIES_WITHOUT_CHECKPOINT: u64 = 10;

/// Attempts to commit the register while other processes write to it.
const REGISTER_ATTEMPTS: u32 = 5;

/// How long the operation waits for tasks that were asked to stop.
const PATIENCE: Duration = Duration::from_millis(300);

/// One table whose files were merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// `trusted`, `curated` or `system`.
    pub zone: String,
    /// Bare name.
    pub table: String,
    /// Number of its data files before.
    pub files_before: u64,
    /// Number of its data files after.
    pub files_after: u64,
    /// Bytes of its data files before.
    pub bytes_before: u64,
    /// Bytes of its data files after.
    pub bytes: u64,
}

/// Merges small files of the named tables, or of all tables where `names` is empty.
/// Writes nothing where there is nothing to merge.
///
/// # Errors
/// [`Error::Query`] for an unknown name; [`Error::Settings`] for a landing table;
/// [`Error::Lake`], with
/// [`lake::Error::Locked`] where another process holds the lock;
/// [`Error::Interrupted`].
pub async fn compact(
    setup: &Setup,
    names: &[String],
    interrupt: Arc<Interrupt>,
) -> Result<Vec<Compacted>, Error> {
    compact_by(Rule::All, setup, names, interrupt).await
}

/// Merges the younger small files of all tables that have many.
///
/// # Errors
/// As [`compact`].
pub async fn compact_young(
    setup: &Setup,
    interrupt: Arc<Interrupt>,
) -> Result<Vec<Compacted>, Error> {
    compact_by(Rule::Young, setup, &[], interrupt).await
}

/// Which small files of a table are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    All,
    Young,
}

impl Rule {
    /// The files that are merged among the small ones of a table, which are in order of age.
    fn choose(self, mut small: Vec<DataFile>) -> Vec<DataFile> {
        if self == Rule::Young {
            let bytes: Vec<u64> = small.iter().map(|file| file.bytes).collect();
            small.drain(..first_young(&bytes));
        }
        small
    }
}

/// The first of the files of these sizes, in order of age, that [`compact_young`] merges;
/// one beyond the last if it merges none.
fn first_young(bytes: &[u64]) -> usize {
    if bytes.len() <= YOUNG_FILES {
        return bytes.len();
    }
    let mut younger: u64 = bytes.iter().sum();
    let first = bytes.iter().position(|bytes| {
        younger -= bytes;
        *bytes <= younger
    });
    first.unwrap_or(bytes.len())
}

async fn compact_by(
    rule: Rule,
    setup: &Setup,
    names: &[String],
    interrupt: Arc<Interrupt>,
) -> Result<Vec<Compacted>, Error> {
    let tables = named(setup, names)?;
    require_lake(setup).await?;
    let lake = Lake::at(setup.lake.clone());
    if !names.is_empty() {
        for table in &tables {
            if !lake.exists(table).await? {
                let table = table.clone();
                return Err(lake::Error::NoTable { table }.into());
            }
        }
    }
    let compaction = Compaction {
        rule,
        session: Session::open(setup)?,
        locked: LockedLake::acquire(setup, "compact").await?,
        stop: Stop::default(),
    };
    match compaction.merge_until(&tables, &interrupt).await {
        Ok(done) => {
            compaction.locked.unlock().await;
            Ok(done)
        }
        // The release may be there already; then the next lock holder finishes it.
        Err(Failure::Publishing(error)) => {
            compaction.locked.abandon();
            Err(error)
        }
        Err(Failure::Before(error)) => {
            for table in &tables {
                compaction
                    .locked
                    .lake
                    .remove_files_of_run(table, &compaction.locked.run)
                    .await;
            }
            compaction.locked.unlock().await;
            Err(error)
        }
    }
}

/// The tables with these `names`. Without names: all tables of the project and all system
/// tables.
fn named(setup: &Setup, names: &[String]) -> Result<BTreeSet<TableId>, Error> {
    let project = &setup.project;
    if names.is_empty() {
        return Ok(project
            .models()
            .iter()
            .map(model_id)
            .chain(system::ids())
            .collect());
    }
    let mut tables = BTreeSet::new();
    for name in names {
        let bare = ["trusted.", "curated.", "landing."]
            .iter()
            .find_map(|zone| name.strip_prefix(zone))
            .unwrap_or(name);
        let table = match name.strip_prefix("system.") {
            Some(bare) => system::ids().find(|id| id.name == bare),
            None => match project.find(bare) {
                Some(catalog::Table::Model(model)) => Some(model_id(model)),
                Some(catalog::Table::Landing(table)) => {
                    return Err(Error::Settings(SettingsFault::LandingCompacted {
                        table: table.name.to_string(),
                    }));
                }
                None => None,
            },
        };
        tables.insert(table.ok_or_else(|| no_table(setup, name))?);
    }
    Ok(tables)
}

struct Compaction {
    rule: Rule,
    session: Session,
    locked: LockedLake,
    stop: Stop,
}

/// When a compaction failed: before publication, or while versions may already be visible.
enum Failure {
    Before(Error),
    Publishing(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Before(error)
    }
}

/// A table whose small files were merged, not yet published.
struct Merged {
    published: Version,
    next: Publication,
}

impl Merged {
    fn summary(&self) -> Compacted {
        let RemovedFiles::Named(removed) = &self.next.removed else {
            unreachable!("a merge replaces files")
        };
        let before = &self.published.files;
        let kept = before.iter().filter(|file| !removed.contains(&file.name));
        let after: Vec<&DataFile> = kept.chain(&self.next.files).collect();
        Compacted {
            zone: self.published.table.zone.clone(),
            table: self.published.table.name.clone(),
            files_before: before.len() as u64,
            files_after: after.len() as u64,
            bytes_before: self.published.bytes(),
            bytes: after.iter().map(|file| file.bytes).sum(),
        }
    }
}

impl Compaction {
    /// Merges, unless `interrupt` ends it. Once publication has begun, which takes
    /// a moment, it is finished first.
    async fn merge_until(
        &self,
        tables: &BTreeSet<TableId>,
        interrupt: &Interrupt,
    ) -> Result<Vec<Compacted>, Failure> {
        let register = system::CONSENT_REGISTER.id();
        let mut merge = std::pin::pin!(self.merge_all(tables, &register));
        let merged = tokio::select! {
            merged = &mut merge => merged?,
            () = interrupt.requested() => {
                self.stop.request();
                let _ = tokio::time::timeout(PATIENCE, &mut merge).await;
                return Err(Error::Interrupted.into());
            }
        };
        interrupt.finish_first();
        let mut done: Vec<Compacted> = merged.iter().map(Merged::summary).collect();
        self.release(merged).await.map_err(|error| match error {
            error @ Error::Lake(lake::Error::ReleaseConflict) => Failure::Before(error),
            error => Failure::Publishing(error),
        })?;
        // From here on files of this run are in the lake and must not be removed.
        self.conclude(tables, &register, &mut done)
            .await
            .map_err(Failure::Publishing)?;
        Ok(done)
    }

    async fn conclude(
        &self,
        tables: &BTreeSet<TableId>,
        register: &TableId,
        done: &mut Vec<Compacted>,
    ) -> Result<(), Error> {
        if tables.contains(register) {
            done.extend(self.merge_register(register).await?);
        }
        done.sort_by(|a, b| (&a.zone, &a.table).cmp(&(&b.zone, &b.table)));
        for table in tables {
            let entries = self.locked.lake.entries_since_checkpoint(table).await?;
            if entries >= ENTRIES_WITHOUT_CHECKPOINT {
                self.locked.lake.checkpoint(table).await;
            }
        }
        Ok(())
    }

    async fn merge_all(
        &self,
        tables: &BTreeSet<TableId>,
        except: &TableId,
    ) -> Result<Vec<Merged>, Error> {
        let mut merged = Vec::new();
        for table in tables.iter().filter(|table| *table != except) {
            merged.extend(self.merge(table).await?);
        }
        Ok(merged)
    }

    async fn release(&self, merged: Vec<Merged>) -> Result<(), Error> {
        if merged.is_empty() {
            return Ok(());
        }
        let (lake, before) = (&self.locked.lake, self.locked.release.as_ref());
        let mut published = BTreeMap::new();
        let mut publications = Vec::new();
        for Merged {
            published: version,
            next,
        } in merged
        {
            published.insert(version.table.clone(), version);
            publications.push(next);
        }
        // What the last run noted holds as before: no row has changed.
        let state = before.map_or(serde_json::Value::Null, |before| before.state.clone());
        lake.publish_release(before, &self.locked.run, state, &publications, &published)
            .await?;
        Ok(())
    }

    /// Merges the consent register; retries if an entry was committed meanwhile. If entries
    /// keep coming, the next compaction does it.
    async fn merge_register(&self, register: &TableId) -> Result<Option<Compacted>, Error> {
        let lake = &self.locked.lake;
        for _ in 0..REGISTER_ATTEMPTS {
            let Some(merged) = self.merge(register).await? else {
                return Ok(None);
            };
            let published = lake.publish_after(Some(&merged.published), &merged.next);
            match published.await {
                Ok(_) => return Ok(Some(merged.summary())),
                Err(lake::Error::Conflict { .. }) => lake.discard(&merged.next.files).await,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// Merges small files of a table; `None` where there are fewer than two to merge.
    async fn merge(&self, table: &TableId) -> Result<Option<Merged>, Error> {
        let lake = &self.locked.lake;
        let Some(published) = lake.version(table, AsOf::Latest).await? else {
            return Ok(None);
        };
        // A version of another program has no content hash to keep. The next run
        // rebuilds the table.
        let Some(before) = published.commit_info.clone() else {
            return Ok(None);
        };
        let small: Vec<DataFile> = published
            .files_by_age()
            .into_iter()
            .filter(|file| file.bytes < SMALL_BYTES)
            .cloned()
            .collect();
        let small = self.rule.choose(small);
        if small.len() < 2 {
            return Ok(None);
        }
        let layout = layout_of(&published)?;
        let failed = |error: DataFusionError| Error::execution(&table.name, error);
        let mut writer = lake.writer(&layout, &self.locked.run);
        for file in &small {
            let mut rows = 0;
            let stream = read(&self.session, &layout, file, None, None).await;
            let mut stream = stream.map_err(failed)?;
            while let Some(batch) = stream.next().await {
                self.stop.check()?;
                let batch: RecordBatch = batch.map_err(failed)?;
                rows += batch.num_rows() as u64;
                writer.write(&batch).await?;
            }
            if rows != file.rows {
                return Err(Error::Query(query::Error::Execution {
                    what: format!("merging files of {}", table.name),
                    message: format!(
                        "a file holds {rows} rows where the table's log counts {}; nothing was changed",
                        file.rows
                    ),
                }));
            }
        }
        let next = Publication {
            layout,
            description: published.description.clone().unwrap_or_default(),
            files: writer.finish().await?,
            removed: RemovedFiles::Named(small.into_iter().map(|file| file.name).collect()),
            changes_rows: false,
            commit_info: CommitInfo {
                run: self.locked.run.clone(),
                program: system_rows::program(),
                ..before
            },
        };
        Ok(Some(Merged { published, next }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn young_files_are_merged_and_larger_older_ones_stay() {
        let small = [1_u64; 20];
        let beside = |older: &[u64]| [older, &small].concat();
        for (bytes, expected) in [
            (vec![], 0),
            (vec![1; 16], 16),
            (vec![1; 17], 0),
            (beside(&[20]), 0),
            (beside(&[21]), 1),
            (beside(&[1000, 21]), 2),
            (beside(&[1000, 30, 21, 20]), 1),
            // Each larger than all younger ones.
            ((0..20).rev().map(|power| 6_u64.pow(power)).collect(), 20),
        ] {
            assert_eq!(first_young(&bytes), expected, "{bytes:?}");
        }
    }

    /// However many runs there are, few files are left, and little is rewritten.
    #[test]
    fn many_runs_leave_few_files() {
        let (mut files, mut written, mut most) = (Vec::new(), 0, 0);
        let runs = 10_000;
        for _ in 0..runs {
            files.push(1_u64);
            most = most.max(files.len());
            let first = first_young(&files);
            if first < files.len() {
                let merged = files.drain(first..).sum();
                written += merged;
                files.push(merged);
            }
        }
        assert!(most <= 32, "{most} files");
        assert!(written < 12 * runs, "{written} of {runs}");
    }
}
