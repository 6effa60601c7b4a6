//! Lineage: the origins of columns, and which columns are personal because of them.
//!
//! [`trace`] traces one SELECT; a [`Lineage`] links models, in build order, down to landing
//! fields. A column is personal if it takes values from a personal one, unless they are
//! masked on the way. The contract must declare it, because statistics, exports and readers
//! go by the contract.
//!
//! [`people`] finds whose rows a SELECT outputs, and follows joins between tables about
//! people; [`subject_declarations`] compares that with the contract.
//!
//! Not traced: what the choice of rows reveals, or a CASE whose values are constants. They
//! only decide, and output no values.

mod derived;
mod flow;
mod groups;
mod landing_parties;
mod masking;
mod model_lineage;
mod parties;
mod party_scope;
mod people;
mod subject_declarations;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::Schema;
use catalog::{Model, Project, Table};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

pub(crate) use self::flow::Flow;
pub use self::flow::{Influence, Origin};
pub(crate) use self::model_lineage::{ColumnOrigins, ModelLineage, Origins};
use self::people::{ModelPeople, PeopleOfModels, PeopleTracer};
pub(crate) use self::subject_declarations::ProposedPeople;
use self::subject_declarations::{TracedModel, check_declarations, propose_declarations};
use crate::contract::subject_columns;
use crate::error::{Error, Refusal};
use query::redaction;
use query::system;

/// The origins of the columns of all models.
#[derive(Debug)]
pub(crate) struct Lineage {
    project: Arc<Project>,
    models: BTreeMap<String, ModelLineage>,
    people: PeopleOfModels,
    /// Why models must not be published, in the order of the models.
    refused: Vec<Error>,
    /// Columns that take personal values and are not declared personal.
    undeclared: BTreeSet<Origin>,
    /// The errors about them, in the order of the models.
    undeclared_errors: Vec<Error>,
    /// The personal columns of models whose contracts do not say yet which are.
    proposed: BTreeMap<String, Vec<String>>,
}

impl Lineage {
    /// Lineage of the derived system tables, without any model yet.
    pub(crate) fn of(project: &Arc<Project>) -> Self {
        Self {
            project: Arc::clone(project),
            models: derived::tables(project).into_iter().collect(),
            people: PeopleOfModels::new(),
            refused: Vec::new(),
            undeclared: BTreeSet::new(),
            undeclared_errors: Vec::new(),
            proposed: BTreeMap::new(),
        }
    }

    /// Adds a model, after those that it reads. `plan` is its SELECT before optimisation;
    /// `schema` names the columns. Columns that take personal values and are not declared
    /// personal count as personal in models that read them:
    /// [`Lineage::take_undeclared`] gives the errors about all models.
    ///
    /// # Errors
    /// [`Error::Refused`] if the table is anonymous and a column takes personal values.
    pub(crate) fn add(
        &mut self,
        model: &Model,
        schema: &Schema,
        plan: &LogicalPlan,
    ) -> Result<(), Error> {
        let lineage = self.traced(schema, plan);
        if let Some(error) = self.check_personal_columns(model, &lineage, plan)? {
            self.undeclared_errors.push(error);
        }
        self.add_people(model, schema, &lineage, plan);
        self.models.insert(model.name.to_string(), lineage);
        Ok(())
    }

    fn traced(&self, schema: &Schema, plan: &LogicalPlan) -> ModelLineage {
        let (relation, tables) = trace::trace(&self.project, plan);
        let columns = schema.fields().iter().zip(relation.columns);
        let columns = columns.map(|(field, direct)| ColumnOrigins {
            name: field.name().clone(),
            origins: self.origins(direct),
        });
        ModelLineage {
            columns: columns.collect(),
            rows: self.origins_of_rows(relation.rows, &tables),
        }
    }

    /// As [`Lineage::add`], for a model whose contract declares nothing of people yet: what it
    /// must declare.
    pub(crate) fn propose(
        &mut self,
        model: &Model,
        schema: &Schema,
        plan: &LogicalPlan,
    ) -> ProposedPeople {
        let lineage = self.traced(schema, plan);
        let personal = lineage.columns.iter();
        let personal = personal
            .filter(|column| self.personal_path(&column.origins.direct).is_some())
            .map(|column| column.name.clone());
        let personal: Vec<String> = personal.collect();
        let (people, declared) =
            self.with_people(model, schema, &lineage, plan, propose_declarations);
        let table = model.name.to_string();
        self.people.insert(table.clone(), people);
        self.proposed.insert(table.clone(), personal.clone());
        self.models.insert(table, lineage);
        ProposedPeople {
            personal,
            ..declared
        }
    }

