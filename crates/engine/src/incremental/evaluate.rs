//! Evaluates a statement on the rows that a change affects, before and after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::catalog::TableProvider;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableScan};
use datafusion::physical_plan::ExecutionPlan;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::difference::{Difference, distinct, row_count};
use super::keys::{KeySet, key_mask};
use super::partition_analysis::{KeyKind, PartitionAnalysis, PartitionKey, Partitioning, Scan};
use super::plan_rows::all_rows;
use super::statement::Statement;
use super::table_changes::{BeforeAfter, TableChanges};
use crate::Error;
use crate::contract::planning::{Planned, in_model};
use crate::stored::stored;
use crate::write::ledger;
use crate::write::ledger::numbered;
use query::Session;
use query::partitions::each_batch;
use query::scan::with_scans;
use query::system::CONSENT;
use query::tables::memory_table::MemoryTable;

/// What a statement is evaluated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EvaluationGoal<'a> {
    /// Its rows alone.
    Rows,
    /// A model's table and its account.
    Model {
        /// The tables that its SELECT reads, in the order in which it names them.
        reads: &'a [&'a str],
        /// Whether only one of several equal rows is kept.
        distinct: bool,
    },
}

/// The result of a statement on affected rows.
pub(crate) struct Evaluated {
    /// Rows as a table's files hold them.
    pub(crate) before: Computed,
    pub(crate) after: Computed,
    /// The partitioning used; `None` if nothing that the statement reads changed.
    pub(crate) partitioning: Option<Partitioning>,
}

/// Result rows, and the executed plan that tells the account of its input rows.
#[derive(Default)]
pub(crate) struct Computed {
    pub(crate) rows: Vec<RecordBatch>,
    pub(crate) plan: Option<Arc<dyn ExecutionPlan>>,
}

impl Computed {
    /// How many rows there are.
    pub(crate) fn row_count(&self) -> u64 {
        row_count(&self.rows)
    }

    /// All rows of a model after the change; `None` if there are more than `rows_max`.
    pub(crate) async fn full(
        session: &Session,
        planned: &Planned,
        rows_max: u64,
    ) -> Result<Option<Self>, Error> {
        let plan = ledger::plan_to_account_for(session, &planned.sql).await;
        let plan = plan.map_err(|error| in_model(&planned.model, error))?;
        let name = planned.model.name.as_ref();
        let rows = all_rows(session, name, &plan, planned.layout.schema(), rows_max).await?;
        let plan = Some(plan);
        Ok(rows.map(|rows| Self { rows, plan }))
    }

    /// Keeps one of several equal rows. Returns how many rows it dropped.
    pub(crate) fn drop_duplicates(&mut self, table: &str) -> Result<u64, Error> {
        let once = distinct(&self.rows).map_err(|error| Error::execution(table, error.into()));
        let (rows, dropped) = once?;
        self.rows = rows;
        Ok(dropped)
    }
}

/// Affected rows by the number of their scan.
type AffectedRows = BTreeMap<usize, BeforeAfter>;

/// The keys of a partitioned scan that join to changed rows of a broadcast side.
struct ChangedJoinKeys {
    scan: usize,
    /// The scan's column that is joined.
    column: PartitionKey,
    keys: KeySet,
}

