//! Privacy gates: checks that no contract can switch off.
//!
//! - A table with a `subject` has rows only of people who consent to research now.
//! - A table with a `device` has readings only of devices whose owner consents.
//! - A table that its contract calls anonymous has only groups of enough people.
//! - `training_set` has only allowed rows: readings of people and their own devices, at
//!   instants when the consent was in force. The allowed rows are computed again, from the
//!   consents and the pairs of readings.
//!
//! [`crate::contract::lineage`] decides before a run which tables must declare a `subject` or
//! `device`. The gates are part of every run, before anything is published, and of `verify`.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Int64Type};
use catalog::{Model, ReadBy, Readings, Roles};
use evidence::Gate;
use futures::StreamExt;
use lake::{Layout, TableId};

use crate::Error;
use crate::content;
use crate::contract::planning::Planned;
use crate::contract::report::{CheckKind, CheckReport, Verdict};
use crate::contract::subject_columns::{self, SubjectKind, TRAINING_SET};
use crate::stored::stored;
use crate::subjects::in_force;
use crate::subjects::name_hashes::{NameHashes, hash_name};
use query::Query;
use query::Session;
use query::identity_hash::IdentityHasher;

/// The rows that are allowed in [`TRAINING_SET`].
const TRAINING_ROWS: &str = "
with held as (
    select subject, valid_from, coalesce(valid_to, 9223372036854775807) as valid_to
    from system.consent
    where purpose = 'research'
),
agreed as (
    select subject from held where valid_from <= run_time() and run_time() < valid_to
),
owned as (
    select
        serialnumber,
        subject,
        coalesce(valid_from, -9223372036854775808) as valid_from,
        coalesce(valid_to, 9223372036854775807) as valid_to
    from system.device_owner
),
allowed as (
    select o.subject as person, m.sensorreadingtime as at, m.distancefromobject, m.x, m.y, m.z
    from machine_learning_curated m
    join owned o on o.serialnumber = m.serialnumber and o.subject = subject(m.user)
    join held h on h.subject = o.subject
    left semi join agreed a on a.subject = o.subject
    where m.sensorreadingtime >= o.valid_from and m.sensorreadingtime < o.valid_to
        and m.sensorreadingtime >= h.valid_from and m.sensorreadingtime < h.valid_to
)
select
    pseudonym(r.person) as subject,
    r.at - f.at as elapsed_ms,
    r.distancefromobject,
    r.x,
    r.y,
    r.z
from allowed r
join (select person, min(at) as at from allowed group by person) f on f.person = r.person
";

/// The devices in rows of `system.device_owner` whose owner is one of `consenting`.
pub(crate) fn devices_of_consenting_owners(
    owners: &RecordBatch,
    consenting: &NameHashes,
) -> NameHashes {
    let consents = |owner: &str| consenting.contains(&hash_name(owner));
    in_force::devices_of(owners, consents)
        .map(hash_name)
        .collect()
}

/// The people or devices with rows in a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct SubjectsInTable {
    /// By [`hash_name`]. A row without a name counts as an unknown person, who never
    /// consented.
    names: NameHashes,
}

impl SubjectsInTable {
    /// Adds the people or devices that a column names.
    pub(crate) fn add(&mut self, kind: SubjectKind, column: &StringViewArray) {
        let mut last = None;
        for (row, view) in column.views().iter().enumerate() {
            // Equal views of one array are equal texts.
            if last == Some(*view) && column.is_valid(row) {
                continue;
            }
            let name = match column.is_valid(row) {
                true => column.value(row),
                false => "",
            };
            self.names.insert(match kind {
                SubjectKind::Subject => hash_name(&privacy::normalize_subject(name)),
                SubjectKind::Device => hash_name(name),
            });
            last = column.is_valid(row).then_some(*view);
        }
    }

    /// Adds those of another part of the same table.
    pub(crate) fn merge(&mut self, other: Self) {
        self.names.extend(other.names);
    }

    /// Their names, by [`hash_name`].
    pub(crate) fn names(&self) -> &NameHashes {
        &self.names
    }

    fn count_outside(&self, allowed: &NameHashes) -> u64 {
        let refused = self.names.iter().filter(|name| !allowed.contains(name));
        refused.count() as u64
    }
}

/// Checks that all people or devices with rows in a model's table are `allowed`.
pub(crate) fn consent(
    model: &Model,
    kind: SubjectKind,
    subjects: &SubjectsInTable,
    allowed: &NameHashes,
) -> CheckReport {
    consent_verdict(model, kind, subjects.count_outside(allowed))
}

/// The verdict when `refused` people or devices with rows in a model's table are not allowed.
pub(crate) fn consent_verdict(model: &Model, kind: SubjectKind, refused: u64) -> CheckReport {
    let gate = match kind {
        SubjectKind::Subject => Gate::Consent,
        SubjectKind::Device => Gate::OwnersConsent,
    };
    verdict(model, gate, refused)
}

