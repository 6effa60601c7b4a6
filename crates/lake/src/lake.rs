//! A lake: where its tables and other objects lie.

use futures::TryStreamExt;
use futures::stream::{self, StreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use crate::error::Error;
use crate::ids::TableId;
use crate::location::Location;

/// A folder or prefix with one Delta table per `zone/table`.
#[derive(Debug, Clone)]
pub struct Lake {
    location: Location,
}

impl Lake {
    /// The lake at `location`. Nothing is read or made yet.
    pub fn at(location: Location) -> Self {
        Self { location }
    }

    /// Where it lies.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// All tables, in order of zone and name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tables(&self) -> Result<Vec<TableId>, Error> {
        let mut tables = Vec::new();
        for zone in self.folders(self.location.prefix()).await? {
            for name in self
                .folders(&self.location.prefix().clone().join(zone.as_str()))
                .await?
            {
                let table = TableId::new(&zone, name);
                if self.exists(&table).await? {
                    tables.push(table);
                }
            }
        }
        tables.sort();
        Ok(tables)
    }

    /// Every folder of `zone` where a table lies or may have been begun.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn table_folders(&self, zone: &str) -> Result<Vec<TableId>, Error> {
        let names = self.folders(&self.location().child(zone)).await?;
        Ok(names
            .into_iter()
            .map(|name| TableId::new(zone, name))
            .collect())
    }

    /// Whether the table has been published at all.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn exists(&self, table: &TableId) -> Result<bool, Error> {
        let log = self.path(table).join("_delta_log");
        let mut listed = self.location.store().list(Some(&log));
        match listed.try_next().await {
            Ok(entry) => Ok(entry.is_some()),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::store("list", self.location.display(&log), &error)),
        }
    }

    /// The table's path in the store.
    pub(crate) fn path(&self, table: &TableId) -> Path {
        self.location
            .child(&format!("{}/{}", table.zone, table.name))
    }

    /// The objects that lie in the table's folder itself.
    pub(crate) async fn data_files(&self, table: &TableId) -> Result<Vec<ObjectMeta>, Error> {
        self.objects(&format!("{}/{}", table.zone, table.name))
            .await
    }

    pub(crate) async fn objects(&self, folder: &str) -> Result<Vec<ObjectMeta>, Error> {
        Ok(self.listed(&self.location().child(folder)).await?.objects)
    }

    /// What lies in a folder; nothing where there is none.
    pub(crate) async fn listed(&self, path: &Path) -> Result<object_store::ListResult, Error> {
        match self.location.store().list_with_delimiter(Some(path)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(object_store::ListResult {
                common_prefixes: Vec::new(),
                objects: Vec::new(),
            }),
            listed => {
                listed.map_err(|error| Error::store("list", self.location.display(path), &error))
            }
        }
    }

    pub(crate) async fn folders(&self, path: &Path) -> Result<Vec<String>, Error> {
        let listed = self.listed(path).await?;
        Ok(listed
            .common_prefixes
            .iter()
            .filter_map(|path| path.filename())
            .filter(|name| !name.starts_with('_') && !name.starts_with('.'))
            .map(str::to_owned)
            .collect())
    }

    /// Deletes objects, in order as far as the store does. One that is gone
    /// already is as good.
    pub(crate) async fn take_away(&self, paths: Vec<Path>) -> Result<(), Error> {
        let store = self.location().store();
        let mut deleted = store.delete_stream(stream::iter(paths).map(Ok).boxed());
        let mut first = Ok(());
        while let Some(one) = deleted.next().await {
            match one {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) if first.is_ok() => {
                    first = Err(Error::store("write", self.location(), &error));
                }
                Err(_) => {}
            }
        }
        first
    }
}
