//! Rows of tables as they were and as they are, as far as a change reaches.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::execute_stream_partitioned;
use futures::StreamExt;
use lake::{DataFile, TableId, Version};

use super::difference::{Difference, counted, without};
use super::keys::{Wanted, with_keys};
use super::scope::KeyOf;
use crate::build::stored;
use crate::lake_table::LakeTable;
use crate::landing::{Hashes, Source, SourceFile, streams};
use crate::run::KnownFile;
use crate::{Error, Session, system};

/// What is known of every table while a change is taken in.
pub(super) struct Tables {
    /// Tables as the last run left them, at its time.
    pub(super) before: Session,
    /// Landing tables: the files that were read before.
    pub(super) landing: BTreeMap<String, Arc<Source>>,
    pub(super) known: Vec<KnownFile>,
    /// Tables of the lake, by the name that differences go by.
    pub(super) standing: BTreeMap<String, Standing>,
    /// By table; absent where nothing changed.
    pub(super) differences: BTreeMap<String, Difference>,
}

/// A table of the lake as it stood, and the files it has now.
pub(super) struct Standing {
    pub(super) id: TableId,
    pub(super) schema: SchemaRef,
    pub(super) version: Option<Version>,
    /// Its files with what this run made of them.
    pub(super) files: Vec<DataFile>,
}

/// Rows before and after, of the columns asked for.
pub(super) struct Sides {
    pub(super) before: Vec<RecordBatch>,
    pub(super) after: Vec<RecordBatch>,
}

impl Tables {
    /// Whether a table is one that arrives.
    pub(super) fn is_landing(&self, table: &str) -> bool {
        self.landing.contains_key(table)
    }

    /// By which rows a table differs, of some columns; `None` where by none.
    pub(super) fn difference(
        &self,
        table: &str,
        columns: &[String],
    ) -> Result<Option<Difference>, Error> {
        let Some(all) = self.differences.get(table) else {
            return Ok(None);
        };
        let Some(some) = all.touched().next() else {
            return Ok(None);
        };
        let places = places(&some.schema(), columns, table)?;
        let difference = all
            .of_columns(&places)
            .map_err(|error| Error::execution(table, error.into()))?;
        Ok((!difference.is_empty()).then_some(difference))
    }

    /// The rows that have one of `wanted` for their `key`, of `columns`, before
    /// and after. `None` where they cannot be found without reading everything.
    pub(super) async fn sides(
        &self,
        table: &str,
        columns: &[String],
        key: &KeyOf,
        wanted: &Hashes,
    ) -> Result<Option<Sides>, Error> {
        let failed = |error: arrow::error::ArrowError| Error::execution(table, error.into());
        let mut all = columns.to_vec();
        let place = match columns.iter().position(|column| *column == key.column) {
            Some(place) => place,
            None => {
                all.push(key.column.clone());
                columns.len()
            }
        };
        let Some(before) = self.before(table, &all, key, wanted).await? else {
            return Ok(None);
        };
        let kept: Vec<usize> = (0..columns.len()).collect();
        let only = |batches: Vec<RecordBatch>| -> Result<Vec<RecordBatch>, Error> {
            let batches = batches.iter().map(|batch| batch.project(&kept));
            batches.collect::<Result<_, _>>().map_err(failed)
        };
        let Some(difference) = self.differences.get(table) else {
            let before = only(before)?;
            return Ok(Some(Sides {
                after: before.clone(),
                before,
            }));
        };
        let own = |batches: &[RecordBatch]| -> Result<Vec<RecordBatch>, Error> {
            let mut own = Vec::new();
            for batch in batches {
                let places = places(&batch.schema(), &all, table)?;
                let batch = batch.project(&places).map_err(failed)?;
                own.push(with_keys(&batch, place, key.by, wanted).map_err(failed)?);
            }
            Ok(own)
        };
        let gone = counted(&own(&difference.gone)?);
        let mut after = without(&before, gone).map_err(failed)?;
        after.extend(own(&difference.come)?);
        Ok(Some(Sides {
            before: only(before)?,
            after: only(after)?,
        }))
    }

