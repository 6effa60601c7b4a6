//! Plans models before a run: checks each against the tables it reads and its own contract.
//! Reads and writes no data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::{Check, Model, Project, Rule};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::empty::EmptyTable;
use datafusion::logical_expr::LogicalPlan;
use lake::Layout;

use crate::Error;
use crate::contract::checks::count_violations;
use crate::contract::leave_out;
use crate::contract::lineage::Lineage;
use crate::contract::reading_times;
use crate::contract::shipped;
use crate::contract::subject_columns;
use crate::contract::time_use::TimeUse;
use query::sql::parse::quote;
use query::system;
use query::tables::model_id;
use query::{Session, Setup};

/// A model that passed planning, and what later steps need to know about it.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) model: Model,
    pub(crate) layout: Layout,
    /// The statement that builds it: its SELECT, or [`leave_out::statement`].
    pub(crate) sql: String,
    /// What it reads of each landing table.
    pub(crate) landing: BTreeMap<String, LandingRead>,
    /// How its rows depend on the time of the run.
    pub(crate) time: TimeUse,
    /// How each check of its contract depends on the time of the run, in their order.
    pub(crate) checks: Vec<TimeUse>,
    /// Whether it computes the same as the shipped model of its name.
    pub(crate) is_as_shipped: bool,
    /// The column that gives the time of a device's reading unchanged, if one does.
    pub(crate) reading_time: Option<String>,
    /// For an anonymous model: the lineage that is used to count the people in each group.
    pub(crate) group_lineage: Option<Arc<Lineage>>,
}

impl Planned {
    /// Whether this is the training set, each row of which a privacy gate checks. A model
    /// with the same name but other columns is not the training set.
    pub(crate) fn is_training_set(&self) -> bool {
        let fields = self.layout.schema().fields().iter();
        let columns: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
        subject_columns::is_training_set(&self.model, &columns)
    }
}

/// Refuses a table that has the name of a system table: an unqualified name could mean
/// either.
fn refuse_system_names(project: &Project) -> Result<(), Error> {
    let landing = project.landing().iter();
    let landing = landing.map(|table| (&table.name, &table.file, table.line));
    let models = project.models().iter();
    let models = models.map(|model| (&model.name, &model.file, model.sql_line));
    let mut tables = landing.chain(models);
    let taken = tables.find(|(name, ..)| system::names().any(|system| **name == *system));
    match taken {
        None => Ok(()),
        Some((name, file, line)) => Err(Error::Model {
            file: file.clone(),
            line,
            message: format!("`{name}` is the name of a system table"),
            hint: Some("give the table another name".to_owned()),
        }),
    }
}

/// Whether the models with these names all compute the same as the shipped models.
pub(crate) fn are_as_shipped(planned: &[Planned], names: &[&str]) -> bool {
    names.iter().all(|name| {
        let mut planned = planned.iter();
        planned.any(|planned| planned.model.name.as_ref() == *name && planned.is_as_shipped)
    })
}

/// How a model reads a landing table.
#[derive(Debug, Clone, Default)]
pub(crate) struct LandingRead {
    /// The indices of the columns.
    pub(crate) columns: Vec<usize>,
    /// How many scans of the table the plan has.
    pub(crate) scans: u32,
}

/// Plans `models`, which are in build order. Each may read those before it.
///
/// # Errors
/// [`Error::Model`] with file and line for the first model with an error.
pub(crate) async fn plan(session: &Session, models: &[&Model]) -> Result<Vec<Planned>, Error> {
    Ok(plan_and_trace(session, models).await?.0)
}

/// As [`plan`], for models whose rows are published, with the lineage of the models.
///
/// # Errors
/// As [`plan`]; [`Error::Refused`] for the first model whose contract declares its people
/// wrongly, or not at all.
pub(crate) async fn plan_to_publish(
    session: &Session,
    models: &[&Model],
) -> Result<(Vec<Planned>, Arc<Lineage>), Error> {
    let (mut planned, mut lineage) = plan_and_trace(session, models).await?;
    lineage.may_be_published()?;
    let lineage = Arc::new(lineage);
    for planned in &mut planned {
        if planned.model.contract.anonymous && !planned.is_training_set() {
            planned.group_lineage = Some(Arc::clone(&lineage));
        }
    }
    Ok((planned, lineage))
}

