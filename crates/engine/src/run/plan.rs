//! What a run would do, before it does it: `stedi plan`.
//!
//! A plan is a run that publishes nothing. It computes and checks everything into
//! files that no version names, compares them with the published tables, and removes
//! them. So its numbers are those of the run that follows, and it costs as much.

use std::sync::Arc;

use arrow::array::AsArray;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::physical_plan::execute_stream;
use evidence::{Change, PlannedTable};
use futures::StreamExt;
use privacy::PseudonymKey;
use query::Setup;
use query::pseudonym_key::{KeySource, StandIn};
use query::tables::lake_table::LakeTable;
use serde::Serialize;

use super::options::RunOptions;
use super::prepared::Outcome;
use super::state::RunScope;
use super::work::Work;
use crate::contract::planning::Planned;
use crate::contract::privacy_gates::SubjectsInTable;
use crate::contract::report::Report;
use crate::contract::subject_columns::{self, SubjectKind};
use crate::progress::Progress;
use crate::stored::stored;
use crate::write::build::Built;
use crate::{Error, Interrupt, content};

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// In the order they are built.
    pub tables: Vec<PlannedTable>,
    /// What the run would report.
    #[serde(skip)]
    pub report: Report,
}

/// Finds out what [`super::run`] would do with the same options.
///
/// # Errors
/// As [`super::run`]; nothing is published in any case.
pub async fn plan(
    setup: &Setup,
    options: &RunOptions,
    progress: Arc<dyn Progress>,
    interrupt: Arc<Interrupt>,
) -> Result<Plan, Error> {
    let setup = Setup {
        key: Some(Arc::new(OrStandIn(setup.key.clone()))),
        ..setup.clone()
    };
    let work = Work::open(&setup, options, progress, "plan", &interrupt).await?;
    let plan = compared(&work, options, &interrupt).await;
    work.close().await;
    plan
}

async fn compared(work: &Work, options: &RunOptions, interrupt: &Interrupt) -> Result<Plan, Error> {
    let scope = work.decide_scope(options.changed).await?;
    let how = match &scope {
        RunScope::Unchanged { .. } => None,
        RunScope::ChangedModels(changed) => {
            let how = work.in_words("rebuilds", changed);
            Some(format!("the run that follows {how}"))
        }
        RunScope::Incremental(new) => {
            Some(format!("the run that follows {}", new.in_words("takes")))
        }
        RunScope::Full { fallback, .. } => fallback
            .as_ref()
            .map(|why| format!("the run that follows builds everything anew: {why}")),
    };
    let options = RunOptions {
        full: !matches!(scope, RunScope::ChangedModels(_)),
        ..options.clone()
    };
    let mut prepared = work.prepare_until(&options, interrupt).await?;
    prepared.report.how = how;
    let mut tables = Vec::new();
    for planned in &work.planned {
        if let Outcome::Full(full_build) = &prepared.outcome {
            tables.push(match full_build.built.get(planned.model.name.as_ref()) {
                Some(built) => work.compare(planned, built).await?,
                None => work.stands(planned).await?,
            });
        }
    }
    Ok(Plan {
        tables,
        report: prepared.report,
    })
}

impl Work {
    async fn compare(&self, planned: &Planned, built: &Built) -> Result<PlannedTable, Error> {
        let (current, change) = self.compare_with_published(planned, built).await?;
        let mut table = PlannedTable {
            zone: planned.model.zone.to_string(),
            table: planned.model.name.to_string(),
            change,
            rows_now: current.as_ref().map(|current| current.rows()),
            rows: built.rows,
            rows_entering: 0,
            rows_leaving: 0,
            people_entering: built.people.first().map(|_| 0),
            people_leaving: built.people.first().map(|_| 0),
        };
        if matches!(change, Change::Nothing | Change::Contract) {
            return Ok(table);
        }
        let mut now = Contents::default();
        if let Some(current) = current.filter(|of| !self.integrity.is_damaged(&of.table)) {
            let tables = self.session.tables();
            let stands = tables.in_files(&current.table, &current.schema, &current.files)?;
            now = self.contents(planned, &stands).await?;
        }
        let then = self
            .contents(planned, &self.staged(planned, built)?)
            .await?;
        (table.rows_entering, table.rows_leaving) = differences(&now.rows, &then.rows);
        if !built.people.is_empty() {
            let (now, then) = (now.people.names(), then.people.names());
            table.people_entering = Some(then.difference(now).count() as u64);
            table.people_leaving = Some(now.difference(then).count() as u64);
        }
        Ok(table)
    }

