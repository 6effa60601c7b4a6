//! The files of a landing table.

use std::time::Duration;

use futures::TryStreamExt;
use lake::{Location, store_reason};
use object_store::path::Path;

use super::Tag;
use crate::Error;

/// At least a tick of the clock that files are stamped by.
const TICK: Duration = Duration::from_millis(15);

/// A file that somebody writes to all the time is not waited for.
const LOOKS: u32 = 3;

/// What was found where a landing table's files are due.
#[derive(Debug, Clone)]
pub struct Source {
    /// The landing table.
    pub table: String,
    /// The folder or prefix.
    pub location: Location,
    /// Its data files, in order of their paths.
    pub files: Vec<SourceFile>,
    /// How many other files lie there.
    pub other_files: u64,
    /// The first of them, for a warning.
    pub other_example: Option<String>,
}

/// One data file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// In the store.
    pub path: Path,
    /// Below the table's folder, as kept in system tables.
    pub name: String,
    /// As a person names it.
    pub shown: String,
    /// As it lies, before decompression.
    pub bytes: u64,
    /// Tells it from another one of its name and size.
    pub tag: Tag,
    /// By its name.
    pub packing: Packing,
}

/// How a file's bytes are packed.
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
        let unlisted = |reason: String| Error::Landing {
            hint: match location.folder() {
                Some(_) => "check the path and that it may be read".to_owned(),
                None => lake::store_hint(&reason).to_owned(),
            },
            message: format!("cannot list {location}: {reason}"),
        };
        let mut source = Self {
            table: table.to_owned(),
            location: location.clone(),
            files: Vec::new(),
            other_files: 0,
            other_example: None,
        };
        if let Some(folder) = location.folder() {
            source.take_in_oddities(folder, &mut Vec::new())?;
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
            source.look_at_files().await;
        }
        source.files.sort_by(|a, b| a.path.cmp(&b.path));
        if source.files.is_empty() {
            return Err(Error::Landing {
                message: format!("{location} holds no file for {table}"),
                hint: format!(
                    "put *.json, *.json.gz or *.json.zst files there, or name another folder with --landing; {table} is read from {path} below it"
                ),
            });
        }
        Ok(source)
    }

    /// Takes down how large each file on disk is, and what tells it from others.
    ///
    /// The kernel's clock ticks every few milliseconds: a file that was changed in
    /// this very tick could be changed again without anything to tell it by. Such
    /// a file is looked at again in the next tick.
    async fn look_at_files(&mut self) {
        for look in 0..LOOKS {
            let now_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap_or_default();
            let mut is_recent = false;
            for file in &mut self.files {
                let path = self.location.file(&file.path);
                // One that is gone by now is told when it is read.
                let Some(Ok(meta)) = path.map(std::fs::metadata) else {
                    continue;
                };
                (file.bytes, file.tag) = (meta.len(), Tag::of(&meta));
                if let Tag::Disk { changed_ns, .. } = file.tag {
                    is_recent |= (now_ns - changed_ns).abs() < TICK.as_nanos() as i64;
                }
            }
            if !is_recent || look + 1 == LOOKS {
                return;
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// The store lists regular files alone, and not those whose names end as its
    /// own unfinished ones do (`NAME#1`). What else lies in a folder is told, and
    /// what may be a data file and cannot be read is an error: it may be the one
    /// with a withdrawal. Linked folders are followed, unless one is `inside`
    /// itself.
    fn take_in_oddities(
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
                return Err(Error::Landing {
                    message: format!(
                        "cannot read {shown}: its name holds bytes that no object store takes"
                    ),
                    hint: "give it a name of printable characters in UTF-8, or take it away"
                        .to_owned(),
                });
            };
            match std::fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => self.take_in_oddities(&path, inside)?,
                Ok(meta) if meta.is_file() && !is_unfinished(name) => {}
                Err(error) if Packing::of(name).is_some() => {
                    return Err(Error::Landing {
                        message: format!("cannot read {shown}: {error}"),
                        hint:
                            "it is a link to nothing, or may not be read; mend it or take it away"
                                .to_owned(),
                    });
                }
                // It went while the folder was read.
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

    /// Bytes of all data files as they lie.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Whether the store takes a file for one that it has not finished writing.
fn is_unfinished(name: &str) -> bool {
    let number = name.split_once('#').map(|(_, number)| number);
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// A path on one line, whatever its name holds.
fn shown(path: &std::path::Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| match c.is_control() {
        true => c.escape_default().collect(),
        false => c.to_string(),
    };
    text.chars().map(plain).collect()
}

/// Where a landing table's files lie: below `landing`, or at a place of its own.
///
/// # Errors
/// [`lake::Error::Location`].
pub fn place(landing: &Location, table: &catalog::LandingTable) -> Result<Location, Error> {
    if table.is_absolute() {
        return Ok(Location::parse(table.path())?);
    }
    Ok(landing.join(table.path()))
}

/// A landing folder that is missing altogether has an error of its own: the
/// three about its sources would say less.
fn exists(landing: &Location) -> Result<(), Error> {
    let Some(folder) = landing.folder() else {
        return Ok(());
    };
    let (what, hint) = match std::fs::metadata(folder) {
        Ok(meta) if meta.is_dir() => return Ok(()),
        Ok(_) => (
            "is a file, not a folder".to_owned(),
            "name the folder above it",
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (
            "does not exist".to_owned(),
            "name the folder with --landing, or make synthetic data with `stedi sample landing`",
        ),
        Err(error) => (
            format!("cannot be read: {error}"),
            "check that the folder may be read",
        ),
    };
    Err(Error::Landing {
        message: format!("the landing folder {landing} {what}"),
        hint: hint.to_owned(),
    })
}
