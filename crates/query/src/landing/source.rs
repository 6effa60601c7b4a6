//! Lists the files of a landing table with their tags.
//!
//! Every object below the table's location is input, whatever its name: what it
//! holds is told by its first bytes when it is read. [`ObjectKind`] names those
//! that are no input. One entry that cannot be read, such as a link to nothing, hides no
//! other: whoever reads the files decides what it means ([`Source::unreadable`]).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::ScalarValue;
use lake::{Entry, Found, Location, Unreadable};
use landing::ObjectKind;
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
    /// Entries that may be input and cannot be read, in order of their names.
    pub unreadable: Vec<Unreadable>,
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

impl Source {
    /// Lists the files of `table`.
    ///
    /// # Errors
    /// [`Error::Landing`] where the folder is missing or cannot be listed, or holds nothing
    /// but what is no input. A folder that is there and empty is a table without rows.
    pub async fn list(landing: &Location, table: &catalog::LandingTable) -> Result<Self, Error> {
        let location = place(landing, table)?;
        if !table.is_absolute() {
            exists(landing)?;
        }
        let mut source = Self::empty(landing, table)?;
        let mut unlisted = None;
        let partition_columns = table.partition_columns();
        let mut take = |entry| match entry {
            Entry::File(file) => source.take(file, partition_columns),
            Entry::Unreadable(entry) => source.take_unreadable(entry),
            Entry::UnreadableFolder(entry) => match &entry.reason {
                Some(reason) if is_input(&entry.name) => {
                    unlisted.get_or_insert_with(|| (entry.shown.clone(), reason.clone()));
                }
                _ => source.take_unreadable(entry),
            },
            Entry::Other { name, shown } => {
                if ObjectKind::of(&name, 1) != ObjectKind::Ignored {
                    source.leave_aside(shown);
                }
            }
        };
        let (is_there, fault) = match location.entries(&mut take).await {
            Ok(is_there) => (is_there, unlisted),
            Err(reason) => (false, Some((location.to_string(), reason))),
        };
        if let Some((place, reason)) = fault {
            return Err(Error::Landing(LandingFault::NotListed {
                place,
                reason,
                is_remote: location.folder().is_none(),
            }));
        }
        if location.folder().is_some() {
            source.read_file_tags().await;
        }
        source.files.sort_by(|a, b| a.path.cmp(&b.path));
        source.unreadable.sort_by(|a, b| a.name.cmp(&b.name));
        let is_empty = source.files.is_empty() && source.unreadable.is_empty();
        // Where something lies that may have been meant, the table is not just empty.
        let is_refused = location.folder().is_none() || source.other_files > 0;
        if is_empty && (!is_there || is_refused) {
            return Err(source.no_file(table));
        }
        Ok(source)
    }

    /// A landing table without files.
    ///
    /// # Errors
    /// [`Error::Lake`] where its location is none.
    pub fn empty(landing: &Location, table: &catalog::LandingTable) -> Result<Self, Error> {
        Ok(Self {
            table: table.name.to_string(),
            location: place(landing, table)?,
            files: Vec::new(),
            unreadable: Vec::new(),
            other_files: 0,
            other_example: None,
            unpartitioned_files: 0,
            unpartitioned_example: None,
            is_whole_landing: table.path().is_empty(),
        })
    }

    /// The error that the table has no file.
    pub fn no_file(&self, table: &catalog::LandingTable) -> Error {
        Error::Landing(LandingFault::NoFile {
            place: self.location.to_string(),
            table: self.table.clone(),
            path: table.path().to_owned(),
        })
    }

    /// The error about the first entry that cannot be read, if there is one.
    pub fn fault(&self) -> Option<Error> {
        self.unreadable.first().map(fault_of)
    }

    /// What lies there in place of the file of that name, or of a folder that it was in, and
    /// cannot be read.
    pub fn unreadable_at(&self, name: &str) -> Option<&Unreadable> {
        let folders = name.match_indices('/').map(|(at, _)| &name[..at]);
        let mut paths = folders.chain([name]);
        paths.find_map(|path| {
            let at = self
                .unreadable
                .binary_search_by(|entry| entry.name.as_str().cmp(path));
            Some(&self.unreadable[at.ok()?])
        })
    }

    fn take(&mut self, file: Found, partition_columns: &[catalog::Column]) {
        let shown = self.location.display(&file.path);
        match ObjectKind::of(&file.name, file.bytes) {
            ObjectKind::Input => {
                let (partition, is_partitioned) = partition_of(&file.name, partition_columns);
                if !is_partitioned && file.bytes > 0 {
                    self.unpartitioned_files += 1;
                    let example = &mut self.unpartitioned_example;
                    example.get_or_insert_with(|| shown.clone());
                }
                self.files.push(SourceFile {
                    path: file.path,
                    name: file.name,
                    shown,
                    bytes: file.bytes,
                    tag: match (file.metadata, file.etag) {
                        (Some(metadata), _) => Tag::of(&metadata),
                        (None, Some(etag)) => Tag::Store(etag),
                        (None, None) => Tag::Time(file.modified_us),
                    },
                    modified_ms: file.modified_us.div_euclid(1_000),
                    partition,
                });
            }
            ObjectKind::Aside => self.leave_aside(shown),
            ObjectKind::Ignored => {}
        }
    }

    fn take_unreadable(&mut self, entry: Unreadable) {
        // Its size is not known, but it may be some.
        match ObjectKind::of(&entry.name, 1) {
            ObjectKind::Input => self.unreadable.push(entry),
            ObjectKind::Aside => self.leave_aside(entry.shown),
            ObjectKind::Ignored => {}
        }
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

/// Whether something of that name may be input, whatever its size.
fn is_input(name: &str) -> bool {
    ObjectKind::of(name, 1) == ObjectKind::Input
}

/// The error about an entry that cannot be read.
pub fn fault_of(entry: &Unreadable) -> Error {
    let file = entry.shown.clone();
    Error::Landing(match &entry.reason {
        Some(reason) => LandingFault::NotOpened {
            file,
            reason: reason.clone(),
        },
        None => LandingFault::FileName { file },
    })
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
