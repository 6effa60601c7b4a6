//! Saved statements: what each user keeps under a name, in one file of the server's own.
//!
//! - They belong to a user by name and id: a user who is removed and added again does not
//!   get those of before. Where nobody signs in they belong to everybody on this machine.
//! - A statement may hold personal values. Neither a statement nor its name goes into a
//!   log, an error or an address; addresses have the id.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use door::{FileFault, PrivateFile, hex, random};
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Kind};
use crate::principal::Principal;

/// Statements of one user.
const COUNT_MAX: usize = 500;

/// Characters of a name.
const NAME_CHARS_MAX: usize = 100;

/// Bytes of a statement.
const SQL_BYTES_MAX: usize = 64 << 10;

/// Bytes of all statements of one user.
const OWN_BYTES_MAX: usize = 2 << 20;

/// Bytes of the file.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Why a statement cannot be saved or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// The file cannot be used.
    #[error("cannot use the file of saved statements {0}")]
    File(String),
    /// Another statement of the user has the name.
    #[error("there is a saved statement of that name already")]
    Known {
        /// Its id.
        id: String,
    },
    /// The user has no statement of that id.
    #[error("there is no saved statement of that id")]
    Unknown,
    /// A name that is none.
    #[error("a name has 1 to {NAME_CHARS_MAX} characters, and no control characters")]
    Name,
    /// A statement that is empty or too long.
    #[error("a saved statement is not empty, and has at most {} kB", SQL_BYTES_MAX / 1024)]
    Statement,
    /// The user has too many.
    #[error("you have {COUNT_MAX} saved statements, or {} MB of them", OWN_BYTES_MAX >> 20)]
    Full,
}

impl From<FileFault> for SavedError {
    fn from(error: FileFault) -> Self {
        Self::File(error.to_string())
    }
}

impl From<SavedError> for Fault {
    fn from(error: SavedError) -> Self {
        let (kind, hint) = match &error {
            SavedError::File(_) => {
                tracing::error!("{error}");
                return Fault::new(
                    Kind::Failed,
                    "the file of saved statements cannot be read or written",
                )
                .with_hint("nothing of it was changed; the server's log has the cause");
            }
            SavedError::Known { .. } => (
                Kind::Wrong,
                "save it under another name, or replace that one",
            ),
            SavedError::Unknown => (Kind::Missing, "the list has all that are yours"),
            SavedError::Name => (Kind::Wrong, "choose a short name"),
            SavedError::Statement => (Kind::Limit, "save a part of it"),
            SavedError::Full => (Kind::Limit, "delete some that you no longer need"),
        };
        Fault::new(kind, error.to_string()).with_hint(hint)
    }
}

/// A saved statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SavedStatement {
    /// What names it in addresses.
    pub id: String,
    /// What its user calls it.
    pub name: String,
    /// The statement.
    pub sql: String,
    /// When it was saved last.
    pub saved_at: DateTime<Utc>,
}

/// A saved statement as the file has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    /// The user's name, and what tells the user from an earlier one of that name.
    user: String,
    user_id: String,
    id: String,
    name: String,
    sql: String,
    saved_at: DateTime<Utc>,
}

impl Stored {
    fn is_of(&self, who: &Principal) -> bool {
        self.user == *who.name && self.user_id == *who.id
    }

    fn shown(&self) -> SavedStatement {
        SavedStatement {
            id: self.id.clone(),
            name: self.name.clone(),
            sql: self.sql.clone(),
            saved_at: self.saved_at,
        }
    }
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct All {
    statements: Vec<Stored>,
}

/// The file of saved statements.
#[derive(Debug)]
pub struct Saved {
    file: PrivateFile<All>,
}

impl Saved {
    /// The statements of a file, which need not exist.
    pub fn at(path: PathBuf) -> Self {
        Self {
            file: PrivateFile::of_at_most(path, FILE_BYTES_MAX),
        }
    }

