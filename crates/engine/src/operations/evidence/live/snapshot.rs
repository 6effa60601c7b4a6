//! A lake as one release left it, for figures.

use std::collections::BTreeMap;

use lake::{AsOf, Commit, Lake, Release, TableId, Version};
use query::system::{self, Definition};
use query::{Session, Setup};

use crate::Error;
use crate::integrity::session_of_one_release;
use crate::operations::evidence::account::Accounts;
use crate::run::RunState;

/// How many versions of a table are told.
const VERSIONS_MAX: usize = 30;

/// A lake as one release left it.
pub(super) struct LakeSnapshot {
    pub(super) session: Session,
    pub(super) release: Option<Release>,
    pub(super) last_run: Option<RunState>,
    /// The account of all steps; empty if no run noted any.
    pub(super) accounts: Accounts,
    /// The versions of all tables that have one.
    versions: BTreeMap<TableId, Version>,
    /// Tables whose log cannot be read.
    pub(super) damaged: Vec<TableId>,
}

impl LakeSnapshot {
    /// # Errors
    /// [`Error::Lake`] where the store does not answer; [`Error::Query`].
    pub(super) async fn open(setup: &Setup) -> Result<Self, Error> {
        let newest = Setup {
            as_of: AsOf::Latest,
            ..setup.clone()
        };
        let session = session_of_one_release(&newest).await?;
        let tables = session.tables();
        let release = tables.snapshot().release().cloned();
        let last_run = release.as_ref().and_then(RunState::of_release);
        let mut versions = BTreeMap::new();
        let mut damaged = Vec::new();
        for id in tables.of_lake() {
            // What the snapshot lacks is either not there or damaged.
            let found = match tables.snapshot().fixed(&id) {
                Some(version) => Ok(Some(version.clone())),
                None => tables.version_as_of(&id, AsOf::Latest).await,
            };
            match found {
                Ok(Some(version)) => _ = versions.insert(id, version),
                Ok(None) => {}
                Err(query::Error::Lake(lake::Error::Damaged { .. })) => damaged.push(id),
                Err(error) => return Err(error.into()),
            }
        }
        // Statements find no rows in a system table that cannot be read.
        for table in system::all().filter(|table| damaged.contains(&table.id())) {
            tables.put_derived(table, &table.empty())?;
        }
        let accounts = Accounts::read(&session).await?;
        Ok(Self {
            session,
            release,
            last_run,
            accounts,
            versions,
            damaged,
        })
    }

    /// Refuses to tell figures of tables that cannot be read.
    ///
    /// # Errors
    /// [`lake::Error::Damaged`].
    pub(super) fn require(&self, tables: &[&Definition]) -> Result<(), Error> {
        let is_damaged = |table: &&&Definition| self.damaged.contains(&table.id());
        match tables.iter().find(is_damaged) {
            None => Ok(()),
            Some(table) => Err(lake::Error::Damaged {
                table: table.id(),
                what: "its log cannot be read".to_owned(),
            }
            .into()),
        }
    }

    pub(super) fn lake(&self) -> &Lake {
        &self.session.tables().lake
    }

    pub(super) fn version(&self, id: &TableId) -> Option<&Version> {
        self.versions.get(id)
    }

    /// The rows of a system table; 0 if it was not written yet, or cannot be read.
    pub(super) fn rows(&self, table: &Definition) -> u64 {
        self.version(&table.id()).map_or(0, Version::rows)
    }

    /// The newest commits up to the version that is read, newest first, and how many older
    /// versions can be read.
    ///
    /// # Errors
    /// [`Error::Lake`].
    pub(super) async fn commits(&self, id: &TableId) -> Result<(Vec<Commit>, usize), Error> {
        let Some(version) = self.version(id) else {
            return Ok((Vec::new(), 0));
        };
        let (mut commits, older) = self.lake().newest_commits(id, VERSIONS_MAX).await?;
        commits.retain(|commit| commit.version <= version.number);
        Ok((commits, older))
    }
}
