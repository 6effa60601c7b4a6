//! Publication: makes one release of what a run built.
//!
//! Order of versions in a release: first the rows of people who left a table go,
//! curated tables before trusted ones; then tables get their new rows, trusted before
//! curated ones. So a reader in between meets no curated row without its trusted
//! one. System tables come last. If the process is killed between two steps, the next
//! lock holder finishes the release.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::DataType;
use catalog::ReadBy;
use lake::{Layout, Publication, RemovedFiles, TableId, Version};
use query::system;

use super::incremental::all_rows;
use super::prepared::{Change, FullBuild, IncrementalBuild, Outcome, Prepared, Step};
use super::records;
use super::state::{self, RunState};
use super::work::Work;
use crate::Error;
use crate::content::{self, Content};
use crate::contract::planning::Planned;
use crate::contract::privacy_gates;
use crate::contract::report::{ModelRun, Report};
use crate::contract::subject_columns::{self, SubjectKind};
use crate::subjects::name_hashes::{NameHashes, hash_name};
use crate::subjects::{decisions, landing_files};
use crate::system_rows::{self, WriteMode};
use crate::write::build::Built;
use crate::write::ledger::Totals;
use crate::write::rewrite::{Rewriter, layout_of};

/// The parts of a release.
#[derive(Default)]
pub(super) struct Draft {
    /// In the order in which they become visible.
    publications: Vec<Publication>,
    /// The published version of each table that changes.
    standing: BTreeMap<TableId, Version>,
    /// What the next run shall know.
    pub(super) state: serde_json::Value,
}

impl Draft {
    pub(super) fn push(&mut self, standing: Option<&Version>, next: Publication) {
        if let Some(standing) = standing {
            self.standing
                .insert(next.layout.table().clone(), standing.clone());
        }
        self.publications.push(next);
    }
}

/// A table that changes.
struct Changing<'a> {
    planned: &'a Planned,
    built: &'a Built,
    standing: Option<Version>,
}

impl Work {
    /// Collects the publications of what was built, and notes what the run did;
    /// `None` with nothing new.
    pub(super) async fn draft(&self, prepared: Prepared) -> Result<(Report, Option<Draft>), Error> {
        let Prepared {
            mut report,
            outcome,
        } = prepared;
        let draft = match outcome {
            Outcome::Unchanged => None,
            Outcome::Incremental(increment) => {
                self.draft_incremental(*increment, &mut report).await?
            }
            Outcome::Full(full_build) => self.draft_full(*full_build, &mut report).await?,
        };
        if draft.is_none() {
            report.how = None;
        }
        Ok((report, draft))
    }

    async fn draft_incremental(
        &self,
        increment: IncrementalBuild,
        report: &mut Report,
    ) -> Result<Option<Draft>, Error> {
        let mut draft = Draft::default();
        // The system's tables come last, those of models in two rounds.
        let (system, models): (Vec<Step>, Vec<Step>) = increment
            .steps
            .into_iter()
            .partition(|step| step.table.zone == system::ZONE);
        for step in models.iter().rev() {
            if let Some(next) = step.applied.leaving.clone() {
                draft.push(self.version(&step.table).await?.as_ref(), next);
            }
        }
        for step in &models {
            if let Some(next) = step.applied.arriving.clone() {
                draft.push(self.version(&step.table).await?.as_ref(), next);
            }
        }
        for step in system {
            let standing = self.version(&step.table).await?;
            for next in [step.applied.leaving, step.applied.arriving]
                .into_iter()
                .flatten()
            {
                draft.push(standing.as_ref(), next);
            }
        }
        let files = landing_files::rows_of(&increment.intake);
        if increment.known_again.is_empty() {
            self.append(&system::LANDING_FILES, &files, &mut draft)
                .await?;
        } else {
            let known = all_rows(&self.session, &system::LANDING_FILES).await?;
            let known = known
                .iter()
                .map(|batch| landing_files::with_tags(batch, &increment.known_again));
            let all: Vec<RecordBatch> = known.chain([files]).collect();
            let all = concat_batches(&system::LANDING_FILES.schema(), &all)
                .map_err(|error| Error::execution("system.landing_files", error.into()))?;
            self.replace(&system::LANDING_FILES, &all, &mut draft)
                .await?;
        }
        let standing = self.version(&system::QUARANTINE.id()).await?;
        let beside = increment
            .quarantine
            .append(&self.session, standing.as_ref());
        if let Some(next) = beside.await? {
            draft.push(standing.as_ref(), next);
        }
        let rows: HashMap<&str, u64> = rows_of(report);
        let runs = self.planned.iter().map(|planned| {
            let mut steps = models.iter();
            let step = steps.find(|step| step.table == *planned.layout.table());
            ModelRun {
                table: planned.model.name.to_string(),
                started_ms: step.map_or(self.now_ms, |step| step.started_ms),
                ended_ms: step.map_or(self.now_ms, |step| step.ended_ms),
                rows_in: rows_in(planned, &rows),
                rows_out: rows
                    .get(planned.model.name.as_ref())
                    .copied()
                    .unwrap_or_default(),
                duplicates: step.map_or(0, |step| step.duplicates),
                files: step.map_or(0, |step| step.applied.files.len() as u64),
                version: None,
                outcome: "unchanged",
            }
        });
        let runs = runs.collect();
        let nothing = Totals::default();
        let ledger = increment.ledger.since(&nothing, |_, _| true);
        self.conclude(draft, &ledger, runs, report, true).await
    }

