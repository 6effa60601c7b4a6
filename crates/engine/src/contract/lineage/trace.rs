//! One SELECT: from the plan as it was written to the origins of each column.
//!
//! A plan is followed from its tables up. Each node gives as many columns as
//! its schema has, by position, so that columns of the same name do not get
//! into each other's way. Where a node or a name is not understood, everything
//! that goes in is taken to come out in every column.

use std::any::Any;
use std::collections::BTreeSet;

use arrow::datatypes::DataType;
use catalog::Project;
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::expr::WindowFunctionDefinition;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Case, Distinct, Expr, ExprSchemable, Join, LogicalPlan, Operator, Partitioning,
    RecursiveQuery, SortExpr, TableScan,
};

use super::flow::{Flow, Influence, Origin};
use super::masking;
use query::redaction;
use query::system;

/// What a SELECT gives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relation {
    /// Its columns, by position.
    pub(crate) columns: Vec<Flow>,
    /// What decides which rows there are.
    pub(crate) rows: Flow,
}

/// The origins of every column of `plan`, and the tables that it reads.
pub(crate) fn trace(project: &Project, plan: &LogicalPlan) -> (Relation, BTreeSet<String>) {
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
    /// What the recursive queries around here are known to give so far.
    recursions: Vec<(String, Vec<Flow>)>,
}

/// Where names of columns are looked up.
#[derive(Clone, Copy)]
struct Scope<'a> {
    parts: &'a [(&'a DFSchema, &'a [Flow])],
    /// The query around this one.
    outer: Option<&'a Scope<'a>>,
}

