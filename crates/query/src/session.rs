//! A session: plans and runs SQL over every table of one project.
//!
//! A run of the engine, each command that reads, and the SQL shell open one. It
//! registers the project's tables, our functions and optimiser rules with
//! DataFusion, sets its limits, and turns statements into [`Query`]s.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use catalog::{Project, Table};
use chrono::DateTime;
use datafusion::catalog::{MemoryCatalogProviderList, TableProvider};
use datafusion::common::TableReference;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryLimit, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{
    FunctionRegistry, SendableRecordBatchStream, SessionState, TaskContext,
};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::aggregate_statistics::AggregateStatistics;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::window_topn::WindowTopN;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use lake::{AsOf, Lake, Location, TableId, Version};
use landing::KeySet;

use crate::access::Access;
use crate::error::{Write, nearest};
use crate::first::FirstRowRule;
use crate::join::JoinRule;
use crate::landing::{Intake, LandingScan, LandingTable, Source};
use crate::pseudonym_key::{KeySource, SessionKey, StandIn};
use crate::snapshot::Snapshot;
use crate::spill::{self, Spill};
use crate::sql::definitions::{Definitions, Request};
use crate::sql::exact_types::ExactTypes;
use crate::sql::parse::{check_length, check_size, parse};
use crate::sql::unknown_function::no_function;
use crate::sql::unnest::{self, UnnestPlanner};
use crate::sql::{
    hidden_columns, mixed_types, session_tables, show, time_travel, trino_syntax, unsupported,
};
use crate::tables::{
    CATALOG, DEFAULT_SCHEMA, OWN_SCHEMAS, Schemas, Tables, model_id, privacy_views, store_url,
};
use crate::usage::{MeasuredPool, Meter};
use crate::{Error, function_limits, function_names, functions, redaction, window_limits};

/// What a session is opened with: project, places, time, memory, key.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The data product.
    pub project: Arc<Project>,
    /// Where landing files lie.
    pub landing: Location,
    /// Where the lake's tables lie.
    pub lake: Location,
    /// The start of the run, epoch milliseconds UTC.
    pub now_ms: i64,
    /// Bytes that sorts, joins and aggregations may use before they spill.
    pub memory_bytes: usize,
    /// Which version of lake tables a bare name means.
    pub as_of: AsOf,
    /// Where the key of pseudonyms comes from; used only for statements that call
    /// `pseudonym`.
    pub key: Option<Arc<dyn KeySource>>,
    /// How long to wait for another writer to release the lake's lock.
    pub wait: Duration,
    /// What of the tables is shown; `None` shows all.
    pub access: Option<Arc<dyn Access>>,
}

/// SQL over every table of one project.
pub struct Session {
    context: SessionContext,
    tables: Arc<Tables>,
    definitions: Arc<Definitions>,
    key: SessionKey,
    now_ms: i64,
}

/// A planned statement, ready to run.
pub struct Query {
    plan: Arc<dyn ExecutionPlan>,
    context: SessionContext,
}

impl Setup {
    /// A setup for planning only, without a landing folder or a lake.
    pub fn nowhere(project: Project) -> Self {
        let nowhere = || match Location::parse("/nowhere") {
            Ok(place) => place,
            Err(error) => unreachable!("an absolute path: {error}"),
        };
        Self {
            project: Arc::new(project),
            landing: nowhere(),
            lake: nowhere(),
            now_ms: 0,
            memory_bytes: 64 << 20,
            as_of: AsOf::Latest,
            key: None,
            wait: Duration::ZERO,
            access: None,
        }
    }
}

impl Session {
    /// Opens a session. Nothing is read yet.
    ///
    /// # Errors
    /// [`Error::Setup`] if the runtime cannot be set up.
    pub fn open(setup: &Setup) -> Result<Self, Error> {
        spill::remove_abandoned_folders();
        let key = SessionKey::of(setup.key.clone());
        Self::with(setup, tables_of(setup), key)
    }

