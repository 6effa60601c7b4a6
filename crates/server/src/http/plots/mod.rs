//! The figures that a table's plots are drawn of, as its asker may see them.
//!
//! - Every figure comes from statements that the asker could run as well, handed in at the
//!   desk: roles, masks, limits, turns and the audit log hold for them as for any statement.
//!   A column that does not exist for a role has no plot; people and devices are told apart by
//!   tokens where they are masked.
//! - A table of the lake is read at one version; landing files as they lie.
//! - No name, serial number or token leaves the server: a person or device is picked by rank.
//! - Personal values are not drawn, whoever asks: of texts it is told how many different ones
//!   there are.
//! - A bar may stand for one person. Whoever sees it may ask for the very row behind it, so
//!   that hiding the bar would protect nobody, and would make sums wrong. Values of a text are
//!   another thing: a picture travels further than rows do, and what few rows have may be what
//!   somebody wrote. Texts of fewer than [`evidence::GROUP_PEOPLE_MIN`] rows are counted, not told.

mod cells;
mod columns;
mod distribution;
mod first_pass;
mod readings;
mod statements;
mod steps;

use evidence::{Figure, TablePage, TablePlots};
use serde::Deserialize;

use self::cells::{Asking, PATIENCE};
use self::first_pass::Read;
use super::app::App;
use super::asker::Asker;
use super::sent::exact;
use crate::fault::Fault;
use crate::principal::Door;

/// What of a table's plots is asked for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PlotsAsked {
    /// The column that names people or devices; the first one if there is no such column.
    by: Option<String>,
    /// Whose readings are drawn: from 1, those with most readings first.
    #[serde(default = "first", deserialize_with = "exact")]
    rank: u64,
}

fn first() -> u64 {
    1
}

impl App {
    /// The figures of a table's plots.
    ///
    /// # Errors
    /// If the asker sees no such table, or its columns cannot be read. What fails later is
    /// missing in the figures.
    pub(super) async fn plots(
        &self,
        asker: &Asker,
        door: Door,
        name: &str,
        asked: &PlotsAsked,
    ) -> Result<TablePlots, Fault> {
        let table = self.visible(asker, name).await?;
        let page = self.known(&table).await?;
        let personal = self.desk.personal();
        let is_personal = |field: &_| personal.is_personal(&table.zone, &table.table, field, &[]);
        let mut columns = columns::columns(&table.columns, &page, is_personal);
        if !asker.principal.role.sees_definitions() {
            // Landing tables do not exist for the role.
            columns.iter_mut().for_each(|column| column.source = None);
        }
        let asking = Asking {
            desk: &self.desk,
            who: &asker.principal,
            door,
            deadline: tokio::time::Instant::now() + PATIENCE,
        };
        let meant = engine::plot_columns(&self.desk.setup().project, &page);
        let read = Read::first(asking, &page, columns, meant).await?;
        Ok(gather(&read, &page, asked).await)
    }
}

/// Everything else, from the first pass on.
async fn gather(read: &Read<'_>, page: &TablePage, asked: &PlotsAsked) -> TablePlots {
    let zone = page.figures.zone;
    let time = read.time();
    let (over_time, distributions) = match distribution::counted(read, zone, time.as_ref()).await {
        Ok((over_time, columns)) => (over_time.map(Figure::Ready), Figure::Ready(columns)),
        Err(fault) => (time.as_ref().map(|_| failed(&fault)), failed(&fault)),
    };
    let parties = read.parties();
    let by = asked.by.as_ref().filter(|by| parties.contains(by));
    let told = match by.or(parties.first()) {
        None => Ok(None),
        Some(party) => readings::per_party(read, party, time.as_ref(), asked.rank.max(1)).await,
    };
    let (per_party, chosen) = match told {
        Ok(None) => (None, Ok(None)),
        Ok(Some((per_party, chosen))) => (Some(Figure::Ready(per_party)), Ok(Some(chosen))),
        Err(fault) => (Some(failed(&fault)), Err(fault)),
    };
    let readings = match (&time, chosen) {
        (None, _) => None,
        (Some(_), Err(fault)) => Some(failed(&fault)),
        (Some(time), Ok(chosen)) => match readings::over_time(read, time, chosen).await {
            Ok(readings) => readings.map(Figure::Ready),
            Err(fault) => Some(failed(&fault)),
        },
    };
    TablePlots {
        zone,
        table: page.figures.table.clone(),
        version: page.figures.version,
        rows: read.rows,
        over_time,
        parties,
        per_party,
        readings,
        distributions,
        columns_more: read.columns_more as u64,
    }
}

fn failed<T>(fault: &Fault) -> Figure<T> {
    Figure::Failed {
        message: fault.message.clone(),
        hint: fault.hint.clone(),
    }
}
