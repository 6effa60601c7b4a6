//! Reads names and instants of readings from landing tables, on all cores.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::Int64Type;
use catalog::Readings;
use datafusion::common::runtime::JoinSet;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use parking_lot::Mutex;
use privacy::ownership::{
    ClaimCounter, DeviceInstants, DeviceReadings, InstantFilter, PeopleByInstant, PersonReadings,
};

use crate::Error;
use query::Session;
use query::interner::Interner;
use query::landing::{Listener, Source};

/// A landing table of readings, and its files.
pub(super) struct ReadingFiles {
    pub(super) table: Readings,
    source: Arc<Source>,
}

impl ReadingFiles {
    /// The tables whose files are listed in `sources`.
    pub(super) fn listed(tables: &[Readings], sources: &HashMap<String, Arc<Source>>) -> Vec<Self> {
        let listed = tables.iter().filter_map(|table| {
            Some(Self {
                source: Arc::clone(sources.get(table.table.as_ref())?),
                table: table.clone(),
            })
        });
        listed.collect()
    }
}

/// The readings of all devices.
pub(super) struct Reported {
    /// All instants of the examined devices.
    pub(super) instants: DeviceInstants,
    /// The last instant of each device; `None` for a device without readings.
    pub(super) last: Vec<Option<i64>>,
    pub(super) serials: Interner,
}

/// Reads the readings of all devices. Collects the instants of devices that `is_examined`
/// accepts.
pub(super) async fn read_devices(
    session: &Session,
    tables: &[ReadingFiles],
    serials: Interner,
    is_examined: impl Fn(u32) -> bool,
) -> Result<Reported, Error> {
    // Tasks cannot call `is_examined`, so its answers are computed first. Devices that get
    // their number while reading all have the same answer.
    let known: Arc<[bool]> = (0..serials.len() as u32).map(&is_examined).collect();
    let unknown = is_examined(serials.len() as u32);
    let serials = Arc::new(Mutex::new(serials));
    let mut tasks = JoinSet::new();
    for (table, mut stream) in streams(session, tables, None).await? {
        let (serials, known) = (Arc::clone(&serials), Arc::clone(&known));
        tasks.spawn(async move {
            let mut gathered = DeviceReadings::new();
            let mut last: Vec<Option<i64>> = Vec::new();
            let mut numbers = NameNumbers::default();
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|error| Error::execution(&table, error))?;
                let number = |serial: &str| Some(serials.lock().number(serial));
                numbers.each(&batch, number, |device, instant| {
                    let index = device as usize;
                    if last.len() <= index {
                        last.resize(index + 1, None);
                    }
                    last[index] = last[index].max(Some(instant));
                    if known.get(index).copied().unwrap_or(unknown) {
                        gathered.push(device, instant);
                    }
                });
            }
            Ok::<_, Error>((gathered, last))
        });
    }
    let mut gathered = DeviceReadings::new();
    let mut last: Vec<Option<i64>> = Vec::new();
    while let Some(part) = next_result(&mut tasks).await? {
        gathered.merge(part.0);
        if last.len() < part.1.len() {
            last.resize(part.1.len(), None);
        }
        for (all, part) in last.iter_mut().zip(part.1) {
            *all = (*all).max(part);
        }
    }
    Ok(Reported {
        instants: gathered.finish(),
        last,
        serials: into_inner(serials),
    })
}

/// Streams of names and instants, each with the name of its table.
async fn streams(
    session: &Session,
    tables: &[ReadingFiles],
    keys: Option<Arc<dyn landing::KeySet>>,
) -> Result<Vec<(String, SendableRecordBatchStream)>, Error> {
    let mut all = Vec::new();
    for ReadingFiles { table, source } in tables {
        let columns = [table.name.as_str(), table.time.as_str()];
        let name = table.table.to_string();
        let streams = session
            .landing_streams(source, &name, &columns, keys.clone())
            .await?;
        all.extend(streams.into_iter().map(|stream| (name.clone(), stream)));
    }
    Ok(all)
}

