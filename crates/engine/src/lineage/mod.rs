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
mod masking;
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
use crate::{Error, system, wording};

/// Where the columns of models come from.
#[derive(Debug, Clone)]
pub(crate) struct Lineage {
    project: Arc<Project>,
    models: BTreeMap<String, ModelLineage>,
}

/// Where the columns of one model come from.
#[derive(Debug, Clone)]
pub(crate) struct ModelLineage {
    /// In the order of the SELECT.
    pub(crate) columns: Vec<ColumnOrigins>,
    /// What decides which rows there are.
    pub(crate) rows: Origins,
}

/// A column of a model, and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct ColumnOrigins {
    pub(crate) name: String,
    pub(crate) origins: Origins,
}

/// From what the SELECT reads, and from where that begins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    /// Columns of the tables that the SELECT names.
    pub(crate) direct: Flow,
    /// Columns of landing and system tables.
    pub(crate) first: Flow,
}

impl Lineage {
    /// Of no model yet, but of what a run derives before models read it.
    pub(crate) fn of(project: &Arc<Project>) -> Self {
        Self {
            project: Arc::clone(project),
            models: derived::tables(project).into_iter().collect(),
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
        self.models.insert(model.name.to_string(), lineage);
        Ok(())
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
                Some((position, wording::shown(&column.name), path))
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
            return Err(Error::Refused {
                message: format!(
                    "{}:{line}: {} is anonymous, and column `{name}` takes personal values from {}",
                    model.file,
                    model.name,
                    path.join(", from ")
                ),
                hint: format!(
                    "leave {} out, or give pseudonym(...) of it instead",
                    names.join(", ")
                ),
            });
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
            .map(|name| wording::shown(name).to_owned())
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
