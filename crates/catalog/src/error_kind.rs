//! What can be wrong with a project, and the hint for each.

use crate::landing_table::ColumnType;
use crate::limits::Excess;
use crate::names::Zone;
use crate::suggest::nearest;
use crate::test_fault::TestFault;

/// What is wrong, one kind for each thing to do about it. [`ErrorKind::hint`]
/// says what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The project folder is not there.
    #[error("there is no such project folder")]
    NoProject,
    /// The folder is there and is no project.
    #[error("this folder is no project: it has no `landing` folder")]
    NotAProject,
    /// The file system refused, or the file is no text.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// In the system's words.
        reason: String,
    },
    /// A file or folder that means nothing in a project.
    #[error("a project has no such {what}")]
    Stray {
        /// `file` or `folder`.
        what: &'static str,
    },
    /// A file whose name cannot be a table's.
    #[error("`{stem}` cannot be a table's name")]
    FileName {
        /// The file's name without `.sql`.
        stem: String,
    },
    /// A name that two tables claim, as file or as other name.
    #[error("`{name}` is already the name of a table: {first}")]
    NameTaken {
        /// The name.
        name: String,
        /// The file that has it.
        first: String,
    },

    /// A model that does not open with its contract.
    #[error("no contract: the file must open with `/* ... */`")]
    NoContract,
    /// A contract comment without its end.
    #[error("the contract's comment is never closed")]
    ContractNotClosed,
    /// Text that is not TOML.
    #[error("{reason}")]
    Toml {
        /// In the TOML parser's words.
        reason: String,
    },
    /// A key nobody reads.
    #[error("unknown key `{key}` in {within}")]
    UnknownKey {
        /// The key as written.
        key: String,
        /// Where it stands: `the contract`, `[checks]`, ...
        within: &'static str,
        /// The keys there are.
        known: &'static [&'static str],
    },
    /// A key that must be there.
    #[error("{within} lacks `{key}`")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// Where it should stand.
        within: &'static str,
        /// What it says.
        says: &'static str,
    },
    /// A key with a value it cannot take.
    #[error("`{key}` must be {expected}")]
    BadValue {
        /// The key.
        key: String,
        /// What it takes.
        expected: &'static str,
    },
    /// Personal columns in a table that is marked anonymous.
    #[error("a table marked `anonymous` has no personal columns")]
    PersonalInAnonymous,
    /// Rows that are to be left out by a check that does not judge each row by
    /// itself.
    #[error("{rule} cannot leave rows out")]
    CannotLeaveOut {
        /// As a message calls it.
        rule: &'static str,
    },
    /// A condition on one row that reads others.
    #[error("a condition on one row cannot have {found}")]
    BeyondTheRow {
        /// What reads them.
        found: &'static str,
    },
    /// A check that stands twice, by its name.
    #[error("there are two checks `{name}`")]
    CheckTwice {
        /// Its name.
        name: String,
    },

    /// A model without a SELECT.
    #[error("no SELECT after the contract")]
    NoSelect,
    /// A statement that gives no rows.
    #[error("`{found}` is no SELECT")]
    NotASelect {
        /// Its first word.
        found: String,
    },
    /// More than one statement where one is due.
    #[error("a second statement: {allowed}")]
    SecondStatement {
        /// What is due.
        allowed: &'static str,
    },
    /// SQL that cannot be parsed.
    #[error("SQL: {reason}")]
    SqlSyntax {
        /// In the parser's words, without string literals.
        reason: String,
        /// A keyword that was probably meant.
        near: Option<String>,
    },
    /// SQL that is larger than a statement may be.
    #[error("{}", .0.message)]
    TooLarge(Excess),
    /// `*` among the output columns of a model.
    #[error("`*` among the output columns")]
    Star,
    /// A model that reads a fixed version of a table.
    #[error("a model reads tables as they are now, not `{clause}`")]
    TimeTravel {
        /// The clause, shortened.
        clause: &'static str,
    },

    /// A table that is not in the project.
    #[error("unknown table `{name}`")]
    UnknownTable {
        /// As written.
        name: String,
        /// The table that was probably meant.
        near: Option<String>,
    },
    /// A table asked for in another zone than its own.
    #[error("`{name}` is a {actual} table, not a {written} one")]
    WrongZone {
        /// The table.
        name: String,
        /// The zone written.
        written: Zone,
        /// The zone it is in.
        actual: Zone,
    },
    /// A column that is not in its table.
    #[error("unknown column `{name}` in {within}")]
    UnknownColumn {
        /// As written.
        name: String,
        /// The table, or what else should have it.
        within: String,
        /// The column that was probably meant.
        near: Option<String>,
    },
    /// A model whose SELECT reads its own table.
    #[error("`{name}` reads itself")]
    ReadsItself {
        /// The table.
        name: String,
    },
    /// Models that need each other first.
    #[error("a cycle: {}", path.join(" -> "))]
    Cycle {
        /// Each reads the next; the last is the first again.
        path: Vec<String>,
    },

    /// A landing file that holds something else.
    #[error("no CREATE EXTERNAL TABLE statement")]
    NotExternalTable,
    /// A landing file named otherwise than its table.
    #[error("the statement creates `{table}`, the file is named `{stem}.sql`")]
    NameMismatch {
        /// The table's name in the statement.
        table: String,
        /// The file's name without `.sql`.
        stem: String,
    },
    /// A table definition that cannot be parsed.
    #[error("expected {expected}, found {found}")]
    DdlSyntax {
        /// What may stand there.
        expected: &'static str,
        /// What does.
        found: String,
        /// A word that was probably meant.
        near: Option<String>,
    },
    /// A column type that JSON landing cannot give.
    #[error("column `{column}`: type `{written}` is not supported")]
    ColumnType {
        /// The column.
        column: String,
        /// The type as written.
        written: String,
    },
    /// Two columns of one name.
    #[error("two columns are named `{name}` (letter case does not count)")]
    ColumnTwice {
        /// The name.
        name: String,
    },
    /// A clause that would change what is read and cannot be honoured.
    #[error("{clause} cannot be honoured")]
    Clause {
        /// The clause, shortened.
        clause: String,
        /// What is possible instead.
        instead: &'static str,
    },
    /// A clause that stands twice.
    #[error("a second {clause}")]
    ClauseTwice {
        /// The clause or property.
        clause: String,
    },
    /// A table definition without its place.
    #[error("no LOCATION")]
    NoLocation,
    /// A location that cannot be read from.
    #[error("this LOCATION cannot be read from: {reason}")]
    Location {
        /// Why.
        reason: &'static str,
    },
    /// A property whose value would change what is read and cannot be honoured.
    #[error("`{key}` = `{value}` cannot be honoured")]
    Property {
        /// The key as written.
        key: String,
        /// The value as written.
        value: String,
        /// What is possible instead.
        instead: &'static str,
    },
    /// A fault in a file of tests.
    #[error(transparent)]
    Test(#[from] TestFault),
    /// A property nobody reads.
    #[error("unknown property `{key}` in {within}")]
    UnknownProperty {
        /// The key as written.
        key: String,
        /// `TBLPROPERTIES` or `SERDEPROPERTIES`.
        within: &'static str,
        /// The property that was probably meant.
        near: Option<String>,
        /// The properties there are, where they are few enough to be told.
        known: &'static [&'static str],
    },
    /// A role given to a column whose type cannot play it.
    #[error("`{role}` names `{column}`, a {actual} column")]
    RoleColumnType {
        /// The property that declares the role.
        role: String,
        /// The column.
        column: String,
        /// Its type.
        actual: ColumnType,
        /// The type it must have.
        expected: ColumnType,
    },
    /// A column with two roles that exclude each other.
    #[error("`{first}` and `{second}` both name `{column}`")]
    ColumnRoles {
        /// The column.
        column: String,
        /// The property that stands first.
        first: String,
        /// The property that contradicts it.
        second: String,
    },
    /// A role that means nothing without another one.
    #[error("`{role}` without `{needed}`")]
    RoleMissing {
        /// The property that declares the role.
        role: String,
        /// The property that is missing.
        needed: &'static str,
    },
    /// Readings that name both a person and a device.
    #[error("`stedi.subject` and `stedi.device` in a table without consent")]
    TwoParties,
}

