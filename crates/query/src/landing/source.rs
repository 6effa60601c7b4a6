//! Lists the files of a landing table: data files with their tags, and files that
//! are something else.

use std::time::Duration;

use futures::TryStreamExt;
use lake::{Location, store_reason};
use object_store::path::Path;

use super::Tag;
use crate::error::{Error, LandingFault};

/// At least one tick of the clock that stamps files.
const TICK: Duration = Duration::from_millis(15);

/// How often tags are read; a file that is written to all the time is not waited
/// for.
const TAG_READS_MAX: u32 = 3;

/// The files found for a landing table.
#[derive(Debug, Clone)]
pub struct Source {
    /// The landing table.
    pub table: String,
    /// The folder or prefix.
    pub location: Location,
    /// Its data files, in order of their paths.
    pub files: Vec<SourceFile>,
    /// Number of files that are no data files.
    pub other_files: u64,
    /// The first of them, for a warning.
    pub other_example: Option<String>,
}

/// One data file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Path in the store.
    pub path: Path,
    /// Path below the table's folder, as system tables name the file.
    pub name: String,
    /// Name for messages.
    pub shown: String,
    /// Size before decompression.
    pub bytes: u64,
    /// Tells the file from another one of the same name and size.
    pub tag: Tag,
    /// Compression, by the name's suffix.
    pub packing: Packing,
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// `*.json`
    Plain,
    /// `*.json.gz`
    Gzip,
    /// `*.json.zst`
    Zstd,
}

impl Packing {
    fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if name.ends_with(".json") {
            Some(Self::Plain)
        } else if name.ends_with(".json.gz") {
            Some(Self::Gzip)
        } else if name.ends_with(".json.zst") {
            Some(Self::Zstd)
        } else {
            None
        }
    }
}

impl Source {
    /// Lists the files of `table`.
    ///
    /// # Errors
    /// [`Error::Landing`] where the folder is missing, holds no data file, or
    /// cannot be listed.
    pub async fn list(landing: &Location, table: &catalog::LandingTable) -> Result<Self, Error> {
        let location = place(landing, table)?;
        if !table.is_absolute() {
            exists(landing)?;
        }
        let (table, path) = (table.name.as_ref(), table.path());
        let unlisted = |reason: String| {
            Error::Landing(LandingFault::NotListed {
                place: location.to_string(),
                reason,
                is_remote: location.folder().is_none(),
            })
        };
        let mut source = Self {
            table: table.to_owned(),
            location: location.clone(),
            files: Vec::new(),
            other_files: 0,
            other_example: None,
        };
        if let Some(folder) = location.folder() {
            source.check_other_entries(folder, &mut Vec::new())?;
        }
        let mut listed = location.store().list(Some(location.prefix()));
        loop {
            let meta = match listed.try_next().await {
                Ok(Some(meta)) => meta,
                Ok(None) | Err(object_store::Error::NotFound { .. }) => break,
                Err(error) => return Err(unlisted(store_reason(&error))),
            };
            let name = meta.location.prefix_match(location.prefix()).map_or_else(
                || meta.location.to_string(),
                |parts| {
                    parts
                        .map(|part| part.as_ref().to_owned())
                        .collect::<Vec<_>>()
                        .join("/")
                },
            );
            let shown = location.display(&meta.location);
            match Packing::of(&name) {
                Some(packing) => source.files.push(SourceFile {
                    path: meta.location,
                    name,
                    shown,
                    bytes: meta.size,
                    tag: match meta.e_tag {
                        Some(tag) => Tag::Store(tag),
                        None => Tag::Time(meta.last_modified.timestamp_micros()),
                    },
                    packing,
                }),
                None => {
                    source.other_files += 1;
                    source.other_example.get_or_insert(shown);
                }
            }
        }
        if location.folder().is_some() {
            source.read_file_tags().await;
        }
        source.files.sort_by(|a, b| a.path.cmp(&b.path));
        if source.files.is_empty() {
            return Err(Error::Landing(LandingFault::NoFile {
                place: location.to_string(),
                table: table.to_owned(),
                path: path.to_string(),
            }));
        }
        Ok(source)
    }

