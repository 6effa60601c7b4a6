//! Changes in folders as the kernel tells them (inotify). Hints only: they may be lost, and
//! a listing is what counts.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use inotify::{Event, EventMask, Inotify, WatchDescriptor, WatchMask};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Bytes of events that are read at once.
const BUFFER_BYTES: usize = 1 << 16;

/// The system's error where its limit of watched folders is reached.
const TOO_MANY: i32 = 28;

/// What happened to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// A file was closed after writing, or renamed into place.
    Whole(PathBuf),
    /// Somebody writes to a file.
    Written(PathBuf),
    /// A file is there under a new name, such as a link, or one in a new folder. Whether
    /// somebody writes to it is not known.
    Found(PathBuf),
    /// Something else, such as a file that was removed: only a listing tells what there is
    /// now.
    Unclear,
}

/// The changes of all watched folders.
pub(super) struct Changes {
    inotify: AsyncFd<Inotify>,
    folders: HashMap<WatchDescriptor, PathBuf>,
    buffer: Vec<u8>,
}

impl Changes {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// If the kernel gives no inotify instance.
    pub(super) fn new() -> io::Result<Self> {
        #[allow(unsafe_code, reason = "the safe constructor is deprecated")]
        // SAFETY: an `Inotify` owns its descriptor, gives the same one each time, and closes
        // it when it is dropped.
        let inotify =
            unsafe { AsyncFd::register_with_interest(Inotify::init()?, Interest::READABLE) }?;
        Ok(Self {
            inotify,
            folders: HashMap::new(),
            buffer: vec![0; BUFFER_BYTES],
        })
    }

    /// Watches a folder and all folders below it. Those that are watched already stay so.
    ///
    /// # Errors
    /// In words, why it is not possible.
    pub(super) fn watch(&mut self, folder: &Path) -> Result<(), String> {
        self.watch_below(folder, &mut HashSet::new(), &mut Vec::new())
            .map_err(|error| match error.raw_os_error() {
                Some(TOO_MANY) => {
                    "the system allows no more watched folders (fs.inotify.max_user_watches)"
                        .to_owned()
                }
                _ => error.to_string(),
            })
    }

    /// As [`Changes::watch`]. `seen` has the folders so far, as links may lead in a circle.
    /// `found` gets the files that are there.
    fn watch_below(
        &mut self,
        folder: &Path,
        seen: &mut HashSet<PathBuf>,
        found: &mut Vec<Change>,
    ) -> io::Result<()> {
        if !seen.insert(folder.canonicalize()?) {
            return Ok(());
        }
        let mask = WatchMask::CREATE
            | WatchMask::MODIFY
            | WatchMask::CLOSE_WRITE
            | WatchMask::MOVED_FROM
            | WatchMask::MOVED_TO
            | WatchMask::DELETE
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        let watch = self.inotify.get_ref().watches().add(folder, mask)?;
        self.folders.insert(watch, folder.to_owned());
        // What is made from now on is told; what was made before is found here.
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let is_folder = kind.is_dir() || (kind.is_symlink() && entry.path().is_dir());
            if is_folder {
                match self.watch_below(&entry.path(), seen, found) {
                    // Removed meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => other?,
                }
            } else {
                found.push(Change::Found(entry.path()));
            }
        }
        Ok(())
    }

    /// Waits for changes and adds them to `changes`. Dropping it loses none.
    pub(super) async fn next(&mut self, changes: &mut Vec<Change>) {
        let Self {
            inotify,
            folders,
            buffer,
        } = self;
        let mut made = Vec::new();
        loop {
            let Ok(mut ready) = inotify.readable_mut().await else {
                // Without the runtime's help nothing is told, and listings find all.
                return std::future::pending().await;
            };
            let read = ready.try_io(|inotify| {
                let events = inotify.get_mut().read_events(buffer)?;
                for event in events {
                    changes.extend(change_of(&event, folders, &mut made));
                }
                Ok(())
            });
            match read {
                Ok(Ok(())) => break,
                Ok(Err(_)) => {
                    changes.push(Change::Unclear);
                    break;
                }
                Err(_would_block) => {}
            }
        }
        for folder in made {
            // A folder that cannot be watched is listed every half minute.
            let _ = self.watch_below(&folder, &mut HashSet::new(), changes);
        }
    }
}

