//! All tables by name: resolves what `select ... from NAME` refers to.
//!
//! Names are looked up when a statement uses them, so opening a session costs
//! nothing however many tables the lake has. A name may carry a version, as in
//! `customer_trusted@v3` or `customer_trusted@t1655564376361`;
//! [`time_travel`](crate::sql::time_travel) rewrites `VERSION AS OF` and
//! `TIMESTAMP AS OF` to such names.
//!
//! [`Tables`] also pins versions, so that statements and runs read the tables of one
//! release.

mod computed_view;
mod guarded_table;
pub mod lake_table;
pub mod memory_table;
pub mod privacy_views;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, SchemaRef};
use async_trait::async_trait;
use catalog::{Project, Table, Zone};
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::future::BoxFuture;
use lake::{AsOf, DataFile, Lake, Location, TableId, Version};
use parking_lot::RwLock;

use crate::access::{Access, ColumnAccess};
use crate::error::external;
use crate::landing::{Intake, LandingTable};
use crate::snapshot::Snapshot;
use crate::sql::hidden_columns;
use crate::{Error, functions, redaction, scan, system};
use computed_view::ComputedView;
use guarded_table::GuardedTable;
use lake_table::LakeTable;
use memory_table::MemoryTable;

/// The schema of names without a zone.
pub const DEFAULT_SCHEMA: &str = "lakehouse";

/// Schemas of tables that are no part of the data product.
pub const OWN_SCHEMAS: [&str; 2] = [system::ZONE, privacy_views::ZONE];

/// The catalog that holds all schemas.
pub const CATALOG: &str = "stedi";

/// An external table of the session.
#[derive(Debug, Clone)]
struct SessionTable {
    table: catalog::LandingTable,
    /// As it was written.
    statement: String,
}

/// All tables of a session, and the versions at which it reads them.
#[derive(Debug)]
pub struct Tables {
    /// The data product.
    pub project: Arc<Project>,
    /// Where the lake's tables lie.
    pub lake: Lake,
    /// Where landing files lie.
    pub landing: Location,
    /// The account of what was read from landing files.
    pub intake: Arc<Intake>,
    /// The version of lake tables that a bare name means.
    pub as_of: AsOf,
    /// Tables that replace those of the lake under their names: built by a run and
    /// not yet published.
    overrides: RwLock<HashMap<String, Arc<dyn TableProvider>>>,
    session_landing: RwLock<HashMap<String, SessionTable>>,
    /// Databases that statements of the session made.
    session_databases: Arc<RwLock<BTreeSet<String>>>,
    /// See [`Tables::take_accepted_databases`]; shared by the sessions that read other
    /// snapshots of the same tables.
    used_databases: Arc<RwLock<BTreeSet<String>>>,
    snapshot: Snapshot,
    /// What of the tables is shown; `None` shows all.
    access: Option<Arc<dyn Access>>,
    /// When the session was opened, epoch milliseconds UTC.
    now_ms: i64,
}

impl Tables {
    /// The tables of `project`; names without a version are read at `as_of`.
    pub fn new(project: Arc<Project>, lake: Lake, landing: Location, as_of: AsOf) -> Self {
        Self {
            intake: Arc::new(Intake::new(project.roles())),
            project,
            lake,
            landing,
            as_of,
            overrides: RwLock::default(),
            session_landing: RwLock::default(),
            session_databases: Arc::default(),
            used_databases: Arc::default(),
            snapshot: Snapshot::default(),
            access: None,
            now_ms: 0,
        }
    }

    /// The same tables, as `access` shows them.
    pub(crate) fn shown_by(mut self, access: Option<Arc<dyn Access>>) -> Self {
        self.access = access;
        self
    }

    /// The same tables, in a session that is opened at `now_ms`.
    pub(crate) fn opened_at(mut self, now_ms: i64) -> Self {
        self.now_ms = now_ms;
        self
    }

    /// Resolves `name` to `table` from now on.
    pub fn put(&self, name: &str, table: Arc<dyn TableProvider>) {
        self.overrides.write().insert(name.to_owned(), table);
    }

    /// Replaces a system table by rows that are not published yet.
    pub fn put_system(&self, name: &str, table: Arc<dyn TableProvider>) {
        self.put(&format!("{}.{name}", system::ZONE), table);
    }

