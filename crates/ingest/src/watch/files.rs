//! Which landing files a run has seen, which are new, and which of those are whole.
//!
//! Names are kept as hashes, so that a million files take some ten megabytes.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lake::Found;
use object_store::ObjectMeta;
use parking_lot::Mutex;
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128};

use super::pace::Waiting;

/// A file that somebody was seen writing to and not yet closing counts as whole after so
/// many times the usual time.
const WRITER_FACTOR: u32 = 10;

/// Hash of a landing table's name and a file's name below its location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(u128);

impl Key {
    pub(super) fn of(table: &str, name: &str) -> Self {
        Self(xxh3_128(format!("{table}\n{name}").as_bytes()))
    }
}

/// By what a change of a file is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    /// Time of modification, microseconds since the epoch.
    pub(super) modified_us: i64,
    /// Tells it from another file of that size and time: on disk by what only the kernel
    /// sets, in a store by the tag of its content.
    pub(super) version: u64,
}

impl Stamp {
    /// Of an object or a file that is listed.
    pub(super) fn of(file: &Found) -> Self {
        match &file.metadata {
            Some(metadata) => Self::on_disk(metadata),
            None => Self::of_object(file.bytes, file.modified_us, file.etag.as_deref()),
        }
    }

    /// Of an object that was asked for by its name.
    pub(super) fn in_store(object: &ObjectMeta) -> Self {
        let modified_us = object.last_modified.timestamp_micros();
        Self::of_object(object.size, modified_us, object.e_tag.as_deref())
    }

    /// A listing may give fractions of a second that an answer about one object leaves out.
    fn of_object(bytes: u64, modified_us: i64, etag: Option<&str>) -> Self {
        const SECOND: i64 = 1_000_000;
        Self {
            bytes,
            modified_us: modified_us.div_euclid(SECOND) * SECOND,
            version: xxh3_64(etag.unwrap_or_default().as_bytes()),
        }
    }

    /// Of a file. Its version changes with every write, every rename over it, and every
    /// change of its rights.
    pub(super) fn on_disk(metadata: &Metadata) -> Self {
        let inode = metadata.ino().cast_signed();
        let mut version = Xxh3::new();
        for part in [inode, metadata.ctime(), metadata.ctime_nsec()] {
            version.update(&part.to_le_bytes());
        }
        Self {
            bytes: metadata.len(),
            modified_us: metadata.mtime() * 1_000_000 + metadata.mtime_nsec() / 1_000,
            version: version.digest(),
        }
    }
}

/// What is known about how far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It was listed; somebody may still write to it.
    Listed,
    /// Somebody was seen writing to it.
    Written,
    /// Its writer closed it, it was renamed into place, or its store shows only whole
    /// objects.
    Whole,
}

/// A file that no run has seen as it is now.
#[derive(Debug)]
struct Pending {
    table: usize,
    stamp: Stamp,
    progress: Progress,
    /// Since when it has been as it is.
    quiet_since: Instant,
    look: u64,
}

/// A file as a run saw it.
#[derive(Debug)]
struct Taken {
    table: usize,
    stamp: Stamp,
    look: u64,
}

/// The files of all landing tables, told by their index.
#[derive(Debug, Default)]
pub(super) struct Files {
    taken: Arc<Mutex<HashMap<Key, Taken>>>,
    pending: HashMap<Key, Pending>,
    /// Files that a run saw and that are not there any more.
    gone: HashMap<Key, Instant>,
    /// Since when a whole file has been waiting.
    waiting_since: Option<Instant>,
    /// Counts listings.
    look: u64,
}

/// Files for one run.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    taken: Arc<Mutex<HashMap<Key, Taken>>>,
    whole: Arc<HashMap<Key, (usize, Stamp)>>,
    gone: Arc<Vec<Key>>,
}

impl Chosen {
    /// Whether a run may read a file that is `bytes` long: it is whole, or an earlier run
    /// has seen it.
    pub(super) fn contains(&self, table: &str, name: &str, bytes: u64) -> bool {
        let key = Key::of(table, name);
        match self.whole.get(&key) {
            Some((_, stamp)) => stamp.bytes == bytes,
            None => self.taken.lock().contains_key(&key),
        }
    }
}

impl Files {
    /// Begins a listing: what it does not show is gone.
    pub(super) fn begin_look(&mut self) {
        self.look += 1;
    }