/// What an event tells. `made` gets folders that are to be watched.
fn change_of(
    event: &Event<&std::ffi::OsStr>,
    folders: &mut HashMap<WatchDescriptor, PathBuf>,
    made: &mut Vec<PathBuf>,
) -> Option<Change> {
    let mask = event.mask;
    if mask.contains(EventMask::Q_OVERFLOW) {
        return Some(Change::Unclear);
    }
    if mask.contains(EventMask::IGNORED) {
        folders.remove(&event.wd);
        return None;
    }
    let folder = folders.get(&event.wd)?;
    let Some(name) = event.name else {
        // The folder itself went; below another name it is watched anew.
        folders.remove(&event.wd);
        return Some(Change::Unclear);
    };
    let path = folder.join(name);
    let is_folder = mask.contains(EventMask::ISDIR);
    if is_folder && mask.intersects(EventMask::CREATE | EventMask::MOVED_TO) {
        made.push(path);
        return None;
    }
    if mask.intersects(EventMask::DELETE | EventMask::MOVED_FROM) {
        return Some(Change::Unclear);
    }
    if is_folder {
        return None;
    }
    if mask.intersects(EventMask::CLOSE_WRITE | EventMask::MOVED_TO) {
        return Some(Change::Whole(path));
    }
    if mask.contains(EventMask::MODIFY) {
        return Some(Change::Written(path));
    }
    // Whoever makes a file writes to it and closes it, but not whoever makes a link.
    match std::fs::symlink_metadata(&path) {
        Ok(meta) if meta.is_symlink() || std::os::unix::fs::MetadataExt::nlink(&meta) > 1 => {
            Some(Change::Found(path))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    /// The changes that follow, until there are none for a moment.
    async fn seen(changes: &mut Changes) -> Vec<Change> {
        let mut all = Vec::new();
        let pause = Duration::from_millis(300);
        while tokio::time::timeout(pause, changes.next(&mut all))
            .await
            .is_ok()
        {}
        all.dedup();
        all
    }

    #[tokio::test]
    async fn files_are_whole_when_closed_or_renamed_into_place() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("2026/11");
        fs::create_dir_all(&below).unwrap();
        let mut changes = Changes::new().unwrap();
        changes.watch(dir.path()).unwrap();
        let path = below.join("a.json");

        let mut file = fs::File::create(&path).unwrap();
        file.write_all(b"{").unwrap();
        assert_eq!(seen(&mut changes).await, [Change::Written(path.clone())]);
        drop(file);
        assert_eq!(seen(&mut changes).await, [Change::Whole(path.clone())]);

        let other = tempfile::tempdir().unwrap();
        let from = other.path().join("b");
        fs::write(&from, "{}").unwrap();
        let to = below.join("b.json");
        fs::rename(&from, &to).unwrap();
        assert_eq!(seen(&mut changes).await, [Change::Whole(to.clone())]);

        let linked = below.join("linked");
        fs::hard_link(&to, &linked).unwrap();
        assert_eq!(seen(&mut changes).await, [Change::Found(linked)]);
        fs::remove_file(&to).unwrap();
        assert_eq!(seen(&mut changes).await, [Change::Unclear]);
        fs::read(&path).unwrap();
        assert_eq!(seen(&mut changes).await, []);

        // A new folder is watched from then on, also if it had folders already.
        fs::create_dir_all(other.path().join("12/01")).unwrap();
        fs::write(other.path().join("12/01/b"), "{}").unwrap();
        fs::rename(other.path().join("12"), dir.path().join("12")).unwrap();
        let there = dir.path().join("12/01/b");
        assert_eq!(seen(&mut changes).await, [Change::Found(there)]);
        let path = dir.path().join("12/01/c");
        fs::write(&path, "{}").unwrap();
        let whole = Change::Whole(path.clone());
        assert_eq!(seen(&mut changes).await, [Change::Written(path), whole]);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_cannot_be_watched() {
        let dir = tempfile::tempdir().unwrap();
        let mut changes = Changes::new().unwrap();
        assert!(changes.watch(&dir.path().join("nowhere")).is_err());
        // A link to the folder itself is no endless path.
        std::os::unix::fs::symlink(dir.path(), dir.path().join("round")).unwrap();
        changes.watch(dir.path()).unwrap();
        assert_eq!(changes.folders.len(), 1);
    }
}
