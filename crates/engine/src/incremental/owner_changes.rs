//! Changes of `system.device_owner` in an incremental run.
//!
//! Owners are computed again only for touched devices, and only while every device is
//! owned by its single claimant. Otherwise the run builds everything.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::Int64Type;
use catalog::Readings;
use privacy::normalize_subject;
use privacy::ownership::{ClaimCounter, DeviceReadings, claim_holds, may_have_changed_owner};

use super::claim_changes::claims_in;
use super::columns::{column, column_indices, people_error, system_columns};
use super::difference::Difference;
use super::keys::{KeySet, filter_by_keys};
use super::partition_analysis::{KeyKind, PartitionKey};
use super::people_changes::PeopleSource;
use super::table_changes::TableChanges;
use crate::Error;
use crate::contract::checks;
use crate::contract::shipped;
use query::interner::Interner;
use query::landing::hash;
use query::system::{DEVICE_CLAIM, DEVICE_OWNER, long, text};

/// The devices whose owners must be computed again, and the people whose changes touched
/// them.
struct TouchedDevices {
    devices: KeySet,
    people: KeySet,
    /// The latest new reading of each device, epoch milliseconds.
    newest_readings: HashMap<String, i64>,
}

/// A device with readings, and the only person who claims it.
struct ReportingDevice {
    serial: String,
    claimant: String,
    last_ms: i64,
    /// The number of instants that it shares with its claimant; `None` if not counted.
    support: Option<i64>,
}

impl TableChanges {
    /// Computes again the owners of `devices`, of devices with new readings, and of devices
    /// that people in `consent_changed` claim. Records the difference, and returns the
    /// devices that lost their consenting owner. `None` if a claim is unclear: then any
    /// person may be the owner.
    pub(super) async fn update_owners(
        &mut self,
        from: &PeopleSource<'_>,
        consent_changed: &KeySet,
        devices: KeySet,
    ) -> Result<Option<KeySet>, Error> {
        let touched = self.touched_devices(consent_changed, devices).await?;
        let Some(TouchedDevices {
            devices,
            people,
            newest_readings,
        }) = touched
        else {
            return Ok(None);
        };
        if devices.is_empty() && people.is_empty() {
            return Ok(Some(KeySet::default()));
        }
        if self.has_unclear_owner().await? {
            return Ok(None);
        }
        if devices.is_empty() {
            return Ok(Some(KeySet::default()));
        }
        let key = PartitionKey::new("serialnumber", KeyKind::Value);
        let owner_table = DEVICE_OWNER.full_name();
        let columns = system_columns(&DEVICE_OWNER);
        let owners = self
            .rows_with_keys(&owner_table, &columns, &key, &devices)
            .await?;
        let (claim_table, columns) = (DEVICE_CLAIM.full_name(), system_columns(&DEVICE_CLAIM));
        let claims = self
            .rows_with_keys(&claim_table, &columns, &key, &devices)
            .await?;
        let (Some(owners), Some(claims)) = (owners, claims) else {
            return Ok(None);
        };
        let reporting = reporting_devices(&owners.before, &claims.after, newest_readings)?;
        let Some(mut reporting) = reporting else {
            return Ok(None);
        };
        let mut claimants = KeySet::default();
        for device in &reporting {
            claimants.insert(hash(&device.claimant));
        }
        let consenting = self.consenting_people(&claimants, from.now_ms).await?;
        let Some(consenting) = consenting else {
            return Ok(None);
        };
        let all_confirmed = self
            .confirm_claims(from.trusted_are_complete, &mut reporting, &consenting)
            .await?;
        if !all_confirmed {
            return Ok(None);
        }
        let lost_devices = lost_devices(&owners.before, &reporting, &consenting);
        let owners_now = owner_rows(&reporting);
        let difference =
            Difference::between(&owners.before, &[owners_now]).map_err(people_error)?;
        self.record(owner_table, difference);
        Ok(Some(lost_devices))
    }

    /// Adds devices with new readings to `devices`, and devices claimed by people with new
    /// readings or changed consent.
    async fn touched_devices(
        &self,
        consent_changed: &KeySet,
        mut devices: KeySet,
    ) -> Result<Option<TouchedDevices>, Error> {
        let project = Arc::clone(&self.before.tables().project);
        let roles = project.roles();
        let mut newest_readings: HashMap<String, i64> = HashMap::new();
        for (table, batch) in self.new_readings(roles.device_readings()) {
            let serials = column(batch, &table.name)?;
            devices
                .add_column(&serials, KeyKind::Value)
                .map_err(people_error)?;
            let instants = column(batch, &table.time)?;
            collect_newest(&serials, &instants, &mut newest_readings);
        }
        let mut people = consent_changed.clone();
        for (table, batch) in self.new_readings(roles.person_readings()) {
            let names = column(batch, &table.name)?;
            people
                .add_column(&names, KeyKind::Subject)
                .map_err(people_error)?;
        }
        let (claim_table, columns) = (DEVICE_CLAIM.full_name(), system_columns(&DEVICE_CLAIM));
        let key = PartitionKey::new("subject", KeyKind::Subject);
        let claims = self
            .rows_with_keys(&claim_table, &columns, &key, &people)
            .await?;
        let Some(claims) = claims else {
            return Ok(None);
        };
        for ((serial, _), _) in claims_in(&claims.after) {
            devices.insert(hash(&serial));
        }
        Ok(Some(TouchedDevices {
            devices,
            people,
            newest_readings,
        }))
    }

