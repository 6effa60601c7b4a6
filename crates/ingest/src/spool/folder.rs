//! Writes whole files into the place of one landing table.
//!
//! On disk a file is written under a name that no reader takes for input, through to the
//! disk, and renamed; then the folder is written through. On an object store it is one
//! PUT. Names are chosen once, so that what is tried again after a failure leaves one file.
//!
//! Temporary files belong to a process that holds a lock on `.stedi-PROCESS.lock` beside
//! them. Where nobody holds that lock, the process is dead and never acknowledged what is
//! in them: they are removed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use lake::{Location, store_reason};
use object_store::{ObjectStoreExt, PutPayload};

/// What the names of files begin with that no reader takes for input.
const HIDDEN: &str = ".stedi-";

/// Ending of the lock of a process.
const LOCK: &str = ".lock";

/// One file that is to be written.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    /// Its name in the folder.
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

/// The place of one landing table.
#[derive(Debug)]
pub(crate) struct Folder {
    place: Location,
    process: String,
    /// Held for the life of the process; none on an object store.
    _lock: Option<File>,
}

/// What could not be written, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot write {place}: {reason}")]
pub struct WriteFault {
    /// The file, or its folder.
    pub place: String,
    /// The reason.
    pub reason: String,
}

impl Folder {
    /// Opens the place for a process, whose id is unique. Makes the folder, and removes
    /// what dead processes left there.
    pub(crate) fn open(place: Location, process: &str) -> Result<Self, WriteFault> {
        let mut lock = None;
        if let Some(folder) = place.folder() {
            let failed = |error: io::Error| fault(&folder.display(), &error);
            fs::create_dir_all(folder).map_err(failed)?;
            lock = Some(lock_of(folder, process).map_err(failed)?);
            remove_leftovers(folder, process).map_err(failed)?;
        }
        Ok(Self {
            place,
            process: process.to_owned(),
            _lock: lock,
        })
    }

    /// Writes whole files. `commit` is called when all of them are safe, and before a
    /// reader can see the first. After a failure the same files may be written again.
    pub(crate) async fn write(
        &self,
        files: Vec<NewFile>,
        commit: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), WriteFault> {
        let Some(folder) = self.place.folder() else {
            return self.put(files, commit).await;
        };
        let (folder, process) = (folder.to_owned(), self.process.clone());
        let written =
            tokio::task::spawn_blocking(move || write(&folder, &process, &files, commit)).await;
        written.unwrap_or_else(|_| {
            Err(WriteFault {
                place: self.place.to_string(),
                reason: "the thread that wrote it ended".to_owned(),
            })
        })
    }

    async fn put(
        &self,
        files: Vec<NewFile>,
        commit: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), WriteFault> {
        let committed = tokio::task::spawn_blocking(commit).await;
        let committed = committed.unwrap_or_else(|_| Err(io::Error::other("its thread ended")));
        committed.map_err(|error| fault(&self.place, &error))?;
        for file in files {
            let path = self.place.child(&file.name);
            let put = self.place.store().put(&path, PutPayload::from(file.bytes));
            put.await.map_err(|error| WriteFault {
                place: self.place.display(&path),
                reason: store_reason(&error),
            })?;
        }
        Ok(())
    }

    /// Whether a file of that name is there. A reader may remove none, but people may.
    pub(crate) async fn has(&self, name: &str) -> Result<bool, WriteFault> {
        let path = self.place.child(name);
        if let Some(file) = self.place.file(&path) {
            return file.try_exists().map_err(|e| fault(&file.display(), &e));
        }
        match self.place.store().head(&path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(WriteFault {
                place: self.place.display(&path),
                reason: store_reason(&error),
            }),
        }
    }
}

fn fault(place: &dyn std::fmt::Display, error: &io::Error) -> WriteFault {
    WriteFault {
        place: place.to_string(),
        reason: error.to_string(),
    }
}

