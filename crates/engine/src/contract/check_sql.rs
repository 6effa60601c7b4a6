//! Translates rules of contracts to SQL that finds the rows in violation.
//!
//! The same SQL counts violations in a table ([`crate::contract::checks`]) and marks rows to
//! leave out of a table that is being built ([`crate::contract::leave_out`]).

use catalog::{Accepted, ColumnName, Literal, Rule};
use query::sql::parse::quote;

/// The SQL that finds the rows in violation of a rule. The alias of the table is `here`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ViolationSql<'a> {
    /// A row is in violation if `violated` is true.
    Condition { violated: String },
    /// A row is in violation if it has no partner and `excused` is not true.
    MissingPartner {
        /// A SELECT of possible partners.
        rows: String,
        /// The join condition. A row has at most one partner among distinct `rows`.
        on: String,
        /// True for a joined row without a partner.
        has_none: String,
        excused: Option<String>,
    },
    /// Rows are in violation if several have equal values in these columns, none of them
    /// null.
    Duplicates { columns: Vec<String> },
    /// The result rows of a SELECT are in violation.
    Select { violations: &'a str },
}

/// Columns of partners. Conditions written by users are in the same statement, so these names
/// must not equal any column of a table.
const PARTNER: &str = "\"partner\"";
const PARTNER_DEVICE: &str = "\"partner's device\"";
const PARTNER_FROM: &str = "\"partner from\"";
const PARTNER_TO: &str = "\"partner to\"";

/// The SQL for `rule`. The alias of partners is `there`.
pub(crate) fn violation_sql<'a>(rule: &'a Rule, there: &str) -> ViolationSql<'a> {
    let partner =
        |rows: String, on: String, excused: Option<String>| ViolationSql::MissingPartner {
            rows,
            on,
            has_none: format!("{there}.{PARTNER} is null"),
            excused,
        };
    match rule {
        Rule::NotNull { column } => ViolationSql::Condition {
            violated: format!("{} is null", here(column)),
        },
        Rule::Accepted { column, accepted } => {
            let column = here(column);
            let not_accepted = not_accepted(&column, accepted);
            ViolationSql::Condition {
                violated: format!("{column} is not null and ({not_accepted})"),
            }
        }
        // A condition that is null counts as violated.
        Rule::Rows { holds, .. } => ViolationSql::Condition {
            violated: format!("(\n{holds}\n) is not true"),
        },
        Rule::References { column, table, to } => {
            let column = here(column);
            partner(
                format!("select {} as {PARTNER} from {table}", quote(to)),
                format!("{there}.{PARTNER} = {column}"),
                Some(format!("{column} is null")),
            )
        }
        // A row has one partner at most: intervals of one person and purpose do not overlap.
        Rule::ConsentInForce {
            subject,
            at,
            purpose,
        } => partner(
            format!(
                "select subject(subject) as {PARTNER}, valid_from as {PARTNER_FROM}, valid_to as {PARTNER_TO} \
                 from system.consent where purpose = '{purpose}' and valid_from is not null"
            ),
            format!(
                "{there}.{PARTNER} = subject({}) and {}",
                here(subject),
                interval_contains(there, at.as_ref())
            ),
            None,
        ),
        // Nor do intervals of one person and device.
        Rule::OwnerMatch {
            subject,
            device,
            at,
        } => partner(
            format!(
                "select subject(subject) as {PARTNER}, serialnumber as {PARTNER_DEVICE}, \
                 valid_from as {PARTNER_FROM}, valid_to as {PARTNER_TO} from system.device_owner"
            ),
            format!(
                "{there}.{PARTNER} = subject({}) and {there}.{PARTNER_DEVICE} = {} and {}",
                here(subject),
                here(device),
                interval_contains(there, at.as_ref())
            ),
            None,
        ),
        Rule::Unique { columns } => ViolationSql::Duplicates {
            columns: columns.iter().map(|column| quote(column)).collect(),
        },
        Rule::Sql { violations, .. } => ViolationSql::Select { violations },
    }
}

/// Whether a partner's interval contains the row's time, or the time of the run if `at` is
/// `None`. A row whose time is null has no partner.
fn interval_contains(there: &str, at: Option<&ColumnName>) -> String {
    let (at, is_known) = match at.map(here) {
        Some(at) => (at.clone(), format!("{at} is not null and ")),
        None => ("run_time()".to_owned(), String::new()),
    };
    format!(
        "{is_known}({there}.{PARTNER_FROM} is null or {there}.{PARTNER_FROM} <= {at}) \
         and ({there}.{PARTNER_TO} is null or {at} < {there}.{PARTNER_TO})"
    )
}

fn not_accepted(column: &str, accepted: &Accepted) -> String {
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
            let conditions: Vec<String> = below.into_iter().chain(above).collect();
            conditions.join(" or ")
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
    fn conditions_for_partners() {
        let check = |checks: &str, expected_rows: &str, expected_on: &str| {
            let rule = rule(checks);
            let ViolationSql::MissingPartner {
                rows,
                on,
                has_none,
                excused,
            } = violation_sql(&rule, "there")
            else {
                panic!("{checks}");
            };
            assert_eq!(rows, expected_rows, "{checks}");
            assert_eq!(on, expected_on, "{checks}");
            assert_eq!(has_none, "there.\"partner\" is null", "{checks}");
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
    fn contracts_accept_all_purposes() {
        assert_eq!(
            PURPOSES.to_vec(),
            Purpose::ALL.map(Purpose::as_str).to_vec()
        );
    }
}