    /// A table that the run leaves as it is.
    async fn stands(&self, planned: &Planned) -> Result<PlannedTable, Error> {
        let rows = self.version(planned.layout.table()).await?;
        let rows = rows.map(|version| version.rows());
        let whose = subject_columns::column(&planned.model).map(|_| 0);
        Ok(PlannedTable {
            zone: planned.model.zone.to_string(),
            table: planned.model.name.to_string(),
            change: Change::Nothing,
            rows_now: rows,
            rows: rows.unwrap_or_default(),
            rows_entering: 0,
            rows_leaving: 0,
            people_entering: whose,
            people_leaving: whose,
        })
    }

    /// Rows of a table as hashes, and whose they are.
    async fn contents(&self, planned: &Planned, table: &LakeTable) -> Result<Contents, Error> {
        let name = planned.model.name.as_ref();
        let failed = |error| Error::execution(name, error);
        let state = self.session.state();
        let scan = table.scan(&state, None, &[], None).await.map_err(failed)?;
        let schema = table.schema();
        let mut batches = execute_stream(scan, self.session.task_context()).map_err(failed)?;
        let mut contents = Contents::default();
        let whose: Option<(SubjectKind, usize)> = subject_columns::column(&planned.model)
            .and_then(|(by, column)| Some((by, schema.index_of(column).ok()?)));
        while let Some(batch) = batches.next().await {
            self.stop.check()?;
            let batch = batch.map_err(failed)?;
            let batch = stored(&schema, &batch).map_err(|error| failed(error.into()))?;
            contents
                .rows
                .extend(content::hashes(&batch).iter().map(|hash| *hash as u64));
            if let Some((by, column)) = whose
                && let Some(names) = batch.column(column).as_string_view_opt()
            {
                contents.people.add(by, names);
            }
        }
        contents.rows.sort_unstable();
        Ok(contents)
    }
}

#[derive(Default)]
struct Contents {
    /// Half a hash of each row, sorted.
    rows: Vec<u64>,
    people: SubjectsInTable,
}

/// How many of `then` are not in `now`, and the other way round. Both are
/// sorted, and equal rows count as often as they occur.
fn differences(now: &[u64], then: &[u64]) -> (u64, u64) {
    let (mut entering, mut leaving) = (0, 0);
    let (mut now, mut then) = (now.iter().peekable(), then.iter().peekable());
    loop {
        match (now.peek(), then.peek()) {
            (None, None) => return (entering, leaving),
            (Some(old), Some(new)) if old == new => {
                now.next();
                then.next();
            }
            (Some(old), new) if new.is_none_or(|new| *old < *new) => {
                leaving += 1;
                now.next();
            }
            _ => {
                entering += 1;
                then.next();
            }
        }
    }
}

/// A plan makes no key: where there is none, the run that follows makes one,
/// and all pseudonyms will be new.
#[derive(Debug)]
struct OrStandIn(Option<Arc<dyn KeySource>>);

#[async_trait]
impl KeySource for OrStandIn {
    async fn key(&self) -> Result<Arc<PseudonymKey>, query::Error> {
        let Some(source) = &self.0 else {
            return StandIn.key().await;
        };
        match source.key().await {
            Err(query::Error::NoKey(_)) => StandIn.key().await,
            known => known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_enter_and_leave() {
        for (now, then, expected) in [
            (vec![], vec![], (0, 0)),
            (vec![1, 2], vec![1, 2], (0, 0)),
            (vec![], vec![1, 1], (2, 0)),
            (vec![1, 1, 2], vec![1, 2], (0, 1)),
            (vec![1, 3], vec![2, 3, 4], (2, 1)),
        ] {
            assert_eq!(differences(&now, &then), expected, "{now:?} {then:?}");
        }
    }
}
