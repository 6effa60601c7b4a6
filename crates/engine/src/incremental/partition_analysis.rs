//! Partition analysis: which rows of its tables a statement must be computed from
//! again when some of their rows change.
//!
//! A statement can be *partitioned* by a key if its result rows for one key depend
//! only on the input rows with that key. Then the input rows with the touched keys
//! are enough: the statement is computed from them before and after the change. The
//! two results differ by exactly what the change does to the whole result, rows and
//! accounts alike.
//!
//! The possible keys follow from the optimised plan, from its scans upwards:
//!
//! - Every column of a scan partitions that scan.
//! - A join on the key column keeps the partitioning and extends it to the other side.
//! - A grouping or a window keeps the partitioning if the key is among its columns.
//! - A join with a side that is not partitioned keeps it as well, because that side is
//!   read whole: a [`Broadcast`]. If that side changes, the rows that join to the
//!   change are touched.
//! - A scan whose rows only pass through filters and joins is partitioned row by row:
//!   new rows of it are computed alone.
//!
//! A plan node that is not understood has no partitioning. The statement is then
//! computed from all its input.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::logical_expr::{Aggregate, Distinct, Expr, Join, LogicalPlan, TableScan, Window};

use query::functions::SUBJECT;

/// How the key of a row follows from the value of its key column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum KeyKind {
    /// The value itself.
    Value,
    /// The person with this e-mail address.
    Subject,
}

impl KeyKind {
    pub(super) fn of(people: bool) -> Self {
        match people {
            true => KeyKind::Subject,
            false => KeyKind::Value,
        }
    }
}

/// The column of a table that holds the key of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartitionKey {
    pub(super) column: String,
    pub(super) kind: KeyKind,
}

impl PartitionKey {
    pub(super) fn new(column: &str, kind: KeyKind) -> Self {
        Self {
            column: column.to_owned(),
            kind,
        }
    }
}

/// One scan of one table.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    /// Named as in [`super::TableChanges`]: `system.consent`, `customer_trusted`.
    pub(super) table: String,
    /// The columns that are read, in the order of the plan.
    pub(super) columns: Vec<String>,
}

/// A way to partition a statement.
#[derive(Debug, Clone)]
pub(crate) struct Partitioning {
    /// The result columns that hold the key.
    pub(super) key_columns: BTreeSet<(usize, KeyKind)>,
    /// The partitioned scans and their keys; all other scans are read whole. A scan
    /// without a key is partitioned row by row.
    pub(super) keys: BTreeMap<usize, Option<PartitionKey>>,
    pub(super) broadcasts: Vec<Broadcast>,
}

/// A join of a partitioned side with a side that is read whole.
#[derive(Debug, Clone)]
pub(super) struct Broadcast {
    /// Scans of the side that is read whole.
    pub(super) scans: BTreeSet<usize>,
    /// The number of that side's plan node.
    pub(super) node: usize,
    /// The join key, a column of that side.
    pub(super) join_key: (usize, KeyKind),
    /// The partitioned scan and its column that the key is joined to; `None` if that
    /// column is not a scan's.
    pub(super) joined_to: Option<(usize, PartitionKey)>,
}

/// A statement's scans and the ways to partition it.
#[derive(Debug, Clone, Default)]
pub(super) struct PartitionAnalysis {
    pub(super) scans: Vec<Scan>,
    pub(super) partitionings: Vec<Partitioning>,
    /// For each result column the scan's column that it outputs unchanged.
    pub(super) columns: Vec<Option<(usize, PartitionKey)>>,
}

impl PartitionAnalysis {
    /// `None` for a plan that is not understood.
    pub(super) fn of(plan: &LogicalPlan) -> Option<Self> {
        let mut reader = Reader::default();
        let node = reader.read(plan)?;
        Some(Self {
            scans: reader.scans,
            partitionings: node.partitionings,
            columns: node.columns,
        })
    }
}

/// The node of a plan with that number. Nodes are numbered from the root in the order
/// in which [`Reader`] visits them.
pub(super) fn node(plan: &LogicalPlan, number: usize) -> Option<LogicalPlan> {
    fn find(plan: &LogicalPlan, steps_left: &mut usize) -> Option<LogicalPlan> {
        if *steps_left == 0 {
            return Some(plan.clone());
        }
        for input in plan.inputs() {
            *steps_left -= 1;
            if let Some(found) = find(input, steps_left) {
                return Some(found);
            }
        }
        None
    }
    find(plan, &mut number.clone())
}

#[derive(Default)]
struct Reader {
    scans: Vec<Scan>,
    nodes: usize,
}

