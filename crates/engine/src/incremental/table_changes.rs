//! What changed in every table, and the rows of the touched keys before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use catalog::{Readings, Roles, TableName};
use datafusion::catalog::TableProvider;
use lake::{DataFile, TableId, Version};
use parking_lot::Mutex;

use super::columns::{column_indices, index_of};
use super::difference::{Difference, row_counts, subtract};
use super::keys::{KeyFilter, KeySet, filter_by_keys};
use super::partition_analysis::{KeyKind, PartitionKey};
use super::plan_rows::all_rows;
use super::row_cache::CachedRows;
use super::statement::Statement;
use crate::Error;
use crate::contract::time_use::TimeUse;
use crate::subjects::landing_files::{self, KnownFile};
use query::Session;
use query::landing::{Hashes, Source, SourceFile};
use query::partitions::each_batch_of;
use query::system;
use query::tables::lake_table::LakeTable;

/// The changes of one incremental run so far, by table.
pub(crate) struct TableChanges {
    /// Tables as the last run left them, at its time.
    pub(crate) before: Session,
    /// Landing tables, each with the files that were read before.
    pub(crate) landing: BTreeMap<String, Arc<Source>>,
    known_files: Vec<KnownFile>,
    /// The known files, by table and name, that changed since they were read.
    kept_files: BTreeSet<(String, String)>,
    /// Tables of the lake, by the same names as `differences`.
    pub(crate) published: BTreeMap<String, PublishedTable>,
    /// People whose consent began or ended between the two runs without a change of its
    /// rows. They matter to statements that depend on the time.
    pub(super) time_affected_people: KeySet,
    pub(super) cached_rows: Mutex<Vec<CachedRows>>,
    /// Columns, by table and name, whose values all come from the key columns of landing
    /// tables: each value from one of these.
    origins: BTreeMap<(String, String), Vec<LandingKey>>,
    /// By table; absent if nothing changed.
    pub(crate) differences: BTreeMap<String, Difference>,
}

/// A landing table, and the kind of the keys that are noted of its files.
type LandingKey = (String, KeyKind);

/// A table of the lake as the last run published it, and the files it has now.
pub(crate) struct PublishedTable {
    pub(super) id: TableId,
    pub(super) schema: SchemaRef,
    pub(super) version: Option<Version>,
    /// Its files after the changes of this run.
    pub(crate) files: Vec<DataFile>,
}

/// Rows of a table before and after the change.
pub(super) struct BeforeAfter {
    pub(super) before: Vec<RecordBatch>,
    pub(super) after: Vec<RecordBatch>,
}

impl BeforeAfter {
    /// All rows of both.
    pub(super) fn rows(&self) -> impl Iterator<Item = &RecordBatch> {
        self.before.iter().chain(&self.after)
    }
}

impl TableChanges {
    /// Without any change; `before` is a session at the time of the last run.
    pub(crate) fn new(
        before: Session,
        known_files: Vec<KnownFile>,
        kept_files: BTreeSet<(String, String)>,
    ) -> Self {
        let origins = system_table_origins(before.tables().project.roles());
        Self {
            before,
            landing: BTreeMap::new(),
            known_files,
            kept_files,
            published: BTreeMap::new(),
            time_affected_people: KeySet::default(),
            cached_rows: Mutex::default(),
            origins,
            differences: BTreeMap::new(),
        }
    }

    /// Records a difference, unless it is empty.
    pub(crate) fn record(&mut self, table: String, difference: Difference) {
        if !difference.is_empty() {
            self.differences.insert(table, difference);
        }
    }

    /// Whether the result of a statement that reads `tables` may have changed.
    pub(crate) fn may_affect(
        &self,
        time: TimeUse,
        mut tables: impl Iterator<Item = impl AsRef<str>>,
    ) -> bool {
        tables.any(|table| self.has_changed(table.as_ref())) || self.time_affects(time)
    }

    /// Whether the passage of time may have changed the result of a statement.
    pub(super) fn time_affects(&self, time: TimeUse) -> bool {
        time != TimeUse::None && !self.time_affected_people.is_empty()
    }

    /// The column of a landing table that names the person or device of a row, and
    /// whether it names people.
    fn party(&self, table: &str) -> Option<(&str, bool)> {
        landing_files::party(&self.before.tables().project, table)
    }