    /// Notes a file that a listing or an event shows.
    pub(super) fn note(
        &mut self,
        table: usize,
        key: Key,
        stamp: Stamp,
        progress: Progress,
        quiet_since: Instant,
    ) {
        let look = self.look;
        self.gone.remove(&key);
        if let Some(taken) = self.taken.lock().get_mut(&key) {
            taken.look = look;
            if taken.stamp == stamp {
                self.pending.remove(&key);
                return;
            }
        }
        let pending = self.pending.entry(key).or_insert(Pending {
            table,
            stamp,
            progress,
            quiet_since,
            look,
        });
        pending.look = look;
        let has_changed = pending.stamp != stamp;
        if has_changed {
            pending.stamp = stamp;
            pending.quiet_since = quiet_since;
        }
        pending.progress = match (progress, pending.progress) {
            // A listing tells nothing about writers, but the file is not what they closed.
            (Progress::Listed, Progress::Whole) if has_changed => Progress::Listed,
            (Progress::Listed, before) => before,
            (now, _) => now,
        };
        if progress == Progress::Written {
            pending.quiet_since = quiet_since;
        }
    }

    /// Notes a file that lies there and cannot be read: what a run saw of it is not gone.
    pub(super) fn note_unreadable(&mut self, key: Key) {
        self.gone.remove(&key);
        if let Some(taken) = self.taken.lock().get_mut(&key) {
            taken.look = self.look;
        }
    }

    /// Ends a listing of a table. Returns whether all files are gone that runs saw of it;
    /// nothing is concluded from that, for the place may be out of reach for a while.
    pub(super) fn end_look(&mut self, table: usize, now: Instant) -> bool {
        let look = self.look;
        self.pending
            .retain(|_, pending| pending.table != table || pending.look == look);
        let taken = self.taken.lock();
        let of_table = || taken.iter().filter(|(_, taken)| taken.table == table);
        let is_gone = |taken: &Taken| taken.look != look;
        let is_empty = of_table().next().is_some() && of_table().all(|(_, taken)| is_gone(taken));
        if !is_empty {
            for (key, _) in of_table().filter(|(_, taken)| is_gone(taken)) {
                self.gone.entry(*key).or_insert(now);
            }
        }
        is_empty
    }

    /// What waits for a run, and when that may change by time alone.
    pub(super) fn waiting(&mut self, now: Instant, settle: Duration) -> (Waiting, Option<Instant>) {
        let mut waiting = Waiting::default();
        let mut next: Option<Instant> = None;
        let mut at = |instant: Instant| next = Some(next.map_or(instant, |next| next.min(instant)));
        let taken = self.taken.lock();
        for (key, pending) in &self.pending {
            let whole_at = pending.whole_at(settle);
            if whole_at <= now {
                waiting.files += 1;
                waiting.bytes += pending.stamp.bytes;
            } else {
                waiting.unfinished += 1;
                waiting.is_unsettled |= taken.contains_key(key);
                at(whole_at);
            }
        }
        for since in self.gone.values() {
            match *since + settle <= now {
                true => waiting.is_asked_for = true,
                false => at(*since + settle),
            }
        }
        self.waiting_since = (waiting.files > 0).then(|| self.waiting_since.unwrap_or(now));
        waiting.since = self.waiting_since;
        (waiting, next)
    }

    /// The files that a run that begins now may read.
    pub(super) fn choose(&self, now: Instant, settle: Duration) -> Chosen {
        let pending = self.pending.iter();
        let whole = pending.filter(|(_, pending)| pending.whole_at(settle) <= now);
        Chosen {
            taken: Arc::clone(&self.taken),
            whole: Arc::new(
                whole
                    .map(|(key, pending)| (*key, (pending.table, pending.stamp)))
                    .collect(),
            ),
            gone: Arc::new(self.gone.keys().copied().collect()),
        }
    }

    /// A run has seen the chosen files.
    pub(super) fn take(&mut self, chosen: &Chosen) {
        let look = self.look;
        let mut taken = self.taken.lock();
        for key in chosen.gone.iter() {
            if self.gone.remove(key).is_some() {
                taken.remove(key);
            }
        }
        for (key, (table, stamp)) in chosen.whole.iter() {
            let (table, stamp) = (*table, *stamp);
            taken.insert(*key, Taken { table, stamp, look });
            // It may have changed since.
            if self.pending.get(key).is_some_and(|now| now.stamp == stamp) {
                self.pending.remove(key);
            }
        }
        self.waiting_since = None;
    }
}

