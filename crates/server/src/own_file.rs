//! A file of the server's own as JSON: what [`crate::users`] and [`crate::saved`] keep.
//!
//! Only its owner can read it. Changes replace it as a whole, so that a reader finds the
//! old or the new one; a lock beside it keeps writers apart, also those of other
//! processes. It is read again when it changed. One that cannot be understood is never
//! replaced.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

/// Why a file cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnFileError {
    /// The file cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// Its path.
        path: String,
        /// The reason, without what the file holds.
        reason: String,
    },
    /// The file can be read by others.
    #[error("other users of this machine can read {path} (mode {mode:04o})")]
    Readable {
        /// Its path.
        path: String,
        /// Its permissions.
        mode: u32,
    },
}

/// A file that holds one `T`.
#[derive(Debug)]
pub(crate) struct OwnFile<T> {
    path: PathBuf,
    bytes_max: u64,
    read: Mutex<Option<(Stamp, Arc<T>)>>,
}

/// What tells one state of the file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    modified: (i64, i64),
    bytes: u64,
}

impl<T: Default + Clone + Serialize + DeserializeOwned> OwnFile<T> {
    /// The file at `path`, which need not exist. A file of more than `bytes_max` bytes is
    /// something else, and is neither read nor written.
    pub(crate) fn at(path: PathBuf, bytes_max: u64) -> Self {
        Self {
            path,
            bytes_max,
            read: Mutex::default(),
        }
    }

    /// What the file holds now; nothing if there is none.
    ///
    /// # Errors
    /// What the file system says; a file that others can read, or that is damaged.
    pub(crate) fn read(&self) -> Result<(Stamp, Arc<T>), OwnFileError> {
        let meta = match std::fs::metadata(&self.path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let none = Stamp {
                    inode: 0,
                    modified: (0, 0),
                    bytes: 0,
                };
                return Ok((none, Arc::default()));
            }
            Err(error) => return Err(self.failed(error)),
        };
        let stamp = Stamp {
            inode: meta.ino(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            bytes: meta.len(),
        };
        let mut read = self.read.lock();
        if let Some((then, held)) = read.as_ref()
            && *then == stamp
        {
            return Ok((stamp, Arc::clone(held)));
        }
        let mode = meta.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(OwnFileError::Readable {
                path: self.path.display().to_string(),
                mode,
            });
        }
        let mut text = Vec::new();
        File::open(&self.path)
            .and_then(|file| file.take(self.bytes_max + 1).read_to_end(&mut text))
            .map_err(|error| self.failed(error))?;
        if text.len() as u64 > self.bytes_max {
            return Err(self.failed(format!("it is larger than {} bytes", self.bytes_max)));
        }
        // The parser's own message would show what the file holds.
        let held: T = serde_json::from_slice(&text).map_err(|error| {
            self.failed(format!("line {} is not as it was written", error.line()))
        })?;
        let held = Arc::new(held);
        *read = Some((stamp, Arc::clone(&held)));
        Ok((stamp, held))
    }

    /// Changes what the file holds, unless `change` fails.
    ///
    /// # Errors
    /// As [`OwnFile::read`], and what `change` says.
    pub(crate) fn change<R, E: From<OwnFileError>>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E> {
        let failed = |error: io::Error| self.failed(error);
        // The parent of a bare name is empty.
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
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
        let mut held = self.read()?.1.as_ref().clone();
        let changed = change(&mut held)?;
        self.replace(folder, &held)?;
        Ok(changed)
    }

    fn replace(&self, folder: &Path, held: &T) -> Result<(), OwnFileError> {
        let failed = |error: io::Error| self.failed(error);
        let text = serde_json::to_vec_pretty(held).map_err(|error| self.failed(error))?;
        if text.len() as u64 > self.bytes_max {
            return Err(self.failed(format!("it would be larger than {} bytes", self.bytes_max)));
        }
        let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(&text).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path)
            .map_err(|error| failed(error.error))?;
        let folder = File::open(folder).and_then(|folder| folder.sync_all());
        folder.map_err(failed)
    }

    fn failed(&self, reason: impl ToString) -> OwnFileError {
        OwnFileError::File {
            path: self.path.display().to_string(),
            reason: reason.to_string(),
        }
    }
}