impl Tracer<'_> {
    fn relation(&mut self, plan: &LogicalPlan, outer: Option<&Scope<'_>>) -> Relation {
        let relation = self.understood(plan, outer);
        match relation {
            Some(relation) if relation.columns.len() == plan.schema().fields().len() => relation,
            _ => self.mixed(plan, outer),
        }
    }

    /// `None` for what is not understood.
    fn understood(&mut self, plan: &LogicalPlan, outer: Option<&Scope<'_>>) -> Option<Relation> {
        let relation = match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan, outer),
            LogicalPlan::EmptyRelation(_) => Relation {
                columns: vec![Flow::default(); plan.schema().fields().len()],
                rows: Flow::default(),
            },
            LogicalPlan::Projection(projection) => {
                let mut relation = self.relation(&projection.input, outer);
                let parts = [part(&projection.input, &relation)];
                let columns = self.each(&projection.expr, Scope::of(&parts, outer));
                relation.columns = columns;
                relation
            }
            LogicalPlan::Window(window) => {
                let mut relation = self.relation(&window.input, outer);
                let parts = [part(&window.input, &relation)];
                let columns = self.each(&window.window_expr, Scope::of(&parts, outer));
                relation.columns.extend(columns);
                relation
            }
            LogicalPlan::Filter(filter) => {
                self.decided(&filter.input, [&filter.predicate].into_iter(), outer)
            }
            LogicalPlan::Sort(sort) => {
                // Which rows a LIMIT keeps depends on their order.
                self.decided(&sort.input, sort.expr.iter().map(|sort| &sort.expr), outer)
            }
            LogicalPlan::Limit(limit) => {
                let bounds = limit.skip.iter().chain(&limit.fetch);
                self.decided(&limit.input, bounds.map(AsRef::as_ref), outer)
            }
            LogicalPlan::Repartition(repartition) => {
                let keys = match &repartition.partitioning_scheme {
                    Partitioning::Hash(keys, _) | Partitioning::DistributeBy(keys) => {
                        keys.as_slice()
                    }
                    _ => &[],
                };
                self.decided(&repartition.input, keys.iter(), outer)
            }
            LogicalPlan::Subquery(subquery) => self.relation(&subquery.subquery, outer),
            LogicalPlan::SubqueryAlias(alias) => {
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
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, outer)?,
            LogicalPlan::Join(join) => self.join(join, outer),
            LogicalPlan::Union(union) => {
                let mut inputs = union.inputs.iter();
                let mut relation = self.relation(inputs.next()?, outer);
                for input in inputs {
                    let other = self.relation(input, outer);
                    if !relation.merge(&other) {
                        return None;
                    }
                }
                relation
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let mut relation = self.relation(input, outer);
                for column in &relation.columns {
                    relation.rows.add(column, Influence::Indirect);
                }
                relation
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => {
                let order = distinct.sort_expr.iter().flatten();
                let keys = distinct.on_expr.iter().chain(order.map(|sort| &sort.expr));
                let mut relation = self.decided(&distinct.input, keys, outer);
                let parts = [part(&distinct.input, &relation)];
                let columns = self.each(&distinct.select_expr, Scope::of(&parts, outer));
                relation.columns = columns;
                relation
            }
            LogicalPlan::Values(values) => {
                let scope = Scope::of(&[], outer);
                let mut rows = values.values.iter();
                let mut columns = self.each(rows.next()?, scope);
                for row in rows {
                    for (column, value) in columns.iter_mut().zip(row) {
                        self.follow(value, Influence::Direct, scope, column);
                    }
                }
                Relation {
                    columns,
                    rows: Flow::default(),
                }
            }
            LogicalPlan::Unnest(unnest) => {
                let mut relation = self.relation(&unnest.input, outer);
                let inputs = unnest.dependency_indices.iter();
                relation.columns = inputs
                    .map(|input| relation.columns.get(*input).cloned())
                    .collect::<Option<_>>()?;
                // A list gives as many rows as it has values.
                for (input, _) in &unnest.list_type_columns {
                    let list = relation.columns.get(*input).cloned().unwrap_or_default();
                    relation.rows.add(&list, Influence::Indirect);
                }
                relation
            }
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

    /// Every column may come from everything that goes in.
    fn mixed(&mut self, plan: &LogicalPlan, outer: Option<&Scope<'_>>) -> Relation {
        let inputs: Vec<(&LogicalPlan, Relation)> = plan
            .inputs()
            .into_iter()
            .map(|input| (input, self.relation(input, outer)))
            .collect();
        let parts: Vec<_> = inputs.iter().map(|(plan, of)| part(plan, of)).collect();
        let scope = Scope::of(&parts, outer);
        let mut all = scope.all();
        let mut rows = Flow::default();
        for (_, input) in &inputs {
            rows.add(&input.rows, Influence::Indirect);
        }
        for expr in &plan.expressions() {
            self.follow(expr, Influence::Direct, scope, &mut all);
        }
        rows.add(&all, Influence::Indirect);
        Relation {
            columns: vec![all; plan.schema().fields().len()],
            rows,
        }
    }

    fn scan(&mut self, scan: &TableScan, outer: Option<&Scope<'_>>) -> Relation {
        let provider = source_as_provider(&scan.source).ok();
        let work_table = provider.as_ref().and_then(|provider| {
            let provider: &dyn Any = provider.as_ref();
            provider.downcast_ref::<CteWorkTable>()
        });
        let all = match work_table {
            Some(table) => {
                let mut around = self.recursions.iter().rev();
                let found = around.find(|(name, _)| name == table.name());
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
            Some(kept) => kept.iter().filter_map(|at| all.get(*at)).cloned().collect(),
            None => all,
        };
        let mut relation = Relation {
            columns,
            rows: Flow::default(),
        };
        let parts = [(scan.projected_schema.as_ref(), relation.columns.as_slice())];
        let mut rows = Flow::default();
        for filter in &scan.filters {
            self.follow(
                filter,
                Influence::Indirect,
                Scope::of(&parts, outer),
                &mut rows,
            );
        }
        relation.rows = rows;
        relation
    }

    /// The table's own name.
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

    /// A node that hands its columns on and leaves rows out.
    fn decided<'e>(
        &mut self,
        input: &LogicalPlan,
        by: impl Iterator<Item = &'e Expr>,
        outer: Option<&Scope<'_>>,
    ) -> Relation {
        let mut relation = self.relation(input, outer);
        let parts = [part(input, &relation)];
        let scope = Scope::of(&parts, outer);
        let mut deciding = Flow::default();
        for expr in by {
            self.follow(expr, Influence::Indirect, scope, &mut deciding);
        }
        relation.rows.add(&deciding, Influence::Indirect);
        relation
    }

    fn aggregate(&mut self, aggregate: &Aggregate, outer: Option<&Scope<'_>>) -> Option<Relation> {
        let keys = grouping_set_to_exprlist(&aggregate.group_expr).ok()?;
        let mut relation = self.decided(&aggregate.input, keys.iter().copied(), outer);
        let parts = [part(&aggregate.input, &relation)];
        let scope = Scope::of(&parts, outer);
        let mut columns = self.each(keys, scope);
        if let [Expr::GroupingSet(_)] = aggregate.group_expr.as_slice() {
            // Which of the sets a row belongs to.
            columns.push(Flow::default());
        }
        columns.extend(self.each(&aggregate.aggr_expr, scope));
        relation.columns = columns;
        Some(relation)
    }

    fn join(&mut self, join: &Join, outer: Option<&Scope<'_>>) -> Relation {
        let left = self.relation(&join.left, outer);
        let left_parts = [part(&join.left, &left)];
        let left_scope = Scope::of(&left_parts, outer);
        // A LATERAL subquery sees the columns before it; no other one asks.
        let right = self.relation(&join.right, Some(&left_scope));
        let right_parts = [part(&join.right, &right)];
        let both_parts = [left_parts[0], right_parts[0]];

        let mut deciding = Flow::default();
        for (on_left, on_right) in &join.on {
            self.follow(on_left, Influence::Indirect, left_scope, &mut deciding);
            let right_scope = Scope::of(&right_parts, outer);
            self.follow(on_right, Influence::Indirect, right_scope, &mut deciding);
        }
        if let Some(filter) = &join.filter {
            let both = Scope::of(&both_parts, outer);
            self.follow(filter, Influence::Indirect, both, &mut deciding);
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
            // One more column tells whether there is a partner.
            JoinType::LeftMark => [left.columns, vec![deciding]].concat(),
            JoinType::RightMark => [right.columns, vec![deciding]].concat(),
        };
        Relation { columns, rows }
    }

    /// What comes out goes in again, until nothing new is found. Origins only
    /// get more and stronger, so that comes to an end.
    fn recursion(&mut self, query: &RecursiveQuery, outer: Option<&Scope<'_>>) -> Option<Relation> {
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

    fn each<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        scope: Scope<'_>,
    ) -> Vec<Flow> {
        let flow = |expr| {
            let mut flow = Flow::default();
            self.follow(expr, Influence::Direct, scope, &mut flow);
            flow
        };
        exprs.into_iter().map(flow).collect()
    }

    /// Adds the origins of an expression to `into`, none of them stronger than
    /// `at_most`. A long chain of operators is a deep tree: the way down is a
    /// list, not calls.
    fn follow(&mut self, expr: &Expr, at_most: Influence, scope: Scope<'_>, into: &mut Flow) {
        use Influence::{Indirect, Masked};
        let mut open: Vec<(&Expr, Influence)> = vec![(expr, at_most)];
        while let Some((expr, at_most)) = open.pop() {
            // Whether two truths are equal tells both; of other values a
            // comparison tells nothing else.
            let compared = |expr: &Expr| match scope.is_truth(expr) {
                true => at_most,
                false => at_most.min(Masked),
            };
            match expr {
                Expr::Column(column) => {
                    into.add(&scope.find(column), at_most);
                }
                Expr::OuterReferenceColumn(_, column) => {
                    into.add(&scope.find_around(column), at_most);
                }
                Expr::Literal(..)
                | Expr::ScalarVariable(..)
                | Expr::Placeholder(_)
                // Its values are those of the list beside the lambda.
                | Expr::LambdaVariable(_) => {}
                Expr::Alias(alias) => open.push((&alias.expr, at_most)),
                Expr::Cast(cast) => open.push((&cast.expr, at_most)),
                Expr::TryCast(cast) => open.push((&cast.expr, at_most)),
                Expr::Unnest(unnest) => open.push((&unnest.expr, at_most)),
                Expr::Lambda(lambda) => open.push((&lambda.body, at_most)),
                // These give back a truth that they are given.
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
                    let (conditions, values) = sides(case);
                    open.extend(conditions.map(|condition| (condition, Indirect)));
                    open.extend(values.map(|value| (value, at_most)));
                }
                Expr::ScalarFunction(call) => {
                    let name = call.name();
                    for (position, arg) in call.args.iter().enumerate() {
                        let at_most = match name {
                            _ if masking::masks(name) => at_most.min(Masked),
                            _ if masking::compares(name) => compared(arg),
                            // The first one, unless it equals the second.
                            "nullif" if position == 1 => Indirect,
                            _ => at_most,
                        };
                        open.push((arg, at_most));
                    }
                }
                Expr::HigherOrderFunction(call) => {
                    open.extend(call.args.iter().map(|arg| (arg, at_most)));
                }
                Expr::AggregateFunction(call) => {
                    let at_most = match masking::counts(call.func.name()) {
                        true => at_most.min(Masked),
                        false => at_most,
                    };
                    let params = &call.params;
                    open.extend(params.args.iter().map(|arg| (arg, at_most)));
                    open.extend(params.filter.iter().map(|filter| (&**filter, Indirect)));
                    open.extend(order(&params.order_by));
                }
                Expr::WindowFunction(call) => {
                    let at_most = match &call.fun {
                        WindowFunctionDefinition::AggregateUDF(function)
                            if masking::counts(function.name()) =>
                        {
                            at_most.min(Masked)
                        }
                        _ => at_most,
                    };
                    let params = &call.params;
                    open.extend(params.args.iter().map(|arg| (arg, at_most)));
                    open.extend(params.filter.iter().map(|filter| (&**filter, Indirect)));
                    open.extend(params.partition_by.iter().map(|key| (key, Indirect)));
                    open.extend(order(&params.order_by));
                }
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
                    inner.give(compared, into);
                    open.push((&within.expr, compared));
                }
                Expr::SetComparison(within) => {
                    let inner = self.relation(&within.subquery.subquery, Some(&scope));
                    let compared = compared(&within.expr);
                    inner.give(compared, into);
                    open.push((&within.expr, compared));
                }
                Expr::ScalarSubquery(subquery) => {
                    let inner = self.relation(&subquery.subquery, Some(&scope));
                    inner.give(at_most, into);
                }
                #[expect(deprecated, reason = "until the planner's library drops it")]
                Expr::Wildcard { .. } => {
                    into.add(&scope.all(), at_most);
                }
            }
        }
    }
}