    async fn draft_full(
        &self,
        full_build: FullBuild,
        report: &mut Report,
    ) -> Result<Option<Draft>, Error> {
        let FullBuild {
            built,
            intake,
            derived,
            quarantine,
            builds_all,
        } = full_build;
        let mut changing = Vec::new();
        let mut runs = Vec::new();
        let rows = rows_of(report);
        for planned in &self.planned {
            let Some(built) = built.get(planned.model.name.as_ref()) else {
                continue;
            };
            let (standing, change) = self.compare_with_published(planned, built).await?;
            runs.push(noted(planned, built, &rows));
            if change == Change::Nothing {
                self.locked.lake.discard(&built.files).await;
                continue;
            }
            changing.push(Changing {
                planned,
                built,
                standing,
            });
        }

        let mut draft = Draft::default();
        self.remove_departed_people(&changing, &mut draft).await?;
        for changing in &changing {
            let built = changing.built;
            let next = Publication {
                layout: changing.planned.layout.clone(),
                description: changing.planned.model.contract.grain.clone(),
                files: built.files.clone(),
                removed: RemovedFiles::All,
                changes_rows: true,
                commit_info: system_rows::commit_info(&self.locked.run, built.rows, built.content),
            };
            draft.push(changing.standing.as_ref(), next);
        }

        for written in derived {
            if let Some(next) = written.next {
                draft.push(written.standing.as_ref(), next);
            }
        }
        if builds_all {
            let files = landing_files::rows_of(&intake);
            self.replace(&system::LANDING_FILES, &files, &mut draft)
                .await?;
        }
        let was_read = |table: &str| intake.contains_key(table);
        quarantine
            .copy_unread_tables(&self.session, was_read)
            .await?;
        let standing = self.version(&system::QUARANTINE.id()).await?;
        let intact = match self.integrity.is_damaged(&system::QUARANTINE.id()) {
            true => quarantine.replace_damaged().await?,
            false => quarantine.replace(standing.as_ref()).await?,
        };
        if let Some(next) = intact {
            draft.push(standing.as_ref(), next);
        }

        let mut totals = Totals::default();
        for (table, read) in &intake {
            totals.add_read(table, read.files.len() as u64, &read.tally, 1);
        }
        for (table, built) in &built {
            totals.add_model(table, &built.ledger, 1);
        }
        let before = Totals::standing(&self.session).await?;
        // Tables that this run did not look at keep their account.
        let ledger = totals.since(&before, |step, table| match step {
            "read" => intake.contains_key(table),
            _ => built.contains_key(table),
        });
        // Nothing new was there where models alone changed.
        let is_complete = !builds_all || state::is_complete(&self.sources, &intake);
        self.conclude(draft, &ledger, runs, report, is_complete)
            .await
    }

