//! A run without news: it reports what the last run found. Other runs take from
//! here the tables and verdicts of models that they do not build.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, Schema};
use catalog::{Action, Model};
use futures::TryStreamExt;
use query::system;

use super::fallback::{Fallback, Halt};
use super::options::RunOptions;
use super::prepared::{Outcome, Prepared};
use super::remarks::warnings;
use super::state::RunState;
use super::work::Work;
use crate::Error;
use crate::contract::checks;
use crate::contract::planning::Planned;
use crate::contract::report::{CheckKind, CheckReport, Report, TableReport, Verdict};
use crate::contract::time_use::TimeUse;
use crate::subjects::{landing_files, quarantine};
use crate::write::rewrite::{layout_of, read};

impl Work {
    /// The report of a run that finds nothing new: tables and verdicts as the last
    /// run left them.
    ///
    /// # Errors
    /// [`Fallback::Strict`] where something cannot be read and the user asks about
    /// that; [`Fallback::CheckUnknown`].
    pub(super) async fn unchanged(&self, options: &RunOptions) -> Result<Prepared, Halt> {
        let known = quarantine::state(&self.session).await?;
        let quarantined = known.places;
        let last_run = RunState::of_last(self).ok_or(Fallback::NoState)?;
        if options.strict && quarantined > 0 {
            return Err(Fallback::Strict.into());
        }
        let checks = self.checks_of(&last_run.run).await?;
        let mut report = Report {
            warnings: warnings(&self.sources, &BTreeMap::new()),
            undecodable: self.undecodable(&known, &BTreeMap::new()),
            quarantined,
            tables: self.published_tables(options).await?,
            ..Report::default()
        };
        for planned in &self.planned {
            Self::require_checks(&planned.model, &checks)?;
            self.add_published(planned, &checks, &mut report).await?;
        }
        report.set_table_verdicts();
        Ok(Prepared {
            report,
            outcome: Outcome::Unchanged,
        })
    }

    /// Takes in what is known of a model that stands: what the last run found, and
    /// what checks find now that follow from the time, if it is another.
    pub(super) async fn add_published(
        &self,
        planned: &Planned,
        known: &[CheckReport],
        report: &mut Report,
    ) -> Result<(), Error> {
        let model = &planned.model;
        let before = report.checks.len();
        report.add_known(model, known);
        if RunState::of_last(self).is_none_or(|last_run| last_run.now_ms == self.now_ms) {
            return Ok(());
        }
        for (check, time) in model.contract.checks.iter().zip(&planned.checks) {
            // Which rows are left out is decided when the table is built.
            if *time != TimeUse::Other || check.action == Action::LeaveOut {
                continue;
            }
            let name = check.name();
            let mut checks = report.checks[before..].iter_mut();
            if let Some(known) = checks.find(|known| known.check == name) {
                *known = checks::run_check(&self.session, model, check).await?;
            }
        }
        Ok(())
    }

    /// Every check of a model's contract must be among those of the last run.
    ///
    /// # Errors
    /// [`Fallback::CheckUnknown`].
    pub(super) fn require_checks(model: &Model, known: &[CheckReport]) -> Result<(), Fallback> {
        let mut checks = model.contract.checks.iter();
        let are_known = checks.all(|check| {
            let name = check.name();
            let mut known = known.iter();
            known.any(|known| known.table == model.name.as_ref() && known.check == name)
        });
        match are_known {
            true => Ok(()),
            false => Err(Fallback::CheckUnknown {
                table: model.name.to_string(),
            }),
        }
    }

    /// All tables with the rows they hold.
    pub(super) async fn published_tables(
        &self,
        options: &RunOptions,
    ) -> Result<Vec<TableReport>, Error> {
        let told = |zone: String, table: &str, rows: Option<u64>| TableReport {
            zone,
            table: table.to_owned(),
            rows,
            expected: options.expect.as_ref().and_then(|expect| expect.get(table)),
            verdict: Verdict::Ok,
            seconds: 0.0,
        };
        let mut tables = Vec::new();
        let read = landing_files::rows_by_table(&self.session).await?;
        for table in self.session.tables().project.landing() {
            let name = table.name.as_ref();
            if self.sources.contains_key(name) {
                let rows = read.get(name).copied().unwrap_or_default();
                tables.push(told("landing".to_owned(), name, Some(rows)));
            }
        }
        for planned in &self.planned {
            let version = self.version(planned.layout.table()).await?;
            let rows = version.map(|version| version.rows());
            let zone = planned.model.zone.to_string();
            tables.push(told(zone, planned.model.name.as_ref(), rows));
        }
        Ok(tables)
    }

    /// The verdicts that a run noted.
    ///
    /// A run notes them in one file. Those of the last run are in one of the youngest, so
    /// that the verdicts of thousands of earlier runs are not read.
    pub(super) async fn checks_of(&self, run: &str) -> Result<Vec<CheckReport>, Error> {
        let Some(version) = self.version(&system::CHECKS.id()).await? else {
            return Ok(Vec::new());
        };
        // Another program may have written it; then no verdict is known.
        let (own, published) = (system::CHECKS.schema(), &version.schema);
        let kinds = |schema: &Schema| -> Vec<(String, DataType)> {
            let fields = schema.fields().iter();
            fields
                .map(|field| (field.name().clone(), field.data_type().clone()))
                .collect()
        };
        if kinds(&own) != kinds(published) {
            return Ok(Vec::new());
        }
        let failed = |error| Error::execution(system::CHECKS.full_name(), error);
        let layout = layout_of(&version)?;
        for file in version.files_by_age().into_iter().rev() {
            let mut found = Vec::new();
            let stream = read(&self.session, &layout, file, None, None).await;
            let mut batches = stream.map_err(failed)?;
            while let Some(batch) = batches.try_next().await.map_err(failed)? {
                found.extend(verdicts_in(&batch, run));
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }
}

/// The verdicts of one run among rows of `system.checks`.
fn verdicts_in(batch: &RecordBatch, run: &str) -> Vec<CheckReport> {
    let text = |column: usize, row: usize| batch.column(column).as_string_view().value(row);
    let violations = batch.column(4).as_primitive::<Int64Type>();
    let rows = (0..batch.num_rows()).filter(|row| text(0, *row) == run);
    rows.map(|row| CheckReport {
        table: text(1, row).to_owned(),
        check: text(2, row).to_owned(),
        verdict: match text(3, row) {
            "fail" => Verdict::Fail,
            "warn" => Verdict::Warn,
            _ => Verdict::Ok,
        },
        violations: violations.value(row).unsigned_abs(),
        kind: CheckKind::of_name(text(2, row)),
    })
    .collect()
}
