//! `stedi options`, and `stedi help options`: the options of every command.

use anyhow::Result;

use crate::args::Cli;
use crate::failure::Ending;
use crate::output::put;

pub(crate) fn options() -> Result<Ending> {
    put(&Cli::options_page())?;
    Ok(Ending::Done)
}
