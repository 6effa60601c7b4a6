//! Older versions of tables in SQL.
//!
//! `FROM customer_trusted VERSION AS OF 3` and
//! `FROM customer_trusted TIMESTAMP AS OF '2026-11-20T10:00:00Z'` (also with
//! `FOR` before them, and `FOR SYSTEM_TIME AS OF`) become names that carry the
//! version, which the table lookup understands.

use std::ops::ControlFlow;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use datafusion::sql::parser::Statement;
use sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, TableFactor, TableVersion, TypedString, UnaryOperator,
    Value, VisitMut, VisitorMut,
};

use crate::Error;

/// Replaces versions in a statement by names that carry them.
///
/// # Errors
/// [`Error::Sql`] for a version that is no number or instant.
pub(crate) fn resolve(statement: &mut Statement) -> Result<(), Error> {
    match statement {
        Statement::Statement(statement) => match statement.visit(&mut Resolver) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        },
        Statement::Explain(explain) => resolve(&mut explain.statement),
        _ => Ok(()),
    }
}

struct Resolver;

impl VisitorMut for Resolver {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        let TableFactor::Table { name, version, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let Some(asked) = version.take() else {
            return ControlFlow::Continue(());
        };
        match suffix(&asked) {
            Ok(suffix) => {
                append(name, &suffix);
                ControlFlow::Continue(())
            }
            Err(message) => ControlFlow::Break(Error::sql(
                message,
                "write VERSION AS OF 3 or TIMESTAMP AS OF '2026-11-20T10:00:00Z'",
            )),
        }
    }
}

fn append(name: &mut ObjectName, suffix: &str) {
    if let Some(ObjectNamePart::Identifier(ident)) = name.0.last_mut() {
        let folded = match ident.quote_style {
            Some(_) => ident.value.clone(),
            None => ident.value.to_lowercase(),
        };
        *ident = Ident::with_quote('"', format!("{folded}{suffix}"));
    }
}

fn suffix(version: &TableVersion) -> Result<String, String> {
    match version {
        TableVersion::VersionAsOf(expr) => match number(expr) {
            Some(number) if number >= 0 => Ok(format!("@v{number}")),
            _ => Err("a version is a whole number".to_owned()),
        },
        TableVersion::TimestampAsOf(expr) | TableVersion::ForSystemTimeAsOf(expr) => {
            let instant = match number(expr) {
                Some(instant) => instant,
                None => {
                    let text = text(expr).ok_or("an instant is a text or epoch milliseconds")?;
                    parse_instant(text)
                        .ok_or_else(|| format!("`{}` is no instant", privacy::redact(text)))?
                }
            };
            Ok(format!("@t{instant}"))
        }
        TableVersion::Function(_) | TableVersion::Changes { .. } => {
            Err("this way to name a version is not known".to_owned())
        }
    }
}

fn number(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => number(expr).map(|number| -number),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        Expr::TypedString(TypedString { value, .. }) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// An instant as people write it, to epoch milliseconds: RFC 3339, a date, or
/// a date and time in UTC; or epoch milliseconds in digits.
pub fn parse_instant(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<i64>() {
        return Some(instant);
    }
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.timestamp_millis());
    }
    for format in [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ] {
        if let Ok(instant) = NaiveDateTime::parse_from_str(text, format) {
            return Some(instant.and_utc().timestamp_millis());
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_as_people_write_them() {
        for (text, expected) in [
            ("1655564376361", Some(1_655_564_376_361)),
            ("2022-06-18T14:59:36.361Z", Some(1_655_564_376_361)),
            ("2022-06-18T16:59:36.361+02:00", Some(1_655_564_376_361)),
            ("2022-06-18 14:59:36", Some(1_655_564_376_000)),
            ("2022-06-18 14:59", Some(1_655_564_340_000)),
            ("2022-06-18", Some(1_655_510_400_000)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse_instant(text), expected, "{text}");
        }
    }
}