    /// Records the people in a model's rows, and checks what its contract declares of them.
    fn add_people(
        &mut self,
        model: &Model,
        schema: &Schema,
        lineage: &ModelLineage,
        plan: &LogicalPlan,
    ) {
        // A privacy gate checks each row of the training set instead.
        let (people, result) = self.with_people(model, schema, lineage, plan, |traced| {
            match subject_columns::is_training_set(model, traced.names) {
                true => Ok(()),
                false => check_declarations(traced),
            }
        });
        self.refused.extend(result.err());
        self.people.insert(model.name.to_string(), people);
    }

    /// Traces the people in a model's rows; gives them, and what `judge` says of them.
    fn with_people<T>(
        &self,
        model: &Model,
        schema: &Schema,
        lineage: &ModelLineage,
        plan: &LogicalPlan,
        judge: impl FnOnce(&TracedModel<'_>) -> T,
    ) -> (ModelPeople, T) {
        let mut tracer = PeopleTracer::new(&self.project, &self.people);
        let relation = tracer.trace(plan);
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let is_grouped = relation.sources.is_empty()
            || model.contract.anonymous && groups::can_be_counted(&mut tracer, plan);
        let personal: BTreeSet<(String, String)> = lineage
            .columns
            .iter()
            .flat_map(|column| column.origins.direct.iter())
            .filter(|(origin, step)| {
                step.influence == Influence::Direct && self.is_personal(origin)
            })
            .map(|(origin, _)| (origin.table.clone(), origin.column.clone()))
            .collect();
        let personal: Vec<_> = personal.into_iter().collect();
        let people = ModelPeople {
            columns: relation
                .columns
                .iter()
                .map(|party| party.map(|party| tracer.parties().kind(party)))
                .collect(),
            // Rows of an anonymous table are groups, not people.
            has_people: !relation.sources.is_empty() && !model.contract.anonymous,
        };
        let verdict = judge(&TracedModel {
            model,
            names: &names,
            parties: tracer.parties(),
            relation: &relation,
            personal: &personal,
            is_grouped,
        });
        (people, verdict)
    }

    /// The errors about columns that take personal values and are not declared personal,
    /// one for each model that has any: [`Error::Model`].
    pub(crate) fn take_undeclared(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.undeclared_errors)
    }

    /// Whether all models may be published.
    ///
    /// # Errors
    /// [`Error::Refused`] for the first model whose contract declares its people wrongly, or
    /// not at all.
    pub(crate) fn may_be_published(&mut self) -> Result<(), Error> {
        match self.refused.is_empty() {
            true => Ok(()),
            false => Err(self.refused.remove(0)),
        }
    }

    /// A plan that counts the rows of an anonymous model's `plan` that are groups of fewer
    /// than [`evidence::GROUP_PEOPLE_MIN`] people; `None` if the model reads no rows of people.
    pub(crate) fn too_small_groups(&self, plan: &LogicalPlan) -> Option<LogicalPlan> {
        let mut tracer = PeopleTracer::new(&self.project, &self.people);
        if tracer.trace(plan).sources.is_empty() {
            return None;
        }
        groups::too_small(&mut tracer, plan)
    }

    /// The lineage of a model or derived table.
    pub(crate) fn model(&self, table: &str) -> Option<&ModelLineage> {
        self.models.get(table)
    }

    /// The origins of a model's column.
    pub(crate) fn column(&self, column: &Origin) -> Option<&Origins> {
        let columns = &self.models.get(&column.table)?.columns;
        let found = columns.iter().find(|known| known.name == column.column);
        found.map(|found| &found.origins)
    }

    /// Whether a column is declared personal. For models this agrees with the origins of the
    /// column, see [`Lineage::add`].
    pub(crate) fn is_personal(&self, column: &Origin) -> bool {
        if let Some(table) = column.table.strip_prefix("system.") {
            return system::personal(table).contains(&column.column.as_str());
        }
        if let Some(personal) = self.proposed.get(&column.table) {
            return personal.contains(&column.column);
        }
        match self.project.find(&column.table) {
            Some(Table::Landing(table)) => table.personal().contains(&column.column),
            Some(Table::Model(model)) => {
                model.contract.is_personal(&column.column) || self.undeclared.contains(column)
            }
            None => false,
        }
    }

