//! One case from its first statement to its last.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema};
use arrow::json::writer::{LineDelimited, WriterBuilder};
use async_trait::async_trait;
use catalog::{
    Expectation, GivenRows, ModelTests, Project, RowsOf, RowsSql, RunEnding, SourceFile, StepKind,
    TableName, TestCase, TestFault, TestStep, nearest,
};
use futures::TryStreamExt;
use lake::AsOf;
use privacy::{Personal, PseudonymKey, Purpose};

use super::compare;
use super::place::{self, Place};
use super::report::{RowsReport, TestBench, TestFinding};
use crate::contract::report::{CheckReport, Report, Verdict};
use crate::interrupt::Interrupt;
use crate::progress::NoProgress;
use crate::run::{RunOptions, run, run_past_checks};
use crate::subjects::consent::{Consent, ConsentEntry, enter_consent};
use crate::{Class, Error};
use query::pseudonym_key::KeySource;
use query::sql::parse::quote;
use query::sql::time_travel::parse_instant;
use query::system::LEDGER_COUNTS;
use query::{Query, Session, Setup};

/// Now, where a case does not say: 2026-01-01.
const NOW_MS: i64 = 1_767_225_600_000;

/// A case that is under way.
pub(super) struct Running {
    case: TestCase,
    /// The file of the case, as messages name it.
    file: String,
    files: Arc<Vec<SourceFile>>,
    place: Place,
    setup: Setup,
    /// The tables that the case names; they are built with what they need.
    select: Vec<TableName>,
    /// Whether anything came since the last run that a run may make something of.
    is_due: bool,
    ended: Option<Result<Report, Error>>,
    /// The last run published nothing, and the case expects otherwise.
    is_broken: bool,
    /// What that run made can be read all the same.
    is_readable: bool,
    findings: Vec<TestFinding>,
    hint_of: fn(&Error) -> Option<String>,
    interrupt: Arc<Interrupt>,
}

impl Running {
    pub(super) fn begin(
        bench: &TestBench,
        tests: &ModelTests,
        case: &TestCase,
        interrupt: Arc<Interrupt>,
    ) -> Result<Self, Error> {
        let (mut project, mut files) = (Arc::clone(&bench.project), Arc::clone(&bench.files));
        if let Some((moved, of_moved)) = place::moved(&project, &files)? {
            (project, files) = (Arc::new(moved), Arc::new(of_moved));
        }
        let place = Place::make(&project)?;
        let select = named_in(case, &project);
        Ok(Self {
            case: case.clone(),
            file: tests.file.clone(),
            files,
            setup: Setup {
                project,
                landing: place.landing()?,
                lake: place.lake()?,
                now_ms: NOW_MS,
                memory_bytes: bench.memory_bytes,
                as_of: AsOf::Latest,
                key: Some(Arc::new(TestKey)),
                wait: Duration::ZERO,
                access: None,
            },
            place,
            select,
            is_due: true,
            ended: None,
            is_broken: false,
            is_readable: false,
            findings: Vec::new(),
            hint_of: bench.hint_of,
            interrupt,
        })
    }

    /// Takes all steps, and gives what is not as expected. A statement that cannot
    /// be run ends the case.
    pub(super) async fn finish(&mut self) -> Vec<TestFinding> {
        let mut steps = VecDeque::from(std::mem::take(&mut self.case.steps));
        while let Some(step) = steps.pop_front() {
            let line = step.line;
            let next_run = NextRun::before(&step, &steps);
            if let Err(fault) = self.take(step, next_run).await {
                self.findings.push(self.wrong(line, fault));
                break;
            }
            if self.is_over(steps.front()) {
                break;
            }
        }
        std::mem::take(&mut self.findings)
    }

    /// Whether there is nothing to hold what follows against: the last run
    /// published nothing, and `next` is not about what it made.
    fn is_over(&self, next: Option<&TestStep>) -> bool {
        let is_of_run = next.is_some_and(|step| matches!(step.kind, StepKind::Expect(_)));
        self.is_broken && !(self.is_readable && is_of_run)
    }

