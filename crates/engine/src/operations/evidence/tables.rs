//! The figures of each table.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};
use catalog::{LandingTable, Model, Project};
use evidence::{Column, Preview, Table, Verdict, Zone};
use lake::{AsOf, Commit, TableId, Version};
use query::sql::parse::quote;
use query::tables::model_id;
use query::{Session, sql_types, system};

use super::account::Accounts;
use super::masking::{self, ColumnMask, Masking};
use super::rows::Rows;
use super::{nulls, preview, subjects};
use crate::Error;
use crate::operations::export::instant;
use crate::run::RunState;

/// How many columns of a table are listed.
const COLUMNS_MAX: usize = 100;

/// How many versions of a table are listed.
const VERSIONS_MAX: usize = 10;

/// How many commits of a table are read to find the version before with other rows.
const COMMITS_MAX: usize = 50;

/// Gathers the figures of all tables.
pub(super) struct Gathering<'a> {
    pub(super) session: &'a Session,
    pub(super) project: &'a Project,
    pub(super) masking: Masking<'a>,
    pub(super) accounts: &'a Accounts,
    pub(super) last_run: Option<&'a RunState>,
}

impl Gathering<'_> {
    /// Landing tables, models in build order, system tables. What of them could not be
    /// read, although there is something, is told in `remarks`.
    ///
    /// # Errors
    /// [`Error::Query`] or [`Error::Lake`].
    pub(super) async fn tables(&self, remarks: &mut Vec<String>) -> Result<Vec<Table>, Error> {
        let seconds = seconds(self.session).await?;
        let mut tables = Vec::new();
        for landing in self.project.landing() {
            tables.push(self.landing(landing).await?);
        }
        for model in self.project.models() {
            let mut table = self.model(model, remarks).await?;
            table.seconds = seconds.get(&table.table).copied();
            tables.push(table);
        }
        for definition in system::all() {
            tables.push(self.system(definition).await?);
        }
        Ok(tables)
    }

    async fn landing(&self, landing: &LandingTable) -> Result<Table, Error> {
        let name = landing.name.as_ref();
        let rows = self.session.tables().landing_table(landing);
        let schema = datafusion::catalog::TableProvider::schema(&rows);
        let masks: Vec<ColumnMask> = schema
            .fields()
            .iter()
            .map(|field| Masking::of_landing(landing, field.name(), field.data_type()))
            .collect();
        let mut columns = columns(&schema, &masks);
        let nulls_of = match self.project.roles().has_person_records(name) {
            true => names(&columns),
            false => Vec::new(),
        };
        let counted = subjects::of_landing(self.session, name, &nulls_of).await;
        let counted = in_reach(counted)?.flatten();
        let subjects = counted.map(|(subjects, nulls)| {
            set_nulls(&mut columns, &nulls);
            subjects
        });
        let preview = in_reach(preview::of(self.session, name, &rows, &masks).await)?;
        let read = self.accounts.landing_files(name);
        Ok(Table {
            rows: self.accounts.landing_rows(name),
            files: read.map(|(files, _)| files),
            bytes: read.map(|(_, bytes)| bytes),
            columns_more: more(&schema, &columns),
            columns,
            account: self.accounts.of(name),
            subjects,
            preview: preview.unwrap_or_else(|| absent("its landing files cannot be read now")),
            ..table(Zone::Landing, name, landing.comment.as_deref())
        })
    }

    async fn model(&self, model: &Model, remarks: &mut Vec<String>) -> Result<Table, Error> {
        let id = model_id(model);
        let name = model.name.as_ref();
        let zone = match model.zone {
            catalog::Zone::Curated => Zone::Curated,
            _ => Zone::Trusted,
        };
        let blank = table(zone, name, Some(&model.contract.grain));
        let Some(version) = self.version(&id).await? else {
            return Ok(Table {
                preview: absent("not built yet"),
                ..blank
            });
        };
        let is_as_built = self.last_run.is_some_and(|run| run.has_built(model));
        let mask = |field: &Arc<Field>| {
            let (column, kind) = (field.name(), field.data_type());
            match is_as_built {
                true => self.masking.of_model(name, column, kind, &version.personal),
                // The SELECT that tells what flows into the column is another one.
                false => Masking::of_unknown(column, kind, &version.personal),
            }
        };
        let masks: Vec<ColumnMask> = version.schema.fields().iter().map(mask).collect();
        let mut columns = columns(&version.schema, &masks);
        let place = format!("{}.{}", model.zone, quote(name));
        let nulls = nulls::of(self.session, &place, &names(&columns)).await?;
        set_nulls(&mut columns, &nulls);
        let commits = self.commits(&id, &version).await?;
        let fields = version.schema.fields().iter();
        let fields: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
        let subjects = subjects::of_model(self.session, model, &fields, &commits.0, remarks);
        let subjects = subjects.await?;
        Ok(Table {
            columns_more: more(&version.schema, &columns),
            columns,
            account: self.accounts.of(name),
            subjects,
            preview: self.preview(&version, &masks).await?,
            ..with_version(blank, &version, &commits)
        })
    }

    async fn system(&self, definition: &system::Definition) -> Result<Table, Error> {
        let id = definition.id();
        let blank = table(Zone::System, definition.name(), Some(definition.grain()));
        let Some(version) = self.version(&id).await? else {
            return Ok(Table {
                rows: Some(0),
                preview: absent("nothing was written to it yet"),
                ..blank
            });
        };
        let masks: Vec<ColumnMask> = version
            .schema
            .fields()
            .iter()
            .map(|field| Masking::of_system(definition.name(), field.name(), field.data_type()))
            .collect();
        let columns = columns(&version.schema, &masks);
        let commits = self.commits(&id, &version).await?;
        Ok(Table {
            columns_more: more(&version.schema, &columns),
            columns,
            preview: self.preview(&version, &masks).await?,
            ..with_version(blank, &version, &commits)
        })
    }

    async fn version(&self, id: &TableId) -> Result<Option<Version>, Error> {
        let tables = self.session.tables();
        Ok(tables.version_as_of(id, AsOf::Latest).await?)
    }

    /// The newest commits up to the version that is read, and how many are older.
    async fn commits(
        &self,
        id: &TableId,
        version: &Version,
    ) -> Result<(Vec<Commit>, usize), Error> {
        let lake = &self.session.tables().lake;
        let (mut commits, older) = lake.newest_commits(id, COMMITS_MAX).await?;
        commits.retain(|commit| commit.version <= version.number);
        Ok((commits, older))
    }

    async fn preview(&self, version: &Version, masks: &[ColumnMask]) -> Result<Preview, Error> {
        let tables = self.session.tables();
        let rows = tables.in_files(&version.table, &version.schema, &version.files)?;
        preview::of(self.session, &version.table.name, &rows, masks).await
    }
}