/// The analysis of one plan node.
#[derive(Default)]
struct Node {
    scans: BTreeSet<usize>,
    partitionings: Vec<Partitioning>,
    columns: Vec<Option<(usize, PartitionKey)>>,
}

impl Reader {
    fn read(&mut self, plan: &LogicalPlan) -> Option<Node> {
        self.nodes += 1;
        if !plan.expressions().iter().all(is_deterministic) {
            return None;
        }
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.read(&alias.input),
            LogicalPlan::Filter(filter) => self.read(&filter.input),
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.read(&sort.input),
            LogicalPlan::Projection(projection) => {
                let input = self.read(&projection.input)?;
                let schema = projection.input.schema();
                project(input, &projection.expr, schema)
            }
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Aggregate(aggregate) => {
                let input = self.read(&aggregate.input)?;
                group(input, aggregate)
            }
            LogicalPlan::Window(window) => {
                let input = self.read(&window.input)?;
                apply_window(input, window)
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let mut node = self.read(input)?;
                node.partitionings
                    .retain(|partitioning| !partitioning.key_columns.is_empty());
                Some(node)
            }
            _ => None,
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Option<Node> {
        if scan.fetch.is_some() {
            return None;
        }
        let number = self.scans.len();
        let fields = scan.projected_schema.fields();
        let table = match scan.table_name.schema() {
            Some("system") => format!("system.{}", scan.table_name.table()),
            _ => scan.table_name.table().to_owned(),
        };
        self.scans.push(Scan {
            table,
            columns: fields.iter().map(|field| field.name().clone()).collect(),
        });
        let mut node = Node {
            scans: BTreeSet::from([number]),
            ..Node::default()
        };
        node.partitionings.push(Partitioning {
            key_columns: BTreeSet::new(),
            keys: BTreeMap::from([(number, None)]),
            broadcasts: Vec::new(),
        });
        for (index, field) in fields.iter().enumerate() {
            let kinds: &[KeyKind] = match field.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                    &[KeyKind::Value, KeyKind::Subject]
                }
                _ => &[KeyKind::Value],
            };
            let name = field.name();
            node.partitionings
                .extend(kinds.iter().map(|kind| Partitioning {
                    key_columns: BTreeSet::from([(index, *kind)]),
                    keys: BTreeMap::from([(number, Some(PartitionKey::new(name, *kind)))]),
                    broadcasts: Vec::new(),
                }));
            let column = PartitionKey::new(name, KeyKind::Value);
            node.columns.push(Some((number, column)));
        }
        Some(node)
    }

    fn join(&mut self, join: &Join) -> Option<Node> {
        let left_number = self.nodes;
        let left = self.read(&join.left)?;
        let right_number = self.nodes;
        let right = self.read(&join.right)?;
        if join.null_aware {
            return None;
        }
        use JoinType::{Inner, Left, LeftAnti, LeftSemi, Right, RightAnti, RightSemi};
        let kind = join.join_type;
        // Whether result rows of each side keep that side's key.
        let (keeps_left, keeps_right) = (
            matches!(kind, Inner | Left | LeftSemi | LeftAnti),
            matches!(kind, Inner | Right | RightSemi | RightAnti),
        );
        if !keeps_left && !keeps_right {
            return None;
        }
        let right_offset = match kind {
            Inner | Left | Right => left.columns.len(),
            _ => 0,
        };
        let mut partitionings =
            co_partitionings(join, &left, &right, keeps_left, keeps_right, right_offset);
        if keeps_left {
            partitionings.extend(left.partitionings.iter().map(|partitioning| {
                let mut partitioning = partitioning.clone();
                partitioning
                    .broadcasts
                    .push(broadcast(join, &left, &right, right_number, true));
                partitioning
            }));
        }
        if keeps_right {
            partitionings.extend(right.partitionings.iter().map(|partitioning| {
                let mut partitioning = partitioning.clone();
                partitioning.key_columns = shifted(&partitioning.key_columns, right_offset);
                partitioning
                    .broadcasts
                    .push(broadcast(join, &right, &left, left_number, false));
                partitioning
            }));
        }
        let nulls = |columns: &[Option<(usize, PartitionKey)>]| vec![None; columns.len()];
        let scans = left.scans.union(&right.scans).copied().collect();
        let columns = match kind {
            Inner => [left.columns, right.columns].concat(),
            Left => [left.columns.clone(), nulls(&right.columns)].concat(),
            Right => [nulls(&left.columns), right.columns.clone()].concat(),
            LeftSemi | LeftAnti => left.columns,
            _ => right.columns,
        };
        Some(Node {
            scans,
            partitionings,
            columns,
        })
    }
}

