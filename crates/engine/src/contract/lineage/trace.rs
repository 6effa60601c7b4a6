//! Traces the columns of one SELECT back to their origins. Works on the plan before
//! optimisation.
//!
//! The plan is traced from its scans up. Columns are found by position, so that columns of
//! the same name cannot be confused. If a node or a name is not understood, every output
//! column has all input columns as origins.

use std::any::Any;
use std::collections::BTreeSet;

use arrow::datatypes::DataType;
use catalog::Project;
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::expr::{
    AggregateFunction, ScalarFunction, WindowFunction, WindowFunctionDefinition,
};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Case, Distinct, DistinctOn, Expr, ExprSchemable, Join, LogicalPlan, Operator,
    Partitioning, RecursiveQuery, SortExpr, SubqueryAlias, TableScan, Union, Unnest, Values,
};

use super::flow::{Flow, Influence, Origin};
use super::masking;
use query::redaction;
use query::system;

/// The origins of a SELECT's output.
#[derive(Debug, Clone, Default)]
pub(crate) struct RelationFlows {
    /// The origins of each column, by position.
    pub(crate) columns: Vec<Flow>,
    /// The origins of what decides which rows there are.
    pub(crate) rows: Flow,
}

/// The origins of every column of `plan`, and the tables that it reads.
pub(crate) fn trace(project: &Project, plan: &LogicalPlan) -> (RelationFlows, BTreeSet<String>) {
    let mut tracer = Tracer {
        project,
        tables: BTreeSet::new(),
        recursions: Vec::new(),
    };
    let relation = tracer.relation(plan, None);
    (relation, tracer.tables)
}

struct Tracer<'p> {
    project: &'p Project,
    tables: BTreeSet<String>,
    /// The outer recursive queries, with the origins of their columns found so far.
    recursions: Vec<(String, Vec<Flow>)>,
}

/// The columns that an expression can name, with their origins.
#[derive(Clone, Copy)]
struct ColumnScope<'a> {
    inputs: &'a [(&'a DFSchema, &'a [Flow])],
    /// The scope of the outer query.
    outer: Option<&'a ColumnScope<'a>>,
}

