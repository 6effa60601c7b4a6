//! What a table promises: the TOML contract that opens a model's file. The
//! crate's page shows its syntax; the engine holds the tables to it.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use toml::de::{DeTable, DeValue};

use crate::errors::{Error, ErrorKind};
use crate::names::TableName;
use crate::text::Spot;
use crate::toml_source::{Entry, TomlSource, float, whole_number};

/// The contract of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// What one row is, in words. Never blank.
    pub grain: String,
    /// The column that says whose row it is.
    pub subject: Option<ColumnName>,
    /// The columns with personal values: they carry no statistics.
    pub personal: Vec<ColumnName>,
    /// What becomes of rows that are equal in every column.
    pub duplicates: Duplicates,
    /// Other names of the table in SQL.
    pub also: Vec<TableName>,
    /// What must hold of its rows.
    pub checks: Checks,
    /// The line where its comment opens.
    pub line: u32,
    pub(crate) also_spot: Spot,
}

/// The name of a column as a contract gives it, in lower case, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnName {
    name: String,
    /// The line in the model's file, from 1.
    pub line: u32,
    /// The column in that line, from 1.
    pub column: u32,
}

/// What becomes of rows that are equal in every column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// They stay.
    #[default]
    Keep,
    /// One stays, the others are left out and counted.
    Drop,
}

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

impl Contract {
    /// Every column of the table itself that the contract names, with the key
    /// that names it: each must be a column of the SELECT.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &ColumnName)> {
        let subject = self.subject.iter().map(|column| ("subject", column));
        let personal = self.personal.iter().map(|column| ("personal", column));
        let checks = self.checks.iter().flat_map(|check| {
            let key = check.rule.key();
            check.rule.columns().iter().map(move |column| (key, column))
        });
        subject.chain(personal).chain(checks)
    }

    /// Whether a column is declared personal.
    pub fn is_personal(&self, column: &str) -> bool {
        self.personal.iter().any(|personal| **personal == *column)
    }
}

