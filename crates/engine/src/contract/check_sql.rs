//! Rules of contracts in SQL: what makes a row one in violation.
//!
//! The same words count violations in a table ([`crate::contract::checks`]) and mark the
//! rows to leave out of one that is being built ([`crate::contract::leave_out`]).

use catalog::{Accepted, ColumnName, Literal, Rule};
use query::sql::parse::quote;

/// How a rule judges rows. The table's row goes by the name `here`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement<'a> {
    /// A row is in violation where `violated` is true.
    Condition { violated: String },
    /// A row is in violation if it finds no partner, unless `excused` is true
    /// of it.
    Partner {
        /// A SELECT of possible partners.
        rows: String,
        /// Which of them is a row's partner: one at most, once equal ones of
        /// `rows` are one.
        on: String,
        /// True of a row that was joined to no partner.
        alone: String,
        excused: Option<String>,
    },
    /// Rows are in violation that are equal in these columns, nulls apart.
    Together { columns: Vec<String> },
    /// The rows that a SELECT gives are in violation.
    Select { violations: &'a str },
}

/// Columns of partners. A condition that somebody wrote over the columns of a
/// table stands in one statement with them, and must not find two of a name.
const KEY: &str = "\"partner\"";
const DEVICE: &str = "\"partner's device\"";
const FROM: &str = "\"partner from\"";
const TO: &str = "\"partner to\"";

/// What `rule` comes to, where partners go by the name `there`.
pub(crate) fn judgement<'a>(rule: &'a Rule, there: &str) -> Judgement<'a> {
    let partner = |rows: String, on: String, excused: Option<String>| Judgement::Partner {
        rows,
        on,
        alone: format!("{there}.{KEY} is null"),
        excused,
    };
    match rule {
        Rule::NotNull { column } => Judgement::Condition {
            violated: format!("{} is null", here(column)),
        },
        Rule::Accepted { column, accepted } => {
            let column = here(column);
            let refused = refused(&column, accepted);
            Judgement::Condition {
                violated: format!("{column} is not null and ({refused})"),
            }
        }
        // What is not known to hold does not hold.
        Rule::Rows { holds, .. } => Judgement::Condition {
            violated: format!("(\n{holds}\n) is not true"),
        },
        Rule::References { column, table, to } => {
            let column = here(column);
            partner(
                format!("select {} as {KEY} from {table}", quote(to)),
                format!("{there}.{KEY} = {column}"),
                Some(format!("{column} is null")),
            )
        }
        // Intervals of one person for one purpose do not overlap.
        Rule::ConsentInForce {
            subject,
            at,
            purpose,
        } => partner(
            format!(
                "select subject(subject) as {KEY}, valid_from as {FROM}, valid_to as {TO} \
                 from system.consent where purpose = '{purpose}' and valid_from is not null"
            ),
            format!(
                "{there}.{KEY} = subject({}) and {}",
                here(subject),
                holds(there, at.as_ref())
            ),
            None,
        ),
        // Nor do those of one person and one device.
        Rule::OwnerMatch {
            subject,
            device,
            at,
        } => partner(
            format!(
                "select subject(subject) as {KEY}, serialnumber as {DEVICE}, \
                 valid_from as {FROM}, valid_to as {TO} from system.device_owner"
            ),
            format!(
                "{there}.{KEY} = subject({}) and {there}.{DEVICE} = {} and {}",
                here(subject),
                here(device),
                holds(there, at.as_ref())
            ),
            None,
        ),
        Rule::Unique { columns } => Judgement::Together {
            columns: columns.iter().map(|column| quote(column)).collect(),
        },
        Rule::Sql { violations, .. } => Judgement::Select { violations },
    }
}

/// Whether a partner's interval holds at a row's time, or now. A row without a
/// time has no partner.
fn holds(there: &str, at: Option<&ColumnName>) -> String {
    let (at, known) = match at.map(here) {
        Some(at) => (at.clone(), format!("{at} is not null and ")),
        None => ("run_time()".to_owned(), String::new()),
    };
    format!(
        "{known}({there}.{FROM} is null or {there}.{FROM} <= {at}) \
         and ({there}.{TO} is null or {at} < {there}.{TO})"
    )
}

