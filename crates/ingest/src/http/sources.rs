//! Who may post: sources, each with a token and the tables that it may write to.
//!
//! The file has hashes of tokens. A token is shown once, as `stedi-listen_NAME_SECRET`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use door::{FileFault, PrivateFile, TooMany, Verifier, hashed, hex, is_name, random};
use serde::{Deserialize, Serialize};

/// What a token begins with, so that it is recognised where it should not be.
const TOKEN_PREFIX: &str = "stedi-listen_";

/// Why sources cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourcesError {
    /// The file cannot be read or written.
    #[error("cannot use the sources file {path}: {reason}")]
    File {
        /// Its path.
        path: String,
        /// The reason.
        reason: String,
    },
    /// The file can be read by others.
    #[error("other users of this machine can read the sources file {path} (mode {mode:04o})")]
    Readable {
        /// Its path.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// There is no source of that name.
    #[error("there is no source `{0}`")]
    Unknown(String),
    /// A name that is none.
    #[error("a source's name has 1 to 32 of the characters a-z, 0-9, `.` and `-`")]
    Name,
    /// Too many tokens are verified at once.
    #[error("too many sign in at once")]
    Busy,
}

impl From<FileFault> for SourcesError {
    fn from(fault: FileFault) -> Self {
        match fault {
            FileFault::File { path, reason } => Self::File { path, reason },
            FileFault::Readable { path, mode } => Self::Readable { path, mode },
        }
    }
}

impl From<TooMany> for SourcesError {
    fn from(_: TooMany) -> Self {
        Self::Busy
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredSource {
    name: String,
    tables: Vec<String>,
    token: String,
    created: DateTime<Utc>,
    expires: DateTime<Utc>,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Stored {
    sources: Vec<StoredSource>,
}

/// What is shown of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceSummary {
    /// Its name.
    pub name: String,
    /// The tables it may write to.
    pub tables: Vec<String>,
    /// When its token was made.
    pub created: DateTime<Utc>,
    /// When its token ends.
    pub expires: DateTime<Utc>,
}

/// The file of sources.
#[derive(Debug)]
pub struct Sources {
    file: PrivateFile<Stored>,
    verifier: Verifier,
}

impl Sources {
    /// The sources of a file, which need not exist.
    pub fn at(path: PathBuf) -> Self {
        Self {
            file: PrivateFile::at(path),
            verifier: Verifier::default(),
        }
    }

    /// All sources, by name.
    ///
    /// # Errors
    /// [`SourcesError::File`], [`SourcesError::Readable`].
    pub fn list(&self) -> Result<Vec<SourceSummary>, SourcesError> {
        let stored = self.file.read()?.1;
        let mut sources: Vec<SourceSummary> = stored.sources.iter().map(summary).collect();
        sources.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(sources)
    }

    /// Makes the token of a source, which replaces the one it had. It is given once and not
    /// stored.
    ///
    /// # Errors
    /// [`SourcesError::Name`], and as [`Sources::list`].
    pub fn add_token(
        &self,
        name: &str,
        tables: &[String],
        valid: chrono::Duration,
    ) -> Result<String, SourcesError> {
        if !is_name(name) {
            return Err(SourcesError::Name);
        }
        let secret = hex(&random::<32>());
        let token = hashed(&secret);
        let created = Utc::now();
        self.file.change(|stored: &mut Stored| {
            stored.sources.retain(|source| source.name != name);
            stored.sources.push(StoredSource {
                name: name.to_owned(),
                tables: tables.to_vec(),
                token,
                created,
                expires: created + valid,
            });
            Ok::<(), SourcesError>(())
        })?;
        Ok(format!("{TOKEN_PREFIX}{name}_{secret}"))
    }

    /// Removes a source with its token.
    ///
    /// # Errors
    /// [`SourcesError::Unknown`], and as [`Sources::list`].
    pub fn remove(&self, name: &str) -> Result<(), SourcesError> {
        self.file.change(|stored: &mut Stored| {
            let before = stored.sources.len();
            stored.sources.retain(|source| source.name != name);
            match stored.sources.len() == before {
                true => Err(SourcesError::Unknown(name.to_owned())),
                false => Ok(()),
            }
        })
    }

    /// The source of a token that has not ended. Takes some milliseconds of a core the first
    /// time, also for tokens that nobody has.
    ///
    /// # Errors
    /// As [`Sources::list`]; [`SourcesError::Busy`].
    pub fn of_token(&self, token: &str) -> Result<Option<SourceSummary>, SourcesError> {
        let (stamp, stored) = self.file.read()?;
        let parts = token.strip_prefix(TOKEN_PREFIX);
        let Some((name, secret)) = parts.and_then(|parts| parts.split_once('_')) else {
            return Ok(None);
        };
        let found = stored.sources.iter().find(|source| source.name == name);
        let found = found.filter(|source| source.expires > Utc::now());
        let hash = found.map(|source| source.token.as_str());
        let fits = self.verifier.fits(secret, hash, stamp)?;
        Ok(found.filter(|_| fits).map(summary))
    }
}

fn summary(source: &StoredSource) -> SourceSummary {
    SourceSummary {
        name: source.name.clone(),
        tables: source.tables.clone(),
        created: source.created,
        expires: source.expires,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_which_source_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources::at(folder.path().join("state/sources.json"));
        let tables = ["t".to_owned()];
        let day = chrono::Duration::days(1);
        let old = sources.add_token("app", &tables, day).unwrap();
        let app = sources.add_token("app", &tables, day).unwrap();
        let ended = sources
            .add_token("shop", &tables, chrono::Duration::zero())
            .unwrap();
        let forged = app.replace("_app_", "_shop_");
        for (token, expected) in [
            (app.as_str(), Some("app")),
            (&old, None),
            (&ended, None),
            (&forged, None),
            ("", None),
            ("stedi-listen_app_", None),
        ] {
            let found = sources.of_token(token).unwrap();
            assert_eq!(
                found.map(|source| source.name).as_deref(),
                expected,
                "{token}"
            );
        }
        sources.remove("app").unwrap();
        assert_eq!(sources.of_token(&app).unwrap(), None);
        assert!(matches!(
            sources.remove("app"),
            Err(SourcesError::Unknown(_))
        ));
        assert!(matches!(
            sources.add_token("App", &tables, day),
            Err(SourcesError::Name)
        ));
    }
}
