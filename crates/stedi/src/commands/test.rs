//! `stedi test`: runs the data product's own tests, case by case.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use catalog::{Errors, ModelTests, Project, SourceFile, TestCase};
use engine::{CaseReport, CaseVerdict, Interrupt, RowsReport, TestBench, TestFinding};
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::args::{Format, TestArgs};
use crate::failure::{Ending, Failure};
use crate::hints;
use crate::output::{Field, complain, put_json, put_list, say};
use crate::project;
use crate::runtime::{runtime, stopped};
use crate::settings::Settings;

/// Rows of each kind that are shown for a finding; JSON has all.
const ROWS_SHOWN: usize = 20;

/// How long a case may take to stop when it is asked to.
const PATIENCE: Duration = Duration::from_millis(400);

pub(crate) fn test(settings: &Settings, args: &TestArgs) -> Result<Ending> {
    let project = settings.project()?;
    let files = match &settings.project.value {
        Some(dir) => catalog::read_source_files(&project::lakehouse_in(dir))?,
        None => project::source_files(),
    };
    let mut tests = selected(&project, &files, &args.tables)?;
    if let Some(text) = &args.case {
        let text = text.to_lowercase();
        for tests in &mut tests {
            let is_wanted = |case: &TestCase| case.title.to_lowercase().contains(&text);
            tests.cases.retain(is_wanted);
        }
        if tests.iter().all(|tests| tests.cases.is_empty()) {
            return Err(Failure::settings(
                "no test has such a title",
                "`stedi test` lists the titles; --case takes a part of one",
            ));
        }
    }
    if tests.is_empty() {
        say(
            settings,
            "warning: the data product has no tests\n\
             hint: a file TABLE.test.sql beside a model holds its tests; `stedi init` writes some to start from",
        );
        return Ok(Ending::Done);
    }
    let sql = |file: &SourceFile| !ModelTests::is_file(&file.path);
    let bench = TestBench {
        project: Arc::new(project),
        files: Arc::new(files.into_iter().filter(sql).collect()),
        memory_bytes: settings.memory_bytes.value,
        hint_of: hints::of,
    };
    let reports = runtime()?.block_on(run_all(&bench, tests))?;
    show(settings, &reports)
}

/// The tests of `tables`, or all of them.
fn selected(project: &Project, files: &[SourceFile], tables: &[String]) -> Result<Vec<ModelTests>> {
    let mut tests = Vec::new();
    let mut errors: Option<Errors> = None;
    for file in files.iter().filter(|file| ModelTests::is_file(&file.path)) {
        match ModelTests::parse(project, file) {
            Ok(of_file) => tests.push(of_file),
            Err(more) => {
                let before = errors.take().into_iter().flatten();
                errors = Some(before.chain(more).collect::<Vec<_>>().into());
            }
        }
    }
    if let Some(errors) = errors {
        return Err(errors.into());
    }
    // In the order in which tables are built: the first that fails is the cause.
    let landing = project.landing().iter().map(|table| &table.name);
    let models = project.models().iter().map(|model| &model.name);
    let order: Vec<_> = landing.chain(models).collect();
    tests.sort_by_key(|tests| order.iter().position(|table| **table == tests.table));
    if tables.is_empty() {
        return Ok(tests);
    }
    let mut wanted = Vec::new();
    for written in tables {
        let Some(table) = project.find(written) else {
            let near = catalog::nearest(written, project.names());
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`stedi tables` lists all tables".to_owned(),
            };
            return Err(Failure::settings(
                format!("there is no table `{written}`"),
                hint,
            ));
        };
        if !tests.iter().any(|tests| tests.table == *table.name()) {
            let (zone, name) = (table.zone(), table.name());
            return Err(Failure::settings(
                format!("{name} has no tests"),
                format!("write some into {zone}/{name}.test.sql"),
            ));
        }
        wanted.push(table.name().clone());
    }
    tests.retain(|tests| wanted.contains(&tests.table));
    Ok(tests)
}

