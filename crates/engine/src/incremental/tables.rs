//! Rows of tables as they were and as they are, as far as a change reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use catalog::{Readings, Roles, TableName};
use datafusion::catalog::TableProvider;
use lake::{DataFile, TableId, Version};
use parking_lot::Mutex;

use super::asked::Asked;
use super::difference::{Difference, counted, without};
use super::keys::{Touched, Wanted, with_keys};
use super::plan_rows::all_rows;
use super::scope::{By, KeyOf};
use super::statement::Statement;
use crate::Error;
use crate::contract::time_use::TimeUse;
use crate::subjects::landing_files::{self, KnownFile};
use query::Session;
use query::landing::{Hashes, Source, SourceFile};
use query::partitions::each_batch_of;
use query::system;
use query::tables::lake_table::LakeTable;

/// What is known of every table while a change is taken in.
pub(crate) struct Tables {
    /// Tables as the last run left them, at its time.
    pub(crate) before: Session,
    /// Landing tables: the files that were read before.
    pub(crate) landing: BTreeMap<String, Arc<Source>>,
    known: Vec<KnownFile>,
    /// Of them, by table and name, those that are not as they were read.
    unreadable: BTreeSet<(String, String)>,
    /// Tables of the lake, by the name that differences go by.
    pub(crate) standing: BTreeMap<String, Standing>,
    /// People whose consent began or ended between the two runs, though no row of
    /// it changed: for statements that ask for the time.
    pub(super) crossing: Touched,
    /// Rows of tables as they stood that were asked for.
    pub(super) asked: Mutex<Vec<Asked>>,
    /// Columns all of whose values arrived in the column by which a landing
    /// table's files are noted, or in one of several.
    origins: BTreeMap<(String, String), Vec<Origin>>,
    /// By table; absent where nothing changed.
    pub(crate) differences: BTreeMap<String, Difference>,
}

/// A landing table, and how values stand for what was noted of its files.
type Origin = (String, By);

/// A table of the lake as it stood, and the files it has now.
pub(crate) struct Standing {
    pub(super) id: TableId,
    pub(super) schema: SchemaRef,
    pub(super) version: Option<Version>,
    /// Its files with what this run made of them.
    pub(crate) files: Vec<DataFile>,
}

/// Rows before and after, of the columns asked for.
pub(super) struct Sides {
    pub(super) before: Vec<RecordBatch>,
    pub(super) after: Vec<RecordBatch>,
}

impl Tables {
    /// Nothing is new yet; `before` is a session at the time of the last run.
    pub(crate) fn new(
        before: Session,
        known: Vec<KnownFile>,
        unreadable: BTreeSet<(String, String)>,
    ) -> Self {
        let origins = of_system_tables(before.tables().project.roles());
        Self {
            before,
            landing: BTreeMap::new(),
            known,
            unreadable,
            standing: BTreeMap::new(),
            crossing: Touched::default(),
            asked: Mutex::default(),
            origins,
            differences: BTreeMap::new(),
        }
    }

    /// Whether what a statement gives may have changed, which reads `tables`.
    pub(crate) fn concern(
        &self,
        time: TimeUse,
        mut tables: impl Iterator<Item = impl AsRef<str>>,
    ) -> bool {
        tables.any(|table| self.has_changed(table.as_ref()))
            || (time != TimeUse::None && !self.crossing.is_empty())
    }

    /// The column that says whose row it is of a landing table, and whether it names
    /// people.
    fn party(&self, table: &str) -> Option<(&str, bool)> {
        landing_files::party(&self.before.tables().project, table)
    }

    /// Whether landing files are noted by that key.
    fn is_noted(&self, table: &str, key: &KeyOf) -> bool {
        let party = self.party(table);
        party.is_some_and(|(column, of_people)| key.column == column && key.by == By::of(of_people))
    }

    /// Whether any row of a table went or came.
    pub(crate) fn has_changed(&self, table: &str) -> bool {
        self.differences.contains_key(table)
    }

    /// Whether a table is one that arrives.
    pub(super) fn is_landing(&self, table: &str) -> bool {
        self.landing.contains_key(table)
    }

