//! The lake, held by one writer from the moment it looks at what stands until
//! what it made is visible.

use std::collections::BTreeMap;

use lake::{Lake, Lock, LockHolder, Preparation, Release};
use query::Setup;

use crate::Error;

/// A lake that nobody else writes to for now.
pub(crate) struct LockedLake {
    pub(crate) lake: Lake,
    /// Names what the holder does, in system tables and in the names of files.
    pub(crate) run: String,
    /// The newest release; whatever was begun is finished.
    pub(crate) release: Option<Release>,
    preparation: Preparation,
    lock: Lock,
}

impl LockedLake {
    /// Holds the lake of `setup` for `command`, finishes what a killed writer
    /// began, and takes away what it left behind.
    ///
    /// # Errors
    /// [`lake::Error::Locked`] where somebody else holds it for longer than the
    /// caller waits; others of the store.
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

    /// On a store somebody may have been taken for dead who only stood still. A
    /// release takes the number that they would make theirs, so that what is
    /// taken away is named by nobody afterwards.
    ///
    /// # Errors
    /// [`lake::Error::ReleaseConflict`] where they came first.
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

    /// Makes the lake one, if it is none yet: there is something to publish.
    pub(crate) async fn write_marker(&self) -> Result<(), Error> {
        Ok(self.lake.write_marker(&self.preparation).await?)
    }

    /// Leaves the lake as one who was killed does: whoever holds it next looks
    /// what became of the run, and clears up after it.
    pub(crate) fn abandon(self) {
        self.lock.abandon();
    }

    /// Gives the lake back. A folder that was made for it and is still empty
    /// goes.
    pub(crate) async fn unlock(self) {
        self.lock.unlock().await;
        self.lake.remove_empty_folders(&self.preparation);
    }
}