/// Reads the readings of people's own devices.
pub(super) struct PersonReadingFiles<'a> {
    pub(super) session: &'a Session,
    pub(super) tables: &'a [ReadingFiles],
}

impl PersonReadingFiles<'_> {
    /// Counts the instants that claimants share with the devices they claim. Reading a row
    /// twice does no harm.
    pub(super) async fn count_shared(&self, claimants: &Arc<Claimants>) -> Result<(), Error> {
        let keys: Option<Arc<dyn landing::KeySet>> = match claimants.everybody {
            true => None,
            false => Some(Arc::clone(claimants) as _),
        };
        let mut tasks = JoinSet::new();
        for (table, mut stream) in streams(self.session, self.tables, keys).await? {
            let claimants = Arc::clone(claimants);
            tasks.spawn(async move {
                while let Some(batch) = stream.next().await {
                    let batch = batch.map_err(|error| Error::execution(&table, error))?;
                    let instants = batch.column(1).as_primitive();
                    claimants.count_shared(batch.column(0).as_string_view(), instants);
                }
                Ok::<_, Error>(())
            });
        }
        while next_result(&mut tasks).await?.is_some() {}
        Ok(())
    }

    /// Collects the readings of all people at instants of the `wanted` devices.
    pub(super) async fn collect_at_instants(
        &self,
        people: Interner,
        instants: &DeviceInstants,
        wanted: &[u32],
    ) -> Result<(Interner, PeopleByInstant), Error> {
        let wanted = Arc::new(InstantFilter::new(instants, wanted));
        let people = Arc::new(Mutex::new(people));
        let mut tasks = JoinSet::new();
        for (table, mut stream) in streams(self.session, self.tables, None).await? {
            let (people, wanted) = (Arc::clone(&people), Arc::clone(&wanted));
            tasks.spawn(async move {
                let mut gathered = PersonReadings::new(wanted);
                let mut numbers = NameNumbers::default();
                while let Some(batch) = stream.next().await {
                    let batch = batch.map_err(|error| Error::execution(&table, error))?;
                    // A blank address names no person.
                    let number = |name: &str| {
                        let subject = privacy::normalize_subject(name);
                        (!subject.is_empty()).then(|| people.lock().number(&subject))
                    };
                    numbers.each(&batch, number, |person, instant| {
                        gathered.push(person, instant)
                    });
                }
                Ok::<_, Error>(gathered)
            });
        }
        let mut gathered = PersonReadings::new(wanted);
        while let Some(part) = next_result(&mut tasks).await? {
            gathered.merge(part);
        }
        Ok((into_inner(people), gathered.finish()))
    }
}

/// People who claim devices, and how many instants they share with these. Learns readings
/// of people from a model's scan ([`Listener`]), so that they need not be read again.
pub(super) struct Claimants {
    pub(super) people: Interner,
    pub(super) claims: ClaimCounter,
    /// Whether people without consent count too.
    pub(super) everybody: bool,
    /// The columns of name and time, if one table holds all readings of people.
    scan_columns: Option<[String; 2]>,
    /// The people whose rows the scan reads, if it does not read all.
    scan_keys: Mutex<Option<Arc<dyn landing::KeySet>>>,
    /// How many partitions of the scan have ended.
    ended_partitions: AtomicUsize,
    /// Whether all partitions have ended.
    scan_has_ended: AtomicBool,
}

impl Claimants {
    pub(super) fn new(
        people: Interner,
        claims: ClaimCounter,
        everybody: bool,
        person_readings: &[ReadingFiles],
    ) -> Self {
        Self {
            scan_columns: match person_readings {
                [one] => Some([one.table.name.clone(), one.table.time.clone()]),
                _ => None,
            },
            people,
            claims,
            everybody,
            scan_keys: Mutex::default(),
            ended_partitions: AtomicUsize::new(0),
            scan_has_ended: AtomicBool::new(false),
        }
    }