    /// Replaces a system table by `rows`, which were just derived.
    pub fn put_derived(
        &self,
        table: &system::Definition,
        rows: &RecordBatch,
    ) -> std::result::Result<(), Error> {
        let held = vec![vec![rows.clone()]];
        let held = MemoryTable::new(system::ZONE, table.name(), rows.schema(), held);
        self.put_system(table.name(), Arc::new(held));
        Ok(())
    }

    /// All tables that the lake may contain.
    pub fn of_lake(&self) -> Vec<TableId> {
        let models = self.project.models().iter();
        models.map(model_id).chain(system::ids()).collect()
    }

    /// The same tables, read at `snapshot`. What either one replaces or adds from now on
    /// does not concern the other.
    pub(crate) fn at(&self, snapshot: Snapshot) -> Self {
        Self {
            project: Arc::clone(&self.project),
            lake: self.lake.clone(),
            landing: self.landing.clone(),
            intake: Arc::clone(&self.intake),
            as_of: self.as_of,
            overrides: RwLock::new(self.overrides.read().clone()),
            session_landing: RwLock::new(self.session_landing.read().clone()),
            session_databases: Arc::clone(&self.session_databases),
            used_databases: Arc::clone(&self.used_databases),
            snapshot,
            access: self.access.clone(),
            now_ms: self.now_ms,
        }
    }

    /// The versions that are read as the newest ones.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The version of a table at `as_of`; for the newest one, that of the snapshot.
    pub async fn version_as_of(
        &self,
        table: &TableId,
        as_of: AsOf,
    ) -> std::result::Result<Option<Version>, Error> {
        if as_of != AsOf::Latest {
            return Ok(self.lake.version(table, as_of).await?);
        }
        self.snapshot.version(&self.lake, table).await
    }

    /// Adds an external table for the session, which `statement` defines.
    pub(crate) fn put_landing(&self, table: catalog::LandingTable, statement: &str) {
        if let Some(database) = &table.database {
            self.put_database(database);
        }
        let name = table.name.to_string();
        let statement = statement.trim().to_owned();
        let table = SessionTable { table, statement };
        self.session_landing.write().insert(name, table);
    }

    /// Whether `name` is that of an external table of the session.
    pub(crate) fn is_of_session(&self, name: &str) -> bool {
        self.session_landing.read().contains_key(name)
    }

    /// Removes an external table of the session.
    pub(crate) fn remove_landing(&self, name: &str) {
        self.session_landing.write().remove(name);
    }

    /// Adds a database for the session. Like every database, it has all tables.
    pub(crate) fn put_database(&self, name: &str) {
        self.session_databases.write().insert(name.to_lowercase());
    }

    /// Removes a database of the session; whether there was one.
    pub(crate) fn remove_database(&self, name: &str) -> bool {
        self.session_databases.write().remove(name)
    }

    /// The URL under which the store with the lake's files is registered.
    pub fn store_url(&self) -> Result<ObjectStoreUrl> {
        store_url(self.lake.location())
    }

