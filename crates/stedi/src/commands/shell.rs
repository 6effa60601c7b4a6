//! The interactive shell: history, completion, statements over many lines.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use engine::{Session, Setup};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, Helper, Highlighter, Hinter};

use super::describe::describe;
use super::statement::run_statement;
use crate::args::DescribeArgs;
use crate::errors::report;
use crate::failure::Ending;
use crate::output::{complain, put};
use crate::runtime::{runtime, stopped};
use crate::settings::Settings;
use crate::watchdog;

const HELP: &str = "\
  statements end with a semicolon and may run over many lines
  \\d          list tables          \\d TABLE   describe one
  \\q          quit (or Ctrl-D)     Ctrl-C     drop what was typed, or stop a query
";

pub(super) fn shell(
    settings: &Settings,
    setup: &Setup,
    session: &Session,
    timeout: Option<Duration>,
) -> Result<Ending> {
    let runtime = runtime()?;
    let words = Words::of(setup, session);
    let config = Config::builder().history_ignore_space(true).build();
    let mut editor: Editor<Words, FileHistory> =
        watchdog::keeping_interrupts(|| Editor::with_config(config))?;
    editor.set_helper(Some(words));
    let history = history_file();
    if let Some(file) = &history {
        // The first time there is none.
        let _ = editor.load_history(file);
    }
    complain("stedi sql: statements end with ; and \\? helps");
    loop {
        let line = match editor.readline("stedi> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        };
        let typed = line.trim();
        if typed.is_empty() {
            continue;
        }
        // As it was typed: a line that begins with a space is not kept.
        editor.add_history_entry(line.as_str())?;
        match typed.trim_end_matches(';') {
            "\\q" | "quit" | "exit" => break,
            "\\?" | "\\h" | "help" => put(HELP)?,
            "\\d" => match runtime.block_on(show_tables(setup)) {
                Ok(text) => put(&text)?,
                Err(error) => {
                    report(&error);
                }
            },
            command if command.starts_with("\\d ") => {
                let table = command[3..].trim().to_owned();
                let args = DescribeArgs {
                    table,
                    version: None,
                };
                if let Err(error) = describe(settings, &args) {
                    report(&error);
                }
            }
            command if command.starts_with('\\') => {
                complain("error: no such command\nhint: \\? lists them")
            }
            _ => runtime.block_on(async {
                for (statement, _) in catalog::split_statements(typed) {
                    let _deadline = watchdog::deadline(timeout);
                    let done = tokio::select! {
                        done = try_statement(settings, session, &statement) => done,
                        () = stopped() => {
                            match watchdog::reason() {
                                Some(reason) => { report(&reason); }
                                None => complain("stopped"),
                            }
                            false
                        }
                    };
                    if !done {
                        break;
                    }
                }
            }),
        }
    }
    if let Some(file) = &history {
        save(&mut editor, file);
    }
    Ok(Ending::Done)
}

/// Like [`run_statement`], with errors shown instead of handed on.
async fn try_statement(settings: &Settings, session: &Session, statement: &str) -> bool {
    match run_statement(settings, session, "the shell", statement, 1).await {
        Ok(()) => true,
        Err(error) => {
            report(&error);
            false
        }
    }
}

/// What `\d` shows in the shell.
async fn show_tables(setup: &Setup) -> Result<String> {
    let tables = engine::tables(setup).await?;
    Ok(tables
        .iter()
        .map(|table| format!("  {}.{}\n", table.zone, table.table))
        .collect())
}

/// Statements may hold personal values, so the history is its owner's alone.
fn save(editor: &mut Editor<Words, FileHistory>, file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    if let Some(folder) = file.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    let saved = editor.save_history(file).is_ok();
    if saved {
        let _ = std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600));
    }
}

fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("stedi/history"))
}

/// The words that the shell completes: tables, columns, SQL.
#[derive(Helper, Hinter, Highlighter)]
struct Words {
    words: Vec<String>,
}

const SQL: [&str; 32] = [
    "and",
    "as",
    "between",
    "by",
    "case",
    "count(*)",
    "create external table",
    "cross join",
    "describe",
    "desc",
    "distinct",
    "else",
    "end",
    "exists",
    "explain",
    "from",
    "group by",
    "having",
    "in",
    "is not null",
    "is null",
    "join",
    "left join",
    "limit",
    "not",
    "on",
    "or",
    "order by",
    "select",
    "timestamp as of",
    "version as of",
    "where",
];

impl Words {
    fn of(setup: &Setup, session: &Session) -> Self {
        let landing = setup.project.landing().iter();
        let columns =
            landing.flat_map(|table| table.columns.iter().map(|column| column.name.clone()));
        let mut words: Vec<String> = SQL.iter().map(|word| (*word).to_owned()).collect();
        words.extend(session.table_names());
        words.extend(columns);
        words.push("same_owner".to_owned());
        words.sort();
        words.dedup();
        Self { words }
    }
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = &line[..position];
        let start = typed
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
            .map_or(0, |before| before + 1);
        let prefix = typed[start..].to_lowercase();
        if prefix.is_empty() {
            return Ok((position, Vec::new()));
        }
        let fitting = self.words.iter().filter(|word| word.starts_with(&prefix));
        let pairs = fitting.map(|word| Pair {
            display: word.clone(),
            replacement: word.clone(),
        });
        Ok((start, pairs.collect()))
    }
}

impl Validator for Words {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let typed = context.input().trim();
        let command = typed.starts_with('\\') || matches!(typed, "" | "quit" | "exit" | "help");
        Ok(if command || typed.ends_with(';') {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}
