//! System tables that a full build derives: `system.consent`,
//! `system.device_claim` and `system.device_owner`.
//!
//! Models query them at once, so their rows are first kept in memory. They are
//! written while models are built, and read from their files from then on: at a
//! million people they are a quarter of a run's memory.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::runtime::JoinSet;
use lake::{Publication, Version};
use query::system::Definition;

use super::work::Work;
use crate::system_rows::{self, WriteMode};
use crate::{Error, stop};

/// For messages.
const WHAT: &str = "a system table";

/// Tables that are being written, and tables that have been.
#[derive(Default)]
pub(super) struct Derived {
    writing: JoinSet<Result<Written, Error>>,
    written: Vec<Written>,
}

/// A table whose rows are in files.
pub(super) struct Written {
    table: &'static Definition,
    pub(super) published: Option<Version>,
    /// The next version; `None` if the published one has the same rows.
    pub(super) next: Option<Publication>,
}

impl Work {
    /// Registers `rows`, which were just derived, as a system table, and starts to write
    /// them.
    pub(super) async fn begin_derived(
        &self,
        table: &'static Definition,
        rows: RecordBatch,
        derived: &mut Derived,
    ) -> Result<(), Error> {
        self.session.tables().put_derived(table, &rows)?;
        let published = self.version(&table.id()).await?;
        let (lake, run) = (self.locked.lake.clone(), self.locked.run.clone());
        let is_damaged = self.integrity.is_damaged(&table.id());
        derived.writing.spawn(async move {
            let how = match is_damaged {
                true => WriteMode::Rebuild,
                false => WriteMode::Replace(published.as_ref()),
            };
            Ok(Written {
                table,
                next: system_rows::stage(table, &lake, &run, &rows, how).await?,
                published,
            })
        });
        Ok(())
    }

    /// Empties a system table that earlier runs derived, if there is one: its landing
    /// tables are gone, or have lost the roles that it was derived from. Otherwise models
    /// would join people of those runs.
    pub(super) async fn empty_derived(
        &self,
        table: &'static Definition,
        derived: &mut Derived,
    ) -> Result<(), Error> {
        match self.version(&table.id()).await? {
            Some(_) => self.begin_derived(table, table.empty(), derived).await,
            None => Ok(()),
        }
    }

    /// Releases the memory of tables that have been written by now.
    pub(super) fn release_written(&self, derived: &mut Derived) -> Result<(), Error> {
        while let Some(ended) = derived.writing.try_join_next() {
            let written = ended.map_err(|_| stop::task_panicked(WHAT))?;
            self.wrote(written?, derived)?;
        }
        Ok(())
    }

    /// Waits until all tables are written.
    pub(super) async fn end_derived(&self, mut derived: Derived) -> Result<Vec<Written>, Error> {
        while let Some(written) =
            stop::next_finished(&mut derived.writing, WHAT, &self.stop).await?
        {
            self.wrote(written, &mut derived)?;
        }
        derived.written.sort_by_key(|written| written.table.name());
        Ok(derived.written)
    }

    fn wrote(&self, written: Written, derived: &mut Derived) -> Result<(), Error> {
        let files = match (&written.next, &written.published) {
            (Some(next), _) => next.files.as_slice(),
            (None, Some(published)) => published.files.as_slice(),
            (None, None) => &[],
        };
        let tables = self.session.tables();
        let table = tables.in_files(&written.table.id(), &written.table.schema(), files)?;
        tables.put_system(written.table.name(), Arc::new(table));
        derived.written.push(written);
        Ok(())
    }
}