impl ErrorKind {
    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            ErrorKind::NoProject | ErrorKind::NotAProject => {
                Some("`stedi init` writes a project to start from".into())
            }
            ErrorKind::Unreadable { .. } => None,
            ErrorKind::Stray { .. } => Some(
                "a project holds landing/, trusted/ and curated/ with a .sql file per table, \
                 and published.toml (.slt and README files are passed over)"
                    .into(),
            ),
            ErrorKind::FileName { .. } => {
                Some("lower-case letters, digits and underscores, a letter first".into())
            }
            ErrorKind::NameTaken { .. } => {
                Some("a table has one file, and every name belongs to one table".into())
            }

            ErrorKind::NoContract => Some(
                "open the file with a contract, at least `/* grain = \"One row per ...\" */`"
                    .into(),
            ),
            ErrorKind::ContractNotClosed => {
                Some("end it with `*/`; a `/*` inside it needs a `*/` of its own".into())
            }
            ErrorKind::Toml { .. } => None,
            ErrorKind::UnknownKey { key, known, .. } => Some(
                did_you_mean(nearest(key, known.iter().copied()))
                    .unwrap_or_else(|| format!("there are {}", in_words(known))),
            ),
            ErrorKind::MissingKey { key, says, .. } => Some(format!("`{key}` says {says}")),
            ErrorKind::BadValue { .. } => None,
            ErrorKind::PersonalInAnonymous => Some(
                "remove `anonymous`, or the columns from `personal` and from the SELECT".into(),
            ),
            ErrorKind::CannotLeaveOut { rule: "`unique`" } => Some(
                "of rows that are not unique none is the wrong one; `duplicates = \"drop\"` keeps \
                 one of those equal in every column"
                    .into(),
            ),
            ErrorKind::CannotLeaveOut { .. } => Some(
                "its SELECT may give rows of any shape; a condition on one row stands in \
                 `[[checks.rows]]`"
                    .into(),
            ),
            ErrorKind::BeyondTheRow { .. } => Some(
                "what needs other rows or tables is a SELECT in `[[checks.sql]]`, or `references`"
                    .into(),
            ),
            ErrorKind::CheckTwice { .. } => Some("give one of them another name".into()),

