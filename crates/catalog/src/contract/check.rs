//! Checks: what must hold of a table's rows, and what a violation does.

use std::fmt;
use std::str::FromStr;

use super::column_name::ColumnName;

/// What consent may be given for, as `consent_in_force` names it.
pub const PURPOSES: [&str; 3] = ["research", "public", "friends"];

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

/// What must hold of a table's rows. Null passes `Unique`, `Accepted` and
/// `References`, as it passes constraints of SQL. It is a violation of `NotNull`
/// and of `Rows`, where a condition must be known to hold, and of
/// `ConsentInForce` and `OwnerMatch`, since nobody has agreed and owns nothing.
/// `Sql` says for itself.
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
    /// The person agreed: a row of `system.consent` says so for that time.
    ConsentInForce {
        /// The person.
        subject: ColumnName,
        /// The time, epoch milliseconds UTC; the start of the run where there
        /// is none.
        at: Option<ColumnName>,
        /// What for, one of [`PURPOSES`].
        purpose: &'static str,
    },
    /// The device is that person's: a row of `system.device_owner` says so for
    /// that time.
    OwnerMatch {
        /// The person.
        subject: ColumnName,
        /// The device's serial number.
        device: ColumnName,
        /// The time, epoch milliseconds UTC; the start of the run where there
        /// is none.
        at: Option<ColumnName>,
    },
    /// A condition is true of every row.
    Rows {
        /// What the check is called.
        name: String,
        /// A boolean SQL expression over the row's columns.
        holds: String,
        /// The line in the file where the expression begins, from 1.
        sql_line: u32,
        /// The column of that line, from 1.
        sql_column: u32,
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
    /// The rows are left out of the table and counted. Only for rules that
    /// judge each row by itself, see [`Rule::judges_one_row`].
    LeaveOut,
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
            Rule::ConsentInForce { .. } => "consent_in_force",
            Rule::OwnerMatch { .. } => "owner_match",
            Rule::Rows { .. } => "rows",
            Rule::Sql { .. } => "sql",
        }
    }

    /// The columns of the table itself that it names. One given as SQL names
    /// its own there.
    pub fn columns(&self) -> Vec<&ColumnName> {
        match self {
            Rule::NotNull { column }
            | Rule::Accepted { column, .. }
            | Rule::References { column, .. } => vec![column],
            Rule::Unique { columns } => columns.iter().collect(),
            Rule::ConsentInForce { subject, at, .. } => [subject].into_iter().chain(at).collect(),
            Rule::OwnerMatch {
                subject,
                device,
                at,
            } => [subject, device].into_iter().chain(at).collect(),
            Rule::Rows { .. } | Rule::Sql { .. } => Vec::new(),
        }
    }

    /// Whether it judges each row by itself, so that rows in violation can be
    /// left out and counted. Of rows that are not unique none is the wrong one,
    /// and a SELECT may give rows of any shape.
    pub fn judges_one_row(&self) -> bool {
        !matches!(self, Rule::Unique { .. } | Rule::Sql { .. })
    }

    /// The system table that it reads, with `system.` before its name.
    pub(crate) fn system_table(&self) -> Option<&'static str> {
        match self {
            Rule::ConsentInForce { .. } => Some("system.consent"),
            Rule::OwnerMatch { .. } => Some("system.device_owner"),
            _ => None,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Rule::Rows { name, .. } | Rule::Sql { name, .. } = self {
            return f.write_str(name);
        }
        let columns = self.columns().into_iter();
        let columns: Vec<&str> = columns.map(ColumnName::as_str).collect();
        write!(f, "{}({}", self.key(), columns.join(", "))?;
        match self {
            Rule::ConsentInForce { purpose, .. } if *purpose != PURPOSES[0] => {
                write!(f, " for {purpose})")
            }
            _ => f.write_str(")"),
        }
    }
}

impl FromStr for Action {
    type Err = ();

    fn from_str(name: &str) -> Result<Action, ()> {
        match name {
            "fail" => Ok(Action::Fail),
            "warn" => Ok(Action::Warn),
            "report" => Ok(Action::Report),
            "leave_out" => Ok(Action::LeaveOut),
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
            Action::LeaveOut => "leave_out",
        }
    }
}
