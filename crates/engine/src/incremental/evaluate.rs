//! A statement computed from what a change touches, before and after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableScan};
use datafusion::physical_plan::ExecutionPlan;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::difference::{Difference, count, distinct};
use super::keys::{Touched, having};
use super::plan_rows::all_rows;
use super::scope::{By, Division, KeyOf, Scan, Scope};
use super::statement::Statement;
use super::tables::{Sides, Tables};
use crate::Error;
use crate::contract::planning::Planned;
use crate::contract::time_use::TimeUse;
use crate::stored::stored;
use crate::write::ledger;
use crate::write::ledger::numbered;
use query::Session;
use query::partitions::each_batch;
use query::scan::with_scans;
use query::system::CONSENT;
use query::tables::memory_table::MemoryTable;

/// What a statement is computed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For<'a> {
    /// Its rows alone.
    Rows,
    /// A model's table and its account.
    Model {
        /// The tables that its SELECT reads, in the order in which it names them.
        reads: &'a [&'a str],
        /// Whether one of several equal rows is kept.
        distinct: bool,
    },
}

/// What came of it.
pub(crate) struct Evaluated {
    /// Rows as a table's files hold them.
    pub(crate) before: Computed,
    pub(crate) after: Computed,
    /// How it was divided; `None` where nothing that it reads changed.
    pub(crate) division: Option<Division>,
}

/// The rows of one side, and what became of those that they were computed from.
#[derive(Default)]
pub(crate) struct Computed {
    pub(crate) rows: Vec<RecordBatch>,
    pub(crate) plan: Option<Arc<dyn ExecutionPlan>>,
}

impl Computed {
    /// How many rows there are.
    pub(crate) fn count(&self) -> u64 {
        count(&self.rows)
    }

    /// All rows of a model as it is now; `None` where they are more than so many.
    pub(crate) async fn whole(
        session: &Session,
        planned: &Planned,
        rows_max: u64,
    ) -> Result<Option<Self>, Error> {
        let plan = ledger::plan_to_account_for(session, &planned.sql).await?;
        let name = planned.model.name.as_ref();
        let rows = all_rows(session, name, &plan, planned.layout.schema(), rows_max).await?;
        let plan = Some(plan);
        Ok(rows.map(|rows| Self { rows, plan }))
    }

    /// Keeps one of several equal rows, and tells how many it left out.
    pub(crate) fn drop_duplicates(&mut self, table: &str) -> Result<u64, Error> {
        let once = distinct(&self.rows).map_err(|error| Error::execution(table, error.into()));
        let (rows, left_out) = once?;
        self.rows = rows;
        Ok(left_out)
    }
}

/// Rows of one scan of each side, by the number of the scan.
type Parts = BTreeMap<usize, Sides>;

