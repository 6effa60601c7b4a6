//! Privacy checks that no contract can switch off.
//!
//! - No row of a person who does not agree to research now is in a table that
//!   has a subject.
//! - No reading of a device whose owner does not agree is in a table that has
//!   a device.
//! - Which tables must have one follows from what they are made of, before
//!   anything runs: [`crate::contract::lineage`].
//! - No row of a table that is anonymous by its contract tells of fewer people
//!   than a few.
//! - Every row of `training_set` is one that may be there: of a person and
//!   their own device, taken while that person's consent held. Which rows may
//!   be there is derived anew, from the consents and the pairs of readings.
//!
//! They are part of every run, before anything of it can be seen, and of
//! `verify`.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasherDefault;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Int64Type};
use catalog::{Model, ReadBy, Readings, Roles};
use futures::StreamExt;
use lake::{Layout, TableId};

use crate::Error;
use crate::content;
use crate::contract::lineage::GROUP_PEOPLE_MIN;
use crate::contract::planning::Planned;
use crate::contract::report::{CheckKind, CheckReport, Verdict};
use crate::contract::subject_columns::{SubjectKind, TRAINING_SET};
use crate::stored::stored;
use crate::subjects::in_force;
use crate::subjects::name_hashes::{NameHashes, hash_name};
use query::Query;
use query::Session;
use query::identity_hash::IdentityHasher;

/// Which rows may be in [`TRAINING_SET`].
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

/// Devices whose owner is among those who `agreed`, out of the rows of
/// `system.device_owner`.
pub(crate) fn owned(owners: &RecordBatch, agreed: &NameHashes) -> NameHashes {
    let agrees = |owner: &str| agreed.contains(&hash_name(owner));
    in_force::devices_of(owners, agrees)
        .map(hash_name)
        .collect()
}

/// Whose rows a table holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    /// By [`hash_name`]; a row without a subject counts as a person
    /// who never agreed.
    subjects: NameHashes,
}

impl People {
    /// Takes in whose rows a column of names names.
    pub(crate) fn take_in(&mut self, by: SubjectKind, column: &StringViewArray) {
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
            self.subjects.insert(match by {
                SubjectKind::Subject => hash_name(&privacy::normalize_subject(name)),
                SubjectKind::Device => hash_name(name),
            });
            last = column.is_valid(row).then_some(*view);
        }
    }

    /// Takes in another part of the same table.
    pub(crate) fn merge(&mut self, other: Self) {
        self.subjects.extend(other.subjects);
    }

    /// Who they are.
    pub(crate) fn known(&self) -> &NameHashes {
        &self.subjects
    }

    fn outside(&self, allowed: &NameHashes) -> u64 {
        let refused = self.subjects.iter().filter(|one| !allowed.contains(one));
        refused.count() as u64
    }
}

/// Whether all whose rows `model` holds are among those `allowed`.
pub(crate) fn consent(
    model: &Model,
    by: SubjectKind,
    people: &People,
    allowed: &NameHashes,
) -> CheckReport {
    verdict_of(model, by, people.outside(allowed))
}

/// What it comes to if so many whose rows `model` holds may not be there.
pub(crate) fn verdict_of(model: &Model, by: SubjectKind, refused: u64) -> CheckReport {
    let check = match by {
        SubjectKind::Subject => "privacy: consent in force",
        SubjectKind::Device => "privacy: owner's consent in force",
    };
    verdict(model, check, refused)
}

/// Whether the groups of an anonymous model are of so many people that nothing
/// is told of one of them; `None` for a model that need not show it. The model's
/// SELECT is computed anew, with the people of each group counted.
///
/// # Errors
/// [`Error::Query`], or what is wrong with what the model reads.
pub(crate) async fn groups(
    session: &Session,
    planned: &Planned,
) -> Result<Option<CheckReport>, Error> {
    let (Some(lineage), model) = (&planned.grouped, &planned.model) else {
        return Ok(None);
    };
    let plan = session.plan(&model.sql).await?;
    let Some(too_small) = lineage.too_small_groups(&plan) else {
        return Ok(None);
    };
    let query = session.query_plan(too_small).await?;
    let few = crate::contract::checks::number(query).await?;
    Ok(Some(groups_verdict(model, few)))
}

/// What it comes to if so many groups are of too few people.
pub(crate) fn groups_verdict(model: &Model, few: u64) -> CheckReport {
    verdict(
        model,
        &format!("privacy: groups of {GROUP_PEOPLE_MIN} people or more"),
        few,
    )
}

/// Whether a model takes readings of devices itself, and says whose by the device
/// alone or besides.
pub(crate) fn takes_readings(roles: &Roles, model: &Model) -> bool {
    model.contract.device.is_some() && readings_taken(roles, model).next().is_some()
}

/// The landing tables of devices' readings that a model's SELECT reads.
fn readings_taken<'a>(roles: &'a Roles, model: &'a Model) -> impl Iterator<Item = &'a Readings> {
    roles.device_readings().iter().filter(|readings| {
        let mut reads = model.reads().iter();
        reads.any(|read| read.by == ReadBy::Select && readings.table == *read.table.as_str())
    })
}