    /// Notes what the run did and what the next shall know; nothing where nothing
    /// is new.
    async fn conclude(
        &self,
        mut draft: Draft,
        ledger: &Totals,
        mut runs: Vec<ModelRun>,
        report: &mut Report,
        is_complete: bool,
    ) -> Result<Option<Draft>, Error> {
        let run = self.locked.run.as_str();
        self.append(&system::LEDGER, &ledger.rows(run), &mut draft)
            .await?;
        for run in &mut runs {
            run.version = draft.version_of(&run.table);
            if run.version.is_some() {
                run.outcome = "published";
                report.published.push(run.table.clone());
            }
        }
        let before = RunState::of_last(self);
        let run_state = match is_complete {
            true => Some(self.run_state(&draft.contents()).await?),
            false => None,
        };
        let says_more = match (&run_state, &before) {
            (Some(run_state), Some(before)) => !run_state.equals_but_for_run(before),
            (run_state, before) => run_state.is_some() || before.is_some(),
        };
        let mends = self.integrity.requires_full_build();
        if !says_more && draft.publications.is_empty() && !mends {
            return Ok(None);
        }
        // What the next run remembers names this one, for what its checks found.
        let checks = records::checks(run, &report.checks);
        self.append(&system::CHECKS, &checks, &mut draft).await?;
        let runs = records::runs(run, &runs);
        self.append(&system::RUNS, &runs, &mut draft).await?;
        let noted = serde_json::to_value(self.integrity.noted()).unwrap_or_default();
        for next in &mut draft.publications {
            next.commit_info.note = Some(noted.clone());
        }
        draft.state = serde_json::to_value(run_state).unwrap_or_default();
        Ok(Some(draft))
    }

    /// Makes one release of the draft.
    pub(super) async fn make_visible(&self, draft: &Draft) -> Result<(), Error> {
        self.locked.write_marker().await?;
        let (lake, run) = (&self.locked.lake, self.locked.run.as_str());
        for table in self.integrity.unopened() {
            lake.remove_log(table).await?;
        }
        let before = self.locked.release.as_ref();
        let state = draft.state.clone();
        lake.publish_release(before, run, state, &draft.publications, &draft.standing)
            .await?;
        Ok(())
    }

    /// Replaces the rows of a system table.
    async fn replace(
        &self,
        table: &system::Definition,
        rows: &RecordBatch,
        draft: &mut Draft,
    ) -> Result<(), Error> {
        self.stage(table, rows, true, draft).await
    }

    /// Adds rows to a system table.
    async fn append(
        &self,
        table: &system::Definition,
        rows: &RecordBatch,
        draft: &mut Draft,
    ) -> Result<(), Error> {
        self.stage(table, rows, false, draft).await
    }

    async fn stage(
        &self,
        table: &system::Definition,
        rows: &RecordBatch,
        in_place: bool,
        draft: &mut Draft,
    ) -> Result<(), Error> {
        let (lake, run) = (&self.locked.lake, self.locked.run.as_str());
        let standing = self.version(&table.id()).await?;
        if self.integrity.is_damaged(&table.id()) {
            let kept = self.integrity.salvaged(table).filter(|_| !in_place);
            let rows: Vec<RecordBatch> = kept.into_iter().chain([rows]).cloned().collect();
            let rows = decisions::concat_rows(table, &rows)?;
            if let Some(next) =
                system_rows::stage(table, lake, run, &rows, WriteMode::Rebuild).await?
            {
                draft.push(standing.as_ref(), next);
            }
            return Ok(());
        }
        let how = match in_place {
            true => WriteMode::Replace(standing.as_ref()),
            false => WriteMode::Append(standing.as_ref()),
        };
        if let Some(next) = system_rows::stage(table, lake, run, rows, how).await? {
            draft.push(standing.as_ref(), next);
        }
        Ok(())
    }

