//! The file that keeps a key: its owner's alone, there in whole or not at all.
//!
//! - Made under another name, written through to the disk and given its own
//!   name only if nobody else's is there: of two processes one makes it, and
//!   both use that one.
//! - A file that others can read is no secret, and is refused.
//! - No message shows what a file holds.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use privacy::PseudonymKey;
use query::Error;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// A key file is a few lines; what is longer is something else.
const BYTES_MAX: u64 = 4096;

/// The line that tells since when a key is used.
const MADE: &str = "# made ";

/// A file that keeps a key, or will.
#[derive(Debug, Clone)]
pub(crate) struct KeyFile {
    path: PathBuf,
}

/// A key as it was found.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) key: PseudonymKey,
    /// When it was made, where the file tells.
    pub(crate) since: Option<DateTime<Utc>>,
}

impl KeyFile {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The key; `None` where there is no file.
    ///
    /// # Errors
    /// [`Error::Settings`] for a file that others can read, that holds no key,
    /// or that cannot be read.
    pub(crate) fn read(&self) -> Result<Option<Kept>, Error> {
        let unreadable = |error: &io::Error| {
            refused(
                format!("cannot read the key file {}: {error}", self.path.display()),
                "check whose it is, or name another with --key-file",
            )
        };
        // Asked before it is opened: opening a pipe would wait for its writer.
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
                format!("the key file {path} is open to others (mode {mode:04o})"),
                format!(
                    "chmod 600 {path}; if somebody may have read it, `stedi key rotate` after that"
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

    /// Makes a key, unless somebody did meanwhile; tells whether it is ours.
    ///
    /// # Errors
    /// [`Error::NoKey`] where nothing can be written; those of
    /// [`KeyFile::read`] for a file that is somebody else's.
    pub(crate) fn make(&self) -> Result<(Kept, bool), Error> {
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

    /// Puts another key in the place of the one that is there, which is gone
    /// then.
    ///
    /// # Errors
    /// [`Error::NoKey`] where nothing can be written.
    pub(crate) fn replace(&self) -> Result<Kept, Error> {
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

    /// Takes the key away for good. Copies that somebody made are theirs.
    ///
    /// # Errors
    /// [`Error::NoKey`] where it cannot be removed.
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

    /// The file itself where `path` is a link to it: a link that is replaced
    /// would leave the old key where it is.
    fn resolved(&self) -> Result<Self, Error> {
        let path = self.path.canonicalize();
        path.map(Self::at).map_err(|error| self.unwritable(&error))
    }

    fn fresh(&self) -> Result<Kept, Error> {
        let key = PseudonymKey::generate().map_err(|error| Error::NoKey {
            message: format!("cannot make a key: {error}"),
            hint: "put one of your own into STEDI_KEY: 64 hexadecimal digits".to_owned(),
        })?;
        Ok(Kept {
            key,
            since: Some(Utc::now()),
        })
    }

    /// A file beside this one that holds `kept`, on the disk. It takes itself
    /// away unless it gets this one's name.
    fn written(&self, kept: &Kept) -> Result<NamedTempFile, Error> {
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
        // A library's error names its own file, whose name says nothing.
        let reason = match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code).to_string(),
            None => error.kind().to_string(),
        };
        Error::NoKey {
            message: format!(
                "cannot write the key file {}: {reason}",
                self.path.display()
            ),
            hint: "check that its folder can be written to, or name another with --key-file"
                .to_owned(),
        }
    }
}

/// Overwrites what stood in a file that has no name any more. Best effort: a
/// store that keeps old blocks keeps them.
fn erase(file: &File) {
    let length = file.metadata().map_or(0, |of| of.len().min(BYTES_MAX));
    let zeros = vec![0; usize::try_from(length).unwrap_or_default()];
    let _ = file.write_all_at(&zeros, 0);
    let _ = file.sync_all();
}

fn text_of(kept: &Kept) -> Zeroizing<String> {
    let made = kept.since.unwrap_or_default();
    let made = made.to_rfc3339_opts(SecondsFormat::Secs, true);
    let secret = kept.key.reveal();
    Zeroizing::new(format!(
        "# The key of a lake's pseudonyms. Whoever has it can tell whose they are.\n\
         # `stedi key show` tells of it, `stedi key rotate` replaces it.\n\
         {MADE}{made}\n\
         {}\n",
        *secret
    ))
}

fn parse(text: &str) -> Option<Kept> {
    let mut since = None;
    let mut key = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(made) = line.strip_prefix(MADE) {
            since = DateTime::parse_from_rfc3339(made).ok();
        } else if !line.starts_with('#') {
            if key.is_some() {
                return None;
            }
            key = Some(PseudonymKey::from_hex(line).ok()?);
        }
    }
    Some(Kept {
        key: key?,
        since: since.map(|since| since.to_utc()),
    })
}

fn refused(message: String, hint: impl Into<String>) -> Error {
    Error::Settings {
        message,
        hint: hint.into(),
    }
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
            let told = kept.and_then(|kept| kept.since).map(|s| s.to_rfc3339());
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
        assert!(read.since.is_some());

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

    /// What a link points at is replaced and destroyed, not the link alone.
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