    /// Another session of the same run, with another time, `now_ms`. It reads the
    /// same versions of tables, except for the tables in `others`, and uses the same
    /// key of pseudonyms.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn beside(
        &self,
        setup: &Setup,
        now_ms: i64,
        others: &[(TableId, Option<Version>)],
    ) -> Result<Self, Error> {
        let setup = Setup {
            now_ms,
            ..setup.clone()
        };
        let snapshot = self.tables.snapshot().clone().with(others);
        Self::with(&setup, tables_of(&setup).at(snapshot), self.key.clone())
    }

    /// The same session, reading its tables at `snapshot`. Both share memory limit, key
    /// and the account of landing files; neither sees tables that the other replaces
    /// from now on.
    pub fn at(&self, snapshot: Snapshot) -> Self {
        let tables = Arc::new(self.tables.at(snapshot));
        let mut state = self.context.state();
        state.register_catalog_list(Arc::new(MemoryCatalogProviderList::new()));
        let context = SessionContext::new_with_state(state);
        context.register_catalog(CATALOG, Arc::new(Schemas(Arc::clone(&tables))));
        Self {
            context,
            tables,
            definitions: Arc::clone(&self.definitions),
            key: self.key.clone(),
            now_ms: self.now_ms,
        }
    }

    fn with(setup: &Setup, tables: Tables, key: SessionKey) -> Result<Self, Error> {
        let tables = Arc::new(tables);
        let context = context(setup, &tables, &key).map_err(|error| Error::Setup {
            reason: error.strip_backtrace(),
        })?;
        Ok(Self {
            context,
            tables,
            definitions: Arc::default(),
            key,
            now_ms: setup.now_ms,
        })
    }

    /// A session for planning only: it never asks for the key of pseudonyms.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn to_plan_in(setup: &Setup) -> Result<Self, Error> {
        Self::open(&Setup {
            key: Some(Arc::new(StandIn)),
            ..setup.clone()
        })
    }

    /// Loads the key of pseudonyms if `sql` needs it.
    ///
    /// # Errors
    /// [`Error::NoKey`], [`Error::KeyRefused`].
    pub async fn provide_key_for(&self, sql: &str) -> Result<(), Error> {
        self.key.provide_for(&parse(sql)?).await
    }

    /// The fingerprint of the key of pseudonyms, once a statement has needed the key.
    pub fn key_fingerprint(&self) -> Option<String> {
        self.key.cell().get().map(|key| key.fingerprint())
    }

    /// The session's tables, with the versions at which they are read.
    pub fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    /// The state for planning statements. `now()` and similar functions return the
    /// start of the run, as `run_time()` does.
    pub fn state(&self) -> SessionState {
        let mut state = self.context.state();
        let props = state.execution_props_mut();
        props.query_execution_start_time = DateTime::from_timestamp_millis(self.now_ms);
        state
    }

    /// The state for planning statements whose rows the ledger counts.
    ///
    /// It turns off optimisations that answer part of a statement from statistics or
    /// read fewer rows for a LIMIT: with them, row counts would depend on how rows
    /// are spread over files.
    pub fn state_to_account_with(&self) -> SessionState {
        let state = self.state();
        let reads_all = |rule: &&Arc<dyn PhysicalOptimizerRule + Send + Sync>| {
            rule.name() != AggregateStatistics::new().name()
        };
        let rules = state.physical_optimizers().iter().filter(reads_all);
        let rules = rules.cloned().collect();
        let mut config = state.config().clone();
        let optimizer = &mut config.options_mut().optimizer;
        optimizer.enable_distinct_aggregation_soft_limit = false;
        optimizer.enable_topk_aggregation = false;
        optimizer.enable_topk_dynamic_filter_pushdown = false;
        optimizer.enable_topk_repartition = false;
        optimizer.enable_window_limits = false;
        function_names::rebuild(state)
            .with_config(config)
            .with_physical_optimizer_rules(rules)
            .build()
    }

    /// The context in which operators run.
    pub fn task_context(&self) -> Arc<TaskContext> {
        self.context.task_ctx()
    }

    /// Names of all tables, for completion.
    pub fn table_names(&self) -> Vec<String> {
        let mut names = self.tables.names();
        let system = self.tables.system_names().into_iter();
        names.extend(system.map(|name| format!("system.{name}")));
        let privacy = self.tables.privacy_names().into_iter();
        names.extend(privacy.map(|name| format!("{}.{name}", privacy_views::ZONE)));
        names
    }

    /// The account of what was read from landing files so far.
    pub fn intake(&self) -> &Arc<Intake> {
        &self.tables.intake
    }

    /// Reads `columns` of a landing table apart from the models that read it; this
    /// reading does not enter the account. With `keys`, only rows are read whose
    /// text in the first column is one of them.
    ///
    /// # Errors
    /// [`Error::Execution`] or [`Error::Landing`].
    pub async fn landing_streams(
        &self,
        source: &Arc<Source>,
        table: &str,
        columns: &[&str],
        keys: Option<Arc<dyn KeySet>>,
    ) -> Result<Vec<SendableRecordBatchStream>, Error> {
        let tables = self.tables();
        let failed = |error| Error::execution(table, error);
        let Some(definition) = tables
            .project
            .landing()
            .iter()
            .find(|t| t.name.as_ref() == table)
        else {
            return Ok(Vec::new());
        };
        let roles = tables.project.roles();
        let read = LandingTable::new(definition, roles, &tables.landing, Arc::default())
            .with_source(Arc::clone(source));
        let schema = read.schema();
        let places = columns.iter().map(|column| schema.index_of(column));
        let places = places.collect::<Result<Vec<_>, _>>();
        let places = places.map_err(|error| failed(error.into()))?;
        let scan = read
            .scan(&self.state(), Some(&places), &[], None)
            .await
            .map_err(failed)?;
        let narrowed = keys.and_then(|keys| {
            let scan = scan.downcast_ref::<LandingScan>()?;
            Some(Arc::new(scan.narrowed(0, keys)?) as Arc<dyn ExecutionPlan>)
        });
        let scan = narrowed.unwrap_or(scan);
        let partitions = scan.properties().partitioning.partition_count();
        (0..partitions)
            .map(|partition| scan.execute(partition, self.task_context()).map_err(failed))
            .collect()
    }

    /// Adds the external table that `statement` defines to the session. It is read like
    /// the project's landing tables, and may stand for one of them. What was done is told
    /// in a sentence.
    ///
    /// # Errors
    /// [`Error::Sql`] for a name that another table has.
    pub fn create_external_table(
        &self,
        table: catalog::LandingTable,
        statement: &str,
    ) -> Result<String, Error> {
        session_tables::create(&self.tables, &self.definitions, table, statement)
    }

    /// What a statement asks of the session: views and prepared statements are defined
    /// and removed here, and so are external tables removed; the rest is a query.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn request(&self, sql: &str) -> Result<Request, Error> {
        check_length(sql)?;
        if let Some(done) = self.definitions.take(sql, &self.tables.names())? {
            return Ok(done);
        }
        Ok(match session_tables::take(&self.tables, sql) {
            Some(sentence) => Request::Done(sentence),
            None => Request::Query(sql.to_owned()),
        })
    }

    /// Plans one statement. It may only read.
    ///
    /// # Errors
    /// [`Error::Sql`] for what cannot be parsed, planned or is not allowed;
    /// [`Error::NoTable`] with the nearest name.
    pub async fn query(&self, sql: &str) -> Result<Query, Error> {
        let plan = self.plan(sql).await?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(|_| Error::Writes(Write::Other))?;
        self.query_plan(plan).await
    }

    /// Like [`Session::query`], for a logical plan that only reads.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub async fn query_plan(&self, plan: LogicalPlan) -> Result<Query, Error> {
        let plan = self
            .state()
            .create_physical_plan(&plan)
            .await
            .map_err(Error::planning)?;
        Ok(Query {
            plan,
            context: self.context.clone(),
        })
    }

    /// As [`Session::query`], of a statement that somebody asks while runs may be
    /// published: all tables of the lake are as one release left them.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub async fn query_of_one_release(&self, sql: &str) -> Result<Query, Error> {
        let tables = match self.lake_tables_of(sql) {
            // A single table always belongs to one release.
            tables if tables.len() > 1 && self.tables.as_of == AsOf::Latest => tables,
            _ => Vec::new(),
        };
        let found = Snapshot::newest(&self.tables.lake, &tables).await;
        let (snapshot, found) = match found {
            Ok(snapshot) => (snapshot, Ok(())),
            Err(error) => (Snapshot::default(), Err(error)),
        };
        // Planning first: it describes a wrong statement or table better.
        let query = self.at(snapshot).query(sql).await?;
        found.map(|()| query)
    }

    /// The tables of the lake that a statement names without a version; empty if it
    /// cannot be parsed.
    fn lake_tables_of(&self, sql: &str) -> Vec<TableId> {
        let references = parse(sql).ok().and_then(|mut statement| {
            self.definitions.expand(&mut statement).ok()?;
            time_travel::resolve(&mut statement).ok()?;
            self.state().resolve_table_references(&statement).ok()
        });
        let is_view = |reference: &TableReference| {
            let schema = reference.schema();
            schema.is_some_and(|schema| schema.eq_ignore_ascii_case(privacy_views::ZONE))
        };
        if references.iter().flatten().any(is_view) {
            return self.tables.of_lake();
        }
        let of_lake = |reference: &TableReference| match reference.schema() {
            Some(zone @ crate::system::ZONE) => Some(TableId::new(zone, reference.table())),
            _ => match self.tables.project.find(reference.table())? {
                Table::Model(model) => Some(model_id(model)),
                Table::Landing(_) => None,
            },
        };
        let tables: BTreeSet<TableId> = references.iter().flatten().filter_map(of_lake).collect();
        tables.into_iter().collect()
    }

    /// The logical plan of one statement.
    pub async fn plan(&self, sql: &str) -> Result<LogicalPlan, Error> {
        self.plan_statement(sql).await.map_err(|error| match error {
            Error::Sql {
                message,
                hint,
                place,
            } => {
                let mut written = self.definitions.written();
                written.push(sql.to_owned());
                let masked = |text: String| {
                    let without =
                        |text: String, sql: &String| redaction::without_literals_of(sql, &text);
                    written.iter().fold(text, without)
                };
                Error::Sql {
                    message: masked(message),
                    hint: hint.map(masked),
                    place,
                }
            }
            other => other,
        })
    }

    async fn plan_statement(&self, sql: &str) -> Result<LogicalPlan, Error> {
        let mut statement = parse(sql)?;
        let shown = show::Shown {
            tables: &self.tables,
            definitions: &self.definitions,
            functions: &|| self.functions(),
        };
        if let Some(view) = show::described(&statement)
            && self.definitions.definition(&view).is_some()
        {
            let columns = Box::pin(self.plan_statement(&format!("select * from {view}"))).await?;
            statement = parse(&show::columns(columns.schema().as_arrow()))?;
        } else if let Some(sql) = show::query_of(&statement, &shown).await? {
            statement = parse(&sql)?;
        }
        if self.definitions.expand(&mut statement)?.views > 0 {
            check_size(&statement)?;
        }
        time_travel::resolve(&mut statement)?;
        trino_syntax::rewrite(&mut statement)?;
        hidden_columns::resolve(&mut statement, &|name| self.tables.is_landing(name))?;
        if let Some((part, hint)) = unsupported::ignored_part_of(&statement) {
            return Err(Error::Sql {
                message: format!("{part} is not supported"),
                hint: Some(hint.to_owned()),
                place: None,
            });
        }
        let state = self.state();
        self.check_tables(&state, &statement).await?;
        self.key.provide_for(&statement).await?;
        let unsupported = unsupported::part_of(&statement);
        let plan = state.statement_to_plan(statement).await.map_err(|error| {
            let (message, hint) = if let Some(name) = redaction::unknown_function(&error) {
                no_function(&state, &name)
            } else if let Some((part, hint)) = unsupported
                && redaction::is_unsupported(&error)
            {
                (format!("{part} is not supported"), hint.to_owned())
            } else {
                return Error::planning(error);
            };
            Error::Sql {
                message,
                hint: Some(hint),
                place: redaction::place(&error),
            }
        })?;
        mixed_types::refuse(&plan)?;
        let plan = unnest::joined(plan).map_err(Error::planning)?;
        window_limits::bounded(plan, self.memory_bytes()).map_err(Error::planning)
    }

    /// What a statement may hold in memory.
    fn memory_bytes(&self) -> u64 {
        match self.context.runtime_env().memory_pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes as u64,
            MemoryLimit::Infinite | MemoryLimit::Unknown => u64::MAX,
        }
    }

    /// Names of all functions, and what they are.
    pub fn functions(&self) -> Vec<(String, &'static str)> {
        let rewritten = trino_syntax::REWRITTEN.map(|(name, kind)| (name.to_owned(), kind));
        let mut functions = functions::kinds(&self.context.state());
        functions.extend(rewritten);
        functions.sort();
        functions.dedup();
        functions
    }

    /// Reports an unknown table with the nearest name before planning begins: the
    /// planner's own message shows a full path and no suggestion.
    async fn check_tables(&self, state: &SessionState, statement: &Statement) -> Result<(), Error> {
        let references = state
            .resolve_table_references(statement)
            .map_err(Error::planning)?;
        for reference in references {
            let schema = reference.schema().unwrap_or(DEFAULT_SCHEMA);
            let known = self.context.catalog(reference.catalog().unwrap_or(CATALOG));
            let Some(known) = known.and_then(|catalog| catalog.schema(schema)) else {
                if schema == "information_schema" {
                    continue;
                }
                if self
                    .tables
                    .names()
                    .contains(&reference.table().to_lowercase())
                {
                    return Err(self.tables.no_database(schema));
                }
                return Err(Error::NoTable {
                    name: redaction::shown(&reference.to_string()).to_owned(),
                    nearest: nearest(reference.table(), &self.table_names()),
                });
            };
            if !known.table_exist(reference.table()) {
                let shown = match reference.schema() {
                    Some(schema) => format!("{schema}.{}", reference.table()),
                    None => reference.table().to_owned(),
                };
                let near = nearest(reference.table(), &known.table_names());
                return Err(Error::NoTable {
                    name: redaction::shown(&shown).to_owned(),
                    nearest: near.map(|near| match reference.schema() {
                        Some(schema) => format!("{schema}.{near}"),
                        None => near,
                    }),
                });
            }
            if !OWN_SCHEMAS.contains(&schema) {
                self.tables.must_be_built(reference.table()).await?;
            }
        }
        Ok(())
    }
}