impl TableChanges {
    /// Evaluates a statement on affected rows. `None` if that takes all its input.
    pub(crate) fn evaluate<'a>(
        &'a self,
        after: &'a Session,
        statement: &'a Statement,
        schema: &'a SchemaRef,
        goal: EvaluationGoal<'a>,
    ) -> BoxFuture<'a, Result<Option<Evaluated>, Error>> {
        // Boxed, because a side of a join is evaluated as a statement of its own.
        self.evaluate_statement(after, statement, schema, goal)
            .boxed()
    }

    async fn evaluate_statement(
        &self,
        after: &Session,
        statement: &Statement,
        schema: &SchemaRef,
        goal: EvaluationGoal<'_>,
    ) -> Result<Option<Evaluated>, Error> {
        let scans = &statement.analysis.scans;
        let mut changed: BTreeMap<usize, Difference> = BTreeMap::new();
        for (number, scan) in scans.iter().enumerate() {
            if let Some(difference) = self.difference(&scan.table, &scan.columns)? {
                changed.insert(number, difference);
            }
        }
        if changed.is_empty() && !self.time_affects(statement.time) {
            return Ok(Some(Evaluated {
                before: Computed::default(),
                after: Computed::default(),
                partitioning: None,
            }));
        }
        for partitioning in self.by_cost(&statement.analysis, &changed)? {
            if matches!(goal, EvaluationGoal::Model { distinct: true, .. })
                && !statement.keeps_equal_rows_together(partitioning, &changed)
            {
                continue;
            }
            let affected = self
                .affected_rows(after, statement, &changed, partitioning)
                .await?;
            let Some(mut affected) = affected else {
                continue;
            };
            // Without input rows there are no result rows, and nothing to account for.
            let has_before = affected.values().any(|rows| row_count(&rows.before) > 0);
            let mut has_after = affected.values().any(|rows| row_count(&rows.after) > 0);
            // Only the executed plan tells which rows the account is about. They may be
            // those of a table that is read whole.
            if matches!(goal, EvaluationGoal::Model { .. }) {
                has_after |= changed
                    .keys()
                    .any(|scan| !partitioning.keys.contains_key(scan));
            }
            self.narrow_broadcasts(statement, partitioning, &mut affected)
                .await?;
            let (mut rows_before, mut rows_after) = (BTreeMap::new(), BTreeMap::new());
            for (number, rows) in affected {
                rows_before.insert(number, rows.before);
                rows_after.insert(number, rows.after);
            }
            let mut before = Computed::default();
            if has_before {
                let Some(plan) = statement.plan_before(&self.before).await? else {
                    return Ok(None);
                };
                before = compute(&self.before, statement, plan, rows_before, schema).await?;
            }
            let mut now = Computed::default();
            if has_after {
                now = compute(after, statement, &statement.after, rows_after, schema).await?;
            }
            if adds_up(&before, goal, partitioning) && adds_up(&now, goal, partitioning) {
                return Ok(Some(Evaluated {
                    before,
                    after: now,
                    partitioning: Some(partitioning.clone()),
                }));
            }
        }
        Ok(None)
    }

    /// Partitionings in the order in which to try them: first those that need no earlier
    /// landing rows, then those that read the fewest rows whole. Partitionings that
    /// would read a landing table whole are left out.
    fn by_cost<'a>(
        &self,
        analysis: &'a PartitionAnalysis,
        changed: &BTreeMap<usize, Difference>,
    ) -> Result<Vec<&'a Partitioning>, Error> {
        let mut partitionings: Vec<(bool, u64, bool, &Partitioning)> = Vec::new();
        for partitioning in &analysis.partitionings {
            let mut rows_read_whole = 0;
            let mut reads_landing = false;
            for (number, scan) in analysis.scans.iter().enumerate() {
                if partitioning.keys.contains_key(&number) {
                    continue;
                }
                reads_landing |= self.is_landing(&scan.table);
                let published = self.published.get(&scan.table);
                rows_read_whole +=
                    published.map_or(0, |table| table.files.iter().map(|f| f.rows).sum());
            }
            let landing_scans = partitioning
                .keys
                .iter()
                .map(|(number, key)| (number, key, &analysis.scans[*number]))
                .filter(|(.., scan)| self.is_landing(&scan.table));
            let (mut is_row_wise, mut needs_new_rows_only) = (false, true);
            for (number, key, scan) in landing_scans {
                match (key, changed.get(number)) {
                    (None, _) => is_row_wise = true,
                    (Some(_), None) => needs_new_rows_only = false,
                    (Some(key), Some(difference)) => {
                        needs_new_rows_only &= self.are_first_of_their_keys(
                            &scan.table,
                            key,
                            &scan.columns,
                            difference,
                        )?;
                    }
                }
            }
            if !reads_landing {
                let needs_earlier_rows = !is_row_wise && !needs_new_rows_only;
                partitionings.push((
                    needs_earlier_rows,
                    rows_read_whole,
                    !is_row_wise,
                    partitioning,
                ));
            }
        }
        partitionings.sort_by_key(|(needs_earlier_rows, rows_read_whole, has_key, _)| {
            (*needs_earlier_rows, *rows_read_whole, *has_key)
        });
        Ok(partitionings
            .into_iter()
            .map(|(.., partitioning)| partitioning)
            .collect())
    }

    /// The rows of each partitioned scan that the change affects. `None` if this
    /// partitioning cannot tell.
    async fn affected_rows(
        &self,
        after: &Session,
        statement: &Statement,
        changed: &BTreeMap<usize, Difference>,
        partitioning: &Partitioning,
    ) -> Result<Option<AffectedRows>, Error> {
        let scans = &statement.analysis.scans;
        let broadcasts = partitioning.broadcasts.iter();
        let covered: BTreeSet<usize> = broadcasts
            .flat_map(|broadcast| &broadcast.scans)
            .chain(partitioning.keys.keys())
            .copied()
            .collect();
        let join_keys = self
            .changed_broadcast_keys(after, statement, changed, partitioning)
            .await?;
        let Some(join_keys) = join_keys else {
            return Ok(None);
        };
        if changed.keys().any(|scan| !covered.contains(scan)) {
            return Ok(None);
        }
        // Only the person tells whether the passage of time affects a row.
        let time_affects = self.time_affects(statement.time);
        let is_by_person = |key: &Option<PartitionKey>| {
            key.as_ref().is_some_and(|key| key.kind == KeyKind::Subject)
        };
        let is_partitioned = |(number, scan): (usize, &Scan)| {
            scan.table != CONSENT.full_name() || partitioning.keys.contains_key(&number)
        };
        if time_affects
            && !(partitioning.keys.values().all(is_by_person)
                && scans.iter().enumerate().all(is_partitioned))
        {
            return Ok(None);
        }
        if let Some((scan, None)) = partitioning.keys.iter().next() {
            let join_keys = join_keys
                .into_iter()
                .filter(|join_keys| !join_keys.keys.is_empty());
            let rows = self
                .affected_rows_of_scan(&scans[*scan], changed.get(scan), join_keys.collect())
                .await?;
            return Ok(rows.map(|rows| AffectedRows::from([(*scan, rows)])));
        }
        let touched = self
            .touched_keys(statement, changed, partitioning, join_keys)
            .await?;
        let Some(touched) = touched else {
            return Ok(None);
        };
        let mut affected = AffectedRows::new();
        for (number, key) in &partitioning.keys {
            let Some(key) = key else {
                return Ok(None);
            };
            let scan = &scans[*number];
            let rows = self
                .rows_with_keys(&scan.table, &scan.columns, key, &touched)
                .await?;
            let Some(rows) = rows else {
                return Ok(None);
            };
            affected.insert(*number, rows);
        }
        Ok(Some(affected))
    }

    /// For each broadcast side that changed, the keys of partitioned scans that join to
    /// the change. `None` if a changed side is joined to no partitioned scan.
    async fn changed_broadcast_keys(
        &self,
        after: &Session,
        statement: &Statement,
        changed: &BTreeMap<usize, Difference>,
        partitioning: &Partitioning,
    ) -> Result<Option<Vec<ChangedJoinKeys>>, Error> {
        let mut join_keys = Vec::new();
        for broadcast in &partitioning.broadcasts {
            let mut scans = broadcast.scans.iter();
            if !scans.any(|scan| changed.contains_key(scan)) {
                continue;
            }
            let Some((scan, column)) = &broadcast.joined_to else {
                return Ok(None);
            };
            if !partitioning.keys.contains_key(scan) {
                return Ok(None);
            }
            let keys = self
                .changed_join_keys(after, statement, broadcast.node, broadcast.join_key)
                .await?;
            let Some(keys) = keys else {
                return Ok(None);
            };
            join_keys.push(ChangedJoinKeys {
                scan: *scan,
                column: column.clone(),
                keys,
            });
        }
        Ok(Some(join_keys))
    }

    /// The keys of all changed rows, of rows that join to changed rows, and of people
    /// whom the passage of time affects.
    async fn touched_keys(
        &self,
        statement: &Statement,
        changed: &BTreeMap<usize, Difference>,
        partitioning: &Partitioning,
        join_keys: Vec<ChangedJoinKeys>,
    ) -> Result<Option<KeySet>, Error> {
        let scans = &statement.analysis.scans;
        let failed = |error: ArrowError| Error::execution(&statement.name, error.into());
        let mut touched = match self.time_affects(statement.time) {
            true => self.time_affected_people.clone(),
            false => KeySet::default(),
        };
        for (number, key) in &partitioning.keys {
            let (Some(difference), Some(key)) = (changed.get(number), key) else {
                continue;
            };
            let columns = &scans[*number].columns;
            let index = columns.iter().position(|column| *column == key.column);
            for batch in difference.changed_rows() {
                let column = batch.column(index.unwrap_or_default());
                touched.add_column(column, key.kind).map_err(failed)?;
            }
        }
        for joined in join_keys {
            let Some(Some(key)) = partitioning.keys.get(&joined.scan) else {
                return Ok(None);
            };
            let columns = [key.column.clone()];
            let table = &scans[joined.scan].table;
            let rows = self
                .rows_with_keys(table, &columns, &joined.column, &joined.keys)
                .await?;
            let Some(rows) = rows else {
                return Ok(None);
            };
            for batch in rows.rows() {
                touched
                    .add_column(batch.column(0), key.kind)
                    .map_err(failed)?;
            }
        }
        Ok(Some(touched))
    }

    /// Replaces broadcast tables by the rows that the affected rows join to: no others
    /// need to be read. A table whose rows are combined before the join stays whole.
    async fn narrow_broadcasts(
        &self,
        statement: &Statement,
        partitioning: &Partitioning,
        affected: &mut AffectedRows,
    ) -> Result<(), Error> {
        let scans = &statement.analysis.scans;
        for broadcast in &partitioning.broadcasts {
            let (Some((partitioned, joined_to)), Some((whole, key))) =
                (&broadcast.joined_to, statement.row_wise_join_key(broadcast))
            else {
                continue;
            };
            let mut columns = scans[*partitioned].columns.iter();
            let index = columns.position(|column| *column == joined_to.column);
            let (Some(rows), Some(index)) = (affected.get(partitioned), index) else {
                continue;
            };
            let joined = KeySet::of(rows.rows(), index, joined_to.kind);
            let joined = joined.map_err(|error| Error::execution(&statement.name, error.into()))?;
            let Scan { table, columns } = &scans[whole];
            if let Some(rows) = self.rows_with_keys(table, columns, &key, &joined).await? {
                affected.insert(whole, rows);
            }
        }
        Ok(())
    }

    /// The affected rows of a scan that is partitioned row by row: its removed and added
    /// rows, and those that join to changed rows.
    async fn affected_rows_of_scan(
        &self,
        scan: &Scan,
        changed: Option<&Difference>,
        join_keys: Vec<ChangedJoinKeys>,
    ) -> Result<Option<BeforeAfter>, Error> {
        let failed = |error: ArrowError| Error::execution(&scan.table, error.into());
        let nothing = Difference::default();
        let changed = changed.unwrap_or(&nothing);
        let (mut before, mut after) = (changed.removed.clone(), changed.added.clone());
        match &join_keys[..] {
            [] => {}
            [ChangedJoinKeys { column, keys, .. }] => {
                let joined = self
                    .rows_with_keys(&scan.table, &scan.columns, column, keys)
                    .await?;
                let index = scan.columns.iter().position(|c| *c == column.column);
                let (Some(joined), Some(index)) = (joined, index) else {
                    return Ok(None);
                };
                // The joined rows include the changed rows with these keys.
                for batch in before.iter_mut().chain(&mut after) {
                    let is_joined =
                        key_mask(batch.column(index), column.kind, keys).map_err(failed)?;
                    let others = not(&is_joined).map_err(failed)?;
                    *batch = filter_record_batch(batch, &others).map_err(failed)?;
                }
                before.extend(joined.before);
                after.extend(joined.after);
            }
            // A row could be found by several keys, and would be counted twice.
            _ => return Ok(None),
        }
        Ok(Some(BeforeAfter { before, after }))
    }

    /// The join keys of the rows by which a broadcast side changed. `node` is the number
    /// of that side's plan node.
    async fn changed_join_keys(
        &self,
        after: &Session,
        statement: &Statement,
        node: usize,
        (index, kind): (usize, KeyKind),
    ) -> Result<Option<KeySet>, Error> {
        let failed = |error: ArrowError| Error::execution(&statement.name, error.into());
        let Some(side) = statement.join_side(node) else {
            return Ok(None);
        };
        let schema = side.schema()?;
        let evaluated = self
            .evaluate(after, &side, &schema, EvaluationGoal::Rows)
            .await?;
        let Some(evaluated) = evaluated else {
            return Ok(None);
        };
        let difference =
            Difference::between(&evaluated.before.rows, &evaluated.after.rows).map_err(failed)?;
        let keys = KeySet::of(difference.changed_rows(), index, kind);
        Ok(Some(keys.map_err(failed)?))
    }
}

