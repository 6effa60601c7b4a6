//! The lake, locked by one writer: from before it reads the published tables until
//! its own are visible. Runs and operations that write hold a [`LockedLake`].

use std::collections::BTreeMap;

use lake::{Lake, Lock, LockHolder, Preparation, Release};
use query::Setup;

use crate::Error;

/// A lake that this process alone writes to.
pub(crate) struct LockedLake {
    pub(crate) lake: Lake,
    /// The id of the holder's run, in system tables and in names of files.
    pub(crate) run: String,
    /// The newest release, complete: an interrupted one was finished first.
    pub(crate) release: Option<Release>,
    preparation: Preparation,
    lock: Lock,
}

impl LockedLake {
    /// Locks the lake of `setup` for `command`, finishes the release that a killed
    /// writer began, and removes the files it left.
    ///
    /// # Errors
    /// [`lake::Error::Locked`] where another process keeps the lock for longer than
    /// the caller waits; any other error of the store.
    pub(crate) async fn acquire(setup: &Setup, command: &str) -> Result<Self, Error> {
        let lake = Lake::at(setup.lake.clone());
        let preparation = lake.prepare().await?;
        let run = uuid::Uuid::new_v4().simple().to_string();
        let lock = lake
            .lock(&LockHolder::this_process(&run, command), setup.wait)
            .await;
        let lock = match lock {
            Ok(lock) => lock,
            Err(error) => {
                lake.remove_empty_folders(&preparation);
                return Err(error.into());
            }
        };
        let mut locked = Self {
            lake,
            run,
            release: None,
            preparation,
            lock,
        };
        match locked.settle().await {
            Ok(()) => Ok(locked),
            Err(error) => {
                locked.unlock().await;
                Err(error)
            }
        }
    }

    async fn settle(&mut self) -> Result<(), Error> {
        self.release = self.lake.finish_release().await?;
        let left = self.lake.abandoned_runs().await?;
        // On this machine the kernel knows that the others have ended.
        if !left.is_empty() && self.lake.location().folder().is_none() {
            self.fence().await?;
        }
        for dead in left {
            self.lake.remove_unpublished_after(&dead).await?;
            self.lake.forget_abandoned_run(&dead).await?;
        }
        Ok(())
    }

    /// Publishes an empty release, so that a writer that lost its lock and is still
    /// alive cannot publish.
    ///
    /// On a store a writer may be taken for dead that only stood still. The empty
    /// release takes the number that this writer would use, so that no later release
    /// names the files that are removed.
    ///
    /// # Errors
    /// [`lake::Error::ReleaseConflict`] where that writer published first.
    pub(crate) async fn fence(&mut self) -> Result<(), Error> {
        let Some(before) = self.release.clone() else {
            return Ok(());
        };
        let (state, none) = (before.state.clone(), BTreeMap::new());
        self.lake
            .publish_release(Some(&before), &self.run, state, &[], &none)
            .await?;
        self.release = self.lake.newest_release().await?;
        Ok(())
    }

    /// Whether the object that makes it a lake is missing or damaged.
    pub(crate) fn lacks_marker(&self) -> bool {
        self.preparation.lacks_marker()
    }

    /// Writes the object that makes the folder a lake, if it is missing.
    pub(crate) async fn write_marker(&self) -> Result<(), Error> {
        Ok(self.lake.write_marker(&self.preparation).await?)
    }

    /// Leaves lock and files as a killed process does: the next lock holder
    /// finishes the release, or removes the files.
    pub(crate) fn abandon(self) {
        self.lock.abandon();
    }

    /// Unlocks the lake, and removes folders that were made for it and are still
    /// empty.
    pub(crate) async fn unlock(self) {
        self.lock.unlock().await;
        self.lake.remove_empty_folders(&self.preparation);
    }
}
