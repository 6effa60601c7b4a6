//! Runs tests of models: `*.test.sql` files, as `catalog` reads them.
//!
//! A case gets a landing folder and a lake of its own, and each of its runs is
//! the run that a user makes ([`crate::run`]). What differs from a user's run:
//! nothing outlasts the case, pseudonyms are made with a key that is the same in
//! all tests, and only the tables that the case names are built, with what they
//! need. `stedi test` calls [`run_case`] for each case and shows the reports.

mod case;
mod compare;
mod place;
mod report;

use std::sync::Arc;
use std::time::Instant;

use catalog::ModelTests;

use crate::Error;
use crate::interrupt::Interrupt;
use case::Running;

pub use report::{CaseReport, CaseVerdict, RowsReport, TestBench, TestFinding};

/// Runs the case `number` of `tests`. `interrupt` ends its run early.
///
/// # Errors
/// Where the machine refuses a folder for it.
pub async fn run_case(
    bench: TestBench,
    tests: Arc<ModelTests>,
    number: usize,
    interrupt: Arc<Interrupt>,
) -> Result<CaseReport, Error> {
    let started = Instant::now();
    let case = &tests.cases[number];
    let mut running = Running::begin(&bench, &tests, case, interrupt)?;
    let findings = running.finish().await;
    let verdict = match findings.as_slice() {
        [] => CaseVerdict::Ok,
        some if some.iter().any(|finding| finding.is_wrong) => CaseVerdict::Wrong,
        _ => CaseVerdict::Fail,
    };
    Ok(CaseReport {
        table: tests.table.to_string(),
        file: tests.file.clone(),
        line: case.line,
        title: case.title.clone(),
        verdict,
        seconds: started.elapsed().as_secs_f64(),
        findings,
    })
}