    async fn before(
        &self,
        table: &str,
        columns: &[String],
        key: &KeyOf,
        wanted: &Hashes,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        if wanted.is_empty() {
            return Ok(Some(Vec::new()));
        }
        if self.is_landing(table) {
            return self.arrived_before(table, columns, key, wanted).await;
        }
        let Some(standing) = self.standing.get(table) else {
            return Ok(None);
        };
        let files = standing.version.as_ref().map_or(&[][..], |v| &v.files);
        let places = places(&standing.schema, columns, table)?;
        let place = places_of(columns, &key.column);
        let schema = Arc::new(standing.schema.project(&places).map_err(|error| {
            Error::execution(table, error.into())
        })?);
        let mut found = Vec::new();
        let failed = |error: DataFusionError| Error::execution(table, error);
        let provider = self.lake_table(standing, files)?;
        let state = self.before.state();
        let scan = provider.scan(&state, Some(&places), &[], None).await;
        let streams = execute_stream_partitioned(scan.map_err(failed)?, self.before.task_context());
        for mut stream in streams.map_err(failed)? {
            while let Some(batch) = stream.next().await {
                let batch = stored(&schema, &batch.map_err(failed)?).map_err(|e| failed(e.into()))?;
                let batch = with_keys(&batch, place, key.by, wanted).map_err(|e| failed(e.into()))?;
                if batch.num_rows() > 0 {
                    found.push(batch);
                }
            }
        }
        Ok(Some(found))
    }

    /// Reads the files that hold such rows. Only the column by which files were
    /// noted can say which.
    async fn arrived_before(
        &self,
        table: &str,
        columns: &[String],
        key: &KeyOf,
        wanted: &Hashes,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let (Some(source), Some((column, of_people))) =
            (self.landing.get(table), crate::run::whose(table))
        else {
            return Ok(None);
        };
        let same = key.column == column && of_people == (key.by == super::scope::By::Subject);
        if !same {
            return Ok(None);
        }
        let source = Source {
            files: self.holding(table, source, wanted),
            ..Source::clone(source)
        };
        if source.files.is_empty() {
            return Ok(Some(Vec::new()));
        }
        // The reader chooses rows by the first column.
        let mut order: Vec<&str> = vec![column];
        order.extend(columns.iter().map(String::as_str).filter(|c| *c != column));
        let back: Vec<usize> = columns
            .iter()
            .map(|column| places_of_str(&order, column))
            .collect();
        let keys = Arc::new(Wanted {
            keys: wanted.clone(),
            by: key.by,
        });
        let mut found = Vec::new();
        let source = Arc::new(source);
        for mut stream in streams(&self.before, &source, table, &order, Some(keys)).await? {
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|error| Error::execution(table, error))?;
                let batch = batch.project(&back);
                found.push(batch.map_err(|error| Error::execution(table, error.into()))?);
            }
        }
        Ok(Some(found))
    }

    /// Files read before that hold rows of any of those.
    fn holding(&self, table: &str, source: &Source, wanted: &Hashes) -> Vec<SourceFile> {
        let known = self.known.iter().filter(|file| file.table == table);
        let holding: std::collections::BTreeSet<&str> = known
            .filter(|file| file.may_hold(wanted))
            .map(|file| file.name.as_str())
            .collect();
        let files = source.files.iter();
        files
            .filter(|file| holding.contains(file.name.as_str()))
            .cloned()
            .collect()
    }

    pub(super) fn lake_table(
        &self,
        standing: &Standing,
        files: &[DataFile],
    ) -> Result<LakeTable, Error> {
        let store = self.before.tables().store_url().map_err(Error::planning)?;
        Ok(LakeTable::new(&standing.id, store, Arc::clone(&standing.schema), files))
    }
}

impl Standing {
    pub(super) fn new(id: TableId, schema: SchemaRef, version: Option<Version>) -> Self {
        Self {
            id,
            schema,
            files: version.as_ref().map_or_else(Vec::new, |version| version.files.clone()),
            version,
        }
    }

    /// Of a system table.
    pub(super) fn of_system(table: &system::Definition, version: Option<Version>) -> Self {
        Self::new(table.id(), table.schema(), version)
    }
}

fn places(schema: &Schema, columns: &[String], table: &str) -> Result<Vec<usize>, Error> {
    let places = columns.iter().map(|column| schema.index_of(column));
    places
        .collect::<Result<_, _>>()
        .map_err(|error| Error::execution(table, error.into()))
}

fn places_of(columns: &[String], wanted: &str) -> usize {
    columns
        .iter()
        .position(|column| column == wanted)
        .unwrap_or_default()
}

fn places_of_str(columns: &[&str], wanted: &str) -> usize {
    columns
        .iter()
        .position(|column| *column == wanted)
        .unwrap_or_default()
}