    /// Whether any device is not owned by its only claimant, without time limits. Then
    /// any person with new readings may be its owner.
    async fn has_unclear_owner(&self) -> Result<bool, Error> {
        let unclear = "select count(*) from system.device_owner \
                       where coalesce(evidence, '') <> 'claimed' or runner_up is not null \
                       or valid_from is not null or valid_to is not null";
        Ok(checks::count(&self.before, unclear).await? > 0)
    }

    /// The new readings, each batch with its table.
    fn new_readings<'a>(
        &'a self,
        tables: &'a [Readings],
    ) -> impl Iterator<Item = (&'a Readings, &'a RecordBatch)> {
        tables.iter().flat_map(|table| {
            let difference = self.differences.get(table.table.as_ref());
            let added = difference
                .into_iter()
                .flat_map(|difference| &difference.added);
            added.map(move |batch| (table, batch))
        })
    }

    /// Confirms the claims of consenting people by their readings, and counts the support
    /// of each. False if a claim does not hold.
    async fn confirm_claims(
        &self,
        trusted_are_complete: bool,
        reporting: &mut [ReportingDevice],
        consenting: &HashSet<String>,
    ) -> Result<bool, Error> {
        let (mut devices, mut people) = (KeySet::default(), KeySet::default());
        let (mut serials, mut names) = (Interner::default(), Interner::default());
        let mut claimants = Vec::new();
        for device in reporting
            .iter()
            .filter(|device| consenting.contains(&device.claimant))
        {
            devices.insert(hash(&device.serial));
            people.insert(hash(&device.claimant));
            serials.number(&device.serial);
            claimants.push(Some(names.number(&device.claimant)));
        }
        if claimants.is_empty() {
            return Ok(true);
        }
        let project = Arc::clone(&self.before.tables().project);
        let roles = project.roles();
        let tables = roles.device_readings();
        let device_readings = self
            .readings_of(tables, trusted_are_complete, KeyKind::Value, &devices)
            .await?;
        let tables = roles.person_readings();
        let person_readings = self
            .readings_of(tables, trusted_are_complete, KeyKind::Subject, &people)
            .await?;
        let (Some(device_readings), Some(person_readings)) = (device_readings, person_readings)
        else {
            return Ok(false);
        };
        let mut instants = DeviceReadings::new();
        for batch in &device_readings {
            each_reading(batch, |serial, instant| {
                if let Some(device) = serials.find(serial) {
                    instants.push(device, instant);
                }
            });
        }
        let instants = Arc::new(instants.finish());
        let claims = ClaimCounter::new(Arc::clone(&instants), &claimants);
        for batch in &person_readings {
            each_reading(batch, |name, instant| {
                if let Some(person) = names.find(&normalize_subject(name)) {
                    claims.add_readings(&[person], &[instant]);
                }
            });
        }
        for device in reporting {
            let (Some(number), Some(person)) =
                (serials.find(&device.serial), names.find(&device.claimant))
            else {
                continue;
            };
            let (count, shared) = (instants.of(number).len(), claims.shared_instants(number));
            let holds = claim_holds(count, shared) && !may_have_changed_owner(count, shared);
            if count > 0 && claims.has_reported(person) && !holds {
                return Ok(false);
            }
            device.support = Some(i64::from(shared));
        }
        Ok(true)
    }

    /// The names and instants of all readings in `tables` of the people or devices
    /// `wanted`.
    async fn readings_of(
        &self,
        tables: &[Readings],
        trusted_are_complete: bool,
        kind: KeyKind,
        wanted: &KeySet,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let mut all = Vec::new();
        for table in tables {
            let trusted = shipped::trusted_readings(table).filter(|_| trusted_are_complete);
            match self.readings_in(table, trusted, kind, wanted).await? {
                Some(found) => all.extend(found),
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    }

    /// As [`TableChanges::readings_of`], of one table. If somebody has rows in the `trusted`
    /// table, it holds all their earlier readings, and it is cheaper to search than landing
    /// files.
    async fn readings_in(
        &self,
        table: &Readings,
        trusted: Option<&str>,
        kind: KeyKind,
        wanted: &KeySet,
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let landing = table.table.as_ref();
        let key = &PartitionKey::new(&table.name, kind);
        let columns = [table.name.clone(), table.time.clone()];
        let mut found = Vec::new();
        let mut rest = wanted.clone();
        let may_be_in_trusted =
            self.is_unchanged_since_read(landing) && self.may_have_been_read(landing, wanted);
        if let Some(trusted) = trusted.filter(|_| may_be_in_trusted) {
            let rows = self.rows_with_keys(trusted, &columns, key, wanted).await?;
            let Some(rows) = rows else {
                return Ok(None);
            };
            let in_trusted = KeySet::of(&rows.before, 0, kind).map_err(people_error)?;
            rest.remove_all(&in_trusted);
            found = rows.before;
            if let Some(readings) = self.differences.get(landing) {
                for batch in &readings.added {
                    let indices = column_indices(&batch.schema(), &columns, landing)?;
                    let batch = batch.project(&indices).map_err(people_error)?;
                    let rows = filter_by_keys(&batch, 0, kind, &in_trusted);
                    found.push(rows.map_err(people_error)?);
                }
            }
        }
        let rows = self.rows_with_keys(landing, &columns, key, &rest).await?;
        Ok(rows.map(|rows| {
            found.extend(rows.after);
            found
        }))
    }
}

/// The devices that have readings, each with its only claimant, in order of serial number.
/// `None` if one of them has no claimant or several.
fn reporting_devices(
    owners: &[RecordBatch],
    claims: &[RecordBatch],
    newest_readings: HashMap<String, i64>,
) -> Result<Option<Vec<ReportingDevice>>, Error> {
    let claims: BTreeMap<String, (String, i64)> = claims_in(claims)
        .map(|((serial, person), claimants)| (serial, (person, claimants)))
        .collect();
    let mut last = newest_readings;
    for batch in owners {
        let last_readings = column(batch, "last_reading")?;
        collect_newest(batch.column(0), &last_readings, &mut last);
    }
    let mut reporting = Vec::new();
    for (serial, last_ms) in last {
        match claims.get(&serial) {
            Some((person, 1)) => reporting.push(ReportingDevice {
                serial,
                claimant: person.clone(),
                last_ms,
                support: None,
            }),
            _ => return Ok(None),
        }
    }
    reporting.sort_by(|a: &ReportingDevice, b| a.serial.cmp(&b.serial));
    Ok(Some(reporting))
}

/// The devices in rows of `system.device_owner` that have no consenting owner any more.
fn lost_devices(
    owners_before: &[RecordBatch],
    reporting: &[ReportingDevice],
    consenting: &HashSet<String>,
) -> KeySet {
    let mut lost = KeySet::default();
    for batch in owners_before {
        for serial in batch.column(0).as_string_view().iter().flatten() {
            let found = reporting.binary_search_by(|device| device.serial.as_str().cmp(serial));
            let device = found.ok().map(|index| &reporting[index]);
            if device.is_none_or(|device| !consenting.contains(&device.claimant)) {
                lost.insert(hash(serial));
            }
        }
    }
    lost
}

/// Claimed devices as rows of `system.device_owner`.
fn owner_rows(reporting: &[ReportingDevice]) -> RecordBatch {
    let nulls = || long(reporting.iter().map(|_| None));
    DEVICE_OWNER.batch(vec![
        text(reporting.iter().map(|device| device.serial.as_str())),
        text(reporting.iter().map(|device| device.claimant.as_str())),
        text(reporting.iter().map(|_| "claimed")),
        long(reporting.iter().map(|device| device.support)),
        nulls(),
        nulls(),
        nulls(),
        long(reporting.iter().map(|device| Some(device.last_ms))),
    ])
}

/// Collects the newest instant of each name.
fn collect_newest(names: &ArrayRef, instants: &ArrayRef, newest: &mut HashMap<String, i64>) {
    let instants = instants.as_primitive::<Int64Type>();
    each_name(names.as_string_view(), |name, row| {
        if instants.is_valid(row) {
            let instant = instants.value(row);
            match newest.get_mut(name) {
                Some(known) => *known = instant.max(*known),
                None => {
                    newest.insert(name.to_owned(), instant);
                }
            }
        }
    });
}

/// Calls `take` with the name and instant of each reading.
fn each_reading(batch: &RecordBatch, mut take: impl FnMut(&str, i64)) {
    let instants = batch.column(1).as_primitive::<Int64Type>();
    each_name(batch.column(0).as_string_view(), |name, row| {
        if instants.is_valid(row) {
            take(name, instants.value(row));
        }
    });
}

fn each_name(names: &StringViewArray, mut take: impl FnMut(&str, usize)) {
    for row in (0..names.len()).filter(|row| names.is_valid(*row)) {
        take(names.value(row), row);
    }
}
