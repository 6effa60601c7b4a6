//! Spill files: rows that do not fit into memory, written to the temporary folder.
//!
//! They hold personal values, so nothing of them may outlive the process, however it
//! ends. Each spill file has no name: the kernel removes it with its last
//! descriptor, also after SIGKILL. The files are created in a folder of the
//! process's own, because a file system without unnamed files gives them a name for
//! a moment, or keeps one until they are closed. The next session removes the
//! folders of dead processes.

use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::Bytes;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::spill_file::{SpillFile, SpillWriter, TempFileFactory};
use futures::{Stream, TryStreamExt, stream};
use parking_lot::Mutex;

/// Prefix of a process's folder. Its lock is taken while the process lives.
const PREFIX: &str = "stedi-spill-";

/// Prefix of a folder under creation, whose lock may not be taken yet.
const UNFINISHED: &str = "stedi-new-spill-";

/// The lock file; the folder's process keeps it locked for as long as it lives.
const LOCK: &str = "lock";

/// Age after which a folder under creation counts as abandoned.
const MAKING: Duration = Duration::from_secs(600);

/// Limit on the bytes of all spill files of one session.
const BYTES_MAX: u64 = 100 << 30;

/// Bytes read from a file at once.
const CHUNK: usize = 128 << 10;

/// The folder of this process, once it has spilled something.
static FOLDER: Mutex<Option<Folder>> = Mutex::new(None);

/// Whether the process is ending and may not spill any more.
static ENDED: AtomicBool = AtomicBool::new(false);

/// Removes this process's folder. Call it when the process ends: tasks that still
/// run cannot spill afterwards.
pub fn remove_spill_folder() {
    ENDED.store(true, Ordering::SeqCst);
    // A thread that is creating the folder may hold the mutex while the process ends.
    let folder = FOLDER.try_lock_for(Duration::from_millis(50));
    if let Some(folder) = folder.and_then(|mut folder| folder.take()) {
        folder.remove();
    }
}

/// Removes the folders of dead processes of the same user.
pub(crate) fn remove_abandoned_folders() {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| {
        // The user of this process; the standard library has no other way to ask.
        if let Ok(own) = std::fs::metadata("/proc/self") {
            sweep(&std::env::temp_dir(), &own);
        }
    });
}

/// Creates the spill files of one session and counts their bytes.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    used: Arc<AtomicU64>,
}

impl TempFileFactory for Spill {
    fn create_temp_file(&self, _: &str) -> Result<Arc<dyn SpillFile>> {
        let mut folder = FOLDER.lock();
        if ENDED.load(Ordering::SeqCst) {
            return Err(io::Error::other("the program is ending").into());
        }
        let place = match &*folder {
            Some(folder) if folder.is_there() => folder.path.clone(),
            _ => {
                let made = Folder::make(&std::env::temp_dir())?;
                folder.insert(made).path.clone()
            }
        };
        drop(folder);
        Ok(Arc::new(Spilled {
            file: Arc::new(tempfile::tempfile_in(place)?),
            bytes: Arc::default(),
            used: Arc::clone(&self.used),
        }))
    }
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Keeps the kernel's lock while it is open.
    _lock: File,
}

impl Folder {
    /// Creates a folder in `parent` that only its owner can enter, and removes those
    /// of dead processes.
    fn make(parent: &Path) -> io::Result<Self> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let unfinished = parent.join(format!("{UNFINISHED}{id}"));
        let path = parent.join(format!("{PREFIX}{id}"));
        DirBuilder::new().mode(0o700).create(&unfinished)?;
        let lock = File::create_new(unfinished.join(LOCK)).and_then(|mut lock| {
            lock.try_lock()?;
            writeln!(lock, "{}", std::process::id())?;
            std::fs::rename(&unfinished, &path)?;
            Ok(lock)
        });
        let lock = lock.inspect_err(|_| {
            let _ = std::fs::remove_dir_all(&unfinished);
        })?;
        sweep(parent, &lock.metadata()?);
        Ok(Self { path, _lock: lock })
    }

    fn is_there(&self) -> bool {
        self.path.is_dir()
    }

    fn remove(self) {
        // A running task may add a file meanwhile.
        for _ in 0..10 {
            match std::fs::remove_dir_all(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {}
                _ => return,
            }
        }
    }
}