    /// The finding about a statement that cannot be run.
    fn wrong(&self, line: u32, fault: Fault) -> TestFinding {
        TestFinding {
            line: fault.line.unwrap_or(line),
            message: fault.message,
            hint: fault.hint.or_else(|| (self.hint_of)(&*fault.error?)),
            rows: None,
            is_wrong: true,
        }
    }

    async fn take(&mut self, step: TestStep, next_run: NextRun) -> Result<(), Fault> {
        match step.kind {
            StepKind::Now(text) => self.setup.now_ms = instant(&text)?,
            StepKind::Given { table, rows } => self.give(table, rows).await?,
            StepKind::GivenModel { zone, table, text } => {
                let name = format!("{zone}/{table}.sql");
                let mut files = self.files.to_vec();
                files.retain(|file| !file.path.ends_with(&name));
                files.push(SourceFile {
                    path: format!("{}/{name}", self.file),
                    text,
                });
                let project = Project::parse(files.clone());
                self.setup.project = Arc::new(project.map_err(Fault::of_project)?);
                self.files = Arc::new(files);
            }
            StepKind::Consent {
                is_grant,
                purpose,
                email,
                at,
            } => {
                let at_ms = at.as_deref().map_or(Ok(self.setup.now_ms), instant)?;
                let purposes = Purpose::ALL.into_iter();
                let mut purposes = purposes.filter(|known| known.as_str() == purpose.as_str());
                let entry = ConsentEntry {
                    email: Personal::new(email),
                    purpose: purposes.next().unwrap_or(Purpose::Research),
                    act: match is_grant {
                        true => Consent::Grant,
                        false => Consent::Withdraw,
                    },
                    at_ms,
                    who: "stedi test".to_owned(),
                    why: None,
                    unknown: true,
                };
                enter_consent(&self.setup, &entry).await?;
            }
            StepKind::Run { full } => {
                self.run(full, next_run).await;
                return Ok(());
            }
            StepKind::Expect(expectation) => {
                if self.is_due {
                    self.run(false, next_run).await;
                    if self.is_broken && !self.is_readable {
                        return Ok(());
                    }
                }
                return self.expect(step.line, &expectation).await;
            }
        }
        self.is_due = true;
        Ok(())
    }

    /// One more landing file.
    async fn give(&mut self, table: TableName, rows: GivenRows) -> Result<(), Fault> {
        let project = Arc::clone(&self.setup.project);
        let mut landing = project.landing().iter();
        let definition = landing.find(|known| known.name == table);
        let key = |name: &str| {
            let column = definition.and_then(|definition| definition.column(name));
            column.map_or(name.to_owned(), |column| column.json_key().to_owned())
        };
        let text = match rows {
            GivenRows::Json(text) => text,
            GivenRows::Sql(rows) => {
                let session = Session::open(&self.setup)?;
                let batch = rows_of(&session, &rows).await?;
                let columns = batch.columns().iter().map(compare::in_milliseconds);
                let keys: Vec<String> = batch
                    .schema()
                    .fields()
                    .iter()
                    .map(|field| key(field.name()))
                    .collect();
                json_of(&named(columns.collect(), keys.iter().map(String::as_str)))?
            }
        };
        if let Some(definition) = definition {
            self.place.give(definition, &text)?;
        }
        Ok(())
    }

    /// A run. One that publishes nothing is a finding, unless what follows expects
    /// just that.
    async fn run(&mut self, full: bool, next_run: NextRun) {
        let options = RunOptions {
            select: self.select.clone(),
            full,
            ..RunOptions::default()
        };
        let ended = run(
            &self.setup,
            &options,
            Arc::new(NoProgress),
            Arc::clone(&self.interrupt),
        )
        .await;
        self.is_due = false;
        let NextRun {
            line,
            publishes_nothing,
        } = next_run;
        let is_failed = matches!(&ended, Ok(report) if report.verdict() == Verdict::Fail);
        let message = match &ended {
            _ if publishes_nothing => None,
            Ok(report) if is_failed => Some(format!(
                "the run published nothing: {}",
                failed_checks(report)
            )),
            Ok(_) => None,
            Err(error) => {
                let error = told_of(&self.file, &error.to_string());
                Some(format!("the run ended early: {error}"))
            }
        };
        if let Some(message) = message {
            let error = ended.as_ref().err();
            self.findings.push(TestFinding {
                line,
                message,
                hint: error.and_then(self.hint_of),
                rows: None,
                is_wrong: error.is_some_and(|error| error.class() == Class::Settings),
            });
            self.is_broken = true;
        }
        if self.is_broken && is_failed {
            // What follows then tells which rows are wrong.
            let setup = &self.setup;
            let published = run_past_checks(
                setup,
                &options,
                Arc::new(NoProgress),
                Arc::clone(&self.interrupt),
            )
            .await;
            self.is_readable = published.is_ok();
        }
        self.ended = Some(ended);
    }

