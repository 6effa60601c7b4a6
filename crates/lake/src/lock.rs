//! One writer at a time.
//!
//! On this machine the kernel keeps a lock on `system/lock.json` and gives it
//! back when its holder ends, however that ends. A store knows no locks: there
//! the object itself says that somebody holds the lake, and is written anew
//! every other second; one that does not change any more was left by the dead.
//! Should two ever hold a store's lake, releases keep them apart: see
//! `crate::release`.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::task::AbortHandle;

use crate::abandoned;
use crate::error::Error;
use crate::lake::Lake;
use crate::lock_holder::LockHolder;
use crate::store::conditional_put::{Created, create};

const LOCK: &str = "system/lock.json";

/// How often a holder shows on a store that it lives, and after how long
/// without that it is taken for dead.
const BEAT: Duration = Duration::from_secs(2);
const DEAD_AFTER: Duration = Duration::from_secs(10);

/// How often somebody who waits looks.
const LOOK: Duration = Duration::from_millis(50);
const LOOK_AT_STORE: Duration = Duration::from_millis(400);

/// The lake is held until this is dropped.
#[derive(Debug)]
pub struct Lock {
    way: Way,
    /// Nothing is taken away when it is dropped.
    is_left: bool,
}

#[derive(Debug)]
enum Way {
    File {
        path: PathBuf,
        // Holds the kernel's lock for as long as it is open.
        _file: File,
    },
    ObjectReader {
        store: Arc<dyn ObjectStore>,
        path: Path,
        beats: AbortHandle,
    },
}

impl Lock {
    /// Gives the lake back. On a store this takes a request; a hold that is
    /// merely dropped is found dead by the next holder.
    pub async fn unlock(self) {
        if let Way::ObjectReader { store, path, beats } = &self.way {
            beats.abort();
            let _ = store.delete(path).await;
        }
    }
}

impl Lock {
    /// Lets go without a word, so that the next holder takes this one for dead
    /// and clears up after it.
    pub fn abandon(mut self) {
        self.is_left = true;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        match &self.way {
            Way::File { .. } if self.is_left => {}
            // The lock goes with the file's last descriptor, after this.
            Way::File { path, .. } => {
                let _ = std::fs::remove_file(path);
            }
            Way::ObjectReader { beats, .. } => beats.abort(),
        }
    }
}

impl Lake {
    /// Holds the lake for `holder`, waiting for another to let go of it for as
    /// long as `patience` says, and on a store for as long as it takes to tell
    /// the living from the dead.
    ///
    /// # Errors
    /// [`Error::Locked`]; [`Error::Store`] where the lake cannot be written.
    pub async fn lock(&self, holder: &LockHolder, patience: Duration) -> Result<Lock, Error> {
        match self.location().folder() {
            Some(folder) => self.hold_file(&folder.join(LOCK), holder, patience).await,
            None => self.hold_object(holder, patience).await,
        }
    }