impl Tracer<'_> {
    fn relation(&mut self, plan: &LogicalPlan, outer: Option<&ColumnScope<'_>>) -> RelationFlows {
        match self.traced(plan, outer) {
            Some(relation) if relation.columns.len() == plan.schema().fields().len() => relation,
            _ => self.all_from_all(plan, outer),
        }
    }

    /// `None` for a plan that is not understood.
    fn traced(
        &mut self,
        plan: &LogicalPlan,
        outer: Option<&ColumnScope<'_>>,
    ) -> Option<RelationFlows> {
        let relation = match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan, outer),
            LogicalPlan::EmptyRelation(_) => RelationFlows {
                columns: vec![Flow::default(); plan.schema().fields().len()],
                rows: Flow::default(),
            },
            LogicalPlan::Projection(projection) => {
                let mut relation = self.relation(&projection.input, outer);
                let inputs = [input(&projection.input, &relation)];
                let columns = self.flows(&projection.expr, ColumnScope::of(&inputs, outer));
                relation.columns = columns;
                relation
            }
            LogicalPlan::Window(window) => {
                let mut relation = self.relation(&window.input, outer);
                let inputs = [input(&window.input, &relation)];
                let columns = self.flows(&window.window_expr, ColumnScope::of(&inputs, outer));
                relation.columns.extend(columns);
                relation
            }
            LogicalPlan::Filter(filter) => {
                self.selection(&filter.input, [&filter.predicate].into_iter(), outer)
            }
            LogicalPlan::Sort(sort) => {
                // The order decides which rows a LIMIT keeps.
                self.selection(&sort.input, sort.expr.iter().map(|sort| &sort.expr), outer)
            }
            LogicalPlan::Limit(limit) => {
                let bounds = limit.skip.iter().chain(&limit.fetch);
                self.selection(&limit.input, bounds.map(AsRef::as_ref), outer)
            }
            LogicalPlan::Repartition(repartition) => {
                let keys = match &repartition.partitioning_scheme {
                    Partitioning::Hash(keys, _) | Partitioning::DistributeBy(keys) => {
                        keys.as_slice()
                    }
                    _ => &[],
                };
                self.selection(&repartition.input, keys.iter(), outer)
            }
            LogicalPlan::Subquery(subquery) => self.relation(&subquery.subquery, outer),
            LogicalPlan::SubqueryAlias(alias) => self.alias(alias, outer),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, outer)?,
            LogicalPlan::Join(join) => self.join(join, outer),
            LogicalPlan::Union(union) => self.union(union, outer)?,
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let mut relation = self.relation(input, outer);
                for column in &relation.columns {
                    relation.rows.add(column, Influence::Indirect);
                }
                relation
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => self.distinct_on(distinct, outer),
            LogicalPlan::Values(values) => self.values(values, outer)?,
            LogicalPlan::Unnest(unnest) => self.unnest(unnest, outer)?,
            LogicalPlan::RecursiveQuery(query) => self.recursion(query, outer)?,
            LogicalPlan::Statement(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Extension(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::DescribeTable(_) => return None,
        };
        Some(relation)
    }

    fn alias(&mut self, alias: &SubqueryAlias, outer: Option<&ColumnScope<'_>>) -> RelationFlows {
        let mut relation = self.relation(&alias.input, outer);
        // Another name for a table or for a named SELECT is no step.
        if !matches!(
            *alias.input,
            LogicalPlan::TableScan(_) | LogicalPlan::SubqueryAlias(_)
        ) {
            let fields = alias.schema.fields().iter();
            for (column, field) in relation.columns.iter_mut().zip(fields) {
                column.pass(&format!("{}.{}", alias.alias.table(), field.name()));
            }
        }
        relation
    }

    fn union(&mut self, union: &Union, outer: Option<&ColumnScope<'_>>) -> Option<RelationFlows> {
        let mut inputs = union.inputs.iter();
        let mut relation = self.relation(inputs.next()?, outer);
        for input in inputs {
            let other = self.relation(input, outer);
            if !relation.merge(&other) {
                return None;
            }
        }
        Some(relation)
    }

    fn distinct_on(
        &mut self,
        distinct: &DistinctOn,
        outer: Option<&ColumnScope<'_>>,
    ) -> RelationFlows {
        let order = distinct.sort_expr.iter().flatten();
        let keys = distinct.on_expr.iter().chain(order.map(|sort| &sort.expr));
        let mut relation = self.selection(&distinct.input, keys, outer);
        let inputs = [input(&distinct.input, &relation)];
        let columns = self.flows(&distinct.select_expr, ColumnScope::of(&inputs, outer));
        relation.columns = columns;
        relation
    }

    fn values(
        &mut self,
        values: &Values,
        outer: Option<&ColumnScope<'_>>,
    ) -> Option<RelationFlows> {
        let scope = ColumnScope::of(&[], outer);
        let mut rows = values.values.iter();
        let mut columns = self.flows(rows.next()?, scope);
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                self.add_origins(value, Influence::Direct, scope, column);
            }
        }
        Some(RelationFlows {
            columns,
            rows: Flow::default(),
        })
    }

    fn unnest(
        &mut self,
        unnest: &Unnest,
        outer: Option<&ColumnScope<'_>>,
    ) -> Option<RelationFlows> {
        let mut relation = self.relation(&unnest.input, outer);
        let inputs = unnest.dependency_indices.iter();
        relation.columns = inputs
            .map(|input| relation.columns.get(*input).cloned())
            .collect::<Option<_>>()?;
        // The length of a list decides how many rows there are.
        for (input, _) in &unnest.list_type_columns {
            let list = relation.columns.get(*input).cloned().unwrap_or_default();
            relation.rows.add(&list, Influence::Indirect);
        }
        Some(relation)
    }

    /// A plan that is not understood: every column has all inputs as origins.
    fn all_from_all(
        &mut self,
        plan: &LogicalPlan,
        outer: Option<&ColumnScope<'_>>,
    ) -> RelationFlows {
        let inputs: Vec<(&LogicalPlan, RelationFlows)> = plan
            .inputs()
            .into_iter()
            .map(|input| (input, self.relation(input, outer)))
            .collect();
        let scope_inputs: Vec<_> = inputs
            .iter()
            .map(|(plan, relation)| input(plan, relation))
            .collect();
        let scope = ColumnScope::of(&scope_inputs, outer);
        let mut all = scope.all();
        let mut rows = Flow::default();
        for (_, relation) in &inputs {
            rows.add(&relation.rows, Influence::Indirect);
        }
        for expr in &plan.expressions() {
            self.add_origins(expr, Influence::Direct, scope, &mut all);
        }
        rows.add(&all, Influence::Indirect);
        RelationFlows {
            columns: vec![all; plan.schema().fields().len()],
            rows,
        }
    }

    fn scan(&mut self, scan: &TableScan, outer: Option<&ColumnScope<'_>>) -> RelationFlows {
        let provider = source_as_provider(&scan.source).ok();
        let work_table = provider.as_ref().and_then(|provider| {
            let provider: &dyn Any = provider.as_ref();
            provider.downcast_ref::<CteWorkTable>()
        });
        let all = match work_table {
            Some(table) => {
                let mut innermost_first = self.recursions.iter().rev();
                let found = innermost_first.find(|(name, _)| name == table.name());
                found.map(|(_, columns)| columns.clone())
            }
            None => None,
        };
        let all = all.unwrap_or_else(|| {
            let table = self.name(scan);
            let schema = scan.source.schema();
            let columns = schema.fields().iter().map(|field| {
                Flow::of(Origin {
                    table: table.clone(),
                    column: field.name().clone(),
                })
            });
            let columns = columns.collect();
            self.tables.insert(table);
            columns
        });
        let columns = match &scan.projection {
            Some(kept) => kept
                .iter()
                .filter_map(|index| all.get(*index))
                .cloned()
                .collect(),
            None => all,
        };
        let mut relation = RelationFlows {
            columns,
            rows: Flow::default(),
        };
        let inputs = [(scan.projected_schema.as_ref(), relation.columns.as_slice())];
        let mut rows = Flow::default();
        for filter in &scan.filters {
            self.add_origins(
                filter,
                Influence::Indirect,
                ColumnScope::of(&inputs, outer),
                &mut rows,
            );
        }
        relation.rows = rows;
        relation
    }

    /// The table's name. A table that the project does not define is named as messages may
    /// show it.
    fn name(&self, scan: &TableScan) -> String {
        let name = scan.table_name.table().to_lowercase();
        if scan.table_name.schema() == Some(system::ZONE) {
            return format!("{}.{name}", system::ZONE);
        }
        match self.project.find(&name) {
            Some(table) => table.name().to_string(),
            None => redaction::shown(&name).to_owned(),
        }
    }

    /// A node that outputs its input columns, and some of its input rows.
    fn selection<'e>(
        &mut self,
        plan: &LogicalPlan,
        conditions: impl Iterator<Item = &'e Expr>,
        outer: Option<&ColumnScope<'_>>,
    ) -> RelationFlows {
        let mut relation = self.relation(plan, outer);
        let inputs = [input(plan, &relation)];
        let scope = ColumnScope::of(&inputs, outer);
        let mut deciding = Flow::default();
        for expr in conditions {
            self.add_origins(expr, Influence::Indirect, scope, &mut deciding);
        }
        relation.rows.add(&deciding, Influence::Indirect);
        relation
    }

    fn aggregate(
        &mut self,
        aggregate: &Aggregate,
        outer: Option<&ColumnScope<'_>>,
    ) -> Option<RelationFlows> {
        let keys = grouping_set_to_exprlist(&aggregate.group_expr).ok()?;
        let mut relation = self.selection(&aggregate.input, keys.iter().copied(), outer);
        let inputs = [input(&aggregate.input, &relation)];
        let scope = ColumnScope::of(&inputs, outer);
        let mut columns = self.flows(keys, scope);
        if let [Expr::GroupingSet(_)] = aggregate.group_expr.as_slice() {
            // This column says which grouping set a row is of.
            columns.push(Flow::default());
        }
        columns.extend(self.flows(&aggregate.aggr_expr, scope));
        relation.columns = columns;
        Some(relation)
    }

    fn join(&mut self, join: &Join, outer: Option<&ColumnScope<'_>>) -> RelationFlows {
        let left = self.relation(&join.left, outer);
        let left_inputs = [input(&join.left, &left)];
        let left_scope = ColumnScope::of(&left_inputs, outer);
        // Only a LATERAL subquery uses the left columns.
        let right = self.relation(&join.right, Some(&left_scope));
        let right_inputs = [input(&join.right, &right)];
        let both_inputs = [left_inputs[0], right_inputs[0]];

        let mut deciding = Flow::default();
        for (on_left, on_right) in &join.on {
            self.add_origins(on_left, Influence::Indirect, left_scope, &mut deciding);
            let right_scope = ColumnScope::of(&right_inputs, outer);
            self.add_origins(on_right, Influence::Indirect, right_scope, &mut deciding);
        }
        if let Some(filter) = &join.filter {
            let both = ColumnScope::of(&both_inputs, outer);
            self.add_origins(filter, Influence::Indirect, both, &mut deciding);
        }
        let mut rows = left.rows;
        rows.add(&right.rows, Influence::Indirect);
        rows.add(&deciding, Influence::Indirect);
        let columns = match join.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                [left.columns, right.columns].concat()
            }
            JoinType::LeftSemi | JoinType::LeftAnti => left.columns,
            JoinType::RightSemi | JoinType::RightAnti => right.columns,
            // The extra column says whether a row has a partner.
            JoinType::LeftMark => [left.columns, vec![deciding]].concat(),
            JoinType::RightMark => [right.columns, vec![deciding]].concat(),
        };
        RelationFlows { columns, rows }
    }

    /// Traces the recursive part until it adds no origin. This ends, because origins are only
    /// added or become stronger.
    fn recursion(
        &mut self,
        query: &RecursiveQuery,
        outer: Option<&ColumnScope<'_>>,
    ) -> Option<RelationFlows> {
        let mut relation = self.relation(&query.static_term, outer);
        loop {
            let known = (query.name.clone(), relation.columns.clone());
            self.recursions.push(known.clone());
            let again = self.relation(&query.recursive_term, outer);
            self.recursions.pop();
            let rows = relation.rows.clone();
            if !relation.merge(&again) {
                return None;
            }
            if relation.columns == known.1 && relation.rows == rows {
                return Some(relation);
            }
        }
    }

    /// The origins of each expression.
    fn flows<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        scope: ColumnScope<'_>,
    ) -> Vec<Flow> {
        let flow = |expr| {
            let mut flow = Flow::default();
            self.add_origins(expr, Influence::Direct, scope, &mut flow);
            flow
        };
        exprs.into_iter().map(flow).collect()
    }

    /// Adds the origins of an expression to `into`, none of them stronger than `at_most`.
    /// Uses a work list and not recursion, because a long chain of operators is a deep
    /// tree.
    fn add_origins(
        &mut self,
        expr: &Expr,
        at_most: Influence,
        scope: ColumnScope<'_>,
        into: &mut Flow,
    ) {
        use Influence::{Indirect, Masked};
        let mut open: Vec<(&Expr, Influence)> = vec![(expr, at_most)];
        while let Some((expr, at_most)) = open.pop() {
            let compared = |expr: &Expr| compared(expr, at_most, scope);
            match expr {
                Expr::Column(column) => {
                    into.add(&scope.find(column), at_most);
                }
                Expr::OuterReferenceColumn(_, column) => {
                    into.add(&scope.find_outer(column), at_most);
                }
                Expr::Literal(..)
                | Expr::ScalarVariable(..)
                | Expr::Placeholder(_)
                // Its values are those of the list that the lambda is called with.
                | Expr::LambdaVariable(_) => {}
                Expr::Alias(alias) => open.push((&alias.expr, at_most)),
                Expr::Cast(cast) => open.push((&cast.expr, at_most)),
                Expr::TryCast(cast) => open.push((&cast.expr, at_most)),
                Expr::Unnest(unnest) => open.push((&unnest.expr, at_most)),
                Expr::Lambda(lambda) => open.push((&lambda.body, at_most)),
                // The Boolean results of these reveal a Boolean input.
                Expr::Negative(inner)
                | Expr::Not(inner)
                | Expr::IsTrue(inner)
                | Expr::IsFalse(inner)
                | Expr::IsNotTrue(inner)
                | Expr::IsNotFalse(inner) => open.push((inner, at_most)),
                Expr::IsNull(inner)
                | Expr::IsNotNull(inner)
                | Expr::IsUnknown(inner)
                | Expr::IsNotUnknown(inner) => open.push((inner, at_most.min(Masked))),
                Expr::BinaryExpr(binary) => {
                    for side in [&binary.left, &binary.right] {
                        let at_most = match is_comparison(&binary.op) {
                            true => compared(side),
                            false => at_most,
                        };
                        open.push((side, at_most));
                    }
                }
                Expr::Like(like) | Expr::SimilarTo(like) => {
                    open.extend([&like.expr, &like.pattern].map(|side| (&**side, compared(side))));
                }
                Expr::Between(between) => {
                    let sides = [&between.expr, &between.low, &between.high];
                    open.extend(sides.map(|side| (&**side, compared(side))));
                }
                Expr::InList(list) => {
                    open.push((&list.expr, compared(&list.expr)));
                    open.extend(list.list.iter().map(|item| (item, compared(item))));
                }
                Expr::Case(case) => {
                    let (conditions, values) = conditions_and_values(case);
                    open.extend(conditions.map(|condition| (condition, Indirect)));
                    open.extend(values.map(|value| (value, at_most)));
                }
                Expr::ScalarFunction(call) => open.extend(scalar_arguments(call, at_most, scope)),
                Expr::HigherOrderFunction(call) => {
                    open.extend(call.args.iter().map(|arg| (arg, at_most)));
                }
                Expr::AggregateFunction(call) => open.extend(aggregate_arguments(call, at_most)),
                Expr::WindowFunction(call) => open.extend(window_arguments(call, at_most)),
                Expr::GroupingSet(_) => {
                    let keys = grouping_set_to_exprlist(std::slice::from_ref(expr));
                    let keys = keys.unwrap_or_default().into_iter();
                    open.extend(keys.map(|key| (key, at_most)));
                }
                Expr::Exists(exists) => {
                    let inner = self.relation(&exists.subquery.subquery, Some(&scope));
                    into.add(&inner.rows, Indirect);
                }
                Expr::InSubquery(within) => {
                    let inner = self.relation(&within.subquery.subquery, Some(&scope));
                    let compared = compared(&within.expr);
                    inner.add_to(into, compared);
                    open.push((&within.expr, compared));
                }
                Expr::SetComparison(within) => {
                    let inner = self.relation(&within.subquery.subquery, Some(&scope));
                    let compared = compared(&within.expr);
                    inner.add_to(into, compared);
                    open.push((&within.expr, compared));
                }
                Expr::ScalarSubquery(subquery) => {
                    let inner = self.relation(&subquery.subquery, Some(&scope));
                    inner.add_to(into, at_most);
                }
                #[expect(deprecated, reason = "until the planner's library drops it")]
                Expr::Wildcard { .. } => {
                    into.add(&scope.all(), at_most);
                }
            }
        }
    }
}