impl Tables {
    /// Computes what differs. `None` where that takes everything.
    pub(crate) fn evaluate<'a>(
        &'a self,
        after: &'a Session,
        statement: &'a Statement,
        schema: &'a SchemaRef,
        purpose: For<'a>,
    ) -> BoxFuture<'a, Result<Option<Evaluated>, Error>> {
        // A side of a join is a statement of its own.
        self.evaluate_one(after, statement, schema, purpose).boxed()
    }

    async fn evaluate_one(
        &self,
        after: &Session,
        statement: &Statement,
        schema: &SchemaRef,
        purpose: For<'_>,
    ) -> Result<Option<Evaluated>, Error> {
        let scans = &statement.scope.scans;
        let mut changed: BTreeMap<usize, Difference> = BTreeMap::new();
        for (number, scan) in scans.iter().enumerate() {
            if let Some(difference) = self.difference(&scan.table, &scan.columns)? {
                changed.insert(number, difference);
            }
        }
        let crosses = statement.time != TimeUse::None && !self.crossing.is_empty();
        if changed.is_empty() && !crosses {
            return Ok(Some(Evaluated {
                before: Computed::default(),
                after: Computed::default(),
                division: None,
            }));
        }
        for division in self.in_order(&statement.scope, &changed)? {
            if matches!(purpose, For::Model { distinct: true, .. })
                && !statement.keeps_equal_rows_together(division, &changed)
            {
                continue;
            }
            let Some(mut parts) = self.parts(after, statement, &changed, division).await? else {
                continue;
            };
            // Of no rows come none, and none to account for.
            let had = parts.values().any(|sides| count(&sides.before) > 0);
            let mut has = parts.values().any(|sides| count(&sides.after) > 0);
            // Which rows an account is about shows once it is computed: they may be
            // those of a table that is read whole.
            if matches!(purpose, For::Model { .. }) {
                has |= changed
                    .keys()
                    .any(|scan| !division.parts.contains_key(scan));
            }
            self.add_joined(statement, division, &mut parts).await?;
            let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
            for (number, sides) in parts {
                old.insert(number, sides.before);
                new.insert(number, sides.after);
            }
            let mut before = Computed::default();
            if had {
                let Some(plan) = statement.before(&self.before).await? else {
                    return Ok(None);
                };
                before = compute(&self.before, statement, plan, old, schema).await?;
            }
            let mut now = Computed::default();
            if has {
                now = compute(after, statement, &statement.after, new, schema).await?;
            }
            // An account is the sum of those of parts where each row that it is
            // about is in one of them.
            if let For::Model { reads, .. } = purpose {
                let adds_up = |side: &Computed| {
                    let is_part = |scan| division.parts.contains_key(&scan);
                    let plan = side.plan.as_ref();
                    plan.is_none_or(|plan| ledger::adds_up(plan, reads, is_part))
                };
                if !adds_up(&before) || !adds_up(&now) {
                    continue;
                }
            }
            return Ok(Some(Evaluated {
                before,
                after: now,
                division: Some(division.clone()),
            }));
        }
        Ok(None)
    }

    /// Divisions in the order in which they are worth trying: first those that
    /// take new rows of what arrives without earlier ones, then those that read
    /// the fewest rows whole.
    fn in_order<'a>(
        &self,
        scope: &'a Scope,
        changed: &BTreeMap<usize, Difference>,
    ) -> Result<Vec<&'a Division>, Error> {
        let mut divisions: Vec<(bool, u64, bool, &Division)> = Vec::new();
        for division in &scope.divisions {
            let mut whole = 0;
            let mut reads_landing = false;
            for (number, scan) in scope.scans.iter().enumerate() {
                if division.parts.contains_key(&number) {
                    continue;
                }
                reads_landing |= self.is_landing(&scan.table);
                let standing = self.standing.get(&scan.table);
                whole += standing.map_or(0, |table| table.files.iter().map(|f| f.rows).sum());
            }
            let arriving = division
                .parts
                .iter()
                .map(|(number, key)| (number, key, &scope.scans[*number]))
                .filter(|(.., scan)| self.is_landing(&scan.table));
            let (mut by_row, mut alone) = (false, true);
            for (number, key, scan) in arriving {
                match (key, changed.get(number)) {
                    (None, _) => by_row = true,
                    (Some(_), None) => alone = false,
                    (Some(key), Some(difference)) => {
                        alone &= self.are_first(&scan.table, key, &scan.columns, difference)?;
                    }
                }
            }
            // What arrived is never read whole again.
            if !reads_landing {
                divisions.push((!by_row && !alone, whole, !by_row, division));
            }
        }
        divisions.sort_by_key(|(later, whole, by_key, _)| (*later, *whole, *by_key));
        Ok(divisions
            .into_iter()
            .map(|(.., division)| division)
            .collect())
    }

    /// The rows of each divided scan that the change touches. `None` where that
    /// cannot be told.
    async fn parts(
        &self,
        after: &Session,
        statement: &Statement,
        changed: &BTreeMap<usize, Difference>,
        division: &Division,
    ) -> Result<Option<Parts>, Error> {
        let scans = &statement.scope.scans;
        let failed =
            |error: arrow::error::ArrowError| Error::execution(&statement.name, error.into());
        // Keys of divided scans that join to something that changed.
        let mut bridged: Vec<(usize, KeyOf, Touched)> = Vec::new();
        let mut covered: BTreeSet<usize> = division.parts.keys().copied().collect();
        for bridge in &division.bridges {
            covered.extend(&bridge.scans);
            if !bridge.scans.iter().any(|scan| changed.contains_key(scan)) {
                continue;
            }
            let Some((scan, key)) = &bridge.to else {
                return Ok(None);
            };
            if !division.parts.contains_key(scan) {
                return Ok(None);
            }
            let Some(touched) = self
                .across(after, statement, bridge.node, bridge.key)
                .await?
            else {
                return Ok(None);
            };
            bridged.push((*scan, key.clone(), touched));
        }
        if changed.keys().any(|scan| !covered.contains(scan)) {
            return Ok(None);
        }
        // Whose consent begins or ends is told by persons alone.
        let crosses = statement.time != TimeUse::None && !self.crossing.is_empty();
        let by_person = |key: &Option<KeyOf>| key.as_ref().is_some_and(|key| key.by == By::Subject);
        let is_divided = |(number, scan): (usize, &Scan)| {
            scan.table != CONSENT.full_name() || division.parts.contains_key(&number)
        };
        if crosses
            && !(division.parts.values().all(by_person) && scans.iter().enumerate().all(is_divided))
        {
            return Ok(None);
        }
        if let Some((fact, None)) = division.parts.iter().next() {
            let bridged = bridged
                .into_iter()
                .filter(|(.., touched)| !touched.is_empty());
            let sides = self
                .by_row(&scans[*fact], changed.get(fact), bridged.collect())
                .await?;
            return Ok(sides.map(|sides| Parts::from([(*fact, sides)])));
        }
        let mut touched = match crosses {
            true => self.crossing.clone(),
            false => Touched::default(),
        };
        for (number, key) in &division.parts {
            let (Some(difference), Some(key)) = (changed.get(number), key) else {
                continue;
            };
            let columns = &scans[*number].columns;
            let place = columns.iter().position(|column| *column == key.column);
            for batch in difference.touched() {
                let column = batch.column(place.unwrap_or_default());
                touched.take_in(column, key.by).map_err(failed)?;
            }
        }
        for (scan, to, joined) in bridged {
            let Some(Some(key)) = division.parts.get(&scan) else {
                return Ok(None);
            };
            let columns = [key.column.clone()];
            let sides = self
                .sides(&scans[scan].table, &columns, &to, &joined)
                .await?;
            let Some(sides) = sides else {
                return Ok(None);
            };
            for batch in sides.before.iter().chain(&sides.after) {
                touched.take_in(batch.column(0), key.by).map_err(failed)?;
            }
        }
        let mut parts = Parts::new();
        for (number, key) in &division.parts {
            let Some(key) = key else {
                return Ok(None);
            };
            let scan = &scans[*number];
            let sides = self
                .sides(&scan.table, &scan.columns, key, &touched)
                .await?;
            let Some(sides) = sides else {
                return Ok(None);
            };
            parts.insert(*number, sides);
        }
        Ok(Some(parts))
    }

    /// Of a table that is joined to a part, the rows that the part's can meet: no
    /// others need be read of it. Where its own rows are brought together before
    /// the join, it stays whole.
    async fn add_joined(
        &self,
        statement: &Statement,
        division: &Division,
        parts: &mut Parts,
    ) -> Result<(), Error> {
        let scans = &statement.scope.scans;
        for bridge in &division.bridges {
            let (Some((part, to)), Some((whole, key))) =
                (&bridge.to, statement.passes_by_row(bridge))
            else {
                continue;
            };
            let mut columns = scans[*part].columns.iter();
            let place = columns.position(|column| *column == to.column);
            let (Some(sides), Some(place)) = (parts.get(part), place) else {
                continue;
            };
            let met = Touched::of(sides.before.iter().chain(&sides.after), place, to.by);
            let met = met.map_err(|error| Error::execution(&statement.name, error.into()))?;
            let Scan { table, columns } = &scans[whole];
            if let Some(sides) = self.sides(table, columns, &key, &met).await? {
                parts.insert(whole, sides);
            }
        }
        Ok(())
    }

    /// Rows of a scan that is divided row by row: those that went or came, and
    /// those that join to something that changed.
    async fn by_row(
        &self,
        scan: &Scan,
        changed: Option<&Difference>,
        bridged: Vec<(usize, KeyOf, Touched)>,
    ) -> Result<Option<Sides>, Error> {
        let failed = |error: arrow::error::ArrowError| Error::execution(&scan.table, error.into());
        let nothing = Difference::default();
        let changed = changed.unwrap_or(&nothing);
        let (mut before, mut after) = (changed.gone.clone(), changed.come.clone());
        match &bridged[..] {
            [] => {}
            [(_, key, touched)] => {
                let sides = self.sides(&scan.table, &scan.columns, key, touched).await?;
                let place = scan.columns.iter().position(|c| *c == key.column);
                let (Some(sides), Some(place)) = (sides, place) else {
                    return Ok(None);
                };
                // Those with the key are among what was asked for by it.
                for batch in before.iter_mut().chain(&mut after) {
                    let asked = having(batch.column(place), key.by, touched).map_err(failed)?;
                    let others = not(&asked).map_err(failed)?;
                    *batch = filter_record_batch(batch, &others).map_err(failed)?;
                }
                before.extend(sides.before);
                after.extend(sides.after);
            }
            // By several keys at once, a row could be asked for twice.
            _ => return Ok(None),
        }
        Ok(Some(Sides { before, after }))
    }

    /// The keys of rows by which a side of a join differs that is read whole.
    async fn across(
        &self,
        after: &Session,
        statement: &Statement,
        number: usize,
        (place, by): (usize, By),
    ) -> Result<Option<Touched>, Error> {
        let failed =
            |error: arrow::error::ArrowError| Error::execution(&statement.name, error.into());
        let Some(side) = statement.side(number) else {
            return Ok(None);
        };
        let schema = side.schema()?;
        let Some(found) = self.evaluate(after, &side, &schema, For::Rows).await? else {
            return Ok(None);
        };
        let difference =
            Difference::between(&found.before.rows, &found.after.rows).map_err(failed)?;
        let touched = Touched::of(difference.touched(), place, by);
        Ok(Some(touched.map_err(failed)?))
    }
}

