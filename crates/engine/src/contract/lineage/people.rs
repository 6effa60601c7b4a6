//! Whose rows a SELECT gives: which people's and devices' rows go into each row
//! that comes out, and which columns name them.
//!
//! The plan is followed from its scans up, as [`super::trace`] does for values.
//! Every scan of a table with people's rows is a [`Source`], and every column
//! that names them is given a *party*: the person or the device that stands
//! there, row by row. A column keeps its party through what leaves a name a name
//! (`subject`, `lower`, `trim`), and loses it through everything else. Where a
//! join or a filter holds two parties equal, whoever checks one has checked the
//! other: an *edge*. In an outer join that holds for the side that may be absent
//! alone. A grouping by a party leaves rows of that party; any other one makes a
//! *crowd* of the people whose rows go in.
//!
//! What decides about rows without giving them anything, a filter's subquery or
//! a semi join, brings nobody in, as it carries no value. What is not understood
//! names nobody, and whoever goes in comes out as a crowd.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};

use catalog::{LandingTable, Project, Roles, Table};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::expr::WindowFunctionDefinition;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Join, LogicalPlan, Operator, TableScan, Window,
};

use super::masking;
use crate::subjects::landing_files;
use query::functions::SUBJECT;
use query::system;

/// What a party is, and so how it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A person, by e-mail.
    Person,
    /// A device, by serial number.
    Device,
    /// Either: a personal column of a landing table of which nothing is known.
    Either,
}

/// What is known of a model by those that read it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ModelPeople {
    /// What each column names.
    pub(super) columns: Vec<Option<Kind>>,
    /// Whether there are people's rows in it. They are checked where the model
    /// itself is built.
    pub(super) has_people: bool,
}

/// By the models' names.
pub(crate) type PeopleOfModels = BTreeMap<String, ModelPeople>;

/// Number of a party.
pub(super) type Party = usize;

/// Where people's rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceKind {
    /// A landing table: everybody's, as they arrived.
    Landing,
    /// A table that a run derives of everybody.
    Derived,
    /// A list of what was done, whose personal columns alone are people's.
    Record,
    /// A model, whose rows are checked where it is built.
    Model,
}

/// A table whose rows go into each row of a relation.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) table: String,
    pub(super) kind: SourceKind,
    /// Any of these says whose row it is.
    pub(super) parties: Vec<Party>,
    /// The column of the table that does, for messages.
    pub(super) column: Option<String>,
    /// Whether rows of several people may go into one.
    pub(super) crowd: bool,
}

/// Rows of a SELECT.
#[derive(Debug, Clone, Default)]
pub(super) struct Relation {
    /// Which party each column names, by position.
    pub(super) columns: Vec<Option<Party>>,
    pub(super) sources: Vec<Source>,
}

/// Follows plans.
pub(super) struct People<'p> {
    project: &'p Project,
    models: &'p PeopleOfModels,
    parties: Vec<Known>,
}

struct Known {
    kind: Kind,
    /// Whether it stands in a model's table: it was checked there.
    is_checked: bool,
    /// Who has checked any of these has checked this one.
    edges: Vec<Party>,
}

/// Where names of columns are looked up.
#[derive(Clone, Copy)]
struct Scope<'a> {
    parts: &'a [(&'a DFSchema, &'a [Option<Party>])],
    /// The query around this one.
    outer: Option<&'a Scope<'a>>,
}