impl RelationFlows {
    /// Adds rows of another relation. Returns whether it has as many columns.
    fn merge(&mut self, other: &RelationFlows) -> bool {
        for (column, other) in self.columns.iter_mut().zip(&other.columns) {
            column.add(other, Influence::Direct);
        }
        self.rows.add(&other.rows, Influence::Indirect);
        self.columns.len() == other.columns.len()
    }

    /// Adds the origins of a subquery's value.
    fn add_to(&self, into: &mut Flow, at_most: Influence) {
        for column in &self.columns {
            into.add(column, at_most);
        }
        into.add(&self.rows, Influence::Indirect);
    }
}

impl<'a> ColumnScope<'a> {
    fn of(inputs: &'a [(&'a DFSchema, &'a [Flow])], outer: Option<&'a ColumnScope<'a>>) -> Self {
        Self { inputs, outer }
    }

    /// The origins of a column. A name without a table that is ambiguous means all matching
    /// columns.
    fn find(&self, column: &Column) -> Flow {
        self.find_here(column).unwrap_or_else(|| self.all())
    }

    fn find_here(&self, column: &Column) -> Option<Flow> {
        let mut found: Option<Flow> = None;
        let mut take = |flow: Option<&Flow>| {
            if let Some(flow) = flow {
                let found = found.get_or_insert_default();
                found.add(flow, Influence::Direct);
            }
        };
        for (schema, flows) in self.inputs {
            if column.relation.is_some() {
                let position = schema.maybe_index_of_column(column);
                take(position.and_then(|position| flows.get(position)));
            } else {
                let fields = schema.fields().iter().zip(*flows);
                fields
                    .filter(|(field, _)| field.name() == column.name())
                    .for_each(|(_, flow)| take(Some(flow)));
            }
        }
        found
    }

