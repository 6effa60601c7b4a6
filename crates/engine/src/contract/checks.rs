//! Checks of contracts: each becomes a SELECT that counts the rows in
//! violation. Rows that a check leaves out are counted while the table is
//! built, see [`crate::contract::leave_out`].

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use catalog::{Action, Check, Model};
use futures::TryStreamExt;

use crate::Error;
use crate::contract::check_sql::{Judgement, judgement};
use crate::contract::report::{CheckKind, CheckReport, Verdict};
use query::Query;
use query::Session;
use query::sql::parse::quote;

/// Tells how many rows of a table violate a check, where that is known without
/// reading them.
pub(crate) type KnownViolations<'a> = dyn Fn(&Check) -> Option<u64> + Sync + 'a;

/// Runs all checks of `model` on what its name means in `session`. Of a table
/// that was just `built`, much is known already: which columns have nulls, and
/// what was left out. In a table that stands, rows that should have been left
/// out are a failure.
///
/// # Errors
/// [`Error::Query`] where a check cannot be computed.
pub(crate) async fn run(
    session: &Session,
    model: &Model,
    built: Option<&KnownViolations<'_>>,
) -> Result<Vec<CheckReport>, Error> {
    let mut reports = Vec::new();
    for check in &model.contract.checks {
        let found = match built.and_then(|known| known(check)) {
            Some(violations) => Ok(report(model, check, violations)),
            None => one(session, model, check).await,
        };
        let mut found = found?;
        if check.action == Action::LeaveOut && built.is_some() {
            found.verdict = Verdict::Ok;
        }
        reports.push(found);
    }
    Ok(reports)
}

/// Runs one check on what the name of `model` means in `session`.
///
/// # Errors
/// [`Error::Query`] where it cannot be computed.
pub(crate) async fn one(
    session: &Session,
    model: &Model,
    check: &Check,
) -> Result<CheckReport, Error> {
    let violations = violations(session, model, check).await?;
    Ok(report(model, check, violations))
}

/// How many rows violate one check.
///
/// # Errors
/// [`Error::Query`] where it cannot be computed.
pub(crate) async fn violations(
    session: &Session,
    model: &Model,
    check: &Check,
) -> Result<u64, Error> {
    let violations = count(session, &count_violations(model, check)).await;
    violations.map_err(|error| in_check(model, check, error))
}

/// What so many `violations` of a check in a table that stands come to.
pub(crate) fn report(model: &Model, check: &Check, violations: u64) -> CheckReport {
    let verdict = match check.action {
        _ if violations == 0 => Verdict::Ok,
        Action::Fail | Action::LeaveOut => Verdict::Fail,
        Action::Warn => Verdict::Warn,
        Action::Report => Verdict::Ok,
    };
    CheckReport {
        table: model.name.to_string(),
        check: check.name(),
        verdict,
        violations,
        kind: CheckKind::Contract,
    }
}

/// A SELECT that gives a row for each in violation of `check`, where there is a
/// plain one.
pub(crate) fn rows_in_violation(model: &Model, check: &Check) -> Option<String> {
    let table = format!("{}.{}", model.zone, quote(model.name.as_ref()));
    match judgement(&check.rule, "there") {
        Judgement::Condition { violated } => Some(format!(
            "select 1 as one from {table} here where {violated}"
        )),
        Judgement::Select { violations } => Some(violations.to_string()),
        Judgement::Partner { .. } | Judgement::Together { .. } => None,
    }
}

fn in_check(model: &Model, check: &Check, error: Error) -> Error {
    match error {
        Error::Query(query::Error::Execution { message, .. }) => {
            Error::Query(query::Error::Execution {
                what: format!("check {} of {}", check.name(), model.name),
                message,
            })
        }
        other => other,
    }
}

/// The one number that `sql` gives.
pub(crate) async fn count(session: &Session, sql: &str) -> Result<u64, Error> {
    number(session.query(sql).await?).await
}

/// The one number that a query gives.
pub(crate) async fn number(query: Query) -> Result<u64, Error> {
    let stream = query.stream()?;
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
    match judgement(&check.rule, "there") {
        Judgement::Condition { violated } => {
            format!("select count(*) from {table} here where {violated}")
        }
        Judgement::Partner {
            rows, on, excused, ..
        } => {
            let judged =
                excused.map_or_else(String::new, |excused| format!(" where not {excused}"));
            format!(
                "select count(*) from ({rows}) there right anti join {table} here on {on}{judged}"
            )
        }
        Judgement::Together { columns } => {
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
        Judgement::Select { violations } => {
            format!("select count(*) from (\n{violations}\n)")
        }
    }
}