    /// All names of tables, without system tables.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.project.names().map(str::to_owned).collect();
        names.extend(self.session_landing.read().keys().cloned());
        names.retain(|name| self.shows(&self.zone_of(None, name), name));
        names.sort();
        names.dedup();
        names
    }

    /// Names of system tables: those of the lake, and those that were put beside them.
    pub(crate) fn system_names(&self) -> Vec<String> {
        let overrides = self.overrides.read();
        let put = overrides.keys();
        let put = put.filter_map(|name| name.strip_prefix("system.").map(str::to_owned));
        let mut names: Vec<String> = system::names().map(str::to_owned).chain(put).collect();
        names.retain(|name| self.shows(system::ZONE, name));
        names.sort();
        names.dedup();
        names
    }

    /// Names of the views of the schema `privacy`; none in a session of older versions.
    pub(crate) fn privacy_names(&self) -> Vec<String> {
        let is_known =
            |name: &&str| self.as_of == AsOf::Latest && self.shows(privacy_views::ZONE, name);
        let names = privacy_views::names().filter(is_known);
        names.map(str::to_owned).collect()
    }

    /// Whether the session knows a table.
    fn shows(&self, zone: &str, table: &str) -> bool {
        let access = self.access.as_ref();
        access.is_none_or(|access| access.table(zone, table))
    }

    /// A table as the session shows it. `logged` are the columns that its version calls
    /// personal.
    fn shown(
        &self,
        table: Arc<dyn TableProvider>,
        (zone, name): (&str, &str),
        logged: &[String],
    ) -> Option<Arc<dyn TableProvider>> {
        match &self.access {
            None => Some(table),
            Some(access) if !access.table(zone, name) => None,
            Some(access) => {
                let guarded = GuardedTable::new(table, (zone, name), logged, access.as_ref());
                Some(Arc::new(guarded))
            }
        }
    }

    /// Names of databases: the zones, and those that landing definitions name.
    pub(crate) fn databases(&self) -> Vec<String> {
        let zones = Zone::ALL.into_iter().map(|zone| zone.to_string());
        let declared = self.project.landing().iter();
        let declared = declared.filter_map(|table| table.database.clone());
        let accepted = self.project.accepted_databases().iter().cloned();
        let names: BTreeSet<String> = zones
            .chain(declared)
            .chain(accepted)
            .chain(self.session_databases.read().iter().cloned())
            .chain(OWN_SCHEMAS.map(str::to_owned))
            .collect();
        names.into_iter().collect()
    }

    /// Names of the tables of a database; without one, of all but system tables. A
    /// database that landing definitions name has all of them: it is what Athena calls
    /// the place of the whole product.
    ///
    /// # Errors
    /// [`Error::Sql`] for a database that does not exist.
    pub(crate) fn names_in(
        &self,
        database: Option<&str>,
    ) -> std::result::Result<Vec<String>, Error> {
        let Some(database) = database.map(str::to_lowercase) else {
            return Ok(self.names());
        };
        let database = database.as_str();
        if database == system::ZONE {
            return Ok(self.system_names());
        }
        if database == privacy_views::ZONE {
            return Ok(self.privacy_names());
        }
        if let Some(zone) = Zone::ALL
            .into_iter()
            .find(|zone| zone.to_string() == database)
        {
            return Ok(self.names_of_zone(&zone.to_string()));
        }
        match self.is_database(database) {
            true => Ok(self.names()),
            false => Err(self.no_database(database)),
        }
    }

    /// Whether a name is that of the whole product: the default one, one that a landing
    /// definition names, or one that the settings accept.
    fn is_database(&self, name: &str) -> bool {
        name == DEFAULT_SCHEMA
            || name == "default"
            || self.project.declares_database(name)
            || self.project.accepted_databases().contains(name)
            || self.session_databases.read().contains(name)
    }

    /// The databases that statements have used since the last call and that only the
    /// settings accept.
    pub fn take_accepted_databases(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.used_databases.write())
    }

    fn names_of_zone(&self, zone: &str) -> Vec<String> {
        let of_zone = |name: &String| match self.project.find(name) {
            Some(Table::Landing(_)) => zone == "landing",
            Some(Table::Model(model)) => zone == model.zone.to_string(),
            None => zone == "landing",
        };
        self.names().into_iter().filter(of_zone).collect()
    }

    /// The definition of a table of the session, as it was written, or of the project, as
    /// its file has it.
    pub(crate) fn definition(&self, name: &str) -> Option<String> {
        if let Some(table) = self.session_landing.read().get(name) {
            return Some(table.statement.clone());
        }
        let own_name = match self.project.find(name)? {
            Table::Landing(table) => table.name.to_string(),
            Table::Model(model) => model.name.to_string(),
        };
        let shows_definitions = self
            .access
            .as_ref()
            .is_none_or(|access| access.definitions());
        if !shows_definitions || !self.shows(&self.zone_of(None, &own_name), &own_name) {
            return None;
        }
        let mut definitions = self.project.definitions();
        let of_table = |path: &str| path.split_once('/').is_some_and(|(_, own)| own == own_name);
        definitions
            .find(|(path, _)| of_table(path))
            .map(|(_, text)| text.to_owned())
    }

    /// The properties of a landing table; of another table, none.
    pub(crate) fn landing_properties(&self, name: &str) -> Option<Vec<(String, String)>> {
        if !self.names().iter().any(|known| known == name) {
            return None;
        }
        Some(match self.landing_definition(name) {
            Some(table) => table.properties.into_iter().collect(),
            None => Vec::new(),
        })
    }

    /// The definition of a landing table of the session or the project.
    fn landing_definition(&self, name: &str) -> Option<catalog::LandingTable> {
        if let Some(table) = self.session_landing.read().get(name) {
            return Some(table.table.clone());
        }
        match self.project.find(name)? {
            Table::Landing(table) => Some(table.clone()),
            Table::Model(_) => None,
        }
    }

    /// Whether `name` is that of a landing table.
    pub fn is_landing(&self, name: &str) -> bool {
        self.landing_definition(name).is_some()
    }

    /// The partitions of a landing table, such as `dt=2024-01-31/site=a`; none of a
    /// table without partition columns, and of a table of the lake.
    ///
    /// # Errors
    /// [`Error::NoTable`], [`Error::Landing`].
    pub(crate) async fn partitions(&self, name: &str) -> std::result::Result<Vec<String>, Error> {
        if !self.names().iter().any(|known| known == name) {
            return Err(self.no_table(name));
        }
        match self.landing_definition(name) {
            Some(table) => {
                let folders = table.partition_columns().iter();
                let folders: Vec<String> = folders.map(|column| column.name.clone()).collect();
                let table = self.landing_table(&table);
                let is_plain = |field: &Arc<Field>| match &self.access {
                    Some(access) if folders.contains(field.name()) => {
                        let shown = access.column(scan::LANDING, name, field, &[]);
                        access.table(scan::LANDING, name) && shown == ColumnAccess::Plain
                    }
                    _ => true,
                };
                if !table.schema().fields().iter().all(is_plain) {
                    return Err(Error::sql(
                        format!("the partitions of {name} are not shown"),
                        "their names are values of columns that are masked for you",
                    ));
                }
                table.partitions().await
            }
            None => Ok(Vec::new()),
        }
    }

    /// The error about a table that does not exist.
    pub(crate) fn no_table(&self, name: &str) -> Error {
        let names = self.names();
        Error::NoTable {
            name: redaction::shown(name).to_owned(),
            nearest: catalog::nearest(name, names.iter().map(String::as_str)).map(str::to_owned),
        }
    }

    /// The error about a database that does not exist.
    pub(crate) fn no_database(&self, name: &str) -> Error {
        Error::sql(
            format!("there is no database `{}`", redaction::shown(name)),
            format!(
                "the databases are {}; `databases` below [sql] in stedi.toml accepts others",
                self.databases().join(", ")
            ),
        )
    }

    /// Splits a name into the table's name and the version that it carries.
    fn split(name: &str) -> (String, Option<AsOf>) {
        if let Some((bare, version)) = name.rsplit_once('@') {
            let number = |text: &str| text.parse::<i64>().ok();
            if let Some(version) = version.strip_prefix('v').and_then(number) {
                return (bare.to_owned(), Some(AsOf::Version(version)));
            }
            if let Some(instant) = version.strip_prefix('t').and_then(number) {
                return (bare.to_owned(), Some(AsOf::Time(instant)));
            }
        }
        (name.to_owned(), None)
    }

    /// Finds `name` in `zone`; without a zone, anywhere but in `system`.
    pub async fn find(
        &self,
        zone: Option<&str>,
        name: &str,
    ) -> std::result::Result<Option<Arc<dyn TableProvider>>, Error> {
        let (name, asked) = Self::split(&name.to_lowercase());
        let as_of = asked.unwrap_or(self.as_of);
        if zone == Some(system::ZONE) {
            return self
                .find_system(&name, as_of)
                .await
                .or_else(|error| match error {
                    Error::NoTable { .. } => Ok(None),
                    error => Err(error),
                });
        }
        if zone == Some(privacy_views::ZONE) {
            return self.find_privacy_view(&name, as_of);
        }
        if let Some(bare) = name.strip_suffix(hidden_columns::SUFFIX) {
            let table = self.landing_definition(bare);
            return Ok(table.and_then(|table| {
                let table = self.landing_table(&table).with_hidden_columns();
                self.shown(Arc::new(table), (scan::LANDING, bare), &[])
            }));
        }
        if let Some(table) = self.session_landing.read().get(&name) {
            let table = Arc::new(self.landing_table(&table.table));
            return Ok(self.shown(table, (scan::LANDING, &name), &[]));
        }
        let Some(found) = self.project.find(&name) else {
            return Ok(None);
        };
        let (own_zone, own_name) = match &found {
            Table::Landing(table) => (Zone::Landing, table.name.to_string()),
            Table::Model(model) => (model.zone, model.name.to_string()),
        };
        if zone.is_some_and(|zone| zone != own_zone.to_string()) {
            return Ok(None);
        }
        if own_zone == Zone::Landing && asked.is_some() {
            return Err(Error::sql(
                format!("{own_name} is a landing table and has no versions"),
                "ask for a version of a trusted or curated table",
            ));
        }
        if let Some(table) = self.overrides.read().get(&own_name) {
            let zone = own_zone.to_string();
            return Ok(self.shown(Arc::clone(table), (&zone, &own_name), &[]));
        }
        match found {
            Table::Landing(table) => {
                let table = Arc::new(self.landing_table(table));
                Ok(self.shown(table, (scan::LANDING, &own_name), &[]))
            }
            Table::Model(model) => {
                let id = TableId::new(model.zone.to_string(), own_name);
                self.lake_table_as_of(&id, as_of).await
            }
        }
    }

    /// The zone of a table, given its name with or without a schema.
    pub fn zone_of(&self, schema: Option<&str>, name: &str) -> String {
        match (schema, self.project.find(name)) {
            (Some(own), _) if OWN_SCHEMAS.contains(&own) => own.to_owned(),
            (_, Some(Table::Model(model))) => model.zone.to_string(),
            _ => scan::LANDING.to_owned(),
        }
    }

    /// Checks that a model's table was built, if `name` is one.
    ///
    /// # Errors
    /// [`lake::Error::NoTable`].
    pub async fn must_be_built(&self, name: &str) -> std::result::Result<(), Error> {
        let (name, _) = Self::split(&name.to_lowercase());
        let Some(Table::Model(model)) = self.project.find(&name) else {
            return Ok(());
        };
        if self.overrides.read().contains_key(model.name.as_ref()) {
            return Ok(());
        }
        let table = model_id(model);
        if self.lake.exists(&table).await? {
            return Ok(());
        }
        Err(lake::Error::NoTable { table }.into())
    }

    async fn lake_table_as_of(
        &self,
        id: &TableId,
        as_of: AsOf,
    ) -> std::result::Result<Option<Arc<dyn TableProvider>>, Error> {
        let Some(version) = self.version_as_of(id, as_of).await? else {
            return Err(lake::Error::NoTable { table: id.clone() }.into());
        };
        let table = self.in_files(id, &version.schema, &version.files)?;
        Ok(self.shown(Arc::new(table), (&id.zone, &id.name), &version.personal))
    }

    /// A table of the lake whose rows are those of `files`.
    pub fn in_files(
        &self,
        id: &TableId,
        schema: &SchemaRef,
        files: &[DataFile],
    ) -> std::result::Result<LakeTable, Error> {
        let store = self.store_url().map_err(Error::planning)?;
        Ok(LakeTable::new(id, store, Arc::clone(schema), files))
    }

    async fn find_system(
        &self,
        name: &str,
        as_of: AsOf,
    ) -> std::result::Result<Option<Arc<dyn TableProvider>>, Error> {
        let own = format!("{}.{name}", system::ZONE);
        let known = system::schema(name);
        if let Some(table) = self.overrides.read().get(&own) {
            if known.is_none() && as_of != AsOf::Latest {
                return Err(tells_of_now(system::ZONE, name));
            }
            return Ok(self.shown(Arc::clone(table), (system::ZONE, name), &[]));
        }
        let Some(schema) = known else {
            return Err(Error::NoTable {
                name: format!("system.{name}"),
                nearest: catalog::nearest(name, system::names())
                    .map(|near| format!("system.{near}")),
            });
        };
        let id = TableId::new(system::ZONE, name);
        let Some(version) = self.version_as_of(&id, as_of).await? else {
            // Nothing was ever written to this table: it is empty, not missing.
            let none = MemoryTable::new(system::ZONE, name, schema, vec![Vec::new()]);
            return Ok(self.shown(Arc::new(none), (system::ZONE, name), &[]));
        };
        // Columns that are newer than the version are null.
        let schema = match schema.fields().starts_with(version.schema.fields()) {
            true => schema,
            false => Arc::clone(&version.schema),
        };
        let table = self.in_files(&id, &schema, &version.files)?;
        Ok(self.shown(Arc::new(table), (system::ZONE, name), &version.personal))
    }

    fn find_privacy_view(
        &self,
        name: &str,
        as_of: AsOf,
    ) -> std::result::Result<Option<Arc<dyn TableProvider>>, Error> {
        let own = privacy_views::ZONE;
        let Some(view) = privacy_views::find(name).filter(|_| self.shows(own, name)) else {
            return Ok(None);
        };
        if as_of != AsOf::Latest {
            return Err(tells_of_now(own, name));
        }
        // The tables as they are, whatever the session shows of them.
        let all = Arc::new(self.at(self.snapshot.clone()).shown_by(None));
        let planner = Box::new(move || {
            let planned = plan_of(Arc::clone(&all), view);
            Box::pin(async { planned.await.map_err(external) }) as BoxFuture<'static, _>
        });
        let table = Arc::new(ComputedView::new(view.schema(), planner));
        Ok(self.shown(table, (own, name), &[]))
    }

    /// A landing table of that definition.
    pub fn landing_table(&self, table: &catalog::LandingTable) -> LandingTable {
        let roles = self.project.roles();
        LandingTable::new(table, roles, &self.landing, Arc::clone(&self.intake))
    }
}