    /// The origins of an outer query's column. The plan does not say which outer query; all
    /// with such a column count.
    fn find_outer(&self, column: &Column) -> Flow {
        let outer = || std::iter::successors(self.outer, |scope| scope.outer);
        let mut flow = Flow::default();
        let mut found = false;
        for found_flow in outer().filter_map(|scope| scope.find_here(column)) {
            flow.add(&found_flow, Influence::Direct);
            found = true;
        }
        if !found {
            for scope in outer() {
                flow.add(&scope.all(), Influence::Direct);
            }
        }
        flow
    }

    fn all(&self) -> Flow {
        let mut all = Flow::default();
        for flow in self.inputs.iter().flat_map(|(_, flows)| *flows) {
            all.add(flow, Influence::Direct);
        }
        all
    }

    /// Whether an expression is a Boolean. True if its type is not known.
    fn is_boolean(&self, expr: &Expr) -> bool {
        let mut types = self
            .inputs
            .iter()
            .filter_map(|(schema, _)| expr.get_type(*schema).ok());
        types
            .next()
            .is_none_or(|data_type| data_type == DataType::Boolean)
    }
}

fn input<'a>(plan: &'a LogicalPlan, relation: &'a RelationFlows) -> (&'a DFSchema, &'a [Flow]) {
    (plan.schema().as_ref(), relation.columns.as_slice())
}

