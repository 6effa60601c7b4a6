//! A run: landing JSON to published tables.
//!
//! 1. [`open`] finds everything that can be wrong before a row is read (places,
//!    sources, models, contracts) and locks the lake.
//! 2. [`state`] compares the input with what the last run noted and decides how
//!    much is computed: nothing, only what is new, changed models, or everything.
//! 3. [`unchanged`], [`incremental`] and [`full`] compute that, into files that no
//!    table version names. All checks run on those files.
//! 4. If all checks passed, [`publish`] makes one release of all tables that
//!    changed. A table whose rows are the same is left alone.
//!
//! [`plan`] does the same and publishes nothing.

mod changes;
mod departures;
mod derived;
mod draft;
mod fallback;
mod full;
mod incremental;
mod inputs;
mod open;
mod options;
mod plan;
mod prepare;
mod prepared;
mod publish;
mod records;
mod remarks;
mod selection;
mod state;
mod unchanged;
mod work;

use std::sync::Arc;

use query::Setup;
use work::Work;

use crate::contract::report::{Report, Verdict};
use crate::progress::Progress;
use crate::{Error, Interrupt};

pub use evidence::{Change, PlannedTable};
pub use options::{ChangedFiles, MissingTables, ReadableFiles, RunOptions, Undecodable};
pub use plan::{Plan, plan};
pub(crate) use remarks::unreadable;
pub(crate) use state::RunState;

/// Builds, checks and publishes. Where a check fails, the report says so and nothing
/// is published. `interrupt` ends the run early; a publication that has begun, which
/// takes a moment, is finished first.
///
/// # Errors
/// Any [`Error`]; nothing was published then, unless it is
/// [`lake::Error::Conflict`] with another writer, who published instead.
pub async fn run(
    setup: &Setup,
    options: &RunOptions,
    progress: Arc<dyn Progress>,
    interrupt: Arc<Interrupt>,
) -> Result<Report, Error> {
    let publish = |report: &Report| report.verdict() != Verdict::Fail;
    publish_if(publish, setup, options, progress, interrupt).await
}

/// As [`run`], and publishes where checks fail too, so that a test of a model can
/// show the wrong rows. Only for lakes that nothing but the test reads.
///
/// # Errors
/// As [`run`].
pub(crate) async fn run_past_checks(
    setup: &Setup,
    options: &RunOptions,
    progress: Arc<dyn Progress>,
    interrupt: Arc<Interrupt>,
) -> Result<Report, Error> {
    publish_if(|_| true, setup, options, progress, interrupt).await
}

async fn publish_if(
    may_publish: impl Fn(&Report) -> bool,
    setup: &Setup,
    options: &RunOptions,
    progress: Arc<dyn Progress>,
    interrupt: Arc<Interrupt>,
) -> Result<Report, Error> {
    let work = Work::open(setup, options, progress, "run", &interrupt).await?;
    let prepared = work.prepare_until(options, &interrupt).await;
    interrupt.finish_first();
    let drafted = match prepared {
        Ok(prepared) if may_publish(&prepared.report) => work.draft(prepared).await,
        Ok(prepared) => Ok((prepared.report, None)),
        Err(error) => Err(error),
    };
    let (report, draft) = match drafted {
        Ok((report, Some(draft))) => (report, draft),
        Err(error) if work.is_cut_off(&error) => {
            work.locked.abandon();
            return Err(error);
        }
        unpublished => {
            if let Ok((report, _)) = &unpublished
                && report.verdict() != Verdict::Fail
            {
                work.tidy(false).await;
            }
            work.close().await;
            return unpublished.map(|(report, _)| report);
        }
    };
    work.progress.publish();
    match work.make_visible(&draft).await {
        Ok(number) => {
            work.tidy(true).await;
            work.locked.unlock().await;
            Ok(Report {
                release: Some(number),
                ..report
            })
        }
        Err(error @ Error::Lake(lake::Error::ReleaseConflict)) => {
            work.close().await;
            Err(error)
        }
        // The release may be there already; then the next run finishes it.
        Err(error) => {
            work.locked.abandon();
            Err(error)
        }
    }
}
