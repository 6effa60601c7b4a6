//! `stedi sql`: runs one statement, a file of statements, or the shell.

use std::io::{IsTerminal, Read};

use anyhow::Result;
use engine::Session;
use lake::AsOf;

use super::shell;
use super::statement::run_statement;
use crate::args::SqlArgs;
use crate::failure::{Ending, Failure};
use crate::output::{Out, grouped, places, say};
use crate::runtime::{runtime, stopped};
use crate::settings::{Settings, instant_of, seconds_of};
use crate::watchdog;

pub(crate) fn sql(settings: &Settings, args: &SqlArgs) -> Result<Ending> {
    let mut setup = settings.setup()?;
    if let Some(text) = &args.as_of {
        setup.as_of = AsOf::Time(instant_of("as-of", text)?);
    }
    let timeout = args.timeout.as_deref();
    let timeout = timeout
        .map(|text| seconds_of("timeout", text))
        .transpose()?;
    let session = Session::open(&setup)?;
    let (name, text) = match (&args.command, args.file.as_deref()) {
        (Some(command), _) => ("the command line".to_owned(), command.clone()),
        (None, Some("-")) => ("standard input".to_owned(), standard_input()?),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).map_err(|error| {
                Failure::failed(format!("cannot read {file}: {error}"), "check the path")
            })?;
            (file.to_owned(), text)
        }
        (None, None) if std::io::stdin().is_terminal() => {
            return shell::shell(settings, &setup, &session, timeout);
        }
        (None, None) => ("standard input".to_owned(), standard_input()?),
    };
    watchdog::end_when_unread();
    runtime()?.block_on(async {
        let statements = catalog::split_statements(&text);
        if statements.is_empty() {
            return Err(Failure::failed(
                format!("{name} has no statement"),
                "write one, such as: select count(*) from customer_trusted",
            ));
        }
        let all = async {
            for (statement, line) in &statements {
                let _deadline = watchdog::deadline(timeout);
                let out = Out::stdout();
                let statement = (statement.as_str(), *line);
                let page = run_statement(settings, &session, &name, statement, &out).await?;
                if let Some(page) = page {
                    page.put(settings, &out)?;
                }
            }
            Ok(Ending::Done)
        };
        let outcome = tokio::select! {
            outcome = all => outcome,
            () = stopped() => Ok(Ending::Interrupted),
        };
        warn_of_quarantine(settings, &session).await;
        outcome
    })
}

fn standard_input() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// Warns of input in a query's landing tables that could not be read.
async fn warn_of_quarantine(settings: &Settings, session: &Session) {
    for (table, intake) in engine::read_so_far(session).await {
        if let Some(first) = intake.examples.first() {
            let rejected = &first.rejected;
            say(
                settings,
                &format!(
                    "warning: {table} cannot be read in {} and was left out there; the first: {}, line {}, byte {}: {}",
                    places(intake.places),
                    first.shown,
                    grouped(rejected.line),
                    grouped(rejected.offset),
                    rejected.detail
                ),
            );
        }
    }
}