/// How strong the origins of a compared expression may be. Comparing a Boolean reveals it;
/// comparing another value masks it.
fn compared(expr: &Expr, at_most: Influence, scope: ColumnScope<'_>) -> Influence {
    match scope.is_boolean(expr) {
        true => at_most,
        false => at_most.min(Influence::Masked),
    }
}

fn scalar_arguments<'e>(
    call: &'e ScalarFunction,
    at_most: Influence,
    scope: ColumnScope<'_>,
) -> impl Iterator<Item = (&'e Expr, Influence)> {
    let name = call.name();
    call.args.iter().enumerate().map(move |(position, arg)| {
        let at_most = match name {
            _ if masking::masks(name) => at_most.min(Influence::Masked),
            _ if masking::compares(name) => compared(arg, at_most, scope),
            // `nullif` outputs its first argument; the second only decides.
            "nullif" if position == 1 => Influence::Indirect,
            _ => at_most,
        };
        (arg, at_most)
    })
}

fn aggregate_arguments(
    call: &AggregateFunction,
    at_most: Influence,
) -> impl Iterator<Item = (&Expr, Influence)> {
    let at_most = match masking::counts(call.func.name()) {
        true => at_most.min(Influence::Masked),
        false => at_most,
    };
    let params = &call.params;
    let args = params.args.iter().map(move |arg| (arg, at_most));
    let filter = params.filter.iter();
    let filter = filter.map(|filter| (&**filter, Influence::Indirect));
    args.chain(filter).chain(order(&params.order_by))
}