fn refused(column: &str, accepted: &Accepted) -> String {
    match accepted {
        Accepted::Values(values) => {
            let values: Vec<String> = values.iter().map(literal).collect();
            format!("{column} not in ({})", values.join(", "))
        }
        Accepted::Range { min, max } => {
            let below = min
                .as_ref()
                .map(|min| format!("{column} < {}", literal(min)));
            let above = max
                .as_ref()
                .map(|max| format!("{column} > {}", literal(max)));
            let ends: Vec<String> = below.into_iter().chain(above).collect();
            ends.join(" or ")
        }
    }
}

fn here(column: &ColumnName) -> String {
    format!("here.{}", quote(column))
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Literal::Integer(number) => number.to_string(),
        Literal::Float(number) => format!("cast({number:e} as double)"),
        Literal::Boolean(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use catalog::{PURPOSES, Project, SourceFile};
    use privacy::Purpose;

    use super::*;

    fn rule(checks: &str) -> Rule {
        let file = |path: &str, text: String| SourceFile {
            path: path.into(),
            text,
        };
        let landing = "create external table l (user string, device string, at bigint) stored as jsonfile location 'l'";
        let model =
            format!("/*\ngrain = 'g'\n[checks]\n{checks}\n*/ select user, device, at from l");
        let files = vec![
            file("p/landing/l.sql", landing.to_owned()),
            file("p/trusted/t.sql", model),
        ];
        let project = Project::parse(files).unwrap_or_else(|errors| panic!("{errors}"));
        project.models()[0]
            .contract
            .checks
            .iter()
            .next()
            .unwrap()
            .rule
            .clone()
    }

    #[test]
    fn what_finds_a_partner() {
        let check = |checks: &str, expected_rows: &str, expected_on: &str| {
            let rule = rule(checks);
            let Judgement::Partner {
                rows,
                on,
                alone,
                excused,
            } = judgement(&rule, "there")
            else {
                panic!("{checks}");
            };
            assert_eq!(rows, expected_rows, "{checks}");
            assert_eq!(on, expected_on, "{checks}");
            assert_eq!(alone, "there.\"partner\" is null", "{checks}");
            assert_eq!(excused, None, "{checks}");
        };
        let consents = "select subject(subject) as \"partner\", valid_from as \"partner from\", valid_to as \"partner to\" from system.consent where purpose = 'friends' and valid_from is not null";
        check(
            "consent_in_force = { subject = 'user', at = 'at', purpose = 'friends' }",
            consents,
            "there.\"partner\" = subject(here.\"user\") \
             and here.\"at\" is not null \
             and (there.\"partner from\" is null or there.\"partner from\" <= here.\"at\") \
             and (there.\"partner to\" is null or here.\"at\" < there.\"partner to\")",
        );
        let owners = "select subject(subject) as \"partner\", serialnumber as \"partner's device\", valid_from as \"partner from\", valid_to as \"partner to\" from system.device_owner";
        check(
            "owner_match = { subject = 'user', device = 'device', at = 'at' }",
            owners,
            "there.\"partner\" = subject(here.\"user\") \
             and there.\"partner's device\" = here.\"device\" \
             and here.\"at\" is not null \
             and (there.\"partner from\" is null or there.\"partner from\" <= here.\"at\") \
             and (there.\"partner to\" is null or here.\"at\" < there.\"partner to\")",
        );
        check(
            "owner_match = { subject = 'user', device = 'device' }",
            owners,
            "there.\"partner\" = subject(here.\"user\") \
             and there.\"partner's device\" = here.\"device\" \
             and (there.\"partner from\" is null or there.\"partner from\" <= run_time()) \
             and (there.\"partner to\" is null or run_time() < there.\"partner to\")",
        );
    }

    #[test]
    fn contracts_name_the_purposes_that_there_are() {
        assert_eq!(
            PURPOSES.to_vec(),
            Purpose::ALL.map(Purpose::as_str).to_vec()
        );
    }
}
