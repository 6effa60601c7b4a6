//! Idempotency keys: a client that did not get its answer sends the same again, under the
//! same key, and gets the answer that it would have got.
//!
//! Keys are noted in a journal. The order makes it hold over a kill at any point: the bytes
//! of a file are safe under a hidden name; then the keys of its records are noted together
//! with the file's name; then the file gets its name. So a key counts if its file is there.
//! Once it was seen there, that is noted too, so that files may be moved away later.
//!
//! The journal keeps the last [`KEYS_MAX`] keys for [`KEPT_FOR`]. It has hashes of keys and
//! bodies alone.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Utc;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// How long a key is known, in seconds.
pub const KEPT_FOR: i64 = 24 * 60 * 60;

/// The most keys that are known; older ones are forgotten first.
pub const KEYS_MAX: usize = 200_000;

/// A hash.
type Hash = [u8; 16];

/// What is noted about a record with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    key: Hash,
    body: Hash,
    records: u64,
}

/// What a key means for a request.
pub(crate) enum Found {
    /// It was not used before; the request may go on, and nobody else with this key.
    New(Begun),
    /// The same request was done before.
    Done {
        /// Its records.
        records: u64,
    },
    /// The key was used for something else.
    Other,
}

/// A request that goes on. Dropped before its record is handed in, its key is free again.
pub(crate) struct Begun {
    keys: Arc<Keys>,
    claim: Option<Claim>,
}

/// The keys; see the module.
#[derive(Debug)]
pub struct Keys {
    known: Mutex<Known>,
    journal: Mutex<Journal>,
}

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<Hash, State>,
    /// By time.
    done: VecDeque<(i64, Hash)>,
}

#[derive(Debug)]
enum State {
    /// Waiters see the sender go.
    Going(watch::Sender<()>),
    Done {
        body: Hash,
        records: u64,
        at_s: i64,
    },
}

#[derive(Debug)]
struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
    /// Noted before the process started, and not yet looked for.
    unsettled: Vec<Line>,
    /// Held for the life of the process.
    _lock: File,
}

/// One line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Entry {
    Noted(Line),
    /// The file was seen in its place.
    Seen {
        seen: String,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    key: String,
    body: String,
    records: u64,
    at_s: i64,
    table: String,
    file: String,
}