impl Query {
    /// Columns of the result.
    pub fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    /// Starts the query.
    ///
    /// # Errors
    /// [`Error::Execution`]; later ones come out of the stream, see
    /// [`Query::failed`].
    pub fn stream(&self) -> Result<SendableRecordBatchStream, Error> {
        execute_stream(Arc::clone(&self.plan), self.context.task_ctx()).map_err(Self::failed)
    }

    /// What reads how much the query took so far.
    pub fn meter(&self) -> Meter {
        Meter {
            plan: Arc::clone(&self.plan),
            pool: Arc::clone(&self.context.runtime_env().memory_pool),
        }
    }

    #[cfg(test)]
    pub(crate) fn into_plan(self) -> Arc<dyn ExecutionPlan> {
        self.plan
    }

    /// Redacts an error of the stream: no values from the data.
    pub fn failed(error: datafusion::error::DataFusionError) -> Error {
        Error::execution("the query", error)
    }
}

fn tables_of(setup: &Setup) -> Tables {
    Tables::new(
        Arc::clone(&setup.project),
        Lake::at(setup.lake.clone()),
        setup.landing.clone(),
        setup.as_of,
    )
    .shown_by(setup.access.clone())
    .opened_at(setup.now_ms)
}

/// DataFusion's optimiser rules with ours. [`FirstRowRule`] comes before sorts are
/// added for windows, because it needs none. [`JoinRule`] comes before dynamic
/// filters are pushed down, because they belong to DataFusion's hash join.
fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let mut insert = |rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>, before: &str| {
        let place = rules.iter().position(|known| known.name() == before);
        rules.insert(place.unwrap_or(rules.len()), rule);
    };
    insert(Arc::new(FirstRowRule), WindowTopN::new().name());
    insert(
        Arc::new(JoinRule),
        FilterPushdown::new_post_optimization().name(),
    );
    rules
}

