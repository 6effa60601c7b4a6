//! The results of checks that runs noted.

use std::collections::BTreeMap;

use catalog::{Action, Project, Table};
use evidence::{Check, Run, Verdict};
use query::Session;

use super::masking;
use super::rows::Rows;
use crate::Error;
use crate::contract::report::CheckKind;
use crate::operations::export::instant;

/// How many runs a check's history goes back, the last one included.
const RUNS_MAX: usize = 10;

/// The results of the last run and of those before.
pub(super) struct CheckResults {
    pub(super) checks: Vec<Check>,
    /// The runs, newest first; the last one leads.
    pub(super) runs: Vec<Run>,
}

impl CheckResults {
    /// # Errors
    /// [`Error::Query`] or [`Error::Lake`].
    pub(super) async fn read(
        session: &Session,
        project: &Project,
        last: &str,
    ) -> Result<Self, Error> {
        let runs = runs(session, last).await?;
        let sql = format!(
            "select run, table_name, check_name, verdict, violations from system.checks \
             where run in ({})",
            runs.iter()
                .map(|run| format!("'{}'", run.run))
                .collect::<Vec<_>>()
                .join(", ")
        );
        let mut results: BTreeMap<(String, String), Vec<Option<u64>>> = BTreeMap::new();
        let mut verdicts: BTreeMap<(String, String), Verdict> = BTreeMap::new();
        for row in Rows::of(session, &sql).await?.iter() {
            let key = (row.text(1), row.text(2));
            let Some(place) = runs.iter().position(|run| run.run == row.text(0)) else {
                continue;
            };
            if place == 0 {
                verdicts.insert(key.clone(), verdict(&row.text(3)));
            }
            let of_runs = results.entry(key).or_insert_with(|| vec![None; runs.len()]);
            of_runs[place] = Some(row.count(4));
        }
        let mut checks: Vec<Check> = results
            .into_iter()
            .filter_map(|((table, check), of_runs)| {
                let verdict = *verdicts.get(&(table.clone(), check.clone()))?;
                let (last, earlier) = of_runs.split_first()?;
                Some(Check {
                    action: action(project, &table, &check).to_owned(),
                    check: masking::of_note(&check),
                    verdict,
                    violations: last.unwrap_or_default(),
                    earlier: earlier.to_vec(),
                    table,
                })
            })
            .collect();
        let order = |check: &Check| {
            let mut models = project.models().iter();
            models.position(|model| model.name == *check.table)
        };
        checks.sort_by_key(|check| order(check).unwrap_or(usize::MAX));
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

fn verdict(text: &str) -> Verdict {
    match text {
        "fail" => Verdict::Fail,
        "warn" => Verdict::Warn,
        _ => Verdict::Ok,
    }
}

/// What a violation does, in words.
fn action(project: &Project, table: &str, check: &str) -> &'static str {
    if CheckKind::of_name(check) == CheckKind::Privacy {
        return "refuse";
    }
    let Some(Table::Model(model)) = project.find(table) else {
        return "";
    };
    let mut checks = model.contract.checks.iter();
    match checks.find(|known| known.name() == check) {
        None => "",
        Some(known) => match known.action {
            Action::Fail => "fail",
            Action::Warn => "warn",
            Action::Report => "report",
            Action::LeaveOut => "leave out",
        },
    }
}
