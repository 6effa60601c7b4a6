//! A JSON file that only its owner can read. Changes replace the file as a whole, so that
//! a reader finds the old or the new one; a lock beside it keeps two writers apart. It is
//! read again when it changed, so that what was revoked ends at once.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

/// What most such files hold is little; a larger file is something else.
const BYTES_MAX: u64 = 4 << 20;

/// Why the file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFault {
    /// It cannot be read or written.
    File {
        /// Its path.
        path: String,
        /// The reason; nothing of what the file holds.
        reason: String,
    },
    /// It can be read by others.
    Readable {
        /// Its path.
        path: String,
        /// Its permissions.
        mode: u32,
    },
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, reason } => write!(f, "{path}: {reason}"),
            Self::Readable { path, mode } => {
                write!(
                    f,
                    "other users of this machine can read {path} (mode {mode:04o})"
                )
            }
        }
    }
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    modified: (i64, i64),
    bytes: u64,
}

impl Stamp {
    /// That of a file that does not exist.
    const NONE: Self = Self {
        inode: 0,
        modified: (0, 0),
        bytes: 0,
    };
}

/// The file; see the module.
#[derive(Debug)]
pub struct PrivateFile<T> {
    path: PathBuf,
    bytes_max: u64,
    read: Mutex<Option<(Stamp, Arc<T>)>>,
}

impl<T: Serialize + DeserializeOwned + Default + Clone> PrivateFile<T> {
    /// The file at `path`, which need not exist.
    pub fn at(path: PathBuf) -> Self {
        Self::of_at_most(path, BYTES_MAX)
    }

    /// As [`PrivateFile::at`], for a file that may have `bytes_max` bytes.
    pub fn of_at_most(path: PathBuf, bytes_max: u64) -> Self {
        Self {
            path,
            bytes_max,
            read: Mutex::default(),
        }
    }

    /// What the file holds now; the default where there is none.
    ///
    /// # Errors
    /// [`FileFault`].
    pub fn read(&self) -> Result<(Stamp, Arc<T>), FileFault> {
        let meta = match std::fs::metadata(&self.path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Stamp::NONE, Arc::default()));
            }
            Err(error) => return Err(self.failed(error)),
        };
        let stamp = Stamp {
            inode: meta.ino(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            bytes: meta.len(),
        };
        let mut read = self.read.lock();
        if let Some((then, stored)) = read.as_ref()
            && *then == stamp
        {
            return Ok((stamp, Arc::clone(stored)));
        }
        let mode = meta.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(FileFault::Readable {
                path: self.path.display().to_string(),
                mode,
            });
        }
        let mut text = Vec::new();
        File::open(&self.path)
            .and_then(|file| file.take(self.bytes_max + 1).read_to_end(&mut text))
            .map_err(|error| self.failed(error))?;
        self.check_size(text.len())?;
        // The parser's own message would show what the file holds.
        let stored: T = serde_json::from_slice(&text).map_err(|error| {
            self.failed(format!("line {} is not as it was written", error.line()))
        })?;
        let stored = Arc::new(stored);
        *read = Some((stamp, Arc::clone(&stored)));
        Ok((stamp, stored))
    }

    /// Changes what the file holds, alone.
    ///
    /// # Errors
    /// [`FileFault`], and those of `change`, which then changed nothing.
    pub fn change<R, E: From<FileFault>>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E> {
        // The parent of a bare name is empty.
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let failed = |error: io::Error| self.failed(error);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).mode(0o600);
        let lock = lock
            .open(self.path.with_extension("lock"))
            .map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut stored = self.read()?.1.as_ref().clone();
        let changed = change(&mut stored)?;
        let text = serde_json::to_vec_pretty(&stored).map_err(|error| self.failed(error))?;
        self.check_size(text.len())?;
        let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(&text).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path)
            .map_err(|error| failed(error.error))?;
        let folder = File::open(folder).and_then(|folder| folder.sync_all());
        folder.map_err(failed)?;
        Ok(changed)
    }

    fn check_size(&self, bytes: usize) -> Result<(), FileFault> {
        match bytes as u64 > self.bytes_max {
            true => Err(self.failed(format!("more than {} bytes", self.bytes_max))),
            false => Ok(()),
        }
    }

    fn failed(&self, reason: impl ToString) -> FileFault {
        FileFault::File {
            path: self.path.display().to_string(),
            reason: reason.to_string(),
        }
    }
}