impl Pending {
    fn whole_at(&self, settle: Duration) -> Instant {
        match self.progress {
            Progress::Whole => self.quiet_since,
            Progress::Listed => self.quiet_since + settle,
            Progress::Written => self.quiet_since + settle * WRITER_FACTOR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(2);

    /// What happens to the file `a`, at a second.
    enum Happens {
        Note(Progress, u64),
        Look(&'static [u64]),
        Run,
    }

    /// Number of files that a run would take, and whether it is asked for or held up.
    type Outcome = (u64, bool, bool);

    fn outcome(happens: &[(u64, Happens)], at: u64) -> Outcome {
        let start = Instant::now();
        let second = |number: u64| start + Duration::from_secs(number);
        let key = Key::of("t", "a");
        let stamp = |bytes: u64| Stamp {
            bytes,
            modified_us: 0,
            version: 0,
        };
        let mut files = Files::default();
        // Another file that stays, so that the place is not out of reach.
        let other = Key::of("t", "other");
        files.note(0, other, stamp(1), Progress::Whole, start);
        let chosen = files.choose(start, SETTLE);
        files.take(&chosen);
        for (number, event) in happens {
            let now = second(*number);
            match event {
                Happens::Note(progress, bytes) => {
                    files.note(0, key, stamp(*bytes), *progress, now);
                }
                Happens::Look(sizes) => {
                    files.begin_look();
                    files.note(0, other, stamp(1), Progress::Listed, now);
                    for bytes in *sizes {
                        files.note(0, key, stamp(*bytes), Progress::Listed, now);
                    }
                    assert!(!files.end_look(0, now));
                }
                Happens::Run => {
                    let chosen = files.choose(now, SETTLE);
                    files.take(&chosen);
                }
            }
        }
        let (waiting, _) = files.waiting(second(at), SETTLE);
        (waiting.files, waiting.is_asked_for, waiting.is_unsettled)
    }

    #[test]
    fn files_count_once_they_are_whole() {
        use Happens::{Look, Note, Run};
        use Progress::{Listed, Whole, Written};
        let none = (0, false, false);
        let one = (1, false, false);
        type Case = (&'static str, &'static [(u64, Happens)], u64, Outcome);
        let cases: [Case; 14] = [
            ("nothing", &[], 9, none),
            ("closed", &[(1, Note(Whole, 5))], 1, one),
            ("just listed", &[(1, Look(&[5]))], 2, none),
            ("quiet since", &[(1, Look(&[5]))], 3, one),
            ("grows", &[(1, Look(&[5])), (2, Look(&[6]))], 3, none),
            ("grew", &[(1, Look(&[5])), (2, Look(&[6]))], 4, one),
            (
                "written",
                &[(1, Note(Written, 5)), (2, Look(&[5]))],
                9,
                none,
            ),
            ("forgotten", &[(1, Note(Written, 5))], 21, one),
            (
                "written and closed",
                &[(1, Note(Written, 5)), (2, Note(Whole, 6))],
                2,
                one,
            ),
            (
                "closed, then listed",
                &[(1, Note(Whole, 5)), (1, Look(&[5]))],
                1,
                one,
            ),
            (
                "closed, then grew",
                &[(1, Note(Whole, 5)), (1, Look(&[6]))],
                2,
                none,
            ),
            (
                "taken",
                &[(1, Note(Whole, 5)), (2, Run), (3, Look(&[5]))],
                9,
                none,
            ),
            (
                "taken and written to",
                &[(1, Note(Whole, 5)), (2, Run), (3, Note(Listed, 6))],
                4,
                (0, false, true),
            ),
            (
                "taken and gone",
                &[(1, Note(Whole, 5)), (2, Run), (3, Look(&[]))],
                5,
                (0, true, false),
            ),
        ];
        for (case, happens, at, expected) in cases {
            assert_eq!(outcome(happens, at), expected, "{case}");
        }
    }

    #[test]
    fn a_run_reads_what_was_chosen() {
        let now = Instant::now();
        let stamp = |bytes: u64| Stamp {
            bytes,
            modified_us: 0,
            version: 0,
        };
        let mut files = Files::default();
        files.note(0, Key::of("t", "whole"), stamp(5), Progress::Whole, now);
        files.note(0, Key::of("t", "half"), stamp(5), Progress::Written, now);
        let chosen = files.choose(now, SETTLE);
        for (table, name, bytes, expected) in [
            ("t", "whole", 5, true),
            ("t", "whole", 6, false),
            ("t", "half", 5, false),
            ("t", "other", 5, false),
            ("u", "whole", 5, false),
        ] {
            assert_eq!(
                chosen.contains(table, name, bytes),
                expected,
                "{table} {name}"
            );
        }
        // All of them gone at once means that the place is out of reach.
        files.take(&chosen);
        files.begin_look();
        assert!(files.end_look(0, now));
        assert!(!files.waiting(now + SETTLE, SETTLE).0.is_asked_for);
    }
}
