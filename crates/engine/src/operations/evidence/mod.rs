//! The figures of `stedi report`: what one release of a lake shows for itself,
//! without personal values.
//!
//! - All tables are read as one release left them. Their rows are compared with what
//!   was published first: of a damaged lake there are no figures.
//! - Checks and privacy gates are those of `stedi verify`, computed now. The verdict is
//!   never better than its verdict.
//! - Counts of landing tables and what was left out are those that the last run noted.
//!   Nulls, people and who agrees are counted now.
//! - Where landing files are out of reach, the figures say so.

mod account;
mod checks;
mod expected;
mod graph;
mod live;
mod masking;
mod nulls;
mod preview;
mod remarks;
mod rows;
mod run_id;
mod subjects;
mod tables;

use std::sync::Arc;

use catalog::{Expectations, Model, Project};
use evidence::{Evidence, Heading, Verdict};
use lake::{Lake, Release};
use query::{Session, Setup};

use self::account::Accounts;
use self::checks::CheckResults;
use self::expected::landing_is_published;
pub use self::live::{
    PlotColumns, overview, plot_columns, privacy_page, quarantine_page, run_detail, run_list,
    singling_out, table_page,
};
use self::masking::Masking;
use self::tables::Gathering;
use super::export::{instant, models};
use super::lake_place::require_lake;
use super::verify::{plan_all, verify_in};
use crate::contract::report::Report;
use crate::error::Error;
use crate::integrity::session_of_one_release;
use crate::run::RunState;
use crate::system_rows::program;

/// The figures of the newest release. Without `expect`, counts are compared with the
/// published ones if the landing tables have the published rows; a difference is then
/// a warning.
///
/// # Errors
/// [`Error::Settings`] where there is no lake; [`Error::Lake`] where no run published;
/// [`Error::Damaged`]; [`Error::Model`] for a model that does not fit.
pub async fn evidence(setup: &Setup, expect: Option<&Expectations>) -> Result<Evidence, Error> {
    require_lake(setup).await?;
    let project = &setup.project;
    let (planned, lineage) = plan_all(setup).await?;
    let session = Arc::new(session_of_one_release(setup).await?);
    let release = session.tables().snapshot().release();
    let release = release.cloned().ok_or_else(|| no_run(project))?;
    let verified = verify_in(setup, &session, &planned, expect).await?;
    require_intact(&verified)?;
    let last_run = RunState::of_release(&release);
    let run = last_run
        .as_ref()
        .map_or(release.run.as_str(), |state| state.run.as_str());

    let accounts = Accounts::read(&session).await?;
    let checks = CheckResults::read(&session, project, run, &verified.checks).await?;
    let gathering = Gathering {
        session: &session,
        project,
        masking: Masking::new(&lineage),
        accounts: &accounts,
        last_run: last_run.as_ref(),
    };
    let mut unread = Vec::new();
    let mut tables = gathering.tables(&mut unread).await?;
    let consent = subjects::consent(&session, setup.now_ms, &tables).await?;
    let quarantine = subjects::quarantined(&session).await?;
    let mut notes = remarks::of_verification(&verified, &accounts, &quarantine);
    notes.extend(unread);
    notes.extend(remarks::of_landing(&session).await?);
    notes.extend(remarks::of_people(&consent, verified.undecodable.len()));
    notes.extend(remarks::of_lake(&lake_of(&session), project, last_run.as_ref()).await?);
    notes.extend(remarks::of_release(&release));
    let is_reference = consent.by_hand == 0 && landing_is_published(project, &accounts);
    let expected = match expect {
        None if is_reference => project
            .published()
            .map(|expected| (expected, Verdict::Warn)),
        expected => expected.map(|expected| (expected, Verdict::Fail)),
    };
    judge(&mut tables, &verified, expected);

    let heading = heading(setup, &session, &release, last_run.as_ref()).await?;
    // Whatever a reader should know is to be looked at.
    let of_notes = match notes.is_empty() && heading.changed_models.is_empty() {
        true => Verdict::Ok,
        false => Verdict::Warn,
    };
    let of_tables = tables.iter().map(|table| table.verdict);
    Ok(Evidence {
        generator: evidence::GENERATOR,
        verdict: of_tables.fold(verified.verdict().max(of_notes), Verdict::max),
        heading,
        expected_from: expected.map(|(expected, _)| expected.file().to_owned()),
        notes,
        edges: graph::edges(project, &accounts),
        tables,
        runs: checks.runs,
        checks: checks.checks,
        consent,
        quarantine,
    })
}

async fn heading(
    setup: &Setup,
    session: &Session,
    release: &Release,
    last_run: Option<&RunState>,
) -> Result<Heading, Error> {
    let changed = |model: &&Model| last_run.is_some_and(|run| !run.has_built(model));
    let built = setup.project.models().iter();
    Ok(Heading {
        lake: setup.lake.to_string(),
        lake_id: lake_of(session).id().await?.map(|id| id.to_string()),
        release: release.number,
        run: last_run.map_or_else(|| release.run.clone(), |state| state.run.clone()),
        run_at: last_run.map_or_else(String::new, |state| instant(state.now_ms)),
        published_by: tables::publisher(session).await?,
        project: models(&setup.project),
        changed_models: built
            .filter(changed)
            .map(|model| model.name.to_string())
            .collect(),
        program: program(),
        now: instant(setup.now_ms),
    })
}

fn lake_of(session: &Session) -> Lake {
    session.tables().lake.clone()
}

/// Without a release, no table was built; the first one stands for all.
fn no_run(project: &Project) -> Error {
    let first = project.models().first().map(query::tables::model_id);
    let table = first.unwrap_or_else(|| query::system::RUNS.id());
    lake::Error::NoTable { table }.into()
}

/// # Errors
/// [`Error::Damaged`] if an object of the lake is not as it was published.
fn require_intact(verified: &Report) -> Result<(), Error> {
    match verified.damages.split_first() {
        None => Ok(()),
        Some((first, others)) => Err(Error::Damaged {
            first: first.to_string(),
            more: others.len(),
        }),
    }
}

/// Sets expected rows and verdict of each table; it is not better than the verified one.
fn judge(
    tables: &mut [evidence::Table],
    verified: &Report,
    expected: Option<(&Expectations, Verdict)>,
) {
    for table in tables {
        let rows =
            expected.and_then(|(counts, severity)| Some((counts.get(&table.table)?, severity)));
        table.expected = rows.map(|(rows, _)| rows);
        let of_rows = match rows {
            Some((expected, severity)) if table.rows != Some(expected) => severity,
            _ if table.rows.is_none() && table.zone != evidence::Zone::System => Verdict::Warn,
            _ => Verdict::Ok,
        };
        let known = verified.tables.iter();
        let known = known.filter(|known| known.table == table.table);
        table.verdict = known.fold(of_rows, |worst, known| worst.max(known.verdict));
    }
}
