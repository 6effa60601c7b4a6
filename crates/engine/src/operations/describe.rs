//! `stedi tables`, `describe` and `history`: tables, their columns, their versions.

use std::collections::BTreeMap;

use catalog::{Model, Table};
use lake::{AsOf, Commit, Lake, TableId, Version};
use query::landing::{Source, place};
use query::tables::model_id;
use query::{Session, Setup, sql_types, system};
use serde::Serialize;

use super::no_table::no_table;
use crate::Error;
use crate::run::unreadable;
use crate::subjects::landing_files;

/// One line of `stedi tables`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableSummary {
    /// `landing`, `trusted`, `curated` or `system`.
    pub zone: String,
    /// Bare name.
    pub table: String,
    /// Its rows; `None` for tables that no run built or read yet.
    pub rows: Option<u64>,
    /// What the rows are those of.
    pub counted: Option<Counted>,
    /// The newest version; `None` where there is none.
    pub version: Option<i64>,
    /// Data files.
    pub files: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
    /// One row of it, in words.
    pub grain: Option<String>,
}

/// What counted the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Counted {
    /// The log of its newest version.
    #[serde(rename = "version")]
    Version,
    /// The last run, as it read the landing files; there may be more since.
    #[serde(rename = "last run")]
    LastRun,
}

impl Counted {
    /// `version` or `last run`.
    pub fn as_str(self) -> &'static str {
        match self {
            Counted::Version => "version",
            Counted::LastRun => "last run",
        }
    }
}

/// What `stedi describe` shows of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// Its line in `stedi tables`.
    #[serde(flatten)]
    pub summary: TableSummary,
    /// Where its files lie.
    pub location: String,
    /// Other names of it in SQL.
    pub also: Vec<String>,
    /// Tables that its SELECT reads.
    pub reads: Vec<String>,
    /// Its checks, as its contract names them.
    pub checks: Vec<String>,
    /// Its columns, in order.
    pub columns: Vec<ColumnDescription>,
}

/// One column of a described table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnDescription {
    /// Lower case.
    pub column: String,
    /// SQL's name of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds personal values.
    pub personal: bool,
    /// The comment of its definition.
    pub comment: Option<String>,
}

/// Every table of project and lake, in order of zone.
///
/// # Errors
/// [`Error::Lake`]. Landing folders that are missing are no error here.
pub async fn tables(setup: &Setup) -> Result<Vec<TableSummary>, Error> {
    let lake = Lake::at(setup.lake.clone());
    let mut summaries = Vec::new();
    let read = rows_read(setup).await;
    for table in setup.project.landing() {
        summaries.push(summary_of_landing(setup, table, &read).await);
    }
    for model in setup.project.models() {
        summaries.push(summary_of_model(&lake, model, AsOf::Latest).await?);
    }
    for name in system::names() {
        let id = TableId::new(system::ZONE, name);
        let version = lake.version(&id, AsOf::Latest).await?;
        summaries.push(summary(
            &id,
            version.as_ref(),
            system::grain(name).map(str::to_owned),
        ));
    }
    Ok(summaries)
}

/// What lies in landing places and cannot be read, in a line for each table.
/// None where landing cannot be reached, which other commands report.
pub async fn unreadable_landing(setup: &Setup) -> Vec<String> {
    let mut remarks = Vec::new();
    for table in setup.project.landing() {
        let source = Source::list(&setup.landing, table).await.ok();
        remarks.extend(source.as_ref().and_then(unreadable));
    }
    remarks
}

/// The rows of landing tables that the last run knew; none where its notes cannot be
/// read, which other commands report.
async fn rows_read(setup: &Setup) -> BTreeMap<String, u64> {
    let read = async {
        let session = Session::open(setup)?;
        landing_files::rows_by_table(&session).await
    };
    read.await.unwrap_or_default()
}

/// The summary of a landing table; a missing folder has no files.
async fn summary_of_landing(
    setup: &Setup,
    table: &catalog::LandingTable,
    read: &BTreeMap<String, u64>,
) -> TableSummary {
    let source = Source::list(&setup.landing, table).await.ok();
    let rows = read.get(table.name.as_ref()).copied();
    TableSummary {
        zone: "landing".to_owned(),
        table: table.name.to_string(),
        counted: rows.map(|_| Counted::LastRun),
        rows,
        version: None,
        files: source.as_ref().map(|source| source.files.len() as u64),
        bytes: source.as_ref().map(Source::bytes),
        grain: table.comment.clone(),
    }
}

async fn summary_of_model(lake: &Lake, model: &Model, as_of: AsOf) -> Result<TableSummary, Error> {
    let id = model_id(model);
    let version = lake.version(&id, as_of).await?;
    Ok(summary(
        &id,
        version.as_ref(),
        Some(model.contract.grain.clone()),
    ))
}

