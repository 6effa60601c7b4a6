//! Which columns of which tables hold personal values, for those who show rows to others.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use catalog::{Model, Project, Table};
use query::tables::privacy_views;
use query::{Session, Setup, scan, system};

use crate::Error;
use crate::contract::lineage::{Influence, Lineage, Origin};
use crate::contract::planning;

/// The personal columns of all tables of a project.
#[derive(Clone)]
pub struct PersonalColumns {
    lineage: Arc<Lineage>,
    project: Arc<Project>,
}

impl fmt::Debug for PersonalColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonalColumns")
    }
}

impl PersonalColumns {
    /// Traces all models of the project.
    ///
    /// # Errors
    /// [`Error::Model`] for a model that cannot be planned.
    pub async fn of(setup: &Setup) -> Result<Self, Error> {
        let models: Vec<&Model> = setup.project.models().iter().collect();
        let session = Session::to_plan_in(setup)?;
        let (_, lineage) = planning::plan_and_trace(&session, &models).await?;
        Ok(Self {
            lineage: Arc::new(lineage),
            project: Arc::clone(&setup.project),
        })
    }

    /// The names of all tables and of their columns: of the project, of `system` and of
    /// `privacy`. None of them is a value.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for table in self.project.landing() {
            names.push(table.name.to_string());
            let columns = table.data_columns().iter().chain(table.partition_columns());
            names.extend(columns.map(|column| column.name.clone()));
        }
        for model in self.project.models() {
            names.push(model.name.to_string());
            if let Some(lineage) = self.lineage.model(model.name.as_str()) {
                names.extend(lineage.columns.iter().map(|column| column.name.clone()));
            }
        }
        let of_system = system::names().map(|name| (name, system::schema(name)));
        let of_privacy = privacy_views::names().map(|name| (name, privacy_views::schema(name)));
        for (name, schema) in of_system.chain(of_privacy) {
            names.push(name.to_owned());
            let fields = schema.iter().flat_map(|schema| schema.fields().iter());
            names.extend(fields.map(|field| field.name().clone()));
        }
        names
    }

    /// Whether a column may hold personal values:
    ///
    /// - of a model, if its contract, the log of its version (`logged`) or its SELECT says so,
    ///   and if the present SELECT does not name it. A pseudonym is no personal value here;
    /// - of a landing table, if its definition says so, and any text: people and devices write
    ///   what they like;
    /// - of a system table or a view of the schema `privacy`, if its definition says so, and
    ///   any bytes.
    pub fn is_personal(&self, zone: &str, table: &str, column: &Field, logged: &[String]) -> bool {
        let name = column.name();
        if logged.contains(name) || is_opaque(column.data_type()) {
            return true;
        }
        if zone == system::ZONE {
            return system::personal(table).contains(&name.as_str());
        }
        if zone == privacy_views::ZONE {
            return privacy_views::personal(table).contains(&name.as_str());
        }
        match self.project.find(table) {
            Some(Table::Landing(table)) => {
                table.personal().contains(name) || column.data_type().is_string()
            }
            None => zone == scan::LANDING && column.data_type().is_string(),
            Some(Table::Model(model)) => {
                let origin = Origin {
                    table: model.name.to_string(),
                    column: name.clone(),
                };
                self.lineage.is_personal(&origin)
                    || self
                        .lineage
                        .takes_personal_values(&origin, Influence::Direct)
            }
        }
    }
}

/// Bytes may be anything; what is nested may hold it.
fn is_opaque(kind: &DataType) -> bool {
    !(kind.is_primitive() || *kind == DataType::Boolean || kind.is_string())
}
