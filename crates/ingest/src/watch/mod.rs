//! Notices new landing files, waits until they are whole, and says when a run begins.
//!
//! A listing of each landing location is the truth: it is taken every few seconds in an
//! object store, and on disk where the kernel does not tell of changes. Elsewhere the
//! kernel's events say at once what is new, and a listing every half minute finds what
//! they missed.
//!
//! A file counts as whole
//! - in an object store, once it is listed: a store shows no object before all of it is
//!   there;
//! - on disk, once its writer closes it or it is renamed into place;
//! - otherwise once its size and time stay the same for [`Pace::settle`], or ten times as
//!   long where somebody was seen writing to it.
//!
//! [`Watcher::next`] gives the next [`Step`]; its caller says how the run ended
//! ([`Watcher::done`], [`Watcher::failed`]). `pace` decides when a run begins, `files` which
//! files it may read. Hints come from `events` (the kernel) and `queue` (notifications of a
//! bucket).

mod backoff;
mod events;
mod files;
mod mount;
mod pace;
mod queue;

use std::collections::{BTreeSet, VecDeque};
use std::path::Path as FsPath;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use backoff::Backoff;
use events::{Change, Changes};
use files::{Chosen, Files, Key, Progress, Stamp};
use futures::TryStreamExt;
use futures::future::join_all;
use lake::{Entry, Location, Unreadable};
use landing::ObjectKind;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use queue::{Heard, Listener, Notified};

pub use pace::{AtLeast, Pace};
pub use queue::{Queue, QueueError};

/// How often folders are listed of whose changes the kernel tells.
const LIST_AGAIN: Duration = Duration::from_secs(30);

/// How soon a listing follows on an event that only it can explain.
const LIST_SOON: Duration = Duration::from_millis(100);

/// The least pause after a listing, as a multiple of the time it took: on disk listing is
/// work, so that the process stays below one percent of a core; a store is waited for.
const PAUSE_ON_DISK: u32 = 120;
const PAUSE_IN_STORE: u32 = 20;

/// Objects of which one answer of a queue tells and that are looked at one by one; beyond
/// that a listing costs less.
const HEADS_MAX: usize = 20;

/// Entries that cannot be read of which a listing tells, for each place.
const SAID_MAX: usize = 5;

/// Pauses after a failure of a store, or of a run.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Pauses while another writer holds the lake.
const BUSY_MIN: Duration = Duration::from_millis(500);
const BUSY_MAX: Duration = Duration::from_secs(5);

/// A landing table and the place of its files.
#[derive(Debug, Clone)]
pub struct Place {
    /// The landing table.
    pub table: String,
    /// The folder or prefix.
    pub location: Location,
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// A run begins.
    Run(Batch),
    /// Something to tell the user, in words; nothing else changes.
    Notice(String),
}

/// The files for one run.
#[derive(Debug, Clone)]
pub struct Batch {
    chosen: Chosen,
    signals: Vec<Option<u64>>,
    /// Number of new or changed files that are whole.
    pub files: u64,
    /// Their size before decompression.
    pub bytes: u64,
}

impl Batch {
    /// Whether the run may read a file of a landing table, by the file's name below the
    /// table's location and its size.
    pub fn may_read(&self, table: &str, name: &str, bytes: u64) -> bool {
        self.chosen.contains(table, name, bytes)
    }
}

/// A place and what is known of it.
struct Watched {
    place: Place,
    /// The kernel tells of changes in it.
    is_told: bool,
    /// Why the kernel does not tell of it; said once.
    untold: Option<String>,
    /// All files that runs saw of it are gone.
    is_gone: bool,
    /// Why it could not be listed; said once.
    unlisted: Option<String>,
    /// What cannot be read in it; each is said once.
    unreadable: BTreeSet<String>,
}

