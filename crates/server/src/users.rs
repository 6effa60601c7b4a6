//! Users, their passwords and tokens: one file that only its owner can read.
//!
//! Passwords and tokens are stored as argon2id hashes. A token is shown once, as
//! `stedi_NAME_ID_SECRET`. Changes replace the file as a whole, so that a reader finds the
//! old or the new one; a lock beside it keeps two writers apart. The server reads the file
//! again when it changed, so that a revoked token ends at once.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use door::{FileFault, PrivateFile, Verifier, hashed, hex, is_name, random};
use serde::{Deserialize, Serialize};

use crate::principal::{Principal, Role};

/// Characters of the shortest password.
const PASSWORD_MIN: usize = 12;

/// What a token begins with, so that it is recognised where it should not be.
const TOKEN_PREFIX: &str = "stedi_";

/// Why users cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsersError {
    /// The file cannot be read or written.
    #[error("cannot use the users file {path}: {reason}")]
    File {
        /// Its path.
        path: String,
        /// The reason.
        reason: String,
    },
    /// The file can be read by others.
    #[error("other users of this machine can read the users file {path} (mode {mode:04o})")]
    Readable {
        /// Its path.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// There is a user of that name.
    #[error("there is a user `{0}` already")]
    Known(String),
    /// There is no user of that name.
    #[error("there is no user `{0}`")]
    Unknown(String),
    /// There is no token of that id.
    #[error("{user} has no token `{id}`")]
    NoToken {
        /// The user.
        user: String,
        /// The id.
        id: String,
    },
    /// Too many sign-ins come at once.
    #[error("too many sign in at once")]
    Busy,
    /// A name that is none.
    #[error("a user's name has 1 to 32 of the characters a-z, 0-9, `.` and `-`")]
    Name,
    /// A password that is too short.
    #[error("a password has {PASSWORD_MIN} characters or more")]
    Password,
}

impl From<FileFault> for UsersError {
    fn from(fault: FileFault) -> Self {
        match fault {
            FileFault::File { path, reason } => Self::File { path, reason },
            FileFault::Readable { path, mode } => Self::Readable { path, mode },
        }
    }
}

impl From<door::TooMany> for UsersError {
    fn from(_: door::TooMany) -> Self {
        Self::Busy
    }
}

/// A user as the file has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredUser {
    name: String,
    /// Tells the user from an earlier one of the same name.
    #[serde(default)]
    id: String,
    role: Role,
    #[serde(default)]
    sees_personal: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(default)]
    tokens: Vec<StoredToken>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredToken {
    id: String,
    hash: String,
    created: DateTime<Utc>,
    expires: DateTime<Utc>,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Stored {
    users: Vec<StoredUser>,
}

/// What `stedi user list` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserSummary {
    /// The user's name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether an engineer sees personal values as they are.
    pub sees_personal: bool,
    /// Whether the user can sign in with a password.
    pub has_password: bool,
    /// The tokens that are not revoked.
    pub tokens: Vec<TokenSummary>,
}

/// One token of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenSummary {
    /// What names it.
    pub id: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it ends.
    pub expires: DateTime<Utc>,
}

/// The file of users.
#[derive(Debug)]
pub struct Users {
    file: PrivateFile<Stored>,
    verifier: Verifier,
}

impl Users {
    /// The users of a file, which need not exist.
    pub fn at(path: PathBuf) -> Self {
        Self {
            file: PrivateFile::at(path),
            verifier: Verifier::default(),
        }
    }

    /// Whether there are none.
    ///
    /// # Errors
    /// [`UsersError::File`], [`UsersError::Readable`].
    pub fn is_empty(&self) -> Result<bool, UsersError> {
        Ok(self.file.read()?.1.users.is_empty())
    }