    fn count_shared(&self, names: &StringViewArray, times: &Int64Array) {
        let (mut persons, mut instants) = (Vec::new(), Vec::new());
        let number = |name: &str| self.people.find(&privacy::normalize_subject(name));
        NameNumbers::default().each_of(names, times, number, |person, instant| {
            persons.push(person);
            instants.push(instant);
        });
        self.claims.add_readings(&persons, &instants);
    }

    /// Whether a model's scan has read all readings of claimants.
    pub(super) fn are_read(&self) -> bool {
        let is_claimant = |person: u32| !self.claims.devices_claimed_by(person).is_empty();
        let names = || self.people.iter().enumerate();
        self.scan_has_ended.load(Ordering::Acquire)
            && self.scan_keys.lock().as_ref().is_none_or(|keys| {
                names().all(|(person, name)| !is_claimant(person as u32) || keys.contains(name))
            })
    }
}

impl fmt::Debug for Claimants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claimants")
    }
}

impl Listener for Claimants {
    fn columns(&self) -> Option<[&str; 2]> {
        let [name, time] = self.scan_columns.as_ref()?;
        Some([name, time])
    }

    fn narrowed(&self, keys: &Arc<dyn landing::KeySet>) {
        *self.scan_keys.lock() = Some(Arc::clone(keys));
    }

    fn hear(&self, names: &StringViewArray, numbers: &Int64Array) {
        self.count_shared(names, numbers);
    }

    fn ended(&self, partitions: usize) {
        if self.ended_partitions.fetch_add(1, Ordering::AcqRel) + 1 == partitions {
            self.scan_has_ended.store(true, Ordering::Release);
        }
    }
}

impl landing::KeySet for Claimants {
    fn contains(&self, text: &str) -> bool {
        let person = self.people.find(&privacy::normalize_subject(text));
        person.is_some_and(|person| !self.claims.devices_claimed_by(person).is_empty())
    }
}

/// The numbers of names. Consecutive readings mostly have the same name, so a name is looked
/// up only when it changes.
#[derive(Default)]
struct NameNumbers {
    name: String,
    number: Option<u32>,
}

impl NameNumbers {
    /// Calls `take` with the number and instant of each reading whose name has a number.
    fn each(
        &mut self,
        batch: &RecordBatch,
        number: impl Fn(&str) -> Option<u32>,
        take: impl FnMut(u32, i64),
    ) {
        let instants = batch.column(1).as_primitive::<Int64Type>();
        self.each_of(batch.column(0).as_string_view(), instants, number, take);
    }

    fn each_of(
        &mut self,
        names: &StringViewArray,
        instants: &Int64Array,
        number: impl Fn(&str) -> Option<u32>,
        mut take: impl FnMut(u32, i64),
    ) {
        let mut view = None;
        for row in 0..names.len() {
            if names.is_null(row) || instants.is_null(row) {
                continue;
            }
            let row_view = Some(names.views()[row]);
            if view != row_view {
                view = row_view;
                let name = names.value(row);
                if self.number.is_none() || self.name != name {
                    self.number = number(name);
                    self.name.clear();
                    self.name.push_str(name);
                }
            }
            if let Some(number) = self.number {
                take(number, instants.value(row));
            }
        }
    }
}

async fn next_result<T: 'static>(
    tasks: &mut JoinSet<Result<T, Error>>,
) -> Result<Option<T>, Error> {
    match tasks.join_next().await {
        None => Ok(None),
        Some(Ok(part)) => part.map(Some),
        Some(Err(error)) => Err(Error::Query(query::Error::Execution {
            what: "system.device_owner".to_owned(),
            message: format!("a reading task ended early: {error}"),
        })),
    }
}

/// The names, once no task holds them any more.
fn into_inner(shared: Arc<Mutex<Interner>>) -> Interner {
    Arc::into_inner(shared).map_or_else(Interner::default, Mutex::into_inner)
}