/// Watches landing locations. Needs a Tokio runtime.
pub struct Watcher {
    places: Vec<Watched>,
    /// Places where any new object asks for a run.
    signals: Vec<Location>,
    /// What they held when the last run began.
    signalled: Vec<Option<u64>>,
    is_signalled: bool,
    pace: Pace,
    files: Files,
    changes: Option<Changes>,
    queue: Option<Listener>,
    /// The queue answers, so that a listing need not be taken as often.
    is_queue_well: bool,
    notices: VecDeque<String>,
    list_at: Instant,
    listed_at: Option<Instant>,
    pause: Duration,
    signals_at: Instant,
    not_before: Instant,
    listing_backoff: Backoff,
    failed_backoff: Backoff,
    busy_backoff: Backoff,
    is_first: bool,
}

impl Watcher {
    /// Watches `places`, and `signals`: places outside landing where any new object asks
    /// for a run. The first run begins at once. `queue` tells of new objects of buckets.
    pub fn new(
        places: Vec<Place>,
        signals: Vec<Location>,
        queue: Option<Queue>,
        pace: Pace,
    ) -> Self {
        let now = Instant::now();
        let mut notices = VecDeque::new();
        let is_on_disk = places.iter().any(|place| place.location.folder().is_some());
        let changes = is_on_disk.then(Changes::new).transpose();
        let changes = changes.unwrap_or_else(|reason: std::io::Error| {
            notices.push_back(format!("the system does not tell of new files: {reason}"));
            None
        });
        let watched = |place| Watched {
            place,
            is_told: false,
            untold: None,
            is_gone: false,
            unlisted: None,
            unreadable: BTreeSet::new(),
        };
        Self {
            places: places.into_iter().map(watched).collect(),
            signalled: vec![None; signals.len()],
            signals,
            is_signalled: false,
            pace,
            files: Files::default(),
            changes,
            queue: queue.map(Listener::of),
            is_queue_well: false,
            notices,
            list_at: now,
            listed_at: None,
            pause: Duration::ZERO,
            signals_at: now,
            not_before: now,
            listing_backoff: Backoff::new(PAUSE_MIN, PAUSE_MAX),
            failed_backoff: Backoff::new(PAUSE_MIN, PAUSE_MAX),
            busy_backoff: Backoff::new(BUSY_MIN, BUSY_MAX),
            is_first: true,
        }
    }

    /// Waits until something is to be done. May be dropped at any time.
    pub async fn next(&mut self) -> Step {
        let mut changes = Vec::new();
        loop {
            let now = Instant::now();
            if now >= self.list_at {
                self.list().await;
            }
            if now >= self.signals_at {
                self.look_at_signals().await;
            }
            if let Some(notice) = self.notices.pop_front() {
                return Step::Notice(notice);
            }
            let now = Instant::now();
            let (mut waiting, changes_at) = self.files.waiting(now, self.pace.settle);
            waiting.is_asked_for |= self.is_signalled || self.is_first;
            // The first run shall not make empty tables of a landing that is being filled.
            waiting.is_unsettled |= self.is_first && waiting.unfinished > 0;
            let begins_at = self.pace.begins_at(&waiting, self.not_before);
            let begins_at = begins_at.filter(|_| !self.places.iter().any(|place| place.is_gone));
            if begins_at.is_some_and(|begins_at| begins_at <= now) {
                return Step::Run(self.begin(now, waiting.files, waiting.bytes));
            }
            let mut until = self.list_at.min(self.signals_at);
            for instant in [changes_at, begins_at].into_iter().flatten() {
                until = until.min(instant);
            }
            let told = async {
                match &mut self.changes {
                    Some(told) => told.next(&mut changes).await,
                    None => std::future::pending().await,
                }
            };
            let heard = async {
                match &mut self.queue {
                    Some(queue) => queue.next().await,
                    None => std::future::pending().await,
                }
            };
            let heard = tokio::select! {
                () = tokio::time::sleep_until(until.into()) => None,
                () = told => None,
                heard = heard => Some(heard),
            };
            self.take_in(&mut changes);
            if let Some(heard) = heard {
                self.hear(heard).await;
            }
        }
    }