/// Checks that each group of an anonymous model has enough people; `None` for a model that is
/// not anonymous. Computes the model's SELECT again, and counts the people of each group.
///
/// # Errors
/// [`Error::Query`], or an error of what the model reads.
pub(crate) async fn groups(
    session: &Session,
    planned: &Planned,
) -> Result<Option<CheckReport>, Error> {
    let (Some(lineage), model) = (&planned.group_lineage, &planned.model) else {
        return Ok(None);
    };
    let plan = session.plan(&model.sql).await?;
    let Some(too_small) = lineage.too_small_groups(&plan) else {
        return Ok(None);
    };
    let query = session.query_plan(too_small).await?;
    let small_groups = crate::contract::checks::single_number(query).await?;
    Ok(Some(groups_verdict(model, small_groups)))
}

/// The verdict when this number of groups have too few people.
pub(crate) fn groups_verdict(model: &Model, small_groups: u64) -> CheckReport {
    verdict(model, Gate::Groups, small_groups)
}

/// Whether the SELECT of a model that names people or devices reads landing readings of
/// devices.
pub(crate) fn takes_readings(roles: &Roles, model: &Model) -> bool {
    let names_any = subject_columns::column(model).is_some();
    names_any && readings_taken(roles, model).next().is_some()
}

/// The landing tables of devices' readings that a model's SELECT reads.
fn readings_taken<'a>(roles: &'a Roles, model: &'a Model) -> impl Iterator<Item = &'a Readings> {
    roles.device_readings().iter().filter(|readings| {
        let mut reads = model.reads().iter();
        reads.any(|read| read.by == ReadBy::Select && readings.table == *read.table.as_str())
    })
}

/// Checks a model that reads landing readings, for devices that had several owners of whom
/// only some are `consenting`. Each row of such a device must give the time of its reading
/// unchanged, and must be from a time when a consenting owner had the device. A model that
/// names the person alone does not tell which device a row is from: no row of a consenting
/// owner of such a device may be in it. `None` if no row is in violation.
///
/// # Errors
/// [`Error::Query`].
pub(crate) async fn passed_on(
    session: &Session,
    planned: &Planned,
    consenting: &NameHashes,
) -> Result<Option<CheckReport>, Error> {
    let model = &planned.model;
    if !takes_readings(session.tables().project.roles(), model) {
        return Ok(None);
    }
    let owners = owners_of_passed_on_devices(session, consenting).await?;
    if owners.is_empty() {
        return Ok(None);
    }
    let (zone, table) = (model.zone, &model.name);
    let sql = format!("select * from {zone}.\"{table}\"");
    let mut batches = session.query(&sql).await?.stream()?;
    let mut refused = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(Query::failed)?;
        let names = |column: &catalog::ColumnName| -> Result<Option<ArrayRef>, Error> {
            let names = batch.column_by_name(column);
            let names = names.map(|names| arrow::compute::cast(names, &DataType::Utf8View));
            names
                .transpose()
                .map_err(|error| Error::execution(table.to_string(), error.into()))
        };
        if let Some(device) = &model.contract.device {
            let Some(devices) = names(device)? else {
                continue;
            };
            let devices = devices.as_string_view();
            let times = planned.reading_time.as_deref();
            let times = times.and_then(|time| batch.column_by_name(time));
            let times = times.and_then(|times| times.as_primitive_opt::<Int64Type>());
            for row in (0..batch.num_rows()).filter(|row| devices.is_valid(*row)) {
                let Some(owners) = owners.get(devices.value(row)) else {
                    continue;
                };
                let time = times.filter(|times| times.is_valid(row));
                let time = time.map(|times| times.value(row));
                refused += u64::from(!time.is_some_and(|time| owners.allow(time)));
            }
        } else if let Some(subject) = &model.contract.subject
            && let Some(people) = names(subject)?
        {
            let had_any = |name: &str| {
                let person = hash_name(&privacy::normalize_subject(name));
                let mut owners = owners.values();
                owners.any(|owners| owners.had_it(person))
            };
            let people = people.as_string_view().iter().flatten();
            refused += people.filter(|name| had_any(name)).count() as u64;
        }
    }
    Ok((refused > 0).then(|| verdict(model, Gate::OwnersConsentThen, refused)))
}

