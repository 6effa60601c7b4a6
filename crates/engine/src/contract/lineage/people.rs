//! People tracing: the people and devices whose rows a SELECT outputs, and the columns that
//! name them.
//!
//! The plan is traced from its scans up, as [`super::trace`] does for values:
//!
//! - Each scan of a table with rows of people is a [`RowSource`].
//! - Each column that names them has a *party*: the person or device that it names, row by
//!   row. `subject`, `lower` and `trim` keep the party; all other functions lose it.
//! - If a join or a filter makes two parties equal, a check of one has checked the other:
//!   an *edge*. In an outer join, only the side that may be absent has the edge.
//! - A grouping by a party outputs rows of that party. Any other grouping *combines* rows of
//!   several people.
//!
//! A filter's subquery or a semi join only decides which rows there are. It outputs no
//! values, so it is no source. A plan node that is not understood names no party, and
//! combines all its input rows.

use std::any::Any;
use std::collections::BTreeMap;

use catalog::{LandingTable, Project, Table};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::JoinType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::expr::WindowFunctionDefinition;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Filter, Join, LogicalPlan, TableScan, Window,
};

use super::landing_parties;
use super::masking;
use super::parties::{Kind, Parties, Party};
use super::party_scope::{ColumnScope, equal_pairs, named_party, unaliased, uses_outer_query};
use query::system;

/// The people in a model's rows, for the models that read it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ModelPeople {
    /// What each column names, if anything.
    pub(super) columns: Vec<Option<Kind>>,
    /// Whether it has rows of people. They are checked where the model is built.
    pub(super) has_people: bool,
}

/// By model name.
pub(crate) type PeopleOfModels = BTreeMap<String, ModelPeople>;

/// The kinds of tables with rows of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowSourceKind {
    /// A landing table: unchecked rows of everybody.
    Landing,
    /// A derived system table: unchecked rows of everybody.
    Derived,
    /// A system table that records events. Only its personal columns are about people.
    Record,
    /// A model: its rows are checked where it is built.
    Model,
}

/// A table whose rows are in the output rows of a SELECT.
#[derive(Debug, Clone)]
pub(super) struct RowSource {
    pub(super) table: String,
    pub(super) kind: RowSourceKind,
    /// The parties that identify the person or device of a row; any of them does.
    pub(super) parties: Vec<Party>,
    /// The table's column that identifies it, for messages.
    pub(super) column: Option<String>,
    /// Whether an output row may combine rows of several people.
    pub(super) is_combined: bool,
}

/// The people in the output rows of a SELECT.
#[derive(Debug, Clone, Default)]
pub(super) struct RelationPeople {
    /// The party of each column, by position.
    pub(super) columns: Vec<Option<Party>>,
    pub(super) sources: Vec<RowSource>,
}

/// Traces the people of one SELECT.
pub(super) struct PeopleTracer<'p> {
    project: &'p Project,
    models: &'p PeopleOfModels,
    parties: Parties,
}

