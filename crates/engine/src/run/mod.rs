//! A run: landing JSON to published tables.
//!
//! 1. Everything that can be wrong before a row is read is found: places,
//!    sources, models, contracts.
//! 2. Models are built, each as soon as what it reads is there, into files
//!    that nobody sees.
//! 3. All checks run on those files.
//! 4. If all passed, tables are published, each by one commit. A table whose
//!    rows are those it has already is left alone.

mod changes;
mod derived;
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

pub use options::{ChangedFiles, RunOptions, Undecodable};
pub use plan::{Plan, PlannedTable, plan};
pub use prepared::Change;

/// Builds, checks and publishes. With a failed check the report says so and
/// nothing was published. `interrupt` ends it early; once publication has
/// begun, which takes a moment, it is finished first.
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

/// As [`run`], also where checks fail: a test of a model then says which rows are
/// wrong. For lakes alone that nobody reads but the test.
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
    match work.make_visible(&draft).await {
        Ok(()) => {
            work.tidy(true).await;
            work.locked.unlock().await;
            Ok(report)
        }
        Err(error @ Error::Lake(lake::Error::ReleaseConflict)) => {
            work.close().await;
            Err(error)
        }
        // The release may stand, and then the next run finishes it.
        Err(error) => {
            work.locked.abandon();
            Err(error)
        }
    }
}
