//! The key of a lake's pseudonyms: where it lies, and who makes it.
//!
//! `STEDI_KEY` holds the key itself and wins; `--key-file` names its file.
//! Otherwise it lies in the user's own settings, never in the lake, under the
//! lake's id: a lake that is moved keeps its key, two lakes have two, and a new
//! lake at an old one's place does not get the old one's key. A lake gets its
//! id when its first run publishes; until then its key goes by the lake's
//! place, and is given its lasting name afterwards.

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

/// Where a key lies.
pub(crate) enum Place {
    /// In the variable `STEDI_KEY`.
    Variable(Arc<PseudonymKey>),
    /// In a file, which need not be there yet.
    File(KeyFile),
}

impl Keys {
    /// The key of the lake at `lake`, found and not made.
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

    /// Made where there is none yet, as a run does it.
    pub(crate) fn making(self) -> Self {
        Self {
            makes: true,
            ..self
        }
    }

    /// Which setting says where the key lies.
    pub(crate) fn origin(&self) -> Origin {
        match self.given {
            Some(_) => Origin::Variable(KEY_VARIABLE),
            None => self.named.origin.clone(),
        }
    }

    /// Where the key lies, or will.
    ///
    /// # Errors
    /// [`Error::Settings`] for a file in the lake or the landing folder, and
    /// for a folder that others can write to; [`Error::NoKey`] where the user
    /// has no folder for settings; [`Error::Lake`].
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
                return Err(Error::Settings {
                    message: format!(
                        "the key file {} lies in the {name} ({location}), whose readers must not have it",
                        path.display()
                    ),
                    hint: "name a file elsewhere with --key-file".to_owned(),
                });
            }
        }
        Ok(Place::File(KeyFile::at(path)))
    }

    /// The lake's own file, under the lasting name as soon as there is one.
    async fn own_place(&self) -> Result<PathBuf, Error> {
        let folder = own_folder()?;
        let interim = self.interim(&folder);
        let Some(id) = Lake::at(self.lake.clone()).id().await? else {
            return Ok(interim);
        };
        let lasting = folder.join(format!("{id}.key"));
        if !lasting.exists() && interim.exists() {
            rename_to_free(&interim, &lasting);
            if !lasting.exists() && interim.exists() {
                return Ok(interim);
            }
        }
        Ok(lasting)
    }

    fn interim(&self, folder: &Path) -> PathBuf {
        let digest = blake3::hash(self.lake.url().as_str().as_bytes()).to_hex();
        folder.join(format!("at-{}.key", &digest[..32]))
    }

    /// Gives the key its lasting name after a run that asked for it, as the lake
    /// has an id then, and tells its file if it was made here. What cannot be done now is done
    /// when the key is next used.
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
            // Another run may have begun the lake just now, with a key of its
            // own that has its lasting name already.
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
    Error::NoKey {
        message: format!(
            "there is no key of pseudonyms: {} is not there",
            file.path().display()
        ),
        hint: "`stedi run` makes one when a model first needs it; another is named with --key-file"
            .to_owned(),
    }
}

/// Renames unless the name is taken. By a link where the file system knows
/// links: a rename could replace what another process has just put there.
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

/// The folder of keys in the user's settings. Whoever could write to it could
/// put a key that they know in place of one they do not.
fn own_folder() -> Result<PathBuf, Error> {
    let absolute = |name| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let settings = absolute("XDG_CONFIG_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".config")))
        .ok_or_else(|| Error::NoKey {
            message: "there is no place for the key of pseudonyms: neither HOME nor XDG_CONFIG_HOME is set".to_owned(),
            hint: "name its file with --key-file".to_owned(),
        })?;
    let folder = settings.join("stedi/keys");
    let mode = fs::metadata(&folder).map_or(0, |of| of.permissions().mode() & 0o7777);
    if mode & 0o022 != 0 {
        let folder = folder.display();
        return Err(Error::Settings {
            message: format!("others can write to the folder of keys, {folder} (mode {mode:04o})"),
            hint: format!("chmod 700 {folder}"),
        });
    }
    Ok(folder)
}
