//! The file that stores the pseudonym key: readable only by its owner, complete or absent.
//!
//! - A new key is written to a temporary file, synced to the disk, and renamed
//!   only if the target does not exist. Two processes that create a key at once end
//!   up with the same key.
//! - A file that other users can read is refused, because it is no secret.
//! - No message shows the contents of a file.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use privacy::PseudonymKey;
use query::{Error, KeyFault};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::failure::{Ending, Failure};

/// A key file has a few lines; a longer file is something else.
const BYTES_MAX: u64 = 4096;

/// Prefix of the line with the creation time.
const CREATED: &str = "# made ";

/// The place of a key file. It may not exist yet.
#[derive(Debug, Clone)]
pub(crate) struct KeyFile {
    path: PathBuf,
}

/// A key that was read from a file.
#[derive(Debug)]
pub(crate) struct StoredKey {
    pub(crate) key: PseudonymKey,
    /// When it was created, if the file says so.
    pub(crate) created: Option<DateTime<Utc>>,
}

impl KeyFile {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The key; `None` if there is no file.
    ///
    /// # Errors
    /// [`Error::KeyRefused`] for a file that other users can read, that holds no
    /// key, or that cannot be read.
    pub(crate) fn read(&self) -> Result<Option<StoredKey>, Error> {
        let unreadable = |error: &io::Error| {
            refused(
                format!("cannot read the key file {}: {error}", self.path.display()),
                "check who owns it, or name another with --key-file",
            )
        };
        // Checked before opening: opening a pipe would wait for its writer.
        match fs::metadata(&self.path) {
            Ok(of) if !of.is_file() => return Err(self.holds_no_key()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&error)),
        }
        let file = File::open(&self.path).map_err(|error| unreadable(&error))?;
        let mode = file.metadata().map_err(|error| unreadable(&error))?;
        let mode = mode.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            let path = self.path.display();
            return Err(refused(
                format!("other users can read the key file {path} (mode {mode:04o})"),
                format!(
                    "chmod 600 {path}; if somebody may have read it, run `stedi key rotate` afterwards"
                ),
            ));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => self.holds_no_key(),
                _ => unreadable(&error),
            })?;
        parse(&text).map(Some).ok_or_else(|| self.holds_no_key())
    }

    fn holds_no_key(&self) -> Error {
        refused(
            format!("{} holds no key", self.path.display()),
            "a key file has one line of 64 hexadecimal digits; name another with --key-file",
        )
    }

    /// Creates a key, unless another process has created one meanwhile. Returns
    /// whether the key is ours.
    ///
    /// # Errors
    /// [`Error::NoKey`] if the file cannot be written; those of
    /// [`KeyFile::read`] for the file of another process.
    pub(crate) fn make(&self) -> Result<(StoredKey, bool), Error> {
        let kept = self.fresh()?;
        let file = self.written(&kept)?;
        match file.persist_noclobber(&self.path) {
            Ok(_) => {
                self.sync_folder()?;
                Ok((kept, true))
            }
            Err(refusal) if refusal.error.kind() == io::ErrorKind::AlreadyExists => {
                let theirs = self.read()?.ok_or_else(|| self.holds_no_key())?;
                Ok((theirs, false))
            }
            Err(refusal) => Err(self.unwritable(&refusal.error)),
        }
    }

    /// Replaces the key by a new one, and erases the old one.
    ///
    /// # Errors
    /// [`Error::NoKey`] if the file cannot be written.
    pub(crate) fn replace(&self) -> Result<StoredKey, Error> {
        let target = self.resolved()?;
        let failed = |error: io::Error| self.unwritable(&error);
        let old = OpenOptions::new()
            .write(true)
            .open(&target.path)
            .map_err(failed)?;
        let kept = target.fresh()?;
        let file = target.written(&kept)?;
        file.persist(&target.path)
            .map_err(|refusal| self.unwritable(&refusal.error))?;
        target.sync_folder()?;
        erase(&old);
        Ok(kept)
    }

    /// Erases and removes the key. Copies of the file are not erased.
    ///
    /// # Errors
    /// [`Error::NoKey`] if the file cannot be removed.
    pub(crate) fn destroy(&self) -> Result<(), Error> {
        let target = self.resolved()?;
        let failed = |error: io::Error| self.unwritable(&error);
        let old = OpenOptions::new()
            .write(true)
            .open(&target.path)
            .map_err(failed)?;
        fs::remove_file(&target.path).map_err(failed)?;
        erase(&old);
        target.sync_folder()
    }

    /// The file behind `path` if that is a link: replacing the link would leave
    /// the old key in its file.
    fn resolved(&self) -> Result<Self, Error> {
        let path = self.path.canonicalize();
        path.map(Self::at).map_err(|error| self.unwritable(&error))
    }

    fn fresh(&self) -> Result<StoredKey, Error> {
        let key = PseudonymKey::generate().map_err(|error| {
            missing(
                format!("cannot create a key: {error}"),
                "set STEDI_KEY to a key of your own: 64 hexadecimal digits",
            )
        })?;
        Ok(StoredKey {
            key,
            created: Some(Utc::now()),
        })
    }

    /// A temporary file beside this one that holds `kept`, synced to the disk.
    /// It is removed when dropped, unless it is renamed.
    fn written(&self, kept: &StoredKey) -> Result<NamedTempFile, Error> {
        let failed = |error: io::Error| self.unwritable(&error);
        let folder = self.folder();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let mut file = tempfile::Builder::new()
            .prefix(".stedi-key-")
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(folder)
            .map_err(failed)?;
        file.write_all(text_of(kept).as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .map_err(failed)?;
        Ok(file)
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    fn sync_folder(&self) -> Result<(), Error> {
        File::open(self.folder())
            .and_then(|folder| folder.sync_all())
            .map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &io::Error) -> Error {
        // The library's error names the temporary file, which says nothing.
        let reason = match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code).to_string(),
            None => error.kind().to_string(),
        };
        missing(
            format!(
                "cannot write the key file {}: {reason}",
                self.path.display()
            ),
            "check that you can write to its folder, or name another file with --key-file",
        )
    }
}