/// Runs all cases, as many at once as there are cores, and returns their reports
/// in the order of the files. Each has a thread: a case mostly computes and rarely
/// waits.
async fn run_all(bench: &TestBench, tests: Vec<ModelTests>) -> Result<Vec<CaseReport>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let free = Arc::new(Semaphore::new(cores));
    let (stop, stopping) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut count = 0_usize;
    for tests in tests.into_iter().map(Arc::new) {
        for number in 0..tests.cases.len() {
            let (place, handle) = (count, Handle::current());
            count += 1;
            let (bench, tests, free) = (bench.clone(), Arc::clone(&tests), Arc::clone(&free));
            let mut stopping = stopping.clone();
            tasks.spawn_blocking(move || {
                handle.block_on(async move {
                    let interrupt = Arc::new(Interrupt::default());
                    let mut running = pin!(async {
                        let _permit = free.acquire().await;
                        engine::run_case(bench, tests, number, Arc::clone(&interrupt)).await
                    });
                    tokio::select! {
                        report = &mut running => (place, report),
                        _ = stopping.wait_for(|stop| *stop) => {
                            // A run cleans up and stops; a run that does not notice is abandoned.
                            interrupt.request();
                            let _ = timeout(PATIENCE, running).await;
                            (place, Err(engine::Error::Interrupted))
                        }
                    }
                })
            });
        }
    }
    let mut reports = Vec::with_capacity(count);
    loop {
        let ended = tokio::select! {
            ended = tasks.join_next() => ended,
            () = stopped() => {
                // Cases remove their folders before the program ends.
                let _ = stop.send(true);
                while tasks.join_next().await.is_some() {}
                return Err(engine::Error::Interrupted.into());
            }
        };
        let Some(ended) = ended else {
            break;
        };
        let (place, report) = ended?;
        reports.push((place, report?));
    }
    reports.sort_by_key(|(place, _)| *place);
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

/// The document of `--format json`.
#[derive(Serialize)]
struct Document<'a> {
    passed: usize,
    failed: usize,
    wrong: usize,
    cases: &'a [CaseReport],
}

fn show(settings: &Settings, reports: &[CaseReport]) -> Result<Ending> {
    let count = |verdict: CaseVerdict| {
        let of_verdict = reports.iter().filter(|report| report.verdict == verdict);
        of_verdict.count()
    };
    let document = Document {
        passed: count(CaseVerdict::Ok),
        failed: count(CaseVerdict::Fail),
        wrong: count(CaseVerdict::Wrong),
        cases: reports,
    };
    match settings.format.value {
        Format::Json => put_json(&document)?,
        _ => put_list(
            settings,
            &["table", "test", "verdict", "seconds"],
            reports,
            |report| {
                vec![
                    Field::text(Some(&report.table)),
                    Field::text(Some(&report.title)),
                    Field::text(Some(report.verdict.as_str())),
                    Field::Seconds(report.seconds),
                ]
            },
        )?,
    }
    let mut told = HashSet::new();
    for report in reports.iter().filter(|report| !report.findings.is_empty()) {
        complain(&format!(
            "error: {}:{}: {}",
            report.file, report.line, report.title
        ));
        for finding in &report.findings {
            // A model that cannot be planned is reported once, not for each test.
            let is_told = finding.rows.is_none() && !told.insert(finding.message.as_str());
            complain(&match is_told {
                true => format!("  {}:{}: as above", report.file, finding.line),
                false => in_words(&report.file, finding),
            });
        }
    }
    let (passed, all) = (document.passed, reports.len());
    let noun = if all == 1 { "test" } else { "tests" };
    say(
        settings,
        &match passed == all {
            true => format!("{all} {noun} passed"),
            false => format!("{passed} of {all} {noun} passed"),
        },
    );
    Ok(match (document.wrong, document.failed) {
        (0, 0) => Ending::Done,
        (0, _) => Ending::Check,
        _ => Ending::Settings,
    })
}

fn in_words(file: &str, finding: &TestFinding) -> String {
    let mut text = format!("  {file}:{}: {}", finding.line, finding.message);
    if let Some(rows) = &finding.rows {
        text.push_str(&table(rows));
    }
    if let Some(hint) = &finding.hint {
        text.push_str(&format!("\n  hint: {hint}"));
    }
    text
}

/// Missing and extra rows under their columns.
fn table(rows: &RowsReport) -> String {
    let heading = std::iter::once(String::new()).chain(rows.columns.iter().cloned());
    let mut lines: Vec<Vec<String>> = vec![heading.collect()];
    let mut add = |kind: &str, of_kind: &[Vec<Option<String>>]| {
        for row in of_kind.iter().take(ROWS_SHOWN) {
            let cells = row
                .iter()
                .map(|cell| cell.clone().unwrap_or("null".to_owned()));
            lines.push(std::iter::once(kind.to_owned()).chain(cells).collect());
        }
        if let Some(more) = of_kind.len().checked_sub(ROWS_SHOWN + 1) {
            lines.push(vec![kind.to_owned(), format!("and {} more", more + 1)]);
        }
    };
    add("missing", &rows.missing);
    add("extra", &rows.extra);
    let columns = rows.columns.len() + 1;
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{}{}", cell, " ".repeat(width - cell.chars().count())))
            .collect();
        text.push_str(&format!("\n    {}", cells.join("  ").trim_end()));
    }
    text
}
