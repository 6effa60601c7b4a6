//! A lake and the paths of its tables. Other modules add the operations, each in
//! an `impl Lake` of its own.

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
    /// The lake at `location`. Does not access the store.
    pub fn at(location: Location) -> Self {
        Self { location }
    }

    /// The folder or prefix of the lake.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// All tables, sorted by zone and name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tables(&self) -> Result<Vec<TableId>, Error> {
        let mut tables = Vec::new();
        for zone in self.subfolders(self.location.prefix()).await? {
            for name in self
                .subfolders(&self.location.prefix().clone().join(zone.as_str()))
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

    /// The folders of `zone`, each with a table or with files of one that was not
    /// published yet.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn table_folders(&self, zone: &str) -> Result<Vec<TableId>, Error> {
        let names = self.subfolders(&self.location().child(zone)).await?;
        Ok(names
            .into_iter()
            .map(|name| TableId::new(zone, name))
            .collect())
    }

    /// Whether the table has a version.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn exists(&self, table: &TableId) -> Result<bool, Error> {
        let log = self.table_path(table).join("_delta_log");
        let mut listed = self.location.store().list(Some(&log));
        match listed.try_next().await {
            Ok(entry) => Ok(entry.is_some()),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::store("list", self.location.display(&log), &error)),
        }
    }

    /// The path of the table's folder in the store.
    pub(crate) fn table_path(&self, table: &TableId) -> Path {
        self.location
            .child(&format!("{}/{}", table.zone, table.name))
    }

    /// The objects in the table's folder itself, not in subfolders.
    pub(crate) async fn data_files(&self, table: &TableId) -> Result<Vec<ObjectMeta>, Error> {
        self.objects_in(&format!("{}/{}", table.zone, table.name))
            .await
    }

    /// The objects in a folder of the lake itself, not in subfolders.
    pub(crate) async fn objects_in(&self, folder: &str) -> Result<Vec<ObjectMeta>, Error> {
        Ok(self
            .list_folder(&self.location().child(folder))
            .await?
            .objects)
    }

    /// Lists one folder at `path` in the store. An empty list if there is none.
    pub(crate) async fn list_folder(&self, path: &Path) -> Result<object_store::ListResult, Error> {
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

    /// The names of the folders in the folder at `path`, without hidden ones.
    pub(crate) async fn subfolders(&self, path: &Path) -> Result<Vec<String>, Error> {
        let listed = self.list_folder(path).await?;
        Ok(listed
            .common_prefixes
            .iter()
            .filter_map(|path| path.filename())
            .filter(|name| !name.starts_with('_') && !name.starts_with('.'))
            .map(str::to_owned)
            .collect())
    }

    /// Deletes objects, in order if the store keeps the order. A missing object is
    /// no error. Tries all of them and returns the first error.
    pub(crate) async fn delete_all(&self, paths: Vec<Path>) -> Result<(), Error> {
        let store = self.location().store();
        let mut deleted = store.delete_stream(stream::iter(paths).map(Ok).boxed());
        let mut first = Ok(());
        while let Some(result) = deleted.next().await {
            match result {
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