/// Whether a model that takes readings has any of a device passed on that no owner
/// who `agreed` made: of a device that had several owners, not all of whom agree,
/// each row must tell its time, in a column named as in the landing table, and be taken while one who agrees had it. `None`
/// where all is well, or where there is nothing to look at.
///
/// # Errors
/// [`Error::Query`].
pub(crate) async fn passed_on(
    session: &Session,
    model: &Model,
    agreed: &NameHashes,
) -> Result<Option<CheckReport>, Error> {
    let roles = session.tables().project.roles();
    let times: BTreeSet<&str> = readings_taken(roles, model)
        .map(|readings| readings.time.as_str())
        .collect();
    let Some(device) = model.contract.device.as_ref().filter(|_| !times.is_empty()) else {
        return Ok(None);
    };
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
            let agrees = subjects.is_valid(row) && agreed.contains(&hash_name(subjects.value(row)));
            match agrees {
                true => of_device.agreed.push((from.value(row), to.value(row))),
                false => of_device.others = true,
            }
        }
    }
    owners.retain(|_, owners| owners.others && !owners.agreed.is_empty());
    if owners.is_empty() {
        return Ok(None);
    }
    let (zone, table) = (model.zone, &model.name);
    let sql = format!("select * from {zone}.\"{table}\"");
    let mut batches = session.query(&sql).await?.stream()?;
    let mut refused = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(Query::failed)?;
        let Some(devices) = batch.column_by_name(device) else {
            continue;
        };
        let devices = arrow::compute::cast(devices, &DataType::Utf8View)
            .map_err(|error| Error::execution(table.to_string(), error.into()))?;
        let devices = devices.as_string_view();
        let times = times.iter().find_map(|time| batch.column_by_name(time));
        let times = times.and_then(|times| times.as_primitive_opt::<Int64Type>());
        for row in (0..batch.num_rows()).filter(|row| devices.is_valid(*row)) {
            let Some(owners) = owners.get(devices.value(row)) else {
                continue;
            };
            let time = times.filter(|times| times.is_valid(row));
            let time = time.map(|times| times.value(row));
            refused += u64::from(!time.is_some_and(|time| owners.allow(time)));
        }
    }
    Ok((refused > 0).then(|| verdict(model, "privacy: owner's consent at the time", refused)))
}

/// Who had a device that was passed on.
#[derive(Debug, Default)]
struct Owners {
    /// From when until when those had it who agree.
    agreed: Vec<(i64, i64)>,
    /// Whether anybody else had it.
    others: bool,
}

impl Owners {
    fn allow(&self, time: i64) -> bool {
        let mut agreed = self.agreed.iter();
        agreed.any(|(from, to)| *from <= time && time < *to)
    }
}

/// Reads whose rows a table holds, by a column that names them.
///
/// # Errors
/// [`Error::Query`].
pub(crate) async fn people(
    session: &Session,
    model: &Model,
    (by, column): (SubjectKind, &str),
) -> Result<People, Error> {
    let (zone, table) = (model.zone, &model.name);
    let sql = format!("select \"{column}\" from {zone}.\"{table}\"");
    let mut batches = session.query(&sql).await?.stream()?;
    let mut people = People::default();
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(Query::failed)?;
        let column = arrow::compute::cast(batch.column(0), &DataType::Utf8View)
            .map_err(|error| Error::execution(table.to_string(), error.into()))?;
        people.take_in(by, column.as_string_view());
    }
    Ok(people)
}

/// Whether each row of `training_set` may be there; `None` for other tables.
/// What its name means in `session` is looked at.
///
/// # Errors
/// [`Error::Query`], or [`Error::Query`] where the key is gone.
pub(crate) async fn training(
    session: &Session,
    planned: &Planned,
) -> Result<Option<CheckReport>, Error> {
    if !planned.is_training_set() {
        return Ok(None);
    }
    let model = &planned.model;
    let columns = "subject, elapsed_ms, distancefromobject, x, y, z";
    let there = format!("select {columns} from {}.{TRAINING_SET}", model.zone);
    let mut allowed: HashMap<u128, i64, BuildHasherDefault<IdentityHasher>> = HashMap::default();
    for (sql, step) in [(TRAINING_ROWS, 1), (there.as_str(), -1)] {
        let query = session.query(sql).await?;
        let table = TableId::new(model.zone.to_string(), TRAINING_SET);
        let layout = Layout::new(table, &query.schema(), &[])?;
        let mut batches = query.stream()?;
        while let Some(batch) = batches.next().await {
            let batch: RecordBatch = batch.map_err(Query::failed)?;
            let batch = stored(layout.schema(), &batch)
                .map_err(|error| Error::execution(TRAINING_SET, error.into()))?;
            for hash in content::hashes(&batch) {
                *allowed.entry(hash).or_default() += step;
            }
        }
    }
    let beyond: i64 = allowed
        .values()
        .filter(|rows| **rows < 0)
        .map(|rows| -rows)
        .sum();
    Ok(Some(verdict(
        model,
        "privacy: rows that may be there",
        beyond.unsigned_abs(),
    )))
}

fn verdict(model: &Model, check: &str, violations: u64) -> CheckReport {
    CheckReport {
        table: model.name.to_string(),
        check: check.to_owned(),
        verdict: if violations == 0 {
            Verdict::Ok
        } else {
            Verdict::Fail
        },
        violations,
        kind: CheckKind::Privacy,
    }
}