/// The identifier of a model's table.
pub fn model_id(model: &catalog::Model) -> TableId {
    TableId::new(model.zone.to_string(), model.name.to_string())
}

/// The plan of a view over `tables`.
async fn plan_of(
    tables: Arc<Tables>,
    view: &privacy_views::View,
) -> std::result::Result<LogicalPlan, Error> {
    let mut published = Vec::new();
    for model in tables.project.models() {
        let version = tables.version_as_of(&model_id(model), AsOf::Latest).await?;
        published.extend(version.map(|version| (model, Arc::clone(&version.schema))));
    }
    let readings = tables.project.roles().device_readings().iter();
    let times: Vec<&str> = readings.map(|readings| readings.time.as_str()).collect();
    let sql = view.select(tables.now_ms, &published, &times);
    let config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, DEFAULT_SCHEMA)
        .with_create_default_catalog_and_schema(false);
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_default_features()
        .build();
    let context = SessionContext::new_with_state(state);
    context.register_udf(functions::subject().as_ref().clone());
    context.register_catalog(CATALOG, Arc::new(Schemas(Arc::clone(&tables))));
    let plan = context.state().create_logical_plan(&sql).await;
    plan.map_err(Error::planning)
}

fn tells_of_now(schema: &str, table: &str) -> Error {
    Error::sql(
        format!("{schema}.{table} tells of now and has no versions"),
        "leave out which version you want",
    )
}

