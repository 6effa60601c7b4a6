//! Models before they run: whether each fits the tables it reads and its own
//! contract. Nothing is read or written here.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::{Check, Model, Rule};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::empty::EmptyTable;
use datafusion::logical_expr::LogicalPlan;
use lake::Layout;

use crate::Error;
use crate::contract::checks::count_violations;
use crate::contract::leave_out;
use crate::contract::lineage::Lineage;
use crate::contract::shipped;
use crate::contract::subject_columns;
use crate::contract::time_use::TimeUse;
use query::Session;
use query::system;
use query::tables::model_id;

/// A model that fits: its files' layout, and what it reads of landing tables.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) model: Model,
    pub(crate) layout: Layout,
    /// The statement that builds it: its SELECT, or that with a column more, see
    /// [`leave_out::statement`].
    pub(crate) sql: String,
    /// What is needed of each landing table read.
    pub(crate) landing: BTreeMap<String, LandingRead>,
    /// How its rows depend on the time of the run.
    pub(crate) time: TimeUse,
    /// Likewise what each check of its contract finds, in their order.
    pub(crate) checks: Vec<TimeUse>,
    /// Whether it computes what the shipped model of its name does.
    pub(crate) is_as_shipped: bool,
    /// What is known of the people behind it, where it is anonymous by its
    /// contract: its groups are looked at for it.
    pub(crate) grouped: Option<Arc<Lineage>>,
}

impl Planned {
    /// Whether this is the shipped training set, whose rows are held one by one against
    /// those that may be there. A model of its name with other columns is not.
    pub(crate) fn is_training_set(&self) -> bool {
        let fields = self.layout.schema().fields().iter();
        let columns: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
        subject_columns::is_training_set(&self.model, &columns)
    }
}

/// Whether the models of these names all compute what the shipped ones do.
pub(crate) fn are_as_shipped(planned: &[Planned], names: &[&str]) -> bool {
    names.iter().all(|name| {
        let mut planned = planned.iter();
        planned.any(|planned| planned.model.name.as_ref() == *name && planned.is_as_shipped)
    })
}

/// How a model reads a landing table.
#[derive(Debug, Clone, Default)]
pub(crate) struct LandingRead {
    /// The columns, by position.
    pub(crate) columns: Vec<usize>,
    /// How often.
    pub(crate) scans: u32,
}

/// Plans `models`, given in build order, against the schemas of each other.
///
/// # Errors
/// [`Error::Model`] with file and line for the first that does not fit.
pub(crate) async fn plan(session: &Session, models: &[&Model]) -> Result<Vec<Planned>, Error> {
    Ok(plan_and_trace(session, models).await?.0)
}

/// Likewise, of models whose rows are to be published, or are.
///
/// # Errors
/// As [`plan`]; [`Error::Refused`] for the first that reaches people and does not
/// say whose its rows are, or claims to tell of nobody.
pub(crate) async fn plan_to_publish(
    session: &Session,
    models: &[&Model],
) -> Result<Vec<Planned>, Error> {
    let (mut planned, mut lineage) = plan_and_trace(session, models).await?;
    lineage.may_be_published()?;
    let lineage = Arc::new(lineage);
    for planned in &mut planned {
        if planned.model.contract.anonymous && !planned.is_training_set() {
            planned.grouped = Some(Arc::clone(&lineage));
        }
    }
    Ok(planned)
}

/// Likewise, and tells where their columns come from.
///
/// # Errors
/// As [`plan`].
pub(crate) async fn plan_and_trace(
    session: &Session,
    models: &[&Model],
) -> Result<(Vec<Planned>, Lineage), Error> {
    // Nothing is derived yet, and where the lake lies is not looked at before
    // everything else is known to be right.
    for table in system::DERIVED {
        let empty = EmptyTable::new(table.schema());
        session.tables().put_system(table.name(), Arc::new(empty));
    }
    let mut planned = Vec::new();
    let mut lineage = Lineage::of(&session.tables().project);
    for model in models {
        let plan = session
            .plan(&model.sql)
            .await
            .map_err(|error| in_model(model, error.into()))?;
        let is_as_shipped = shipped::computes_the_same(session, model, &plan).await;
        let layout = layout(model, &plan)?;
        lineage.add(model, layout.schema(), &plan)?;
        session.tables().put(
            model.name.as_ref(),
            Arc::new(EmptyTable::new(Arc::clone(layout.schema()))),
        );
        let sql = leave_out::statement(model);
        let mut leaving = None;
        for check in leave_out::leaving(model) {
            fits(session, model, check).await?;
            leaving = Some(check);
        }
        let plan = match leaving {
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
            grouped: None,
        });
    }
    for planned in &mut planned {
        for check in &planned.model.contract.checks {
            planned
                .checks
                .push(fits(session, &planned.model, check).await?);
        }
    }
    Ok((planned, lineage))
}

/// Plans a check on the tables that were planned so far, and tells how what it
/// finds depends on the time of the run.
async fn fits(session: &Session, model: &Model, check: &Check) -> Result<TimeUse, Error> {
    let plan = session
        .plan(&count_violations(model, check))
        .await
        .map_err(|error| in_check(model, check, error.into()))?;
    let time = TimeUse::of(&plan);
    if let Rule::Rows { .. } = check.rule {
        // Whether it is a condition at all is found out on the way to a plan
        // that can be run.
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
        hint: error.hint(),
        message: error.to_string(),
    })
}

/// What the optimised plan reads of landing tables.
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
            let known = read.entry(name).or_default();
            known.scans += 1;
            known.columns.extend(columns);
            known.columns.sort_unstable();
            known.columns.dedup();
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

fn in_model(model: &Model, error: Error) -> Error {
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
        Error::Query(of_query) if of_query.is_of_statement() => Error::Model {
            file: model.file.clone(),
            line: model.sql_line,
            hint: of_query.advice(),
            message: of_query.to_string(),
        },
        other => other,
    }
}

fn in_check(model: &Model, check: &Check, error: Error) -> Error {
    // A check given as SQL stands in a string of its own: its first line is
    // what can be told.
    let line = match &check.rule {
        Rule::Rows { sql_line, .. } | Rule::Sql { sql_line, .. } => *sql_line,
        _ => check.line,
    };
    match error {
        Error::Query(of_query) if of_query.is_of_statement() => Error::Model {
            file: model.file.clone(),
            line,
            hint: of_query.advice(),
            message: format!("check `{}`: {}", check.name(), without_place(&of_query)),
        },
        other => other,
    }
}

/// The place would be one in the statement that the check becomes.
fn without_place(error: &query::Error) -> String {
    match error {
        query::Error::Sql { message, .. } => message.clone(),
        other => other.to_string(),
    }
}
