//! Where the key of a lake's pseudonyms is stored, and when it is created.
//!
//! `STEDI_KEY` holds the key itself and has priority; `--key-file` names a file.
//! Otherwise the key is a file in the user's settings folder, never in the
//! lake. The file is named after the lake's id: a lake that is moved keeps its
//! key, two lakes have two keys, and a new lake at the place of an old one does
//! not get the old key. A lake gets its id when its first run publishes. Until
//! then the file is named after the lake's place, and is renamed afterwards.

mod file;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use engine::KeySource;
use lake::{Lake, Location};
use privacy::PseudonymKey;
use query::Error;

pub(crate) use self::file::KeyFile;
use self::file::{missing, refused};
use crate::folders;
use crate::settings::{KEY_VARIABLE, Origin, Setting, Settings};

/// Finds the key of one lake.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    given: Option<Arc<PseudonymKey>>,
    named: Setting<Option<PathBuf>>,
    landing: Location,
    lake: Location,
    makes: bool,
    asked: Arc<AtomicBool>,
    made: Arc<AtomicBool>,
}

/// Where a key is stored.
pub(crate) enum Place {
    /// In the variable `STEDI_KEY`.
    Variable(Arc<PseudonymKey>),
    /// In a file, which may not exist yet.
    File(KeyFile),
}

impl Keys {
    /// The key of the lake at `lake`; a missing one is not created.
    pub(crate) fn of(settings: &Settings, landing: Location, lake: Location) -> Self {
        Self {
            given: settings.key.clone(),
            named: settings.key_file.clone(),
            landing,
            lake,
            makes: false,
            asked: Arc::default(),
            made: Arc::default(),
        }
    }

    /// Creates a missing key, as a run does.
    pub(crate) fn making(self) -> Self {
        Self {
            makes: true,
            ..self
        }
    }

    /// The setting that says where the key is.
    pub(crate) fn origin(&self) -> Origin {
        match self.given {
            Some(_) => Origin::Variable(KEY_VARIABLE),
            None => self.named.origin.clone(),
        }
    }

    /// Where the key is, or will be.
    ///
    /// # Errors
    /// [`Error::KeyRefused`] for a file in the lake or the landing folder, and
    /// for a folder that others can write to; [`Error::NoKey`] if the user has
    /// no settings folder; [`Error::Lake`].
    pub(crate) async fn place(&self) -> Result<Place, Error> {
        if let Some(key) = &self.given {
            return Ok(Place::Variable(Arc::clone(key)));
        }
        let path = match &self.named.value {
            Some(path) => path.clone(),
            None => self.own_place().await?,
        };
        for (location, name) in [(&self.lake, "lake"), (&self.landing, "landing folder")] {
            if location.contains(&path) {
                return Err(refused(
                    format!(
                        "the key file {} is inside the {name} ({location}), whose readers must not have the key",
                        path.display()
                    ),
                    "name a file elsewhere with --key-file",
                ));
            }
        }
        Ok(Place::File(KeyFile::at(path)))
    }

    /// The lake's own file, under its final name as soon as the lake has an id.
    async fn own_place(&self) -> Result<PathBuf, Error> {
        let folder = own_folder()?;
        let interim = self.interim(&folder);
        let Some(id) = Lake::at(self.lake.clone()).id().await? else {
            return Ok(interim);
        };
        let final_path = folder.join(format!("{id}.key"));
        if !final_path.exists() && interim.exists() {
            rename_to_free(&interim, &final_path);
            if !final_path.exists() && interim.exists() {
                return Ok(interim);
            }
        }
        Ok(final_path)
    }

    fn interim(&self, folder: &Path) -> PathBuf {
        let digest = blake3::hash(self.lake.url().as_str().as_bytes()).to_hex();
        folder.join(format!("at-{}.key", &digest[..32]))
    }

    /// Gives the key file its final name after a run that used the key, because
    /// the lake has an id then. Returns the file if this process created it. If
    /// the renaming fails, the next use of the key tries again.
    pub(crate) async fn settle(&self) -> Option<PathBuf> {
        if !self.asked.load(Ordering::Relaxed) {
            return None;
        }
        match self.place().await {
            Ok(Place::File(file)) if self.made.load(Ordering::Relaxed) => {
                Some(file.path().to_owned())
            }
            _ => None,
        }
    }

    async fn find_or_make(&self) -> Result<Arc<PseudonymKey>, Error> {
        loop {
            let file = match self.place().await? {
                Place::Variable(key) => return Ok(key),
                Place::File(file) => file,
            };
            let kept = match file.read()? {
                Some(kept) => kept,
                None if self.makes => {
                    let (kept, ours) = file.make()?;
                    if ours {
                        self.made.store(true, Ordering::Relaxed);
                    }
                    kept
                }
                None => return Err(none_yet(&file)),
            };
            // Another run may have created the lake just now, with a key of its
            // own that has its final name already.
            if self.moved_since(&file).await? {
                continue;
            }
            return Ok(Arc::new(kept.key));
        }
    }

    async fn moved_since(&self, file: &KeyFile) -> Result<bool, Error> {
        match self.place().await? {
            Place::File(now) => Ok(now.path() != file.path()),
            Place::Variable(_) => Ok(false),
        }
    }
}

#[async_trait]
impl KeySource for Keys {
    async fn key(&self) -> Result<Arc<PseudonymKey>, Error> {
        self.asked.store(true, Ordering::Relaxed);
        self.find_or_make().await
    }
}

fn none_yet(file: &KeyFile) -> Error {
    missing(
        format!(
            "the pseudonym key does not exist: there is no key file {}",
            file.path().display()
        ),
        "`stedi run` creates one when a model first needs it; name another file with --key-file",
    )
}

/// Renames unless the name is taken. Uses a hard link if the file system has
/// them: a rename could replace a file that another process has just created.
fn rename_to_free(from: &Path, to: &Path) {
    match fs::hard_link(from, to) {
        Ok(()) => {
            let _ = fs::remove_file(from);
        }
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {}
        Err(_) => {
            let _ = fs::rename(from, to);
        }
    }
}

/// The folder of keys in the user's settings. Nobody else may write to it: they
/// could replace the key by one that they know.
fn own_folder() -> Result<PathBuf, Error> {
    let settings = folders::settings().ok_or_else(|| {
        missing(
            "there is no place for the pseudonym key: neither HOME nor XDG_CONFIG_HOME is set",
            "name its file with --key-file",
        )
    })?;
    let folder = settings.join("keys");
    let mode = fs::metadata(&folder).map_or(0, |of| of.permissions().mode() & 0o7777);
    if mode & 0o022 != 0 {
        let folder = folder.display();
        return Err(refused(
            format!("other users can write to the folder of keys, {folder} (mode {mode:04o})"),
            format!("chmod 700 {folder}"),
        ));
    }
    Ok(folder)
}
