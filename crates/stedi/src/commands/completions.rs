//! `stedi completions SHELL`: prints completions for a shell.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::Ending;
use crate::output::put;

pub(crate) fn completions(shell: Shell) -> Result<Ending> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "stedi", &mut text);
    put(&String::from_utf8(text)?)?;
    Ok(Ending::Done)
}
