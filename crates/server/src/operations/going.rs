//! A run or a plan that goes on or is over: what its child said.

use std::process::Child;
use std::time::Instant;

use catalog::Project;
use chrono::Utc;
use evidence::{
    Operation, OperationKind, OperationMessage, OperationStage, OperationState, OperationTable,
    PlannedTable, RunCheck, TableState, Verdict, Zone,
};
use parking_lot::Mutex;
use serde::Deserialize;

use super::launcher::Launcher;
use crate::fault::Fault;
use crate::principal::{Door, Principal};

/// Tables that are kept.
const TABLES_MAX: usize = 2_000;

/// Messages that are kept.
const MESSAGES_MAX: usize = 100;

/// Characters of a message that are kept.
const MESSAGE_CHARS: usize = 4_000;

/// The exit code of a program that somebody stopped.
const INTERRUPTED: i32 = 130;

/// What a child writes to standard error, a line for each.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Event {
    Locked { run: String },
    Plan { tables: Vec<String> },
    Begin { table: String, ms: u64 },
    Rows { table: String, rows: u64 },
    End { table: String, rows: u64, ms: u64 },
    Check,
    Publish,
    Published { tables: Vec<String> },
    Message { level: String, text: String },
}

/// What a child writes to standard output.
#[derive(Debug)]
pub(super) enum Document {
    Report(Vec<RunCheck>),
    Plan(Vec<PlannedTable>),
}

/// A run or a plan.
#[derive(Debug)]
pub(super) struct Going {
    pub(super) operation: OperationKind,
    pub(super) who: Principal,
    pub(super) door: Door,
    began: Instant,
    started_ms: i64,
    /// The process, until it is over.
    child: Mutex<Option<Child>>,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    state: OperationState,
    stage: OperationStage,
    is_cancelled: bool,
    ended: Option<Instant>,
    code: Option<i32>,
    run: Option<String>,
    tables: Vec<OperationTable>,
    published: Vec<String>,
    checks: Vec<RunCheck>,
    messages: Vec<OperationMessage>,
    messages_more: u64,
    plan: Option<Vec<PlannedTable>>,
}

/// `run`, `full run` or `plan`.
pub(super) fn name(operation: OperationKind) -> &'static str {
    match operation {
        OperationKind::Run => "run",
        OperationKind::FullRun => "full run",
        OperationKind::Plan => "plan",
    }
}

impl Going {
    pub(super) fn new(operation: OperationKind, who: Principal, door: Door) -> Self {
        Self {
            operation,
            who,
            door,
            began: Instant::now(),
            started_ms: Utc::now().timestamp_millis(),
            child: Mutex::new(None),
            told: Mutex::new(Told {
                state: OperationState::Running,
                stage: OperationStage::Opening,
                is_cancelled: false,
                ended: None,
                code: None,
                run: None,
                tables: Vec::new(),
                published: Vec::new(),
                checks: Vec::new(),
                messages: Vec::new(),
                messages_more: 0,
                plan: None,
            }),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.told.lock().ended.is_some()
    }

    /// The process that does it.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.lock().as_ref().map(Child::id)
    }

    /// Notes the process. It ends at once if somebody asked for that before it began.
    pub(super) fn put_child(&self, mut child: Child) {
        let mut slot = self.child.lock();
        if self.told.lock().is_cancelled {
            _ = child.kill();
        }
        *slot = Some(child);
    }

    /// Asks the process to end. Its id is its own as long as nobody waited for it, which is
    /// under the same lock.
    pub(super) fn ask_to_end(&self, launcher: &dyn Launcher) {
        let child = self.child.lock();
        self.told.lock().is_cancelled = true;
        if let Some(child) = child.as_ref() {
            launcher.ask_to_end(child.id());
        }
    }

    pub(super) fn kill(&self) {
        if let Some(child) = self.child.lock().as_mut() {
            _ = child.kill();
        }
    }

    /// The exit code of the process, once it has ended; `None` in it if a signal ended it.
    pub(super) fn try_wait(&self) -> Option<Option<i32>> {
        let mut child = self.child.lock();
        match child.as_mut().map(Child::try_wait) {
            Some(Ok(None)) => None,
            Some(Ok(Some(status))) => {
                *child = None;
                Some(status.code())
            }
            Some(Err(_)) | None => Some(None),
        }
    }

    /// Notes that there is no process.
    pub(super) fn never_began(&self, fault: &Fault) {
        self.message("error", &fault.message);
        self.end(None, None);
    }

