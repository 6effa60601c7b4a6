//! What needs attention.

use evidence::{Attention, TableFigures, Verdict, Zone};
use query::Setup;
use query::system;
use query::tables::model_id;

use super::results::NewestResults;
use super::snapshot::LakeSnapshot;
use crate::Error;
use crate::operations::evidence::subjects;
use crate::subjects::quarantine;

/// What needs attention, the most urgent first.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Query`].
pub(super) async fn of_lake(
    setup: &Setup,
    lake: &LakeSnapshot,
    tables: &[TableFigures],
    results: &NewestResults,
) -> Result<Vec<Attention>, Error> {
    let mut all: Vec<Attention> = Vec::new();
    for damaged in &lake.damaged {
        all.push(Attention::Damaged {
            table: match damaged.zone == system::ZONE {
                true => damaged.to_string().replace('/', "."),
                false => damaged.name.clone(),
            },
        });
    }
    all.extend(of_runs(lake).await?);
    all.extend(of_results(results));
    all.extend(of_tables(setup, lake, tables));
    all.extend(of_input(lake).await?);
    all.sort_by_key(|entry| std::cmp::Reverse(entry.verdict()));
    Ok(all)
}

/// A run that is writing, or died.
///
/// # Errors
/// [`Error::Lake`].
pub(super) async fn of_runs(lake: &LakeSnapshot) -> Result<Vec<Attention>, Error> {
    let mut all = Vec::new();
    let mut known = None;
    if let Some(holder) = lake.lake().lock_holder().await? {
        known = Some(holder.run.clone());
        all.push(match holder.has_ended() {
            true => Attention::Died {
                run: holder.run,
                command: Some(holder.command),
                since_ms: Some(holder.since_ms),
            },
            false => Attention::Writing {
                run: holder.run,
                command: holder.command,
                since_ms: holder.since_ms,
            },
        });
    }
    for run in lake.lake().abandoned_runs().await? {
        if known.as_ref() != Some(&run) {
            all.push(Attention::Died {
                run,
                command: None,
                since_ms: None,
            });
        }
    }
    let unfinished = lake.release.as_ref().filter(|release| !release.is_done);
    // Whoever holds the lock is publishing it right now.
    let is_writing = all
        .iter()
        .any(|entry| matches!(entry, Attention::Writing { .. }));
    all.extend(
        unfinished
            .filter(|_| !is_writing)
            .map(|release| Attention::HalfPublished {
                release: release.number,
            }),
    );
    Ok(all)
}

fn of_results(results: &NewestResults) -> impl Iterator<Item = Attention> {
    let violated = results.all().filter(|result| result.verdict > Verdict::Ok);
    violated.map(|result| Attention::Check {
        table: result.table.clone(),
        check: result.check.clone(),
        verdict: result.verdict,
        violations: result.violations,
    })
}

fn of_tables(setup: &Setup, lake: &LakeSnapshot, tables: &[TableFigures]) -> Vec<Attention> {
    let mut all = Vec::new();
    // Before the first run, nothing is missing.
    if lake.release.is_none() {
        return all;
    }
    let is_damaged = |table: &str| lake.damaged.iter().any(|damaged| damaged.name == table);
    for table in tables.iter().filter(|table| table.zone != Zone::System) {
        if let Some(expected) = table
            .expected
            .filter(|expected| table.rows != Some(*expected))
        {
            all.push(Attention::Count {
                table: table.table.clone(),
                rows: table.rows,
                expected,
            });
        }
    }
    for model in setup.project.models() {
        let table = model.name.to_string();
        if lake.version(&model_id(model)).is_none() {
            if !is_damaged(&table) {
                all.push(Attention::NotBuilt { table });
            }
        } else if lake
            .last_run
            .as_ref()
            .is_some_and(|run| !run.has_built(model))
        {
            all.push(Attention::Changed { table });
        }
    }
    all
}

/// Landing input that could not be read, and whom that suspends.
async fn of_input(lake: &LakeSnapshot) -> Result<Vec<Attention>, Error> {
    let mut all = Vec::new();
    if lake.rows(&system::QUARANTINE) == 0 {
        return Ok(all);
    }
    let state = quarantine::state(&lake.session).await?;
    let people = state.named.all()?.len() as u64;
    if people > 0 {
        all.push(Attention::Suspended { people });
    }
    if !state.undecodable.is_empty() {
        all.push(Attention::Undecodable {
            files: state.undecodable.len() as u64,
        });
    }
    let mut places: Vec<(String, u64)> = Vec::new();
    let entries = subjects::quarantined(&lake.session).await?;
    for entry in entries.into_iter().filter(|entry| !entry.is_dropped) {
        match places.iter_mut().find(|(table, _)| *table == entry.table) {
            Some((_, known)) => *known += entry.places,
            None => places.push((entry.table, entry.places)),
        }
    }
    let places = places.into_iter();
    all.extend(places.map(|(table, places)| Attention::Quarantine { table, places }));
    Ok(all)
}