/// Why keys cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Another process keeps them.
    #[error("another process keeps idempotency keys in {0}")]
    Locked(String),
    /// The folder or the journal cannot be used.
    #[error("cannot keep idempotency keys in {path}: {source}")]
    File {
        /// The folder.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl Keys {
    /// Opens the journal in `folder`, which is made if needed.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn open(folder: &Path) -> Result<Arc<Self>, KeysError> {
        let path = folder.display().to_string();
        let opened = Journal::open(folder);
        let (journal, entries) = match opened {
            Ok(Some(opened)) => opened,
            Ok(None) => return Err(KeysError::Locked(path)),
            Err(source) => return Err(KeysError::File { path, source }),
        };
        let keys = Self {
            known: Mutex::default(),
            journal: Mutex::new(journal),
        };
        keys.take(entries);
        Ok(Arc::new(keys))
    }

    /// Takes what an earlier process noted.
    fn take(&self, entries: Vec<Entry>) {
        let mut seen = HashSet::new();
        let mut noted = Vec::new();
        let oldest = Utc::now().timestamp() - KEPT_FOR;
        for entry in entries {
            match entry {
                Entry::Noted(line) if line.at_s >= oldest => noted.push(line),
                Entry::Noted(_) => {}
                Entry::Seen { seen: file } => _ = seen.insert(file),
            }
        }
        let (done, unsettled): (Vec<Line>, Vec<Line>) = noted
            .into_iter()
            .partition(|line| seen.contains(&line.file));
        let mut known = self.known.lock();
        for line in done {
            known.learn(&line);
        }
        self.journal.lock().unsettled = unsettled;
    }

    /// Files that may be in their place, each with its table.
    pub(crate) fn unsettled(&self) -> Vec<(String, String)> {
        let journal = self.journal.lock();
        let files = journal.unsettled.iter();
        let mut files: Vec<(String, String)> = files
            .map(|line| (line.table.clone(), line.file.clone()))
            .collect();
        files.sort();
        files.dedup();
        files
    }

    /// Takes it that of the unsettled files those in `there` are in their place, and makes
    /// the journal short.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub(crate) fn settle(&self, there: &HashSet<String>) -> io::Result<()> {
        let mut journal = self.journal.lock();
        let mut known = self.known.lock();
        for line in std::mem::take(&mut journal.unsettled) {
            if there.contains(&line.file) {
                known.learn(&line);
            }
        }
        journal.rewrite(&known)
    }

    /// Begins a request with a key of a source. While another one with this key goes on,
    /// waits for its end.
    pub(crate) async fn begin(self: &Arc<Self>, source: &str, key: &str, body: &[u8]) -> Found {
        let (key, body) = (hash(&[source.as_bytes(), key.as_bytes()]), hash(&[body]));
        loop {
            let mut going = {
                let mut known = self.known.lock();
                known.forget_old(Utc::now().timestamp());
                match known.keys.get(&key) {
                    Some(State::Done {
                        body: known,
                        records,
                        ..
                    }) => {
                        return match *known == body {
                            true => Found::Done { records: *records },
                            false => Found::Other,
                        };
                    }
                    Some(State::Going(end)) => end.subscribe(),
                    None => {
                        let (end, _) = watch::channel(());
                        known.keys.insert(key, State::Going(end));
                        return Found::New(Begun {
                            keys: Arc::clone(self),
                            claim: Some(Claim {
                                key,
                                body,
                                records: 0,
                            }),
                        });
                    }
                }
            };
            // Ends when the sender goes.
            _ = going.changed().await;
        }
    }

    /// Notes claims with the file that proves them. Blocks until they are on the disk.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub(crate) fn note(&self, claims: &[Claim], table: &str, file: &str) -> io::Result<()> {
        let at_s = Utc::now().timestamp();
        let mut journal = self.journal.lock();
        if journal.lines > 3 * KEYS_MAX {
            let known = self.known.lock();
            journal.rewrite(&known)?;
        }
        let lines = claims.iter().map(|claim| {
            Entry::Noted(Line {
                key: door::hex(&claim.key),
                body: door::hex(&claim.body),
                records: claim.records,
                at_s,
                table: table.to_owned(),
                file: file.to_owned(),
            })
        });
        let lines: Vec<Entry> = lines.collect();
        journal.append(&lines)?;
        journal.file.sync_data()
    }

    /// The file of claims is in its place.
    pub(crate) fn done(&self, claims: &[Claim], file: Option<&str>) {
        let (Some(file), false) = (file, claims.is_empty()) else {
            return;
        };
        let seen = Entry::Seen {
            seen: file.to_owned(),
        };
        // Only saves a look at the place after the next start.
        _ = self.journal.lock().append(&[seen]);
        let at_s = Utc::now().timestamp();
        let mut known = self.known.lock();
        for claim in claims {
            known.insert(claim.key, claim.body, claim.records, at_s);
        }
    }
}

impl Begun {
    /// What is to be noted about the request, which has so many records. From here on the
    /// spool answers for it.
    pub(crate) fn claim(mut self, records: u64) -> Option<Claim> {
        let claim = self.claim.take();
        claim.map(|claim| Claim { records, ..claim })
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(claim) = &self.claim {
            self.keys.known.lock().keys.remove(&claim.key);
        }
    }
}

impl Known {
    fn learn(&mut self, line: &Line) {
        if let (Some(key), Some(body)) = (unhex(&line.key), unhex(&line.body)) {
            self.insert(key, body, line.records, line.at_s);
        }
    }

    fn insert(&mut self, key: Hash, body: Hash, records: u64, at_s: i64) {
        let state = State::Done {
            body,
            records,
            at_s,
        };
        self.keys.insert(key, state);
        self.done.push_back((at_s, key));
        self.forget_old(at_s);
    }

    fn forget_old(&mut self, now_s: i64) {
        while let Some((at_s, key)) = self.done.front().copied() {
            if at_s >= now_s - KEPT_FOR && self.done.len() <= KEYS_MAX {
                return;
            }
            self.done.pop_front();
            let is_that =
                |state: &State| matches!(state, State::Done { at_s: known, .. } if *known == at_s);
            if self.keys.get(&key).is_some_and(is_that) {
                self.keys.remove(&key);
            }
        }
    }
}

