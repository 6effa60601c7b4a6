//! Time travel: older versions of tables in SQL.
//!
//! `FROM customer_trusted VERSION AS OF 3` and
//! `FROM customer_trusted TIMESTAMP AS OF '2026-11-20T10:00:00Z'` (also after `FOR`,
//! and as `FOR SYSTEM_TIME AS OF`) are rewritten to names that carry the version,
//! such as `customer_trusted@v3`, which [`Tables::find`](crate::tables::Tables::find)
//! resolves.

use std::borrow::Cow;
use std::ops::ControlFlow;

use catalog::SqlDialect;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use datafusion::sql::parser::Statement;
use sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, TableFactor, TableVersion, TypedString, UnaryOperator,
    Value, VisitMut, VisitorMut,
};

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::Error;

/// Blanks out the `FOR` of Athena's `FOR VERSION AS OF` and `FOR TIMESTAMP AS OF`,
/// which the parser accepts only without it. The statement keeps its length, so
/// lines and columns in messages stay right.
pub fn without_for(sql: &str) -> Cow<'_, str> {
    let Ok(tokens) = Tokenizer::new(&SqlDialect, sql).tokenize_with_location() else {
        return Cow::Borrowed(sql);
    };
    let words: Vec<_> = tokens
        .iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .collect();
    let is = |token: &TokenWithSpan, keyword: Keyword| matches!(&token.token, Token::Word(word) if word.keyword == keyword && word.quote_style.is_none());
    let mut spelled = Cow::Borrowed(sql);
    for four in words.windows(4) {
        let version = is(four[1], Keyword::VERSION) || is(four[1], Keyword::TIMESTAMP);
        if is(four[0], Keyword::FOR)
            && version
            && is(four[2], Keyword::AS)
            && is(four[3], Keyword::OF)
            && let Some(start) = byte_of(sql, four[0].span.start)
        {
            spelled
                .to_mut()
                .replace_range(start..start + "for".len(), "   ");
        }
    }
    spelled
}

fn byte_of(sql: &str, place: Location) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let before: usize = sql.split_inclusive('\n').take(line).map(str::len).sum();
    let (within, _) = sql[before..].char_indices().nth(column)?;
    Some(before + within)
}

/// Rewrites versions in a statement to names that carry them.
///
/// # Errors
/// [`Error::Sql`] for a version that is neither a number nor an instant.
pub fn resolve(statement: &mut Statement) -> Result<(), Error> {
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

/// Appends `suffix` to the last part of a name.
pub(super) fn append(name: &mut ObjectName, suffix: &str) {
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
            _ => Err("a version must be a whole number".to_owned()),
        },
        TableVersion::TimestampAsOf(expr) | TableVersion::ForSystemTimeAsOf(expr) => {
            let instant = match number(expr) {
                Some(instant) => instant,
                None => {
                    let text =
                        text(expr).ok_or("an instant must be a text or epoch milliseconds")?;
                    parse_instant(text).ok_or("this text is not an instant")?
                }
            };
            Ok(format!("@t{instant}"))
        }
        TableVersion::Function(_) | TableVersion::Changes { .. } => {
            Err("this form of a table version is not supported".to_owned())
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

/// Parses an instant to epoch milliseconds: RFC 3339, a date, a date and time in
/// UTC, or epoch milliseconds in digits.
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
    fn for_goes_where_the_parser_does_not_know_it() {
        for (sql, expected) in [
            ("select 1", "select 1"),
            (
                "select * from t for version as of 3",
                "select * from t     version as of 3",
            ),
            (
                "select 'ä' from t\nFOR  TIMESTAMP\nAS OF 'x'",
                "select 'ä' from t\n     TIMESTAMP\nAS OF 'x'",
            ),
            (
                "select 'for version as of 3'",
                "select 'for version as of 3'",
            ),
            (
                "select * from t for system_time as of 'x'",
                "select * from t for system_time as of 'x'",
            ),
        ] {
            assert_eq!(without_for(sql), expected);
        }
    }

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
