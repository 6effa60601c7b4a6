//! The checks of a contract: what must hold for a table's rows, and what a
//! violation does. The engine turns each into a SELECT that counts violations.

use std::fmt;
use std::str::FromStr;

use super::column_name::ColumnName;

/// The purposes of consent. The first is the default of `consent_in_force`.
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
    /// Its line, from 1.
    pub line: u32,
}

/// What must hold for a table's rows. Null passes `Unique`, `Accepted` and
/// `References`, as it passes SQL constraints. It violates `NotNull`, `Rows`,
/// where a condition must be known to hold, and `ConsentInForce` and
/// `OwnerMatch`: a person who is not named has not agreed and owns nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// The column is never null.
    NotNull {
        /// The column.
        column: ColumnName,
    },
    /// No two rows are equal in these columns; rows with nulls do not count.
    Unique {
        /// One or more columns, in combination.
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
    /// The person agreed: `system.consent` has an interval that contains the time.
    ConsentInForce {
        /// The person.
        subject: ColumnName,
        /// The time, epoch milliseconds UTC; the start of the run where there
        /// is none.
        at: Option<ColumnName>,
        /// One of [`PURPOSES`].
        purpose: &'static str,
    },
    /// The person owns the device: `system.device_owner` has a row that contains
    /// the time.
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
    /// A SELECT returns no rows.
    Sql {
        /// What the check is called.
        name: String,
        /// A SELECT that returns the violating rows.
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
    /// The run warns and goes on.
    Warn,
    /// The rows are counted and reported; nothing is wrong with them.
    Report,
    /// The rows are left out of the table and counted. Only for rules that judge
    /// each row on its own: see [`Rule::judges_one_row`].
    LeaveOut,
}

/// The values a column may have.
#[derive(Debug, Clone, PartialEq)]
pub enum Accepted {
    /// One of these.
    Values(Vec<Literal>),
    /// A number between these bounds, both included. At least one is there.
    Range {
        /// The lower bound.
        min: Option<Literal>,
        /// The upper bound.
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
    /// The name of the check within its table, such as `not_null(user)`, or the
    /// name that the contract gives an SQL check.
    pub fn name(&self) -> String {
        self.rule.to_string()
    }
}

impl Rule {
    /// The key in `[checks]` that declares it.
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

    /// The columns of the table that it names. Rules given as SQL name theirs in
    /// the SQL.
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

    /// Whether it judges each row on its own, so that violating rows can be left
    /// out and counted. Of rows that are not unique no single one is wrong, and a
    /// SELECT may return rows of any shape.
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