    /// Whether the file can be used.
    ///
    /// # Errors
    /// [`SavedError::File`].
    pub fn check(&self) -> Result<(), SavedError> {
        self.file.read()?;
        Ok(())
    }

    /// The user's statements, by name.
    ///
    /// # Errors
    /// [`SavedError::File`].
    pub fn of(&self, who: &Principal) -> Result<Vec<SavedStatement>, SavedError> {
        let all = self.file.read()?.1;
        let own = all.statements.iter().filter(|one| one.is_of(who));
        let mut own: Vec<SavedStatement> = own.map(Stored::shown).collect();
        own.sort_by_cached_key(|one| one.name.to_lowercase());
        Ok(own)
    }

    /// One of the user's statements.
    ///
    /// # Errors
    /// [`SavedError::Unknown`], [`SavedError::File`].
    pub fn find(&self, who: &Principal, id: &str) -> Result<SavedStatement, SavedError> {
        let all = self.file.read()?.1;
        let mut own = all.statements.iter().filter(|one| one.is_of(who));
        let found = own.find(|one| one.id == id).map(Stored::shown);
        found.ok_or(SavedError::Unknown)
    }

    /// Saves a statement: in the place of that of `id`, or beside all others.
    ///
    /// # Errors
    /// [`SavedError::Known`] if another one has the name, [`SavedError::Unknown`] if there
    /// is none of `id`; what is wrong with name, statement or file.
    pub fn save(
        &self,
        who: &Principal,
        id: Option<&str>,
        name: &str,
        sql: &str,
    ) -> Result<SavedStatement, SavedError> {
        let name = name.trim();
        let is_long = name.chars().count() > NAME_CHARS_MAX;
        if name.is_empty() || is_long || name.chars().any(char::is_control) {
            return Err(SavedError::Name);
        }
        if sql.trim().is_empty() || sql.len() > SQL_BYTES_MAX {
            return Err(SavedError::Statement);
        }
        self.file.change(|all| {
            let own = || all.statements.iter().filter(|one| one.is_of(who));
            if id.is_some_and(|id| !own().any(|one| one.id == id)) {
                return Err(SavedError::Unknown);
            }
            if let Some(other) = own().find(|one| one.name == name && Some(one.id.as_str()) != id) {
                return Err(SavedError::Known {
                    id: other.id.clone(),
                });
            }
            let others = own().filter(|one| Some(one.id.as_str()) != id);
            let (count, bytes) = others.fold((1, sql.len()), |(count, bytes), one| {
                (count + 1, bytes + one.sql.len())
            });
            let stored = Stored {
                user: who.name.to_string(),
                user_id: who.id.to_string(),
                id: id.map_or_else(|| hex(&random::<8>()), str::to_owned),
                name: name.to_owned(),
                sql: sql.to_owned(),
                saved_at: Utc::now(),
            };
            let shown = stored.shown();
            match id {
                Some(id) => {
                    let mut all = all.statements.iter_mut();
                    let place = all.find(|one| one.is_of(who) && one.id == id);
                    *place.ok_or(SavedError::Unknown)? = stored;
                }
                None => all.statements.push(stored),
            }
            match count > COUNT_MAX || bytes > OWN_BYTES_MAX {
                true => Err(SavedError::Full),
                false => Ok(shown),
            }
        })
    }