/// Overwrites the contents of a file that no longer has a name. Best effort: a
/// file system may keep old blocks.
fn erase(file: &File) {
    let length = file.metadata().map_or(0, |of| of.len().min(BYTES_MAX));
    let zeros = vec![0; usize::try_from(length).unwrap_or_default()];
    let _ = file.write_all_at(&zeros, 0);
    let _ = file.sync_all();
}

fn text_of(kept: &StoredKey) -> Zeroizing<String> {
    let made = kept.created.unwrap_or_default();
    let made = made.to_rfc3339_opts(SecondsFormat::Secs, true);
    let secret = kept.key.reveal();
    Zeroizing::new(format!(
        "# The key of a lake's pseudonyms. Whoever has it can tell whose they are.\n\
         # `stedi key show` tells of it, `stedi key rotate` replaces it.\n\
         {CREATED}{made}\n\
         {}\n",
        *secret
    ))
}

fn parse(text: &str) -> Option<StoredKey> {
    let mut since = None;
    let mut key = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(made) = line.strip_prefix(CREATED) {
            since = DateTime::parse_from_rfc3339(made).ok();
        } else if !line.starts_with('#') {
            if key.is_some() {
                return None;
            }
            key = Some(PseudonymKey::from_hex(line).ok()?);
        }
    }
    Some(StoredKey {
        key: key?,
        created: since.map(|since| since.to_utc()),
    })
}

/// The refusal to use a key.
pub(super) fn refused(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::KeyRefused(Box::new(Failure::new(Ending::Settings, message, hint)))
}

