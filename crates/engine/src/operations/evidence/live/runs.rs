//! The figures of runs.

use catalog::Project;
use evidence::{RunAccount, RunDetail, RunList, RunModel, RunSummary, Zone};
use query::{Setup, system};

use super::snapshot::LakeSnapshot;
use super::table_figures::zone_of;
use super::{attention, results};
use crate::Error;
use crate::operations::evidence::account::Accounts;
use crate::operations::evidence::rows::Rows;
use crate::operations::evidence::run_id::RunId;

/// How many runs are listed.
const RUNS_MAX: usize = 200;

/// The runs of a lake, newest first. A run that found nothing new noted nothing, and is not
/// among them.
///
/// # Errors
/// [`Error::Lake`] where the store does not answer; [`Error::Query`].
pub async fn run_list(setup: &Setup) -> Result<RunList, Error> {
    let lake = LakeSnapshot::open(setup).await?;
    let (runs, runs_more) = newest(&lake, RUNS_MAX).await?;
    Ok(RunList {
        runs,
        runs_more,
        attention: attention::of_runs(&lake).await?,
    })
}

/// The newest runs, and how many older ones there are.
///
/// # Errors
/// [`Error::Lake`] or [`Error::Query`].
pub(super) async fn newest(
    lake: &LakeSnapshot,
    max: usize,
) -> Result<(Vec<RunSummary>, u64), Error> {
    if lake.rows(&system::RUNS) == 0 {
        return Ok((Vec::new(), 0));
    }
    let runs = summaries(lake, "true", max).await?;
    let all = "select count(*) from (select run from system.runs group by run) as one";
    let all = crate::contract::checks::count(&lake.session, all).await?;
    let more = all.saturating_sub(runs.len() as u64);
    Ok((runs, more))
}

async fn summaries(
    lake: &LakeSnapshot,
    condition: &str,
    max: usize,
) -> Result<Vec<RunSummary>, Error> {
    let sql = format!(
        "with built as (
            select run, min(started_at) as began, max(ended_at) as ended, count(*) as models,
                sum(coalesce(rows_out, 0)) as rows_out, min(outcome) as first_outcome,
                max(outcome) as last_outcome
            from system.runs where {condition} group by run
        ),
        checked as (
            select run, count(*) as checks,
                sum(case when verdict = 'warn' then 1 else 0 end) as warned,
                sum(case when verdict = 'fail' then 1 else 0 end) as failed
            from system.checks where {condition} group by run
        ),
        new as (
            select run, sum(rows_in) as rows_in from system.ledger
            where step = 'read' and {condition} group by run
        )
        select b.run, b.began, b.ended, b.models, b.rows_out, c.checks, c.warned, c.failed,
            b.first_outcome, b.last_outcome, n.rows_in
        from built b left join checked c on c.run = b.run left join new n on n.run = b.run
        order by b.began desc, b.run limit {max}"
    );
    let rows = Rows::of(&lake.session, &sql).await?;
    let runs = rows.iter().map(|row| RunSummary {
        run: row.text(0),
        started_ms: row.number(1),
        ended_ms: row.number(2),
        models: row.count(3),
        rows_in: row.number(10).unwrap_or_default(),
        rows_out: row.count(4),
        checks: row.count(5),
        warned: row.count(6),
        failed: row.count(7),
        outcome: match (row.text(8), row.text(9)) {
            (first, last) if first == last => first,
            (first, last) => format!("{last}, {first}"),
        },
    });
    Ok(runs.collect())
}

/// One run; `None` if the lake has noted no run of that id.
///
/// # Errors
/// [`Error::Lake`] where the store does not answer; [`Error::Query`].
pub async fn run_detail(setup: &Setup, run: &str) -> Result<Option<RunDetail>, Error> {
    let Some(id) = RunId::parse(run) else {
        return Ok(None);
    };
    let lake = LakeSnapshot::open(setup).await?;
    if lake.rows(&system::RUNS) == 0 {
        return Ok(None);
    }
    let Some(summary) = summaries(&lake, &format!("run = '{id}'"), 1).await?.pop() else {
        return Ok(None);
    };
    let accounts = Accounts::of_run(&lake.session, &id).await?;
    let mut names: Vec<&str> = accounts.tables().collect();
    names.sort_by_key(|table| order(&setup.project, table));
    let accounts = names.into_iter().map(|table| RunAccount {
        zone: zone(&setup.project, table),
        table: table.to_owned(),
        steps: accounts.steps_of(&setup.project, table),
    });
    let began = summary.started_ms.unwrap_or_default();
    Ok(Some(RunDetail {
        models: models(&lake, &setup.project, &id).await?,
        results: checks(&lake, &id).await?,
        accounts: accounts.collect(),
        before: neighbour(&lake, &format!("began < {began} order by began desc, run")).await?,
        after: neighbour(&lake, &format!("began > {began} order by began, run")).await?,
        summary,
    }))
}

async fn models(
    lake: &LakeSnapshot,
    project: &Project,
    run: &RunId,
) -> Result<Vec<RunModel>, Error> {
    let sql = format!(
        "select table_name, started_at, ended_at, rows_in, rows_out, duplicates, files, version, outcome \
         from system.runs where run = '{run}' order by started_at, table_name"
    );
    let rows = Rows::of(&lake.session, &sql).await?;
    let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
    let models = rows.iter().map(|row| RunModel {
        zone: zone(project, &row.text(0)),
        table: row.text(0),
        started_ms: row.number(1),
        ended_ms: row.number(2),
        rows_in: count(row.number(3)),
        rows_out: count(row.number(4)),
        duplicates: count(row.number(5)),
        files: count(row.number(6)),
        version: row.number(7),
        outcome: row.text(8),
    });
    Ok(models.collect())
}

fn zone(project: &Project, table: &str) -> Option<Zone> {
    match project.find(table)? {
        catalog::Table::Landing(_) => Some(Zone::Landing),
        catalog::Table::Model(model) => Some(zone_of(model)),
    }
}

/// Landing tables, then models in build order, then tables that are no more.
fn order(project: &Project, table: &str) -> usize {
    let landing = project.landing().iter().map(|known| known.name.as_ref());
    let models = project.models().iter().map(|known| known.name.as_ref());
    let mut all = landing.chain(models);
    all.position(|known| known == table).unwrap_or(usize::MAX)
}

async fn checks(lake: &LakeSnapshot, run: &RunId) -> Result<Vec<evidence::RunCheck>, Error> {
    if lake.rows(&system::CHECKS) == 0 {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select table_name, check_name, verdict, violations from system.checks \
         where run = '{run}' order by table_name, check_name"
    );
    let rows = Rows::of(&lake.session, &sql).await?;
    Ok(rows.iter().map(|row| results::result(&row)).collect())
}

/// The first run that fulfils a condition on when it `began`.
async fn neighbour(lake: &LakeSnapshot, condition: &str) -> Result<Option<String>, Error> {
    let sql = format!(
        "select run from (select run, min(started_at) as began from system.runs group by run) \
         as one where {condition} limit 1"
    );
    let rows = Rows::of(&lake.session, &sql).await?;
    Ok(rows.iter().next().map(|row| row.text(0)))
}