            ErrorKind::NoSelect => Some("write the SELECT that builds the table".into()),
            ErrorKind::NotASelect { .. } => {
                Some("a model is one SELECT (`with ... select` too); the run writes its rows".into())
            }
            ErrorKind::SecondStatement { .. } => Some("put each table into its own file".into()),
            ErrorKind::SqlSyntax { near, .. } => did_you_mean(near.as_deref()),
            ErrorKind::TooLarge(excess) => Some(excess.hint.into()),
            ErrorKind::Star => {
                Some("list the columns: one that nobody listed cannot leak".into())
            }
            ErrorKind::TimeTravel { .. } => {
                Some("a run must give the same rows whenever it is repeated; `stedi sql` reads old versions".into())
            }

            ErrorKind::UnknownTable { near, .. } => {
                Some(did_you_mean(near.as_deref()).unwrap_or_else(|| {
                    "tables are the project's files, as `customer_trusted` or \
                     `trusted.customer_trusted`, and the system's, as `system.consent`"
                        .into()
                }))
            }
            ErrorKind::WrongZone { name, actual, .. } => {
                Some(format!("write `{actual}.{name}` or `{name}`"))
            }
            ErrorKind::UnknownColumn { near, .. } => did_you_mean(near.as_deref()),
            ErrorKind::ReadsItself { .. } => {
                Some("a table is built anew from others; read those".into())
            }
            ErrorKind::Cycle { .. } => {
                Some("each reads the next, in its SELECT or a check; one of these must not".into())
            }

            ErrorKind::Test(fault) => fault.hint(),

            ErrorKind::NotExternalTable => Some(
                "a landing file holds one CREATE EXTERNAL TABLE statement, as Athena takes it"
                    .into(),
            ),
            ErrorKind::NameMismatch { table, stem } => {
                Some(format!("rename the file to `{table}.sql` or the table to `{stem}`"))
            }
            ErrorKind::DdlSyntax { near, .. } => did_you_mean(near.as_deref()),
            ErrorKind::ColumnType { .. } => Some(
                "possible types: string, varchar(n), char(n), bigint, int, smallint, tinyint, \
                 float, double, date, timestamp, boolean"
                    .into(),
            ),
            ErrorKind::ColumnTwice { .. } => {
                Some("JSON keys match columns in any letter case: keep one".into())
            }
            ErrorKind::Clause { instead, .. } | ErrorKind::Property { instead, .. } => {
                Some((*instead).into())
            }
            ErrorKind::ClauseTwice { .. } => Some("keep one".into()),
            ErrorKind::NoLocation => {
                Some("say where the files lie, as `LOCATION 's3://bucket/customer/landing/'`".into())
            }
            ErrorKind::Location { .. } => Some(
                "possible are a path below the landing folder, `s3://bucket/path/` and \
                 `file:///path/`"
                    .into(),
            ),
            ErrorKind::UnknownProperty { near, known, .. } => {
                Some(did_you_mean(near.as_deref()).unwrap_or_else(|| {
                    match known.is_empty() {
                        true => "remove it: what is not known cannot be honoured".into(),
                        false => format!("there are {}", in_words(known)),
                    }
                }))
            }
            ErrorKind::RoleColumnType { expected, .. } => Some(match expected {
                ColumnType::Bigint => {
                    "declare the column `bigint`: epoch milliseconds, UTC".into()
                }
                expected => format!("declare the column `{expected}`"),
            }),
            ErrorKind::ColumnRoles { .. } => {
                Some("name another column, or remove one of the two properties".into())
            }
            ErrorKind::RoleMissing { needed, .. } => Some(
                match *needed {
                    "stedi.time" => {
                        "add `stedi.time`: the column that says when the record was last updated"
                    }
                    _ => "add `stedi.subject`: the column that names the person who agreed",
                }
                .into(),
            ),
            ErrorKind::TwoParties => Some(
                "keep the one whose readings these are; in a table with `stedi.consent.*` \
                 `stedi.device` is the device that a person claims"
                    .into(),
            ),
        }
    }
}

fn did_you_mean(near: Option<&str>) -> Option<String> {
    near.map(|near| format!("did you mean `{near}`?"))
}

/// `a`, `b` and `c`, each in back-quotes.
fn in_words(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_words() {
        assert_eq!(in_words(&[]), "");
        assert_eq!(in_words(&["a"]), "`a`");
        assert_eq!(in_words(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