/// Runs a plan on `parts` in the place of its divided scans.
async fn compute(
    session: &Session,
    statement: &Statement,
    plan: &LogicalPlan,
    mut parts: BTreeMap<usize, Vec<RecordBatch>>,
    schema: &SchemaRef,
) -> Result<Computed, Error> {
    let failed = |error: DataFusionError| Error::execution(&statement.name, error);
    let plan = with_scans(plan.clone(), |number, scan| {
        let rows = parts.remove(&number);
        match rows {
            Some(rows) => held(session, scan, number, rows).map(Some),
            None => numbered(number, scan),
        }
    });
    let state = session.state_to_account_with();
    let plan = plan.map_err(failed)?;
    let planner = Arc::clone(state.query_planner());
    let plan = planner
        .create_physical_plan(&plan, &state)
        .await
        .map_err(failed)?;
    let mut rows = Vec::new();
    let taken = each_batch(&plan, session.task_context(), |batch| {
        if batch.num_rows() > 0 {
            rows.push(stored(schema, &batch)?);
        }
        Ok(())
    });
    taken.await.map_err(failed)?;
    Ok(Computed {
        rows,
        plan: Some(plan),
    })
}

/// A scan of rows that are held, under the name of the table they are of.
fn held(
    session: &Session,
    scan: &TableScan,
    number: usize,
    rows: Vec<RecordBatch>,
) -> Result<LogicalPlan, DataFusionError> {
    let fields = scan.projected_schema.as_arrow();
    let table = scan.table_name.table();
    let zone = session.tables().zone_of(scan.table_name.schema(), table);
    let schema: SchemaRef = Arc::new(fields.clone());
    let rows = rows
        .iter()
        .map(|batch| Ok(stored(&schema, batch)?))
        .collect::<Result<Vec<_>, DataFusionError>>()?;
    let held = MemoryTable::new(&zone, table, schema, vec![rows]).numbered(number);
    let held: Arc<dyn TableProvider> = Arc::new(held);
    LogicalPlanBuilder::scan(scan.table_name.clone(), provider_as_source(held), None)?.build()
}
