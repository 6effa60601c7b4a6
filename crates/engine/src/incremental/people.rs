//! What changed about people: who agrees, who claims which device, and whose
//! each device is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::Int64Type;
use catalog::{PersonRecords, Readings};
use futures::TryStreamExt;
use privacy::normalize_subject;
use privacy::ownership::{ClaimCounter, DeviceReadings, claim_holds, may_have_changed_owner};

use super::difference::Difference;
use super::keys::{Touched, with_keys};
use super::scope::{By, KeyOf};
use super::tables::{Tables, places};
use crate::Error;
use crate::contract::checks;
use crate::contract::shipped;
use crate::subjects::consent;
use crate::subjects::consent::Register;
use crate::subjects::{in_force, person_records};
use query::Query;
use query::Session;
use query::interner::Interner;
use query::landing::hash;
use query::system;
use query::system::{CONSENT, DEVICE_CLAIM, DEVICE_OWNER, long, text};

/// What there is to go by beside tables.
pub(crate) struct PeopleSource<'a> {
    /// The start of this run and of the last, epoch milliseconds.
    pub(crate) now_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) register: &'a Register,
    /// Whose consent does not count for now.
    pub(crate) suspended: &'a HashSet<String>,
    /// People of whom something was entered or quarantined since the last run.
    pub(crate) entered: &'a HashSet<String>,
    /// Whether anybody's consent began or ended between the two runs.
    pub(crate) crossed: bool,
    /// Whether trusted tables hold all readings of those who have any in them.
    pub(crate) trusted: bool,
}

/// People and devices whose rows must be gone now.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Who agreed and does not any more.
    pub(super) withdrawn: Touched,
    /// Devices whose rows may not be where they were.
    pub(super) lost: Touched,
}

/// A row of `system.device_claim`.
type Claim = (String, String);

fn key(column: &str, by: By) -> KeyOf {
    KeyOf {
        column: column.to_owned(),
        by,
    }
}