fn context(
    setup: &Setup,
    tables: &Arc<Tables>,
    key: &SessionKey,
) -> datafusion::error::Result<SessionContext> {
    let consumers = std::num::NonZeroUsize::MIN;
    let pool = TrackConsumersPool::new(FairSpillPool::new(setup.memory_bytes), consumers);
    let pool = MeasuredPool::of(Arc::new(pool));
    let disk = DiskManagerBuilder::default().with_temp_file_factory(Arc::new(Spill::default()));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .build_arc()?;
    let url = store_url(&setup.lake)?;
    runtime.register_object_store(url.as_ref(), Arc::clone(setup.lake.store()));

    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, DEFAULT_SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true);
    let options = config.options_mut();
    // Keep line and column of expressions, for error messages.
    options.sql_parser.collect_spans = true;
    options.catalog.has_header = false;
    // As Trino orders: nulls come last, in descending order as well.
    options.sql_parser.default_null_ordering = "nulls_last".to_owned();
    // One build-side table serves all partitions of a join, however large the
    // side is. Repartitioning both sides by key would copy every reading, and its
    // queues grew without bound: 5 GB at factor 1000.
    options.optimizer.hash_join_single_partition_threshold = usize::MAX;
    options.optimizer.hash_join_single_partition_threshold_rows = usize::MAX;
    // Dynamic filters of joins and groupings skip row groups while the query runs:
    // the ledger's row counts would depend on how rows are spread over files.
    options.optimizer.enable_join_dynamic_filter_pushdown = false;
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    // Each sorting stream reserves this much to merge spilled rows. The default of
    // 10 MB per stream exceeds a small memory limit.
    let share = setup.memory_bytes / (8 * options.execution.target_partitions.max(1));
    options.execution.sort_spill_reservation_bytes = share.clamp(64 << 10, 10 << 20);
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_physical_optimizer_rules(rules())
        .build();
    let array_join = function_limits::bounded(&Arc::new(trino::array_join()), setup.memory_bytes);
    state.register_function_rewrite(Arc::new(ExactTypes {
        array_join: Arc::new(array_join),
    }))?;
    let context = SessionContext::new_with_state(state);
    context.register_relation_planner(Arc::new(UnnestPlanner))?;
    for function in trino::scalar_functions() {
        context.register_udf(function);
    }
    for function in trino::lambda_functions() {
        context.register_higher_order_function(Arc::new(function));
    }
    for function in trino::aggregate_functions() {
        context.register_udaf(function);
    }
    for function in functions::all(setup.now_ms, key.cell()) {
        context.register_udf(function);
    }
    for function in function_limits::bounded_functions(&context.state(), setup.memory_bytes) {
        context.register_udf(function);
    }
    if setup.access.is_some() {
        // It tells where files lie on this machine.
        context.deregister_udf("input_file_name");
    }
    context.register_catalog(CATALOG, Arc::new(Schemas(Arc::clone(tables))));
    Ok(context)
}