impl Journal {
    /// The journal and its entries; `None` if another process has it.
    fn open(folder: &Path) -> io::Result<Option<(Self, Vec<Entry>)>> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        let lock = options.open(folder.join("keys.lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
        let path = folder.join("keys.ndjson");
        let file = options.open(&path)?;
        // A line that a kill cut off is none.
        let lines = BufReader::new(File::open(&path)?).split(b'\n');
        let entries = lines
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_slice(&line).ok());
        let entries: Vec<Entry> = entries.collect();
        let journal = Self {
            path,
            file,
            lines: entries.len(),
            unsettled: Vec::new(),
            _lock: lock,
        };
        Ok(Some((journal, entries)))
    }

    fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        // An attempt that failed may have left a part of a line.
        let mut text = vec![b'\n'];
        for entry in entries {
            serde_json::to_writer(&mut text, entry)?;
            text.push(b'\n');
        }
        self.file.write_all(&text)?;
        self.lines += entries.len();
        Ok(())
    }

    /// Replaces the journal by what is known.
    fn rewrite(&mut self, known: &Known) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600);
        let mut out = io::BufWriter::new(options.open(&new)?);
        let mut lines = 0;
        const KNOWN: &str = "known";
        let seen = Entry::Seen {
            seen: KNOWN.to_owned(),
        };
        serde_json::to_writer(&mut out, &seen)?;
        out.write_all(b"\n")?;
        for (key, state) in &known.keys {
            let State::Done {
                body,
                records,
                at_s,
            } = state
            else {
                continue;
            };
            let line = Line {
                key: door::hex(key),
                body: door::hex(body),
                records: *records,
                at_s: *at_s,
                table: String::new(),
                file: KNOWN.to_owned(),
            };
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
            lines += 1;
        }
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        let mut options = OpenOptions::new();
        self.file = options.append(true).open(&self.path)?;
        self.lines = lines;
        Ok(())
    }
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    hash
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(keys: &Arc<Keys>, key: &str, body: &str) -> &'static str {
        match keys.begin("app", key, body.as_bytes()).await {
            Found::New(_) => "new",
            Found::Done { records: 3 } => "done",
            Found::Done { .. } => "done otherwise",
            Found::Other => "other",
        }
    }

    /// Notes a key; is its file in its place?
    async fn note(keys: &Arc<Keys>, key: &str, file: &str, is_done: bool) {
        let Found::New(begun) = keys.begin("app", key, b"body").await else {
            panic!("{key} is known");
        };
        let claims: Vec<Claim> = begun.claim(3).into_iter().collect();
        keys.note(&claims, "t", file).unwrap();
        if is_done {
            keys.done(&claims, Some(file));
        }
    }

    #[tokio::test]
    async fn keys_survive_a_restart_if_their_file_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state");
        let keys = Keys::open(&folder).unwrap();
        assert!(matches!(Keys::open(&folder), Err(KeysError::Locked(_))));
        note(&keys, "seen", "1.json", true).await;
        note(&keys, "there", "2.json", false).await;
        note(&keys, "lost", "3.json", false).await;
        assert_eq!(asked(&keys, "seen", "body").await, "done");
        assert_eq!(asked(&keys, "seen", "another").await, "other");
        assert_eq!(asked(&keys, "free", "body").await, "new");
        assert_eq!(asked(&keys, "free", "body").await, "new");
        drop(keys);
        let mut journal = OpenOptions::new()
            .append(true)
            .open(folder.join("keys.ndjson"))
            .unwrap();
        journal.write_all(b"{\"key\":\"cut o").unwrap();
        drop(journal);
        for _ in 0..2 {
            let keys = Keys::open(&folder).unwrap();
            let there: HashSet<String> = keys
                .unsettled()
                .into_iter()
                .map(|(_, file)| file)
                .filter(|file| file == "2.json")
                .collect();
            keys.settle(&there).unwrap();
            for (key, expected) in [("seen", "done"), ("there", "done"), ("lost", "new")] {
                assert_eq!(asked(&keys, key, "body").await, expected, "{key}");
            }
        }
    }

    #[tokio::test]
    async fn a_second_request_waits_for_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(dir.path()).unwrap();
        let Found::New(first) = keys.begin("app", "k", b"body").await else {
            panic!("known");
        };
        let second = {
            let keys = Arc::clone(&keys);
            tokio::spawn(async move { asked(&keys, "k", "body").await })
        };
        tokio::task::yield_now().await;
        let claims: Vec<Claim> = first.claim(3).into_iter().collect();
        keys.done(&claims, Some("1.json"));
        assert_eq!(second.await.unwrap(), "done");
    }
}
