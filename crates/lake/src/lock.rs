//! The lock of a lake: one writer at a time.
//!
//! - On this machine the kernel locks the file `system/lock.json`. It releases
//!   the lock when the process ends, in whatever way.
//! - Object stores have no locks. There the object `system/lock.json` is the lock.
//!   Its holder rewrites it every two seconds as a heartbeat. The lock of a dead
//!   process is one whose object no longer changes.
//!
//! A lock in an object store is only as reliable as the clocks. If two processes
//! ever hold it at the same time, the number of a release keeps them apart: see
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
use crate::store::conditional_put::{PutOutcome, put_if_absent};

const LOCK: &str = "system/lock.json";

/// How often the holder rewrites the lock object, and for how long it may stay
/// the same before its holder counts as dead.
const HEARTBEAT: Duration = Duration::from_secs(2);
const DEAD_AFTER: Duration = Duration::from_secs(10);

/// How often a waiting process looks at the lock.
const POLL_FILE: Duration = Duration::from_millis(50);
const POLL_STORE: Duration = Duration::from_millis(400);

/// The lock of a lake, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    kind: LockKind,
    /// Dropping it keeps the lock file, as if the process had been killed.
    is_abandoned: bool,
}

#[derive(Debug)]
enum LockKind {
    File {
        path: PathBuf,
        /// The kernel's lock lasts as long as this file is open.
        _file: File,
    },
    Object {
        store: Arc<dyn ObjectStore>,
        path: Path,
        heartbeat: AbortHandle,
    },
}

impl Lock {
    /// Releases the lock. For an object store this takes a request. A lock that is
    /// only dropped there looks like that of a dead process to the next one.
    pub async fn unlock(self) {
        if let LockKind::Object {
            store,
            path,
            heartbeat,
        } = &self.kind
        {
            heartbeat.abort();
            let _ = store.delete(path).await;
        }
    }

    /// Releases the lock as if this process had been killed, so that the next
    /// holder clears up after it.
    pub fn abandon(mut self) {
        self.is_abandoned = true;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        match &self.kind {
            LockKind::File { .. } if self.is_abandoned => {}
            // The kernel's lock ends after this, with the last file descriptor.
            LockKind::File { path, .. } => {
                let _ = std::fs::remove_file(path);
            }
            LockKind::Object { heartbeat, .. } => heartbeat.abort(),
        }
    }
}

impl Lake {
    /// Locks the lake for `holder`. Waits up to `wait_max` for another holder. For
    /// an object store it waits at least until it knows whether that one is alive.
    ///
    /// # Errors
    /// [`Error::Locked`]; [`Error::Store`] if the lake cannot be written.
    pub async fn lock(&self, holder: &LockHolder, wait_max: Duration) -> Result<Lock, Error> {
        match self.location().folder() {
            Some(folder) => self.lock_file(&folder.join(LOCK), holder, wait_max).await,
            None => self.lock_object(holder, wait_max).await,
        }
    }

    /// The process that the lock names: it holds the lock, or [has
    /// ended](LockHolder::has_ended) without releasing it. The lock is looked at, not
    /// taken. `None` where nobody holds it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn lock_holder(&self) -> Result<Option<LockHolder>, Error> {
        let path = self.location().child(LOCK);
        let body = self.location().read_if_exists(&path).await?;
        // A holder that has just taken the lock has not written its name yet.
        Ok(body.and_then(|body| serde_json::from_slice(&body).ok()))
    }

    async fn lock_file(
        &self,
        path: &FsPath,
        holder: &LockHolder,
        wait_max: Duration,
    ) -> Result<Lock, Error> {
        let failed = |error| write_error(path, &error);
        let started = Instant::now();
        loop {
            let Some(mut file) = open_lock_file(path)? else {
                continue;
            };
            let mut text = String::new();
            match file.try_lock() {
                Ok(()) if !is_at(&file, path) => continue,
                Ok(()) => {
                    let _ = file.read_to_string(&mut text);
                    if let Ok(dead) = serde_json::from_str::<LockHolder>(&text) {
                        abandoned::note(self.location(), &dead.run).await?;
                    }
                    file.set_len(0).map_err(failed)?;
                    file.rewind().map_err(failed)?;
                    file.write_all(&holder.to_bytes()).map_err(failed)?;
                    return Ok(Lock {
                        kind: LockKind::File {
                            path: path.to_owned(),
                            _file: file,
                        },
                        is_abandoned: false,
                    });
                }
                Err(std::fs::TryLockError::WouldBlock) => {}
                Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
            }
            if started.elapsed() >= wait_max {
                let _ = file.read_to_string(&mut text);
                return Err(Error::Locked {
                    by: serde_json::from_str(&text).ok().map(Box::new),
                });
            }
            tokio::time::sleep(POLL_FILE).await;
        }
    }

    async fn lock_object(&self, holder: &LockHolder, wait_max: Duration) -> Result<Lock, Error> {
        let path = self.location().child(LOCK);
        let store = self.location().store();
        let started = Instant::now();
        let mut last_seen: Option<(Bytes, Instant)> = None;
        loop {
            match put_if_absent(store.as_ref(), &path, holder.to_bytes()).await {
                Ok(PutOutcome::Created) => break,
                Ok(PutOutcome::Exists) => {}
                Err(object_store::Error::NotFound { .. }) => continue,
                Err(error) => {
                    let path = self.location().display(&path);
                    return Err(Error::store("write", path, &error));
                }
            }
            let Some(body) = self.location().read_if_exists(&path).await? else {
                continue;
            };
            let by: Option<LockHolder> = serde_json::from_slice(&body).ok();
            let is_dead = by.as_ref().is_some_and(LockHolder::has_ended)
                || matches!(&last_seen, Some((last, at)) if *last == body && at.elapsed() >= DEAD_AFTER);
            if is_dead {
                if let Some(dead) = by {
                    abandoned::note(self.location(), &dead.run).await?;
                }
                let _ = store.delete(&path).await;
                last_seen = None;
                continue;
            }
            // Only a change proves that the holder is alive.
            let has_changed = last_seen.as_ref().is_some_and(|(last, _)| *last != body);
            if has_changed && started.elapsed() >= wait_max {
                return Err(Error::Locked {
                    by: by.map(Box::new),
                });
            }
            if last_seen.is_none() || has_changed {
                last_seen = Some((body, Instant::now()));
            }
            tokio::time::sleep(POLL_STORE).await;
        }
        let heartbeat = tokio::spawn(send_heartbeats(
            Arc::clone(store),
            path.clone(),
            holder.clone(),
        ));
        Ok(Lock {
            kind: LockKind::Object {
                store: Arc::clone(store),
                path,
                heartbeat: heartbeat.abort_handle(),
            },
            is_abandoned: false,
        })
    }
}

