//! The lake, held by one writer from the moment it looks at what stands until
//! what it made is visible.

use std::collections::BTreeMap;

use lake::{Hold, Holder, Lake, Readiness, Release};

use crate::{Error, Setup};

/// A lake that nobody else writes to for now.
pub(crate) struct Held {
    pub(crate) lake: Lake,
    /// Names what the holder does, in system tables and in the names of files.
    pub(crate) run: String,
    /// The newest release; whatever was begun is finished.
    pub(crate) release: Option<Release>,
    readiness: Readiness,
    hold: Hold,
}

impl Held {
    /// Holds the lake of `setup` for `command`, finishes what a killed writer
    /// began, and takes away what it left behind.
    ///
    /// # Errors
    /// [`lake::Error::Held`] where somebody else holds it for longer than the
    /// caller waits; others of the store.
    pub(crate) async fn take(setup: &Setup, command: &str) -> Result<Self, Error> {
        let lake = Lake::at(setup.lake.clone());
        let readiness = lake.prepare().await?;
        let run = uuid::Uuid::new_v4().simple().to_string();
        let hold = lake.hold(&Holder::this(&run, command), setup.wait).await;
        let hold = match hold {
            Ok(hold) => hold,
            Err(error) => {
                lake.abandon(&readiness);
                return Err(error.into());
            }
        };
        let mut held = Self {
            lake,
            run,
            release: None,
            readiness,
            hold,
        };
        match held.settle().await {
            Ok(()) => Ok(held),
            Err(error) => {
                held.let_go().await;
                Err(error)
            }
        }
    }

    async fn settle(&mut self) -> Result<(), Error> {
        self.release = self.lake.settle().await?;
        let left = self.lake.left().await?;
        // On this machine the kernel knows that the others have ended.
        if !left.is_empty() && self.lake.location().folder().is_none() {
            self.fence().await?;
        }
        for dead in left {
            self.lake.clear_after(&dead).await?;
            self.lake.forget_left(&dead).await?;
        }
        Ok(())
    }

    /// On a store somebody may have been taken for dead who only stood still. A
    /// release takes the number that they would make theirs, so that what is
    /// taken away is named by nobody afterwards.
    ///
    /// # Errors
    /// [`lake::Error::Overtaken`] where they came first.
    pub(crate) async fn fence(&mut self) -> Result<(), Error> {
        let Some(before) = self.release.clone() else {
            return Ok(());
        };
        let (state, none) = (before.state.clone(), BTreeMap::new());
        self.lake
            .make_release(Some(&before), &self.run, state, &[], &none)
            .await?;
        self.release = self.lake.release().await?;
        Ok(())
    }

    /// Whether the object that makes it a lake is missing or damaged.
    pub(crate) fn lacks_marker(&self) -> bool {
        self.readiness.lacks_marker()
    }

    /// Makes the lake one, if it is none yet: there is something to publish.
    pub(crate) async fn begin(&self) -> Result<(), Error> {
        Ok(self.lake.begin(&self.readiness).await?)
    }

    /// Leaves the lake as one who was killed does: whoever holds it next looks
    /// what became of the run, and clears up after it.
    pub(crate) fn leave(self) {
        self.hold.leave();
    }

    /// Gives the lake back. A folder that was made for it and is still empty
    /// goes.
    pub(crate) async fn let_go(self) {
        self.hold.release().await;
        self.lake.abandon(&self.readiness);
    }
}