/// As [`plan`], with the lineage of the models.
///
/// # Errors
/// As [`plan`].
pub(crate) async fn plan_and_trace(
    session: &Session,
    models: &[&Model],
) -> Result<(Vec<Planned>, Lineage), Error> {
    refuse_system_names(&session.tables().project)?;
    put_derived(session);
    let mut planned = Vec::new();
    let mut lineage = Lineage::of(&session.tables().project);
    let mut stars = Vec::new();
    for model in models {
        let plan = session
            .plan(&model.sql)
            .await
            .map_err(|error| missing_landing_column(session, model, error.into()))?;
        stars.extend(star(model, &plan));
        let is_as_shipped = shipped::computes_the_same(session, model, &plan).await;
        let layout = layout(model, &plan)?;
        let reading_time =
            reading_times::reading_time_column(session.tables().project.roles(), &plan);
        let reading_time = reading_time.map(|place| layout.schema().field(place).name().clone());
        lineage.add(model, layout.schema(), &plan)?;
        put_empty(session, model, &layout);
        let sql = leave_out::statement(model);
        let mut last_check = None;
        for check in leave_out::leaving_out(model) {
            plan_check(session, model, check).await?;
            last_check = Some(check);
        }
        let plan = match last_check {
            Some(check) => session
                .plan(&sql)
                .await
                .map_err(|error| in_check(model, check, error.into()))?,
            None => plan,
        };
        planned.push(Planned {
            time: TimeUse::of(&plan),
            checks: Vec::new(),
            landing: landing_reads(session, model, plan)?,
            model: (*model).clone(),
            layout,
            sql,
            is_as_shipped,
            reading_time,
            group_lineage: None,
        });
    }
    stars.extend(lineage.take_undeclared());
    if let Some(error) = Error::of_models(stars) {
        return Err(error);
    }
    for planned in &mut planned {
        for check in &planned.model.contract.checks {
            planned
                .checks
                .push(plan_check(session, &planned.model, check).await?);
        }
    }
    Ok((planned, lineage))
}

/// Makes the derived tables known, empty: none is computed yet, and the lake is not read before
/// all models are known to be right.
fn put_derived(session: &Session) {
    for table in system::DERIVED {
        let empty = EmptyTable::new(table.schema());
        session.tables().put_system(table.name(), Arc::new(empty));
    }
}

/// Makes a model's table known, empty, to those that read it.
fn put_empty(session: &Session, model: &Model, layout: &Layout) {
    let empty = EmptyTable::new(Arc::clone(layout.schema()));
    session.tables().put(model.name.as_ref(), Arc::new(empty));
}

/// What a model's contract must declare of people, as its SELECT tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProposedContract {
    /// The model's table.
    pub table: String,
    /// The column that names the person, if one must be declared.
    pub subject: Option<String>,
    /// The column that names the device, if one must be declared.
    pub device: Option<String>,
    /// The columns with personal values.
    pub personal: Vec<String>,
    /// Why a run refuses the model whatever its contract declares: the message without the
    /// model's file and line, and what to do if that is known.
    pub refused: Option<(String, Option<String>)>,
}

/// Proposes what the contracts of the project's models must declare of people. Contracts that
/// declare something already are not looked at. Reads and writes no data.
///
/// # Errors
/// If the project as a whole cannot be planned. What is wrong with one model is in its
/// proposal.
pub async fn propose_contracts(setup: &Setup) -> Result<Vec<ProposedContract>, Error> {
    let session = Session::to_plan_in(setup)?;
    refuse_system_names(&setup.project)?;
    put_derived(&session);
    let mut lineage = Lineage::of(&setup.project);
    let mut proposals = Vec::new();
    let mut unplanned = BTreeSet::new();
    for model in setup.project.models() {
        let mut proposal = ProposedContract {
            table: model.name.to_string(),
            ..ProposedContract::default()
        };
        let mut reads = model.reads().iter();
        if let Some(read) = reads.find(|read| unplanned.contains(&read.table)) {
            let reason = format!("it reads {}, which cannot be planned", read.table);
            proposal.refused = Some((reason, None));
            unplanned.insert(proposal.table.clone());
            proposals.push(proposal);
            continue;
        }
        match planned_layout(&session, model).await {
            Err(error) => {
                unplanned.insert(proposal.table.clone());
                proposal.refused = Some((error.without_place(), error.advice()));
            }
            Ok((plan, layout)) => {
                let people = lineage.propose(model, layout.schema(), &plan);
                let refused = people.refused.as_ref();
                proposal.refused = refused.map(|error| (error.without_place(), error.advice()));
                proposal.subject = people.subject;
                proposal.device = people.device;
                proposal.personal = people.personal;
                put_empty(&session, model, &layout);
            }
        }
        proposals.push(proposal);
    }
    Ok(proposals)
}

async fn planned_layout(session: &Session, model: &Model) -> Result<(LogicalPlan, Layout), Error> {
    let plan = session.plan(&model.sql).await;
    let plan = plan.map_err(|error| in_model(model, error.into()))?;
    let layout = layout(model, &plan)?;
    // Some errors are found only here.
    let optimised = session.state().optimize(&plan);
    optimised.map_err(|error| in_model(model, Error::planning(error)))?;
    Ok((plan, layout))
}

/// Plans a check on the tables planned so far. Returns how its result depends on the time of
/// the run.
async fn plan_check(session: &Session, model: &Model, check: &Check) -> Result<TimeUse, Error> {
    let plan = session
        .plan(&count_violations(model, check))
        .await
        .map_err(|error| in_check(model, check, error.into()))?;
    let time = TimeUse::of(&plan);
    if let Rule::Rows { .. } = check.rule {
        // Only the optimiser finds out whether the expression is a condition.
        let optimised = session.state().optimize(&plan);
        optimised.map_err(|error| in_check(model, check, Error::planning(error)))?;
    }
    Ok(time)
}