    async fn expect(&mut self, line: u32, expectation: &Expectation) -> Result<(), Fault> {
        let finding = match expectation {
            Expectation::Rows { of, rows, in_order } => {
                self.expect_rows(of, rows.as_ref(), *in_order).await?
            }
            Expectation::Ledger { table, counts } => self.expect_counts(table, counts).await?,
            Expectation::Outcome {
                ending,
                check,
                table,
                rows,
            } => self
                .expect_ending(*ending, check.as_deref(), table.as_ref(), *rows)
                .map(|message| (message, None)),
        };
        if let Some((message, rows)) = finding {
            self.findings.push(TestFinding {
                line,
                message,
                hint: None,
                rows,
                is_wrong: false,
            });
        }
        Ok(())
    }

    async fn expect_rows(
        &self,
        of: &RowsOf,
        rows: Option<&RowsSql>,
        in_order: bool,
    ) -> Result<Option<(String, Option<RowsReport>)>, Fault> {
        let session = Session::open(&self.setup)?;
        let shown = match of {
            RowsOf::Table(name) => name.as_str(),
            RowsOf::Query(_) => "the query",
        };
        let Some(rows) = rows else {
            let found = match found_in(&session, of, &query_of(of, "*")).await? {
                Some(found) if found.num_rows() > 0 => found,
                _ => return Ok(None),
            };
            let report = compare::all_extra(&found);
            return Ok(Some((format!("{shown} is not empty"), Some(report))));
        };
        let expected = rows_of(&session, rows).await?;
        let schema = expected.schema();
        let columns: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        let list: Vec<String> = columns.iter().map(|name| quote(name)).collect();
        let statement = match of {
            // Its own order would be lost in a query around it.
            RowsOf::Query(query) if in_order => query.sql.clone(),
            _ => query_of(of, &list.join(", ")),
        };
        let Some(found) = found_in(&session, of, &statement).await? else {
            let report = RowsReport {
                columns,
                missing: compare::rows_of(&expected),
                extra: Vec::new(),
            };
            return Ok(Some((format!("{shown} was never built"), Some(report))));
        };
        if found.num_columns() != columns.len() {
            let error = query::Error::sql(
                format!(
                    "{shown} gives {} columns, and {} are expected",
                    found.num_columns(),
                    columns.len()
                ),
                "name as many columns as the query gives",
            );
            return Err(Error::from(error).into());
        }
        Ok(
            compare::compare(columns, &expected, &found, in_order).map(|report| {
                let message = match (report.missing.len(), report.extra.len()) {
                    (missing, extra) if in_order && missing == extra => {
                        format!("{shown} has other rows, or the same in another order")
                    }
                    (missing, 0) => format!("{shown} lacks {}", counted(missing)),
                    (0, extra) => format!("{shown} has {} too many", counted(extra)),
                    (missing, extra) => format!(
                        "{shown} lacks {} and has {} too many",
                        counted(missing),
                        counted(extra)
                    ),
                };
                (message, Some(report))
            }),
        )
    }