    /// Reads size and tag of each file on disk.
    ///
    /// The kernel's clock ticks every few milliseconds. A file that was changed in the
    /// current tick could change again under the same tag, so tags are read again in
    /// the next tick.
    async fn read_file_tags(&mut self) {
        for look in 0..TAG_READS_MAX {
            let now_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap_or_default();
            let mut is_recent = false;
            for file in &mut self.files {
                let path = self.location.file(&file.path);
                // A file that is gone by now fails when it is read.
                let Some(Ok(meta)) = path.map(std::fs::metadata) else {
                    continue;
                };
                (file.bytes, file.tag) = (meta.len(), Tag::of(&meta));
                if let Tag::Disk { changed_ns, .. } = file.tag {
                    is_recent |= (now_ns - changed_ns).abs() < TICK.as_nanos() as i64;
                }
            }
            if !is_recent || look + 1 == TAG_READS_MAX {
                return;
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Checks directory entries that the store does not list. It lists only regular
    /// files, and none named like its own unfinished ones (`NAME#1`). Others are
    /// counted for a warning. An entry that may be a data file and cannot be read is
    /// an error: it may hold a withdrawal of consent. Links to folders are followed,
    /// except to one of the folders in `inside`, which contain this one.
    fn check_other_entries(
        &mut self,
        folder: &std::path::Path,
        inside: &mut Vec<std::path::PathBuf>,
    ) -> Result<(), Error> {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Ok(());
        };
        let own = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        if inside.contains(&own) {
            return Ok(());
        }
        inside.push(own);
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.file_name().unwrap_or_default();
            let shown = shown(&path);
            let Some(name) = name
                .to_str()
                .filter(|name| !name.contains(char::is_control))
            else {
                return Err(Error::Landing(LandingFault::FileName { file: shown }));
            };
            match std::fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => self.check_other_entries(&path, inside)?,
                Ok(meta) if meta.is_file() && !is_unfinished(name) => {}
                Err(error) if Packing::of(name).is_some() => {
                    return Err(Error::Landing(LandingFault::NotOpened {
                        file: shown,
                        reason: error.to_string(),
                    }));
                }
                // Removed while the folder was read.
                Err(_) if path.symlink_metadata().is_err() => {}
                Ok(_) | Err(_) => {
                    self.other_files += 1;
                    self.other_example.get_or_insert(shown);
                }
            }
        }
        inside.pop();
        Ok(())
    }

    /// Size of all data files before decompression.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Whether the store regards a file as one of its own unfinished ones.
fn is_unfinished(name: &str) -> bool {
    let number = name.split_once('#').map(|(_, number)| number);
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// A path for messages, with control characters escaped.
fn shown(path: &std::path::Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| match c.is_control() {
        true => c.escape_default().collect(),
        false => c.to_string(),
    };
    text.chars().map(plain).collect()
}

/// The location of a landing table's files: below `landing`, or its own absolute
/// one.
///
/// # Errors
/// [`lake::Error::Location`].
pub fn place(landing: &Location, table: &catalog::LandingTable) -> Result<Location, Error> {
    if table.is_absolute() {
        return Ok(Location::parse(table.path())?);
    }
    Ok(landing.join(table.path()))
}

/// Checks that the landing folder exists. One error about it says more than one for
/// each table below it.
fn exists(landing: &Location) -> Result<(), Error> {
    let Some(folder) = landing.folder() else {
        return Ok(());
    };
    let metadata = std::fs::metadata(folder);
    let folder = landing.to_string();
    Err(Error::Landing(match metadata {
        Ok(meta) if meta.is_dir() => return Ok(()),
        Ok(_) => LandingFault::NotAFolder { folder },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            LandingFault::NoFolder { folder }
        }
        Err(error) => LandingFault::FolderNotRead {
            folder,
            reason: error.to_string(),
        },
    }))
}
