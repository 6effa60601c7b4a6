//! The results of checks now, and those that runs noted.

use std::collections::BTreeMap;

use catalog::{Action, Project, Table};
use evidence::{Check, Run};
use query::Session;

use super::masking;
use super::rows::Rows;
use crate::Error;
use crate::contract::report::{CheckKind, CheckReport};
use crate::operations::export::instant;

/// How many runs a check's history goes back, the last one included.
const RUNS_MAX: usize = 10;

/// The results of now, and those of the last runs.
pub(super) struct CheckResults {
    pub(super) checks: Vec<Check>,
    /// The runs, newest first; the last one leads.
    pub(super) runs: Vec<Run>,
}

impl CheckResults {
    /// `now` are the results of now, of which there is one for each check.
    ///
    /// # Errors
    /// [`Error::Query`] or [`Error::Lake`].
    pub(super) async fn read(
        session: &Session,
        project: &Project,
        last: &str,
        now: &[CheckReport],
    ) -> Result<Self, Error> {
        let runs = runs(session, last).await?;
        let sql = format!(
            "select run, table_name, check_name, violations from system.checks \
             where run in ({})",
            runs.iter()
                .map(|run| format!("'{}'", run.run))
                .collect::<Vec<_>>()
                .join(", ")
        );
        let mut results: BTreeMap<(String, String), Vec<Option<u64>>> = BTreeMap::new();
        for row in Rows::of(session, &sql).await?.iter() {
            let key = (row.text(1), row.text(2));
            let Some(place) = runs.iter().position(|run| run.run == row.text(0)) else {
                continue;
            };
            let of_runs = results.entry(key).or_insert_with(|| vec![None; runs.len()]);
            of_runs[place] = Some(row.count(3));
        }
        let checks = now.iter().map(|check| {
            let key = (check.table.clone(), check.check.clone());
            let in_runs = results.remove(&key);
            Check {
                action: action(project, &check.table, &check.check, check.kind).to_owned(),
                check: masking::of_note(&check.check),
                verdict: check.verdict,
                violations: check.violations,
                in_runs: in_runs.unwrap_or_else(|| vec![None; runs.len()]),
                table: check.table.clone(),
            }
        });
        let checks = checks.collect();
        Ok(Self { checks, runs })
    }
}

/// The last run, and those before it.
async fn runs(session: &Session, last: &str) -> Result<Vec<Run>, Error> {
    let sql = format!(
        "select run, min(started_at) as began, max(ended_at) - min(started_at) \
         from system.runs group by run order by began desc, run limit {}",
        RUNS_MAX + 1
    );
    let mut runs = vec![Run {
        run: last.to_owned(),
        started: None,
        elapsed_ms: None,
    }];
    for row in Rows::of(session, &sql).await?.iter() {
        let run = Run {
            run: row.text(0),
            started: row.number(1).map(instant),
            elapsed_ms: row.number(2),
        };
        match run.run == last {
            true => runs[0] = run,
            false => runs.push(run),
        }
    }
    // They come out of the lake, and become part of a statement.
    runs.retain(|run| run.run.chars().all(|c| c.is_ascii_alphanumeric()));
    runs.truncate(RUNS_MAX);
    Ok(runs)
}

/// What a violation does, in words. What no contract names, such as a missing table, fails.
pub(super) fn action(project: &Project, table: &str, check: &str, kind: CheckKind) -> &'static str {
    if kind == CheckKind::Privacy {
        return "refuse";
    }
    let Some(Table::Model(model)) = project.find(table) else {
        return "fail";
    };
    let mut checks = model.contract.checks.iter();
    let known = checks.find(|known| known.name() == check);
    match known.map_or(Action::Fail, |known| known.action) {
        Action::Fail => "fail",
        Action::Warn => "warn",
        Action::Report => "report",
        Action::LeaveOut => "leave out",
    }
}
