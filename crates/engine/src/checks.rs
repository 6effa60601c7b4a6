//! Checks of contracts: each becomes a SELECT that counts the rows in
//! violation.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use catalog::{Accepted, Action, Check, Literal, Model, Rule};
use futures::TryStreamExt;

use crate::report::{CheckReport, Verdict};
use crate::{Error, Query, Session};

/// Runs all checks of `model` on what its name means in `session`. `nulls`
/// tells how many a column has, where that is known already.
///
/// # Errors
/// [`Error::Execution`] where a check cannot be computed.
pub(crate) async fn run(
    session: &Session,
    model: &Model,
    nulls: impl Fn(&str) -> Option<u64>,
) -> Result<Vec<CheckReport>, Error> {
    let mut reports = Vec::new();
    for check in &model.contract.checks {
        let known = match &check.rule {
            Rule::NotNull { column } => nulls(column),
            _ => None,
        };
        let violations = match known {
            Some(violations) => violations,
            None => count(session, &count_violations(model, check))
                .await
                .map_err(|error| in_check(model, check, error))?,
        };
        let verdict = match check.action {
            _ if violations == 0 => Verdict::Ok,
            Action::Fail => Verdict::Fail,
            Action::Warn => Verdict::Warn,
            Action::Report => Verdict::Ok,
        };
        reports.push(CheckReport {
            table: model.name.to_string(),
            check: check.name(),
            verdict,
            violations,
        });
    }
    Ok(reports)
}

fn in_check(model: &Model, check: &Check, error: Error) -> Error {
    match error {
        Error::Execution { message, .. } => Error::Execution {
            what: format!("check {} of {}", check.name(), model.name),
            message,
        },
        other => other,
    }
}

/// The one number that `sql` gives.
pub(crate) async fn count(session: &Session, sql: &str) -> Result<u64, Error> {
    let stream = session.query(sql).await?.stream()?;
    let batches: Vec<_> = stream.try_collect().await.map_err(Query::failed)?;
    let number = batches
        .iter()
        .find(|batch| batch.num_rows() > 0)
        .and_then(|batch| batch.column(0).as_primitive_opt::<Int64Type>())
        .map_or(0, |column| column.value(0));
    Ok(number.unsigned_abs())
}

/// A SELECT that counts the rows of the model's table in violation of `check`.
pub(crate) fn count_violations(model: &Model, check: &Check) -> String {
    let table = format!("{}.{}", model.zone, quote(model.name.as_ref()));
    match &check.rule {
        Rule::NotNull { column } => {
            format!(
                "select count(*) from {table} where {} is null",
                quote(column)
            )
        }
        Rule::Unique { columns } => {
            let columns: Vec<String> = columns.iter().map(|column| quote(column)).collect();
            let present: Vec<String> = columns
                .iter()
                .map(|column| format!("{column} is not null"))
                .collect();
            format!(
                "select cast(coalesce(sum(copies), 0) as bigint) from (select count(*) as copies from {table} where {} group by {} having count(*) > 1)",
                present.join(" and "),
                columns.join(", "),
            )
        }
        Rule::Accepted { column, accepted } => {
            let column = quote(column);
            let refused = match accepted {
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
            };
            format!("select count(*) from {table} where {column} is not null and ({refused})")
        }
        Rule::References {
            column,
            table: other,
            to,
        } => {
            let column = quote(column);
            let to = quote(to);
            format!(
                "select count(*) from {table} here left anti join {other} there on here.{column} = there.{to} where here.{column} is not null"
            )
        }
        Rule::Sql { violations, .. } => {
            format!("select count(*) from (\n{violations}\n)")
        }
    }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Literal::Integer(number) => number.to_string(),
        Literal::Float(number) => format!("cast({number:e} as double)"),
        Literal::Boolean(value) => value.to_string(),
    }
}