    async fn expect_counts(
        &self,
        table: &TableName,
        counts: &[(String, i64)],
    ) -> Result<Option<(String, Option<RowsReport>)>, Fault> {
        for (name, _) in counts {
            if !LEDGER_COUNTS.contains(&name.as_str()) {
                return Err(Fault::of(TestFault::LedgerCount {
                    name: name.clone(),
                    near: nearest(name, LEDGER_COUNTS.into_iter()).map(str::to_owned),
                    known: LEDGER_COUNTS.join(", "),
                }));
            }
        }
        let project = &self.setup.project;
        let is_landing = project
            .landing()
            .iter()
            .any(|landing| landing.name == *table);
        let step = if is_landing { "read" } else { "build" };
        let sums: Vec<String> = counts
            .iter()
            .map(|(name, _)| format!("sum({name})"))
            .collect();
        let statement = format!(
            "select {} from system.ledger where table_name = '{table}' and step = '{step}'",
            sums.join(", ")
        );
        let session = Session::open(&self.setup)?;
        let found = compare::integers(&batch_of(&session, &statement).await?);
        let pairs = || counts.iter().zip(&found);
        let others: Vec<_> = pairs()
            .filter(|((_, count), found)| count != *found)
            .collect();
        if others.is_empty() {
            return Ok(None);
        }
        let texts = |count: i64| Some(count.to_string());
        let report = RowsReport {
            columns: others.iter().map(|((name, _), _)| name.clone()).collect(),
            missing: vec![others.iter().map(|((_, count), _)| texts(*count)).collect()],
            extra: vec![others.iter().map(|(_, found)| texts(**found)).collect()],
        };
        let message = format!("the ledger counts otherwise for {table}");
        Ok(Some((message, Some(report))))
    }

    /// What is not as expected of the last run's end.
    fn expect_ending(
        &self,
        ending: RunEnding,
        check: Option<&str>,
        table: Option<&TableName>,
        rows: Option<i64>,
    ) -> Option<String> {
        let wanted = ending.as_str();
        let report = match self.ended.as_ref()? {
            Ok(report) => report,
            Err(error) => {
                let is_refused = error.class() == Class::Refused && ending == RunEnding::Refused;
                let is_named = check.is_some() || rows.is_some();
                return (!is_refused || is_named)
                    .then(|| format!("the run was not {wanted} by a check: {error}"));
            }
        };
        let is_as_wanted = match ending {
            RunEnding::Refused => report.is_refused(),
            RunEnding::Failed => report.verdict() == Verdict::Fail && !report.is_refused(),
            RunEnding::Warned => report.verdict() != Verdict::Fail,
        };
        let verdict = match ending {
            RunEnding::Refused | RunEnding::Failed => Verdict::Fail,
            RunEnding::Warned => Verdict::Warn,
        };
        let is_named = |found: &&CheckReport| {
            check.is_none_or(|check| found.check == check)
                && table.is_none_or(|table| found.table == table.as_ref())
        };
        let of_verdict = |found: &&CheckReport| found.verdict == verdict;
        let mut found = report.checks.iter().filter(is_named).filter(of_verdict);
        let first = found.next();
        let what = match (check, table) {
            (Some(check), Some(table)) => format!(" by check {check} of {table}"),
            (Some(check), None) => format!(" by check {check}"),
            (None, Some(table)) => format!(" by a check of {table}"),
            (None, None) => String::new(),
        };
        match first {
            Some(first) if is_as_wanted => {
                let others = rows.filter(|rows| i64::try_from(first.violations) != Ok(*rows));
                others.map(|rows| {
                    format!(
                        "the run was {wanted}{what} for {}, not for {rows}",
                        counted(usize::try_from(first.violations).unwrap_or(usize::MAX))
                    )
                })
            }
            _ => {
                let came = failed_checks(report);
                let came = match came.is_empty() {
                    true => "every check passed".to_owned(),
                    false => came,
                };
                Some(format!("the run was not {wanted}{what}: {came}"))
            }
        }
    }
}

/// Why a statement of a case cannot be run.
struct Fault {
    /// The line in the file, where it is another than the statement's.
    line: Option<u32>,
    message: String,
    hint: Option<String>,
    /// The error whose hint the caller words.
    error: Option<Box<Error>>,
}

impl Fault {
    fn of(fault: TestFault) -> Self {
        Self {
            line: None,
            error: None,
            message: fault.to_string(),
            hint: fault.hint(),
        }
    }

