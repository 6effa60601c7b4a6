//! Reads `[checks]` of a contract's TOML into [`Rule`]s with their actions.

use std::str::FromStr;

use toml::de::{DeTable, DeValue};

use super::reader::ContractReader;
use super::{Accepted, Action, Check, ColumnName, Literal, PURPOSES, Rule};
use crate::errors::ErrorKind;
use crate::text::Spot;
use crate::toml_source::{Entry, float, whole_number};

const CHECKS_KEYS: &[&str] = &[
    "not_null",
    "unique",
    "accepted",
    "references",
    "consent_in_force",
    "owner_match",
    "rows",
    "sql",
];

impl<'a> ContractReader<'a> {
    pub(super) fn checks(&mut self, checks: &DeTable<'a>) {
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
                    "a table with a key per column, such as `distance = { min = 0, max = 1000 }`",
                    Self::accepted,
                ),
                "references" => self.by_column(
                    &entry,
                    "a table with a key per column, such as `serialnumber = \"customer_curated.serialnumber\"`",
                    Self::references,
                ),
                "consent_in_force" => self.tables(
                    &entry,
                    "a table such as `{ subject = \"user\", at = \"timestamp\" }`, or a list of such tables",
                    Self::consent_in_force,
                ),
                "owner_match" => self.tables(
                    &entry,
                    "a table such as `{ subject = \"user\", device = \"serialnumber\", at = \"sensorreadingtime\" }`, or a list of such tables",
                    Self::owner_match,
                ),
                "rows" => self.tables(
                    &entry,
                    "tables, each opened by `[[checks.rows]]`",
                    Self::rows_check,
                ),
                "sql" => self.tables(
                    &entry,
                    "tables, each opened by `[[checks.sql]]`",
                    Self::sql_check,
                ),
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
        self.contract.checks.push(Check { rule, action, line });
    }

    /// The groups of columns that `not_null` or `unique` declares: a list, a table
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
                "action" if together => action = self.action_on_all(&part, entry.rule()),
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

    /// A list of columns. With `together` its elements may be lists of columns;
    /// with `nested` they may be tables with an action.
    fn column_rules_list(
        &mut self,
        entry: &Entry<'a, '_>,
        together: bool,
        nested: Option<Action>,
        groups: &mut Vec<(Vec<ColumnName>, Action, u32)>,
    ) {
        let expected = match together {
            true => "a list of columns, or of lists of columns that are unique in combination",
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
                        .push(entry.bad("a range with `min` not above `max`"));
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

    /// Values of one kind; integers and floats may mix.
    fn values(&mut self, entry: &Entry<'a, '_>) -> Option<Vec<Literal>> {
        const EXPECTED: &str = "a list of strings, of numbers, or of true and false";
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
        const EXPECTED: &str = "`table.column`, such as \"customer_curated.serialnumber\"";
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

    /// A list of TOML tables, or a single one.
    fn tables(
        &mut self,
        entry: &Entry<'a, '_>,
        expected: &'static str,
        rule: fn(&mut Self, &DeTable<'a>, Spot) -> Option<(Rule, Action)>,
    ) {
        let elements = match entry.value {
            DeValue::Table(_) => Some(vec![(entry.value, entry.key_spot)]),
            _ => entry.elements(),
        };
        let Some(elements) = elements else {
            return self.errors.push(entry.bad(expected));
        };
        for (element, spot) in elements {
            let Some(table) = element.as_table() else {
                self.errors.push(entry.bad_at(spot, expected));
                continue;
            };
            if let Some((rule, action)) = rule(self, table, spot) {
                self.add(rule, action, spot.line);
            }
        }
    }

    fn consent_in_force(&mut self, table: &DeTable<'a>, spot: Spot) -> Option<(Rule, Action)> {
        let (mut subject, mut at, mut purpose) = (None, None, PURPOSES[0]);
        let mut action = Action::Fail;
        let errors_before = self.errors.len();
        for part in self.source.entries(table) {
            match part.key {
                "subject" => subject = self.column(&part, part.value, part.value_spot),
                "at" => at = self.column(&part, part.value, part.value_spot),
                "purpose" => match PURPOSES.iter().find(|known| part.text() == Some(**known)) {
                    Some(known) => purpose = *known,
                    None => self
                        .errors
                        .push(part.bad("\"research\", \"public\" or \"friends\"")),
                },
                "action" => action = self.action(&part),
                _ => {
                    let known = &["subject", "at", "purpose", "action"];
                    self.errors.push(part.unknown("the check", known));
                }
            }
        }
        if self.errors.len() > errors_before {
            return None;
        }
        let Some(subject) = subject else {
            self.missing(spot, "subject", "`consent_in_force`", SUBJECT_SAYS);
            return None;
        };
        let rule = Rule::ConsentInForce {
            subject,
            at,
            purpose,
        };
        Some((rule, action))
    }

    fn owner_match(&mut self, table: &DeTable<'a>, spot: Spot) -> Option<(Rule, Action)> {
        let (mut subject, mut device, mut at) = (None, None, None);
        let mut action = Action::Fail;
        let errors_before = self.errors.len();
        for part in self.source.entries(table) {
            match part.key {
                "subject" => subject = self.column(&part, part.value, part.value_spot),
                "device" => device = self.column(&part, part.value, part.value_spot),
                "at" => at = self.column(&part, part.value, part.value_spot),
                "action" => action = self.action(&part),
                _ => {
                    let known = &["subject", "device", "at", "action"];
                    self.errors.push(part.unknown("the check", known));
                }
            }
        }
        if self.errors.len() > errors_before {
            return None;
        }
        match (subject, device) {
            (Some(subject), Some(device)) => {
                let rule = Rule::OwnerMatch {
                    subject,
                    device,
                    at,
                };
                Some((rule, action))
            }
            (None, _) => {
                self.missing(spot, "subject", "`owner_match`", SUBJECT_SAYS);
                None
            }
            (_, None) => {
                let says = "which column holds the device's serial number";
                self.missing(spot, "device", "`owner_match`", says);
                None
            }
        }
    }

    fn rows_check(&mut self, table: &DeTable<'a>, spot: Spot) -> Option<(Rule, Action)> {
        let given = self.given_as_sql(
            table,
            spot,
            &GivenAsSql {
                within: "[[checks.rows]]",
                key: "holds",
                expected: "a condition on the columns of a row",
                says: "what must be true of every row: a condition on its columns",
                known: &["name", "holds", "action"],
            },
        )?;
        let rule = Rule::Rows {
            name: given.name,
            holds: given.sql,
            sql_line: given.spot.line,
            sql_column: given.spot.column,
        };
        Some((rule, given.action))
    }

    fn sql_check(&mut self, table: &DeTable<'a>, spot: Spot) -> Option<(Rule, Action)> {
        let given = self.given_as_sql(
            table,
            spot,
            &GivenAsSql {
                within: "[[checks.sql]]",
                key: "violations",
                expected: "a SELECT that returns the violating rows",
                says: "which rows violate the check: a SELECT",
                known: &["name", "violations", "action"],
            },
        )?;
        let rule = Rule::Sql {
            name: given.name,
            violations: given.sql,
            sql_line: given.spot.line,
            sql_column: given.spot.column,
        };
        Some((rule, given.action))
    }

    /// A check with a name and SQL.
    fn given_as_sql(
        &mut self,
        table: &DeTable<'a>,
        spot: Spot,
        form: &GivenAsSql,
    ) -> Option<Given> {
        let (mut name, mut sql, mut action) = (None, None, Action::Fail);
        let errors_before = self.errors.len();
        for part in self.source.entries(table) {
            let text = part.text().filter(|text| !text.trim().is_empty());
            match (part.key, text) {
                ("name", Some(text)) => name = Some(text.trim().to_owned()),
                ("name", None) => self.errors.push(part.bad("the name of the check, as text")),
                (key, Some(text)) if key == form.key => {
                    sql = Some((text.to_owned(), part.text_spot()));
                }
                (key, None) if key == form.key => self.errors.push(part.bad(form.expected)),
                ("action", _) if form.key == "violations" => {
                    action = self.action_on_all(&part, form.within);
                }
                ("action", _) => action = self.action(&part),
                _ => self.errors.push(part.unknown(form.within, form.known)),
            }
        }
        if self.errors.len() > errors_before {
            return None;
        }
        match (name, sql) {
            (Some(name), Some((sql, spot))) => {
                return Some(Given {
                    name,
                    sql,
                    spot,
                    action,
                });
            }
            (None, _) => self.missing(spot, "name", form.within, "how messages name the check"),
            (_, None) => self.missing(spot, form.key, form.within, form.says),
        }
        None
    }

    fn missing(&mut self, spot: Spot, key: &'static str, within: &'static str, says: &'static str) {
        let kind = ErrorKind::MissingKey { key, within, says };
        self.errors.push(self.source.error(spot, kind));
    }

    fn action(&mut self, entry: &Entry<'a, '_>) -> Action {
        match entry.text().map(Action::from_str) {
            Some(Ok(action)) => action,
            _ => {
                let expected = "\"fail\", \"warn\", \"report\" or \"leave_out\"";
                self.errors.push(entry.bad(expected));
                Action::Fail
            }
        }
    }

    /// The action of a rule that judges rows in combination and so cannot leave
    /// rows out.
    fn action_on_all(&mut self, entry: &Entry<'a, '_>, rule: &'static str) -> Action {
        match entry.text().map(Action::from_str) {
            Some(Ok(Action::LeaveOut)) => {
                let kind = ErrorKind::CannotLeaveOut { rule };
                self.errors.push(self.source.error(entry.value_spot, kind));
                Action::Fail
            }
            Some(Ok(action)) => action,
            _ => {
                let expected = "\"fail\", \"warn\" or \"report\"";
                self.errors.push(entry.bad(expected));
                Action::Fail
            }
        }
    }
}

const SUBJECT_SAYS: &str = "which column holds the person's e-mail";

/// The form of a check that is given as SQL.
struct GivenAsSql {
    within: &'static str,
    /// The key of the SQL, what it must be, and what it says.
    key: &'static str,
    expected: &'static str,
    says: &'static str,
    known: &'static [&'static str],
}

/// A check that was given as SQL.
struct Given {
    name: String,
    sql: String,
    spot: Spot,
    action: Action,
}

impl Entry<'_, '_> {
    /// The rule that this entry declares, as messages name it.
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

/// For comparing the bounds of a range, where rounding does no harm.
fn as_float(literal: &Literal) -> f64 {
    match literal {
        Literal::Integer(number) => *number as f64,
        Literal::Float(number) => *number,
        Literal::Text(_) | Literal::Boolean(_) => f64::NAN,
    }
}