/// Partitionings of both sides of a join by one key that the join compares.
fn co_partitionings(
    join: &Join,
    left: &Node,
    right: &Node,
    keeps_left: bool,
    keeps_right: bool,
    right_offset: usize,
) -> Vec<Partitioning> {
    let (left_schema, right_schema) = (join.left.schema(), join.right.schema());
    let mut partitionings = Vec::new();
    for of_left in &left.partitionings {
        for of_right in &right.partitionings {
            let compares_keys = |(l, r): &(Expr, Expr)| {
                of_left.key_columns.iter().any(|left_key| {
                    determines(l, left_schema, *left_key)
                        && of_right.key_columns.iter().any(|right_key| {
                            right_key.1 == left_key.1 && determines(r, right_schema, *right_key)
                        })
                })
            };
            if !join.on.iter().any(compares_keys) {
                continue;
            }
            let mut both = of_left.clone();
            both.keys.extend(of_right.keys.clone());
            both.broadcasts.extend(of_right.broadcasts.clone());
            // A row without a partner has null for the other side's key.
            if !keeps_left {
                both.key_columns.clear();
            }
            if keeps_right {
                both.key_columns
                    .extend(shifted(&of_right.key_columns, right_offset));
            }
            partitionings.push(both);
        }
    }
    partitionings
}

fn shifted(key_columns: &BTreeSet<(usize, KeyKind)>, offset: usize) -> BTreeSet<(usize, KeyKind)> {
    let key_columns = key_columns.iter();
    key_columns
        .map(|(index, kind)| (index + offset, *kind))
        .collect()
}

/// The broadcast of the `whole` side, node number `node`, to the `partitioned` side.
fn broadcast(
    join: &Join,
    partitioned: &Node,
    whole: &Node,
    node: usize,
    partitioned_is_left: bool,
) -> Broadcast {
    let (partitioned_schema, whole_schema) = match partitioned_is_left {
        true => (join.left.schema(), join.right.schema()),
        false => (join.right.schema(), join.left.schema()),
    };
    let mut pairs = join.on.iter().filter_map(|(l, r)| {
        let (of_partitioned, of_whole) = if partitioned_is_left { (l, r) } else { (r, l) };
        let (column, kind) = column_of(of_partitioned, partitioned_schema)?;
        let (whole_column, whole_kind) = column_of(of_whole, whole_schema)?;
        // If either side normalizes to a subject, the join compares subjects.
        let kind = kind.max(whole_kind);
        let (scan, key) = partitioned.columns.get(column)?.clone()?;
        let joined_to = key_of_kind(key, kind);
        Some(((whole_column, kind), (scan, joined_to)))
    });
    let (join_key, joined_to) = match pairs.next() {
        Some((join_key, joined_to)) => (join_key, Some(joined_to)),
        None => ((0, KeyKind::Value), None),
    };
    Broadcast {
        scans: whole.scans.clone(),
        node,
        join_key,
        joined_to,
    }
}

/// The same key, as a subject if either it or `kind` is one.
fn key_of_kind(key: PartitionKey, kind: KeyKind) -> PartitionKey {
    PartitionKey {
        kind: key.kind.max(kind),
        ..key
    }
}

fn project(input: Node, exprs: &[Expr], schema: &DFSchema) -> Option<Node> {
    let sources: Vec<Option<(usize, KeyKind)>> =
        exprs.iter().map(|expr| column_of(expr, schema)).collect();
    let partitionings = input.partitionings.into_iter().map(|mut partitioning| {
        let mut key_columns = BTreeSet::new();
        for (index, source) in sources.iter().enumerate() {
            let Some((column, kind)) = source else {
                continue;
            };
            for (key_column, key_kind) in &partitioning.key_columns {
                // The subject of an e-mail address is still that subject.
                if key_column == column
                    && (*kind == KeyKind::Value || *key_kind == KeyKind::Subject)
                {
                    key_columns.insert((index, *key_kind));
                }
            }
        }
        partitioning.key_columns = key_columns;
        partitioning
    });
    let columns = sources.iter().map(|source| {
        let (column, kind) = (*source)?;
        let (scan, key) = input.columns.get(column)?.clone()?;
        Some((scan, key_of_kind(key, kind)))
    });
    Some(Node {
        scans: input.scans,
        columns: columns.collect(),
        partitionings: partitionings.collect(),
    })
}

