//! What tools ask a Postgres server about itself: `pg_catalog` and `information_schema`.
//!
//! The answers are made of the tables that the desk shows whoever asks, in a session that
//! holds nothing else: no file, no table of the lake, no rows of data.

mod fill;
mod functions;
mod names;
mod pruning;
mod rewrite;
mod tables;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider,
};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as DfStatement;
use futures::StreamExt;

use self::fill::{DATABASE, Numbered};
use crate::desk::{Desk, VisibleTable};
use crate::fault::{Fault, Kind};
use crate::principal::{Door, Principal};

/// Bytes that one answer about the catalog may take.
const MEMORY_BYTES: usize = 64 << 20;

/// Rows of one answer about the catalog.
const ROWS_MAX: usize = 100_000;

/// The columns and rows that answer a statement about the catalog.
pub(super) async fn answer(
    desk: &Arc<Desk>,
    who: &Principal,
    sql: &str,
) -> Result<(SchemaRef, Vec<RecordBatch>), Fault> {
    let work = {
        let (desk, who, sql) = (Arc::clone(desk), who.clone(), sql.to_owned());
        async move {
            let tables = desk.tables(&who).await?;
            let planned = planned(&tables, &who, &sql).await?;
            let mut stream = planned.execute_stream().await.map_err(wrong)?;
            let schema = stream.schema();
            let (mut batches, mut rows) = (Vec::new(), 0);
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(wrong)?;
                rows += batch.num_rows();
                if rows > ROWS_MAX {
                    let message = format!("there are more than {ROWS_MAX} rows");
                    return Err(Fault::new(Kind::Limit, message));
                }
                batches.push(batch);
            }
            Ok((rows as u64, (schema, batches)))
        }
    };
    desk.aside(who, Door::Postgres, sql, work).await
}

/// The columns that a statement about the catalog gives.
pub(super) async fn describe(
    desk: &Arc<Desk>,
    who: &Principal,
    sql: &str,
) -> Result<SchemaRef, Fault> {
    let tables = desk.tables(who).await?;
    let planned = planned(&tables, who, sql).await?;
    Ok(Arc::clone(planned.schema().inner()))
}

async fn planned(tables: &[VisibleTable], who: &Principal, sql: &str) -> Result<DataFrame, Fault> {
    let numbered = fill::numbered(tables);
    let statement = rewrite::statement(sql, &names(&numbered), &who.name)?;
    let context = context(&numbered, &who.name).map_err(wrong)?;
    let state = context.state();
    let statement = DfStatement::Statement(Box::new(statement));
    let plan = state.statement_to_plan(statement).await.map_err(wrong)?;
    Ok(DataFrame::new(state, plan))
}

fn names(tables: &[Numbered<'_>]) -> Vec<(String, String, i64)> {
    let names = tables.iter().map(|numbered| {
        let table = numbered.table;
        (table.schema.clone(), table.table.clone(), numbered.oid)
    });
    names.collect()
}

/// A session that holds the catalog and nothing else.
fn context(tables: &[Numbered<'_>], user: &str) -> DfResult<SessionContext> {
    let config = SessionConfig::new()
        .with_default_catalog_and_schema(DATABASE, "pg_catalog")
        .with_information_schema(false)
        .with_target_partitions(1);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(MEMORY_BYTES)))
        .build_arc()?;
    let context = SessionContext::new_with_config_rt(config, runtime);
    let catalog = MemoryCatalogProvider::new();
    let mut rows = fill::rows(tables, user);
    for schema in ["pg_catalog", "information_schema"] {
        let provider = MemorySchemaProvider::new();
        let specs = tables::FILLED.iter().chain(tables::EMPTY);
        for spec in specs.filter(|spec| spec.schema == schema) {
            let batch = spec.batch(&rows.remove(spec.name).unwrap_or_default())?;
            let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
            provider.register_table(spec.name.to_owned(), Arc::new(table))?;
        }
        catalog.register_schema(schema, Arc::new(provider))?;
    }
    context.register_catalog(DATABASE, Arc::new(catalog));
    register_functions(&context, tables);
    Ok(context)
}

/// The functions that `rewrite` calls.
fn register_functions(context: &SessionContext, tables: &[Numbered<'_>]) {
    let of_table = |describe: fn(&VisibleTable) -> String| {
        let known: Vec<(i64, String)> = tables
            .iter()
            .map(|numbered| (numbered.oid, describe(numbered.table)))
            .collect();
        move |oid: i64| {
            known
                .iter()
                .find(|(of, _)| *of == oid)
                .map(|(_, text)| text.clone())
        }
    };
    let name = of_table(|table| match table.schema == fill::SEARCHED {
        true => table.table.clone(),
        false => format!("{}.{}", table.schema, table.table),
    });
    by_oid(context, "stedi_table_name", move |oid| {
        name(oid).or_else(|| Some(oid.to_string()))
    });
    by_oid(
        context,
        "stedi_table_description",
        of_table(fill::description),
    );
    let format_type = |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let (oids, modifiers) = (
            arrays[0].as_primitive::<Int64Type>(),
            arrays[1].as_primitive::<Int64Type>(),
        );
        let names = oids
            .iter()
            .zip(modifiers)
            .map(|(oid, modifier)| fill::format_type(oid?, modifier));
        Ok(ColumnarValue::Array(
            Arc::new(names.collect::<StringArray>()) as ArrayRef,
        ))
    };
    context.register_udf(create_udf(
        "stedi_format_type",
        vec![DataType::Int64, DataType::Int64],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(format_type),
    ));
    let quote = |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let quoted = arrays[0]
            .as_string::<i32>()
            .iter()
            .map(|name| name.map(names::quoted));
        Ok(ColumnarValue::Array(
            Arc::new(quoted.collect::<StringArray>()) as ArrayRef,
        ))
    };
    context.register_udf(create_udf(
        "stedi_quote_ident",
        vec![DataType::Utf8],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(quote),
    ));
}

fn by_oid(
    context: &SessionContext,
    name: &str,
    text: impl Fn(i64) -> Option<String> + Send + Sync + 'static,
) {
    let function = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let texts = arrays[0]
            .as_primitive::<Int64Type>()
            .iter()
            .map(|oid| text(oid?));
        Ok(ColumnarValue::Array(
            Arc::new(texts.collect::<StringArray>()) as ArrayRef,
        ))
    };
    let udf = create_udf(
        name,
        vec![DataType::Int64],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(function),
    );
    context.register_udf(udf);
}

/// A fault of a statement about the catalog. Its session holds no value that an error of
/// the query engine could show.
fn wrong(error: DataFusionError) -> Fault {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => Fault::new(
            Kind::Limit,
            "this takes more memory than an answer about the catalog may",
        ),
        DataFusionError::Plan(message) if message.ends_with("not found") => {
            let name = message.split('\'').nth(1).unwrap_or_default();
            let name = name.rsplit('.').next().unwrap_or(name);
            Fault::new(
                Kind::Missing,
                format!("there is no table `{name}` beside those of the catalog"),
            )
            .with_hint("read tables of the lake in a statement of their own")
        }
        root => Fault::new(Kind::Wrong, root.strip_backtrace())
            .with_hint("pg_catalog and information_schema are as far here as tools need them"),
    }
}