fn summary(id: &TableId, version: Option<&Version>, grain: Option<String>) -> TableSummary {
    TableSummary {
        zone: id.zone.clone(),
        table: id.name.clone(),
        rows: version.map(Version::rows),
        counted: version.map(|_| Counted::Version),
        version: version.map(|version| version.number),
        files: version.map(|version| version.files.len() as u64),
        bytes: version.map(Version::bytes),
        grain,
    }
}

/// Describes one table, by any of its names, at the version of `setup.as_of`.
///
/// # Errors
/// [`Error::Query`].
pub async fn describe(setup: &Setup, name: &str) -> Result<Description, Error> {
    let lake = Lake::at(setup.lake.clone());
    if let Some(system) = name.strip_prefix("system.") {
        return describe_system(setup, &lake, system).await;
    }
    match find(setup, name)? {
        Table::Landing(table) => Ok(Description {
            summary: summary_of_landing(setup, table, &rows_read(setup).await).await,
            location: place(&setup.landing, table)?.text().to_owned(),
            also: Vec::new(),
            reads: Vec::new(),
            checks: Vec::new(),
            columns: table
                .columns
                .iter()
                .map(|column| ColumnDescription {
                    column: column.name.clone(),
                    kind: column.kind.to_string(),
                    personal: table.personal().contains(&column.name),
                    comment: column.comment.clone(),
                })
                .collect(),
        }),
        Table::Model(model) => {
            let session = Session::open(setup)?;
            let summary = summary_of_model(&lake, model, setup.as_of).await?;
            // Of a table that is not built yet, its SELECT tells the columns;
            // of one that is, the version asked for.
            let schema = match session.tables().find(None, model.name.as_ref()).await {
                Ok(Some(provider)) => provider.schema(),
                Err(query::Error::Lake(lake::Error::NoTable { .. })) | Ok(None) => {
                    let models: Vec<&Model> =
                        setup.project.needed_for(std::slice::from_ref(&model.name));
                    let planned = crate::contract::planning::plan(&session, &models).await?;
                    let own = planned
                        .last()
                        .map(|planned| planned.layout.schema().clone());
                    own.unwrap_or_else(|| arrow::datatypes::Schema::empty().into())
                }
                Err(error) => return Err(error.into()),
            };
            let mut reads: Vec<String> = model
                .reads()
                .iter()
                .map(|read| read.table.clone())
                .collect();
            reads.sort();
            reads.dedup();
            Ok(Description {
                location: setup
                    .lake
                    .join(&format!("{}/{}", model.zone, model.name))
                    .text()
                    .to_owned(),
                also: model
                    .contract
                    .also
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                reads,
                checks: model
                    .contract
                    .checks
                    .iter()
                    .map(catalog::Check::name)
                    .collect(),
                columns: columns(&schema, |name| model.contract.is_personal(name)),
                summary,
            })
        }
    }
}

async fn describe_system(setup: &Setup, lake: &Lake, name: &str) -> Result<Description, Error> {
    let Some(schema) = system::schema(name) else {
        return Err(no_table(setup, &format!("system.{name}")));
    };
    let id = TableId::new(system::ZONE, name);
    let version = lake.version(&id, setup.as_of).await?;
    let personal = system::personal(name);
    Ok(Description {
        summary: summary(
            &id,
            version.as_ref(),
            system::grain(name).map(str::to_owned),
        ),
        location: setup.lake.join(&format!("system/{name}")).text().to_owned(),
        also: Vec::new(),
        reads: Vec::new(),
        checks: Vec::new(),
        columns: columns(&schema, |column| personal.contains(&column)),
    })
}

fn columns(
    schema: &arrow::datatypes::Schema,
    personal: impl Fn(&str) -> bool,
) -> Vec<ColumnDescription> {
    schema
        .fields()
        .iter()
        .map(|field| ColumnDescription {
            column: field.name().clone(),
            kind: sql_types::name(field.data_type()),
            personal: personal(field.name()),
            comment: None,
        })
        .collect()
}

/// The versions of one table, newest first.
///
/// # Errors
/// [`Error::Query`]; [`Error::Lake`] where it was never built.
pub async fn history(setup: &Setup, name: &str) -> Result<Vec<Commit>, Error> {
    let lake = Lake::at(setup.lake.clone());
    let id = match name.strip_prefix("system.") {
        Some(system) if system::schema(system).is_some() => TableId::new(system::ZONE, system),
        Some(_) => return Err(no_table(setup, name)),
        None => match find(setup, name)? {
            Table::Model(model) => model_id(model),
            Table::Landing(table) => {
                return Err(query::Error::sql(
                    format!(
                        "{} is a landing table: it lies as it arrived and has no versions",
                        table.name
                    ),
                    "ask for a trusted or curated table",
                )
                .into());
            }
        },
    };
    Ok(lake.history(&id).await?)
}

fn find<'a>(setup: &'a Setup, name: &str) -> Result<Table<'a>, Error> {
    let bare = ["landing.", "trusted.", "curated."]
        .iter()
        .find_map(|zone| name.strip_prefix(zone))
        .unwrap_or(name);
    setup
        .project
        .find(bare)
        .ok_or_else(|| no_table(setup, name))
}