/// Devices that had several owners of whom only some are `consenting`, by serial number.
async fn owners_of_passed_on_devices(
    session: &Session,
    consenting: &NameHashes,
) -> Result<HashMap<String, Owners>, Error> {
    let sql = "select serialnumber, subject, \
        coalesce(valid_from, -9223372036854775808), coalesce(valid_to, 9223372036854775807) \
        from system.device_owner where valid_from is not null or valid_to is not null";
    let mut owners: HashMap<String, Owners> = HashMap::new();
    let mut batches = session.query(sql).await?.stream()?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(Query::failed)?;
        let (serials, subjects) = (batch.column(0).as_string_view(), batch.column(1));
        let subjects = subjects.as_string_view();
        let (from, to) = (
            batch.column(2).as_primitive::<Int64Type>(),
            batch.column(3).as_primitive::<Int64Type>(),
        );
        for row in 0..batch.num_rows() {
            let of_device = owners.entry(serials.value(row).to_owned()).or_default();
            let subject = subjects.is_valid(row).then(|| subjects.value(row));
            match subject.is_some_and(|subject| consenting.contains(&hash_name(subject))) {
                true => {
                    of_device.consenting.push((from.value(row), to.value(row)));
                    of_device.people.extend(subject.map(hash_name));
                }
                false => of_device.has_others = true,
            }
        }
    }
    owners.retain(|_, owners| owners.has_others && !owners.consenting.is_empty());
    Ok(owners)
}

/// The owners of a device that had several.
#[derive(Debug, Default)]
struct Owners {
    /// When each consenting owner had the device: from, to.
    consenting: Vec<(i64, i64)>,
    /// Who they are.
    people: Vec<u128>,
    /// Whether an owner does not consent.
    has_others: bool,
}

impl Owners {
    /// Whether a consenting person had the device.
    fn had_it(&self, person: u128) -> bool {
        self.people.contains(&person)
    }

    fn allow(&self, time: i64) -> bool {
        let mut periods = self.consenting.iter();
        periods.any(|(from, to)| *from <= time && time < *to)
    }
}

/// Reads the people or devices with rows in a model's table, from the column that names them.
///
/// # Errors
/// [`Error::Query`].
pub(crate) async fn people(
    session: &Session,
    model: &Model,
    (kind, column): (SubjectKind, &str),
) -> Result<SubjectsInTable, Error> {
    people_as_of(session, model, (kind, column), "").await
}

/// As [`people`], at the version that `as_of` says in SQL; at the newest without it.
///
/// # Errors
/// [`Error::Query`]; [`Error::Lake`] if there is no such version any more.
pub(crate) async fn people_as_of(
    session: &Session,
    model: &Model,
    (kind, column): (SubjectKind, &str),
    as_of: &str,
) -> Result<SubjectsInTable, Error> {
    let (zone, table) = (model.zone, &model.name);
    let sql = format!("select \"{column}\" from {zone}.\"{table}\" {as_of}");
    let mut batches = session.query(&sql).await?.stream()?;
    let mut subjects = SubjectsInTable::default();
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(Query::failed)?;
        let column = arrow::compute::cast(batch.column(0), &DataType::Utf8View)
            .map_err(|error| Error::execution(table.to_string(), error.into()))?;
        subjects.add(kind, column.as_string_view());
    }
    Ok(subjects)
}

/// Checks that each row of `training_set` in `session` is allowed; `None` for other tables.
///
/// # Errors
/// [`Error::Query`], also if the key of pseudonyms is missing.
pub(crate) async fn training(
    session: &Session,
    planned: &Planned,
) -> Result<Option<CheckReport>, Error> {
    if !planned.is_training_set() {
        return Ok(None);
    }
    let model = &planned.model;
    let columns = "subject, elapsed_ms, distancefromobject, x, y, z";
    let present = format!("select {columns} from {}.{TRAINING_SET}", model.zone);
    // Allowed rows minus present rows, by row hash.
    let mut balances: HashMap<u128, i64, BuildHasherDefault<IdentityHasher>> = HashMap::default();
    for (sql, step) in [(TRAINING_ROWS, 1), (present.as_str(), -1)] {
        let query = session.query(sql).await?;
        let table = TableId::new(model.zone.to_string(), TRAINING_SET);
        let layout = Layout::new(table, &query.schema(), &[])?;
        let mut batches = query.stream()?;
        while let Some(batch) = batches.next().await {
            let batch: RecordBatch = batch.map_err(Query::failed)?;
            let batch = stored(layout.schema(), &batch)
                .map_err(|error| Error::execution(TRAINING_SET, error.into()))?;
            for hash in content::hashes(&batch) {
                *balances.entry(hash).or_default() += step;
            }
        }
    }
    let not_allowed: i64 = balances
        .values()
        .filter(|rows| **rows < 0)
        .map(|rows| -rows)
        .sum();
    Ok(Some(verdict(
        model,
        Gate::TrainingRows,
        not_allowed.unsigned_abs(),
    )))
}

fn verdict(model: &Model, gate: Gate, violations: u64) -> CheckReport {
    CheckReport {
        table: model.name.to_string(),
        check: gate.name().to_owned(),
        verdict: if violations == 0 {
            Verdict::Ok
        } else {
            Verdict::Fail
        },
        violations,
        kind: CheckKind::Privacy,
    }
}
