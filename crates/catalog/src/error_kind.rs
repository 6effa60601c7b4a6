//! Kinds of errors in a project: the message and the hint of each.

use crate::column::ColumnType;
use crate::limits::Excess;
use crate::names::Zone;
use crate::suggest::nearest;
use crate::test_fault::TestFault;
use crate::unknown_roles::UnknownRoles;

/// What is wrong. Each kind has one remedy, which [`ErrorKind::hint`] names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The project folder is not there.
    #[error("the project folder does not exist")]
    NoProject,
    /// The folder exists and is not a project.
    #[error("not a project: the folder has no `landing` folder")]
    NotAProject,
    /// The file system refused to read it, or it is not text.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// In the system's words.
        reason: String,
    },
    /// A file or folder that does not belong in a project.
    #[error("unexpected {what} in a project")]
    Stray {
        /// `file` or `folder`.
        what: &'static str,
    },
    /// A file whose name cannot be a table's.
    #[error("`{stem}` is not a valid table name")]
    FileName {
        /// The file's name without `.sql`.
        stem: String,
    },
    /// A name that two tables claim, as file name or as other name.
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
    /// An unknown key.
    #[error("unknown key `{key}` in {within}")]
    UnknownKey {
        /// The key as written.
        key: String,
        /// Its table: `the contract`, `[checks]`, ...
        within: &'static str,
        /// The keys there are.
        known: &'static [&'static str],
    },
    /// A required key that is missing.
    #[error("{within} lacks `{key}`")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// The table that should have it.
        within: &'static str,
        /// What it says.
        says: &'static str,
    },
    /// A key with an invalid value.
    #[error("`{key}` must be {expected}")]
    BadValue {
        /// The key.
        key: String,
        /// The valid values.
        expected: &'static str,
    },
    /// Personal columns in a table that is marked anonymous.
    #[error("a table marked `anonymous` cannot have personal columns")]
    PersonalInAnonymous,
    /// Rows that a check is to leave out although it does not judge each row on
    /// its own.
    #[error("{rule} cannot leave rows out")]
    CannotLeaveOut {
        /// As messages name it.
        rule: &'static str,
    },
    /// A condition on one row that reads others.
    #[error("a condition on one row cannot contain {found}")]
    BeyondTheRow {
        /// What reads them.
        found: &'static str,
    },
    /// Two checks of one name.
    #[error("two checks are named `{name}`")]
    CheckTwice {
        /// Its name.
        name: String,
    },

    /// A model without a SELECT.
    #[error("no SELECT after the contract")]
    NoSelect,
    /// A statement that is not a query.
    #[error("`{found}` is not a SELECT")]
    NotASelect {
        /// Its first word.
        found: String,
    },
    /// More than one statement where one is expected.
    #[error("a second statement: {allowed}")]
    SecondStatement {
        /// What is expected.
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
    /// A model that reads a fixed version of a table.
    #[error("a model cannot read an old version of a table: `{clause}`")]
    TimeTravel {
        /// The clause, shortened.
        clause: &'static str,
    },
    /// A model that asks for the place of a row's file.
    #[error("a model cannot read `{name}`")]
    HiddenColumn {
        /// The column.
        name: String,
    },

    /// A table that is not in the project.
    #[error("unknown table `{name}`")]
    UnknownTable {
        /// As written.
        name: String,
        /// The table that was probably meant.
        near: Option<String>,
    },
    /// A table named with a zone that is not its own.
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
    /// A statement in a landing file that would have an effect in Athena, and has none
    /// here.
    #[error("`{found}` in a landing file")]
    OtherStatement {
        /// Its first word.
        found: String,
    },
    /// Two columns that read one key of JSON objects.
    #[error("`{first}` and `{second}` both read the JSON key `{key}`")]
    JsonKeyTwice {
        /// The key.
        key: String,
        /// The column that comes first.
        first: String,
        /// The other one.
        second: String,
    },
    /// A mapped column that names the person of a record of consent.
    #[error("`{column}` names the person, and `mapping.{column}` gives it another JSON key")]
    MappedSubject {
        /// The column.
        column: String,
    },
    /// A table of a shipped name that lacks columns which tell what its rows mean.
    #[error("{0}")]
    RolesUnknown(Box<UnknownRoles>),
    /// A column of a table of a shipped name whose type does not fit what it means
    /// there.
    #[error(
        "`{column}` is a {actual} column; it is the `{role}` of its table, which {readers} reads"
    )]
    InheritedRoleType {
        /// The property that would declare the role.
        role: &'static str,
        /// The column.
        column: String,
        /// Its type.
        actual: ColumnType,
        /// The type it must have.
        expected: ColumnType,
        /// The models that read the table.
        readers: String,
    },
    /// A table definition that cannot be parsed.
    #[error("expected {expected}, found {found}")]
    DdlSyntax {
        /// What may come next.
        expected: &'static str,
        /// What comes next.
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
    #[error("two columns are named `{name}` (letter case is ignored)")]
    ColumnTwice {
        /// The name.
        name: String,
    },
    /// An unsupported clause that would change what is read.
    #[error("{clause} is not supported")]
    Clause {
        /// The clause, shortened.
        clause: String,
        /// What is possible instead.
        instead: &'static str,
    },
    /// A clause or property given twice.
    #[error("duplicate {clause}")]
    ClauseTwice {
        /// The clause or property.
        clause: String,
    },
    /// A table definition without a LOCATION.
    #[error("no LOCATION")]
    NoLocation,
    /// A location that cannot be read.
    #[error("this LOCATION cannot be read: {reason}")]
    Location {
        /// Why.
        reason: &'static str,
    },
    /// A property with an unsupported value that would change what is read.
    #[error("`{key}` = `{value}` is not supported")]
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
    /// An unknown property.
    #[error("unknown property `{key}` in {within}")]
    UnknownProperty {
        /// The key as written.
        key: String,
        /// `TBLPROPERTIES` or `SERDEPROPERTIES`.
        within: &'static str,
        /// The property that was probably meant.
        near: Option<String>,
        /// The known properties, if the hint should list them.
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
    /// A second table that declares a consent.
    #[error("`{first}` declares a consent as well")]
    SecondPersonRecords {
        /// The first such table, by name.
        first: String,
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
                 and published.toml (.slt and README files are ignored)"
                    .into(),
            ),
            ErrorKind::FileName { .. } => {
                Some("use lower-case letters, digits and underscores, with a letter first".into())
            }
            ErrorKind::NameTaken { .. } => Some(
                "each table needs a name of its own: rename it, or remove one of the two files"
                    .into(),
            ),

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
                    .unwrap_or_else(|| format!("known keys: {}", in_words(known))),
            ),
            ErrorKind::MissingKey { key, says, .. } => Some(format!("`{key}` says {says}")),
            ErrorKind::BadValue { .. } => None,
            ErrorKind::PersonalInAnonymous => Some(
                "remove `anonymous`, or the columns from `personal` and from the SELECT".into(),
            ),
            ErrorKind::CannotLeaveOut { rule: "`unique`" } => Some(
                "no single row is the wrong one; `duplicates = \"drop\"` keeps one of several rows that \
                 are equal in every column"
                    .into(),
            ),
            ErrorKind::CannotLeaveOut { .. } => Some(
                "its SELECT may return rows of any shape; write a condition on one row in \
                 `[[checks.rows]]`"
                    .into(),
            ),
            ErrorKind::BeyondTheRow { .. } => Some(
                "to look at other rows or tables, write a SELECT in `[[checks.sql]]` or use `references`"
                    .into(),
            ),
            ErrorKind::CheckTwice { .. } => Some("rename one of them".into()),

            ErrorKind::NoSelect => Some("write the SELECT that builds the table".into()),
            ErrorKind::NotASelect { .. } => {
                Some("a model is one SELECT, which may begin with WITH; the run writes its rows".into())
            }
            ErrorKind::SecondStatement { .. } => Some("put each table into its own file".into()),
            ErrorKind::SqlSyntax { near, .. } => did_you_mean(near.as_deref()),
            ErrorKind::TooLarge(excess) => Some(excess.hint.into()),
            ErrorKind::TimeTravel { .. } => {
                Some("a repeated run must give the same rows; read old versions with `stedi sql`".into())
            }
            ErrorKind::HiddenColumn { .. } => {
                Some("a file may be moved, and its rows must stay the same; ask for it with `stedi sql`".into())
            }

            ErrorKind::UnknownTable { near, .. } => {
                Some(did_you_mean(near.as_deref()).unwrap_or_else(|| {
                    "a table is a file of the project, such as `customer_trusted` or \
                     `trusted.customer_trusted`, or a system table, such as `system.consent`"
                        .into()
                }))
            }
            ErrorKind::WrongZone { name, actual, .. } => {
                Some(format!("write `{actual}.{name}` or `{name}`"))
            }
            ErrorKind::UnknownColumn { near, .. } => did_you_mean(near.as_deref()),
            ErrorKind::ReadsItself { .. } => {
                Some("a model is built from other tables; read those".into())
            }
            ErrorKind::Cycle { .. } => {
                Some("each table reads the next, in its SELECT or a check; remove one of these reads".into())
            }

            ErrorKind::Test(fault) => fault.hint(),

            ErrorKind::NotExternalTable => Some(
                "a landing file holds one CREATE EXTERNAL TABLE statement in Athena's syntax"
                    .into(),
            ),
            ErrorKind::OtherStatement { found } if found == "CREATE" => Some(
                "write CREATE EXTERNAL TABLE: landing files are read where they are, and models \
                 of trusted/ and curated/ make all other tables"
                    .into(),
            ),
            ErrorKind::OtherStatement { .. } => Some(
                "take it out: a landing file holds CREATE EXTERNAL TABLE statements; DROP, CREATE \
                 DATABASE, USE, MSCK, SHOW, DESCRIBE and SELECT are passed over"
                    .into(),
            ),
            ErrorKind::JsonKeyTwice { .. } => Some("map one of them to another key".into()),
            ErrorKind::MappedSubject { .. } => Some(
                "give the column the name of the JSON key: people in records that cannot be read \
                 are found by it"
                    .into(),
            ),
            ErrorKind::RolesUnknown(unknown) => Some(unknown.hint()),
            ErrorKind::InheritedRoleType { expected, .. } => Some(role_type_advice(*expected)),
            ErrorKind::DdlSyntax { near, .. } => did_you_mean(near.as_deref()),
            ErrorKind::ColumnType { written, .. } => Some(column_type_advice(written)),
            ErrorKind::ColumnTwice { .. } => {
                Some("JSON keys match columns in any letter case: keep one".into())
            }
            ErrorKind::Clause { instead, .. } | ErrorKind::Property { instead, .. } => {
                Some((*instead).into())
            }
            ErrorKind::ClauseTwice { .. } => Some("keep one".into()),
            ErrorKind::NoLocation => {
                Some("say where the files are, for example `LOCATION 's3://bucket/customer/landing/'`".into())
            }
            ErrorKind::Location { .. } => Some(
                "use a path below the landing folder, `s3://bucket/path/` or `file:///path/`"
                    .into(),
            ),
            ErrorKind::UnknownProperty { near, known, .. } => {
                Some(did_you_mean(near.as_deref()).unwrap_or_else(|| {
                    match known.is_empty() {
                        true => "remove it: unknown properties are not supported".into(),
                        false => format!("known properties: {}", in_words(known)),
                    }
                }))
            }
            ErrorKind::RoleColumnType { expected, .. } => Some(role_type_advice(*expected)),
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
            ErrorKind::SecondPersonRecords { .. } => Some(
                "records of consent are one table: put the files of both below its LOCATION, \
                 or remove `stedi.consent.*` from one of the two"
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

/// What to declare instead of a type that a role cannot have.
fn role_type_advice(expected: ColumnType) -> String {
    match expected {
        ColumnType::Bigint => "declare the column `bigint`: epoch milliseconds, UTC".into(),
        expected => format!("declare the column `{expected}`"),
    }
}

/// What to declare instead of a type that is not supported.
fn column_type_advice(written: &str) -> String {
    let family = written.split(['<', '(']).next().unwrap_or_default().trim();
    match family {
        "array" | "struct" | "map" | "row" | "uniontype" => {
            "declare it `string`: its JSON is kept as text, and json_extract takes it apart".into()
        }
        "decimal" | "dec" | "numeric" => {
            "declare it `double`, or `string` to keep every digit".into()
        }
        "binary" | "varbinary" => "declare it `string`".into(),
        "real" => "declare it `float`".into(),
        "text" | "json" | "uuid" => "declare it `string`".into(),
        _ => "supported types: string, varchar(n), char(n), bigint, int, smallint, tinyint, \
              float, double, date, timestamp, boolean"
            .into(),
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
