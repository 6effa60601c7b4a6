//! The interactive shell of `stedi sql`: history, completion, statements over
//! several lines, and commands that begin with a backslash.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use engine::{Session, Setup};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, Helper, Highlighter, Hinter};

use super::describe::describe;
use super::pager;
use super::statement::run_statement;
use crate::args::DescribeArgs;
use crate::errors::report;
use crate::failure::{Ending, Failure};
use crate::folders;
use crate::output::{Out, Page, complain, put, terminal_size};
use crate::runtime::{Runtime, runtime, stopped};
use crate::settings::Settings;
use crate::watchdog;

const HELP: &str = "\
  Statements end with a semicolon and may run over several lines.
  \\d          list tables          \\d TABLE   describe one
  \\timing     show how long each statement takes, or stop showing it
  \\o FILE     write rows to a file           \\o     write them to the terminal again
  \\q          quit (or Ctrl-D)     Ctrl-C     discard the line, or stop a query
  A table that is longer than the terminal is shown with the program that $PAGER names.
";

pub(super) fn shell(
    settings: &Settings,
    setup: &Setup,
    session: &Session,
    timeout: Option<Duration>,
) -> Result<Ending> {
    let mut shell = Shell {
        settings,
        setup,
        session,
        timeout,
        runtime: runtime()?,
        shows_time: false,
        out: Out::stdout(),
    };
    let words = Words::of(setup, session);
    let config = Config::builder().history_ignore_space(true).build();
    let mut editor: Editor<Words, FileHistory> =
        watchdog::preserving_interrupt_handler(|| Editor::with_config(config))?;
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
        if line.trim().is_empty() {
            continue;
        }
        // As it was typed: a line that begins with a space is not kept.
        editor.add_history_entry(line.as_str())?;
        match shell.answer(line.trim()) {
            Ok(Next::Prompt) => {}
            Ok(Next::Quit) => break,
            Err(error) => {
                report(&error);
            }
        }
    }
    if let Some(file) = &history {
        save(&mut editor, file);
    }
    Ok(Ending::Done)
}

struct Shell<'a> {
    settings: &'a Settings,
    setup: &'a Setup,
    session: &'a Session,
    timeout: Option<Duration>,
    runtime: Runtime,
    /// Set by `\timing`.
    shows_time: bool,
    /// Where rows go; set by `\o`.
    out: Out,
}

/// What follows a line.
enum Next {
    Prompt,
    Quit,
}

impl Shell<'_> {
    /// Does what `typed` says: a command, or statements.
    fn answer(&mut self, typed: &str) -> Result<Next> {
        let command = typed.trim_end_matches(';').trim();
        let (name, argument) = match command.split_once(char::is_whitespace) {
            Some((name, argument)) => (name, argument.trim()),
            None => (command, ""),
        };
        match (name, argument) {
            ("\\q" | "quit" | "exit", "") => return Ok(Next::Quit),
            ("\\?" | "\\h" | "help", "") => put(HELP)?,
            ("\\d", "") => put(&self.tables()?)?,
            ("\\d", table) => {
                let args = DescribeArgs {
                    table: table.to_owned(),
                    version: None,
                };
                describe(self.settings, &args)?;
            }
            ("\\timing", argument) => self.set_timing(argument)?,
            ("\\o", "") => self.out = Out::stdout(),
            ("\\o", file) => self.write_to(file)?,
            _ if command.starts_with('\\') => {
                return Err(Failure::failed("no such command", "\\? lists them"));
            }
            _ => self.run(typed)?,
        }
        Ok(Next::Prompt)
    }

    fn set_timing(&mut self, argument: &str) -> Result<()> {
        self.shows_time = match argument {
            "" => !self.shows_time,
            "on" => true,
            "off" => false,
            _ => {
                return Err(Failure::failed(
                    format!("\\timing: `{argument}` is neither on nor off"),
                    "\\timing alone switches it",
                ));
            }
        };
        complain(match self.shows_time {
            true => "timing is on",
            false => "timing is off",
        });
        Ok(())
    }

    fn write_to(&mut self, file: &str) -> Result<()> {
        self.out = Out::file(Path::new(file)).map_err(|error| {
            Failure::failed(
                format!("cannot write to {file}: {error}"),
                "name a file in a folder that can be written to",
            )
        })?;
        complain(&format!("rows are written to {file}; \\o ends that"));
        Ok(())
    }

    /// Runs statements up to the first that fails.
    fn run(&self, typed: &str) -> Result<()> {
        for (statement, line) in catalog::split_statements(typed) {
            let started = Instant::now();
            let page = self.runtime.block_on(async {
                let _deadline = watchdog::deadline(self.timeout);
                let statement = (statement.as_str(), line);
                let run = run_statement(
                    self.settings,
                    self.session,
                    "the shell",
                    statement,
                    &self.out,
                );
                tokio::select! {
                    page = run => page.map(Outcome::Done),
                    () = stopped() => watchdog::reason().map_or(Ok(Outcome::Stopped), Err),
                }
            })?;
            let elapsed = started.elapsed();
            match page {
                Outcome::Done(page) => page.map_or(Ok(()), |page| self.show(&page))?,
                Outcome::Stopped => {
                    complain("stopped");
                    return Ok(());
                }
            }
            if self.shows_time {
                complain(&format!("time: {:.3} s", elapsed.as_secs_f64()));
            }
        }
        Ok(())
    }

    /// Shows a table, in the pager if it is longer than the terminal.
    fn show(&self, page: &Page) -> Result<()> {
        let rows = terminal_size().map(|size| size.rows);
        let is_long = rows.is_some_and(|rows| page.text().lines().count() >= rows);
        if is_long
            && self.out.is_terminal()
            && let Some(pager) = pager::of_environment()
        {
            pager::show(&pager, page.text()).map_err(|error| {
                Failure::failed(
                    format!("cannot start the pager `{pager}`: {error}"),
                    "set PAGER to another program, or to nothing",
                )
            })?;
            page.remark(self.settings);
            return Ok(());
        }
        page.put(self.settings, &self.out)
    }

    fn tables(&self) -> Result<String> {
        let tables = self.runtime.block_on(engine::tables(self.setup))?;
        Ok(tables
            .iter()
            .map(|table| format!("  {}.{}\n", table.zone, table.table))
            .collect())
    }
}

/// How a statement ended.
enum Outcome {
    /// With a table to show, if it has rows for people.
    Done(Option<Page>),
    Stopped,
}

/// Statements may hold personal values, so the history is its owner's alone.
fn save(editor: &mut Editor<Words, FileHistory>, file: &Path) {
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
    Some(folders::state()?.join("history"))
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
