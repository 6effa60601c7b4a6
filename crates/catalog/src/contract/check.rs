//! Checks: what must hold of a table's rows, and what a violation does.

use std::fmt;
use std::str::FromStr;

use super::ColumnName;

/// The checks of a contract, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checks(Vec<Check>);

/// One check: a rule, and what a violation does.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What must hold.
    pub rule: Rule,
    /// What a violation does.
    pub action: Action,
    /// The line where it stands.
    pub line: u32,
}

/// What must hold of a table's rows. Null passes every rule but `NotNull` (and
/// `Sql`, which says for itself).
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// The column is never null.
    NotNull {
        /// The column.
        column: ColumnName,
    },
    /// No two rows are equal in these columns, nulls apart.
    Unique {
        /// One or more columns, together.
        columns: Vec<ColumnName>,
    },
    /// The column's values are among these.
    Accepted {
        /// The column.
        column: ColumnName,
        /// The values.
        accepted: Accepted,
    },
    /// Every value of the column is in a column of another table.
    References {
        /// The column.
        column: ColumnName,
        /// The other table, by its own name (`system.` before a system table's).
        table: String,
        /// The other table's column.
        to: ColumnName,
    },
    /// A SELECT gives no rows.
    Sql {
        /// What the check is called.
        name: String,
        /// A SELECT that gives the rows in violation.
        violations: String,
        /// The line in the file where the SELECT begins, from 1.
        sql_line: u32,
        /// The column of that line, from 1.
        sql_column: u32,
    },
}

/// What a violation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// The run fails and publishes nothing.
    #[default]
    Fail,
    /// The run says so and goes on.
    Warn,
    /// The rows are counted and told, and nothing is wrong with them.
    Report,
}

/// The values a column may have.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// One of these.
    Values(Vec<Literal>),
    /// A number within these ends, both included. At least one end is there.
    Range {
        /// The least.
        min: Option<Literal>,
        /// The greatest.
        max: Option<Literal>,
    },
}

/// A value in a contract.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// True or false.
    Boolean(bool),
}

impl Checks {
    /// The checks, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Check> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, check: Check) {
        self.0.push(check);
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Check> {
        self.0.iter_mut()
    }
}

impl<'a> IntoIterator for &'a Checks {
    type Item = &'a Check;
    type IntoIter = std::slice::Iter<'a, Check>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Check {
    /// The check's name within its table, as `not_null(user)` or the one given
    /// to an SQL check.
    pub fn name(&self) -> String {
        self.rule.to_string()
    }
}

impl Rule {
    /// The key in `[checks]` that asks for it.
    pub fn key(&self) -> &'static str {
        match self {
            Rule::NotNull { .. } => "not_null",
            Rule::Unique { .. } => "unique",
            Rule::Accepted { .. } => "accepted",
            Rule::References { .. } => "references",
            Rule::Sql { .. } => "sql",
        }
    }

    /// The columns of the table itself that it names. An SQL check names its
    /// own in its SELECT.
    pub fn columns(&self) -> &[ColumnName] {
        match self {
            Rule::NotNull { column }
            | Rule::Accepted { column, .. }
            | Rule::References { column, .. } => std::slice::from_ref(column),
            Rule::Unique { columns } => columns,
            Rule::Sql { .. } => &[],
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Rule::Sql { name, .. } = self {
            return f.write_str(name);
        }
        let columns: Vec<&str> = self.columns().iter().map(ColumnName::as_str).collect();
        write!(f, "{}({})", self.key(), columns.join(", "))
    }
}

impl FromStr for Action {
    type Err = ();

    fn from_str(name: &str) -> Result<Action, ()> {
        match name {
            "fail" => Ok(Action::Fail),
            "warn" => Ok(Action::Warn),
            "report" => Ok(Action::Report),
            _ => Err(()),
        }
    }
}

impl Action {
    /// As a contract writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Fail => "fail",
            Action::Warn => "warn",
            Action::Report => "report",
        }
    }
}