    /// Notes what the child says.
    pub(super) fn hear(&self, event: Event) {
        let mut told = self.told.lock();
        match event {
            Event::Locked { run } => told.run = Some(run),
            Event::Plan { tables } => {
                told.stage = OperationStage::Reading;
                let tables = tables.into_iter().take(TABLES_MAX);
                told.tables = tables.map(waiting).collect();
            }
            Event::Begin { table, ms } => {
                told.stage = OperationStage::Building;
                if let Some(table) = told.table(&table) {
                    table.state = TableState::Reading;
                    table.began_ms = Some(ms);
                }
            }
            Event::Rows { table, rows } => {
                if let Some(table) = told.table(&table) {
                    table.state = TableState::Building;
                    table.rows = rows;
                }
            }
            Event::End { table, rows, ms } => {
                if let Some(table) = told.table(&table) {
                    table.state = TableState::Built;
                    table.rows = rows;
                    table.ended_ms = Some(ms);
                }
            }
            Event::Check => {
                told.stage = OperationStage::Checking;
                for table in &mut told.tables {
                    table.state = TableState::Checking;
                }
            }
            Event::Publish => told.stage = OperationStage::Publishing,
            Event::Published { tables } => told.published = tables,
            Event::Message { level, text } => told.message(&level, &text),
        }
    }

    /// Notes a message.
    pub(super) fn message(&self, level: &str, text: &str) {
        self.told.lock().message(level, text);
    }

    /// Notes how the process ended, and what it gave.
    pub(super) fn end(&self, code: Option<i32>, document: Option<Document>) {
        let mut told = self.told.lock();
        told.code = code;
        told.state = match code {
            Some(0) => OperationState::Done,
            Some(INTERRUPTED) => OperationState::Cancelled,
            None if told.is_cancelled => OperationState::Cancelled,
            _ => OperationState::Failed,
        };
        match document {
            Some(Document::Report(checks)) => told.checks = checks,
            Some(Document::Plan(plan)) if code == Some(0) || !plan.is_empty() => {
                told.plan = Some(plan);
            }
            _ => {}
        }
        if code.is_none() && !told.is_cancelled && told.messages.is_empty() {
            told.message("error", "its process was killed; the lake is as it was");
        }
        let (state, published) = (told.state, std::mem::take(&mut told.published));
        let failed: Vec<String> = told
            .checks
            .iter()
            .filter(|check| check.verdict == Verdict::Fail)
            .map(|check| check.table.clone())
            .collect();
        let is_plan = self.operation == OperationKind::Plan;
        for table in &mut told.tables {
            table.state = match state {
                _ if failed.contains(&table.table) => TableState::Failed,
                OperationState::Done if is_plan => TableState::Built,
                OperationState::Done if published.contains(&table.table) => TableState::Published,
                OperationState::Done => TableState::Unchanged,
                _ => TableState::Dropped,
            };
        }
        told.published = published;
        told.ended = Some(Instant::now());
    }

    /// What is told of it; `project` knows the zones of tables.
    pub(super) fn told(&self, project: &Project) -> Operation {
        let told = self.told.lock();
        let until = told.ended.unwrap_or_else(Instant::now);
        let tables = told.tables.iter().map(|table| OperationTable {
            zone: zone(project, &table.table),
            ..table.clone()
        });
        Operation {
            operation: self.operation,
            state: told.state,
            stage: told.stage,
            by: self.who.name.to_string(),
            started_ms: self.started_ms,
            elapsed_ms: until.duration_since(self.began).as_millis() as u64,
            run: told.run.clone(),
            code: told.code,
            tables: tables.collect(),
            published: told.published.clone(),
            checks: told.checks.clone(),
            messages: told.messages.clone(),
            messages_more: told.messages_more,
            plan: told.plan.clone(),
        }
    }
}

impl Told {
    fn table(&mut self, name: &str) -> Option<&mut OperationTable> {
        self.tables.iter_mut().find(|table| table.table == name)
    }

    fn message(&mut self, level: &str, text: &str) {
        let text: String = text.chars().take(MESSAGE_CHARS).collect();
        if level == "hint"
            && let Some(last) = self.messages.last_mut()
            && last.hint.is_none()
        {
            last.hint = Some(text);
        } else if self.messages.len() < MESSAGES_MAX {
            self.messages.push(OperationMessage {
                level: level.to_owned(),
                text,
                hint: None,
            });
        } else {
            self.messages_more += 1;
        }
    }
}

fn waiting(table: String) -> OperationTable {
    OperationTable {
        zone: None,
        table,
        state: TableState::Waiting,
        rows: 0,
        began_ms: None,
        ended_ms: None,
    }
}

fn zone(project: &Project, table: &str) -> Option<Zone> {
    Some(match project.find(table)?.zone() {
        catalog::Zone::Landing => Zone::Landing,
        catalog::Zone::Trusted => Zone::Trusted,
        catalog::Zone::Curated => Zone::Curated,
    })
}