/// Window functions that give a place among rows, and nothing of them.
const PLACES: [&str; 6] = [
    "cume_dist",
    "dense_rank",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// Aggregates that give one of the values they are given.
const ONE_OF: [&str; 5] = ["any_value", "first_value", "last_value", "max", "min"];

impl<'p> People<'p> {
    pub(super) fn new(project: &'p Project, models: &'p PeopleOfModels) -> Self {
        Self {
            project,
            models,
            parties: Vec::new(),
        }
    }

    /// Whose rows a SELECT gives.
    pub(super) fn of(&mut self, plan: &LogicalPlan) -> Relation {
        self.relation(plan, None)
    }

    pub(super) fn kind(&self, party: Party) -> Kind {
        self.parties[party].kind
    }

    /// Whether `party` is checked where any of `by` is, or where the model is
    /// built in whose table it stands.
    pub(super) fn is_checked(&self, party: Party, by: &[Party]) -> bool {
        self.reaches(party, |one| {
            self.parties[one].is_checked || by.contains(&one)
        })
    }

    /// Whether `party` is checked where any of `by` is.
    pub(super) fn is_checked_by(&self, party: Party, by: &[Party]) -> bool {
        self.reaches(party, |one| by.contains(&one))
    }

    fn reaches(&self, party: Party, found: impl Fn(Party) -> bool) -> bool {
        let mut open = vec![party];
        let mut seen = BTreeSet::new();
        while let Some(party) = open.pop() {
            if found(party) {
                return true;
            }
            if seen.insert(party) {
                open.extend(&self.parties[party].edges);
            }
        }
        false
    }

    fn party(&mut self, kind: Kind, is_checked: bool) -> Party {
        self.parties.push(Known {
            kind,
            is_checked,
            edges: Vec::new(),
        });
        self.parties.len() - 1
    }

    fn relation(&mut self, plan: &LogicalPlan, outer: Option<&Scope<'_>>) -> Relation {
        let relation = self.understood(plan, outer);
        match relation {
            Some(relation) if relation.columns.len() == plan.schema().fields().len() => relation,
            _ => self.mixed(plan, outer),
        }
    }

    /// `None` for what is not understood.
    fn understood(&mut self, plan: &LogicalPlan, outer: Option<&Scope<'_>>) -> Option<Relation> {
        Some(match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::EmptyRelation(_) => Relation {
                columns: vec![None; plan.schema().fields().len()],
                sources: Vec::new(),
            },
            LogicalPlan::Values(values) => {
                let mut relation = Relation {
                    columns: vec![None; plan.schema().fields().len()],
                    sources: Vec::new(),
                };
                for expr in values.values.iter().flatten() {
                    self.take_in(expr, Scope::of(&[], outer), &mut relation.sources);
                }
                relation
            }
            LogicalPlan::Projection(projection) => {
                let mut relation = self.relation(&projection.input, outer);
                let parts = [(projection.input.schema().as_ref(), &*relation.columns)];
                let scope = Scope::of(&parts, outer);
                let named = |expr| named(expr, scope, &self.parties);
                let columns = projection.expr.iter().map(named).collect();
                let mut sources = Vec::new();
                for expr in &projection.expr {
                    self.take_in(expr, scope, &mut sources);
                }
                relation.sources.extend(sources);
                relation.columns = columns;
                relation
            }
            LogicalPlan::Filter(filter) => {
                let relation = self.relation(&filter.input, outer);
                let parts = [(filter.input.schema().as_ref(), &*relation.columns)];
                let scope = Scope::of(&parts, outer);
                for (one, other) in equal(&filter.predicate) {
                    self.hold_equal((one, scope), (other, scope), [true, true]);
                }
                relation
            }
            LogicalPlan::Sort(sort) => self.relation(&sort.input, outer),
            LogicalPlan::Limit(limit) => self.relation(&limit.input, outer),
            LogicalPlan::Repartition(repartition) => self.relation(&repartition.input, outer),
            LogicalPlan::Subquery(subquery) => self.relation(&subquery.subquery, outer),
            LogicalPlan::SubqueryAlias(alias) => self.relation(&alias.input, outer),
            LogicalPlan::Distinct(Distinct::All(input)) => self.relation(input, outer),
            LogicalPlan::Distinct(Distinct::On(distinct)) => {
                let mut relation = self.relation(&distinct.input, outer);
                let parts = [(distinct.input.schema().as_ref(), &*relation.columns)];
                let scope = Scope::of(&parts, outer);
                let named = |expr| named(expr, scope, &self.parties);
                let columns = distinct.select_expr.iter().map(named).collect();
                let mut sources = Vec::new();
                for expr in &distinct.select_expr {
                    self.take_in(expr, scope, &mut sources);
                }
                relation.sources.extend(sources);
                relation.columns = columns;
                relation
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
                Relation {
                    columns: inputs
                        .map(|input| relation.columns.get(*input).copied())
                        .collect::<Option<_>>()?,
                    sources: relation.sources,
                }
            }
            _ => return None,
        })
    }

    fn mixed(&mut self, plan: &LogicalPlan, outer: Option<&Scope<'_>>) -> Relation {
        let mut sources = Vec::new();
        for input in plan.inputs() {
            sources.extend(self.relation(input, outer).sources);
        }
        for expr in &plan.expressions() {
            self.take_in(expr, Scope::of(&[], outer), &mut sources);
        }
        for source in &mut sources {
            source.crowd = true;
        }
        Relation {
            columns: vec![None; plan.schema().fields().len()],
            sources,
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Relation {
        let width = scan.source.schema().fields().len();
        let mut relation = Relation {
            columns: vec![None; width],
            sources: Vec::new(),
        };
        let provider = source_as_provider(&scan.source).ok();
        let is_work_table = provider.is_some_and(|provider| {
            let provider: &dyn Any = provider.as_ref();
            provider.is::<CteWorkTable>()
        });
        // What a recursive query gives itself comes in by its first part.
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
                .map(|at| relation.columns.get(*at).copied().flatten())
                .collect();
        }
        relation
    }

    fn system_table(&mut self, name: &str, columns: &[&str], relation: &mut Relation) {
        let derived = system::DERIVED.iter().any(|table| table.name() == name);
        if !derived && system::personal(name).is_empty() {
            return;
        }
        let place = |wanted: &str| columns.iter().position(|column| *column == wanted);
        let mut parties = Vec::new();
        if let Some(place) = place("subject") {
            let person = self.party(Kind::Person, false);
            relation.columns[place] = Some(person);
            parties.push(person);
            // A claim is not yet a device of theirs.
            if name == system::DEVICE_OWNER.name()
                && let Some(place) = columns.iter().position(|column| *column == "serialnumber")
            {
                let device = self.party(Kind::Device, false);
                relation.columns[place] = Some(device);
                parties.push(device);
                self.parties[device].edges.push(person);
            }
        }
        relation.sources.push(Source {
            table: format!("{}.{name}", system::ZONE),
            kind: if derived {
                SourceKind::Derived
            } else {
                SourceKind::Record
            },
            column: (!parties.is_empty()).then(|| "subject".to_owned()),
            parties,
            crowd: false,
        });
    }

    fn landing_table(&mut self, table: &LandingTable, names: &[&str], relation: &mut Relation) {
        let role = role(self.project, table);
        let columns: Vec<(usize, Kind)> = match role {
            Some((column, kind)) => {
                let place = names.iter().position(|name| *name == column);
                place.map(|place| (place, kind)).into_iter().collect()
            }
            None => names_unknown(self.project.roles(), table, names),
        };
        if role.is_none() && columns.is_empty() {
            return;
        }
        let mut parties = Vec::new();
        for (place, kind) in &columns {
            let party = self.party(*kind, false);
            relation.columns[*place] = Some(party);
            parties.push(party);
        }
        relation.sources.push(Source {
            table: table.name.to_string(),
            kind: SourceKind::Landing,
            parties,
            column: match (role, columns.first()) {
                (Some((column, _)), _) => Some(column.to_owned()),
                (None, first) => first.map(|(place, _)| names[*place].to_owned()),
            },
            crowd: false,
        });
    }

    fn model(&mut self, name: &str, relation: &mut Relation) {
        let Some(known) = self.models.get(name).filter(|known| known.has_people) else {
            return;
        };
        let mut parties = Vec::new();
        for (column, kind) in relation.columns.iter_mut().zip(&known.columns) {
            if let Some(kind) = kind {
                let party = self.party(*kind, true);
                *column = Some(party);
                parties.push(party);
            }
        }
        relation.sources.push(Source {
            table: name.to_owned(),
            kind: SourceKind::Model,
            parties,
            column: None,
            crowd: false,
        });
    }

    fn aggregate(&mut self, aggregate: &Aggregate, outer: Option<&Scope<'_>>) -> Relation {
        let input = self.relation(&aggregate.input, outer);
        let parts = [(aggregate.input.schema().as_ref(), &*input.columns)];
        let scope = Scope::of(&parts, outer);
        let keys: Vec<Option<Party>> = aggregate
            .group_expr
            .iter()
            .map(|expr| named(expr, scope, &self.parties))
            .collect();
        let by: Vec<Party> = keys.iter().copied().flatten().collect();
        let mut columns = keys;
        // Sets of keys give more columns, and totals, which are nobody's.
        let is_plain = !matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]);
        if is_plain {
            columns.extend(aggregate.aggr_expr.iter().map(|expr| {
                let Expr::AggregateFunction(call) = unaliased(expr) else {
                    return None;
                };
                let party = named(call.params.args.first()?, scope, &self.parties)?;
                let is_one = ONE_OF.contains(&call.func.name())
                    && by.iter().any(|key| self.is_same(party, *key));
                is_one.then_some(party)
            }));
        } else {
            columns = vec![None; aggregate.schema.fields().len()];
        }
        let mut sources = input.sources.clone();
        for expr in aggregate.group_expr.iter().chain(&aggregate.aggr_expr) {
            self.take_in(expr, scope, &mut sources);
        }
        let mut around = by;
        around.extend(scope.around());
        for source in &mut sources {
            let mut parties = source.parties.iter();
            let is_one = is_plain && parties.any(|party| self.is_checked_by(*party, &around));
            source.crowd |= !is_one;
        }
        Relation { columns, sources }
    }

    /// Values of other rows come in by a window, unless all are of one party.
    fn window(&mut self, window: &Window, outer: Option<&Scope<'_>>) -> Relation {
        let mut relation = self.relation(&window.input, outer);
        let parts = [(window.input.schema().as_ref(), &*relation.columns)];
        let scope = Scope::of(&parts, outer);
        let mut others = Vec::new();
        for expr in &window.window_expr {
            let Expr::WindowFunction(call) = unaliased(expr) else {
                others.extend(relation.sources.iter().cloned());
                continue;
            };
            let gives_values = match &call.fun {
                WindowFunctionDefinition::AggregateUDF(function) => {
                    !masking::counts(function.name())
                }
                WindowFunctionDefinition::WindowUDF(function) => !PLACES.contains(&function.name()),
            };
            if !gives_values {
                continue;
            }
            let by = &call.params.partition_by;
            let by: Vec<Party> = by
                .iter()
                .filter_map(|expr| named(expr, scope, &self.parties))
                .collect();
            let mixed = relation.sources.iter().filter(|source| {
                let mut parties = source.parties.iter();
                !parties.any(|party| self.is_checked_by(*party, &by))
            });
            others.extend(mixed.cloned());
        }
        for other in &mut others {
            other.crowd = true;
        }
        relation.sources.extend(others);
        let more = window.window_expr.len();
        relation.columns.extend(std::iter::repeat_n(None, more));
        relation
    }

    fn join(&mut self, join: &Join, outer: Option<&Scope<'_>>) -> Relation {
        let left = self.relation(&join.left, outer);
        let left_parts = [(join.left.schema().as_ref(), &*left.columns)];
        let left_scope = Scope::of(&left_parts, outer);
        // A LATERAL subquery sees the columns before it; no other one asks.
        let right = self.relation(&join.right, Some(&left_scope));
        let right_parts = [(join.right.schema().as_ref(), &*right.columns)];
        let right_scope = Scope::of(&right_parts, outer);
        let both_parts = [left_parts[0], right_parts[0]];
        let both = Scope::of(&both_parts, outer);
        // Whether each side has a partner wherever it is there.
        use JoinType::{
            Full, Inner, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi,
        };
        let kind = join.join_type;
        let met = [
            matches!(kind, Inner | Right | LeftSemi),
            matches!(kind, Inner | Left | RightSemi),
        ];
        for (one, other) in &join.on {
            self.hold_equal((one, left_scope), (other, right_scope), met);
        }
        if let Some(filter) = &join.filter {
            for (one, other) in equal(filter) {
                let is_left = |expr| named(expr, left_scope, &self.parties).is_some();
                let (one, other) = match is_left(one) {
                    true => (one, other),
                    false => (other, one),
                };
                let sides = [
                    named(one, left_scope, &self.parties),
                    named(other, right_scope, &self.parties),
                ];
                match sides {
                    [Some(_), Some(_)] => {
                        self.hold_equal((one, left_scope), (other, right_scope), met);
                    }
                    _ if kind == Inner => self.hold_equal((one, both), (other, both), [true, true]),
                    _ => {}
                }
            }
        }
        match kind {
            Inner | Left | Right | Full => Relation {
                columns: [left.columns, right.columns].concat(),
                sources: [left.sources, right.sources].concat(),
            },
            LeftSemi | LeftAnti => left,
            RightSemi | RightAnti => right,
            // One more column tells whether there is a partner.
            LeftMark => Relation {
                columns: [left.columns, vec![None]].concat(),
                sources: left.sources,
            },
            RightMark => Relation {
                columns: [right.columns, vec![None]].concat(),
                sources: right.sources,
            },
        }
    }

    /// Each row is of one of the inputs: who checks the column has checked those
    /// whom it names there.
    fn union(&mut self, inputs: Vec<Relation>, width: usize) -> Relation {
        let mut columns = Vec::new();
        for place in 0..width {
            let given: Option<Vec<Party>> = inputs
                .iter()
                .map(|input| input.columns.get(place).copied().flatten())
                .collect();
            let kind = given.as_ref().and_then(|given| {
                let kinds: Vec<Kind> = given.iter().map(|one| self.kind(*one)).collect();
                let all = |wanted: Kind| kinds.iter().all(|k| *k == wanted || *k == Kind::Either);
                [Kind::Either, Kind::Person, Kind::Device]
                    .into_iter()
                    .find(|wanted| match wanted {
                        Kind::Either => kinds.iter().all(|kind| *kind == Kind::Either),
                        wanted => all(*wanted),
                    })
            });
            let party = match (given, kind) {
                (Some(given), Some(kind)) => {
                    let is_checked = given.iter().all(|one| self.parties[*one].is_checked);
                    let party = self.party(kind, is_checked);
                    for one in given {
                        self.parties[one].edges.push(party);
                    }
                    Some(party)
                }
                _ => None,
            };
            columns.push(party);
        }
        let sources = inputs.into_iter().flat_map(|input| input.sources);
        Relation {
            columns,
            sources: sources.collect(),
        }
    }

    /// Of two expressions that are equal in every row where both sides are there.
    /// `met` says of each whether the other one is there wherever it is.
    fn hold_equal(&mut self, one: (&Expr, Scope<'_>), other: (&Expr, Scope<'_>), met: [bool; 2]) {
        let sides = [one, other].map(|(expr, scope)| {
            let party = named(expr, scope, &self.parties)?;
            Some((party, is_around(expr)))
        });
        let [Some((one, one_around)), Some((other, other_around))] = sides else {
            return;
        };
        let fits = |a: Kind, b: Kind| a == b || a == Kind::Either || b == Kind::Either;
        if !fits(self.kind(one), self.kind(other)) {
            return;
        }
        // Rows around a subquery are there also where it gives none.
        if met[0] && !one_around {
            self.parties[one].edges.push(other);
        }
        if met[1] && !other_around {
            self.parties[other].edges.push(one);
        }
    }

    fn is_same(&self, one: Party, other: Party) -> bool {
        self.is_checked_by(one, &[other]) && self.is_checked_by(other, &[one])
    }

    /// Adds whose rows come in by subqueries of an expression that gives a value.
    fn take_in(&mut self, expr: &Expr, scope: Scope<'_>, into: &mut Vec<Source>) {
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
            let around: Vec<Party> = scope.all().collect();
            for mut source in inner.sources {
                let mut parties = source.parties.iter();
                let is_one = parties.any(|party| self.is_checked_by(*party, &around));
                source.crowd |= !is_one;
                into.push(source);
            }
        }
    }
}

