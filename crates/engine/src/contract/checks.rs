//! Runs the checks of contracts: each is a SELECT that counts the rows in violation. Rows that
//! a check leaves out are counted while the table is built, see
//! [`crate::contract::leave_out`].

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use catalog::{Action, Check, Model};
use futures::TryStreamExt;

use crate::Error;
use crate::contract::check_sql::{ViolationSql, violation_sql};
use crate::contract::report::{CheckKind, CheckReport, Verdict};
use query::Query;
use query::Session;
use query::sql::parse::quote;

/// The number of rows that violate a check, if it is known without reading the table.
pub(crate) type KnownViolations<'a> = dyn Fn(&Check) -> Option<u64> + Sync + 'a;

/// Runs all checks of `model` on its table in `session`. For a table that was just `built`,
/// some results are known already: which columns have nulls, and which rows were left out.
/// In a published table, rows that should have been left out are a failure.
///
/// # Errors
/// [`Error::Query`] if a check cannot be computed.
pub(crate) async fn run(
    session: &Session,
    model: &Model,
    built: Option<&KnownViolations<'_>>,
) -> Result<Vec<CheckReport>, Error> {
    let mut reports = Vec::new();
    for check in &model.contract.checks {
        let result = match built.and_then(|known| known(check)) {
            Some(violations) => Ok(report(model, check, violations)),
            None => run_check(session, model, check).await,
        };
        let mut report = result?;
        if check.action == Action::LeaveOut && built.is_some() {
            report.verdict = Verdict::Ok;
        }
        reports.push(report);
    }
    Ok(reports)
}

/// Runs one check on the table of `model` in `session`.
///
/// # Errors
/// [`Error::Query`] if it cannot be computed.
pub(crate) async fn run_check(
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
/// [`Error::Query`] if it cannot be computed.
pub(crate) async fn violations(
    session: &Session,
    model: &Model,
    check: &Check,
) -> Result<u64, Error> {
    let violations = count(session, &count_violations(model, check)).await;
    violations.map_err(|error| in_check(model, check, error))
}

/// The report on a check with this number of violations in a published table.
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

/// A SELECT with one row for each row in violation of `check`. `None` for rules that compare
/// rows with others.
pub(crate) fn rows_in_violation(model: &Model, check: &Check) -> Option<String> {
    let table = format!("{}.{}", model.zone, quote(model.name.as_ref()));
    match violation_sql(&check.rule, "there") {
        ViolationSql::Condition { violated } => Some(format!(
            "select 1 as one from {table} here where {violated}"
        )),
        ViolationSql::Select { violations } => Some(violations.to_string()),
        ViolationSql::MissingPartner { .. } | ViolationSql::Duplicates { .. } => None,
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

/// The single number that `sql` outputs.
pub(crate) async fn count(session: &Session, sql: &str) -> Result<u64, Error> {
    single_number(session.query(sql).await?).await
}

/// The single number that a query outputs.
pub(crate) async fn single_number(query: Query) -> Result<u64, Error> {
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
    match violation_sql(&check.rule, "there") {
        ViolationSql::Condition { violated } => {
            format!("select count(*) from {table} here where {violated}")
        }
        ViolationSql::MissingPartner {
            rows, on, excused, ..
        } => {
            let only_judged =
                excused.map_or_else(String::new, |excused| format!(" where not {excused}"));
            format!(
                "select count(*) from ({rows}) there right anti join {table} here on {on}{only_judged}"
            )
        }
        ViolationSql::Duplicates { columns } => {
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
        ViolationSql::Select { violations } => {
            format!("select count(*) from (\n{violations}\n)")
        }
    }
}