    /// Whether a personal value flows into a model's column with at least that influence. A
    /// column that the SELECT does not name is taken for personal.
    pub(crate) fn takes_personal_values(&self, column: &Origin, least: Influence) -> bool {
        match self.column(column) {
            None => true,
            Some(origins) => origins
                .first
                .iter()
                .chain(origins.direct.iter())
                .any(|(origin, step)| step.influence >= least && self.is_personal(origin)),
        }
    }

    fn origins(&self, direct: Flow) -> Origins {
        let mut first = Flow::default();
        for (origin, step) in direct.iter() {
            match self.column(origin) {
                Some(origins) => first.add(&origins.first, step.influence),
                None => first.add(&Flow::of(origin.clone()), step.influence),
            };
        }
        Origins { direct, first }
    }

    /// What decides about rows of a table also decides about rows of tables that read it.
    fn origins_of_rows(&self, direct: Flow, tables: &BTreeSet<String>) -> Origins {
        let mut rows = self.origins(direct);
        for read in tables.iter().filter_map(|table| self.models.get(table)) {
            rows.first.add(&read.rows.first, Influence::Indirect);
        }
        rows
    }

    /// The error about columns that the contract must declare personal, if there are any.
    ///
    /// # Errors
    /// As [`Lineage::add`].
    fn check_personal_columns(
        &mut self,
        model: &Model,
        lineage: &ModelLineage,
        plan: &LogicalPlan,
    ) -> Result<Option<Error>, Error> {
        let columns = lineage.columns.iter().enumerate();
        let undeclared: Vec<(usize, &str, Vec<String>)> = columns
            .filter(|(_, column)| !model.contract.is_personal(&column.name))
            .filter_map(|(position, column)| {
                let path = self.personal_path(&column.origins.direct)?;
                Some((position, redaction::shown(&column.name), path))
            })
            .collect();
        let Some((position, name, path)) = undeclared.first() else {
            return Ok(None);
        };
        let names: Vec<String> = undeclared
            .iter()
            .map(|(_, name, _)| format!("`{name}`"))
            .collect();
        let line = source_position(plan, *position).map_or(model.sql_line, |(line, column)| {
            model.locate(line, column).0
        });
        if model.contract.anonymous {
            return Err(Error::Refused(Refusal::Model {
                file: model.file.clone(),
                line,
                rule: format!(
                    "{} is anonymous, and column `{name}` takes personal values from {}",
                    model.name,
                    path.join(", from ")
                ),
                advice: format!(
                    "leave {} out, or give pseudonym(...) of it instead",
                    names.join(", ")
                ),
            }));
        }
        let error = Error::Model {
            file: model.file.clone(),
            line,
            message: format!(
                "column `{name}` is not declared personal and takes personal values from {}",
                path.join(", from ")
            ),
            hint: Some(format!(
                "add {} to `personal` in the contract, or give pseudonym(...) of it instead",
                names.join(", ")
            )),
        };
        let columns: Vec<Origin> = undeclared
            .iter()
            .filter_map(|(position, ..)| lineage.columns.get(*position))
            .map(|column| Origin {
                table: model.name.to_string(),
                column: column.name.clone(),
            })
            .collect();
        self.undeclared.extend(columns);
        Ok(Some(error))
    }

    /// The columns that personal values pass through, down to the landing or system column.
    fn personal_path(&self, direct: &Flow) -> Option<Vec<String>> {
        let (origin, step) = direct.iter().find(|(origin, step)| {
            step.influence == Influence::Direct && self.is_personal(origin)
        })?;
        let within = step.through.iter().rev();
        let here = within
            .map(String::as_str)
            .chain([&*format!("{}.{}", origin.table, origin.column)])
            .map(|name| redaction::shown(name).to_owned())
            .collect::<Vec<_>>();
        let before = self.column(origin).map(|origins| &origins.direct);
        let before = before.and_then(|direct| self.personal_path(direct));
        Some([here, before.unwrap_or_default()].concat())
    }
}

/// The line and column of the expression that outputs the column at `position`.
fn source_position(plan: &LogicalPlan, position: usize) -> Option<(u64, u64)> {
    let expr = match plan {
        LogicalPlan::Projection(projection) => projection.expr.get(position)?,
        LogicalPlan::Sort(sort) => return source_position(&sort.input, position),
        LogicalPlan::Limit(limit) => return source_position(&limit.input, position),
        LogicalPlan::Distinct(Distinct::All(input)) => return source_position(input, position),
        _ => return None,
    };
    let mut found = None;
    let visited = expr.apply(|expr| {
        if let Expr::Column(column) = expr
            && let Some(span) = column.spans.first()
        {
            found = Some((span.start.line, span.start.column));
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.ok().and(found)
}
