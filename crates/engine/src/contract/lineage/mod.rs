//! Where columns come from, and which of them are personal by that.
//!
//! [`trace`] follows one SELECT; a [`Lineage`] puts models behind each other,
//! in build order, down to landing fields. A column is personal if it takes
//! values from a personal one, unless they are masked on the way. The contract
//! must say so: statistics, exports and people go by the contract.
//!
//! What is told by the way rows are chosen, or by a CASE whose values are
//! constants, is not followed: it decides, and carries nothing.

mod derived;
mod flow;
mod groups;
mod masking;
mod model_lineage;
mod people;
#[cfg(test)]
mod tests;
mod trace;
mod whose;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::Schema;
use catalog::{Model, Project, Table};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

pub(crate) use self::flow::Flow;
pub use self::flow::{Influence, Origin};
pub(crate) use self::groups::GROUP_PEOPLE_MIN;
pub(crate) use self::model_lineage::{ColumnOrigins, ModelLineage, Origins};
use self::people::{ModelPeople, People, PeopleOfModels};
use crate::contract::subject_columns;
use crate::error::{Error, Refusal};
use query::redaction;
use query::system;

/// Where the columns of models come from.
#[derive(Debug)]
pub(crate) struct Lineage {
    project: Arc<Project>,
    models: BTreeMap<String, ModelLineage>,
    people: PeopleOfModels,
    /// What must not be published, in the order of the models.
    refused: Vec<Error>,
}

impl Lineage {
    /// Of no model yet, but of what a run derives before models read it.
    pub(crate) fn of(project: &Arc<Project>) -> Self {
        Self {
            project: Arc::clone(project),
            models: derived::tables(project).into_iter().collect(),
            people: PeopleOfModels::new(),
            refused: Vec::new(),
        }
    }

    /// Adds a model, after those that it reads. `plan` is its SELECT as
    /// written, `schema` names the columns.
    ///
    /// # Errors
    /// [`Error::Model`] where a column takes values from a personal one and
    /// the contract does not declare it personal; [`Error::Refused`] where it
    /// says that the table is anonymous.
    pub(crate) fn add(
        &mut self,
        model: &Model,
        schema: &Schema,
        plan: &LogicalPlan,
    ) -> Result<(), Error> {
        let (relation, tables) = trace::trace(&self.project, plan);
        let columns = schema.fields().iter().zip(relation.columns);
        let columns = columns.map(|(field, direct)| ColumnOrigins {
            name: field.name().clone(),
            origins: self.origins(direct),
        });
        let lineage = ModelLineage {
            columns: columns.collect(),
            rows: self.origins_of_rows(relation.rows, &tables),
        };
        self.must_be_declared(model, &lineage, plan)?;
        self.take_in_people(model, schema, &lineage, plan);
        self.models.insert(model.name.to_string(), lineage);
        Ok(())
    }

    /// Takes down whose rows a model holds, and whether its contract says so.
    fn take_in_people(
        &mut self,
        model: &Model,
        schema: &Schema,
        lineage: &ModelLineage,
        plan: &LogicalPlan,
    ) {
        let mut people = People::new(&self.project, &self.people);
        let relation = people.of(plan);
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let is_grouped = relation.sources.is_empty()
            || model.contract.anonymous && groups::can_be_counted(&mut people, plan);
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
        let known = ModelPeople {
            columns: relation
                .columns
                .iter()
                .map(|party| party.map(|party| people.kind(party)))
                .collect(),
            // What an anonymous table tells is of groups.
            has_people: !relation.sources.is_empty() && !model.contract.anonymous,
        };
        // Its rows are held against those that may be there, one by one.
        let said = match subject_columns::is_training_set(model, &names) {
            true => Ok(()),
            false => whose::must_be_said(model, &names, &people, &relation, &personal, is_grouped),
        };
        self.refused.extend(said.err());
        self.people.insert(model.name.to_string(), known);
    }