/// Whether accounts of parts add up to the account of the whole: each row that the
/// account is about must be in one part.
fn adds_up(computed: &Computed, goal: EvaluationGoal<'_>, partitioning: &Partitioning) -> bool {
    let EvaluationGoal::Model { reads, .. } = goal else {
        return true;
    };
    let is_partitioned = |scan| partitioning.keys.contains_key(&scan);
    let plan = computed.plan.as_ref();
    plan.is_none_or(|plan| ledger::adds_up(plan, reads, is_partitioned))
}

/// Runs a plan that scans `affected` rows in place of the tables they are from.
async fn compute(
    session: &Session,
    statement: &Statement,
    plan: &LogicalPlan,
    mut affected: BTreeMap<usize, Vec<RecordBatch>>,
    schema: &SchemaRef,
) -> Result<Computed, Error> {
    let failed = |error: DataFusionError| Error::execution(&statement.name, error);
    let plan = with_scans(plan.clone(), |number, scan| {
        let rows = affected.remove(&number);
        match rows {
            Some(rows) => memory_scan(session, scan, number, rows).map(Some),
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
    let running = each_batch(&plan, session.task_context(), |batch| {
        if batch.num_rows() > 0 {
            rows.push(stored(schema, &batch)?);
        }
        Ok(())
    });
    running.await.map_err(failed)?;
    Ok(Computed {
        rows,
        plan: Some(plan),
    })
}

/// A scan of rows in memory, under the name of the table they are from.
fn memory_scan(
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
    let provider = MemoryTable::new(&zone, table, schema, vec![rows]).numbered(number);
    let provider: Arc<dyn TableProvider> = Arc::new(provider);
    LogicalPlanBuilder::scan(scan.table_name.clone(), provider_as_source(provider), None)?.build()
}