/// The program that published the newest version of a model's table.
///
/// # Errors
/// [`Error::Lake`].
pub(super) async fn publisher(session: &Session) -> Result<String, Error> {
    let tables = session.tables();
    for model in tables.project.models() {
        let version = tables.version_as_of(&model_id(model), AsOf::Latest).await?;
        if let Some(info) = version.and_then(|version| version.commit_info) {
            return Ok(info.program);
        }
    }
    Ok("another program".to_owned())
}

/// How long the last build of each table took.
async fn seconds(session: &Session) -> Result<BTreeMap<String, f64>, Error> {
    let sql = "select table_name, started_at, ended_at from system.runs \
        qualify row_number() over (partition by table_name order by started_at desc, run) = 1";
    let rows = Rows::of(session, sql).await?;
    let seconds = rows.iter().filter_map(|row| {
        let elapsed_ms = row.number(2)?.saturating_sub(row.number(1)?);
        Some((row.text(0), elapsed_ms as f64 / 1000.0))
    });
    Ok(seconds.collect())
}

/// What was read of landing files; `None` where they are out of reach: they are in
/// another place than the lake, which may be gone.
fn in_reach<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Query(query::Error::Landing(_))) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A table of which only name and grain are known.
fn table(zone: Zone, name: &str, grain: Option<&str>) -> Table {
    Table {
        zone,
        table: name.to_owned(),
        grain: grain.map(masking::of_note),
        rows: None,
        expected: None,
        verdict: Verdict::Ok,
        version: None,
        files: None,
        bytes: None,
        columns: Vec::new(),
        columns_more: 0,
        account: None,
        subjects: None,
        versions: Vec::new(),
        versions_more: 0,
        seconds: None,
        preview: Preview::default(),
    }
}

fn with_version(table: Table, version: &Version, (commits, older): &(Vec<Commit>, usize)) -> Table {
    let all = commits.len() + older;
    let commits = commits.iter();
    let versions: Vec<evidence::Version> = commits
        .take(VERSIONS_MAX)
        .map(|commit| evidence::Version {
            version: commit.version,
            at: instant(commit.timestamp),
            run: commit.commit_info.as_ref().map(|info| info.run.clone()),
            rows: commit.commit_info.as_ref().map(|info| info.rows),
            operation: masking::of_note(&commit.operation),
        })
        .collect();
    Table {
        rows: Some(version.rows()),
        version: Some(version.number),
        files: Some(version.files.len() as u64),
        bytes: Some(version.bytes()),
        versions_more: all.saturating_sub(versions.len()) as u64,
        versions,
        ..table
    }
}

fn columns(schema: &SchemaRef, masks: &[ColumnMask]) -> Vec<Column> {
    let fields = schema.fields().iter().map(Arc::as_ref).zip(masks);
    fields
        .take(COLUMNS_MAX)
        .map(|(field, mask)| Column {
            column: field.name().clone(),
            kind: sql_types::name(field.data_type()),
            masked: mask.is_masked,
            nulls: None,
        })
        .collect()
}

fn more(schema: &SchemaRef, columns: &[Column]) -> u64 {
    schema.fields().len().saturating_sub(columns.len()) as u64
}

fn names(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.column.clone()).collect()
}

fn set_nulls(columns: &mut [Column], nulls: &[u64]) {
    for (column, nulls) in columns.iter_mut().zip(nulls) {
        column.nulls = Some(*nulls);
    }
}

fn absent(why: &str) -> Preview {
    Preview {
        absent: Some(why.to_owned()),
        ..Preview::default()
    }
}