    /// Whether the keys of landing files are noted for that column.
    fn is_file_key(&self, table: &str, key: &PartitionKey) -> bool {
        let party = self.party(table);
        party.is_some_and(|(column, of_people)| {
            key.column == column && key.kind == KeyKind::of(of_people)
        })
    }

    /// Whether rows of a table were removed or added.
    pub(crate) fn has_changed(&self, table: &str) -> bool {
        self.differences.contains_key(table)
    }

    pub(super) fn is_landing(&self, table: &str) -> bool {
        self.landing.contains_key(table)
    }

    /// Whether the people and devices with new rows have more than about `rows_max` rows
    /// in a table. Estimated by their share of all keys noted of landing files. False if
    /// a known file changed, since a full build cannot read it again either.
    pub(crate) fn affects_more_rows_than(&self, rows_max: u64) -> Result<bool, Error> {
        let rows = |table: &PublishedTable| table.files.iter().map(|file| file.rows).sum::<u64>();
        let largest = self.published.values().map(rows).max().unwrap_or_default();
        if largest <= rows_max || !self.kept_files.is_empty() {
            return Ok(false);
        }
        for table in self.landing.keys() {
            let (Some((column, of_people)), Some(difference)) =
                (self.party(table), self.differences.get(table))
            else {
                continue;
            };
            let Some(first) = difference.added.first() else {
                continue;
            };
            let index = column_indices(&first.schema(), &[column.to_owned()], table)?[0];
            let added = KeySet::of(&difference.added, index, KeyKind::of(of_people));
            let added = added.map_err(|error| Error::execution(table, error.into()))?;
            let files = self.known_files.iter().filter(|file| file.table == *table);
            let known: Hashes = files
                .flat_map(|file| file.keys.iter().flatten().copied())
                .collect();
            let known_again = added.hashes.intersection(&known).count() as u64;
            if largest * known_again / (known.len() as u64).max(1) > rows_max {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether no file of a landing table changed since it was read.
    pub(crate) fn is_unchanged_since_read(&self, landing: &str) -> bool {
        let mut changed = self.kept_files.iter();
        changed.all(|(table, _)| table != landing)
    }

    /// Records which columns of a model take all their values from key columns of
    /// landing tables.
    pub(crate) fn record_origins(&mut self, model: &str, schema: &Schema, statement: &Statement) {
        for (index, field) in schema.fields().iter().enumerate() {
            let Some((table, column)) = statement.source_column(index) else {
                continue;
            };
            let origins = match self.is_landing(table) {
                true => self
                    .party(table)
                    .filter(|(key_column, _)| *key_column == column)
                    .map(|(_, of_people)| vec![(table.to_owned(), KeyKind::of(of_people))]),
                false => self
                    .origins
                    .get(&(table.to_owned(), column.to_owned()))
                    .cloned(),
            };
            if let Some(origins) = origins {
                let column = (model.to_owned(), field.name().clone());
                self.origins.insert(column, origins);
            }
        }
    }

    /// Whether a table may hold any of `wanted`. A table made from landing files has no
    /// rows of people who are new in them.
    fn may_hold(&self, table: &str, key: &PartitionKey, wanted: &KeySet) -> bool {
        let Some(origins) = self.origins.get(&(table.to_owned(), key.column.clone())) else {
            return true;
        };
        let may_come_from = |(landing, kind): &LandingKey| {
            *kind != key.kind || self.may_have_been_read(landing, wanted)
        };
        origins.iter().any(may_come_from)
    }

    /// Whether landing files that were read before may hold rows of any of `wanted`.
    pub(super) fn may_have_been_read(&self, landing: &str, wanted: &KeySet) -> bool {
        let mut files = self.known_files.iter().filter(|file| file.table == landing);
        wanted.has_null() || files.any(|file| file.may_hold(&wanted.hashes))
    }

    /// Whether the added rows of a landing table are the first rows of their keys.
    pub(super) fn are_first_of_their_keys(
        &self,
        table: &str,
        key: &PartitionKey,
        columns: &[String],
        difference: &Difference,
    ) -> Result<bool, Error> {
        if !self.is_file_key(table, key) {
            return Ok(false);
        }
        let added = KeySet::of(&difference.added, index_of(columns, &key.column), key.kind);
        let added = added.map_err(|error| Error::execution(table, error.into()))?;
        Ok(!self.may_have_been_read(table, &added))
    }

    /// The difference of a table in these columns; `None` if there is none.
    pub(super) fn difference(
        &self,
        table: &str,
        columns: &[String],
    ) -> Result<Option<Difference>, Error> {
        let Some(all) = self.differences.get(table) else {
            return Ok(None);
        };
        let Some(first) = all.changed_rows().next() else {
            return Ok(None);
        };
        let indices = column_indices(&first.schema(), columns, table)?;
        let difference = all
            .project_columns(&indices)
            .map_err(|error| Error::execution(table, error.into()))?;
        Ok((!difference.is_empty()).then_some(difference))
    }

    /// The rows whose `key` is one of `wanted`, before and after the change, with these
    /// columns. `None` if finding them takes reading everything.
    pub(super) async fn rows_with_keys(
        &self,
        table: &str,
        columns: &[String],
        key: &PartitionKey,
        wanted: &KeySet,
    ) -> Result<Option<BeforeAfter>, Error> {
        let failed = |error: ArrowError| Error::execution(table, error.into());
        let key = &system_table_key(table, key);
        let mut all_columns = columns.to_vec();
        let key_index = match columns.iter().position(|column| *column == key.column) {
            Some(index) => index,
            None => {
                all_columns.push(key.column.clone());
                columns.len()
            }
        };
        let before = self.rows_before(table, &all_columns, key, wanted).await?;
        let Some(before) = before else {
            return Ok(None);
        };
        let kept: Vec<usize> = (0..columns.len()).collect();
        let projected = |batches: Vec<RecordBatch>| -> Result<Vec<RecordBatch>, Error> {
            let batches = batches.iter().map(|batch| batch.project(&kept));
            batches.collect::<Result<_, _>>().map_err(failed)
        };
        let Some(difference) = self.differences.get(table) else {
            let before = projected(before)?;
            return Ok(Some(BeforeAfter {
                after: before.clone(),
                before,
            }));
        };
        let with_keys = |batches: &[RecordBatch]| -> Result<Vec<RecordBatch>, Error> {
            let mut found = Vec::new();
            for batch in batches {
                let indices = column_indices(&batch.schema(), &all_columns, table)?;
                let batch = batch.project(&indices).map_err(failed)?;
                found.push(filter_by_keys(&batch, key_index, key.kind, wanted).map_err(failed)?);
            }
            Ok(found)
        };
        let removed = row_counts(&with_keys(&difference.removed)?);
        let mut after = subtract(&before, removed).map_err(failed)?;
        after.extend(with_keys(&difference.added)?);
        Ok(Some(BeforeAfter {
            before: projected(before)?,
            after: projected(after)?,
        }))
    }

    async fn rows_before(
        &self,
        table: &str,
        columns: &[String],
        key: &PartitionKey,
        wanted: &KeySet,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        if wanted.is_empty() || !self.may_hold(table, key, wanted) {
            return Ok(Some(Vec::new()));
        }
        if self.is_landing(table) {
            return self.landing_rows_before(table, columns, key, wanted).await;
        }
        let Some(published) = self.published.get(table) else {
            return Ok(None);
        };
        let indices = column_indices(&published.schema, columns, table)?;
        let key_index = indices[index_of(columns, &key.column)];
        let found = self.published_rows(published, &indices, (key_index, key), wanted);
        Ok(Some(found.await?))
    }

    /// Reads the landing files that hold such rows. Only the key column of the files can
    /// tell which these are.
    async fn landing_rows_before(
        &self,
        table: &str,
        columns: &[String],
        key: &PartitionKey,
        wanted: &KeySet,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let Some(source) = self
            .landing
            .get(table)
            .filter(|_| self.is_file_key(table, key))
        else {
            return Ok(None);
        };
        let key_column = key.column.as_str();
        let Some(files) = self.files_with_keys(table, source, wanted) else {
            return Ok(None);
        };
        let source = Source {
            files,
            ..Source::clone(source)
        };
        if source.files.is_empty() {
            return Ok(Some(Vec::new()));
        }
        // The reader filters rows by the first column.
        let mut read_columns: Vec<&str> = vec![key_column];
        let columns_of = || columns.iter().map(String::as_str);
        read_columns.extend(columns_of().filter(|column| *column != key_column));
        let order: Vec<usize> = columns
            .iter()
            .map(|column| index_of(&read_columns, column))
            .collect();
        let filter = Arc::new(KeyFilter {
            keys: wanted.clone(),
            kind: key.kind,
        });
        let mut found = Vec::new();
        let source = Arc::new(source);
        let streams = self
            .before
            .landing_streams(&source, table, &read_columns, Some(filter))
            .await?;
        let reading = each_batch_of(streams, |batch| {
            found.push(batch.project(&order)?);
            Ok(())
        });
        let result = reading.await;
        result.map_err(|error| Error::execution(table, error))?;
        Ok(Some(found))
    }

    /// Files read before that may hold rows of any of `wanted`; `None` if one of them
    /// changed since.
    fn files_with_keys(
        &self,
        table: &str,
        source: &Source,
        wanted: &KeySet,
    ) -> Option<Vec<SourceFile>> {
        let known = self.known_files.iter().filter(|file| file.table == table);
        let names: BTreeSet<&str> = known
            .filter(|file| file.may_hold(&wanted.hashes))
            .map(|file| file.name.as_str())
            .collect();
        let has_changed = |name: &&str| {
            let file = (table.to_owned(), (*name).to_owned());
            self.kept_files.contains(&file)
        };
        if names.iter().any(has_changed) {
            return None;
        }
        let files = source.files.iter();
        let files = files.filter(|file| names.contains(file.name.as_str()));
        Some(files.cloned().collect())
    }
}

impl PublishedTable {
    pub(crate) fn new(id: TableId, schema: SchemaRef, version: Option<Version>) -> Self {
        Self {
            id,
            schema,
            files: version
                .as_ref()
                .map_or_else(Vec::new, |version| version.files.clone()),
            version,
        }
    }

    /// A system table.
    pub(crate) fn of_system(table: &system::Definition, version: Option<Version>) -> Self {
        Self::new(table.id(), table.schema(), version)
    }

    /// The table with the rows of `files`.
    pub(crate) fn in_files(
        &self,
        session: &Session,
        files: &[DataFile],
    ) -> Result<LakeTable, Error> {
        Ok(session.tables().in_files(&self.id, &self.schema, files)?)
    }

    /// All rows of the published version; `None` if there are more than `rows_max`.
    pub(crate) async fn rows(
        &self,
        session: &Session,
        rows_max: u64,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let files = self.version.as_ref().map_or(&[][..], |v| &v.files);
        if files.iter().map(|file| file.rows).sum::<u64>() > rows_max {
            return Ok(None);
        }
        let (name, state) = (&self.id.name, session.state());
        let scan = self.in_files(session, files)?;
        let scan = scan.scan(&state, None, &[], None).await;
        let scan = scan.map_err(|error| Error::execution(name, error))?;
        all_rows(session, name, &scan, &self.schema, rows_max).await
    }
}

/// The same key, as a value in system tables: they hold subjects in normal form.
fn system_table_key(table: &str, key: &PartitionKey) -> PartitionKey {
    let is_normal_form = table.starts_with(system::ZONE) && key.column == "subject";
    PartitionKey {
        kind: if is_normal_form {
            KeyKind::Value
        } else {
            key.kind
        },
        ..key.clone()
    }
}

/// Where subjects and devices of system tables come from:
///
/// - A person who claims a device has a person record.
/// - A device with an owner has readings.
/// - An owner has a person record, or readings.
fn system_table_origins(roles: &Roles) -> BTreeMap<(String, String), Vec<LandingKey>> {
    let from = |table: &system::Definition, column: &str, landing: &[&TableName]| {
        let origins = landing
            .iter()
            .map(|table| (table.to_string(), KeyKind::Value));
        ((table.full_name(), column.to_owned()), origins.collect())
    };
    fn tables(readings: &[Readings]) -> impl Iterator<Item = &TableName> {
        readings.iter().map(|readings| &readings.table)
    }
    let records = roles.person_records().map(|records| &records.table);
    let claimants: Vec<_> = records.into_iter().collect();
    let devices: Vec<_> = tables(roles.device_readings()).collect();
    let people: Vec<_> = records
        .into_iter()
        .chain(tables(roles.person_readings()))
        .collect();
    BTreeMap::from([
        from(&system::DEVICE_CLAIM, "subject", &claimants),
        from(&system::DEVICE_OWNER, "serialnumber", &devices),
        from(&system::DEVICE_OWNER, "subject", &people),
    ])
}