/// Window functions that output a rank or a row number, and no values of rows.
const RANKS: [&str; 6] = [
    "cume_dist",
    "dense_rank",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// Aggregates that output one of their input values.
const PICKS: [&str; 5] = ["any_value", "first_value", "last_value", "max", "min"];

impl<'p> PeopleTracer<'p> {
    pub(super) fn new(project: &'p Project, models: &'p PeopleOfModels) -> Self {
        Self {
            project,
            models,
            parties: Parties::default(),
        }
    }

    pub(super) fn parties(&self) -> &Parties {
        &self.parties
    }

    /// The people in the output rows of a SELECT.
    pub(super) fn trace(&mut self, plan: &LogicalPlan) -> RelationPeople {
        self.relation(plan, None)
    }

    fn relation(&mut self, plan: &LogicalPlan, outer: Option<&ColumnScope<'_>>) -> RelationPeople {
        match self.traced(plan, outer) {
            Some(relation) if relation.columns.len() == plan.schema().fields().len() => relation,
            _ => self.combined(plan, outer),
        }
    }

    /// `None` for a plan that is not understood.
    fn traced(
        &mut self,
        plan: &LogicalPlan,
        outer: Option<&ColumnScope<'_>>,
    ) -> Option<RelationPeople> {
        Some(match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::EmptyRelation(_) => RelationPeople {
                columns: vec![None; plan.schema().fields().len()],
                sources: Vec::new(),
            },
            LogicalPlan::Values(values) => {
                let mut relation = RelationPeople {
                    columns: vec![None; plan.schema().fields().len()],
                    sources: Vec::new(),
                };
                for expr in values.values.iter().flatten() {
                    self.add_subquery_sources(
                        expr,
                        ColumnScope::of(&[], outer),
                        &mut relation.sources,
                    );
                }
                relation
            }
            LogicalPlan::Projection(projection) => {
                self.project(&projection.input, &projection.expr, outer)
            }
            LogicalPlan::Filter(filter) => self.filter(filter, outer),
            LogicalPlan::Sort(sort) => self.relation(&sort.input, outer),
            LogicalPlan::Limit(limit) => self.relation(&limit.input, outer),
            LogicalPlan::Repartition(repartition) => self.relation(&repartition.input, outer),
            LogicalPlan::Subquery(subquery) => self.relation(&subquery.subquery, outer),
            LogicalPlan::SubqueryAlias(alias) => self.relation(&alias.input, outer),
            LogicalPlan::Distinct(Distinct::All(input)) => self.relation(input, outer),
            LogicalPlan::Distinct(Distinct::On(distinct)) => {
                self.project(&distinct.input, &distinct.select_expr, outer)
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, outer),
            LogicalPlan::Window(window) => self.window(window, outer),
            LogicalPlan::Join(join) => self.join(join, outer),
            LogicalPlan::Union(union) => {
                let inputs = union.inputs.iter();
                let inputs = inputs.map(|input| self.relation(input, outer)).collect();
                self.union(inputs, plan.schema().fields().len())
            }
            LogicalPlan::Unnest(unnest) => {
                let relation = self.relation(&unnest.input, outer);
                let inputs = unnest.dependency_indices.iter();
                RelationPeople {
                    columns: inputs
                        .map(|input| relation.columns.get(*input).copied())
                        .collect::<Option<_>>()?,
                    sources: relation.sources,
                }
            }
            _ => return None,
        })
    }

    fn project(
        &mut self,
        input: &LogicalPlan,
        exprs: &[Expr],
        outer: Option<&ColumnScope<'_>>,
    ) -> RelationPeople {
        let mut relation = self.relation(input, outer);
        let inputs = [(input.schema().as_ref(), &*relation.columns)];
        let scope = ColumnScope::of(&inputs, outer);
        let party = |expr| named_party(expr, scope, &self.parties);
        let columns = exprs.iter().map(party).collect();
        let mut sources = Vec::new();
        for expr in exprs {
            self.add_subquery_sources(expr, scope, &mut sources);
        }
        relation.sources.extend(sources);
        relation.columns = columns;
        relation
    }

    fn filter(&mut self, filter: &Filter, outer: Option<&ColumnScope<'_>>) -> RelationPeople {
        let relation = self.relation(&filter.input, outer);
        let inputs = [(filter.input.schema().as_ref(), &*relation.columns)];
        let scope = ColumnScope::of(&inputs, outer);
        for (one, other) in equal_pairs(&filter.predicate) {
            self.add_equality((one, scope), (other, scope), [true, true]);
        }
        relation
    }

    /// A plan that is not understood: it combines all its input rows.
    fn combined(&mut self, plan: &LogicalPlan, outer: Option<&ColumnScope<'_>>) -> RelationPeople {
        let mut sources = Vec::new();
        for input in plan.inputs() {
            sources.extend(self.relation(input, outer).sources);
        }
        for expr in &plan.expressions() {
            self.add_subquery_sources(expr, ColumnScope::of(&[], outer), &mut sources);
        }
        for source in &mut sources {
            source.is_combined = true;
        }
        RelationPeople {
            columns: vec![None; plan.schema().fields().len()],
            sources,
        }
    }

    fn scan(&mut self, scan: &TableScan) -> RelationPeople {
        let width = scan.source.schema().fields().len();
        let mut relation = RelationPeople {
            columns: vec![None; width],
            sources: Vec::new(),
        };
        let provider = source_as_provider(&scan.source).ok();
        let is_work_table = provider.is_some_and(|provider| {
            let provider: &dyn Any = provider.as_ref();
            provider.is::<CteWorkTable>()
        });
        // The first part of a recursive query already has the sources of its own rows.
        if !is_work_table {
            let name = scan.table_name.table().to_lowercase();
            let schema = scan.source.schema();
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            let project = self.project;
            if scan.table_name.schema() == Some(system::ZONE) {
                self.system_table(&name, &names, &mut relation);
            } else {
                match project.find(&name) {
                    Some(Table::Landing(table)) => {
                        self.landing_table(table, &names, &mut relation);
                    }
                    Some(Table::Model(model)) => self.model(model.name.as_ref(), &mut relation),
                    None => {}
                }
            }
        }
        if let Some(kept) = &scan.projection {
            let columns = kept.iter();
            relation.columns = columns
                .map(|index| relation.columns.get(*index).copied().flatten())
                .collect();
        }
        relation
    }

    fn system_table(&mut self, name: &str, columns: &[&str], relation: &mut RelationPeople) {
        let is_derived = system::DERIVED.iter().any(|table| table.name() == name);
        if !is_derived && system::personal(name).is_empty() {
            return;
        }
        let index_of = |wanted: &str| columns.iter().position(|column| *column == wanted);
        let mut parties = Vec::new();
        if let Some(index) = index_of("subject") {
            let person = self.parties.push(Kind::Person, false);
            relation.columns[index] = Some(person);
            parties.push(person);
            // Only an owner is equal to the device. A claimant may not be the owner.
            if name == system::DEVICE_OWNER.name()
                && let Some(index) = index_of("serialnumber")
            {
                let device = self.parties.push(Kind::Device, false);
                relation.columns[index] = Some(device);
                parties.push(device);
                self.parties.add_edge(device, person);
            }
        }
        relation.sources.push(RowSource {
            table: format!("{}.{name}", system::ZONE),
            kind: if is_derived {
                RowSourceKind::Derived
            } else {
                RowSourceKind::Record
            },
            column: (!parties.is_empty()).then(|| "subject".to_owned()),
            parties,
            is_combined: false,
        });
    }

    fn landing_table(
        &mut self,
        table: &LandingTable,
        names: &[&str],
        relation: &mut RelationPeople,
    ) {
        let role = landing_parties::by_role(self.project, table);
        let columns: Vec<(usize, Kind)> = match role {
            Some((column, kind)) => {
                let index = names.iter().position(|name| *name == column);
                index.map(|index| (index, kind)).into_iter().collect()
            }
            None => landing_parties::without_role(self.project.roles(), table, names),
        };
        if role.is_none() && columns.is_empty() {
            return;
        }
        let mut parties = Vec::new();
        for (index, kind) in &columns {
            let party = self.parties.push(*kind, false);
            relation.columns[*index] = Some(party);
            parties.push(party);
        }
        relation.sources.push(RowSource {
            table: table.name.to_string(),
            kind: RowSourceKind::Landing,
            parties,
            column: match (role, columns.first()) {
                (Some((column, _)), _) => Some(column.to_owned()),
                (None, first) => first.map(|(index, _)| names[*index].to_owned()),
            },
            is_combined: false,
        });
    }

    fn model(&mut self, name: &str, relation: &mut RelationPeople) {
        let people = self.models.get(name);
        let Some(people) = people.filter(|people| people.has_people) else {
            return;
        };
        let mut parties = Vec::new();
        for (column, kind) in relation.columns.iter_mut().zip(&people.columns) {
            if let Some(kind) = kind {
                let party = self.parties.push(*kind, true);
                *column = Some(party);
                parties.push(party);
            }
        }
        relation.sources.push(RowSource {
            table: name.to_owned(),
            kind: RowSourceKind::Model,
            parties,
            column: None,
            is_combined: false,
        });
    }

    fn aggregate(
        &mut self,
        aggregate: &Aggregate,
        outer: Option<&ColumnScope<'_>>,
    ) -> RelationPeople {
        let input = self.relation(&aggregate.input, outer);
        let inputs = [(aggregate.input.schema().as_ref(), &*input.columns)];
        let scope = ColumnScope::of(&inputs, outer);
        let keys: Vec<Option<Party>> = aggregate
            .group_expr
            .iter()
            .map(|expr| named_party(expr, scope, &self.parties))
            .collect();
        let key_parties: Vec<Party> = keys.iter().copied().flatten().collect();
        let mut columns = keys;
        // Grouping sets output an extra column, and totals, which combine all people.
        let is_plain = !matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]);
        if is_plain {
            columns.extend(aggregate.aggr_expr.iter().map(|expr| {
                let Expr::AggregateFunction(call) = unaliased(expr) else {
                    return None;
                };
                let party = named_party(call.params.args.first()?, scope, &self.parties)?;
                let is_same_party = PICKS.contains(&call.func.name())
                    && key_parties
                        .iter()
                        .any(|key| self.parties.are_same(party, *key));
                is_same_party.then_some(party)
            }));
        } else {
            columns = vec![None; aggregate.schema.fields().len()];
        }
        let mut sources = input.sources.clone();
        for expr in aggregate.group_expr.iter().chain(&aggregate.aggr_expr) {
            self.add_subquery_sources(expr, scope, &mut sources);
        }
        let mut fixed = key_parties;
        fixed.extend(scope.all_outer());
        for source in &mut sources {
            let mut parties = source.parties.iter();
            let is_one_party =
                is_plain && parties.any(|party| self.parties.is_checked_by(*party, &fixed));
            source.is_combined |= !is_one_party;
        }
        RelationPeople { columns, sources }
    }

    /// A window outputs values of other rows. They combine people, unless the window is
    /// partitioned by the party.
    fn window(&mut self, window: &Window, outer: Option<&ColumnScope<'_>>) -> RelationPeople {
        let mut relation = self.relation(&window.input, outer);
        let inputs = [(window.input.schema().as_ref(), &*relation.columns)];
        let scope = ColumnScope::of(&inputs, outer);
        let mut others = Vec::new();
        for expr in &window.window_expr {
            let Expr::WindowFunction(call) = unaliased(expr) else {
                others.extend(relation.sources.iter().cloned());
                continue;
            };
            let outputs_values = match &call.fun {
                WindowFunctionDefinition::AggregateUDF(function) => {
                    !masking::counts(function.name())
                }
                WindowFunctionDefinition::WindowUDF(function) => !RANKS.contains(&function.name()),
            };
            if !outputs_values {
                continue;
            }
            let partition_by = &call.params.partition_by;
            let key_parties: Vec<Party> = partition_by
                .iter()
                .filter_map(|expr| named_party(expr, scope, &self.parties))
                .collect();
            let combined = relation.sources.iter().filter(|source| {
                let mut parties = source.parties.iter();
                !parties.any(|party| self.parties.is_checked_by(*party, &key_parties))
            });
            others.extend(combined.cloned());
        }
        for other in &mut others {
            other.is_combined = true;
        }
        relation.sources.extend(others);
        let more = window.window_expr.len();
        relation.columns.extend(std::iter::repeat_n(None, more));
        relation
    }

    fn join(&mut self, join: &Join, outer: Option<&ColumnScope<'_>>) -> RelationPeople {
        let left = self.relation(&join.left, outer);
        let left_inputs = [(join.left.schema().as_ref(), &*left.columns)];
        let left_scope = ColumnScope::of(&left_inputs, outer);
        // Only a LATERAL subquery uses the left columns.
        let right = self.relation(&join.right, Some(&left_scope));
        let right_inputs = [(join.right.schema().as_ref(), &*right.columns)];
        let right_scope = ColumnScope::of(&right_inputs, outer);
        let both_inputs = [left_inputs[0], right_inputs[0]];
        let both = ColumnScope::of(&both_inputs, outer);
        // For each side, whether every output row with a row of it has one of the other
        // side too.
        use JoinType::{
            Full, Inner, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi,
        };
        let kind = join.join_type;
        let always_joined = [
            matches!(kind, Inner | Right | LeftSemi),
            matches!(kind, Inner | Left | RightSemi),
        ];
        for (one, other) in &join.on {
            self.add_equality((one, left_scope), (other, right_scope), always_joined);
        }
        if let Some(filter) = &join.filter {
            for (one, other) in equal_pairs(filter) {
                let is_left = |expr| named_party(expr, left_scope, &self.parties).is_some();
                let (one, other) = match is_left(one) {
                    true => (one, other),
                    false => (other, one),
                };
                let sides = [
                    named_party(one, left_scope, &self.parties),
                    named_party(other, right_scope, &self.parties),
                ];
                match sides {
                    [Some(_), Some(_)] => {
                        self.add_equality((one, left_scope), (other, right_scope), always_joined);
                    }
                    _ if kind == Inner => {
                        self.add_equality((one, both), (other, both), [true, true])
                    }
                    _ => {}
                }
            }
        }
        match kind {
            Inner | Left | Right | Full => RelationPeople {
                columns: [left.columns, right.columns].concat(),
                sources: [left.sources, right.sources].concat(),
            },
            LeftSemi | LeftAnti => left,
            RightSemi | RightAnti => right,
            // The extra column says whether a row has a partner.
            LeftMark => RelationPeople {
                columns: [left.columns, vec![None]].concat(),
                sources: left.sources,
            },
            RightMark => RelationPeople {
                columns: [right.columns, vec![None]].concat(),
                sources: right.sources,
            },
        }
    }

    /// Each output row is from one input. A check of the output column has checked the
    /// parties of all inputs.
    fn union(&mut self, inputs: Vec<RelationPeople>, width: usize) -> RelationPeople {
        let mut columns = Vec::new();
        for index in 0..width {
            let input_parties: Option<Vec<Party>> = inputs
                .iter()
                .map(|input| input.columns.get(index).copied().flatten())
                .collect();
            let kind = input_parties.as_ref().and_then(|parties| {
                let kinds: Vec<Kind> = parties
                    .iter()
                    .map(|party| self.parties.kind(*party))
                    .collect();
                let all = |wanted: Kind| kinds.iter().all(|k| *k == wanted || *k == Kind::Either);
                [Kind::Either, Kind::Person, Kind::Device]
                    .into_iter()
                    .find(|wanted| match wanted {
                        Kind::Either => kinds.iter().all(|kind| *kind == Kind::Either),
                        wanted => all(*wanted),
                    })
            });
            let party = match (input_parties, kind) {
                (Some(inputs), Some(kind)) => {
                    let are_checked = inputs.iter().all(|input| self.parties.is_of_model(*input));
                    let party = self.parties.push(kind, are_checked);
                    for input in inputs {
                        self.parties.add_edge(input, party);
                    }
                    Some(party)
                }
                _ => None,
            };
            columns.push(party);
        }
        let sources = inputs.into_iter().flat_map(|input| input.sources);
        RelationPeople {
            columns,
            sources: sources.collect(),
        }
    }

    /// Adds edges between the parties of two expressions that are equal in every output row
    /// with both sides. `always_joined` says, for each side, whether every output row with a
    /// row of it has one of the other side too.
    fn add_equality(
        &mut self,
        one: (&Expr, ColumnScope<'_>),
        other: (&Expr, ColumnScope<'_>),
        always_joined: [bool; 2],
    ) {
        let sides = [one, other].map(|(expr, scope)| {
            let party = named_party(expr, scope, &self.parties)?;
            Some((party, uses_outer_query(expr)))
        });
        let [Some((one, one_is_outer)), Some((other, other_is_outer))] = sides else {
            return;
        };
        let fits = |a: Kind, b: Kind| a == b || a == Kind::Either || b == Kind::Either;
        if !fits(self.parties.kind(one), self.parties.kind(other)) {
            return;
        }
        // Rows of the outer query exist even if the subquery outputs none.
        if always_joined[0] && !one_is_outer {
            self.parties.add_edge(one, other);
        }
        if always_joined[1] && !other_is_outer {
            self.parties.add_edge(other, one);
        }
    }

    /// Adds the sources of subqueries in an expression that outputs a value.
    fn add_subquery_sources(
        &mut self,
        expr: &Expr,
        scope: ColumnScope<'_>,
        into: &mut Vec<RowSource>,
    ) {
        let mut subqueries = Vec::new();
        let _ = expr.apply(|expr| {
            match expr {
                Expr::ScalarSubquery(subquery) => subqueries.push(subquery.clone()),
                Expr::InSubquery(within) => subqueries.push(within.subquery.clone()),
                Expr::SetComparison(within) => subqueries.push(within.subquery.clone()),
                Expr::Exists(exists) => subqueries.push(exists.subquery.clone()),
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        });
        for subquery in subqueries {
            let inner = self.relation(&subquery.subquery, Some(&scope));
            let outer_parties: Vec<Party> = scope.all().collect();
            for mut source in inner.sources {
                let mut parties = source.parties.iter();
                let is_one_party =
                    parties.any(|party| self.parties.is_checked_by(*party, &outer_parties));
                source.is_combined |= !is_one_party;
                into.push(source);
            }
        }
    }
}