fn write(
    folder: &Path,
    process: &str,
    files: &[NewFile],
    commit: impl FnOnce() -> io::Result<()>,
) -> Result<(), WriteFault> {
    let mut renames = Vec::new();
    for file in files {
        let whole = folder.join(&file.name);
        // An earlier attempt got this far: only whole files have this name.
        if whole.exists() {
            continue;
        }
        let part = folder.join(format!("{HIDDEN}{process}-{}.part", file.name));
        write_through(&part, &file.bytes).map_err(|error| {
            // Leaves no part of a file on a full disk.
            _ = fs::remove_file(&part);
            fault(&part.display(), &error)
        })?;
        renames.push((part, whole));
    }
    let shown = folder.display();
    commit().map_err(|error| fault(&shown, &error))?;
    for (part, whole) in renames {
        fs::rename(part, &whole).map_err(|error| fault(&whole.display(), &error))?;
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| fault(&shown, &error))
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = match File::create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Somebody removed the folder.
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            File::create(path)?
        }
        created => created?,
    };
    file.write_all(bytes)?;
    file.sync_all()
}

/// The lock of this process, which is held.
fn lock_of(folder: &Path, process: &str) -> io::Result<File> {
    let path = folder.join(format!("{HIDDEN}{process}{LOCK}"));
    loop {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        file.lock()?;
        // Another process that starts may have found it without a holder and removed it.
        let named = fs::metadata(&path);
        if named.is_ok_and(|named| file.metadata().is_ok_and(|own| own.ino() == named.ino())) {
            return Ok(file);
        }
    }
}

/// Removes temporary files of processes that hold no lock, then their locks.
fn remove_leftovers(folder: &Path, own: &str) -> io::Result<()> {
    let mut hidden: Vec<(String, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix(HIDDEN)) else {
            continue;
        };
        hidden.push((name.to_owned(), entry.path()));
    }
    let mut dead = Vec::new();
    for (name, path) in &hidden {
        let Some(process) = name.strip_suffix(LOCK).filter(|name| *name != own) else {
            continue;
        };
        let Ok(file) = File::open(path) else { continue };
        match file.try_lock() {
            Ok(()) => dead.push((process, path, file)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    for (name, path) in &hidden {
        let Some((process, _)) = name.split_once('-') else {
            continue;
        };
        // A process makes its lock before its first file. Its lock may be younger than
        // what was listed here.
        let is_locked = folder.join(format!("{HIDDEN}{process}{LOCK}")).exists();
        if !is_locked || dead.iter().any(|(dead, ..)| *dead == process) {
            remove(path)?;
        }
    }
    // Still held here, so that nobody takes one of them for its own meanwhile.
    for (_, path, _held) in dead {
        remove(path)?;
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(folder) = self.place.folder() {
            _ = fs::remove_file(folder.join(format!("{HIDDEN}{}{LOCK}", self.process)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn files_are_whole_and_leftovers_of_the_dead_go() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        let place = Location::parse(folder.to_str().unwrap()).unwrap();
        let living = Folder::open(place.clone(), "11").unwrap();
        fs::write(folder.join(".stedi-11-x.json.part"), "of a living process").unwrap();
        fs::write(folder.join(".stedi-22.lock"), "").unwrap();
        fs::write(folder.join(".stedi-22-x.json.part"), "of a dead one").unwrap();
        fs::write(
            folder.join(".stedi-33-x.json.part"),
            "of one without a lock",
        )
        .unwrap();
        let new = Folder::open(place, "44").unwrap();
        assert_eq!(
            names(&folder),
            [".stedi-11-x.json.part", ".stedi-11.lock", ".stedi-44.lock"]
        );
        let file = NewFile {
            name: "x.json".to_owned(),
            bytes: Bytes::from_static(b"{}\n"),
        };
        let refused = new.write(vec![file.clone()], || Err(io::Error::other("no")));
        refused.await.unwrap_err();
        assert!(!new.has("x.json").await.unwrap());
        new.write(vec![file.clone()], || Ok(())).await.unwrap();
        new.write(vec![file], || Ok(())).await.unwrap();
        assert!(new.has("x.json").await.unwrap());
        drop(new);
        drop(living);
        assert_eq!(names(&folder), [".stedi-11-x.json.part", "x.json"]);
    }
}
