//! Lists what lies below a location, whatever its name: objects of a store, or the files of
//! a folder and of those below it.
//!
//! The store's client cannot list a folder in which one name is no text, or one link leads
//! to nothing, and lists no file named like its own unfinished ones (`NAME#1`). Here one
//! entry that cannot be read is one entry, and the others are listed.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path as FsPath;

use futures::TryStreamExt;
use object_store::path::Path;

use crate::location::Location;
use crate::store_error::store_reason;

/// What lies below a location.
#[derive(Debug)]
pub enum Entry {
    /// An object, or a file that can be opened. Links are followed.
    File(Found),
    /// A file that cannot be read as it is.
    Unreadable(Unreadable),
    /// A folder that cannot be listed. What is in it is not known.
    UnreadableFolder(Unreadable),
    /// Neither file nor folder, such as a socket.
    Other {
        /// Its name below the location.
        name: String,
        /// Its name for messages.
        shown: String,
    },
}

/// An object or a file.
#[derive(Debug)]
pub struct Found {
    /// Its path in the store.
    pub path: Path,
    /// Its name below the location, with `/` between folders.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Time of modification, microseconds since the epoch.
    pub modified_us: i64,
    /// The store's tag of its content, if it has one.
    pub etag: Option<String>,
    /// What the system says of a file.
    pub metadata: Option<Metadata>,
}

/// An entry that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its name below the location. What is no printable text in it is escaped.
    pub name: String,
    /// Its name for messages.
    pub shown: String,
    /// The system's reason; `None` where the name is the reason, which no store allows.
    pub reason: Option<String>,
}

impl Location {
    /// Gives `take` each entry below this location, in no order. Returns whether there is a
    /// folder, or any object. Links to a folder that contains them are passed over.
    ///
    /// # Errors
    /// The text of the system or the store where the location itself cannot be listed.
    pub async fn entries(&self, take: &mut (dyn FnMut(Entry) + Send)) -> Result<bool, String> {
        match self.folder() {
            Some(folder) => Walk {
                location: self,
                inside: Vec::new(),
                take,
            }
            .begin(folder)
            .map_err(|error| error.to_string()),
            None => self.objects(take).await,
        }
    }

    async fn objects(&self, take: &mut (dyn FnMut(Entry) + Send)) -> Result<bool, String> {
        let mut is_any = false;
        let mut listed = self.store().list(Some(self.prefix()));
        loop {
            let meta = match listed.try_next().await {
                Ok(Some(meta)) => meta,
                Ok(None) | Err(object_store::Error::NotFound { .. }) => return Ok(is_any),
                Err(error) => return Err(store_reason(&error)),
            };
            is_any = true;
            let parts = meta.location.prefix_match(self.prefix());
            let name = parts.map(|parts| {
                let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
                parts.join("/")
            });
            take(Entry::File(Found {
                name: name.unwrap_or_else(|| meta.location.to_string()),
                path: meta.location,
                bytes: meta.size,
                modified_us: meta.last_modified.timestamp_micros(),
                etag: meta.e_tag,
                metadata: None,
            }));
        }
    }
}

/// A walk through a folder.
struct Walk<'a> {
    location: &'a Location,
    /// Device and inode of the folders that contain the present one, and its own.
    inside: Vec<(u64, u64)>,
    take: &'a mut (dyn FnMut(Entry) + Send),
}

