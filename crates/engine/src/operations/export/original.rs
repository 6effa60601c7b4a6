//! The table to export: version, columns, and whether its personal values may
//! leave.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use catalog::Table;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use lake::{AsOf, Commit, Lake, Layout, TableId, Version};
use query::tables::model_id;
use query::{Session, Setup, system};

use crate::error::{Error, Refusal, SettingsFault};

/// The table that is exported.
pub(super) struct Original {
    pub(super) layout: Layout,
    pub(super) grain: Option<String>,
    /// The version, and what its log says of it; none of a landing table, and of
    /// a system table that nothing was written to.
    pub(super) version: Option<(Version, Option<Commit>)>,
    rows: Arc<dyn TableProvider>,
}

impl Original {
    /// Finds the table `name`, by any of its names, at the version of
    /// `setup.as_of`. No row is read.
    ///
    /// # Errors
    /// [`Error::Query`]; [`Error::Lake`] where it was not built or has no such
    /// version; [`Error::Settings`] for a version of a landing table.
    pub(super) async fn find(setup: &Setup, session: &Session, name: &str) -> Result<Self, Error> {
        let lower = name.to_lowercase();
        let (zone, bare) = match lower.split_once('.') {
            Some((zone, bare)) => (Some(zone), bare),
            None => (None, lower.as_str()),
        };
        if zone == Some(system::ZONE) && system::schema(bare).is_some() {
            return Self::of_system(setup, session, bare).await;
        }
        match setup.project.find(&lower) {
            Some(Table::Model(model)) => {
                let id = model_id(model);
                let declared = |column: &str| model.contract.is_personal(column);
                let grain = Some(model.contract.grain.clone());
                match Self::of_lake(setup, session, &id, grain, declared).await? {
                    Some(original) => Ok(original),
                    None => Err(lake::Error::NoTable { table: id }.into()),
                }
            }
            Some(Table::Landing(table)) if setup.as_of != AsOf::Latest => {
                Err(Error::Settings(SettingsFault::NoVersions {
                    table: table.name.to_string(),
                }))
            }
            Some(Table::Landing(table)) => {
                let rows = session.tables().landing_table(table);
                let id = TableId::new("landing", table.name.to_string());
                Ok(Self {
                    layout: Layout::new(id, &rows.schema(), table.personal())?,
                    grain: table.comment.clone(),
                    version: None,
                    rows: Arc::new(rows),
                })
            }
            None => Err(crate::operations::no_table::no_table(setup, name)),
        }
    }

    async fn of_system(setup: &Setup, session: &Session, name: &str) -> Result<Self, Error> {
        let id = TableId::new(system::ZONE, name);
        let personal = system::personal(name);
        let grain = system::grain(name).map(str::to_owned);
        let declared = |column: &str| personal.contains(&column);
        if let Some(original) = Self::of_lake(setup, session, &id, grain.clone(), declared).await? {
            return Ok(original);
        }
        match session.tables().find(Some(system::ZONE), name).await? {
            Some(rows) => {
                let personal: Vec<String> = personal.iter().map(ToString::to_string).collect();
                Ok(Self {
                    layout: Layout::new(id, &rows.schema(), &personal)?,
                    grain,
                    version: None,
                    rows,
                })
            }
            None => Err(lake::Error::NoTable { table: id }.into()),
        }
    }

    async fn of_lake(
        setup: &Setup,
        session: &Session,
        id: &TableId,
        grain: Option<String>,
        declared: impl Fn(&str) -> bool,
    ) -> Result<Option<Self>, Error> {
        let lake = Lake::at(setup.lake.clone());
        let Some(version) = lake.version(id, setup.as_of).await? else {
            return Ok(None);
        };
        let tables = session.tables();
        let rows = tables.in_files(&version.table, &version.schema, &version.files)?;
        // Personal is what was so when the version was published, and what has
        // been found to be since.
        let names = version.schema.fields().iter().map(|field| field.name());
        let personal: Vec<String> = names
            .filter(|name| version.personal.contains(name) || declared(name))
            .cloned()
            .collect();
        let commits = lake.history(id).await?;
        let mut commits = commits.into_iter();
        let commit = commits.find(|commit| commit.version == version.number);
        Ok(Some(Self {
            layout: Layout::new(id.clone(), &version.schema, &personal)?,
            grain: version.description.clone().or(grain),
            version: Some((version, commit)),
            rows: Arc::new(rows),
        }))
    }

    pub(super) fn table(&self) -> &TableId {
        self.layout.table()
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        self.layout.schema()
    }

    /// Refuses personal values unless the user asked for them.
    ///
    /// # Errors
    /// [`Error::Refused`] with the names of the columns.
    pub(super) fn must_be_allowed(&self, personal_allowed: bool) -> Result<(), Error> {
        let table = self.table();
        let columns = self.layout.personal();
        // What lies in landing is as it was sent, and may be anything.
        let as_sent = table.zone == "landing";
        if personal_allowed || (columns.is_empty() && !as_sent) {
            return Ok(());
        }
        let why = match columns {
            [] => "it lies as it was sent and may hold personal values".to_owned(),
            [one] => format!("its column {one} is personal"),
            several => format!("its columns {} are personal", several.join(", ")),
        };
        Err(Error::Refused(Refusal::PersonalExport {
            table: format!("{}.{}", table.zone, table.name),
            reason: why,
        }))
    }

    /// Its rows, always in the same order where it is the same version.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub(super) async fn stream(
        &self,
        session: &Session,
    ) -> Result<SendableRecordBatchStream, Error> {
        stream(session, self.rows.as_ref(), &self.table().name).await
    }
}

/// The rows of `table`, file after file.
///
/// # Errors
/// [`Error::Query`] about `what`.
pub(in crate::operations) async fn stream(
    session: &Session,
    table: &dyn TableProvider,
    what: &str,
) -> Result<SendableRecordBatchStream, Error> {
    let failed = |error| Error::execution(what, error);
    let mut state = session.state();
    // In several streams at once, rows would come in whatever order.
    state.config_mut().options_mut().execution.target_partitions = 1;
    let plan = table.scan(&state, None, &[], None).await.map_err(failed)?;
    execute_stream(plan, state.task_ctx()).map_err(failed)
}