    /// Deletes one of the user's statements.
    ///
    /// # Errors
    /// [`SavedError::Unknown`], [`SavedError::File`].
    pub fn delete(&self, who: &Principal, id: &str) -> Result<(), SavedError> {
        self.file.change(|all| {
            let before = all.statements.len();
            all.statements.retain(|one| !one.is_of(who) || one.id != id);
            match all.statements.len() == before {
                true => Err(SavedError::Unknown),
                false => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::principal::Role;

    fn user(name: &str, id: &str) -> Principal {
        Principal {
            id: id.into(),
            ..Principal::unnamed(name, Role::Scientist)
        }
    }

    fn saved(folder: &Path) -> Saved {
        Saved::at(folder.join("state/saved.json"))
    }

    fn names(saved: &Saved, who: &Principal) -> Vec<String> {
        let own = saved.of(who).unwrap().into_iter();
        own.map(|one| one.name).collect()
    }

    #[test]
    fn statements_are_their_users_own_until_they_delete_them() {
        let folder = tempfile::tempdir().unwrap();
        let saved = saved(folder.path());
        let (ada, other_ada, bob) = (user("ada", "1"), user("ada", "2"), user("bob", "1"));
        let one = saved.save(&ada, None, " one ", "select 1").unwrap();
        assert_eq!(one.name, "one");
        let error = saved.save(&ada, None, "one", "select 2").unwrap_err();
        assert!(matches!(error, SavedError::Known { id } if id == one.id));
        saved.save(&bob, None, "one", "select 'bob'").unwrap();
        for who in [&other_ada, &bob] {
            for failed in [
                saved.find(who, &one.id).map(drop),
                saved.save(who, Some(&one.id), "x", "select 3").map(drop),
                saved.delete(who, &one.id),
            ] {
                assert!(matches!(failed, Err(SavedError::Unknown)), "{failed:?}");
            }
        }
        assert_eq!(names(&saved, &other_ada), [""; 0]);
        let changed = saved.save(&ada, Some(&one.id), "eins", "select 11");
        assert_eq!(changed.unwrap().id, one.id);
        assert_eq!(saved.find(&ada, &one.id).unwrap().sql, "select 11");
        saved.delete(&ada, &one.id).unwrap();
        assert_eq!(names(&saved, &ada), [""; 0]);
        assert_eq!(names(&saved, &bob), ["one"]);
    }

    #[test]
    fn what_is_too_much_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let saved = saved(folder.path());
        let ada = user("ada", "1");
        let long = "x".repeat(SQL_BYTES_MAX);
        for (name, sql, expected) in [
            ("", "select 1", "1 to 100 characters"),
            ("  ", "select 1", "1 to 100 characters"),
            ("a\nb", "select 1", "control"),
            (&*"n".repeat(101), "select 1", "1 to 100 characters"),
            ("n", " ", "not empty"),
            ("n", &*format!("{long}x"), "at most 64 kB"),
        ] {
            let error = saved.save(&ada, None, name, sql).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
        for number in 0..OWN_BYTES_MAX / SQL_BYTES_MAX {
            saved.save(&ada, None, &format!("{number}"), &long).unwrap();
        }
        let full = saved.save(&ada, None, "more", "select 1").unwrap_err();
        assert!(matches!(full, SavedError::Full));
        assert_eq!(saved.of(&ada).unwrap().len(), OWN_BYTES_MAX / SQL_BYTES_MAX);
        saved
            .save(&user("bob", "1"), None, "b", "select 1")
            .unwrap();
    }

    #[test]
    fn a_damaged_file_is_kept_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let saved = saved(folder.path());
        let ada = user("ada", "1");
        saved.save(&ada, None, "one", "select 'secret'").unwrap();
        let path = folder.path().join("state/saved.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let damaged = &text[..text.len() / 2];
        std::fs::write(&path, damaged).unwrap();
        for error in [
            saved.of(&ada).map(drop).unwrap_err(),
            saved.save(&ada, None, "two", "select 2").unwrap_err(),
            saved.check().unwrap_err(),
        ] {
            let error = error.to_string();
            assert!(error.contains("not as it was written"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
    }

    #[test]
    fn two_servers_keep_the_statements_of_both() {
        let folder = tempfile::tempdir().unwrap();
        let ada = user("ada", "1");
        std::thread::scope(|scope| {
            for server in 0..4 {
                let (ada, saved) = (&ada, saved(folder.path()));
                scope.spawn(move || {
                    for number in 0..10 {
                        let name = format!("{server} {number}");
                        saved.save(ada, None, &name, "select 1").unwrap();
                    }
                });
            }
        });
        assert_eq!(saved(folder.path()).of(&ada).unwrap().len(), 40);
    }
}