    fn begin(&mut self, now: Instant, files: u64, bytes: u64) -> Batch {
        self.not_before = now + self.pace.every;
        Batch {
            chosen: self.files.choose(now, self.pace.settle),
            signals: self.signalled.clone(),
            files,
            bytes,
        }
    }

    /// The run of `batch` took its files in, or refused them: it begins again only when
    /// something else arrives.
    pub fn done(&mut self, batch: &Batch) {
        self.files.take(&batch.chosen);
        self.is_first = false;
        self.is_signalled = self.signalled != batch.signals;
        self.failed_backoff.reset();
        self.busy_backoff.reset();
    }

    /// The run failed for a reason that may pass, or could not begin because another
    /// writer holds the lake (`is_busy`). It begins again after a pause.
    pub fn failed(&mut self, is_busy: bool) {
        let pause = match is_busy {
            true => self.busy_backoff.next(),
            false => self.failed_backoff.next(),
        };
        self.not_before = self.not_before.max(Instant::now() + pause);
    }

    /// Lists all places, and has the kernel tell of those that it does not tell of yet.
    async fn list(&mut self) {
        self.files.begin_look();
        let mut has_failed = false;
        self.pause = Duration::ZERO;
        for index in 0..self.places.len() {
            let began = Instant::now();
            self.watch(index);
            has_failed |= !self.list_place(index).await;
            self.pause += began.elapsed()
                * match self.places[index].place.location.folder() {
                    Some(_) => PAUSE_ON_DISK,
                    None => PAUSE_IN_STORE,
                };
        }
        let are_all_told = self
            .places
            .iter()
            .all(|place| place.is_told || self.is_queue_well);
        let regular = match are_all_told {
            true => LIST_AGAIN,
            false => self.pace.every,
        };
        let pause = match has_failed {
            true => self.listing_backoff.next(),
            false => {
                self.listing_backoff.reset();
                Duration::ZERO
            }
        };
        let now = Instant::now();
        self.listed_at = Some(now);
        self.list_at = now + regular.max(self.pause).max(pause);
    }

    /// Has the kernel tell of a place, if it can.
    fn watch(&mut self, index: usize) {
        let Some(changes) = &mut self.changes else {
            return;
        };
        let watched = &mut self.places[index];
        let Some(folder) = watched.place.location.folder().map(FsPath::to_owned) else {
            return;
        };
        // It may be there later.
        let untold = match (folder.is_dir(), mount::is_remote(&folder)) {
            (false, _) => None,
            (true, true) => Some("another machine may write there".to_owned()),
            // Each time anew: folders may have been removed, made, or mounted over.
            (true, false) => changes.watch(&folder).err(),
        };
        watched.is_told = folder.is_dir() && untold.is_none();
        if untold.is_some() && watched.untold != untold {
            let (place, reason) = (
                &watched.place.location,
                untold.as_deref().unwrap_or_default(),
            );
            self.notices.push_back(format!(
                "the system does not tell of new files in {place} ({reason}); it is listed instead"
            ));
        }
        watched.untold = untold;
    }

