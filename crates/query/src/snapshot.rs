//! A snapshot: the version at which each table of a lake is read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lake::{AsOf, Lake, Release, TableId, Version};
use parking_lot::RwLock;

use crate::{Error, system};

/// The versions that are read as the newest ones of their tables. `None` stands for a
/// table without a version.
///
/// A session reads one snapshot from beginning to end: see
/// [`Session::at`](crate::Session::at).
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    versions: Versions,
    /// The release that the versions are of, where that is known.
    release: Option<Release>,
    /// The versions of all other tables, each noted when it is read for the first
    /// time. Without it, other tables are read at their newest version.
    first_read: Option<Arc<RwLock<Versions>>>,
}

type Versions = HashMap<TableId, Option<Version>>;

/// How often and at which intervals [`Snapshot::newest`] tries to find the lake between
/// two releases; publication takes a moment. A release that stays unfinished for
/// `KILLED_AFTER` tries counts as that of a killed run.
const TRIES: u32 = 100;
const KILLED_AFTER: u32 = 25;
const PAUSE: Duration = Duration::from_millis(20);

impl Snapshot {
    /// The newest versions of `tables`, all of one release: a publication meanwhile
    /// cannot mix two releases. Other tables are read at their newest version.
    ///
    /// # Errors
    /// [`Error::Lake`] where the store does not answer. A damaged table is left out, so
    /// that only queries of that table fail.
    pub async fn newest(lake: &Lake, tables: &[TableId]) -> Result<Self, Error> {
        let mut snapshot = Self::default();
        let mut unfinished = (0, None);
        for _ in 0..TRIES {
            let before = lake.newest_release().await?;
            snapshot.versions.clear();
            for table in tables {
                match lake.version(table, AsOf::Latest).await {
                    Ok(Some(version)) => {
                        snapshot.versions.insert(table.clone(), Some(version));
                    }
                    Ok(None) | Err(lake::Error::Damaged { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let is_done = before.as_ref().is_none_or(|release| release.is_done);
            snapshot.release = before.clone();
            if is_done && lake.newest_release().await? == before {
                break;
            }
            unfinished = match unfinished {
                (times, known) if known == before => (times + 1, known),
                _ => (1, before),
            };
            if unfinished.0 == KILLED_AFTER {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(snapshot)
    }

    /// One version of every table until the end, for a writer that holds the lake's
    /// lock: what the writer notes as read is then what it has read. The consent
    /// register is read at once, because consents are entered without the lock. Other
    /// tables get no new version while the lock is held; each is noted when it is first
    /// used. Tables in `unopened` count as absent.
    ///
    /// # Errors
    /// [`Error::Lake`] where the store does not answer.
    pub async fn for_writer(
        lake: &Lake,
        unopened: impl Iterator<Item = &TableId>,
    ) -> Result<Self, Error> {
        let register = system::CONSENT_REGISTER.id();
        let current = match lake.version(&register, AsOf::Latest).await {
            Err(lake::Error::Damaged { .. }) => None,
            current => current?,
        };
        let mut versions: Versions = unopened.map(|table| (table.clone(), None)).collect();
        versions.insert(register, current);
        Ok(Self {
            versions,
            release: None,
            first_read: Some(Arc::default()),
        })
    }

    /// The same snapshot, but for `others`.
    pub fn with(mut self, others: &[(TableId, Option<Version>)]) -> Self {
        self.versions.extend(others.iter().cloned());
        self
    }

    /// The release that [`Snapshot::newest`] found. Where it is not done, its run ended
    /// while publishing it, and tables may be of this release or of the one before.
    pub fn release(&self) -> Option<&Release> {
        self.release.as_ref()
    }

    /// The version of a table that was fixed when the snapshot was taken.
    pub fn fixed(&self, table: &TableId) -> Option<&Version> {
        self.versions.get(table)?.as_ref()
    }

    /// The version at which a table is read.
    ///
    /// # Errors
    /// [`Error::Lake`].
    pub(crate) async fn version(
        &self,
        lake: &Lake,
        table: &TableId,
    ) -> Result<Option<Version>, Error> {
        if let Some(version) = self.versions.get(table) {
            return Ok(version.clone());
        }
        let noted = self.first_read.as_ref();
        if let Some(version) = noted.and_then(|noted| noted.read().get(table).cloned()) {
            return Ok(version);
        }
        let found = lake.version(table, AsOf::Latest).await?;
        Ok(match noted {
            None => found,
            // Two concurrent callers get the same version.
            Some(noted) => {
                let mut noted = noted.write();
                noted.entry(table.clone()).or_insert(found).clone()
            }
        })
    }
}