/// Removes the folders in `parent` of dead processes of the user that owns `own`.
fn sweep(parent: &Path, own: &Metadata) {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_finished = name.starts_with(PREFIX);
        if !is_finished && !name.starts_with(UNFINISHED) {
            continue;
        }
        // Do not follow links or touch folders of other users.
        let path = entry.path();
        let is_own = |found: &Metadata| found.is_dir() && found.uid() == own.uid();
        let Ok(found) = std::fs::symlink_metadata(&path) else {
            continue;
        };
        if !is_own(&found) {
            continue;
        }
        let lock = File::open(path.join(LOCK));
        let is_dead = match &lock {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(_) => true,
        };
        let is_old = || {
            let age = found.modified().ok().and_then(|at| at.elapsed().ok());
            age.is_some_and(|age| age > MAKING)
        };
        if is_dead && (is_finished || is_old()) {
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

/// One spill file.
struct Spilled {
    file: Arc<File>,
    bytes: Arc<AtomicU64>,
    used: Arc<AtomicU64>,
}

impl Drop for Spilled {
    fn drop(&mut self) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl SpillFile for Spilled {
    fn size(&self) -> Option<u64> {
        Some(self.bytes.load(Ordering::Relaxed))
    }

    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>> {
        // Each reader has its own position in the file.
        let chunks = stream::try_unfold(0_u64, {
            let file = Arc::clone(&self.file);
            move |at| {
                let file = Arc::clone(&file);
                async move {
                    let chunk = tokio::task::spawn_blocking(move || chunk(&file, at)).await;
                    let chunk = chunk.map_err(|_| io::Error::other("a read was cut off"))??;
                    let next = at + chunk.len() as u64;
                    Ok((!chunk.is_empty()).then_some((chunk, next)))
                }
            }
        });
        Ok(Box::pin(chunks.map_err(|error: io::Error| {
            DataFusionError::IoError(error)
        })))
    }

    fn open_writer(&self) -> Result<Box<dyn SpillWriter>> {
        Ok(Box::new(Writer {
            file: Arc::clone(&self.file),
            bytes: Arc::clone(&self.bytes),
            used: Arc::clone(&self.used),
        }))
    }
}

/// The next chunk of `file` from byte `at` on; empty at the end of the file.
fn chunk(file: &File, at: u64) -> io::Result<Bytes> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read_at(&mut chunk, at) {
            Ok(count) => {
                chunk.truncate(count);
                return Ok(chunk.into());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

struct Writer {
    file: Arc<File>,
    bytes: Arc<AtomicU64>,
    used: Arc<AtomicU64>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len() as u64;
        let used = self.used.fetch_add(count, Ordering::Relaxed) + count;
        if used > BYTES_MAX {
            self.used.fetch_sub(count, Ordering::Relaxed);
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                format!(
                    "the query needs more than {} GiB of temporary files",
                    BYTES_MAX >> 30
                ),
            ));
        }
        self.bytes.fetch_add(count, Ordering::Relaxed);
        (&*self.file).write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.file).flush()
    }
}

impl SpillWriter for Writer {
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn folders_of_the_dead_go_and_those_of_the_living_stay() {
        let parent = tempfile::tempdir().unwrap();
        let dead = Folder::make(parent.path()).unwrap();
        let left = dead.path.clone();
        std::fs::write(left.join("rows"), "jane@example.com").unwrap();
        let Folder { _lock, .. } = dead;
        drop(_lock);
        // Neighbours that must stay.
        std::fs::create_dir(parent.path().join(format!("{UNFINISHED}1"))).unwrap();
        std::fs::create_dir(parent.path().join("datafusion-1")).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(
            elsewhere.path(),
            parent.path().join(format!("{PREFIX}link")),
        )
        .unwrap();

        let living = Folder::make(parent.path()).unwrap();
        let other = Folder::make(parent.path()).unwrap();
        let mode = std::fs::metadata(&living.path)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(living.is_there() && other.is_there() && elsewhere.path().exists());
        assert!(!left.exists());
        assert_eq!(names(parent.path()).len(), 5, "{:?}", names(parent.path()));
        living.remove();
        other.remove();
        assert_eq!(names(parent.path()).len(), 3);
    }

    #[tokio::test]
    async fn what_was_written_is_read_from_the_beginning_by_each() {
        let spilled = Spilled {
            file: Arc::new(tempfile::tempfile().unwrap()),
            bytes: Arc::default(),
            used: Arc::default(),
        };
        let text = "0123456789".repeat(CHUNK / 4);
        for part in text.as_bytes().chunks(1 << 16) {
            spilled.open_writer().unwrap().write_all(part).unwrap();
        }
        for _ in 0..2 {
            let chunks: Vec<Bytes> = spilled.read_stream().unwrap().try_collect().await.unwrap();
            assert_eq!(chunks.concat(), text.as_bytes());
        }
        assert_eq!(spilled.size(), Some(text.len() as u64));
    }
}