/// The property by which a landing table says what is personal.
const PERSONAL: &str = "stedi.personal";

/// The columns that say whose row it is of a landing table whose part is not
/// known: those that are called what names people, or else devices, elsewhere;
/// or else those that its definition says are personal. Of a table that does not
/// say so, texts are taken to be: that makes nobody known by them.
fn names_unknown(roles: &Roles, table: &LandingTable, names: &[&str]) -> Vec<(usize, Kind)> {
    let places = |wanted: &dyn Fn(&str) -> bool, kind: Kind| -> Vec<(usize, Kind)> {
        let places = names.iter().enumerate();
        let places = places.filter(|(_, name)| wanted(&name.to_lowercase()));
        places.map(|(place, _)| (place, kind)).collect()
    };
    for (party, kind) in [
        (catalog::Party::Subject, Kind::Person),
        (catalog::Party::Device, Kind::Device),
    ] {
        let found = places(&|name| roles.party_by_column(name) == Some(party), kind);
        if !found.is_empty() {
            return found;
        }
    }
    match table.properties.contains_key(PERSONAL) {
        true => places(
            &|name| table.personal().iter().any(|own| own == name),
            Kind::Either,
        ),
        false => Vec::new(),
    }
}

/// The column that says whose row it is of a landing table whose part is known:
/// by its declared role, by its name, or because it lies where such a table does.
fn role<'a>(project: &'a Project, table: &LandingTable) -> Option<(&'a str, Kind)> {
    let by_name = |name: &str| {
        let (column, of_people) = landing_files::party(project, name)?;
        Some((
            column,
            if of_people {
                Kind::Person
            } else {
                Kind::Device
            },
        ))
    };
    let own = by_name(table.name.as_ref());
    if own.is_some_and(|(column, _)| table.column(column).is_some()) {
        return own;
    }
    let lies_in = |one: &str, other: &str| {
        let (one, other) = (one.trim_matches('/'), other.trim_matches('/'));
        let rest = one.strip_prefix(other);
        other.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let others = project.landing().iter().filter(|other| {
        let (one, other) = (table.path(), other.path());
        lies_in(one, other) || lies_in(other, one)
    });
    let roles: Vec<_> = others
        .filter_map(|other| by_name(other.name.as_ref()))
        .collect();
    let mut given = roles
        .iter()
        .filter(|(column, _)| table.column(column).is_some());
    given.next().or(roles.first()).copied()
}

/// The party that an expression names: a column, or what leaves its name what it
/// is. Functions of text change what a device is known by, but not a person. What
/// may give one value, or null, for several people is no name: all of them would
/// be one group.
fn named(expr: &Expr, scope: Scope<'_>, parties: &[Known]) -> Option<Party> {
    let mut expr = expr;
    let mut of_people = false;
    loop {
        match expr {
            Expr::Alias(alias) => expr = &alias.expr,
            Expr::Cast(cast) if cast.field.data_type().is_string() => expr = &cast.expr,
            Expr::TryCast(cast) if cast.field.data_type().is_string() => expr = &cast.expr,
            Expr::ScalarFunction(call)
                if matches!(
                    (call.name(), call.args.len()),
                    (SUBJECT | "lower" | "btrim" | "ltrim" | "rtrim", 1)
                ) =>
            {
                of_people = true;
                expr = &call.args[0];
            }
            Expr::Column(column) => {
                let party = scope.find(column)?;
                return (!of_people || parties[party].kind != Kind::Device).then_some(party);
            }
            Expr::OuterReferenceColumn(_, column) => {
                let around = std::iter::successors(scope.outer, |scope| scope.outer);
                let party = around.filter_map(|scope| scope.find(column)).next()?;
                return (!of_people || parties[party].kind != Kind::Device).then_some(party);
            }
            _ => return None,
        }
    }
}

/// Whether an expression is of the query around.
fn is_around(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(matches!(expr, Expr::OuterReferenceColumn(..))))
        .unwrap_or(true)
}

