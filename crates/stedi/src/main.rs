//! `stedi`: a lakehouse for data that may only be used as far as people agreed.
//!
//! The binary parses the command line and the settings, calls the engine, and
//! shows the result. It decides nothing about data.

mod allocator;
mod args;
mod commands;
mod errors;
mod failure;
mod folders;
mod hints;
mod key;
mod output;
mod progress;
mod project;
mod runtime;
mod settings;
mod setup;
mod watchdog;

use std::process::ExitCode;
use std::sync::Arc;

use crate::args::{Cli, Command, ImportCommand};
use crate::failure::Ending;
use crate::settings::Settings;
use crate::watchdog::Limits;

fn main() -> ExitCode {
    allocator::prepare();
    errors::report_panics_by_place();
    errors::turn_file_limits_into_errors();
    let cli = match Cli::of_command_line() {
        Ok(cli) => cli,
        Err(refused) => return errors::exit(Err(refused)),
    };
    let settings = match Settings::resolve(&cli.global) {
        Ok(settings) => settings,
        Err(refused) => return errors::exit(Err(refused)),
    };
    output::log_to_stderr(&settings, &cli.command);
    let limits = Limits {
        memory_bytes: settings.memory_bytes.value,
        may_hold_lake: !matches!(cli.command, Command::Sql(_)),
    };
    let command = Arc::new(cli.command);
    watchdog::run(limits, move || execute(&settings, &command))
}

fn execute(settings: &Settings, command: &Command) -> anyhow::Result<Ending> {
    match command {
        Command::Demo(demo) => commands::demo::demo(settings, demo),
        Command::Run(run) => commands::run::run(settings, run),
        Command::Watch(watch) => commands::watch::watch(settings, watch),
        Command::Plan(plan) => commands::plan::plan(settings, plan),
        Command::Test(test) => commands::test::test(settings, test),
        Command::Verify(verify) => commands::verify::verify(settings, verify),
        Command::Sql(sql) => commands::sql::sql(settings, sql),
        Command::Tables(tables) => commands::tables::tables(settings, tables),
        Command::Describe(describe) => commands::describe::describe(settings, describe),
        Command::History(history) => commands::history::history(settings, history),
        Command::Lineage(lineage) => commands::lineage::lineage(settings, lineage),
        Command::Report(report) => commands::report::report(settings, report),
        Command::Serve(serve) => commands::serve::serve(settings, serve),
        Command::Listen(listen) => commands::listen::listen(settings, listen),
        Command::User(command) => commands::user::user(settings, command),
        Command::Export(export) => commands::export::export(settings, export),
        Command::Compact(compact) => commands::compact::compact(settings, compact),
        Command::Repair(repair) => commands::repair::repair(settings, repair),
        Command::Vacuum(vacuum) => commands::vacuum::vacuum(settings, vacuum),
        Command::Quarantine(command) => commands::quarantine::quarantine(settings, command),
        Command::Key(command) => commands::key::key(settings, command),
        Command::Consent(command) => commands::consent::consent(settings, command),
        Command::Sample(sample) => commands::sample::sample(settings, sample),
        Command::Import(ImportCommand::Glue(glue)) => commands::import::glue(settings, glue),
        Command::Init(init) => commands::init::init(settings, init),
        Command::Doctor => commands::doctor::doctor(settings),
        Command::Completions { shell } => commands::completions::completions(*shell),
        Command::Options => commands::options::options(),
    }
}