    /// Removes rows of people, and of devices, that are no longer in a table that was
    /// built. Where a table does not say whose its rows are and somebody leaves any
    /// table, its rows that were not built again are removed.
    async fn remove_departed_people(
        &self,
        changing: &[Changing<'_>],
        draft: &mut Draft,
    ) -> Result<(), Error> {
        let mut leaving = Vec::new();
        let mut somebody = false;
        for changing in changing {
            let standing = changing.standing.as_ref();
            let is_damaged = self.integrity.is_damaged(changing.planned.layout.table());
            let gone = match (standing, changing.built.people.first()) {
                (Some(standing), Some(people)) if !is_damaged => {
                    let before = self.people_in(changing.planned, standing).await?;
                    let gone = before.difference(people.names()).copied();
                    Some(gone.collect::<NameHashes>())
                }
                _ => None,
            };
            somebody |= is_damaged && standing.is_some();
            leaving.push((changing, gone));
        }
        somebody |= leaving
            .iter()
            .any(|(_, gone)| gone.as_ref().is_some_and(|gone| !gone.is_empty()));
        if !somebody {
            return Ok(());
        }
        for (changing, gone) in leaving.iter().rev() {
            let Some(standing) = &changing.standing else {
                continue;
            };
            let next = match gone {
                // Nobody can tell any more whose rows it holds: all go first.
                _ if self.integrity.is_damaged(&standing.table) => Some(self.emptied(standing)?),
                Some(gone) => {
                    self.without_people(changing.planned, standing, gone)
                        .await?
                }
                None => self.without_rows_gone(changing, standing).await?,
            };
            if let Some(next) = next {
                draft.push(Some(standing), next);
            }
        }
        Ok(())
    }

    /// Whose rows a version holds.
    async fn people_in(&self, planned: &Planned, standing: &Version) -> Result<NameHashes, Error> {
        let mut known = privacy_gates::SubjectsInTable::default();
        let Some((by, column)) = subject_columns::column(&planned.model) else {
            return Ok(NameHashes::default());
        };
        let Ok(column) = standing.schema.index_of(column) else {
            return Ok(NameHashes::default());
        };
        let layout = layout_of(standing)?;
        let rewriter = self.rewriter(&layout);
        let none = |batch: &RecordBatch| {
            let names = names(batch, &standing.table)?;
            known.add(by, names.as_string_view());
            Ok(BooleanArray::from(vec![false; batch.num_rows()]))
        };
        rewriter
            .remove_rows(&standing.files, &[column], none)
            .await?;
        Ok(known.names().clone())
    }

    async fn without_people(
        &self,
        planned: &Planned,
        standing: &Version,
        gone: &NameHashes,
    ) -> Result<Option<Publication>, Error> {
        let Some((by, column)) = subject_columns::column(&planned.model) else {
            return Ok(None);
        };
        let (Ok(column), false) = (standing.schema.index_of(column), gone.is_empty()) else {
            return Ok(None);
        };
        let layout = layout_of(standing)?;
        let goes = |batch: &RecordBatch| {
            let names = names(batch, &standing.table)?;
            let names = names.as_string_view();
            let goes = (0..names.len()).map(|row| {
                let name = if names.is_valid(row) {
                    names.value(row)
                } else {
                    ""
                };
                Some(gone.contains(&match by {
                    SubjectKind::Subject => hash_name(&privacy::normalize_subject(name)),
                    SubjectKind::Device => hash_name(name),
                }))
            });
            Ok(goes.collect())
        };
        let rewriter = self.rewriter(&layout);
        let left = rewriter
            .remove_rows(&standing.files, &[column], goes)
            .await?;
        Ok(self.publication_without(standing, layout.clone(), left))
    }

    /// A version without the rows that what was built does not have.
    async fn without_rows_gone(
        &self,
        changing: &Changing<'_>,
        standing: &Version,
    ) -> Result<Option<Publication>, Error> {
        if standing.schema != *changing.planned.layout.schema() {
            return Ok(None);
        }
        let layout = layout_of(standing)?;
        let all: Vec<usize> = (0..standing.schema.fields().len()).collect();
        let mut stays: HashMap<u128, u64> = HashMap::new();
        let count = |batch: &RecordBatch| {
            for hash in content::hashes(batch) {
                *stays.entry(hash).or_default() += 1;
            }
            Ok(BooleanArray::from(vec![false; batch.num_rows()]))
        };
        let rewriter = self.rewriter(&layout);
        rewriter
            .remove_rows(&changing.built.files, &all, count)
            .await?;
        let goes = |batch: &RecordBatch| {
            let goes = content::hashes(batch).into_iter().map(|hash| {
                let left = stays.get_mut(&hash).filter(|left| **left > 0);
                Some(left.map(|left| *left -= 1).is_none())
            });
            Ok(goes.collect())
        };
        let left = rewriter.remove_rows(&standing.files, &all, goes).await?;
        Ok(self.publication_without(standing, layout.clone(), left))
    }

    fn rewriter<'a>(&'a self, layout: &'a Layout) -> Rewriter<'a> {
        Rewriter {
            session: &self.session,
            lake: &self.locked.lake,
            run: &self.locked.run,
            layout,
        }
    }

    /// The publication that removes all rows of a version.
    fn emptied(&self, standing: &Version) -> Result<Publication, Error> {
        Ok(Publication {
            layout: layout_of(standing)?,
            description: standing.description.clone().unwrap_or_default(),
            files: Vec::new(),
            removed: RemovedFiles::All,
            changes_rows: true,
            commit_info: system_rows::commit_info(&self.locked.run, 0, Content::default()),
        })
    }

    /// The publication that removes rows from a version.
    fn publication_without(
        &self,
        standing: &Version,
        layout: Layout,
        left: crate::write::rewrite::Rewritten,
    ) -> Option<Publication> {
        let commit_info = standing.commit_info.as_ref()?;
        let mut content = Content::from_text(&commit_info.content)?;
        content.remove(left.content);
        (left.rows > 0).then(|| Publication {
            layout,
            description: standing.description.clone().unwrap_or_default(),
            files: left.files,
            removed: RemovedFiles::Named(left.removes),
            changes_rows: true,
            commit_info: system_rows::commit_info(
                &self.locked.run,
                commit_info.rows - left.rows,
                content,
            ),
        })
    }
}

impl Draft {
    /// What tables hold once the draft is visible, those that it changes.
    fn contents(&self) -> BTreeMap<TableId, String> {
        let steps = self.publications.iter();
        steps
            .map(|next| {
                (
                    next.layout.table().clone(),
                    next.commit_info.content.clone(),
                )
            })
            .collect()
    }