    /// Lists a place; whether that was possible.
    async fn list_place(&mut self, index: usize) -> bool {
        let place = self.places[index].place.clone();
        let (location, table) = (&place.location, &place.table);
        let is_remote = location.folder().is_none();
        let files = &mut self.files;
        let (mut unreadable, mut unlisted) = (BTreeSet::new(), None);
        let mut take = |entry| match entry {
            Entry::File(file) => {
                if ObjectKind::of(&file.name, file.bytes) != ObjectKind::Input {
                    return;
                }
                let stamp = Stamp::of(&file);
                let progress = match is_remote {
                    true => Progress::Whole,
                    false => Progress::Listed,
                };
                let quiet_since = quiet_since(stamp.modified_us, is_remote);
                let key = Key::of(table, &file.name);
                files.note(index, key, stamp, progress, quiet_since);
            }
            Entry::UnreadableFolder(Unreadable {
                name,
                shown,
                reason: Some(reason),
            }) if ObjectKind::of(&name, 1) == ObjectKind::Input => {
                unlisted = Some((shown, reason));
            }
            Entry::Unreadable(entry) | Entry::UnreadableFolder(entry) => {
                if ObjectKind::of(&entry.name, 1) == ObjectKind::Input {
                    files.note_unreadable(Key::of(table, &entry.name));
                    unreadable.insert(entry.shown);
                }
            }
            Entry::Other { .. } => {}
        };
        let failed = match location.entries(&mut take).await {
            Ok(_) => unlisted,
            Err(reason) => Some((location.to_string(), reason)),
        };
        let watched = &mut self.places[index];
        if let Some((place, reason)) = failed {
            if watched.unlisted.as_ref() != Some(&reason) {
                self.notices
                    .push_back(format!("cannot list {place}: {reason}"));
                watched.unlisted = Some(reason);
            }
            return false;
        }
        for shown in unreadable.difference(&watched.unreadable).take(SAID_MAX) {
            self.notices.push_back(format!(
                "cannot read {shown}; it is read once it can be, within half a minute"
            ));
        }
        watched.unreadable = unreadable;
        let is_gone = self.files.end_look(index, Instant::now());
        if watched.unlisted.take().is_some() {
            self.notices
                .push_back(format!("{location} can be listed again"));
        }
        if watched.is_gone != is_gone {
            watched.is_gone = is_gone;
            self.notices.push_back(match is_gone {
                true => {
                    format!("all files of {location} are gone; no run begins until it has some")
                }
                false => format!("{location} has files again"),
            });
        }
        true
    }

    /// Takes in what the kernel tells.
    fn take_in(&mut self, changes: &mut Vec<Change>) {
        let mut is_unclear = false;
        for change in changes.drain(..) {
            match change {
                Change::Unclear => is_unclear = true,
                Change::Whole(path) => is_unclear |= !self.note(&path, Progress::Whole),
                Change::Written(path) => is_unclear |= !self.note(&path, Progress::Written),
                Change::Found(path) => is_unclear |= !self.note(&path, Progress::Listed),
            }
        }
        if is_unclear {
            self.list_soon();
        }
    }

    /// Has a listing taken soon. What removes thousands of files causes as many events.
    fn list_soon(&mut self) {
        let since = self.listed_at.unwrap_or_else(Instant::now);
        let soon = Instant::now() + LIST_SOON;
        self.list_at = self
            .list_at
            .min(soon.max(since + self.pause.min(LIST_AGAIN)));
    }