impl ColumnName {
    fn new(name: &str, spot: Spot) -> Option<ColumnName> {
        let name = name.trim().to_lowercase();
        (!name.is_empty()).then_some(ColumnName {
            name,
            line: spot.line,
            column: spot.column,
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl Deref for ColumnName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.name
    }
}

impl AsRef<str> for ColumnName {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl PartialEq<str> for ColumnName {
    fn eq(&self, other: &str) -> bool {
        self.name == other
    }
}

impl PartialEq<&str> for ColumnName {
    fn eq(&self, other: &&str) -> bool {
        self.name == *other
    }
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

impl Contract {
    /// The contract in a TOML document and everything that is wrong with it.
    /// With errors the contract holds what could be understood.
    pub(crate) fn from_toml(
        source: TomlSource<'_>,
        document: &DeTable<'_>,
    ) -> (Contract, Vec<Error>) {
        let start = source.spot(0);
        let mut reader = ContractReader {
            source,
            errors: Vec::new(),
            contract: Contract {
                grain: String::new(),
                subject: None,
                personal: Vec::new(),
                duplicates: Duplicates::default(),
                also: Vec::new(),
                checks: Checks::default(),
                line: start.line,
                also_spot: start,
            },
        };
        reader.contract(document);
        (reader.contract, reader.errors)
    }
}

const CONTRACT_KEYS: &[&str] = &[
    "grain",
    "subject",
    "personal",
    "duplicates",
    "also",
    "checks",
];
const CHECKS_KEYS: &[&str] = &["not_null", "unique", "accepted", "references", "sql"];

/// Reads on after an error, so that one look at the file finds them all.
struct ContractReader<'a> {
    source: TomlSource<'a>,
    errors: Vec<Error>,
    contract: Contract,
}

impl<'a> ContractReader<'a> {
    fn contract(&mut self, document: &DeTable<'a>) {
        let mut has_grain = false;
        for entry in self.source.entries(document) {
            match entry.key {
                "grain" => {
                    has_grain = true;
                    match entry
                        .text()
                        .map(str::trim)
                        .filter(|grain| !grain.is_empty())
                    {
                        Some(grain) => self.contract.grain = grain.to_owned(),
                        None => self.errors.push(entry.bad("a sentence: what one row is")),
                    }
                }
                "subject" => {
                    self.contract.subject = self.column(&entry, entry.value, entry.value_spot);
                }
                "personal" => self.contract.personal = self.columns(&entry),
                "duplicates" => match entry.text() {
                    Some("keep") => self.contract.duplicates = Duplicates::Keep,
                    Some("drop") => self.contract.duplicates = Duplicates::Drop,
                    _ => self.errors.push(entry.bad("\"keep\" or \"drop\"")),
                },
                "also" => self.also(&entry),
                "checks" => match entry.value.as_table() {
                    Some(checks) => self.checks(checks),
                    None => self.errors.push(entry.bad("a table, as `[checks]`")),
                },
                _ => self
                    .errors
                    .push(entry.unknown("the contract", CONTRACT_KEYS)),
            }
        }
        if !has_grain {
            let kind = ErrorKind::MissingKey {
                key: "grain",
                within: "the contract",
                says: "what one row is, as \"One row per person.\"",
            };
            self.errors
                .push(self.source.error(self.source.spot(0), kind));
        }
    }

    fn also(&mut self, entry: &Entry<'a, '_>) {
        const EXPECTED: &str =
            "a list of table names (lower-case letters, digits and underscores, a letter first)";
        self.contract.also_spot = entry.key_spot;
        let Some(names) = entry.elements() else {
            return self.errors.push(entry.bad(EXPECTED));
        };
        for (name, spot) in names {
            match name.as_str().map(TableName::from_str) {
                Some(Ok(name)) => self.contract.also.push(name),
                _ => self.errors.push(entry.bad_at(spot, EXPECTED)),
            }
        }
    }

    fn checks(&mut self, checks: &DeTable<'a>) {
        for entry in self.source.entries(checks) {
            match entry.key {
                "not_null" => {
                    for (mut columns, action, line) in self.column_rules(&entry, false) {
                        if let Some(column) = columns.pop() {
                            self.add(Rule::NotNull { column }, action, line);
                        }
                    }
                }
                "unique" => {
                    for (columns, action, line) in self.column_rules(&entry, true) {
                        self.add(Rule::Unique { columns }, action, line);
                    }
                }
                "accepted" => self.by_column(
                    &entry,
                    "a table by column, as `distance = { min = 0, max = 1000 }`",
                    Self::accepted,
                ),
                "references" => self.by_column(
                    &entry,
                    "a table by column, as `serialnumber = \"customer_curated.serialnumber\"`",
                    Self::references,
                ),
                "sql" => self.sql_checks(&entry),
                _ => self.errors.push(entry.unknown("[checks]", CHECKS_KEYS)),
            }
        }
    }

    fn add(&mut self, rule: Rule, action: Action, line: u32) {
        let name = rule.to_string();
        if self
            .contract
            .checks
            .iter()
            .any(|check| check.rule.to_string() == name)
        {
            let spot = Spot { line, column: 1 };
            self.errors
                .push(self.source.error(spot, ErrorKind::CheckTwice { name }));
            return;
        }
        self.contract.checks.0.push(Check { rule, action, line });
    }

    /// The groups of columns that `not_null` or `unique` names: a list, a table
    /// with an action, or a list of both.
    fn column_rules(
        &mut self,
        entry: &Entry<'a, '_>,
        together: bool,
    ) -> Vec<(Vec<ColumnName>, Action, u32)> {
        let mut groups = Vec::new();
        if let Some(table) = entry.value.as_table() {
            self.column_rules_table(entry, table, entry.key_spot, together, &mut groups);
        } else {
            self.column_rules_list(entry, together, Some(Action::Fail), &mut groups);
        }
        groups
    }

    /// `{ columns = [...], action = "..." }`
    fn column_rules_table(
        &mut self,
        entry: &Entry<'a, '_>,
        table: &DeTable<'a>,
        spot: Spot,
        together: bool,
        groups: &mut Vec<(Vec<ColumnName>, Action, u32)>,
    ) {
        let (mut action, mut has_columns, first) = (Action::Fail, false, groups.len());
        for part in self.source.entries(table) {
            match part.key {
                "columns" => {
                    has_columns = true;
                    self.column_rules_list(&part, together, None, groups);
                }
                "action" => action = self.action(&part),
                _ => self
                    .errors
                    .push(part.unknown("the check", &["columns", "action"])),
            }
        }
        if !has_columns {
            let kind = ErrorKind::MissingKey {
                key: "columns",
                within: entry.rule(),
                says: "which columns it is about",
            };
            self.errors.push(self.source.error(spot, kind));
        }
        for group in &mut groups[first..] {
            group.1 = action;
        }
    }

    /// A list of columns; with `together` also of lists of columns; with
    /// `nested` (the action of plain ones) also of tables with an action.
    fn column_rules_list(
        &mut self,
        entry: &Entry<'a, '_>,
        together: bool,
        nested: Option<Action>,
        groups: &mut Vec<(Vec<ColumnName>, Action, u32)>,
    ) {
        let expected = match together {
            true => "a list of columns, or of lists of columns that are unique together",
            false => "a list of columns",
        };
        let Some(elements) = entry.elements() else {
            return self.errors.push(entry.bad(expected));
        };
        for (element, spot) in elements {
            let columns = match element {
                DeValue::Table(table) if nested.is_some() => {
                    self.column_rules_table(entry, table, spot, together, groups);
                    continue;
                }
                DeValue::String(name) => ColumnName::new(name, spot).map(|name| vec![name]),
                DeValue::Array(names) if together => names
                    .iter()
                    .map(|name| {
                        let spot = self.source.spot(name.span().start);
                        ColumnName::new(name.get_ref().as_str()?, spot)
                    })
                    .collect::<Option<Vec<_>>>()
                    .filter(|names| !names.is_empty()),
                _ => None,
            };
            match columns {
                Some(columns) => groups.push((columns, Action::Fail, spot.line)),
                None => self.errors.push(entry.bad_at(spot, expected)),
            }
        }
    }

    /// A table whose keys are columns.
    fn by_column(
        &mut self,
        entry: &Entry<'a, '_>,
        expected: &'static str,
        rule: fn(&mut Self, &Entry<'a, '_>, ColumnName) -> Option<(Rule, Action)>,
    ) {
        let Some(table) = entry.value.as_table() else {
            return self.errors.push(entry.bad(expected));
        };
        for entry in self.source.entries(table) {
            let Some(column) = ColumnName::new(entry.key, entry.key_spot) else {
                self.errors.push(entry.bad(expected));
                continue;
            };
            if let Some((rule, action)) = rule(self, &entry, column) {
                self.add(rule, action, entry.key_spot.line);
            }
        }
    }

    fn accepted(&mut self, entry: &Entry<'a, '_>, column: ColumnName) -> Option<(Rule, Action)> {
        const EXPECTED: &str = "a list of values, or `{ min = ..., max = ... }`";
        let mut action = Action::Fail;
        let accepted = if let Some(table) = entry.value.as_table() {
            let (mut values, mut min, mut max) = (None, None, None);
            for part in self.source.entries(table) {
                match part.key {
                    "values" => values = Some(self.values(&part)?),
                    "min" => min = Some(self.number(&part)?),
                    "max" => max = Some(self.number(&part)?),
                    "action" => action = self.action(&part),
                    _ => {
                        let known = &["values", "min", "max", "action"];
                        self.errors.push(part.unknown("the check", known));
                        return None;
                    }
                }
            }
            match (values, min, max) {
                (Some(values), None, None) => Accepted::Values(values),
                (None, None, None) | (Some(_), ..) => {
                    self.errors.push(entry.bad(EXPECTED));
                    return None;
                }
                (None, Some(min), Some(max)) if as_float(&min) > as_float(&max) => {
                    self.errors
                        .push(entry.bad("a range whose `min` is not above its `max`"));
                    return None;
                }
                (None, min, max) => Accepted::Range { min, max },
            }
        } else if entry.value.is_array() {
            Accepted::Values(self.values(entry)?)
        } else {
            self.errors.push(entry.bad(EXPECTED));
            return None;
        };
        Some((Rule::Accepted { column, accepted }, action))
    }

    /// Values of one kind; whole numbers and others mix.
    fn values(&mut self, entry: &Entry<'a, '_>) -> Option<Vec<Literal>> {
        const EXPECTED: &str = "a list of texts, of numbers or of true and false";
        let elements = entry.elements().filter(|elements| !elements.is_empty());
        let values: Option<Vec<_>> = elements
            .into_iter()
            .flatten()
            .map(|(value, _)| literal(value))
            .collect();
        let one_kind = |values: &Vec<Literal>| {
            let mut kinds = values.iter().map(|value| match value {
                Literal::Text(_) => 0,
                Literal::Integer(_) | Literal::Float(_) => 1,
                Literal::Boolean(_) => 2,
            });
            let first = kinds.next();
            first.is_some() && kinds.all(|kind| Some(kind) == first)
        };
        let values = values.filter(one_kind);
        if values.is_none() {
            self.errors.push(entry.bad(EXPECTED));
        }
        values
    }

    fn number(&mut self, entry: &Entry<'a, '_>) -> Option<Literal> {
        let number = literal(entry.value)
            .filter(|value| matches!(value, Literal::Integer(_) | Literal::Float(_)));
        if number.is_none() {
            self.errors.push(entry.bad("a number"));
        }
        number
    }

    fn references(&mut self, entry: &Entry<'a, '_>, column: ColumnName) -> Option<(Rule, Action)> {
        const EXPECTED: &str = "`table.column`, as \"customer_curated.serialnumber\"";
        let mut action = Action::Fail;
        let mut target = None;
        if let Some(table) = entry.value.as_table() {
            for part in self.source.entries(table) {
                match part.key {
                    "to" => target = Some((part.text(), part.value_spot)),
                    "action" => action = self.action(&part),
                    _ => self
                        .errors
                        .push(part.unknown("the check", &["to", "action"])),
                }
            }
        } else {
            target = Some((entry.text(), entry.value_spot));
        }
        let Some((Some(written), spot)) = target else {
            self.errors.push(entry.bad(EXPECTED));
            return None;
        };
        let parsed = written.rsplit_once('.').and_then(|(table, to)| {
            let parts = table.split('.').count();
            let named = table.split('.').all(|part| !part.trim().is_empty());
            let to = ColumnName::new(to, spot)?;
            (named && parts <= 2).then(|| Rule::References {
                column,
                table: table.to_owned(),
                to,
            })
        });
        if parsed.is_none() {
            self.errors.push(entry.bad_at(spot, EXPECTED));
        }
        Some((parsed?, action))
    }

    fn sql_checks(&mut self, entry: &Entry<'a, '_>) {
        const EXPECTED: &str = "tables, each opened by `[[checks.sql]]`";
        let Some(elements) = entry.elements() else {
            return self.errors.push(entry.bad(EXPECTED));
        };
        for (element, spot) in elements {
            match element.as_table() {
                Some(table) => self.sql_check(table, spot),
                None => self.errors.push(entry.bad_at(spot, EXPECTED)),
            }
        }
    }

    fn sql_check(&mut self, table: &DeTable<'a>, spot: Spot) {
        let (mut name, mut violations, mut action) = (None, None, Action::Fail);
        let errors_before = self.errors.len();
        for part in self.source.entries(table) {
            let text = part.text().filter(|text| !text.trim().is_empty());
            match (part.key, text) {
                ("name", Some(text)) => name = Some(text.trim().to_owned()),
                ("name", None) => self
                    .errors
                    .push(part.bad("a text: what the check is called")),
                ("violations", Some(text)) => {
                    violations = Some((text.to_owned(), part.text_spot()));
                }
                ("violations", None) => {
                    self.errors
                        .push(part.bad("a SELECT that gives the rows in violation"));
                }
                ("action", _) => action = self.action(&part),
                _ => {
                    let known = &["name", "violations", "action"];
                    self.errors.push(part.unknown("[[checks.sql]]", known));
                }
            }
        }
        if self.errors.len() > errors_before {
            return;
        }
        let missing = |key, says| ErrorKind::MissingKey {
            key,
            within: "[[checks.sql]]",
            says,
        };
        let kind = match (name, violations) {
            (Some(name), Some((violations, sql_spot))) => {
                let rule = Rule::Sql {
                    name,
                    violations,
                    sql_line: sql_spot.line,
                    sql_column: sql_spot.column,
                };
                return self.add(rule, action, spot.line);
            }
            (None, _) => missing("name", "what the check is called"),
            (_, None) => missing("violations", "which rows are in violation: a SELECT"),
        };
        self.errors.push(self.source.error(spot, kind));
    }

    fn action(&mut self, entry: &Entry<'a, '_>) -> Action {
        match entry.text().map(Action::from_str) {
            Some(Ok(action)) => action,
            _ => {
                self.errors.push(entry.bad("\"fail\" or \"warn\""));
                Action::Fail
            }
        }
    }

    fn columns(&mut self, entry: &Entry<'a, '_>) -> Vec<ColumnName> {
        let Some(elements) = entry.elements() else {
            self.errors.push(entry.bad("a list of columns"));
            return Vec::new();
        };
        elements
            .into_iter()
            .filter_map(|(value, spot)| self.column(entry, value, spot))
            .collect()
    }

    fn column(
        &mut self,
        entry: &Entry<'a, '_>,
        value: &DeValue<'a>,
        spot: Spot,
    ) -> Option<ColumnName> {
        let column = value.as_str().and_then(|name| ColumnName::new(name, spot));
        if column.is_none() {
            self.errors.push(entry.bad_at(spot, "the name of a column"));
        }
        column
    }
}

impl Entry<'_, '_> {
    /// The rule that this entry asks for, as a message calls it.
    fn rule(&self) -> &'static str {
        match self.key {
            "unique" => "`unique`",
            _ => "`not_null`",
        }
    }
}

fn literal(value: &DeValue<'_>) -> Option<Literal> {
    match value {
        DeValue::String(text) => Some(Literal::Text(text.to_string())),
        DeValue::Integer(_) => whole_number(value).map(Literal::Integer),
        DeValue::Float(_) => float(value).map(Literal::Float),
        DeValue::Boolean(yes) => Some(Literal::Boolean(*yes)),
        _ => None,
    }
}

/// For comparing the ends of a range, where a rounding does no harm.
fn as_float(literal: &Literal) -> f64 {
    match literal {
        Literal::Integer(number) => *number as f64,
        Literal::Float(number) => *number,
        Literal::Text(_) | Literal::Boolean(_) => f64::NAN,
    }
}