    /// The version that a model's table will have.
    fn version_of(&self, table: &str) -> Option<i64> {
        let of_table = |id: &TableId| id.name == table && id.zone != system::ZONE;
        let steps = self
            .publications
            .iter()
            .filter(|next| of_table(next.layout.table()))
            .count();
        let standing = self.standing.iter().find(|(id, _)| of_table(id));
        let before = standing.map_or(-1, |(_, version)| version.number);
        (steps > 0).then(|| before + i64::try_from(steps).unwrap_or(i64::MAX))
    }
}

/// The first column of a batch as text.
fn names(batch: &RecordBatch, table: &TableId) -> Result<arrow::array::ArrayRef, Error> {
    let names = cast(batch.column(0), &DataType::Utf8View);
    names.map_err(|error| Error::execution(table.name.clone(), error.into()))
}

/// Rows of each table after the run.
fn rows_of(report: &Report) -> HashMap<&str, u64> {
    let tables = report.tables.iter();
    tables
        .filter_map(|table| Some((table.table.as_str(), table.rows?)))
        .collect()
}

/// Rows of all tables that a model selects from, where they are known.
fn rows_in(planned: &Planned, rows: &HashMap<&str, u64>) -> Option<u64> {
    let reads = planned.model.reads().iter();
    let reads = reads.filter(|read| read.by == ReadBy::Select);
    reads
        .map(|read| rows.get(read.table.as_str()).copied())
        .sum()
}

/// What `system.runs` says of a model; its outcome is not known yet.
fn noted(planned: &Planned, built: &Built, rows: &HashMap<&str, u64>) -> ModelRun {
    ModelRun {
        table: planned.model.name.to_string(),
        started_ms: built.started_ms,
        ended_ms: built.ended_ms,
        rows_in: rows_in(planned, rows),
        rows_out: built.rows,
        duplicates: built.duplicates,
        files: built.files.len() as u64,
        version: None,
        outcome: "unchanged",
    }
}
