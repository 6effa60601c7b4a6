//! An export being written: its files until all are complete, and the step that
//! makes them an export.
//!
//! On this machine files lie in a folder of their own until the last one is complete,
//! and are then moved to the target, the manifest last. In an object store they are
//! written to the target at once, and the manifest last. Either way, files without a
//! manifest are no export.

use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use futures::TryStreamExt;
use lake::store_reason;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use super::place::Place;
use crate::error::{Error, ExportFault, SettingsFault};

/// An export that is being written.
#[derive(Debug)]
pub(super) struct Draft {
    place: Place,
    staging: Option<Staging>,
}

/// The folder on this machine that files lie in meanwhile.
#[derive(Debug)]
struct Staging {
    folder: PathBuf,
    wanted: PathBuf,
    /// Folders that were made for the export, innermost first.
    made: Vec<PathBuf>,
}

impl Draft {
    /// Makes sure that nothing is in the way, and begins.
    ///
    /// # Errors
    /// [`Error::Settings`] where something lies there; [`Error::Export`] where
    /// nothing can be written.
    pub(super) async fn begin(place: Place) -> Result<Self, Error> {
        let staging = match place.folder().folder() {
            Some(folder) => Some(Staging::begin(&place, folder)?),
            None => {
                free_in_store(&place).await?;
                None
            }
        };
        Ok(Self { place, staging })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// A sink for the file `name`.
    pub(super) fn file(&self, name: &str) -> BufWriter {
        BufWriter::new(Arc::clone(self.place.folder().store()), self.path(name))
    }

    fn path(&self, name: &str) -> Path {
        let folder = self.place.folder();
        match self.staging {
            Some(_) => folder.child(&self.place.staging_name()).join(name),
            None => folder.child(name),
        }
    }

    /// Makes an export of the files `names`, with `manifest` beside them.
    ///
    /// # Errors
    /// [`Error::Export`]; what was written is gone then.
    pub(super) async fn finish(self, names: &[&str], manifest: Vec<u8>) -> Result<(), Error> {
        let name = self.place.manifest_name();
        let done = match &self.staging {
            Some(staging) => staging
                .finish(names, &name, &manifest)
                .map_err(|error| error.to_string()),
            None => {
                let store = self.place.folder().store();
                let options = PutOptions::from(PutMode::Create);
                let path = self.path(&name);
                let put = store.put_opts(&path, manifest.into(), options);
                put.await.map(|_| ()).map_err(|error| store_reason(&error))
            }
        };
        if let Err(reason) = done {
            let failed = cannot_write(&self.place, &reason);
            self.abandon(names).await;
            return Err(failed);
        }
        Ok(())
    }

    /// Removes everything that was written, `names` included. Best effort:
    /// what is left behind has no manifest.
    pub(super) async fn abandon(self, names: &[&str]) {
        match &self.staging {
            Some(staging) => staging.abandon(),
            None => {
                for name in names {
                    let _ = self.place.folder().store().delete(&self.path(name)).await;
                }
            }
        }
    }
}

impl Staging {
    fn begin(place: &Place, folder: &FsPath) -> Result<Self, Error> {
        let failed = |error: io::Error| cannot_write(place, &error.to_string());
        if folder.is_file() {
            return Err(in_the_way(place, "it is a file"));
        }
        free_on_machine(place, folder, None)?;
        let made: Vec<PathBuf> = folder
            .ancestors()
            .take_while(|folder| !folder.exists())
            .map(FsPath::to_owned)
            .collect();
        fs::create_dir_all(folder).map_err(failed)?;
        let staging = Self {
            folder: folder.join(place.staging_name()),
            wanted: folder.to_owned(),
            made,
        };
        // Of two exports to one place, one makes this folder.
        if let Err(error) = fs::create_dir(&staging.folder) {
            staging.take_folders_away();
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => unfinished(place),
                _ => failed(error),
            });
        }
        if let Err(error) = free_on_machine(place, folder, Some(&place.staging_name())) {
            staging.abandon();
            return Err(error);
        }
        Ok(staging)
    }

    fn finish(&self, names: &[&str], manifest_name: &str, manifest: &[u8]) -> io::Result<()> {
        fs::write(self.folder.join(manifest_name), manifest)?;
        let all = || names.iter().copied().chain([manifest_name]);
        for (moved, name) in all().enumerate() {
            if let Err(error) = fs::rename(self.folder.join(name), self.wanted.join(name)) {
                for name in all().take(moved) {
                    let _ = fs::remove_file(self.wanted.join(name));
                }
                return Err(error);
            }
        }
        // The export is whole; an empty folder that stays behind is no harm.
        let _ = fs::remove_dir_all(&self.folder);
        Ok(())
    }

    fn abandon(&self) {
        let _ = fs::remove_dir_all(&self.folder);
        self.take_folders_away();
    }

    fn take_folders_away(&self) {
        for folder in &self.made {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// `own` is the name that may lie there.
fn free_on_machine(place: &Place, folder: &FsPath, own: Option<&str>) -> Result<(), Error> {
    if !place.is_folder() {
        let names = [
            place.data_name("", super::ExportFormat::Csv, 1),
            place.manifest_name(),
        ];
        return match names.iter().find(|name| folder.join(name).exists()) {
            Some(name) => Err(in_the_way(place, &format!("{name} is there already"))),
            None => Ok(()),
        };
    }
    let Ok(mut entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    let other = entries.find_map(|entry| {
        let name = entry.ok()?.file_name();
        (own.is_none_or(|own| name != *own)).then_some(name)
    });
    match other {
        None => Ok(()),
        Some(name) if name == *place.staging_name() => Err(unfinished(place)),
        Some(_) => Err(in_the_way(place, "the folder is not empty")),
    }
}

async fn free_in_store(place: &Place) -> Result<(), Error> {
    let folder = place.folder();
    let failed = |error: object_store::Error| {
        Error::Export(ExportFault::NotListed {
            place: place.text().to_owned(),
            reason: store_reason(&error),
        })
    };
    if place.is_folder() {
        let mut listed = folder.store().list(Some(folder.prefix()));
        return match listed.try_next().await.map_err(failed)? {
            Some(_) => Err(in_the_way(place, "something lies there already")),
            None => Ok(()),
        };
    }
    for name in [
        place.data_name("", super::ExportFormat::Csv, 1),
        place.manifest_name(),
    ] {
        match folder.store().head(&folder.child(&name)).await {
            Ok(_) => return Err(in_the_way(place, &format!("{name} is there already"))),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

fn in_the_way(place: &Place, what: &str) -> Error {
    Error::Settings(SettingsFault::ExportExists {
        place: place.text().to_owned(),
        reason: what.to_owned(),
    })
}

fn unfinished(place: &Place) -> Error {
    Error::Settings(SettingsFault::ExportUnfinished {
        place: place.text().to_owned(),
        folder: place.staging_name().to_string(),
    })
}

/// The files could not be written, for that reason.
pub(super) fn cannot_write(place: &Place, reason: &str) -> Error {
    Error::Export(ExportFault::NotWritten {
        place: place.text().to_owned(),
        reason: reason.to_owned(),
    })
}