/// Pairs of expressions that a condition holds equal.
fn equal(condition: &Expr) -> Vec<(&Expr, &Expr)> {
    let mut open = vec![condition];
    let mut pairs = Vec::new();
    while let Some(expr) = open.pop() {
        match expr {
            Expr::Alias(alias) => open.push(&alias.expr),
            Expr::BinaryExpr(binary) if binary.op == Operator::And => {
                open.extend([&*binary.left, &*binary.right]);
            }
            Expr::BinaryExpr(binary) if binary.op == Operator::Eq => {
                pairs.push((&*binary.left, &*binary.right));
            }
            _ => {}
        }
    }
    pairs
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

impl<'a> Scope<'a> {
    fn of(parts: &'a [(&'a DFSchema, &'a [Option<Party>])], outer: Option<&'a Scope<'a>>) -> Self {
        Self { parts, outer }
    }

    /// The party of a column. A name without a table that may mean several means
    /// none.
    fn find(&self, column: &Column) -> Option<Party> {
        let mut found = Vec::new();
        for (schema, columns) in self.parts {
            if column.relation.is_some() {
                let place = schema.maybe_index_of_column(column);
                found.extend(place.and_then(|place| columns.get(place)));
            } else {
                let fields = schema.fields().iter().zip(*columns);
                found.extend(
                    fields
                        .filter(|(field, _)| field.name() == column.name())
                        .map(|(_, party)| party),
                );
            }
        }
        match found.as_slice() {
            [Some(party)] => Some(*party),
            _ => None,
        }
    }

    /// Every party here.
    fn all(&self) -> impl Iterator<Item = Party> {
        let columns = self.parts.iter().flat_map(|(_, columns)| *columns);
        columns.copied().flatten()
    }

    /// Every party of the queries around.
    fn around(&self) -> impl Iterator<Item = Party> {
        let around = std::iter::successors(self.outer, |scope| scope.outer);
        around.flat_map(Scope::all)
    }
}
