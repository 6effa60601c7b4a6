//! Contracts: the TOML comment that opens a model's file and says what its table
//! promises. The crate's documentation shows the syntax; the engine checks the
//! tables against it.

mod check;
mod check_reader;
mod column_name;
mod reader;

pub use check::{Accepted, Action, Check, Checks, Literal, PURPOSES, Rule};
pub use column_name::ColumnName;

use crate::names::TableName;
use crate::text::Spot;

/// The contract of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// What one row is, as a sentence. Never blank.
    pub grain: String,
    /// The column that names the person whose row it is.
    pub subject: Option<ColumnName>,
    /// The column with the serial number of the device whose row it is, in a table
    /// without a column for the person.
    pub device: Option<ColumnName>,
    /// The columns with personal values. They carry no statistics.
    pub personal: Vec<ColumnName>,
    /// Whether the table tells of nobody in particular. It then has no `personal`
    /// columns.
    pub anonymous: bool,
    /// What happens to rows that are equal in every column.
    pub duplicates: Duplicates,
    /// Other names of the table in SQL.
    pub also: Vec<TableName>,
    /// What must hold for its rows.
    pub checks: Checks,
    /// The line where its comment opens.
    pub line: u32,
    pub(crate) also_spot: Spot,
}

/// What happens to rows that are equal in every column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// All stay.
    #[default]
    Keep,
    /// One stays; the others are left out and counted.
    Drop,
}

impl Contract {
    /// Every column of the table that the contract names, and the key that names
    /// it. Each must be a column of the SELECT.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &ColumnName)> {
        let subject = self.subject.iter().map(|column| ("subject", column));
        let device = self.device.iter().map(|column| ("device", column));
        let personal = self.personal.iter().map(|column| ("personal", column));
        let checks = self.checks.iter().flat_map(|check| {
            let key = check.rule.key();
            let columns = check.rule.columns().into_iter();
            columns.map(move |column| (key, column))
        });
        subject.chain(device).chain(personal).chain(checks)
    }

    /// Whether a column is declared personal.
    pub fn is_personal(&self, column: &str) -> bool {
        self.personal.iter().any(|personal| **personal == *column)
    }
}