    /// Whether about more than so many rows of a table are of people or devices of
    /// whom something new arrived: by their share of those in the notes on landing
    /// files. Never where a file is not as it was, as then everything cannot be
    /// read again.
    pub(crate) fn touch_more_than(&self, rows_max: u64) -> Result<bool, Error> {
        let rows = |standing: &Standing| standing.files.iter().map(|file| file.rows).sum::<u64>();
        let most = self.standing.values().map(rows).max().unwrap_or_default();
        if most <= rows_max || !self.unreadable.is_empty() {
            return Ok(false);
        }
        for table in self.landing.keys() {
            let (Some((column, of_people)), Some(difference)) =
                (self.party(table), self.differences.get(table))
            else {
                continue;
            };
            let Some(some) = difference.come.first() else {
                continue;
            };
            let place = places(&some.schema(), &[column.to_owned()], table)?[0];
            let came = Touched::of(&difference.come, place, By::of(of_people));
            let came = came.map_err(|error| Error::execution(table, error.into()))?;
            let files = self.known.iter().filter(|file| file.table == *table);
            let known: Hashes = files
                .flat_map(|file| file.who.iter().flatten().copied())
                .collect();
            let again = came.keys.intersection(&known).count() as u64;
            if most * again / (known.len() as u64).max(1) > rows_max {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether all files of a landing table that were read before are as they
    /// were.
    pub(crate) fn is_as_read(&self, landing: &str) -> bool {
        let mut changed = self.unreadable.iter();
        changed.all(|(table, _)| table != landing)
    }

    /// Takes down which columns of a model, with this schema, pass on what the
    /// notes on landing files are of.
    pub(crate) fn follow(&mut self, model: &str, schema: &Schema, statement: &Statement) {
        for (place, field) in schema.fields().iter().enumerate() {
            let Some((table, column)) = statement.passes_on_at(place) else {
                continue;
            };
            let origin = match self.is_landing(table) {
                true => self
                    .party(table)
                    .filter(|(noted, _)| *noted == column)
                    .map(|(_, of_people)| vec![(table.to_owned(), By::of(of_people))]),
                false => self
                    .origins
                    .get(&(table.to_owned(), column.to_owned()))
                    .cloned(),
            };
            if let Some(origin) = origin {
                let column = (model.to_owned(), field.name().clone());
                self.origins.insert(column, origin);
            }
        }
    }

    /// Whether a table can hold any of `wanted` by what is known of the landing
    /// files that it was made from: of people who are new it has no rows.
    fn can_hold(&self, table: &str, key: &KeyOf, wanted: &Touched) -> bool {
        let Some(origins) = self.origins.get(&(table.to_owned(), key.column.clone())) else {
            return true;
        };
        let may = |(landing, by): &Origin| *by != key.by || self.may_have_arrived(landing, wanted);
        origins.iter().any(may)
    }

    /// Whether files read before may hold rows of any of `wanted`, by what is
    /// noted of them.
    pub(super) fn may_have_arrived(&self, landing: &str, wanted: &Touched) -> bool {
        let mut files = self.known.iter().filter(|file| file.table == landing);
        wanted.has_null() || files.any(|file| file.may_hold(&wanted.keys))
    }

    /// Whether rows of a landing table that came are the first of their keys.
    pub(super) fn are_first(
        &self,
        table: &str,
        key: &KeyOf,
        columns: &[String],
        difference: &Difference,
    ) -> Result<bool, Error> {
        if !self.is_noted(table, key) {
            return Ok(false);
        }
        let came = Touched::of(&difference.come, place_of(columns, &key.column), key.by);
        let came = came.map_err(|error| Error::execution(table, error.into()))?;
        Ok(!self.may_have_arrived(table, &came))
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
        wanted: &Touched,
    ) -> Result<Option<Sides>, Error> {
        let failed = |error: arrow::error::ArrowError| Error::execution(table, error.into());
        let key = &of_system(table, key);
        let mut all = columns.to_vec();
        let place = match columns.iter().position(|column| *column == key.column) {
            Some(place) => place,
            None => {
                all.push(key.column.clone());
                columns.len()
            }
        };
        let Some(before) = self.found_before(table, &all, key, wanted).await? else {
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

    async fn found_before(
        &self,
        table: &str,
        columns: &[String],
        key: &KeyOf,
        wanted: &Touched,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        if wanted.is_empty() || !self.can_hold(table, key, wanted) {
            return Ok(Some(Vec::new()));
        }
        if self.is_landing(table) {
            return self.arrived_before(table, columns, key, wanted).await;
        }
        let Some(standing) = self.standing.get(table) else {
            return Ok(None);
        };
        let places = places(&standing.schema, columns, table)?;
        let place = places[place_of(columns, &key.column)];
        let found = self.stood(standing, &places, (place, key), wanted);
        Ok(Some(found.await?))
    }

    /// Reads the files that hold such rows. Only the column by which files were
    /// noted can say which.
    async fn arrived_before(
        &self,
        table: &str,
        columns: &[String],
        key: &KeyOf,
        wanted: &Touched,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let Some(source) = self
            .landing
            .get(table)
            .filter(|_| self.is_noted(table, key))
        else {
            return Ok(None);
        };
        let column = key.column.as_str();
        let Some(files) = self.holding(table, source, wanted) else {
            return Ok(None);
        };
        let source = Source {
            files,
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
            .map(|column| place_of(&order, column))
            .collect();
        let keys = Arc::new(Wanted {
            keys: wanted.clone(),
            by: key.by,
        });
        let mut found = Vec::new();
        let source = Arc::new(source);
        let streams = self
            .before
            .landing_streams(&source, table, &order, Some(keys))
            .await?;
        let taken = each_batch_of(streams, |batch| {
            found.push(batch.project(&back)?);
            Ok(())
        });
        let taken = taken.await;
        taken.map_err(|error| Error::execution(table, error))?;
        Ok(Some(found))
    }

    /// Files read before that hold rows of any of those; `None` where one of them
    /// is not as it was.
    fn holding(&self, table: &str, source: &Source, wanted: &Touched) -> Option<Vec<SourceFile>> {
        let known = self.known.iter().filter(|file| file.table == table);
        let holding: BTreeSet<&str> = known
            .filter(|file| file.may_hold(&wanted.keys))
            .map(|file| file.name.as_str())
            .collect();
        let changed = |name: &&str| {
            let file = (table.to_owned(), (*name).to_owned());
            self.unreadable.contains(&file)
        };
        if holding.iter().any(changed) {
            return None;
        }
        let files = source.files.iter();
        let files = files.filter(|file| holding.contains(file.name.as_str()));
        Some(files.cloned().collect())
    }
}

impl Standing {
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

    /// The table with the rows of `files`.
    pub(crate) fn in_files(
        &self,
        session: &Session,
        files: &[DataFile],
    ) -> Result<LakeTable, Error> {
        Ok(session.tables().in_files(&self.id, &self.schema, files)?)
    }

    /// All rows of the table as it stood; `None` where they are more than so many.
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

    /// Of a system table.
    pub(crate) fn of_system(table: &system::Definition, version: Option<Version>) -> Self {
        Self::new(table.id(), table.schema(), version)
    }
}

/// The system's tables name persons as they are known, so that their names need
/// not be brought to that form.
fn of_system(table: &str, key: &KeyOf) -> KeyOf {
    let is_known = table.starts_with(system::ZONE) && key.column == "subject";
    KeyOf {
        by: if is_known { By::Value } else { key.by },
        ..key.clone()
    }
}

/// Who claims a device has a record; a device with an owner has reported, and the
/// owner claims it or has reported as well.
fn of_system_tables(roles: &Roles) -> BTreeMap<(String, String), Vec<Origin>> {
    let of = |table: &system::Definition, column: &str, landing: &[&TableName]| {
        let origins = landing.iter().map(|table| (table.to_string(), By::Value));
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
        of(&system::DEVICE_CLAIM, "subject", &claimants),
        of(&system::DEVICE_OWNER, "serialnumber", &devices),
        of(&system::DEVICE_OWNER, "subject", &people),
    ])
}

pub(super) fn places(
    schema: &Schema,
    columns: &[String],
    table: &str,
) -> Result<Vec<usize>, Error> {
    let places = columns.iter().map(|column| schema.index_of(column));
    places
        .collect::<Result<_, _>>()
        .map_err(|error| Error::execution(table, error.into()))
}

fn place_of(columns: &[impl AsRef<str>], wanted: &str) -> usize {
    let mut columns = columns.iter();
    columns
        .position(|column| column.as_ref() == wanted)
        .unwrap_or_default()
}
