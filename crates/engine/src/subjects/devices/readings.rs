//! Instants out of landing readings, with all cores.

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
    /// Those of `tables` whose files are listed.
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

/// What devices reported.
pub(super) struct Reported {
    /// Of the devices looked at.
    pub(super) instants: DeviceInstants,
    /// The last instant of each device; `None` of those that were silent.
    pub(super) last: Vec<Option<i64>>,
    pub(super) serials: Interner,
}

/// Reads all devices; the instants of those that `is_looked_at` are gathered.
pub(super) async fn devices(
    session: &Session,
    tables: &[ReadingFiles],
    serials: Interner,
    is_looked_at: impl Fn(u32) -> bool,
) -> Result<Reported, Error> {
    // Which are looked at is known by number only for devices that are known.
    let known: Arc<[bool]> = (0..serials.len() as u32).map(&is_looked_at).collect();
    let unknown = is_looked_at(serials.len() as u32);
    let serials = Arc::new(Mutex::new(serials));
    let mut tasks = JoinSet::new();
    for (table, mut stream) in streams(session, tables, None).await? {
        let (serials, known) = (Arc::clone(&serials), Arc::clone(&known));
        tasks.spawn(async move {
            let mut gathered = DeviceReadings::new();
            let mut last: Vec<Option<i64>> = Vec::new();
            let mut runs = Runs::default();
            while let Some(batch) = stream.next().await {
                let batch = batch.map_err(|error| Error::execution(&table, error))?;
                let number = |serial: &str| Some(serials.lock().number(serial));
                runs.each(&batch, number, |device, instant| {
                    let place = device as usize;
                    if last.len() <= place {
                        last.resize(place + 1, None);
                    }
                    last[place] = last[place].max(Some(instant));
                    if known.get(place).copied().unwrap_or(unknown) {
                        gathered.push(device, instant);
                    }
                });
            }
            Ok::<_, Error>((gathered, last))
        });
    }
    let mut gathered = DeviceReadings::new();
    let mut last: Vec<Option<i64>> = Vec::new();
    while let Some(part) = joined(&mut tasks).await? {
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
        serials: taken(serials),
    })
}

/// Streams of names and instants, each with the table that it is read from.
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

/// People's phones.
pub(super) struct Phones<'a> {
    pub(super) session: &'a Session,
    pub(super) tables: &'a [ReadingFiles],
}

impl Phones<'_> {
    /// Reads what claimants share with what they claim; what has been heard
    /// already does no harm.
    pub(super) async fn mark(&self, claimants: &Arc<Claimants>) -> Result<(), Error> {
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
                    claimants.mark(batch.column(0).as_string_view(), instants);
                }
                Ok::<_, Error>(())
            });
        }
        while joined(&mut tasks).await?.is_some() {}
        Ok(())
    }

    /// Gathers everybody's readings at instants of the devices `wanted`.
    pub(super) async fn gather(
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
                let mut runs = Runs::default();
                while let Some(batch) = stream.next().await {
                    let batch = batch.map_err(|error| Error::execution(&table, error))?;
                    // A blank address is nobody's.
                    let number = |user: &str| {
                        let subject = privacy::normalize_subject(user);
                        (!subject.is_empty()).then(|| people.lock().number(&subject))
                    };
                    runs.each(&batch, number, |person, instant| {
                        gathered.push(person, instant)
                    });
                }
                Ok::<_, Error>(gathered)
            });
        }
        let mut gathered = PersonReadings::new(wanted);
        while let Some(part) = joined(&mut tasks).await? {
            gathered.merge(part);
        }
        Ok((taken(people), gathered.finish()))
    }
}

/// Those who claim a device, and what their phones are known to have reported.
pub(super) struct Claimants {
    pub(super) people: Interner,
    pub(super) claims: ClaimCounter,
    /// Whether people count who did not agree.
    pub(super) everybody: bool,
    /// The columns of name and time where one table holds all readings of people.
    heard_columns: Option<[String; 2]>,
    /// What a model's scan leaves out, if it leaves out any.
    heard_keys: Mutex<Option<Arc<dyn landing::KeySet>>>,
    /// Partitions of that scan that have ended.
    ended: AtomicUsize,
    /// Whether all of them have.
    heard: AtomicBool,
}

impl Claimants {
    pub(super) fn new(
        people: Interner,
        claims: ClaimCounter,
        everybody: bool,
        phones: &[ReadingFiles],
    ) -> Self {
        Self {
            heard_columns: match phones {
                [one] => Some([one.table.name.clone(), one.table.time.clone()]),
                _ => None,
            },
            people,
            claims,
            everybody,
            heard_keys: Mutex::default(),
            ended: AtomicUsize::new(0),
            heard: AtomicBool::new(false),
        }
    }

    fn mark(&self, users: &StringViewArray, timestamps: &Int64Array) {
        let (mut persons, mut instants) = (Vec::new(), Vec::new());
        let number = |user: &str| self.people.find(&privacy::normalize_subject(user));
        Runs::default().each_of(users, timestamps, number, |person, instant| {
            persons.push(person);
            instants.push(instant);
        });
        self.claims.add_readings(&persons, &instants);
    }

    /// Whether a model read all that claimants' phones reported, to its end.
    pub(super) fn have_been_heard(&self) -> bool {
        let wants = |person: u32| !self.claims.devices_claimed_by(person).is_empty();
        let names = || self.people.iter().enumerate();
        self.heard.load(Ordering::Acquire)
            && self.heard_keys.lock().as_ref().is_none_or(|keys| {
                names().all(|(person, name)| !wants(person as u32) || keys.contains(name))
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
        let [name, time] = self.heard_columns.as_ref()?;
        Some([name, time])
    }

    fn narrowed(&self, keys: &Arc<dyn landing::KeySet>) {
        *self.heard_keys.lock() = Some(Arc::clone(keys));
    }

    fn hear(&self, names: &StringViewArray, numbers: &Int64Array) {
        self.mark(names, numbers);
    }

    fn ended(&self, partitions: usize) {
        if self.ended.fetch_add(1, Ordering::AcqRel) + 1 == partitions {
            self.heard.store(true, Ordering::Release);
        }
    }
}

impl landing::KeySet for Claimants {
    fn contains(&self, text: &str) -> bool {
        let person = self.people.find(&privacy::normalize_subject(text));
        person.is_some_and(|person| !self.claims.devices_claimed_by(person).is_empty())
    }
}

/// Readings of one person or device mostly follow each other: a name is looked
/// up where it changes.
#[derive(Default)]
struct Runs {
    name: String,
    number: Option<u32>,
}

impl Runs {
    /// Gives `take` each reading of a batch of names and instants whose name
    /// has a number.
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
            let own = Some(names.views()[row]);
            if view != own {
                view = own;
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

async fn joined<T: 'static>(tasks: &mut JoinSet<Result<T, Error>>) -> Result<Option<T>, Error> {
    match tasks.join_next().await {
        None => Ok(None),
        Some(Ok(part)) => part.map(Some),
        Some(Err(error)) => Err(Error::Query(query::Error::Execution {
            what: "system.device_owner".to_owned(),
            message: format!("a reading task ended early: {error}"),
        })),
    }
}

/// What no task holds any more.
fn taken(shared: Arc<Mutex<Interner>>) -> Interner {
    Arc::into_inner(shared).map_or_else(Interner::default, Mutex::into_inner)
}