    /// All users, by name.
    ///
    /// # Errors
    /// As [`Users::is_empty`].
    pub fn list(&self) -> Result<Vec<UserSummary>, UsersError> {
        let stored = self.file.read()?.1;
        let mut users: Vec<UserSummary> = stored.users.iter().map(summary).collect();
        users.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(users)
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`UsersError::Known`], [`UsersError::Name`], [`UsersError::Password`].
    pub fn add(
        &self,
        name: &str,
        role: Role,
        sees_personal: bool,
        password: Option<&str>,
    ) -> Result<(), UsersError> {
        if !is_name(name) {
            return Err(UsersError::Name);
        }
        if password.is_some_and(|password| password.chars().count() < PASSWORD_MIN) {
            return Err(UsersError::Password);
        }
        let password = password.map(hashed);
        self.file.change(|stored| {
            if stored.users.iter().any(|user| user.name == name) {
                return Err(UsersError::Known(name.to_owned()));
            }
            stored.users.push(StoredUser {
                name: name.to_owned(),
                id: hex(&random::<8>()),
                role,
                sees_personal,
                password,
                tokens: Vec::new(),
            });
            Ok(())
        })
    }

    /// Removes a user with all tokens.
    ///
    /// # Errors
    /// [`UsersError::Unknown`].
    pub fn remove(&self, name: &str) -> Result<(), UsersError> {
        self.file.change(|stored| {
            let before = stored.users.len();
            stored.users.retain(|user| user.name != name);
            match stored.users.len() == before {
                true => Err(UsersError::Unknown(name.to_owned())),
                false => Ok(()),
            }
        })
    }

    /// Makes a token for a user. It is given once and not stored.
    ///
    /// # Errors
    /// [`UsersError::Unknown`].
    pub fn add_token(&self, name: &str, valid: chrono::Duration) -> Result<String, UsersError> {
        let (id, secret) = (hex(&random::<4>()), hex(&random::<32>()));
        let hash = hashed(&secret);
        let created = Utc::now();
        self.file.change(|stored| {
            let user = find(stored, name)?;
            user.tokens.retain(|token| token.expires > created);
            user.tokens.push(StoredToken {
                id: id.clone(),
                hash,
                created,
                expires: created + valid,
            });
            Ok::<(), UsersError>(())
        })?;
        Ok(format!("{TOKEN_PREFIX}{name}_{id}_{secret}"))
    }

    /// Revokes a token of a user, or all of them.
    ///
    /// # Errors
    /// [`UsersError::Unknown`], [`UsersError::NoToken`].
    pub fn revoke(&self, name: &str, id: Option<&str>) -> Result<usize, UsersError> {
        self.file.change(|stored| {
            let user = find(stored, name)?;
            let before = user.tokens.len();
            user.tokens
                .retain(|token| id.is_some_and(|id| token.id != id));
            let revoked = before - user.tokens.len();
            match (revoked, id) {
                (0, Some(id)) => Err(UsersError::NoToken {
                    user: name.to_owned(),
                    id: id.to_owned(),
                }),
                _ => Ok(revoked),
            }
        })
    }

    /// The user of a name and a password, or of a name and a token; `None` if they do not
    /// fit. Takes some milliseconds of a core, also for names that do not exist.
    ///
    /// # Errors
    /// As [`Users::is_empty`]; [`UsersError::Busy`].
    pub fn sign_in(&self, name: &str, secret: &str) -> Result<Option<Principal>, UsersError> {
        if secret.starts_with(TOKEN_PREFIX) {
            let principal = self.of_token(secret)?;
            return Ok(principal.filter(|principal| principal.name.as_ref() == name));
        }
        let (stamp, stored) = self.file.read()?;
        let user = stored.users.iter().find(|user| user.name == name);
        let hash = user.and_then(|user| user.password.as_deref());
        let fits = self.verifier.fits(secret, hash, stamp)?;
        Ok(user.filter(|_| fits).map(principal))
    }

    /// The user of a token that is neither expired nor revoked.
    ///
    /// # Errors
    /// As [`Users::is_empty`]; [`UsersError::Busy`].
    pub fn of_token(&self, token: &str) -> Result<Option<Principal>, UsersError> {
        let (stamp, stored) = self.file.read()?;
        let mut parts = token
            .strip_prefix(TOKEN_PREFIX)
            .unwrap_or_default()
            .split('_');
        let (Some(name), Some(id), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Ok(None);
        };
        let user = stored.users.iter().find(|user| user.name == name);
        let found = user.and_then(|user| user.tokens.iter().find(|token| token.id == id));
        let found = found.filter(|token| token.expires > Utc::now());
        let fits = self
            .verifier
            .fits(secret, found.map(|token| token.hash.as_str()), stamp)?;
        Ok(user.filter(|_| fits).map(principal))
    }