    /// Takes in what is heard of the queue.
    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Objects { objects, seen } => {
                if !self.look_at(&objects).await {
                    self.list_soon();
                }
                _ = seen.send(());
            }
            Heard::Undeleted(reason) => self.notices.push_back(format!(
                "warning: messages of the queue cannot be deleted, and come again: {reason}"
            )),
            Heard::Answers(Ok(())) => {
                self.is_queue_well = true;
                self.notices
                    .push_back("the queue tells of new objects".to_owned());
            }
            Heard::Answers(Err(reason)) => {
                self.is_queue_well = false;
                self.list_at = self.list_at.min(Instant::now() + self.pace.every.max(self.pause));
                self.notices.push_back(format!(
                    "warning: the queue cannot be asked: {reason}; new objects are found by listings alone"
                ));
            }
            Heard::Foreign => self.notices.push_back(
                "warning: the queue has messages that are no notifications of a bucket; they are deleted"
                    .to_owned(),
            ),
        }
    }

    /// Notes the objects of which the queue tells; false where only a listing helps.
    async fn look_at(&mut self, objects: &[Notified]) -> bool {
        if objects.len() > HEADS_MAX {
            return false;
        }
        let mut is_clear = true;
        let mut looks = Vec::new();
        for object in objects {
            let Ok(path) = Path::parse(&object.key) else {
                is_clear = false;
                continue;
            };
            for (index, watched) in self.places.iter().enumerate() {
                let location = &watched.place.location;
                let is_its_bucket = location.folder().is_none()
                    && location.url().host_str() == Some(object.bucket.as_str());
                if let Some(name) = name_below(location, &path).filter(|_| is_its_bucket) {
                    is_clear &= !object.is_removed;
                    let (store, path) = (location.store(), path.clone());
                    looks.push(async move { (index, name, store.head(&path).await) });
                }
            }
        }
        for (index, name, found) in join_all(looks).await {
            let Ok(found) = found else {
                is_clear = false;
                continue;
            };
            if ObjectKind::of(&name, found.size) == ObjectKind::Input {
                let key = Key::of(&self.places[index].place.table, &name);
                let (stamp, now) = (Stamp::in_store(&found), Instant::now());
                self.files.note(index, key, stamp, Progress::Whole, now);
            }
        }
        is_clear
    }

    /// Notes a file that an event names; false where only a listing helps.
    fn note(&mut self, path: &FsPath, progress: Progress) -> bool {
        let Ok(meta) = std::fs::metadata(path) else {
            return false;
        };
        if meta.is_dir() {
            return false;
        }
        let Ok(stored) = Path::from_absolute_path(path) else {
            return false;
        };
        let stamp = Stamp::on_disk(&meta);
        // A file that may be unreadable is for the listing.
        let is_listed =
            |name: &str| ObjectKind::of(name, stamp.bytes) == ObjectKind::Input && meta.is_file();
        let mut is_ours = false;
        // Several tables may be declared over the same files.
        for (index, watched) in self.places.iter().enumerate() {
            let place = &watched.place;
            if place.location.folder().is_none() {
                continue;
            }
            let Some(name) = name_below(&place.location, &stored) else {
                continue;
            };
            is_ours = true;
            if is_listed(&name) {
                let key = Key::of(&place.table, &name);
                let now = Instant::now();
                self.files.note(index, key, stamp, progress, now);
            }
        }
        is_ours
    }

    /// Looks whether there is something new at the signals.
    async fn look_at_signals(&mut self) {
        self.signals_at = Instant::now() + self.pace.every;
        for index in 0..self.signals.len() {
            let Some(found) = objects_of(&self.signals[index]).await else {
                continue;
            };
            let known = &mut self.signalled[index];
            // The first run takes in what was there before.
            self.is_signalled |= known.is_some_and(|known| known != found);
            *known = Some(found);
        }
    }
}

/// How many objects a place has; `None` where that cannot be found out.
async fn objects_of(location: &Location) -> Option<u64> {
    let mut listed = location.store().list(Some(location.prefix()));
    let mut count = 0;
    loop {
        match listed.try_next().await {
            Ok(Some(_)) => count += 1,
            Ok(None) | Err(object_store::Error::NotFound { .. }) => return Some(count),
            Err(_) => return None,
        }
    }
}

/// The name of an object below a place.
fn name_below(location: &Location, path: &Path) -> Option<String> {
    let parts: Vec<String> = path
        .prefix_match(location.prefix())?
        .map(|part| part.as_ref().to_owned())
        .collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Since when a file has been as it is, by its time of modification.
fn quiet_since(modified_us: i64, is_remote: bool) -> Instant {
    let now = Instant::now();
    if is_remote {
        return now;
    }
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_us = elapsed.map_or(0, |elapsed| elapsed.as_micros());
    let age = now_us.saturating_sub(u128::try_from(modified_us).unwrap_or_default());
    let age = Duration::from_micros(u64::try_from(age).unwrap_or(u64::MAX));
    now.checked_sub(age.min(Duration::from_secs(3600)))
        .unwrap_or(now)
}