fn group(input: Node, aggregate: &Aggregate) -> Option<Node> {
    let schema = aggregate.input.schema();
    let group_exprs = &aggregate.group_expr;
    if group_exprs
        .iter()
        .any(|expr| matches!(expr, Expr::GroupingSet(_)))
    {
        return None;
    }
    let partitionings = input.partitionings.into_iter();
    let partitionings = partitionings.filter_map(|mut partitioning| {
        let mut key_columns = BTreeSet::new();
        for (index, expr) in group_exprs.iter().enumerate() {
            let determined = partitioning.key_columns.iter();
            let determined = determined.filter(|key| determines(expr, schema, **key));
            key_columns.extend(determined.map(|(_, kind)| (index, *kind)));
        }
        partitioning.key_columns = key_columns;
        (!partitioning.key_columns.is_empty()).then_some(partitioning)
    });
    let partitionings = partitionings.collect();
    let columns = group_exprs.iter().map(|expr| {
        let (column, kind) = column_of(expr, schema)?;
        let (scan, key) = input.columns.get(column)?.clone()?;
        Some((scan, key_of_kind(key, kind)))
    });
    let mut columns: Vec<_> = columns.collect();
    columns.resize(aggregate.schema.fields().len(), None);
    Some(Node {
        scans: input.scans,
        partitionings,
        columns,
    })
}

fn apply_window(mut input: Node, window: &Window) -> Option<Node> {
    let schema = window.input.schema();
    for expr in &window.window_expr {
        let Expr::WindowFunction(function) = unaliased(expr) else {
            return None;
        };
        let partition_by = &function.params.partition_by;
        input.partitionings.retain(|partitioning| {
            let mut key_columns = partitioning.key_columns.iter();
            key_columns.any(|key| {
                let mut exprs = partition_by.iter();
                exprs.any(|expr| determines(expr, schema, *key))
            })
        });
        input.columns.push(None);
    }
    Some(input)
}

/// The column that an expression outputs, as its value or as its subject.
fn column_of(expr: &Expr, schema: &DFSchema) -> Option<(usize, KeyKind)> {
    match unaliased(expr) {
        Expr::Column(column) => Some((index_of(column, schema)?, KeyKind::Value)),
        Expr::ScalarFunction(call) if call.func.name() == SUBJECT => {
            let (index, _) = column_of(call.args.first()?, schema)?;
            Some((index, KeyKind::Subject))
        }
        _ => None,
    }
}

/// Whether rows with equal values of the expression have equal keys in the key column
/// at `index`.
fn determines(expr: &Expr, schema: &DFSchema, (index, key_kind): (usize, KeyKind)) -> bool {
    column_of(expr, schema).is_some_and(|(column, kind)| {
        column == index && (kind == KeyKind::Value || key_kind == KeyKind::Subject)
    })
}

