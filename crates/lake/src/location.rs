//! A folder or an object-store prefix, for landing files, lakes and exports.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt, RetryConfig};
use url::Url;

use crate::error::Error;
use crate::store::retry::RetryingStore;
use crate::store_error::store_reason;

/// A folder on this machine or a prefix in an object store.
///
/// Cheap to clone. All paths are relative to the root of the store, so that a
/// Parquet scan and the Delta log name a file the same way.
#[derive(Clone)]
pub struct Location {
    url: Url,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    folder: Option<PathBuf>,
    text: String,
}

impl Location {
    /// Parses `text`: a path of a folder, made absolute here, or a URL.
    ///
    /// Does not access the store.
    ///
    /// # Errors
    /// [`Error::Location`] for a wrong path or an unknown scheme;
    /// [`Error::StoreSetting`] for a wrong `AWS_*` variable.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason: String| Error::Location {
            text: text.to_owned(),
            reason,
        };
        if text.trim().is_empty() {
            return Err(invalid("it is empty".to_owned()));
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return Self::from_folder(text, FsPath::new(text));
        };
        let url = Url::parse(text).map_err(|e| invalid(e.to_string()))?;
        match scheme {
            "file" => {
                let folder = url
                    .to_file_path()
                    .map_err(|()| invalid("a file URL needs an absolute path".to_owned()))?;
                Self::from_folder(text, &folder)
            }
            "s3" | "s3a" => Self::from_bucket_url(text, &url),
            other => Err(invalid(format!("the scheme {other}:// is not supported"))),
        }
    }

    fn from_folder(text: &str, folder: &FsPath) -> Result<Self, Error> {
        let invalid = |reason: String| Error::Location {
            text: text.to_owned(),
            reason,
        };
        let folder = std::path::absolute(folder).map_err(|e| invalid(e.to_string()))?;
        let folder = resolve(&folder);
        let prefix = Path::from_absolute_path(&folder).map_err(|e| invalid(e.to_string()))?;
        let url = Url::from_directory_path(&folder)
            .map_err(|()| invalid("the path cannot be written as a URL".to_owned()))?;
        Ok(Self {
            url,
            store: Arc::new(LocalFileSystem::new()),
            prefix,
            folder: Some(folder),
            text: text.to_owned(),
        })
    }

    fn from_bucket_url(text: &str, url: &Url) -> Result<Self, Error> {
        let invalid = |reason: String| Error::Location {
            text: text.to_owned(),
            reason,
        };
        let bucket = url
            .host_str()
            .ok_or_else(|| invalid("it has no bucket".to_owned()))?;
        let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        let setting = |reason: String, hint: &str| Error::StoreSetting {
            location: text.to_owned(),
            reason,
            hint: hint.to_owned(),
        };
        for key in [AmazonS3ConfigKey::Endpoint, AmazonS3ConfigKey::S3Endpoint] {
            if let Some(endpoint) = builder.get_config_value(&key)
                && !is_endpoint(&endpoint)
            {
                // The message leaves the value out: it may contain a password.
                return Err(setting(
                    "AWS_ENDPOINT is not a URL".to_owned(),
                    "set it to http://host:port or https://host",
                ));
            }
        }
        let store = builder
            .with_retry(
                retry_config()
                    .map_err(|reason| setting(reason, "set it to a number of at least 1"))?,
            )
            .build()
            .map_err(|error| setting(store_reason(&error), "check the AWS_* variables"))?;
        let prefix = Path::from_url_path(url.path()).map_err(|e| invalid(e.to_string()))?;
        let mut root =
            Url::parse(&format!("s3://{bucket}/")).map_err(|e| invalid(e.to_string()))?;
        if !prefix.as_ref().is_empty() {
            root.set_path(&format!("/{prefix}/"));
        }
        Ok(Self {
            url: root,
            store: Arc::new(RetryingStore::new(store)),
            prefix,
            folder: None,
            text: text.to_owned(),
        })
    }

    /// A location in a store of a test.
    #[cfg(test)]
    pub(crate) fn in_test_store(store: Arc<dyn ObjectStore>) -> Self {
        let text = "s3://bucket/lake";
        let url = Url::parse("s3://bucket/lake/").unwrap();
        Self {
            url,
            store,
            prefix: Path::from("lake"),
            folder: None,
            text: text.to_owned(),
        }
    }

    /// The text that the user gave, for messages.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The URL, with a trailing slash.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The whole store. Its paths start at its root, not at this location.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The path of this location in the store.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The folder, if the location is on this machine.
    pub fn folder(&self) -> Option<&FsPath> {
        self.folder.as_deref()
    }

    /// The file at `path` (a path in the store), if the location is on this
    /// machine.
    pub fn file(&self, path: &Path) -> Option<PathBuf> {
        self.folder.as_ref()?;
        // The store's own translation refuses names that end in `#` and digits.
        Some(FsPath::new("/").join(path.as_ref()))
    }

    /// The path in the store of `relative`, whose segments are separated by `/`.
    pub fn child(&self, relative: &str) -> Path {
        relative
            .split('/')
            .filter(|part| !part.is_empty())
            .fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Reads the object at `path`; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn read_if_exists(&self, path: &Path) -> Result<Option<Bytes>, Error> {
        let read = async { self.store.get(path).await?.bytes().await };
        match read.await {
            Ok(body) => Ok(Some(body)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::store("read", self.display(path), &error)),
        }
    }

    /// Writes files at `paths` through to the disk (fsync), so that they survive
    /// a crash of the machine before another object refers to them. Does nothing
    /// for a remote store, whose objects are durable once written.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn sync(&self, paths: &[Path]) -> Result<(), Error> {
        if self.folder.is_none() {
            return Ok(());
        }
        let files: Vec<PathBuf> = paths.iter().filter_map(|path| self.file(path)).collect();
        let synced = tokio::task::spawn_blocking(move || {
            let mut folders = BTreeSet::new();
            for file in &files {
                let failed = |error: std::io::Error| (file.clone(), error.to_string());
                File::open(file)
                    .and_then(|file| file.sync_all())
                    .map_err(failed)?;
                folders.extend(file.parent().map(FsPath::to_owned));
            }
            // The name of a new file is in its folder.
            for folder in folders {
                let failed = |error: std::io::Error| (folder.clone(), error.to_string());
                File::open(&folder)
                    .and_then(|file| file.sync_all())
                    .map_err(failed)?;
            }
            Ok(())
        });
        let not_synced = |(path, reason): (PathBuf, String)| Error::Store {
            action: "write",
            object: path.display().to_string(),
            reason,
        };
        synced.await.unwrap_or(Ok(())).map_err(not_synced)
    }

    /// Starts to write a file through to the disk, so that a later
    /// [`Location::sync`] takes less time. That one also reports failures.
    pub(crate) fn start_sync(&self, path: &Path) {
        if let Some(file) = self.file(path) {
            tokio::task::spawn_blocking(move || File::open(file).and_then(|file| file.sync_all()));
        }
    }

    /// The location at `relative` below this one.
    pub fn join(&self, relative: &str) -> Self {
        let relative = relative.trim_matches('/');
        let mut below = self.clone();
        if relative.is_empty() {
            return below;
        }
        below.prefix = self.child(relative);
        below.folder = self.folder.as_ref().map(|folder| folder.join(relative));
        below.text = format!("{}/{relative}", self.text.trim_end_matches('/'));
        below.url = match &below.folder {
            Some(folder) => Url::from_directory_path(folder).unwrap_or_else(|()| self.url.clone()),
            None => {
                let mut url = self.url.clone();
                url.set_path(&format!("/{}/", below.prefix));
                url
            }
        };
        below
    }

    /// The object at `path` (a path in the store) as messages show it: the path of
    /// the file, or a URL.
    pub fn display(&self, path: &Path) -> String {
        match &self.folder {
            Some(folder) => match path.prefix_match(&self.prefix) {
                Some(rest) => {
                    let mut shown = PathBuf::from(self.text_as_path(folder));
                    shown.extend(rest.map(|part| part.as_ref().to_owned()));
                    shown.display().to_string()
                }
                None => format!("/{path}"),
            },
            None => {
                let bucket = self.url.host_str().unwrap_or_default();
                format!("s3://{bucket}/{path}")
            }
        }
    }

    /// The folder as messages show it.
    pub(crate) fn shown_folder(&self) -> String {
        let folder = self.folder.as_deref();
        folder.map_or_else(|| self.text.clone(), |folder| self.text_as_path(folder))
    }

    fn text_as_path(&self, folder: &FsPath) -> String {
        if self.text.contains("://") {
            folder.display().to_string()
        } else {
            self.text.clone()
        }
    }

    /// Whether the location contains the file at `path` on this machine. Follows
    /// links. The file need not exist.
    pub fn contains(&self, path: &FsPath) -> bool {
        let path = std::path::absolute(path).map(|path| resolve(&path));
        match (&self.folder, path) {
            (Some(folder), Ok(path)) => path.starts_with(folder),
            _ => false,
        }
    }

    /// Whether one location contains the other, or both are the same.
    pub fn overlaps(&self, other: &Self) -> bool {
        let same_store = match (&self.folder, &other.folder) {
            (Some(_), Some(_)) => true,
            (None, None) => self.url.host_str() == other.url.host_str(),
            _ => false,
        };
        same_store
            && (self.prefix.prefix_matches(&other.prefix)
                || other.prefix.prefix_matches(&self.prefix))
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({})", self.url)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The retries of the client of a remote store: for lost connections and server
/// errors. Limited, so that a store that is down ends the run with a message.
///
/// `AWS_TIMEOUT` (30 s) and `AWS_CONNECT_TIMEOUT` (5 s) limit each request,
/// `AWS_MAX_ATTEMPTS` the number of attempts.
fn retry_config() -> Result<RetryConfig, String> {
    const ATTEMPTS: usize = 9;
    let name = "AWS_MAX_ATTEMPTS";
    let attempts = match std::env::var(name) {
        Err(_) => ATTEMPTS,
        Ok(text) => match text.parse() {
            Ok(attempts) if attempts > 0 => attempts,
            _ => return Err(format!("{name} is not a number: {text}")),
        },
    };
    Ok(RetryConfig {
        max_retries: attempts - 1,
        retry_timeout: Duration::from_secs(60),
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            base: 2.0,
        },
    })
}