impl Relation {
    /// Rows of another relation with as many columns. Tells whether it has.
    fn merge(&mut self, other: &Relation) -> bool {
        for (column, other) in self.columns.iter_mut().zip(&other.columns) {
            column.add(other, Influence::Direct);
        }
        self.rows.add(&other.rows, Influence::Indirect);
        self.columns.len() == other.columns.len()
    }

    /// As a value in another query.
    fn give(&self, at_most: Influence, into: &mut Flow) {
        for column in &self.columns {
            into.add(column, at_most);
        }
        into.add(&self.rows, Influence::Indirect);
    }
}

impl<'a> Scope<'a> {
    fn of(parts: &'a [(&'a DFSchema, &'a [Flow])], outer: Option<&'a Scope<'a>>) -> Self {
        Self { parts, outer }
    }

    /// The origins of a column. Where a name without a table may mean several,
    /// it means all of them.
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
        for (schema, flows) in self.parts {
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

    /// The origins of a column of a query around this one. Which one is not
    /// told; where several have such a column, it means all of them.
    fn find_around(&self, column: &Column) -> Flow {
        let around = || std::iter::successors(self.outer, |scope| scope.outer);
        let mut flow = Flow::default();
        let mut found = false;
        for part in around().filter_map(|scope| scope.find_here(column)) {
            flow.add(&part, Influence::Direct);
            found = true;
        }
        if !found {
            for scope in around() {
                flow.add(&scope.all(), Influence::Direct);
            }
        }
        flow
    }

    fn all(&self) -> Flow {
        let mut all = Flow::default();
        for flow in self.parts.iter().flat_map(|(_, flows)| *flows) {
            all.add(flow, Influence::Direct);
        }
        all
    }

    /// Whether an expression is true or false; so it is taken where its type
    /// cannot be told.
    fn is_truth(&self, expr: &Expr) -> bool {
        let mut kinds = self
            .parts
            .iter()
            .filter_map(|(schema, _)| expr.get_type(*schema).ok());
        kinds.next().is_none_or(|kind| kind == DataType::Boolean)
    }
}

fn part<'a>(plan: &'a LogicalPlan, relation: &'a Relation) -> (&'a DFSchema, &'a [Flow]) {
    (plan.schema().as_ref(), relation.columns.as_slice())
}

fn order(by: &[SortExpr]) -> impl Iterator<Item = (&Expr, Influence)> {
    by.iter().map(|sort| (&sort.expr, Influence::Indirect))
}

/// What decides in a CASE, and what it gives.
fn sides(case: &Case) -> (impl Iterator<Item = &Expr>, impl Iterator<Item = &Expr>) {
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
