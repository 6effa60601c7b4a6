//! The figures of the first page.

use catalog::Expectations;
use evidence::{Overview, ReleaseFigures};
use query::{Setup, system};

use super::results::NewestResults;
use super::snapshot::LakeSnapshot;
use super::table_figures::Figures;
use super::{attention, runs};
use crate::Error;
use crate::operations::evidence::graph;

/// What the first page of a live lake shows. Without `expect`, counts are compared with the
/// published ones where a report would.
///
/// # Errors
/// [`Error::Lake`] where the store does not answer; [`Error::Query`].
pub async fn overview(setup: &Setup, expect: Option<&Expectations>) -> Result<Overview, Error> {
    let lake = LakeSnapshot::open(setup).await?;
    let results = match lake.rows(&system::CHECKS) {
        0 => NewestResults::default(),
        _ => NewestResults::read(&lake.session).await?,
    };
    let figures = Figures::new(&lake, &results, expect);
    let tables = figures.all().await?;
    let attention = attention::of_lake(setup, &lake, &tables, &results).await?;
    Ok(Overview {
        release: lake.release.as_ref().map(|release| ReleaseFigures {
            number: release.number,
            run: match &lake.last_run {
                Some(state) => state.run.clone(),
                None => release.run.clone(),
            },
            at_ms: lake.last_run.as_ref().map(|state| state.now_ms),
        }),
        last_run: runs::newest(&lake, 1).await?.0.pop(),
        edges: graph::edges(&setup.project, &lake.accounts),
        checks: results.all().count() as u64,
        expected_from: figures.expected.map(|(counts, _)| counts.file().to_owned()),
        tables,
        attention,
    })
}