    /// The user of that name as the file has it now; `None` if it was removed.
    ///
    /// # Errors
    /// As [`Users::is_empty`].
    pub fn principal(&self, name: &str) -> Result<Option<Principal>, UsersError> {
        let stored = self.file.read()?.1;
        let user = stored.users.iter().find(|user| user.name == name);
        Ok(user.map(principal))
    }
}

fn principal(user: &StoredUser) -> Principal {
    Principal {
        name: user.name.as_str().into(),
        id: user.id.as_str().into(),
        role: user.role,
        sees_personal: user.sees_personal,
    }
}

fn summary(user: &StoredUser) -> UserSummary {
    let tokens = user.tokens.iter().map(|token| TokenSummary {
        id: token.id.clone(),
        created: token.created,
        expires: token.expires,
    });
    UserSummary {
        name: user.name.clone(),
        role: user.role,
        sees_personal: user.sees_personal,
        has_password: user.password.is_some(),
        tokens: tokens.collect(),
    }
}

fn find<'s>(stored: &'s mut Stored, name: &str) -> Result<&'s mut StoredUser, UsersError> {
    let user = stored.users.iter_mut().find(|user| user.name == name);
    user.ok_or_else(|| UsersError::Unknown(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    const PASSWORD: &str = "correct horse";

    fn users(folder: &Path) -> Users {
        Users::at(folder.join("state/users.json"))
    }

    #[test]
    fn a_user_signs_in_with_password_or_token() {
        let folder = tempfile::tempdir().unwrap();
        let users = users(folder.path());
        assert!(users.is_empty().unwrap());
        users
            .add("ada", Role::Engineer, true, Some(PASSWORD))
            .unwrap();
        users.add("bob", Role::Scientist, false, None).unwrap();
        let token = users.add_token("bob", chrono::Duration::days(1)).unwrap();
        let ended = users.add_token("bob", chrono::Duration::zero()).unwrap();
        let other = users.add_token("ada", chrono::Duration::days(1)).unwrap();
        let forged = token.replace("_bob_", "_ada_");
        for (name, secret, expected) in [
            ("ada", PASSWORD, Some(Role::Engineer)),
            ("ada", PASSWORD, Some(Role::Engineer)),
            ("ada", "correct horsf", None),
            ("ada", "", None),
            ("bob", "", None),
            ("bob", PASSWORD, None),
            ("eve", PASSWORD, None),
            ("bob", &token, Some(Role::Scientist)),
            ("ada", &token, None),
            ("ada", &forged, None),
            ("ada", &other, Some(Role::Engineer)),
            ("bob", &ended, None),
        ] {
            let found = users.sign_in(name, secret).unwrap();
            assert_eq!(found.map(|found| found.role), expected, "{name} {secret}");
        }
        let id = users.list().unwrap()[1].tokens[0].id.clone();
        assert_eq!(users.revoke("bob", Some(&id)).unwrap(), 1);
        assert_eq!(users.sign_in("bob", &token).unwrap(), None);
        users.remove("ada").unwrap();
        assert_eq!(users.sign_in("ada", PASSWORD).unwrap(), None);
        let stored = std::fs::read_to_string(folder.path().join("state/users.json")).unwrap();
        for secret in [PASSWORD, token.rsplit('_').next().unwrap()] {
            assert!(!stored.contains(secret), "{stored}");
        }
    }

    #[test]
    fn names_passwords_and_files_that_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let users = users(folder.path());
        let add = |name, password| {
            let added = users.add(name, Role::Engineer, false, Some(password));
            added.unwrap_err().to_string()
        };
        assert!(add("Ada", PASSWORD).contains("a-z"));
        assert!(add("a_b", PASSWORD).contains("a-z"));
        assert!(add("ada", "short").contains("12 characters"));
        users.add("ada", Role::Engineer, false, None).unwrap();
        assert!(add("ada", PASSWORD).contains("already"));
        let path = folder.path().join("state/users.json");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let users = Users::at(path.clone());
        assert!(users.list().unwrap_err().to_string().contains("0644"));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, "{\"users\": [{\"name\": \"ada@example.com\"}]}").unwrap();
        let error = users.list().unwrap_err().to_string();
        assert!(
            error.contains("line 1") && !error.contains("example"),
            "{error}"
        );
    }
}
