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
