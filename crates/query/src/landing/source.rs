//! Lists the files of a landing table with their tags.
//!
//! Every object below the table's location is input, whatever its name: what it
//! holds is told by its first bytes when it is read. Names that begin with `.` or
//! `_` mark what other programs keep for themselves, and are no input.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::ScalarValue;
use futures::TryStreamExt;
use lake::{Location, store_reason};
use landing::Container;
use object_store::path::Path;

use super::Tag;
use super::partition::partition_of;
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
    /// Number of files that look like data and are no input.
    pub other_files: u64,
    /// The first of them, for a warning.
    pub other_example: Option<String>,
    /// Number of files in no folder of a partition.
    pub unpartitioned_files: u64,
    /// The first of them, for a warning.
    pub unpartitioned_example: Option<String>,
    /// Whether the location is the whole landing folder or bucket.
    pub is_whole_landing: bool,
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
    /// Time of modification, epoch milliseconds.
    pub modified_ms: i64,
    /// Values of the table's partition columns.
    pub partition: Arc<[ScalarValue]>,
}

/// What an object below a table's location is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Object {
    /// It is read.
    Input,
    /// It is no input by its name but may have been meant to be; a run names it.
    Aside,
    /// It is what another program keeps for itself, or marks a folder.
    Ignored,
}

impl Object {
    fn of(name: &str, bytes: u64) -> Self {
        let is_named_as_data = is_named_as_data(name);
        if name.split('/').any(|part| part.starts_with(['.', '_'])) {
            let is_kept = bytes == 0 || is_bookkeeping(name);
            return match is_kept && !is_named_as_data {
                true => Self::Ignored,
                false => Self::Aside,
            };
        }
        match bytes == 0 && !is_named_as_data {
            true => Self::Ignored,
            false => Self::Input,
        }
    }
}

/// Whether a hidden name is one that writers of data and file managers keep for
/// themselves. A run names all other hidden objects: a stream's objects have no ending, and
/// one of them may hold a withdrawal.
fn is_bookkeeping(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        ".DS_Store",
        "_SUCCESS",
        "_common_metadata",
        "_delta_log",
        "_metadata",
        "_spark_metadata",
        "_temporary",
        "__MACOSX",
    ];
    // The last is that of `stedi listen`, which writes its files under such a name first.
    const PREFIXES: [&str; 4] = ["._", "_committed_", "_started_", ".stedi-"];
    let mut parts = name.split('/');
    name.ends_with(".crc")
        || parts.any(|part| {
            NAMES.contains(&part) || PREFIXES.iter().any(|prefix| part.starts_with(prefix))
        })
}

/// Whether the ending of a name is that of data.
fn is_named_as_data(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
        || Container::of_name(name).is_some()
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
        let partition_columns = table.partition_columns();
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
            unpartitioned_files: 0,
            unpartitioned_example: None,
            is_whole_landing: path.is_empty(),
        };
        if let Some(folder) = location.folder() {
            source.check_other_entries(folder, "", &mut Vec::new())?;
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
            match Object::of(&name, meta.size) {
                Object::Input => {
                    let (partition, is_partitioned) = partition_of(&name, partition_columns);
                    if !is_partitioned && meta.size > 0 {
                        source.unpartitioned_files += 1;
                        let example = &mut source.unpartitioned_example;
                        example.get_or_insert_with(|| shown.clone());
                    }
                    source.files.push(SourceFile {
                        path: meta.location,
                        name,
                        shown,
                        bytes: meta.size,
                        tag: match meta.e_tag {
                            Some(tag) => Tag::Store(tag),
                            None => Tag::Time(meta.last_modified.timestamp_micros()),
                        },
                        modified_ms: meta.last_modified.timestamp_millis(),
                        partition,
                    });
                }
                Object::Aside => source.leave_aside(shown),
                Object::Ignored => {}
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

    fn leave_aside(&mut self, shown: String) {
        self.other_files += 1;
        self.other_example.get_or_insert(shown);
    }

    /// Checks directory entries that the store does not list. It lists only regular
    /// files, and none named like its own unfinished ones (`NAME#1`). Others are
    /// counted for a warning. An entry that may be input and cannot be read is an
    /// error: it may hold a withdrawal of consent. Links to folders are followed,
    /// except to one of the folders in `inside`, which contain this one. `within` is
    /// the folder's path below the table's folder.
    fn check_other_entries(
        &mut self,
        folder: &std::path::Path,
        within: &str,
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
            let below = format!("{within}/{name}");
            match std::fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => self.check_other_entries(&path, &below, inside)?,
                Ok(meta) if meta.is_file() && !is_unfinished(name) => {}
                // Removed while the folder was read.
                Err(_) if path.symlink_metadata().is_err() => {}
                // Its size is not known, but it may be some.
                other => match (Object::of(&below, 1), other) {
                    (Object::Ignored, _) => {}
                    (Object::Input, Err(error)) => {
                        return Err(Error::Landing(LandingFault::NotOpened {
                            file: shown,
                            reason: error.to_string(),
                        }));
                    }
                    _ => self.leave_aside(shown),
                },
            }
        }
        inside.pop();
        Ok(())
    }

    /// The folders directly below the table's folder that hold files, but for those of
    /// partitions and times.
    pub fn folders(&self) -> BTreeSet<&str> {
        let names = self.files.iter();
        let folders = names.filter_map(|file| Some(file.name.split_once('/')?.0));
        let is_own =
            |folder: &&str| !folder.contains('=') && !folder.bytes().all(|b| b.is_ascii_digit());
        folders.filter(is_own).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_by_name_and_size() {
        use Object::{Aside, Ignored, Input};
        for (name, bytes, expected) in [
            ("a.json", 1, Input),
            ("a.json", 0, Input),
            ("2026/11/30/12/stream-1-2026-11-30-12-00-00-uuid", 1, Input),
            (
                "2026/11/30/12/stream-1-2026-11-30-12-00-00-uuid",
                0,
                Ignored,
            ),
            ("2026/11/a.GZ", 1, Input),
            ("README.md", 1, Input),
            ("a_b/c.d", 1, Input),
            ("2026", 0, Ignored),
            ("2026_$folder$", 0, Ignored),
            ("_SUCCESS", 0, Ignored),
            ("_SUCCESS", 9, Ignored),
            ("_spark_metadata/0", 9, Ignored),
            (".part-0.json.crc", 9, Ignored),
            (".DS_Store", 9, Ignored),
            (".b.json", 9, Aside),
            ("_temporary/0/part-0.json.gz", 9, Aside),
            (".hidden/a.parquet", 9, Aside),
            ("_late/customers-1-2023-08-06-00-00-00-uuid", 9, Aside),
            ("_late/customers-1-2023-08-06-00-00-00-uuid", 0, Ignored),
            ("_committed_17", 9, Ignored),
            (".stedi-1f9c2b7e.lock", 0, Ignored),
            (".stedi-1f9c2b7e-listen-1.json.part", 9, Ignored),
            ("_customers", 9, Aside),
        ] {
            assert_eq!(Object::of(name, bytes), expected, "{name} {bytes}");
        }
    }
}