impl Walk<'_> {
    fn begin(mut self, folder: &FsPath) -> io::Result<bool> {
        let metadata = match fs::metadata(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            metadata => metadata?,
        };
        self.folder(folder, "", &metadata)?;
        Ok(true)
    }

    /// Lists a folder that is `within` below the location.
    fn folder(&mut self, folder: &FsPath, within: &str, metadata: &Metadata) -> io::Result<()> {
        let own = (metadata.dev(), metadata.ino());
        if self.inside.contains(&own) {
            return Ok(());
        }
        self.inside.push(own);
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries? {
            self.entry(&entry.path(), within);
        }
        self.inside.pop();
        Ok(())
    }

    fn entry(&mut self, path: &FsPath, within: &str) {
        let name = path.file_name().unwrap_or_default();
        let plain = name.to_str();
        let plain = plain.filter(|name| !name.contains(char::is_control));
        let escaped = plain.map_or_else(|| escaped(name.as_bytes()), str::to_owned);
        let below = match within.is_empty() {
            true => escaped,
            false => format!("{within}/{escaped}"),
        };
        let shown = format!(
            "{}/{below}",
            self.location.shown_folder().trim_end_matches('/')
        );
        let unreadable = |reason: Option<String>| Unreadable {
            name: below.clone(),
            shown: shown.clone(),
            reason,
        };
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            // Removed while the folder was read.
            Err(_) if fs::symlink_metadata(path).is_err() => return,
            Err(error) => {
                let reason = plain.is_some().then(|| error.to_string());
                return (self.take)(Entry::Unreadable(unreadable(reason)));
            }
        };
        if metadata.is_dir() {
            let depth = self.inside.len();
            let failed = match plain {
                Some(_) => self.folder(path, &below, &metadata).err(),
                None => return (self.take)(Entry::UnreadableFolder(unreadable(None))),
            };
            self.inside.truncate(depth);
            return match failed {
                // Removed meanwhile.
                Some(error) if error.kind() == ErrorKind::NotFound => {}
                Some(error) => {
                    (self.take)(Entry::UnreadableFolder(unreadable(Some(error.to_string()))))
                }
                None => {}
            };
        }
        if !metadata.is_file() {
            return (self.take)(Entry::Other { name: below, shown });
        }
        let stored = plain.and_then(|_| Path::parse(path.to_str()?.trim_start_matches('/')).ok());
        let Some(stored) = stored else {
            return (self.take)(Entry::Unreadable(unreadable(None)));
        };
        match cannot_be_opened(path, &metadata) {
            Some(error) if error.kind() == ErrorKind::NotFound => {}
            Some(error) => (self.take)(Entry::Unreadable(unreadable(Some(error.to_string())))),
            None => (self.take)(Entry::File(Found {
                path: stored,
                name: below,
                bytes: metadata.len(),
                modified_us: metadata.mtime() * 1_000_000 + metadata.mtime_nsec() / 1_000,
                etag: None,
                metadata: Some(metadata),
            })),
        }
    }
}

/// Why a file cannot be opened. One that everybody may read is not tried.
fn cannot_be_opened(path: &FsPath, metadata: &Metadata) -> Option<io::Error> {
    const READ_BY_ALL: u32 = 0o444;
    match metadata.mode() & READ_BY_ALL == READ_BY_ALL {
        true => None,
        false => File::open(path).err(),
    }
}

/// A name with what is no printable text in it as `\x` and two digits for each byte.
fn escaped(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c.is_control() {
                true => c.to_string().bytes().for_each(|b| text += &hex(b)),
                false => text.push(c),
            }
        }
        chunk.invalid().iter().for_each(|b| text += &hex(*b));
    }
    text
}

fn hex(byte: u8) -> String {
    format!("\\x{byte:02x}")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::fs::symlink;

    use super::*;

    #[tokio::test]
    async fn one_entry_that_cannot_be_read_hides_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &[u8]| dir.path().join(OsStr::from_bytes(name));
        fs::create_dir_all(at(b"a/b")).unwrap();
        for name in [&b"a/b/c#1"[..], b"b%41.json", b"\\n", b"\xc3\xa9", b"x y?"] {
            fs::write(at(name), "{}").unwrap();
        }
        for name in [&b"b\nc"[..], b"b\xff", b"\x1b[2J", b"a/\xc2\x85"] {
            fs::write(at(name), "{}").unwrap();
        }
        symlink("gone", at(b"dangling")).unwrap();
        symlink("loop", at(b"loop")).unwrap();
        symlink(dir.path(), at(b"a/round")).unwrap();
        symlink("b", at(b"a/linked")).unwrap();
        drop(std::os::unix::net::UnixListener::bind(at(b"socket")).unwrap());
        let location = Location::parse(dir.path().to_str().unwrap()).unwrap();
        let mut found = Vec::new();
        let mut take = |entry| {
            found.push(match entry {
                Entry::File(file) => {
                    assert!(location.file(&file.path).unwrap().is_file());
                    format!("file {}", file.name)
                }
                Entry::Unreadable(entry) => {
                    format!("unreadable {} {}", entry.name, entry.reason.is_some())
                }
                Entry::UnreadableFolder(entry) => format!("folder {}", entry.name),
                Entry::Other { name, .. } => format!("other {name}"),
            });
        };
        assert_eq!(location.entries(&mut take).await, Ok(true));
        found.sort();
        assert_eq!(
            found,
            [
                "file \\n",
                "file a/b/c#1",
                "file a/linked/c#1",
                "file b%41.json",
                "file x y?",
                "file \u{e9}",
                "other socket",
                "unreadable \\x1b[2J false",
                "unreadable a/\\xc2\\x85 false",
                "unreadable b\\x0ac false",
                "unreadable b\\xff false",
                "unreadable dangling true",
                "unreadable loop true",
            ]
        );
        let gone = Location::parse(at(b"gone").to_str().unwrap()).unwrap();
        assert_eq!(gone.entries(&mut |_| {}).await, Ok(false));
        let file = Location::parse(at(b"\\n").to_str().unwrap()).unwrap();
        assert!(file.entries(&mut |_| {}).await.is_err());
    }
}
