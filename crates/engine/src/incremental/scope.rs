//! What part of its tables a statement must be computed from again when some of
//! their rows change.
//!
//! A statement can be *divided* by a key if the rows it gives for one key follow
//! from the rows of its tables with that key alone. Then, of the tables so
//! divided, the rows whose keys are touched by a change are enough: computed
//! from them as they were and as they are, the two results differ by just what
//! the change does to the whole, rows and accounts alike.
//!
//! Which keys there are is read off the optimised plan, from its scans upwards:
//! every column of a scan divides it; a join on that column keeps the division
//! and carries it to its other side; a grouping or a window keeps it where the
//! key is among what it groups by. A join to a table that is not divided keeps
//! it as well, as that table is read whole; if it changes, the rows joined to
//! what changed are touched: a [`Bridge`]. One scan whose rows only pass through
//! filters and joins is divided row by row: new rows of it are computed by
//! themselves. What is not understood divides nothing, and is computed anew.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::logical_expr::{Aggregate, Distinct, Expr, Join, LogicalPlan, TableScan};

use query::functions::SUBJECT;

/// How a value stands for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum By {
    /// As it is.
    Value,
    /// The person whose e-mail it is.
    Subject,
}

impl By {
    pub(super) fn of(people: bool) -> Self {
        match people {
            true => By::Subject,
            false => By::Value,
        }
    }
}

/// A column of a table, and how its values stand for keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyOf {
    pub(super) column: String,
    pub(super) by: By,
}

/// One reading of one table.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    /// As differences are kept by: `system.consent`, `customer_trusted`.
    pub(super) table: String,
    /// The columns that are read, in the order of the plan.
    pub(super) columns: Vec<String>,
}

/// A way to divide a statement.
#[derive(Debug, Clone)]
pub(crate) struct Division {
    /// Where the key stands among the columns of the result.
    pub(super) places: BTreeSet<(usize, By)>,
    /// The scans that are divided, and by what; all others are read whole. A
    /// scan without a key is divided row by row.
    pub(super) parts: BTreeMap<usize, Option<KeyOf>>,
    pub(super) bridges: Vec<Bridge>,
}

/// A join of a divided side with one that is read whole.
#[derive(Debug, Clone)]
pub(super) struct Bridge {
    /// Scans of the side that is read whole.
    pub(super) scans: BTreeSet<usize>,
    /// That side, by its number among the nodes of the plan.
    pub(super) node: usize,
    /// The key it is joined by, among its columns.
    pub(super) key: (usize, By),
    /// The divided scan whose column it is joined to, where it is one.
    pub(super) to: Option<(usize, KeyOf)>,
}

/// A statement's scans and the ways to divide it.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) scans: Vec<Scan>,
    pub(super) divisions: Vec<Division>,
    /// For each column of the result the scan's column that it passes on.
    pub(super) columns: Vec<Option<(usize, KeyOf)>>,
}

impl Scope {
    /// `None` for a plan that is not understood.
    pub(super) fn of(plan: &LogicalPlan) -> Option<Self> {
        let mut reader = Reader::default();
        let node = reader.read(plan)?;
        Some(Self {
            scans: reader.scans,
            divisions: node.divisions,
            columns: node.columns,
        })
    }
}