    /// The first fault of a model that the case gives.
    fn of_project(errors: catalog::Errors) -> Self {
        let first = errors.into_iter().next();
        Self {
            line: first.as_ref().map(|error| error.line),
            error: None,
            hint: first.as_ref().and_then(catalog::Error::hint),
            message: first
                .map(|error| error.kind.to_string())
                .unwrap_or_default(),
        }
    }

    /// A fault of a statement that begins on `line`.
    fn at(line: u32, error: Error) -> Self {
        let place = match &error {
            Error::Query(query::Error::Sql { place, .. }) => *place,
            _ => None,
        };
        let within = place.and_then(|(line, _)| u32::try_from(line.saturating_sub(1)).ok());
        Self {
            line: Some(line.saturating_add(within.unwrap_or(0))),
            ..Self::from(error)
        }
    }
}

impl From<query::Error> for Fault {
    fn from(error: query::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let message = match &error {
            // Its place is told as the file's line.
            Error::Query(query::Error::Sql { message, .. }) => message.clone(),
            other => other.to_string(),
        };
        Self {
            line: None,
            message,
            hint: None,
            error: Some(Box::new(error)),
        }
    }
}

fn instant(text: &str) -> Result<i64, Fault> {
    parse_instant(text).ok_or_else(|| {
        let written = text.to_owned();
        Fault::of(TestFault::Instant { written })
    })
}

/// What a case expects of its next run.
#[derive(Debug, Clone, Copy)]
struct NextRun {
    /// The line of the statement that asks for the run.
    line: u32,
    /// One of the expectations up to the run after it is that it was refused or
    /// failed.
    publishes_nothing: bool,
}

impl NextRun {
    fn before(step: &TestStep, following: &VecDeque<TestStep>) -> Self {
        let is_no_publication = |step: &TestStep| {
            let ending = match &step.kind {
                StepKind::Expect(Expectation::Outcome { ending, .. }) => ending,
                _ => return false,
            };
            matches!(ending, RunEnding::Refused | RunEnding::Failed)
        };
        let expectations = following
            .iter()
            .take_while(|step| matches!(step.kind, StepKind::Expect(_)));
        Self {
            line: step.line,
            publishes_nothing: std::iter::once(step)
                .chain(expectations)
                .any(is_no_publication),
        }
    }
}

/// A message about a model that the case gives, which names the test's file as
/// the place: the model has its lines there.
fn told_of(file: &str, message: &str) -> String {
    let given = format!("{file}/");
    let Some(start) = message.find(&given) else {
        return message.to_owned();
    };
    let (before, behind) = message.split_at(start + file.len());
    let end = behind.find(".sql").map_or(0, |at| at + ".sql".len());
    format!("{before}{}", &behind[end..])
}

/// Checks that failed, in words.
fn failed_checks(report: &Report) -> String {
    let failed = report.checks.iter();
    let failed = failed.filter(|check| check.verdict == Verdict::Fail);
    let said = failed.map(|check| {
        let rows = counted(usize::try_from(check.violations).unwrap_or(usize::MAX));
        format!("check {} of {} failed for {rows}", check.check, check.table)
    });
    said.collect::<Vec<_>>().join("; ")
}

fn counted(rows: usize) -> String {
    match rows {
        1 => "1 row".to_owned(),
        rows => format!("{rows} rows"),
    }
}

/// The models that a case names: it is about them alone. Empty, which is all,
/// where it names none.
fn named_in(case: &TestCase, project: &Project) -> Vec<TableName> {
    let mut named = BTreeSet::new();
    let mut given = BTreeSet::new();
    let mut add = |text: &str| {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        for word in words {
            let table = project.find(word).map(|table| table.name().clone());
            let is_model = |name: &TableName| project.models().iter().any(|m| m.name == *name);
            named.extend(table.filter(is_model));
        }
    };
    for step in &case.steps {
        match &step.kind {
            StepKind::GivenModel { table, .. } => {
                given.insert(table.clone());
            }
            StepKind::Expect(Expectation::Rows { of, rows, .. }) => {
                match of {
                    RowsOf::Table(name) => add(name),
                    RowsOf::Query(query) => add(&query.sql),
                }
                rows.iter().for_each(|rows| add(&rows.sql));
            }
            StepKind::Expect(Expectation::Ledger { table, .. }) => add(table.as_str()),
            StepKind::Expect(Expectation::Outcome { table, .. }) => {
                table.iter().for_each(|table| add(table.as_str()));
            }
            _ => {}
        }
    }
    // A model that the case adds is not in the project before.
    let known = given
        .iter()
        .all(|table| project.find(table.as_str()).is_some());
    match known {
        true => named.into_iter().collect(),
        false => Vec::new(),
    }
}