fn columns(table: &system::Definition) -> Vec<String> {
    let schema = table.schema();
    let fields = schema.fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

fn failed(error: arrow::error::ArrowError) -> Error {
    Error::execution("the people of this run", error.into())
}

impl Tables {
    /// Finds out what changed about people, and keeps the differences of the
    /// system's tables. `None` where everybody must be looked at.
    pub(crate) async fn take_in_people(
        &mut self,
        from: &PeopleSource<'_>,
    ) -> Result<Option<Changes>, Error> {
        let mut changes = Changes::default();
        let project = Arc::clone(&self.before.tables().project);
        let records = project.roles().person_records();
        let people = self.people_touched(from, records).await?;
        let mut agreement = Touched::default();
        let mut of_devices = Touched::default();
        if !people.is_empty() {
            let records = match records {
                Some(records) => self.records_of(records, &people).await?,
                None => Some(Vec::new()),
            };
            let Some(records) = records else {
                return Ok(None);
            };
            if !self
                .take_in_consent(from, &people, &records, &mut agreement, &mut changes)
                .await?
                || !self
                    .take_in_claims(&people, &records, &mut of_devices)
                    .await?
            {
                return Ok(None);
            }
        }
        if !self
            .take_in_owners(from, &agreement, of_devices, &mut changes)
            .await?
        {
            return Ok(None);
        }
        Ok(Some(changes))
    }

    /// All records of some people, [`person_records::shaped`].
    async fn records_of(
        &self,
        records: &PersonRecords,
        people: &Touched,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let by = key(&records.subject, By::Subject);
        let columns = person_records::columns(records);
        let table = records.table.as_ref();
        let Some(sides) = self.sides(table, &columns, &by, people).await? else {
            return Ok(None);
        };
        let shaped = sides
            .after
            .iter()
            .map(|batch| person_records::shaped(records, batch).map_err(failed));
        shaped.collect::<Result<_, _>>().map(Some)
    }

    /// Whose consent must be derived again.
    async fn people_touched(
        &mut self,
        from: &PeopleSource<'_>,
        records: Option<&PersonRecords>,
    ) -> Result<Touched, Error> {
        let mut people = Touched::default();
        if let Some(records) = records
            && let Some(difference) = self.differences.get(records.table.as_ref())
        {
            for batch in difference.touched() {
                let names = column(batch, &records.subject)?;
                people.take_in(&names, By::Subject).map_err(failed)?;
            }
        }
        for name in from.entered {
            people.insert(hash(name));
        }
        if !from.crossed {
            return Ok(people);
        }
        let (low, high) = (from.last_ms.min(from.now_ms), from.last_ms.max(from.now_ms));
        let sql = format!(
            "select subject from system.consent \
             where (valid_from > {low} and valid_from <= {high}) \
             or (valid_to > {low} and valid_to <= {high})"
        );
        for batch in rows(&self.before, &sql).await? {
            for side in [&mut people, &mut self.crossing] {
                let subjects = batch.column(0);
                side.take_in(subjects, By::Subject).map_err(failed)?;
            }
        }
        Ok(people)
    }

    async fn take_in_consent(
        &mut self,
        from: &PeopleSource<'_>,
        people: &Touched,
        records: &[RecordBatch],
        agreement: &mut Touched,
        changes: &mut Changes,
    ) -> Result<bool, Error> {
        let by_hand: Register = from
            .register
            .iter()
            .filter(|((person, _), _)| people.contains(hash(person)))
            .map(|(whose, entries)| (whose.clone(), entries.clone()))
            .collect();
        let now = consent::derive_some(records, from.now_ms, &by_hand, from.suspended);
        let table = CONSENT.full_name();
        let by = key("subject", By::Subject);
        let Some(before) = self.sides(&table, &columns(&CONSENT), &by, people).await? else {
            return Ok(false);
        };
        let now = vec![now.rows];
        let (old, new) = (
            agreeing(&before.before, from.last_ms),
            agreeing(&now, from.now_ms),
        );
        for person in old.symmetric_difference(&new) {
            agreement.insert(hash(person));
        }
        for person in old.difference(&new) {
            changes.withdrawn.insert(hash(person));
        }
        let difference = Difference::between(&before.before, &now).map_err(failed)?;
        self.note(table, difference);
        Ok(true)
    }

    async fn take_in_claims(
        &mut self,
        people: &Touched,
        records: &[RecordBatch],
        of_devices: &mut Touched,
    ) -> Result<bool, Error> {
        let table = DEVICE_CLAIM.full_name();
        let all = columns(&DEVICE_CLAIM);
        let by = key("subject", By::Subject);
        let Some(before) = self.sides(&table, &all, &by, people).await? else {
            return Ok(false);
        };
        let old: BTreeSet<Claim> = claims_in(&before.before).map(|(claim, _)| claim).collect();
        let new = newest_claims(records);
        for (serial, _) in old.symmetric_difference(&new) {
            of_devices.insert(hash(serial));
        }
        if of_devices.is_empty() {
            return Ok(true);
        }
        let by = key("serialnumber", By::Value);
        let Some(standing) = self.sides(&table, &all, &by, of_devices).await? else {
            return Ok(false);
        };
        let others = claims_in(&standing.before).map(|(claim, _)| claim);
        let mut claims: BTreeSet<Claim> = others
            .filter(|(_, person)| !people.contains(hash(person)))
            .collect();
        claims.extend(
            new.into_iter()
                .filter(|(serial, _)| of_devices.contains(hash(serial))),
        );
        let mut claimants: BTreeMap<&str, i64> = BTreeMap::new();
        for (serial, _) in &claims {
            *claimants.entry(serial).or_default() += 1;
        }
        let now = DEVICE_CLAIM.batch(vec![
            text(claims.iter().map(|(serial, _)| serial.as_str())),
            text(claims.iter().map(|(_, person)| person.as_str())),
            long(
                claims
                    .iter()
                    .map(|(serial, _)| claimants.get(serial.as_str()).copied()),
            ),
        ]);
        let difference = Difference::between(&standing.before, &[now]).map_err(failed)?;
        self.note(table, difference);
        Ok(true)
    }

    /// Decides again whose the devices are that something is new of. False where
    /// a claim is not clear, so that anybody may be the owner.
    async fn take_in_owners(
        &mut self,
        from: &PeopleSource<'_>,
        agreement: &Touched,
        mut devices: Touched,
        changes: &mut Changes,
    ) -> Result<bool, Error> {
        let project = Arc::clone(&self.before.tables().project);
        let roles = project.roles();
        let mut fresh: HashMap<String, i64> = HashMap::new();
        for (table, batch) in self.new_readings(roles.device_readings()) {
            let serials = column(batch, &table.name)?;
            devices.take_in(&serials, By::Value).map_err(failed)?;
            newest(&serials, &column(batch, &table.time)?, &mut fresh);
        }
        let mut people = agreement.clone();
        for (table, batch) in self.new_readings(roles.person_readings()) {
            let names = column(batch, &table.name)?;
            people.take_in(&names, By::Subject).map_err(failed)?;
        }
        let claim_table = DEVICE_CLAIM.full_name();
        let all = columns(&DEVICE_CLAIM);
        let by = key("subject", By::Subject);
        let Some(claims) = self.sides(&claim_table, &all, &by, &people).await? else {
            return Ok(false);
        };
        for ((serial, _), _) in claims_in(&claims.after) {
            devices.insert(hash(&serial));
        }
        if devices.is_empty() && people.is_empty() {
            return Ok(true);
        }
        // A device that is not clearly its claimant's may be anybody's who
        // reported.
        let unclear = "select count(*) from system.device_owner \
                       where coalesce(evidence, '') <> 'claimed' or runner_up is not null \
                       or valid_from is not null or valid_to is not null";
        if checks::count(&self.before, unclear).await? > 0 {
            return Ok(false);
        }
        if devices.is_empty() {
            return Ok(true);
        }
        let by = key("serialnumber", By::Value);
        let owner_table = DEVICE_OWNER.full_name();
        let owners = self
            .sides(&owner_table, &columns(&DEVICE_OWNER), &by, &devices)
            .await?;
        let claims = self.sides(&claim_table, &all, &by, &devices).await?;
        let (Some(owners), Some(claims)) = (owners, claims) else {
            return Ok(false);
        };
        let claims: BTreeMap<String, (String, i64)> = claims_in(&claims.after)
            .map(|((serial, person), claimants)| (serial, (person, claimants)))
            .collect();
        let mut last = fresh;
        for batch in &owners.before {
            newest(batch.column(0), &column(batch, "last_reading")?, &mut last);
        }
        // Only devices that report have owners.
        let mut reporting: Vec<Owned> = Vec::new();
        for (serial, last_ms) in last {
            match claims.get(&serial) {
                Some((person, 1)) => reporting.push(Owned {
                    serial,
                    person: person.clone(),
                    last_ms,
                    support: None,
                }),
                _ => return Ok(false),
            }
        }
        reporting.sort_by(|a, b| a.serial.cmp(&b.serial));
        let agree = self.who_agrees(&reporting, from.now_ms).await?;
        let Some(agree) = agree else {
            return Ok(false);
        };
        if !self.confirm(from.trusted, &mut reporting, &agree).await? {
            return Ok(false);
        }
        for batch in &owners.before {
            for serial in batch.column(0).as_string_view().iter().flatten() {
                let is_kept = |owned: &&Owned| agree.contains(&owned.person);
                let place = reporting.binary_search_by(|owned| owned.serial.as_str().cmp(serial));
                let kept = place.ok().map(|place| &reporting[place]).filter(is_kept);
                if kept.is_none() {
                    changes.lost.insert(hash(serial));
                }
            }
        }
        let none = || long(reporting.iter().map(|_| None));
        let now = DEVICE_OWNER.batch(vec![
            text(reporting.iter().map(|owned| owned.serial.as_str())),
            text(reporting.iter().map(|owned| owned.person.as_str())),
            text(reporting.iter().map(|_| "claimed")),
            long(reporting.iter().map(|owned| owned.support)),
            none(),
            none(),
            none(),
            long(reporting.iter().map(|owned| Some(owned.last_ms))),
        ]);
        let difference = Difference::between(&owners.before, &[now]).map_err(failed)?;
        self.note(owner_table, difference);
        Ok(true)
    }

    /// The readings that have come, each batch with its table.
    fn new_readings<'a>(
        &'a self,
        tables: &'a [Readings],
    ) -> impl Iterator<Item = (&'a Readings, &'a RecordBatch)> {
        tables.iter().flat_map(|table| {
            let difference = self.differences.get(table.table.as_ref());
            let come = difference
                .into_iter()
                .flat_map(|difference| &difference.come);
            come.map(move |batch| (table, batch))
        })
    }

    /// Which of the owners agree to research now.
    async fn who_agrees(
        &self,
        reporting: &[Owned],
        now_ms: i64,
    ) -> Result<Option<HashSet<String>>, Error> {
        let mut people = Touched::default();
        for owned in reporting {
            people.insert(hash(&owned.person));
        }
        self.agreeing_among(&people, now_ms).await
    }

    /// Which people agree to research now, out of some.
    pub(super) async fn agreeing_among(
        &self,
        people: &Touched,
        now_ms: i64,
    ) -> Result<Option<HashSet<String>>, Error> {
        let by = key("subject", By::Subject);
        let (table, columns) = (CONSENT.full_name(), columns(&CONSENT));
        let consents = self.sides(&table, &columns, &by, people).await?;
        Ok(consents.map(|consents| agreeing(&consents.after, now_ms)))
    }

    /// Confirms claims of people who agree by what their phones report. False
    /// where one does not hold.
    async fn confirm(
        &self,
        trusted: bool,
        reporting: &mut [Owned],
        agree: &HashSet<String>,
    ) -> Result<bool, Error> {
        let (mut devices, mut people) = (Touched::default(), Touched::default());
        let (mut serials, mut names) = (Interner::default(), Interner::default());
        let mut by_device = Vec::new();
        for owned in reporting
            .iter()
            .filter(|owned| agree.contains(&owned.person))
        {
            devices.insert(hash(&owned.serial));
            people.insert(hash(&owned.person));
            serials.number(&owned.serial);
            by_device.push(Some(names.number(&owned.person)));
        }
        if by_device.is_empty() {
            return Ok(true);
        }
        let project = Arc::clone(&self.before.tables().project);
        let roles = project.roles();
        let of_devices = roles.device_readings();
        let instants = self
            .instants(of_devices, trusted, By::Value, &devices)
            .await?;
        let of_people = roles.person_readings();
        let phones = self
            .instants(of_people, trusted, By::Subject, &people)
            .await?;
        let (Some(instants), Some(phones)) = (instants, phones) else {
            return Ok(false);
        };
        let mut readings = DeviceReadings::new();
        for batch in &instants {
            each(batch, |serial, instant| {
                if let Some(device) = serials.find(serial) {
                    readings.push(device, instant);
                }
            });
        }
        let instants = Arc::new(readings.finish());
        let claims = ClaimCounter::new(Arc::clone(&instants), &by_device);
        for batch in &phones {
            each(batch, |user, instant| {
                if let Some(person) = names.find(&normalize_subject(user)) {
                    claims.add_readings(&[person], &[instant]);
                }
            });
        }
        for owned in reporting {
            let (Some(device), Some(person)) =
                (serials.find(&owned.serial), names.find(&owned.person))
            else {
                continue;
            };
            let (count, shared) = (instants.of(device).len(), claims.shared_instants(device));
            let holds = claim_holds(count, shared) && !may_have_changed_owner(count, shared);
            if count > 0 && claims.has_reported(person) && !holds {
                return Ok(false);
            }
            owned.support = Some(i64::from(shared));
        }
        Ok(true)
    }

    /// Who reported and when, of those whose keys are `wanted`, out of all `tables`.
    async fn instants(
        &self,
        tables: &[Readings],
        trusted: bool,
        by: By,
        wanted: &Touched,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let mut all = Vec::new();
        for table in tables {
            let stood = shipped::trusted_readings(table).filter(|_| trusted);
            match self.instants_in(table, stood, by, wanted).await? {
                Some(found) => all.extend(found),
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    }

    /// As [`Tables::instants`], of one table. Whoever has readings in the table
    /// `stood` had them all there when it was built, which is a better place to look
    /// than the files that arrived.
    async fn instants_in(
        &self,
        table: &Readings,
        stood: Option<&str>,
        by: By,
        wanted: &Touched,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let landing = table.table.as_ref();
        let by = &key(&table.name, by);
        let columns = [table.name.clone(), table.time.clone()];
        let mut found = Vec::new();
        let mut rest = wanted.clone();
        let is_there = self.is_as_read(landing) && self.may_have_arrived(landing, wanted);
        if let Some(stood) = stood.filter(|_| is_there) {
            let Some(sides) = self.sides(stood, &columns, by, wanted).await? else {
                return Ok(None);
            };
            let known = Touched::of(&sides.before, 0, by.by).map_err(failed)?;
            rest.let_go(&known);
            found = sides.before;
            if let Some(readings) = self.differences.get(landing) {
                for batch in &readings.come {
                    let places = places(&batch.schema(), &columns, landing)?;
                    let batch = batch.project(&places).map_err(failed)?;
                    found.push(with_keys(&batch, 0, by.by, &known).map_err(failed)?);
                }
            }
        }
        let sides = self.sides(landing, &columns, by, &rest).await?;
        Ok(sides.map(|sides| {
            found.extend(sides.after);
            found
        }))
    }

    /// Keeps a difference, if it is one.
    pub(crate) fn note(&mut self, table: String, difference: Difference) {
        if !difference.is_empty() {
            self.differences.insert(table, difference);
        }
    }
}

/// A device that reports, and who claims it.
struct Owned {
    serial: String,
    person: String,
    last_ms: i64,
    support: Option<i64>,
}

fn column(batch: &RecordBatch, name: &str) -> Result<ArrayRef, Error> {
    let place = batch.schema().index_of(name).map_err(failed)?;
    Ok(Arc::clone(batch.column(place)))
}

/// People whose consent to research is in force at `now_ms`, out of rows of
/// `system.consent`.
fn agreeing(rows: &[RecordBatch], now_ms: i64) -> HashSet<String> {
    let agreed = rows
        .iter()
        .flat_map(|batch| in_force::agreed(batch, now_ms));
    agreed.map(str::to_owned).collect()
}

fn claims_in(rows: &[RecordBatch]) -> impl Iterator<Item = (Claim, i64)> {
    rows.iter().flat_map(|batch| {
        let (serials, people) = (
            batch.column(0).as_string_view(),
            batch.column(1).as_string_view(),
        );
        let claimants = batch.column(2).as_primitive::<Int64Type>();
        (0..batch.num_rows()).map(|row| {
            let claim = (serials.value(row).to_owned(), people.value(row).to_owned());
            (claim, claimants.value(row))
        })
    })
}

/// What people's newest records claim, out of [`person_records::shaped`] ones; several
/// may be the newest.
fn newest_claims(records: &[RecordBatch]) -> BTreeSet<Claim> {
    let mut newest: HashMap<String, (i64, BTreeSet<String>)> = HashMap::new();
    for batch in records {
        let emails = batch.column(person_records::SUBJECT).as_string_view();
        let serials = batch.column(person_records::DEVICE).as_string_view();
        let updated = batch.column(person_records::TIME);
        let updated = updated.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let person = normalize_subject(emails.value(row));
            if person.is_empty() {
                continue;
            }
            let at = updated.value(row);
            let (time, claims) = newest
                .entry(person.into_owned())
                .or_insert_with(|| (i64::MIN, BTreeSet::new()));
            if at > *time {
                *time = at;
                claims.clear();
            }
            let says = serials.is_valid(row) && !serials.value(row).trim().is_empty();
            if at == *time && says {
                claims.insert(serials.value(row).to_owned());
            }
        }
    }
    let people = newest.into_iter();
    people
        .flat_map(|(person, (_, claims))| {
            claims
                .into_iter()
                .map(move |serial| (serial, person.clone()))
        })
        .collect()
}

/// The newest instant of each name.
fn newest(names: &ArrayRef, instants: &ArrayRef, last: &mut HashMap<String, i64>) {
    let instants = instants.as_primitive::<Int64Type>();
    run_of(names.as_string_view(), |name, row| {
        if instants.is_valid(row) {
            let at = instants.value(row);
            match last.get_mut(name) {
                Some(known) => *known = at.max(*known),
                None => {
                    last.insert(name.to_owned(), at);
                }
            }
        }
    });
}

fn each(batch: &RecordBatch, mut take: impl FnMut(&str, i64)) {
    let instants = batch.column(1).as_primitive::<Int64Type>();
    run_of(batch.column(0).as_string_view(), |name, row| {
        if instants.is_valid(row) {
            take(name, instants.value(row));
        }
    });
}

fn run_of(names: &StringViewArray, mut take: impl FnMut(&str, usize)) {
    for row in (0..names.len()).filter(|row| names.is_valid(*row)) {
        take(names.value(row), row);
    }
}

async fn rows(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    let stream = session.query(sql).await?.stream()?;
    Ok(stream.try_collect().await.map_err(Query::failed)?)
}
