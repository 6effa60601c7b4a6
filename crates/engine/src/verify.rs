//! Verification: contracts and counts of what stands in the lake.

use std::sync::Arc;
use std::time::Instant;

use catalog::{Expectations, Model};
use lake::{AsOf, Lake, TableId};

use crate::report::{CheckReport, Report, TableReport, Verdict};
use crate::{Error, Session, Setup, checks, models};

/// Checks every contract on the published tables again and counts all rows.
///
/// # Errors
/// [`Error::Lake`] where nothing was published yet.
pub async fn verify(setup: &Setup, expect: Option<&Expectations>) -> Result<Report, Error> {
    // A contract that does not fit its model is told with file and line, as a
    // run would. Planning leaves names without rows behind, so it has a session
    // of its own.
    let all: Vec<&Model> = setup.project.models().iter().collect();
    models::plan(&Session::open(setup)?, &all).await?;
    let session = Arc::new(Session::open(setup)?);
    let lake = Lake::at(setup.lake.clone());
    let mut report = Report::default();
    let expected = |table: &str| expect.and_then(|expect| expect.get(table));

    for table in setup.project.landing() {
        let started = Instant::now();
        let name = table.name.as_ref();
        let rows =
            match checks::count(&session, &format!("select count(*) from landing.{name}")).await {
                Ok(rows) => Some(rows),
                // The lake can be verified where landing files are out of reach.
                Err(error @ Error::Landing { .. }) => {
                    report
                        .warnings
                        .push(format!("{name} was not counted: {error}"));
                    None
                }
                Err(error) => return Err(error),
            };
        report.tables.push(TableReport {
            zone: "landing".to_owned(),
            table: name.to_owned(),
            rows,
            expected: expected(name),
            verdict: Verdict::Ok,
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    let intake = session.intake().tables();
    report.quarantined = intake
        .values()
        .map(|table| table.rejections.len() as u64)
        .sum();

    let mut missing = Vec::new();
    for model in setup.project.models() {
        let started = Instant::now();
        let table = TableId::new(model.zone.to_string(), model.name.to_string());
        let version = lake.version(&table, AsOf::Latest).await?;
        if version.is_some() {
            match checks::run(&session, model, |_| None).await {
                Ok(checked) => report.checks.extend(checked),
                // A check may read a table that is missing; that is told below.
                Err(Error::Lake(lake::Error::NoTable { .. })) => {}
                Err(error) => return Err(error),
            }
        } else {
            report.checks.push(CheckReport {
                table: table.name.clone(),
                check: "exists".to_owned(),
                verdict: Verdict::Fail,
                violations: 1,
            });
            missing.push(table.clone());
        }
        report.tables.push(TableReport {
            zone: table.zone,
            expected: expected(&table.name),
            table: table.name,
            rows: version.map(|version| version.rows()),
            verdict: Verdict::Ok,
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    if missing.len() == setup.project.models().len()
        && let Some(table) = missing.into_iter().next()
    {
        return Err(lake::Error::NoTable { table }.into());
    }
    report.judge();
    Ok(report)
}
