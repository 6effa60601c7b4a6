//! The versions and landing files that an exported version was computed from, read
//! from the lake's logs and its ledger. The manifest names them.

use std::collections::BTreeSet;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use catalog::{Model, Project, ReadBy, Table};
use futures::TryStreamExt;
use lake::{Commit, Lake, TableId};
use query::tables::model_id;
use query::{Query, Session, system};

use super::manifest::{BuiltFrom, LandingRead, instant};
use crate::Error;

/// The versions that the commit `of` of a model was computed from, through all
/// models between. Of each table it is the version that the same run made, or
/// the newest that stood by then.
///
/// # Errors
/// [`Error::Lake`].
pub(super) async fn built_from(
    lake: &Lake,
    project: &Project,
    model: &Model,
    of: &Commit,
) -> Result<Vec<BuiltFrom>, Error> {
    let mut versions = Vec::new();
    for table in needed(project, model) {
        let commits = match lake.history(&table).await {
            Ok(commits) => commits,
            Err(lake::Error::NoTable { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let run = |commit: &Commit| Some(commit.commit_info.as_ref()?.run.clone());
        let of_run = run(of);
        let same_run = commits
            .iter()
            .find(|commit| of_run.is_some() && run(commit) == of_run);
        let before = || commits.iter().find(|c| c.timestamp <= of.timestamp);
        if let Some(commit) = same_run.or_else(before) {
            versions.push(BuiltFrom {
                zone: table.zone,
                table: table.name,
                version: commit.version,
                committed_at: instant(commit.timestamp),
                run: run(commit),
                content: commit.commit_info.as_ref().map(|info| info.content.clone()),
            });
        }
    }
    Ok(versions)
}

/// Every table of the lake that the model's SELECT needs.
fn needed(project: &Project, model: &Model) -> BTreeSet<TableId> {
    let mut needed = BTreeSet::new();
    let mut open = vec![model];
    while let Some(model) = open.pop() {
        let reads = model.reads().iter();
        for read in reads.filter(|read| read.by == ReadBy::Select) {
            if let Some(name) = read.table.strip_prefix("system.") {
                needed.insert(TableId::new(system::ZONE, name));
            } else if let Some(Table::Model(model)) = project.find(&read.table)
                && needed.insert(model_id(model))
            {
                open.push(model);
            }
        }
    }
    needed
}

/// What a run read of landing files, as `system.ledger` has it.
///
/// # Errors
/// Those of a query.
pub(super) async fn landing_of_run(
    session: &Session,
    run: &str,
) -> Result<Vec<LandingRead>, Error> {
    // It comes from a table's log, and becomes part of a statement.
    if !run.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Ok(Vec::new());
    }
    let query = session
        .query(&format!(
            // Each run noted by how much these changed.
            "with upto as (select max(ended_at) as at from system.runs where run = '{run}')
             select l.table_name, sum(l.files), sum(l.rows_out), sum(l.bytes_in), sum(l.quarantined)
             from system.ledger l
             join (select run, max(ended_at) as at from system.runs group by run) r on r.run = l.run
             join upto u on r.at <= u.at
             where l.step = 'read' group by l.table_name order by l.table_name"
        ))
        .await?;
    let mut reads = Vec::new();
    let mut stream = query.stream()?;
    while let Some(batch) = stream.try_next().await.map_err(Query::failed)? {
        let count = |column: usize, row: usize| {
            let values = batch.column(column).as_primitive::<Int64Type>();
            u64::try_from(values.value(row)).unwrap_or_default()
        };
        for row in 0..batch.num_rows() {
            reads.push(LandingRead {
                table: batch.column(0).as_string_view().value(row).to_owned(),
                files: count(1, row),
                rows: count(2, row),
                bytes: count(3, row),
                quarantined: count(4, row),
            });
        }
    }
    Ok(reads)
}
