//! Errors in a project, each with its place. Parsers of this crate collect them
//! and read on.

use std::fmt;

pub use crate::error_kind::ErrorKind;
use crate::text::Spot;

/// Something wrong at a place in the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file or folder as the caller named it.
    pub file: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: u32,
    /// The column, from 1 and in characters, where it is known.
    pub column: Option<u32>,
    /// What is wrong.
    pub kind: ErrorKind,
}

impl Error {
    pub(crate) fn at(file: &str, spot: Spot, kind: ErrorKind) -> Error {
        Error {
            file: file.to_owned(),
            line: spot.line,
            column: Some(spot.column),
            kind,
        }
    }

    /// An error about the file as a whole.
    pub(crate) fn whole(file: &str, kind: ErrorKind) -> Error {
        Error {
            file: file.to_owned(),
            line: 0,
            column: None,
            kind,
        }
    }

    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        self.kind.hint()
    }
}

impl fmt::Display for Error {
    /// `file:line:column: message`, then a line `hint: ...` where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        write!(f, ": {}", self.kind)?;
        match self.hint() {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// All errors, in order of file and line. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(Vec<Error>);

impl Errors {
    /// The value, or the errors if there are any.
    pub(crate) fn unless_empty<T>(value: T, errors: Vec<Error>) -> Result<T, Errors> {
        match errors.is_empty() {
            true => Ok(value),
            false => Err(errors.into()),
        }
    }

    /// The errors, in order of file and line.
    pub fn iter(&self) -> std::slice::Iter<'_, Error> {
        self.0.iter()
    }
}

impl From<Vec<Error>> for Errors {
    fn from(mut errors: Vec<Error>) -> Errors {
        errors.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        errors.dedup();
        Errors(errors)
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Errors {
        Errors(vec![error])
    }
}

impl IntoIterator for Errors {
    type Item = Error;
    type IntoIter = std::vec::IntoIter<Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a Error;
    type IntoIter = std::slice::Iter<'a, Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_print_place_message_and_hint() {
        let unknown = Error {
            file: "lakehouse/trusted/a.sql".into(),
            line: 7,
            column: Some(6),
            kind: ErrorKind::UnknownTable {
                name: "custommer_landing".into(),
                near: Some("customer_landing".into()),
            },
        };
        let missing = Error::whole("project", ErrorKind::NoProject);
        let errors = Errors::from(vec![missing, unknown]);
        assert_eq!(
            errors.to_string(),
            "lakehouse/trusted/a.sql:7:6: unknown table `custommer_landing`\n\
             hint: did you mean `customer_landing`?\n\
             project: the project folder does not exist\n\
             hint: `stedi init` writes a project to start from"
        );
    }
}