/// Opens or creates the lock file. `None` if another process removed its folder
/// in between; the caller tries again.
fn open_lock_file(path: &FsPath) -> Result<Option<File>, Error> {
    let not_regular = || Error::LockFile {
        object: path.display().to_string(),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| write_error(path, &error))?;
    }
    let opened = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        // The file is emptied later. Nobody with write access to the folder may
        // make that another file by a link.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    match opened {
        Ok(file) if file.metadata().is_ok_and(|of| of.is_file()) => Ok(Some(file)),
        Ok(_) => Err(not_regular()),
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ELOOP | libc::EISDIR | libc::ENXIO)
            ) =>
        {
            Err(not_regular())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(write_error(path, &error)),
    }
}

/// Whether `file` is the one at `path`. The last holder removes the lock file when
/// it unlocks, and a lock on a removed file protects nothing.
fn is_at(file: &File, path: &FsPath) -> bool {
    std::fs::symlink_metadata(path)
        .is_ok_and(|found| file.metadata().is_ok_and(|own| own.ino() == found.ino()))
}

fn write_error(path: &FsPath, error: &std::io::Error) -> Error {
    Error::Store {
        action: "write",
        object: path.display().to_string(),
        reason: error.to_string(),
    }
}

/// Rewrites the lock object to show that its holder is alive, until aborted.
async fn send_heartbeats(store: Arc<dyn ObjectStore>, path: Path, mut holder: LockHolder) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        holder.heartbeat += 1;
        let _ = store.put(&path, holder.to_bytes().into()).await;
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
    async fn a_second_process_waits_and_learns_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path());
        let (one, two) = (
            LockHolder::this_process("r1", "run"),
            LockHolder::this_process("r2", "vacuum"),
        );
        assert_eq!(lake.lock_holder().await.unwrap(), None);
        let lock = lake.lock(&one, Duration::ZERO).await.unwrap();
        assert_eq!(lake.lock_holder().await.unwrap().as_ref(), Some(&one));
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
        let abandoned = lake.abandoned_runs().await.unwrap();
        assert!(
            abandoned.is_empty(),
            "the lock was released, not abandoned: {abandoned:?}"
        );
        drop(lock);
        assert!(!folder.path().join(LOCK).exists());
    }

    #[tokio::test]
    async fn dead_holders_are_noted_until_cleared_up() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path());
        std::fs::create_dir(folder.path().join("system")).unwrap();
        let dead = LockHolder::this_process("dead", "run");
        std::fs::write(folder.path().join(LOCK), dead.to_bytes()).unwrap();
        // The next holder dies before it has cleared up, as does the one after it.
        for (run, expected) in [("r1", &["dead"][..]), ("r2", &["dead", "r1"])] {
            let own = LockHolder::this_process(run, "run");
            lake.lock(&own, Duration::ZERO).await.unwrap().abandon();
            let mut abandoned = lake.abandoned_runs().await.unwrap();
            abandoned.sort_unstable();
            assert_eq!(abandoned, expected);
        }
        for run in lake.abandoned_runs().await.unwrap() {
            lake.forget_abandoned_run(&run).await.unwrap();
        }
        assert!(lake.abandoned_runs().await.unwrap().is_empty());
        assert!(!folder.path().join("system/left").exists());
    }
}