/// Whether the client can use `text` as an endpoint. It does not check that.
fn is_endpoint(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Resolves `.`, `..` and the links in the existing part of `folder`, so that two
/// paths of one folder are equal.
fn resolve(folder: &FsPath) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in folder.components() {
        match part {
            std::path::Component::ParentDir => {
                // `a/link/..` is the parent of the target of the link.
                plain = plain.canonicalize().unwrap_or(plain);
                plain.pop();
            }
            std::path::Component::CurDir => {}
            other => plain.push(other),
        }
    }
    let mut missing = Vec::new();
    let mut existing = plain.as_path();
    loop {
        if let Ok(real) = existing.canonicalize() {
            return missing
                .iter()
                .rev()
                .fold(real, |path, part| path.join(part));
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name.to_owned());
                existing = parent;
            }
            _ => return plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_locations() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().to_str().unwrap();
        std::fs::create_dir(folder.path().join("real")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("real"), folder.path().join("link")).unwrap();
        for (one, other, expected) in [
            ("a", "a", true),
            ("a", "a/b", true),
            ("a/b/c", "a", true),
            ("a", "ab", false),
            ("a", "b", false),
            ("a/../b", "b", true),
            ("link/lake", "real", true),
            ("link/../a", "a", true),
        ] {
            let at = |path: &str| Location::parse(&format!("{base}/{path}")).unwrap();
            assert_eq!(at(one).overlaps(&at(other)), expected, "{one} and {other}");
        }
    }

    #[test]
    fn a_location_contains_files_through_links() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("real")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("real"), folder.path().join("link")).unwrap();
        for (location, file, expected) in [
            ("a", "a/k", true),
            ("a", "a/b/c/k", true),
            ("a", "ab/k", false),
            ("a", "k", false),
            ("a", "a/../k", false),
            ("real", "link/k", true),
            ("link", "real/k", true),
        ] {
            let at = Location::parse(folder.path().join(location).to_str().unwrap()).unwrap();
            let file = folder.path().join(file);
            assert_eq!(at.contains(&file), expected, "{location} and {file:?}");
        }
        let bucket = Location::parse("s3://bucket/a").unwrap();
        assert!(!bucket.contains(FsPath::new("/a/k")));
    }

    #[test]
    fn invalid_locations() {
        for (text, reason) in [
            ("", "it is empty"),
            ("ftp://host/x", "the scheme ftp:// is not supported"),
            ("s3://", "it has no bucket"),
        ] {
            let error = Location::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_folder_with_spaces_and_percent_signs_keeps_its_name() {
        let at = Location::parse("/tmp/a b/50%25 c").unwrap();
        assert_eq!(at.folder().unwrap(), FsPath::new("/tmp/a b/50%25 c"));
        let file = at.child("x y.json");
        assert_eq!(at.display(&file), "/tmp/a b/50%25 c/x y.json");
    }
}