fn layout(model: &Model, plan: &LogicalPlan) -> Result<Layout, Error> {
    let schema = plan.schema().as_arrow();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    for (key, column) in model.contract.columns() {
        if !names.contains(&column.as_str()) {
            let near = catalog::nearest(column.as_str(), names.iter().copied());
            return Err(Error::Model {
                file: model.file.clone(),
                line: column.line,
                message: format!("{key} names `{column}`, which the SELECT does not give"),
                hint: Some(match near {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("the columns are {}", names.join(", ")),
                }),
            });
        }
    }
    let personal: Vec<String> = model
        .contract
        .personal
        .iter()
        .map(|column| column.as_str().to_owned())
        .collect();
    let table = model_id(model);
    Layout::new(table, schema, &personal).map_err(|error| Error::Model {
        file: model.file.clone(),
        line: model.sql_line,
        hint: Some("cast the column in the model's SELECT".to_owned()),
        message: error.to_string(),
    })
}

/// The error about `*` in the output columns, with the columns to list instead.
fn star(model: &Model, plan: &LogicalPlan) -> Option<Error> {
    let (line, _) = *model.stars.first()?;
    let columns = plan.schema().fields().iter();
    let columns: Vec<String> = columns
        .map(|field| quoted_where_needed(field.name()))
        .collect();
    Some(Error::Model {
        file: model.file.clone(),
        line,
        message: "`*` in the output columns".to_owned(),
        hint: Some(format!(
            "list the columns, as one that is not listed cannot leak; these are all: {}",
            columns.join(", ")
        )),
    })
}

/// A column's name, in quotes where SQL needs them.
fn quoted_where_needed(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match name.chars().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        true => name.to_owned(),
        false => quote(name),
    }
}

/// A model's planning error; where the model names a column that the shipped landing table
/// has and the project's lacks, about the project's landing file.
fn missing_landing_column(session: &Session, model: &Model, error: Error) -> Error {
    let error = in_model(model, error);
    let Error::Model { message, .. } = &error else {
        return error;
    };
    let project = &session.tables().project;
    let missing = project.missing_columns(model);
    let named = |column: &catalog::MissingColumn| {
        message.starts_with(&format!("there is no column `{}`", column.name))
    };
    let Some(missing) = missing.into_iter().find(named) else {
        return error;
    };
    Error::Model {
        file: missing.file,
        line: missing.line,
        message: format!(
            "`{}` has no column `{}`, which {} reads",
            missing.table,
            missing.name,
            missing.readers.join(", ")
        ),
        hint: Some(format!(
            "add `{} {}` to its columns, or take the column out of {}",
            missing.name, missing.kind, model.file
        )),
    }
}

/// The landing tables and columns that the optimised plan reads.
fn landing_reads(
    session: &Session,
    model: &Model,
    plan: LogicalPlan,
) -> Result<BTreeMap<String, LandingRead>, Error> {
    let optimised = session
        .state()
        .optimize(&plan)
        .map_err(|error| in_model(model, Error::planning(error)))?;
    let mut read: BTreeMap<String, LandingRead> = BTreeMap::new();
    let visited = optimised.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let name = scan.table_name.table().to_owned();
            let all = || (0..scan.source.schema().fields().len()).collect();
            let columns = scan.projection.clone().unwrap_or_else(all);
            let landing_read = read.entry(name).or_default();
            landing_read.scans += 1;
            landing_read.columns.extend(columns);
            landing_read.columns.sort_unstable();
            landing_read.columns.dedup();
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.map_err(|error| in_model(model, Error::planning(error)))?;
    let landing: Vec<&str> = session
        .tables()
        .project
        .landing()
        .iter()
        .map(|table| table.name.as_ref())
        .collect();
    read.retain(|name, _| landing.contains(&name.as_str()));
    Ok(read)
}

pub(crate) fn in_model(model: &Model, error: Error) -> Error {
    match error {
        Error::Query(query::Error::Sql {
            message,
            hint,
            place,
        }) => Error::Model {
            file: model.file.clone(),
            line: place.map_or(model.sql_line, |(line, column)| {
                model.locate(line, column).0
            }),
            message,
            hint,
        },
        Error::Query(query_error) if query_error.is_of_statement() => Error::Model {
            file: model.file.clone(),
            line: model.sql_line,
            hint: query_error.advice(),
            message: query_error.to_string(),
        },
        other => other,
    }
}

fn in_check(model: &Model, check: &Check, error: Error) -> Error {
    // The SQL of a check is a string in the contract. The line within it is unknown, so the
    // first line is given.
    let line = match &check.rule {
        Rule::Rows { sql_line, .. } | Rule::Sql { sql_line, .. } => *sql_line,
        _ => check.line,
    };
    match error {
        Error::Query(query_error) if query_error.is_of_statement() => Error::Model {
            file: model.file.clone(),
            line,
            hint: query_error.advice(),
            message: format!("check `{}`: {}", check.name(), without_place(&query_error)),
        },
        other => other,
    }
}

/// The message without line and column: they would be of the generated statement.
fn without_place(error: &query::Error) -> String {
    match error {
        query::Error::Sql { message, .. } => message.clone(),
        other => other.to_string(),
    }
}
