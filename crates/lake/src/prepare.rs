//! Prepares a lake for writing: creates its folder, checks at first use that conditional
//! PUTs are atomic, writes the marker. Every command that locks a lake calls it.

use std::path::{Path, PathBuf};

use object_store::{PutMode, PutOptions};

use crate::atomicity;
use crate::error::Error;
use crate::ids::LakeId;
use crate::lake::Lake;
use crate::marker::MARKER;

/// What [`Lake::prepare`] found and created.
#[derive(Debug)]
pub struct Preparation {
    is_first_use: bool,
    /// The marker exists with wrong content.
    is_marker_damaged: bool,
    /// Innermost first.
    folders_created: Vec<PathBuf>,
}

impl Preparation {
    /// Whether the marker is missing or damaged.
    pub fn lacks_marker(&self) -> bool {
        self.is_first_use || self.is_marker_damaged
    }
}

impl Lake {
    /// Makes sure that the lake can be written. At first use it creates the folder
    /// and checks that conditional PUTs are atomic on the store.
    ///
    /// # Errors
    /// [`Error::Store`] if the lake cannot be written; [`Error::NotAtomic`] if
    /// commits would be lost.
    pub async fn prepare(&self) -> Result<Preparation, Error> {
        if self.location().folder().is_some_and(Path::is_file) {
            return Err(Error::Store {
                action: "write",
                object: self.location().text().to_owned(),
                reason: "it is a file, not a folder".to_owned(),
            });
        }
        let folder = self.location().folder().filter(|folder| !folder.exists());
        let missing = folder.map(missing_folders).unwrap_or_default();
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|error| Error::Store {
                action: "write",
                object: self.location().text().to_owned(),
                reason: error.to_string(),
            })?;
        }
        let marker = self.marker().await?;
        let is_first_use = marker.is_none();
        if is_first_use {
            atomicity::check_conditional_put(self.location()).await?;
        }
        let id_in_release = self.release_lake_id().await?;
        let is_marker_damaged = marker.is_some_and(|marker| {
            let id = marker["id"].as_str().and_then(LakeId::parse);
            !marker["layout"].is_u64() || id_in_release.is_some() && id != id_in_release
        });
        Ok(Preparation {
            is_first_use,
            is_marker_damaged,
            folders_created: missing,
        })
    }

    /// Writes the marker if it is missing or damaged. This gives the lake its id
    /// and says that its store passed the check. To be called when there is
    /// something to publish, so that a failed run leaves no lake behind.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn write_marker(&self, preparation: &Preparation) -> Result<(), Error> {
        if !preparation.is_first_use && !preparation.is_marker_damaged {
            return Ok(());
        }
        let known = self.release_lake_id().await?;
        let id = known.unwrap_or_else(LakeId::random).to_string();
        let body = serde_json::json!({ "layout": 1, "id": id })
            .to_string()
            .into_bytes();
        let options = PutOptions::from(match preparation.is_first_use {
            true => PutMode::Create,
            false => PutMode::Overwrite,
        });
        let marker = self.location().child(MARKER);
        let put = self
            .location()
            .store()
            .put_opts(&marker, body.into(), options);
        match put.await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(Error::store("write", self.location(), &error)),
        }
    }

    /// Removes the folders that [`Lake::prepare`] created, if they are empty.
    pub fn remove_empty_folders(&self, preparation: &Preparation) {
        if let Some(folder) = self.location().folder() {
            let _ = std::fs::remove_dir(folder.join("system"));
        }
        for folder in &preparation.folders_created {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// `folder` and its parents that do not exist, innermost first.
fn missing_folders(folder: &Path) -> Vec<PathBuf> {
    folder
        .ancestors()
        .take_while(|folder| !folder.exists())
        .map(Path::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::Location;

    #[tokio::test]
    async fn a_lake_keeps_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = folder.path().join(name);
            Lake::at(Location::parse(path.to_str().unwrap()).unwrap())
        };
        let lake = at("lake");
        assert_eq!(lake.id().await.unwrap(), None);
        let preparation = lake.prepare().await.unwrap();
        assert_eq!(lake.id().await.unwrap(), None, "nothing is published yet");
        lake.write_marker(&preparation).await.unwrap();
        let id = lake.id().await.unwrap().unwrap();
        assert_eq!(id.to_string().len(), 32);
        // Another writer started at the same time.
        lake.write_marker(&preparation).await.unwrap();
        assert_eq!(lake.id().await.unwrap(), Some(id));
        std::fs::rename(folder.path().join("lake"), folder.path().join("moved")).unwrap();
        assert_eq!(at("moved").id().await.unwrap(), Some(id));

        for (body, shows) in [
            (r#"{"layout":1}"#, "a lake from before lakes had ids"),
            (r#"{"layout":1,"id":"../../k"}"#, "an invalid id"),
            ("", "nothing"),
        ] {
            std::fs::write(folder.path().join("moved/system/lake.json"), body).unwrap();
            assert_eq!(at("moved").id().await.unwrap(), None, "{shows}");
        }
    }
}