/// Rows that a statement of a case gives, under the names that the case gives them.
async fn rows_of(session: &Session, rows: &RowsSql) -> Result<RecordBatch, Fault> {
    let batch = batch_of(session, &rows.sql).await;
    let batch = batch.map_err(|error| Fault::at(rows.line, error))?;
    if rows.columns.is_empty() {
        return Ok(batch);
    }
    if rows.columns.len() != batch.num_columns() {
        return Err(Fault::at(
            rows.line,
            query::Error::sql(
                format!(
                    "rows of {} values, and {} columns are named",
                    batch.num_columns(),
                    rows.columns.len()
                ),
                "give each row a value for each column that is named",
            )
            .into(),
        ));
    }
    let columns = batch.columns().to_vec();
    Ok(named(columns, rows.columns.iter().map(String::as_str)))
}

fn named<'a>(
    columns: Vec<arrow::array::ArrayRef>,
    names: impl Iterator<Item = &'a str>,
) -> RecordBatch {
    let fields = columns.iter().zip(names);
    let fields: Vec<_> = fields
        .map(|(column, name)| Field::new(name, column.data_type().clone(), true))
        .collect();
    match RecordBatch::try_new(Arc::new(Schema::new(fields)), columns) {
        Ok(batch) => batch,
        Err(error) => unreachable!("columns of one batch have one length: {error}"),
    }
}

/// All rows of a query.
async fn batch_of(session: &Session, sql: &str) -> Result<RecordBatch, Error> {
    let query = session.query(sql).await?;
    let schema = query.schema();
    let batches: Vec<RecordBatch> = query.stream()?.try_collect().await.map_err(Query::failed)?;
    let all = concat_batches(&schema, &batches).map_err(|error| Query::failed(error.into()))?;
    Ok(all)
}

/// Rows as a landing file: one JSON object per line, null where a value is null.
fn json_of(batch: &RecordBatch) -> Result<String, Error> {
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, LineDelimited>(Vec::new());
    let written = writer.write(batch).and_then(|()| writer.finish());
    written.map_err(|error| Query::failed(error.into()))?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}

/// A statement that gives `columns` of what rows are expected of.
fn query_of(of: &RowsOf, columns: &str) -> String {
    match of {
        RowsOf::Table(name) => format!("select {columns} from {name}"),
        RowsOf::Query(query) if columns == "*" => query.sql.clone(),
        RowsOf::Query(query) => format!("select {columns} from ({}\n) as found", query.sql),
    }
}

/// The rows that came out; `None` of a table that no run has built. A fault is
/// told with the line of the query.
async fn found_in(
    session: &Session,
    of: &RowsOf,
    statement: &str,
) -> Result<Option<RecordBatch>, Fault> {
    match (batch_of(session, statement).await, of) {
        (Ok(found), _) => Ok(Some(found)),
        (Err(Error::Lake(lake::Error::NoTable { .. })), RowsOf::Table(_)) => Ok(None),
        (Err(error), RowsOf::Query(query)) => Err(Fault::at(query.line, error)),
        (Err(error), RowsOf::Table(_)) => Err(error.into()),
    }
}

/// The key of all tests: a pseudonym can be expected by `pseudonym('...')`.
#[derive(Debug)]
struct TestKey;

#[async_trait]
impl KeySource for TestKey {
    async fn key(&self) -> Result<Arc<PseudonymKey>, query::Error> {
        match PseudonymKey::from_hex(&"5".repeat(64)) {
            Ok(key) => Ok(Arc::new(key)),
            Err(_) => unreachable!("a key is 64 hexadecimal digits"),
        }
    }
}