/// The URL under which DataFusion finds the store of `location`.
pub fn store_url(location: &Location) -> Result<ObjectStoreUrl> {
    match location.url().host_str() {
        Some(bucket) => ObjectStoreUrl::parse(format!("{}://{bucket}", location.url().scheme())),
        None => Ok(ObjectStoreUrl::local_filesystem()),
    }
}

/// The tables of one zone, or all of them by names without a zone.
#[derive(Debug)]
struct ZoneTables {
    tables: Arc<Tables>,
    zone: Option<&'static str>,
}

#[async_trait]
impl SchemaProvider for ZoneTables {
    fn table_names(&self) -> Vec<String> {
        match self.zone {
            Some(system::ZONE) => self.tables.system_names(),
            Some(privacy_views::ZONE) => self.tables.privacy_names(),
            None => self.tables.names(),
            Some(zone) => self.tables.names_of_zone(zone),
        }
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.tables.find(self.zone, name).await {
            // Listing the columns of all tables skips tables that are not built yet.
            // For a statement that names one, planning has failed before.
            Err(Error::Lake(lake::Error::NoTable { .. })) => Ok(None),
            found => found.map_err(external),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        let (name, _) = Tables::split(&name.to_lowercase());
        let name = name.strip_suffix(hidden_columns::SUFFIX).unwrap_or(&name);
        let name = name.to_owned();
        self.table_names().contains(&name)
    }
}

/// The schemas of a session: one per zone, and one for bare names.
#[derive(Debug)]
pub struct Schemas(pub Arc<Tables>);

impl CatalogProvider for Schemas {
    /// Lists every table once. Zones are schemas too, but their tables are already
    /// in the default schema, and would appear twice in `information_schema`.
    fn schema_names(&self) -> Vec<String> {
        let own = [DEFAULT_SCHEMA].into_iter().chain(OWN_SCHEMAS);
        own.map(str::to_owned).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let zone = match name.to_lowercase().as_str() {
            name if self.0.is_database(name) => {
                if self.0.project.accepted_databases().contains(name)
                    && !self.0.project.declares_database(name)
                {
                    self.0.used_databases.write().insert(name.to_owned());
                }
                None
            }
            "landing" => Some("landing"),
            "trusted" => Some("trusted"),
            "curated" => Some("curated"),
            system::ZONE => Some(system::ZONE),
            privacy_views::ZONE => Some(privacy_views::ZONE),
            _ => return None,
        };
        Some(Arc::new(ZoneTables {
            tables: Arc::clone(&self.0),
            zone,
        }))
    }
}