/// The error that there is no key, or that none can be created.
pub(super) fn missing(message: impl Into<String>, hint: impl Into<String>) -> Error {
    let failure = Failure::new(Ending::Failed, message, hint);
    Error::NoKey(KeyFault::Source(Box::new(failure)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn texts_that_keep_a_key() {
        for (text, key, since) in [
            (format!("{KEY}\n"), true, None),
            (KEY.to_uppercase(), true, None),
            (format!("# mine\n\n  {KEY}  \r\n"), true, None),
            (
                format!("# made 2026-11-21T10:00:00Z\n{KEY}\n"),
                true,
                Some("2026-11-21T10:00:00+00:00"),
            ),
            (format!("# made by hand\n{KEY}\n"), true, None),
            (format!("{KEY}\n{KEY}\n"), false, None),
            (format!("# {KEY}\n"), false, None),
            (KEY[2..].to_owned(), false, None),
            (String::new(), false, None),
        ] {
            let kept = parse(&text);
            assert_eq!(kept.is_some(), key, "{text:?}");
            let told = kept.and_then(|kept| kept.created).map(|s| s.to_rfc3339());
            assert_eq!(told.as_deref(), since, "{text:?}");
        }
    }

    #[test]
    fn made_once_replaced_and_destroyed() {
        let dir = tempfile::tempdir().unwrap();
        let file = KeyFile::at(dir.path().join("a/b/k"));
        assert!(file.read().unwrap().is_none());
        let (made, ours) = file.make().unwrap();
        let (again, second) = file.make().unwrap();
        assert!(ours && !second, "the one that is there wins");
        assert_eq!(again.key.fingerprint(), made.key.fingerprint());
        let read = file.read().unwrap().unwrap();
        assert_eq!(read.key.fingerprint(), made.key.fingerprint());
        assert!(read.created.is_some());

        let old = OpenOptions::new().read(true).open(file.path()).unwrap();
        let replaced = file.replace().unwrap();
        assert_ne!(replaced.key.fingerprint(), made.key.fingerprint());
        let mut left = Vec::new();
        (&old).read_to_end(&mut left).unwrap();
        assert!(left.iter().all(|byte| *byte == 0), "the old key is erased");
        let read = file.read().unwrap().unwrap();
        assert_eq!(read.key.fingerprint(), replaced.key.fingerprint());

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(file.path()), 0o600);
        assert_eq!(mode(&dir.path().join("a/b")), 0o700);
        file.destroy().unwrap();
        assert!(file.read().unwrap().is_none());
        assert_eq!(fs::read_dir(dir.path().join("a/b")).unwrap().count(), 0);
    }

    /// The file behind a link is replaced and destroyed, not only the link.
    #[test]
    fn a_link_to_a_key_file() {
        let dir = tempfile::tempdir().unwrap();
        let real = KeyFile::at(dir.path().join("real"));
        let (made, _) = real.make().unwrap();
        let link = KeyFile::at(dir.path().join("link"));
        std::os::unix::fs::symlink(real.path(), link.path()).unwrap();
        let replaced = link.replace().unwrap();
        assert_ne!(replaced.key.fingerprint(), made.key.fingerprint());
        let read = real.read().unwrap().unwrap();
        assert_eq!(read.key.fingerprint(), replaced.key.fingerprint());
        link.destroy().unwrap();
        assert!(real.read().unwrap().is_none());
    }

    #[test]
    fn many_at_once_end_with_one_key() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let file = KeyFile::at(dir.path().join(format!("{round}/k")));
            let begin = std::sync::Barrier::new(8);
            let made: Vec<(String, bool)> = std::thread::scope(|scope| {
                let makers: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            begin.wait();
                            let (kept, ours) = file.make().unwrap();
                            (kept.key.fingerprint(), ours)
                        })
                    })
                    .collect();
                makers.into_iter().map(|m| m.join().unwrap()).collect()
            });
            assert_eq!(made.iter().filter(|(_, ours)| *ours).count(), 1);
            assert!(made.iter().all(|(key, _)| *key == made[0].0));
            let left = fs::read_dir(dir.path().join(round.to_string())).unwrap();
            assert_eq!(left.count(), 1, "nothing else is left");
        }
    }
}
