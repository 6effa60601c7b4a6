//! Publication: makes one release of what a run built.
//!
//! [`Work::draft`] collects the next version of each table and what the run records
//! about itself; [`Work::make_visible`] publishes them. [`super::draft`] has the order of
//! the versions. If the process is killed between two of them, the next lock holder
//! finishes the release.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use catalog::ReadBy;
use evidence::Change;
use lake::{Publication, Release, RemovedFiles};
use query::system;

use super::departures::ChangedTable;
use super::draft::{Draft, NextVersions};
use super::incremental::all_rows;
use super::prepared::{FullBuild, IncrementalBuild, Outcome, Prepared, Step};
use super::records;
use super::state::{self, RunState};
use super::work::Work;
use crate::Error;
use crate::contract::planning::Planned;
use crate::contract::report::{ModelRun, Report};
use crate::subjects::{decisions, landing_files};
use crate::system_rows::{self, WriteMode};
use crate::write::build::Built;
use crate::write::ledger::Totals;

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
        let (system, models): (Vec<Step>, Vec<Step>) = increment
            .steps
            .into_iter()
            .partition(|step| step.table.zone == system::ZONE);
        let mut draft = Draft::default();
        let mut next = Vec::new();
        for step in &models {
            next.push(NextVersions {
                published: self.version(&step.table).await?,
                leaving: step.applied.leaving.clone(),
                arriving: step.applied.arriving.clone(),
            });
        }
        draft.add_models(next);
        for step in system {
            let published = self.version(&step.table).await?;
            let versions = [step.applied.leaving, step.applied.arriving];
            for next in versions.into_iter().flatten() {
                draft.push(published.as_ref(), next);
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
        let published = self.version(&system::QUARANTINE.id()).await?;
        let beside = increment
            .quarantine
            .append(&self.session, published.as_ref());
        if let Some(next) = beside.await? {
            draft.push(published.as_ref(), next);
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
        let mut changed = Vec::new();
        let mut runs = Vec::new();
        let rows = rows_of(report);
        for planned in &self.planned {
            let Some(built) = built.get(planned.model.name.as_ref()) else {
                continue;
            };
            let (published, change) = self.compare_with_published(planned, built).await?;
            runs.push(model_run(planned, built, &rows));
            if change == Change::Nothing {
                self.locked.lake.discard(&built.files).await;
                continue;
            }
            changed.push(ChangedTable {
                planned,
                built,
                published,
            });
        }
        let leaving = self.without_leaving(&changed).await?;
        let next = changed.into_iter().zip(leaving).map(|(table, leaving)| {
            let arriving = Some(self.replacement(table.planned, table.built));
            NextVersions {
                published: table.published,
                leaving,
                arriving,
            }
        });
        let mut draft = Draft::default();
        draft.add_models(next.collect());
        for written in derived {
            if let Some(next) = written.next {
                draft.push(written.published.as_ref(), next);
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
        let published = self.version(&system::QUARANTINE.id()).await?;
        let intact = match self.integrity.is_damaged(&system::QUARANTINE.id()) {
            true => quarantine.replace_damaged().await?,
            false => quarantine.replace(published.as_ref()).await?,
        };
        if let Some(next) = intact {
            draft.push(published.as_ref(), next);
        }

        let mut totals = Totals::default();
        for (table, read) in &intake {
            totals.add_read(table, read.files.len() as u64, &read.tally, 1);
        }
        for (table, built) in &built {
            totals.add_model(table, &built.ledger, 1);
        }
        let before = Totals::published(&self.session).await?;
        // Tables that this run did not read or build keep their account.
        let ledger = totals.since(&before, |step, table| match step {
            "read" => intake.contains_key(table),
            _ => built.contains_key(table),
        });
        // If only models changed, there was no new input.
        let is_complete = !builds_all || state::is_complete(&self.sources, &intake);
        self.conclude(draft, &ledger, runs, report, is_complete)
            .await
    }

    /// The version that replaces all rows of a table by those that were built.
    fn replacement(&self, planned: &Planned, built: &Built) -> Publication {
        Publication {
            layout: planned.layout.clone(),
            description: planned.model.contract.grain.clone(),
            files: built.files.clone(),
            removed: RemovedFiles::All,
            changes_rows: true,
            commit_info: system_rows::commit_info(&self.locked.run, built.rows, built.content),
        }
    }

    /// Records what the run did and what the next one shall know; `None` if nothing is
    /// new.
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
        let is_state_new = match (&run_state, &before) {
            (Some(run_state), Some(before)) => !run_state.equals_but_for_run(before),
            (run_state, before) => run_state.is_some() || before.is_some(),
        };
        let is_repair = self.integrity.requires_full_build();
        if !is_state_new && draft.publications().is_empty() && !is_repair {
            return Ok(None);
        }
        // The run state names this run, so the next one finds these verdicts.
        let checks = records::checks(run, &report.checks);
        self.append(&system::CHECKS, &checks, &mut draft).await?;
        let runs = records::runs(run, &runs);
        self.append(&system::RUNS, &runs, &mut draft).await?;
        let noted = serde_json::to_value(self.integrity.noted()).unwrap_or_default();
        draft.set_note(&noted);
        draft.state = serde_json::to_value(run_state).unwrap_or_default();
        Ok(Some(draft))
    }

    /// Makes one release of the draft, and returns its number.
    pub(super) async fn make_visible(&self, draft: &Draft) -> Result<u64, Error> {
        self.locked.write_marker().await?;
        let (lake, run) = (&self.locked.lake, self.locked.run.as_str());
        for table in self.integrity.unopened() {
            lake.remove_log(table).await?;
        }
        let before = self.locked.release.as_ref();
        let state = draft.state.clone();
        lake.publish_release(before, run, state, draft.publications(), draft.published())
            .await?;
        Ok(Release::number_after(before))
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
        let published = self.version(&table.id()).await?;
        if self.integrity.is_damaged(&table.id()) {
            let kept = self.integrity.salvaged(table).filter(|_| !in_place);
            let rows: Vec<RecordBatch> = kept.into_iter().chain([rows]).cloned().collect();
            let rows = decisions::concat_rows(table, &rows)?;
            if let Some(next) =
                system_rows::stage(table, lake, run, &rows, WriteMode::Rebuild).await?
            {
                draft.push(published.as_ref(), next);
            }
            return Ok(());
        }
        let how = match in_place {
            true => WriteMode::Replace(published.as_ref()),
            false => WriteMode::Append(published.as_ref()),
        };
        if let Some(next) = system_rows::stage(table, lake, run, rows, how).await? {
            draft.push(published.as_ref(), next);
        }
        Ok(())
    }
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

/// A model's row of `system.runs`; the outcome is not known yet.
fn model_run(planned: &Planned, built: &Built, rows: &HashMap<&str, u64>) -> ModelRun {
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