fn index_of(column: &Column, schema: &DFSchema) -> Option<usize> {
    schema.maybe_index_of_column(column)
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

/// Whether an expression depends only on its own row, and gives the same result
/// whenever it is evaluated.
fn is_deterministic(expr: &Expr) -> bool {
    !expr
        .exists(|expr| {
            Ok(matches!(
                expr,
                Expr::ScalarSubquery(_)
                    | Expr::InSubquery(_)
                    | Expr::Exists(_)
                    | Expr::OuterReferenceColumn(..)
            ) || expr.is_volatile_node())
        })
        .unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use catalog::Project;

    use super::*;
    use crate::contract::planning as models;
    use query::Session;
    use query::Setup;

    /// A session that can plan statements over every table of the data product.
    async fn session() -> Session {
        let lakehouse = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lakehouse");
        let setup = Setup::nowhere(Project::read(&lakehouse).unwrap());
        let session = Session::to_plan_in(&setup).unwrap();
        let all: Vec<_> = setup.project.models().iter().collect();
        models::plan(&session, &all).await.unwrap();
        session
    }

    /// The ways to partition a statement, each as the keys of its partitioned scans;
    /// `*` for row by row.
    async fn partitionings(session: &Session, sql: &str) -> BTreeSet<String> {
        let plan = session.plan(sql).await.unwrap();
        let analysis = PartitionAnalysis::of(&session.state().optimize(&plan).unwrap());
        let analysis = analysis.unwrap_or_default();
        let told = |(number, key): (&usize, &Option<PartitionKey>)| {
            let table = &analysis.scans[*number].table;
            match key {
                None => format!("{table}.*"),
                Some(key) if key.kind == KeyKind::Subject => {
                    format!("{table}.subject({})", key.column)
                }
                Some(key) => format!("{table}.{}", key.column),
            }
        };
        let partitionings = analysis.partitionings.iter();
        partitionings
            .map(|one| one.keys.iter().map(told).collect::<Vec<_>>().join(" + "))
            .collect()
    }

    #[tokio::test]
    async fn how_statements_can_be_partitioned() {
        let session = session().await;
        let readings = "accelerometer_trusted";
        for (sql, can, cannot) in [
            // Row by row, and by every column.
            (
                format!("select x, timestamp from {readings} where x > 0"),
                &["accelerometer_trusted.*", "accelerometer_trusted.timestamp"][..],
                &[][..],
            ),
            // A grouping, a window and a DISTINCT keep the keys among their columns.
            (
                format!("select user, count(*) from {readings} group by user"),
                &[
                    "accelerometer_trusted.user",
                    "accelerometer_trusted.subject(user)",
                ],
                &["accelerometer_trusted.*", "accelerometer_trusted.timestamp"],
            ),
            (
                format!("select subject(user), min(x) from {readings} group by 1"),
                &["accelerometer_trusted.subject(user)"],
                &["accelerometer_trusted.user"],
            ),
            (
                format!(
                    "select x from {readings} qualify row_number() over (partition by timestamp order by x) = 1"
                ),
                &["accelerometer_trusted.timestamp"],
                &["accelerometer_trusted.*", "accelerometer_trusted.user"],
            ),
            (
                format!("select distinct timestamp from {readings}"),
                &["accelerometer_trusted.timestamp"],
                &["accelerometer_trusted.*", "accelerometer_trusted.x"],
            ),
            (
                format!("select x, count(*) from {readings} group by x"),
                &["accelerometer_trusted.x"],
                &["accelerometer_trusted.*"],
            ),
            // A join extends a key to its other side, as a value or as a subject.
            (
                format!(
                    "select a.x, c.phone from {readings} a join customer_trusted c on subject(c.email) = subject(a.user)"
                ),
                &[
                    "accelerometer_trusted.*",
                    "accelerometer_trusted.subject(user) + customer_trusted.subject(email)",
                ],
                &["accelerometer_trusted.user + customer_trusted.email"],
            ),
            (
                format!(
                    "select a.x, s.distancefromobject from {readings} a left join step_trainer_trusted s on s.sensorreadingtime = a.timestamp"
                ),
                &["accelerometer_trusted.timestamp + step_trainer_trusted.sensorreadingtime"],
                &["step_trainer_trusted.*"],
            ),
            // A statement whose rows depend on all rows cannot be partitioned.
            (
                format!("select count(*) from {readings}"),
                &[],
                &["accelerometer_trusted.*"],
            ),
            (
                format!("select x from {readings} order by x limit 3"),
                &[],
                &["accelerometer_trusted.*"],
            ),
            (
                format!("select x from {readings} union all select z from {readings}"),
                &[],
                &["accelerometer_trusted.*"],
            ),
            (
                format!("select x, sum(x) over () from {readings}"),
                &[],
                &["accelerometer_trusted.*", "accelerometer_trusted.user"],
            ),
        ] {
            let found = partitionings(&session, &sql).await;
            for partitioning in can {
                assert!(
                    found.contains(*partitioning),
                    "{sql}: {partitioning}: {found:#?}"
                );
            }
            for partitioning in cannot {
                assert!(!found.contains(*partitioning), "{sql}: {partitioning}");
            }
        }
    }

    /// An incremental run can compute each shipped model from its changed rows.
    #[tokio::test]
    async fn how_the_shipped_models_are_partitioned() {
        let session = session().await;
        for (model, by) in [
            (
                "customer_trusted",
                "customer_landing.subject(email) + system.consent.subject(subject)",
            ),
            ("accelerometer_trusted", "accelerometer_landing.*"),
            ("step_trainer_trusted", "step_trainer_landing.*"),
            (
                "customer_curated",
                "customer_trusted.subject(email) + accelerometer_trusted.subject(user) + system.device_owner.subject(subject) + system.device_claim.subject(subject)",
            ),
            (
                "machine_learning_curated",
                "accelerometer_trusted.timestamp + step_trainer_trusted.sensorreadingtime",
            ),
            (
                "training_set",
                "machine_learning_curated.subject(user) + system.consent.subject(subject) + machine_learning_curated.subject(user) + system.consent.subject(subject)",
            ),
        ] {
            let models = session.tables().project.models().iter();
            let mut models = models.filter(|known| known.name.as_ref() == model);
            let found = partitionings(&session, &models.next().unwrap().sql).await;
            assert!(found.contains(by), "{model}: {found:#?}");
        }
    }
}