    async fn hold_file(
        &self,
        path: &FsPath,
        holder: &LockHolder,
        patience: Duration,
    ) -> Result<Lock, Error> {
        let failed = |error: std::io::Error| Error::Store {
            action: "write",
            object: path.display().to_string(),
            reason: error.to_string(),
        };
        let started = Instant::now();
        loop {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(failed)?;
            }
            let mut file = match File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                // Whoever may write the folder must not choose what is emptied.
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(path)
            {
                Ok(file) if file.metadata().is_ok_and(|of| of.is_file()) => file,
                Ok(_) => return Err(no_lock_file(path)),
                Err(error)
                    if matches!(
                        error.raw_os_error(),
                        Some(libc::ELOOP | libc::EISDIR | libc::ENXIO)
                    ) =>
                {
                    return Err(no_lock_file(path));
                }
                // Whoever gave up the lake took an empty folder away.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            let mut text = String::new();
            match file.try_lock() {
                Ok(()) => {
                    // Whoever let go of it took the file away: the lock must be
                    // on the one that stands there.
                    let is_there = std::fs::symlink_metadata(path).is_ok_and(|there| {
                        file.metadata().is_ok_and(|own| own.ino() == there.ino())
                    });
                    if !is_there {
                        continue;
                    }
                    let _ = file.read_to_string(&mut text);
                    if let Ok(dead) = serde_json::from_str::<LockHolder>(&text) {
                        abandoned::note(self.location(), &dead.run).await?;
                    }
                    file.set_len(0).map_err(failed)?;
                    file.rewind().map_err(failed)?;
                    file.write_all(&holder.to_bytes()).map_err(failed)?;
                    return Ok(Lock {
                        way: Way::File {
                            path: path.to_owned(),
                            _file: file,
                        },
                        is_left: false,
                    });
                }
                Err(std::fs::TryLockError::WouldBlock) => {}
                Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
            }
            if started.elapsed() >= patience {
                let _ = file.read_to_string(&mut text);
                return Err(Error::Locked {
                    by: serde_json::from_str(&text).ok().map(Box::new),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn hold_object(&self, holder: &LockHolder, patience: Duration) -> Result<Lock, Error> {
        let path = self.location().child(LOCK);
        let store = self.location().store();
        let failed = |action, error: &object_store::Error| {
            Error::store(action, self.location().display(&path), error)
        };
        let started = Instant::now();
        let mut seen: Option<(Bytes, Instant)> = None;
        loop {
            match create(store.as_ref(), &path, holder.to_bytes()).await {
                Ok(Created::Made) => break,
                Ok(Created::AlreadyThere) => {}
                Err(object_store::Error::NotFound { .. }) => continue,
                Err(error) => return Err(failed("write", &error)),
            }
            let body = async { store.get(&path).await?.bytes().await };
            let body = match body.await {
                Ok(body) => body,
                Err(object_store::Error::NotFound { .. }) => continue,
                Err(error) => return Err(failed("read", &error)),
            };
            let by: Option<LockHolder> = serde_json::from_slice(&body).ok();
            let is_dead = by.as_ref().is_some_and(LockHolder::has_ended)
                || matches!(&seen, Some((last, at)) if *last == body && at.elapsed() >= DEAD_AFTER);
            if is_dead {
                if let Some(dead) = by {
                    abandoned::note(self.location(), &dead.run).await?;
                }
                let _ = store.delete(&path).await;
                seen = None;
                continue;
            }
            let has_changed = seen.as_ref().is_some_and(|(last, _)| *last != body);
            if has_changed && started.elapsed() >= patience {
                return Err(Error::Locked {
                    by: by.map(Box::new),
                });
            }
            if seen.is_none() || has_changed {
                seen = Some((body, Instant::now()));
            }
            tokio::time::sleep(LOOK_AT_STORE).await;
        }
        let beats = tokio::spawn(beat(Arc::clone(store), path.clone(), holder.clone()));
        Ok(Lock {
            way: Way::ObjectReader {
                store: Arc::clone(store),
                path,
                beats: beats.abort_handle(),
            },
            is_left: false,
        })
    }
}

/// Shows that the holder lives, until it is aborted.
async fn beat(store: Arc<dyn ObjectStore>, path: Path, mut holder: LockHolder) {
    loop {
        tokio::time::sleep(BEAT).await;
        holder.beat += 1;
        let _ = store.put(&path, holder.to_bytes().into()).await;
    }
}

fn no_lock_file(path: &FsPath) -> Error {
    Error::LockFile {
        object: path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::Location;

    fn lake(folder: &FsPath) -> Lake {
        Lake::at(Location::parse(folder.to_str().unwrap()).unwrap())
    }

    #[tokio::test]
    async fn one_holds_and_the_other_is_told_who() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path());
        let (one, two) = (
            LockHolder::this_process("r1", "run"),
            LockHolder::this_process("r2", "vacuum"),
        );
        let lock = lake.lock(&one, Duration::ZERO).await.unwrap();
        let error = lake.lock(&two, Duration::ZERO).await.unwrap_err();
        let Error::Locked { by: Some(by) } = error else {
            panic!("{error}");
        };
        assert_eq!(*by, one);
        let waits = tokio::spawn({
            let lake = lake.clone();
            async move { lake.lock(&two, Duration::from_secs(20)).await }
        });
        tokio::time::sleep(Duration::from_millis(120)).await;
        lock.unlock().await;
        let lock = waits.await.unwrap().unwrap();
        let left = lake.abandoned_runs().await.unwrap();
        assert!(left.is_empty(), "it was given back, not left: {left:?}");
        drop(lock);
        assert!(!folder.path().join(LOCK).exists());
    }

    #[tokio::test]
    async fn what_the_dead_left_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path());
        std::fs::create_dir(folder.path().join("system")).unwrap();
        let left = LockHolder::this_process("dead", "run");
        std::fs::write(folder.path().join(LOCK), left.to_bytes()).unwrap();
        // The next holder dies before it has cleared up, and the one after it.
        for (run, expected) in [("r1", &["dead"][..]), ("r2", &["dead", "r1"])] {
            let own = LockHolder::this_process(run, "run");
            lake.lock(&own, Duration::ZERO).await.unwrap().abandon();
            let mut left = lake.abandoned_runs().await.unwrap();
            left.sort_unstable();
            assert_eq!(left, expected);
        }
        for run in lake.abandoned_runs().await.unwrap() {
            lake.forget_abandoned_run(&run).await.unwrap();
        }
        assert!(lake.abandoned_runs().await.unwrap().is_empty());
        assert!(!folder.path().join("system/left").exists());
    }
}