fn window_arguments(
    call: &WindowFunction,
    at_most: Influence,
) -> impl Iterator<Item = (&Expr, Influence)> {
    let at_most = match &call.fun {
        WindowFunctionDefinition::AggregateUDF(function) if masking::counts(function.name()) => {
            at_most.min(Influence::Masked)
        }
        _ => at_most,
    };
    let params = &call.params;
    let args = params.args.iter().map(move |arg| (arg, at_most));
    let filter = params.filter.iter();
    let filter = filter.map(|filter| (&**filter, Influence::Indirect));
    let keys = params.partition_by.iter();
    let keys = keys.map(|key| (key, Influence::Indirect));
    args.chain(filter)
        .chain(keys)
        .chain(order(&params.order_by))
}

fn order(by: &[SortExpr]) -> impl Iterator<Item = (&Expr, Influence)> {
    by.iter().map(|sort| (&sort.expr, Influence::Indirect))
}

/// The conditions of a CASE, and its values.
fn conditions_and_values(
    case: &Case,
) -> (impl Iterator<Item = &Expr>, impl Iterator<Item = &Expr>) {
    let branches = || case.when_then_expr.iter();
    let conditions = case.expr.iter().chain(branches().map(|(when, _)| when));
    let values = branches().map(|(_, then)| then).chain(&case.else_expr);
    (conditions.map(AsRef::as_ref), values.map(AsRef::as_ref))
}

fn is_comparison(operator: &Operator) -> bool {
    use Operator::{
        ArrowAt, AtArrow, Eq, Gt, GtEq, ILikeMatch, IsDistinctFrom, IsNotDistinctFrom, LikeMatch,
        Lt, LtEq, NotEq, NotILikeMatch, NotLikeMatch, RegexIMatch, RegexMatch, RegexNotIMatch,
        RegexNotMatch,
    };
    matches!(
        operator,
        Eq | NotEq
            | Lt
            | LtEq
            | Gt
            | GtEq
            | IsDistinctFrom
            | IsNotDistinctFrom
            | RegexMatch
            | RegexIMatch
            | RegexNotMatch
            | RegexNotIMatch
            | LikeMatch
            | ILikeMatch
            | NotLikeMatch
            | NotILikeMatch
            | AtArrow
            | ArrowAt
    )
}