    /// Whether what the models hold may be published.
    ///
    /// # Errors
    /// [`Error::Refused`] for the first model that reaches people and does not
    /// say whose its rows are, or claims to tell of nobody.
    pub(crate) fn may_be_published(&mut self) -> Result<(), Error> {
        match self.refused.is_empty() {
            true => Ok(()),
            false => Err(self.refused.remove(0)),
        }
    }

    /// A plan that counts the rows of an anonymous model's `plan` that tell of
    /// fewer than [`GROUP_PEOPLE_MIN`] people; `None` where it reaches nobody.
    pub(crate) fn too_small_groups(&self, plan: &LogicalPlan) -> Option<LogicalPlan> {
        let mut people = People::new(&self.project, &self.people);
        if people.of(plan).sources.is_empty() {
            return None;
        }
        groups::too_small(&mut people, plan)
    }

    /// What is known of a model.
    pub(crate) fn model(&self, table: &str) -> Option<&ModelLineage> {
        self.models.get(table)
    }

    /// What is known of a model's column.
    pub(crate) fn column(&self, column: &Origin) -> Option<&Origins> {
        let columns = &self.models.get(&column.table)?.columns;
        let found = columns.iter().find(|known| known.name == column.column);
        found.map(|found| &found.origins)
    }

    /// Whether a column is declared personal. No model is added whose
    /// declaration is not what follows from its origins.
    pub(crate) fn is_personal(&self, column: &Origin) -> bool {
        if let Some(table) = column.table.strip_prefix("system.") {
            return system::personal(table).contains(&column.column.as_str());
        }
        match self.project.find(&column.table) {
            Some(Table::Landing(table)) => table.personal().contains(&column.column),
            Some(Table::Model(model)) => model.contract.is_personal(&column.column),
            None => false,
        }
    }

    fn origins(&self, direct: Flow) -> Origins {
        let mut first = Flow::default();
        for (origin, step) in direct.iter() {
            match self.column(origin) {
                Some(before) => first.add(&before.first, step.influence),
                None => first.add(&Flow::of(origin.clone()), step.influence),
            };
        }
        Origins { direct, first }
    }

    /// Rows of a table are decided on before another one reads them.
    fn origins_of_rows(&self, direct: Flow, tables: &BTreeSet<String>) -> Origins {
        let mut rows = self.origins(direct);
        for read in tables.iter().filter_map(|table| self.models.get(table)) {
            rows.first.add(&read.rows.first, Influence::Indirect);
        }
        rows
    }

    fn must_be_declared(
        &self,
        model: &Model,
        lineage: &ModelLineage,
        plan: &LogicalPlan,
    ) -> Result<(), Error> {
        let columns = lineage.columns.iter().enumerate();
        let undeclared: Vec<(usize, &str, Vec<String>)> = columns
            .filter(|(_, column)| !model.contract.is_personal(&column.name))
            .filter_map(|(position, column)| {
                let path = self.personal_path(&column.origins.direct)?;
                Some((position, redaction::shown(&column.name), path))
            })
            .collect();
        let Some((position, name, path)) = undeclared.first() else {
            return Ok(());
        };
        let names: Vec<String> = undeclared
            .iter()
            .map(|(_, name, _)| format!("`{name}`"))
            .collect();
        let line = place(plan, *position).map_or(model.sql_line, |(line, column)| {
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
        Err(Error::Model {
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
        })
    }

    /// The columns by which personal values come in, down to where they begin.
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

/// Where the statement gives the column at `position`, as line and column.
fn place(plan: &LogicalPlan, position: usize) -> Option<(u64, u64)> {
    let expr = match plan {
        LogicalPlan::Projection(projection) => projection.expr.get(position)?,
        LogicalPlan::Sort(sort) => return place(&sort.input, position),
        LogicalPlan::Limit(limit) => return place(&limit.input, position),
        LogicalPlan::Distinct(Distinct::All(input)) => return place(input, position),
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