/// The node of a plan with that number, counted from the root in the order in
/// which [`Reader`] meets them.
pub(super) fn node(plan: &LogicalPlan, number: usize) -> Option<LogicalPlan> {
    fn find(plan: &LogicalPlan, left: &mut usize) -> Option<LogicalPlan> {
        if *left == 0 {
            return Some(plan.clone());
        }
        for input in plan.inputs() {
            *left -= 1;
            if let Some(found) = find(input, left) {
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

/// What is known of one node.
#[derive(Default)]
struct Node {
    scans: BTreeSet<usize>,
    divisions: Vec<Division>,
    columns: Vec<Option<(usize, KeyOf)>>,
}

impl Reader {
    fn read(&mut self, plan: &LogicalPlan) -> Option<Node> {
        self.nodes += 1;
        if !plan.expressions().iter().all(is_plain) {
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
                let mut input = self.read(&window.input)?;
                let schema = window.input.schema();
                for expr in &window.window_expr {
                    let Expr::WindowFunction(function) = unaliased(expr) else {
                        return None;
                    };
                    let by = &function.params.partition_by;
                    input.divisions.retain(|division| {
                        let mut places = division.places.iter();
                        places.any(|place| by.iter().any(|expr| gives(expr, schema, *place)))
                    });
                    input.columns.push(None);
                }
                Some(input)
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let mut node = self.read(input)?;
                node.divisions
                    .retain(|division| !division.places.is_empty());
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
        node.divisions.push(Division {
            places: BTreeSet::new(),
            parts: BTreeMap::from([(number, None)]),
            bridges: Vec::new(),
        });
        for (place, field) in fields.iter().enumerate() {
            let ways: &[By] = match field.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                    &[By::Value, By::Subject]
                }
                _ => &[By::Value],
            };
            node.divisions.extend(ways.iter().map(|by| Division {
                places: BTreeSet::from([(place, *by)]),
                parts: BTreeMap::from([(
                    number,
                    Some(KeyOf {
                        column: field.name().clone(),
                        by: *by,
                    }),
                )]),
                bridges: Vec::new(),
            }));
            node.columns.push(Some((
                number,
                KeyOf {
                    column: field.name().clone(),
                    by: By::Value,
                },
            )));
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
        let width = left.columns.len();
        let (of_left, of_right) = (
            matches!(kind, Inner | Left | LeftSemi | LeftAnti),
            matches!(kind, Inner | Right | RightSemi | RightAnti),
        );
        if !of_left && !of_right {
            return None;
        }
        let from = if matches!(kind, Inner | Left | Right) {
            width
        } else {
            0
        };
        let (schemas, mut divisions) = ((join.left.schema(), join.right.schema()), Vec::new());
        for one in &left.divisions {
            for other in &right.divisions {
                let meets = |(l, r): &(Expr, Expr)| {
                    one.places.iter().any(|place| {
                        gives(l, schemas.0, *place)
                            && other
                                .places
                                .iter()
                                .any(|at| at.1 == place.1 && gives(r, schemas.1, *at))
                    })
                };
                if !join.on.iter().any(meets) {
                    continue;
                }
                let mut both = one.clone();
                both.parts.extend(other.parts.clone());
                both.bridges.extend(other.bridges.clone());
                // Of a row without a partner, the other side's key is null.
                if !of_left {
                    both.places.clear();
                }
                if of_right {
                    both.places
                        .extend(other.places.iter().map(|(place, by)| (place + from, *by)));
                }
                divisions.push(both);
            }
        }
        if of_left {
            divisions.extend(left.divisions.iter().map(|one| {
                let mut one = one.clone();
                one.bridges
                    .push(bridge(join, &left, &right, right_number, true));
                one
            }));
        }
        if of_right {
            divisions.extend(right.divisions.iter().map(|one| {
                let mut one = one.clone();
                let places = one.places.iter();
                one.places = places.map(|(place, by)| (place + from, *by)).collect();
                one.bridges
                    .push(bridge(join, &right, &left, left_number, false));
                one
            }));
        }
        let nulls = |columns: &[Option<(usize, KeyOf)>]| vec![None; columns.len()];
        let columns = match kind {
            Inner => [left.columns, right.columns].concat(),
            Left => [left.columns.clone(), nulls(&right.columns)].concat(),
            Right => [nulls(&left.columns), right.columns.clone()].concat(),
            LeftSemi | LeftAnti => left.columns,
            _ => right.columns,
        };
        Some(Node {
            scans: left.scans.union(&right.scans).copied().collect(),
            divisions,
            columns,
        })
    }
}

/// The bridge from a side that is divided to one that is not.
fn bridge(join: &Join, divided: &Node, whole: &Node, node: usize, is_left: bool) -> Bridge {
    let (own, other) = match is_left {
        true => (join.left.schema(), join.right.schema()),
        false => (join.right.schema(), join.left.schema()),
    };
    let mut pairs = join.on.iter().filter_map(|(l, r)| {
        let (mine, theirs) = if is_left { (l, r) } else { (r, l) };
        let (place, by) = column_of(mine, own)?;
        let (at, of) = column_of(theirs, other)?;
        // Persons are compared where either side is brought to a person.
        let by = by.max(of);
        let (scan, key) = divided.columns.get(place)?.clone()?;
        let to = KeyOf {
            by: key.by.max(by),
            ..key
        };
        Some(((at, by), (scan, to)))
    });
    let (key, to) = match pairs.next() {
        Some((key, to)) => (key, Some(to)),
        None => ((0, By::Value), None),
    };
    Bridge {
        scans: whole.scans.clone(),
        node,
        key,
        to,
    }
}

fn project(input: Node, exprs: &[Expr], schema: &DFSchema) -> Option<Node> {
    let given: Vec<Option<(usize, By)>> =
        exprs.iter().map(|expr| column_of(expr, schema)).collect();
    let divisions = input.divisions.into_iter().map(|mut division| {
        let mut places = BTreeSet::new();
        for (place, given) in given.iter().enumerate() {
            let Some((column, by)) = given else { continue };
            for (at, of) in &division.places {
                // A person's name is that person's.
                if at == column && (*by == By::Value || *of == By::Subject) {
                    places.insert((place, *of));
                }
            }
        }
        division.places = places;
        division
    });
    let columns = given.iter().map(|given| {
        let (column, by) = (*given)?;
        let (scan, key) = input.columns.get(column)?.clone()?;
        let by = key.by.max(by);
        Some((scan, KeyOf { by, ..key }))
    });
    Some(Node {
        scans: input.scans,
        columns: columns.collect(),
        divisions: divisions.collect(),
    })
}

fn group(input: Node, aggregate: &Aggregate) -> Option<Node> {
    let schema = aggregate.input.schema();
    let by = &aggregate.group_expr;
    if by.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
        return None;
    }
    let divisions = input.divisions.into_iter().filter_map(|mut division| {
        let mut places = BTreeSet::new();
        for (place, expr) in by.iter().enumerate() {
            let given = division.places.iter();
            let given = given.filter(|at| gives(expr, schema, **at));
            places.extend(given.map(|(_, of)| (place, *of)));
        }
        division.places = places;
        (!division.places.is_empty()).then_some(division)
    });
    let divisions = divisions.collect();
    let columns = by.iter().map(|expr| {
        let (column, by) = column_of(expr, schema)?;
        let (scan, key) = input.columns.get(column)?.clone()?;
        let by = key.by.max(by);
        Some((scan, KeyOf { by, ..key }))
    });
    let mut columns: Vec<_> = columns.collect();
    columns.resize(aggregate.schema.fields().len(), None);
    Some(Node {
        scans: input.scans,
        divisions,
        columns,
    })
}

/// The column that an expression passes on, as it is or as a person.
fn column_of(expr: &Expr, schema: &DFSchema) -> Option<(usize, By)> {
    match unaliased(expr) {
        Expr::Column(column) => Some((place_of(column, schema)?, By::Value)),
        Expr::ScalarFunction(call) if call.func.name() == SUBJECT => {
            let (place, _) = column_of(call.args.first()?, schema)?;
            Some((place, By::Subject))
        }
        _ => None,
    }
}

/// Whether equal values of an expression have one key, which stands at a place.
fn gives(expr: &Expr, schema: &DFSchema, (place, of): (usize, By)) -> bool {
    column_of(expr, schema)
        .is_some_and(|(column, by)| column == place && (by == By::Value || of == By::Subject))
}

fn place_of(column: &Column, schema: &DFSchema) -> Option<usize> {
    schema.maybe_index_of_column(column)
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

/// Whether an expression looks at its own row alone, and gives the same whenever
/// it is asked.
fn is_plain(expr: &Expr) -> bool {
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

    /// A session in which every table of the data product can be planned with.
    async fn session() -> Session {
        let lakehouse = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lakehouse");
        let setup = Setup::nowhere(Project::read(&lakehouse).unwrap());
        let session = Session::to_plan_in(&setup).unwrap();
        let all: Vec<_> = setup.project.models().iter().collect();
        models::plan(&session, &all).await.unwrap();
        session
    }

    /// The ways to divide a statement, each as the keys of its divided scans;
    /// `*` for row by row.
    async fn divisions(session: &Session, sql: &str) -> BTreeSet<String> {
        let plan = session.plan(sql).await.unwrap();
        let scope = Scope::of(&session.state().optimize(&plan).unwrap());
        let scope = scope.unwrap_or_default();
        let told = |(number, key): (&usize, &Option<KeyOf>)| {
            let table = &scope.scans[*number].table;
            match key {
                None => format!("{table}.*"),
                Some(key) if key.by == By::Subject => format!("{table}.subject({})", key.column),
                Some(key) => format!("{table}.{}", key.column),
            }
        };
        let divisions = scope.divisions.iter();
        divisions
            .map(|one| one.parts.iter().map(told).collect::<Vec<_>>().join(" + "))
            .collect()
    }

    #[tokio::test]
    async fn how_statements_can_be_divided() {
        let session = session().await;
        let readings = "accelerometer_trusted";
        for (sql, can, cannot) in [
            // Row by row, and by every column.
            (
                format!("select x, timestamp from {readings} where x > 0"),
                &["accelerometer_trusted.*", "accelerometer_trusted.timestamp"][..],
                &[][..],
            ),
            // A grouping, a window and a DISTINCT keep what they go by.
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
            // A join carries a key across, as a value or as a person.
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
            // What looks at everything cannot be divided.
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
            let found = divisions(&session, &sql).await;
            for division in can {
                assert!(found.contains(*division), "{sql}: {division}: {found:#?}");
            }
            for division in cannot {
                assert!(!found.contains(*division), "{sql}: {division}");
            }
        }
    }

    /// The models as shipped are taken in from what changed.
    #[tokio::test]
    async fn how_the_shipped_models_are_divided() {
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
            let found = divisions(&session, &models.next().unwrap().sql).await;
            assert!(found.contains(by), "{model}: {found:#?}");
        }
    }
}
