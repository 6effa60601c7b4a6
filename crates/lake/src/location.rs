//! Where landing files or a lake lie: a folder or an object store.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use url::Url;

use crate::error::Error;
use crate::store::retry::Steady;
use crate::store_error::store_reason;

/// A folder or object-store prefix, opened.
///
/// Cheap to clone. Paths handed out are relative to the store's root, so that
/// a Parquet scan and the Delta log name one file the same way.
#[derive(Clone)]
pub struct Location {
    url: Url,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    folder: Option<PathBuf>,
    text: String,
}

impl Location {
    /// Opens `text`, a folder (made absolute here) or a URL.
    ///
    /// Nothing is read or made yet.
    ///
    /// # Errors
    /// [`Error::Location`] for a scheme or a path that cannot be opened.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Location {
            text: text.to_owned(),
            reason,
        };
        if text.trim().is_empty() {
            return Err(wrong("it is empty".to_owned()));
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return Self::of_folder(text, FsPath::new(text));
        };
        let url = Url::parse(text).map_err(|e| wrong(e.to_string()))?;
        match scheme {
            "file" => {
                let folder = url
                    .to_file_path()
                    .map_err(|()| wrong("a file URL names an absolute path".to_owned()))?;
                Self::of_folder(text, &folder)
            }
            "s3" | "s3a" => Self::of_bucket(text, &url),
            other => Err(wrong(format!("the scheme {other}:// is not known"))),
        }
    }

    fn of_folder(text: &str, folder: &FsPath) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Location {
            text: text.to_owned(),
            reason,
        };
        let folder = std::path::absolute(folder).map_err(|e| wrong(e.to_string()))?;
        let folder = resolve(&folder);
        let prefix = Path::from_absolute_path(&folder).map_err(|e| wrong(e.to_string()))?;
        let url = Url::from_directory_path(&folder)
            .map_err(|()| wrong("the path cannot be written as a URL".to_owned()))?;
        Ok(Self {
            url,
            store: Arc::new(LocalFileSystem::new()),
            prefix,
            folder: Some(folder),
            text: text.to_owned(),
        })
    }

    fn of_bucket(text: &str, url: &Url) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Location {
            text: text.to_owned(),
            reason,
        };
        let bucket = url
            .host_str()
            .ok_or_else(|| wrong("it names no bucket".to_owned()))?;
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
                // It is not shown: it may hold a password.
                return Err(setting(
                    "AWS_ENDPOINT is not a URL".to_owned(),
                    "write it as http://host:port or https://host",
                ));
            }
        }
        let store = builder
            .with_retry(patience().map_err(|reason| setting(reason, "give a number from 1 on"))?)
            .build()
            .map_err(|error| {
                setting(
                    store_reason(&error),
                    "check the variables whose names begin with AWS_",
                )
            })?;
        let prefix = Path::from_url_path(url.path()).map_err(|e| wrong(e.to_string()))?;
        let mut root = Url::parse(&format!("s3://{bucket}/")).map_err(|e| wrong(e.to_string()))?;
        if !prefix.as_ref().is_empty() {
            root.set_path(&format!("/{prefix}/"));
        }
        Ok(Self {
            url: root,
            store: Arc::new(Steady::new(store)),
            prefix,
            folder: None,
            text: text.to_owned(),
        })
    }

    /// A store that a test looks into.
    #[cfg(test)]
    pub(crate) fn in_store(store: Arc<dyn ObjectStore>) -> Self {
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

    /// As the user wrote it, for messages.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// With a trailing slash.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The whole store; paths in it start at its root, not at this location.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// This location's path in the store.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The folder on this machine, if it is one.
    pub fn folder(&self) -> Option<&FsPath> {
        self.folder.as_deref()
    }

    /// The file on this machine that the store's `path` means, if it is one.
    pub fn file(&self, path: &Path) -> Option<PathBuf> {
        self.folder.as_ref()?;
        LocalFileSystem::new().path_to_filesystem(path).ok()
    }

    /// The path of `relative` (segments divided by `/`) in the store.
    pub fn child(&self, relative: &str) -> Path {
        relative
            .split('/')
            .filter(|part| !part.is_empty())
            .fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Sees to it that what was written to `paths` outlasts a reset of the
    /// machine, before anything speaks of it. A store does so by itself.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn make_durable(&self, paths: &[Path]) -> Result<(), Error> {
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
            // A new name is kept by the folder it stands in.
            for folder in folders {
                let failed = |error: std::io::Error| (folder.clone(), error.to_string());
                File::open(&folder)
                    .and_then(|file| file.sync_all())
                    .map_err(failed)?;
            }
            Ok(())
        });
        let refused = |(path, reason): (PathBuf, String)| Error::Store {
            action: "write",
            object: path.display().to_string(),
            reason,
        };
        synced.await.unwrap_or(Ok(())).map_err(refused)
    }

    /// Has the machine begin to put a file on its disk, so that little is left to
    /// wait for in [`Location::make_durable`], which also tells what failed.
    pub(crate) fn begin_to_make_durable(&self, path: &Path) {
        if let Some(file) = self.file(path) {
            tokio::task::spawn_blocking(move || File::open(file).and_then(|file| file.sync_all()));
        }
    }

    /// The location `relative` below this one.
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

    /// What a person calls the object at `path` (a path in the store): the
    /// file's path on this machine, or its URL.
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

    fn text_as_path(&self, folder: &FsPath) -> String {
        if self.text.contains("://") {
            folder.display().to_string()
        } else {
            self.text.clone()
        }
    }

    /// Whether the file at `path` on this machine lies in it, links followed.
    /// The file need not exist.
    pub fn contains(&self, path: &FsPath) -> bool {
        let path = std::path::absolute(path).map(|path| resolve(&path));
        match (&self.folder, path) {
            (Some(folder), Ok(path)) => path.starts_with(folder),
            _ => false,
        }
    }

    /// Whether one lies in the other, or both are the same place.
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

/// How long a store is asked again that does not answer, or says that it is not
/// able to. Bounded, so that one that is gone ends the run with a message.
///
/// Each single request is bounded by `AWS_TIMEOUT` (30 s) and
/// `AWS_CONNECT_TIMEOUT` (5 s), how often one is made by `AWS_MAX_ATTEMPTS`.
fn patience() -> Result<RetryConfig, String> {
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

/// What the library takes for granted.
fn is_endpoint(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Follows links in the part of `folder` that exists and takes `.` and `..`
/// away, so that two names of one place compare equal.
fn resolve(folder: &FsPath) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in folder.components() {
        match part {
            std::path::Component::ParentDir => {
                // `a/link/..` is the parent of what the link points at.
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
    fn locations_that_overlap() {
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
    fn files_that_lie_in_a_location() {
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
    fn text_that_is_no_location() {
        for (text, reason) in [
            ("", "it is empty"),
            ("ftp://host/x", "the scheme ftp:// is not known"),
            ("s3://", "it names no bucket"),
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
